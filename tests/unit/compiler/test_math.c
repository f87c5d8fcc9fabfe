// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Arithmetic operators against plain loops. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "run.h"

#define MAX 4096

static size_t count_of(const int64_t *dims)
{
	size_t count = 1;

	for (; *dims != -99; dims++)
		count *= (size_t)*dims;
	return count;
}

static size_t rank_of(const int64_t *dims)
{
	size_t rank = 0;

	while (dims[rank] != -99)
		rank++;
	return rank;
}

/* Index into a tensor of `dims` for the index `at` of `out`, broadcast. */
static size_t broadcast_index(const int64_t *dims, const int64_t *out, size_t at)
{
	const size_t rank = rank_of(dims), skip = rank_of(out) - rank;
	size_t index = 0, step = 1;

	for (size_t i = rank_of(out); i-- > 0;) {
		const size_t position = at % (size_t)out[i];

		at /= (size_t)out[i];
		if (i < skip)
			continue;
		index += dims[i - skip] == 1 ? 0 : position * step;
		step *= (size_t)dims[i - skip];
	}
	return index;
}

/* ---- element by element ---- */

static float apply2(const char *op, float a, float b)
{
	return !strcmp(op, "Add") ? a + b : !strcmp(op, "Sub") ? a - b :
	       !strcmp(op, "Mul") ? a * b : !strcmp(op, "Div") ? a / b :
	       !strcmp(op, "Min") ? fminf(a, b) : fmaxf(a, b);
}

static void check_binary(const char *op, const int64_t *a, const int64_t *b, const int64_t *y)
{
	static float in[2][MAX], got[MAX], want[MAX];
	const void *inputs[] = { in[0], in[1] };
	void *outputs[] = { got };
	struct model *m = model_new(13);
	struct compiled c;

	fill_random(in[0], count_of(a), 1);
	fill_random(in[1], count_of(b), 2);
	for (size_t i = 0; i < count_of(y); i++)
		want[i] = apply2(op, in[0][broadcast_index(a, y, i)], in[1][broadcast_index(b, y, i)]);
	model_input(m, "a", T_FLOAT, a);
	model_input(m, "b", T_FLOAT, b);
	model_node(m, op, "a b", "y");
	model_output(m, "y", T_FLOAT, y);
	c = compile_model(m, NULL);
	assert_int_equal(c.report.op_count, 1);
	run(&c, inputs, outputs);
	assert_close(got, want, count_of(y));
	compiled_free(&c);
	model_free(m);
}

static void binary_operators_broadcast(void **state)
{
	static const char *const ops[] = { "Add", "Sub", "Mul", "Div", "Min", "Max" };

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		check_binary(ops[i], DIMS(2, 3, 5), DIMS(2, 3, 5), DIMS(2, 3, 5));
		check_binary(ops[i], DIMS(2, 3, 5), DIMS(5), DIMS(2, 3, 5));
		check_binary(ops[i], DIMS(3, 1), DIMS(2, 3, 5), DIMS(2, 3, 5));
		check_binary(ops[i], DIMS(2, 1, 5), DIMS(1, 3, 1), DIMS(2, 3, 5));
		check_binary(ops[i], SCALAR, DIMS(7), DIMS(7));
		check_binary(ops[i], DIMS(1), SCALAR, DIMS(1));
		check_binary(ops[i], SCALAR, SCALAR, SCALAR);
		check_binary(ops[i], DIMS(1, 2, 1, 3, 1, 2), DIMS(2, 1, 2, 1, 2, 1),
			     DIMS(2, 2, 2, 3, 2, 2));
	}
}

static void min_and_max_take_any_number(void **state)
{
	static const float a[3] = { 1, -5, 2 }, b[3] = { 0, 4, 2.5f }, c[3] = { -1, 9, 2.25f };
	const void *inputs[] = { a, b, c };
	float low[3], high[3];
	void *outputs[] = { low, high };
	struct model *m = model_new(8);
	struct compiled compiled;

	model_input(m, "a", T_FLOAT, DIMS(3));
	model_input(m, "b", T_FLOAT, DIMS(3));
	model_input(m, "c", T_FLOAT, DIMS(3));
	model_node(m, "Min", "a b c", "low");
	model_node(m, "Max", "a b c", "high");
	model_output(m, "low", T_FLOAT, DIMS(3));
	model_output(m, "high", T_FLOAT, DIMS(3));
	compiled = compile_model(m, NULL);
	run(&compiled, inputs, outputs);
	assert_close(low, (float[]){ -1, -5, 2 }, 3);
	assert_close(high, (float[]){ 1, 9, 2.5f }, 3);
	compiled_free(&compiled);
	model_free(m);
}

