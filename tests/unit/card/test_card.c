// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* The card with the real firmware image, driven as a driver would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <sodium.h>

#include <npu/npu_isa.h>

#include "host.h"
#include "log.h"

static const char *image_path;
static const uint8_t nop[NPU_PACKET_SIZE] = { NPU_PACKET_NOP };

static int setup(void **state)
{
	const struct card_config config = { .memory_size = DEVICE_MEMORY, .serial = 7 };
	struct host *h = host_create(&config);

	*state = h;
	return h ? 0 : -1;
}

static int setup_booted(void **state)
{
	struct host *h;

	if (setup(state))
		return -1;
	h = *state;
	if (host_boot_file(h, image_path) != NPU_BOOT_STATE_READY)
		return -1;
	host_enable_admin(h, 8);
	return 0;
}

static int setup_queue(void **state)
{
	if (setup_booted(state))
		return -1;
	host_make_queue(*state, 0);
	return 0;
}

static int teardown(void **state)
{
	host_destroy(*state);
	return 0;
}

static void boots_the_signed_image(void **state)
{
	struct host *h = *state;
	uint32_t before;

	assert_int_equal(card_reg_read32(h->card, NPU_REG_ID), NPU_ID_MAGIC);
	assert_int_equal(host_boot_file(h, image_path), NPU_BOOT_STATE_READY);
	assert_int_not_equal(card_reg_read32(h->card, NPU_REG_FW_VERSION), 0);
	before = card_reg_read32(h->card, NPU_REG_HEARTBEAT);
	usleep(300000);
	assert_true(card_reg_read32(h->card, NPU_REG_HEARTBEAT) - before >= 3);
}

static void answers_admin_commands_through_many_laps(void **state)
{
	struct npu_admin_identify_result identity;
	struct npu_admin_completion c;
	struct host *h = *state;

	for (int i = 0; i < 50; i++) {
		assert_int_equal(host_admin(h, NPU_ADMIN_IDENTIFY, NULL, 0, &c), 0);
		assert_int_equal(c.status, NPU_ADMIN_STATUS_OK);
	}
	memcpy(&identity, c.payload, sizeof(identity));
	assert_int_equal(identity.max_queues, NPU_QUEUES_MAX);
	assert_int_equal(identity.fw_version, card_reg_read32(h->card, NPU_REG_FW_VERSION));
	assert_true(host_irq_fired(h, 0, 0));
	assert_int_equal(host_admin(h, 99, NULL, 0, &c), 0);
	assert_int_equal(c.status, NPU_ADMIN_STATUS_UNKNOWN);
	assert_int_equal(host_admin(h, NPU_ADMIN_IDENTIFY, "x", 1, &c), 0);
	assert_int_equal(c.status, NPU_ADMIN_STATUS_INVALID);
}

static void reads_telemetry_and_log(void **state)
{
	struct npu_admin_buffer_args args = { .size = 4096 };
	struct npu_admin_buffer_result result;
	struct npu_telemetry *telemetry;
	struct npu_admin_completion c;
	struct host *h = *state;
	uint64_t dma;

	telemetry = host_alloc(h, 4096, &dma);
	args.address = dma;
	assert_int_equal(host_admin(h, NPU_ADMIN_TELEMETRY, &args, sizeof(args), &c), 0);
	memcpy(&result, c.payload, sizeof(result));
	assert_int_equal(result.written, sizeof(*telemetry));
	assert_in_range(telemetry->temperature_mc, 15000, 95000);
	assert_in_range(telemetry->power_mw, 1000, 80000);
	assert_int_equal(host_admin(h, NPU_ADMIN_LOG_READ, &args, sizeof(args), &c), 0);
	memcpy(&result, c.payload, sizeof(result));
	assert_true(result.written > 10);
	assert_non_null(strstr((char *)telemetry, "npu firmware"));
	args.address = 0xdead000000ull;
	assert_int_equal(host_admin(h, NPU_ADMIN_TELEMETRY, &args, sizeof(args), &c), 0);
	assert_int_equal(c.status, NPU_ADMIN_STATUS_DMA);
}

