// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* Operations over neighbourhoods and axes: POOL, SOFTMAX, REDUCE. */
#include "engine_internal.h"

#include <errno.h>
#include <math.h>
#include <string.h>

struct pool {
	const struct npu_attr_pool *attr;
	unsigned int spatial;
	uint32_t kernel[3], in[3];
	int64_t stride[3];	/* of x */
};

/* One window: maximum, or sum and how many elements were inside. */
static float pool_window(const struct pool *p, const struct view *x, int64_t origin,
			 const uint32_t *at, uint32_t *inside, uint32_t *padded)
{
	const struct npu_attr_pool *attr = p->attr;
	const bool max = attr->kind == NPU_POOL_MAX;
	float result = max ? -INFINITY : 0.0f;

	*inside = 0;
	*padded = 0;
	for (uint32_t a = 0; a < p->kernel[0]; a++)
	for (uint32_t b = 0; b < p->kernel[1]; b++)
	for (uint32_t c = 0; c < p->kernel[2]; c++) {
		const uint32_t k[3] = { a, b, c };
		int64_t offset = origin;
		bool in_input = true, in_pad = true;
		float value;

		for (unsigned int i = 0; i < p->spatial; i++) {
			const int64_t position = (int64_t)at[i] * attr->stride[i] +
						 (int64_t)k[i] * attr->dilation[i] - attr->pad_begin[i];

			in_input &= position >= 0 && position < p->in[i];
			in_pad &= position < (int64_t)p->in[i] + attr->pad_end[i];
			offset += position * p->stride[i];
		}
		*padded += in_pad;
		if (!in_input)
			continue;
		++*inside;
		value = load_real(x, offset);
		if (x->type != NPU_TYPE_F32 && !max)
			value -= attr->x_zero;
		if (!max)
			result += value;
		else if (value > result || isnan(value))
			result = value;
	}
	return result;
}

static int pool_check(struct operation *o, struct pool *p)
{
	const struct view *y = &o->tensors[0], *x = &o->tensors[1];
	const struct npu_attr_pool *attr = o->attr;

	memset(p, 0, sizeof(*p));
	p->attr = attr;
	if (attr->kind >= NPU_POOL_COUNT || attr->mbz0)
		return operand_error(o, "POOL has no kind %u", attr->kind);
	if (y->rank < 3 || y->rank > 5 || x->rank != y->rank || x->type != y->type ||
	    !(x->type == NPU_TYPE_F32 || type_is_int8(x->type)))
		return operand_error(o, "POOL needs fp32 or int8 operands of one rank, 3 to 5");
	if (x->extent[0] != y->extent[0] || x->extent[1] != y->extent[1])
		return operand_error(o, "POOL channels do not match");
	p->spatial = y->rank - 2;
	for (unsigned int i = 0; i < 3; i++) {
		uint64_t reach;

		p->kernel[i] = 1;
		if (i >= p->spatial) {
			if (attr->kernel[i] || attr->stride[i] || attr->dilation[i] ||
			    attr->pad_begin[i] || attr->pad_end[i])
				return operand_error(o, "POOL attributes behind the rank");
			continue;
		}
		if (!attr->kernel[i] || !attr->stride[i] || !attr->dilation[i] ||
		    attr->pad_begin[i] >= attr->kernel[i] * attr->dilation[i])
			return operand_error(o, "POOL kernel, stride, dilation or pad out of range");
		p->kernel[i] = attr->kernel[i];
		p->in[i] = x->extent[2 + i];
		p->stride[i] = x->stride[2 + i];
		/* Ceil mode may let the last window hang over, but it must start inside. */
		reach = (uint64_t)(y->extent[2 + i] - 1) * attr->stride[i];
		if (reach >= (uint64_t)p->in[i] + attr->pad_begin[i] + attr->pad_end[i])
			return operand_error(o, "POOL output extent %u does not follow from its input",
					     y->extent[2 + i]);
	}
	return 0;
}