static float apply1(const char *op, float x)
{
	return !strcmp(op, "Neg") ? -x : !strcmp(op, "Abs") ? fabsf(x) :
	       !strcmp(op, "Exp") ? expf(x) : !strcmp(op, "Log") ? logf(x) :
	       !strcmp(op, "Sqrt") ? sqrtf(x) : !strcmp(op, "Reciprocal") ? 1 / x :
	       !strcmp(op, "Relu") ? (x > 0 ? x : 0) :
	       !strcmp(op, "Sigmoid") ? 1 / (1 + expf(-x)) : !strcmp(op, "Tanh") ? tanhf(x) :
	       (x < 0 ? 0.01f * x : x);
}

static void unary_operators(void **state)
{
	static const char *const ops[] = { "Neg", "Abs", "Exp", "Log", "Sqrt", "Reciprocal",
					   "Relu", "Sigmoid", "Tanh", "LeakyRelu" };
	float x[24], got[24], want[24];

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		struct model *m = model_new(13);

		fill_random(x, 24, 7 + i);
		for (size_t j = 0; j < 24; j++) {
			if (!strcmp(ops[i], "Log") || !strcmp(ops[i], "Sqrt"))
				x[j] = fabsf(x[j]) + 0.125f;
			want[j] = apply1(ops[i], x[j]);
		}
		model_input(m, "x", T_FLOAT, DIMS(2, 3, 4));
		model_node(m, ops[i], "x", "y");
		model_output(m, "y", T_FLOAT, DIMS(2, 3, 4));
		run_model(m, x, got);
		assert_close(got, want, 24);
	}
}

static void leaky_relu_has_its_slope(void **state)
{
	const float x[4] = { -8, -0.5f, 0, 3 };
	struct model *m = model_new(16);
	float got[4];

	model_input(m, "x", T_FLOAT, DIMS(4));
	attr_float(m, model_node(m, "LeakyRelu", "x", "y"), "alpha", 0.25f);
	model_output(m, "y", T_FLOAT, DIMS(4));
	run_model(m, x, got);
	assert_close(got, (float[]){ -2, -0.125f, 0, 3 }, 4);
}

/* ---- Clip ---- */

static void check_clip(struct model *m, const float *want)
{
	const float x[5] = { -3, -1, 0.5f, 1, 4 };
	float got[5];

	model_input(m, "x", T_FLOAT, DIMS(5));
	model_output(m, "y", T_FLOAT, DIMS(5));
	run_model(m, x, got);
	assert_close(got, want, 5);
}

static void clip_takes_bounds_as_attributes_then_as_inputs(void **state)
{
	const float low = -1, high = 1;
	struct model *m = model_new(10);
	Onnx__NodeProto *n = model_node(m, "Clip", "x", "y");

	attr_float(m, n, "min", low);
	attr_float(m, n, "max", high);
	check_clip(m, (float[]){ -1, -1, 0.5f, 1, 1 });

	m = model_new(11);
	model_constant(m, "low", T_FLOAT, SCALAR, &low);
	model_constant(m, "high", T_FLOAT, SCALAR, &high);
	model_node(m, "Clip", "x low high", "y");
	check_clip(m, (float[]){ -1, -1, 0.5f, 1, 1 });

	m = model_new(13);
	model_constant(m, "high", T_FLOAT, SCALAR, &high);
	model_node(m, "Clip", "x - high", "y");
	check_clip(m, (float[]){ -3, -1, 0.5f, 1, 1 });

	m = model_new(13);
	model_node(m, "Clip", "x", "y");
	check_clip(m, (float[]){ -3, -1, 0.5f, 1, 4 });

	/* The wrong way round: everything becomes the upper bound. */
	m = model_new(13);
	model_constant(m, "low", T_FLOAT, SCALAR, &high);
	model_constant(m, "high", T_FLOAT, SCALAR, &low);
	model_node(m, "Clip", "x low high", "y");
	check_clip(m, (float[]){ -1, -1, -1, -1, -1 });
}

