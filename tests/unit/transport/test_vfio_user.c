// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* What a VMM does with the card, message by message. */
#include "client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include <sodium.h>

#include "dma_map.h"
#include "log.h"
#include "vfio_user.h"

static int setup_connected(void **state)
{
	struct client *c = client_create();

	*state = c;
	client_connect(c);
	return 0;
}

static int setup(void **state)
{
	setup_connected(state);
	client_negotiate(*state);
	return 0;
}

static int teardown(void **state)
{
	client_destroy(*state);
	return 0;
}

static void agrees_on_a_version(void **state)
{
	const struct vfio_user_version newer = { 0, 7 }, other = { 1, 0 };
	struct client *c = *state;
	struct vfio_user_version got;
	const char *json;

	/* Nothing else is served before. */
	assert_int_equal(client_call(c, VFIO_USER_DEVICE_GET_INFO,
				     &(struct vfio_user_device_info){ 16 }, 16, NULL, 0), EINVAL);
	assert_int_equal(client_call(c, VFIO_USER_VERSION, &other, sizeof(other), NULL, 0), EINVAL);
	assert_int_equal(client_call(c, VFIO_USER_VERSION, &newer, 3, NULL, 0), EINVAL);
	assert_int_equal(client_call(c, VFIO_USER_VERSION, &newer, sizeof(newer), NULL, 0), 0);
	memcpy(&got, c->data, sizeof(got));
	assert_int_equal(got.major, 0);
	assert_true(got.minor <= 7);
	json = (const char *)c->data + sizeof(got);
	assert_int_equal(c->data[c->size - 1], 0);
	assert_int_equal(strlen(json) + sizeof(got) + 1, c->size);
	assert_non_null(strstr(json, "\"capabilities\""));
}

static void describes_device_and_interrupts(void **state)
{
	struct client *c = *state;
	struct vfio_user_device_info info = { sizeof(info) };

	assert_int_equal(client_call(c, VFIO_USER_DEVICE_GET_INFO, &info, sizeof(info), NULL, 0), 0);
	memcpy(&info, c->data, sizeof(info));
	assert_int_equal(info.flags, VFIO_USER_DEVICE_PCI | VFIO_USER_DEVICE_RESETTABLE);
	assert_int_equal(info.regions, 9);
	assert_int_equal(info.irqs, 5);
	for (uint32_t i = 0; i < 7; i++) {
		struct vfio_user_irq_info irq = { sizeof(irq), 0, i, 0 };
		const int ret = client_call(c, VFIO_USER_DEVICE_GET_IRQ_INFO, &irq, sizeof(irq), NULL, 0);

		assert_int_equal(ret, i < 5 ? 0 : EINVAL);
		if (ret)
			continue;
		memcpy(&irq, c->data, sizeof(irq));
		assert_int_equal(irq.count, i == VFIO_PCI_MSIX_IRQ ? NPU_MSIX_VECTORS : 0);
	}
}

static void describes_each_region(void **state)
{
	static const uint64_t sizes[9] = { NPU_BAR_REGS_SIZE, 0, NPU_BAR_DOORBELL_SIZE, 0, CLIENT_MEMORY,
					   0, 0, 4096, 0 };
	struct client *c = *state;

	for (uint32_t i = 0; i < 12; i++) {
		struct vfio_user_region_info info = { .argsz = 256, .index = i };
		const int ret = client_call(c, VFIO_USER_DEVICE_GET_REGION_INFO, &info, sizeof(info), NULL, 0);

		assert_int_equal(ret, i < 9 ? 0 : EINVAL);
		if (ret)
			continue;
		memcpy(&info, c->data, sizeof(info));
		assert_int_equal(info.index, i);
		assert_int_equal(info.size, sizes[i]);
		assert_int_equal(!!(info.flags & VFIO_USER_REGION_MMAP), i == 2 || i == 4);
		assert_int_equal(c->reply_fd >= 0, i == 2 || i == 4);
		assert_int_equal(!!(info.flags & VFIO_USER_REGION_CAPS), i == 2);
	}
}

