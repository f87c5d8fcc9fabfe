// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Turns nodes into operations of the card, and decides where values lie.
 *
 * A first walk, from the end, places values: a value that only becomes a
 * graph output, a part of a CONCAT, or a view of one of these, is written
 * where it is wanted. The second walk, from the start, gives the rest scratch
 * buffers and makes the operations; RESHAPE, TRANSPOSE and CONCAT become
 * other strides on the same bytes wherever strides can say it, else a COPY.
 * No operation works in place, so views of one buffer never disturb another.
 */
#include "program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int failed(const struct npuc_graph *graph)
{
	return graph->error ? graph->error : -ENOMEM;
}

/*
 * Strides that show the elements of (from, stride) in the shape `to`, in the
 * same order; false if there are none. Dimensions are matched in groups of
 * equal products; inside a group the old ones must be contiguous.
 */
static bool reshaped(const struct shape *from, const int32_t *stride, const struct shape *to,
		     int32_t *result)
{
	uint32_t old[NPU_RANK_MAX];
	int32_t old_stride[NPU_RANK_MAX];
	unsigned int rank = 0, i = 0, j = 0;

	for (unsigned int d = 0; d < from->rank; d++) {
		if (from->extent[d] == 1)
			continue;
		old[rank] = from->extent[d];
		old_stride[rank++] = stride[d];
	}
	memset(result, 0, NPU_RANK_MAX * sizeof(*result));
	while (i < rank) {
		uint64_t old_product = old[i], new_product = to->extent[j];
		unsigned int i_end = i + 1, j_end = j + 1;

		while (old_product != new_product) {
			if (old_product < new_product)
				old_product *= old[i_end++];
			else
				new_product *= to->extent[j_end++];
		}
		for (unsigned int d = i; d + 1 < i_end; d++) {
			if (old_stride[d] != (int64_t)old_stride[d + 1] * old[d + 1])
				return false;
		}
		result[j_end - 1] = old_stride[i_end - 1];
		for (unsigned int d = j_end - 1; d > j; d--)
			result[d - 1] = (int32_t)(result[d] * (int64_t)to->extent[d]);
		i = i_end;
		j = j_end;
	}
	/* What is left has extent 1. */
	return true;
}

static struct buffer *new_buffer(struct npuc_graph *graph, struct program *p,
				 enum buffer_kind kind, uint32_t base, uint64_t size)
{
	struct buffer *b = ir_alloc(graph, 1, sizeof(*b));

	if (!b || ir_grow(graph, &p->buffers, sizeof(struct buffer *), p->buffer_count,
			  &p->buffer_room))
		return NULL;
	b->kind = kind;
	b->base = base;
	b->size = size;
	p->buffers[p->buffer_count++] = b;
	return b;
}

/* Dense storage of its own. */
static int give_scratch(struct npuc_graph *graph, struct program *p, struct npuc_value *v)
{
	v->storage = (struct storage){ 0 };
	v->storage.buffer = new_buffer(graph, p, BUFFER_SCRATCH, NPU_GRAPH_BASE_SCRATCH,
				       shape_bytes(&v->shape));
	shape_strides(&v->shape, v->storage.stride);
	return v->storage.buffer ? 0 : failed(graph);
}

/* ---- placing, from the end ---- */

static bool placeable(const struct npuc_value *v)
{
	return v->producer && !v->placed && ir_only_reader(v);
}

static void place_concat_inputs(struct node *node)
{
	const struct storage *out = &node->output->storage;
	uint64_t at = out->offset;

	for (unsigned int i = 0; i < node->input_count; i++) {
		struct npuc_value *x = node->inputs[i];

		if (placeable(x)) {
			x->storage = *out;
			x->storage.offset = at;
			x->placed = true;
			x->placed_for = node;
		}
		at += (uint64_t)x->shape.extent[node->axis] * (uint64_t)out->stride[node->axis];
	}
}

