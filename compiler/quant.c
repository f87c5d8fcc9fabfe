// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Finds int8 arithmetic in a graph that speaks of it as real numbers: x is
 * dequantised, an operator computes, the result is quantised.
 *
 *  1. DEQUANTISE moves down and QUANTISE moves up through nodes that only move
 *     values (RESHAPE, TRANSPOSE, CONCAT, MAX POOL). That is exact: a maximum
 *     commutes with any rising function. Where the two meet with one scale
 *     they vanish.
 *  2. CONV, GEMM, BINARY, UNARY and AVERAGE POOL take in the DEQUANTISE before
 *     them and the QUANTISE behind them.
 *
 * What does not match stays as it was, and runs as real arithmetic between
 * QUANTISE and DEQUANTISE operations.
 */
#include "ir.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool same_quant(const struct quant *a, const struct quant *b)
{
	return a->count == 1 && b->count == 1 && a->scale[0] == b->scale[0] &&
	       a->zero[0] == b->zero[0];
}

static struct node *producer_of(const struct npuc_value *v, enum node_kind kind)
{
	return v->producer && v->producer->kind == kind ? v->producer : NULL;
}

/* The DEQUANTISE of an int8 tensor with one scale that gives `v`. */
static struct node *dequantised(const struct npuc_value *v)
{
	struct node *node = producer_of(v, NODE_DEQUANTISE);

	return node && node->quant->count == 1 &&
	       type_is_int8(node->inputs[0]->shape.type) ? node : NULL;
}

/* The QUANTISE with one scale that is all that becomes of `v`. */
static struct node *quantised(const struct npuc_value *v)
{
	struct node *node = ir_only_reader(v);

	return node && node->kind == NODE_QUANTISE && node->quant->count == 1 ? node : NULL;
}

static bool moves_values(const struct node *node)
{
	return node->kind == NODE_RESHAPE || node->kind == NODE_TRANSPOSE ||
	       node->kind == NODE_CONCAT ||
	       (node->kind == NODE_POOL && node->subkind == NPU_POOL_MAX);
}

/* Tells users of the graph how its int8 inputs and outputs are to be read. */
static void find_io_quant(struct npuc_graph *graph)
{
	for (unsigned int i = 0; i < graph->input_count; i++) {
		struct npuc_value *v = graph->inputs[i];

		for (unsigned int r = 0; r < v->reader_count && !v->io_quant; r++) {
			if (v->readers[r]->kind == NODE_DEQUANTISE && type_is_int8(v->shape.type) &&
			    v->readers[r]->quant->count == 1)
				v->io_quant = v->readers[r]->quant;
		}
	}
	for (unsigned int i = 0; i < graph->output_count; i++) {
		struct npuc_value *v = graph->outputs[i].value;
		const struct npuc_value *from = v;

		while (from->producer && moves_values(from->producer) &&
		       from->producer->kind != NODE_CONCAT)
			from = from->producer->inputs[0];
		if (from->producer && from->producer->kind == NODE_QUANTISE &&
		    from->producer->quant->count == 1)
			v->io_quant = from->producer->quant;
	}
}

/* A DEQUANTISE that can go to the other side of `node`, or NULL. */
static struct node *sinkable(const struct node *node)
{
	struct node *first = producer_of(node->inputs[0], NODE_DEQUANTISE);
	uint8_t type;

	if (!moves_values(node) || !first)
		return NULL;
	type = first->inputs[0]->shape.type;
	if (node->kind == NODE_POOL && !type_is_int8(type))
		return NULL;
	if (first->quant->count != 1)
		return node->kind == NODE_TRANSPOSE || node->kind == NODE_RESHAPE ? first : NULL;
	for (unsigned int i = 1; i < node->input_count; i++) {
		const struct node *other = producer_of(node->inputs[i], NODE_DEQUANTISE);

		if (!other || other->inputs[0]->shape.type != type ||
		    !same_quant(other->quant, first->quant))
			return NULL;
	}
	return first;
}

