/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
#ifndef LIBNPU_DEADLINE_H
#define LIBNPU_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC, in ns. */
static inline int64_t npu_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/*
 * The CLOCK_MONOTONIC time, as syncobj waits want it, that is @timeout_ns from
 * now; negative: never.
 */
static inline int64_t npu_deadline(int64_t timeout_ns)
{
	int64_t sum;

	if (timeout_ns < 0)
		return INT64_MAX;
	if (!timeout_ns)
		return 0;
	return __builtin_add_overflow(npu_clock(), timeout_ns, &sum) ? INT64_MAX : sum;
}

static inline bool npu_deadline_is_over(int64_t deadline_ns)
{
	return npu_clock() >= deadline_ns;
}

#endif
