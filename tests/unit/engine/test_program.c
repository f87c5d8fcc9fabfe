// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/*
 * Programs from strangers: each malformed field is refused before anything
 * runs, random damage neither crashes nor leaves the bases, and an operation
 * that is interrupted in the middle goes on where its memory is now.
 */
#include "bench.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int setup(void **state)
{
	*state = bench_create(99);
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static struct npu_program *header_of(struct bench *b)
{
	return (struct npu_program *)b->program;
}

static struct npu_op *op_of(struct bench *b)
{
	return (struct npu_op *)(b->program + sizeof(struct npu_program));
}

static struct npu_tensor *tensors_of(struct bench *b)
{
	return (struct npu_tensor *)(op_of(b) + 1);
}

struct shapes {
	uint32_t e2[2], b2[2], y2[2], r2[2], x4[4], w4[4], y4[4], p4[4], outputs;
};

static const struct shapes small = {
	{ 4, 6 }, { 6, 3 }, { 4, 3 }, { 4, 1 }, { 2, 4, 5, 5 }, { 4, 4, 3, 3 }, { 2, 4, 3, 3 },
	{ 2, 4, 3, 3 }, 4,
};

/* Enough work for several pauses. */
static const struct shapes large = {
	{ 400, 1100 }, { 1100, 1030 }, { 400, 1030 }, { 400, 1 }, { 1, 24, 70, 70 }, { 16, 24, 3, 3 },
	{ 1, 16, 68, 68 }, { 1, 24, 68, 68 }, 16,
};

/* A good program of each opcode. */
static void build(struct bench *b, uint16_t opcode, const struct shapes *s)
{
	union {
		struct npu_attr_fill fill;
		struct npu_attr_elementwise elementwise;
		struct npu_attr_gemm gemm;
		struct npu_attr_conv conv;
		struct npu_attr_pool pool;
		struct npu_attr_axis axis;
		struct npu_attr_reduce reduce;
	} attr;

	memset(&attr, 0, sizeof(attr));
	bench_begin(b);
	switch (opcode) {
	case NPU_OP_COPY:
	case NPU_OP_UNARY:
		bench_tensor(b, NPU_TYPE_F32, 2, s->e2, LAYOUT_DENSE);
		bench_tensor(b, NPU_TYPE_F32, 2, s->e2, LAYOUT_DENSE);
		break;
	case NPU_OP_FILL:
		attr.fill.value = 3;
		bench_tensor(b, NPU_TYPE_F32, 2, s->e2, LAYOUT_DENSE);
		break;
	case NPU_OP_BINARY:
		for (int i = 0; i < 3; i++)
			bench_tensor(b, NPU_TYPE_F32, 2, s->e2, LAYOUT_DENSE);
		break;
	case NPU_OP_GEMM:
		attr.gemm.alpha = float_bits(1.0f);
		bench_tensor(b, NPU_TYPE_F32, 2, s->y2, LAYOUT_DENSE);
		bench_tensor(b, NPU_TYPE_F32, 2, s->e2, LAYOUT_DENSE);
		bench_tensor(b, NPU_TYPE_F32, 2, s->b2, LAYOUT_DENSE);
		bench_tensor(b, NPU_TYPE_F32, 2, s->y2, LAYOUT_DENSE);
		break;
	case NPU_OP_CONV:
		attr.conv = (struct npu_attr_conv){ .stride = { 1, 1 }, .dilation = { 1, 1 }, .groups = 1 };
		bench_tensor(b, NPU_TYPE_F32, 4, s->y4, LAYOUT_DENSE);
		bench_tensor(b, NPU_TYPE_F32, 4, s->x4, LAYOUT_DENSE);
		bench_tensor(b, NPU_TYPE_F32, 4, s->w4, LAYOUT_DENSE);
		bench_tensor(b, NPU_TYPE_F32, 1, &s->outputs, LAYOUT_DENSE);
		break;
	case NPU_OP_POOL:
		attr.pool = (struct npu_attr_pool){ .kernel = { 3, 3 }, .stride = { 1, 1 },
						    .dilation = { 1, 1 } };
		bench_tensor(b, NPU_TYPE_F32, 4, s->p4, LAYOUT_DENSE);
		bench_tensor(b, NPU_TYPE_F32, 4, s->x4, LAYOUT_DENSE);
		break;
	case NPU_OP_SOFTMAX:
		attr.axis.axis = 1;
		bench_tensor(b, NPU_TYPE_F32, 2, s->e2, LAYOUT_DENSE);
		bench_tensor(b, NPU_TYPE_F32, 2, s->e2, LAYOUT_DENSE);
		break;
	case NPU_OP_REDUCE:
		bench_tensor(b, NPU_TYPE_F32, 2, s->r2, LAYOUT_DENSE);
		bench_tensor(b, NPU_TYPE_F32, 2, s->e2, LAYOUT_DENSE);
		break;
	case NPU_OP_QUANTISE:
	case NPU_OP_DEQUANTISE:
		bench_tensor(b, opcode == NPU_OP_QUANTISE ? NPU_TYPE_I8 : NPU_TYPE_F32, 2, s->e2, LAYOUT_DENSE);
		bench_tensor(b, opcode == NPU_OP_QUANTISE ? NPU_TYPE_F32 : NPU_TYPE_I8, 2, s->e2, LAYOUT_DENSE);
		bench_tensor(b, NPU_TYPE_F32, 2, s->e2, LAYOUT_DENSE);
		bench_tensor(b, NPU_TYPE_I32, 2, s->e2, LAYOUT_DENSE);
		break;
	}
	bench_program(b, opcode, &attr, 40, 0, 0, 0);
}

static void make_program(struct bench *b, uint16_t opcode)
{
	build(b, opcode, &small);
}

/* Runs the program and expects a refusal that has changed nothing. */
static void refused(struct bench *b, uint32_t code, const char *what)
{
	struct tensor *y = &b->tensors[0];
	uint8_t *before = malloc(y->size);
	int ret;

	memcpy(before, y->data, y->size);
	ret = bench_run(b);
	if (ret != -EINVAL || b->error.code != code || !b->error.text[0])
		fail_msg("%s: returned %d, error %u '%s', expected error %u", what, ret, b->error.code,
			 b->error.text, code);
	assert_memory_equal(before, y->data, y->size);
	free(before);
}

static void every_opcode_has_a_good_program(void **state)
{
	struct bench *b = *state;

	for (uint16_t opcode = 1; opcode < NPU_OP_COUNT; opcode++) {
		make_program(b, opcode);
		if (bench_run(b))
			fail_msg("opcode %u: %s", opcode, b->error.text);
	}
}

#define HEADER(field, value, code) do {					\
	make_program(b, NPU_OP_COPY);					\
	header_of(b)->field = (value);					\
	refused(b, code, "header." #field " = " #value);		\
} while (0)

static void refuses_each_malformed_header_field(void **state)
{
	struct bench *b = *state;

	HEADER(magic, 0, NPU_QUEUE_ERROR_PROGRAM);
	HEADER(version, 2, NPU_QUEUE_ERROR_PROGRAM);
	HEADER(version, 0, NPU_QUEUE_ERROR_PROGRAM);
	HEADER(header_size, 128, NPU_QUEUE_ERROR_PROGRAM);
	HEADER(size, b->program_size - 1, NPU_QUEUE_ERROR_PROGRAM);
	HEADER(size, b->program_size + 64, NPU_QUEUE_ERROR_PROGRAM);
	HEADER(op_count, 0, NPU_QUEUE_ERROR_PROGRAM);
	HEADER(op_count, 2, NPU_QUEUE_ERROR_PROGRAM);
	HEADER(op_count, NPU_OPS_MAX + 1, NPU_QUEUE_ERROR_PROGRAM);
	HEADER(base_count, 3, NPU_QUEUE_ERROR_PROGRAM);
	HEADER(base_count, 1, NPU_QUEUE_ERROR_OPERAND);
	HEADER(param_count, 1, NPU_QUEUE_ERROR_PROGRAM);
	HEADER(features, 1, NPU_QUEUE_ERROR_PROGRAM);
	for (unsigned int i = 0; i < 9; i++)
		HEADER(mbz[i], 1, NPU_QUEUE_ERROR_PROGRAM);
}

#define OP(opcode_, field, value, code) do {				\
	make_program(b, opcode_);					\
	op_of(b)->field = (value);					\
	refused(b, code, #opcode_ " op." #field " = " #value);		\
} while (0)

static void refuses_each_malformed_operation_field(void **state)
{
	struct bench *b = *state;

	OP(NPU_OP_COPY, opcode, 0, NPU_QUEUE_ERROR_PROGRAM);
	OP(NPU_OP_COPY, opcode, NPU_OP_COUNT, NPU_QUEUE_ERROR_PROGRAM);
	OP(NPU_OP_COPY, opcode, 0xffff, NPU_QUEUE_ERROR_PROGRAM);
	OP(NPU_OP_COPY, tensor_count, 1, NPU_QUEUE_ERROR_PROGRAM);
	OP(NPU_OP_COPY, tensor_count, 3, NPU_QUEUE_ERROR_PROGRAM);
	OP(NPU_OP_COPY, tensor_count, 255, NPU_QUEUE_ERROR_PROGRAM);
	OP(NPU_OP_COPY, activation, NPU_ACT_RELU, NPU_QUEUE_ERROR_PROGRAM);
	OP(NPU_OP_UNARY, activation, NPU_ACT_COUNT, NPU_QUEUE_ERROR_PROGRAM);
	OP(NPU_OP_UNARY, act_a, 1, NPU_QUEUE_ERROR_PROGRAM);
	OP(NPU_OP_UNARY, act_b, 1, NPU_QUEUE_ERROR_PROGRAM);
	OP(NPU_OP_COPY, mbz, 1, NPU_QUEUE_ERROR_PROGRAM);
	/* Bytes of attributes that the opcode does not name. */
	for (uint16_t opcode = 1; opcode < NPU_OP_COUNT; opcode++) {
		static const uint8_t named[NPU_OP_COUNT] = { 0, 0, 8, 22, 22, 16, 32, 40, 4, 4, 0, 0 };

		for (unsigned int i = named[opcode]; i < 40; i++) {
			make_program(b, opcode);
			op_of(b)->attr[i] = 0x80;
			refused(b, NPU_QUEUE_ERROR_PROGRAM, "unnamed attribute byte");
		}
	}
}

#define TENSOR(opcode_, index, field, value, code) do {			\
	make_program(b, opcode_);					\
	tensors_of(b)[index].field = (value);				\
	refused(b, code, #opcode_ " tensor " #index "." #field " = " #value); \
} while (0)

static void refuses_each_malformed_tensor_field(void **state)
{
	struct bench *b = *state;

	for (unsigned int i = 0; i < 2; i++) {
		TENSOR(NPU_OP_COPY, i, type, NPU_TYPE_COUNT, NPU_QUEUE_ERROR_OPERAND);
		TENSOR(NPU_OP_COPY, i, type, NPU_TYPE_I4, NPU_QUEUE_ERROR_OPERAND);
		TENSOR(NPU_OP_COPY, i, type, 255, NPU_QUEUE_ERROR_OPERAND);
		TENSOR(NPU_OP_COPY, i, type, NPU_TYPE_NONE, NPU_QUEUE_ERROR_OPERAND);
		TENSOR(NPU_OP_COPY, i, rank, NPU_RANK_MAX + 1, NPU_QUEUE_ERROR_PROGRAM);
		TENSOR(NPU_OP_COPY, i, rank, 1, NPU_QUEUE_ERROR_PROGRAM);
		TENSOR(NPU_OP_COPY, i, dynamic, 1, NPU_QUEUE_ERROR_OPERAND);
		TENSOR(NPU_OP_COPY, i, dynamic, 4, NPU_QUEUE_ERROR_PROGRAM);
		TENSOR(NPU_OP_COPY, i, mbz0, 1, NPU_QUEUE_ERROR_PROGRAM);
		TENSOR(NPU_OP_COPY, i, mbz1, 1, NPU_QUEUE_ERROR_PROGRAM);
		TENSOR(NPU_OP_COPY, i, base, 2, NPU_QUEUE_ERROR_OPERAND);
		TENSOR(NPU_OP_COPY, i, base, 0xffff, NPU_QUEUE_ERROR_OPERAND);
		TENSOR(NPU_OP_COPY, i, offset, 1, NPU_QUEUE_ERROR_OPERAND);
		TENSOR(NPU_OP_COPY, i, offset, 4, NPU_QUEUE_ERROR_OPERAND);
		TENSOR(NPU_OP_COPY, i, offset, ~3ull, NPU_QUEUE_ERROR_OPERAND);
		TENSOR(NPU_OP_COPY, i, extent[0], 0, NPU_QUEUE_ERROR_OPERAND);
		TENSOR(NPU_OP_COPY, i, extent[0], 5, NPU_QUEUE_ERROR_OPERAND);
		TENSOR(NPU_OP_COPY, i, extent[0], 0xffffffff, NPU_QUEUE_ERROR_OPERAND);
		TENSOR(NPU_OP_COPY, i, extent[0], 0x7fffffff, NPU_QUEUE_ERROR_OPERAND);
		TENSOR(NPU_OP_COPY, i, extent[2], 1, NPU_QUEUE_ERROR_PROGRAM);
		TENSOR(NPU_OP_COPY, i, stride[2], 1, NPU_QUEUE_ERROR_PROGRAM);
		TENSOR(NPU_OP_COPY, i, stride[0], -1, NPU_QUEUE_ERROR_OPERAND);
		TENSOR(NPU_OP_COPY, i, stride[0], INT32_MAX, NPU_QUEUE_ERROR_OPERAND);
		TENSOR(NPU_OP_COPY, i, stride[0], INT32_MIN, NPU_QUEUE_ERROR_OPERAND);
	}
	TENSOR(NPU_OP_COPY, 0, stride[1], 0, NPU_QUEUE_ERROR_OPERAND);
	TENSOR(NPU_OP_COPY, 0, type, NPU_TYPE_I32, NPU_QUEUE_ERROR_OPERAND);
	/* A tensor that is left out is left out whole. */
	make_program(b, NPU_OP_GEMM);
	tensors_of(b)[3] = (struct npu_tensor){ .base = 1 };
	refused(b, NPU_QUEUE_ERROR_PROGRAM, "a tensor left out with a base");
	make_program(b, NPU_OP_COPY);
	b->tensors[0].size -= 1;
	refused(b, NPU_QUEUE_ERROR_OPERAND, "a base that is one byte short");
}

#define ATTR(opcode_, type_, field, value) do {				\
	make_program(b, opcode_);					\
	((type_ *)op_of(b)->attr)->field = (value);			\
	refused(b, NPU_QUEUE_ERROR_OPERAND, #opcode_ " attr." #field " = " #value); \
} while (0)

static void refuses_each_attribute_out_of_range(void **state)
{
	struct bench *b = *state;

	ATTR(NPU_OP_BINARY, struct npu_attr_elementwise, kind, NPU_BINARY_COUNT);
	ATTR(NPU_OP_UNARY, struct npu_attr_elementwise, kind, NPU_UNARY_COUNT);
	ATTR(NPU_OP_BINARY, struct npu_attr_elementwise, a_scale, 1);
	ATTR(NPU_OP_BINARY, struct npu_attr_elementwise, b_scale, 1);
	ATTR(NPU_OP_BINARY, struct npu_attr_elementwise, y_scale, 1);
	ATTR(NPU_OP_BINARY, struct npu_attr_elementwise, a_zero, 1);
	ATTR(NPU_OP_UNARY, struct npu_attr_elementwise, b_scale, 1);
	ATTR(NPU_OP_UNARY, struct npu_attr_elementwise, b_zero, 1);
	ATTR(NPU_OP_GEMM, struct npu_attr_gemm, a_zero, 1);
	ATTR(NPU_OP_GEMM, struct npu_attr_gemm, b_zero, INT32_MIN);
	ATTR(NPU_OP_GEMM, struct npu_attr_gemm, y_zero, INT32_MAX);
	ATTR(NPU_OP_CONV, struct npu_attr_conv, groups, 0);
	ATTR(NPU_OP_CONV, struct npu_attr_conv, groups, 3);
	ATTR(NPU_OP_CONV, struct npu_attr_conv, groups, 2);
	ATTR(NPU_OP_CONV, struct npu_attr_conv, stride[0], 0);
	ATTR(NPU_OP_CONV, struct npu_attr_conv, stride[0], 2);
	ATTR(NPU_OP_CONV, struct npu_attr_conv, stride[2], 1);
	ATTR(NPU_OP_CONV, struct npu_attr_conv, dilation[1], 0);
	ATTR(NPU_OP_CONV, struct npu_attr_conv, dilation[1], 0xffff);
	ATTR(NPU_OP_CONV, struct npu_attr_conv, pad_begin[0], 1);
	ATTR(NPU_OP_CONV, struct npu_attr_conv, pad_end[1], 0xffff);
	ATTR(NPU_OP_CONV, struct npu_attr_conv, x_zero, 1);
	ATTR(NPU_OP_POOL, struct npu_attr_pool, kind, NPU_POOL_COUNT);
	ATTR(NPU_OP_POOL, struct npu_attr_pool, mbz0, 1);
	ATTR(NPU_OP_POOL, struct npu_attr_pool, kernel[0], 0);
	ATTR(NPU_OP_POOL, struct npu_attr_pool, kernel[2], 1);
	ATTR(NPU_OP_POOL, struct npu_attr_pool, stride[0], 0);
	ATTR(NPU_OP_POOL, struct npu_attr_pool, stride[0], 9);
	ATTR(NPU_OP_POOL, struct npu_attr_pool, dilation[0], 0);
	ATTR(NPU_OP_POOL, struct npu_attr_pool, pad_begin[0], 3);
	ATTR(NPU_OP_POOL, struct npu_attr_pool, multiplier, 1);
	ATTR(NPU_OP_POOL, struct npu_attr_pool, x_zero, 1);
	ATTR(NPU_OP_SOFTMAX, struct npu_attr_axis, axis, 2);
	ATTR(NPU_OP_SOFTMAX, struct npu_attr_axis, axis, 0xffffffff);
	ATTR(NPU_OP_REDUCE, struct npu_attr_reduce, kind, NPU_REDUCE_COUNT);
}

/* Shapes and types that do not fit together, for each input of each opcode. */
static void refuses_operands_that_do_not_fit(void **state)
{
	struct bench *b = *state;

	for (uint16_t opcode = NPU_OP_BINARY; opcode < NPU_OP_COUNT; opcode++) {
		make_program(b, opcode);
		for (unsigned int i = 0; i < b->tensor_count; i++) {
			make_program(b, opcode);
			tensors_of(b)[i].type = NPU_TYPE_I64;
			tensors_of(b)[i].extent[0] = 1;
			tensors_of(b)[i].stride[0] = 1;
			for (unsigned int d = 1; d < NPU_RANK_MAX; d++)
				tensors_of(b)[i].stride[d] = d < tensors_of(b)[i].rank && i;
			if (!i)
				for (unsigned int d = 1; d < tensors_of(b)[i].rank; d++)
					tensors_of(b)[i].extent[d] = 1;
			refused(b, NPU_QUEUE_ERROR_OPERAND, "an operand of int64");
			make_program(b, opcode);
			if (tensors_of(b)[i].extent[0] == 1)
				continue;
			tensors_of(b)[i].extent[0]--;
			refused(b, NPU_QUEUE_ERROR_OPERAND, "an operand that is one shorter");
		}
	}
}

static void int8_results_take_no_curved_activation(void **state)
{
	static const uint32_t two[2] = { 2, 2 }, one[1] = { 1 };
	static const struct {
		uint8_t type, activation;
		bool good;
	} cases[] = {
		{ NPU_TYPE_I8, NPU_ACT_RELU, true }, { NPU_TYPE_U8, NPU_ACT_CLIP, true },
		{ NPU_TYPE_I8, NPU_ACT_SIGMOID, false }, { NPU_TYPE_I8, NPU_ACT_TANH, false },
		{ NPU_TYPE_I8, NPU_ACT_LEAKY_RELU, false }, { NPU_TYPE_F32, NPU_ACT_TANH, true },
		{ NPU_TYPE_I32, NPU_ACT_RELU, false }, { NPU_TYPE_I32, NPU_ACT_NONE, true },
	};
	const struct npu_attr_gemm attr = { 0 };
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bench_begin(b);
		bench_tensor(b, cases[i].type, 2, two, LAYOUT_DENSE);
		bench_tensor(b, NPU_TYPE_I8, 2, two, LAYOUT_DENSE);
		bench_tensor(b, NPU_TYPE_I8, 2, two, LAYOUT_DENSE);
		bench_none(b);
		if (cases[i].type != NPU_TYPE_I32)
			bench_tensor(b, NPU_TYPE_F32, 1, one, LAYOUT_DENSE);
		else
			bench_none(b);
		bench_program(b, NPU_OP_GEMM, &attr, sizeof(attr), cases[i].activation, 0, 0);
		if (cases[i].good)
			assert_int_equal(bench_run(b), 0);
		else
			refused(b, NPU_QUEUE_ERROR_OPERAND, "activation of an integer result");
	}
}

