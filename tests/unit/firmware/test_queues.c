// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* The life of a queue: every command in every state it can be in. */
#include "model.h"

#include <stdlib.h>
#include <string.h>

#define MS	1000000ull
#define S	1000000000ull

static int setup(void **state)
{
	model_boot(64);
	return 0;
}

static void create_arguments_are_checked(void **state)
{
#define FIELD(name) #name, offsetof(struct npu_admin_queue_create_args, name), \
	sizeof(((struct npu_admin_queue_create_args *)0)->name)
	static const struct {
		const char *what;
		size_t offset, size;
		uint64_t value;
		int status;
	} cases[] = {
		{ FIELD(queue), NPU_QUEUES_MAX, NPU_ADMIN_STATUS_INVALID },
		{ FIELD(queue), 0xffffffff, NPU_ADMIN_STATUS_INVALID },
		{ FIELD(context), 2, NPU_ADMIN_STATUS_NOT_FOUND },
		{ FIELD(context), 0, NPU_ADMIN_STATUS_NOT_FOUND },
		{ FIELD(context), 0x80000000, NPU_ADMIN_STATUS_NOT_FOUND },
		{ FIELD(ring_va), 0x1040, NPU_ADMIN_STATUS_INVALID },
		{ FIELD(ring_va), 1ull << 48, NPU_ADMIN_STATUS_INVALID },
		{ FIELD(ring_va), (1ull << 48) - 0x1000, NPU_ADMIN_STATUS_INVALID },
		{ FIELD(ring_va), (1ull << 48) - 0x2000, NPU_ADMIN_STATUS_OK },
		{ FIELD(control_va), 0x2080, NPU_ADMIN_STATUS_INVALID },
		{ FIELD(control_va), ~0xfffull, NPU_ADMIN_STATUS_INVALID },
		{ FIELD(ring_shift), 3, NPU_ADMIN_STATUS_INVALID },
		{ FIELD(ring_shift), 17, NPU_ADMIN_STATUS_INVALID },
		{ FIELD(ring_shift), 255, NPU_ADMIN_STATUS_INVALID },
		{ FIELD(ring_shift), 16, NPU_ADMIN_STATUS_OK },
		{ FIELD(priority), 4, NPU_ADMIN_STATUS_INVALID },
		{ FIELD(priority), 3, NPU_ADMIN_STATUS_OK },
		{ FIELD(vector), NPU_MSIX_VECTORS, NPU_ADMIN_STATUS_INVALID },
		{ FIELD(vector), NPU_MSIX_VECTORS - 1, NPU_ADMIN_STATUS_OK },
		{ FIELD(flags), 4, NPU_ADMIN_STATUS_INVALID },
		{ FIELD(flags), NPU_QUEUE_SUSPENDED, NPU_ADMIN_STATUS_OK },
		{ FIELD(flags), NPU_QUEUE_PRIVILEGED, NPU_ADMIN_STATUS_OK },
		/* An active queue begins at the beginning. */
		{ FIELD(head), 1, NPU_ADMIN_STATUS_INVALID },
		{ FIELD(call), 1, NPU_ADMIN_STATUS_INVALID },
		{ FIELD(queue), NPU_QUEUES_MAX - 1, NPU_ADMIN_STATUS_OK },
	};
	const struct npu_admin_context_args context = { .context = 1, .root = 0x1000 };

	assert_int_equal(model_admin(NPU_ADMIN_CONTEXT_CREATE, &context, sizeof(context)), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct npu_admin_queue_create_args args = {
			.queue = 1, .context = 1, .ring_va = 0x1000, .control_va = 0x3000, .ring_shift = 7,
		};
		int status;

		memcpy((uint8_t *)&args + cases[i].offset, &cases[i].value, cases[i].size);
		status = model_admin(NPU_ADMIN_QUEUE_CREATE, &args, sizeof(args));
		if (status != cases[i].status)
			fail_msg("%s 0x%llx: status %d", cases[i].what, (unsigned long long)cases[i].value,
				 status);
		if (status)
			continue;
		assert_int_equal(model_admin(NPU_ADMIN_QUEUE_CREATE, &args, sizeof(args)),
				 NPU_ADMIN_STATUS_EXISTS);
		assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_DESTROY, args.queue), 0);
	}
}

