// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * The operators of npuc.h: each checks its arguments, finds the shape of its
 * result, and adds a node, or computes at once what is constant.
 */
#include "ir.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* Inputs of operators: in this graph, without an earlier error, not empty. */
static bool usable(struct npuc_graph *graph, const struct npuc_value *value)
{
	if (graph->error || !value)
		return false;
	if (value->graph != graph) {
		ir_fail(graph, -EINVAL, "a value of another graph");
		return false;
	}
	if (!shape_count(&value->shape)) {
		ir_fail(graph, -EINVAL, "input '%s' has no elements",
			value->name ? value->name : "");
		return false;
	}
	return true;
}

static bool real(struct npuc_graph *graph, const struct npuc_value *value)
{
	if (value->shape.type == NPU_TYPE_F32)
		return true;
	ir_fail(graph, -ENOTSUP, "input '%s' has type %s; supported: f32",
		value->name ? value->name : "", type_name(value->shape.type));
	return false;
}

/* Gives the node its output and place, or the constant that it computes to. */
static struct npuc_value *finish(struct npuc_graph *graph, struct node *node,
				 const struct shape *shape)
{
	struct npuc_value *value = ir_value(graph, shape), *constant;

	if (!value)
		return NULL;
	ir_set_output(node, value);
	constant = fold_node(graph, node);
	if (constant || graph->error) {
		for (unsigned int i = 0; i < node->input_count; i++)
			ir_set_input(node, i, NULL);
		return constant;
	}
	ir_append(graph, node);
	return value;
}

static struct node *node_of(struct npuc_graph *graph, enum node_kind kind, uint32_t subkind,
			    struct npuc_value *a, struct npuc_value *b, unsigned int inputs)
{
	struct node *node = ir_node(graph, kind, inputs);

	if (!node || ir_set_input(node, 0, a) || (b && ir_set_input(node, 1, b)))
		return NULL;
	node->subkind = subkind;
	node->alpha = 1.0f;
	return node;
}

static struct shape shape_of(uint8_t type, unsigned int rank, const uint32_t *extent)
{
	struct shape shape = { .type = type, .rank = (uint8_t)(rank > 255 ? 255 : rank) };

	if (rank && rank <= NPU_RANK_MAX)
		memcpy(shape.extent, extent, rank * sizeof(*extent));
	return shape;
}

struct npuc_value *npuc_input(struct npuc_graph *graph, const char *name, uint8_t type,
			      unsigned int rank, const uint32_t *extent)
{
	const struct shape shape = shape_of(type, rank, extent);
	struct npuc_value **inputs, *value;

	if (graph->error)
		return NULL;
	value = ir_value(graph, &shape);
	inputs = ir_alloc(graph, graph->input_count + 1, sizeof(*inputs));
	if (!value || !inputs || !(value->name = ir_strdup(graph, name)))
		return NULL;
	if (graph->input_count)
		memcpy(inputs, graph->inputs, graph->input_count * sizeof(*inputs));
	inputs[graph->input_count++] = value;
	graph->inputs = inputs;
	return value;
}

struct npuc_value *npuc_constant(struct npuc_graph *graph, uint8_t type, unsigned int rank,
				 const uint32_t *extent, const void *data)
{
	const struct shape shape = shape_of(type, rank, extent);
	void *copy;

	if (graph->error || shape_check(graph, &shape))
		return NULL;
	copy = ir_alloc(graph, shape_bytes(&shape), 1);
	if (!copy)
		return NULL;
	memcpy(copy, data, shape_bytes(&shape));
	graph->fold_bytes += shape_bytes(&shape) * IR_FOLD_FACTOR;
	return ir_constant(graph, &shape, copy);
}

int npuc_output(struct npuc_graph *graph, const char *name, struct npuc_value *value)
{
	struct ir_output *outputs;

	if (!usable(graph, value))
		return graph->error ? graph->error : -EINVAL;
	outputs = ir_alloc(graph, graph->output_count + 1, sizeof(*outputs));
	if (!outputs)
		return graph->error;
	if (graph->output_count)
		memcpy(outputs, graph->outputs, graph->output_count * sizeof(*outputs));
	outputs[graph->output_count].value = value;
	outputs[graph->output_count].name = ir_strdup(graph, name);
	if (!outputs[graph->output_count].name)
		return graph->error;
	graph->outputs = outputs;
	graph->output_count++;
	value->output_count++;
	return 0;
}

