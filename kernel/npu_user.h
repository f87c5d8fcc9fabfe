/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* Arrays in a process's memory (struct drm_npu_array). */
#ifndef NPU_USER_H
#define NPU_USER_H

#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/npu_accel.h>

/*
 * Copies an array whose elements the caller may know in another size: shorter
 * ones are filled with zeros, longer ones must be zero behind what we know
 * (-E2BIG). Returns an array of @size-byte elements for kvfree(), NULL for none.
 */
static inline void *npu_user_array(const struct drm_npu_array *array, size_t size, u32 max)
{
	const char __user *from = u64_to_user_ptr(array->pointer);
	void *to;

	if (!array->count)
		return NULL;
	/* A stride is a struct's size: bounded, so that nothing below wraps. */
	if (array->count > max || array->stride < sizeof(u64) || array->stride > PAGE_SIZE)
		return ERR_PTR(-EINVAL);
	to = kvmalloc_array(array->count, size, GFP_KERNEL_ACCOUNT);
	if (!to)
		return ERR_PTR(-ENOMEM);
	for (u32 i = 0; i < array->count; i++) {
		int ret = copy_struct_from_user(to + i * size, size,
						from + (size_t)i * array->stride, array->stride);

		if (ret) {
			kvfree(to);
			return ERR_PTR(ret);
		}
	}
	return to;
}

#endif /* NPU_USER_H */
