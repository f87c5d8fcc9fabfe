// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Submitting, waiting, ordering, and all the ways in which a job can fail. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

#include "rig.h"

#define SECOND INT64_C(1000000000)

/* Where in the system buffer things are. */
enum { GATE = 0, GATE2 = 8, PACKETS = 4096, DATA = 65536 };

static uint32_t word(struct rig *r, uint32_t offset)
{
	uint32_t value;

	memcpy(&value, r->system_data + offset, sizeof(value));
	return value;
}

static struct npu_job *fill(struct rig *r, struct npu_queue *queue, uint32_t offset, uint32_t value,
			    const struct npu_submit_options *options)
{
	struct npu_job *job;

	if (npu_submit_fill(queue, r->system, offset, 4, value, options, &job, &r->error))
		tap_bail("%s", r->error.text);
	return job;
}

/* Each queue of its own, so that r->queue lives on. */
static struct npu_queue *victim(struct rig *r)
{
	struct npu_queue *queue;

	if (npu_queue_create(r->context, NPU_QUEUE_NORMAL, &queue, &r->error))
		tap_bail("%s", r->error.text);
	return queue;
}

static void waiting(struct rig *r)
{
	struct npu_job *job = rig_gate(r, r->queue, PACKETS, GATE);
	struct pollfd p = { .events = POLLIN };
	int64_t start;
	int ret;

	tap_ret(npu_job_status(job, NULL), -EINPROGRESS, NULL, "a job that waits is in progress");
	tap_ret(npu_job_wait(job, 0, NULL), -ETIMEDOUT, NULL, "a wait of 0 looks only");
	start = rig_now();
	ret = npu_job_wait(job, SECOND / 10, &r->error);
	tap(ret == -ETIMEDOUT && rig_now() - start >= SECOND / 10 && rig_now() - start < 10 * SECOND,
	    "a wait of 100 ms takes that long: %s", r->error.text);
	p.fd = npu_job_fd(job, &r->error);
	tap(p.fd >= 0 && poll(&p, 1, 0) == 0, "its descriptor is not readable yet");
	rig_open_gate(r, GATE);
	tap(poll(&p, 1, 5000) == 1 && p.revents == POLLIN, "it is once the job is done");
	close(p.fd);
	tap_ret(npu_job_wait(job, 0, &r->error), 0, r->error.text, "then a wait of 0 succeeds");
	tap_ret(npu_job_status(job, NULL), 0, NULL, "as does its status");
	p.fd = npu_job_fd(job, &r->error);
	/* The card says that it is done a moment before the driver hears of it. */
	tap(p.fd >= 0 && poll(&p, 1, 5000) == 1, "a descriptor made late is readable");
	close(p.fd);
	npu_job_unref(job);
}

static void nothing(int signal)
{
}

/* Signals interrupt the system call, not the wait. */
static void signals_do_not_end_a_wait(struct rig *r)
{
	const struct sigaction action = { .sa_handler = nothing };
	const struct itimerval often = { { 0, 5000 }, { 0, 5000 } }, never = { 0 };
	struct npu_job *job = rig_gate(r, r->queue, PACKETS, GATE);
	int64_t start = rig_now(), took;
	int ret;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	ret = npu_job_wait(job, SECOND / 5, NULL);
	took = rig_now() - start;
	tap(ret == -ETIMEDOUT && took >= SECOND / 5, "signals do not shorten a wait (%d, %lld us)",
	    ret, (long long)took / 1000);
	setitimer(ITIMER_REAL, &never, NULL);
	rig_open_gate(r, GATE);
	tap_ret(rig_finish(r, job), 0, r->error.text, "nor harm the job");
}