static uint64_t *data_page(struct host *h, uint64_t va)
{
	uint64_t dma;
	uint64_t *page = host_alloc(h, 4096, &dma);

	host_map(h, va, dma, 4096, NPU_PTE_WRITE | NPU_PTE_SNOOP);
	return page;
}

static void fence_values_arrive_in_order(void **state)
{
	struct host *h = *state;
	uint64_t *page = data_page(h, HOST_DATA_VA);

	for (uint64_t i = 1; i <= 200; i++) {
		const struct npu_packet_fence_signal p = {
			.header.opcode = NPU_PACKET_FENCE_SIGNAL, .address = HOST_DATA_VA, .value = i,
		};

		host_submit(h, &p);
		if (i % 50 == 0)
			assert_true(host_wait(h));
	}
	assert_int_equal(page[0], 200);
	assert_int_equal(h->control->state, NPU_QUEUE_STATE_ACTIVE);
}

static void interrupts_at_the_event_index_only(void **state)
{
	struct host *h = *state;

	host_submit(h, nop);
	assert_true(host_wait(h));
	assert_false(host_irq_fired(h, 2, 20));
	h->control->event = h->queue_tail + 2;
	host_submit(h, nop);
	assert_true(host_wait(h));
	assert_false(host_irq_fired(h, 2, 20));
	host_submit(h, nop);
	assert_true(host_irq_fired(h, 2, 1000));
	/* The driver's event, beside the process's. */
	h->control->driver_event = h->queue_tail + 2;
	host_submit(h, nop);
	assert_true(host_wait(h));
	assert_false(host_irq_fired(h, 2, 20));
	host_submit(h, nop);
	assert_true(host_irq_fired(h, 2, 1000));
}

static void copies_between_system_and_device_memory(void **state)
{
	struct npu_packet_copy copy = {
		.header.opcode = NPU_PACKET_COPY, .source = HOST_DATA_VA + 8,
		.destination = HOST_DATA_VA + 0x10000, .size = 4000,
	};
	const struct npu_packet_fill fill = {
		.header.opcode = NPU_PACKET_FILL, .destination = HOST_DATA_VA + 0x10ffc, .size = 4,
		.pattern = 0xabcd1234,
	};
	struct host *h = *state;
	uint8_t *page = (uint8_t *)data_page(h, HOST_DATA_VA);
	uint32_t last;

	for (int i = 0; i < 4096; i++)
		page[i] = (uint8_t)(i * 31);
	host_map(h, HOST_DATA_VA + 0x10000, 0x5000, 4096, NPU_PTE_WRITE | NPU_PTE_DEVICE);
	host_submit(h, &copy);
	host_submit(h, &fill);
	assert_true(host_wait(h));
	assert_memory_equal(h->device + 0x5000, page + 8, 4000);
	memcpy(&last, h->device + 0x5ffc, 4);
	assert_int_equal(last, 0xabcd1234);
	assert_true(h->control->busy_ns > 0);
}

static void a_fault_stops_the_queue_and_is_recorded(void **state)
{
	const struct npu_packet_fence_signal p = {
		.header = { .opcode = NPU_PACKET_FENCE_SIGNAL, .tag = 77 },
		.address = 0x7000001000ull, .value = 1,
	};
	struct host *h = *state;

	host_submit(h, &p);
	assert_true(host_wait(h));
	assert_int_equal(h->control->state, NPU_QUEUE_STATE_STOPPED);
	assert_int_equal(h->control->error, NPU_QUEUE_ERROR_FAULT);
	assert_int_equal(h->control->error_tag, 77);
	assert_int_equal(h->control->error_va, 0x7000001000ull);
	assert_int_equal(card_reg_read32(h->card, NPU_REG_FAULT_CONTEXT), 1);
	assert_int_equal(card_reg_read32(h->card, NPU_REG_FAULT_QUEUE), HOST_QUEUE);
	assert_int_equal(card_reg_read32(h->card, NPU_REG_FAULT_VA_LO), 0x1000);
	assert_int_equal(card_reg_read32(h->card, NPU_REG_FAULT_INFO) & 0xff01,
			 NPU_FAULT_WRITE | NPU_FAULT_REASON_UNMAPPED << 8);
	card_reg_write32(h->card, NPU_REG_FAULT_INFO, NPU_FAULT_POP);
	assert_int_equal(card_reg_read32(h->card, NPU_REG_FAULT_INFO), 0);
}

