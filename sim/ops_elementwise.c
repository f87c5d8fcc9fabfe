// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* Operations on single elements: COPY, FILL, BINARY, UNARY, QUANTISE, DEQUANTISE. */
#include "engine_internal.h"

#include <math.h>
#include <string.h>

int op_copy(struct operation *o)
{
	const struct view *y = &o->tensors[0], *x = &o->tensors[1];
	const unsigned int size = type_size(y->type);
	struct walk w;

	if (y->type != x->type || !same_extents(y, x))
		return operand_error(o, "COPY needs equal types and extents");
	walk_begin(&w, y);
	do {
		memcpy((uint8_t *)y->data + walk_offset(&w, y) * size,
		       (const uint8_t *)x->data + walk_offset(&w, x) * size, size);
	} while (walk_next(&w));
	return 0;
}

int op_fill(struct operation *o)
{
	const struct npu_attr_fill *attr = o->attr;
	const struct view *y = &o->tensors[0];
	const unsigned int size = type_size(y->type);
	struct walk w;

	walk_begin(&w, y);
	do {
		memcpy((uint8_t *)y->data + walk_offset(&w, y) * size, &attr->value, size);
	} while (walk_next(&w));
	return 0;
}

static float binary(uint32_t kind, float a, float b)
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
	default:
		return b > a ? b : a;
	}
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
	default:
		return x;
	}
}

/* An element as a real number. */
static float real(const struct view *v, int64_t offset, uint32_t scale, int16_t zero)
{
	if (v->type == NPU_TYPE_F32)
		return ((const float *)v->data)[offset];
	return (float)(load_int(v, offset) - zero) * bits_to_float(scale);
}

static void store_real(struct operation *o, const struct view *y, int64_t offset, float r)
{
	const struct npu_attr_elementwise *attr = o->attr;

	r = activate(o->op, r);
	if (y->type == NPU_TYPE_F32)
		((float *)y->data)[offset] = r;
	else
		store_int8(y, offset, quantise_scaled(y->type, r / bits_to_float(attr->y_scale),
						      attr->y_zero));
}

static bool elementwise_type(const struct view *v, uint32_t scale)
{
	if (v->type == NPU_TYPE_F32)
		return !scale;
	return type_is_int8(v->type) && bits_to_float(scale) > 0.0f && isfinite(bits_to_float(scale));
}

int op_binary(struct operation *o)
{
	const struct npu_attr_elementwise *attr = o->attr;
	const struct view *y = &o->tensors[0], *a = &o->tensors[1], *b = &o->tensors[2];
	struct walk w;

	if (attr->kind >= NPU_BINARY_COUNT)
		return operand_error(o, "BINARY has no kind %u", attr->kind);
	if (!same_extents(y, a) || !same_extents(y, b))
		return operand_error(o, "BINARY needs equal extents");
	if (!elementwise_type(y, attr->y_scale) || !elementwise_type(a, attr->a_scale) ||
	    !elementwise_type(b, attr->b_scale))
		return operand_error(o, "BINARY takes fp32, or int8 with positive scales");
	walk_begin(&w, y);
	do {
		const float ra = real(a, walk_offset(&w, a), attr->a_scale, attr->a_zero);
		const float rb = real(b, walk_offset(&w, b), attr->b_scale, attr->b_zero);

		store_real(o, y, walk_offset(&w, y), binary(attr->kind, ra, rb));
	} while (walk_next(&w));
	return 0;
}

int op_unary(struct operation *o)
{
	const struct npu_attr_elementwise *attr = o->attr;
	const struct view *y = &o->tensors[0], *x = &o->tensors[1];
	struct walk w;

	if (attr->kind >= NPU_UNARY_COUNT)
		return operand_error(o, "UNARY has no kind %u", attr->kind);
	if (!same_extents(y, x))
		return operand_error(o, "UNARY needs equal extents");
	if (!elementwise_type(y, attr->y_scale) || !elementwise_type(x, attr->a_scale) ||
	    attr->b_scale || attr->b_zero)
		return operand_error(o, "UNARY takes fp32, or int8 with positive scales");
	walk_begin(&w, y);
	do {
		const float r = real(x, walk_offset(&w, x), attr->a_scale, attr->a_zero);

		store_real(o, y, walk_offset(&w, y), unary(attr->kind, r));
	} while (walk_next(&w));
	return 0;
}

/* scale and zero must cover the output's extents, normally by stride 0. */
static int check_scales(struct operation *o, const struct view *shape)
{
	const struct view *scale = &o->tensors[2], *zero = &o->tensors[3];

	if (scale->type != NPU_TYPE_F32 || !same_extents(scale, shape))
		return operand_error(o, "the scale must be fp32 with the output's extents");
	if (o->tensor_count > 3 && zero->type != NPU_TYPE_NONE &&
	    (zero->type != NPU_TYPE_I32 || !same_extents(zero, shape)))
		return operand_error(o, "the zero point must be int32 with the output's extents");
	return 0;
}

static int32_t zero_point(const struct operation *o, const struct walk *w)
{
	const struct view *zero = &o->tensors[3];

	if (o->tensor_count < 4 || zero->type == NPU_TYPE_NONE)
		return 0;
	return load_int(zero, walk_offset(w, zero));
}

int op_quantise(struct operation *o)
{
	const struct view *y = &o->tensors[0], *x = &o->tensors[1], *scale = &o->tensors[2];
	struct walk w;
	int ret;

	if (!type_is_int8(y->type) || x->type != NPU_TYPE_F32 || !same_extents(y, x))
		return operand_error(o, "QUANTISE takes fp32 to int8 of the same extents");
	ret = check_scales(o, y);
	if (ret)
		return ret;
	walk_begin(&w, y);
	do {
		const float r = ((const float *)x->data)[walk_offset(&w, x)];
		const float s = ((const float *)scale->data)[walk_offset(&w, scale)];

		store_int8(y, walk_offset(&w, y),
			   quantise_scaled(y->type, r / s, zero_point(o, &w)));
	} while (walk_next(&w));
	return 0;
}

int op_dequantise(struct operation *o)
{
	const struct view *y = &o->tensors[0], *x = &o->tensors[1], *scale = &o->tensors[2];
	struct walk w;
	int ret;

	if (y->type != NPU_TYPE_F32 || !(type_is_int8(x->type) || x->type == NPU_TYPE_I32) ||
	    !same_extents(y, x))
		return operand_error(o, "DEQUANTISE takes int8 or int32 to fp32 of the same extents");
	ret = check_scales(o, y);
	if (ret)
		return ret;
	walk_begin(&w, y);
	do {
		const int64_t q = (int64_t)load_int(x, walk_offset(&w, x)) - zero_point(o, &w);
		const float s = ((const float *)scale->data)[walk_offset(&w, scale)];

		((float *)y->data)[walk_offset(&w, y)] = (float)q * s;
	} while (walk_next(&w));
	return 0;
}