static void commands_on_queues_that_do_not_exist(void **state)
{
	for (uint8_t opcode = NPU_ADMIN_QUEUE_DESTROY; opcode <= NPU_ADMIN_QUEUE_QUERY; opcode++) {
		assert_int_equal(model_queue_command(opcode, 5), NPU_ADMIN_STATUS_NOT_FOUND);
		assert_int_equal(model_queue_command(opcode, NPU_QUEUES_MAX), NPU_ADMIN_STATUS_INVALID);
		assert_int_equal(model_queue_command(opcode, 0xffffffff), NPU_ADMIN_STATUS_INVALID);
	}
}

static void a_new_owner_finds_an_empty_doorbell(void **state)
{
	model.queues[4].tail = 99;
	model_create(4, 1, 1, 0);
	assert_int_equal(model.queues[4].tail, 0);
	model_run(5 * MS);
	assert_int_equal(model.queues[4].loads, 0);
	model_load(4, LOAD_BUSY);
	model_run(5 * MS);
	assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_DESTROY, 4), NPU_ADMIN_STATUS_OK);
	assert_int_equal(model.queues[4].tail, 0);
	assert_false(model.queues[4].watched);
}

static void a_queue_goes_on_where_another_stood(void **state)
{
	struct npu_admin_queue_create_args args = {
		.queue = 6, .context = 1, .ring_va = 0x1000, .control_va = 0x3000, .ring_shift = 7,
		.flags = NPU_QUEUE_SUSPENDED, .head = 0x100000002, .call = NPU_CALL_MAX,
	};
	const struct npu_admin_context_args context = { .context = 1, .root = 0x1000 };
	int slot;

	assert_int_equal(model_admin(NPU_ADMIN_CONTEXT_CREATE, &context, sizeof(context)), 0);
	assert_int_equal(model_admin(NPU_ADMIN_QUEUE_CREATE, &args, sizeof(args)),
			 NPU_ADMIN_STATUS_INVALID);
	args.call = 7;
	assert_int_equal(model_admin(NPU_ADMIN_QUEUE_CREATE, &args, sizeof(args)), 0);
	assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_QUERY, 6), 0);
	assert_int_equal(model_result().state, NPU_QUEUE_STATE_SUSPENDED);
	assert_true(model_result().head == args.head && model_result().call == 7);
	/* Its doorbell reads 0, and nobody looks at it. */
	model_run(300 * MS);
	assert_int_equal(model.queues[6].loads, 0);
	model.queues[6].tail = args.head;
	model_load(6, LOAD_BUSY);
	model_run(300 * MS);
	assert_int_equal(model.queues[6].loads, 0);
	assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_RESUME, 6), 0);
	model_run(5 * MS);
	slot = model_slot_of(6);
	assert_true(slot >= 0);
	assert_int_equal(model.slots[slot].reg[NPU_MG_SLOT_HEAD_LO / 4], 2);
	assert_int_equal(model.slots[slot].reg[NPU_MG_SLOT_HEAD_HI / 4], 1);
	assert_int_equal(model.slots[slot].reg[NPU_MG_SLOT_CALL / 4], 7);
	assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_DESTROY, 6), 0);
}

/* The places a queue can be in when a command comes. */
enum place {
	OUT,		/* never had work */
	READY,		/* has work, no slot free */
	IDLE,		/* in a slot */
	RUNNING,
	WAITING,
	LEAVING,	/* on its way out of a slot for somebody else */
	SUSPENDED,
	STOPPED,
	PLACES,
};

#define QUEUE 77