static void place_view_input(struct node *node)
{
	const struct npuc_value *y = node->output;
	struct npuc_value *x = node->inputs[0];
	struct storage storage = y->storage;

	if (!y->placed || !placeable(x))
		return;
	if (node->kind == NODE_TRANSPOSE) {
		for (unsigned int i = 0; i < x->shape.rank; i++)
			storage.stride[node->perm[i]] = y->storage.stride[i];
	} else if (!reshaped(&y->shape, y->storage.stride, &x->shape, storage.stride)) {
		return;
	}
	x->storage = storage;
	x->placed = true;
	x->placed_for = node;
}

static int place_values(struct npuc_graph *graph, struct program *p)
{
	for (unsigned int i = 0; i < graph->input_count; i++) {
		struct npuc_value *v = graph->inputs[i];

		v->storage.buffer = p->io[i];
		shape_strides(&v->shape, v->storage.stride);
	}
	for (unsigned int i = 0; i < graph->output_count; i++) {
		struct npuc_value *v = graph->outputs[i].value;

		/* The card only writes to outputs: what is read again lies elsewhere. */
		if (!v->producer || v->reader_count || v->output_count != 1)
			continue;
		v->storage.buffer = p->io[graph->input_count + i];
		shape_strides(&v->shape, v->storage.stride);
		v->placed = true;
	}
	for (struct node *node = graph->last; node; node = node->prev) {
		if (node->kind == NODE_RESHAPE || node->kind == NODE_TRANSPOSE)
			place_view_input(node);
		if (node->kind != NODE_CONCAT)
			continue;
		if (!node->output->placed && give_scratch(graph, p, node->output))
			return failed(graph);
		node->output->placed = true;
		place_concat_inputs(node);
	}
	return 0;
}

/* ---- operands ---- */

static int constant_storage(struct npuc_graph *graph, struct program *p, struct npuc_value *v)
{
	uint64_t offset;
	int ret;

	if (v->storage.buffer)
		return 0;
	ret = weights_add(graph, p, v->data, shape_bytes(&v->shape), &offset);
	if (ret)
		return ret;
	v->storage.buffer = p->weights;
	v->storage.offset = offset / type_size(v->shape.type);
	shape_strides(&v->shape, v->storage.stride);
	return 0;
}

static int whole(struct npuc_graph *graph, struct program *p, struct npuc_value *v,
		 struct operand *o)
{
	*o = (struct operand){ .value = v };
	if (!v)
		return 0;
	if (v->data && constant_storage(graph, p, v))
		return failed(graph);
	o->shape = v->shape;
	o->storage = v->storage;
	return 0;
}

/* The value seen with `to`'s extents; where it has 1 of many, by a stride of 0. */
static int spread(struct npuc_graph *graph, struct program *p, struct npuc_value *v,
		  const struct shape *to, struct operand *o)
{
	const unsigned int skip = v ? to->rank - v->shape.rank : 0;

	if (whole(graph, p, v, o))
		return failed(graph);
	if (!v)
		return 0;
	o->shape = *to;
	o->shape.type = v->shape.type;
	for (unsigned int i = to->rank; i-- > 0;) {
		const bool repeats = i < skip || v->shape.extent[i - skip] != to->extent[i];

		o->storage.stride[i] = repeats ? 0 : v->storage.stride[i - skip];
	}
	return 0;
}

/* The value as a list: its only extent greater than 1. */
static int listed(struct npuc_graph *graph, struct program *p, struct npuc_value *v,
		  struct operand *o)
{
	int32_t step = 1;

	if (whole(graph, p, v, o))
		return failed(graph);
	if (!v)
		return 0;
	for (unsigned int i = 0; i < v->shape.rank; i++) {
		if (v->shape.extent[i] > 1)
			step = v->storage.stride[i];
	}
	o->shape = (struct shape){ .type = v->shape.type, .rank = 1,
				   .extent = { (uint32_t)shape_count(&v->shape) } };
	memset(o->storage.stride, 0, sizeof(o->storage.stride));
	o->storage.stride[0] = step;
	return 0;
}

/* ---- operations ---- */

static uint32_t file_name(struct program *p, uint32_t name)
{
	if (p->node_map[name] == UINT32_MAX) {
		p->node_map[name] = p->node_count;
		p->nodes[p->node_count++] = name;
	}
	return p->node_map[name];
}

