// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Streams of events and samples; on a model of the kernel. */
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

#include <drm/npu_accel.h>

#include "rig.h"

#define KINDS (1U << NPU_EVENT_QUEUE | 1U << NPU_EVENT_LOST)

static struct npu_stream *events(struct rig *r)
{
	struct npu_stream *s;

	assert_int_equal(npu_stream_open_events(r->device, KINDS, 0, &s, &r->error), 0);
	return s;
}

static void put_event(struct npu_stream *s, uint32_t kind, uint64_t value)
{
	const struct drm_npu_event event = {
		.time_ns = 5, .kind = kind, .dropped = 2, .vm = 3, .queue = 4, .value = { value, 9 },
	};

	fake_record(npu_stream_fd(s), &event, sizeof(event));
}

static void events_are_told_in_order(void **state)
{
	struct npu_stream *s = events(*state);
	struct pollfd p = { .fd = npu_stream_fd(s), .events = POLLIN };
	struct rig *r = *state;
	struct npu_event e;

	assert_int_equal(npu_stream_event(s, &e, 0, &r->error), -ETIMEDOUT);
	says(&r->error, "nothing in the stream");
	assert_int_equal(npu_stream_event(s, &e, 3000000, NULL), -ETIMEDOUT);
	assert_int_equal(poll(&p, 1, 0), 0);
	put_event(s, NPU_EVENT_QUEUE, 7);
	put_event(s, NPU_EVENT_LOST, 8);
	assert_int_equal(poll(&p, 1, 0), 1);
	memset(&e, 0xff, sizeof(e));
	assert_int_equal(npu_stream_event(s, &e, 0, NULL), 0);
	assert_int_equal(e.kind, NPU_EVENT_QUEUE);
	assert_int_equal(e.time_ns, 5);
	assert_int_equal(e.dropped, 2);
	assert_int_equal(e.context, 3);
	assert_int_equal(e.queue, 4);
	assert_int_equal(e.value[0], 7);
	assert_int_equal(e.value[1], 9);
	assert_true(!e.reserved[0] && !e.reserved[1]);
	assert_int_equal(npu_stream_event(s, &e, NPU_WAIT_FOREVER, NULL), 0);
	assert_int_equal(e.kind, NPU_EVENT_LOST);
	assert_ptr_equal(npu_stream_ref(s), s);
	npu_stream_unref(s);
	npu_stream_unref(s);
	npu_stream_unref(NULL);
}

/* What came before the end is read; then the end is said, each time. */
static void a_stream_ends_with_the_card(void **state)
{
	struct npu_stream *s = events(*state);
	struct rig *r = *state;
	struct npu_event e;

	put_event(s, NPU_EVENT_LOST, 0);
	fake_end_stream(npu_stream_fd(s));
	assert_int_equal(npu_stream_event(s, &e, 0, NULL), 0);
	assert_int_equal(npu_stream_event(s, &e, NPU_WAIT_FOREVER, &r->error), -ENODEV);
	says(&r->error, "open it again");
	assert_int_equal(npu_stream_event(s, &e, 0, NULL), -ENODEV);
	npu_stream_unref(s);
}

static void samples_come_by_themselves(void **state)
{
	const struct drm_npu_sample sample = {
		.time_ns = 1, .throttle = ~0U, .tensor_busy_ns = 2, .copy_busy_ns = 3, .energy_uj = 4,
		.clock_hz = 5, .power_mw = 6, .temperature_mc = -7, .queues = 8, .slots_active = 9,
	};
	struct rig *r = *state;
	struct npu_stream *s;
	struct npu_sample got;
	struct npu_event e;

	assert_int_equal(npu_stream_open_samples(r->device, 10000000, &s, &r->error), 0);
	fake_record(npu_stream_fd(s), &sample, sizeof(sample));
	assert_int_equal(npu_stream_event(s, &e, 0, &r->error), -EINVAL);
	says(&r->error, "it is one of samples");
	assert_int_equal(npu_stream_sample(s, &got, 0, NULL), 0);
	assert_int_equal(got.throttle, NPU_THROTTLE_POWER | NPU_THROTTLE_THERMAL);
	assert_int_equal(got.tensor_busy_ns, 2);
	assert_int_equal(got.copy_busy_ns, 3);
	assert_int_equal(got.energy_uj, 4);
	assert_int_equal(got.clock_hz, 5);
	assert_int_equal(got.power_mw, 6);
	assert_int_equal(got.temperature_mc, -7);
	assert_int_equal(got.queues, 8);
	assert_int_equal(got.slots_active, 9);
	npu_stream_unref(s);
	s = events(r);
	assert_int_equal(npu_stream_sample(s, &got, 0, &r->error), -EINVAL);
	says(&r->error, "it is one of events");
	npu_stream_unref(s);
}

