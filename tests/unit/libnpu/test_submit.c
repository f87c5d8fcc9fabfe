// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Models, queues and jobs; on a model of the kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include <drm/npu_accel.h>
#include <npu/npu_packet.h>

#include "rig.h"

static void a_job_computes(void **state)
{
	struct rig *r = *state;
	struct npu_job *job;

	for (int i = 0; i < 4; i++)
		r->data[i] = (float)i;
	assert_int_equal(submit(r, &job), 0);
	assert_int_equal(npu_job_wait(job, NPU_WAIT_FOREVER, NULL), 0);
	for (int i = 0; i < 4; i++)
		assert_true(r->data[16 + i] == 100 + 2 * (float)i);
	assert_int_equal(npu_job_wait(job, 0, NULL), 0);
	assert_int_equal(npu_job_status(job, NULL), 0);
	npu_job_unref(job);
	npu_job_unref(NULL);
}

static void graph_and_model_know_each_other(void **state)
{
	struct rig *r = *state;

	assert_ptr_equal(npu_model_graph(r->model), r->graph);
	assert_ptr_equal(npu_model_ref(r->model), r->model);
	npu_model_unref(r->model);
	npu_model_unref(NULL);
}

static void waiting_has_an_end(void **state)
{
	struct timespec before, after;
	struct rig *r = *state;
	struct npu_job *job;

	fake_hold(true);
	assert_int_equal(submit(r, &job), 0);
	assert_int_equal(npu_job_status(job, NULL), -EINPROGRESS);
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_int_equal(npu_job_wait(job, 20000000, &r->error), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true((after.tv_sec - before.tv_sec) * 1000000000LL + after.tv_nsec -
			    before.tv_nsec >= 20000000);
	says(&r->error, "not done yet");
	fake_run();
	assert_int_equal(npu_job_wait(job, 0, NULL), 0);
	npu_job_unref(job);
}

static void *run_soon(void *unused)
{
	usleep(5000);
	fake_run();
	return NULL;
}

static void the_longest_timeout_does_not_wrap(void **state)
{
	struct rig *r = *state;
	struct npu_job *jobs[2];
	pthread_t thread;

	fake_hold(true);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(submit(r, &jobs[i]), 0);
		assert_int_equal(pthread_create(&thread, NULL, run_soon, NULL), 0);
		assert_int_equal(npu_job_wait(jobs[i], i ? INT64_MIN : INT64_MAX, NULL), 0);
		pthread_join(thread, NULL);
		npu_job_unref(jobs[i]);
	}
}

static void a_file_descriptor_becomes_readable(void **state)
{
	struct rig *r = *state;
	struct pollfd p = { .events = POLLIN };
	struct npu_job *job;

	fake_hold(true);
	assert_int_equal(submit(r, &job), 0);
	p.fd = npu_job_fd(job, NULL);
	assert_true(p.fd >= 0);
	npu_job_unref(job); /* the descriptor lives by itself */
	assert_int_equal(poll(&p, 1, 0), 0);
	fake_run();
	assert_int_equal(poll(&p, 1, 0), 1);
	close(p.fd);
}

static void copy_and_fill_work_on_any_bytes(void **state)
{
	struct rig *r = *state;
	uint8_t *bytes = (uint8_t *)r->data;
	struct npu_job *job;

	assert_int_equal(npu_submit_fill(r->queue, r->buffer, 8, 16, 0x04030201, NULL, NULL, NULL), 0);
	assert_int_equal(npu_submit_copy(r->queue, r->buffer, 101, r->buffer, 9, 3, NULL, &job, NULL),
			 0);
	assert_int_equal(npu_job_wait(job, NPU_WAIT_FOREVER, NULL), 0);
	npu_job_unref(job);
	assert_memory_equal(bytes + 100, "\0\2\3\4\0", 5);
}

static void own_packets_run(void **state)
{
	struct rig *r = *state;
	struct npu_packet_fill *fill = (void *)((uint8_t *)r->data + 128);
	struct npu_job *job;

	fill->header.opcode = NPU_PACKET_FILL;
	fill->destination = npu_buffer_address(r->buffer) + 2048;
	fill->size = 4;
	fill->pattern = 0x3f800000;
	assert_int_equal(npu_submit_packets(r->queue, r->buffer, 128, 1, NULL, &job, NULL), 0);
	assert_int_equal(npu_job_wait(job, NPU_WAIT_FOREVER, NULL), 0);
	npu_job_unref(job);
	assert_true(r->data[512] == 1);
	assert_int_equal(npu_submit_packets(r->queue, r->buffer, 128, 0, NULL, NULL, NULL), -EINVAL);
	assert_int_equal(npu_submit_packets(r->queue, r->buffer, 100, 1, NULL, NULL, NULL), -EINVAL);
	assert_int_equal(npu_submit_packets(r->queue, r->buffer, 4032, 2, NULL, NULL, NULL), -EINVAL);
	assert_int_equal(npu_submit_packets(r->queue, r->buffer, 0, NPU_CALL_MAX + 1, NULL, NULL, NULL),
			 -EINVAL);
	assert_int_equal(npu_submit_packets(NULL, r->buffer, 0, 1, NULL, NULL, NULL), -EINVAL);
}

