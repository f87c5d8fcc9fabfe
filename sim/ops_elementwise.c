// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* Operations on single elements: COPY, FILL, BINARY, UNARY, QUANTISE, DEQUANTISE. */
#include "engine_internal.h"

#include <math.h>
#include <string.h>

int check_copy(struct operation *o)
{
	const struct view *y = &o->tensors[0], *x = &o->tensors[1];

	if (y->type != x->type || !same_extents(y, x))
		return operand_error(o, "COPY needs equal types and extents");
	return 0;
}

#define COPY_ROW(type) do {							\
	type *to = (type *)y->data + r->offset[0];				\
	const type *from = (const type *)x->data + r->offset[1];		\
										\
	for (uint32_t i = 0; i < r->count; i++)					\
		to[i * r->stride[0]] = from[i * r->stride[1]];			\
} while (0)

static void copy_row(const struct view *y, const struct view *x, const struct rows *r)
{
	const unsigned int size = type_size(y->type);

	if (r->stride[0] == 1 && r->stride[1] == 1) {
		memmove((uint8_t *)y->data + r->offset[0] * size,
			(const uint8_t *)x->data + r->offset[1] * size, (size_t)r->count * size);
		return;
	}
	switch (size) {
	case 1:
		COPY_ROW(uint8_t);
		break;
	case 2:
		COPY_ROW(uint16_t);
		break;
	case 4:
		COPY_ROW(uint32_t);
		break;
	case 8:
		COPY_ROW(uint64_t);
		break;
	}
}

int run_copy(struct operation *o)
{
	const struct view *const views[] = { &o->tensors[0], &o->tensors[1] };
	struct rows r;
	int ret;

	rows_begin(&r, views, 2);
	do {
		copy_row(views[0], views[1], &r);
		ret = op_tick(o, r.count);
	} while (!ret && rows_next(&r));
	return ret;
}

int run_fill(struct operation *o)
{
	const struct npu_attr_fill *attr = o->attr;
	const struct view *const views[] = { &o->tensors[0] };
	const unsigned int size = type_size(views[0]->type);
	struct rows r;
	int ret;

	rows_begin(&r, views, 1);
	do {
		uint8_t *to = (uint8_t *)views[0]->data + r.offset[0] * size;

		for (uint32_t i = 0; i < r.count; i++)
			memcpy(to + i * r.stride[0] * size, &attr->value, size);
		ret = op_tick(o, r.count);
	} while (!ret && rows_next(&r));
	return ret;
}

/* y = f(a, b) in place of a. NaN wins MIN and MAX. */
static void binary(uint32_t kind, float *a, const float *b, uint32_t count)
{
	switch (kind) {
	case NPU_BINARY_ADD:
		for (uint32_t i = 0; i < count; i++)
			a[i] = a[i] + b[i];
		break;
	case NPU_BINARY_SUB:
		for (uint32_t i = 0; i < count; i++)
			a[i] = a[i] - b[i];
		break;
	case NPU_BINARY_MUL:
		for (uint32_t i = 0; i < count; i++)
			a[i] = a[i] * b[i];
		break;
	case NPU_BINARY_DIV:
		for (uint32_t i = 0; i < count; i++)
			a[i] = a[i] / b[i];
		break;
	case NPU_BINARY_MIN:
		for (uint32_t i = 0; i < count; i++)
			a[i] = a[i] <= b[i] || isnan(a[i]) ? a[i] : b[i];
		break;
	case NPU_BINARY_MAX:
		for (uint32_t i = 0; i < count; i++)
			a[i] = a[i] >= b[i] || isnan(a[i]) ? a[i] : b[i];
		break;
	}
}

static void unary(uint32_t kind, float *x, uint32_t count)
{
	switch (kind) {
	case NPU_UNARY_NEG:
		for (uint32_t i = 0; i < count; i++)
			x[i] = -x[i];
		break;
	case NPU_UNARY_ABS:
		for (uint32_t i = 0; i < count; i++)
			x[i] = fabsf(x[i]);
		break;
	case NPU_UNARY_EXP:
		for (uint32_t i = 0; i < count; i++)
			x[i] = expf(x[i]);
		break;
	case NPU_UNARY_LOG:
		for (uint32_t i = 0; i < count; i++)
			x[i] = logf(x[i]);
		break;
	case NPU_UNARY_SQRT:
		for (uint32_t i = 0; i < count; i++)
			x[i] = sqrtf(x[i]);
		break;
	case NPU_UNARY_RECIPROCAL:
		for (uint32_t i = 0; i < count; i++)
			x[i] = 1.0f / x[i];
		break;
	}
}