/*
 * The same scales behind a node that moves values: an axis may have become
 * another one. NULL if it is none any more (RESHAPE split it or joined it).
 */
static const struct quant *moved_quant(struct npuc_graph *graph, const struct node *node,
				       const struct quant *quant)
{
	const struct shape *from = &node->inputs[0]->shape, *to = &node->output->shape;
	uint64_t before = 1, outer = 1;
	struct quant *q;

	if (quant->count == 1)
		return quant;
	for (unsigned int i = 0; i < quant->axis; i++)
		before *= from->extent[i];
	for (unsigned int i = 0; i < to->rank; i++) {
		const bool here = node->kind == NODE_TRANSPOSE ? node->perm[i] == quant->axis :
				  outer == before && to->extent[i] == quant->count;

		outer *= to->extent[i];
		if (!here)
			continue;
		q = ir_alloc(graph, 1, sizeof(*q));
		if (!q)
			return NULL;
		*q = *quant;
		q->axis = i;
		return q;
	}
	return NULL;
}

static int sink(struct npuc_graph *graph, struct node *node, const struct node *dequantise)
{
	const struct quant *quant = moved_quant(graph, node, dequantise->quant);
	struct shape shape = node->output->shape;
	struct npuc_value *value, *constant;
	struct node *below;
	int ret = 0;

	if (!quant)
		return graph->error;
	below = ir_node(graph, NODE_DEQUANTISE, 1);
	shape.type = dequantise->inputs[0]->shape.type;
	value = ir_value(graph, &shape);
	if (!below || !value)
		return graph->error;
	below->name = dequantise->name;
	below->quant = quant;
	for (unsigned int i = 0; !ret && i < node->input_count; i++)
		ret = ir_set_input(node, i, node->inputs[i]->producer->inputs[0]);
	if (ret)
		return ret;
	ir_set_output(below, node->output);
	ir_set_output(node, value);
	ret = ir_set_input(below, 0, value);
	if (ret)
		return ret;
	ir_insert_after(graph, node, below);
	constant = fold_node(graph, node);
	if (constant) {
		ret = ir_replace(value, constant);
		ir_remove(graph, node);
	}
	return ret ? ret : graph->error;
}

/* QUANTISE behind a node that moves values: goes before it. */
static bool hoist(struct npuc_graph *graph, struct node *quantise)
{
	struct npuc_value *x = quantise->inputs[0];
	struct node *node = x->producer, *above;
	struct shape shape;
	struct npuc_value *value;

	if (quantise->quant->count != 1 || !node || !moves_values(node) || !ir_only_reader(x))
		return false;
	for (unsigned int i = 0; i < node->input_count; i++) {
		struct npuc_value *input = node->inputs[i];

		above = ir_node(graph, NODE_QUANTISE, 1);
		shape = input->shape;
		shape.type = quantise->output->shape.type;
		value = ir_value(graph, &shape);
		if (!above || !value || ir_set_input(above, 0, input))
			return false;
		above->name = quantise->name;
		above->quant = quantise->quant;
		ir_set_output(above, value);
		ir_insert_after(graph, node->prev, above);
		if (ir_set_input(node, i, value))
			return false;
	}
	ir_set_output(node, quantise->output);
	ir_remove(graph, quantise);
	return true;
}

/* Quantising what was dequantised with the same scale gives the same integer. */
static bool cancel(struct npuc_graph *graph, struct node *quantise)
{
	const struct node *before = dequantised(quantise->inputs[0]);

	if (!before || !same_quant(before->quant, quantise->quant) ||
	    before->inputs[0]->shape.type != quantise->output->shape.type)
		return false;
	if (!ir_replace(quantise->output, before->inputs[0]))
		ir_remove(graph, quantise);
	return true;
}

