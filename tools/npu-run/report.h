/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* What npu-run prints, as text or JSON; the keys are documented in npu-run(1). */
#ifndef NPU_RUN_REPORT_H
#define NPU_RUN_REPORT_H

#include <stdbool.h>

#include <npu.h>

#include "latency.h"
#include "options.h"
#include "plan.h"

struct verdict {
	bool good; /* every comparison, and the accuracy that was asked for */
	struct comparison *comparisons; /* one for each output; count 0: none was made */
	struct accuracy accuracy; /* count 0: no labels were given */
};

void report_run(const struct options *options, const struct npu_graph *graph,
		const struct npu_device_info *device, const struct plan *plan,
		const struct latency *latency, const struct verdict *verdict);
void report_info(const struct options *options, const struct npu_graph *graph);
/* `error`: NULL if the graph is good. */
void report_check(const struct options *options, const struct npu_error *error);

#endif /* NPU_RUN_REPORT_H */
