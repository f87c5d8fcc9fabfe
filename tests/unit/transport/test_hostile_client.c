// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/*
 * A client that sends nonsense (or nothing): each message gets a reply or the
 * connection ends; the card neither crashes, waits, nor keeps descriptors.
 */
#include "client.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>

#include "irq.h"
#include "log.h"
#include "vfio_user.h"

static int setup(void **state)
{
	struct client *c = client_create();

	*state = c;
	client_connect(c);
	client_negotiate(c);
	alarm(100);
	return 0;
}

static int teardown(void **state)
{
	alarm(0);
	client_destroy(*state);
	return 0;
}

static void a_message_may_come_byte_by_byte(void **state)
{
	const struct {
		struct vfio_user_header header;
		struct vfio_user_region_access access;
	} message = { { 9, VFIO_USER_REGION_READ, 32, 0, 0 }, { NPU_REG_ID, 0, 4 } };
	struct client *c = *state;

	for (size_t i = 0; i < sizeof(message); i++) {
		assert_true(client_send(c, (const uint8_t *)&message + i, 1, NULL, 0));
		assert_true(client_pump(c));
		if (i + 1 < sizeof(message))
			assert_false(client_receive(c));
	}
	assert_true(client_receive(c));
	assert_int_equal(c->header.id, 9);
	assert_int_equal(c->size, 20);
}

static void commands_may_be_sent_without_waiting(void **state)
{
	struct client *c = *state;

	for (uint16_t i = 0; i < 50; i++) {
		const struct {
			struct vfio_user_header header;
			struct vfio_user_region_access access;
			uint32_t value;
		} message = { { i, VFIO_USER_REGION_WRITE, 36, i == 49 ? 0 : VFIO_USER_NO_REPLY, 0 },
			      { NPU_REG_SCRATCH, 0, 4 }, i };

		assert_true(client_send(c, &message, 36, NULL, 0));
	}
	assert_true(client_pump(c));
	/* Only the last one wanted a reply. */
	assert_true(client_receive(c));
	assert_int_equal(c->header.id, 49);
	assert_false(client_receive(c));
	assert_int_equal(client_reg(c, NPU_REG_SCRATCH), 49);
}

static void replies_that_nobody_reads_stop_nobody(void **state)
{
	enum { COUNT = 40 };
	const struct {
		struct vfio_user_header header;
		struct vfio_user_region_access access;
	} message = { { 1, VFIO_USER_REGION_READ, 32, 0, 0 }, { 0, 4, 1 << 20 } };
	struct client *c = *state;

	for (int i = 0; i < COUNT; i++)
		assert_true(client_send(c, &message, sizeof(message), NULL, 0));
	/* The server has work that it cannot finish, and returns all the same. */
	assert_true(client_pump(c));
	for (int i = 0; i < COUNT; i++) {
		while (!client_receive(c))
			assert_true(client_pump(c));
		assert_int_equal(c->size, 16 + (1 << 20));
		assert_true(client_pump(c));
	}
	assert_int_equal(client_reg(c, NPU_REG_ID), NPU_ID_MAGIC);
}

static void a_client_may_leave_in_the_middle(void **state)
{
	struct client *c = *state;
	const struct vfio_user_header header = { 1, VFIO_USER_REGION_WRITE, 5000, 0, 0 };
	const unsigned int before = open_files();
	int fd = eventfd(0, 0);

	for (unsigned int size = 1; size <= sizeof(header); size += 5) {
		assert_true(client_send(c, &header, size, &fd, 1));
		assert_true(client_pump(c));
		client_disconnect(c);
		client_connect(c);
		client_negotiate(c);
	}
	close(fd);
	assert_int_equal(open_files(), before);
}

static void a_size_that_cannot_be_right_ends_the_connection(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 15, 0x80000000, 0xffffffff, 17u << 20 };
	struct client *c = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const struct vfio_user_header header = { 1, VFIO_USER_VERSION, sizes[i], 0, 0 };

		assert_true(client_send(c, &header, sizeof(header), NULL, 0));
		assert_false(client_pump(c));
		close(c->fd);
		client_connect(c);
		client_negotiate(c);
	}
}