static struct lowered *new_op(struct npuc_graph *graph, struct program *p, uint16_t opcode,
			      uint32_t name)
{
	struct lowered *o;

	if (p->op_count >= NPU_OPS_MAX) {
		ir_fail(graph, -ENOTSUP, "more than %u operations, which is all a program can hold",
			NPU_OPS_MAX);
		return NULL;
	}
	if (p->op_count == p->op_room) {
		const size_t room = p->op_room ? p->op_room * 2 : 64;
		struct lowered *ops = reallocarray(p->ops, room, sizeof(*ops));

		if (!ops) {
			ir_fail(graph, -ENOMEM, "no memory for operations");
			return NULL;
		}
		p->ops = ops;
		p->op_room = room;
	}
	o = &p->ops[p->op_count++];
	memset(o, 0, sizeof(*o));
	o->op.opcode = opcode;
	o->op.node = file_name(p, name);
	return o;
}

/* Counts the tensors and notes how long their buffers live. */
static void close_op(struct program *p, struct lowered *o)
{
	const uint32_t index = (uint32_t)(o - p->ops);

	for (unsigned int i = 0; i < LOWERED_TENSORS_MAX; i++) {
		struct buffer *b = o->tensors[i].storage.buffer;

		if (!b)
			continue;
		o->op.tensor_count = (__u8)(i + 1);
		if (!b->used)
			b->first = index;
		b->used = true;
		b->last = index;
	}
}

static int copy(struct npuc_graph *graph, struct program *p, uint32_t name,
		const struct operand *y, const struct operand *x)
{
	struct lowered *o = new_op(graph, p, NPU_OP_COPY, name);

	if (!o)
		return failed(graph);
	o->tensors[0] = *y;
	o->tensors[1] = *x;
	close_op(p, o);
	return 0;
}

static uint32_t bits(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	return u;
}

static void set_attr(struct lowered *o, const void *attr, size_t size)
{
	memcpy(o->op.attr, attr, size);
}

static void set_activation(struct lowered *o, const struct node *node)
{
	o->op.activation = node->activation;
	o->op.act_a = bits(node->act_a);
	o->op.act_b = bits(node->act_b);
	if (node->activation == NPU_ACT_CLIP && node->int8 &&
	    (node->kind == NODE_GEMM || node->kind == NODE_CONV) &&
	    type_is_int8(node->output->shape.type)) {
		o->op.act_a = (uint32_t)node->clip_low;
		o->op.act_b = (uint32_t)node->clip_high;
	}
}

static int lower_elements(struct npuc_graph *graph, struct program *p, const struct node *node)
{
	const bool binary = node->kind == NODE_BINARY;
	const struct npu_attr_elementwise attr = {
		.kind = node->subkind,
		.a_scale = bits(node->a_scale), .b_scale = bits(node->b_scale),
		.y_scale = bits(node->y_scale), .a_zero = (__s16)node->a_zero,
		.b_zero = (__s16)node->b_zero, .y_zero = (__s16)node->y_zero,
	};
	const struct shape *shape = &node->output->shape;
	struct lowered *o = new_op(graph, p, binary ? NPU_OP_BINARY : NPU_OP_UNARY, node->name);

	if (!o || whole(graph, p, node->output, &o->tensors[0]) ||
	    spread(graph, p, node->inputs[0], shape, &o->tensors[1]) ||
	    (binary && spread(graph, p, node->inputs[1], shape, &o->tensors[2])))
		return failed(graph);
	set_attr(o, &attr, sizeof(attr));
	set_activation(o, node);
	close_op(p, o);
	return 0;
}

static int lower_gemm(struct npuc_graph *graph, struct program *p, const struct node *node)
{
	const struct npu_attr_gemm attr = {
		.alpha = node->int8 ? 0 : bits(node->alpha),
		.a_zero = node->a_zero, .b_zero = node->b_zero, .y_zero = node->y_zero,
	};
	const unsigned int rank = node->output->shape.rank;
	struct lowered *o = new_op(graph, p, NPU_OP_GEMM, node->name);
	struct shape a = node->output->shape, b = a;

	a.extent[rank - 1] = node->inputs[0]->shape.extent[rank - 1];
	b.extent[rank - 2] = node->inputs[1]->shape.extent[rank - 2];
	if (!o || whole(graph, p, node->output, &o->tensors[0]) ||
	    spread(graph, p, node->inputs[0], &a, &o->tensors[1]) ||
	    spread(graph, p, node->inputs[1], &b, &o->tensors[2]) ||
	    spread(graph, p, node->inputs[2], &node->output->shape, &o->tensors[3]) ||
	    listed(graph, p, node->inputs[3], &o->tensors[4]))
		return failed(graph);
	o->macs = shape_count(&node->output->shape) * a.extent[rank - 1];
	set_attr(o, &attr, sizeof(attr));
	set_activation(o, node);
	close_op(p, o);
	return 0;
}