/* A FIFO of 16 records; what was lost is told once. */
static void faults_beyond_the_fifo_are_counted_as_lost(void **state)
{
	enum { QUEUES = 20 };
	struct host *h = *state;
	struct npu_admin_completion c;
	uint32_t seen = 0;

	for (uint32_t i = 0; i < QUEUES; i++) {
		const struct npu_admin_queue_create_args args = {
			.queue = 100 + i, .context = 1, .ring_va = HOST_DATA_VA + 0x100000,
			.control_va = HOST_DATA_VA + 0x200000 + i * 0x1000, .ring_shift = 4,
		};
		struct npu_queue_control *control;
		uint64_t dma;

		control = host_alloc(h, 4096, &dma);
		control->need_wake = 1;
		host_map(h, args.control_va, dma, 4096, NPU_PTE_WRITE);
		assert_int_equal(host_admin(h, NPU_ADMIN_QUEUE_CREATE, &args, sizeof(args), &c), 0);
		assert_int_equal(c.status, 0);
		/* The ring is mapped nowhere. */
		__atomic_store_n((uint64_t *)(h->doorbells + NPU_DOORBELL_PAGE(100 + i)), 1, __ATOMIC_SEQ_CST);
		card_wake_write(h->card, 100 + i);
		for (int n = 0; n < 5000 && __atomic_load_n(&control->state, __ATOMIC_ACQUIRE) !=
						    NPU_QUEUE_STATE_STOPPED; n++)
			usleep(1000);
		assert_int_equal(control->error, NPU_QUEUE_ERROR_FAULT);
	}
	assert_true(card_reg_read32(h->card, NPU_REG_IRQ_STATUS) & NPU_IRQ_FAULT);
	for (;;) {
		const uint32_t info = card_reg_read32(h->card, NPU_REG_FAULT_INFO);

		if (!(info & NPU_FAULT_VALID))
			break;
		assert_int_equal(!!(info & NPU_FAULT_OVERFLOW), seen == 0);
		assert_int_equal(card_reg_read32(h->card, NPU_REG_FAULT_QUEUE), 100 + seen);
		assert_int_equal(card_reg_read32(h->card, NPU_REG_FAULT_CONTEXT), 1);
		/* Anything but the bit that pops leaves the record. */
		card_reg_write32(h->card, NPU_REG_FAULT_INFO, ~NPU_FAULT_POP);
		assert_int_equal(card_reg_read32(h->card, NPU_REG_FAULT_INFO), info);
		card_reg_write32(h->card, NPU_REG_FAULT_INFO, NPU_FAULT_POP);
		seen++;
	}
	assert_int_equal(seen, 16);
	card_reg_write32(h->card, NPU_REG_FAULT_INFO, NPU_FAULT_POP);
	assert_int_equal(card_reg_read32(h->card, NPU_REG_FAULT_VA_LO), 0);
}

static void refuses_malformed_packets(void **state)
{
	struct host *h = *state;
	uint8_t packet[64] = { 200 };

	host_submit(h, packet);
	assert_true(host_wait(h));
	assert_int_equal(h->control->error, NPU_QUEUE_ERROR_PACKET);
	assert_int_equal(h->control->head, 0);
}

static void refuses_a_tail_beyond_the_ring(void **state)
{
	struct host *h = *state;

	h->queue_tail = 5000;
	host_submit(h, nop);
	assert_true(host_wait(h));
	assert_int_equal(h->control->error, NPU_QUEUE_ERROR_TAIL);
}

