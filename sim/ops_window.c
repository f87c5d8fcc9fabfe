// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* Operations over neighbourhoods and axes: POOL, SOFTMAX, REDUCE. */
#include "engine_internal.h"

#include <math.h>
#include <string.h>

/* A window, cut to what lies inside the input; [0] depth, [1] height, [2] width. */
struct window {
	uint32_t first[3];	/* input position of the first tap inside */
	uint32_t taps[3];	/* inside */
	uint64_t inside;	/* product of taps */
	uint64_t padded;	/* taps that lie in the input or its pads */
};

struct pool {
	unsigned int spatial;
	uint32_t kernel[3], in[3], stride[3], dilation[3], pad_begin[3], pad_end[3];
	int64_t x_stride[3];
};

static int pool_geometry(struct operation *o, struct pool *p)
{
	const struct view *y = &o->tensors[0], *x = &o->tensors[1];
	const struct npu_attr_pool *attr = o->attr;

	memset(p, 0, sizeof(*p));
	if (y->rank < 3 || y->rank > 5 || x->rank != y->rank)
		return operand_error(o, "POOL needs operands of one rank, 3 to 5");
	if (x->extent[0] != y->extent[0] || x->extent[1] != y->extent[1])
		return operand_error(o, "POOL channels do not match");
	p->spatial = y->rank - 2;
	for (unsigned int i = 0; i < 3 - p->spatial; i++) {
		p->kernel[i] = p->in[i] = p->stride[i] = p->dilation[i] = 1;
		if (attr->kernel[2 - i] || attr->stride[2 - i] || attr->dilation[2 - i] ||
		    attr->pad_begin[2 - i] || attr->pad_end[2 - i])
			return operand_error(o, "POOL attributes behind the rank");
	}
	for (unsigned int s = 0; s < p->spatial; s++) {
		const unsigned int i = 3 - p->spatial + s;
		uint64_t reach;

		p->kernel[i] = attr->kernel[s];
		p->stride[i] = attr->stride[s];
		p->dilation[i] = attr->dilation[s];
		p->pad_begin[i] = attr->pad_begin[s];
		p->pad_end[i] = attr->pad_end[s];
		p->in[i] = x->extent[2 + s];
		p->x_stride[i] = x->stride[2 + s];
		if (!p->kernel[i] || !p->stride[i] || !p->dilation[i] ||
		    p->pad_begin[i] >= (uint64_t)p->kernel[i] * p->dilation[i])
			return operand_error(o, "POOL kernel, stride, dilation or pad out of range");
		/* Ceil mode may let the last window hang over, but it must start inside. */
		reach = (uint64_t)(y->extent[2 + s] - 1) * p->stride[i];
		if (reach >= (uint64_t)p->in[i] + p->pad_begin[i] + p->pad_end[i])
			return operand_error(o, "POOL output extent %u does not follow from its input",
					     y->extent[2 + s]);
	}
	return 0;
}

int check_pool(struct operation *o)
{
	const struct view *y = &o->tensors[0], *x = &o->tensors[1];
	const struct npu_attr_pool *attr = o->attr;
	const bool average8 = type_is_int8(x->type) && attr->kind != NPU_POOL_MAX;
	struct pool p;

	if (attr->kind >= NPU_POOL_COUNT || attr->mbz0)
		return operand_error(o, "POOL has no kind %u", attr->kind);
	if (x->type != y->type || !(x->type == NPU_TYPE_F32 || type_is_int8(x->type)))
		return operand_error(o, "POOL needs fp32 or int8 operands of one type");
	if (average8 ? !zero_point_valid(x->type, attr->x_zero) ||
		       !zero_point_valid(y->type, attr->y_zero) :
		       attr->x_zero || attr->y_zero || attr->multiplier)
		return operand_error(o, "POOL's zero points and multiplier are for averages in int8");
	return pool_geometry(o, &p);
}

/* Taps of one dimension: position + k * dilation for k < kernel. */
static void cut(const struct pool *p, unsigned int i, uint32_t at, struct window *w)
{
	const int64_t step = p->dilation[i];
	int64_t position = (int64_t)at * p->stride[i] - p->pad_begin[i];
	const int64_t end = p->in[i], padded_end = end + p->pad_end[i];
	int64_t kernel = p->kernel[i], skipped = 0;
	uint64_t padded = 0;

	if (position < padded_end)
		padded = (uint64_t)((padded_end - position + step - 1) / step);
	w->padded *= padded < (uint64_t)kernel ? padded : (uint64_t)kernel;
	if (position < 0)
		skipped = (-position + step - 1) / step;
	position += skipped * step;
	kernel -= skipped;
	w->first[i] = w->taps[i] = 0;
	if (kernel > 0 && position < end) {
		const int64_t fit = (end - position + step - 1) / step;

		w->first[i] = (uint32_t)position;
		w->taps[i] = (uint32_t)(fit < kernel ? fit : kernel);
	}
	w->inside *= w->taps[i];
}

