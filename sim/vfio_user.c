// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/*
 * vfio-user server.
 *
 * A message is collected in one buffer together with the file descriptors
 * that came with it, and handled once it is whole; each handler checks the
 * length of its own arguments and returns an errno that goes back to the
 * client. No message is read while a reply is still on its way. A message
 * whose size cannot be right ends the connection, since nothing that follows
 * could be framed; every other mistake is only refused.
 *
 * File descriptors that a handler does not take are closed after it.
 */
#include "vfio_user.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dma_map.h"
#include "irq.h"
#include "log.h"
#include "pci_function.h"
#include "vfio_proto.h"

#define DATA_MAX	(1024 * 1024)	/* bytes of a region access */
#define MESSAGE_MAX	(sizeof(struct vfio_user_header) + 4096 + DATA_MAX)
#define FDS_MAX		16
#define MULTI_MAX	200	/* writes in one message */

struct message {
	struct vfio_user_header header;
	uint8_t *data;		/* behind the header */
	size_t size;		/* of data */
	int fds[FDS_MAX];
	unsigned int fd_count;
};

struct reply {
	uint8_t *data;
	size_t size;
	int fd;			/* -1: none */
};

struct vfio_user {
	struct pci_function *function;
	struct dma_map *dma;
	struct irq_set *irqs;
	int fd;
	bool versioned;
	struct message message;	/* as far as it has come */
	size_t received;	/* bytes of in */
	size_t reply_size, sent;	/* bytes of out */
	int reply_fd;		/* goes with its first byte; -1: none */
	uint8_t in[MESSAGE_MAX];
	uint8_t out[MESSAGE_MAX];
};

struct vfio_user *vfio_user_create(struct pci_function *function, struct dma_map *dma,
				   struct irq_set *irqs)
{
	struct vfio_user *server = calloc(1, sizeof(*server));

	if (!server)
		return NULL;
	server->function = function;
	server->dma = dma;
	server->irqs = irqs;
	server->fd = -1;
	server->reply_fd = -1;
	server->message.data = server->in + sizeof(server->message.header);
	return server;
}

static void close_fds(struct message *message)
{
	for (unsigned int i = 0; i < message->fd_count; i++) {
		if (message->fds[i] >= 0)
			close(message->fds[i]);
	}
	message->fd_count = 0;
}

/* The next client finds a card that was switched on for it. */
static void detach(struct vfio_user *server)
{
	if (server->fd < 0)
		return;
	close(server->fd);
	server->fd = -1;
	server->versioned = false;
	close_fds(&server->message);
	server->received = server->reply_size = server->sent = 0;
	server->reply_fd = -1;
	irq_set_disable_all(server->irqs);
	pci_function_power_cycle(server->function);
	dma_map_remove_all(server->dma);
	log_info("client left");
}

void vfio_user_destroy(struct vfio_user *server)
{
	if (!server)
		return;
	detach(server);
	free(server);
}

int vfio_user_attach(struct vfio_user *server, int fd)
{
	if (server->fd >= 0) {
		log_warn("refused a second client: the card is in use");
		close(fd);
		return -EBUSY;
	}
	if (fcntl(fd, F_SETFL, O_NONBLOCK)) {
		close(fd);
		return -EBADF;
	}
	server->fd = fd;
	log_info("client connected");
	return 0;
}

int vfio_user_fd(const struct vfio_user *server)
{
	return server->fd;
}

short vfio_user_events(const struct vfio_user *server)
{
	return server->sent < server->reply_size ? POLLOUT : POLLIN;
}

static int take_fd(struct message *message, unsigned int index)
{
	int fd = message->fds[index];

	message->fds[index] = -1;
	return fd;
}

/* Keeps the descriptors of the control messages; too many are closed. */
static void collect_fds(struct message *message, struct msghdr *header)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (message->fd_count < FDS_MAX)
				message->fds[message->fd_count++] = fd;
			else
				close(fd);
		}
	}
}

enum progress { PROGRESS_DONE, PROGRESS_WAIT, PROGRESS_LOST };

