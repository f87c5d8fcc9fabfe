/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* Runs a plan on a card. */
#ifndef NPU_RUN_EXECUTE_H
#define NPU_RUN_EXECUTE_H

#include <npu.h>

#include "latency.h"
#include "plan.h"

/*
 * Loads the graph and runs the plan `repeat` times after `warmup` executions
 * of its first input; fills the plan's outputs. Latency is from submission
 * until the result is seen, without copying inputs in and outputs out.
 * Errors: those of libnpu.
 */
int execute(struct npu_device *device, struct npu_graph *graph, struct plan *plan, uint64_t warmup,
	    uint64_t repeat, struct latency *latency, struct npu_error *error);

#endif /* NPU_RUN_EXECUTE_H */
