/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
#ifndef LIBNPU_DEADLINE_H
#define LIBNPU_DEADLINE_H

#include <stdint.h>
#include <time.h>

/*
 * The CLOCK_MONOTONIC time, as syncobj waits want it, that is @timeout_ns from
 * now; negative: never.
 */
static inline int64_t npu_deadline(int64_t timeout_ns)
{
	struct timespec now;
	int64_t ns, sum;

	if (timeout_ns < 0)
		return INT64_MAX;
	if (!timeout_ns)
		return 0;
	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
	return __builtin_add_overflow(ns, timeout_ns, &sum) ? INT64_MAX : sum;
}

#endif