/* A row as real numbers. */
static void load_real(const struct view *v, const struct rows *r, unsigned int which, uint32_t scale,
		      int16_t zero, float *to)
{
	const float factor = bits_to_float(scale);

	load_row(v, r->offset[which], r->stride[which], zero, to, r->count);
	if (v->type == NPU_TYPE_F32)
		return;
	for (uint32_t i = 0; i < r->count; i++)
		to[i] *= factor;
}

static void store_real(struct operation *o, const struct rows *r, float *x)
{
	const struct npu_attr_elementwise *attr = o->attr;
	const struct view *y = &o->tensors[0];
	const float divisor = bits_to_float(attr->y_scale);

	activate(o->op, x, r->count);
	for (uint32_t i = 0; y->type != NPU_TYPE_F32 && i < r->count; i++)
		x[i] /= divisor;
	store_row(y, r->offset[0], r->stride[0], attr->y_zero, x, r->count);
}

static bool elementwise_type(const struct view *v, uint32_t scale, int32_t zero)
{
	if (!zero_point_valid(v->type, zero))
		return false;
	if (v->type == NPU_TYPE_F32)
		return !scale;
	return type_is_int8(v->type) && bits_to_float(scale) > 0.0f && isfinite(bits_to_float(scale));
}

int check_binary(struct operation *o)
{
	const struct npu_attr_elementwise *attr = o->attr;
	const struct view *y = &o->tensors[0], *a = &o->tensors[1], *b = &o->tensors[2];

	if (attr->kind >= NPU_BINARY_COUNT)
		return operand_error(o, "BINARY has no kind %u", attr->kind);
	if (!same_extents(y, a) || !same_extents(y, b))
		return operand_error(o, "BINARY needs equal extents");
	if (!elementwise_type(y, attr->y_scale, attr->y_zero) ||
	    !elementwise_type(a, attr->a_scale, attr->a_zero) ||
	    !elementwise_type(b, attr->b_scale, attr->b_zero))
		return operand_error(o, "BINARY takes fp32, or int8 with a positive scale and a zero "
					"point of its type");
	return 0;
}

int run_binary(struct operation *o)
{
	const struct npu_attr_elementwise *attr = o->attr;
	const struct view *const views[] = { &o->tensors[0], &o->tensors[1], &o->tensors[2] };
	float a[ROW_MAX], b[ROW_MAX];
	struct rows r;
	int ret;

	rows_begin(&r, views, 3);
	do {
		load_real(views[1], &r, 1, attr->a_scale, attr->a_zero, a);
		load_real(views[2], &r, 2, attr->b_scale, attr->b_zero, b);
		binary(attr->kind, a, b, r.count);
		store_real(o, &r, a);
		ret = op_tick(o, r.count);
	} while (!ret && rows_next(&r));
	return ret;
}

int check_unary(struct operation *o)
{
	const struct npu_attr_elementwise *attr = o->attr;
	const struct view *y = &o->tensors[0], *x = &o->tensors[1];

	if (attr->kind >= NPU_UNARY_COUNT)
		return operand_error(o, "UNARY has no kind %u", attr->kind);
	if (!same_extents(y, x))
		return operand_error(o, "UNARY needs equal extents");
	if (!elementwise_type(y, attr->y_scale, attr->y_zero) ||
	    !elementwise_type(x, attr->a_scale, attr->a_zero) || attr->b_scale || attr->b_zero)
		return operand_error(o, "UNARY takes fp32, or int8 with a positive scale and a zero "
					"point of its type");
	return 0;
}

