// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* Injected faults: each does what its name says, and is gone when it is lifted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <sodium.h>

#include "host.h"
#include "log.h"
#include "pci_function.h"

static int setup_with(void **state, bool debug_registers)
{
	const struct card_config config = { .memory_size = DEVICE_MEMORY, .serial = 7,
					    .debug_registers = debug_registers };
	struct host *h = host_create(&config);

	*state = h;
	if (host_boot_file(h, FIRMWARE_IMAGE) != NPU_BOOT_STATE_READY)
		return -1;
	host_enable_admin(h, 8);
	host_make_queue(h, 0);
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, true);
}

static int setup_without(void **state)
{
	return setup_with(state, false);
}

static int teardown(void **state)
{
	host_destroy(*state);
	return 0;
}

static void fault(struct host *h, uint32_t number, bool on)
{
	card_reg_write32(h->card, NPU_REG_DEBUG_FAULT, number | (on ? NPU_DEBUG_ON : 0));
}

static uint64_t *data_page(struct host *h, uint64_t va)
{
	uint64_t dma;
	uint64_t *page = host_alloc(h, 4096, &dma);

	host_map(h, va, dma, 4096, NPU_PTE_WRITE | NPU_PTE_SNOOP);
	return page;
}

static void signal_fence(struct host *h, uint64_t value)
{
	const struct npu_packet_fence_signal p = {
		.header.opcode = NPU_PACKET_FENCE_SIGNAL, .address = HOST_DATA_VA, .value = value,
	};

	host_submit(h, &p);
	assert_true(host_wait(h));
}

static bool identify(struct host *h)
{
	struct npu_admin_completion c;

	return !host_admin(h, NPU_ADMIN_IDENTIFY, NULL, 0, &c) && !c.status;
}

static void registers_inject_only_where_they_are_enabled(void **state)
{
	struct host *h = *state;

	assert_false(card_reg_read32(h->card, NPU_REG_CAPS) & NPU_CAPS_DEBUG);
	for (uint32_t n = 0; n < 32; n++)
		fault(h, n, true);
	for (uint32_t n = 0; n < 32; n++)
		assert_false(card_fault_holds(h->card, n));
	assert_true(identify(h));
}

static void numbers_without_a_fault_do_nothing(void **state)
{
	struct host *h = *state;

	assert_true(card_reg_read32(h->card, NPU_REG_CAPS) & NPU_CAPS_DEBUG);
	fault(h, 0, true);
	for (uint32_t n = NPU_DEBUG_ENGINE_DEAD + 1; n < 64; n++)
		fault(h, n, true);
	for (uint32_t n = 0; n < 32; n++)
		assert_false(card_fault_holds(h->card, n));
	assert_int_equal(card_fault_inject(h->card, "", true), -2);
	assert_int_equal(card_fault_inject(h->card, "all-ones ", true), -2);
}

static void all_ones_answers_nothing_else(void **state)
{
	struct host *h = *state;
	struct pci_function *f = pci_function_create(h->card, DEVICE_MEMORY, 7);
	const uint32_t lift = NPU_DEBUG_ALL_ONES, value = 1;
	uint32_t got;

	fault(h, NPU_DEBUG_ALL_ONES, true);
	for (uint32_t offset = 0; offset < NPU_REGS_MSIX_TABLE; offset += 4) {
		assert_int_equal(pci_function_read(f, NPU_BAR_REGS, offset, &got, 4), 0);
		assert_int_equal(got, 0xffffffff);
	}
	assert_int_equal(pci_function_write(f, NPU_BAR_REGS, NPU_REG_SCRATCH, &value, 4), 0);
	/* The debug register is the way back. */
	assert_int_equal(pci_function_write(f, NPU_BAR_REGS, NPU_REG_DEBUG_FAULT, &lift, 4), 0);
	assert_int_equal(pci_function_read(f, NPU_BAR_REGS, NPU_REG_SCRATCH, &got, 4), 0);
	assert_int_equal(got, 0);
	assert_int_equal(pci_function_read(f, NPU_BAR_REGS, NPU_REG_ID, &got, 4), 0);
	assert_int_equal(got, NPU_ID_MAGIC);
	pci_function_destroy(f);
}

static void a_firmware_that_hangs_shortly_goes_on(void **state)
{
	struct host *h = *state;
	uint32_t beats;

	for (int i = 0; i < 3; i++) {
		fault(h, NPU_DEBUG_FW_HANG, true);
		usleep(20000);
		beats = card_reg_read32(h->card, NPU_REG_HEARTBEAT);
		usleep(400000);
		assert_int_equal(card_reg_read32(h->card, NPU_REG_HEARTBEAT), beats);
		assert_int_equal(card_reg_read32(h->card, NPU_REG_BOOT_STATUS), NPU_BOOT_STATE_READY);
		fault(h, NPU_DEBUG_FW_HANG, false);
		assert_true(identify(h));
		usleep(200000);
		assert_true(card_reg_read32(h->card, NPU_REG_HEARTBEAT) > beats);
	}
}