static void only_the_doorbells_of_bar_2_can_be_mapped(void **state)
{
	struct vfio_user_region_info info = { .argsz = sizeof(info), .index = 2 };
	struct client *c = *state;
	struct vfio_user_sparse_mmap sparse;

	/* Without room for the capability its place and size are still told. */
	assert_int_equal(client_call(c, VFIO_USER_DEVICE_GET_REGION_INFO, &info, sizeof(info), NULL, 0), 0);
	assert_int_equal(c->size, sizeof(info));
	memcpy(&info, c->data, sizeof(info));
	assert_int_equal(info.argsz, sizeof(info) + sizeof(sparse));
	assert_int_equal(info.cap_offset, sizeof(info));
	info = (struct vfio_user_region_info){ .argsz = info.argsz, .index = 2 };
	assert_int_equal(client_call(c, VFIO_USER_DEVICE_GET_REGION_INFO, &info, sizeof(info), NULL, 0), 0);
	assert_int_equal(c->size, sizeof(info) + sizeof(sparse));
	memcpy(&sparse, c->data + sizeof(info), sizeof(sparse));
	assert_int_equal(sparse.id, VFIO_USER_CAP_SPARSE_MMAP);
	assert_int_equal(sparse.areas, 1);
	assert_int_equal(sparse.offset, 0);
	assert_int_equal(sparse.size, NPU_WAKE_BASE);
	info.argsz = sizeof(info) - 1;
	assert_int_equal(client_call(c, VFIO_USER_DEVICE_GET_REGION_INFO, &info, sizeof(info), NULL, 0),
			 EINVAL);
}

static void mapped_and_trapped_accesses_see_the_same_memory(void **state)
{
	struct client *c = *state;

	for (uint32_t region = 2; region <= 4; region += 2) {
		struct vfio_user_region_info info = { .argsz = 64, .index = region };
		uint64_t word = 0x0123456789abcdefull, got = 0;
		uint8_t *mapped;

		assert_int_equal(client_call(c, VFIO_USER_DEVICE_GET_REGION_INFO, &info, sizeof(info),
					     NULL, 0), 0);
		/* A client that could shrink it could stop the card. */
		assert_int_not_equal(ftruncate(c->reply_fd, 0), 0);
		mapped = mmap(NULL, NPU_WAKE_BASE, PROT_READ | PROT_WRITE, MAP_SHARED, c->reply_fd, 0);
		assert_ptr_not_equal(mapped, MAP_FAILED);
		memcpy(mapped + 0x3008, &word, 8);
		assert_int_equal(client_read(c, region, 0x3008, &got, 8), 0);
		assert_int_equal(got, word);
		word = ~word;
		assert_int_equal(client_write(c, region, 0x3008, &word, 8), 0);
		assert_memory_equal(mapped + 0x3008, &word, 8);
		munmap(mapped, NPU_WAKE_BASE);
	}
}

static void registers_answer(void **state)
{
	struct client *c = *state;
	uint16_t half;

	assert_int_equal(client_reg(c, NPU_REG_ID), NPU_ID_MAGIC);
	client_set_reg(c, NPU_REG_SCRATCH, 0xcafe0001);
	assert_int_equal(client_reg(c, NPU_REG_SCRATCH), 0xcafe0001);
	/* Any other size than 32 bits reads zero and writes nothing. */
	assert_int_equal(client_read(c, 0, NPU_REG_ID, &half, 2), 0);
	assert_int_equal(half, 0);
	half = 7;
	assert_int_equal(client_write(c, 0, NPU_REG_SCRATCH, &half, 2), 0);
	assert_int_equal(client_reg(c, NPU_REG_SCRATCH), 0xcafe0001);
}

