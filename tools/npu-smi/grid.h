/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* The default screen: two lines for each card, then the processes. */
#ifndef NPU_SMI_GRID_H
#define NPU_SMI_GRID_H

#include <stdio.h>

#include "json.h"
#include "report.h"

void grid_print(FILE *out, const struct report *report, size_t terminal);

/* The same as a document, schema "npu-smi/1". */
struct json_object *grid_json(const struct report *report);

#endif /* NPU_SMI_GRID_H */
