// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* What jobs and their operations took; on a model of the kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include <npu/npu_packet.h>

#include "rig.h"

static const struct npu_submit_options measured = { .flags = NPU_SUBMIT_PROFILE };

static void a_model_tells_what_it_took(void **state)
{
	struct npu_operation_profile operations[2] = { 0 };
	struct npu_job_profile profile;
	struct rig *r = *state;
	struct npu_job *job;

	assert_int_equal(npu_submit(r->queue, r->model, r->bindings, 2, &measured, &job, NULL), 0);
	assert_int_equal(npu_job_profile(job, &profile, &r->error), 0);
	assert_true(profile.start_ns && profile.end_ns > profile.start_ns);
	assert_int_equal(profile.bytes, 48);
	assert_int_equal(profile.energy_pj, 1000);
	assert_int_equal(profile.operations, 1);
	operations[1].bytes = 7;
	assert_int_equal(npu_job_operations(job, operations, 2, NULL), 0);
	assert_int_equal(operations[0].opcode, NPU_OP_BINARY);
	assert_string_equal(npu_graph_node(r->graph, operations[0].node), "add1");
	assert_true(operations[0].start_ns > profile.start_ns);
	assert_true(operations[0].end_ns < profile.end_ns);
	assert_int_equal(operations[0].bytes, 48);
	assert_int_equal(operations[0].energy_pj, 1000);
	assert_int_equal(operations[1].bytes, 7); /* there is no such operation */
	operations[0].bytes = 9;
	assert_int_equal(npu_job_operations(job, operations, 0, NULL), 0);
	assert_int_equal(operations[0].bytes, 9);
	npu_job_unref(job);
}

static void transfers_and_packets_tell_their_time(void **state)
{
	const struct npu_packet_header nop = { .opcode = NPU_PACKET_NOP };
	struct npu_operation_profile operation;
	struct npu_job_profile profile;
	struct rig *r = *state;
	struct npu_job *job;

	assert_int_equal(npu_submit_copy(r->queue, r->buffer, 0, r->buffer, 100, 50, &measured, &job,
					 NULL), 0);
	assert_int_equal(npu_job_profile(job, &profile, NULL), 0);
	assert_true(profile.end_ns > profile.start_ns);
	assert_int_equal(profile.bytes, 100);
	assert_int_equal(profile.energy_pj, 0);
	assert_int_equal(profile.operations, 0);
	assert_int_equal(npu_job_operations(job, &operation, 1, NULL), 0);
	npu_job_unref(job);

	assert_int_equal(npu_submit_fill(r->queue, r->buffer, 0, 64, 0, &measured, &job, NULL), 0);
	assert_int_equal(npu_job_profile(job, &profile, NULL), 0);
	assert_int_equal(profile.bytes, 64);
	npu_job_unref(job);

	memcpy(r->data, &nop, sizeof(nop));
	assert_int_equal(npu_submit_packets(r->queue, r->buffer, 0, 1, &measured, &job, NULL), 0);
	assert_int_equal(npu_job_profile(job, &profile, NULL), 0);
	assert_true(profile.end_ns > profile.start_ns);
	assert_int_equal(profile.bytes, 0);
	npu_job_unref(job);
}

static void what_is_not_measured_not_done_or_failed_has_no_profile(void **state)
{
	struct npu_operation_profile operation;
	struct npu_job_profile profile;
	struct rig *r = *state;
	struct npu_job *job;

	assert_int_equal(submit(r, &job), 0);
	assert_int_equal(npu_job_profile(job, &profile, &r->error), -ENODATA);
	says(&r->error, "NPU_SUBMIT_PROFILE");
	assert_int_equal(npu_job_operations(job, &operation, 1, NULL), -ENODATA);
	npu_job_unref(job);

	fake_hold(true);
	assert_int_equal(npu_submit(r->queue, r->model, r->bindings, 2, &measured, &job, NULL), 0);
	assert_int_equal(npu_job_profile(job, &profile, NULL), -EINPROGRESS);
	assert_int_equal(npu_job_operations(job, &operation, 1, NULL), -EINPROGRESS);
	fake_fail_job(1, NPU_QUEUE_ERROR_OPERAND, 0, -EIO);
	fake_run();
	assert_int_equal(npu_job_profile(job, &profile, &r->error), -EIO);
	says(&r->error, "add1");
	assert_int_equal(npu_job_operations(job, &operation, 1, NULL), -EIO);
	npu_job_unref(job);

	assert_int_equal(npu_job_profile(NULL, &profile, NULL), -EINVAL);
	assert_int_equal(npu_job_operations(NULL, NULL, 1, NULL), -EINVAL);
}

/* A job's slot that is used again must not tell of its former life. */
static void measuring_is_for_one_job_and_allocates_once(void **state)
{
	struct npu_job_profile profile;
	struct rig *r = *state;
	struct npu_job *job;
	unsigned int made = 0;

	for (int i = 0; i < 50; i++) {
		assert_int_equal(npu_submit(r->queue, r->model, r->bindings, 2,
					    i % 2 ? NULL : &measured, &job, NULL), 0);
		assert_int_equal(npu_job_profile(job, &profile, NULL), i % 2 ? -ENODATA : 0);
		npu_job_unref(job);
		if (i == 2)
			made = fake_counts().objects_made;
	}
	assert_int_equal(fake_counts().objects_made, made);
}

static void no_failed_request_leaks(void **state)
{
	struct rig *r = *state;
	struct npu_job *job;
	unsigned int before;
	int ret = -1;

	before = fake_objects();
	for (unsigned int n = 1; ret && n < 20; n++) {
		struct npu_queue *queue;

		assert_int_equal(npu_queue_create(r->context, NPU_QUEUE_LOW, &queue, NULL), 0);
		fake_fail_request(n, -ENOMEM);
		ret = npu_submit(queue, r->model, r->bindings, 2, &measured, &job, NULL);
		fake_fail_request(0, 0);
		if (!ret)
			npu_job_unref(job);
		else
			assert_int_equal(ret, -ENOMEM);
		npu_queue_unref(queue);
		assert_int_equal(fake_objects(), before);
	}
	assert_int_equal(ret, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_model_tells_what_it_took),
		TEST(transfers_and_packets_tell_their_time),
		TEST(what_is_not_measured_not_done_or_failed_has_no_profile),
		TEST(measuring_is_for_one_job_and_allocates_once),
		TEST(no_failed_request_leaks),
	};

	return cmocka_run_group_tests_name("libnpu profile", tests, NULL, NULL);
}
