// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Arithmetic: element by element, reductions, matrix products. */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "onnx.h"

struct npuc_value *onnx_import_binary(struct onnx_node *node)
{
	return npuc_binary(node->graph, node->op->kind, onnx_input(node, 0), onnx_input(node, 1));
}

/* Min and Max: any number of inputs, from opset 8 on with broadcasting. */
struct npuc_value *onnx_import_variadic(struct onnx_node *node)
{
	struct npuc_value *y = onnx_input(node, 0);

	for (unsigned int i = 1; y && i < node->proto->n_input; i++) {
		struct npuc_value *x = onnx_input(node, i);

		if (!x)
			return NULL;
		if (node->opset < 8 && !shape_equal(&x->shape, &y->shape)) {
			ir_fail(node->graph, -EINVAL, "inputs of different shapes; opset %lld has no broadcasting here",
				(long long)node->opset);
			return NULL;
		}
		y = npuc_binary(node->graph, node->op->kind, y, x);
	}
	return y;
}

struct npuc_value *onnx_import_unary(struct onnx_node *node)
{
	return npuc_unary(node->graph, node->op->kind, onnx_input(node, 0));
}

struct npuc_value *onnx_import_activation(struct onnx_node *node)
{
	return npuc_activate(node->graph, (uint8_t)node->op->kind, onnx_float(node, "alpha", 0.01f),
			     0.0f, onnx_input(node, 0));
}

/* Bounds: attributes up to opset 10, then inputs that may be left out. */
static struct npuc_value *clip_bound(struct onnx_node *node, unsigned int index, float *value,
				     bool *constant)
{
	struct npuc_value *bound, *known;

	*constant = true;
	if (node->opset < 11) {
		*value = onnx_float(node, index == 1 ? "min" : "max", *value);
		return NULL;
	}
	bound = onnx_input(node, index);
	if (!bound)
		return NULL;
	known = fold_value(node->graph, bound);
	*constant = known && known->shape.type == NPU_TYPE_F32 && shape_count(&known->shape) == 1;
	if (*constant)
		*value = *(const float *)known->data;
	else if (shape_count(&bound->shape) != 1)
		ir_fail(node->graph, -EINVAL, "input %u ('%.80s') must be one number", index,
			node->proto->input[index]);
	return bound;
}

struct npuc_value *onnx_import_clip(struct onnx_node *node)
{
	struct npuc_value *x = onnx_input(node, 0), *min, *max;
	float low = -FLT_MAX, high = FLT_MAX;
	bool min_constant, max_constant;

	if (node->opset < 11 && node->proto->n_input > 1) {
		ir_fail(node->graph, -EINVAL, "bounds are inputs; before opset 11 they are attributes");
		return NULL;
	}
	if (node->opset >= 11 && (onnx_has(node, "min") || onnx_has(node, "max"))) {
		ir_fail(node->graph, -EINVAL, "bounds are attributes; from opset 11 on they are inputs");
		return NULL;
	}
	min = clip_bound(node, 1, &low, &min_constant);
	max = clip_bound(node, 2, &high, &max_constant);
	if (!x || node->graph->error)
		return NULL;
	if (min_constant && max_constant) {
		/* Bounds the wrong way round: everything becomes the upper one. */
		return npuc_activate(node->graph, NPU_ACT_CLIP, fminf(low, high), high, x);
	}
	if (min)
		x = npuc_binary(node->graph, NPU_BINARY_MAX, x, min);
	return max ? npuc_binary(node->graph, NPU_BINARY_MIN, x, max) : x;
}

/*
 * Up to opset 12, Softmax looks at its input as a matrix: dimensions before
 * `axis` are rows, the others together one row's elements.
 */
struct npuc_value *onnx_import_softmax(struct onnx_node *node)
{
	struct npuc_value *x = onnx_input(node, 0), *y;
	uint32_t matrix[2] = { 1, 1 };
	unsigned int axis;

