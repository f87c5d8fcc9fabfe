// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Graphs, values and nodes: memory, errors, links between them. */
#include "ir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct allocation {
	struct allocation *next;
	max_align_t data[];
};

void *ir_alloc(struct npuc_graph *graph, size_t count, size_t size)
{
	struct allocation *a;
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes) ||
	    __builtin_add_overflow(bytes, sizeof(*a), &bytes) || !(a = calloc(1, bytes))) {
		ir_fail(graph, -ENOMEM, "no memory for %zu times %zu bytes", count, size);
		return NULL;
	}
	a->next = graph->allocations;
	graph->allocations = a;
	return a->data;
}

void *ir_alloc_folded(struct npuc_graph *graph, uint64_t bytes)
{
	if (bytes > graph->fold_bytes)
		return NULL;
	graph->fold_bytes -= bytes;
	return ir_alloc(graph, bytes, 1);
}

char *ir_strdup(struct npuc_graph *graph, const char *text)
{
	char *copy = ir_alloc(graph, strlen(text) + 1, 1);

	return copy ? strcpy(copy, text) : NULL;
}

char *ir_printf(struct npuc_graph *graph, const char *format, ...)
{
	char *text, *copy;
	va_list args;
	int length;

	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0) {
		ir_fail(graph, -ENOMEM, "no memory for a text");
		return NULL;
	}
	copy = ir_strdup(graph, text);
	free(text);
	return copy;
}

int ir_grow(struct npuc_graph *graph, void *array, size_t element, unsigned int count,
	    unsigned int *room)
{
	const unsigned int larger = *room ? *room * 2 : 4;
	void *old, *copy;

	if (count < *room)
		return 0;
	copy = ir_alloc(graph, larger, element);
	if (!copy)
		return -ENOMEM;
	memcpy(&old, array, sizeof(old));
	if (count)
		memcpy(copy, old, count * element);
	memcpy(array, &copy, sizeof(copy));
	*room = larger;
	return 0;
}

int ir_fail(struct npuc_graph *graph, int error, const char *format, ...)
{
	char *what = NULL;
	va_list args;
	int length;

	if (graph->error)
		return error;
	graph->error = error;
	va_start(args, format);
	length = vasprintf(&what, format, args);
	va_end(args);
	if (length < 0 || asprintf(&graph->error_text, "%s%s", graph->place, what) < 0)
		graph->error_text = NULL;
	if (length >= 0)
		free(what);
	return error;
}

void ir_place(struct npuc_graph *graph, const char *node_name, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(graph->place, sizeof(graph->place), format, args);
	va_end(args);
	if (!node_name || graph->error)
		return;
	if (graph->name_count && !strcmp(graph->names[graph->name_current], node_name))
		return;
	if (ir_grow(graph, &graph->names, sizeof(*graph->names), graph->name_count,
		    &graph->name_room))
		return;
	graph->names[graph->name_count] = ir_strdup(graph, node_name);
	if (!graph->names[graph->name_count])
		return;
	graph->name_current = graph->name_count++;
}

unsigned int type_size(uint8_t type)
{
	switch (type) {
	case NPU_TYPE_I8:
	case NPU_TYPE_U8:
	case NPU_TYPE_BOOL:
		return 1;
	case NPU_TYPE_F16:
	case NPU_TYPE_BF16:
	case NPU_TYPE_I16:
		return 2;
	case NPU_TYPE_F32:
	case NPU_TYPE_I32:
		return 4;
	case NPU_TYPE_I64:
		return 8;
	}
	return 0;
}

const char *type_name(uint8_t type)
{
	static const char *const names[NPU_TYPE_COUNT] = {
		[NPU_TYPE_NONE] = "none", [NPU_TYPE_F32] = "f32", [NPU_TYPE_F16] = "f16",
		[NPU_TYPE_BF16] = "bf16", [NPU_TYPE_I8] = "i8", [NPU_TYPE_U8] = "u8",
		[NPU_TYPE_I16] = "i16", [NPU_TYPE_I32] = "i32", [NPU_TYPE_I64] = "i64",
		[NPU_TYPE_BOOL] = "bool", [NPU_TYPE_I4] = "i4",
	};

	return type < NPU_TYPE_COUNT ? names[type] : "unknown";
}

bool type_is_int8(uint8_t type)
{
	return type == NPU_TYPE_I8 || type == NPU_TYPE_U8;
}