static void clip_takes_computed_bounds(void **state)
{
	const float x[3] = { -3, 0.5f, 4 }, low = -1, high = 2;
	const void *inputs[] = { x, &low, &high };
	struct model *m = model_new(13);
	struct compiled c;
	float got[3];
	void *output = got;

	model_input(m, "x", T_FLOAT, DIMS(3));
	model_input(m, "low", T_FLOAT, SCALAR);
	model_input(m, "high", T_FLOAT, SCALAR);
	model_node(m, "Clip", "x low high", "y");
	model_output(m, "y", T_FLOAT, DIMS(3));
	c = compile_model(m, NULL);
	run(&c, inputs, &output);
	assert_close(got, (float[]){ -1, 0.5f, 2 }, 3);
	compiled_free(&c);
	model_free(m);
}

/* ---- Softmax ---- */

/* Over groups of `count` elements, `step` apart; x is [outer, count, step]. */
static void softmax(const float *x, float *y, size_t outer, size_t count, size_t step)
{
	for (size_t o = 0; o < outer * step; o++) {
		const size_t at = o / step * count * step + o % step;
		float sum = 0;

		for (size_t i = 0; i < count; i++)
			sum += expf(x[at + i * step]);
		for (size_t i = 0; i < count; i++)
			y[at + i * step] = expf(x[at + i * step]) / sum;
	}
}

static void check_softmax(int opset, const int64_t *axis, size_t outer, size_t count, size_t step)
{
	float x[60], got[60], want[60];
	struct model *m = model_new(opset);
	Onnx__NodeProto *n = model_node(m, "Softmax", "x", "y");

	fill_random(x, 60, 3);
	softmax(x, want, outer, count, step);
	model_input(m, "x", T_FLOAT, DIMS(3, 4, 5));
	if (axis)
		attr_int(m, n, "axis", *axis);
	model_output(m, "y", T_FLOAT, DIMS(3, 4, 5));
	run_model(m, x, got);
	assert_close(got, want, 60);
}

static void softmax_flattens_until_opset_12(void **state)
{
	check_softmax(12, NULL, 3, 20, 1);
	check_softmax(7, (int64_t[]){ 2 }, 12, 5, 1);
	check_softmax(11, (int64_t[]){ 0 }, 1, 60, 1);
	check_softmax(11, (int64_t[]){ -1 }, 12, 5, 1);
	check_softmax(13, NULL, 12, 5, 1);
	check_softmax(13, (int64_t[]){ 1 }, 3, 4, 5);
	check_softmax(22, (int64_t[]){ -3 }, 1, 3, 20);
}

static void softmax_stays_finite(void **state)
{
	const float x[3] = { 1000, 1001, -1000 };
	struct model *m = model_new(13);
	float got[3];

	model_input(m, "x", T_FLOAT, DIMS(3));
	model_node(m, "Softmax", "x", "y");
	model_output(m, "y", T_FLOAT, DIMS(3));
	run_model(m, x, got);
	assert_close(got, (float[]){ 0.26894142f, 0.73105858f, 0 }, 3);
}

/* ---- reductions ---- */

static float reduce(const char *op, float a, float b)
{
	return !strcmp(op, "ReduceMax") ? fmaxf(a, b) : !strcmp(op, "ReduceMin") ? fminf(a, b) :
	       a + b;
}

