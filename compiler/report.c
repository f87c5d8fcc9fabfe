// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* What the compiled program does, operation by operation, in words. */
#include <string.h>

#include "program.h"

static const char *const opcodes[NPU_OP_COUNT] = {
	[NPU_OP_COPY] = "COPY", [NPU_OP_FILL] = "FILL", [NPU_OP_BINARY] = "BINARY",
	[NPU_OP_UNARY] = "UNARY", [NPU_OP_GEMM] = "GEMM", [NPU_OP_CONV] = "CONV",
	[NPU_OP_POOL] = "POOL", [NPU_OP_SOFTMAX] = "SOFTMAX", [NPU_OP_REDUCE] = "REDUCE",
	[NPU_OP_QUANTISE] = "QUANTISE", [NPU_OP_DEQUANTISE] = "DEQUANTISE",
};
static const char *const binaries[NPU_BINARY_COUNT] = { "ADD", "SUB", "MUL", "DIV", "MIN", "MAX" };
static const char *const unaries[NPU_UNARY_COUNT] = { "", "NEG", "ABS", "EXP", "LOG", "SQRT",
						      "RECIPROCAL" };
static const char *const pools[NPU_POOL_COUNT] = { "MAX", "AVERAGE", "AVERAGE" };
static const char *const reductions[NPU_REDUCE_COUNT] = { "SUM", "MEAN", "MAX", "MIN" };
static const char *const activations[NPU_ACT_COUNT] = { "", "relu", "clip", "sigmoid", "tanh",
							"leaky-relu" };

/* The kind inside an opcode, "" if it has none. */
static const char *kind_of(const struct npu_op *op)
{
	uint32_t kind;

	memcpy(&kind, op->attr, sizeof(kind));
	switch (op->opcode) {
	case NPU_OP_BINARY:
		return binaries[kind];
	case NPU_OP_UNARY:
		return unaries[kind];
	case NPU_OP_POOL:
		return pools[((const struct npu_attr_pool *)(const void *)op->attr)->kind];
	case NPU_OP_REDUCE:
		return reductions[kind];
	}
	return "";
}

static const char *operation_text(struct npuc_graph *graph, const struct lowered *o)
{
	const char *kind = kind_of(&o->op), *activation = activations[o->op.activation];

	return ir_printf(graph, "%s%s%s %s%s%s", opcodes[o->op.opcode], kind[0] ? " " : "", kind,
			 type_name(o->tensors[o->op.tensor_count > 1 ? 1 : 0].shape.type),
			 activation[0] ? " " : "", activation);
}

static const char *shapes_text(struct npuc_graph *graph, const struct lowered *o)
{
	/* Behind the third stand biases and scales, whose shapes say nothing. */
	const unsigned int shown = o->op.opcode == NPU_OP_GEMM || o->op.opcode == NPU_OP_CONV ||
				   o->op.opcode == NPU_OP_BINARY ? 3 : 2;
	char text[3][SHAPE_TEXT] = { "", "", "" };

	for (unsigned int i = 0; i < shown && i < o->op.tensor_count; i++)
		shape_text(&o->tensors[i].value->shape, text[i]);
	return ir_printf(graph, "%s = %s%s%s", text[0], text[1], text[2][0] ? ", " : "", text[2]);
}

int report_make(struct npuc_graph *graph, const struct program *p)
{
	struct npuc_report *r = &graph->report;
	struct npuc_report_op *rows = ir_alloc(graph, p->op_count, sizeof(*rows));

	if (!rows)
		return graph->error;
	for (size_t i = 0; i < p->op_count; i++) {
		const struct lowered *o = &p->ops[i];

		rows[i].node = graph->names[p->nodes[o->op.node]];
		rows[i].operation = operation_text(graph, o);
		rows[i].shapes = shapes_text(graph, o);
		rows[i].macs = o->macs;
		for (unsigned int t = 0; t < o->op.tensor_count; t++) {
			if (o->tensors[t].storage.buffer == p->weights && p->weights)
				rows[i].weight_bytes += shape_bytes(&o->tensors[t].value->shape);
		}
		if (__builtin_add_overflow(r->macs, o->macs, &r->macs))
			r->macs = UINT64_MAX;
		r->code_bytes += sizeof(o->op) + o->op.tensor_count * sizeof(struct npu_tensor);
	}
	r->ops = rows;
	r->op_count = p->op_count;
	r->weight_bytes = p->weight_size;
	r->scratch_bytes = p->scratch_size;
	r->code_bytes += sizeof(struct npu_program);
	return graph->error;
}