static void every_command_is_refused_when_it_is_short(void **state)
{
	/* The least that each command needs. */
	static const uint8_t least[20] = { [1] = 4, [2] = 32, [3] = 24, [4] = 16, [5] = 32, [7] = 16,
					   [8] = 20, [9] = 16, [10] = 16, [15] = 8 };
	const uint8_t zero[64] = { 0 };
	struct client *c = *state;

	for (uint16_t command = 0; command < 20; command++) {
		for (size_t size = 0; size < least[command]; size++)
			assert_int_equal(client_call(c, command, zero, size, NULL, 0), EINVAL);
		if (!least[command] && command != VFIO_USER_DEVICE_RESET)
			assert_int_equal(client_call(c, command, zero, 64, NULL, 0), ENOSYS);
	}
	assert_int_equal(client_call(c, 0xffff, zero, 64, NULL, 0), ENOSYS);
}

static void accesses_outside_of_a_region_are_refused(void **state)
{
	static const struct {
		uint64_t offset;
		uint32_t region, count;
	} cases[] = {
		{ 0, 0, 0 }, { NPU_BAR_REGS_SIZE, 0, 4 }, { NPU_BAR_REGS_SIZE - 3, 0, 4 },
		{ ~0ull, 0, 4 }, { ~0ull - 3, 0, 4 }, { 0, 1, 4 }, { 0, 3, 4 }, { 0, 5, 4 }, { 0, 6, 4 },
		{ 0, 8, 4 }, { 0, 9, 4 }, { 0, 0xffffffff, 4 }, { CLIENT_MEMORY - 1, 4, 2 },
		{ CLIENT_MEMORY, 4, 1 }, { 4095, 7, 2 }, { 4096, 7, 1 }, { 0, 4, (1 << 20) + 1 },
		{ 0, 4, 0xffffffff }, { NPU_BAR_DOORBELL_SIZE - 4, 2, 8 }, { 1ull << 63, 2, 8 },
	};
	struct client *c = *state;
	uint8_t *data = calloc(1, 2 << 20);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct vfio_user_region_access access = { cases[i].offset, cases[i].region,
								cases[i].count };

		assert_int_equal(client_call(c, VFIO_USER_REGION_READ, &access, sizeof(access), NULL, 0),
				 EINVAL);
		memcpy(data, &access, sizeof(access));
		assert_int_equal(client_call(c, VFIO_USER_REGION_WRITE, data,
					     sizeof(access) + (cases[i].count <= 64 ? cases[i].count : 64),
					     NULL, 0), EINVAL);
	}
	free(data);
}

static void accesses_across_the_kinds_of_bar_2_do_no_harm(void **state)
{
	struct client *c = *state;
	uint8_t data[64];

	memset(data, 0xff, sizeof(data));
	assert_int_equal(client_write(c, 2, NPU_WAKE_BASE - 8, data, 16), 0);
	assert_int_equal(client_read(c, 2, NPU_WAKE_BASE - 8, data, 16), 0);
	assert_int_equal(client_write(c, 2, NPU_WAKE_BASE, data, 64), 0);
	assert_int_equal(client_write(c, 2, NPU_BAR_DOORBELL_SIZE - 64, data, 64), 0);
	assert_int_equal(client_write(c, 0, NPU_REGS_MSIX_TABLE - 4, data, 8), 0);
	assert_int_equal(client_write(c, 0, NPU_BAR_REGS_SIZE - 64, data, 64), 0);
	assert_int_equal(client_read(c, 0, NPU_REGS_MSIX_PBA, data, 8), 0);
	assert_int_equal(data[0], 0);
}

static void bad_interrupt_requests_are_refused(void **state)
{
	static const struct vfio_user_irq_set cases[] = {
		{ 20, 0, 2, 0, 1 }, { 20, 0x24, 2, 16, 1 }, { 20, 0x24, 2, 0, 17 }, { 20, 0x24, 2, 15, 2 },
		{ 20, 0x24, 2, 0xffffffff, 1 }, { 20, 0x24, 2, 1, 0xffffffff }, { 20, 0x24, 0, 0, 1 },
		{ 20, 0x24, 5, 0, 0 }, { 20, 0x24, 0xffffffff, 0, 0 }, { 20, 0x64, 2, 0, 1 },
		{ 20, 0x27, 2, 0, 1 }, { 20, 0x20, 2, 0, 1 }, { 20, 0x0c, 2, 0, 1 }, { 20, 0x14, 2, 0, 1 },
		{ 20, 0x3c, 2, 0, 1 }, { 20, 0x22, 2, 0, 1 }, { 20, 0x80000024, 2, 0, 1 },
	};
	struct client *c = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(client_call(c, VFIO_USER_DEVICE_SET_IRQS, &cases[i], sizeof(cases[i]), NULL,
					     0), EINVAL);
}

