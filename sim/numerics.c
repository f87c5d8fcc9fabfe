// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* Arithmetic and index walks that the operations share (docs/numerics.md). */
#include "engine_internal.h"

#include <math.h>
#include <string.h>

void walk_begin(struct walk *w, const struct view *shape)
{
	w->rank = shape->rank;
	memcpy(w->extent, shape->extent, sizeof(w->extent));
	memset(w->at, 0, sizeof(w->at));
}

bool walk_next(struct walk *w)
{
	for (unsigned int i = w->rank; i-- > 0;) {
		if (++w->at[i] < w->extent[i])
			return true;
		w->at[i] = 0;
	}
	return false;
}

int64_t walk_offset(const struct walk *w, const struct view *v)
{
	int64_t offset = 0;

	for (unsigned int i = 0; i < w->rank; i++)
		offset += w->at[i] * v->stride[i];
	return offset;
}

bool same_extents(const struct view *a, const struct view *b)
{
	return a->rank == b->rank &&
	       !memcmp(a->extent, b->extent, a->rank * sizeof(a->extent[0]));
}

/* Whether dimension d of every view goes on where the one before it, kept as
 * the last of r, ends.
 */
static bool joins(const struct rows *r, const struct view *const *views, unsigned int d)
{
	for (unsigned int v = 0; v < r->views; v++) {
		if (r->strides[v][r->rank - 1] != views[v]->stride[d] * (int64_t)views[v]->extent[d])
			return false;
	}
	return true;
}

static void begin_row(struct rows *r)
{
	const uint64_t left = r->extent[r->rank - 1] - r->done;

	r->count = left < ROW_MAX ? (uint32_t)left : ROW_MAX;
	for (unsigned int v = 0; v < r->views; v++) {
		r->stride[v] = r->strides[v][r->rank - 1];
		r->offset[v] = (int64_t)r->done * r->stride[v];
		for (unsigned int d = 0; d + 1 < r->rank; d++)
			r->offset[v] += r->at[d] * r->strides[v][d];
	}
}

void rows_begin(struct rows *r, const struct view *const *views, unsigned int count)
{
	memset(r, 0, sizeof(*r));
	r->views = count;
	for (unsigned int d = 0; d < views[0]->rank; d++) {
		if (views[0]->extent[d] == 1)
			continue;
		if (r->rank && joins(r, views, d))
			r->extent[r->rank - 1] *= views[0]->extent[d];
		else
			r->extent[r->rank++] = views[0]->extent[d];
		for (unsigned int v = 0; v < count; v++)
			r->strides[v][r->rank - 1] = views[v]->stride[d];
	}
	if (!r->rank)
		r->extent[r->rank++] = 1;
	begin_row(r);
}

bool rows_next(struct rows *r)
{
	r->done += r->count;
	if (r->done == r->extent[r->rank - 1]) {
		unsigned int d = r->rank - 1;

		r->done = 0;
		while (d > 0 && ++r->at[d - 1] == r->extent[d - 1])
			r->at[--d] = 0;
		if (!d)
			return false;
	}
	begin_row(r);
	return true;
}

bool type_is_int8(uint8_t type)
{
	return type == NPU_TYPE_I8 || type == NPU_TYPE_U8;
}

float bits_to_float(uint32_t bits)
{
	float f;

	memcpy(&f, &bits, sizeof(f));
	return f;
}

bool activation_valid(const struct npu_op *op)
{
	switch (op->activation) {
	case NPU_ACT_NONE:
	case NPU_ACT_RELU:
	case NPU_ACT_SIGMOID:
	case NPU_ACT_TANH:
		return !op->act_a && !op->act_b;
	case NPU_ACT_CLIP:
		return true;
	case NPU_ACT_LEAKY_RELU:
		return !op->act_b;
	}
	return false;
}

void activate(const struct npu_op *op, float *x, uint32_t count)
{
	const float a = bits_to_float(op->act_a), b = bits_to_float(op->act_b);

	/* Each comparison is written so that NaN stays NaN. */
	switch (op->activation) {
	case NPU_ACT_RELU:
		for (uint32_t i = 0; i < count; i++)
			x[i] = x[i] < 0.0f ? 0.0f : x[i];
		break;
	case NPU_ACT_CLIP:
		for (uint32_t i = 0; i < count; i++) {
			x[i] = x[i] < a ? a : x[i];
			x[i] = x[i] > b ? b : x[i];
		}
		break;
	case NPU_ACT_SIGMOID:
		for (uint32_t i = 0; i < count; i++)
			x[i] = 1.0f / (1.0f + expf(-x[i]));
		break;
	case NPU_ACT_TANH:
		for (uint32_t i = 0; i < count; i++)
			x[i] = tanhf(x[i]);
		break;
	case NPU_ACT_LEAKY_RELU:
		for (uint32_t i = 0; i < count; i++)
			x[i] = x[i] < 0.0f ? x[i] * a : x[i];
		break;
	}
}