static void bring_to(enum place place)
{
	model_boot(64);
	model_create(QUEUE, 50, NPU_QUEUE_PRIORITY_LOW, 0);
	switch (place) {
	case OUT:
	case PLACES:
		break;
	case READY:
		for (uint32_t i = 0; i < MODEL_SLOTS; i++) {
			model_create(i, 1, NPU_QUEUE_PRIORITY_REALTIME, 0);
			model_load(i, LOAD_BUSY);
		}
		model_run(5 * MS);
		model_load(QUEUE, LOAD_BUSY);
		model_run(5 * MS);
		assert_int_equal(model_slot_of(QUEUE), -1);
		break;
	case IDLE:
		model_load(QUEUE, LOAD_BUSY);
		model_run(2 * MS);
		model_load(QUEUE, LOAD_NONE);
		model_run(2 * MS);
		assert_int_equal(model.slots[model_slot_of(QUEUE)].state, NPU_MG_SLOT_IDLE);
		break;
	case RUNNING:
	case WAITING:
		model_load(QUEUE, place == RUNNING ? LOAD_BUSY : LOAD_WAIT);
		model_run(2 * MS);
		assert_true(model_slot_of(QUEUE) >= 0);
		break;
	case LEAVING:
		model_load(QUEUE, LOAD_BUSY);
		model_run(2 * MS);
		model.unload_ns = 50 * MS;
		for (uint32_t i = 0; i < MODEL_SLOTS; i++) {
			model_create(i, 1, NPU_QUEUE_PRIORITY_REALTIME, 0);
			model_load(i, LOAD_BUSY);
		}
		model_run(5 * MS);
		assert_int_equal(model.slots[model_slot_of(QUEUE)].state, NPU_MG_SLOT_STOPPING);
		break;
	case SUSPENDED:
		model_load(QUEUE, LOAD_BUSY);
		model_run(2 * MS);
		assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_SUSPEND, QUEUE), 0);
		break;
	case STOPPED:
		model_load(QUEUE, LOAD_FAULT);
		model_run(2 * MS);
		break;
	}
}

static void expect_state(uint32_t state, uint32_t error)
{
	assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_QUERY, QUEUE), NPU_ADMIN_STATUS_OK);
	assert_int_equal(model_result().state, state);
	assert_int_equal(model_result().error, error);
}

/* The queue is in no slot and stays there. */
static void expect_still(void)
{
	const uint32_t loads = model.queues[QUEUE].loads;

	assert_int_equal(model_slot_of(QUEUE), -1);
	model_load(QUEUE, LOAD_BUSY);
	model_run(300 * MS);
	assert_int_equal(model.queues[QUEUE].loads, loads);
}

static void suspend_and_resume_in_every_state(void **state)
{
	for (enum place place = OUT; place < PLACES; place++) {
		bring_to(place);
		assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_RESUME, QUEUE),
				 place == SUSPENDED ? NPU_ADMIN_STATUS_OK : NPU_ADMIN_STATUS_STATE);
		if (place == SUSPENDED)
			expect_state(NPU_QUEUE_STATE_ACTIVE, 0);
		if (place == STOPPED) {
			assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_SUSPEND, QUEUE),
					 NPU_ADMIN_STATUS_STATE);
			expect_state(NPU_QUEUE_STATE_STOPPED, NPU_QUEUE_ERROR_FAULT);
			continue;
		}
		assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_SUSPEND, QUEUE), NPU_ADMIN_STATUS_OK);
		assert_int_equal(model_result().state, NPU_QUEUE_STATE_SUSPENDED);
		expect_still();
		/* Twice is no mistake. */
		assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_SUSPEND, QUEUE), NPU_ADMIN_STATUS_OK);
		for (uint32_t i = 0; i < MODEL_SLOTS; i++)
			model_load(i, LOAD_NONE);
		assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_RESUME, QUEUE), NPU_ADMIN_STATUS_OK);
		assert_int_equal(model_result().state, NPU_QUEUE_STATE_ACTIVE);
		model_run(100 * MS);
		assert_true(model_slot_of(QUEUE) >= 0);
	}
}

static void kill_in_every_state(void **state)
{
	for (enum place place = OUT; place < PLACES; place++) {
		const uint32_t error = place == STOPPED ? NPU_QUEUE_ERROR_FAULT : NPU_QUEUE_ERROR_KILLED;

		bring_to(place);
		assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_KILL, QUEUE), NPU_ADMIN_STATUS_OK);
		assert_int_equal(model_result().state, NPU_QUEUE_STATE_STOPPED);
		assert_int_equal(model_result().error, error);
		expect_still();
		expect_state(NPU_QUEUE_STATE_STOPPED, error);
		assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_RESUME, QUEUE), NPU_ADMIN_STATUS_STATE);
		assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_SUSPEND, QUEUE), NPU_ADMIN_STATUS_STATE);
		/* Killed already is no mistake either. */
		assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_KILL, QUEUE), NPU_ADMIN_STATUS_OK);
		assert_int_equal(model_result().error, error);
	}
}