/* A full eventfd, a pipe that nobody reads: triggers must not wait for the client. */
static void an_interrupt_that_nobody_takes_stops_nobody(void **state)
{
	const struct vfio_user_irq_set set = { 20, 0x24, VFIO_PCI_MSIX_IRQ, 0, 2 };
	const uint64_t full = 0xfffffffffffffffeull;
	const uint16_t command = 6;
	struct client *c = *state;
	int pipes[2], fds[2] = { eventfd(0, 0), -1 };

	assert_int_equal(pipe(pipes), 0);
	fds[1] = pipes[1];
	assert_int_equal(write(fds[0], &full, 8), 8);
	assert_int_equal(client_write(c, 7, 4, &command, 2), 0);
	assert_int_equal(client_call(c, VFIO_USER_DEVICE_SET_IRQS, &set, sizeof(set), fds, 2), 0);
	for (int i = 0; i < 20000; i++) {
		irq_trigger(c->irqs, 0);
		irq_trigger(c->irqs, 1);
	}
	/* A reader that is gone is no reason to die either. */
	close(pipes[0]);
	irq_trigger(c->irqs, 1);
	close(pipes[1]);
	close(fds[0]);
}

static uint32_t seed;

static uint32_t chance(uint32_t bound)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(seed >> 8) * bound >> 24);
}

/* A message that is nearly right: a good one of some command, then damage. */
static size_t compose(uint8_t *message, uint16_t id)
{
	static const uint8_t commands[] = { 1, 2, 3, 4, 5, 7, 8, 9, 10, 13, 15 };
	const uint16_t command = chance(20) ? commands[chance(sizeof(commands))] : (uint16_t)chance(65536);
	struct vfio_user_header header = { id, command, 0, 0, 0 };
	size_t size = 0;
	union {
		struct vfio_user_version version;
		struct vfio_user_dma_map map;
		struct vfio_user_dma_unmap unmap;
		struct vfio_user_device_info info;
		struct vfio_user_region_info region;
		struct vfio_user_irq_info irq;
		struct vfio_user_irq_set set;
		struct vfio_user_region_access access;
		struct {
			uint64_t count;
			struct vfio_user_write_entry entry[4];
		} multi;
		uint8_t bytes[256];
	} p;

	memset(&p, 0, sizeof(p));
	switch (command) {
	case VFIO_USER_VERSION:
		size = 4 + chance(40);
		break;
	case VFIO_USER_DMA_MAP:
		p.map = (struct vfio_user_dma_map){ 32, chance(8), 4096 * chance(20), 4096 * chance(64),
						    4096 * chance(20) };
		size = 32;
		break;
	case VFIO_USER_DMA_UNMAP:
		p.unmap = (struct vfio_user_dma_unmap){ 24, chance(10) ? 0 : 2, 4096 * chance(64),
							4096 * chance(20) };
		size = 24;
		break;
	case VFIO_USER_DEVICE_GET_INFO:
		size = 16;
		break;
	case VFIO_USER_DEVICE_GET_REGION_INFO:
		p.region = (struct vfio_user_region_info){ .argsz = 32 + chance(64), .index = chance(10) };
		size = 32;
		break;
	case VFIO_USER_DEVICE_GET_IRQ_INFO:
		p.irq = (struct vfio_user_irq_info){ 16, 0, chance(6), 0 };
		size = 16;
		break;
	case VFIO_USER_DEVICE_SET_IRQS:
		p.set = (struct vfio_user_irq_set){ 20, 0x20 | 1u << chance(3), 2, chance(17), chance(17) };
		size = 20 + chance(20);
		break;
	case VFIO_USER_REGION_READ:
	case VFIO_USER_REGION_WRITE:
		p.access = (struct vfio_user_region_access){ chance(2) ? 4 * chance(0x400) : chance(1 << 23),
							     chance(10), 1u << chance(4) };
		size = 16 + (command == VFIO_USER_REGION_WRITE ? p.access.count : 0);
		for (size_t i = 16; i < size; i++)
			p.bytes[i] = (uint8_t)chance(256);
		break;
	case VFIO_USER_REGION_WRITE_MULTI:
		p.multi.count = chance(5);
		for (unsigned int i = 0; i < 4; i++)
			p.multi.entry[i] = (struct vfio_user_write_entry){ 4 * chance(0x400), chance(8),
									   chance(10), { 1 } };
		size = 8 + p.multi.count * sizeof(p.multi.entry[0]);
		break;
	}
	for (uint32_t n = chance(3); n && size; n--)
		p.bytes[chance((uint32_t)size)] = (uint8_t)chance(256);
	if (!chance(8))
		size = chance(sizeof(p.bytes));
	header.size = (uint32_t)(16 + size);
	if (!chance(200))
		header.size = chance(2) ? chance(64) : chance(1u << 24) << 8;
	if (!chance(50))
		header.flags = chance(64);
	memcpy(message, &header, 16);
	memcpy(message + 16, p.bytes, size);
	return 16 + size;
}