static void wrong_ranges_are_refused(void **state)
{
	static const struct {
		uint64_t to, from, size;
	} bad[] = {
		{ 0, 2048, 0 }, { 4096, 0, 1 }, { 4095, 0, 2 }, { 0, UINT64_MAX, 2 },
		{ UINT64_MAX - 1, 0, 4 }, { 0, 0, UINT64_MAX }, { 0, 8, 16 }, { 8, 0, 16 }, { 0, 0, 4 },
	};
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(npu_submit_copy(r->queue, r->buffer, bad[i].to, r->buffer,
						 bad[i].from, bad[i].size, NULL, NULL, &r->error),
				 -EINVAL);
	assert_int_equal(npu_submit_copy(r->queue, NULL, 0, r->buffer, 8, 4, NULL, NULL, NULL), -EINVAL);
	assert_int_equal(npu_submit_copy(NULL, r->buffer, 0, r->buffer, 8, 4, NULL, NULL, NULL),
			 -EINVAL);
	assert_int_equal(npu_submit_fill(r->queue, r->buffer, 2, 4, 0, NULL, NULL, &r->error), -EINVAL);
	says(&r->error, "multiples of 4");
	assert_int_equal(npu_submit_fill(r->queue, r->buffer, 0, 6, 0, NULL, NULL, NULL), -EINVAL);
	assert_int_equal(npu_submit_fill(NULL, r->buffer, 0, 4, 0, NULL, NULL, NULL), -EINVAL);
	assert_int_equal(fake_counts().execs, 0);
}

static void wrong_bindings_are_refused_by_name(void **state)
{
	struct rig *r = *state;
	struct npu_context *other;
	struct npu_buffer *foreign;

	assert_int_equal(npu_submit(r->queue, r->model, r->bindings, 1, NULL, NULL, &r->error),
			 -EINVAL);
	says(&r->error, "1 bindings, it has 1 inputs and 1 outputs");
	assert_int_equal(npu_submit(r->queue, r->model, NULL, 2, NULL, NULL, NULL), -EINVAL);
	r->bindings[1].buffer = NULL;
	assert_int_equal(submit(r, NULL), -EINVAL);
	says(&r->error, "output 'y' is absent");
	r->bindings[1] = (struct npu_binding){ r->buffer, 63 };
	assert_int_equal(submit(r, NULL), -EINVAL);
	says(&r->error, "offset 63");
	r->bindings[1].offset = 4096;
	assert_int_equal(submit(r, NULL), -EINVAL);
	r->bindings[1].offset = UINT64_MAX - 63;
	assert_int_equal(submit(r, NULL), -EINVAL);
	r->bindings[1].offset = 0;
	assert_int_equal(submit(r, NULL), -EINVAL);
	says(&r->error, "output 'y' overlaps input 'x'");

	assert_int_equal(npu_context_create(r->device, &other, NULL), 0);
	assert_int_equal(npu_buffer_create(other, 4096, MEMORY, &foreign, NULL), 0);
	r->bindings[1] = (struct npu_binding){ foreign, 0 };
	assert_int_equal(submit(r, NULL), -EINVAL);
	says(&r->error, "another context");
	npu_buffer_unref(foreign);
	npu_context_unref(other);
	assert_int_equal(npu_submit(NULL, r->model, r->bindings, 2, NULL, NULL, NULL), -EINVAL);
	assert_int_equal(fake_counts().execs, 0);
}

static void a_model_of_another_context_is_refused(void **state)
{
	struct rig *r = *state;
	struct npu_context *other;
	struct npu_queue *queue;

	assert_int_equal(npu_context_create(r->device, &other, NULL), 0);
	assert_int_equal(npu_queue_create(other, NPU_QUEUE_NORMAL, &queue, NULL), 0);
	assert_int_equal(npu_submit(queue, r->model, r->bindings, 2, NULL, NULL, &r->error), -EINVAL);
	says(&r->error, "another context");
	npu_queue_unref(queue);
	npu_context_unref(other);
}