static void several_writes_in_one_message_are_done_in_order(void **state)
{
	struct {
		uint64_t count;
		struct vfio_user_write_entry entries[3];
	} multi = { 3, { { NPU_REG_SCRATCH, 0, 4, { 1 } }, { NPU_REG_SCRATCH, 0, 4, { 2 } },
			 { 0x100, 4, 8, { 9, 8, 7 } } } };
	struct client *c = *state;
	uint8_t got[8];

	assert_int_equal(client_call(c, VFIO_USER_REGION_WRITE_MULTI, &multi, sizeof(multi), NULL, 0), 0);
	assert_int_equal(client_reg(c, NPU_REG_SCRATCH), 2);
	assert_int_equal(client_read(c, 4, 0x100, got, 8), 0);
	assert_memory_equal(got, multi.entries[2].data, 8);
	multi.count = 4;
	assert_int_equal(client_call(c, VFIO_USER_REGION_WRITE_MULTI, &multi, sizeof(multi), NULL, 0), EINVAL);
	multi.count = 3;
	multi.entries[0].count = 9;
	assert_int_equal(client_call(c, VFIO_USER_REGION_WRITE_MULTI, &multi, sizeof(multi), NULL, 0), EINVAL);
}

static int set_irqs(struct client *c, uint32_t flags, uint32_t index, uint32_t start, uint32_t count,
		    const int *fds, unsigned int fd_count)
{
	const struct vfio_user_irq_set set = { sizeof(set), flags, index, start, count };

	return client_call(c, VFIO_USER_DEVICE_SET_IRQS, &set, sizeof(set), fds, fd_count);
}

static bool fired(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count);
}

static void enable_bus_master(struct client *c)
{
	const uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;

	assert_int_equal(client_write(c, 7, PCI_COMMAND, &command, 2), 0);
}

#define EVENTFD		(VFIO_USER_IRQ_DATA_EVENTFD | VFIO_USER_IRQ_TRIGGER)

