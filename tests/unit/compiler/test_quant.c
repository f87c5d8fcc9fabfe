// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Quantised models: what is found to be int8 gives the integers that the
 * formulas say (tests/models/README.md), and what is not keeps its meaning.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <npu.h>

#include "run.h"

static int clamp(int value, int low, int high)
{
	return value < low ? low : value > high ? high : value;
}

/* rint(x) to even, as the formulas want; the default rounding mode. */
static int rounded(float x)
{
	return (int)lrintf(x);
}

static void scale_constant(struct model *m, const char *name, float scale)
{
	model_constant(m, name, T_FLOAT, SCALAR, &scale);
}

static void zero_constant(struct model *m, const char *name, int type, int zero)
{
	const int8_t byte = (int8_t)zero;	/* of both types: the same bits */

	model_constant(m, name, type, SCALAR, &byte);
}

/* Adds scale and zero point called NAME.s and NAME.z. */
static void quantisation(struct model *m, const char *name, int type, float scale, int zero)
{
	char text[64];

	snprintf(text, sizeof(text), "%s.s", name);
	scale_constant(m, text, scale);
	snprintf(text, sizeof(text), "%s.z", name);
	zero_constant(m, text, type, zero);
}

/* `from` to `to` with the scale and zero point called QUANT.s and QUANT.z. */
static void linear(struct model *m, const char *op, const char *from, const char *quant,
		   const char *to)
{
	char inputs[256];

	snprintf(inputs, sizeof(inputs), "%s %s.s %s.z", from, quant, quant);
	model_node(m, op, inputs, to);
}

#define QUANTIZE(from, quant, to) linear(m, "QuantizeLinear", from, quant, to)
#define DEQUANTIZE(from, quant, to) linear(m, "DequantizeLinear", from, quant, to)

/* ---- the two operators alone ---- */

static void quantise_rounds_to_even_and_saturates(void **state)
{
	const float x[8] = { 0.25f, 0.75f, 1.25f, -0.25f, 1e9f, -1e9f, INFINITY, -INFINITY };
	struct model *m = model_new(10);
	uint8_t got[8];
	int8_t signed_got[8];

	quantisation(m, "q", T_UINT8, 0.5f, 10);
	model_input(m, "x", T_FLOAT, DIMS(8));
	QUANTIZE("x", "q", "y");
	model_output(m, "y", T_UINT8, DIMS(8));
	run_model(m, x, got);
	assert_memory_equal(got, ((uint8_t[]){ 10, 12, 12, 10, 255, 0, 255, 0 }), 8);

	m = model_new(13);
	quantisation(m, "q", T_INT8, 0.5f, -3);
	model_input(m, "x", T_FLOAT, DIMS(8));
	QUANTIZE("x", "q", "y");
	model_output(m, "y", T_INT8, DIMS(8));
	run_model(m, x, signed_got);
	assert_memory_equal(signed_got, ((int8_t[]){ -3, -1, -1, -3, 127, -128, 127, -128 }), 8);
}

static void quantise_without_zero_point_is_unsigned(void **state)
{
	const float x[3] = { -1, 2, 4 };
	struct model *m = model_new(13);
	uint8_t got[3];

	scale_constant(m, "s", 2);
	model_input(m, "x", T_FLOAT, DIMS(3));
	model_node(m, "QuantizeLinear", "x s", "y");
	model_output(m, "y", T_UINT8, DIMS(3));
	run_model(m, x, got);
	assert_memory_equal(got, ((uint8_t[]){ 0, 1, 2 }), 3);

	m = model_new(21);
	scale_constant(m, "s", 2);
	model_input(m, "x", T_FLOAT, DIMS(3));
	attr_int(m, model_node(m, "QuantizeLinear", "x s", "y"), "output_dtype", T_INT8);
	model_output(m, "y", T_INT8, DIMS(3));
	run_model(m, x, got);
	assert_memory_equal(got, ((uint8_t[]){ 0, 1, 2 }), 3);
}

static void scales_for_each_index_of_an_axis(void **state)
{
	const float x[6] = { 1, 2, 3, 4, 5, 6 }, scales[3] = { 1, 0.5f, 2 };
	const uint8_t zeros[3] = { 0, 1, 2 };
	struct model *m = model_new(13);
	const void *input = x;
	uint8_t q[6];
	float r[6];
	void *outputs[] = { q, r };
	struct compiled c;

	model_input(m, "x", T_FLOAT, DIMS(2, 3));
	model_constant(m, "q.s", T_FLOAT, DIMS(3), scales);
	model_constant(m, "q.z", T_UINT8, DIMS(3), zeros);
	attr_int(m, model_node(m, "QuantizeLinear", "x q.s q.z", "y"), "axis", -1);
	attr_int(m, model_node(m, "DequantizeLinear", "y q.s q.z", "r"), "axis", 1);
	model_output(m, "y", T_UINT8, DIMS(2, 3));
	model_output(m, "r", T_FLOAT, DIMS(2, 3));
	c = compile_model(m, NULL);
	run(&c, &input, outputs);
	assert_memory_equal(q, ((uint8_t[]){ 1, 5, 4, 4, 11, 5 }), 6);
	assert_close(r, (float[]){ 1, 2, 4, 4, 5, 6 }, 6);
	compiled_free(&c);
	model_free(m);
}

