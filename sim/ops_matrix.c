// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/*
 * GEMM: batches of matrix products, fp32 by BLAS, int8 exactly; and what it
 * shares with CONV.
 *
 * fp32 operands whose strides BLAS can express are used in place, others are
 * packed. int8 operands are packed as floats without their zero points.
 */
#include "engine_internal.h"

#include <errno.h>
#include <string.h>

int check_product_types(struct operation *o, int32_t a_zero, int32_t b_zero, int32_t y_zero)
{
	const struct view *y = &o->tensors[0], *a = &o->tensors[1], *b = &o->tensors[2];
	const struct view *bias = &o->tensors[3], *multiplier = &o->tensors[4];

	if (!zero_point_valid(a->type, a_zero) || !zero_point_valid(b->type, b_zero) ||
	    !zero_point_valid(y->type, y_zero))
		return operand_error(o, "a zero point is out of its type's range");
	if (a->type == NPU_TYPE_F32) {
		if (b->type != NPU_TYPE_F32 || y->type != NPU_TYPE_F32 || multiplier->type ||
		    (bias->type && bias->type != NPU_TYPE_F32))
			return operand_error(o, "fp32 needs fp32 everywhere and no multiplier");
		return 0;
	}
	if (!type_is_int8(a->type) || !type_is_int8(b->type) ||
	    (bias->type && bias->type != NPU_TYPE_I32) ||
	    (multiplier->type && multiplier->type != NPU_TYPE_F32))
		return operand_error(o, "takes fp32, or int8 with an int32 bias and an fp32 multiplier");
	if (!(type_is_int8(y->type) || y->type == NPU_TYPE_I32 || y->type == NPU_TYPE_F32) ||
	    (y->type != NPU_TYPE_I32) != (multiplier->type != NPU_TYPE_NONE))
		return operand_error(o, "int8 gives int32 without a multiplier, int8 or fp32 with one");
	if ((y->type == NPU_TYPE_I32 && o->op->activation) ||
	    (type_is_int8(y->type) && o->op->activation && o->op->activation != NPU_ACT_RELU &&
	     o->op->activation != NPU_ACT_CLIP))
		return operand_error(o, "activation %u needs a result in fp32", o->op->activation);
	return 0;
}

/* RELU and CLIP of an int8 result are limits on the quantised value. */
static int32_t limit8(const struct npu_op *op, uint8_t type, int32_t q, int32_t zero)
{
	if (op->activation == NPU_ACT_RELU)
		return q < zero ? zero : q;
	if (op->activation == NPU_ACT_CLIP) {
		const int32_t low = (int32_t)op->act_a, high = (int32_t)op->act_b;

		q = q < low ? low : q;
		q = q > high ? high : q;
		return saturate8(type, q);
	}
	return q;
}