struct pooled {
	float max;		/* or the sum, fp32 */
	float sum;
	int64_t integer;	/* sum of x - x_zero, int8 */
};

static void pool_taps(const struct npu_attr_pool *attr, const struct view *x, const float *row,
		      uint32_t count, struct pooled *result)
{
	if (attr->kind == NPU_POOL_MAX) {
		for (uint32_t i = 0; i < count; i++)
			result->max = row[i] > result->max || isnan(row[i]) ? row[i] : result->max;
	} else if (x->type == NPU_TYPE_F32) {
		for (uint32_t i = 0; i < count; i++)
			result->sum += row[i];
	} else {
		for (uint32_t i = 0; i < count; i++)
			result->integer += (int64_t)row[i];
	}
}

static int pool_window(struct operation *o, const struct pool *p, const struct window *w,
		       int64_t origin, struct pooled *result)
{
	const struct view *x = &o->tensors[1];
	const struct npu_attr_pool *attr = o->attr;
	float row[ROW_MAX];

	*result = (struct pooled){ .max = -INFINITY };
	for (uint64_t line = 0; w->inside && line < (uint64_t)w->taps[0] * w->taps[1]; line++) {
		const int64_t d = w->first[0] + (int64_t)(line / w->taps[1]) * p->dilation[0];
		const int64_t h = w->first[1] + (int64_t)(line % w->taps[1]) * p->dilation[1];

		for (uint32_t done = 0; done < w->taps[2];) {
			const uint32_t left = w->taps[2] - done;
			const uint32_t part = left < ROW_MAX ? left : ROW_MAX;
			const int64_t at = w->first[2] + (int64_t)done * p->dilation[2];
			int ret;

			load_row(x, origin + d * p->x_stride[0] + h * p->x_stride[1] + at * p->x_stride[2],
				 p->dilation[2] * p->x_stride[2], attr->x_zero, row, part);
			pool_taps(attr, x, row, part, result);
			done += part;
			ret = op_tick(o, part);
			if (ret)
				return ret;
		}
	}
	return 0;
}

static void pool_store(struct operation *o, const struct window *w, const struct pooled *result,
		       int64_t to)
{
	const struct view *y = &o->tensors[0];
	const struct npu_attr_pool *attr = o->attr;
	const uint64_t count = attr->kind == NPU_POOL_AVERAGE_PAD ? w->padded : w->inside;
	float r = result->max;

	if (attr->kind != NPU_POOL_MAX)
		r = !count ? 0.0f : y->type == NPU_TYPE_F32 ? result->sum / (float)count :
							      (float)result->integer / (float)count;
	if (type_is_int8(y->type) && attr->kind != NPU_POOL_MAX)
		r *= bits_to_float(attr->multiplier);
	store_row(y, to, 1, attr->y_zero, &r, 1);
}

int run_pool(struct operation *o)
{
	const struct view *y = &o->tensors[0], *x = &o->tensors[1];
	struct walk at;
	struct pool p;
	int ret;

	ret = pool_geometry(o, &p);
	if (ret)
		return ret;
	walk_begin(&at, y);
	do {
		struct window w = { .inside = 1, .padded = 1 };
		struct pooled result;

		for (unsigned int i = 0; i < 3; i++)
			cut(&p, i, i < 3 - p.spatial ? 0 : at.at[2 + i - (3 - p.spatial)], &w);
		ret = pool_window(o, &p, &w, at.at[0] * x->stride[0] + at.at[1] * x->stride[1], &result);
		if (ret)
			return ret;
		pool_store(o, &w, &result, walk_offset(&at, y));
		ret = op_tick(o, 1);
	} while (!ret && walk_next(&at));
	return ret;
}

int check_softmax(struct operation *o)
{
	const struct view *y = &o->tensors[0], *x = &o->tensors[1];
	const struct npu_attr_axis *attr = o->attr;

	if (y->type != NPU_TYPE_F32 || x->type != NPU_TYPE_F32 || !same_extents(y, x))
		return operand_error(o, "SOFTMAX takes fp32 of equal extents");
	if (attr->axis >= y->rank)
		return operand_error(o, "SOFTMAX axis %u of rank %u", attr->axis, y->rank);
	return 0;
}

