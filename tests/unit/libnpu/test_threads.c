// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Many threads, many contexts, everything shared and given back in any order;
 * on a model of the kernel. ThreadSanitizer has the last word on it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "rig.h"

#define THREADS 8

/* One context with one of each, and a job in flight or done. */
struct set {
	struct npu_device *device;
	struct npu_context *context;
	struct npu_graph *graph;
	struct npu_model *model;
	struct npu_queue *queue;
	struct npu_buffer *buffer;
	struct npu_timeline *timeline;
	struct npu_job *job;
	uint64_t point;
};

enum { PARTS = 8 };

static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static int submit_one(struct set *s)
{
	const struct npu_binding bindings[2] = { { s->buffer, 0 }, { s->buffer, 64 } };
	const struct npu_point point = { s->timeline, ++s->point };
	const struct npu_submit_options options = {
		.signal = &point, .signal_count = 1, .flags = NPU_SUBMIT_PROFILE,
	};

	npu_job_unref(s->job);
	s->job = NULL;
	return npu_submit(s->queue, s->model, bindings, 2, &options, &s->job, NULL);
}

static int make(struct rig *r, struct npu_device *device, struct set *s)
{
	int ret;

	*s = (struct set){ .device = npu_device_ref(device), .graph = npu_graph_ref(r->graph) };
	ret = npu_context_create(device, &s->context, NULL);
	if (!ret)
		ret = npu_model_create(s->context, s->graph, 0, &s->model, NULL);
	if (!ret)
		ret = npu_queue_create(s->context, NPU_QUEUE_NORMAL, &s->queue, NULL);
	if (!ret)
		ret = npu_buffer_create(s->context, 4096, MEMORY | NPU_BUFFER_SHARED, &s->buffer, NULL);
	if (!ret)
		ret = npu_timeline_create(device, &s->timeline, NULL);
	return ret;
}

static void drop(struct set *s, int part)
{
	switch (part) {
	case 0: npu_device_unref(s->device); break;
	case 1: npu_context_unref(s->context); break;
	case 2: npu_graph_unref(s->graph); break;
	case 3: npu_model_unref(s->model); break;
	case 4: npu_queue_unref(s->queue); break;
	case 5: npu_buffer_unref(s->buffer); break;
	case 6: npu_timeline_unref(s->timeline); break;
	case 7: npu_job_unref(s->job); break;
	}
}

static void drop_in_any_order(struct set *s, uint32_t *seed)
{
	int order[PARTS];

	for (int i = 0; i < PARTS; i++) {
		int j = (int)(next_random(seed) % (uint32_t)(i + 1));

		order[i] = order[j];
		order[j] = i;
	}
	for (int i = 0; i < PARTS; i++)
		drop(s, order[i]);
}

struct worker {
	struct rig *rig;
	struct npu_device *device;
	uint32_t seed;
	int rounds;
	int errors;
};

/* Contexts of its own, on a device that all share. */
static void *live_and_die(void *opaque)
{
	struct worker *w = opaque;
	struct set s;

	for (int i = 0; i < w->rounds; i++) {
		w->errors += make(w->rig, w->device, &s) != 0;
		for (uint32_t k = next_random(&w->seed) % 4; k; k--) {
			w->errors += submit_one(&s) != 0;
			if (next_random(&w->seed) % 2 && s.job)
				w->errors += npu_job_wait(s.job, NPU_WAIT_FOREVER, NULL) != 0;
		}
		drop_in_any_order(&s, &w->seed);
	}
	return NULL;
}

static void *crank(void *stop)
{
	while (!atomic_load((atomic_int *)stop)) {
		fake_run();
		usleep(100);
	}
	fake_run();
	return NULL;
}

static void run_workers(struct rig *r, void *(*work)(void *), struct npu_device **devices,
			int device_count, int rounds)
{
	struct worker workers[THREADS];
	pthread_t threads[THREADS], cranker;
	atomic_int stop = 0;

	fake_hold(true);
	assert_int_equal(pthread_create(&cranker, NULL, crank, &stop), 0);
	for (int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ r, devices[i % device_count], 77u + (uint32_t)i, rounds, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(workers[i].errors, 0);
	}
	atomic_store(&stop, 1);
	pthread_join(cranker, NULL);
	fake_hold(false);
}