static void a_job_waits_for_others(void **state)
{
	struct rig *r = *state;
	struct npu_job *first, *second;
	struct npu_queue *other;
	struct npu_submit_options options = { .after = &first, .after_count = 1 };

	assert_int_equal(npu_queue_create(r->context, NPU_QUEUE_LOW, &other, NULL), 0);
	fake_hold(true);
	assert_int_equal(npu_submit_fill(r->queue, r->buffer, 0, 4, 0x40000000, NULL, &first, NULL), 0);
	assert_int_equal(npu_submit_copy(other, r->buffer, 64, r->buffer, 0, 4, &options, &second, NULL),
			 0);
	fake_run();
	assert_int_equal(npu_job_wait(second, NPU_WAIT_FOREVER, NULL), 0);
	assert_true(r->data[16] == 2);
	assert_int_equal(npu_job_wait(first, 0, NULL), 0);

	/* Waiting for what is done, and for one's own queue, costs nothing. */
	assert_int_equal(npu_submit_fill(other, r->buffer, 0, 4, 0, &options, NULL, NULL), 0);
	assert_int_equal(npu_submit_fill(r->queue, r->buffer, 0, 4, 0, &options, NULL, NULL), 0);
	fake_run();

	options.reserved[0] = 1;
	assert_int_equal(npu_submit_fill(other, r->buffer, 0, 4, 0, &options, NULL, &r->error), -EINVAL);
	says(&r->error, "reserved");
	options.reserved[0] = 0;
	options.after_count = 1001;
	assert_int_equal(npu_submit_fill(other, r->buffer, 0, 4, 0, &options, NULL, NULL), -EINVAL);
	options.after_count = 1;
	options.after = NULL;
	assert_int_equal(npu_submit_fill(other, r->buffer, 0, 4, 0, &options, NULL, NULL), -EINVAL);
	npu_job_unref(first);
	npu_job_unref(second);
	npu_queue_unref(other);
}

static void a_job_of_another_device_cannot_be_waited_for(void **state)
{
	struct rig *r = *state, other = { .file = r->file };
	struct npu_job *job;
	struct npu_submit_options options = { .after = &job, .after_count = 1 };

	assert_int_equal(rig_init(&other), 0);
	assert_int_equal(submit(&other, &job), 0);
	assert_int_equal(npu_submit_fill(r->queue, r->buffer, 0, 4, 0, &options, NULL, &r->error),
			 -EINVAL);
	says(&r->error, "another device");
	npu_job_unref(job);
	rig_fini(&other);
}

static void a_failed_job_names_the_operation_and_the_reason(void **state)
{
	struct rig *r = *state;
	struct npu_job *job;

	fake_fail_job(DRM_NPU_QUEUE_FAULTED, NPU_QUEUE_ERROR_OPERAND, 0, -EIO);
	assert_int_equal(submit(r, &job), 0);
	for (int i = 0; i < 2; i++) { /* each time it is asked */
		r->error.text[0] = '\0';
		assert_int_equal(npu_job_wait(job, NPU_WAIT_FOREVER, &r->error), -EIO);
		says(&r->error, "operation 0, 'add1' (BINARY)");
		says(&r->error, "operand outside its buffer");
	}
	assert_int_equal(npu_job_status(job, NULL), -EIO);
	npu_job_unref(job);
	assert_int_equal(npu_queue_status(r->queue, &r->error), -ECANCELED);
	says(&r->error, "'add1'");
	says(&r->error, "make a new queue");
	assert_int_equal(submit(r, &job), -ECANCELED);
	says(&r->error, "'add1'");
}

static void a_hung_job_says_so(void **state)
{
	struct rig *r = *state;
	struct npu_job *job;

	fake_fail_job(DRM_NPU_QUEUE_TIMED_OUT, NPU_QUEUE_ERROR_KILLED, 0, -ETIME);
	assert_int_equal(submit(r, &job), 0);
	assert_int_equal(npu_job_wait(job, 1000000, &r->error), -ETIME);
	says(&r->error, "made no progress");
	npu_job_unref(job);
}

static void a_fault_names_the_address(void **state)
{
	struct rig *r = *state;
	struct npu_job *job;

	assert_int_equal(npu_context_status(r->context, NULL), 0);
	fake_fail_job(DRM_NPU_QUEUE_FAULTED, NPU_QUEUE_ERROR_FAULT, 7, -EIO);
	assert_int_equal(npu_submit_fill(r->queue, r->buffer, 0, 4, 0, NULL, &job, NULL), 0);
	assert_int_equal(npu_job_wait(job, NPU_WAIT_FOREVER, &r->error), -EIO);
	says(&r->error, "0xdead000");
	npu_job_unref(job);
	assert_int_equal(npu_context_status(r->context, &r->error), -EFAULT);
	says(&r->error, "write of address 0xdead000: nothing is mapped there");
}

