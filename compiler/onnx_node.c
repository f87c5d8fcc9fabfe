// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Inputs and attributes of a node, checked before an operator sees them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "onnx.h"

static const char *const attribute_types[] = {
	"undefined", "float", "int", "string", "tensor", "graph", "floats", "ints", "strings",
	"tensors", "graphs", "sparse tensor", "sparse tensors", "type", "types",
};

static const char *attribute_type(int32_t type)
{
	return type >= 0 &&
	       (size_t)type < sizeof(attribute_types) / sizeof(attribute_types[0]) ?
		       attribute_types[type] : "unknown";
}

static int check_attribute(struct onnx_node *node, const Onnx__AttributeProto *a)
{
	const struct onnx_attribute *known = node->op->attributes;
	const char *name = a->name ? a->name : "";
	char list[256] = "";

	if (a->ref_attr_name && a->ref_attr_name[0])
		return ir_fail(node->graph, -ENOTSUP,
			       "attribute '%.80s' refers to a function's attribute, which is not supported",
			       name);
	while (known->name && strcmp(known->name, name)) {
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s",
			 list[0] ? ", " : "", known->name);
		known++;
	}
	if (!known->name)
		return ir_fail(node->graph, -ENOTSUP,
			       "attribute '%.80s' is not supported; supported: %s", name,
			       list[0] ? list : "none");
	if (a->type != (int32_t)known->type)
		return ir_fail(node->graph, -EINVAL, "attribute '%s' has type %s; it must be %s", name,
			       attribute_type(a->type), attribute_type((int32_t)known->type));
	if (known->type == ONNX_TENSOR && !a->t)
		return ir_fail(node->graph, -EINVAL, "attribute '%s' has no value", name);
	return 0;
}

int onnx_check_node(struct onnx_node *node)
{
	const Onnx__NodeProto *proto = node->proto;

	if (proto->n_input < node->op->inputs_min || proto->n_input > node->op->inputs_max)
		return ir_fail(node->graph, -EINVAL, "%zu inputs; it has %u to %u", proto->n_input,
			       node->op->inputs_min, node->op->inputs_max);
	for (unsigned int i = 0; i < node->op->inputs_min; i++) {
		if (!onnx_has_input(node, i))
			return ir_fail(node->graph, -EINVAL, "input %u is left out", i);
	}
	if (!proto->n_output || !proto->output[0][0])
		return ir_fail(node->graph, -EINVAL, "it has no output");
	for (size_t i = 0; i < proto->n_attribute; i++) {
		const Onnx__AttributeProto *a = proto->attribute[i];
		int ret = check_attribute(node, a);

		if (ret)
			return ret;
		for (size_t j = 0; j < i; j++) {
			if (!strcmp(a->name, proto->attribute[j]->name))
				return ir_fail(node->graph, -EINVAL, "attribute '%s' appears twice",
					       a->name);
		}
	}
	return 0;
}

bool onnx_has_input(const struct onnx_node *node, unsigned int index)
{
	return index < node->proto->n_input && node->proto->input[index][0];
}

struct npuc_value *onnx_input(struct onnx_node *node, unsigned int index)
{
	return onnx_has_input(node, index) ? onnx_lookup(node->onnx, node->proto->input[index]) :
					     NULL;
}

const Onnx__AttributeProto *onnx_attribute(const struct onnx_node *node, const char *name)
{
	for (size_t i = 0; i < node->proto->n_attribute; i++) {
		if (!strcmp(node->proto->attribute[i]->name, name))
			return node->proto->attribute[i];
	}
	return NULL;
}

bool onnx_has(const struct onnx_node *node, const char *name)
{
	return onnx_attribute(node, name);
}

int64_t onnx_int(const struct onnx_node *node, const char *name, int64_t otherwise)
{
	const Onnx__AttributeProto *a = onnx_attribute(node, name);

	return a ? a->i : otherwise;
}

float onnx_float(const struct onnx_node *node, const char *name, float otherwise)
{
	const Onnx__AttributeProto *a = onnx_attribute(node, name);

	return a ? a->f : otherwise;
}