static void a_firmware_that_hangs_is_found_by_the_watchdog(void **state)
{
	struct host *h = *state;
	uint32_t status = 0;

	while (host_irq_fired(h, 0, 0))
		;
	fault(h, NPU_DEBUG_FW_HANG, true);
	for (int i = 0; i < 600 && (status & NPU_BOOT_STATE_MASK) != NPU_BOOT_STATE_CRASHED; i++) {
		usleep(10000);
		status = card_reg_read32(h->card, NPU_REG_BOOT_STATUS);
	}
	assert_int_equal(status, NPU_BOOT_STATE_CRASHED | NPU_BOOT_REASON_WATCHDOG << 8);
	assert_true(card_reg_read32(h->card, NPU_REG_IRQ_STATUS) & NPU_IRQ_CRASH);
	assert_true(host_irq_fired(h, 0, 1000));
	fault(h, NPU_DEBUG_FW_HANG, false);
	card_reset(h->card);
	assert_int_equal(host_boot_file(h, FIRMWARE_IMAGE), NPU_BOOT_STATE_READY);
}

static void no_irq_swallows_interrupts_and_nothing_else(void **state)
{
	struct host *h = *state;

	data_page(h, HOST_DATA_VA);
	while (host_irq_fired(h, 0, 0) || host_irq_fired(h, 2, 0))
		;
	fault(h, NPU_DEBUG_NO_IRQ, true);
	h->control->event = h->queue_tail + 1;
	signal_fence(h, 1);
	assert_true(identify(h));
	assert_false(host_irq_fired(h, 2, 50));
	assert_false(host_irq_fired(h, 0, 0));
	assert_true(card_reg_read32(h->card, NPU_REG_IRQ_STATUS) & NPU_IRQ_ADMIN);
	card_reg_write32(h->card, NPU_REG_IRQ_STATUS, ~0u);
	fault(h, NPU_DEBUG_NO_IRQ, false);
	assert_true(identify(h));
	assert_true(host_irq_fired(h, 0, 1000));
}

static void a_storm_fires_every_vector_until_it_is_lifted(void **state)
{
	struct host *h = *state;

	fault(h, NPU_DEBUG_IRQ_STORM, true);
	for (int round = 0; round < 20; round++) {
		for (unsigned int v = 0; v < NPU_MSIX_VECTORS; v++)
			assert_true(host_irq_fired(h, v, 1000));
	}
	fault(h, NPU_DEBUG_IRQ_STORM, false);
	usleep(50000);
	for (unsigned int v = 0; v < NPU_MSIX_VECTORS; v++)
		host_irq_fired(h, v, 0);
	for (unsigned int v = 1; v < NPU_MSIX_VECTORS; v++)
		assert_false(host_irq_fired(h, v, 2));
}

static void a_hung_engine_goes_on_or_is_killed(void **state)
{
	const struct npu_packet_fill fill = {
		.header.opcode = NPU_PACKET_FILL, .destination = HOST_DATA_VA, .size = 64, .pattern = 1,
	};
	const struct npu_admin_queue_args which = { .queue = HOST_QUEUE };
	struct host *h = *state;
	struct npu_admin_completion c;

	data_page(h, HOST_DATA_VA);
	fault(h, NPU_DEBUG_ENGINE_HANG, true);
	host_submit(h, &fill);
	usleep(50000);
	assert_int_equal(h->control->head, 0);
	fault(h, NPU_DEBUG_ENGINE_HANG, false);
	assert_true(host_wait(h));
	assert_int_equal(h->control->error, 0);
	fault(h, NPU_DEBUG_ENGINE_HANG, true);
	host_submit(h, &fill);
	usleep(50000);
	assert_int_equal(host_admin(h, NPU_ADMIN_QUEUE_KILL, &which, sizeof(which), &c), 0);
	assert_int_equal(c.status, NPU_ADMIN_STATUS_OK);
	assert_int_equal(h->control->error, NPU_QUEUE_ERROR_KILLED);
}

/* Also in the middle of a reset. */
static void a_hung_engine_can_be_reset(void **state)
{
	const struct npu_packet_fill fill = {
		.header.opcode = NPU_PACKET_FILL, .destination = HOST_DATA_VA, .size = 64, .pattern = 1,
	};
	struct host *h = *state;

	data_page(h, HOST_DATA_VA);
	fault(h, NPU_DEBUG_ENGINE_HANG, true);
	host_submit(h, &fill);
	usleep(20000);
	card_reset(h->card);
	fault(h, NPU_DEBUG_ENGINE_HANG, false);
	h->used = 0;
	assert_int_equal(host_boot_file(h, FIRMWARE_IMAGE), NPU_BOOT_STATE_READY);
}

