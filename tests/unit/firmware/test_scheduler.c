// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* Hundreds of queues on eight slots, in virtual time (docs/card.md, "Scheduling"). */
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

static void create_many(uint32_t first, uint32_t count, uint8_t priority, enum load load)
{
	for (uint32_t i = first; i < first + count; i++) {
		model_create(i, 1 + i % 200, priority, 0);
		model_load(i, load);
	}
}

static void forget_service(void)
{
	for (uint32_t i = 0; i < NPU_QUEUES_MAX; i++)
		model.queues[i].served_ns = 0;
}

static void as_many_queues_as_slots_never_move(void **state)
{
	create_many(0, MODEL_SLOTS, NPU_QUEUE_PRIORITY_NORMAL, LOAD_BUSY);
	model_run(2 * S);
	assert_int_equal(model.unloads, 0);
	for (uint32_t i = 0; i < MODEL_SLOTS; i++) {
		assert_int_equal(model.queues[i].loads, 1);
		assert_true(model.queues[i].served_ns > 2 * S - 50 * MS);
	}
	/* One that goes idle keeps its slot too: nobody wants it. */
	model_load(3, LOAD_NONE);
	model_run(100 * MS);
	assert_int_equal(model.unloads, 0);
}

static void five_hundred_and_twelve_queues_share_eight_slots(void **state)
{
	double sum = 0, squares = 0;

	create_many(0, NPU_QUEUES_MAX, NPU_QUEUE_PRIORITY_NORMAL, LOAD_BUSY);
	forget_service();
	model_run(20 * S);
	for (uint32_t i = 0; i < NPU_QUEUES_MAX; i++) {
		const double served = (double)model.queues[i].served_ns;

		/* Everybody's turn comes within two rounds of slices. */
		assert_true(model.time - model.queues[i].last_served < 2 * 64 * 8 * MS);
		sum += served;
		squares += served * served;
	}
	/* Jain's index of fairness, and hardly any time lost to changes. */
	assert_true(sum * sum / (NPU_QUEUES_MAX * squares) > 0.99);
	assert_true(sum > 0.85 * 20e9 * MODEL_SLOTS);
}

static void an_idle_queue_gives_way_at_once(void **state)
{
	create_many(0, MODEL_SLOTS, NPU_QUEUE_PRIORITY_HIGH, LOAD_BUSY);
	model_run(20 * MS);
	model_load(5, LOAD_NONE);
	model_run(1 * MS);
	create_many(100, 1, NPU_QUEUE_PRIORITY_LOW, LOAD_BUSY);
	model_run(5 * MS);
	assert_true(model_slot_of(100) >= 0);
	assert_int_equal(model_slot_of(5), -1);
	/* And comes back when it has work, since it is the more important one. */
	model_load(5, LOAD_BUSY);
	model_run(5 * MS);
	assert_true(model_slot_of(5) >= 0);
	assert_int_equal(model_slot_of(100), -1);
}

static void a_higher_priority_displaces_a_lower_one(void **state)
{
	create_many(0, MODEL_SLOTS, NPU_QUEUE_PRIORITY_LOW, LOAD_BUSY);
	create_many(10, MODEL_SLOTS / 2, NPU_QUEUE_PRIORITY_NORMAL, LOAD_BUSY);
	model_run(10 * MS);
	for (uint32_t i = 10; i < 14; i++)
		assert_true(model_slot_of(i) >= 0);
	/* Each change took the place of a low one, never of another. */
	create_many(20, MODEL_SLOTS / 2, NPU_QUEUE_PRIORITY_HIGH, LOAD_BUSY);
	model_run(10 * MS);
	for (uint32_t i = 20; i < 24; i++)
		assert_true(model_slot_of(i) >= 0);
	for (uint32_t i = 10; i < 14; i++)
		assert_true(model_slot_of(i) >= 0);
}