static void a_called_packet_has_no_privilege(void **state)
{
	struct host *h = *state;
	uint64_t dma;
	struct npu_packet_fence_signal *called;
	const struct npu_packet_call call = {
		.header.opcode = NPU_PACKET_CALL, .address = HOST_DATA_VA, .count = 1,
	};
	const struct npu_packet_fence_signal own = {
		.header.opcode = NPU_PACKET_FENCE_SIGNAL, .address = HOST_CONTROL_VA + 0x800, .value = 5,
	};

	host_make_queue(h, NPU_QUEUE_PRIVILEGED);
	called = host_alloc(h, 4096, &dma);
	host_map(h, HOST_DATA_VA, dma, 4096, NPU_PTE_WRITE);
	*called = own;
	host_submit(h, &own);
	assert_true(host_wait(h));
	assert_int_equal(*(uint64_t *)((uint8_t *)h->control + 0x800), 5);
	host_submit(h, &call);
	assert_true(host_wait(h));
	assert_int_equal(h->control->error, NPU_QUEUE_ERROR_FAULT);
	assert_int_equal(card_reg_read32(h->card, NPU_REG_FAULT_INFO) & 0xff00,
			 NPU_FAULT_REASON_PERMISSION << 8);
}

static void suspend_and_resume_keep_the_place_in_a_call(void **state)
{
	const struct npu_admin_queue_args which = { .queue = HOST_QUEUE };
	const struct npu_packet_call call = {
		.header.opcode = NPU_PACKET_CALL, .address = HOST_DATA_VA + 4096, .count = 3,
	};
	struct host *h = *state;
	uint64_t *page = data_page(h, HOST_DATA_VA);
	uint8_t *code = (uint8_t *)data_page(h, HOST_DATA_VA + 4096);
	struct npu_packet_fence_signal first = {
		.header.opcode = NPU_PACKET_FENCE_SIGNAL, .address = HOST_DATA_VA, .value = 1,
	};
	const struct npu_packet_fence_wait wait = {
		.header.opcode = NPU_PACKET_FENCE_WAIT, .address = HOST_DATA_VA + 8, .value = 9,
		.mask = ~0ull,
	};
	struct npu_admin_completion c;

	memcpy(code, &first, 64);
	memcpy(code + 64, &wait, 64);
	first.value = 2;
	first.address += 16;
	memcpy(code + 128, &first, 64);
	host_submit(h, &call);
	for (int i = 0; i < 1000 && !__atomic_load_n(&page[0], __ATOMIC_ACQUIRE); i++)
		usleep(1000);
	assert_int_equal(page[0], 1);
	assert_int_equal(host_admin(h, NPU_ADMIN_QUEUE_SUSPEND, &which, sizeof(which), &c), 0);
	assert_int_equal(c.status, NPU_ADMIN_STATUS_OK);
	page[0] = 100;		/* would be overwritten if the CALL began again */
	page[1] = 9;
	usleep(20000);
	assert_int_equal(page[2], 0);
	assert_int_equal(host_admin(h, NPU_ADMIN_QUEUE_RESUME, &which, sizeof(which), &c), 0);
	assert_int_equal(c.status, NPU_ADMIN_STATUS_OK);
	assert_true(host_wait(h));
	assert_int_equal(page[0], 100);
	assert_int_equal(page[2], 2);
}