static int lower_conv(struct npuc_graph *graph, struct program *p, const struct node *node)
{
	struct npu_attr_conv attr = {
		.groups = (__u16)node->groups, .x_zero = (__s16)node->a_zero,
		.w_zero = (__s16)node->b_zero, .y_zero = (__s16)node->y_zero,
	};
	const struct npuc_window *window = &node->window;
	const struct shape *w = &node->inputs[1]->shape;
	struct lowered *o = new_op(graph, p, NPU_OP_CONV, node->name);

	for (unsigned int i = 0; i < window->spatial; i++) {
		attr.stride[i] = (__u16)window->stride[i];
		attr.dilation[i] = (__u16)window->dilation[i];
		attr.pad_begin[i] = (__u16)window->pad_begin[i];
		attr.pad_end[i] = (__u16)window->pad_end[i];
	}
	if (!o || whole(graph, p, node->output, &o->tensors[0]) ||
	    whole(graph, p, node->inputs[0], &o->tensors[1]) ||
	    whole(graph, p, node->inputs[1], &o->tensors[2]) ||
	    listed(graph, p, node->inputs[2], &o->tensors[3]) ||
	    listed(graph, p, node->inputs[3], &o->tensors[4]))
		return failed(graph);
	o->macs = shape_count(&node->output->shape) * (shape_count(w) / w->extent[0]);
	set_attr(o, &attr, sizeof(attr));
	set_activation(o, node);
	close_op(p, o);
	return 0;
}

static int lower_pool(struct npuc_graph *graph, struct program *p, const struct node *node)
{
	struct npu_attr_pool attr = { .kind = (__u8)node->subkind };
	const struct npuc_window *window = &node->window;
	struct lowered *o = new_op(graph, p, NPU_OP_POOL, node->name);

	for (unsigned int i = 0; i < window->spatial; i++) {
		attr.kernel[i] = (__u16)window->kernel[i];
		attr.stride[i] = (__u16)window->stride[i];
		attr.dilation[i] = (__u16)window->dilation[i];
		attr.pad_begin[i] = (__u16)window->pad_begin[i];
		attr.pad_end[i] = (__u16)window->pad_end[i];
	}
	if (node->int8) {
		attr.x_zero = (__s16)node->a_zero;
		attr.y_zero = (__s16)node->y_zero;
		attr.multiplier = bits(node->a_scale);
	}
	if (!o || whole(graph, p, node->output, &o->tensors[0]) ||
	    whole(graph, p, node->inputs[0], &o->tensors[1]))
		return failed(graph);
	set_attr(o, &attr, sizeof(attr));
	close_op(p, o);
	return 0;
}

static int lower_axis(struct npuc_graph *graph, struct program *p, const struct node *node)
{
	const struct npu_attr_axis axis = { .axis = node->axis };
	const struct npu_attr_reduce reduce = { .kind = node->subkind };
	struct lowered *o = new_op(graph, p, node->kind == NODE_SOFTMAX ? NPU_OP_SOFTMAX :
				   NPU_OP_REDUCE, node->name);

	if (!o || whole(graph, p, node->output, &o->tensors[0]) ||
	    whole(graph, p, node->inputs[0], &o->tensors[1]))
		return failed(graph);
	if (node->kind == NODE_SOFTMAX)
		set_attr(o, &axis, sizeof(axis));
	else
		set_attr(o, &reduce, sizeof(reduce));
	close_op(p, o);
	return 0;
}