static void dequantise_takes_int32(void **state)
{
	const int32_t x[3] = { -70000, 0, 3 };
	struct model *m = model_new(10);
	float got[3];

	scale_constant(m, "s", 0.5f);
	model_input(m, "x", T_INT32, DIMS(3));
	model_node(m, "DequantizeLinear", "x s", "y");
	model_output(m, "y", T_FLOAT, DIMS(3));
	run_model(m, x, got);
	assert_close(got, (float[]){ -35000, 0, 1.5f }, 3);
}

/* ---- convolutions ---- */

enum { C = 3, M = 4, SIZE = 6, K = 3, OUT = SIZE - K + 1 };

struct conv_case {
	bool x_signed, y_signed, bias, bias_real;
	int x_zero, w_zero, y_zero;
	bool per_channel;
	const char *activation;	/* NULL: none */
};

struct conv_data {
	uint8_t x[C * SIZE * SIZE];
	int8_t w[M * C * K * K];
	int32_t bias[M];
	float w_scale[M];
};

#define X_SCALE 0.02f
#define Y_SCALE 0.0375f
#define CLIP_LOW (-0.4f)
#define CLIP_HIGH 1.1f

static int expected_conv(const struct conv_case *c, const struct conv_data *d, int m, int p)
{
	const int low = c->y_signed ? -128 : 0, high = low + 255;
	const float multiplier = (X_SCALE * d->w_scale[m]) / Y_SCALE;
	int acc = c->bias || c->bias_real ? d->bias[m] : 0, y;

	for (int i = 0; i < C * K * K; i++) {
		const int at = i / 9 * SIZE * SIZE + (p / OUT + i / 3 % 3) * SIZE + p % OUT + i % 3;
		const int x = c->x_signed ? (int8_t)d->x[at] : d->x[at];

		acc += (x - c->x_zero) * (d->w[m * C * K * K + i] - c->w_zero);
	}
	y = clamp(rounded((float)acc * multiplier) + c->y_zero, low, high);
	if (c->activation && !strcmp(c->activation, "Relu"))
		y = y < c->y_zero ? c->y_zero : y;
	if (c->activation && !strcmp(c->activation, "Clip"))
		y = clamp(y, clamp(rounded(CLIP_LOW / Y_SCALE) + c->y_zero, low, high),
			  clamp(rounded(CLIP_HIGH / Y_SCALE) + c->y_zero, low, high));
	return y;
}

static void conv_data(const struct conv_case *c, struct conv_data *d)
{
	uint64_t seed = 77;

	for (size_t i = 0; i < sizeof(d->x); i++)
		d->x[i] = (uint8_t)random_bits(&seed);
	for (size_t i = 0; i < sizeof(d->w); i++)
		d->w[i] = (int8_t)random_bits(&seed);
	for (int i = 0; i < M; i++) {
		d->bias[i] = (int32_t)(random_bits(&seed) % 20000) - 10000;
		d->w_scale[i] = 0.003f * (float)(c->per_channel ? i + 1 : 2);
	}
}

static void conv_weights(struct model *m, const struct conv_case *c, const struct conv_data *d)
{
	const int8_t zeros[M] = { (int8_t)c->w_zero, (int8_t)c->w_zero, (int8_t)c->w_zero,
				  (int8_t)c->w_zero };
	float bias_scale[M], real_bias[M];
	const int64_t *scales = c->per_channel ? DIMS(M) : SCALAR;

	for (int i = 0; i < M; i++) {
		bias_scale[i] = X_SCALE * d->w_scale[i];
		real_bias[i] = (float)d->bias[i] * bias_scale[i];
	}
	model_constant(m, "w.q", T_INT8, DIMS(M, C, K, K), d->w);
	model_constant(m, "w.s", T_FLOAT, scales, d->w_scale);
	model_constant(m, "w.z", T_INT8, scales, zeros);
	attr_int(m, model_node(m, "DequantizeLinear", "w.q w.s w.z", "w"), "axis", 0);
	if (c->bias) {
		model_constant(m, "b.q", T_INT32, DIMS(M), d->bias);
		model_constant(m, "b.s", T_FLOAT, scales, bias_scale);
		attr_int(m, model_node(m, "DequantizeLinear", "b.q b.s", "b"), "axis", 0);
	} else if (c->bias_real) {
		model_constant(m, "b", T_FLOAT, DIMS(M), real_bias);
	}
}

