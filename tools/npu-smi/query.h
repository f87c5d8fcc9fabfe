/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* Single values by name, for scripts. */
#ifndef NPU_SMI_QUERY_H
#define NPU_SMI_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "field.h"
#include "report.h"

#define QUERY_FIELDS_MAX 64

struct query {
	const struct field *fields[QUERY_FIELDS_MAX];
	size_t count;
	bool live; /* at least one field needs permission */
};

/*
 * "name,uuid" to fields; NULL: all. -EINVAL with the name that is none in
 * `error`.
 */
int query_parse(struct query *query, const char *names, struct npu_error *error);

void query_print(FILE *out, const struct query *query, const struct report *report);
/* RFC 4180, with a line of names; lines end in "\n". */
void query_print_csv(FILE *out, const struct query *query, const struct report *report);

/* Schema "npu-smi-query/1". */
struct json_object *query_json(const struct query *query, const struct report *report);

#endif /* NPU_SMI_QUERY_H */
