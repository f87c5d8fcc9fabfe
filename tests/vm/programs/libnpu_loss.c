// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * The contract of a lost card: everything ends with -ENODEV within a bound,
 * what had completed stays good, other cards work on, and the card can be
 * opened again once it is back. The last of two cards is made to answer all
 * ones, as one that has fallen off the bus.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig.h"

#define SECOND INT64_C(1000000000)
#define WAITERS 4

struct waiter {
	pthread_t thread;
	struct npu_job *job;
	int ret;
	int64_t end;
	struct npu_error error;
};

static struct npu_device_entry entry;

static void command(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void command(const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (system(text))
		tap_bail("failed: %s", text);
}

static void set_lost(bool lost)
{
	command("tests/vm/host control %u fault all-ones %s >/dev/null", entry.index,
		lost ? "on" : "off");
}

/* What sysfs says of the card now. */
static bool state_is(const char *state)
{
	struct npu_device_entry *list;
	bool is = false;
	size_t count;

	if (npu_enumerate(&list, &count, NULL))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!strcmp(list[i].bdf, entry.bdf))
			is = !strcmp(list[i].state, state);
	npu_enumerate_free(list);
	return is;
}

static void rig_init_last(struct rig *r)
{
	void *data;

	memset(r, 0, sizeof(*r));
	if (npu_open_name(entry.bdf, &r->device, &r->error) ||
	    npu_context_create(r->device, &r->context, &r->error) ||
	    npu_queue_create(r->context, NPU_QUEUE_NORMAL, &r->queue, &r->error))
		tap_bail("%s", r->error.text);
	r->system = rig_buffer(r, RIG_SIZE, NPU_BUFFER_SYSTEM, &data);
	r->system_data = data;
	r->memory = rig_buffer(r, RIG_SIZE, NPU_BUFFER_DEVICE, &data);
	r->memory_data = data;
}

static void *wait_for(void *opaque)
{
	struct waiter *w = opaque;

	w->ret = npu_job_wait(w->job, NPU_WAIT_FOREVER, &w->error);
	w->end = rig_now();
	return NULL;
}

static int fill(struct rig *r)
{
	struct npu_job *job;
	int ret = npu_submit_fill(r->queue, r->system, 65536, 4, 1, NULL, &job, &r->error);

	return ret ? ret : rig_finish(r, job);
}

static void everything_ends(struct rig *r, struct npu_job *done)
{
	struct npu_job *gate = rig_gate(r, r->queue, 4096, 0);
	struct pollfd p = { .fd = npu_job_fd(gate, NULL), .events = POLLIN };
	struct waiter waiters[WAITERS];
	struct npu_telemetry telemetry;
	struct npu_buffer *buffer;
	struct npu_device *again;
	int ended = 0;
	int64_t start;

	for (int i = 0; i < WAITERS; i++) {
		waiters[i].job = gate;
		if (pthread_create(&waiters[i].thread, NULL, wait_for, &waiters[i]))
			tap_bail("no thread");
	}
	usleep(100000);
	set_lost(true);
	start = rig_now();
	tap(poll(&p, 1, 5000) == 1, "the job's descriptor becomes readable within 5 s");
	for (int i = 0; i < WAITERS; i++) {
		pthread_join(waiters[i].thread, NULL);
		ended += waiters[i].ret == -ENODEV && waiters[i].end - start < 5 * SECOND;
	}
	tap(ended == WAITERS, "%d of %d waiters get -ENODEV within 5 s", ended, WAITERS);
	tap(strstr(waiters[0].error.text, "lost or reset") != NULL, "says: %s", waiters[0].error.text);
	close(p.fd);
	npu_job_unref(gate);
	tap_ret(npu_job_wait(done, 0, &r->error), 0, r->error.text, "a job that was done stays good");
	tap_ret(npu_submit_fill(r->queue, r->system, 65536, 4, 1, NULL, NULL, &r->error), -ENODEV, NULL,
		"no more jobs");
	tap_ret(npu_buffer_create(r->context, 4096, NPU_BUFFER_SYSTEM, &buffer, &r->error), -ENODEV,
		NULL, "no more buffers");
	tap_ret(npu_queue_status(r->queue, &r->error), -ENODEV, NULL, "the queue says so");
	tap_ret(npu_device_telemetry(r->device, &telemetry, &r->error), -ENODEV, NULL,
		"telemetry says so");
	tap(state_is("lost"), "sysfs says so");
	tap_ret(npu_open_name(entry.bdf, &again, &r->error), -ENODEV, NULL, "it cannot be opened");
	tap(strstr(r->error.text, "lost_reason") != NULL, "says: %s", r->error.text);
	memset(r->system_data, 1, RIG_SIZE);
	memset(r->memory_data, 1, RIG_SIZE);
	tap(r->system_data[RIG_SIZE - 1] == 1, "mapped memory does not kill the process");
}