static void check_conv(const struct conv_case *c)
{
	const int x_type = c->x_signed ? T_INT8 : T_UINT8, y_type = c->y_signed ? T_INT8 : T_UINT8;
	const float low = CLIP_LOW, high = CLIP_HIGH;
	struct model *m = model_new(13);
	const bool bias = c->bias || c->bias_real;
	uint8_t got[M * OUT * OUT];
	struct compiled compiled;
	struct conv_data d;
	const void *input = d.x;
	void *output = got;

	conv_data(c, &d);
	quantisation(m, "x", x_type, X_SCALE, c->x_zero);
	quantisation(m, "y", y_type, Y_SCALE, c->y_zero);
	model_input(m, "x.q", x_type, DIMS(1, C, SIZE, SIZE));
	DEQUANTIZE("x.q", "x", "x");
	conv_weights(m, c, &d);
	model_node(m, "Conv", bias ? "x w b" : "x w", c->activation ? "sum" : "y");
	if (c->activation && !strcmp(c->activation, "Relu"))
		model_node(m, "Relu", "sum", "y");
	if (c->activation && !strcmp(c->activation, "Clip")) {
		model_constant(m, "low", T_FLOAT, SCALAR, &low);
		model_constant(m, "high", T_FLOAT, SCALAR, &high);
		model_node(m, "Clip", "sum low high", "y");
	}
	QUANTIZE("y", "y", "y.q");
	model_output(m, "y.q", y_type, DIMS(1, M, OUT, OUT));
	compiled = compile_model(m, NULL);
	assert_int_equal(compiled.report.op_count, 1);
	run(&compiled, &input, &output);
	for (int i = 0; i < M * OUT * OUT; i++) {
		const int value = c->y_signed ? (int8_t)got[i] : got[i];

		if (value != expected_conv(c, &d, i / (OUT * OUT), i % (OUT * OUT)))
			fail_msg("element %d is %d, should be %d", i, value,
				 expected_conv(c, &d, i / (OUT * OUT), i % (OUT * OUT)));
	}
	compiled_free(&compiled);
	model_free(m);
}