static void random_messages_get_a_reply_or_the_end(void **state)
{
	struct client *c = *state;
	unsigned int replies = 0, errors = 0, ends = 0, before = open_files();
	int files[3] = { memfd_create("a", 0), eventfd(0, 0), memfd_create("b", 0) };

	assert_int_equal(ftruncate(files[0], 32 * 4096), 0);
	seed = 20240607;
	for (uint32_t i = 0; i < 20000; i++) {
		uint8_t message[512];
		const size_t size = compose(message, (uint16_t)i);
		struct vfio_user_header header;
		const int fds[2] = { files[chance(3)], files[chance(3)] };
		bool alive;

		memcpy(&header, message, sizeof(header));
		alive = client_send(c, message, size, fds, chance(3)) && client_pump(c);
		if (alive && header.size == size && !(header.flags & 0xf) &&
		    !(header.flags & VFIO_USER_NO_REPLY)) {
			assert_true(client_receive(c));
			assert_int_equal(c->header.id, (uint16_t)i);
			replies++;
			errors += !!(c->header.flags & VFIO_USER_ERROR);
			continue;
		}
		/* The framing is lost, or there is nothing to expect: a new connection. */
		if (alive && header.size == size)
			continue;
		ends++;
		if (alive)
			client_disconnect(c);
		else
			close(c->fd);
		client_connect(c);
		client_negotiate(c);
	}
	assert_true(replies > 10000 && errors > 2000 && replies - errors > 5000 && ends > 50);
	for (int i = 0; i < 3; i++)
		close(files[i]);
	client_disconnect(c);
	client_connect(c);
	client_negotiate(c);
	assert_int_equal(open_files(), before);
	assert_int_equal(client_reg(c, NPU_REG_ID), NPU_ID_MAGIC);
}

static void pure_noise_ends_the_connection(void **state)
{
	struct client *c = *state;

	seed = 7;
	for (int round = 0; round < 300; round++) {
		uint8_t noise[4096];
		bool alive = true;

		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = (uint8_t)chance(256);
		for (int i = 0; i < 20 && alive; i++)
			alive = client_send(c, noise, sizeof(noise), NULL, 0) && client_pump(c);
		if (alive)
			client_disconnect(c);
		else
			close(c->fd);
		client_connect(c);
	}
	client_negotiate(c);
	assert_int_equal(client_reg(c, NPU_REG_ID), NPU_ID_MAGIC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(a_message_may_come_byte_by_byte),
		T(commands_may_be_sent_without_waiting),
		T(replies_that_nobody_reads_stop_nobody),
		T(a_client_may_leave_in_the_middle),
		T(a_size_that_cannot_be_right_ends_the_connection),
		T(every_command_is_refused_when_it_is_short),
		T(accesses_outside_of_a_region_are_refused),
		T(accesses_across_the_kinds_of_bar_2_do_no_harm),
		T(bad_interrupt_requests_are_refused),
		T(an_interrupt_that_nobody_takes_stops_nobody),
		T(random_messages_get_a_reply_or_the_end),
		T(pure_noise_ends_the_connection),
	};

	/* As npu-sim does. */
	signal(SIGPIPE, SIG_IGN);
	log_init(LOG_LEVEL_DEBUG, getenv("NPU_SIM_LOG") ? NULL : "/dev/null");
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
