// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* The admin queue's protocol, contexts, telemetry, log and governor. */
#include "model.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "main.h"

static int setup(void **state)
{
	model_boot(8);
	return 0;
}

static void identifies_itself(void **state)
{
	struct npu_admin_identify_result r;

	assert_int_equal(model_admin(NPU_ADMIN_IDENTIFY, NULL, 0), NPU_ADMIN_STATUS_OK);
	memcpy(&r, model.last.payload, sizeof(r));
	assert_int_equal(r.fw_version, FIRMWARE_VERSION);
	assert_int_equal(r.fw_version, model.fw_version);
	assert_int_equal(r.abi_min, NPU_ABI_MAJOR << 16 | NPU_ABI_MINOR);
	assert_int_equal(r.max_queues, NPU_QUEUES_MAX);
	assert_int_equal(r.max_contexts, NPU_CONTEXTS_MAX);
	assert_int_equal(r.features, 0);
	assert_int_equal(strncmp((char *)r.build_id, FIRMWARE_BUILD_ID, sizeof(r.build_id)), 0);
}

static void unknown_opcodes_are_refused(void **state)
{
	for (unsigned int opcode = 0; opcode < 256; opcode++) {
		if (opcode >= NPU_ADMIN_IDENTIFY && opcode <= NPU_ADMIN_QUEUE_SET)
			continue;
		assert_int_equal(model_admin((uint8_t)opcode, NULL, 0), NPU_ADMIN_STATUS_UNKNOWN);
	}
}

/* Every byte of a command that has no meaning must be zero. */
static void bytes_without_a_meaning_are_refused(void **state)
{
	static const uint8_t used[] = { 0, 0, 16, 16, 44, 8, 8, 8, 8, 8, 24, 24, 24, 12 };

	for (uint8_t opcode = NPU_ADMIN_IDENTIFY; opcode <= NPU_ADMIN_QUEUE_SET; opcode++) {
		for (unsigned int i = used[opcode]; i < 56; i++) {
			uint8_t payload[56] = { 0 };

			payload[i] = 1;
			assert_int_equal(model_admin(opcode, payload, sizeof(payload)),
					 NPU_ADMIN_STATUS_INVALID);
		}
		for (unsigned int i = 1; i < 8; i++) {
			struct npu_admin_command *c;

			if (i == 2 || i == 3)
				continue;	/* the tag */
			model_submit(opcode, 7, NULL, 0);
			c = (struct npu_admin_command *)(model.memory +
							 64 * ((model.admin.tail - 1) % model.admin.size));
			((uint8_t *)c)[i] = 0x40;
			model_run(200000);
			assert_true(model_completion());
			assert_int_equal(model.last.status, NPU_ADMIN_STATUS_INVALID);
			assert_int_equal(model.last.tag, 7);
		}
	}
}

static void the_phase_turns_with_each_lap(void **state)
{
	for (uint32_t entries = NPU_ADMIN_SIZE_MIN; entries <= NPU_ADMIN_SIZE_MAX; entries *= 2) {
		model_boot(entries);
		for (uint32_t i = 0; i < 5 * entries + 3; i++)
			assert_int_equal(model_admin(NPU_ADMIN_IDENTIFY, NULL, 0), NPU_ADMIN_STATUS_OK);
		assert_int_equal(model.admin_irqs, 5 * entries + 3);
		/* All at once, a full ring. */
		for (uint32_t i = 0; i < entries; i++)
			model_submit(NPU_ADMIN_IDENTIFY, (uint16_t)i, NULL, 0);
		model_run(200000);
		for (uint32_t i = 0; i < entries; i++) {
			assert_true(model_completion());
			assert_int_equal(model.last.tag, i);
		}
		assert_false(model_completion());
	}
}