void store_accumulators(struct operation *o, int64_t offset, int64_t stride, const uint32_t *acc,
			const float *multiplier, int64_t multiplier_stride, int32_t zero,
			uint32_t count)
{
	const struct view *y = &o->tensors[0];
	float real[ROW_MAX];

	if (y->type == NPU_TYPE_I32) {
		for (uint32_t i = 0; i < count; i++)
			((int32_t *)y->data)[offset + i * stride] = (int32_t)acc[i];
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		real[i] = (float)(int32_t)acc[i] * multiplier[i * multiplier_stride];
	if (y->type == NPU_TYPE_F32) {
		activate(o->op, real, count);
		store_row(y, offset, stride, 0, real, count);
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		((uint8_t *)y->data)[offset + i * stride] = (uint8_t)
			limit8(o->op, y->type, quantise_scaled(y->type, real[i], zero), zero);
}

/* Offset of one of N per-channel values: N of them, or one for all. */
static int64_t channel_stride(const struct view *v)
{
	return v->count > 1 ? v->stride[v->rank - 1] : 0;
}

int check_gemm(struct operation *o)
{
	const struct view *y = &o->tensors[0], *a = &o->tensors[1], *b = &o->tensors[2];
	const struct view *bias = &o->tensors[3], *multiplier = &o->tensors[4];
	const struct npu_attr_gemm *attr = o->attr;
	const unsigned int r = y->rank;
	int ret;

	ret = check_product_types(o, attr->a_zero, attr->b_zero, attr->y_zero);
	if (ret)
		return ret;
	if (a->type != NPU_TYPE_F32 && attr->alpha)
		return operand_error(o, "GEMM in int8 has no alpha");
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
	if (bias->type && !same_extents(bias, y))
		return operand_error(o, "GEMM's bias has other extents than its output");
	if (multiplier->type && multiplier->count != 1 &&
	    (multiplier->rank != 1 || multiplier->extent[0] != y->extent[r - 1]))
		return operand_error(o, "GEMM's multiplier is neither one nor one for each column");
	o->macs = y->count * a->extent[r - 1];
	return 0;
}

struct gemm {
	struct operation *o;
	struct walk batch;
};

static int64_t origin(const struct gemm *g, const struct view *v)
{
	return v->type ? walk_offset(&g->batch, v) : 0;
}

/* The tile of a matrix as floats: where it stands if BLAS can read it there. */
static void fetch(const struct gemm *g, const struct view *v, int32_t zero, uint32_t row,
		  uint32_t rows, uint32_t column, uint32_t columns, struct tile *tile)
{
	const int64_t down = v->stride[v->rank - 2], right = v->stride[v->rank - 1];
	const int64_t at = origin(g, v) + row * down + column * right;

	tile->data = tile->scratch;
	tile->ld = columns;
	tile->transposed = false;
	if (v->type == NPU_TYPE_F32) {
		if (right == 1 && (rows == 1 || down >= columns)) {
			tile->data = (const float *)v->data + at;
			tile->ld = rows == 1 ? columns : (unsigned int)down;
			return;
		}
		if (down == 1 && (columns == 1 || right >= rows)) {
			tile->data = (const float *)v->data + at;
			tile->ld = columns == 1 ? rows : (unsigned int)right;
			tile->transposed = true;
			return;
		}
	}
	/* Along the dimension that is dense in memory. */
	if (down == 1 && right != 1) {
		tile->ld = rows;
		tile->transposed = true;
		for (uint32_t i = 0; i < columns; i++)
			load_row(v, at + i * right, 1, zero, tile->scratch + (size_t)i * rows, rows);
		return;
	}
	for (uint32_t i = 0; i < rows; i++)
		load_row(v, at + i * down, right, zero, tile->scratch + (size_t)i * columns, columns);
}

static void fetch_a(void *context, uint32_t row, uint32_t rows, uint32_t column, uint32_t columns,
		    struct tile *tile)
{
	const struct gemm *g = context;
	const struct npu_attr_gemm *attr = g->o->attr;

	fetch(g, &g->o->tensors[1], attr->a_zero, row, rows, column, columns, tile);
}

static void fetch_b(void *context, uint32_t row, uint32_t rows, uint32_t column, uint32_t columns,
		    struct tile *tile)
{
	const struct gemm *g = context;
	const struct npu_attr_gemm *attr = g->o->attr;

	fetch(g, &g->o->tensors[2], attr->b_zero, row, rows, column, columns, tile);
}

/* Offset of element (row, column) of the current matrix. */
static int64_t element(const struct gemm *g, const struct view *v, uint32_t row, uint32_t column)
{
	return origin(g, v) + row * v->stride[v->rank - 2] + column * v->stride[v->rank - 1];
}

static void store_real(const struct gemm *g, uint32_t row, uint32_t column, uint32_t columns,
		       float *real)
{
	const struct view *y = &g->o->tensors[0], *bias = &g->o->tensors[3];
	const struct npu_attr_gemm *attr = g->o->attr;
	const float alpha = bits_to_float(attr->alpha);

	for (uint32_t i = 0; alpha != 1.0f && i < columns; i++)
		real[i] *= alpha;
	if (bias->type) {
		const float *b = (const float *)bias->data + element(g, bias, row, column);
		const int64_t stride = bias->stride[bias->rank - 1];

		for (uint32_t i = 0; i < columns; i++)
			real[i] += b[i * stride];
	}
	activate(g->o->op, real, columns);
	store_row(y, element(g, y, row, column), y->stride[y->rank - 1], 0, real, columns);
}

static void store_integer(const struct gemm *g, uint32_t row, uint32_t column, uint32_t columns,
			  const int32_t *acc)
{
	const struct view *y = &g->o->tensors[0], *bias = &g->o->tensors[3];
	const struct view *multiplier = &g->o->tensors[4];
	const struct npu_attr_gemm *attr = g->o->attr;
	const int64_t step = multiplier->type ? channel_stride(multiplier) : 0;
	uint32_t sum[ROW_MAX];

	memcpy(sum, acc, columns * sizeof(*sum));
	if (bias->type) {
		const int32_t *b = (const int32_t *)bias->data + element(g, bias, row, column);
		const int64_t stride = bias->stride[bias->rank - 1];

		for (uint32_t i = 0; i < columns; i++)
			sum[i] += (uint32_t)b[i * stride];
	}
	store_accumulators(g->o, element(g, y, row, column), y->stride[y->rank - 1], sum,
			   (const float *)multiplier->data + column * step, step, attr->y_zero, columns);
}

static void store(void *context, uint32_t row, uint32_t column, uint32_t columns, float *real,
		  const int32_t *acc)
{
	if (acc)
		store_integer(context, row, column, columns, acc);
	else
		store_real(context, row, column, columns, real);
}

static float *direct(void *context, uint32_t row, uint32_t column, unsigned int *ld)
{
	const struct gemm *g = context;
	const struct view *y = &g->o->tensors[0];

	*ld = y->extent[y->rank - 2] == 1 ? y->extent[y->rank - 1] :
					    (unsigned int)y->stride[y->rank - 2];
	return (float *)y->data + element(g, y, row, column);
}

/* Whether BLAS can leave the sums where the result belongs. */
static bool is_plain(const struct operation *o)
{
	const struct view *y = &o->tensors[0];
	const struct npu_attr_gemm *attr = o->attr;

	return y->type == NPU_TYPE_F32 && o->tensors[1].type == NPU_TYPE_F32 && !o->tensors[3].type &&
	       !o->op->activation && bits_to_float(attr->alpha) == 1.0f &&
	       y->stride[y->rank - 1] == 1 &&
	       (y->extent[y->rank - 2] == 1 || y->stride[y->rank - 2] >= y->extent[y->rank - 1]);
}

int run_gemm(struct operation *o)
{
	const struct view *y = &o->tensors[0], *a = &o->tensors[1], *b = &o->tensors[2];
	const struct npu_attr_gemm *attr = o->attr;
	const unsigned int r = y->rank;
	struct view batches = *y;
	struct gemm g = { .o = o };
	struct product p = {
		.m = y->extent[r - 2], .n = y->extent[r - 1], .k = a->extent[r - 1],
		.exact = a->type != NPU_TYPE_F32, .context = &g, .a = fetch_a, .b = fetch_b,
		.store = store, .direct = is_plain(o) ? direct : NULL,
	};
	int ret;

	if (p.exact) {
		p.a_max = int8_magnitude(a->type, attr->a_zero);
		p.b_max = int8_magnitude(b->type, attr->b_zero);
	}
	batches.extent[r - 2] = batches.extent[r - 1] = 1;
	walk_begin(&g.batch, &batches);
	do {
		ret = product_run(o, &p);
	} while (!ret && walk_next(&g.batch));
	return ret;
}