static void vectors_are_set_triggered_and_taken_away(void **state)
{
	struct client *c = *state;
	int fds[3];

	enable_bus_master(c);
	for (int i = 0; i < 3; i++)
		fds[i] = eventfd(0, EFD_NONBLOCK);
	assert_int_equal(set_irqs(c, EVENTFD, VFIO_PCI_MSIX_IRQ, 5, 3, fds, 3), 0);
	assert_int_equal(set_irqs(c, VFIO_USER_IRQ_DATA_NONE | VFIO_USER_IRQ_TRIGGER, VFIO_PCI_MSIX_IRQ, 6,
				  1, NULL, 0), 0);
	assert_false(fired(fds[0]));
	assert_true(fired(fds[1]));
	assert_false(fired(fds[2]));
	{
		struct {
			struct vfio_user_irq_set set;
			uint8_t which[3];
		} some = { { 23, VFIO_USER_IRQ_DATA_BOOL | VFIO_USER_IRQ_TRIGGER, VFIO_PCI_MSIX_IRQ, 5, 3 },
			   { 1, 0, 1 } };

		assert_int_equal(client_call(c, VFIO_USER_DEVICE_SET_IRQS, &some, 23, NULL, 0), 0);
		assert_true(fired(fds[0]));
		assert_false(fired(fds[1]));
		assert_true(fired(fds[2]));
		assert_int_equal(client_call(c, VFIO_USER_DEVICE_SET_IRQS, &some, 22, NULL, 0), EINVAL);
	}
	/* Fewer descriptors than vectors take the rest away. */
	assert_int_equal(set_irqs(c, EVENTFD, VFIO_PCI_MSIX_IRQ, 5, 3, fds, 1), 0);
	assert_int_equal(set_irqs(c, VFIO_USER_IRQ_DATA_NONE | VFIO_USER_IRQ_TRIGGER, VFIO_PCI_MSIX_IRQ, 5,
				  3, NULL, 0), 0);
	assert_true(fired(fds[0]));
	assert_false(fired(fds[1]));
	/* And count 0 all of them. */
	assert_int_equal(set_irqs(c, VFIO_USER_IRQ_DATA_NONE | VFIO_USER_IRQ_TRIGGER, VFIO_PCI_MSIX_IRQ, 0,
				  0, NULL, 0), 0);
	assert_int_equal(set_irqs(c, VFIO_USER_IRQ_DATA_NONE | VFIO_USER_IRQ_TRIGGER, VFIO_PCI_MSIX_IRQ, 5,
				  1, NULL, 0), 0);
	assert_false(fired(fds[0]));
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

static void no_interrupt_without_bus_mastering(void **state)
{
	const uint32_t crash = NPU_IRQ_CRASH, off = 0;
	struct client *c = *state;
	int fd = eventfd(0, EFD_NONBLOCK);

	assert_int_equal(set_irqs(c, EVENTFD, VFIO_PCI_MSIX_IRQ, 0, 1, &fd, 1), 0);
	assert_int_equal(set_irqs(c, VFIO_USER_IRQ_DATA_NONE | VFIO_USER_IRQ_TRIGGER, VFIO_PCI_MSIX_IRQ, 0,
				  1, NULL, 0), 0);
	assert_false(fired(fd));
	enable_bus_master(c);
	assert_int_equal(set_irqs(c, VFIO_USER_IRQ_DATA_NONE | VFIO_USER_IRQ_TRIGGER, VFIO_PCI_MSIX_IRQ, 0,
				  1, NULL, 0), 0);
	assert_true(fired(fd));
	assert_int_equal(client_write(c, 7, PCI_COMMAND, &off, 2), 0);
	client_set_reg(c, NPU_REG_IRQ_ENABLE, crash);
	assert_false(fired(fd));
	close(fd);
}

/* The whole way: memory by descriptor, boot of the real image, an answer by DMA and MSI-X. */
static void boots_from_memory_of_the_client(void **state)
{
	const uint64_t base = 0x40000000, size = 4u << 20;
	struct client *c = *state;
	int memory = memfd_create("client", 0), vector = eventfd(0, EFD_NONBLOCK);
	FILE *image = fopen(FIRMWARE_IMAGE, "rb");
	struct pollfd p = { vector, POLLIN, 0 };
	uint32_t status = 0, image_size;
	uint8_t *host;

	assert_int_equal(ftruncate(memory, (off_t)size), 0);
	host = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	assert_non_null(image);
	image_size = (uint32_t)fread(host, 1, 1 << 20, image);
	fclose(image);
	assert_int_equal(client_map(c, base, size, memory, 0), 0);
	assert_int_equal(set_irqs(c, EVENTFD, VFIO_PCI_MSIX_IRQ, 0, 1, &vector, 1), 0);
	client_set_reg(c, NPU_REG_BOOT_IMAGE_LO, (uint32_t)base);
	client_set_reg(c, NPU_REG_BOOT_IMAGE_SIZE, image_size);
	/* Without bus mastering the image does not answer. */
	client_set_reg(c, NPU_REG_BOOT_CTRL, NPU_BOOT_CTRL_START);
	assert_int_equal(client_reg(c, NPU_REG_BOOT_STATUS),
			 NPU_BOOT_STATE_REFUSED | NPU_BOOT_REASON_DMA << 8);
	enable_bus_master(c);
	client_set_reg(c, NPU_REG_BOOT_CTRL, NPU_BOOT_CTRL_START);
	for (int i = 0; i < 3000 && status != NPU_BOOT_STATE_READY; i++) {
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
		status = client_reg(c, NPU_REG_BOOT_STATUS);
	}
	assert_int_equal(status, NPU_BOOT_STATE_READY);
	client_set_reg(c, NPU_REG_ADMIN_SQ_LO, (uint32_t)base + 0x100000);
	client_set_reg(c, NPU_REG_ADMIN_CQ_LO, (uint32_t)base + 0x101000);
	client_set_reg(c, NPU_REG_ADMIN_SIZE, 4);
	client_set_reg(c, NPU_REG_IRQ_ENABLE, NPU_IRQ_ADMIN);
	client_set_reg(c, NPU_REG_ADMIN_CTRL, NPU_ADMIN_ENABLE);
	host[0x100000] = 1;	/* IDENTIFY */
	client_set_reg(c, NPU_REG_ADMIN_TAIL, 1);
	assert_int_equal(poll(&p, 1, 3000), 1);
	assert_int_equal(host[0x101000 + 3] & 1, 1);
	/* Unmapping returns when the card uses the memory no more. */
	assert_int_equal(client_call(c, VFIO_USER_DMA_UNMAP,
				     &(struct vfio_user_dma_unmap){ 24, 0, base, size }, 24, NULL, 0), 0);
	munmap(host, size);
	close(memory);
	close(vector);
}

static void a_dma_mapping_is_checked(void **state)
{
	struct client *c = *state;
	int memory = memfd_create("client", 0), pipes[2];
	struct vfio_user_dma_map map = { sizeof(map), 7, 0, 0x100000, 0x2000 };

	assert_int_equal(ftruncate(memory, 0x4000), 0);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(client_map(c, 0x10000, 0x2000, memory, 0), 0);
	assert_int_equal(client_map(c, 0x10000, 0x2000, memory, 0), EEXIST);
	assert_int_equal(client_map(c, 0x11000, 0x1000, memory, 0), EEXIST);
	assert_int_equal(client_map(c, 0xf000, 0x2000, memory, 0), EEXIST);
	assert_int_equal(client_map(c, 0xe000, 0x4000, memory, 0), EEXIST);
	assert_int_equal(client_map(c, 0x12000, 0x4000, memory, 0), 0);
	/* Beyond the end of the file, not in pages, wrapped, no memory at all. */
	assert_int_equal(client_map(c, 0x100000, 0x5000, memory, 0), EINVAL);
	assert_int_equal(client_map(c, 0x100000, 0x1000, memory, 0x4000), EINVAL);
	assert_int_equal(client_map(c, 0x100000, 0x1000, memory, ~0xfffull), EINVAL);
	assert_int_equal(client_map(c, 0x100800, 0x1000, memory, 0), EINVAL);
	assert_int_equal(client_map(c, 0x100000, 0x800, memory, 0), EINVAL);
	assert_int_equal(client_map(c, 0x100000, 0x1000, memory, 0x800), EINVAL);
	assert_int_equal(client_map(c, ~0xfffull, 0x2000, memory, 0), EINVAL);
	assert_int_equal(client_map(c, 0x100000, 0, memory, 0), EINVAL);
	assert_int_equal(client_map(c, 0x100000, 0x1000, pipes[0], 0), EINVAL);
	assert_int_equal(client_call(c, VFIO_USER_DMA_MAP, &map, sizeof(map), NULL, 0), EINVAL);
	map.flags = 3;
	assert_int_equal(client_call(c, VFIO_USER_DMA_MAP, &map, sizeof(map), NULL, 0), 0);
	assert_int_equal(client_call(c, VFIO_USER_DMA_MAP, &map, sizeof(map), pipes, 2), EINVAL);
	map.flags = 0x13;
	assert_int_equal(client_call(c, VFIO_USER_DMA_MAP, &map, sizeof(map), &memory, 1), EINVAL);
	assert_int_equal(client_call(c, VFIO_USER_DMA_MAP, &map, sizeof(map) - 1, &memory, 1), EINVAL);
	close(memory);
	close(pipes[0]);
	close(pipes[1]);
}

static void unmapping_all_takes_no_address(void **state)
{
	struct vfio_user_dma_unmap unmap = { sizeof(unmap), VFIO_USER_UNMAP_ALL, 0, 0 };
	struct client *c = *state;
	int memory = memfd_create("client", 0);
	uint8_t byte;

	assert_int_equal(ftruncate(memory, 0x2000), 0);
	enable_bus_master(c);
	assert_int_equal(client_map(c, 0x10000, 0x1000, memory, 0), 0);
	assert_int_equal(client_map(c, 0x20000, 0x1000, memory, 0x1000), 0);
	assert_int_equal(dma_map_read(c->dma, 0x20000, &byte, 1), 0);
	unmap.size = 0x1000;
	assert_int_equal(client_call(c, VFIO_USER_DMA_UNMAP, &unmap, sizeof(unmap), NULL, 0), EINVAL);
	unmap.size = 0;
	assert_int_equal(client_call(c, VFIO_USER_DMA_UNMAP, &unmap, sizeof(unmap), NULL, 0), 0);
	assert_int_equal(dma_map_read(c->dma, 0x10000, &byte, 1), -EFAULT);
	assert_int_equal(dma_map_read(c->dma, 0x20000, &byte, 1), -EFAULT);
	close(memory);
}

static void reset_brings_back_the_initial_state(void **state)
{
	struct client *c = *state;
	const uint64_t tail = 5;
	uint64_t got;
	uint16_t command;
	uint32_t resets;

	for (int flr = 0; flr < 2; flr++) {
		enable_bus_master(c);
		client_set_reg(c, NPU_REG_SCRATCH, 77);
		assert_int_equal(client_write(c, 2, 0x1000, &tail, 8), 0);
		assert_int_equal(client_write(c, 4, 0x1000, &tail, 8), 0);
		resets = client_reg(c, NPU_REG_RESET_COUNT);
		if (flr) {
			const uint16_t control = PCI_EXP_DEVCTL_BCR_FLR;

			assert_int_equal(client_write(c, 7, 0x60 + PCI_EXP_DEVCTL, &control, 2), 0);
		} else {
			assert_int_equal(client_call(c, VFIO_USER_DEVICE_RESET, NULL, 0, NULL, 0), 0);
		}
		assert_int_equal(client_reg(c, NPU_REG_SCRATCH), 0);
		assert_int_equal(client_reg(c, NPU_REG_RESET_COUNT), resets + 1);
		assert_int_equal(client_read(c, 2, 0x1000, &got, 8), 0);
		assert_int_equal(got, 0);
		/* Device memory keeps its content: scrubbing is the driver's. */
		assert_int_equal(client_read(c, 4, 0x1000, &got, 8), 0);
		assert_int_equal(got, tail);
		assert_int_equal(client_read(c, 7, PCI_COMMAND, &command, 2), 0);
		assert_int_equal(command, 0);
	}
}

static void the_next_client_finds_a_new_card(void **state)
{
	struct client *c = *state;
	struct vfio_user_region_info info = { .argsz = 64, .index = 4 };
	int memory = memfd_create("client", 0), vector = eventfd(0, EFD_NONBLOCK);
	const uint64_t secret = 0x5ec5e7;
	uint8_t byte;
	uint64_t got, *old;

	assert_int_equal(ftruncate(memory, 0x1000), 0);
	for (int i = 0; i < 5; i++) {
		enable_bus_master(c);
		assert_int_equal(client_map(c, 0x10000, 0x1000, memory, 0), 0);
		assert_int_equal(set_irqs(c, EVENTFD, VFIO_PCI_MSIX_IRQ, 0, 1, &vector, 1), 0);
		assert_int_equal(client_write(c, 4, 0x2000, &secret, 8), 0);
		assert_int_equal(client_call(c, VFIO_USER_DEVICE_GET_REGION_INFO, &info, sizeof(info), NULL,
					     0), 0);
		old = mmap(NULL, 0x3000, PROT_READ | PROT_WRITE, MAP_SHARED, c->reply_fd, 0);
		client_disconnect(c);
		client_connect(c);
		client_negotiate(c);
		assert_int_equal(client_read(c, 4, 0x2000, &got, 8), 0);
		assert_int_equal(got, 0);
		/* The old client's view is of memory that the card has no more. */
		old[0x2000 / 8] = 1;
		assert_int_equal(client_read(c, 4, 0x2000, &got, 8), 0);
		assert_int_equal(got, 0);
		munmap(old, 0x3000);
		enable_bus_master(c);
		assert_int_equal(dma_map_read(c->dma, 0x10000, &byte, 1), -EFAULT);
		assert_int_equal(set_irqs(c, VFIO_USER_IRQ_DATA_NONE | VFIO_USER_IRQ_TRIGGER,
					  VFIO_PCI_MSIX_IRQ, 0, 1, NULL, 0), 0);
		assert_false(fired(vector));
	}
	close(memory);
	close(vector);
}

static void a_second_client_is_turned_away(void **state)
{
	struct client *c = *state;
	int pair[2];
	char byte;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(vfio_user_attach(c->server, pair[1]), -EBUSY);
	assert_int_equal(read(pair[0], &byte, 1), 0);
	close(pair[0]);
	assert_int_equal(client_reg(c, NPU_REG_ID), NPU_ID_MAGIC);
}

static void no_descriptor_is_kept(void **state)
{
	struct client *c = *state;
	int memory = memfd_create("client", 0), vector = eventfd(0, EFD_NONBLOCK);
	const int many[8] = { memory, memory, memory, memory, memory, memory, memory, memory };
	unsigned int before;

	assert_int_equal(ftruncate(memory, 0x10000), 0);
	client_reg(c, NPU_REG_ID);
	before = open_files();
	for (uint32_t i = 0; i < 16; i++) {
		struct vfio_user_region_info info = { .argsz = 64, .index = 4 };

		assert_int_equal(client_map(c, 0x100000 + i * 0x1000, 0x1000, memory, i * 0x1000), 0);
		client_map(c, 0x100000, 0x1000, memory, 0);
		set_irqs(c, EVENTFD, VFIO_PCI_MSIX_IRQ, 99, 1, &vector, 1);
		set_irqs(c, EVENTFD, VFIO_PCI_MSIX_IRQ, 0, 1, many, 8);
		set_irqs(c, EVENTFD, VFIO_PCI_MSIX_IRQ, 0, 1, &vector, 1);
		client_call(c, VFIO_USER_DEVICE_GET_REGION_INFO, &info, sizeof(info), many, 8);
	}
	set_irqs(c, VFIO_USER_IRQ_DATA_NONE | VFIO_USER_IRQ_TRIGGER, VFIO_PCI_MSIX_IRQ, 0, 0, NULL, 0);
	client_reg(c, NPU_REG_ID);
	assert_int_equal(open_files(), before);
	close(memory);
	close(vector);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		cmocka_unit_test_setup_teardown(agrees_on_a_version, setup_connected, teardown),
		T(describes_device_and_interrupts),
		T(describes_each_region),
		T(only_the_doorbells_of_bar_2_can_be_mapped),
		T(mapped_and_trapped_accesses_see_the_same_memory),
		T(registers_answer),
		T(several_writes_in_one_message_are_done_in_order),
		T(vectors_are_set_triggered_and_taken_away),
		T(no_interrupt_without_bus_mastering),
		T(boots_from_memory_of_the_client),
		T(a_dma_mapping_is_checked),
		T(unmapping_all_takes_no_address),
		T(reset_brings_back_the_initial_state),
		T(the_next_client_finds_a_new_card),
		T(a_second_client_is_turned_away),
		T(no_descriptor_is_kept),
	};

	log_init(getenv("NPU_SIM_LOG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR, NULL);
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
