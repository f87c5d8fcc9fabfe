// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Computes nodes whose inputs are constants. Integer constants are shapes and
 * axes on their way through Reshape, Concat and the like: they never reach
 * the card, so arithmetic on them exists only here. f32 follows the card's
 * arithmetic (docs/numerics.md).
 */
#include "ir.h"

#include <errno.h>
#include <math.h>
#include <string.h>

float fold_activate(uint8_t activation, float a, float b, float x)
{
	switch (activation) {
	case NPU_ACT_RELU:
		return x < 0.0f ? 0.0f : x;
	case NPU_ACT_CLIP:
		return x < a ? a : x > b ? b : x;
	case NPU_ACT_SIGMOID:
		return 1.0f / (1.0f + expf(-x));
	case NPU_ACT_TANH:
		return tanhf(x);
	case NPU_ACT_LEAKY_RELU:
		return x < 0.0f ? x * a : x;
	}
	return x;
}

int32_t fold_quantise(uint8_t type, float scaled, int32_t zero)
{
	const int low = type == NPU_TYPE_U8 ? 0 : -128;
	const int high = type == NPU_TYPE_U8 ? 255 : 127;
	float r;

	/* Bounds as on the card: an integer holds what is left. NaN becomes
	 * the zero point.
	 */
	r = isnan(scaled) ? 0.0f : rintf(fminf(fmaxf(scaled, -1e6f), 1e6f));
	r += (float)zero;
	return r < (float)low ? low : r > (float)high ? high : (int32_t)r;
}

static float unary(uint32_t kind, float x)
{
	switch (kind) {
	case NPU_UNARY_NEG:
		return -x;
	case NPU_UNARY_ABS:
		return fabsf(x);
	case NPU_UNARY_EXP:
		return expf(x);
	case NPU_UNARY_LOG:
		return logf(x);
	case NPU_UNARY_SQRT:
		return sqrtf(x);
	case NPU_UNARY_RECIPROCAL:
		return 1.0f / x;
	}
	return x;
}

static float binary_float(uint32_t kind, float a, float b)
{
	switch (kind) {
	case NPU_BINARY_ADD:
		return a + b;
	case NPU_BINARY_SUB:
		return a - b;
	case NPU_BINARY_MUL:
		return a * b;
	case NPU_BINARY_DIV:
		return a / b;
	case NPU_BINARY_MIN:
		return b < a ? b : a;
	}
	return b > a ? b : a;
}

/* Wraps as two's complement does. false: division by zero. */
static bool binary_int(uint32_t kind, int64_t a, int64_t b, int64_t *y)
{
	switch (kind) {
	case NPU_BINARY_ADD:
		*y = (int64_t)((uint64_t)a + (uint64_t)b);
		return true;
	case NPU_BINARY_SUB:
		*y = (int64_t)((uint64_t)a - (uint64_t)b);
		return true;
	case NPU_BINARY_MUL:
		*y = (int64_t)((uint64_t)a * (uint64_t)b);
		return true;
	case NPU_BINARY_DIV:
		if (!b)
			return false;
		*y = b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
		return true;
	case NPU_BINARY_MIN:
		*y = a < b ? a : b;
		return true;
	}
	*y = a > b ? a : b;
	return true;
}

static int64_t load_int(const struct npuc_value *v, int64_t at)
{
	switch (v->shape.type) {
	case NPU_TYPE_I8:
		return ((const int8_t *)v->data)[at];
	case NPU_TYPE_U8:
		return ((const uint8_t *)v->data)[at];
	case NPU_TYPE_I32:
		return ((const int32_t *)v->data)[at];
	}
	return ((const int64_t *)v->data)[at];
}

static void store_int(uint8_t type, void *data, uint64_t at, int64_t value)
{
	if (type == NPU_TYPE_I32)
		((int32_t *)data)[at] = (int32_t)(uint32_t)(uint64_t)value;
	else
		((int64_t *)data)[at] = value;
}

/* Strides of `v` walked in the index space of `to`: 0 where it broadcasts. */
static void broadcast(const struct npuc_value *v, const struct shape *to,
		      int32_t stride[NPU_RANK_MAX])
{
	const unsigned int skip = to->rank - v->shape.rank;
	int32_t own[NPU_RANK_MAX];

	shape_strides(&v->shape, own);
	memset(stride, 0, NPU_RANK_MAX * sizeof(*stride));
	for (unsigned int i = 0; i < v->shape.rank; i++)
		stride[skip + i] = v->shape.extent[i] == 1 ? 0 : own[i];
}

static bool fold_binary(struct npuc_graph *graph, const struct node *node, void *data)
{
	const struct npuc_value *a = node->inputs[0], *b = node->inputs[1];
	const struct shape *shape = &node->output->shape;
	int32_t a_stride[NPU_RANK_MAX], b_stride[NPU_RANK_MAX];
	uint32_t at[NPU_RANK_MAX] = { 0 };
	uint64_t i = 0;

	broadcast(a, shape, a_stride);
	broadcast(b, shape, b_stride);
	do {
		const int64_t from_a = stride_offset(shape->rank, at, a_stride);
		const int64_t from_b = stride_offset(shape->rank, at, b_stride);
		int64_t y;

		if (shape->type == NPU_TYPE_F32) {
			const float r = binary_float(node->subkind, ((const float *)a->data)[from_a],
						     ((const float *)b->data)[from_b]);

			((float *)data)[i++] = fold_activate(node->activation, node->act_a,
							     node->act_b, r);
			continue;
		}
		if (!binary_int(node->subkind, load_int(a, from_a), load_int(b, from_b), &y)) {
			ir_fail(graph, -EINVAL, "an integer constant is divided by zero");
			return false;
		}
		store_int(shape->type, data, i++, y);
	} while (shape_next(shape, at));
	return true;
}