/* x is [2, 3, 4]; `mask` says which axes go. */
static void check_reduce(struct model *m, const char *op, unsigned int mask, const int64_t *y)
{
	static const size_t dims[3] = { 2, 3, 4 };
	float x[24], got[24], want[24];
	size_t counts[24] = { 0 };

	fill_random(x, 24, 5);
	for (size_t i = 0; i < 24; i++) {
		const size_t at[3] = { i / 12, i / 4 % 3, i % 4 };
		size_t to = 0;

		for (unsigned int d = 0; d < 3; d++)
			to = mask & 1u << d ? to : to * dims[d] + at[d];
		want[to] = counts[to]++ ? reduce(op, want[to], x[i]) : x[i];
	}
	for (size_t i = 0; i < count_of(y); i++)
		want[i] /= !strcmp(op, "ReduceMean") ? (float)counts[i] : 1;
	model_input(m, "x", T_FLOAT, DIMS(2, 3, 4));
	model_output(m, "y", T_FLOAT, y);
	run_model(m, x, got);
	assert_close(got, want, count_of(y));
}

static struct model *reduce_model(int opset, const char *op, const int64_t *axes, bool as_input,
				  int keep)
{
	struct model *m = model_new(opset);
	Onnx__NodeProto *n = model_node(m, op, axes && as_input ? "x axes" : "x", "y");

	if (axes && as_input)
		model_constant(m, "axes", T_INT64, DIMS((int64_t)rank_of(axes)), axes);
	else if (axes)
		attr_ints(m, n, "axes", axes);
	if (keep >= 0)
		attr_int(m, n, "keepdims", keep);
	return m;
}

static void reductions_take_axes_both_ways(void **state)
{
	static const char *const ops[] = { "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin" };

	for (size_t i = 0; i < 4; i++) {
		const bool sum = !strcmp(ops[i], "ReduceSum");
		const int before = sum ? 12 : 17, after = sum ? 13 : 18;

		check_reduce(reduce_model(before, ops[i], DIMS(1), false, -1), ops[i], 2, DIMS(2, 1, 4));
		check_reduce(reduce_model(before, ops[i], DIMS(0, -1), false, 0), ops[i], 5, DIMS(3));
		check_reduce(reduce_model(before, ops[i], NULL, false, 0), ops[i], 7, SCALAR);
		check_reduce(reduce_model(after, ops[i], DIMS(2), true, 1), ops[i], 4, DIMS(2, 3, 1));
		check_reduce(reduce_model(after, ops[i], DIMS(-2, 2), true, 0), ops[i], 6, DIMS(2));
		check_reduce(reduce_model(22, ops[i], NULL, true, -1), ops[i], 7, DIMS(1, 1, 1));
	}
}

static void no_axes_may_mean_no_reduction(void **state)
{
	struct model *m = model_new(18);
	Onnx__NodeProto *n = model_node(m, "ReduceMean", "x", "y");

	attr_int(m, n, "noop_with_empty_axes", 1);
	check_reduce(m, "ReduceMean", 0, DIMS(2, 3, 4));
}

/* ---- matrix products ---- */

/* a[batch][m][k] x b[batch][k][n], batches given by index lists. */
static void matmul(const float *a, const float *b, float *y, size_t m, size_t k, size_t n)
{
	for (size_t i = 0; i < m; i++) {
		for (size_t j = 0; j < n; j++) {
			double sum = 0;

			for (size_t l = 0; l < k; l++)
				sum += (double)a[i * k + l] * (double)b[l * n + j];
			y[i * n + j] = (float)sum;
		}
	}
}

/* Operands as matrices [..., m, k] and [..., k, n]; y's batch is [p, q]. */
static void check_matmul(const int64_t *a, const int64_t *b, const int64_t *y, size_t p, size_t q,
			 size_t m, size_t k, size_t n)
{
	static float in[2][MAX], got[MAX], want[MAX];
	const void *inputs[] = { in[0], in[1] };
	const size_t a_batches = count_of(a) / (m * k), b_batches = count_of(b) / (k * n);
	void *outputs[] = { got };
	struct model *model = model_new(13);
	struct compiled c;

	fill_random(in[0], count_of(a), 11);
	fill_random(in[1], count_of(b), 12);
	for (size_t i = 0; i < p; i++) {
		for (size_t j = 0; j < q; j++) {
			/* [p, q], [q] or none: what broadcasting makes of them. */
			const size_t ia = a_batches == p * q ? i * q + j : a_batches == q ? j : 0;
			const size_t ib = b_batches == p * q ? i * q + j : b_batches == q ? j : 0;

			matmul(in[0] + ia * m * k, in[1] + ib * k * n, want + (i * q + j) * m * n, m,
			       k, n);
		}
	}
	model_input(model, "a", T_FLOAT, a);
	model_input(model, "b", T_FLOAT, b);
	model_node(model, "MatMul", "a b", "y");
	model_output(model, "y", T_FLOAT, y);
	c = compile_model(model, NULL);
	assert_int_equal(c.report.macs, p * q * m * k * n);
	run(&c, inputs, outputs);
	assert_close(got, want, p * q * m * n);
	compiled_free(&c);
	model_free(model);
}