static void bases_are_read_and_written_by_their_rights(void **state)
{
	struct bench *b = *state;

	for (unsigned int flags = 0; flags < 4; flags++) {
		for (unsigned int which = 0; which < 2; which++) {
			struct engine_base bases[2];
			int ret;

			make_program(b, NPU_OP_COPY);
			for (unsigned int i = 0; i < 2; i++)
				bases[i] = (struct engine_base){ b->tensors[i].data, b->tensors[i].size,
								 NPU_BASE_READ | NPU_BASE_WRITE };
			bases[which].flags = flags;
			ret = engine_run_native(b->program, b->program_size, bases, 2, NULL, 0, &b->error);
			if (flags & (which ? NPU_BASE_READ : NPU_BASE_WRITE))
				assert_int_equal(ret, 0);
			else
				assert_int_equal(b->error.code, NPU_QUEUE_ERROR_OPERAND);
		}
	}
}

static void a_truncated_program_is_refused_at_each_byte(void **state)
{
	struct bench *b = *state;

	make_program(b, NPU_OP_GEMM);
	for (uint32_t size = 0; size < b->program_size; size++) {
		const struct engine_base none = { NULL, 0, 0 };
		/* A copy that ends where the program does, so that a read behind it shows. */
		uint8_t *cut = malloc(size ? size : 1);
		struct npu_program *header = (struct npu_program *)cut;

		memcpy(cut, b->program, size);
		if (size >= sizeof(*header))
			header->size = size;
		assert_int_equal(engine_run_native(cut, size, &none, 0, NULL, 0, &b->error), -EINVAL);
		if (size >= sizeof(*header))
			header->base_count = 0;
		assert_int_equal(engine_run_native(cut, size, &none, 0, NULL, 0, &b->error), -EINVAL);
		free(cut);
	}
}