/* Collects bytes until there are size of them; descriptors may come with any. */
static enum progress receive(struct vfio_user *server, size_t size)
{
	while (server->received < size) {
		union {
			struct cmsghdr align;
			uint8_t space[CMSG_SPACE(FDS_MAX * sizeof(int))];
		} control;
		struct iovec vector = { server->in + server->received, size - server->received };
		struct msghdr header = {
			.msg_iov = &vector, .msg_iovlen = 1,
			.msg_control = &control, .msg_controllen = sizeof(control),
		};
		ssize_t got = recvmsg(server->fd, &header, MSG_CMSG_CLOEXEC);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return PROGRESS_WAIT;
		if (got <= 0)
			return PROGRESS_LOST;
		collect_fds(&server->message, &header);
		server->received += (size_t)got;
	}
	return PROGRESS_DONE;
}

static enum progress flush(struct vfio_user *server)
{
	while (server->sent < server->reply_size) {
		union {
			struct cmsghdr align;
			uint8_t space[CMSG_SPACE(sizeof(int))];
		} control;
		struct iovec vector = { server->out + server->sent, server->reply_size - server->sent };
		struct msghdr header = { .msg_iov = &vector, .msg_iovlen = 1 };
		ssize_t got;

		if (server->reply_fd >= 0) {
			struct cmsghdr *c = &control.align;

			memset(&control, 0, sizeof(control));
			c->cmsg_level = SOL_SOCKET;
			c->cmsg_type = SCM_RIGHTS;
			c->cmsg_len = CMSG_LEN(sizeof(int));
			memcpy(CMSG_DATA(c), &server->reply_fd, sizeof(int));
			header.msg_control = &control;
			header.msg_controllen = sizeof(control);
		}
		got = sendmsg(server->fd, &header, MSG_NOSIGNAL);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return PROGRESS_WAIT;
		if (got <= 0)
			return PROGRESS_LOST;
		server->reply_fd = -1;
		server->sent += (size_t)got;
	}
	server->sent = server->reply_size = 0;
	return PROGRESS_DONE;
}

static int handle_version(struct vfio_user *server, struct message *message, struct reply *reply)
{
	static const char capabilities[] =
		"{\"capabilities\":{\"max_msg_fds\":16,\"max_data_xfer_size\":1048576,"
		"\"max_dma_maps\":65535,\"pgsizes\":4096,\"write_multiple\":true}}";
	struct vfio_user_version version;

	if (message->size < sizeof(version))
		return EINVAL;
	memcpy(&version, message->data, sizeof(version));
	if (version.major != 0) {
		log_error("client speaks vfio-user %u.%u; this card speaks 0.0", version.major,
			  version.minor);
		return EINVAL;
	}
	/* The client's capabilities do not bind us: we ask nothing of it. */
	version.minor = 0;
	memcpy(reply->data, &version, sizeof(version));
	memcpy(reply->data + sizeof(version), capabilities, sizeof(capabilities));
	reply->size = sizeof(version) + sizeof(capabilities);
	server->versioned = true;
	return 0;
}

static int handle_dma_map(struct vfio_user *server, struct message *message)
{
	struct vfio_user_dma_map map;
	int ret;

	if (message->size < sizeof(map))
		return EINVAL;
	memcpy(&map, message->data, sizeof(map));
	if (map.flags & ~(uint32_t)(VFIO_USER_DMA_READ | VFIO_USER_DMA_WRITE | VFIO_USER_DMA_MMAP))
		return EINVAL;
	/* Memory that cannot be mapped would need messages in the other direction. */
	if (!message->fd_count && !(map.flags & VFIO_USER_DMA_MMAP)) {
		log_debug("DMA map of 0x%llx without a file descriptor is not used",
			  (unsigned long long)map.address);
		return 0;
	}
	if (message->fd_count != 1)
		return EINVAL;
	ret = dma_map_add(server->dma, map.address, map.size, message->fds[0], map.offset,
			  map.flags & VFIO_USER_DMA_READ, map.flags & VFIO_USER_DMA_WRITE);
	log_debug("DMA map 0x%llx + 0x%llx: %s", (unsigned long long)map.address,
		  (unsigned long long)map.size, ret ? strerror(-ret) : "ok");
	return -ret;
}

