/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* How long executions took. */
#ifndef NPU_RUN_LATENCY_H
#define NPU_RUN_LATENCY_H

#include <stddef.h>
#include <stdint.h>

struct latency {
	size_t count;
	uint64_t min_ns;
	uint64_t median_ns;
	uint64_t p99_ns;
	uint64_t max_ns;
	double per_second; /* executions, one after another: count / sum of all */
};

/*
 * Sorts `ns`, which has `count` > 0 elements. Percentiles are nearest rank:
 * the smallest value that at least that share of all does not exceed.
 */
void latency_compute(uint64_t *ns, size_t count, struct latency *latency);

#endif /* NPU_RUN_LATENCY_H */