/* An epoll loop over many jobs, as a server does it. */
static void epoll_tells_of_many_jobs(struct rig *r)
{
	enum { JOBS = 32 };
	struct npu_job *gate = rig_gate(r, r->queue, PACKETS, GATE), *jobs[JOBS];
	int set = epoll_create1(0), fds[JOBS], seen = 0;

	for (uint32_t i = 0; i < JOBS; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };

		jobs[i] = fill(r, r->queue, DATA + 4 * i, i + 1, NULL);
		fds[i] = npu_job_fd(jobs[i], &r->error);
		epoll_ctl(set, EPOLL_CTL_ADD, fds[i], &event);
	}
	rig_open_gate(r, GATE);
	while (seen < JOBS) {
		struct epoll_event events[JOBS];
		int n = epoll_wait(set, events, JOBS, 5000);

		if (n <= 0)
			break;
		for (int i = 0; i < n; i++) {
			uint32_t which = events[i].data.u32;

			if (!npu_job_status(jobs[which], NULL) && word(r, DATA + 4 * which) == which + 1)
				seen++;
			epoll_ctl(set, EPOLL_CTL_DEL, fds[which], NULL);
		}
	}
	tap(seen == JOBS, "epoll tells of %d of %d jobs, each with its result", seen, JOBS);
	for (int i = 0; i < JOBS; i++) {
		close(fds[i]);
		npu_job_unref(jobs[i]);
	}
	close(set);
	rig_finish(r, gate);
}

static void jobs_run_in_order(struct rig *r)
{
	struct npu_job *last = NULL;

	for (uint32_t i = 0; i < 200; i++) {
		npu_job_unref(last);
		last = fill(r, r->queue, DATA, i, NULL);
	}
	tap_ret(rig_finish(r, last), 0, r->error.text, "200 jobs in a row");
	tap(word(r, DATA) == 199, "the last one writes last");
}

static void a_job_waits_for_another_queue(struct rig *r)
{
	struct npu_job *gate = rig_gate(r, r->queue, PACKETS, GATE), *first, *second;
	struct npu_submit_options options = { .after = &first, .after_count = 1 };
	struct npu_queue *other;

	if (npu_queue_create(r->context, NPU_QUEUE_LOW, &other, &r->error))
		tap_bail("%s", r->error.text);
	first = fill(r, r->queue, DATA, 1, NULL);
	second = fill(r, other, DATA, 2, &options);
	tap_ret(npu_job_wait(second, SECOND / 20, NULL), -ETIMEDOUT, NULL,
		"a job waits for one of another queue");
	rig_open_gate(r, GATE);
	tap_ret(rig_finish(r, second), 0, r->error.text, "and runs after it");
	tap(word(r, DATA) == 2, "in this order");
	npu_job_unref(gate);
	npu_job_unref(first);
	npu_queue_unref(other);
}

static void expect_failure(struct rig *r, const void *packet, int expected, const char *words,
			   const char *name)
{
	struct npu_queue *queue = victim(r);
	struct npu_job *job, *behind;
	int ret;

	rig_packet(r, PACKETS, packet);
	if (npu_submit_packets(queue, r->system, PACKETS, 1, NULL, &job, &r->error))
		tap_bail("%s", r->error.text);
	ret = npu_submit_fill(queue, r->system, DATA, 4, 0, NULL, &behind, &r->error);
	if (!ret)
		ret = rig_finish(r, behind);
	tap_ret(ret, -ECANCELED, r->error.text, "%s: the job behind it is cancelled", name);
	ret = npu_job_wait(job, 10 * SECOND, &r->error);
	tap_ret(ret, expected, r->error.text, "%s: it fails", name);
	tap(ret && strstr(r->error.text, words), "%s: %s", name, r->error.text);
	npu_job_unref(job);
	tap_ret(npu_queue_status(queue, &r->error), -ECANCELED, NULL, "%s: the queue is dead", name);
	tap_ret(npu_submit_fill(queue, r->system, DATA, 4, 0, NULL, NULL, &r->error), -ECANCELED, NULL,
		"%s: it takes no more", name);
	npu_queue_unref(queue);
	job = fill(r, r->queue, DATA, 77, NULL);
	tap_ret(rig_finish(r, job), 0, r->error.text, "%s: another queue works on", name);
}

