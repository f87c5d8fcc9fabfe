// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Timelines, and sync_files to wait for; on a model of the kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <time.h>

#include "rig.h"

static struct npu_timeline *timeline(struct rig *r)
{
	struct npu_timeline *t;

	assert_int_equal(npu_timeline_create(r->device, &t, &r->error), 0);
	return t;
}

static uint64_t value(struct npu_timeline *t)
{
	uint64_t v = ~0ULL;

	assert_int_equal(npu_timeline_value(t, &v, NULL), 0);
	return v;
}

/* Stores @pattern into the first word of the rig's buffer. */
static int fill(struct rig *r, struct npu_queue *queue, uint32_t pattern,
		const struct npu_submit_options *options)
{
	return npu_submit_fill(queue, r->buffer, 0, 4, pattern, options, NULL, &r->error);
}

static uint32_t word(const struct rig *r)
{
	uint32_t w;

	memcpy(&w, r->data, sizeof(w));
	return w;
}

static void the_host_signals_and_waits(void **state)
{
	struct rig *r = *state;
	struct npu_timeline *t = timeline(r);

	assert_true(value(t) == 0);
	assert_int_equal(npu_timeline_wait(t, 0, 0, NULL), 0);
	assert_int_equal(npu_timeline_wait(t, 1, 0, &r->error), -ETIMEDOUT);
	says(&r->error, "point 1 of the timeline");
	assert_int_equal(npu_timeline_signal(t, 7, NULL), 0);
	assert_true(value(t) == 7);
	assert_int_equal(npu_timeline_wait(t, 3, 0, NULL), 0);
	assert_int_equal(npu_timeline_wait(t, 7, NPU_WAIT_FOREVER, NULL), 0);
	assert_int_equal(npu_timeline_wait(t, 8, 2000000, NULL), -ETIMEDOUT);
	assert_int_equal(npu_timeline_signal(t, UINT64_MAX, NULL), 0);
	assert_int_equal(npu_timeline_wait(t, UINT64_MAX, 0, NULL), 0);
	npu_timeline_unref(t);
	npu_timeline_unref(NULL);
}

static void points_only_go_up(void **state)
{
	struct rig *r = *state;
	struct npu_timeline *t = timeline(r);
	const struct npu_point five = { t, 5 };
	const struct npu_submit_options options = { .signal = &five, .signal_count = 1 };

	assert_int_equal(npu_timeline_signal(t, 0, &r->error), -EINVAL);
	says(&r->error, "points go up");
	assert_int_equal(npu_timeline_signal(t, 5, NULL), 0);
	assert_int_equal(npu_timeline_signal(t, 5, NULL), -EINVAL);
	assert_int_equal(npu_timeline_signal(t, 4, &r->error), -EINVAL);
	says(&r->error, "it is at 5");
	assert_int_equal(fill(r, r->queue, 1, &options), -EINVAL);
	says(&r->error, "point 5 to reach");
	assert_true(value(t) == 5);
	npu_timeline_unref(t);
}

static void jobs_reach_points_when_they_are_done(void **state)
{
	struct rig *r = *state;
	struct npu_timeline *t = timeline(r);
	const struct npu_point points[2] = { { t, 1 }, { t, 2 } };
	const struct npu_submit_options first = { .signal = &points[0], .signal_count = 1 };
	const struct npu_submit_options second = { .signal = &points[1], .signal_count = 1 };

	fake_hold(true);
	assert_int_equal(fill(r, r->queue, 1, &first), 0);
	assert_int_equal(fill(r, r->queue, 2, &second), 0);
	assert_true(value(t) == 0);
	assert_int_equal(npu_timeline_signal(t, 2, &r->error), -EINVAL); /* a job will */
	fake_run();
	assert_true(value(t) == 2);
	assert_int_equal(word(r), 2);
	npu_timeline_unref(t);
}