static int move_together(struct npuc_graph *graph)
{
	struct node *node, *next;

	for (node = graph->first; node && !graph->error; node = next) {
		const struct node *dequantise = sinkable(node);

		next = node->next;
		if (dequantise)
			sink(graph, node, dequantise);
		else if (node->kind == NODE_QUANTISE)
			cancel(graph, node);
	}
	for (node = graph->last; node && !graph->error; node = next) {
		/* The new QUANTISE stand before the node that was passed, where
		 * this walk meets them.
		 */
		next = node->prev;
		if (node->kind == NODE_QUANTISE)
			hoist(graph, node);
	}
	for (node = graph->first; node && !graph->error; node = next) {
		next = node->next;
		if (node->kind == NODE_QUANTISE)
			cancel(graph, node);
	}
	return graph->error;
}

/* ---- CONV and GEMM ---- */

struct product {
	struct node *node;
	const struct node *x, *w, *out;	/* DEQUANTISE twice; QUANTISE or NULL */
	uint32_t channels;	/* of the output */
	unsigned int axis;	/* of w, its output channels */
	int32_t w_zero;
};

static float w_scale(const struct product *p, uint32_t channel)
{
	return p->w->quant->scale[p->w->quant->count > 1 ? channel : 0];
}

static bool weights_match(struct product *p)
{
	const struct npuc_value *w = p->node->inputs[1];
	const struct quant *q;

	p->w = producer_of(w, NODE_DEQUANTISE);
	if (!p->w || !type_is_int8(p->w->inputs[0]->shape.type))
		return false;
	q = p->w->quant;
	p->axis = p->node->kind == NODE_CONV ? 0 : w->shape.rank - 1u;
	p->channels = w->shape.extent[p->axis];
	if (q->count > 1 && q->axis != p->axis)
		return false;
	for (uint32_t i = 1; i < q->count; i++) {
		if (q->zero[i] != q->zero[0])
			return false;
	}
	p->w_zero = q->zero[0];
	return true;
}

/*
 * The bias in units of x_scale * w_scale, as int32: what it is already when
 * a model quantises it, else rounded, which is exact to half a unit of the
 * accumulator. false: it cannot be expressed, the node stays real.
 */
static bool bias_of(struct npuc_graph *graph, const struct product *p, int32_t **data)
{
	const struct npuc_value *bias = p->node->inputs[2];
	const struct quant *q = NULL;
	const float x_scale = p->x->quant->scale[0];
	uint64_t count;

	*data = NULL;
	if (!bias)
		return true;
	if (producer_of(bias, NODE_DEQUANTISE)) {
		q = bias->producer->quant;
		bias = bias->producer->inputs[0];
	}
	count = shape_count(&bias->shape);
	if (!bias->data || (count != 1 && count != p->channels) ||
	    bias->shape.type != (q ? NPU_TYPE_I32 : NPU_TYPE_F32))
		return false;
	/* A GEMM's bias could also be one for each row. */
	if (p->node->kind == NODE_GEMM && count > 1 &&
	    bias->shape.extent[bias->shape.rank - 1] != count)
		return false;
	*data = ir_alloc(graph, p->channels, sizeof(**data));
	if (!*data)
		return false;
	for (uint32_t i = 0; i < p->channels; i++) {
		const uint32_t at = count > 1 ? i : 0;
		const float unit = x_scale * w_scale(p, i);
		double scaled;

		if (q) {
			const float scale = q->scale[q->count > 1 ? at : 0];
			const int32_t value = ((const int32_t *)bias->data)[at];

			scaled = scale == unit ? (double)value :
						 rint((double)value * (double)scale / (double)unit);
		} else {
			scaled = rint((double)((const float *)bias->data)[at] / (double)unit);
		}
		if (!(fabs(scaled) < 2147483648.0))
			return false;
		(*data)[i] = (int32_t)scaled;
	}
	return true;
}