	if (!x || onnx_axis(node, onnx_int(node, "axis", node->opset < 13 ? 1 : -1), x->shape.rank,
			    &axis))
		return NULL;
	for (unsigned int i = 0; i < x->shape.rank; i++)
		matrix[i >= axis] *= x->shape.extent[i];
	if (node->opset >= 13 || matrix[1] == x->shape.extent[axis])
		return npuc_softmax(node->graph, x, axis);
	y = npuc_reshape(node->graph, x, 2, matrix);
	y = npuc_softmax(node->graph, y, 1);
	return npuc_reshape(node->graph, y, x->shape.rank, x->shape.extent);
}

/* Takes away the dimensions of `axes`, which have extent 1. */
static struct npuc_value *without(struct npuc_graph *graph, struct npuc_value *x, uint32_t axes)
{
	uint32_t extent[NPU_RANK_MAX];
	unsigned int rank = 0;

	for (unsigned int i = 0; x && i < x->shape.rank; i++) {
		if (!(axes & 1u << i))
			extent[rank++] = x->shape.extent[i];
	}
	return npuc_reshape(graph, x, rank, extent);
}

struct npuc_value *onnx_import_reduce(struct onnx_node *node)
{
	/* ReduceSum's axes became an input five opsets before the others'. */
	const int64_t as_input = node->op->kind == NPU_REDUCE_SUM ? 13 : 18;
	struct npuc_value *x = onnx_input(node, 0), *y;
	uint32_t axes;
	bool given;

	if (!x || onnx_axes(node, "axes", as_input, x->shape.rank, &axes, &given))
		return NULL;
	if (node->opset < as_input && onnx_has(node, "noop_with_empty_axes")) {
		ir_fail(node->graph, -EINVAL, "noop_with_empty_axes came with opset %lld",
			(long long)as_input);
		return NULL;
	}
	if (!axes && onnx_int(node, "noop_with_empty_axes", 0))
		return x;
	if (!axes)
		axes = (1u << x->shape.rank) - 1;
	y = npuc_reduce(node->graph, node->op->kind, x, axes);
	return onnx_int(node, "keepdims", 1) ? y : without(node->graph, y, axes);
}

/* A vector becomes a matrix of one row (first operand) or one column. */
static struct npuc_value *as_matrix(struct npuc_graph *graph, struct npuc_value *x, bool first)
{
	const uint32_t row[2] = { 1, x->shape.extent[0] }, column[2] = { x->shape.extent[0], 1 };

	return x->shape.rank == 1 ? npuc_reshape(graph, x, 2, first ? row : column) : x;
}

struct npuc_value *onnx_import_matmul(struct onnx_node *node)
{
	struct npuc_value *a = onnx_input(node, 0), *b = onnx_input(node, 1), *y;
	uint32_t gone = 0;

	if (!a || !b)
		return NULL;
	if (!a->shape.rank || !b->shape.rank) {
		ir_fail(node->graph, -EINVAL, "an operand is a scalar");
		return NULL;
	}
	y = npuc_gemm(node->graph, as_matrix(node->graph, a, true),
		      as_matrix(node->graph, b, false), NULL, 1.0f);
	if (!y)
		return NULL;
	if (a->shape.rank == 1)
		gone |= 1u << (y->shape.rank - 2);
	if (b->shape.rank == 1)
		gone |= 1u << (y->shape.rank - 1);
	return gone ? without(node->graph, y, gone) : y;
}

struct npuc_value *onnx_import_gemm(struct onnx_node *node)
{
	static const unsigned int swap[2] = { 1, 0 };
	struct npuc_value *a = onnx_input(node, 0), *b = onnx_input(node, 1);
	struct npuc_value *c = onnx_input(node, 2), *scale;
	const float beta = onnx_float(node, "beta", 1.0f);