/* One important newcomer must not make room for unimportant ones as well. */
static void a_newcomer_displaces_one_queue_only(void **state)
{
	for (uint32_t i = 0; i < MODEL_SLOTS; i++) {
		model_create(i, 1, NPU_QUEUE_PRIORITY_NORMAL, 1000000);
		model_load(i, LOAD_BUSY);
	}
	create_many(10, 4, NPU_QUEUE_PRIORITY_LOW, LOAD_BUSY);
	model_run(2 * MS);
	model.unloads = 0;
	create_many(20, 1, NPU_QUEUE_PRIORITY_REALTIME, LOAD_BUSY);
	model_run(2 * MS);
	assert_true(model_slot_of(20) >= 0);
	assert_int_equal(model.unloads, 1);
}

static void realtime_is_never_displaced_by_less(void **state)
{
	create_many(0, MODEL_SLOTS, NPU_QUEUE_PRIORITY_REALTIME, LOAD_BUSY);
	model_run(5 * MS);
	create_many(10, 20, NPU_QUEUE_PRIORITY_HIGH, LOAD_BUSY);
	forget_service();
	model_run(3 * S);
	for (uint32_t i = 0; i < MODEL_SLOTS; i++)
		assert_true(model.queues[i].served_ns > 3 * S - 20 * MS);
	for (uint32_t i = 10; i < 30; i++)
		assert_int_equal(model.queues[i].served_ns, 0);
}

static void realtime_queues_take_turns_among_themselves(void **state)
{
	create_many(0, 2 * MODEL_SLOTS, NPU_QUEUE_PRIORITY_REALTIME, LOAD_BUSY);
	forget_service();
	model_run(2 * S);
	for (uint32_t i = 0; i < 2 * MODEL_SLOTS; i++) {
		assert_true(model.queues[i].served_ns > 800 * MS);
		assert_true(model.queues[i].served_ns < 1200 * MS);
	}
}

static void low_priority_does_not_starve(void **state)
{
	create_many(0, 40, NPU_QUEUE_PRIORITY_HIGH, LOAD_BUSY);
	create_many(100, 10, NPU_QUEUE_PRIORITY_LOW, LOAD_BUSY);
	create_many(200, 10, NPU_QUEUE_PRIORITY_NORMAL, LOAD_BUSY);
	forget_service();
	model_run(5 * S);
	for (uint32_t i = 100; i < 110; i++)
		assert_true(model.queues[i].served_ns >= 50 * MS);
	for (uint32_t i = 200; i < 210; i++)
		assert_true(model.queues[i].served_ns >= 50 * MS);
	/* But the important ones get most of it. */
	{
		uint64_t high = 0;

		for (uint32_t i = 0; i < 40; i++)
			high += model.queues[i].served_ns;
		assert_true(high > 5 * S * MODEL_SLOTS / 2);
	}
}

/* A slice once begun is not cut by those whom the queue has outwaited. */
static void an_aged_queue_keeps_its_slice(void **state)
{
	uint64_t before;

	create_many(0, 16, NPU_QUEUE_PRIORITY_HIGH, LOAD_BUSY);
	create_many(100, 1, NPU_QUEUE_PRIORITY_LOW, LOAD_BUSY);
	for (int i = 0; i < 2000 && model_slot_of(100) < 0; i++)
		model_run(1 * MS);
	before = model.queues[100].served_ns;
	model_run(4 * MS);
	assert_true(model_slot_of(100) >= 0);
	assert_true(model.queues[100].served_ns - before >= 3 * MS);
}

static void time_slices_are_kept_within_bounds(void **state)
{
	create_many(0, MODEL_SLOTS - 1, NPU_QUEUE_PRIORITY_REALTIME, LOAD_BUSY);
	model_create(10, 1, NPU_QUEUE_PRIORITY_NORMAL, 0xffffffff);
	model_load(10, LOAD_BUSY);
	model_create(11, 1, NPU_QUEUE_PRIORITY_NORMAL, 1);
	model_load(11, LOAD_BUSY);
	model.unloads = 0;
	model_run(4 * S);
	/* Nobody holds a slot for more than a second, nobody for less than 1 ms. */
	assert_true(model.queues[11].served_ns > 2 * MS);
	assert_true(model.queues[10].served_ns > 2 * S);
	assert_true(model.unloads < 20);
}

