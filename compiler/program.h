/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* A lowered graph: operations, the memory they name, and the file they become. */
#ifndef NPUC_PROGRAM_H
#define NPUC_PROGRAM_H

#include <npu/npu_graph.h>

#include "ir.h"

#define PROGRAM_ALIGN 64	/* bytes, of constants and of scratch buffers */

enum buffer_kind { BUFFER_WEIGHTS, BUFFER_SCRATCH, BUFFER_IO };

struct buffer {
	enum buffer_kind kind;
	uint32_t base;		/* index in the base table */
	uint64_t size;		/* bytes */
	uint64_t offset;	/* bytes in its base; SCRATCH: plan_scratch() */
	uint32_t first, last;	/* operations that use it, SCRATCH */
	bool used;
};

struct operand {
	const struct npuc_value *value;	/* NULL: left out */
	struct shape shape;
	struct storage storage;
};

#define LOWERED_TENSORS_MAX 5

struct lowered {
	struct npu_op op;
	struct operand tensors[LOWERED_TENSORS_MAX];
	uint64_t macs;
};

struct constant;

struct program {
	struct lowered *ops;	/* malloc */
	size_t op_count, op_room;
	struct buffer **buffers;	/* the graph's */
	unsigned int buffer_count, buffer_room;
	struct buffer *weights;
	struct buffer *io[NPU_GRAPH_IO_MAX];
	unsigned int io_count;

	uint8_t *weight_data;	/* malloc */
	uint64_t weight_size, weight_room;
	struct constant **table;	/* of constants by content; malloc */
	size_t table_size, table_count;

	uint64_t scratch_size;
	uint32_t *node_map;	/* graph's names to the file's; UINT32_MAX: unused; malloc */
	uint32_t *nodes;	/* the file's to the graph's; malloc */
	uint32_t node_count;
};

void program_fini(struct program *program);

/* weights.c: places a constant; equal bytes get one place. 0 or negative errno. */
int weights_add(struct npuc_graph *graph, struct program *program, const void *data,
		uint64_t size, uint64_t *offset);
void weights_fini(struct program *program);

/* plan.c: gives every scratch buffer its offset, by first and last use. */
int plan_scratch(struct npuc_graph *graph, struct program *program);

/* container.c: the file. */
int container_write(struct npuc_graph *graph, struct program *program, void **bytes,
		    size_t *size);

/* report.c */
int report_make(struct npuc_graph *graph, const struct program *program);

#endif /* NPUC_PROGRAM_H */