/* Broadcasts `with` into `shape`; false, with the error, if they do not fit. */
static bool broadcast_shape(struct npuc_graph *graph, struct shape *shape,
			    const struct shape *with, unsigned int keep)
{
	const unsigned int rank = shape->rank > with->rank ? shape->rank : with->rank;
	struct shape result = { .type = shape->type, .rank = (uint8_t)rank };
	char text[2][SHAPE_TEXT];

	/* The last `keep` dimensions are somebody else's (GEMM's matrices). */
	for (unsigned int i = keep; i < rank; i++) {
		const uint32_t a = i < shape->rank ? shape->extent[shape->rank - 1 - i] : 1;
		const uint32_t b = i < with->rank ? with->extent[with->rank - 1 - i] : 1;

		if (a != b && a != 1 && b != 1) {
			ir_fail(graph, -EINVAL, "shapes %s and %s do not broadcast",
				shape_text(shape, text[0]), shape_text(with, text[1]));
			return false;
		}
		result.extent[rank - 1 - i] = a == 1 ? b : a;
	}
	*shape = result;
	return true;
}

struct npuc_value *npuc_binary(struct npuc_graph *graph, uint32_t kind, struct npuc_value *a,
			       struct npuc_value *b)
{
	struct shape shape;
	struct node *node;
	bool integers;

	if (!usable(graph, a) || !usable(graph, b))
		return NULL;
	if (kind >= NPU_BINARY_COUNT) {
		ir_fail(graph, -EINVAL, "no binary operation %u", kind);
		return NULL;
	}
	if (a->shape.type != b->shape.type) {
		ir_fail(graph, -EINVAL, "operands of types %s and %s", type_name(a->shape.type),
			type_name(b->shape.type));
		return NULL;
	}
	integers = a->data && b->data &&
		   (a->shape.type == NPU_TYPE_I64 || a->shape.type == NPU_TYPE_I32);
	if (!integers && !real(graph, a))
		return NULL;
	shape = a->shape;
	if (!broadcast_shape(graph, &shape, &b->shape, 0))
		return NULL;
	if (integers && shape_bytes(&shape) > graph->fold_bytes) {
		ir_fail(graph, -ENOTSUP, "too much arithmetic on integer constants (%llu bytes more)",
			(unsigned long long)shape_bytes(&shape));
		return NULL;
	}
	node = node_of(graph, NODE_BINARY, kind, a, b, 2);
	return node ? finish(graph, node, &shape) : NULL;
}

struct npuc_value *npuc_unary(struct npuc_graph *graph, uint32_t kind, struct npuc_value *x)
{
	struct node *node;

	if (!usable(graph, x) || !real(graph, x))
		return NULL;
	if (kind >= NPU_UNARY_COUNT) {
		ir_fail(graph, -EINVAL, "no unary operation %u", kind);
		return NULL;
	}
	node = node_of(graph, NODE_UNARY, kind, x, NULL, 1);
	return node ? finish(graph, node, &x->shape) : NULL;
}

struct npuc_value *npuc_activate(struct npuc_graph *graph, uint8_t activation, float a, float b,
				 struct npuc_value *x)
{
	struct node *node;

	if (!usable(graph, x) || !real(graph, x))
		return NULL;
	if (activation >= NPU_ACT_COUNT) {
		ir_fail(graph, -EINVAL, "no activation %u", activation);
		return NULL;
	}
	if (activation == NPU_ACT_CLIP && (isnan(a) || isnan(b) || a > b)) {
		ir_fail(graph, -EINVAL, "clip to [%g, %g]", (double)a, (double)b);
		return NULL;
	}
	node = node_of(graph, NODE_UNARY, NPU_UNARY_COPY, x, NULL, 1);
	if (!node)
		return NULL;
	node->activation = activation;
	if (activation == NPU_ACT_CLIP || activation == NPU_ACT_LEAKY_RELU)
		node->act_a = a;
	if (activation == NPU_ACT_CLIP)
		node->act_b = b;
	return finish(graph, node, &x->shape);
}