/* One vector, in three passes; each in rows, since a vector can be long. */
static int softmax(struct operation *o, int64_t to, int64_t dy, int64_t from, int64_t dx,
		   uint32_t count)
{
	const struct view *y = &o->tensors[0], *x = &o->tensors[1];
	float largest = -INFINITY, sum = 0.0f, row[ROW_MAX];

	for (unsigned int pass = 0; pass < 3; pass++) {
		for (uint32_t done = 0; done < count;) {
			const uint32_t part = count - done < ROW_MAX ? count - done : ROW_MAX;
			const int64_t at = to + done * dy;
			int ret;

			if (pass < 2)
				load_row(x, from + done * dx, dx, 0, row, part);
			else
				load_row(y, at, dy, 0, row, part);
			for (uint32_t i = 0; i < part; i++) {
				if (pass == 0) {
					largest = fmaxf(largest, row[i]);
				} else if (pass == 1) {
					row[i] = expf(row[i] - largest);
					sum += row[i];
				} else {
					row[i] /= sum;
				}
			}
			if (pass)
				store_row(y, at, dy, 0, row, part);
			done += part;
			ret = op_tick(o, part);
			if (ret)
				return ret;
		}
	}
	return 0;
}

int run_softmax(struct operation *o)
{
	const struct view *y = &o->tensors[0], *x = &o->tensors[1];
	const struct npu_attr_axis *attr = o->attr;
	struct view rest = *y;
	struct walk w;
	int ret;

	rest.extent[attr->axis] = 1;
	walk_begin(&w, &rest);
	do {
		ret = softmax(o, walk_offset(&w, y), y->stride[attr->axis], walk_offset(&w, x),
			      x->stride[attr->axis], y->extent[attr->axis]);
	} while (!ret && walk_next(&w));
	return ret;
}

int check_reduce(struct operation *o)
{
	const struct view *y = &o->tensors[0], *x = &o->tensors[1];
	const struct npu_attr_reduce *attr = o->attr;

	if (attr->kind >= NPU_REDUCE_COUNT)
		return operand_error(o, "REDUCE has no kind %u", attr->kind);
	if (y->type != NPU_TYPE_F32 || x->type != NPU_TYPE_F32 || y->rank != x->rank)
		return operand_error(o, "REDUCE takes fp32 of equal rank");
	for (unsigned int i = 0; i < y->rank; i++) {
		if (y->extent[i] != x->extent[i] && y->extent[i] != 1)
			return operand_error(o, "REDUCE extent %u is neither 1 nor its input's",
					     y->extent[i]);
	}
	return 0;
}

static float reduce_row(uint32_t kind, float r, const float *row, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (kind == NPU_REDUCE_MAX)
			r = row[i] > r || isnan(row[i]) ? row[i] : r;
		else if (kind == NPU_REDUCE_MIN)
			r = row[i] < r || isnan(row[i]) ? row[i] : r;
		else
			r += row[i];
	}
	return r;
}

/* Over the index space of inner, from element origin of x on. */
static int reduce(struct operation *o, const struct view *inner, int64_t origin, float *result)
{
	const struct npu_attr_reduce *attr = o->attr;
	const struct view *const views[] = { inner };
	float row[ROW_MAX];
	struct rows r;
	int ret;

	*result = attr->kind == NPU_REDUCE_MAX ? -INFINITY :
		  attr->kind == NPU_REDUCE_MIN ? INFINITY : 0.0f;
	rows_begin(&r, views, 1);
	do {
		load_row(&o->tensors[1], origin + r.offset[0], r.stride[0], 0, row, r.count);
		*result = reduce_row(attr->kind, *result, row, r.count);
		ret = op_tick(o, r.count);
	} while (!ret && rows_next(&r));
	if (attr->kind == NPU_REDUCE_MEAN)
		*result /= (float)inner->count;
	return ret;
}

int run_reduce(struct operation *o)
{
	const struct view *y = &o->tensors[0], *x = &o->tensors[1];
	struct view inner = *x;
	struct walk outer;
	int ret;

	inner.count = 1;
	for (unsigned int i = 0; i < y->rank; i++) {
		if (y->extent[i] == x->extent[i])
			inner.extent[i] = 1;
		inner.count *= inner.extent[i];
	}
	walk_begin(&outer, y);
	do {
		float result;

		ret = reduce(o, &inner, walk_offset(&outer, x), &result);
		if (ret)
			return ret;
		store_row(y, walk_offset(&outer, y), 1, 0, &result, 1);
	} while (walk_next(&outer));
	return 0;
}
