// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "latency.h"

#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t percentile(const uint64_t *sorted, size_t count, unsigned int percent)
{
	size_t rank = count / 100 * percent + (count % 100 * percent + 99) / 100;

	return sorted[rank ? rank - 1 : 0];
}

void latency_compute(uint64_t *ns, size_t count, struct latency *latency)
{
	double sum = 0;

	qsort(ns, count, sizeof(*ns), by_value);
	for (size_t i = 0; i < count; i++)
		sum += (double)ns[i];
	latency->count = count;
	latency->min_ns = ns[0];
	latency->max_ns = ns[count - 1];
	latency->median_ns = percentile(ns, count, 50);
	latency->p99_ns = percentile(ns, count, 99);
	latency->per_second = sum > 0 ? count * 1e9 / sum : 0;
}