/* Extents of 1 in front, so that the card sees operands of one rank. */
static struct npuc_value *widen(struct npuc_graph *graph, struct npuc_value *x, unsigned int rank)
{
	uint32_t extent[NPU_RANK_MAX] = { 0 };
	const unsigned int more = rank - x->shape.rank;

	if (!more)
		return x;
	for (unsigned int i = 0; i < rank; i++)
		extent[i] = i < more ? 1 : x->shape.extent[i - more];
	return npuc_reshape(graph, x, rank, extent);
}

struct npuc_value *npuc_gemm(struct npuc_graph *graph, struct npuc_value *a, struct npuc_value *b,
			     struct npuc_value *bias, float alpha)
{
	char text[2][SHAPE_TEXT];
	struct shape shape, with;
	struct node *node;
	unsigned int rank;

	if (!usable(graph, a) || !usable(graph, b) || !real(graph, a) || !real(graph, b) ||
	    (bias && (!usable(graph, bias) || !real(graph, bias))))
		return NULL;
	if (a->shape.rank < 2 || b->shape.rank < 2 ||
	    a->shape.extent[a->shape.rank - 1] != b->shape.extent[b->shape.rank - 2]) {
		ir_fail(graph, -EINVAL, "matrices %s and %s cannot be multiplied",
			shape_text(&a->shape, text[0]), shape_text(&b->shape, text[1]));
		return NULL;
	}
	shape = a->shape;
	if (!broadcast_shape(graph, &shape, &b->shape, 2))
		return NULL;
	rank = shape.rank;
	shape.extent[rank - 2] = a->shape.extent[a->shape.rank - 2];
	shape.extent[rank - 1] = b->shape.extent[b->shape.rank - 1];
	if (bias) {
		with = shape;
		if (!broadcast_shape(graph, &with, &bias->shape, 0))
			return NULL;
		if (!shape_equal(&with, &shape)) {
			ir_fail(graph, -EINVAL, "bias of shape %s for a product of shape %s",
				shape_text(&bias->shape, text[0]), shape_text(&shape, text[1]));
			return NULL;
		}
	}
	a = widen(graph, a, rank);
	b = widen(graph, b, rank);
	if (!a || !b)
		return NULL;
	node = node_of(graph, NODE_GEMM, 0, a, b, 4);
	if (!node || (bias && ir_set_input(node, 2, bias)))
		return NULL;
	node->alpha = alpha;
	return finish(graph, node, &shape);
}

/* Output extent along one window dimension; 0 with the error recorded. */
static uint32_t slide(struct npuc_graph *graph, const struct npuc_window *w, unsigned int i,
		      uint32_t in, bool ceil_mode)
{
	const uint64_t reach = (uint64_t)(w->kernel[i] - 1) * w->dilation[i] + 1;
	const uint64_t padded = (uint64_t)in + w->pad_begin[i] + w->pad_end[i];
	uint64_t out;

	if (!w->kernel[i] || !w->stride[i] || !w->dilation[i]) {
		ir_fail(graph, -EINVAL, "kernel %u, stride %u, dilation %u: none may be 0",
			w->kernel[i], w->stride[i], w->dilation[i]);
		return 0;
	}
	if (w->kernel[i] > UINT16_MAX || w->stride[i] > UINT16_MAX ||
	    w->dilation[i] > UINT16_MAX || w->pad_begin[i] > UINT16_MAX ||
	    w->pad_end[i] > UINT16_MAX) {
		ir_fail(graph, -ENOTSUP,
			"kernel, stride, dilation or pad beyond %u, which is all the card can do",
			UINT16_MAX);
		return 0;
	}
	if (reach > padded) {
		ir_fail(graph, -EINVAL, "a window of %llu over %llu elements, pads included",
			(unsigned long long)reach, (unsigned long long)padded);
		return 0;
	}
	out = (padded - reach) / w->stride[i] + 1;
	/* A window that hangs over at the end counts, if it starts inside. */
	if (ceil_mode && (padded - reach) % w->stride[i] &&
	    out * w->stride[i] < (uint64_t)in + w->pad_begin[i])
		out++;
	return (uint32_t)out;
}