/* Scales or zero points, seen with the tensor's extents. */
static int scale_operand(struct npuc_graph *graph, struct program *p, const struct node *node,
			 uint8_t type, const void *data, struct operand *o)
{
	const struct quant *q = node->quant;
	const struct shape list = { .type = type, .rank = 1, .extent = { q->count } };
	struct npuc_value *v = ir_constant(graph, &list, data);

	if (!v || whole(graph, p, v, o))
		return failed(graph);
	o->shape = node->output->shape;
	o->shape.type = type;
	memset(o->storage.stride, 0, sizeof(o->storage.stride));
	if (q->count > 1)
		o->storage.stride[q->axis] = 1;
	return 0;
}

static int lower_scaled(struct npuc_graph *graph, struct program *p, const struct node *node)
{
	const struct quant *q = node->quant;
	struct lowered *o = new_op(graph, p, node->kind == NODE_QUANTISE ? NPU_OP_QUANTISE :
				   NPU_OP_DEQUANTISE, node->name);
	bool zeros = true;

	for (uint32_t i = 0; i < q->count; i++)
		zeros &= !q->zero[i];
	if (!o || whole(graph, p, node->output, &o->tensors[0]) ||
	    whole(graph, p, node->inputs[0], &o->tensors[1]) ||
	    scale_operand(graph, p, node, NPU_TYPE_F32, q->scale, &o->tensors[2]) ||
	    (!zeros && scale_operand(graph, p, node, NPU_TYPE_I32, q->zero, &o->tensors[3])))
		return failed(graph);
	close_op(p, o);
	return 0;
}

/* ---- views ---- */

static int lower_transpose(struct npuc_graph *graph, struct program *p, const struct node *node)
{
	struct npuc_value *x = node->inputs[0], *y = node->output;
	struct operand from, to;

	if (x->placed_for == node)
		return 0;
	if (whole(graph, p, x, &from))
		return failed(graph);
	for (unsigned int i = 0; i < y->shape.rank; i++)
		from.storage.stride[i] = x->storage.stride[node->perm[i]];
	if (!y->placed) {
		y->storage = from.storage;
		return 0;
	}
	from.shape = y->shape;
	return whole(graph, p, y, &to) ? failed(graph) : copy(graph, p, node->name, &to, &from);
}

/* COPY between different shapes of one order, where strides can say it. */
static bool copy_reshaped(struct npuc_graph *graph, struct program *p, uint32_t name,
			  struct operand to, struct operand from)
{
	int32_t stride[NPU_RANK_MAX];

	if (reshaped(&to.shape, to.storage.stride, &from.shape, stride)) {
		to.shape = from.shape;
		memcpy(to.storage.stride, stride, sizeof(stride));
	} else if (reshaped(&from.shape, from.storage.stride, &to.shape, stride)) {
		from.shape = to.shape;
		memcpy(from.storage.stride, stride, sizeof(stride));
	} else {
		return false;
	}
	copy(graph, p, name, &to, &from);
	return true;
}

static int lower_reshape(struct npuc_graph *graph, struct program *p, const struct node *node)
{
	struct npuc_value *x = node->inputs[0], *y = node->output, *between;
	struct operand from, to, dense;

	if (x->placed_for == node)
		return 0;
	if (whole(graph, p, x, &from))
		return failed(graph);
	if (!y->placed) {
		y->storage = from.storage;
		if (reshaped(&x->shape, from.storage.stride, &y->shape, y->storage.stride))
			return 0;
		if (give_scratch(graph, p, y))
			return failed(graph);
	}
	if (whole(graph, p, y, &to))
		return failed(graph);
	if (copy_reshaped(graph, p, node->name, to, from))
		return graph->error;
	/* Neither side is contiguous enough: by way of a dense copy. */
	between = ir_value(graph, &x->shape);
	if (!between || give_scratch(graph, p, between) || whole(graph, p, between, &dense) ||
	    copy(graph, p, node->name, &dense, &from))
		return failed(graph);
	copy_reshaped(graph, p, node->name, to, dense);
	return graph->error;
}