static void matmul_of_every_rank(void **state)
{
	check_matmul(DIMS(3, 7), DIMS(7, 5), DIMS(3, 5), 1, 1, 3, 7, 5);
	check_matmul(DIMS(7), DIMS(7, 5), DIMS(5), 1, 1, 1, 7, 5);
	check_matmul(DIMS(3, 7), DIMS(7), DIMS(3), 1, 1, 3, 7, 1);
	check_matmul(DIMS(7), DIMS(7), SCALAR, 1, 1, 1, 7, 1);
	check_matmul(DIMS(2, 3, 4, 7), DIMS(2, 3, 7, 5), DIMS(2, 3, 4, 5), 2, 3, 4, 7, 5);
	check_matmul(DIMS(2, 3, 4, 7), DIMS(7, 5), DIMS(2, 3, 4, 5), 2, 3, 4, 7, 5);
	check_matmul(DIMS(4, 7), DIMS(3, 7, 5), DIMS(3, 4, 5), 1, 3, 4, 7, 5);
	check_matmul(DIMS(2, 3, 4, 7), DIMS(1, 3, 7, 5), DIMS(2, 3, 4, 5), 2, 3, 4, 7, 5);
	check_matmul(DIMS(2, 3, 4, 7), DIMS(7), DIMS(2, 3, 4), 2, 3, 4, 7, 1);
	check_matmul(DIMS(1, 1), DIMS(1, 1), DIMS(1, 1), 1, 1, 1, 1, 1);
}

struct gemm_case {
	int opset;
	int trans_a, trans_b;
	float alpha, beta;	/* 1: attribute left out */
	const int64_t *c;	/* NULL: left out */
	bool constants;		/* B and C */
};

static void check_gemm(const struct gemm_case *g)
{
	enum { M = 4, K = 6, N = 5 };
	float a[M * K], b[K * N], c[M * N], at[M * K], bt[K * N], got[M * N], want[M * N];
	const void *inputs[] = { a, b, c };
	void *output = got;
	const int64_t *a_dims = g->trans_a ? DIMS(K, M) : DIMS(M, K);
	const int64_t *b_dims = g->trans_b ? DIMS(N, K) : DIMS(K, N);
	struct model *m = model_new(g->opset);
	Onnx__NodeProto *n = model_node(m, "Gemm", g->c ? "a b c" : "a b", "y");
	struct compiled compiled;

	fill_random(a, M * K, 21);
	fill_random(b, K * N, 22);
	fill_random(c, M * N, 23);
	for (int i = 0; i < M * K; i++)
		at[i] = g->trans_a ? a[i % K * M + i / K] : a[i];
	for (int i = 0; i < K * N; i++)
		bt[i] = g->trans_b ? b[i % N * K + i / N] : b[i];
	matmul(at, bt, want, M, K, N);
	for (size_t i = 0; i < M * N; i++)
		want[i] = g->alpha * want[i] +
			  (g->c ? g->beta * c[broadcast_index(g->c, DIMS(M, N), i)] : 0);
	model_input(m, "a", T_FLOAT, a_dims);
	if (g->constants)
		model_constant(m, "b", T_FLOAT, b_dims, b);
	else
		model_input(m, "b", T_FLOAT, b_dims);
	if (g->c && g->constants)
		model_constant(m, "c", T_FLOAT, g->c, c);
	else if (g->c)
		model_input(m, "c", T_FLOAT, g->c);
	if (g->trans_a)
		attr_int(m, n, "transA", 1);
	if (g->trans_b)
		attr_int(m, n, "transB", 1);
	if (g->alpha != 1)
		attr_float(m, n, "alpha", g->alpha);
	if (g->beta != 1)
		attr_float(m, n, "beta", g->beta);
	model_output(m, "y", T_FLOAT, DIMS(M, N));
	compiled = compile_model(m, NULL);
	if (g->constants)
		assert_int_equal(compiled.report.op_count, 1);
	run(&compiled, inputs, &output);
	assert_close(got, want, M * N);
	compiled_free(&compiled);
	model_free(m);
}