static void a_tail_beyond_the_ring_is_dropped(void **state)
{
	static const uint32_t jumps[] = { 9, 100, 0x80000000, 0xffffffff };

	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		model_boot(8);
		assert_int_equal(model_admin(NPU_ADMIN_IDENTIFY, NULL, 0), NPU_ADMIN_STATUS_OK);
		model.admin.tail += jumps[i];
		model.pending |= NPU_MG_INT_ADMIN;
		model_run(300000);
		assert_false(model_completion());
		/* From there on it goes on. */
		assert_int_equal(model_admin(NPU_ADMIN_IDENTIFY, NULL, 0), NPU_ADMIN_STATUS_OK);
	}
}

static void rings_that_make_no_sense_are_not_used(void **state)
{
	static const struct {
		uint64_t sq, cq;
		uint32_t size;
	} cases[] = {
		{ MODEL_BASE, MODEL_BASE + 0x2000, 0 }, { MODEL_BASE, MODEL_BASE + 0x2000, 2 },
		{ MODEL_BASE, MODEL_BASE + 0x2000, 12 }, { MODEL_BASE, MODEL_BASE + 0x2000, 128 },
		{ MODEL_BASE, MODEL_BASE + 0x2000, 0x80000000 }, { MODEL_BASE + 64, MODEL_BASE + 0x2000, 8 },
		{ MODEL_BASE, MODEL_BASE + 0x2800, 8 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t before[0x4000];

		model_disable_admin();
		model_enable_admin(8);
		model.admin.sq = cases[i].sq;
		model.admin.cq = cases[i].cq;
		model.admin.size = cases[i].size;
		model.admin.tail = 1;
		model.memory[0] = NPU_ADMIN_IDENTIFY;
		memcpy(before, model.memory, sizeof(before));
		model_run(300000);
		assert_memory_equal(before, model.memory, sizeof(before));
	}
	/* A good one is used again. */
	model_disable_admin();
	model_enable_admin(4);
	assert_int_equal(model_admin(NPU_ADMIN_IDENTIFY, NULL, 0), NPU_ADMIN_STATUS_OK);
}

static void rings_that_do_not_answer_stop_nothing(void **state)
{
	const uint32_t beats = model.heartbeat;

	model.dma_fails = true;
	model_submit(NPU_ADMIN_IDENTIFY, 1, NULL, 0);
	model_run(500000000);
	assert_true(model.heartbeat >= beats + 5);
	model.dma_fails = false;
	assert_false(model_completion());
	assert_int_equal(model_admin(NPU_ADMIN_IDENTIFY, NULL, 0), NPU_ADMIN_STATUS_OK);
}

/* Disabled and enabled again before the firmware looks: the rings are new. */
static void new_rings_start_from_the_beginning(void **state)
{
	for (int i = 0; i < 3; i++)
		assert_int_equal(model_admin(NPU_ADMIN_IDENTIFY, NULL, 0), NPU_ADMIN_STATUS_OK);
	model_disable_admin();
	model_enable_admin(16);
	assert_int_equal(model_admin(NPU_ADMIN_IDENTIFY, NULL, 0), NPU_ADMIN_STATUS_OK);
	assert_int_equal(model.head, 1);
	model_disable_admin();
	model_run(200000);
	model_enable_admin(4);
	assert_int_equal(model_admin(NPU_ADMIN_IDENTIFY, NULL, 0), NPU_ADMIN_STATUS_OK);
	assert_int_equal(model.head, 1);
}

/* A command that waits is answered into its own rings or not at all. */
static void an_answer_does_not_reach_other_rings(void **state)
{
	const struct npu_admin_queue_args args = { .queue = 1 };

	model_create(1, 1, NPU_QUEUE_PRIORITY_NORMAL, 0);
	model_load(1, LOAD_STUCK);
	model_run(2000000);
	model_submit(NPU_ADMIN_QUEUE_SUSPEND, 5, &args, sizeof(args));
	model_run(2000000);
	assert_false(model_completion());
	model_disable_admin();
	model_enable_admin(8);
	model_load(1, LOAD_BUSY);
	model_run(2000000000);
	assert_false(model_completion());
	/* The queue was suspended all the same. */
	assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_QUERY, 1), NPU_ADMIN_STATUS_OK);
	assert_int_equal(model_result().state, NPU_QUEUE_STATE_SUSPENDED);
}