static void a_bad_last_operation_stops_the_first(void **state)
{
	struct bench *b = *state;
	const uint32_t op_size = sizeof(struct npu_op) + 2 * sizeof(struct npu_tensor);
	struct npu_op *second;

	make_program(b, NPU_OP_COPY);
	memcpy(b->program + b->program_size, op_of(b), op_size);
	second = (struct npu_op *)(b->program + b->program_size);
	b->program_size += op_size;
	header_of(b)->size += op_size;
	header_of(b)->op_count = 2;
	second->opcode = NPU_OP_UNARY;
	second->attr[0] = NPU_UNARY_COUNT;
	refused(b, NPU_QUEUE_ERROR_OPERAND, "second operation");
	assert_int_equal(b->error.op, 1);
	assert_int_equal(b->error.where, sizeof(struct npu_program) + op_size);
}

static void extents_can_come_from_parameters(void **state)
{
	struct bench *b = *state;
	static const struct {
		uint64_t value;
		bool good;
	} cases[] = {
		{ 4, true }, { 1, true }, { 0, false }, { 5, false }, { 1ull << 31, false },
		{ 1ull << 32, false }, { (1ull << 32) + 4, false }, { ~0ull, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint64_t params[2] = { 0, cases[i].value };
		struct engine_base bases[2];
		int ret;

		make_program(b, NPU_OP_COPY);
		header_of(b)->param_count = 2;
		for (unsigned int t = 0; t < 2; t++) {
			tensors_of(b)[t].dynamic = 1;
			tensors_of(b)[t].extent[0] = 1;
			bases[t] = (struct engine_base){ b->tensors[t].data, b->tensors[t].size,
							 NPU_BASE_READ | NPU_BASE_WRITE };
		}
		ret = engine_run_native(b->program, b->program_size, bases, 2, params, 2, &b->error);
		assert_int_equal(ret, cases[i].good ? 0 : -EINVAL);
		tensors_of(b)[0].extent[0] = 2;
		assert_int_equal(engine_run_native(b->program, b->program_size, bases, 2, params, 2,
						   &b->error), -EINVAL);
	}
}

/* Operands of 2^30 elements in four bytes; the whole of it would take hours. */
static void huge_broadcasts_need_no_huge_memory(void **state)
{
	struct bench *b = *state;
	static const uint16_t opcodes[] = { NPU_OP_GEMM, NPU_OP_CONV, NPU_OP_POOL, NPU_OP_REDUCE };

	for (size_t i = 0; i < sizeof(opcodes) / sizeof(opcodes[0]); i++) {
		make_program(b, opcodes[i]);
		for (unsigned int t = 1; t < b->tensor_count; t++)
			memset(tensors_of(b)[t].stride, 0, sizeof(tensors_of(b)[t].stride));
		if (opcodes[i] == NPU_OP_GEMM) {
			tensors_of(b)[1].extent[1] = tensors_of(b)[2].extent[0] = 1u << 24;
		} else if (opcodes[i] == NPU_OP_CONV) {
			tensors_of(b)[1].extent[1] = tensors_of(b)[2].extent[1] = 1u << 20;
		} else if (opcodes[i] == NPU_OP_POOL) {
			struct npu_attr_pool *attr = (struct npu_attr_pool *)op_of(b)->attr;

			tensors_of(b)[1].extent[2] = tensors_of(b)[1].extent[3] = 1u << 12;
			attr->kernel[0] = attr->kernel[1] = 0xffff;
			attr->dilation[0] = attr->dilation[1] = 1;
		} else {
			tensors_of(b)[1].extent[1] = 1u << 24;
		}
		if (bench_run(b))
			fail_msg("opcode %u: %s", opcodes[i], b->error.text);
	}
}

static void random_damage_neither_crashes_nor_escapes(void **state)
{
	struct bench *b = *state;
	unsigned int good = 0;

	for (int round = 0; round < 60000; round++) {
		uint8_t guard[64];

		make_program(b, (uint16_t)(1 + bench_random(b, NPU_OP_COUNT - 1)));
		memset(b->arena + b->used, 0xa5, sizeof(guard));
		for (uint32_t n = 1 + bench_random(b, 3); n; n--) {
			/* Words of the operation and its tensors, with values near the limits. */
			static const uint32_t values[] = { 0, 1, 2, 3, 4, 0x7fff, 0xffff, 0x10000,
							   0x7fffffff, 0x80000000, 0xffffffff };
			const uint32_t at = 64 + 4 * bench_random(b, (b->program_size - 64) / 4);
			uint32_t word;

			memcpy(&word, b->program + at, 4);
			if (bench_random(b, 2))
				word += bench_random(b, 5) - 2;
			else if (bench_random(b, 2))
				word ^= 1u << bench_random(b, 32);
			else
				word = values[bench_random(b, sizeof(values) / sizeof(values[0]))];
			memcpy(b->program + at, &word, 4);
		}
		good += !bench_run(b);
		memset(guard, 0xa5, sizeof(guard));
		assert_memory_equal(b->arena + b->used, guard, sizeof(guard));
	}
	/* Otherwise the damage would have been too much to test anything. */
	assert_true(good > 1000);
}

/*
 * Memory that moves each time an operation lets go of it: what stood at the
 * old address is gone.
 */
struct moving {
	struct bench *b;
	unsigned int pauses, mapped, begun, ended;
	unsigned int cancel_at;		/* pause that cancels; 0: none */
	unsigned int refuse_at;		/* map that wants a pause first; 0: none */
	unsigned int maps;
};

static uint64_t moving_size(void *context, uint32_t base)
{
	return ((struct moving *)context)->b->tensors[base].size;
}

static uint32_t moving_flags(void *context, uint32_t base)
{
	return NPU_BASE_READ | NPU_BASE_WRITE;
}

static int moving_map(void *context, uint32_t base, uint64_t offset, uint64_t size, bool write,
		      struct engine_range *range, struct engine_error *error)
{
	struct moving *m = context;

	if (++m->maps == m->refuse_at)
		return -EAGAIN;
	/* A copy of its own: unmapping frees it, so an old pointer is found by ASan. */
	range->data = malloc(size);
	range->cookie = malloc(4 * sizeof(uint64_t));
	memcpy(range->cookie, (uint64_t[]){ base, offset, size, write }, 4 * sizeof(uint64_t));
	memcpy(range->data, m->b->tensors[base].data + offset, size);
	m->mapped++;
	return 0;
}

static int moving_unmap(void *context, struct engine_range *range, struct engine_error *error)
{
	struct moving *m = context;
	const uint64_t *what = range->cookie;

	if (what[3])
		memcpy(m->b->tensors[what[0]].data + what[1], range->data, what[2]);
	memset(range->data, 0xdd, what[2]);
	free(range->data);
	free(range->cookie);
	m->mapped--;
	return 0;
}

static bool moving_begin(void *context, uint32_t op)
{
	((struct moving *)context)->begun++;
	return true;
}

static void moving_end(void *context, uint32_t op, uint64_t macs, uint64_t bytes)
{
	((struct moving *)context)->ended++;
}

static bool moving_wanted(void *context)
{
	return true;
}

static bool moving_pause(void *context)
{
	struct moving *m = context;

	assert_int_equal(m->mapped, 0);
	return ++m->pauses != m->cancel_at;
}

static int run_moving(struct moving *m)
{
	const struct engine_memory memory = {
		.context = m, .base_count = m->b->tensor_count, .base_size = moving_size,
		.base_flags = moving_flags, .map = moving_map, .unmap = moving_unmap,
		.op_begin = moving_begin, .op_end = moving_end, .wanted = moving_wanted,
		.pause = moving_pause,
	};
	struct engine_work work;

	return engine_run(m->b->program, m->b->program_size, &memory, NULL, 0, &work, &m->b->error);
}

static void an_interrupted_operation_goes_on_where_its_memory_is(void **state)
{
	struct bench *b = *state;

	for (uint16_t opcode = 1; opcode < NPU_OP_COUNT; opcode++) {
		struct moving m = { .b = b };
		uint8_t *expected;

		build(b, opcode, &large);
		assert_int_equal(bench_run(b), 0);
		expected = malloc(b->tensors[0].size);
		memcpy(expected, b->tensors[0].data, b->tensors[0].size);
		memset(b->tensors[0].data, 0, b->tensors[0].size);
		assert_int_equal(run_moving(&m), 0);
		assert_memory_equal(expected, b->tensors[0].data, b->tensors[0].size);
		assert_true(m.pauses >= 2);
		assert_int_equal(m.mapped, 0);
		assert_int_equal(m.begun, 1);
		assert_int_equal(m.ended, 1);
		free(expected);
	}
}

static void an_operation_can_be_cancelled_at_each_pause(void **state)
{
	struct bench *b = *state;

	for (uint16_t opcode = 1; opcode < NPU_OP_COUNT; opcode++) {
		for (unsigned int at = 1; at <= 3; at++) {
			struct moving m = { .b = b, .cancel_at = at };
			int ret;

			build(b, opcode, &large);
			ret = run_moving(&m);
			assert_int_equal(m.mapped, 0);
			assert_int_equal(m.ended, 1);
			if (m.pauses < at)
				continue;
			assert_int_equal(ret, -ECANCELED);
			assert_int_equal(b->error.code, NPU_QUEUE_ERROR_KILLED);
		}
	}
}

static void a_mapping_that_has_to_wait_is_tried_again(void **state)
{
	struct bench *b = *state;

	for (unsigned int at = 1; at <= 4; at++) {
		struct moving m = { .b = b, .refuse_at = at };

		build(b, NPU_OP_GEMM, &small);
		assert_int_equal(run_moving(&m), 0);
		assert_int_equal(m.mapped, 0);
		assert_true(m.pauses >= 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(every_opcode_has_a_good_program),
		T(refuses_each_malformed_header_field),
		T(refuses_each_malformed_operation_field),
		T(refuses_each_malformed_tensor_field),
		T(refuses_each_attribute_out_of_range),
		T(refuses_operands_that_do_not_fit),
		T(int8_results_take_no_curved_activation),
		T(bases_are_read_and_written_by_their_rights),
		T(a_truncated_program_is_refused_at_each_byte),
		T(a_bad_last_operation_stops_the_first),
		T(extents_can_come_from_parameters),
		T(huge_broadcasts_need_no_huge_memory),
		T(random_damage_neither_crashes_nor_escapes),
		T(an_interrupted_operation_goes_on_where_its_memory_is),
		T(an_operation_can_be_cancelled_at_each_pause),
		T(a_mapping_that_has_to_wait_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
