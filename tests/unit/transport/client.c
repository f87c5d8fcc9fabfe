// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
#include "client.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "card.h"
#include "dma_map.h"
#include "irq.h"
#include "pci_function.h"
#include "vfio_user.h"

struct client *client_create(void)
{
	const struct card_config config = { .memory_size = CLIENT_MEMORY, .serial = CLIENT_SERIAL };
	struct client *c = calloc(1, sizeof(*c));

	c->dma = dma_map_create();
	c->irqs = irq_set_create(NPU_MSIX_VECTORS);
	c->card = card_create(&config, c->dma, c->irqs);
	assert_non_null(c->card);
	c->function = pci_function_create(c->card, CLIENT_MEMORY, CLIENT_SERIAL);
	c->server = vfio_user_create(c->function, c->dma, c->irqs);
	assert_non_null(c->server);
	c->fd = c->reply_fd = -1;
	return c;
}

void client_destroy(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	if (c->reply_fd >= 0)
		close(c->reply_fd);
	vfio_user_destroy(c->server);
	pci_function_destroy(c->function);
	card_destroy(c->card);
	irq_set_destroy(c->irqs);
	dma_map_destroy(c->dma);
	free(c);
}

void client_connect(struct client *c)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	c->fd = pair[0];
	assert_int_equal(vfio_user_attach(c->server, pair[1]), 0);
}

void client_disconnect(struct client *c)
{
	close(c->fd);
	c->fd = -1;
	while (vfio_user_fd(c->server) >= 0)
		vfio_user_serve(c->server);
}

void client_negotiate(struct client *c)
{
	struct {
		struct vfio_user_version version;
		char json[48];
	} hello = { { 0, 0 }, "{\"capabilities\":{\"max_msg_fds\":8}}" };

	assert_int_equal(client_call(c, VFIO_USER_VERSION, &hello, sizeof(hello), NULL, 0), 0);
}

bool client_send(struct client *c, const void *data, size_t size, const int *fds,
		 unsigned int fd_count)
{
	const uint8_t *at = data;

	while (size) {
		union {
			struct cmsghdr align;
			uint8_t space[CMSG_SPACE(64 * sizeof(int))];
		} control;
		struct iovec vector = { (void *)(uintptr_t)at, size };
		struct msghdr header = { .msg_iov = &vector, .msg_iovlen = 1 };
		ssize_t sent;

		if (fd_count) {
			memset(&control, 0, sizeof(control));
			control.align.cmsg_level = SOL_SOCKET;
			control.align.cmsg_type = SCM_RIGHTS;
			control.align.cmsg_len = CMSG_LEN(fd_count * sizeof(int));
			memcpy(CMSG_DATA(&control.align), fds, fd_count * sizeof(int));
			header.msg_control = &control;
			header.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		}
		sent = sendmsg(c->fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			if (!client_pump(c))
				return false;
			continue;
		}
		if (sent < 0)
			return false;
		fd_count = 0;
		at += sent;
		size -= (size_t)sent;
	}
	return true;
}

bool client_pump(struct client *c)
{
	for (;;) {
		struct pollfd p = { vfio_user_fd(c->server), vfio_user_events(c->server), 0 };

		if (p.fd < 0)
			return false;
		assert_true(poll(&p, 1, 0) >= 0);
		if (!p.revents)
			return true;
		if (!vfio_user_serve(c->server))
			return false;
	}
}

