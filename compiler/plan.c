// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Scratch memory: buffers that are never alive at the same operation share
 * it. Largest first, each goes into the smallest gap that is free during its
 * whole life; for the graphs of neural networks this comes close to the bound
 * (the largest sum of what is alive at once), and it is quick.
 */
#include "program.h"

#include <errno.h>
#include <stdlib.h>

/* Largest first, then by first use: the same graph gives the same plan. */
static int by_size(const void *a, const void *b)
{
	const struct buffer *x = *(struct buffer *const *)a, *y = *(struct buffer *const *)b;

	if (x->size != y->size)
		return x->size < y->size ? 1 : -1;
	return x->first < y->first ? -1 : x->first > y->first;
}

static uint64_t end_of(const struct buffer *b)
{
	return (b->offset + b->size + PROGRAM_ALIGN - 1) & ~(uint64_t)(PROGRAM_ALIGN - 1);
}

/* `placed` is sorted by offset; returns where `b` goes in it. */
static size_t place(struct buffer **placed, size_t count, struct buffer *b)
{
	uint64_t end = 0, best_gap = UINT64_MAX;
	size_t at = 0;

	for (size_t i = 0; i < count; i++) {
		const struct buffer *other = placed[i];

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
	while (at < count && placed[at]->offset <= b->offset)
		at++;
	return at;
}

int plan_scratch(struct npuc_graph *graph, struct program *p)
{
	struct buffer **order = calloc(p->buffer_count + 1, sizeof(struct buffer *));
	struct buffer **placed = calloc(p->buffer_count + 1, sizeof(struct buffer *));
	size_t count = 0, done = 0;

	if (!order || !placed) {
		free(order);
		free(placed);
		return ir_fail(graph, -ENOMEM, "no memory");
	}
	for (unsigned int i = 0; i < p->buffer_count; i++) {
		if (p->buffers[i]->kind == BUFFER_SCRATCH && p->buffers[i]->used)
			order[count++] = p->buffers[i];
	}
	qsort(order, count, sizeof(struct buffer *), by_size);
	for (size_t i = 0; i < count; i++) {
		const size_t at = place(placed, done, order[i]);

		for (size_t j = done; j > at; j--)
			placed[j] = placed[j - 1];
		placed[at] = order[i];
		done++;
		if (end_of(order[i]) > p->scratch_size)
			p->scratch_size = end_of(order[i]);
	}
	free(order);
	free(placed);
	return 0;
}