static int64_t magnitude(uint8_t type, int32_t zero)
{
	const int low = type == NPU_TYPE_U8 ? 0 : -128, high = low + 255;

	return abs(low - zero) > abs(high - zero) ? abs(low - zero) : abs(high - zero);
}

static uint64_t magnitude_of(int32_t value)
{
	return (uint64_t)llabs((long long)value);
}

/* Can no input make the int32 accumulator overflow? */
static bool accumulator_holds(struct npuc_graph *graph, const struct product *p,
			      const int32_t *bias)
{
	const struct npuc_value *w = p->w->inputs[0];
	const int64_t x_max = magnitude(p->x->inputs[0]->shape.type, p->x->quant->zero[0]);
	const uint64_t count = shape_count(&w->shape);
	uint64_t inner, *sums;
	bool holds = true;

	if (!w->data) {
		const uint64_t window = p->node->kind == NODE_CONV ?
						count / p->channels : w->shape.extent[w->shape.rank - 2];
		uint64_t largest = 0;

		for (uint32_t i = 0; bias && i < p->channels; i++)
			largest = largest > magnitude_of(bias[i]) ? largest : magnitude_of(bias[i]);
		return window * (uint64_t)(x_max * magnitude(w->shape.type, p->w_zero)) + largest <=
		       INT32_MAX;
	}
	sums = calloc(p->channels, sizeof(*sums));
	if (!sums) {
		ir_fail(graph, -ENOMEM, "no memory");
		return false;
	}
	/* GEMM with a batch of weights: the sum over the batch is a bound too. */
	inner = p->node->kind == NODE_CONV ? count / p->channels : 1;
	for (uint64_t i = 0; i < count; i++) {
		const int value = w->shape.type == NPU_TYPE_U8 ? ((const uint8_t *)w->data)[i] :
								 ((const int8_t *)w->data)[i];

		sums[i / inner % p->channels] += (uint64_t)abs(value - p->w_zero) * (uint64_t)x_max;
	}
	for (uint32_t i = 0; i < p->channels; i++)
		holds &= sums[i] + (bias ? magnitude_of(bias[i]) : 0) <= INT32_MAX;
	free(sums);
	return holds;
}

static int fuse_product(struct npuc_graph *graph, struct product *p, int32_t *bias)
{
	const struct shape channels = { .type = NPU_TYPE_I32, .rank = 1, .extent = { p->channels } };
	const struct quant *out = p->out ? p->out->quant : NULL;
	struct shape shape = { .type = NPU_TYPE_F32, .rank = 1,
			       .extent = { p->w->quant->count } };
	struct npuc_value *bias_value = NULL, *multiplier;
	struct node *node = p->node;
	float *m = ir_alloc(graph, p->w->quant->count, sizeof(*m));

	for (uint32_t i = 0; m && i < p->w->quant->count; i++) {
		/* In this order and precision: it is part of the result. */
		m[i] = p->x->quant->scale[0] * w_scale(p, i);
		if (out)
			m[i] = m[i] / out->scale[0];
	}
	if (!m || !(multiplier = ir_constant(graph, &shape, m)) ||
	    (bias && !(bias_value = ir_constant(graph, &channels, bias))))
		return graph->error;
	node->int8 = true;
	node->a_zero = p->x->quant->zero[0];
	node->b_zero = p->w_zero;
	if (ir_set_input(node, 0, p->x->inputs[0]) || ir_set_input(node, 1, p->w->inputs[0]) ||
	    ir_set_input(node, 2, bias_value) || ir_set_input(node, 3, multiplier))
		return graph->error;
	if (!out)
		return 0;
	node->y_zero = out->zero[0];
	if (node->activation == NPU_ACT_CLIP) {
		const uint8_t type = p->out->output->shape.type;

		node->clip_low = fold_quantise(type, node->act_a / out->scale[0], out->zero[0]);
		node->clip_high = fold_quantise(type, node->act_b / out->scale[0], out->zero[0]);
	}
	ir_set_output(node, p->out->output);
	ir_remove(graph, (struct node *)p->out);
	return 0;
}

