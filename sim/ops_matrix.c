// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/*
 * GEMM: batches of matrix products, fp32 by BLAS, int8 exactly.
 *
 * Operands whose strides BLAS can express are used in place, others are
 * packed. int8 operands are packed as floats without their zero points, which
 * gemm_exact() multiplies without rounding.
 */
#include "engine_internal.h"

#include <errno.h>
#include <stdlib.h>

struct matrix {
	const float *data;
	unsigned int ld;
	bool transposed;
	float *packed;		/* to free */
};

static int pack(const struct view *v, int64_t origin, int32_t zero, struct matrix *m)
{
	const uint32_t rows = v->extent[v->rank - 2], columns = v->extent[v->rank - 1];
	const int64_t row = v->stride[v->rank - 2], column = v->stride[v->rank - 1];

	m->packed = malloc(sizeof(float) * rows * columns);
	if (!m->packed)
		return -ENOMEM;
	for (uint32_t i = 0; i < rows; i++) {
		for (uint32_t j = 0; j < columns; j++) {
			const int64_t at = origin + i * row + j * column;

			m->packed[(size_t)i * columns + j] =
				v->type == NPU_TYPE_F32 ? ((const float *)v->data)[at] :
							  (float)(load_int(v, at) - zero);
		}
	}
	m->data = m->packed;
	m->ld = columns;
	m->transposed = false;
	return 0;
}

static int prepare(const struct view *v, int64_t origin, int32_t zero, struct matrix *m)
{
	const uint32_t rows = v->extent[v->rank - 2], columns = v->extent[v->rank - 1];
	const int64_t row = v->stride[v->rank - 2], column = v->stride[v->rank - 1];

	*m = (struct matrix){ 0 };
	if (v->type == NPU_TYPE_F32) {
		m->data = (const float *)v->data + origin;
		if (column == 1 && row >= columns && row <= INT32_MAX) {
			m->ld = (unsigned int)row;
			return 0;
		}
		if (row == 1 && column >= rows && column <= INT32_MAX) {
			m->ld = (unsigned int)column;
			m->transposed = true;
			return 0;
		}
	}
	return pack(v, origin, zero, m);
}

/* Offset of one of N per-channel values: N of them, or one for all. */
static int64_t channel(const struct view *v, uint32_t n)
{
	return v->rank && v->extent[v->rank - 1] > 1 ? n * v->stride[v->rank - 1] : 0;
}

static bool per_channel(const struct view *v, uint32_t channels)
{
	return v->type == NPU_TYPE_NONE || v->count == 1 ||
	       (v->rank == 1 && v->extent[0] == channels);
}

static int check(struct operation *o)
{
	const struct view *y = &o->tensors[0], *a = &o->tensors[1], *b = &o->tensors[2];
	const struct view *bias = &o->tensors[3], *multiplier = &o->tensors[4];
	const struct npu_attr_gemm *attr = o->attr;
	const bool real = a->type == NPU_TYPE_F32;
	const unsigned int r = y->rank;

	if (r < 2 || a->rank != r || b->rank != r)
		return operand_error(o, "GEMM needs operands of one rank, at least 2");
	for (unsigned int i = 0; i + 2 < r; i++) {
		if (a->extent[i] != y->extent[i] || b->extent[i] != y->extent[i])
			return operand_error(o, "GEMM needs equal batch extents");
	}
	if (a->extent[r - 2] != y->extent[r - 2] || b->extent[r - 1] != y->extent[r - 1] ||
	    a->extent[r - 1] != b->extent[r - 2])
		return operand_error(o, "GEMM extents do not match: [%u,%u] x [%u,%u] to [%u,%u]",
				     a->extent[r - 2], a->extent[r - 1], b->extent[r - 2],
				     b->extent[r - 1], y->extent[r - 2], y->extent[r - 1]);
	if (!per_channel(multiplier, y->extent[r - 1]))
		return operand_error(o, "GEMM's multiplier is neither one nor one for each column");
	if (real) {
		if (b->type != NPU_TYPE_F32 || y->type != NPU_TYPE_F32 || multiplier->type ||
		    (bias->type && (bias->type != NPU_TYPE_F32 || !same_extents(bias, y))) ||
		    attr->a_zero || attr->b_zero || attr->y_zero)
			return operand_error(o, "GEMM in fp32 needs fp32 everywhere");
		return 0;
	}
	if (!type_is_int8(a->type) || !type_is_int8(b->type) || attr->alpha ||
	    (bias->type && (bias->type != NPU_TYPE_I32 || !same_extents(bias, y))) ||
	    (multiplier->type && multiplier->type != NPU_TYPE_F32))
		return operand_error(o, "GEMM takes fp32, or int8 with an int32 bias");
	if (!(type_is_int8(y->type) || y->type == NPU_TYPE_I32 || y->type == NPU_TYPE_F32) ||
	    (y->type != NPU_TYPE_I32 && !multiplier->type))
		return operand_error(o, "GEMM in int8 needs a multiplier to leave int32");
	if (abs(attr->a_zero) > 255 || abs(attr->b_zero) > 255 || abs(attr->y_zero) > 255)
		return operand_error(o, "GEMM zero point out of range");
	return 0;
}