/* Reads what is there, pumping the server meanwhile. */
static bool fetch(struct client *c, void *data, size_t size)
{
	uint8_t *at = data;

	while (size) {
		union {
			struct cmsghdr align;
			uint8_t space[CMSG_SPACE(4 * sizeof(int))];
		} control;
		struct iovec vector = { at, size };
		struct msghdr header = {
			.msg_iov = &vector, .msg_iovlen = 1,
			.msg_control = &control, .msg_controllen = sizeof(control),
		};
		ssize_t got = recvmsg(c->fd, &header, MSG_DONTWAIT);
		struct cmsghdr *m;

		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			struct pollfd p = { vfio_user_fd(c->server), POLLOUT, 0 };

			if (vfio_user_events(c->server) != POLLOUT || poll(&p, 1, 0) != 1 ||
			    !vfio_user_serve(c->server))
				return false;
			continue;
		}
		if (got <= 0)
			return false;
		m = CMSG_FIRSTHDR(&header);
		if (m && m->cmsg_type == SCM_RIGHTS) {
			assert_int_equal(c->reply_fd, -1);
			memcpy(&c->reply_fd, CMSG_DATA(m), sizeof(int));
		}
		at += got;
		size -= (size_t)got;
	}
	return true;
}

bool client_receive(struct client *c)
{
	if (c->reply_fd >= 0)
		close(c->reply_fd);
	c->reply_fd = -1;
	if (!fetch(c, &c->header, sizeof(c->header)))
		return false;
	assert_true(c->header.size >= sizeof(c->header));
	c->size = c->header.size - sizeof(c->header);
	assert_true(c->size <= sizeof(c->data));
	return fetch(c, c->data, c->size);
}

int client_call(struct client *c, uint16_t command, const void *payload, size_t size,
		const int *fds, unsigned int fd_count)
{
	const struct vfio_user_header header = { ++c->id, command, (uint32_t)(16 + size), 0, 0 };
	uint8_t *message = malloc(16 + size);
	bool alive;

	memcpy(message, &header, 16);
	if (size)
		memcpy(message + 16, payload, size);
	alive = client_send(c, message, 16 + size, fds, fd_count) && client_pump(c) && client_receive(c);
	free(message);
	if (!alive)
		return -1;
	assert_int_equal(c->header.id, c->id);
	assert_int_equal(c->header.command, command);
	assert_int_equal(c->header.flags & VFIO_USER_TYPE_MASK, VFIO_USER_TYPE_REPLY);
	if (!(c->header.flags & VFIO_USER_ERROR))
		return 0;
	/* An error has no payload. */
	assert_int_equal(c->size, 0);
	assert_true(c->header.error);
	return (int)c->header.error;
}

int client_read(struct client *c, uint32_t region, uint64_t offset, void *data, uint32_t count)
{
	const struct vfio_user_region_access access = { offset, region, count };
	int ret = client_call(c, VFIO_USER_REGION_READ, &access, sizeof(access), NULL, 0);

	if (ret)
		return ret;
	assert_int_equal(c->size, sizeof(access) + count);
	memcpy(data, c->data + sizeof(access), count);
	return 0;
}

int client_write(struct client *c, uint32_t region, uint64_t offset, const void *data,
		 uint32_t count)
{
	const struct vfio_user_region_access access = { offset, region, count };
	uint8_t *message = malloc(sizeof(access) + count);
	int ret;

	memcpy(message, &access, sizeof(access));
	memcpy(message + sizeof(access), data, count);
	ret = client_call(c, VFIO_USER_REGION_WRITE, message, sizeof(access) + count, NULL, 0);
	free(message);
	return ret;
}

uint32_t client_reg(struct client *c, uint32_t offset)
{
	uint32_t value;

	assert_int_equal(client_read(c, NPU_BAR_REGS, offset, &value, 4), 0);
	return value;
}

void client_set_reg(struct client *c, uint32_t offset, uint32_t value)
{
	assert_int_equal(client_write(c, NPU_BAR_REGS, offset, &value, 4), 0);
}

int client_map(struct client *c, uint64_t address, uint64_t size, int fd, uint64_t offset)
{
	const struct vfio_user_dma_map map = {
		sizeof(map), VFIO_USER_DMA_READ | VFIO_USER_DMA_WRITE, offset, address, size,
	};

	return client_call(c, VFIO_USER_DMA_MAP, &map, sizeof(map), &fd, 1);
}

unsigned int open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}
