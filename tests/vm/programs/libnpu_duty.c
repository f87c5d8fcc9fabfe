// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * A card's day: many opens, round trips, chains of copies, bursts of jobs that
 * nobody waits for in between, and all of it while others come and go. Ideas
 * of intel/linux-npu-driver's kmd-test (docs/testing.md).
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digits.h"
#include "rig.h"

#define MS INT64_C(1000000)

static void many_opens(void)
{
	enum { OPENS = 128 };
	struct npu_device *devices[OPENS];
	struct npu_error error = { "" };
	int n = 0;

	while (n < OPENS && !npu_open(0, &devices[n], &error))
		n++;
	tap(n == OPENS, "the card is opened %d times at once: %s", n, error.text);
	while (n)
		npu_device_unref(devices[--n]);
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

enum { TRIPS = 100 };

struct traveller {
	pthread_t thread;
	struct npu_context *context;
	int64_t trips[TRIPS]; /* ns */
	int done;
};

/* The shortest job there is, from submission to the end of the wait. */
static void *travel(void *opaque)
{
	const struct npu_packet_header nop = { .opcode = NPU_PACKET_NOP };
	struct traveller *t = opaque;
	struct npu_buffer *packets;
	struct npu_queue *queue;
	struct npu_job *job;
	int64_t start;
	void *map;

	if (npu_queue_create(t->context, NPU_QUEUE_NORMAL, &queue, NULL) ||
	    npu_buffer_create(t->context, 4096, NPU_BUFFER_SYSTEM | NPU_BUFFER_MAPPABLE, &packets,
			      NULL) ||
	    npu_buffer_map(packets, &map, NULL))
		return NULL;
	memcpy(map, &nop, sizeof(nop));
	for (t->done = 0; t->done < TRIPS; t->done++) {
		start = rig_now();
		if (npu_submit_packets(queue, packets, 0, 1, NULL, &job, NULL))
			break;
		if (npu_job_wait(job, NPU_WAIT_FOREVER, NULL))
			break;
		t->trips[t->done] = rig_now() - start;
		npu_job_unref(job);
	}
	npu_buffer_unref(packets);
	npu_queue_unref(queue);
	qsort(t->trips, TRIPS, sizeof(t->trips[0]), compare);
	return NULL;
}

static void round_trips(struct rig *r, int threads)
{
	struct traveller travellers[4];
	int64_t median = 0, longest = 0;
	int done = 0;

	for (int i = 0; i < threads; i++) {
		travellers[i].context = r->context;
		travellers[i].done = 0;
		if (pthread_create(&travellers[i].thread, NULL, travel, &travellers[i]))
			tap_bail("no thread");
	}
	for (int i = 0; i < threads; i++) {
		pthread_join(travellers[i].thread, NULL);
		done += travellers[i].done;
		median += travellers[i].trips[TRIPS / 2] / threads;
		if (travellers[i].trips[TRIPS - 1] > longest)
			longest = travellers[i].trips[TRIPS - 1];
	}
	/* Bounds for a busy machine without hardware virtualisation. */
	tap(done == threads * TRIPS && median < 100 * MS && longest < 2000 * MS,
	    "%d round trips by %d thread(s): median %lld us, longest %lld us", done, threads,
	    (long long)median / 1000, (long long)longest / 1000);
}

static uint32_t pattern(uint32_t i, uint32_t seed)
{
	return i * 2654435761u + seed;
}

/* From system memory over two places on the card and back, in one queue without a wait. */
static void copies_in_a_chain(struct rig *r, uint64_t size)
{
	struct npu_buffer *from, *first, *second, *to;
	struct npu_job *last = NULL;
	uint32_t *source, *result;
	int64_t start;
	bool same;
	void *map;
	int ret;

	from = rig_buffer(r, size, NPU_BUFFER_SYSTEM, &map);
	source = map;
	to = rig_buffer(r, size, NPU_BUFFER_SYSTEM, &map);
	result = map;
	if (npu_buffer_create(r->context, size, NPU_BUFFER_DEVICE, &first, &r->error) ||
	    npu_buffer_create(r->context, size, NPU_BUFFER_DEVICE, &second, &r->error))
		tap_bail("%s", r->error.text);
	for (uint64_t i = 0; i < size / 4; i++)
		source[i] = pattern((uint32_t)i, (uint32_t)size);
	start = rig_now();
	ret = npu_submit_copy(r->queue, first, 0, from, 0, size, NULL, NULL, &r->error);
	if (!ret)
		ret = npu_submit_copy(r->queue, second, 0, first, 0, size, NULL, NULL, &r->error);
	if (!ret)
		ret = npu_submit_copy(r->queue, to, 0, second, 0, size, NULL, &last, &r->error);
	if (!ret)
		ret = rig_finish(r, last);
	tap_ret(ret, 0, r->error.text, "%llu KiB go to the card, across it and back: %llu MB/s",
		(unsigned long long)size >> 10,
		(unsigned long long)(3 * size * 1000 / (uint64_t)(rig_now() - start + 1)));
	same = !memcmp(source, result, size);
	tap(same, "and arrive whole");
	npu_buffer_unref(from);
	npu_buffer_unref(first);
	npu_buffer_unref(second);
	npu_buffer_unref(to);
}

/* As many jobs as need a new round of slots, none waited for before all are submitted. */
static void jobs_in_a_burst(struct rig *r, uint32_t jobs)
{
	struct npu_job *last = NULL;
	uint32_t good = 0, word;
	int ret = 0;

	memset(r->system_data, 0, jobs * 64);
	for (uint32_t i = 0; !ret && i < jobs; i++)
		ret = npu_submit_fill(r->queue, r->system, i * 64, 4, pattern(i, jobs), NULL,
				      i + 1 < jobs ? NULL : &last, &r->error);
	if (!ret)
		ret = rig_finish(r, last);
	for (uint32_t i = 0; i < jobs; i++) {
		memcpy(&word, r->system_data + i * 64, 4);
		good += word == pattern(i, jobs);
	}
	tap(!ret && good == jobs, "%u of %u jobs in a burst have run: %s", good, jobs,
	    ret ? r->error.text : "well");
}

/* Submitted, and everything given back at once: it ends, and so does the process. */
static void nobody_waits(struct rig *r)
{
	struct npu_queue *queue;
	int ret = 0;

	for (int i = 0; !ret && i < 20; i++) {
		ret = npu_queue_create(r->context, NPU_QUEUE_LOW, &queue, &r->error);
		if (ret)
			break;
		for (int k = 0; !ret && k < 10; k++)
			ret = npu_submit_fill(queue, r->memory, 0, 65536, 1, NULL, NULL, &r->error);
		npu_queue_unref(queue);
	}
	tap_ret(ret, 0, r->error.text, "20 queues go away with 10 jobs each that nobody waits for");
	jobs_in_a_burst(r, 8);
}

struct comer {
	pthread_t thread;
	struct npu_device *device;
	atomic_int stop;
	int rounds, errors;
};

static void *come_and_go(void *opaque)
{
	struct comer *c = opaque;
	struct npu_context *context;
	struct npu_queue *queue;

	while (!atomic_load(&c->stop)) {
		if (npu_context_create(c->device, &context, NULL)) {
			c->errors++;
			continue;
		}
		if (npu_queue_create(context, NPU_QUEUE_NORMAL, &queue, NULL))
			c->errors++;
		else
			npu_queue_unref(queue);
		npu_context_unref(context);
		c->rounds++;
	}
	return NULL;
}

static void work_goes_on_while_contexts_come_and_go(struct rig *r, const char *program)
{
	struct comer comer = { .device = r->device };
	struct npu_model *model;
	int good = 0, ret = 0;
	struct digits d;

	digits_load(&d, program, "int8");
	if (npu_model_create(r->context, d.graph, 0, &model, &r->error) ||
	    pthread_create(&comer.thread, NULL, come_and_go, &comer))
		tap_bail("%s", r->error.text);
	for (uint32_t i = 0; !ret && i < 20; i++) {
		float scores[DIGITS_CLASSES];
		const struct npu_array in = { .data = d.images[i], .size = sizeof(d.images[i]) };
		const struct npu_array out = { .data = scores, .size = sizeof(scores) };

		ret = npu_run(model, &in, 1, &out, 1, &r->error);
		good += !ret && digits_agree(&d, i, scores);
	}
	tap(good == 20, "%d of 20 inferences are right while contexts come and go", good);
	for (uint32_t size = 4096; size <= 1 << 20; size *= 16)
		copies_in_a_chain(r, size);
	atomic_store(&comer.stop, 1);
	pthread_join(comer.thread, NULL);
	tap(comer.rounds > 0 && !comer.errors, "%d contexts and queues, %d errors", comer.rounds,
	    comer.errors);
	npu_model_unref(model);
	digits_free(&d);
}

/* Engine time counts work, and nothing else. */
static void busy_time_counts_work(struct rig *r)
{
	struct npu_telemetry before, idle, after;
	int ret = 0;

	usleep(150000); /* what was done before has been counted */
	if (npu_device_telemetry(r->device, &before, &r->error))
		tap_bail("%s", r->error.text);
	usleep(200000);
	if (npu_device_telemetry(r->device, &idle, &r->error))
		tap_bail("%s", r->error.text);
	for (int i = 0; !ret && i < 16; i++) {
		struct npu_job *job;

		ret = npu_submit_copy(r->queue, r->memory, 0, r->system, 0, RIG_SIZE, NULL, &job,
				      &r->error);
		if (!ret)
			ret = rig_finish(r, job);
	}
	usleep(150000);
	if (npu_device_telemetry(r->device, &after, &r->error))
		tap_bail("%s", r->error.text);
	tap_ret(ret, 0, r->error.text, "16 copies");
	tap(idle.copy_busy_ns == before.copy_busy_ns && idle.tensor_busy_ns == before.tensor_busy_ns,
	    "no engine is busy without work");
	tap(after.copy_busy_ns > idle.copy_busy_ns && after.tensor_busy_ns == idle.tensor_busy_ns,
	    "copies keep the copy engine busy, %llu us, and no other",
	    (unsigned long long)(after.copy_busy_ns - idle.copy_busy_ns) / 1000);
}

int main(int argc, char **argv)
{
	struct rig r;

	many_opens();
	rig_init(&r);
	round_trips(&r, 1);
	round_trips(&r, 4);
	copies_in_a_chain(&r, 65536);
	copies_in_a_chain(&r, 32 << 20);
	jobs_in_a_burst(&r, 65);
	jobs_in_a_burst(&r, 133);
	jobs_in_a_burst(&r, 1000);
	nobody_waits(&r);
	work_goes_on_while_contexts_come_and_go(&r, argv[0]);
	busy_time_counts_work(&r);
	rig_fini(&r);
	return tap_end();
}