static void later_jobs_of_a_dead_queue_are_cancelled(void **state)
{
	struct rig *r = *state;
	struct npu_job *jobs[3];
	struct npu_queue *fresh;

	fake_hold(true);
	for (int i = 0; i < 3; i++)
		assert_int_equal(submit(r, &jobs[i]), 0);
	fake_fail_job(DRM_NPU_QUEUE_FAULTED, NPU_QUEUE_ERROR_PROGRAM, 0, -EIO);
	fake_run();
	/* The last first: it must not be taken for the guilty one. */
	assert_int_equal(npu_job_wait(jobs[2], NPU_WAIT_FOREVER, &r->error), -ECANCELED);
	says(&r->error, "job 3 was not run");
	says(&r->error, "job 1, operation 0, 'add1'");
	assert_int_equal(npu_job_wait(jobs[0], NPU_WAIT_FOREVER, &r->error), -EIO);
	says(&r->error, "malformed program");
	for (int i = 0; i < 3; i++)
		npu_job_unref(jobs[i]); /* [1] was never asked */

	/* The way on: a new queue, everything else is still good. */
	fake_hold(false);
	assert_int_equal(npu_queue_create(r->context, NPU_QUEUE_NORMAL, &fresh, NULL), 0);
	npu_queue_unref(r->queue);
	r->queue = fresh;
	assert_int_equal(submit(r, &jobs[0]), 0);
	assert_int_equal(npu_job_wait(jobs[0], NPU_WAIT_FOREVER, NULL), 0);
	npu_job_unref(jobs[0]);
}

static void an_innocent_queue_says_so(void **state)
{
	struct rig *r = *state;
	struct npu_job *job;

	fake_fail_job(DRM_NPU_QUEUE_INNOCENT, 0, 0, -ECANCELED);
	assert_int_equal(submit(r, &job), 0);
	assert_int_equal(npu_job_wait(job, NPU_WAIT_FOREVER, &r->error), -ECANCELED);
	says(&r->error, "somebody else");
	npu_job_unref(job);
}

static void *lose_soon(void *unused)
{
	usleep(20000);
	fake_lose_card();
	return NULL;
}

static void losing_the_card_ends_every_wait(void **state)
{
	struct rig *r = *state;
	struct npu_job *done, *job;
	pthread_t thread;

	assert_int_equal(submit(r, &done), 0);
	fake_hold(true);
	assert_int_equal(submit(r, &job), 0);
	assert_int_equal(pthread_create(&thread, NULL, lose_soon, NULL), 0);
	assert_int_equal(npu_job_wait(job, NPU_WAIT_FOREVER, &r->error), -ENODEV);
	pthread_join(thread, NULL);
	says(&r->error, "open it again");
	assert_int_equal(npu_job_wait(job, NPU_WAIT_FOREVER, NULL), -ENODEV);
	/* What had completed, has. */
	assert_int_equal(npu_job_wait(done, NPU_WAIT_FOREVER, NULL), 0);
	assert_int_equal(submit(r, NULL), -ENODEV);
	assert_int_equal(npu_queue_status(r->queue, &r->error), -ENODEV);
	says(&r->error, "lost or reset");
	npu_job_unref(job);
	npu_job_unref(done);
}

static void the_steady_state_allocates_nothing(void **state)
{
	struct rig *r = *state;
	struct fake_counts before = { 0 }, after;
	struct npu_job *job;

	for (int i = 0; i < 20; i++) {
		if (i == 2)
			before = fake_counts();
		assert_int_equal(submit(r, &job), 0);
		assert_int_equal(npu_job_wait(job, NPU_WAIT_FOREVER, NULL), 0);
		npu_job_unref(job);
	}
	after = fake_counts();
	assert_int_equal(after.objects_made, before.objects_made);
	/* A job that is done before anybody waits costs its submission only. */
	assert_int_equal(after.requests - before.requests, 18);
}

static void jobs_that_nobody_asks_for_are_recycled(void **state)
{
	struct rig *r = *state;
	struct fake_counts before;

	submit(r, NULL);
	submit(r, NULL);
	before = fake_counts();
	for (int i = 0; i < 1000; i++)
		assert_int_equal(submit(r, NULL), 0);
	assert_int_equal(fake_counts().objects_made, before.objects_made);
}