static void the_card_comes_back(struct rig *old)
{
	struct rig r;

	set_lost(false);
	command("cd /sys/bus/pci/drivers/npu && echo %s >unbind && echo %s >bind", entry.bdf, entry.bdf);
	for (int i = 0; i < 100 && !state_is("live"); i++)
		usleep(100000);
	tap(state_is("live"), "the driver starts the card again");
	rig_init_last(&r);
	tap_ret(fill(&r), 0, r.error.text, "opened anew it works");
	tap_ret(npu_submit_fill(old->queue, old->system, 0, 4, 1, NULL, NULL, &old->error), -ENODEV, NULL,
		"what was opened before does not");
	rig_fini(old);
	tap_ret(fill(&r), 0, r.error.text, "giving it back does not disturb");
	rig_fini(&r);
}

/* An operator resets the card: the same contract, and it works again without more ado. */
static void a_reset_ends_what_was_open(void)
{
	struct npu_timeline *timeline;
	struct npu_device *again;
	struct npu_queue *queue;
	struct npu_job *gate;
	struct rig r, fresh;

	rig_init_last(&r);
	if (npu_timeline_create(r.device, &timeline, &r.error) ||
	    npu_timeline_signal(timeline, 1, &r.error))
		tap_bail("%s", r.error.text);
	gate = rig_gate(&r, r.queue, 4096, 0);
	command("echo 1 >/sys/bus/pci/devices/%s/reset", entry.bdf);
	tap_ret(npu_job_wait(gate, 5 * SECOND, &r.error), -ENODEV, NULL, "a reset ends a job: %s",
		r.error.text);
	tap_ret(npu_context_status(r.context, &r.error), -ENODEV, NULL, "the context says so");
	tap_ret(npu_queue_create(r.context, NPU_QUEUE_NORMAL, &queue, &r.error), -ENODEV, NULL,
		"no more queues");
	tap_ret(npu_submit_fill(r.queue, r.system, 0, 4, 1, NULL, NULL, &r.error), -ENODEV, NULL,
		"no more jobs");
	npu_job_unref(gate);
	npu_timeline_unref(timeline);
	for (int i = 0; i < 100 && !state_is("live"); i++)
		usleep(100000);
	tap_ret(npu_open_name(entry.bdf, &again, &r.error), 0, r.error.text, "the card is opened again");
	npu_device_unref(again);
	rig_init_last(&fresh);
	tap_ret(fill(&fresh), 0, fresh.error.text, "and works, while the old objects are there");
	rig_fini(&r);
	tap_ret(fill(&fresh), 0, fresh.error.text, "and when they are gone");
	rig_fini(&fresh);
}

int main(void)
{
	struct npu_device_entry *list;
	struct rig r, other;
	struct npu_job *done;
	size_t count;

	if (npu_enumerate(&list, &count, NULL) || count < 2) {
		printf("one of at least two cards is lost here\n");
		return 77;
	}
	entry = list[count - 1];
	npu_enumerate_free(list);
	rig_init(&other);
	rig_init_last(&r);
	if (npu_submit_fill(r.queue, r.system, 8192, 4, 1, NULL, &done, &r.error) ||
	    npu_job_wait(done, NPU_WAIT_FOREVER, &r.error))
		tap_bail("%s", r.error.text);
	everything_ends(&r, done);
	tap_ret(fill(&other), 0, other.error.text, "another card works on");
	npu_job_unref(done);
	the_card_comes_back(&r);
	a_reset_ends_what_was_open();
	tap_ret(fill(&other), 0, other.error.text, "the other card never noticed");
	rig_fini(&other);
	return tap_end();
}