uint64_t shape_count(const struct shape *shape)
{
	uint64_t count = 1;

	for (unsigned int i = 0; i < shape->rank; i++)
		count *= shape->extent[i];
	return count;
}

uint64_t shape_bytes(const struct shape *shape)
{
	return shape_count(shape) * type_size(shape->type);
}

bool shape_equal(const struct shape *a, const struct shape *b)
{
	return a->rank == b->rank &&
	       !memcmp(a->extent, b->extent, a->rank * sizeof(a->extent[0]));
}

const char *shape_text(const struct shape *shape, char text[SHAPE_TEXT])
{
	size_t length = 0;

	strcpy(text, "scalar");
	for (unsigned int i = 0; i < shape->rank; i++)
		length += (size_t)snprintf(text + length, SHAPE_TEXT - length, "%s%u",
					   i ? "x" : "", shape->extent[i]);
	return text;
}

int shape_check(struct npuc_graph *graph, const struct shape *shape)
{
	uint64_t count = 1;

	if (!type_size(shape->type))
		return ir_fail(graph, -EINVAL, "type %u is none that the card has", shape->type);
	if (shape->rank > NPU_RANK_MAX)
		return ir_fail(graph, -ENOTSUP, "a tensor of rank %u; the card has at most %u",
			       shape->rank, NPU_RANK_MAX);
	for (unsigned int i = 0; i < shape->rank; i++) {
		if (!shape->extent[i])
			return ir_fail(graph, -EINVAL, "a tensor without elements: dimension %u is 0",
				       i);
		if (count > INT32_MAX / shape->extent[i])
			return ir_fail(graph, -ENOTSUP,
				       "a tensor of more than %d elements, which the card cannot address",
				       INT32_MAX);
		count *= shape->extent[i];
	}
	return 0;
}

void shape_strides(const struct shape *shape, int32_t stride[NPU_RANK_MAX])
{
	int32_t step = 1;

	memset(stride, 0, NPU_RANK_MAX * sizeof(*stride));
	for (unsigned int i = shape->rank; i-- > 0;) {
		stride[i] = step;
		step *= (int32_t)shape->extent[i];
	}
}

bool shape_next(const struct shape *shape, uint32_t at[NPU_RANK_MAX])
{
	for (unsigned int i = shape->rank; i-- > 0;) {
		if (++at[i] < shape->extent[i])
			return true;
		at[i] = 0;
	}
	return false;
}

int64_t stride_offset(unsigned int rank, const uint32_t *at, const int32_t *stride)
{
	int64_t offset = 0;

	for (unsigned int i = 0; i < rank; i++)
		offset += (int64_t)at[i] * stride[i];
	return offset;
}

static struct npuc_value *value_new(struct npuc_graph *graph, const struct shape *shape)
{
	struct npuc_value *value = ir_alloc(graph, 1, sizeof(*value));

	if (!value)
		return NULL;
	value->graph = graph;
	value->shape = *shape;
	return value;
}

struct npuc_value *ir_value(struct npuc_graph *graph, const struct shape *shape)
{
	if (shape_check(graph, shape))
		return NULL;
	return value_new(graph, shape);
}

struct npuc_value *ir_constant(struct npuc_graph *graph, const struct shape *shape,
			       const void *data)
{
	struct npuc_value *value = value_new(graph, shape);

	if (value)
		value->data = data;
	return value;
}

struct node *ir_node(struct npuc_graph *graph, enum node_kind kind, unsigned int inputs)
{
	struct node *node;

	if (graph->node_count >= IR_NODES_MAX) {
		ir_fail(graph, -ENOTSUP, "more than %u operations, which is all a program can hold",
			IR_NODES_MAX);
		return NULL;
	}
	if (!graph->name_count)
		ir_place(graph, "", "%s", graph->place);
	node = ir_alloc(graph, 1, sizeof(*node));
	if (!node)
		return NULL;
	node->inputs = ir_alloc(graph, inputs, sizeof(*node->inputs));
	if (!node->inputs)
		return NULL;
	node->input_count = inputs;
	node->kind = kind;
	node->name = graph->name_current;
	return node;
}

void ir_append(struct npuc_graph *graph, struct node *node)
{
	ir_insert_after(graph, graph->last, node);
}

static void unlink_node(struct npuc_graph *graph, struct node *node)
{
	*(node->prev ? &node->prev->next : &graph->first) = node->next;
	*(node->next ? &node->next->prev : &graph->last) = node->prev;
	graph->node_count--;
}