static int type_low(uint8_t type)
{
	return type == NPU_TYPE_U8 ? 0 : -128;
}

static int type_high(uint8_t type)
{
	return type == NPU_TYPE_U8 ? 255 : 127;
}

int32_t saturate8(uint8_t type, int64_t value)
{
	const int low = type_low(type), high = type_high(type);

	return value < low ? low : value > high ? high : (int32_t)value;
}

bool zero_point_valid(uint8_t type, int32_t zero)
{
	if (!type_is_int8(type))
		return !zero;
	return zero >= type_low(type) && zero <= type_high(type);
}

int32_t quantise_scaled(uint8_t type, float r, int32_t zero)
{
	/* An integer could not hold what lies beyond; it is saturated anyway. */
	const float limit = 0x1p62f;

	if (isnan(r))
		return saturate8(type, zero);
	r = r > limit ? limit : r < -limit ? -limit : r;
	return saturate8(type, (int64_t)rintf(r) + zero);
}

#define LOAD(type) do {							\
	const type *from = (const type *)v->data + offset;		\
									\
	for (uint32_t i = 0; i < count; i++)				\
		to[i] = (float)((int64_t)from[i * stride] - zero);	\
} while (0)

#define LOAD8(type) do {						\
	const type *from = (const type *)v->data + offset;		\
									\
	if (stride == 1) {						\
		for (uint32_t i = 0; i < count; i++)			\
			to[i] = (float)((int32_t)from[i] - zero);	\
	} else {							\
		for (uint32_t i = 0; i < count; i++)			\
			to[i] = (float)((int32_t)from[i * stride] - zero);\
	}								\
} while (0)

void load_row(const struct view *v, int64_t offset, int64_t stride, int32_t zero, float *to,
	      uint32_t count)
{
	const float *real = v->data;

	switch (v->type) {
	case NPU_TYPE_F32:
		if (stride == 1) {
			memcpy(to, real + offset, count * sizeof(*to));
			break;
		}
		for (uint32_t i = 0; i < count; i++)
			to[i] = real[offset + i * stride];
		break;
	case NPU_TYPE_I8:
		LOAD8(int8_t);
		break;
	case NPU_TYPE_U8:
		LOAD8(uint8_t);
		break;
	case NPU_TYPE_I32:
		LOAD(int32_t);
		break;
	}
}

/*
 * quantise_scaled() of a row for a zero point of the type, without a branch or
 * call for each element: whatever lies beyond +-1024 is saturated, and adding
 * and taking away 1.5 x 2^23 rounds the rest half to even.
 */
static void store8(const struct view *v, int64_t offset, int64_t stride, int32_t zero,
		   const float *from, uint32_t count)
{
	const float low = (float)(type_low(v->type) - zero), high = (float)(type_high(v->type) - zero);
	const float magic = 0x1.8p23f;
	uint8_t *to = (uint8_t *)v->data + offset;

	for (uint32_t i = 0; i < count; i++) {
		float r = from[i];

		r = r < -1024.0f ? -1024.0f : r;
		r = r > 1024.0f ? 1024.0f : r;
		r = isnan(r) ? 0.0f : r;
		r = (r + magic) - magic;
		r = r < low ? low : r;
		r = r > high ? high : r;
		to[i * stride] = (uint8_t)((int32_t)r + zero);
	}
}

void store_row(const struct view *v, int64_t offset, int64_t stride, int32_t zero,
	       const float *from, uint32_t count)
{
	if (v->type == NPU_TYPE_F32) {
		float *to = (float *)v->data + offset;

		if (stride == 1) {
			memcpy(to, from, count * sizeof(*to));
			return;
		}
		for (uint32_t i = 0; i < count; i++)
			to[i * stride] = from[i];
		return;
	}
	store8(v, offset, stride, zero, from, count);
}

float int8_magnitude(uint8_t type, int32_t zero)
{
	const int below = zero - type_low(type), above = type_high(type) - zero;

	return (float)(below > above ? below : above);
}
