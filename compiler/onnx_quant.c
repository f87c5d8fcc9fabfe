// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* QuantizeLinear and DequantizeLinear; quant.c makes int8 arithmetic of them. */
#include <errno.h>
#include <string.h>

#include "onnx.h"

struct scales {
	size_t count;
	const float *scale;
	int32_t *zero;
	uint8_t type;		/* of the zero point; NPU_TYPE_NONE: left out */
	unsigned int axis;
};

static int read_zero(struct onnx_node *node, struct scales *s)
{
	const struct npuc_value *v = onnx_input(node, 2);

	if (node->graph->error || !v)
		return node->graph->error;
	if (!v->data || shape_count(&v->shape) != s->count)
		return ir_fail(node->graph, v->data ? -EINVAL : -ENOTSUP,
			       "input 2 ('%.80s') must be a constant with as many elements as the scale has, %zu",
			       node->proto->input[2], s->count);
	s->type = v->shape.type;
	for (size_t i = 0; i < s->count; i++) {
		switch (s->type) {
		case NPU_TYPE_I8:
			s->zero[i] = ((const int8_t *)v->data)[i];
			break;
		case NPU_TYPE_U8:
			s->zero[i] = ((const uint8_t *)v->data)[i];
			break;
		case NPU_TYPE_I32:
			s->zero[i] = ((const int32_t *)v->data)[i];
			break;
		default:
			return ir_fail(node->graph, -ENOTSUP,
				       "input 2 ('%.80s') has type %s; supported: int8, uint8, int32",
				       node->proto->input[2], type_name(s->type));
		}
	}
	return 0;
}

static int read_scales(struct onnx_node *node, const struct npuc_value *x, struct scales *s)
{
	const struct npuc_value *v = onnx_input(node, 1);

	if (!v)
		return node->graph->error;
	if (!v->data || v->shape.type != NPU_TYPE_F32 || v->shape.rank > 1)
		return ir_fail(node->graph, -ENOTSUP,
			       "input 1 ('%.80s') must be a constant of floats, one or a list",
			       node->proto->input[1]);
	if (onnx_int(node, "block_size", 0))
		return ir_fail(node->graph, -ENOTSUP,
			       "block_size %lld; supported: one scale for a tensor or for each index of an axis",
			       (long long)onnx_int(node, "block_size", 0));
	s->count = shape_count(&v->shape);
	s->scale = v->data;
	if (!s->count)
		return ir_fail(node->graph, -EINVAL, "the scale is empty");
	if (s->count > 1 && node->opset < 13)
		return ir_fail(node->graph, -EINVAL, "%zu scales; before opset 13 there is one",
			       s->count);
	if (s->count > 1 &&
	    onnx_axis(node, onnx_int(node, "axis", 1), x->shape.rank, &s->axis))
		return node->graph->error;
	s->zero = ir_alloc(node->graph, s->count, sizeof(*s->zero));
	return s->zero ? read_zero(node, s) : node->graph->error;
}

struct npuc_value *onnx_import_quantize(struct onnx_node *node)
{
	const int64_t wanted = onnx_int(node, "output_dtype", 0);
	struct npuc_value *x = onnx_input(node, 0);
	struct scales s = { 0 };
	uint8_t type;

	if (!x || read_scales(node, x, &s))
		return NULL;
	type = s.type != NPU_TYPE_NONE ? s.type : NPU_TYPE_U8;
	if (wanted) {
		type = wanted > INT32_MAX ? NPU_TYPE_NONE : onnx_type_of((int32_t)wanted);
		if (s.type != NPU_TYPE_NONE && s.type != type) {
			ir_fail(node->graph, -EINVAL, "output_dtype differs from the zero point's type");
			return NULL;
		}
	}
	if (!type_is_int8(type)) {
		ir_fail(node->graph, -ENOTSUP, "quantisation to %s; supported: int8, uint8",
			wanted ? onnx_type_name((int32_t)wanted) : type_name(type));
		return NULL;
	}
	return npuc_quantise(node->graph, x, type, s.count, s.scale, s.zero, s.axis);
}

struct npuc_value *onnx_import_dequantize(struct onnx_node *node)
{
	struct npuc_value *x = onnx_input(node, 0);
	struct scales s = { 0 };

	if (!x || read_scales(node, x, &s))
		return NULL;
	if (s.type != NPU_TYPE_NONE && s.type != x->shape.type) {
		ir_fail(node->graph, -EINVAL, "a zero point of type %s for an input of type %s",
			type_name(s.type), type_name(x->shape.type));
		return NULL;
	}
	return npuc_dequantise(node->graph, x, s.count, s.scale, s.zero, s.axis);
}