static void wrong_streams_are_refused(void **state)
{
	struct rig *r = *state;
	struct npu_stream *s;
	struct npu_sample sample;

	assert_int_equal(npu_stream_open_events(r->device, 0, 0, &s, &r->error), -EINVAL);
	says(&r->error, "at least one");
	assert_int_equal(npu_stream_open_events(r->device, 1U << 6, 0, &s, NULL), -EINVAL);
	assert_int_equal(npu_stream_open_events(r->device, KINDS, 2, &s, &r->error), -EINVAL);
	says(&r->error, "flags 0x2");
	assert_int_equal(npu_stream_open_events(r->device, KINDS, NPU_STREAM_ALL, &s, &r->error),
			 -EACCES);
	says(&r->error, "CAP_PERFMON");
	assert_int_equal(npu_stream_open_samples(r->device, 9999999, &s, &r->error), -EINVAL);
	says(&r->error, "10 ms");
	assert_int_equal(npu_stream_open_samples(r->device, 1ULL << 32, &s, NULL), -EINVAL);
	fake_fail_request(1, -EINVAL);
	assert_int_equal(npu_stream_open_events(r->device, KINDS, 0, &s, &r->error), -ENOTSUP);
	says(&r->error, "install a newer driver");
	fake_fail_request(1, -EDQUOT);
	assert_int_equal(npu_stream_open_events(r->device, KINDS, 0, &s, NULL), -EDQUOT);
	assert_int_equal(npu_stream_open_events(NULL, KINDS, 0, &s, NULL), -EINVAL);
	assert_int_equal(npu_stream_open_samples(r->device, 10000000, NULL, NULL), -EINVAL);
	assert_int_equal(npu_stream_event(NULL, NULL, 0, NULL), -EINVAL);
	assert_int_equal(npu_stream_sample(NULL, &sample, 0, NULL), -EINVAL);
}

enum { EVENTS = 200 };

static void *count_events(void *opaque)
{
	struct npu_stream *s = opaque;
	struct npu_event e;
	intptr_t n = 0;

	while (!npu_stream_event(s, &e, NPU_WAIT_FOREVER, NULL))
		n++;
	return (void *)n;
}

static void threads_take_each_event_once(void **state)
{
	struct npu_stream *s = events(*state);
	pthread_t threads[4];
	intptr_t sum = 0;
	void *n;

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_events, s), 0);
	for (int i = 0; i < EVENTS; i++)
		put_event(s, NPU_EVENT_QUEUE, 0);
	fake_end_stream(npu_stream_fd(s));
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &n);
		sum += (intptr_t)n;
	}
	assert_int_equal(sum, EVENTS);
	npu_stream_unref(s);
}

static void contexts_and_queues_have_numbers(void **state)
{
	struct rig *r = *state;
	struct npu_context *other;

	assert_int_equal(npu_context_create(r->device, &other, NULL), 0);
	assert_true(npu_context_number(r->context) > 0 && npu_queue_number(r->queue) > 0);
	assert_true(npu_context_number(other) != npu_context_number(r->context));
	npu_context_unref(other);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(events_are_told_in_order),
		TEST(a_stream_ends_with_the_card),
		TEST(samples_come_by_themselves),
		TEST(wrong_streams_are_refused),
		TEST(threads_take_each_event_once),
		TEST(contexts_and_queues_have_numbers),
	};

	return cmocka_run_group_tests_name("libnpu streams", tests, NULL, NULL);
}