/*
 * Queues that only wait for a fence, of high priority, on all slots; those
 * that would signal have a low one.
 */
static void waiting_queues_let_others_run(void **state)
{
	for (uint32_t count = 60; count <= 400; count += 340) {
		model_boot(64);
		create_many(0, count, NPU_QUEUE_PRIORITY_REALTIME, LOAD_WAIT);
		create_many(500, 5, NPU_QUEUE_PRIORITY_LOW, LOAD_BUSY);
		forget_service();
		model_run(500 * MS);
		for (uint32_t i = 500; i < 505; i++)
			assert_true(model.queues[i].served_ns > 100 * MS);
	}
}

/* And the other way round: a fence that holds by now is looked at soon. */
static void a_waiting_queue_is_looked_at_again(void **state)
{
	create_many(0, 1, NPU_QUEUE_PRIORITY_NORMAL, LOAD_WAIT);
	model_run(5 * MS);
	create_many(100, 40, NPU_QUEUE_PRIORITY_NORMAL, LOAD_BUSY);
	model_run(300 * MS);
	model.queues[0].load = LOAD_BUSY;
	forget_service();
	model_run(500 * MS);
	assert_true(model.queues[0].served_ns > 10 * MS);
}

static void no_submission_is_lost(void **state)
{
	create_many(0, 300, NPU_QUEUE_PRIORITY_NORMAL, LOAD_NONE);
	model_run(10 * MS);
	srand(1);
	for (int i = 0; i < 400; i++) {
		const uint32_t q = (uint32_t)rand() % 300;
		const uint64_t before = model.queues[q].served_ns;

		model_load(q, LOAD_BUSY);
		model_run(((uint64_t)rand() % 60) * 100000 + 6 * MS);
		assert_true(model.queues[q].served_ns > before);
		model_load(q, LOAD_NONE);
	}
}

static void a_slot_that_lets_go_slowly_is_waited_for(void **state)
{
	model.unload_ns = 30 * MS;
	create_many(0, 30, NPU_QUEUE_PRIORITY_NORMAL, LOAD_BUSY);
	forget_service();
	model_run(3 * S);
	for (uint32_t i = 0; i < 30; i++)
		assert_true(model.queues[i].served_ns > 0);
	/* No more are taken out than others come in. */
	assert_true(model.unloads < 3000 / 30 * MODEL_SLOTS);
}

static int set_queue(uint32_t queue, uint32_t priority, uint32_t slice_us)
{
	const struct npu_admin_queue_set_args args = { queue, priority, slice_us, 0 };

	return model_admin(NPU_ADMIN_QUEUE_SET, &args, sizeof(args));
}

static void properties_are_checked(void **state)
{
	const struct npu_admin_queue_set_args mbz = { 3, 1, 0, 1 };

	create_many(3, 1, NPU_QUEUE_PRIORITY_NORMAL, LOAD_NONE);
	assert_int_equal(set_queue(NPU_QUEUES_MAX, 1, 0), NPU_ADMIN_STATUS_INVALID);
	assert_int_equal(set_queue(0xffffffff, 1, 0), NPU_ADMIN_STATUS_INVALID);
	assert_int_equal(set_queue(4, 1, 0), NPU_ADMIN_STATUS_NOT_FOUND);
	assert_int_equal(set_queue(3, 4, 0), NPU_ADMIN_STATUS_INVALID);
	assert_int_equal(set_queue(3, 0x101, 0), NPU_ADMIN_STATUS_INVALID);
	assert_int_equal(model_admin(NPU_ADMIN_QUEUE_SET, &mbz, sizeof(mbz)), NPU_ADMIN_STATUS_INVALID);
	assert_int_equal(set_queue(3, 3, 0xffffffff), NPU_ADMIN_STATUS_OK);
}