static void destroy_in_every_state(void **state)
{
	const struct npu_admin_context_args context = { .context = 50 };

	for (enum place place = OUT; place < PLACES; place++) {
		bring_to(place);
		assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_DESTROY, QUEUE), NPU_ADMIN_STATUS_OK);
		expect_still();
		assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_QUERY, QUEUE),
				 NPU_ADMIN_STATUS_NOT_FOUND);
		/* The context has been let go of, and the number can be used again. */
		assert_int_equal(model_admin(NPU_ADMIN_CONTEXT_DESTROY, &context, sizeof(context)),
				 NPU_ADMIN_STATUS_OK);
		model.context_on[50] = false;
		model_create(QUEUE, 50, NPU_QUEUE_PRIORITY_REALTIME, 0);
		model_load(QUEUE, LOAD_BUSY);
		model.queues[QUEUE].served_ns = 0;
		model_run(200 * MS);
		assert_true(model.queues[QUEUE].served_ns > 0);
	}
}

static void accounting_outlives_the_slots(void **state)
{
	struct npu_admin_queue_result first, second;

	model_create(QUEUE, 1, NPU_QUEUE_PRIORITY_NORMAL, 0);
	model_load(QUEUE, LOAD_BUSY);
	model_run(50 * MS);
	assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_SUSPEND, QUEUE), 0);
	first = model_result();
	assert_true(first.busy_ns > 40 * MS && first.busy_ns <= model.queues[QUEUE].served_ns);
	assert_true(first.energy_nj > 0);
	assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_RESUME, QUEUE), 0);
	model_run(50 * MS);
	assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_QUERY, QUEUE), 0);
	second = model_result();
	assert_true(second.busy_ns > first.busy_ns + 40 * MS);
	assert_true(second.progress > first.progress);
	assert_true(second.busy_ns <= model.queues[QUEUE].served_ns);
}

static void a_fault_is_told_and_stops_one_queue(void **state)
{
	model_create(1, 1, 1, 0);
	model_create(2, 1, 1, 0);
	model_load(1, LOAD_BUSY);
	model_load(2, LOAD_BUSY);
	model_run(5 * MS);
	assert_false(model.host_irq & NPU_IRQ_QUEUE);
	model.queues[1].load = LOAD_FAULT;
	model_run(5 * MS);
	assert_true(model.host_irq & NPU_IRQ_QUEUE);
	assert_int_equal(model_slot_of(1), -1);
	assert_true(model_slot_of(2) >= 0);
	assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_QUERY, 1), 0);
	assert_int_equal(model_result().state, NPU_QUEUE_STATE_STOPPED);
	assert_int_equal(model_result().error, NPU_QUEUE_ERROR_FAULT);
}

/* A queue that faults on its way out is stopped, whatever it was asked to be. */
static void a_fault_under_way_to_suspension_stops_the_queue(void **state)
{
	const struct npu_admin_queue_args args = { .queue = QUEUE };

	model_create(QUEUE, 1, 1, 0);
	model_load(QUEUE, LOAD_STUCK);
	model_run(5 * MS);
	model_submit(NPU_ADMIN_QUEUE_SUSPEND, 9, &args, sizeof(args));
	model_run(5 * MS);
	model.queues[QUEUE].load = LOAD_FAULT;
	model_run(5 * MS);
	assert_true(model_completion());
	assert_int_equal(model.last.status, NPU_ADMIN_STATUS_OK);
	assert_int_equal(model_result().state, NPU_QUEUE_STATE_STOPPED);
	assert_int_equal(model_result().error, NPU_QUEUE_ERROR_FAULT);
	assert_true(model.host_irq & NPU_IRQ_QUEUE);
	assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_RESUME, QUEUE), NPU_ADMIN_STATUS_STATE);
}