static int multiply_float(struct operation *o, const struct walk *w)
{
	const struct view *y = &o->tensors[0], *a = &o->tensors[1], *b = &o->tensors[2];
	const struct view *bias = &o->tensors[3];
	const struct npu_attr_gemm *attr = o->attr;
	const unsigned int r = y->rank;
	const uint32_t m = y->extent[r - 2], n = y->extent[r - 1], k = a->extent[r - 1];
	const float alpha = bits_to_float(attr->alpha);
	struct matrix ma = { 0 }, mb = { 0 };
	struct walk at = *w;
	float *c = malloc(sizeof(float) * m * n);
	int ret = -ENOMEM;

	if (!c || prepare(a, walk_offset(w, a), 0, &ma) || prepare(b, walk_offset(w, b), 0, &mb))
		goto out;
	gemm_float(m, n, k, ma.data, ma.ld, ma.transposed, mb.data, mb.ld, mb.transposed, c);
	for (uint32_t i = 0; i < m; i++) {
		for (uint32_t j = 0; j < n; j++) {
			float r32 = alpha * c[(size_t)i * n + j];

			at.at[r - 2] = i;
			at.at[r - 1] = j;
			if (bias->type)
				r32 += ((const float *)bias->data)[walk_offset(&at, bias)];
			((float *)y->data)[walk_offset(&at, y)] = activate(o->op, r32);
		}
	}
	ret = 0;
out:
	free(c);
	free(ma.packed);
	free(mb.packed);
	return ret;
}

static int multiply_int8(struct operation *o, const struct walk *w)
{
	const struct view *y = &o->tensors[0], *a = &o->tensors[1], *b = &o->tensors[2];
	const struct view *bias = &o->tensors[3], *multiplier = &o->tensors[4];
	const struct npu_attr_gemm *attr = o->attr;
	const unsigned int r = y->rank;
	const uint32_t m = y->extent[r - 2], n = y->extent[r - 1], k = a->extent[r - 1];
	struct matrix ma = { 0 }, mb = { 0 };
	struct walk at = *w;
	int32_t *acc = calloc((size_t)m * n, sizeof(*acc));
	int ret = -ENOMEM;

	if (!acc || pack(a, walk_offset(w, a), attr->a_zero, &ma) ||
	    pack(b, walk_offset(w, b), attr->b_zero, &mb))
		goto out;
	ret = gemm_exact(m, n, k, ma.data, mb.data, int8_magnitude(a->type, attr->a_zero),
			 int8_magnitude(b->type, attr->b_zero), acc, n);
	if (ret)
		goto out;
	for (uint32_t i = 0; i < m; i++) {
		for (uint32_t j = 0; j < n; j++) {
			uint32_t sum = (uint32_t)acc[(size_t)i * n + j];
			float scale = 1.0f;
			int64_t to;

			at.at[r - 2] = i;
			at.at[r - 1] = j;
			if (bias->type)
				sum += (uint32_t)load_int(bias, walk_offset(&at, bias));
			if (multiplier->type)
				scale = ((const float *)multiplier->data)[channel(multiplier, j)];
			to = walk_offset(&at, y);
			if (y->type == NPU_TYPE_I32)
				((int32_t *)y->data)[to] = (int32_t)sum;
			else if (y->type == NPU_TYPE_F32)
				((float *)y->data)[to] = activate(o->op, (float)(int32_t)sum * scale);
			else
				store_int8(y, to, requantise(o->op, y->type, (int32_t)sum, scale,
							     attr->y_zero));
		}
	}
out:
	free(acc);
	free(ma.packed);
	free(mb.packed);
	return ret;
}

int op_gemm(struct operation *o)
{
	const struct view *y = &o->tensors[0];
	struct view batches = *y;
	struct walk w;
	int ret;

	ret = check(o);
	if (ret)
		return ret;
	o->macs = y->count * o->tensors[1].extent[y->rank - 1];
	batches.extent[y->rank - 2] = 1;
	batches.extent[y->rank - 1] = 1;
	walk_begin(&w, &batches);
	do {
		ret = o->tensors[1].type == NPU_TYPE_F32 ? multiply_float(o, &w) :
							   multiply_int8(o, &w);
	} while (!ret && walk_next(&w));
	return ret;
}