static void a_new_priority_counts_at_once(void **state)
{
	create_many(0, MODEL_SLOTS, NPU_QUEUE_PRIORITY_HIGH, LOAD_BUSY);
	model_run(1 * MS);
	create_many(100, 1, NPU_QUEUE_PRIORITY_LOW, LOAD_BUSY);
	model_run(1 * MS);
	assert_int_equal(model_slot_of(100), -1);
	assert_int_equal(set_queue(100, NPU_QUEUE_PRIORITY_REALTIME, 0), NPU_ADMIN_STATUS_OK);
	model_run(1 * MS);
	assert_true(model_slot_of(100) >= 0);
	/* And back: the one that waits displaces it. */
	assert_int_equal(set_queue(100, NPU_QUEUE_PRIORITY_LOW, 0), NPU_ADMIN_STATUS_OK);
	model_run(2 * MS);
	assert_int_equal(model_slot_of(100), -1);
}

static void a_new_slice_counts_at_once(void **state)
{
	create_many(0, 2 * MODEL_SLOTS, NPU_QUEUE_PRIORITY_NORMAL, LOAD_BUSY);
	for (uint32_t i = 0; i < MODEL_SLOTS; i++)
		assert_int_equal(set_queue(i, NPU_QUEUE_PRIORITY_NORMAL, 40000), NPU_ADMIN_STATUS_OK);
	forget_service();
	model_run(5 * S);
	for (uint32_t i = 0; i < MODEL_SLOTS; i++)
		assert_true(model.queues[i].served_ns > 4 * model.queues[MODEL_SLOTS + i].served_ns);
}

/* The engines know it from the slot, which takes it when it is loaded. */
static void realtime_reaches_the_slot(void **state)
{
	create_many(0, 1, NPU_QUEUE_PRIORITY_NORMAL, LOAD_BUSY);
	model_run(1 * MS);
	for (int realtime = 1; realtime >= 0; realtime--) {
		uint32_t loads = model.queues[0].loads;
		int slot;

		set_queue(0, realtime ? NPU_QUEUE_PRIORITY_REALTIME : NPU_QUEUE_PRIORITY_LOW, 0);
		model_run(2 * MS);
		slot = model_slot_of(0);
		assert_true(slot >= 0);
		assert_int_equal(!!(model.slots[slot].reg[NPU_MG_SLOT_CONFIG / 4] & NPU_MG_SLOT_REALTIME),
				 realtime);
		assert_int_equal(model.queues[0].loads, ++loads);
		/* The same again changes nothing. */
		set_queue(0, realtime ? NPU_QUEUE_PRIORITY_REALTIME : NPU_QUEUE_PRIORITY_LOW, 9000);
		model_run(2 * MS);
		assert_int_equal(model.queues[0].loads, loads);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(as_many_queues_as_slots_never_move),
		T(five_hundred_and_twelve_queues_share_eight_slots),
		T(an_idle_queue_gives_way_at_once),
		T(a_higher_priority_displaces_a_lower_one),
		T(a_newcomer_displaces_one_queue_only),
		T(realtime_is_never_displaced_by_less),
		T(realtime_queues_take_turns_among_themselves),
		T(low_priority_does_not_starve),
		T(an_aged_queue_keeps_its_slice),
		T(time_slices_are_kept_within_bounds),
		T(waiting_queues_let_others_run),
		T(a_waiting_queue_is_looked_at_again),
		T(no_submission_is_lost),
		T(a_slot_that_lets_go_slowly_is_waited_for),
		T(properties_are_checked),
		T(a_new_priority_counts_at_once),
		T(a_new_slice_counts_at_once),
		T(realtime_reaches_the_slot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
