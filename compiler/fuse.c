// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Moves activations, biases and scales into the node before them:
 *
 *	f(CONV), f(GEMM), f(BINARY), f(UNARY)	activation of that node
 *	CONV + c, GEMM + c			bias
 *	CONV * c, GEMM * c			weights and bias, multiplied here
 *
 * Batch normalisation arrives as "* c, + c" and disappears this way. Only a
 * node whose result nobody else reads is changed.
 */
#include "ir.h"

#include <string.h>

/* f32 constant that fuse.c made: nobody else reads it, so it may be changed. */
static struct npuc_value *make(struct npuc_graph *graph, const struct shape *shape, float **data)
{
	*data = ir_alloc_folded(graph, shape_bytes(shape));
	return *data ? ir_constant(graph, shape, *data) : NULL;
}

static bool constant_f32(const struct npuc_value *v)
{
	return v->data && v->shape.type == NPU_TYPE_F32;
}

/*
 * Is `v`, broadcast to `shape`, one value for each index of dimension `axis`,
 * or one for all?
 */
static bool per_axis(const struct npuc_value *v, const struct shape *shape, unsigned int axis)
{
	const unsigned int skip = shape->rank - v->shape.rank;

	if (v->shape.rank > shape->rank)
		return false;
	for (unsigned int i = 0; i < v->shape.rank; i++) {
		if (v->shape.extent[i] != 1 &&
		    (skip + i != axis || v->shape.extent[i] != shape->extent[axis]))
			return false;
	}
	return true;
}

static float channel(const struct npuc_value *v, uint32_t index)
{
	return ((const float *)v->data)[shape_count(&v->shape) > 1 ? index : 0];
}

/* A constant, perhaps still in quantised form. */
static bool constant_at_heart(const struct npuc_value *v)
{
	return v->data || (v->producer && v->producer->kind == NODE_DEQUANTISE &&
			   v->producer->inputs[0]->data);
}

/* A bias that is computed would keep an int8 product from being recognised. */
static bool from_int8(const struct node *node)
{
	for (unsigned int i = 0; i < 2; i++) {
		const struct node *producer = node->inputs[i]->producer;

		if (producer && producer->kind == NODE_DEQUANTISE)
			return true;
	}
	return false;
}

static void take_over(struct npuc_graph *graph, struct node *node, struct node *later)
{
	node->activation = later->activation;
	node->act_a = later->act_a;
	node->act_b = later->act_b;
	ir_move_after(graph, later, node);
	ir_set_output(node, later->output);
	ir_remove(graph, later);
}

static bool fuse_activation(struct npuc_graph *graph, struct node *node)
{
	static const enum node_kind kinds[] = { NODE_CONV, NODE_GEMM, NODE_BINARY, NODE_UNARY };

	if (node->kind != NODE_UNARY || node->subkind != NPU_UNARY_COPY || !node->activation ||
	    node->int8)
		return false;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct node *before = ir_sole_producer(node->inputs[0], kinds[i]);

		if (!before || before->activation || before->int8)
			continue;
		take_over(graph, before, node);
		return true;
	}
	return false;
}

/* bias + sign * c, as one value for each of `count` channels. */
static struct npuc_value *joined_bias(struct npuc_graph *graph, const struct npuc_value *bias,
				      const struct npuc_value *c, uint32_t count, float sign)
{
	const struct shape shape = { .type = NPU_TYPE_F32, .rank = 1, .extent = { count } };
	struct npuc_value *joined;
	float *data;

	joined = make(graph, &shape, &data);
	for (uint32_t i = 0; joined && i < count; i++)
		data[i] = (bias ? channel(bias, i) : 0.0f) + sign * channel(c, i);
	return joined;
}

static bool fuse_bias(struct npuc_graph *graph, struct node *node, struct node *before,
		      struct npuc_value *c, float sign)
{
	const struct shape *shape = &before->output->shape;
	const unsigned int axis = before->kind == NODE_CONV ? 1 : shape->rank - 1u;
	const uint32_t channels = shape->extent[axis];
	struct npuc_value *bias = before->inputs[2];