static void fold_unary(const struct node *node, float *data)
{
	const float *x = node->inputs[0]->data;
	const uint64_t count = shape_count(&node->output->shape);

	for (uint64_t i = 0; i < count; i++)
		data[i] = fold_activate(node->activation, node->act_a, node->act_b,
					unary(node->subkind, x[i]));
}

static void fold_transpose(const struct node *node, uint8_t *data)
{
	const struct npuc_value *x = node->inputs[0];
	const struct shape *shape = &node->output->shape;
	const unsigned int size = type_size(shape->type);
	int32_t own[NPU_RANK_MAX], stride[NPU_RANK_MAX] = { 0 };
	uint32_t at[NPU_RANK_MAX] = { 0 };

	shape_strides(&x->shape, own);
	for (unsigned int i = 0; i < shape->rank; i++)
		stride[i] = own[node->perm[i]];
	do {
		const int64_t from = stride_offset(shape->rank, at, stride);

		memcpy(data, (const uint8_t *)x->data + from * size, size);
		data += size;
	} while (shape_next(shape, at));
}

static void fold_concat(const struct node *node, uint8_t *data)
{
	const struct shape *shape = &node->output->shape;
	uint64_t outer = 1;

	for (unsigned int i = 0; i < node->axis; i++)
		outer *= shape->extent[i];
	for (uint64_t o = 0; o < outer; o++) {
		for (unsigned int i = 0; i < node->input_count; i++) {
			const struct npuc_value *x = node->inputs[i];
			const uint64_t bytes = shape_bytes(&x->shape) / outer;

			memcpy(data, (const uint8_t *)x->data + o * bytes, bytes);
			data += bytes;
		}
	}
}

/* QUANTISE and DEQUANTISE: calls back with each element's scale and zero. */
static void fold_scaled(const struct node *node, void *data)
{
	const struct quant *q = node->quant;
	const struct npuc_value *x = node->inputs[0];
	const struct shape *shape = &x->shape;
	const uint8_t type = node->output->shape.type;
	uint32_t at[NPU_RANK_MAX] = { 0 };
	uint64_t i = 0;

	do {
		const uint32_t channel = q->count > 1 ? at[q->axis] : 0;
		const float scale = q->scale[channel];
		const int32_t zero = q->zero[channel];

		if (node->kind == NODE_QUANTISE)
			((uint8_t *)data)[i] = (uint8_t)fold_quantise(
				type, ((const float *)x->data)[i] / scale, zero);
		else
			((float *)data)[i] = (float)(load_int(x, (int64_t)i) - zero) * scale;
		i++;
	} while (shape_next(shape, at));
}

static bool foldable(const struct npuc_graph *graph, const struct node *node)
{
	for (unsigned int i = 0; i < node->input_count; i++) {
		if (!node->inputs[i] || !node->inputs[i]->data)
			return false;
	}
	if (node->int8)
		return false;
	switch (node->kind) {
	case NODE_BINARY:
	case NODE_UNARY:
	case NODE_RESHAPE:
	case NODE_TRANSPOSE:
	case NODE_CONCAT:
	case NODE_QUANTISE:
		return true;
	case NODE_DEQUANTISE:
		return graph->fold_dequantise;
	default:
		return false;
	}
}

struct npuc_value *fold_node(struct npuc_graph *graph, const struct node *node)
{
	const struct shape *shape = &node->output->shape;
	void *data;

	if (!foldable(graph, node))
		return NULL;
	if (node->kind == NODE_RESHAPE)
		return ir_constant(graph, shape, node->inputs[0]->data);
	data = ir_alloc_folded(graph, shape_bytes(shape));
	if (!data)
		return NULL;
	switch (node->kind) {
	case NODE_BINARY:
		if (!fold_binary(graph, node, data))
			return NULL;
		break;
	case NODE_UNARY:
		fold_unary(node, data);
		break;
	case NODE_TRANSPOSE:
		fold_transpose(node, data);
		break;
	case NODE_CONCAT:
		fold_concat(node, data);
		break;
	default:
		fold_scaled(node, data);
	}
	return ir_constant(graph, shape, data);
}

struct npuc_value *fold_value(struct npuc_graph *graph, struct npuc_value *value)
{
	const bool before = graph->fold_dequantise;
	struct npuc_value *constant;

	if (value->data)
		return value;
	if (!value->producer)
		return NULL;
	graph->fold_dequantise = true;
	constant = fold_node(graph, value->producer);
	graph->fold_dequantise = before;
	return constant;
}

int fold_constants(struct npuc_graph *graph)
{
	struct node *next;

	for (struct node *node = graph->first; node && !graph->error; node = next) {
		struct npuc_value *value = fold_node(graph, node);

		next = node->next;
		if (!value)
			continue;
		value->name = node->output->name;
		if (!ir_replace(node->output, value))
			ir_remove(graph, node);
	}
	return graph->error;
}