static bool window_rank(struct npuc_graph *graph, const struct npuc_value *x,
			const struct npuc_window *window)
{
	if (!window->spatial || window->spatial > NPU_SPATIAL_MAX) {
		ir_fail(graph, -ENOTSUP, "%u spatial dimensions; the card has 1 to %u",
			window->spatial, NPU_SPATIAL_MAX);
		return false;
	}
	if (x->shape.rank != window->spatial + 2) {
		ir_fail(graph, -EINVAL, "an input of rank %u for a window of %u dimensions",
			x->shape.rank, window->spatial);
		return false;
	}
	return true;
}

struct npuc_value *npuc_conv(struct npuc_graph *graph, struct npuc_value *x, struct npuc_value *w,
			     struct npuc_value *bias, const struct npuc_window *window,
			     uint32_t groups)
{
	struct npuc_window own = *window;
	char text[2][SHAPE_TEXT];
	struct shape shape;
	struct node *node;

	if (!usable(graph, x) || !usable(graph, w) || !real(graph, x) || !real(graph, w) ||
	    (bias && (!usable(graph, bias) || !real(graph, bias))))
		return NULL;
	if (!window_rank(graph, x, window))
		return NULL;
	if (!groups || groups > UINT16_MAX || w->shape.rank != x->shape.rank ||
	    (uint64_t)w->shape.extent[1] * groups != x->shape.extent[1] ||
	    w->shape.extent[0] % groups) {
		ir_fail(graph, -EINVAL, "weights %s in %u groups do not fit an input of %s",
			shape_text(&w->shape, text[0]), groups, shape_text(&x->shape, text[1]));
		return NULL;
	}
	if (bias && shape_count(&bias->shape) != w->shape.extent[0]) {
		ir_fail(graph, -EINVAL, "bias %s for %u output channels",
			shape_text(&bias->shape, text[0]), w->shape.extent[0]);
		return NULL;
	}
	shape = x->shape;
	shape.extent[1] = w->shape.extent[0];
	for (unsigned int i = 0; i < window->spatial; i++) {
		own.kernel[i] = w->shape.extent[2 + i];
		shape.extent[2 + i] = slide(graph, &own, i, x->shape.extent[2 + i], false);
		if (!shape.extent[2 + i])
			return NULL;
	}
	node = node_of(graph, NODE_CONV, 0, x, w, 4);
	if (!node || (bias && ir_set_input(node, 2, bias)))
		return NULL;
	node->window = own;
	node->groups = groups;
	return finish(graph, node, &shape);
}

struct npuc_value *npuc_pool(struct npuc_graph *graph, uint32_t kind, struct npuc_value *x,
			     const struct npuc_window *window, int ceil_mode)
{
	struct shape shape;
	struct node *node;

	if (!usable(graph, x))
		return NULL;
	if (kind >= NPU_POOL_COUNT) {
		ir_fail(graph, -EINVAL, "no pooling %u", kind);
		return NULL;
	}
	if (!(kind == NPU_POOL_MAX && type_is_int8(x->shape.type)) && !real(graph, x))
		return NULL;
	if (!window_rank(graph, x, window))
		return NULL;
	shape = x->shape;
	for (unsigned int i = 0; i < window->spatial; i++) {
		shape.extent[2 + i] = slide(graph, window, i, x->shape.extent[2 + i], ceil_mode);
		if (!shape.extent[2 + i])
			return NULL;
		if (window->pad_begin[i] >= (uint64_t)window->kernel[i] * window->dilation[i]) {
			ir_fail(graph, -EINVAL, "a pad of %u before a window of %u",
				window->pad_begin[i], window->kernel[i]);
			return NULL;
		}
	}
	node = node_of(graph, NODE_POOL, kind, x, NULL, 1);
	if (!node)
		return NULL;
	node->window = *window;
	return finish(graph, node, &shape);
}

struct npuc_value *npuc_softmax(struct npuc_graph *graph, struct npuc_value *x, unsigned int axis)
{
	struct node *node;