/* A packet that never ends: suspension gives up in time, a kill does not wait for it. */
static void commands_end_within_a_second(void **state)
{
	const struct npu_admin_queue_args args = { .queue = QUEUE };

	model_create(QUEUE, 1, 1, 0);
	model_load(QUEUE, LOAD_STUCK);
	model_run(5 * MS);
	assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_SUSPEND, QUEUE), NPU_ADMIN_STATUS_TIMEOUT);
	assert_int_equal(model_result().state, NPU_QUEUE_STATE_ACTIVE);
	assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_KILL, QUEUE), NPU_ADMIN_STATUS_OK);
	assert_int_equal(model_result().state, NPU_QUEUE_STATE_STOPPED);

	/* Nothing helps: the driver is told, and resets the card. */
	model_boot(64);
	model_create(QUEUE, 1, 1, 0);
	model_load(QUEUE, LOAD_DEAD);
	model_run(5 * MS);
	for (uint8_t opcode = NPU_ADMIN_QUEUE_DESTROY; opcode <= NPU_ADMIN_QUEUE_KILL; opcode++) {
		if (opcode != NPU_ADMIN_QUEUE_RESUME)
			assert_int_equal(model_queue_command(opcode, QUEUE), NPU_ADMIN_STATUS_TIMEOUT);
	}
	/* One that lets go late is stopped as it was asked to be. */
	model.queues[QUEUE].load = LOAD_BUSY;
	model_run(20 * MS);
	expect_state(NPU_QUEUE_STATE_STOPPED, NPU_QUEUE_ERROR_KILLED);
	model_submit(NPU_ADMIN_QUEUE_DESTROY, 1, &args, sizeof(args));
	model_run(5 * MS);
	assert_true(model_completion());
	assert_int_equal(model.last.status, NPU_ADMIN_STATUS_OK);
}

static void a_kill_overtakes_a_suspension(void **state)
{
	static const uint8_t opcodes[] = { NPU_ADMIN_QUEUE_KILL, NPU_ADMIN_QUEUE_DESTROY };
	const struct npu_admin_queue_args args = { .queue = QUEUE };

	for (int i = 0; i < 2; i++) {
		model_boot(64);
		model_create(QUEUE, 1, 1, 0);
		model_load(QUEUE, LOAD_STUCK);
		model_run(5 * MS);
		model_submit(NPU_ADMIN_QUEUE_SUSPEND, 1, &args, sizeof(args));
		model_run(5 * MS);
		model_submit(NPU_ADMIN_QUEUE_RESUME, 2, &args, sizeof(args));
		model_submit(opcodes[i], 3, &args, sizeof(args));
		model_submit(NPU_ADMIN_QUEUE_SUSPEND, 4, &args, sizeof(args));
		model_run(5 * MS);
		for (unsigned int n = 0; n < 4; n++) {
			static const uint8_t wanted[5] = { 0, NPU_ADMIN_STATUS_STATE, NPU_ADMIN_STATUS_STATE,
							   NPU_ADMIN_STATUS_OK, NPU_ADMIN_STATUS_STATE };

			assert_true(model_completion());
			assert_in_range(model.last.tag, 1, 4);
			assert_int_equal(model.last.status, wanted[model.last.tag]);
		}
		assert_false(model_completion());
	}
}

static void the_place_in_the_ring_is_kept(void **state)
{
	int slot;

	model_create(QUEUE, 3, NPU_QUEUE_PRIORITY_REALTIME, 0);
	model_load(QUEUE, LOAD_BUSY);
	model_run(5 * MS);
	slot = model_slot_of(QUEUE);
	assert_int_equal(model.slots[slot].reg[NPU_MG_SLOT_CONTEXT / 4], 3);
	assert_int_equal(model.slots[slot].reg[NPU_MG_SLOT_RING_LO / 4], 0x100000);
	assert_int_equal(model.slots[slot].reg[NPU_MG_SLOT_CONTROL_LO / 4], 0x200000);
	assert_int_equal(model.slots[slot].reg[NPU_MG_SLOT_CONFIG / 4], 6 | NPU_MG_SLOT_REALTIME);
	model.slots[slot].head = 0x123456789ull;
	assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_SUSPEND, QUEUE), 0);
	assert_int_equal(model_result().head, 0x123456789ull);
	model.queues[QUEUE].tail = 0x123456799ull;
	assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_RESUME, QUEUE), 0);
	model_run(5 * MS);
	slot = model_slot_of(QUEUE);
	assert_int_equal(model.slots[slot].head, 0x123456789ull);
}