int run_unary(struct operation *o)
{
	const struct npu_attr_elementwise *attr = o->attr;
	const struct view *const views[] = { &o->tensors[0], &o->tensors[1] };
	float x[ROW_MAX];
	struct rows r;
	int ret;

	rows_begin(&r, views, 2);
	do {
		load_real(views[1], &r, 1, attr->a_scale, attr->a_zero, x);
		unary(attr->kind, x, r.count);
		store_real(o, &r, x);
		ret = op_tick(o, r.count);
	} while (!ret && rows_next(&r));
	return ret;
}

static bool has_zero(const struct operation *o)
{
	return o->tensors[3].type != NPU_TYPE_NONE;
}

/* scale and zero must cover the output's extents, normally by stride 0. */
static int check_scales(struct operation *o, const struct view *shape)
{
	const struct view *scale = &o->tensors[2], *zero = &o->tensors[3];

	if (scale->type != NPU_TYPE_F32 || !same_extents(scale, shape))
		return operand_error(o, "the scale must be fp32 with the output's extents");
	if (has_zero(o) && (zero->type != NPU_TYPE_I32 || !same_extents(zero, shape)))
		return operand_error(o, "the zero point must be int32 with the output's extents");
	return 0;
}

static int32_t zero_point(const struct operation *o, const struct rows *r, uint32_t i)
{
	return has_zero(o) ? ((const int32_t *)o->tensors[3].data)[r->offset[3] + i * r->stride[3]] : 0;
}

int check_quantise(struct operation *o)
{
	const struct view *y = &o->tensors[0], *x = &o->tensors[1];

	if (!type_is_int8(y->type) || x->type != NPU_TYPE_F32 || !same_extents(y, x))
		return operand_error(o, "QUANTISE takes fp32 to int8 of the same extents");
	return check_scales(o, y);
}

int run_quantise(struct operation *o)
{
	const struct view *const views[] = { &o->tensors[0], &o->tensors[1], &o->tensors[2],
					     &o->tensors[3] };
	const struct view *y = views[0];
	float x[ROW_MAX], scale[ROW_MAX];
	struct rows r;
	int ret;

	rows_begin(&r, views, has_zero(o) ? 4 : 3);
	do {
		load_row(views[1], r.offset[1], r.stride[1], 0, x, r.count);
		load_row(views[2], r.offset[2], r.stride[2], 0, scale, r.count);
		for (uint32_t i = 0; i < r.count; i++)
			((uint8_t *)y->data)[r.offset[0] + i * r.stride[0]] =
				(uint8_t)quantise_scaled(y->type, x[i] / scale[i],
							 zero_point(o, &r, i));
		ret = op_tick(o, r.count);
	} while (!ret && rows_next(&r));
	return ret;
}

int check_dequantise(struct operation *o)
{
	const struct view *y = &o->tensors[0], *x = &o->tensors[1];

	if (y->type != NPU_TYPE_F32 || !(type_is_int8(x->type) || x->type == NPU_TYPE_I32) ||
	    !same_extents(y, x))
		return operand_error(o, "DEQUANTISE takes int8 or int32 to fp32 of the same extents");
	return check_scales(o, y);
}

static int64_t load_integer(const struct view *v, int64_t offset)
{
	switch (v->type) {
	case NPU_TYPE_I8:
		return ((const int8_t *)v->data)[offset];
	case NPU_TYPE_U8:
		return ((const uint8_t *)v->data)[offset];
	}
	return ((const int32_t *)v->data)[offset];
}

int run_dequantise(struct operation *o)
{
	const struct view *const views[] = { &o->tensors[0], &o->tensors[1], &o->tensors[2],
					     &o->tensors[3] };
	float x[ROW_MAX], scale[ROW_MAX];
	struct rows r;
	int ret;

	rows_begin(&r, views, has_zero(o) ? 4 : 3);
	do {
		load_row(views[2], r.offset[2], r.stride[2], 0, scale, r.count);
		for (uint32_t i = 0; i < r.count; i++)
			x[i] = (float)(load_integer(views[1], r.offset[1] + i * r.stride[1]) -
				       zero_point(o, &r, i)) * scale[i];
		store_row(views[0], r.offset[0], r.stride[0], 0, x, r.count);
		ret = op_tick(o, r.count);
	} while (!ret && rows_next(&r));
	return ret;
}