static void a_job_waits_for_points_of_other_queues(void **state)
{
	struct rig *r = *state;
	struct npu_timeline *t = timeline(r);
	const struct npu_point one = { t, 1 };
	const struct npu_submit_options reach = { .signal = &one, .signal_count = 1 };
	const struct npu_submit_options wait = { .wait = &one, .wait_count = 1 };
	struct npu_queue *other;

	assert_int_equal(npu_queue_create(r->context, NPU_QUEUE_LOW, &other, NULL), 0);
	assert_int_equal(fill(r, other, 2, &wait), -EINVAL);
	says(&r->error, "submit the job that reaches it first");
	fake_hold(true);
	assert_int_equal(fill(r, r->queue, 1, &reach), 0);
	assert_int_equal(fill(r, other, 2, &wait), 0);
	npu_timeline_unref(t); /* the jobs do without */
	fake_run();
	assert_int_equal(word(r), 2);
	npu_queue_unref(other);
}

static void a_failed_job_reaches_its_points(void **state)
{
	struct rig *r = *state;
	struct npu_timeline *t = timeline(r);
	const struct npu_point one = { t, 1 };
	const struct npu_submit_options reach = { .signal = &one, .signal_count = 1 };

	fake_fail_job(1, 1, 0, -EIO);
	assert_int_equal(fill(r, r->queue, 1, &reach), 0);
	assert_int_equal(npu_timeline_wait(t, 1, NPU_WAIT_FOREVER, NULL), 0);
	npu_timeline_unref(t);
}

static void *signal_soon(void *t)
{
	const struct timespec soon = { .tv_nsec = 3000000 };

	nanosleep(&soon, NULL);
	npu_timeline_signal(t, 9, NULL);
	return NULL;
}

static void waiting_begins_before_anybody_submits(void **state)
{
	struct npu_timeline *t = timeline(*state);
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, signal_soon, t), 0);
	assert_int_equal(npu_timeline_wait(t, 9, NPU_WAIT_FOREVER, NULL), 0);
	pthread_join(thread, NULL);
	npu_timeline_unref(t);
}

static void a_timeline_crosses_by_a_descriptor(void **state)
{
	struct rig *r = *state;
	struct npu_timeline *t = timeline(r), *same;
	struct npu_device *device;
	int fd;

	assert_int_equal(npu_timeline_signal(t, 3, NULL), 0);
	fd = npu_timeline_export(t, &r->error);
	assert_true(fd >= 0);
	assert_int_equal(fake_open(&device, NULL), 0);
	assert_int_equal(npu_timeline_import(device, fd, &same, &r->error), 0);
	npu_device_unref(device);
	close(fd);
	assert_true(value(same) == 3);
	assert_int_equal(npu_timeline_signal(same, 3, &r->error), -EINVAL); /* known from the start */
	assert_int_equal(npu_timeline_signal(same, 4, NULL), 0);
	assert_true(value(t) == 4);
	npu_timeline_ref(same);
	npu_timeline_unref(same);
	npu_timeline_unref(same);
	npu_timeline_unref(t);
}

static void what_is_no_timeline_is_not_imported(void **state)
{
	struct rig *r = *state;
	struct npu_timeline *t;
	struct npu_job *job;
	int fd;

	assert_int_equal(submit(r, &job), 0);
	fd = npu_job_fd(job, NULL);
	assert_int_equal(npu_timeline_import(r->device, fd, &t, &r->error), -EINVAL);
	says(&r->error, "is none");
	close(fd);
	npu_job_unref(job);
	assert_int_equal(npu_timeline_import(r->device, -1, &t, NULL), -EINVAL);
}

