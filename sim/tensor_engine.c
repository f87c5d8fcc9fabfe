// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/*
 * EXEC: fetches program, base table and parameters once, then lets the
 * arithmetic (engine.h) run on windows of the context's memory.
 */
#include "work_engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "card_internal.h"
#include "engine.h"
#include "log.h"

#define PROGRAM_MAX	(64u << 20)

struct execution {
	struct card *card;
	struct work_job *job;
	struct npu_base *bases;
	uint64_t op_start;
};

static uint64_t base_size(void *context, uint32_t base)
{
	return ((struct execution *)context)->bases[base].size;
}

static uint32_t base_flags(void *context, uint32_t base)
{
	return ((struct execution *)context)->bases[base].flags;
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
	if (ret) {
		free(window);
		error->code = ret == -EFAULT ? NPU_QUEUE_ERROR_FAULT : NPU_QUEUE_ERROR_PROGRAM;
		error->where = e->job->fault.va;
		return ret;
	}
	range->data = window->data;
	range->cookie = window;
	return 0;
}

static void unmap(void *context, struct engine_range *range)
{
	struct execution *e = context;

	mmu_unmap(e->card->mmu, range->cookie);
	free(range->cookie);
}

/* The MMU is entered for one operation at a time, so that an invalidation
 * waits no longer than that.
 */
static bool op_begin(void *context, uint32_t op)
{
	struct execution *e = context;

	if (atomic_load(&e->job->cancel))
		return false;
	e->op_start = card_time(e->card);
	mmu_enter(e->card->mmu, e->job->access.context);
	return true;
}

static void op_end(void *context, uint32_t op, uint64_t macs, uint64_t bytes)
{
	struct execution *e = context;
	const struct npu_packet_exec *packet = &e->job->packet.exec;

	mmu_leave(e->card->mmu, e->job->access.context);
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
		    bases[i].va + bases[i].size < bases[i].va)
			return false;
	}
	return true;
}

/* Copies size bytes at va into a buffer of its own; NULL on a fault. */
static void *fetch(struct execution *e, uint64_t va, size_t size)
{
	void *data = malloc(size ? size : 1);

	if (data && size && mmu_read(e->card->mmu, &e->job->access, va, data, size, &e->job->fault)) {
		free(data);
		data = NULL;
	}
	return data;
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
	};
	struct engine_error error = { 0 };
	struct engine_work work = { 0 };
	void *program = NULL;
	uint64_t *params = NULL;

	if (packet->program_size < sizeof(struct npu_program) || packet->program_size > PROGRAM_MAX) {
		fail(job, NPU_QUEUE_ERROR_PROGRAM, 0);
		return;
	}
	program = fetch(&e, packet->program, packet->program_size);
	e.bases = fetch(&e, packet->bases, packet->base_count * sizeof(*e.bases));
	params = fetch(&e, packet->params, packet->param_count * sizeof(*params));
	if (!program || !e.bases || !params) {
		fail(job, NPU_QUEUE_ERROR_FAULT, job->fault.va);
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
	free(e.bases);
	free(params);
}
