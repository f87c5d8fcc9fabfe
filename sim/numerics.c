// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* Arithmetic and index walks that the operations share (docs/numerics.md). */
#include "engine_internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

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

float activate(const struct npu_op *op, float x)
{
	switch (op->activation) {
	case NPU_ACT_RELU:
		return x < 0.0f ? 0.0f : x;	/* keeps NaN */
	case NPU_ACT_CLIP: {
		const float low = bits_to_float(op->act_a), high = bits_to_float(op->act_b);

		return x < low ? low : x > high ? high : x;
	}
	case NPU_ACT_SIGMOID:
		return 1.0f / (1.0f + expf(-x));
	case NPU_ACT_TANH:
		return tanhf(x);
	case NPU_ACT_LEAKY_RELU:
		return x < 0.0f ? x * bits_to_float(op->act_a) : x;
	}
	return x;
}

int32_t saturate8(uint8_t type, int64_t value)
{
	const int low = type == NPU_TYPE_U8 ? 0 : -128;
	const int high = type == NPU_TYPE_U8 ? 255 : 127;

	return value < low ? low : value > high ? high : (int32_t)value;
}

int32_t quantise_scaled(uint8_t type, float r, int32_t zero)
{
	/* Beyond these bounds the result is saturated anyway, and an integer
	 * could not hold it; NaN becomes the zero point.
	 */
	if (isnan(r))
		return saturate8(type, zero);
	if (r > 1e6f)
		r = 1e6f;
	if (r < -1e6f)
		r = -1e6f;
	return saturate8(type, (int64_t)rintf(r) + zero);
}

int32_t load_int(const struct view *v, int64_t offset)
{
	switch (v->type) {
	case NPU_TYPE_I8:
		return ((const int8_t *)v->data)[offset];
	case NPU_TYPE_U8:
		return ((const uint8_t *)v->data)[offset];
	case NPU_TYPE_I32:
		return ((const int32_t *)v->data)[offset];
	}
	return 0;
}

void store_int8(const struct view *v, int64_t offset, int32_t value)
{
	((uint8_t *)v->data)[offset] = (uint8_t)value;
}

float load_real(const struct view *v, int64_t offset)
{
	if (v->type == NPU_TYPE_F32)
		return ((const float *)v->data)[offset];
	return (float)load_int(v, offset);
}

float int8_magnitude(uint8_t type, int32_t zero)
{
	const int low = type == NPU_TYPE_U8 ? 0 : -128;
	const int high = type == NPU_TYPE_U8 ? 255 : 127;
	const int below = abs(low - zero), above = abs(high - zero);

	return (float)(below > above ? below : above);
}

int32_t requantise(const struct npu_op *op, uint8_t type, int32_t acc, float multiplier,
		   int32_t zero)
{
	int32_t q = quantise_scaled(type, (float)acc * multiplier, zero);

	if (op->activation == NPU_ACT_RELU && q < zero)
		q = zero;
	if (op->activation == NPU_ACT_CLIP) {
		const int32_t low = (int32_t)op->act_a, high = (int32_t)op->act_b;

		q = q < low ? low : q > high ? high : q;
		q = saturate8(type, q);
	}
	return q;
}

void gemm_float(unsigned int m, unsigned int n, unsigned int k, const float *a, unsigned int lda,
		bool a_transposed, const float *b, unsigned int ldb, bool b_transposed, float *c)
{
	cblas_sgemm(CblasRowMajor, a_transposed ? CblasTrans : CblasNoTrans,
		    b_transposed ? CblasTrans : CblasNoTrans, (int)m, (int)n, (int)k, 1.0f, a,
		    (int)lda, b, (int)ldb, 0.0f, c, (int)n);
}

int gemm_exact(unsigned int m, unsigned int n, unsigned int k, const float *a, const float *b,
	       float a_max, float b_max, int32_t *acc, unsigned int ldc)
{
	/* A sum of integers is exact in fp32 up to 2^24. */
	unsigned int block = (unsigned int)(16777216.0f / (a_max * b_max));
	float *c = malloc(sizeof(float) * m * n);

	if (!c)
		return -ENOMEM;
	if (!block)
		block = 1;
	for (unsigned int at = 0; at < k; at += block) {
		const unsigned int part = k - at < block ? k - at : block;

		cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)m, (int)n, (int)part,
			    1.0f, a + at, (int)k, b + (size_t)at * n, (int)n, 0.0f, c, (int)n);
		for (unsigned int i = 0; i < m; i++) {
			/* Unsigned: an accumulator wraps, it does not trap. */
			for (unsigned int j = 0; j < n; j++)
				acc[(size_t)i * ldc + j] =
					(int32_t)((uint32_t)acc[(size_t)i * ldc + j] +
						  (uint32_t)(int32_t)c[(size_t)i * n + j]);
		}
	}
	free(c);
	return 0;
}
