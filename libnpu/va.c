// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Next fit: the search goes on behind the range that was taken last and wraps
 * once, which is one step in the usual case. First fit was rejected: its cost
 * grows with the number of buffers.
 */
#include "va.h"

#include <errno.h>

void npu_va_init(struct npu_va *va, uint64_t start, uint64_t end)
{
	pthread_mutex_init(&va->lock, NULL);
	/*
	 * As a predecessor the head ends where the space starts, as a successor
	 * it starts where the space ends: no special case at either border.
	 */
	va->bounds.prev = &va->bounds;
	va->bounds.next = &va->bounds;
	va->bounds.start = end;
	va->bounds.end = start;
	va->last = &va->bounds;
}

void npu_va_fini(struct npu_va *va)
{
	pthread_mutex_destroy(&va->lock);
}

static int take_behind(struct npu_va *va, struct npu_va_range *before, struct npu_va_range *range,
		       uint64_t size, uint64_t align)
{
	struct npu_va_range *after = before->next;
	uint64_t start = (before->end + align - 1) & ~(align - 1);

	if (start < before->end || start > after->start || size > after->start - start)
		return -ENOSPC;
	range->start = start;
	range->end = start + size;
	range->prev = before;
	range->next = after;
	before->next = range;
	after->prev = range;
	va->last = range;
	return 0;
}

int npu_va_get(struct npu_va *va, struct npu_va_range *range, uint64_t size, uint64_t align)
{
	struct npu_va_range *before;
	int ret;

	pthread_mutex_lock(&va->lock);
	before = va->last;
	do {
		ret = take_behind(va, before, range, size, align);
		before = before->next;
	} while (ret && before != va->last);
	pthread_mutex_unlock(&va->lock);
	return ret;
}

void npu_va_put(struct npu_va *va, struct npu_va_range *range)
{
	pthread_mutex_lock(&va->lock);
	range->prev->next = range->next;
	range->next->prev = range->prev;
	if (va->last == range)
		va->last = range->prev;
	pthread_mutex_unlock(&va->lock);
}