bool onnx_ints(const struct onnx_node *node, const char *name, const int64_t **values,
	       size_t *count)
{
	const Onnx__AttributeProto *a = onnx_attribute(node, name);

	if (!a)
		return false;
	*values = a->ints;
	*count = a->n_ints;
	return true;
}

bool onnx_is(const struct onnx_node *node, const char *name, const char *value,
	     const char *otherwise)
{
	const Onnx__AttributeProto *a = onnx_attribute(node, name);

	if (!a)
		return !strcmp(value, otherwise);
	return a->s.len == strlen(value) && !memcmp(a->s.data, value, a->s.len);
}

int onnx_constant_ints(struct onnx_node *node, unsigned int index, const int64_t **values,
		       size_t *count)
{
	const struct npuc_value *v = onnx_input(node, index);
	int64_t *wide;

	if (!v)
		return node->graph->error ? node->graph->error :
		       ir_fail(node->graph, -EINVAL, "input %u is left out", index);
	if (!v->data)
		return ir_fail(node->graph, -ENOTSUP,
			       "input %u ('%.80s') is computed when the graph runs; it must be a constant, because it decides a shape",
			       index, node->proto->input[index]);
	if (v->shape.type != NPU_TYPE_I64 && v->shape.type != NPU_TYPE_I32)
		return ir_fail(node->graph, -EINVAL, "input %u ('%.80s') has type %s; it must be int64",
			       index, node->proto->input[index], type_name(v->shape.type));
	if (v->shape.rank > 1)
		return ir_fail(node->graph, -EINVAL, "input %u ('%.80s') has rank %u; it must be a list",
			       index, node->proto->input[index], v->shape.rank);
	*count = shape_count(&v->shape);
	*values = v->data;
	if (v->shape.type == NPU_TYPE_I64)
		return 0;
	wide = ir_alloc(node->graph, *count, sizeof(*wide));
	if (!wide)
		return node->graph->error;
	for (size_t i = 0; i < *count; i++)
		wide[i] = ((const int32_t *)v->data)[i];
	*values = wide;
	return 0;
}

int onnx_constant_float(struct onnx_node *node, unsigned int index, float *value)
{
	const struct npuc_value *v = onnx_input(node, index);

	if (!v)
		return node->graph->error ? node->graph->error : -EINVAL;
	if (!v->data || v->shape.type != NPU_TYPE_F32 || shape_count(&v->shape) != 1)
		return ir_fail(node->graph, -ENOTSUP,
			       "input %u ('%.80s') must be a constant of one float", index,
			       node->proto->input[index]);
	*value = *(const float *)v->data;
	return 0;
}

int onnx_axis(struct onnx_node *node, int64_t axis, unsigned int rank, unsigned int *result)
{
	if (axis < -(int64_t)rank || axis >= (int64_t)rank)
		return ir_fail(node->graph, -EINVAL, "axis %lld of rank %u", (long long)axis, rank);
	*result = (unsigned int)(axis < 0 ? axis + rank : axis);
	return 0;
}

int onnx_axes(struct onnx_node *node, const char *name, int64_t as_input, unsigned int rank,
	      uint32_t *axes, bool *given)
{
	const int64_t *values;
	unsigned int axis = 0;
	size_t count = 0;
	int ret = 0;

	*axes = 0;
	if (node->opset >= as_input) {
		if (onnx_has(node, name))
			return ir_fail(node->graph, -EINVAL,
				       "'%s' is an attribute; from opset %lld on it is an input", name,
				       (long long)as_input);
		*given = onnx_has_input(node, 1);
		if (*given)
			ret = onnx_constant_ints(node, 1, &values, &count);
	} else {
		if (node->proto->n_input > 1)
			return ir_fail(node->graph, -EINVAL,
				       "'%s' is an input; before opset %lld it is an attribute", name,
				       (long long)as_input);
		*given = onnx_ints(node, name, &values, &count);
	}
	for (size_t i = 0; !ret && i < count; i++) {
		ret = onnx_axis(node, values[i], rank, &axis);
		if (!ret && *axes & 1u << axis)
			ret = ir_fail(node->graph, -EINVAL, "axis %u is named twice", axis);
		if (!ret)
			*axes |= 1u << axis;
	}
	return ret;
}
