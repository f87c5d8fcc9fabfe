// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/*
 * What QUEUE_QUERY counts as service (npu_admin.h): the driver kills a queue
 * that was served and did not get on, so nothing else may be counted.
 */
#include "model.h"

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

static struct npu_admin_queue_result query(uint32_t queue)
{
	assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_QUERY, queue), NPU_ADMIN_STATUS_OK);
	return model_result();
}

static void a_packet_that_hangs_in_an_engine_is_served(void **state)
{
	struct npu_admin_queue_result r;

	create_many(0, 1, NPU_QUEUE_PRIORITY_NORMAL, LOAD_HUNG);
	model_run(S);
	r = query(0);
	assert_int_equal(r.progress, 0);
	assert_in_range(r.served_ns, 950 * MS, 1100 * MS);
	/* Also while it is in the engine. */
	assert_in_range(r.busy_ns, 950 * MS, 1100 * MS);
	assert_int_equal(r.overstay_us, 0);
}

static void a_packet_that_waits_for_an_engine_is_not(void **state)
{
	struct npu_admin_queue_result r;

	create_many(0, 1, NPU_QUEUE_PRIORITY_NORMAL, LOAD_QUEUED);
	model_run(S);
	r = query(0);
	assert_int_equal(r.progress, 0);
	assert_in_range(r.served_ns, 0, 10 * MS);
	model_load(0, LOAD_BUSY);
	model_run(S);
	r = query(0);
	assert_in_range(r.served_ns, 950 * MS, 1100 * MS);
}

static void a_queue_that_waits_for_a_slot_is_not(void **state)
{
	struct npu_admin_queue_result r;

	create_many(0, MODEL_SLOTS, NPU_QUEUE_PRIORITY_NORMAL, LOAD_STUCK);
	model_run(5 * MS);
	create_many(100, 1, NPU_QUEUE_PRIORITY_HIGH, LOAD_BUSY);
	model_run(2 * S);
	r = query(100);
	assert_int_equal(r.served_ns, 0);
	assert_int_equal(r.overstay_us, 0);
	/* And it can be seen who holds it up. */
	for (uint32_t i = 0, overstay = 0; i < MODEL_SLOTS; i++) {
		r = query(i);
		assert_in_range(r.served_ns, 19 * S / 10, 21 * S / 10);
		overstay += r.overstay_us > 1900000;
		if (i == MODEL_SLOTS - 1)
			assert_int_equal(overstay, 1);
	}
}

/* Thirty times as many as there are slots, and yet nobody hides behind the others. */
static void a_fence_that_does_not_hold_is_waited_for_in_and_out_of_slots(void **state)
{
	create_many(0, 30 * MODEL_SLOTS, NPU_QUEUE_PRIORITY_NORMAL, LOAD_WAIT);
	model_run(3 * S);
	for (uint32_t i = 0; i < 30 * MODEL_SLOTS; i++) {
		const struct npu_admin_queue_result r = query(i);

		assert_int_equal(r.progress, 0);
		assert_in_range(r.served_ns, 2 * S, 4 * S);
	}
}

static void a_fence_that_held_meanwhile_is_not_counted(void **state)
{
	struct npu_admin_queue_result before, after;

	create_many(0, 1, NPU_QUEUE_PRIORITY_LOW, LOAD_WAIT);
	model_run(5 * MS);
	/* It leaves its slot, and realtime queues keep it out. */
	create_many(100, MODEL_SLOTS, NPU_QUEUE_PRIORITY_REALTIME, LOAD_BUSY);
	model_run(20 * MS);
	assert_int_equal(model_slot_of(0), -1);
	before = query(0);
	model.queues[0].load = LOAD_BUSY;
	model_run(S);
	assert_int_equal(query(0).served_ns, before.served_ns);
	model_load(103, LOAD_NONE);
	model_run(20 * MS);
	after = query(0);
	assert_true(after.progress > before.progress);
	assert_in_range(after.served_ns - before.served_ns, 1, 25 * MS);
}

static void service_outlives_the_slots(void **state)
{
	struct npu_admin_queue_result r;
	uint64_t last[40] = { 0 };

	create_many(0, 40, NPU_QUEUE_PRIORITY_NORMAL, LOAD_BUSY);
	for (int n = 0; n < 50; n++) {
		model_run(20 * MS);
		for (uint32_t i = 0; i < 40; i++) {
			r = query(i);
			assert_true(r.served_ns >= last[i]);
			last[i] = r.served_ns;
		}
	}
	/* A fifth of the time each, the queries' own included. */
	for (uint32_t i = 0; i < 40; i++)
		assert_in_range(last[i], model.queues[i].served_ns / 2, model.queues[i].served_ns * 2);
}

static void suspension_is_not_service(void **state)
{
	struct npu_admin_queue_result r;
	uint64_t before;

	create_many(0, 1, NPU_QUEUE_PRIORITY_NORMAL, LOAD_WAIT);
	model_run(10 * MS);
	assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_SUSPEND, 0), NPU_ADMIN_STATUS_OK);
	before = query(0).served_ns;
	model_run(S);
	assert_int_equal(model_queue_command(NPU_ADMIN_QUEUE_RESUME, 0), NPU_ADMIN_STATUS_OK);
	model_run(10 * MS);
	r = query(0);
	assert_in_range(r.served_ns - before, 1 * MS, 20 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(a_packet_that_hangs_in_an_engine_is_served),
		T(a_packet_that_waits_for_an_engine_is_not),
		T(a_queue_that_waits_for_a_slot_is_not),
		T(a_fence_that_does_not_hold_is_waited_for_in_and_out_of_slots),
		T(a_fence_that_held_meanwhile_is_not_counted),
		T(service_outlives_the_slots),
		T(suspension_is_not_service),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