static void many_jobs_may_be_in_flight(void **state)
{
	enum { JOBS = 100 };
	struct rig *r = *state;
	struct npu_job *jobs[JOBS];

	fake_hold(true);
	for (int i = 0; i < JOBS; i++)
		assert_int_equal(submit(r, &jobs[i]), 0);
	fake_run();
	for (int i = JOBS - 1; i >= 0; i--) {
		assert_int_equal(npu_job_wait(jobs[i], 0, NULL), 0);
		npu_job_unref(jobs[i]);
	}
}

static void a_running_job_keeps_what_it_uses(void **state)
{
	struct rig *r = *state;
	struct npu_job *job;
	float *data = r->data;
	int fd;

	data[0] = 1;
	fake_hold(true);
	assert_int_equal(submit(r, &job), 0);
	fd = npu_job_fd(job, NULL);
	rig_fini(r); /* all but the job */
	r->device = NULL;
	r->context = NULL;
	r->buffer = NULL;
	r->graph = NULL;
	r->model = NULL;
	r->queue = NULL;
	fake_run();
	assert_true(data[16] == 101);
	assert_int_equal(npu_job_wait(job, NPU_WAIT_FOREVER, NULL), 0);
	npu_job_unref(job);
	close(fd);
}

static void destroying_a_queue_cancels_its_jobs(void **state)
{
	struct rig *r = *state;
	struct npu_job *job;
	struct pollfd p = { .events = POLLIN };

	fake_hold(true);
	assert_int_equal(submit(r, &job), 0);
	p.fd = npu_job_fd(job, NULL);
	npu_job_unref(job);
	npu_queue_unref(r->queue);
	r->queue = NULL;
	assert_int_equal(poll(&p, 1, 0), 1);
	close(p.fd);
}

static void references_may_go_in_any_order(void **state)
{
	/* Each permutation of the five that a job leads to. */
	for (int order = 0; order < 120; order++) {
		struct rig r = { .file = ((struct rig *)*state)->file };
		int left[5] = { 0, 1, 2, 3, 4 }, n = 5, code = order;
		unsigned int before = fake_objects();
		struct npu_job *job;

		assert_int_equal(rig_init(&r), 0);
		assert_int_equal(submit(&r, &job), 0);
		npu_device_unref(r.device);
		npu_graph_unref(r.graph);
		for (; n; n--) {
			int pick = code % n, what = left[pick];

			code /= n;
			left[pick] = left[n - 1];
			if (what == 0)
				npu_context_unref(r.context);
			else if (what == 1)
				npu_model_unref(r.model);
			else if (what == 2)
				npu_queue_unref(r.queue);
			else if (what == 3)
				npu_buffer_unref(r.buffer);
			else
				npu_job_unref(job);
		}
		assert_int_equal(fake_objects(), before);
	}
}

static void scratch_grows_while_jobs_run(void **state)
{
	const struct graph_shape shape = { .scratch = 16384 };
	struct rig *r = *state;
	struct npu_job *small, *large;
	struct npu_model *model;
	struct npu_graph *graph;
	struct graph_file file;

	graph_build(&file, &shape);
	assert_int_equal(npu_graph_from_memory(file.data, file.size, &graph, NULL), 0);
	assert_int_equal(npu_model_create(r->context, graph, 0, &model, NULL), 0);
	fake_hold(true);
	assert_int_equal(submit(r, &small), 0);
	assert_int_equal(npu_submit(r->queue, model, r->bindings, 2, NULL, &large, NULL), 0);
	fake_run();
	assert_int_equal(npu_job_wait(small, 0, NULL), 0);
	assert_int_equal(npu_job_wait(large, 0, NULL), 0);
	npu_job_unref(small);
	npu_job_unref(large);
	npu_model_unref(model);
	npu_graph_unref(graph);
	graph_free(&file);
}

static void the_card_cannot_write_a_model(void **state)
{
	struct rig *r = *state;
	struct npu_packet_fill *fill = (void *)((uint8_t *)r->data + 128);
	struct npu_job *job;

	/* The model's buffer is the first of the context. */
	fill->header.opcode = NPU_PACKET_FILL;
	fill->destination = npu_device_info(r->device)->va_start;
	fill->size = 4;
	assert_int_equal(npu_submit_packets(r->queue, r->buffer, 128, 1, NULL, &job, NULL), 0);
	assert_int_equal(npu_job_wait(job, NPU_WAIT_FOREVER, NULL), -EIO);
	npu_job_unref(job);
}