static void a_point_has_a_descriptor_to_poll(void **state)
{
	struct rig *r = *state;
	struct npu_timeline *t = timeline(r);
	const struct npu_point one = { t, 1 };
	const struct npu_submit_options reach = { .signal = &one, .signal_count = 1 };
	struct pollfd p = { .events = POLLIN };

	assert_int_equal(npu_timeline_fd(t, 1, &r->error), -EINVAL);
	says(&r->error, "submit the job that reaches it first");
	assert_int_equal(npu_timeline_fd(t, 0, &r->error), -EINVAL);
	fake_hold(true);
	assert_int_equal(fill(r, r->queue, 1, &reach), 0);
	p.fd = npu_timeline_fd(t, 1, &r->error);
	assert_true(p.fd >= 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	fake_run();
	assert_int_equal(poll(&p, 1, 0), 1);
	close(p.fd);
	npu_timeline_unref(t);
}

static void a_job_waits_for_sync_files(void **state)
{
	struct rig *r = *state;
	struct npu_queue *other;
	struct npu_job *job;
	int fence;
	struct npu_submit_options wait = { .fences = &fence, .fence_count = 1 };

	assert_int_equal(npu_queue_create(r->context, NPU_QUEUE_LOW, &other, NULL), 0);
	fake_hold(true);
	assert_int_equal(npu_submit_fill(r->queue, r->buffer, 0, 4, 1, NULL, &job, NULL), 0);
	fence = npu_job_fd(job, NULL);
	assert_true(fence >= 0);
	npu_job_unref(job);
	assert_int_equal(fill(r, other, 2, &wait), 0);
	fake_run();
	assert_int_equal(word(r), 2);
	close(fence);
	npu_queue_unref(other);
}

static void what_is_no_sync_file_is_refused(void **state)
{
	struct rig *r = *state;
	struct npu_job *job;
	int fences[2];
	struct npu_submit_options wait = { .fences = fences, .fence_count = 2 };
	unsigned int before;

	assert_int_equal(submit(r, &job), 0);
	fences[0] = npu_job_fd(job, NULL);
	fences[1] = -1;
	npu_job_unref(job);
	before = fake_objects();
	assert_int_equal(fill(r, r->queue, 1, &wait), -EINVAL);
	says(&r->error, "descriptor -1 to wait for is no sync_file");
	assert_int_equal(fake_objects(), before);
	close(fences[0]);
}

static void wrong_options_are_refused(void **state)
{
	struct rig *r = *state;
	struct npu_timeline *t = timeline(r);
	struct npu_device *device;
	struct npu_timeline *foreign;
	struct npu_point point = { t, 0 };
	struct npu_submit_options options = { .wait = &point, .wait_count = 1 };

	assert_int_equal(fill(r, r->queue, 1, &options), -EINVAL); /* no value */
	says(&r->error, "point 0 to wait for");
	options = (struct npu_submit_options){ .signal = &point, .signal_count = 1 };
	assert_int_equal(fill(r, r->queue, 1, &options), -EINVAL);
	says(&r->error, "point 0 to reach");
	point = (struct npu_point){ NULL, 1 };
	assert_int_equal(fill(r, r->queue, 1, &options), -EINVAL);
	assert_int_equal(fake_open(&device, NULL), 0);
	assert_int_equal(npu_timeline_create(device, &foreign, NULL), 0);
	point = (struct npu_point){ foreign, 1 };
	assert_int_equal(fill(r, r->queue, 1, &options), -EINVAL);
	says(&r->error, "another device handle");
	npu_timeline_unref(foreign);
	npu_device_unref(device);

	options = (struct npu_submit_options){ .wait_count = 1 };
	assert_int_equal(fill(r, r->queue, 1, &options), -EINVAL);
	options = (struct npu_submit_options){ .wait = &point, .wait_count = 501,
					       .signal = &point, .signal_count = 500 };
	assert_int_equal(fill(r, r->queue, 1, &options), -EINVAL);
	says(&r->error, "at most 1000");
	options = (struct npu_submit_options){ .wait = &point, .wait_count = SIZE_MAX,
					       .signal = &point, .signal_count = 2 };
	assert_int_equal(fill(r, r->queue, 1, &options), -EINVAL);
	options = (struct npu_submit_options){ .flags = 2 };
	assert_int_equal(fill(r, r->queue, 1, &options), -EINVAL);
	says(&r->error, "flags 0x2");
	options = (struct npu_submit_options){ .mbz = 1 };
	assert_int_equal(fill(r, r->queue, 1, &options), -EINVAL);
	options = (struct npu_submit_options){ .reserved = { 0, 0, 0, 1 } };
	assert_int_equal(fill(r, r->queue, 1, &options), -EINVAL);
	says(&r->error, "reserved");
	npu_timeline_unref(t);

	assert_int_equal(npu_timeline_create(NULL, &t, NULL), -EINVAL);
	assert_int_equal(npu_timeline_import(r->device, 0, NULL, NULL), -EINVAL);
	assert_int_equal(npu_timeline_export(NULL, NULL), -EINVAL);
	assert_int_equal(npu_timeline_signal(NULL, 1, NULL), -EINVAL);
	assert_int_equal(npu_timeline_value(NULL, NULL, NULL), -EINVAL);
	assert_int_equal(npu_timeline_wait(NULL, 1, 0, NULL), -EINVAL);
	assert_int_equal(npu_timeline_fd(NULL, 1, NULL), -EINVAL);
}

static void a_lost_card_ends_waits_for_points(void **state)
{
	struct rig *r = *state;
	struct npu_timeline *t = timeline(r);
	uint64_t v;

	fake_lose_card();
	assert_int_equal(npu_timeline_wait(t, 1, NPU_WAIT_FOREVER, &r->error), -ENODEV);
	says(&r->error, "open it again");
	assert_int_equal(npu_timeline_value(t, &v, NULL), -ENODEV);
	assert_int_equal(npu_timeline_signal(t, 1, NULL), -ENODEV);
	assert_int_equal(npu_timeline_fd(t, 1, NULL), -ENODEV);
	assert_int_equal(npu_timeline_export(t, NULL), -ENODEV);
	npu_timeline_unref(t);
}

/* Each request of these calls fails once: an error comes back and nothing is left. */
static void no_failed_request_leaks(void **state)
{
	struct rig *r = *state;
	unsigned int n;
	int fence;

	fence = -1;
	for (n = 1; n < 50; n++) {
		struct npu_timeline *t = NULL, *same = NULL;
		struct npu_point point = { .value = 1 };
		const struct npu_submit_options options = {
			.fences = &fence, .fence_count = 1, .signal = &point, .signal_count = 1,
		};
		struct npu_job *job;
		unsigned int before;
		int fd = -1, ret;

		assert_int_equal(submit(r, &job), 0);
		fence = npu_job_fd(job, NULL);
		npu_job_unref(job);
		before = fake_objects();
		fake_fail_request(n, -ENOMEM);
		ret = npu_timeline_create(r->device, &t, NULL);
		if (!ret) {
			fd = npu_timeline_export(t, NULL);
			ret = fd < 0 ? fd : npu_timeline_import(r->device, fd, &same, NULL);
		}
		if (!ret) {
			point.timeline = same;
			ret = fill(r, r->queue, 1, &options);
		}
		fake_fail_request(0, 0);
		npu_timeline_unref(same);
		npu_timeline_unref(t);
		close(fence);
		if (fd >= 0)
			close(fd);
		assert_int_equal(fake_objects(), before);
		if (!ret)
			break;
		assert_int_equal(ret, -ENOMEM);
	}
	assert_in_range(n, 6, 20);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_host_signals_and_waits),
		TEST(points_only_go_up),
		TEST(jobs_reach_points_when_they_are_done),
		TEST(a_job_waits_for_points_of_other_queues),
		TEST(a_failed_job_reaches_its_points),
		TEST(waiting_begins_before_anybody_submits),
		TEST(a_timeline_crosses_by_a_descriptor),
		TEST(what_is_no_timeline_is_not_imported),
		TEST(a_point_has_a_descriptor_to_poll),
		TEST(a_job_waits_for_sync_files),
		TEST(what_is_no_sync_file_is_refused),
		TEST(wrong_options_are_refused),
		TEST(a_lost_card_ends_waits_for_points),
		TEST(no_failed_request_leaks),
	};

	return cmocka_run_group_tests_name("libnpu fences", tests, NULL, NULL);
}
