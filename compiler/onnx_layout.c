// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Operators without arithmetic: they name, arrange and join values. */
#include <errno.h>
#include <string.h>

#include "onnx.h"

struct npuc_value *onnx_import_identity(struct onnx_node *node)
{
	return onnx_input(node, 0);
}

/* As it is in inference: the identity. */
struct npuc_value *onnx_import_dropout(struct onnx_node *node)
{
	const struct npuc_value *training = onnx_input(node, 2);

	if (training && (!training->data || training->shape.type != NPU_TYPE_BOOL ||
			 shape_count(&training->shape) != 1 || *(const uint8_t *)training->data)) {
		ir_fail(node->graph, -ENOTSUP, "training_mode must be the constant false");
		return NULL;
	}
	return node->graph->error ? NULL : onnx_input(node, 0);
}

struct npuc_value *onnx_import_constant(struct onnx_node *node)
{
	const Onnx__AttributeProto *a;
	uint32_t count;

	if (node->proto->n_attribute != 1) {
		ir_fail(node->graph, -EINVAL, "%zu attributes; it needs exactly one value",
			node->proto->n_attribute);
		return NULL;
	}
	a = node->proto->attribute[0];
	switch ((enum onnx_attribute_type)a->type) {
	case ONNX_TENSOR:
		return onnx_constant(node->onnx, a->t);
	case ONNX_FLOAT:
		return npuc_constant(node->graph, NPU_TYPE_F32, 0, NULL, &a->f);
	case ONNX_INT:
		return npuc_constant(node->graph, NPU_TYPE_I64, 0, NULL, &a->i);
	case ONNX_FLOATS:
		count = (uint32_t)a->n_floats;
		return npuc_constant(node->graph, NPU_TYPE_F32, 1, &count, a->floats);
	default:
		count = (uint32_t)a->n_ints;
		return npuc_constant(node->graph, NPU_TYPE_I64, 1, &count, a->ints);
	}
}

/* Shapes are known, so this is a constant. */
struct npuc_value *onnx_import_shape(struct onnx_node *node)
{
	const struct npuc_value *x = onnx_input(node, 0);
	int64_t start = onnx_int(node, "start", 0), end, values[NPU_RANK_MAX];
	uint32_t count = 0;
	int64_t rank;

	if (!x)
		return NULL;
	rank = x->shape.rank;
	end = onnx_int(node, "end", rank);
	if (node->opset < 15 && (onnx_has(node, "start") || onnx_has(node, "end"))) {
		ir_fail(node->graph, -EINVAL, "start and end came with opset 15");
		return NULL;
	}
	/* Both are cut to the rank, not refused. */
	start = start < -rank ? 0 : start < 0 ? start + rank : start;
	end = end < -rank ? 0 : end < 0 ? end + rank : end > rank ? rank : end;
	for (int64_t i = start; i < end; i++)
		values[count++] = x->shape.extent[i];
	if (!count) {
		ir_fail(node->graph, -ENOTSUP, "a shape without dimensions");
		return NULL;
	}
	return npuc_constant(node->graph, NPU_TYPE_I64, 1, &count, values);
}

struct npuc_value *onnx_import_flatten(struct onnx_node *node)
{
	struct npuc_value *x = onnx_input(node, 0);
	int64_t axis = onnx_int(node, "axis", 1);
	uint32_t matrix[2] = { 1, 1 };

	if (!x)
		return NULL;
	/* Unlike other axes it may be the rank itself. */
	if (axis > x->shape.rank || axis < -(int64_t)x->shape.rank) {
		ir_fail(node->graph, -EINVAL, "axis %lld of rank %u", (long long)axis, x->shape.rank);
		return NULL;
	}
	if (axis < 0)
		axis += x->shape.rank;
	for (unsigned int i = 0; i < x->shape.rank; i++)
		matrix[i >= axis] *= x->shape.extent[i];
	return npuc_reshape(node->graph, x, 2, matrix);
}

struct npuc_value *onnx_import_reshape(struct onnx_node *node)
{
	const bool allow_zero = onnx_int(node, "allowzero", 0);
	struct npuc_value *x = onnx_input(node, 0);
	uint32_t extent[NPU_RANK_MAX];
	uint64_t known = 1, total;
	size_t count, open = SIZE_MAX;
	const int64_t *shape;

	if (!x || onnx_constant_ints(node, 1, &shape, &count))
		return NULL;
	if (count > NPU_RANK_MAX) {
		ir_fail(node->graph, -ENOTSUP, "a result of rank %zu; the card has at most %u", count,
			NPU_RANK_MAX);
		return NULL;
	}
	total = shape_count(&x->shape);
	for (size_t i = 0; i < count; i++) {
		int64_t value = shape[i];

		if (value == 0 && !allow_zero && i < x->shape.rank)
			value = x->shape.extent[i];
		if (value == -1 && open == SIZE_MAX) {
			open = i;
			continue;
		}
		if (value < 1 || value > INT32_MAX || known > INT32_MAX / (uint64_t)value) {
			ir_fail(node->graph, -EINVAL, "dimension %zu of the new shape is %lld%s", i,
				(long long)shape[i], value == -1 ? ", and not the only -1" : "");
			return NULL;
		}
		extent[i] = (uint32_t)value;
		known *= (uint64_t)value;
	}
	if (open != SIZE_MAX) {
		if (total % known) {
			ir_fail(node->graph, -EINVAL, "%llu elements cannot be arranged in rows of %llu",
				(unsigned long long)total, (unsigned long long)known);
			return NULL;
		}
		extent[open] = (uint32_t)(total / known);
	}
	return npuc_reshape(node->graph, x, (unsigned int)count, extent);
}