	if (!a || !b || node->graph->error)
		return NULL;
	if (a->shape.rank != 2 || b->shape.rank != 2) {
		ir_fail(node->graph, -EINVAL, "operands of rank %u and %u; they must be matrices",
			a->shape.rank, b->shape.rank);
		return NULL;
	}
	if (node->opset < 11 && !c) {
		ir_fail(node->graph, -EINVAL, "input 2 may be left out from opset 11 on");
		return NULL;
	}
	if (onnx_int(node, "transA", 0))
		a = npuc_transpose(node->graph, a, swap);
	if (onnx_int(node, "transB", 0))
		b = npuc_transpose(node->graph, b, swap);
	if (c && beta != 1.0f) {
		scale = npuc_constant(node->graph, NPU_TYPE_F32, 0, NULL, &beta);
		c = npuc_binary(node->graph, NPU_BINARY_MUL, c, scale);
		if (!c)
			return NULL;
	}
	return npuc_gemm(node->graph, a, b, c, onnx_float(node, "alpha", 1.0f));
}

/* One float for each channel from a constant input. */
static const float *channel_constant(struct onnx_node *node, unsigned int index, uint32_t channels)
{
	struct npuc_value *input = onnx_input(node, index);
	const struct npuc_value *v = input ? fold_value(node->graph, input) : NULL;

	if (!input || node->graph->error)
		return NULL;
	if (v && v->shape.type == NPU_TYPE_F32 && v->shape.rank == 1 &&
	    v->shape.extent[0] == channels)
		return v->data;
	ir_fail(node->graph, v ? -EINVAL : -ENOTSUP,
		"input %u ('%.80s') must be a constant of %u floats, one for each channel", index,
		node->proto->input[index], channels);
	return NULL;
}

/* x * factor + offset; fuse.c moves both into a convolution before it. */
struct npuc_value *onnx_import_batch_normalization(struct onnx_node *node)
{
	const float epsilon = onnx_float(node, "epsilon", 1e-5f);
	struct npuc_value *x = onnx_input(node, 0), *factor_value, *offset_value;
	const float *gamma, *beta, *mean, *variance;
	uint32_t shape[NPU_RANK_MAX], channels;
	float *factor, *offset;

	if (!x)
		return NULL;
	if (onnx_int(node, "training_mode", 0) || !onnx_int(node, "spatial", 1)) {
		ir_fail(node->graph, -ENOTSUP, "attribute '%s' is not supported",
			onnx_int(node, "training_mode", 0) ? "training_mode=1" : "spatial=0");
		return NULL;
	}
	if (x->shape.rank < 2) {
		ir_fail(node->graph, -EINVAL, "an input of rank %u has no channels", x->shape.rank);
		return NULL;
	}
	channels = x->shape.extent[1];
	gamma = channel_constant(node, 1, channels);
	beta = channel_constant(node, 2, channels);
	mean = channel_constant(node, 3, channels);
	variance = channel_constant(node, 4, channels);
	if (!gamma || !beta || !mean || !variance)
		return NULL;
	factor = ir_alloc(node->graph, channels, sizeof(*factor));
	offset = ir_alloc(node->graph, channels, sizeof(*offset));
	if (!factor || !offset)
		return NULL;
	for (uint32_t i = 0; i < channels; i++) {
		factor[i] = gamma[i] / sqrtf(variance[i] + epsilon);
		offset[i] = beta[i] - mean[i] * factor[i];
	}
	for (unsigned int i = 0; i < x->shape.rank; i++)
		shape[i] = i == 1 ? channels : 1;
	factor_value = npuc_constant(node->graph, NPU_TYPE_F32, x->shape.rank - 1u, shape + 1, factor);
	offset_value = npuc_constant(node->graph, NPU_TYPE_F32, x->shape.rank - 1u, shape + 1, offset);
	x = npuc_binary(node->graph, NPU_BINARY_MUL, x, factor_value);
	return npuc_binary(node->graph, NPU_BINARY_ADD, x, offset_value);
}