static void kill_and_destroy_leave_memory_alone(void **state)
{
	const struct npu_admin_queue_args which = { .queue = HOST_QUEUE };
	const struct npu_admin_context_args context = { .context = 1 };
	struct host *h = *state;
	uint64_t *page = data_page(h, HOST_DATA_VA);
	const struct npu_packet_fence_wait wait = {
		.header.opcode = NPU_PACKET_FENCE_WAIT, .address = HOST_DATA_VA, .value = 1, .mask = ~0ull,
	};
	struct npu_admin_queue_result result;
	struct npu_admin_completion c;

	page[0] = 0;
	host_submit(h, &wait);
	usleep(10000);
	assert_int_equal(host_admin(h, NPU_ADMIN_CONTEXT_DESTROY, &context, sizeof(context), &c), 0);
	assert_int_equal(c.status, NPU_ADMIN_STATUS_BUSY);
	assert_int_equal(host_admin(h, NPU_ADMIN_QUEUE_KILL, &which, sizeof(which), &c), 0);
	assert_int_equal(c.status, NPU_ADMIN_STATUS_OK);
	memcpy(&result, c.payload, sizeof(result));
	assert_int_equal(result.state, NPU_QUEUE_STATE_STOPPED);
	assert_int_equal(result.error, NPU_QUEUE_ERROR_KILLED);
	assert_int_equal(h->control->error, NPU_QUEUE_ERROR_KILLED);
	assert_int_equal(host_admin(h, NPU_ADMIN_QUEUE_DESTROY, &which, sizeof(which), &c), 0);
	assert_int_equal(c.status, NPU_ADMIN_STATUS_OK);
	assert_int_equal(host_admin(h, NPU_ADMIN_CONTEXT_DESTROY, &context, sizeof(context), &c), 0);
	assert_int_equal(c.status, NPU_ADMIN_STATUS_OK);
	assert_int_equal(host_admin(h, NPU_ADMIN_QUEUE_QUERY, &which, sizeof(which), &c), 0);
	assert_int_equal(c.status, NPU_ADMIN_STATUS_NOT_FOUND);
}

static void a_hung_engine_can_be_killed(void **state)
{
	const struct npu_admin_queue_args which = { .queue = HOST_QUEUE };
	const struct npu_packet_fill fill = {
		.header.opcode = NPU_PACKET_FILL, .destination = HOST_DATA_VA, .size = 64, .pattern = 1,
	};
	struct host *h = *state;
	struct npu_admin_completion c;

	data_page(h, HOST_DATA_VA);
	assert_int_equal(card_fault_inject(h->card, "engine-hang", true), 0);
	host_submit(h, &fill);
	usleep(20000);
	assert_int_equal(h->control->head, 0);
	assert_int_equal(host_admin(h, NPU_ADMIN_QUEUE_KILL, &which, sizeof(which), &c), 0);
	assert_int_equal(c.status, NPU_ADMIN_STATUS_OK);
	assert_int_equal(h->control->error, NPU_QUEUE_ERROR_KILLED);
	assert_int_equal(card_fault_inject(h->card, "no-such", true), -2);
}

static void more_queues_than_slots_all_make_progress(void **state)
{
	enum { QUEUES = 40 };
	struct npu_queue_control *control[QUEUES];
	uint8_t *ring[QUEUES];
	struct host *h = *state;
	struct npu_admin_completion c;
	uint64_t *page = data_page(h, HOST_DATA_VA);

	for (uint32_t i = 0; i < QUEUES; i++) {
		struct npu_admin_queue_create_args args = {
			.queue = 100 + i, .context = 1, .ring_va = HOST_DATA_VA + 0x100000 + i * 0x2000,
			.control_va = HOST_DATA_VA + 0x101000 + i * 0x2000, .ring_shift = 4,
			.priority = (uint8_t)(i % 4),
		};
		uint64_t dma;

		ring[i] = host_alloc(h, 4096, &dma);
		host_map(h, args.ring_va, dma, 4096, NPU_PTE_SNOOP);
		control[i] = host_alloc(h, 4096, &dma);
		host_map(h, args.control_va, dma, 4096, NPU_PTE_WRITE);
		control[i]->need_wake = 1;
		assert_int_equal(host_admin(h, NPU_ADMIN_QUEUE_CREATE, &args, sizeof(args), &c), 0);
		assert_int_equal(c.status, 0);
	}
	/* Each waits for the next one's fence, so no order of slots serves them all at once. */
	for (uint32_t i = 0; i < QUEUES; i++) {
		const struct npu_packet_fence_wait wait = {
			.header.opcode = NPU_PACKET_FENCE_WAIT, .mask = ~0ull, .value = 1,
			.address = HOST_DATA_VA + 8 * (i + 1),
		};
		const struct npu_packet_fence_signal signal = {
			.header.opcode = NPU_PACKET_FENCE_SIGNAL, .address = HOST_DATA_VA + 8 * i, .value = 1,
		};
		uint64_t tail = 0;

		if (i < QUEUES - 1)
			memcpy(ring[i] + 64 * tail++, &wait, 64);
		memcpy(ring[i] + 64 * tail++, &signal, 64);
		__atomic_store_n((uint64_t *)(h->doorbells + NPU_DOORBELL_PAGE(100 + i)), tail,
				 __ATOMIC_SEQ_CST);
		card_wake_write(h->card, 100 + i);
	}
	for (int i = 0; i < 60000 && !__atomic_load_n(&page[0], __ATOMIC_ACQUIRE); i++)
		usleep(1000);
	assert_int_equal(page[0], 1);
	for (uint32_t i = 0; i < QUEUES; i++)
		assert_int_equal(page[i], 1);
}