static int match_product(struct npuc_graph *graph, struct node *node)
{
	struct product p = { .node = node };
	int32_t *bias;

	p.x = dequantised(node->inputs[0]);
	if (!p.x || !weights_match(&p) || !bias_of(graph, &p, &bias) ||
	    !accumulator_holds(graph, &p, bias))
		return graph->error;
	if (node->kind == NODE_GEMM && node->alpha != 1.0f)
		return 0;
	/* The clamp of an activation in integers exists for these alone; others
	 * are computed on the real result, and quantised by an operation of
	 * their own.
	 */
	if (node->activation == NPU_ACT_NONE || node->activation == NPU_ACT_RELU ||
	    node->activation == NPU_ACT_CLIP)
		p.out = quantised(node->output);
	return fuse_product(graph, &p, bias);
}

/* ---- element by element, and pools ---- */

static int match_elements(struct npuc_graph *graph, struct node *node)
{
	struct node *a = dequantised(node->inputs[0]);
	struct node *b = node->kind == NODE_BINARY ? dequantised(node->inputs[1]) : NULL;
	struct node *out = quantised(node->output);

	if (!a && !b && !out)
		return 0;
	node->int8 = true;
	if (a) {
		node->a_scale = a->quant->scale[0];
		node->a_zero = a->quant->zero[0];
		if (ir_set_input(node, 0, a->inputs[0]))
			return graph->error;
	}
	if (b) {
		node->b_scale = b->quant->scale[0];
		node->b_zero = b->quant->zero[0];
		if (ir_set_input(node, 1, b->inputs[0]))
			return graph->error;
	}
	if (out) {
		node->y_scale = out->quant->scale[0];
		node->y_zero = out->quant->zero[0];
		ir_set_output(node, out->output);
		ir_remove(graph, out);
	}
	return 0;
}

static int match_average(struct npuc_graph *graph, struct node *node)
{
	struct node *x = dequantised(node->inputs[0]), *out = quantised(node->output);

	if (!x || !out || x->inputs[0]->shape.type != out->output->shape.type)
		return 0;
	node->int8 = true;
	node->a_scale = x->quant->scale[0] / out->quant->scale[0];
	node->a_zero = x->quant->zero[0];
	node->y_zero = out->quant->zero[0];
	if (ir_set_input(node, 0, x->inputs[0]))
		return graph->error;
	ir_set_output(node, out->output);
	ir_remove(graph, out);
	return 0;
}

/* QUANTISE of a DEQUANTISE with another scale: an int8 copy that rescales. */
static int match_rescale(struct npuc_graph *graph, struct node *node)
{
	struct node *x = dequantised(node->inputs[0]);

	if (!x || node->quant->count != 1)
		return 0;
	node->kind = NODE_UNARY;
	node->subkind = NPU_UNARY_COPY;
	node->int8 = true;
	node->a_scale = x->quant->scale[0];
	node->a_zero = x->quant->zero[0];
	node->y_scale = node->quant->scale[0];
	node->y_zero = node->quant->zero[0];
	return ir_set_input(node, 0, x->inputs[0]);
}

int quant_fuse(struct npuc_graph *graph)
{
	struct node *next;

	find_io_quant(graph);
	if (move_together(graph))
		return graph->error;
	ir_remove_dead(graph);
	for (struct node *node = graph->first; node && !graph->error; node = next) {
		switch (node->kind) {
		case NODE_CONV:
		case NODE_GEMM:
			match_product(graph, node);
			break;
		case NODE_BINARY:
		case NODE_UNARY:
			match_elements(graph, node);
			break;
		case NODE_POOL:
			if (node->subkind != NPU_POOL_MAX)
				match_average(graph, node);
			break;
		case NODE_QUANTISE:
			match_rescale(graph, node);
			break;
		default:
			break;
		}
		next = node->next;
	}
	return graph->error;
}