static int context_command(uint8_t opcode, uint32_t context, uint64_t root)
{
	const struct npu_admin_context_args args = { .context = context, .root = root };

	return model_admin(opcode, &args, sizeof(args));
}

static void contexts_are_created_and_destroyed(void **state)
{
	assert_int_equal(context_command(NPU_ADMIN_CONTEXT_CREATE, 0, 0x1000), NPU_ADMIN_STATUS_INVALID);
	assert_int_equal(context_command(NPU_ADMIN_CONTEXT_CREATE, NPU_CONTEXTS_MAX, 0x1000),
			 NPU_ADMIN_STATUS_INVALID);
	assert_int_equal(context_command(NPU_ADMIN_CONTEXT_CREATE, 0xffffffff, 0x1000),
			 NPU_ADMIN_STATUS_INVALID);
	assert_int_equal(context_command(NPU_ADMIN_CONTEXT_CREATE, 1, 0x1001), NPU_ADMIN_STATUS_INVALID);
	assert_int_equal(context_command(NPU_ADMIN_CONTEXT_CREATE, 1, 1ull << 52), NPU_ADMIN_STATUS_INVALID);
	for (uint32_t i = 1; i < NPU_CONTEXTS_MAX; i++)
		assert_int_equal(context_command(NPU_ADMIN_CONTEXT_CREATE, i, i << 12 | 4), NPU_ADMIN_STATUS_OK);
	assert_int_equal(context_command(NPU_ADMIN_CONTEXT_CREATE, 7, 0x1000), NPU_ADMIN_STATUS_EXISTS);
	model_create(9, 7, NPU_QUEUE_PRIORITY_LOW, 0);
	assert_int_equal(context_command(NPU_ADMIN_CONTEXT_DESTROY, 7, 0), NPU_ADMIN_STATUS_BUSY);
	assert_int_equal(context_command(NPU_ADMIN_CONTEXT_DESTROY, 8, 0x1000), NPU_ADMIN_STATUS_INVALID);
	assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_DESTROY, 9), NPU_ADMIN_STATUS_OK);
	for (uint32_t i = 1; i < NPU_CONTEXTS_MAX; i++) {
		assert_int_equal(context_command(NPU_ADMIN_CONTEXT_DESTROY, i, 0), NPU_ADMIN_STATUS_OK);
		assert_false(model.context_on[i]);
	}
	assert_int_equal(context_command(NPU_ADMIN_CONTEXT_DESTROY, 7, 0), NPU_ADMIN_STATUS_NOT_FOUND);
}

static void invalidations_are_checked_and_passed_on(void **state)
{
	static const struct {
		uint32_t context;
		uint64_t va, size;
		int status;
	} cases[] = {
		{ 1, 0, 0, NPU_ADMIN_STATUS_OK }, { 1, 0x1000, 0x1000, NPU_ADMIN_STATUS_OK },
		{ 1, 0, 1ull << 48, NPU_ADMIN_STATUS_OK },
		{ 1, (1ull << 48) - 0x1000, 0x1000, NPU_ADMIN_STATUS_OK },
		{ 1, 0x1000, 0, NPU_ADMIN_STATUS_INVALID }, { 1, 0x1001, 0x1000, NPU_ADMIN_STATUS_INVALID },
		{ 1, 0x1000, 0x1001, NPU_ADMIN_STATUS_INVALID },
		{ 1, 1ull << 48, 0x1000, NPU_ADMIN_STATUS_INVALID },
		{ 1, 0x1000, 1ull << 48, NPU_ADMIN_STATUS_INVALID },
		{ 1, 0x1000, ~0xfffull, NPU_ADMIN_STATUS_INVALID }, { 0, 0, 0, NPU_ADMIN_STATUS_INVALID },
		{ 2, 0, 0, NPU_ADMIN_STATUS_NOT_FOUND }, { NPU_CONTEXTS_MAX, 0, 0, NPU_ADMIN_STATUS_INVALID },
	};

	assert_int_equal(context_command(NPU_ADMIN_CONTEXT_CREATE, 1, 0x1000), NPU_ADMIN_STATUS_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct npu_admin_tlb_args args = { cases[i].context, 0, cases[i].va, cases[i].size };
		const uint32_t before = model.invalidations;

		assert_int_equal(model_admin(NPU_ADMIN_TLB_INVALIDATE, &args, sizeof(args)), cases[i].status);
		assert_int_equal(model.invalidations - before, cases[i].status == NPU_ADMIN_STATUS_OK);
		if (!cases[i].status) {
			assert_int_equal(model.invalidate_va, cases[i].va);
			assert_int_equal(model.invalidate_size, cases[i].size);
		}
	}
}