static void wrong_models_are_refused(void **state)
{
	const struct graph_shape old = { .abi_min = 0x20000, .abi_max = 0x20000 };
	const struct graph_shape huge = { .elements = (1 << 20) / 4 - 512 };
	struct rig *r = *state;
	struct npu_model *model;
	struct npu_graph *graph;
	struct graph_file file;

	graph_build(&file, &old);
	assert_int_equal(npu_graph_from_memory(file.data, file.size, &graph, NULL), 0);
	assert_int_equal(npu_model_create(r->context, graph, 0, &model, &r->error), -ENOTSUP);
	says(&r->error, "this one has 1.0");
	npu_graph_unref(graph);
	graph_free(&file);

	graph_build(&file, &huge);
	assert_int_equal(npu_graph_from_memory(file.data, file.size, &graph, NULL), 0);
	assert_int_equal(npu_model_create(r->context, graph, 0, &model, &r->error), -ENOSPC);
	says(&r->error, "device memory is full");
	npu_graph_unref(graph);
	graph_free(&file);

	assert_int_equal(npu_model_create(r->context, r->graph, 2, &model, &r->error), -EINVAL);
	says(&r->error, "0x2");
	assert_int_equal(npu_model_create(NULL, r->graph, 0, &model, NULL), -EINVAL);
}

static void damaged_weights_are_not_loaded(void **state)
{
	struct rig *r = *state;
	struct npu_model *model;

	npu_model_unref(r->model); /* good ones would be shared */
	r->model = NULL;
	r->file.data[r->file.size - 1] ^= 1;
	assert_int_equal(npu_model_create(r->context, r->graph, 0, &model, &r->error), -EBADMSG);
	says(&r->error, "weights");
	assert_int_equal(npu_model_create(r->context, r->graph, NPU_MODEL_NO_VERIFY, &model, NULL), 0);
	npu_model_unref(model);
	r->file.data[r->file.size - 1] ^= 1;
}

static void wrong_queues_are_refused(void **state)
{
	struct rig *r = *state;
	struct npu_queue *queue;

	assert_int_equal(npu_queue_create(r->context, 4, &queue, &r->error), -EINVAL);
	assert_int_equal(npu_queue_create(r->context, NPU_QUEUE_HIGH, &queue, &r->error), -EACCES);
	says(&r->error, "priority high needs CAP_SYS_NICE");
	assert_int_equal(npu_queue_create(NULL, 0, &queue, &r->error), -EINVAL);
	assert_int_equal(npu_queue_status(NULL, NULL), -EINVAL);
	assert_int_equal(npu_queue_usage(r->queue, NULL, NULL), -EINVAL);
	assert_int_equal(npu_job_wait(NULL, 0, NULL), -EINVAL);
	assert_int_equal(npu_job_status(NULL, NULL), -EINVAL);
	assert_int_equal(npu_job_fd(NULL, NULL), -EINVAL);
}

static void a_queue_tells_its_usage(void **state)
{
	struct npu_queue_usage usage;
	struct rig *r = *state;

	assert_int_equal(submit(r, NULL), 0);
	assert_int_equal(npu_queue_status(r->queue, NULL), 0);
	assert_int_equal(npu_queue_usage(r->queue, &usage, NULL), 0);
	assert_int_equal(usage.jobs, 1);
	assert_int_equal(usage.busy_ns, 10);
	assert_ptr_equal(npu_queue_ref(r->queue), r->queue);
	npu_queue_unref(r->queue);
}

static void run_copies_in_and_out(void **state)
{
	float x[4] = { 1, 2, 3, 4 }, y[4] = { 0 };
	const struct npu_array in = { .data = x, .size = sizeof(x) };
	const struct npu_array out = { .data = y, .size = sizeof(y), .type = NPU_TYPE_F32, .rank = 2,
				       .extent = { 1, 4 } };
	struct rig *r = *state;
	struct fake_counts before = { 0 };

	for (int i = 0; i < 4; i++) {
		x[0] = (float)i;
		assert_int_equal(npu_run(r->model, &in, 1, &out, 1, &r->error), 0);
		assert_true(y[0] == 100 + (float)i && y[3] == 107);
		if (i == 1)
			before = fake_counts();
	}
	assert_int_equal(fake_counts().objects_made, before.objects_made);
}

