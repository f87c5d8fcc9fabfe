// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Events and samples: what went wrong is told, to whom it belongs, as it happens. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "rig.h"

#define SECOND INT64_C(1000000000)
#define KINDS (1U << NPU_EVENT_FAULT | 1U << NPU_EVENT_QUEUE)

/* A job that reads where nothing is, in a queue of its own; returns the queue's number. */
static uint32_t fault(struct rig *r)
{
	const struct npu_packet_copy copy = {
		.header = { .opcode = NPU_PACKET_COPY },
		.source = 0x7ffffffff000, .destination = npu_buffer_address(r->system), .size = 64,
	};
	struct npu_queue *queue;
	struct npu_job *job;
	uint32_t number;

	rig_packet(r, 0, &copy);
	if (npu_queue_create(r->context, NPU_QUEUE_NORMAL, &queue, &r->error) ||
	    npu_submit_packets(queue, r->system, 0, 1, NULL, &job, &r->error))
		tap_bail("%s", r->error.text);
	number = npu_queue_number(queue);
	rig_finish(r, job);
	npu_queue_unref(queue);
	return number;
}

static void a_fault_is_told(struct rig *r)
{
	struct npu_stream *mine, *others, *all;
	struct npu_event event;
	struct npu_device *device;
	bool seen_fault = false, seen_queue = false;
	uint32_t number;
	int64_t before;

	if (npu_open(0, &device, &r->error) ||
	    npu_stream_open_events(r->device, KINDS, 0, &mine, &r->error) ||
	    npu_stream_open_events(device, KINDS, 0, &others, &r->error) ||
	    npu_stream_open_events(device, KINDS, NPU_STREAM_ALL, &all, &r->error))
		tap_bail("%s", r->error.text);
	tap_ret(npu_stream_event(mine, &event, 0, &r->error), -ETIMEDOUT, NULL, "nothing has happened");
	before = rig_now();
	number = fault(r);
	while (!(seen_fault && seen_queue) && !npu_stream_event(mine, &event, 5 * SECOND, &r->error)) {
		bool ours = event.context == npu_context_number(r->context) && event.queue == number &&
			    (int64_t)event.time_ns > before && !event.dropped;

		if (event.kind == NPU_EVENT_FAULT)
			seen_fault = ours && event.value[0] == 0x7ffffffff000;
		else if (event.kind == NPU_EVENT_QUEUE)
			seen_queue = ours;
		else
			break;
	}
	tap(seen_fault, "a fault is told with context, queue, address and time");
	tap(seen_queue, "so is the end of the queue");
	tap_ret(npu_stream_event(others, &event, 0, &r->error), -ETIMEDOUT, NULL,
		"another device handle is not told");
	tap(!npu_stream_event(all, &event, 5 * SECOND, &r->error) && !event.context && !event.queue,
	    "root is, of everybody, without their numbers");
	npu_stream_unref(mine);
	npu_stream_unref(others);
	npu_stream_unref(all);
	npu_device_unref(device);
}

/* One epoll loop for jobs and events. */
static void events_fit_into_an_epoll_loop(struct rig *r)
{
	int set = epoll_create1(EPOLL_CLOEXEC), seen_job = 0, seen_event = 0, n, job_fd;
	struct epoll_event wanted = { .events = EPOLLIN }, got[2];
	struct npu_stream *stream;
	struct npu_event event;
	struct npu_job *gate;

	if (npu_stream_open_events(r->device, KINDS, 0, &stream, &r->error))
		tap_bail("%s", r->error.text);
	gate = rig_gate(r, r->queue, 4096, 8192);
	job_fd = npu_job_fd(gate, &r->error);
	wanted.data.u32 = 1;
	epoll_ctl(set, EPOLL_CTL_ADD, npu_stream_fd(stream), &wanted);
	wanted.data.u32 = 2;
	epoll_ctl(set, EPOLL_CTL_ADD, job_fd, &wanted);
	tap(epoll_wait(set, got, 2, 20) == 0, "nothing to do");
	fault(r);
	for (int i = 0; i < 20 && !(seen_job && seen_event); i++) {
		n = epoll_wait(set, got, 2, 1000);
		for (int k = 0; k < n; k++) {
			if (got[k].data.u32 == 1) {
				while (!npu_stream_event(stream, &event, 0, NULL))
					seen_event++;
				rig_open_gate(r, 8192);
			} else {
				seen_job++;
				epoll_ctl(set, EPOLL_CTL_DEL, job_fd, NULL);
			}
		}
	}
	tap(seen_event >= 2 && seen_job == 1, "%d events and %d job come by one loop", seen_event,
	    seen_job);
	close(job_fd);
	close(set);
	rig_finish(r, gate);
	npu_stream_unref(stream);
}

static void samples_come_each_period(struct rig *r)
{
	struct npu_sample first, last = { 0 };
	struct npu_stream *stream;
	int64_t start = rig_now();
	struct npu_job *job;
	int n = 0;

	if (npu_stream_open_samples(r->device, 20000000, &stream, &r->error) ||
	    npu_stream_sample(stream, &first, 5 * SECOND, &r->error))
		tap_bail("%s", r->error.text);
	for (int i = 0; i < 4; i++)
		if (npu_submit_copy(r->queue, r->memory, 0, r->system, 0, RIG_SIZE, NULL, &job,
				    &r->error) || rig_finish(r, job))
			tap_bail("%s", r->error.text);
	while (n < 20 && !npu_stream_sample(stream, &last, 5 * SECOND, &r->error) &&
	       (last.copy_busy_ns == first.copy_busy_ns || n < 5))
		n++;
	tap(n >= 5 && n < 20 && last.time_ns > first.time_ns && last.copy_busy_ns > first.copy_busy_ns,
	    "%d samples in %lld ms show the copies", n, (long long)(rig_now() - start) / 1000000);
	tap(last.energy_uj >= first.energy_uj && last.queues >= 1 && last.clock_hz > 1000000 &&
		    last.temperature_mc > 0,
	    "with energy, clock, temperature (%d m°C) and queues (%u)", last.temperature_mc, last.queues);
	npu_stream_unref(stream);
}

int main(void)
{
	struct rig r;

	rig_init(&r);
	a_fault_is_told(&r);
	events_fit_into_an_epoll_loop(&r);
	samples_come_each_period(&r);
	rig_fini(&r);
	return tap_end();
}