/* Anything in any order: each command is answered once, in time, nothing leaks. */
static void random_commands_keep_the_books(void **state)
{
	enum { QUEUES = 24 };
	bool exists[QUEUES] = { false };
	uint64_t asked[64] = { 0 };
	uint8_t opcode_of[64] = { 0 }, queue_of[64] = { 0 };
	unsigned int outstanding = 0, statuses[16] = { 0 };

	srand(4711);
	for (uint32_t c = 1; c <= 3; c++) {
		const struct npu_admin_context_args args = { .context = c, .root = 0x1000 };

		assert_int_equal(model_admin(NPU_ADMIN_CONTEXT_CREATE, &args, sizeof(args)), 0);
	}
	for (int round = 0; round < 30000; round++) {
		const uint32_t q = (uint32_t)rand() % QUEUES;

		if (rand() % 3 == 0)
			model_load(q, rand() % 30 ? (enum load)(rand() % 4) : LOAD_FAULT);
		model.unload_ns = (uint64_t)rand() % 3 * MS;
		for (uint16_t tag = 0; rand() % 2 && tag < 64; tag++) {
			static const uint8_t opcodes[] = { 4, 4, 5, 6, 7, 7, 8, 9 };
			const struct npu_admin_queue_create_args create = {
				.queue = q, .context = 1 + q % 3, .ring_va = 0x1000, .control_va = 0x3000,
				.ring_shift = 4, .priority = (uint8_t)(rand() % 4),
				.time_slice_us = (uint32_t)rand() % 4000,
			};
			const struct npu_admin_queue_args args = { .queue = q };

			if (opcode_of[tag])
				continue;
			opcode_of[tag] = opcodes[rand() % 8];
			queue_of[tag] = (uint8_t)q;
			asked[tag] = model.time;
			outstanding++;
			if (opcode_of[tag] == NPU_ADMIN_QUEUE_CREATE)
				model_submit(opcode_of[tag], tag, &create, sizeof(create));
			else
				model_submit(opcode_of[tag], tag, &args, sizeof(args));
			break;
		}
		model_run(200000);
		while (model_completion()) {
			const uint16_t tag = model.last.tag;

			assert_true(tag < 64 && opcode_of[tag]);
			assert_true(model.time - asked[tag] < S);
			assert_true(model.last.status < 16);
			statuses[model.last.status]++;
			if (!model.last.status && opcode_of[tag] == NPU_ADMIN_QUEUE_CREATE) {
				assert_false(exists[queue_of[tag]]);
				exists[queue_of[tag]] = true;
			}
			if (!model.last.status && opcode_of[tag] == NPU_ADMIN_QUEUE_DESTROY) {
				assert_true(exists[queue_of[tag]]);
				exists[queue_of[tag]] = false;
			}
			opcode_of[tag] = 0;
			outstanding--;
		}
	}
	/* Each status that can come has come. */
	assert_true(statuses[NPU_ADMIN_STATUS_OK] > 1000);
	assert_true(statuses[NPU_ADMIN_STATUS_EXISTS]);
	assert_true(statuses[NPU_ADMIN_STATUS_NOT_FOUND]);
	assert_true(statuses[NPU_ADMIN_STATUS_STATE]);
	model_run(2 * S);
	while (model_completion())
		outstanding--;
	assert_int_equal(outstanding, 0);
	for (uint32_t q = 0; q < QUEUES; q++)
		assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_DESTROY, q),
				 exists[q] ? NPU_ADMIN_STATUS_OK : NPU_ADMIN_STATUS_NOT_FOUND);
	for (uint32_t c = 1; c <= 3; c++) {
		const struct npu_admin_context_args args = { .context = c };

		assert_int_equal(model_admin(NPU_ADMIN_CONTEXT_DESTROY, &args, sizeof(args)), 0);
	}
	for (uint32_t i = 0; i < MODEL_SLOTS; i++)
		assert_int_equal(model.slots[i].state, NPU_MG_SLOT_EMPTY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(create_arguments_are_checked),
		T(commands_on_queues_that_do_not_exist),
		T(a_new_owner_finds_an_empty_doorbell),
		T(a_queue_goes_on_where_another_stood),
		T(suspend_and_resume_in_every_state),
		T(kill_in_every_state),
		T(destroy_in_every_state),
		T(accounting_outlives_the_slots),
		T(a_fault_is_told_and_stops_one_queue),
		T(a_fault_under_way_to_suspension_stops_the_queue),
		T(commands_end_within_a_second),
		T(a_kill_overtakes_a_suspension),
		T(the_place_in_the_ring_is_kept),
		T(random_commands_keep_the_books),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