static void gemm_with_all_its_attributes(void **state)
{
	const struct gemm_case cases[] = {
		{ 7, 0, 0, 1, 1, DIMS(5), false },
		{ 9, 1, 0, 1, 1, DIMS(4, 5), false },
		{ 11, 0, 1, 1, 1, NULL, false },
		{ 11, 1, 1, 0.5f, 2, DIMS(4, 1), false },
		{ 13, 0, 0, -1.5f, 1, SCALAR, true },
		{ 13, 1, 1, 2, -0.25f, DIMS(1, 5), true },
		{ 13, 0, 1, 1, 0, DIMS(1), true },
		{ 22, 1, 0, 1, 1, NULL, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_gemm(&cases[i]);
}

/* ---- batch normalisation ---- */

static void add_channels(struct model *m, size_t count, float values[4][8])
{
	static const char *const names[4] = { "gamma", "beta", "mean", "variance" };

	for (size_t i = 0; i < 4; i++) {
		fill_random(values[i], count, 31 + i);
		for (size_t j = 0; i == 3 && j < count; j++)
			values[i][j] = fabsf(values[i][j]) + 0.1f;
		model_constant(m, names[i], T_FLOAT, DIMS((int64_t)count), values[i]);
	}
}

static float normalised(float values[4][8], size_t channel, float epsilon, float x)
{
	return (x - values[2][channel]) / sqrtf(values[3][channel] + epsilon) * values[0][channel] +
	       values[1][channel];
}

static void batch_normalisation_alone(void **state)
{
	float x[2 * 3 * 5], got[30], want[30], values[4][8];

	for (int opset = 7; opset <= 15; opset += 2) {
		struct model *m = model_new(opset);
		Onnx__NodeProto *n = model_node(m, "BatchNormalization", "x gamma beta mean variance",
						"y");

		add_channels(m, 3, values);
		attr_float(m, n, "epsilon", 0.01f);
		model_input(m, "x", T_FLOAT, DIMS(2, 3, 5));
		model_output(m, "y", T_FLOAT, DIMS(2, 3, 5));
		fill_random(x, 30, 41);
		for (size_t i = 0; i < 30; i++)
			want[i] = normalised(values, i / 5 % 3, 0.01f, x[i]);
		run_model(m, x, got);
		assert_close(got, want, 30);
	}
}

/* conv 1x1 of 2 to 3 channels, optional bias, normalisation, relu. */
static void check_folded(bool bias)
{
	float x[2 * 4], w[6], b[3], got[12], want[12], values[4][8];
	struct model *m = model_new(9);
	const void *input = x;
	void *output = got;
	struct compiled c;

	fill_random(x, 8, 51);
	fill_random(w, 6, 52);
	fill_random(b, 3, 53);
	model_input(m, "x", T_FLOAT, DIMS(1, 2, 2, 2));
	model_constant(m, "w", T_FLOAT, DIMS(3, 2, 1, 1), w);
	if (bias)
		model_constant(m, "b", T_FLOAT, DIMS(3), b);
	add_channels(m, 3, values);
	model_node(m, "Conv", bias ? "x w b" : "x w", "conv");
	model_node(m, "BatchNormalization", "conv gamma beta mean variance", "normal");
	model_node(m, "Relu", "normal", "y");
	model_output(m, "y", T_FLOAT, DIMS(1, 3, 2, 2));
	for (size_t i = 0; i < 12; i++) {
		const float sum = w[i / 4 * 2] * x[i % 4] + w[i / 4 * 2 + 1] * x[4 + i % 4] +
				  (bias ? b[i / 4] : 0);

		want[i] = fmaxf(normalised(values, i / 4, 1e-5f, sum), 0);
	}
	c = compile_model(m, NULL);
	assert_int_equal(c.report.op_count, 1);
	assert_int_equal(count_operations(&c, "CONV f32 relu"), 1);
	run(&c, &input, &output);
	assert_close(got, want, 12);
	compiled_free(&c);
	model_free(m);
}

static void batch_normalisation_disappears_in_a_convolution(void **state)
{
	check_folded(false);
	check_folded(true);
}

static void bias_and_scale_disappear_in_a_product(void **state)
{
	float x[6], w[12], b[4], s[4], got[8], want[8];
	struct model *m = model_new(13);
	const void *input = x;
	void *output = got;
	struct compiled c;

	fill_random(x, 6, 61);
	fill_random(w, 12, 62);
	fill_random(b, 4, 63);
	fill_random(s, 4, 64);
	model_input(m, "x", T_FLOAT, DIMS(2, 3));
	model_constant(m, "w", T_FLOAT, DIMS(3, 4), w);
	model_constant(m, "b", T_FLOAT, DIMS(4), b);
	model_constant(m, "s", T_FLOAT, DIMS(1, 4), s);
	model_node(m, "MatMul", "x w", "product");
	model_node(m, "Add", "b product", "sum");
	model_node(m, "Mul", "sum s", "scaled");
	model_node(m, "Sub", "scaled b", "less");
	model_node(m, "Tanh", "less", "y");
	model_output(m, "y", T_FLOAT, DIMS(2, 4));
	matmul(x, w, want, 2, 3, 4);
	for (size_t i = 0; i < 8; i++)
		want[i] = tanhf((want[i] + b[i % 4]) * s[i % 4] - b[i % 4]);
	c = compile_model(m, NULL);
	assert_int_equal(c.report.op_count, 1);
	assert_int_equal(count_operations(&c, "GEMM f32 tanh"), 1);
	run(&c, &input, &output);
	assert_close(got, want, 8);
	compiled_free(&c);
	model_free(m);
}

static void a_result_that_others_read_is_not_changed(void **state)
{
	float x[6], w[12], b[4], sums[8], got[8], want[8];
	struct model *m = model_new(13);
	const void *input = x;
	void *outputs[] = { got, sums };
	struct compiled c;

	fill_random(x, 6, 61);
	fill_random(w, 12, 62);
	fill_random(b, 4, 63);
	model_input(m, "x", T_FLOAT, DIMS(2, 3));
	model_constant(m, "w", T_FLOAT, DIMS(3, 4), w);
	model_constant(m, "b", T_FLOAT, DIMS(4), b);
	model_node(m, "MatMul", "x w", "product");
	model_node(m, "Add", "product b", "sum");
	model_output(m, "product", T_FLOAT, DIMS(2, 4));
	model_output(m, "sum", T_FLOAT, DIMS(2, 4));
	matmul(x, w, want, 2, 3, 4);
	c = compile_model(m, NULL);
	run(&c, &input, outputs);
	assert_close(got, want, 8);
	for (size_t i = 0; i < 8; i++)
		want[i] += b[i % 4];
	assert_close(sums, want, 8);
	compiled_free(&c);
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(binary_operators_broadcast),
		cmocka_unit_test(min_and_max_take_any_number),
		cmocka_unit_test(unary_operators),
		cmocka_unit_test(leaky_relu_has_its_slope),
		cmocka_unit_test(clip_takes_bounds_as_attributes_then_as_inputs),
		cmocka_unit_test(clip_takes_computed_bounds),
		cmocka_unit_test(softmax_flattens_until_opset_12),
		cmocka_unit_test(softmax_stays_finite),
		cmocka_unit_test(reductions_take_axes_both_ways),
		cmocka_unit_test(no_axes_may_mean_no_reduction),
		cmocka_unit_test(matmul_of_every_rank),
		cmocka_unit_test(gemm_with_all_its_attributes),
		cmocka_unit_test(batch_normalisation_alone),
		cmocka_unit_test(batch_normalisation_disappears_in_a_convolution),
		cmocka_unit_test(bias_and_scale_disappear_in_a_product),
		cmocka_unit_test(a_result_that_others_read_is_not_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
