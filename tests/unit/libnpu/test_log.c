// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* The log of a device; on a model of the kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include <drm/npu_accel.h>
#include <npu/npu_packet.h>

#include "rig.h"

struct lines {
	char text[4096];
	size_t length;
	uint32_t highest;
};

static void keep(void *opaque, uint32_t level, const char *line)
{
	struct lines *l = opaque;

	assert_null(strchr(line, '\n'));
	l->highest = level > l->highest ? level : l->highest;
	l->length += (size_t)snprintf(l->text + l->length, sizeof(l->text) - l->length, "%u %s\n",
				      level, line);
	assert_true(l->length < sizeof(l->text));
}

static void has(const struct lines *l, const char *words)
{
	if (!strstr(l->text, words))
		fail_msg("'%s' does not say '%s'", l->text, words);
}

static void it_tells_what_happens(void **state)
{
	struct rig *r = *state;
	struct lines lines = { .length = 0 };
	struct npu_context *context;
	struct npu_model *model;
	struct npu_job *job;

	assert_int_equal(npu_device_set_log(r->device, NPU_LOG_DEBUG, keep, &lines, NULL), 0);
	has(&lines, "2 libnpu " NPU_VERSION ", driver interface 1.0, card 0000:01:00.0");
	assert_int_equal(npu_model_create(r->context, r->graph, 0, &model, NULL), 0);
	npu_model_unref(model);
	has(&lines, "2 graph in memory: shares 16 bytes of weights");
	assert_int_equal(npu_context_create(r->device, &context, NULL), 0);
	npu_context_unref(context);
	has(&lines, ": created");
	has(&lines, ": destroyed");
	fake_fail_job(DRM_NPU_QUEUE_FAULTED, NPU_QUEUE_ERROR_PACKET, 0, -EIO);
	assert_int_equal(submit(r, &job), 0);
	assert_int_equal(npu_job_wait(job, NPU_WAIT_FOREVER, NULL), -EIO);
	npu_job_unref(job);
	has(&lines, "is dead: job 1");
	fake_lose_card();
	assert_int_equal(npu_context_create(r->device, &context, NULL), -ENODEV);
	has(&lines, "0 the card at 0000:01:00.0 was lost or reset");
	lines.text[lines.length = 0] = '\0';
	assert_int_equal(npu_context_create(r->device, &context, NULL), -ENODEV);
	assert_int_equal(lines.length, 0); /* once is enough */
	assert_int_equal(npu_device_set_log(r->device, NPU_LOG_ERROR, NULL, NULL, NULL), 0);
}

static void lines_above_the_level_do_not_come(void **state)
{
	struct rig *r = *state;
	struct lines lines = { .length = 0 };
	struct npu_queue *queue;

	assert_int_equal(npu_device_set_log(r->device, NPU_LOG_INFO, keep, &lines, NULL), 0);
	assert_int_equal(npu_queue_create(r->context, NPU_QUEUE_LOW, &queue, NULL), 0);
	npu_queue_unref(queue);
	assert_int_equal(lines.highest, NPU_LOG_INFO);
	assert_int_equal(npu_device_set_log(r->device, NPU_LOG_ERROR, keep, &lines, NULL), 0);
	lines.length = 0;
	assert_int_equal(npu_device_set_log(r->device, NPU_LOG_ERROR, keep, &lines, NULL), 0);
	assert_int_equal(lines.length, 0);
	assert_int_equal(npu_device_set_log(r->device, 4, keep, &lines, &r->error), -EINVAL);
	says(&r->error, "no level 4");
	assert_int_equal(npu_device_set_log(NULL, 0, keep, &lines, NULL), -EINVAL);
	assert_int_equal(npu_device_set_log(r->device, 0, NULL, NULL, NULL), 0);
}

struct listener {
	atomic_int listening; /* 0: after set_log() has taken it away */
	atomic_int late;
	atomic_int heard;
};

static void listen(void *opaque, uint32_t level, const char *line)
{
	struct listener *l = opaque;

	atomic_fetch_add(&l->heard, 1);
	if (!atomic_load(&l->listening))
		atomic_fetch_add(&l->late, 1);
}

static void *chatter(void *opaque)
{
	struct rig *r = opaque;
	struct npu_context *context;

	for (int i = 0; i < 300; i++)
		if (!npu_context_create(r->device, &context, NULL))
			npu_context_unref(context);
	return NULL;
}

/* Logs of several devices, and of none, do not mix; one that was taken away is silent. */
static void a_callback_that_was_taken_away_is_not_called(void **state)
{
	struct rig *r = *state;
	struct listener one = { .listening = 1 }, two = { .listening = 1 };
	struct npu_device *other;
	pthread_t threads[3];

	assert_int_equal(fake_open(&other, NULL), 0);
	assert_int_equal(npu_device_set_log(other, NPU_LOG_DEBUG, listen, &two, NULL), 0);
	assert_int_equal(atomic_load(&two.heard), 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, chatter, r), 0);
	for (int i = 0; i < 50; i++) {
		atomic_store(&one.listening, 1);
		assert_int_equal(npu_device_set_log(r->device, NPU_LOG_DEBUG, listen, &one, NULL), 0);
		assert_int_equal(npu_device_set_log(r->device, 0, NULL, NULL, NULL), 0);
		atomic_store(&one.listening, 0);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert_true(atomic_load(&one.heard) >= 50);
	assert_int_equal(atomic_load(&one.late), 0);
	assert_int_equal(atomic_load(&two.heard), 1);
	npu_device_unref(other);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(it_tells_what_happens),
		TEST(lines_above_the_level_do_not_come),
		TEST(a_callback_that_was_taken_away_is_not_called),
	};

	return cmocka_run_group_tests_name("libnpu log", tests, NULL, NULL);
}
