/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * Reference counts. The last put sees everything that was written to the
 * object under other references (release by each put, acquire by the last).
 */
#ifndef LIBNPU_REF_H
#define LIBNPU_REF_H

#include <stdatomic.h>
#include <stdbool.h>

static inline void npu_ref_get(atomic_uint *refs)
{
	atomic_fetch_add_explicit(refs, 1, memory_order_relaxed);
}

/* True: that was the last one, free the object. */
static inline bool npu_ref_put(atomic_uint *refs)
{
	return atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel) == 1;
}

#endif