static int handle_dma_unmap(struct vfio_user *server, struct message *message, struct reply *reply)
{
	struct vfio_user_dma_unmap unmap;
	int ret = 0;

	if (message->size < sizeof(unmap))
		return EINVAL;
	memcpy(&unmap, message->data, sizeof(unmap));
	if (unmap.flags & ~(uint32_t)VFIO_USER_UNMAP_ALL ||
	    (unmap.flags && (unmap.address || unmap.size)))
		return EINVAL;
	if (unmap.flags & VFIO_USER_UNMAP_ALL)
		dma_map_remove_all(server->dma);
	else
		ret = dma_map_remove(server->dma, unmap.address, unmap.size);
	/* None: it was memory that had no descriptor. */
	log_debug("DMA unmap 0x%llx + 0x%llx, flags %u: %d regions", (unsigned long long)unmap.address,
		  (unsigned long long)unmap.size, unmap.flags, ret);
	if (ret < 0)
		return -ret;
	memcpy(reply->data, &unmap, sizeof(unmap));
	reply->size = sizeof(unmap);
	return 0;
}

static int handle_device_info(struct message *message, struct reply *reply)
{
	struct vfio_user_device_info info = {
		.argsz = sizeof(info),
		.flags = VFIO_USER_DEVICE_RESETTABLE | VFIO_USER_DEVICE_PCI,
		.regions = VFIO_PCI_REGIONS,
		.irqs = VFIO_PCI_IRQS,
	};

	if (message->size < sizeof(info))
		return EINVAL;
	memcpy(reply->data, &info, sizeof(info));
	reply->size = sizeof(info);
	return 0;
}

static int handle_region_info(struct vfio_user *server, struct message *message,
			      struct reply *reply)
{
	struct vfio_user_region_info info;
	struct vfio_user_sparse_mmap sparse = { VFIO_USER_CAP_SPARSE_MMAP, 1 };
	struct pci_region region;
	uint32_t room;

	if (message->size < sizeof(info))
		return EINVAL;
	memcpy(&info, message->data, sizeof(info));
	room = info.argsz;
	if (room < sizeof(info) || !pci_function_region(server->function, info.index, &region))
		return EINVAL;
	info = (struct vfio_user_region_info){ .argsz = sizeof(info), .index = info.index,
					       .size = region.size };
	if (region.size)
		info.flags = VFIO_USER_REGION_READABLE | VFIO_USER_REGION_WRITABLE;
	reply->size = sizeof(info);
	if (region.map_size) {
		info.flags |= VFIO_USER_REGION_MMAP;
		if (region.map_size < region.size) {
			info.flags |= VFIO_USER_REGION_CAPS;
			info.argsz += sizeof(sparse);
			/* QEMU takes the flag with no offset for an error, also when it gave no room. */
			info.cap_offset = sizeof(info);
			if (room >= info.argsz) {
				sparse.areas = 1;
				sparse.size = region.map_size;
				memcpy(reply->data + sizeof(info), &sparse, sizeof(sparse));
				reply->size += sizeof(sparse);
			}
		}
		reply->fd = region.fd;
	}
	memcpy(reply->data, &info, sizeof(info));
	return 0;
}

static uint32_t irq_count(struct vfio_user *server, uint32_t index)
{
	return index == VFIO_PCI_MSIX_IRQ ? irq_set_count(server->irqs) : 0;
}

static int handle_irq_info(struct vfio_user *server, struct message *message, struct reply *reply)
{
	struct vfio_user_irq_info info;

	if (message->size < sizeof(info))
		return EINVAL;
	memcpy(&info, message->data, sizeof(info));
	if (info.index >= VFIO_PCI_IRQS)
		return EINVAL;
	info.argsz = sizeof(info);
	info.count = irq_count(server, info.index);
	/* Each vector can be set by itself, so none is lost while another is added. */
	info.flags = VFIO_USER_IRQ_EVENTFD;
	memcpy(reply->data, &info, sizeof(info));
	reply->size = sizeof(info);
	return 0;
}

