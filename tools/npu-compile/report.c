// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* The report of a compilation: one line for each operation, then the sums. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "npu-compile.h"
#include "text.h"

#define NODE_COLUMNS 32

static void print_json(const struct npuc_report *r, const struct options *o, size_t file_size)
{
	struct json_object *document = json_object_new_object();
	struct json_object *ops = json_object_new_array();

	json_add_text(document, "schema", "npu-compile-report/1");
	json_add_text(document, "model", o->model);
	json_add_text(document, "output", o->output);
	for (size_t i = 0; i < r->op_count; i++) {
		struct json_object *op = json_object_new_object();

		json_add_text(op, "node", r->ops[i].node);
		json_add_text(op, "operation", r->ops[i].operation);
		json_add_text(op, "shapes", r->ops[i].shapes);
		json_add_count(op, "macs", r->ops[i].macs);
		json_add_count(op, "weight_bytes", r->ops[i].weight_bytes);
		json_object_array_add(ops, op);
	}
	json_object_object_add(document, "operations", ops);
	json_add_count(document, "macs", r->macs);
	json_add_count(document, "weight_bytes", r->weight_bytes);
	json_add_count(document, "scratch_bytes", r->scratch_bytes);
	json_add_count(document, "code_bytes", r->code_bytes);
	json_add_count(document, "file_bytes", file_size);
	json_print(document);
}

/* The name as far as it fits its column, padded to it. */
static void print_node(const char *name, int columns)
{
	char clean[4 * 256];
	size_t bytes;

	text_printable(clean, sizeof(clean), name);
	bytes = text_fit(clean, (size_t)columns);
	clean[bytes] = 0;
	printf("%s%*s", clean, columns - (int)text_columns(clean), "");
}

void report_print(const struct options *o, const struct npuc_report *r, size_t file_size)
{
	int node = 4, operation = 9, shapes = 6;

	if (o->json) {
		print_json(r, o, file_size);
		return;
	}
	for (size_t i = 0; i < r->op_count; i++) {
		const int lengths[] = { (int)strlen(r->ops[i].node), (int)strlen(r->ops[i].operation),
					(int)strlen(r->ops[i].shapes) };

		node = lengths[0] > node ? lengths[0] : node;
		operation = lengths[1] > operation ? lengths[1] : operation;
		shapes = lengths[2] > shapes ? lengths[2] : shapes;
	}
	if (node > NODE_COLUMNS)
		node = NODE_COLUMNS;
	printf("%-*s  %-*s  %-*s  %12s  %12s\n", node, "node", operation, "operation", shapes,
	       "shapes", "MACs", "weight bytes");
	for (size_t i = 0; i < r->op_count; i++) {
		print_node(r->ops[i].node, node);
		printf("  %-*s  %-*s  %12" PRIu64 "  %12" PRIu64 "\n", operation, r->ops[i].operation,
		       shapes, r->ops[i].shapes, r->ops[i].macs, r->ops[i].weight_bytes);
	}
	printf("%zu operations, %" PRIu64 " MACs; bytes: %" PRIu64 " weights, %" PRIu64
	       " scratch, %" PRIu64 " code, %zu file\n",
	       r->op_count, r->macs, r->weight_bytes, r->scratch_bytes, r->code_bytes, file_size);
}