static struct npu_admin_buffer_result buffer(uint8_t opcode, uint64_t address, uint32_t size,
					     uint64_t cursor, int status)
{
	const struct npu_admin_buffer_args args = { address, size, 0, cursor };
	struct npu_admin_buffer_result result;

	assert_int_equal(model_admin(opcode, &args, sizeof(args)), status);
	memcpy(&result, model.last.payload, sizeof(result));
	return result;
}

#define BUFFER (MODEL_BASE + 0x10000)

static void telemetry_writes_no_more_than_asked(void **state)
{
	struct npu_telemetry t;

	model.temperature = -5000;
	model.power = 12345;
	for (uint32_t size = 1; size < sizeof(t) + 8; size++) {
		memset(model.memory + 0x10000, 0xee, 256);
		assert_int_equal(buffer(NPU_ADMIN_TELEMETRY, BUFFER, size, 0, 0).written,
				 size < sizeof(t) ? size : sizeof(t));
		assert_int_equal(model.memory[0x10000 + (size < sizeof(t) ? size : sizeof(t))], 0xee);
	}
	memcpy(&t, model.memory + 0x10000, sizeof(t));
	assert_int_equal(t.temperature_mc, -5000);
	assert_int_equal(t.power_mw, 12345);
	assert_int_equal(t.clock_max_mhz, 1200);
	assert_int_equal(t.packets, 4711);
	assert_true(t.power_cap_mw > 0);
	assert_int_equal(t.queues, 0);
	model_create(3, 1, 0, 0);
	model_load(3, LOAD_BUSY);
	model_run(1000000);
	buffer(NPU_ADMIN_TELEMETRY, BUFFER, 4096, 0, 0);
	memcpy(&t, model.memory + 0x10000, sizeof(t));
	assert_int_equal(t.queues, 1);
	assert_int_equal(t.slots_active, 1);
	buffer(NPU_ADMIN_TELEMETRY, BUFFER + 8, 4096, 0, NPU_ADMIN_STATUS_INVALID);
	buffer(NPU_ADMIN_TELEMETRY, BUFFER, 0, 0, NPU_ADMIN_STATUS_INVALID);
	assert_int_equal(buffer(NPU_ADMIN_TELEMETRY, 0x1000, 4096, 0, NPU_ADMIN_STATUS_DMA).written, 0);
}

static void the_log_is_read_from_a_cursor(void **state)
{
	struct npu_admin_buffer_result r;
	const char *text = (const char *)model.memory + 0x10000;
	uint64_t cursor = 0;

	r = buffer(NPU_ADMIN_LOG_READ, BUFFER, 4096, 0, 0);
	assert_int_equal(r.cursor, 0);
	assert_non_null(strstr(text, "npu firmware"));
	/* In small pieces it is the same text. */
	for (uint32_t i = 0; i < r.written; i += 5) {
		char piece[8];
		const struct npu_admin_buffer_result p = buffer(NPU_ADMIN_LOG_READ, BUFFER + 0x1000, 5, i, 0);

		memcpy(piece, model.memory + 0x11000, p.written);
		assert_int_equal(p.cursor, i);
		assert_memory_equal(piece, text + i, p.written);
	}
	cursor = r.written;
	r = buffer(NPU_ADMIN_LOG_READ, BUFFER, 4096, cursor, 0);
	assert_int_equal(r.written, 0);
	assert_int_equal(r.cursor, cursor);
	/* A cursor in the future is brought back. */
	r = buffer(NPU_ADMIN_LOG_READ, BUFFER, 4096, ~0ull, 0);
	assert_int_equal(r.written, 0);
	assert_int_equal(r.cursor, cursor);
}