	if (!usable(graph, x) || !real(graph, x))
		return NULL;
	if (axis >= x->shape.rank) {
		ir_fail(graph, -EINVAL, "axis %u of rank %u", axis, x->shape.rank);
		return NULL;
	}
	node = node_of(graph, NODE_SOFTMAX, 0, x, NULL, 1);
	if (!node)
		return NULL;
	node->axis = axis;
	return finish(graph, node, &x->shape);
}

struct npuc_value *npuc_reduce(struct npuc_graph *graph, uint32_t kind, struct npuc_value *x,
			       uint32_t axes)
{
	struct shape shape;
	struct node *node;

	if (!usable(graph, x) || !real(graph, x))
		return NULL;
	if (kind >= NPU_REDUCE_COUNT || axes >> x->shape.rank) {
		ir_fail(graph, -EINVAL, "no reduction %u of axes %#x", kind, axes);
		return NULL;
	}
	shape = x->shape;
	for (unsigned int i = 0; i < shape.rank; i++) {
		if (axes & 1u << i)
			shape.extent[i] = 1;
	}
	node = node_of(graph, NODE_REDUCE, kind, x, NULL, 1);
	return node ? finish(graph, node, &shape) : NULL;
}

struct npuc_value *npuc_reshape(struct npuc_graph *graph, struct npuc_value *x, unsigned int rank,
				const uint32_t *extent)
{
	char text[2][SHAPE_TEXT];
	struct shape shape;
	struct node *node;

	if (!usable(graph, x))
		return NULL;
	shape = shape_of(x->shape.type, rank, extent);
	if (shape_check(graph, &shape))
		return NULL;
	if (shape_count(&shape) != shape_count(&x->shape)) {
		ir_fail(graph, -EINVAL, "%s cannot be reshaped to %s", shape_text(&x->shape, text[0]),
			shape_text(&shape, text[1]));
		return NULL;
	}
	if (shape_equal(&shape, &x->shape))
		return x;
	node = node_of(graph, NODE_RESHAPE, 0, x, NULL, 1);
	return node ? finish(graph, node, &shape) : NULL;
}

struct npuc_value *npuc_transpose(struct npuc_graph *graph, struct npuc_value *x,
				  const unsigned int *perm)
{
	unsigned int seen = 0;
	bool moves = false;
	struct shape shape;
	struct node *node;

	if (!usable(graph, x))
		return NULL;
	shape = x->shape;
	for (unsigned int i = 0; i < shape.rank; i++) {
		if (perm[i] >= shape.rank || seen & 1u << perm[i]) {
			ir_fail(graph, -EINVAL, "a permutation with %u at place %u", perm[i], i);
			return NULL;
		}
		seen |= 1u << perm[i];
		moves |= perm[i] != i;
		shape.extent[i] = x->shape.extent[perm[i]];
	}
	if (!moves)
		return x;
	node = node_of(graph, NODE_TRANSPOSE, 0, x, NULL, 1);
	if (!node)
		return NULL;
	for (unsigned int i = 0; i < shape.rank; i++)
		node->perm[i] = (uint8_t)perm[i];
	return finish(graph, node, &shape);
}

struct npuc_value *npuc_concat(struct npuc_graph *graph, size_t count,
			       struct npuc_value *const *values, unsigned int axis)
{
	char text[2][SHAPE_TEXT];
	struct shape shape, other;
	struct node *node;
	uint64_t sum = 0;

	if (!count || count > IR_NODES_MAX) {
		ir_fail(graph, -EINVAL, "a concatenation of %zu values", count);
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		if (!usable(graph, values[i]))
			return NULL;
		shape = values[0]->shape;
		other = values[i]->shape;
		if (axis >= shape.rank) {
			ir_fail(graph, -EINVAL, "axis %u of rank %u", axis, shape.rank);
			return NULL;
		}
		sum += other.extent[axis];
		other.extent[axis] = shape.extent[axis];
		if (other.type != shape.type || !shape_equal(&shape, &other)) {
			ir_fail(graph, -EINVAL, "%s %s and %s %s cannot be joined along axis %u",
				type_name(shape.type), shape_text(&shape, text[0]),
				type_name(values[i]->shape.type),
				shape_text(&values[i]->shape, text[1]), axis);
			return NULL;
		}
	}
	if (count == 1)
		return values[0];
	if (sum > INT32_MAX) {
		ir_fail(graph, -ENOTSUP, "a concatenation of %llu along axis %u",
			(unsigned long long)sum, axis);
		return NULL;
	}
	shape.extent[axis] = (uint32_t)sum;
	node = node_of(graph, NODE_CONCAT, 0, values[0], NULL, (unsigned int)count);
	for (size_t i = 1; node && i < count; i++) {
		if (ir_set_input(node, (unsigned int)i, values[i]))
			return NULL;
	}
	if (!node)
		return NULL;
	node->axis = axis;
	return finish(graph, node, &shape);
}

