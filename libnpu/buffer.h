/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
#ifndef LIBNPU_BUFFER_H
#define LIBNPU_BUFFER_H

#include "context.h"

/* Not in npu.h: the card may only read it. */
#define NPU_BUFFER_CARD_READONLY 0x80000000

struct npu_buffer {
	atomic_uint refs;
	struct npu_context *context;
	uint64_t size;
	uint32_t handle;
	uint32_t flags;
	struct npu_va_range range;
	pthread_mutex_t lock;
	void *map; /* NULL until it is asked for; guarded by lock */
};

/* npu_buffer_make() - npu_buffer_create() with internal flags too. */
int npu_buffer_make(struct npu_context *context, uint64_t size, uint32_t flags,
		    struct npu_buffer **buffer, struct npu_error *error);

#endif