static void run_refuses_other_shapes_types_and_sizes(void **state)
{
	float x[4] = { 0 }, y[4] = { 0 };
	struct npu_array in = { .data = x, .size = sizeof(x) }, good = in;
	const struct npu_array out = { .data = y, .size = sizeof(y) };
	struct rig *r = *state;

	assert_int_equal(npu_run(r->model, &in, 0, &out, 1, &r->error), -EINVAL);
	says(&r->error, "0 inputs are given, it has 1");
	assert_int_equal(npu_run(r->model, &in, 1, NULL, 1, &r->error), -EINVAL);
	says(&r->error, "output");
	in.size = 64;
	assert_int_equal(npu_run(r->model, &in, 1, &out, 1, &r->error), -EINVAL);
	says(&r->error, "input 'x' is f32[1,4] of 16 bytes, 64 bytes given");
	in = good;
	in.data = NULL;
	assert_int_equal(npu_run(r->model, &in, 1, &out, 1, &r->error), -EINVAL);
	says(&r->error, "no memory given");
	in = good;
	in.type = NPU_TYPE_I32;
	in.rank = 2;
	in.extent[0] = 1;
	in.extent[1] = 4;
	assert_int_equal(npu_run(r->model, &in, 1, &out, 1, &r->error), -EINVAL);
	says(&r->error, "i32[1,4] of 16 bytes given");
	in.type = NPU_TYPE_F32;
	in.extent[0] = 4;
	in.extent[1] = 1;
	assert_int_equal(npu_run(r->model, &in, 1, &out, 1, &r->error), -EINVAL);
	says(&r->error, "f32[4,1]");
	in.rank = UINT32_MAX;
	in.type = 12345;
	assert_int_equal(npu_run(r->model, &in, 1, &out, 1, &r->error), -EINVAL);
	in = good;
	in.reserved[1] = 1;
	assert_int_equal(npu_run(r->model, &in, 1, &out, 1, &r->error), -EINVAL);
	says(&r->error, "reserved");
	assert_int_equal(npu_run(NULL, &in, 1, &out, 1, &r->error), -EINVAL);
	assert_int_equal(fake_counts().execs, 0);
}

static void run_starts_afresh_after_a_failure(void **state)
{
	float x[4] = { 0 }, y[4] = { 0 };
	const struct npu_array in = { .data = x, .size = sizeof(x) };
	const struct npu_array out = { .data = y, .size = sizeof(y) };
	struct rig *r = *state;

	assert_int_equal(npu_run(r->model, &in, 1, &out, 1, NULL), 0);
	fake_fail_job(DRM_NPU_QUEUE_FAULTED, NPU_QUEUE_ERROR_ECC, 0, -EIO);
	assert_int_equal(npu_run(r->model, &in, 1, &out, 1, &r->error), -EIO);
	says(&r->error, "memory error");
	assert_int_equal(npu_run(r->model, &in, 1, &out, 1, NULL), 0);
	assert_true(y[1] == 101);
}

/* Each request of a whole life fails once: an error comes back and nothing is left. */
static void no_failed_request_leaks(void **state)
{
	struct graph_file file = ((struct rig *)*state)->file;
	unsigned int before = fake_objects();

	for (unsigned int n = 1; n < 200; n++) {
		struct rig r = { .file = file };
		float x[4] = { 0 }, y[4] = { 0 };
		const struct npu_array in = { .data = x, .size = sizeof(x) };
		const struct npu_array out = { .data = y, .size = sizeof(y) };
		struct npu_job *job;
		int ret, waited = 0;

		fake_hold(false);
		fake_fail_request(n, -ENOMEM);
		ret = rig_init(&r);
		if (!ret) {
			fake_hold(true);
			ret = submit(&r, &job);
		}
		if (!ret) {
			fake_hold(false);
			waited = npu_job_wait(job, 0, NULL);
			fake_run();
			/* A wait that failed can be repeated. */
			ret = npu_job_wait(job, NPU_WAIT_FOREVER, &r.error);
			npu_job_unref(job);
		}
		fake_hold(false);
		if (!ret)
			ret = npu_run(r.model, &in, 1, &out, 1, &r.error);
		rig_fini(&r);
		assert_int_equal(fake_objects(), before);
		if (!fake_request_failed()) {
			assert_int_equal(ret, 0);
			assert_true(n > 20);
			return;
		}
		assert_true(ret == -ENOMEM || (!ret && waited == -ENOMEM));
	}
	fail();
}

struct worker {
	struct rig *rig;
	struct npu_queue *queue;
	int errors;
};

static void *hammer(void *opaque)
{
	struct worker *w = opaque;
	struct npu_buffer *buffer;
	struct npu_binding bindings[2];
	struct npu_job *job;
	void *data;

	for (int i = 0; i < 200; i++) {
		if (npu_buffer_create(w->rig->context, 4096, MEMORY, &buffer, NULL) ||
		    npu_buffer_map(buffer, &data, NULL)) {
			w->errors++;
			continue;
		}
		((float *)data)[0] = (float)i;
		bindings[0] = (struct npu_binding){ buffer, 0 };
		bindings[1] = (struct npu_binding){ buffer, 64 };
		if (npu_submit(w->queue, w->rig->model, bindings, 2, NULL, &job, NULL)) {
			w->errors++;
		} else {
			npu_job_ref(job);
			if (npu_job_wait(job, NPU_WAIT_FOREVER, NULL) ||
			    ((float *)data)[16] != 100 + (float)i)
				w->errors++;
			npu_job_unref(job);
			npu_job_unref(job);
		}
		npu_buffer_unref(buffer);
	}
	return NULL;
}