static int handle_set_irqs(struct vfio_user *server, struct message *message)
{
	struct vfio_user_irq_set set;
	uint32_t action, data, count;

	if (message->size < sizeof(set))
		return EINVAL;
	memcpy(&set, message->data, sizeof(set));
	action = set.flags & VFIO_USER_IRQ_ACTION_MASK;
	data = set.flags & VFIO_USER_IRQ_DATA_MASK;
	count = irq_count(server, set.index);
	if (set.index >= VFIO_PCI_IRQS ||
	    set.flags & ~(uint32_t)(VFIO_USER_IRQ_ACTION_MASK | VFIO_USER_IRQ_DATA_MASK))
		return EINVAL;
	if (set.start > count || set.count > count - set.start)
		return EINVAL;
	/* Not maskable (GET_IRQ_INFO says so): the client owns the MSI-X table. */
	if (action != VFIO_USER_IRQ_TRIGGER)
		return EINVAL;

	switch (data) {
	case VFIO_USER_IRQ_DATA_NONE:
		if (!set.count) {
			if (set.index == VFIO_PCI_MSIX_IRQ)
				irq_set_disable_all(server->irqs);
			return 0;
		}
		for (uint32_t i = 0; i < set.count; i++)
			irq_trigger(server->irqs, set.start + i);
		return 0;
	case VFIO_USER_IRQ_DATA_BOOL:
		if (message->size < sizeof(set) + set.count)
			return EINVAL;
		for (uint32_t i = 0; i < set.count; i++) {
			if (message->data[sizeof(set) + i])
				irq_trigger(server->irqs, set.start + i);
		}
		return 0;
	case VFIO_USER_IRQ_DATA_EVENTFD:
		/* Vectors without a descriptor are disabled. */
		for (uint32_t i = 0; i < set.count; i++)
			irq_set_fd(server->irqs, set.start + i,
				   i < message->fd_count ? take_fd(message, i) : -1);
		return 0;
	}
	return EINVAL;
}

static int handle_region_read(struct vfio_user *server, struct message *message,
			      struct reply *reply)
{
	struct vfio_user_region_access access;
	int ret;

	if (message->size < sizeof(access))
		return EINVAL;
	memcpy(&access, message->data, sizeof(access));
	if (access.count > DATA_MAX)
		return EINVAL;
	ret = pci_function_read(server->function, access.region, access.offset,
				reply->data + sizeof(access), access.count);
	if (ret)
		return -ret;
	memcpy(reply->data, &access, sizeof(access));
	reply->size = sizeof(access) + access.count;
	return 0;
}

static int handle_region_write(struct vfio_user *server, struct message *message,
			       struct reply *reply)
{
	struct vfio_user_region_access access;

	if (message->size < sizeof(access))
		return EINVAL;
	memcpy(&access, message->data, sizeof(access));
	if (access.count > message->size - sizeof(access))
		return EINVAL;
	memcpy(reply->data, &access, sizeof(access));
	reply->size = sizeof(access);
	return -pci_function_write(server->function, access.region, access.offset,
				   message->data + sizeof(access), access.count);
}

static int handle_write_multi(struct vfio_user *server, struct message *message,
			      struct reply *reply)
{
	struct vfio_user_write_multi multi;
	const uint8_t *at = message->data + sizeof(multi);

	if (message->size < sizeof(multi))
		return EINVAL;
	memcpy(&multi, message->data, sizeof(multi));
	if (multi.count > MULTI_MAX ||
	    multi.count > (message->size - sizeof(multi)) / sizeof(struct vfio_user_write_entry))
		return EINVAL;
	for (uint64_t i = 0; i < multi.count; i++, at += sizeof(struct vfio_user_write_entry)) {
		struct vfio_user_write_entry entry;
		int ret;

		memcpy(&entry, at, sizeof(entry));
		if (entry.count > sizeof(entry.data))
			return EINVAL;
		ret = pci_function_write(server->function, entry.region, entry.offset, entry.data,
					 entry.count);
		if (ret)
			return -ret;
	}
	memcpy(reply->data, &multi, sizeof(multi));
	reply->size = sizeof(multi);
	return 0;
}