static void jobs_fail_with_reasons(struct rig *r)
{
	const struct npu_packet_header unknown = { .opcode = 99 };
	const struct npu_packet_copy outside = {
		.header = { .opcode = NPU_PACKET_COPY },
		.source = npu_device_info(r->device)->va_end - 4096,
		.destination = npu_buffer_address(r->system) + DATA,
		.size = 64,
	};
	const struct npu_packet_fence_wait for_ever = {
		.header = { .opcode = NPU_PACKET_FENCE_WAIT },
		.address = npu_buffer_address(r->system) + GATE2,
		.value = 1,
		.mask = UINT64_MAX,
		.compare = NPU_COMPARE_EQ,
	};
	const struct npu_packet_exec garbage = {
		.header = { .opcode = NPU_PACKET_EXEC },
		.program = npu_buffer_address(r->system) + DATA,
		.bases = npu_buffer_address(r->system) + DATA,
		.program_size = 256,
		.base_count = 1,
	};
	uint8_t packet[NPU_PACKET_SIZE] = { 0 };
	int64_t start;

	memcpy(packet, &unknown, sizeof(unknown));
	expect_failure(r, packet, -EIO, "malformed packet", "an unknown packet");
	memset(r->system_data + DATA, 0, 4096);
	expect_failure(r, &garbage, -EIO, "malformed", "zeros for a program");
	tap_ret(npu_context_status(r->context, &r->error), 0, r->error.text, "no fault so far");
	expect_failure(r, &outside, -EIO, "not mapped", "an unmapped address");
	tap_ret(npu_context_status(r->context, &r->error), -EFAULT, NULL,
		"the context has seen the fault: %s", r->error.text);
	start = rig_now();
	memset(r->system_data + GATE2, 0, 8);
	expect_failure(r, &for_ever, -ETIME, "no progress", "a job that waits for ever");
	tap(rig_now() - start < 20 * SECOND, "it was ended after %lld ms",
	    (long long)(rig_now() - start) / 1000000);
}

static void destroying_a_queue_ends_its_jobs(struct rig *r)
{
	struct npu_queue *queue = victim(r);
	struct npu_job *job = rig_gate(r, queue, PACKETS, GATE2);
	struct pollfd p = { .fd = npu_job_fd(job, NULL), .events = POLLIN };

	npu_job_unref(job);
	npu_queue_unref(queue);
	tap(poll(&p, 1, 10000) == 1, "destroying a queue ends the job that it runs");
	close(p.fd);
}

static void usage_grows(struct rig *r)
{
	struct npu_queue *queue = victim(r);
	struct npu_queue_usage usage;
	struct npu_job *job;

	for (int i = 0; i < 5; i++) {
		if (npu_submit_copy(queue, r->memory, 0, r->system, 0, RIG_SIZE, NULL, &job, &r->error))
			tap_bail("%s", r->error.text);
		rig_finish(r, job);
	}
	tap_ret(npu_queue_usage(queue, &usage, &r->error), 0, r->error.text, "a queue's usage");
	/* The driver counts a moment after the card has said that it is done. */
	for (int i = 0; i < 100 && usage.jobs < 5; i++) {
		usleep(10000);
		npu_queue_usage(queue, &usage, NULL);
	}
	tap(usage.jobs == 5, "counts its 5 jobs: %llu", (unsigned long long)usage.jobs);
	tap(usage.busy_ns && usage.energy_nj, "and time and energy: %llu ns, %llu nJ",
	    (unsigned long long)usage.busy_ns, (unsigned long long)usage.energy_nj);
	npu_queue_unref(queue);
}

static void wrong_arguments_are_refused(struct rig *r)
{
	struct npu_queue *queue;

	tap_ret(npu_submit_copy(r->queue, r->system, RIG_SIZE - 1, r->memory, 0, 2, NULL, NULL,
				&r->error), -EINVAL, NULL, "a copy over the end");
	tap_ret(npu_submit_fill(r->queue, r->system, 2, 4, 0, NULL, NULL, &r->error), -EINVAL, NULL,
		"a crooked fill");
	tap_ret(npu_submit_packets(r->queue, r->system, 0, 0, NULL, NULL, &r->error), -EINVAL, NULL,
		"no packets");
	tap_ret(npu_queue_create(r->context, 9, &queue, &r->error), -EINVAL, NULL, "priority 9");
	if (tap_ret(npu_queue_create(r->context, NPU_QUEUE_REALTIME, &queue, &r->error), 0,
		    r->error.text, "root may have a realtime queue"))
		npu_queue_unref(queue);
}

int main(void)
{
	struct rig r;

	rig_init(&r);
	waiting(&r);
	signals_do_not_end_a_wait(&r);
	epoll_tells_of_many_jobs(&r);
	jobs_run_in_order(&r);
	a_job_waits_for_another_queue(&r);
	usage_grows(&r);
	wrong_arguments_are_refused(&r);
	jobs_fail_with_reasons(&r);
	destroying_a_queue_ends_its_jobs(&r);
	rig_fini(&r);
	return tap_end();
}
