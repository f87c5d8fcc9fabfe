/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * Virtual addresses of a context. The allocator keeps the ranges that are
 * taken, in order of address; the memory for a range is its owner's, so giving
 * one back cannot fail.
 */
#ifndef LIBNPU_VA_H
#define LIBNPU_VA_H

#include <pthread.h>
#include <stdint.h>

struct npu_va_range {
	struct npu_va_range *prev;
	struct npu_va_range *next;
	uint64_t start;
	uint64_t end; /* the byte behind */
};

struct npu_va {
	pthread_mutex_t lock;
	struct npu_va_range bounds; /* the list's head: [end of space, start of space) */
	struct npu_va_range *last; /* the search starts behind it; guarded by lock, like the list */
};

void npu_va_init(struct npu_va *va, uint64_t start, uint64_t end);
void npu_va_fini(struct npu_va *va);

/*
 * npu_va_get() - take @size bytes, > 0, at a multiple of @align (a power of
 * two). Returns 0 or -ENOSPC.
 */
int npu_va_get(struct npu_va *va, struct npu_va_range *range, uint64_t size, uint64_t align);
void npu_va_put(struct npu_va *va, struct npu_va_range *range);

#endif