/* 0 or a positive errno for the client. */
static int dispatch(struct vfio_user *server, struct message *message, struct reply *reply)
{
	if (message->header.command != VFIO_USER_VERSION && !server->versioned)
		return EINVAL;
	switch (message->header.command) {
	case VFIO_USER_VERSION:
		return handle_version(server, message, reply);
	case VFIO_USER_DMA_MAP:
		return handle_dma_map(server, message);
	case VFIO_USER_DMA_UNMAP:
		return handle_dma_unmap(server, message, reply);
	case VFIO_USER_DEVICE_GET_INFO:
		return handle_device_info(message, reply);
	case VFIO_USER_DEVICE_GET_REGION_INFO:
		return handle_region_info(server, message, reply);
	case VFIO_USER_DEVICE_GET_IRQ_INFO:
		return handle_irq_info(server, message, reply);
	case VFIO_USER_DEVICE_SET_IRQS:
		return handle_set_irqs(server, message);
	case VFIO_USER_REGION_READ:
		return handle_region_read(server, message, reply);
	case VFIO_USER_REGION_WRITE:
		return handle_region_write(server, message, reply);
	case VFIO_USER_REGION_WRITE_MULTI:
		return handle_write_multi(server, message, reply);
	case VFIO_USER_DEVICE_RESET:
		log_info("device reset");
		pci_function_reset(server->function);
		return 0;
	}
	log_warn("client sent an unknown command %u", message->header.command);
	return ENOSYS;
}

static void answer(struct vfio_user *server, const struct vfio_user_header *request, int error,
		   const struct reply *reply)
{
	const struct vfio_user_header header = {
		.id = request->id,
		.command = request->command,
		.flags = VFIO_USER_TYPE_REPLY | (error ? VFIO_USER_ERROR : 0),
		.error = (uint32_t)error,
		.size = (uint32_t)(sizeof(header) + (error ? 0 : reply->size)),
	};

	memcpy(server->out, &header, sizeof(header));
	server->reply_size = header.size;
	server->sent = 0;
	server->reply_fd = error ? -1 : reply->fd;
}

/* The message is whole. */
static void handle(struct vfio_user *server)
{
	struct message *message = &server->message;
	struct reply reply = { server->out + sizeof(struct vfio_user_header), 0, -1 };
	int error;

	/* We send no commands, so a reply is an answer to nothing. */
	if ((message->header.flags & VFIO_USER_TYPE_MASK) != VFIO_USER_TYPE_COMMAND)
		return;
	error = dispatch(server, message, &reply);
	if (error)
		log_debug("command %u refused: %s", message->header.command, strerror(error));
	if (!(message->header.flags & VFIO_USER_NO_REPLY))
		answer(server, &message->header, error, &reply);
}

static enum progress serve(struct vfio_user *server)
{
	struct message *message = &server->message;
	enum progress progress = flush(server);

	if (progress == PROGRESS_DONE)
		progress = receive(server, sizeof(message->header));
	if (progress != PROGRESS_DONE)
		return progress;
	memcpy(&message->header, server->in, sizeof(message->header));
	if (message->header.size < sizeof(message->header) || message->header.size > MESSAGE_MAX) {
		log_error("client sent a message of %u bytes; connection closed", message->header.size);
		return PROGRESS_LOST;
	}
	progress = receive(server, message->header.size);
	if (progress != PROGRESS_DONE)
		return progress;
	message->size = message->header.size - sizeof(message->header);
	handle(server);
	close_fds(message);
	server->received = 0;
	return flush(server);
}

bool vfio_user_serve(struct vfio_user *server)
{
	const bool alive = server->fd >= 0 && serve(server) != PROGRESS_LOST;

	if (!alive)
		detach(server);
	return alive;
}
