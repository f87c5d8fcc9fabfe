/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
#ifndef NPU_RUN_REPORT_TEXT_H
#define NPU_RUN_REPORT_TEXT_H

#include "report.h"

void text_run(const struct options *options, const struct npu_graph *graph,
	      const struct npu_device_info *device, const struct plan *plan,
	      const struct latency *latency, const struct verdict *verdict);
void text_info(const struct options *options, const struct npu_graph *graph);

#endif /* NPU_RUN_REPORT_TEXT_H */