struct npuc_value *onnx_import_transpose(struct onnx_node *node)
{
	struct npuc_value *x = onnx_input(node, 0);
	unsigned int perm[NPU_RANK_MAX] = { 0 };
	const int64_t *values;
	size_t count;

	if (!x)
		return NULL;
	if (!onnx_ints(node, "perm", &values, &count)) {
		for (unsigned int i = 0; i < x->shape.rank; i++)
			perm[i] = x->shape.rank - 1u - i;
		return npuc_transpose(node->graph, x, perm);
	}
	if (count != x->shape.rank) {
		ir_fail(node->graph, -EINVAL, "perm has %zu numbers for rank %u", count, x->shape.rank);
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		if (values[i] < 0 || values[i] >= x->shape.rank) {
			ir_fail(node->graph, -EINVAL, "perm holds %lld for rank %u",
				(long long)values[i], x->shape.rank);
			return NULL;
		}
		perm[i] = (unsigned int)values[i];
	}
	return npuc_transpose(node->graph, x, perm);
}

struct npuc_value *onnx_import_concat(struct onnx_node *node)
{
	const size_t count = node->proto->n_input;
	struct npuc_value **values, *kept;
	unsigned int axis;
	size_t used = 0;

	if (!onnx_has(node, "axis")) {
		ir_fail(node->graph, -EINVAL, "it has no axis");
		return NULL;
	}
	values = ir_alloc(node->graph, count, sizeof(*values));
	for (size_t i = 0; values && i < count; i++) {
		kept = onnx_input(node, (unsigned int)i);
		if (!kept) {
			if (!node->graph->error)
				ir_fail(node->graph, -EINVAL, "input %zu is left out", i);
			return NULL;
		}
		/* An empty list adds nothing to a list. */
		if (shape_count(&kept->shape) || kept->shape.rank != 1)
			values[used++] = kept;
	}
	if (!values)
		return NULL;
	if (!used)
		return onnx_input(node, 0);
	if (onnx_axis(node, onnx_int(node, "axis", 0), values[0]->shape.rank, &axis))
		return NULL;
	return npuc_concat(node->graph, used, values, axis);
}

struct npuc_value *onnx_import_squeeze(struct onnx_node *node)
{
	struct npuc_value *x = onnx_input(node, 0);
	uint32_t extent[NPU_RANK_MAX], axes;
	unsigned int rank = 0;
	bool given;

	if (!x || onnx_axes(node, "axes", 13, x->shape.rank, &axes, &given))
		return NULL;
	for (unsigned int i = 0; i < x->shape.rank; i++) {
		const bool goes = given ? axes >> i & 1 : x->shape.extent[i] == 1;

		if (goes && x->shape.extent[i] != 1) {
			ir_fail(node->graph, -EINVAL, "dimension %u is %u; only 1 can be taken away", i,
				x->shape.extent[i]);
			return NULL;
		}
		if (!goes)
			extent[rank++] = x->shape.extent[i];
	}
	return npuc_reshape(node->graph, x, rank, extent);
}

struct npuc_value *onnx_import_unsqueeze(struct onnx_node *node)
{
	struct npuc_value *x = onnx_input(node, 0);
	uint32_t extent[NPU_RANK_MAX], axes;
	unsigned int rank, from = 0;
	const int64_t *values;
	size_t count = 0;
	bool given;

	if (!x)
		return NULL;
	/* Axes count in the result, whose rank depends on how many there are. */
	if (node->opset < 13)
		onnx_ints(node, "axes", &values, &count);
	else if (onnx_has_input(node, 1) && onnx_constant_ints(node, 1, &values, &count))
		return NULL;
	if (count + x->shape.rank > NPU_RANK_MAX) {
		ir_fail(node->graph, -ENOTSUP, "a result of rank %zu; the card has at most %u",
			x->shape.rank + count, NPU_RANK_MAX);
		return NULL;
	}
	rank = x->shape.rank + (unsigned int)count;
	if (onnx_axes(node, "axes", 13, rank, &axes, &given))
		return NULL;
	if (!given) {
		ir_fail(node->graph, -EINVAL, "it has no axes");
		return NULL;
	}
	for (unsigned int i = 0; i < rank; i++)
		extent[i] = axes >> i & 1 ? 1 : x->shape.extent[from++];
	return npuc_reshape(node->graph, x, rank, extent);
}