	if (!shape_equal(shape, &node->output->shape))
		return false;
	if (constant_f32(c) && per_axis(c, shape, axis) &&
	    (!bias || (constant_f32(bias) && per_axis(bias, shape, axis)) ||
	     (before->kind == NODE_CONV && constant_f32(bias))))
		bias = joined_bias(graph, bias, c, channels, sign);
	else if (!bias && sign > 0.0f &&
		 ((before->kind == NODE_GEMM && !from_int8(before)) ||
		  (per_axis(c, shape, axis) && constant_at_heart(c) &&
		   shape_count(&c->shape) == channels)))
		bias = c;
	else
		return false;
	if (!bias || ir_set_input(before, 2, bias))
		return false;
	take_over(graph, before, node);
	return true;
}

static bool fuse_scale(struct npuc_graph *graph, struct node *node, struct node *before,
		       const struct npuc_value *c)
{
	const struct npuc_value *w = before->inputs[1], *bias = before->inputs[2];
	const struct shape *shape = &before->output->shape;
	const bool conv = before->kind == NODE_CONV;
	const unsigned int axis = conv ? 1 : shape->rank - 1u;
	struct npuc_value *scaled, *scaled_bias = NULL;
	uint64_t count, inner;
	float *data;

	if (!shape_equal(shape, &node->output->shape) || !constant_f32(c) ||
	    !per_axis(c, shape, axis) || !constant_f32(w))
		return false;
	if (bias && (!constant_f32(bias) || (!conv && !per_axis(bias, shape, axis))))
		return false;
	if (bias) {
		const struct shape flat = { .type = NPU_TYPE_F32, .rank = 1,
					    .extent = { shape->extent[axis] } };

		scaled_bias = make(graph, &flat, &data);
		if (!scaled_bias)
			return false;
		for (uint32_t i = 0; i < flat.extent[0]; i++)
			data[i] = channel(bias, i) * channel(c, i);
	}
	scaled = make(graph, &w->shape, &data);
	if (!scaled)
		return false;
	count = shape_count(&w->shape);
	inner = conv ? count / w->shape.extent[0] : 1;
	for (uint64_t i = 0; i < count; i++) {
		const uint32_t at = (uint32_t)(i / inner % shape->extent[axis]);

		data[i] = ((const float *)w->data)[i] * channel(c, at);
	}
	if (ir_set_input(before, 1, scaled) || (bias && ir_set_input(before, 2, scaled_bias)))
		return false;
	take_over(graph, before, node);
	return true;
}

static bool fuse_binary(struct npuc_graph *graph, struct node *node)
{
	if (node->kind != NODE_BINARY || node->int8)
		return false;
	for (unsigned int i = 0; i < 2; i++) {
		struct npuc_value *x = node->inputs[i], *c = node->inputs[1 - i];
		struct node *before = ir_sole_producer(x, NODE_CONV);

		if (!before)
			before = ir_sole_producer(x, NODE_GEMM);
		if (!before || before->activation || before->int8)
			continue;
		if ((node->subkind == NPU_BINARY_ADD && fuse_bias(graph, node, before, c, 1.0f)) ||
		    (node->subkind == NPU_BINARY_SUB && i == 0 &&
		     fuse_bias(graph, node, before, c, -1.0f)) ||
		    (node->subkind == NPU_BINARY_MUL && fuse_scale(graph, node, before, c)))
			return true;
	}
	return false;
}

int fuse_nodes(struct npuc_graph *graph)
{
	struct node *next;

	/* A node that was fused into its predecessor gave it its place: the
	 * next one sees the result, so one walk is enough.
	 */
	for (struct node *node = graph->first; node && !graph->error; node = next) {
		next = node->next;
		if (fuse_activation(graph, node) || fuse_binary(graph, node))
			continue;
	}
	return graph->error;
}
