// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Timelines and sync_files between queues, contexts, cards and processes. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

#define SECOND INT64_C(1000000000)

/* Of the rig's system buffer: the gate's packet and word, and what is filled. */
enum { GATE = 0, GATE_WORD = 512, FIRST = 1024, SECOND_WORD = 1088 };

static uint32_t word(const struct rig *r, uint32_t offset)
{
	uint32_t w;

	memcpy(&w, r->system_data + offset, sizeof(w));
	return w;
}

static struct npu_timeline *timeline(struct rig *r)
{
	struct npu_timeline *t;

	if (npu_timeline_create(r->device, &t, &r->error))
		tap_bail("%s", r->error.text);
	return t;
}

static uint64_t value(struct npu_timeline *t)
{
	uint64_t v = ~0ULL;

	npu_timeline_value(t, &v, NULL);
	return v;
}

static void the_host_signals(struct rig *r)
{
	struct npu_timeline *t = timeline(r);

	tap(value(t) == 0, "a timeline starts at 0");
	tap_ret(npu_timeline_wait(t, 1, 20000000, &r->error), -ETIMEDOUT, r->error.text,
		"a wait for a point ends in time");
	tap_ret(npu_timeline_signal(t, 1ULL << 40, &r->error), 0, r->error.text, "the host signals 2^40");
	tap(value(t) == 1ULL << 40, "it is there");
	tap_ret(npu_timeline_wait(t, 7, 0, &r->error), 0, r->error.text, "so is 7");
	tap_ret(npu_timeline_signal(t, 7, &r->error), -EINVAL, NULL, "going back is refused: %s",
		r->error.text);
	npu_timeline_unref(t);
}

/* A job behind a gate reaches point 3, for which a job of another context's queue waits. */
static void jobs_wait_for_points(struct rig *r)
{
	struct npu_timeline *t = timeline(r);
	const struct npu_point three = { t, 3 }, two = { t, 2 }, four = { t, 4 };
	const struct npu_submit_options reach = { .signal = &three, .signal_count = 1 };
	const struct npu_submit_options both = {
		.wait = &two, .wait_count = 1, .signal = &four, .signal_count = 1,
	};
	const struct npu_submit_options early = { .wait = &four, .wait_count = 1 };
	struct npu_context *context;
	struct npu_queue *other;
	struct npu_buffer *buffer;
	struct npu_job *gate, *late;
	struct pollfd p = { .events = POLLIN };
	uint32_t *data;
	void *map;

	if (npu_context_create(r->device, &context, &r->error) ||
	    npu_queue_create(context, NPU_QUEUE_NORMAL, &other, &r->error) ||
	    npu_buffer_create(context, 4096, NPU_BUFFER_SYSTEM | NPU_BUFFER_MAPPABLE, &buffer,
			      &r->error) ||
	    npu_buffer_map(buffer, &map, &r->error))
		tap_bail("%s", r->error.text);
	data = map;
	tap_ret(npu_submit_fill(other, buffer, 0, 4, 1, &early, NULL, &r->error), -EINVAL, NULL,
		"nobody will reach the point: %s", r->error.text);
	gate = rig_gate(r, r->queue, GATE, GATE_WORD);
	if (npu_submit_fill(r->queue, r->system, FIRST, 4, 5, &reach, NULL, &r->error))
		tap_bail("%s", r->error.text);
	tap_ret(npu_submit_fill(other, buffer, 0, 4, 6, &both, &late, &r->error), 0, r->error.text,
		"a job waits for point 2, which 3 will pass, and reaches 4");
	p.fd = npu_timeline_fd(t, 4, &r->error);
	tap(p.fd >= 0 && poll(&p, 1, 50) == 0 && !data[0] && value(t) == 0,
	    "nothing happens before the gate opens");
	rig_open_gate(r, GATE_WORD);
	tap_ret(npu_timeline_wait(t, 4, 5 * SECOND, &r->error), 0, r->error.text, "then point 4 comes");
	tap(value(t) == 4 && word(r, FIRST) == 5 && data[0] == 6, "with the results of both jobs");
	tap(poll(&p, 1, 1000) == 1, "the point's descriptor is readable");
	close(p.fd);
	tap_ret(rig_finish(r, late), 0, r->error.text, "the job says so too");
	rig_finish(r, gate);
	npu_timeline_unref(t);
	npu_buffer_unref(buffer);
	npu_queue_unref(other);
	npu_context_unref(context);
}

static void a_dead_queue_reaches_its_points(struct rig *r)
{
	const struct npu_packet_header wrong = { .opcode = 0xee };
	struct npu_timeline *t = timeline(r);
	const struct npu_point one = { t, 1 };
	const struct npu_submit_options reach = { .signal = &one, .signal_count = 1 };
	uint8_t packet[NPU_PACKET_SIZE] = { 0 };
	struct npu_queue *queue;
	struct npu_job *job;

	memcpy(packet, &wrong, sizeof(wrong));
	rig_packet(r, GATE, packet);
	if (npu_queue_create(r->context, NPU_QUEUE_NORMAL, &queue, &r->error) ||
	    npu_submit_packets(queue, r->system, GATE, 1, &reach, &job, &r->error))
		tap_bail("%s", r->error.text);
	tap_ret(npu_timeline_wait(t, 1, 5 * SECOND, &r->error), 0, r->error.text,
		"a job that fails reaches its point");
	tap_ret(rig_finish(r, job), -EIO, NULL, "and tells why: %s", r->error.text);
	npu_queue_unref(queue);
	npu_timeline_unref(t);
}