static void contexts_of_one_device_live_and_die(void **state)
{
	struct rig *r = *state;

	run_workers(r, live_and_die, &r->device, 1, 40);
}

static void devices_live_and_die(void **state)
{
	struct npu_device *devices[3];
	struct rig *r = *state;

	for (int i = 0; i < 3; i++)
		assert_int_equal(fake_open(&devices[i], NULL), 0);
	run_workers(r, live_and_die, devices, 3, 30);
	for (int i = 0; i < 3; i++)
		npu_device_unref(devices[i]);
}

/* The threads use one set while each gives back references to all of it. */
static struct set common;
static pthread_mutex_t common_lock = PTHREAD_MUTEX_INITIALIZER;

static void *use_the_common_set(void *opaque)
{
	struct worker *w = opaque;
	struct npu_job_profile profile;
	struct npu_queue_usage usage;
	struct set mine, old;
	uint64_t value;

	for (int i = 0; i < w->rounds; i++) {
		pthread_mutex_lock(&common_lock);
		mine = common;
		npu_device_ref(mine.device);
		npu_context_ref(mine.context);
		npu_graph_ref(mine.graph);
		npu_model_ref(mine.model);
		npu_queue_ref(mine.queue);
		npu_buffer_ref(mine.buffer);
		npu_timeline_ref(mine.timeline);
		npu_job_ref(mine.job);
		pthread_mutex_unlock(&common_lock);
		switch (next_random(&w->seed) % 5) {
		case 0:
			w->errors += npu_job_wait(mine.job, NPU_WAIT_FOREVER, NULL) != 0 ||
				     npu_job_profile(mine.job, &profile, NULL) != 0;
			break;
		case 1:
			w->errors += npu_timeline_wait(mine.timeline, 1, NPU_WAIT_FOREVER, NULL) != 0 ||
				     npu_timeline_value(mine.timeline, &value, NULL) != 0;
			break;
		case 2:
			w->errors += npu_submit_fill(mine.queue, mine.buffer, 256, 64, 1, NULL, NULL,
						     NULL) != 0;
			break;
		case 3:
			w->errors += npu_queue_status(mine.queue, NULL) != 0 ||
				     npu_queue_usage(mine.queue, &usage, NULL) != 0;
			break;
		case 4: /* The set ends for all who do not hold it; a new one begins. */
			pthread_mutex_lock(&common_lock);
			old = common;
			w->errors += make(w->rig, w->device, &common) != 0 || submit_one(&common) != 0;
			pthread_mutex_unlock(&common_lock);
			drop_in_any_order(&old, &w->seed);
			break;
		}
		drop_in_any_order(&mine, &w->seed);
	}
	return NULL;
}

static void objects_are_used_while_others_give_them_back(void **state)
{
	uint32_t seed = 5;
	struct rig *r = *state;

	assert_int_equal(make(r, r->device, &common), 0);
	assert_int_equal(submit_one(&common), 0);
	run_workers(r, use_the_common_set, &r->device, 1, 60);
	drop_in_any_order(&common, &seed);
}

static void *submit_until_lost(void *opaque)
{
	struct worker *w = opaque;
	struct set s;
	int ret = make(w->rig, w->device, &s);

	while (!ret) {
		ret = submit_one(&s);
		if (!ret)
			ret = npu_job_wait(s.job, NPU_WAIT_FOREVER, NULL);
	}
	w->errors += ret != -ENODEV;
	drop_in_any_order(&s, &w->seed);
	return NULL;
}

static void *lose(void *unused)
{
	usleep(20000);
	fake_lose_card();
	return NULL;
}

static void losing_the_card_ends_all_threads(void **state)
{
	struct rig *r = *state;
	pthread_t loser;

	assert_int_equal(pthread_create(&loser, NULL, lose, NULL), 0);
	run_workers(r, submit_until_lost, &r->device, 1, 0);
	pthread_join(loser, NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(contexts_of_one_device_live_and_die),
		TEST(devices_live_and_die),
		TEST(objects_are_used_while_others_give_them_back),
		TEST(losing_the_card_ends_all_threads),
	};

	return cmocka_run_group_tests_name("libnpu threads", tests, NULL, NULL);
}
