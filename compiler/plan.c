// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Scratch memory: buffers that are never alive at the same operation share
 * it. Largest first, each goes into the smallest gap that is free during its
 * whole life; for the graphs of neural networks this comes close to the bound
 * (the largest sum of what is alive at once). Its time grows with the square
 * of the buffers, so that very long programs are planned in the order of
 * their operations instead, which knows only what is alive at the moment.
 */
#include "program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PLAN_BY_SIZE_MAX 4096	/* buffers */

struct plan {
	struct buffer **order;
	struct buffer **placed;	/* sorted by offset */
	size_t count, done;
	uint64_t size;
};

/* Ties by first use: the same graph gives the same plan. */
static int by_size(const void *a, const void *b)
{
	const struct buffer *x = *(struct buffer *const *)a, *y = *(struct buffer *const *)b;

	if (x->size != y->size)
		return x->size < y->size ? 1 : -1;
	return x->first < y->first ? -1 : x->first > y->first;
}

static int by_use(const void *a, const void *b)
{
	const struct buffer *x = *(struct buffer *const *)a, *y = *(struct buffer *const *)b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return by_size(a, b);
}

static uint64_t end_of(const struct buffer *b)
{
	return (b->offset + b->size + PROGRAM_ALIGN - 1) & ~(uint64_t)(PROGRAM_ALIGN - 1);
}

/* Into the smallest gap between those placed that live at the same time. */
static void place(struct plan *plan, struct buffer *b)
{
	uint64_t end = 0, best_gap = UINT64_MAX;
	size_t at = 0;

	for (size_t i = 0; i < plan->done; i++) {
		const struct buffer *other = plan->placed[i];

		if (other->last < b->first || b->last < other->first)
			continue;
		if (other->offset >= end && other->offset - end >= b->size &&
		    other->offset - end < best_gap) {
			best_gap = other->offset - end;
			b->offset = end;
		}
		if (end_of(other) > end)
			end = end_of(other);
	}
	if (best_gap == UINT64_MAX)
		b->offset = end;
	while (at < plan->done && plan->placed[at]->offset <= b->offset)
		at++;
	memmove(plan->placed + at + 1, plan->placed + at,
		(plan->done - at) * sizeof(*plan->placed));
	plan->placed[at] = b;
	plan->done++;
	if (end_of(b) > plan->size)
		plan->size = end_of(b);
}

/* Forgets what is dead before operation `now`. */
static void forget(struct plan *plan, uint32_t now)
{
	size_t kept = 0;

	for (size_t i = 0; i < plan->done; i++) {
		if (plan->placed[i]->last >= now)
			plan->placed[kept++] = plan->placed[i];
	}
	plan->done = kept;
}

int plan_scratch(struct npuc_graph *graph, struct program *p)
{
	struct plan plan = { 0 };
	bool thorough;

	plan.order = calloc(p->buffer_count + 1, sizeof(struct buffer *));
	plan.placed = calloc(p->buffer_count + 1, sizeof(struct buffer *));
	if (!plan.order || !plan.placed) {
		free(plan.order);
		free(plan.placed);
		return ir_fail(graph, -ENOMEM, "no memory to plan memory");
	}
	for (unsigned int i = 0; i < p->buffer_count; i++) {
		if (p->buffers[i]->kind == BUFFER_SCRATCH && p->buffers[i]->used)
			plan.order[plan.count++] = p->buffers[i];
	}
	thorough = plan.count <= PLAN_BY_SIZE_MAX;
	qsort(plan.order, plan.count, sizeof(struct buffer *), thorough ? by_size : by_use);
	for (size_t i = 0; i < plan.count; i++) {
		if (!thorough)
			forget(&plan, plan.order[i]->first);
		place(&plan, plan.order[i]);
	}
	p->scratch_size = plan.size;
	free(plan.order);
	free(plan.placed);
	return 0;
}