static void *run_often(void *opaque)
{
	struct worker *w = opaque;
	float x[4] = { 5 }, y[4] = { 0 };
	const struct npu_array in = { .data = x, .size = sizeof(x) };
	const struct npu_array out = { .data = y, .size = sizeof(y) };

	for (int i = 0; i < 200; i++)
		if (npu_run(w->rig->model, &in, 1, &out, 1, NULL) || y[0] != 105)
			w->errors++;
	return NULL;
}

/* Jobs wait on a held card and are run by yet another thread. */
static void *crank(void *stop)
{
	while (!atomic_load((atomic_int *)stop)) {
		fake_run();
		usleep(200);
	}
	return NULL;
}

static void threads_share_all_objects(void **state)
{
	enum { WORKERS = 6 };
	struct rig *r = *state;
	pthread_t threads[WORKERS], cranker;
	struct worker workers[WORKERS];
	struct npu_queue *other;
	atomic_int stop = 0;

	assert_int_equal(npu_queue_create(r->context, NPU_QUEUE_LOW, &other, NULL), 0);
	fake_hold(true);
	assert_int_equal(pthread_create(&cranker, NULL, crank, &stop), 0);
	for (int i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){ r, i % 2 ? other : r->queue, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, i == 5 ? run_often : hammer,
						&workers[i]),
				 0);
	}
	for (int i = 0; i < WORKERS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(workers[i].errors, 0);
	}
	atomic_store(&stop, 1);
	pthread_join(cranker, NULL);
	npu_queue_unref(other);
}

static void *wait_for(void *job)
{
	return (void *)(intptr_t)npu_job_wait(job, NPU_WAIT_FOREVER, NULL);
}

static void many_threads_wait_for_one_job(void **state)
{
	struct rig *r = *state;
	pthread_t threads[8];
	struct npu_job *job;
	void *ret;

	for (int fails = 0; fails < 2; fails++) {
		fake_hold(true);
		assert_int_equal(submit(r, &job), 0);
		for (int i = 0; i < 8; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, wait_for, job), 0);
		usleep(2000);
		if (fails)
			fake_fail_job(DRM_NPU_QUEUE_FAULTED, NPU_QUEUE_ERROR_PACKET, 0, -EIO);
		fake_run();
		for (int i = 0; i < 8; i++) {
			pthread_join(threads[i], &ret);
			assert_int_equal((intptr_t)ret, fails ? -EIO : 0);
		}
		npu_job_unref(job);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_job_computes),
		TEST(graph_and_model_know_each_other),
		TEST(waiting_has_an_end),
		TEST(the_longest_timeout_does_not_wrap),
		TEST(a_file_descriptor_becomes_readable),
		TEST(copy_and_fill_work_on_any_bytes),
		TEST(own_packets_run),
		TEST(wrong_ranges_are_refused),
		TEST(wrong_bindings_are_refused_by_name),
		TEST(a_model_of_another_context_is_refused),
		TEST(a_job_waits_for_others),
		TEST(a_job_of_another_device_cannot_be_waited_for),
		TEST(a_failed_job_names_the_operation_and_the_reason),
		TEST(a_hung_job_says_so),
		TEST(a_fault_names_the_address),
		TEST(later_jobs_of_a_dead_queue_are_cancelled),
		TEST(an_innocent_queue_says_so),
		TEST(losing_the_card_ends_every_wait),
		TEST(the_steady_state_allocates_nothing),
		TEST(jobs_that_nobody_asks_for_are_recycled),
		TEST(many_jobs_may_be_in_flight),
		TEST(a_running_job_keeps_what_it_uses),
		TEST(destroying_a_queue_cancels_its_jobs),
		TEST(references_may_go_in_any_order),
		TEST(scratch_grows_while_jobs_run),
		TEST(the_card_cannot_write_a_model),
		TEST(wrong_models_are_refused),
		TEST(damaged_weights_are_not_loaded),
		TEST(wrong_queues_are_refused),
		TEST(a_queue_tells_its_usage),
		TEST(run_copies_in_and_out),
		TEST(run_refuses_other_shapes_types_and_sizes),
		TEST(run_starts_afresh_after_a_failure),
		TEST(no_failed_request_leaks),
		TEST(threads_share_all_objects),
		TEST(many_threads_wait_for_one_job),
	};

	return cmocka_run_group_tests_name("libnpu jobs", tests, NULL, NULL);
}