static void a_dead_engine_can_only_be_reset(void **state)
{
	const struct npu_packet_fill fill = {
		.header.opcode = NPU_PACKET_FILL, .destination = HOST_DATA_VA, .size = 64, .pattern = 1,
	};
	const struct npu_admin_queue_args which = { .queue = HOST_QUEUE };
	struct host *h = *state;
	struct npu_admin_completion c;

	data_page(h, HOST_DATA_VA);
	fault(h, NPU_DEBUG_ENGINE_DEAD, true);
	host_submit(h, &fill);
	usleep(20000);
	assert_int_equal(host_admin(h, NPU_ADMIN_QUEUE_KILL, &which, sizeof(which), &c), 0);
	assert_int_equal(c.status, NPU_ADMIN_STATUS_TIMEOUT);
	card_reset(h->card);
	fault(h, NPU_DEBUG_ENGINE_DEAD, false);
	h->used = 0;
	assert_int_equal(host_boot_file(h, FIRMWARE_IMAGE), NPU_BOOT_STATE_READY);
}

static void bad_admin_answers_are_garbage(void **state)
{
	struct host *h = *state;
	struct npu_admin_command *command = &h->sq[h->tail % 8];
	unsigned int garbage = 0;

	fault(h, NPU_DEBUG_BAD_ADMIN, true);
	for (int i = 0; i < 20; i++) {
		memset(command, 0, sizeof(*command));
		command->opcode = NPU_ADMIN_IDENTIFY;
		command->tag = 0x1234;
		memset(h->cq, 0, 4096);
		card_reg_write32(h->card, NPU_REG_ADMIN_TAIL, ++h->tail);
		usleep(5000);
		for (int n = 0; n < 8; n++)
			garbage += h->cq[n].tag && h->cq[n].tag != 0x1234;
		command = &h->sq[h->tail % 8];
	}
	assert_true(garbage > 10);
	fault(h, NPU_DEBUG_BAD_ADMIN, false);
	host_enable_admin(h, 8);
	assert_true(identify(h));
}

static void fences_that_go_backwards(void **state)
{
	struct host *h = *state;
	uint64_t *page = data_page(h, HOST_DATA_VA);

	signal_fence(h, 10);
	assert_int_equal(page[0], 10);
	fault(h, NPU_DEBUG_FENCE_BACKWARDS, true);
	signal_fence(h, 11);
	assert_true(page[0] < 10);
	fault(h, NPU_DEBUG_FENCE_BACKWARDS, false);
	signal_fence(h, 12);
	assert_int_equal(page[0], 12);
}

/* A memory error stops the queue that meets it, and is counted. */
static void memory_errors_stop_the_queue_that_meets_them(void **state)
{
	const struct npu_packet_copy copy = {
		.header.opcode = NPU_PACKET_COPY, .source = HOST_DATA_VA + 0x10000,
		.destination = HOST_DATA_VA, .size = 4096,
	};
	struct npu_admin_buffer_args args = { .size = sizeof(struct npu_telemetry) };
	struct host *h = *state;
	struct npu_telemetry *telemetry;
	struct npu_admin_completion c;
	uint64_t dma;

	telemetry = host_alloc(h, 4096, &dma);
	args.address = dma;
	memset(h->device + 0x5000, 0x5a, 4096);
	data_page(h, HOST_DATA_VA);
	host_map(h, HOST_DATA_VA + 0x10000, 0x5000, 4096, NPU_PTE_WRITE | NPU_PTE_DEVICE);
	assert_int_equal(card_inject_ecc(h->card, 0x5123, true), 0);
	host_submit(h, &copy);
	assert_true(host_wait(h));
	assert_int_equal(h->control->error, 0);
	assert_int_equal(card_inject_ecc(h->card, 0x5fff, false), 0);
	host_submit(h, &copy);
	assert_true(host_wait(h));
	assert_int_equal(h->control->error, NPU_QUEUE_ERROR_ECC);
	assert_int_equal(card_reg_read32(h->card, NPU_REG_FAULT_INFO),
			 NPU_FAULT_VALID | NPU_FAULT_REASON_ECC << 8);
	assert_int_equal(host_admin(h, NPU_ADMIN_TELEMETRY, &args, sizeof(args), &c), 0);
	assert_int_equal(telemetry->ecc_corrected, 1);
	assert_int_equal(telemetry->ecc_uncorrected, 1);
	assert_int_equal(card_inject_ecc(h->card, DEVICE_MEMORY, true), -22);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		cmocka_unit_test_setup_teardown(registers_inject_only_where_they_are_enabled, setup_without,
						teardown),
		T(numbers_without_a_fault_do_nothing),
		T(all_ones_answers_nothing_else),
		T(a_firmware_that_hangs_shortly_goes_on),
		T(a_firmware_that_hangs_is_found_by_the_watchdog),
		T(no_irq_swallows_interrupts_and_nothing_else),
		T(a_storm_fires_every_vector_until_it_is_lifted),
		T(a_hung_engine_goes_on_or_is_killed),
		T(a_hung_engine_can_be_reset),
		T(a_dead_engine_can_only_be_reset),
		T(bad_admin_answers_are_garbage),
		T(fences_that_go_backwards),
		T(memory_errors_stop_the_queue_that_meets_them),
	};

	log_init(LOG_LEVEL_DEBUG, getenv("NPU_SIM_LOG") ? NULL : "/dev/null");
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