static const struct quant *quant_of(struct npuc_graph *graph, const struct npuc_value *x,
				    uint8_t type, size_t count, const float *scale,
				    const int32_t *zero, unsigned int axis)
{
	const int32_t low = type == NPU_TYPE_U8 ? 0 : type == NPU_TYPE_I8 ? -128 : 0;
	const int32_t high = type == NPU_TYPE_U8 ? 255 : type == NPU_TYPE_I8 ? 127 : 0;
	struct quant *q;

	if (count != 1 && (axis >= x->shape.rank || count != x->shape.extent[axis])) {
		ir_fail(graph, -EINVAL, "%zu scales along axis %u of an input of %u", count, axis,
			axis < x->shape.rank ? x->shape.extent[axis] : 0);
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		if (!(scale[i] > 0.0f) || isinf(scale[i])) {
			ir_fail(graph, -EINVAL, "scale %g is not positive and finite",
				(double)scale[i]);
			return NULL;
		}
		if (zero[i] < low || zero[i] > high) {
			ir_fail(graph, -EINVAL, "zero point %d of type %s", zero[i],
				type_name(type));
			return NULL;
		}
	}
	q = ir_alloc(graph, 1, sizeof(*q));
	if (!q)
		return NULL;
	q->scale = ir_alloc(graph, count, sizeof(*q->scale));
	q->zero = ir_alloc(graph, count, sizeof(*q->zero));
	if (!q->scale || !q->zero)
		return NULL;
	q->count = (uint32_t)count;
	q->axis = count > 1 ? axis : 0;
	memcpy(q->scale, scale, count * sizeof(*scale));
	memcpy(q->zero, zero, count * sizeof(*zero));
	return q;
}

struct npuc_value *npuc_quantise(struct npuc_graph *graph, struct npuc_value *x, uint8_t type,
				 size_t count, const float *scale, const int32_t *zero,
				 unsigned int axis)
{
	struct shape shape;
	struct node *node;

	if (!usable(graph, x) || !real(graph, x))
		return NULL;
	if (!type_is_int8(type)) {
		ir_fail(graph, -ENOTSUP, "quantisation to %s; supported: i8, u8", type_name(type));
		return NULL;
	}
	node = node_of(graph, NODE_QUANTISE, 0, x, NULL, 1);
	if (!node)
		return NULL;
	node->quant = quant_of(graph, x, type, count, scale, zero, axis);
	if (!node->quant)
		return NULL;
	shape = x->shape;
	shape.type = type;
	return finish(graph, node, &shape);
}

struct npuc_value *npuc_dequantise(struct npuc_graph *graph, struct npuc_value *x, size_t count,
				   const float *scale, const int32_t *zero, unsigned int axis)
{
	struct shape shape;
	struct node *node;

	if (!usable(graph, x))
		return NULL;
	if (!type_is_int8(x->shape.type) && x->shape.type != NPU_TYPE_I32) {
		ir_fail(graph, -ENOTSUP, "dequantisation of %s; supported: i8, u8, i32",
			type_name(x->shape.type));
		return NULL;
	}
	node = node_of(graph, NODE_DEQUANTISE, 0, x, NULL, 1);
	if (!node)
		return NULL;
	node->quant = quant_of(graph, x, x->shape.type, count, scale, zero, axis);
	if (!node->quant)
		return NULL;
	shape = x->shape;
	shape.type = NPU_TYPE_F32;
	return finish(graph, node, &shape);
}