/* The child opens the card itself, and reaches a point that the parent waits for. */
static void a_timeline_joins_two_processes(struct rig *r)
{
	struct npu_timeline *t = timeline(r);
	int fd = npu_timeline_export(t, &r->error), status = -1;
	int64_t start = rig_now();
	pid_t child;

	tap(fd >= 0, "a timeline has a descriptor");
	fflush(stdout);
	child = fork();
	if (!child) {
		struct npu_timeline *same;
		struct npu_point two;
		const struct npu_submit_options reach = { .signal = &two, .signal_count = 1 };
		struct npu_error error;
		struct rig own;

		rig_init(&own);
		if (npu_timeline_import(own.device, fd, &same, &error) ||
		    npu_timeline_wait(same, 1, 5 * SECOND, &error))
			_exit(1);
		two = (struct npu_point){ same, 2 };
		if (npu_submit_fill(own.queue, own.system, 0, 4, 1, &reach, NULL, &error) ||
		    npu_timeline_wait(same, 2, 5 * SECOND, &error))
			_exit(2);
		_exit(0);
	}
	close(fd);
	tap_ret(npu_timeline_signal(t, 1, &r->error), 0, r->error.text, "this process reaches point 1");
	tap_ret(npu_timeline_wait(t, 2, 10 * SECOND, &r->error), 0, r->error.text,
		"a job of another process reaches point 2 after %lld ms",
		(long long)(rig_now() - start) / 1000000);
	waitpid(child, &status, 0);
	tap(WIFEXITED(status) && !WEXITSTATUS(status), "which saw it as well");
	npu_timeline_unref(t);
}

/* A sync_file of one device handle, or card, starts a job of another. */
static void a_sync_file_joins_devices(struct rig *r, unsigned int card)
{
	struct npu_submit_options wait;
	struct npu_job *gate, *job;
	struct npu_buffer *buffer;
	struct npu_context *context;
	struct npu_device *device;
	struct npu_queue *queue;
	int fence, null = 0;
	void *map;

	if (npu_open(card, &device, &r->error) ||
	    npu_context_create(device, &context, &r->error) ||
	    npu_queue_create(context, NPU_QUEUE_NORMAL, &queue, &r->error) ||
	    npu_buffer_create(context, 4096, NPU_BUFFER_SYSTEM | NPU_BUFFER_MAPPABLE, &buffer,
			      &r->error) ||
	    npu_buffer_map(buffer, &map, &r->error))
		tap_bail("%s", r->error.text);
	gate = rig_gate(r, r->queue, GATE, GATE_WORD);
	fence = npu_job_fd(gate, &r->error);
	wait = (struct npu_submit_options){ .fences = &fence, .fence_count = 1 };
	tap_ret(npu_submit_fill(queue, buffer, 0, 4, 9, &wait, &job, &r->error), 0, r->error.text,
		"a job of card %u waits for a sync_file of card 0", card);
	close(fence); /* the job has its own reference */
	tap_ret(npu_job_wait(job, 50000000, &r->error), -ETIMEDOUT, NULL, "it waits");
	rig_open_gate(r, GATE_WORD);
	tap_ret(npu_job_wait(job, 5 * SECOND, &r->error), 0, r->error.text, "and runs");
	tap(*(uint32_t *)map == 9, "and computes");
	npu_job_unref(job);
	rig_finish(r, gate);
	wait.fences = &null;
	tap_ret(npu_submit_fill(queue, buffer, 0, 4, 9, &wait, NULL, &r->error), -EINVAL, NULL,
		"another file is refused: %s", r->error.text);
	npu_buffer_unref(buffer);
	npu_queue_unref(queue);
	npu_context_unref(context);
	npu_device_unref(device);
}

static void *wait_for_second(void *t)
{
	return (void *)(intptr_t)npu_timeline_wait(t, 2, 5 * SECOND, NULL);
}

static void threads_wait_for_points_to_come(struct rig *r)
{
	struct npu_timeline *t = timeline(r);
	const struct npu_point two = { t, 2 };
	const struct npu_submit_options reach = { .signal = &two, .signal_count = 1 };
	pthread_t threads[4];
	int good = 0;
	void *ret;

	for (int i = 0; i < 4; i++)
		if (pthread_create(&threads[i], NULL, wait_for_second, t))
			tap_bail("no thread");
	usleep(20000);
	if (npu_submit_fill(r->queue, r->system, SECOND_WORD, 4, 1, &reach, NULL, &r->error))
		tap_bail("%s", r->error.text);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &ret);
		good += !ret;
	}
	tap(good == 4, "%d of 4 threads see a point that was submitted after they began to wait", good);
	npu_timeline_unref(t);
}

int main(void)
{
	struct npu_device_entry *list;
	size_t count = 0;
	struct rig r;

	rig_init(&r);
	the_host_signals(&r);
	jobs_wait_for_points(&r);
	a_dead_queue_reaches_its_points(&r);
	threads_wait_for_points_to_come(&r);
	a_sync_file_joins_devices(&r, 0);
	if (!npu_enumerate(&list, &count, NULL))
		npu_enumerate_free(list);
	if (count > 1)
		a_sync_file_joins_devices(&r, 1);
	a_timeline_joins_two_processes(&r);
	rig_fini(&r);
	return tap_end();
}
