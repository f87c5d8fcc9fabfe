/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
#ifndef LIBNPU_BUFFER_H
#define LIBNPU_BUFFER_H

#include "context.h"
#include "object.h"

struct npu_buffer {
	atomic_uint refs;
	struct npu_context *context;
	struct npu_object *object;
	uint32_t flags;
	struct npu_va_range range;
};

/*
 * npu_buffer_of_object() - map @object in @context. Takes over the caller's
 * reference to it, also on an error.
 */
int npu_buffer_of_object(struct npu_context *context, struct npu_object *object, uint32_t flags,
			 struct npu_buffer **buffer, struct npu_error *error);

/*
 * npu_buffer_fail() - that memory of @size bytes could not be had: says how
 * full the card is if that is the reason. Returns @ret.
 */
int npu_buffer_fail(struct npu_device *device, uint64_t size, int ret,
		    struct npu_error *error);

#endif
