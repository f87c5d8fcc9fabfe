/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* One line for each card: which there are. */
#ifndef NPU_SMI_LIST_H
#define NPU_SMI_LIST_H

#include <stdio.h>

#include "json.h"
#include "report.h"

void list_print(FILE *out, const struct report *report);

/* Schema "npu-smi-list/1". */
struct json_object *list_json(const struct report *report);

#endif /* NPU_SMI_LIST_H */