static void the_log_wraps_and_skips_what_is_gone(void **state)
{
	struct npu_admin_buffer_result r;
	static char all[1 << 16];
	uint64_t cursor = 0, start = 0;
	uint32_t length = 0;

	for (unsigned int i = 0; i < 1200; i++)
		log_line("line %u of %s: %x %%", i, "many", i * 3);
	assert_true(model.trace_length > 3 * LOG_SIZE);
	for (;;) {
		r = buffer(NPU_ADMIN_LOG_READ, BUFFER, 700, cursor, 0);
		if (!r.written)
			break;
		if (!length)
			start = r.cursor;
		assert_int_equal(r.cursor, start + length);
		memcpy(all + length, model.memory + 0x10000, r.written);
		length += r.written;
		cursor = r.cursor + r.written;
	}
	assert_int_equal(length, LOG_SIZE);
	/* The ring is the end of all that was said. */
	assert_int_equal(start, model.trace_length - LOG_SIZE);
	assert_memory_equal(all, model.trace + start, LOG_SIZE);
	assert_non_null(strstr(all, "line 1199 of many: e0d "));
}

static void the_heart_beats_every_100_ms(void **state)
{
	for (int i = 0; i < 50; i++) {
		const uint32_t before = model.heartbeat;

		model_run(100000000);
		assert_true(model.heartbeat > before);
	}
	/* Seldom enough to let the core sleep. */
	assert_true(model.heartbeat < 150);
}

static void too_much_power_or_heat_lowers_the_clock(void **state)
{
	struct npu_telemetry t;

	model.power = 90000;
	model_run(1000000000);
	assert_true(model.clock < 1200);
	assert_true(model.clock >= 150);
	buffer(NPU_ADMIN_TELEMETRY, BUFFER, 4096, 0, 0);
	memcpy(&t, model.memory + 0x10000, sizeof(t));
	assert_int_equal(t.throttle, NPU_THROTTLE_POWER);
	model.power = 20000;
	model_run(1000000000);
	assert_int_equal(model.clock, 1200);
	model.temperature = 97000;
	model_run(500000000);
	assert_true(model.clock < 1200);
	buffer(NPU_ADMIN_TELEMETRY, BUFFER, 4096, 0, 0);
	memcpy(&t, model.memory + 0x10000, sizeof(t));
	assert_int_equal(t.throttle, NPU_THROTTLE_THERMAL);
	/* Just below the limit it holds, clearly below it recovers. */
	model.temperature = 94000;
	model_run(500000000);
	assert_true(model.clock < 1200);
	model.temperature = 60000;
	model_run(1000000000);
	assert_int_equal(model.clock, 1200);
	assert_non_null(strstr(model.trace, "throttle"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(identifies_itself),
		T(unknown_opcodes_are_refused),
		T(bytes_without_a_meaning_are_refused),
		T(the_phase_turns_with_each_lap),
		T(a_tail_beyond_the_ring_is_dropped),
		T(rings_that_make_no_sense_are_not_used),
		T(rings_that_do_not_answer_stop_nothing),
		T(new_rings_start_from_the_beginning),
		T(an_answer_does_not_reach_other_rings),
		T(contexts_are_created_and_destroyed),
		T(invalidations_are_checked_and_passed_on),
		T(telemetry_writes_no_more_than_asked),
		T(the_log_is_read_from_a_cursor),
		T(the_log_wraps_and_skips_what_is_gone),
		T(the_heart_beats_every_100_ms),
		T(too_much_power_or_heat_lowers_the_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