static void reset_forgets_everything_and_boots_again(void **state)
{
	struct host *h = *state;

	host_submit(h, nop);
	assert_true(host_wait(h));
	for (int i = 0; i < 5; i++) {
		const uint32_t resets = card_reg_read32(h->card, NPU_REG_RESET_COUNT);

		card_reset(h->card);
		assert_int_equal(card_reg_read32(h->card, NPU_REG_BOOT_STATUS), 0);
		assert_int_equal(card_reg_read32(h->card, NPU_REG_RESET_COUNT), resets + 1);
		assert_int_equal(*(uint64_t *)(h->doorbells + NPU_DOORBELL_PAGE(HOST_QUEUE)), 0);
		h->used = 0;
		assert_int_equal(host_boot_file(h, image_path), NPU_BOOT_STATE_READY);
		host_enable_admin(h, 64);
		host_make_queue(h, 0);
		host_submit(h, nop);
		assert_true(host_wait(h));
	}
}

static void a_silent_firmware_is_found_by_the_watchdog(void **state)
{
	struct host *h = *state;
	uint32_t status = 0;

	card_fault_inject(h->card, "fw-hang", true);
	for (int i = 0; i < 400; i++) {
		status = card_reg_read32(h->card, NPU_REG_BOOT_STATUS);
		if ((status & NPU_BOOT_STATE_MASK) == NPU_BOOT_STATE_CRASHED)
			break;
		usleep(10000);
	}
	assert_int_equal(status, NPU_BOOT_STATE_CRASHED | NPU_BOOT_REASON_WATCHDOG << 8);
	assert_true(card_reg_read32(h->card, NPU_REG_IRQ_STATUS) & NPU_IRQ_CRASH);
	card_fault_inject(h->card, "fw-hang", false);
	card_reset(h->card);
	assert_int_equal(host_boot_file(h, image_path), NPU_BOOT_STATE_READY);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define T(name, before) cmocka_unit_test_setup_teardown(name, before, teardown)
		T(boots_the_signed_image, setup),
		T(answers_admin_commands_through_many_laps, setup_booted),
		T(reads_telemetry_and_log, setup_booted),
		T(fence_values_arrive_in_order, setup_queue),
		T(interrupts_at_the_event_index_only, setup_queue),
		T(copies_between_system_and_device_memory, setup_queue),
		T(a_fault_stops_the_queue_and_is_recorded, setup_queue),
		T(faults_beyond_the_fifo_are_counted_as_lost, setup_queue),
		T(refuses_malformed_packets, setup_queue),
		T(refuses_a_tail_beyond_the_ring, setup_queue),
		T(a_called_packet_has_no_privilege, setup_booted),
		T(suspend_and_resume_keep_the_place_in_a_call, setup_queue),
		T(kill_and_destroy_leave_memory_alone, setup_queue),
		T(a_hung_engine_can_be_killed, setup_queue),
		T(more_queues_than_slots_all_make_progress, setup_queue),
		T(reset_forgets_everything_and_boots_again, setup_queue),
		T(a_silent_firmware_is_found_by_the_watchdog, setup_booted),
	};

	image_path = argc > 1 ? argv[1] : FIRMWARE_IMAGE;
	log_init(getenv("NPU_SIM_LOG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR, NULL);
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
