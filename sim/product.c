// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/*
 * The matrix product under GEMM and CONV, in tiles on a BLAS.
 *
 * Tiles bound three things that come from strangers: the scratch memory, the
 * time until op_tick() is called again, and, for integers, the sums: fp32
 * holds every integer up to 2^24, so a block of K whose largest possible sum
 * stays below that is exact, and blocks are added up in int32.
 *
 * How a product is cut depends on its extents alone: the same program gives
 * the same bits each time.
 */
#include "engine_internal.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#define M_TILE	1024u
#define N_TILE	1024u
#define K_TILE	1024u
/* 2^30 multiplications at most between two ticks: some 20 ms. */

_Static_assert(N_TILE <= ROW_MAX, "a row of a tile is stored as one row");

struct buffers {
	struct tile a, b;
	float *c;
	uint32_t *acc;		/* exact only */
};

static uint32_t smaller(uint64_t a, uint64_t b)
{
	return (uint32_t)(a < b ? a : b);
}

static void one_thread(void)
{
	/* More threads would take the cores from the VM that waits for us. */
	if (!getenv("OPENBLAS_NUM_THREADS"))
		openblas_set_num_threads(1);
}

static void multiply(const struct tile *a, const struct tile *b, uint32_t m, uint32_t n, uint32_t k,
		     float beta, float *c, unsigned int ldc)
{
	const CBLAS_TRANSPOSE ta = a->transposed ? CblasTrans : CblasNoTrans;
	const CBLAS_TRANSPOSE tb = b->transposed ? CblasTrans : CblasNoTrans;

	/* A row times a matrix needs no packing of the matrix: c = B^T a. */
	if (m == 1 && (!a->transposed || k == 1)) {
		if (beta == 0.0f)
			memset(c, 0, n * sizeof(*c));
		cblas_sgemv(CblasRowMajor, b->transposed ? CblasNoTrans : CblasTrans,
			    (int)(b->transposed ? n : k), (int)(b->transposed ? k : n), 1.0f, b->data,
			    (int)b->ld, a->data, 1, 1.0f, c, 1);
		return;
	}
	cblas_sgemm(CblasRowMajor, ta, tb, (int)m, (int)n, (int)k, 1.0f, a->data, (int)a->ld,
		    b->data, (int)b->ld, beta, c, (int)ldc);
}

/* acc += c; an accumulator wraps, it does not trap. */
static void accumulate(uint32_t *acc, const float *c, size_t count, bool first)
{
	if (first) {
		for (size_t i = 0; i < count; i++)
			acc[i] = (uint32_t)(int32_t)c[i];
	} else {
		for (size_t i = 0; i < count; i++)
			acc[i] += (uint32_t)(int32_t)c[i];
	}
}

static int run_tile(struct operation *o, const struct product *p, struct buffers *buffers,
		    uint32_t row, uint32_t rows, uint32_t column, uint32_t columns, uint32_t k_step)
{
	for (uint32_t k = 0; k < p->k; k += k_step) {
		const uint32_t depth = smaller(p->k - k, k_step);
		float *c = buffers->c;
		unsigned int ldc = columns;
		int ret;

		p->a(p->context, row, rows, k, depth, &buffers->a);
		p->b(p->context, k, depth, column, columns, &buffers->b);
		if (p->direct)
			c = p->direct(p->context, row, column, &ldc);
		multiply(&buffers->a, &buffers->b, rows, columns, depth, p->exact || !k ? 0.0f : 1.0f,
			 c, ldc);
		if (p->exact)
			accumulate(buffers->acc, c, (size_t)rows * columns, !k);
		/* Packing costs as much as some multiplications. */
		ret = op_tick(o, ((uint64_t)rows * columns * depth) / 512 +
				 (uint64_t)(rows + columns) * depth / 4 + 1);
		if (ret)
			return ret;
	}
	for (uint32_t i = 0; i < rows && !p->direct; i++) {
		int ret;

		p->store(p->context, row + i, column, columns, buffers->c + (size_t)i * columns,
			 p->exact ? (const int32_t *)buffers->acc + (size_t)i * columns : NULL);
		ret = op_tick(o, columns);
		if (ret)
			return ret;
	}
	return 0;
}

int product_run(struct operation *o, const struct product *p)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const uint64_t exact_k = p->exact ? (uint64_t)(0x1p24f / (p->a_max * p->b_max)) : K_TILE;
	const uint32_t k_step = smaller(exact_k ? exact_k : 1, smaller(p->k, K_TILE));
	const uint32_t m_step = smaller(p->m, M_TILE), n_step = smaller(p->n, N_TILE);
	const size_t a_size = (size_t)m_step * k_step, b_size = (size_t)k_step * n_step;
	const size_t c_size = (size_t)m_step * n_step;
	struct buffers buffers = { 0 };
	float *scratch;
	int ret = 0;

	pthread_once(&once, one_thread);
	scratch = op_scratch(o, (a_size + b_size + (p->exact ? 2 : 1) * c_size) * sizeof(*scratch));
	if (!scratch)
		return -ENOMEM;
	buffers.a.scratch = scratch;
	buffers.b.scratch = scratch + a_size;
	buffers.c = scratch + a_size + b_size;
	buffers.acc = (void *)(buffers.c + c_size);
	for (uint32_t column = 0; column < p->n && !ret; column += n_step) {
		for (uint32_t row = 0; row < p->m && !ret; row += m_step)
			ret = run_tile(o, p, &buffers, row, smaller(p->m - row, m_step), column,
				       smaller(p->n - column, n_step), k_step);
	}
	return ret;
}