static int lower_concat(struct npuc_graph *graph, struct program *p, const struct node *node)
{
	struct operand from, to;
	uint64_t at;

	if (whole(graph, p, node->output, &to))
		return failed(graph);
	at = to.storage.offset;
	for (unsigned int i = 0; i < node->input_count; i++) {
		struct npuc_value *x = node->inputs[i];

		to.shape = x->shape;
		to.storage.offset = at;
		at += (uint64_t)x->shape.extent[node->axis] * (uint64_t)to.storage.stride[node->axis];
		if (x->placed_for == node)
			continue;
		if (whole(graph, p, x, &from) || copy(graph, p, node->name, &to, &from))
			return failed(graph);
	}
	return 0;
}

static int lower_node(struct npuc_graph *graph, struct program *p, const struct node *node)
{
	const bool view = node->kind == NODE_RESHAPE || node->kind == NODE_TRANSPOSE ||
			  node->kind == NODE_CONCAT;

	ir_place(graph, NULL, "%s%s", graph->names[node->name], graph->names[node->name][0] ? ": " : "");
	if (!view && !node->output->placed && give_scratch(graph, p, node->output))
		return failed(graph);
	switch (node->kind) {
	case NODE_BINARY:
	case NODE_UNARY:
		return lower_elements(graph, p, node);
	case NODE_GEMM:
		return lower_gemm(graph, p, node);
	case NODE_CONV:
		return lower_conv(graph, p, node);
	case NODE_POOL:
		return lower_pool(graph, p, node);
	case NODE_SOFTMAX:
	case NODE_REDUCE:
		return lower_axis(graph, p, node);
	case NODE_QUANTISE:
	case NODE_DEQUANTISE:
		return lower_scaled(graph, p, node);
	case NODE_RESHAPE:
		return lower_reshape(graph, p, node);
	case NODE_TRANSPOSE:
		return lower_transpose(graph, p, node);
	case NODE_CONCAT:
		return lower_concat(graph, p, node);
	}
	return ir_fail(graph, -EINVAL, "node of kind %d", node->kind);
}

/* Outputs that are also read, or are inputs, constants or one another. */
static int lower_outputs(struct npuc_graph *graph, struct program *p)
{
	struct operand from, to;

	for (unsigned int i = 0; i < graph->output_count; i++) {
		struct npuc_value *v = graph->outputs[i].value;

		if (v->storage.buffer == p->io[graph->input_count + i])
			continue;
		if (whole(graph, p, v, &from))
			return failed(graph);
		to = from;
		to.storage = (struct storage){ .buffer = p->io[graph->input_count + i] };
		shape_strides(&v->shape, to.storage.stride);
		if (copy(graph, p, v->producer ? v->producer->name : graph->name_current, &to,
			 &from))
			return failed(graph);
	}
	return 0;
}

static int make_buffers(struct npuc_graph *graph, struct program *p)
{
	p->weights = new_buffer(graph, p, BUFFER_WEIGHTS, NPU_GRAPH_BASE_WEIGHTS, 0);
	p->io_count = graph->input_count + graph->output_count;
	for (unsigned int i = 0; i < p->io_count; i++) {
		const struct npuc_value *v = i < graph->input_count ?
			graph->inputs[i] : graph->outputs[i - graph->input_count].value;

		p->io[i] = new_buffer(graph, p, BUFFER_IO, NPU_GRAPH_BASE_IO + i,
				      shape_bytes(&v->shape));
		if (!p->io[i])
			return failed(graph);
	}
	p->nodes = calloc(graph->name_count, sizeof(*p->nodes));
	p->node_map = malloc(graph->name_count * sizeof(*p->node_map));
	if (!p->weights || !p->nodes || !p->node_map)
		return ir_fail(graph, -ENOMEM, "no memory for node names");
	memset(p->node_map, 0xff, graph->name_count * sizeof(*p->node_map));
	return 0;
}

int lower_graph(struct npuc_graph *graph, struct program *p)
{
	if (make_buffers(graph, p) || place_values(graph, p))
		return failed(graph);
	for (const struct node *node = graph->first; node; node = node->next) {
		if (lower_node(graph, p, node))
			return failed(graph);
	}
	if (lower_outputs(graph, p))
		return failed(graph);
	ir_place(graph, NULL, "%s", "");
	return 0;
}

void program_fini(struct program *p)
{
	weights_fini(p);
	free(p->ops);
	free(p->node_map);
	free(p->nodes);
}
