// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/*
 * EXEC: fetches program, base table and parameters once, then lets the
 * arithmetic (engine.h) run on windows of the context's memory.
 */
#include "work_engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "card_internal.h"
#include "engine.h"
#include "log.h"

#define PROGRAM_MAX	(64u << 20)

struct execution {
	struct card *card;
	struct work_job *job;
	struct npu_base *bases;
	uint64_t op_start;	/* the card's time */
	uint64_t cpu_start;	/* this thread's, ns */
};

static uint64_t base_size(void *context, uint32_t base)
{
	return ((struct execution *)context)->bases[base].size;
}

static uint32_t base_flags(void *context, uint32_t base)
{
	return ((struct execution *)context)->bases[base].flags;
}

static void report_fault(struct execution *e, struct engine_error *error)
{
	error->code = NPU_QUEUE_ERROR_FAULT;
	error->where = e->job->fault.va;
}

static int map(void *context, uint32_t base, uint64_t offset, uint64_t size, bool write,
	       struct engine_range *range, struct engine_error *error)
{
	struct execution *e = context;
	struct mmu_window *window = malloc(sizeof(*window));
	int ret = -ENOMEM;

	if (window)
		ret = mmu_map(e->card->mmu, &e->job->access, e->bases[base].va + offset, size, write,
			      window, &e->job->fault);
	if (!ret) {
		range->data = window->data;
		range->cookie = window;
		return 0;
	}
	free(window);
	if (ret == -EFAULT) {
		report_fault(e, error);
	} else if (ret == -ENOMEM) {
		error->code = NPU_QUEUE_ERROR_OPERAND;
		snprintf(error->text, sizeof(error->text),
			 "no memory to gather %llu bytes from scattered pages", (unsigned long long)size);
	}
	return ret;
}

static int unmap(void *context, struct engine_range *range, struct engine_error *error)
{
	struct execution *e = context;
	struct mmu_fault fault;
	int ret;

	ret = mmu_unmap(e->card->mmu, range->cookie, &fault);
	if (ret) {
		e->job->fault = fault;
		report_fault(e, error);
	}
	free(range->cookie);
	return ret;
}

static bool wanted(void *context)
{
	struct execution *e = context;

	/* Whoever asks has got on. */
	atomic_fetch_add_explicit(&e->job->steps, 1, memory_order_relaxed);
	return atomic_load_explicit(&e->job->cancel, memory_order_relaxed) ||
	       mmu_wanted(e->card->mmu, e->job->access.context) || work_job_slice_over(e->job);
}

/* The MMU is not entered while another job has the engine, so that an
 * invalidation waits for nobody but the one that works.
 */
static bool pause_op(void *context)
{
	struct execution *e = context;
	bool alive;

	mmu_leave(e->card->mmu, e->job->access.context);
	alive = work_job_yield(e->job);
	mmu_enter(e->card->mmu, e->job->access.context);
	return alive;
}

/* Without the time that others had the engine. */
static uint64_t own_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static bool op_begin(void *context, uint32_t op)
{
	struct execution *e = context;

	if (!work_job_yield(e->job))
		return false;
	e->op_start = card_time(e->card);
	e->cpu_start = own_time();
	mmu_enter(e->card->mmu, e->job->access.context);
	return true;
}

static void op_end(void *context, uint32_t op, uint64_t macs, uint64_t bytes)
{
	struct execution *e = context;
	const struct npu_packet_exec *packet = &e->job->packet.exec;

	mmu_leave(e->card->mmu, e->job->access.context);
	work_job_throttle(e->job, own_time() - e->cpu_start);
	atomic_fetch_add(&e->job->steps, 1);
	if (packet->profile && op < packet->profile_count) {
		const struct npu_profile_op profile = {
			e->op_start, card_time(e->card), bytes, power_exec_pj(macs, bytes),
		};
		struct mmu_fault fault;

		/* A profile that cannot be written does not spoil the result. */
		mmu_write(e->card->mmu, &e->job->access, packet->profile + op * sizeof(profile),
			  &profile, sizeof(profile), &fault);
	}
}

static bool bases_valid(const struct npu_base *bases, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (bases[i].flags & ~(uint32_t)(NPU_BASE_READ | NPU_BASE_WRITE) || bases[i].mbz ||
		    bases[i].va % 8 || bases[i].va + bases[i].size < bases[i].va)
			return false;
	}
	return true;
}

/* Copies size bytes at va into *data, a buffer of its own. */
static int fetch(struct execution *e, uint64_t va, size_t size, void **data)
{
	*data = malloc(size ? size : 1);
	if (!*data)
		return -ENOMEM;
	return size ? mmu_read(e->card->mmu, &e->job->access, va, *data, size, &e->job->fault) : 0;
}

static void fail(struct work_job *job, uint32_t error, uint64_t where)
{
	job->error = error;
	job->error_va = where;
}

void tensor_execute(struct card *card, struct work_job *job)
{
	const struct npu_packet_exec *packet = &job->packet.exec;
	struct execution e = { .card = card, .job = job };
	const struct engine_memory memory = {
		.context = &e, .base_count = packet->base_count,
		.base_size = base_size, .base_flags = base_flags,
		.map = map, .unmap = unmap, .op_begin = op_begin, .op_end = op_end,
		.wanted = wanted, .pause = pause_op,
	};
	struct engine_error error = { 0 };
	struct engine_work work = { 0 };
	void *program = NULL, *bases = NULL, *params = NULL;
	int ret;

	if (packet->program_size < sizeof(struct npu_program) || packet->program_size > PROGRAM_MAX) {
		fail(job, NPU_QUEUE_ERROR_PROGRAM, 0);
		return;
	}
	ret = fetch(&e, packet->program, packet->program_size, &program);
	if (!ret)
		ret = fetch(&e, packet->bases, packet->base_count * sizeof(*e.bases), &bases);
	if (!ret)
		ret = fetch(&e, packet->params, packet->param_count * sizeof(uint64_t), &params);
	e.bases = bases;
	if (ret == -EFAULT) {
		fail(job, NPU_QUEUE_ERROR_FAULT, job->fault.va);
	} else if (ret) {
		fail(job, NPU_QUEUE_ERROR_PROGRAM, 0);
	} else if (!bases_valid(e.bases, packet->base_count)) {
		fail(job, NPU_QUEUE_ERROR_PACKET, packet->bases);
	} else if (engine_run(program, packet->program_size, &memory, params, packet->param_count,
			      &work, &error)) {
		fail(job, error.code ? error.code : NPU_QUEUE_ERROR_PROGRAM, error.where);
		job->error_op = error.op;
		if (error.text[0])
			log_info("queue %u: operation %u: %s", job->access.queue, error.op, error.text);
	}
	job->energy_pj = power_exec_pj(work.macs, work.bytes);
	free(program);
	free(bases);
	free(params);
}