int op_pool(struct operation *o)
{
	const struct view *y = &o->tensors[0], *x = &o->tensors[1];
	const struct npu_attr_pool *attr = o->attr;
	struct pool p;
	struct walk w;
	int ret;

	ret = pool_check(o, &p);
	if (ret)
		return ret;
	walk_begin(&w, y);
	do {
		const int64_t origin = w.at[0] * x->stride[0] + w.at[1] * x->stride[1];
		const int64_t to = walk_offset(&w, y);
		uint32_t inside, padded;
		float r = pool_window(&p, x, origin, &w.at[2], &inside, &padded);

		if (attr->kind == NPU_POOL_AVERAGE)
			r = inside ? r / (float)inside : 0.0f;
		else if (attr->kind == NPU_POOL_AVERAGE_PAD)
			r = padded ? r / (float)padded : 0.0f;
		if (y->type == NPU_TYPE_F32)
			((float *)y->data)[to] = r;
		else if (attr->kind == NPU_POOL_MAX)
			store_int8(y, to, saturate8(y->type, isinf(r) ? -128 : (int64_t)r));
		else
			store_int8(y, to, quantise_scaled(y->type, r * bits_to_float(attr->multiplier),
							  attr->y_zero));
	} while (walk_next(&w));
	return 0;
}

int op_softmax(struct operation *o)
{
	const struct view *y = &o->tensors[0], *x = &o->tensors[1];
	const struct npu_attr_axis *attr = o->attr;
	struct view rest;
	struct walk w;

	if (y->type != NPU_TYPE_F32 || x->type != NPU_TYPE_F32 || !same_extents(y, x))
		return operand_error(o, "SOFTMAX takes fp32 of equal extents");
	if (attr->axis >= y->rank)
		return operand_error(o, "SOFTMAX axis %u of rank %u", attr->axis, y->rank);
	rest = *y;
	rest.extent[attr->axis] = 1;
	walk_begin(&w, &rest);
	do {
		const float *from = (const float *)x->data + walk_offset(&w, x);
		float *to = (float *)y->data + walk_offset(&w, y);
		const int64_t dx = x->stride[attr->axis], dy = y->stride[attr->axis];
		float largest = -INFINITY, sum = 0.0f;

		for (uint32_t i = 0; i < y->extent[attr->axis]; i++)
			largest = fmaxf(largest, from[i * dx]);
		for (uint32_t i = 0; i < y->extent[attr->axis]; i++) {
			const float e = expf(from[i * dx] - largest);

			to[i * dy] = e;
			sum += e;
		}
		for (uint32_t i = 0; i < y->extent[attr->axis]; i++)
			to[i * dy] /= sum;
	} while (walk_next(&w));
	return 0;
}

int op_reduce(struct operation *o)
{
	const struct view *y = &o->tensors[0], *x = &o->tensors[1];
	const struct npu_attr_reduce *attr = o->attr;
	struct view inner = *x;
	uint64_t count = 1;
	struct walk outer;

	if (attr->kind >= NPU_REDUCE_COUNT)
		return operand_error(o, "REDUCE has no kind %u", attr->kind);
	if (y->type != NPU_TYPE_F32 || x->type != NPU_TYPE_F32 || y->rank != x->rank)
		return operand_error(o, "REDUCE takes fp32 of equal rank");
	for (unsigned int i = 0; i < y->rank; i++) {
		if (y->extent[i] == x->extent[i])
			inner.extent[i] = 1;
		else if (y->extent[i] != 1)
			return operand_error(o, "REDUCE extent %u is neither 1 nor its input's",
					     y->extent[i]);
		count *= inner.extent[i];
	}
	walk_begin(&outer, y);
	do {
		const float *from = (const float *)x->data + walk_offset(&outer, x);
		float r = attr->kind == NPU_REDUCE_MAX ? -INFINITY :
			  attr->kind == NPU_REDUCE_MIN ? INFINITY : 0.0f;
		struct walk w;

		walk_begin(&w, &inner);
		do {
			const float value = from[walk_offset(&w, x)];

			if (attr->kind == NPU_REDUCE_MAX)
				r = value > r || isnan(value) ? value : r;
			else if (attr->kind == NPU_REDUCE_MIN)
				r = value < r || isnan(value) ? value : r;
			else
				r += value;
		} while (walk_next(&w));
		if (attr->kind == NPU_REDUCE_MEAN)
			r /= (float)count;
		((float *)y->data)[walk_offset(&outer, y)] = r;
	} while (walk_next(&outer));
	return 0;
}