static void conv_in_int8_is_exact(void **state)
{
	const struct conv_case cases[] = {
		{ .x_zero = 128, .y_zero = 100, .per_channel = true, .bias = true },
		{ .x_zero = 0, .y_zero = 0, .per_channel = true, .activation = "Relu" },
		{ .x_zero = 7, .y_zero = 128, .bias = true, .activation = "Relu" },
		{ .x_signed = true, .y_signed = true, .x_zero = -3, .y_zero = 5, .bias = true,
		  .per_channel = true, .activation = "Clip" },
		{ .x_signed = true, .x_zero = 0, .y_zero = 200, .w_zero = 4, .bias_real = true },
		{ .y_signed = true, .x_zero = 255, .y_zero = -128, .w_zero = -9, .per_channel = true,
		  .bias = true, .activation = "Clip" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_conv(&cases[i]);
}

/* ---- matrix products ---- */

static void matmul_with_scales_for_each_column(void **state)
{
	/* x is [2, 3, 5], w is [5, 4] with a scale for each of the 4. */
	const float w_scale[4] = { 0.01f, 0.02f, 0.03f, 0.04f };
	const int8_t zeros[4] = { 0 };
	struct model *m = model_new(13);
	int8_t x[30], w[20], got[24];
	const void *input = x;
	void *output = got;
	struct compiled c;
	uint64_t seed = 5;

	for (int i = 0; i < 30; i++)
		x[i] = (int8_t)random_bits(&seed);
	for (int i = 0; i < 20; i++)
		w[i] = (int8_t)random_bits(&seed);
	quantisation(m, "x", T_INT8, 0.1f, 1);
	quantisation(m, "y", T_INT8, 0.9f, -2);
	model_input(m, "x.q", T_INT8, DIMS(2, 3, 5));
	DEQUANTIZE("x.q", "x", "x");
	model_constant(m, "w.q", T_INT8, DIMS(5, 4), w);
	model_constant(m, "w.s", T_FLOAT, DIMS(4), w_scale);
	model_constant(m, "w.z", T_INT8, DIMS(4), zeros);
	attr_int(m, model_node(m, "DequantizeLinear", "w.q w.s w.z", "w"), "axis", 1);
	model_node(m, "MatMul", "x w", "y");
	QUANTIZE("y", "y", "y.q");
	model_output(m, "y.q", T_INT8, DIMS(2, 3, 4));
	c = compile_model(m, NULL);
	assert_int_equal(c.report.op_count, 1);
	assert_int_equal(count_operations(&c, "GEMM i8"), 1);
	run(&c, &input, &output);
	for (int i = 0; i < 24; i++) {
		const float multiplier = (0.1f * w_scale[i % 4]) / 0.9f;
		int acc = 0;

		for (int k = 0; k < 5; k++)
			acc += (x[i / 4 * 5 + k] - 1) * w[k * 4 + i % 4];
		assert_int_equal(got[i], clamp(rounded((float)acc * multiplier) - 2, -128, 127));
	}
	compiled_free(&c);
	model_free(m);
}

static void products_of_two_activations_in_int8(void **state)
{
	const uint8_t a[4] = { 1, 2, 3, 200 }, b[4] = { 5, 6, 255, 8 };
	const void *inputs[] = { a, b };
	struct model *m = model_new(13);
	uint8_t got[4];
	void *output = got;
	struct compiled c;

	quantisation(m, "a", T_UINT8, 0.5f, 2);
	quantisation(m, "b", T_UINT8, 0.25f, 6);
	quantisation(m, "y", T_UINT8, 10, 100);
	model_input(m, "a.q", T_UINT8, DIMS(2, 2));
	model_input(m, "b.q", T_UINT8, DIMS(2, 2));
	DEQUANTIZE("a.q", "a", "a");
	DEQUANTIZE("b.q", "b", "b");
	model_node(m, "MatMul", "a b", "y");
	QUANTIZE("y", "y", "y.q");
	model_output(m, "y.q", T_UINT8, DIMS(2, 2));
	c = compile_model(m, NULL);
	assert_int_equal(c.report.op_count, 1);
	run(&c, inputs, &output);
	for (int i = 0; i < 4; i++) {
		const int acc = (a[i / 2 * 2] - 2) * (b[i % 2] - 6) +
				(a[i / 2 * 2 + 1] - 2) * (b[2 + i % 2] - 6);

		assert_int_equal(got[i],
				 clamp(rounded((float)acc * (0.5f * 0.25f / 10)) + 100, 0, 255));
	}
	compiled_free(&c);
	model_free(m);
}

static void a_product_that_is_not_quantised_stays_real(void **state)
{
	/* The last layer of many models: int8 in, f32 out, with tanh. */
	const uint8_t x[3] = { 10, 20, 30 };
	const int8_t w[6] = { 1, -2, 3, -4, 5, -6 };
	const int32_t bias[2] = { 7, -9 };
	struct model *m = model_new(13);
	const void *input = x;
	float got[2];
	void *output = got;
	struct compiled c;

	quantisation(m, "x", T_UINT8, 0.1f, 15);
	quantisation(m, "w", T_INT8, 0.02f, 0);
	scale_constant(m, "b.s", 0.1f * 0.02f);
	model_input(m, "x.q", T_UINT8, DIMS(1, 3));
	DEQUANTIZE("x.q", "x", "x");
	model_constant(m, "w.q", T_INT8, DIMS(2, 3), w);
	DEQUANTIZE("w.q", "w", "w");
	model_constant(m, "b.q", T_INT32, DIMS(2), bias);
	model_node(m, "DequantizeLinear", "b.q b.s", "b");
	attr_int(m, model_node(m, "Gemm", "x w b", "sum"), "transB", 1);
	model_node(m, "Tanh", "sum", "y");
	model_output(m, "y", T_FLOAT, DIMS(1, 2));
	c = compile_model(m, NULL);
	assert_int_equal(c.report.op_count, 1);
	assert_int_equal(count_operations(&c, "GEMM u8 tanh"), 1);
	run(&c, &input, &output);
	for (int i = 0; i < 2; i++) {
		int acc = bias[i];

		for (int k = 0; k < 3; k++)
			acc += (x[k] - 15) * w[i * 3 + k];
		assert_close(&got[i], (float[]){ tanhf((float)acc * 0.002f) }, 1);
	}
	compiled_free(&c);
	model_free(m);
}

static void a_bias_added_behind_a_product_is_its_bias(void **state)
{
	const uint8_t x[2] = { 10, 20 };
	const int8_t w[4] = { 1, -2, 3, -4 };
	const int32_t bias[2] = { 50, -60 };
	struct model *m = model_new(13);
	const void *input = x;
	uint8_t got[2];
	void *output = got;
	struct compiled c;

	quantisation(m, "x", T_UINT8, 0.5f, 0);
	quantisation(m, "w", T_INT8, 0.5f, 0);
	quantisation(m, "y", T_UINT8, 1, 128);
	scale_constant(m, "b.s", 0.25f);
	model_input(m, "x.q", T_UINT8, DIMS(1, 2));
	DEQUANTIZE("x.q", "x", "x");
	model_constant(m, "w.q", T_INT8, DIMS(2, 2), w);
	DEQUANTIZE("w.q", "w", "w");
	model_constant(m, "b.q", T_INT32, DIMS(2), bias);
	model_node(m, "DequantizeLinear", "b.q b.s", "b");
	model_node(m, "MatMul", "x w", "product");
	model_node(m, "Add", "product b", "y");
	QUANTIZE("y", "y", "y.q");
	model_output(m, "y.q", T_UINT8, DIMS(1, 2));
	c = compile_model(m, NULL);
	assert_int_equal(c.report.op_count, 1);
	run(&c, &input, &output);
	/* (10 * 1 + 20 * 3 + 50) / 4 = 30; (-20 - 80 - 60) / 4 = -40 */
	assert_int_equal(got[0], 158);
	assert_int_equal(got[1], 88);
	compiled_free(&c);
	model_free(m);
}

static void sums_that_could_overflow_run_in_fp32(void **state)
{
	/* 70000 products of 255 and 127 do not fit an int32. */
	enum { LONG = 70000 };
	struct model *m = model_new(13);
	uint8_t *x = malloc(LONG);
	int8_t *w = malloc(LONG);
	const void *input = x;
	float got;
	void *output = &got;
	struct compiled c;

	memset(x, 255, LONG);
	memset(w, 127, LONG);
	quantisation(m, "x", T_UINT8, 1, 0);
	quantisation(m, "w", T_INT8, 1, 0);
	model_input(m, "x.q", T_UINT8, DIMS(1, LONG));
	DEQUANTIZE("x.q", "x", "x");
	model_constant(m, "w.q", T_INT8, DIMS(LONG, 1), w);
	DEQUANTIZE("w.q", "w", "w");
	model_node(m, "MatMul", "x w", "y");
	model_output(m, "y", T_FLOAT, DIMS(1, 1));
	c = compile_model(m, NULL);
	assert_int_equal(count_operations(&c, "GEMM f32"), 1);
	run(&c, &input, &output);
	assert_close(&got, (float[]){ 255.0f * 127.0f * LONG }, 1);
	compiled_free(&c);
	model_free(m);
	free(x);
	free(w);
}

static void weights_with_different_zero_points_run_in_fp32(void **state)
{
	const uint8_t x[2] = { 3, 5 };
	const int8_t w[4] = { 1, 2, 3, 4 }, zeros[2] = { 1, -1 };
	const float scales[2] = { 0.5f, 0.25f };
	struct model *m = model_new(13);
	const void *input = x;
	float got[2];
	void *output = got;
	struct compiled c;

	quantisation(m, "x", T_UINT8, 2, 1);
	model_input(m, "x.q", T_UINT8, DIMS(1, 2));
	DEQUANTIZE("x.q", "x", "x");
	model_constant(m, "w.q", T_INT8, DIMS(2, 2), w);
	model_constant(m, "w.s", T_FLOAT, DIMS(2), scales);
	model_constant(m, "w.z", T_INT8, DIMS(2), zeros);
	model_node(m, "DequantizeLinear", "w.q w.s w.z", "w");
	model_node(m, "MatMul", "x w", "y");
	model_output(m, "y", T_FLOAT, DIMS(1, 2));
	c = compile_model(m, NULL);
	assert_int_equal(c.report.op_count, 2);
	assert_int_equal(count_operations(&c, "GEMM f32"), 1);
	run(&c, &input, &output);
	/* x = 4, 8; w = 0, 0.75; 1, 1.25 */
	assert_close(got, (float[]){ 8, 13 }, 2);
	compiled_free(&c);
	model_free(m);
}

/* ---- element by element ---- */

static void elements_in_int8(void **state)
{
	static const char *const ops[] = { "Add", "Sub", "Mul" };

	for (int i = 0; i < 3; i++) {
		const uint8_t a[4] = { 0, 50, 100, 255 };
		const int8_t b[2] = { -128, 90 };
		const void *inputs[] = { a, b };
		struct model *m = model_new(13);
		uint8_t got[4];
		void *output = got;
		struct compiled c;

		quantisation(m, "a", T_UINT8, 0.02f, 30);
		quantisation(m, "b", T_INT8, 0.01f, -7);
		quantisation(m, "y", T_UINT8, 0.03f, 60);
		model_input(m, "a.q", T_UINT8, DIMS(2, 2));
		model_input(m, "b.q", T_INT8, DIMS(2));
		DEQUANTIZE("a.q", "a", "a");
		DEQUANTIZE("b.q", "b", "b");
		model_node(m, ops[i], "a b", "sum");
		model_node(m, "Relu", "sum", "y");
		QUANTIZE("y", "y", "y.q");
		model_output(m, "y.q", T_UINT8, DIMS(2, 2));
		c = compile_model(m, NULL);
		assert_int_equal(c.report.op_count, 1);
		run(&c, inputs, &output);
		for (int j = 0; j < 4; j++) {
			const float ra = (float)(a[j] - 30) * 0.02f, rb = (float)(b[j % 2] + 7) * 0.01f;
			const float r = i == 0 ? ra + rb : i == 1 ? ra - rb : ra * rb;

			assert_int_equal(got[j], clamp(rounded(fmaxf(r, 0) / 0.03f) + 60, 0, 255));
		}
		compiled_free(&c);
		model_free(m);
	}
}

static void a_real_operand_beside_an_int8_one(void **state)
{
	const float x[3] = { 0.5f, -0.25f, 3 };
	const uint8_t q[3] = { 0, 128, 255 };
	const void *inputs[] = { x, q };
	struct model *m = model_new(13);
	float got[3];
	void *output = got;
	struct compiled c;

	quantisation(m, "q", T_UINT8, 0.125f, 128);
	model_input(m, "x", T_FLOAT, DIMS(3));
	model_input(m, "q.q", T_UINT8, DIMS(3));
	DEQUANTIZE("q.q", "q", "q");
	model_node(m, "Add", "x q", "y");
	model_output(m, "y", T_FLOAT, DIMS(3));
	c = compile_model(m, NULL);
	assert_int_equal(c.report.op_count, 1);
	run(&c, inputs, &output);
	assert_close(got, (float[]){ -15.5f, -0.25f, 18.875f }, 3);
	compiled_free(&c);
	model_free(m);
}

static void sigmoid_in_int8(void **state)
{
	const int8_t x[4] = { -128, -10, 0, 127 };
	struct model *m = model_new(13);
	const void *input = x;
	uint8_t got[4];
	void *output = got;
	struct compiled c;

	quantisation(m, "x", T_INT8, 0.05f, -2);
	quantisation(m, "y", T_UINT8, 1 / 256.0f, 0);
	model_input(m, "x.q", T_INT8, DIMS(4));
	DEQUANTIZE("x.q", "x", "x");
	model_node(m, "Sigmoid", "x", "y");
	QUANTIZE("y", "y", "y.q");
	model_output(m, "y.q", T_UINT8, DIMS(4));
	c = compile_model(m, NULL);
	assert_int_equal(c.report.op_count, 1);
	run(&c, &input, &output);
	for (int i = 0; i < 4; i++) {
		const float r = 1 / (1 + expf(-(float)(x[i] + 2) * 0.05f));

		assert_int_equal(got[i], clamp(rounded(r * 256), 0, 255));
	}
	compiled_free(&c);
	model_free(m);
}

static void an_activation_that_integers_cannot_clamp(void **state)
{
	/* Conv, sigmoid, quantise: the sigmoid needs the real sum. */
	const uint8_t x[2] = { 10, 250 };
	const int8_t w[1] = { 3 };
	struct model *m = model_new(13);
	const void *input = x;
	uint8_t got[2];
	void *output = got;
	struct compiled c;

	quantisation(m, "x", T_UINT8, 0.01f, 128);
	quantisation(m, "w", T_INT8, 0.5f, 0);
	quantisation(m, "y", T_UINT8, 1 / 255.0f, 0);
	model_input(m, "x.q", T_UINT8, DIMS(1, 1, 2));
	DEQUANTIZE("x.q", "x", "x");
	model_constant(m, "w.q", T_INT8, DIMS(1, 1, 1), w);
	DEQUANTIZE("w.q", "w", "w");
	model_node(m, "Conv", "x w", "sum");
	model_node(m, "Sigmoid", "sum", "y");
	QUANTIZE("y", "y", "y.q");
	model_output(m, "y.q", T_UINT8, DIMS(1, 1, 2));
	c = compile_model(m, NULL);
	assert_int_equal(count_operations(&c, "CONV u8 sigmoid"), 1);
	assert_int_equal(count_operations(&c, "QUANTISE"), 1);
	run(&c, &input, &output);
	for (int i = 0; i < 2; i++) {
		const float r = 1 / (1 + expf(-(float)((x[i] - 128) * 3) * (0.01f * 0.5f)));

		assert_int_equal(got[i], rounded(r / (1 / 255.0f)));
	}
	compiled_free(&c);
	model_free(m);
}

/* ---- values that only move ---- */

static void average_pool_in_int8(void **state)
{
	const uint8_t x[8] = { 1, 2, 3, 4, 100, 200, 50, 25 };
	struct model *m = model_new(13);
	const void *input = x;
	uint8_t got[2];
	void *output = got;
	struct compiled c;

	quantisation(m, "x", T_UINT8, 0.5f, 10);
	quantisation(m, "y", T_UINT8, 0.25f, 20);
	model_input(m, "x.q", T_UINT8, DIMS(1, 2, 2, 2));
	DEQUANTIZE("x.q", "x", "x");
	model_node(m, "GlobalAveragePool", "x", "y");
	QUANTIZE("y", "y", "y.q");
	model_output(m, "y.q", T_UINT8, DIMS(1, 2, 1, 1));
	c = compile_model(m, NULL);
	assert_int_equal(c.report.op_count, 1);
	run(&c, &input, &output);
	/* means 2.5 and 93.75, minus 10, doubled, plus 20 */
	assert_int_equal(got[0], 5);
	assert_int_equal(got[1], clamp(rounded(83.75f * 2) + 20, 0, 255));
	compiled_free(&c);
	model_free(m);
}

static void quantised_values_move_without_arithmetic(void **state)
{
	/* Each operator stands between dequantise and quantise, as exporters write it. */
	const int64_t shape[2] = { 1, 8 };
	uint8_t x[16], got[8];
	struct model *m = model_new(13);
	const void *input = x;
	void *output = got;
	struct compiled c;

	for (int i = 0; i < 16; i++)
		x[i] = (uint8_t)(i * 16);
	quantisation(m, "x", T_UINT8, 0.1f, 3);
	model_constant(m, "shape", T_INT64, DIMS(2), shape);
	model_input(m, "x.q", T_UINT8, DIMS(1, 2, 2, 4));
	DEQUANTIZE("x.q", "x", "a");
	attr_ints(m, model_node(m, "MaxPool", "a", "b"), "kernel_shape", DIMS(1, 2));
	attr_ints(m, m->graph.node[1], "strides", DIMS(1, 2));
	QUANTIZE("b", "x", "b.q");
	DEQUANTIZE("b.q", "x", "c");
	attr_ints(m, model_node(m, "Transpose", "c", "d"), "perm", DIMS(0, 2, 3, 1));
	QUANTIZE("d", "x", "d.q");
	DEQUANTIZE("d.q", "x", "e");
	model_node(m, "Reshape", "e shape", "f");
	QUANTIZE("f", "x", "f.q");
	model_output(m, "f.q", T_UINT8, DIMS(1, 8));
	c = compile_model(m, NULL);
	assert_int_equal(c.report.op_count, 1);
	assert_int_equal(count_operations(&c, "POOL MAX u8"), 1);
	run(&c, &input, &output);
	for (int i = 0; i < 8; i++)
		assert_int_equal(got[i], x[i % 2 * 8 + i / 2 * 2 + 1]);
	compiled_free(&c);
	model_free(m);
}

static void joined_values_are_rescaled(void **state)
{
	const uint8_t a[2] = { 0, 100 };
	const int8_t b[2] = { -50, 50 };
	const void *inputs[] = { a, b };
	struct model *m = model_new(13);
	uint8_t got[4];
	void *output = got;
	struct compiled c;

	quantisation(m, "a", T_UINT8, 0.1f, 10);
	quantisation(m, "b", T_INT8, 0.2f, 0);
	quantisation(m, "y", T_UINT8, 0.1f, 128);
	model_input(m, "a.q", T_UINT8, DIMS(2));
	model_input(m, "b.q", T_INT8, DIMS(2));
	DEQUANTIZE("a.q", "a", "a");
	DEQUANTIZE("b.q", "b", "b");
	attr_int(m, model_node(m, "Concat", "a b", "y"), "axis", 0);
	QUANTIZE("y", "y", "y.q");
	model_output(m, "y.q", T_UINT8, DIMS(4));
	c = compile_model(m, NULL);
	assert_int_equal(c.report.op_count, 2);
	assert_int_equal(count_operations(&c, "UNARY"), 2);
	run(&c, inputs, &output);
	assert_int_equal(got[0], 118);
	assert_int_equal(got[1], 218);
	assert_int_equal(got[2], 28);
	assert_int_equal(got[3], 228);
	compiled_free(&c);
	model_free(m);
}

static void fake_quantised_weights_become_int8(void **state)
{
	/* Weights as floats, quantised and dequantised in the model. */
	const float w[2] = { 0.5f, -1.26f };
	const uint8_t x[2] = { 4, 8 };
	struct model *m = model_new(13);
	const void *input = x;
	float got;
	void *output = &got;
	struct compiled c;

	quantisation(m, "x", T_UINT8, 1, 0);
	quantisation(m, "w", T_INT8, 0.25f, 0);
	model_input(m, "x.q", T_UINT8, DIMS(1, 2));
	DEQUANTIZE("x.q", "x", "x");
	model_constant(m, "w", T_FLOAT, DIMS(2, 1), w);
	QUANTIZE("w", "w", "w.q");
	DEQUANTIZE("w.q", "w", "w.r");
	model_node(m, "MatMul", "x w.r", "y");
	model_output(m, "y", T_FLOAT, DIMS(1, 1));
	c = compile_model(m, NULL);
	assert_int_equal(c.report.op_count, 1);
	assert_int_equal(count_operations(&c, "GEMM u8"), 1);
	run(&c, &input, &output);
	assert_close(&got, (float[]){ 4 * 0.5f - 8 * 1.25f }, 1);
	compiled_free(&c);
	model_free(m);
}

static void parameters_that_a_quantiser_quantised_too(void **state)
{
	/* Quantisers that are not told better quantise the factors of a batch
	 * normalisation, as if it were a product.
	 */
	const int8_t gamma[2] = { 2, -4 };
	const float beta[2] = { 1, 2 }, mean[2] = { 0.5f, 0 }, variance[2] = { 1, 4 };
	const float x[4] = { 1, 2, 3, 4 };
	struct model *m = model_new(13);
	float got[4];

	quantisation(m, "gamma", T_INT8, 0.5f, 0);
	model_constant(m, "gamma.q", T_INT8, DIMS(2), gamma);
	DEQUANTIZE("gamma.q", "gamma", "gamma");
	model_constant(m, "beta", T_FLOAT, DIMS(2), beta);
	model_constant(m, "mean", T_FLOAT, DIMS(2), mean);
	model_constant(m, "variance", T_FLOAT, DIMS(2), variance);
	model_input(m, "x", T_FLOAT, DIMS(1, 2, 2));
	attr_float(m, model_node(m, "BatchNormalization", "x gamma beta mean variance", "y"),
		   "epsilon", 0);
	model_output(m, "y", T_FLOAT, DIMS(1, 2, 2));
	run_model(m, x, got);
	/* (x - 0.5) * 1 + 1; x / 2 * -2 + 2 */
	assert_close(got, (float[]){ 1.5f, 2.5f, -1, -2 }, 4);
}

/* ---- what the file says of inputs and outputs ---- */

static void inputs_and_outputs_carry_their_scale(void **state)
{
	struct model *m = model_new(13);
	const struct npu_graph_port *port;
	struct npu_graph *graph;
	struct compiled c;

	quantisation(m, "x", T_UINT8, 0.5f, 3);
	quantisation(m, "y", T_INT8, 0.25f, -4);
	model_input(m, "x.q", T_UINT8, DIMS(2, 3));
	model_input(m, "z", T_FLOAT, DIMS(1));
	DEQUANTIZE("x.q", "x", "x");
	model_node(m, "Add", "x z", "xz");
	QUANTIZE("xz", "y", "y.q");
	model_node(m, "Transpose", "y.q", "t.q");
	model_output(m, "t.q", T_INT8, DIMS(3, 2));
	model_output(m, "xz", T_FLOAT, DIMS(2, 3));
	c = compile_model(m, NULL);
	assert_int_equal(npu_graph_from_memory(c.file, c.size, &graph, NULL), 0);
	port = npu_graph_input(graph, 0);
	assert_true(port->quantised && port->scale == 0.5f && port->zero_point == 3);
	assert_false(npu_graph_input(graph, 1)->quantised);
	port = npu_graph_output(graph, 0);
	assert_true(port->quantised && port->scale == 0.25f && port->zero_point == -4);
	assert_false(npu_graph_output(graph, 1)->quantised);
	npu_graph_unref(graph);
	compiled_free(&c);
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantise_rounds_to_even_and_saturates),
		cmocka_unit_test(quantise_without_zero_point_is_unsigned),
		cmocka_unit_test(scales_for_each_index_of_an_axis),
		cmocka_unit_test(dequantise_takes_int32),
		cmocka_unit_test(conv_in_int8_is_exact),
		cmocka_unit_test(matmul_with_scales_for_each_column),
		cmocka_unit_test(products_of_two_activations_in_int8),
		cmocka_unit_test(a_product_that_is_not_quantised_stays_real),
		cmocka_unit_test(a_bias_added_behind_a_product_is_its_bias),
		cmocka_unit_test(sums_that_could_overflow_run_in_fp32),
		cmocka_unit_test(weights_with_different_zero_points_run_in_fp32),
		cmocka_unit_test(elements_in_int8),
		cmocka_unit_test(a_real_operand_beside_an_int8_one),
		cmocka_unit_test(sigmoid_in_int8),
		cmocka_unit_test(an_activation_that_integers_cannot_clamp),
		cmocka_unit_test(average_pool_in_int8),
		cmocka_unit_test(quantised_values_move_without_arithmetic),
		cmocka_unit_test(joined_values_are_rescaled),
		cmocka_unit_test(fake_quantised_weights_become_int8),
		cmocka_unit_test(parameters_that_a_quantiser_quantised_too),
		cmocka_unit_test(inputs_and_outputs_carry_their_scale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