void ir_insert_after(struct npuc_graph *graph, struct node *where, struct node *node)
{
	node->prev = where;
	node->next = where ? where->next : graph->first;
	*(node->prev ? &node->prev->next : &graph->first) = node;
	*(node->next ? &node->next->prev : &graph->last) = node;
	graph->node_count++;
}

void ir_move_after(struct npuc_graph *graph, struct node *where, struct node *node)
{
	unlink_node(graph, node);
	ir_insert_after(graph, where, node);
}

static void drop_reader(struct npuc_value *value, const struct node *reader)
{
	/* From the end: passes mostly undo what was done last. */
	for (unsigned int i = value->reader_count; i-- > 0;) {
		if (value->readers[i] == reader) {
			value->readers[i] = value->readers[--value->reader_count];
			return;
		}
	}
}

void ir_remove(struct npuc_graph *graph, struct node *node)
{
	unlink_node(graph, node);
	for (unsigned int i = 0; i < node->input_count; i++)
		ir_set_input(node, i, NULL);
	if (node->output && node->output->producer == node)
		node->output->producer = NULL;
}

int ir_set_input(struct node *node, unsigned int index, struct npuc_value *value)
{
	int ret = 0;

	if (value) {
		ret = ir_grow(value->graph, &value->readers, sizeof(struct node *),
			      value->reader_count, &value->reader_room);
		if (ret)
			return ret;
		value->readers[value->reader_count++] = node;
	}
	if (node->inputs[index])
		drop_reader(node->inputs[index], node);
	node->inputs[index] = value;
	return ret;
}

void ir_set_output(struct node *node, struct npuc_value *value)
{
	node->output = value;
	value->producer = node;
}

int ir_replace(struct npuc_value *old, struct npuc_value *value)
{
	struct npuc_graph *graph = old->graph;
	int ret = 0;

	while (!ret && old->reader_count) {
		struct node *reader = old->readers[old->reader_count - 1];

		for (unsigned int i = 0; !ret && i < reader->input_count; i++) {
			if (reader->inputs[i] == old)
				ret = ir_set_input(reader, i, value);
		}
	}
	for (unsigned int i = 0; !ret && old->output_count && i < graph->output_count; i++) {
		if (graph->outputs[i].value == old) {
			graph->outputs[i].value = value;
			old->output_count--;
			value->output_count++;
		}
	}
	if (!value->io_quant)
		value->io_quant = old->io_quant;
	return ret;
}

struct node *ir_only_reader(const struct npuc_value *value)
{
	return value->reader_count == 1 && !value->output_count ? value->readers[0] : NULL;
}

struct node *ir_sole_producer(const struct npuc_value *value, enum node_kind kind)
{
	return value->producer && value->producer->kind == kind && ir_only_reader(value) ?
		       value->producer : NULL;
}

void ir_remove_dead(struct npuc_graph *graph)
{
	struct node *node = graph->last;

	while (node) {
		struct node *previous = node->prev;

		if (!node->output->reader_count && !node->output->output_count)
			ir_remove(graph, node);
		node = previous;
	}
}

int npuc_graph_create(const char *name, struct npuc_graph **graph)
{
	struct npuc_graph *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	g->fold_bytes = IR_FOLD_BYTES_FREE;
	g->name = ir_strdup(g, name ? name : "");
	if (!g->name) {
		npuc_graph_destroy(g);
		return -ENOMEM;
	}
	*graph = g;
	return 0;
}

void npuc_graph_destroy(struct npuc_graph *graph)
{
	if (!graph)
		return;
	while (graph->allocations) {
		struct allocation *next = graph->allocations->next;

		free(graph->allocations);
		graph->allocations = next;
	}
	if (graph->model)
		graph->model_free(graph->model);
	free(graph->error_text);
	free(graph);
}

const char *npuc_graph_error(const struct npuc_graph *graph)
{
	if (!graph->error)
		return "";
	return graph->error_text ? graph->error_text : "no memory";
}

int npuc_graph_status(const struct npuc_graph *graph)
{
	return graph->error;
}

void npuc_name(struct npuc_graph *graph, const char *name)
{
	if (name && name[0])
		ir_place(graph, name, "%s: ", name);
	else
		ir_place(graph, "", "%s", "");
}

uint8_t npuc_value_type(const struct npuc_value *value)
{
	return value->shape.type;
}

unsigned int npuc_value_rank(const struct npuc_value *value)
{
	return value->shape.rank;
}

const uint32_t *npuc_value_extent(const struct npuc_value *value)
{
	return value->shape.extent;
}
