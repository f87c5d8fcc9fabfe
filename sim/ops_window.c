// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* Operations over neighbourhoods and axes: POOL, SOFTMAX, REDUCE. */
#include "engine_internal.h"

#include <math.h>
#include <string.h>

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

/*
 * A piece of a line of the output, all of whose windows are worked on tap by
 * tap: each element sees its own taps in the order of depth, height, width.
 */
struct line {
	uint32_t at[2];		/* depth, height of the output */
	uint32_t first, count;	/* width */
	int64_t origin;		/* of the input's channel */
	float max[ROW_MAX];	/* or the sum, fp32 */
	int64_t sum[ROW_MAX];	/* of x - x_zero, int8 */
	uint32_t inside[ROW_MAX], padded[ROW_MAX];	/* taps */
};

/* Where tap k of the window at output `at` lies, in dimension i. */
static int64_t position(const struct pool *p, unsigned int i, uint32_t at, uint32_t k)
{
	return (int64_t)at * p->stride[i] + (int64_t)k * p->dilation[i] - p->pad_begin[i];
}

/* The first output (from first on) whose tap is not before `limit`; at most end. */
static uint32_t first_not_before(const struct pool *p, const struct line *l, uint32_t k, int64_t limit)
{
	const int64_t at = position(p, 2, l->first, k), step = p->stride[2];
	const int64_t n = at >= limit ? 0 : (limit - at + step - 1) / step;

	return n < l->count ? (uint32_t)n : l->count;
}

/* One tap of all windows of the line; row is at the right depth and height. */
static void pool_tap(struct operation *o, const struct pool *p, struct line *l, uint32_t k, int64_t row)
{
	const struct view *x = &o->tensors[1];
	const struct npu_attr_pool *attr = o->attr;
	const uint32_t begin = first_not_before(p, l, k, 0);
	const uint32_t end = first_not_before(p, l, k, p->in[2]);
	const int64_t at = position(p, 2, l->first + begin, k);
	float value[ROW_MAX];

	if (end <= begin)
		return;
	load_row(x, row + at * p->x_stride[2], p->stride[2] * p->x_stride[2], attr->x_zero, value,
		 end - begin);
	if (attr->kind == NPU_POOL_MAX) {
		for (uint32_t i = begin; i < end; i++) {
			const float v = value[i - begin];

			/* Once NaN, no comparison holds any more. */
			l->max[i] = v > l->max[i] || isnan(v) ? v : l->max[i];
		}
		return;
	}
	for (uint32_t i = begin; i < end; i++)
		l->inside[i]++;
	if (x->type == NPU_TYPE_F32) {
		for (uint32_t i = begin; i < end; i++)
			l->max[i] += value[i - begin];
	} else {
		for (uint32_t i = begin; i < end; i++)
			l->sum[i] += (int64_t)value[i - begin];
	}
}

/* One line of taps: depth kd, height kh. */
static int pool_taps(struct operation *o, const struct pool *p, struct line *l, uint32_t kd, uint32_t kh)
{
	const int64_t d = position(p, 0, l->at[0], kd), h = position(p, 1, l->at[1], kh);
	const bool inside = d >= 0 && h >= 0 && d < p->in[0] && h < p->in[1];
	const bool padded = d < (int64_t)p->in[0] + p->pad_end[0] && h < (int64_t)p->in[1] + p->pad_end[1];

	for (uint32_t k = 0; k < p->kernel[2] && padded; k++) {
		const uint32_t end = first_not_before(p, l, k, (int64_t)p->in[2] + p->pad_end[2]);
		int ret;

		/* Beyond the end of all windows' input no tap counts any more. */
		if (!end)
			break;
		for (uint32_t i = 0; i < end; i++)
			l->padded[i]++;
		if (inside)
			pool_tap(o, p, l, k, l->origin + d * p->x_stride[0] + h * p->x_stride[1]);
		ret = op_tick(o, l->count);
		if (ret)
			return ret;
	}
	return 0;
}

static void pool_store(struct operation *o, struct line *l, int64_t to, int64_t stride)
{
	const struct view *y = &o->tensors[0];
	const struct npu_attr_pool *attr = o->attr;
	const uint32_t *count = attr->kind == NPU_POOL_AVERAGE_PAD ? l->padded : l->inside;

	for (uint32_t i = 0; attr->kind != NPU_POOL_MAX && i < l->count; i++) {
		if (!count[i])
			l->max[i] = 0.0f;
		else if (y->type == NPU_TYPE_F32)
			l->max[i] /= (float)count[i];
		else
			l->max[i] = (float)l->sum[i] / (float)count[i];
		if (y->type != NPU_TYPE_F32)
			l->max[i] *= bits_to_float(attr->multiplier);
	}
	store_row(y, to, stride, attr->y_zero, l->max, l->count);
}

static int pool_line(struct operation *o, const struct pool *p, struct line *l)
{
	const struct npu_attr_pool *attr = o->attr;
	const float start = attr->kind == NPU_POOL_MAX ? -INFINITY : 0.0f;

	for (uint32_t i = 0; i < l->count; i++) {
		l->max[i] = start;
		l->sum[i] = 0;
		l->inside[i] = l->padded[i] = 0;
	}
	for (uint32_t kd = 0; kd < p->kernel[0]; kd++) {
		for (uint32_t kh = 0; kh < p->kernel[1]; kh++) {
			int ret = pool_taps(o, p, l, kd, kh);

			if (!ret)
				ret = op_tick(o, 1);
			if (ret)
				return ret;
		}
	}
	return 0;
}

int run_pool(struct operation *o)
{
	const struct view *y = &o->tensors[0], *x = &o->tensors[1];
	struct view lines = *y;
	struct walk at;
	struct line l;
	struct pool p;
	int ret;

	ret = pool_geometry(o, &p);
	if (ret)
		return ret;
	lines.extent[y->rank - 1] = 1;
	walk_begin(&at, &lines);
	do {
		l.at[0] = p.spatial == 3 ? at.at[2] : 0;
		l.at[1] = p.spatial >= 2 ? at.at[y->rank - 2] : 0;
		l.origin = at.at[0] * x->stride[0] + at.at[1] * x->stride[1];
		for (l.first = 0; l.first < y->extent[y->rank - 1] && !ret; l.first += l.count) {
			const uint32_t left = y->extent[y->rank - 1] - l.first;

			l.count = left < ROW_MAX ? left : ROW_MAX;
			ret = pool_line(o, &p, &l);
			if (!ret)
				pool_store(o, &l, walk_offset(&at, y) + l.first * y->stride[y->rank - 1],
					   y->stride[y->rank - 1]);
		}
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
