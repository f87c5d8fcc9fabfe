// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * The C interface, and random graphs: thousands of small programs of views,
 * arithmetic and quantisation, each computed once by the compiled graph and once by an
 * interpreter that copies at every step. Whatever the compiler does about
 * memory, and where it finds int8, must not show.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "run.h"

static void a_graph_is_built_without_onnx(void **state)
{
	const uint32_t x_shape[2] = { 2, 3 }, w_shape[2] = { 3, 2 };
	const float x[6] = { 1, 2, 3, 4, 5, 6 }, w[6] = { 1, 0, 0, 1, 1, -1 }, b = -5;
	const void *input = x;
	float got[4];
	void *output = got;
	struct npuc_graph *graph;
	struct npuc_value *v;
	struct compiled c;

	assert_int_equal(npuc_graph_create("built", &graph), 0);
	npuc_name(graph, "product");
	v = npuc_gemm(graph, npuc_input(graph, "x", NPU_TYPE_F32, 2, x_shape),
		      npuc_constant(graph, NPU_TYPE_F32, 2, w_shape, w),
		      npuc_constant(graph, NPU_TYPE_F32, 0, NULL, &b), 2);
	npuc_name(graph, "activation");
	v = npuc_activate(graph, NPU_ACT_RELU, 0, 0, v);
	assert_int_equal(npuc_output(graph, "y", v), 0);
	assert_int_equal(npuc_value_rank(v), 2);
	assert_int_equal(npuc_value_extent(v)[1], 2);
	assert_int_equal(npuc_value_type(v), NPU_TYPE_F32);
	c = compile_graph(graph);
	assert_int_equal(c.report.op_count, 1);
	assert_string_equal(c.report.ops[0].node, "product");
	run(&c, &input, &output);
	assert_close(got, (float[]){ 3, 0, 15, 0 }, 4);
	compiled_free(&c);
}

static void the_first_error_stays(void **state)
{
	const uint32_t two = 2, three = 3;
	struct npuc_graph *graph;
	struct npuc_value *v;
	void *bytes = NULL;
	size_t size;

	assert_int_equal(npuc_graph_create("", &graph), 0);
	assert_string_equal(npuc_graph_error(graph), "");
	npuc_name(graph, "sum");
	v = npuc_binary(graph, NPU_BINARY_ADD, npuc_input(graph, "a", NPU_TYPE_F32, 1, &two),
			npuc_input(graph, "b", NPU_TYPE_F32, 1, &three));
	assert_null(v);
	assert_string_equal(npuc_graph_error(graph), "sum: shapes 2 and 3 do not broadcast");
	/* A chain goes on without looking, and says the first thing at its end. */
	v = npuc_softmax(graph, npuc_unary(graph, NPU_UNARY_EXP, v), 0);
	assert_null(v);
	assert_int_equal(npuc_output(graph, "y", v), -EINVAL);
	assert_int_equal(npuc_compile(graph, &bytes, &size), -EINVAL);
	assert_string_equal(npuc_graph_error(graph), "sum: shapes 2 and 3 do not broadcast");
	assert_null(bytes);
	npuc_graph_destroy(graph);
}

static void arguments_without_sense_are_refused(void **state)
{
	static const uint32_t cube[3] = { 2, 2, 2 }, zero = 0;
	const struct npuc_window window = { .spatial = 1, .kernel = { 2 }, .stride = { 0 },
					    .dilation = { 1 } };
	const float scale = 0, good_scale = 1;
	const int32_t zero_point = 300, none = 0;

	for (int i = 0; i < 14; i++) {
		struct npuc_graph *graph, *other;
		struct npuc_value *x, *y = NULL;

		assert_int_equal(npuc_graph_create("", &graph), 0);
		assert_int_equal(npuc_graph_create("", &other), 0);
		x = npuc_input(graph, "x", NPU_TYPE_F32, 3, cube);
		assert_non_null(x);
		switch (i) {
		case 0:
			y = npuc_binary(graph, NPU_BINARY_COUNT, x, x);
			break;
		case 1:
			y = npuc_unary(graph, NPU_UNARY_COUNT, x);
			break;
		case 2:
			y = npuc_activate(graph, NPU_ACT_CLIP, 2, 1, x);
			break;
		case 3:
			y = npuc_activate(graph, NPU_ACT_COUNT, 0, 0, x);
			break;
		case 4:
			y = npuc_pool(graph, NPU_POOL_MAX, x, &window, 0);
			break;
		case 5:
			y = npuc_conv(graph, x, x, NULL, &window, 0);
			break;
		case 6:
			y = npuc_reduce(graph, NPU_REDUCE_SUM, x, 8);
			break;
		case 7:
			y = npuc_transpose(graph, x, (const unsigned int[]){ 0, 1, 1 });
			break;
		case 8:
			y = npuc_concat(graph, 0, NULL, 0);
			break;
		case 9:
			y = npuc_quantise(graph, x, NPU_TYPE_I8, 1, &scale, &none, 0);
			break;
		case 10:
			y = npuc_quantise(graph, x, NPU_TYPE_U8, 1, &good_scale, &zero_point, 0);
			break;
		case 11:
			y = npuc_input(graph, "y", NPU_TYPE_I4, 1, cube);
			break;
		case 12:
			y = npuc_input(graph, "y", NPU_TYPE_F32, 1, &zero);
			break;
		case 13:
			y = npuc_unary(other, NPU_UNARY_NEG, x);
			assert_int_equal(npuc_graph_status(other), -EINVAL);
			npuc_unary(graph, NPU_UNARY_COUNT, x);
			break;
		}
		assert_null(y);
		assert_int_equal(npuc_graph_status(graph), -EINVAL);
		npuc_graph_destroy(graph);
		npuc_graph_destroy(other);
	}
}

static void a_graph_is_compiled_once(void **state)
{
	const uint32_t two = 2;
	struct npuc_graph *graph;
	struct npuc_report report;
	struct compiled c;
	void *bytes;
	size_t size;

	assert_int_equal(npuc_graph_create("", &graph), 0);
	assert_int_equal(npuc_report(graph, &report), -EINVAL);
	npuc_output(graph, "y", npuc_input(graph, "x", NPU_TYPE_F32, 1, &two));
	c = compile_graph(graph);
	assert_int_equal(npuc_compile(graph, &bytes, &size), -EINVAL);
	compiled_free(&c);
}

static void names_of_inputs_and_outputs_are_checked(void **state)
{
	static const char *const bad[] = { "", "two\nlines" };
	const uint32_t two = 2;
	struct npuc_graph *graph;
	struct npuc_value *v;
	char long_name[300];
	void *bytes;
	size_t size;

	memset(long_name, 'n', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = 0;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(npuc_graph_create("", &graph), 0);
		v = npuc_input(graph, "x", NPU_TYPE_F32, 1, &two);
		npuc_output(graph, i < 2 ? bad[i] : i == 2 ? long_name : "y", v);
		if (i == 3)
			npuc_output(graph, "y", v);
		assert_int_equal(npuc_compile(graph, &bytes, &size), -EINVAL);
		assert_non_null(strstr(npuc_graph_error(graph), i == 3 ? "two outputs" : "name"));
		npuc_graph_destroy(graph);
	}
}

static void equal_constants_are_stored_once(void **state)
{
	const uint32_t shape[2] = { 64, 64 };
	static float w[64 * 64];
	struct npuc_graph *graph;
	struct npuc_value *v;
	struct compiled c;

	fill_random(w, 64 * 64, 1);
	assert_int_equal(npuc_graph_create("", &graph), 0);
	v = npuc_input(graph, "x", NPU_TYPE_F32, 2, shape);
	for (int i = 0; i < 8; i++)
		v = npuc_gemm(graph, v, npuc_constant(graph, NPU_TYPE_F32, 2, shape, w), NULL, 1);
	npuc_output(graph, "y", v);
	c = compile_graph(graph);
	assert_int_equal(c.report.weight_bytes, sizeof(w));
	/* And a chain needs two buffers, however long it is. */
	assert_int_equal(c.report.scratch_bytes, 2 * sizeof(w));
	compiled_free(&c);
}

static void long_programs_are_planned_too(void **state)
{
	/* 6000 results, of which every tenth is read again at the end. */
	enum { STEPS = 6000, EVERY = 10 };
	const uint32_t shape[2] = { 4, 8 };
	const float one = 1;
	float x[32], got[32], want[32] = { 0 };
	const void *input = x;
	void *output = got;
	struct npuc_graph *graph;
	struct npuc_value *v, *sum, *step, *kept[STEPS / EVERY] = { NULL };
	struct compiled c;

	fill_random(x, 32, 8);
	assert_int_equal(npuc_graph_create("", &graph), 0);
	v = npuc_input(graph, "x", NPU_TYPE_F32, 2, shape);
	step = npuc_constant(graph, NPU_TYPE_F32, 0, NULL, &one);
	for (int i = 0; i < STEPS; i++) {
		v = npuc_binary(graph, NPU_BINARY_ADD, v, step);
		if (i % EVERY == 0)
			kept[i / EVERY] = v;
	}
	sum = kept[0];
	for (int i = 1; i < STEPS / EVERY; i++)
		sum = npuc_binary(graph, NPU_BINARY_ADD, sum, kept[i]);
	npuc_output(graph, "y", sum);
	c = compile_graph(graph);
	/* What is kept, what is being made and read, and nothing more. */
	assert_true(c.report.scratch_bytes <= (STEPS / EVERY + 3) * sizeof(x));
	run(&c, &input, &output);
	for (int i = 0; i < STEPS; i += EVERY) {
		for (int j = 0; j < 32; j++)
			want[j] += x[j] + (float)(i + 1);
	}
	assert_close(got, want, 32);
	compiled_free(&c);
}

/* ---- random graphs ---- */

#define VALUES_MAX 40
#define ELEMENTS_MAX 256

struct pair {			/* a value, and what it holds */
	struct npuc_value *value;
	float data[ELEMENTS_MAX];
	size_t count;
};

struct program {
	struct npuc_graph *graph;
	struct pair values[VALUES_MAX];
	unsigned int count;
	uint64_t seed;
};

static unsigned int pick(struct program *p, unsigned int below)
{
	return random_bits(&p->seed) % below;
}

static struct pair *add(struct program *p, struct npuc_value *value)
{
	struct pair *pair = &p->values[p->count++];

	if (!value)
		fail_msg("%s", npuc_graph_error(p->graph));
	pair->value = value;
	pair->count = 1;
	for (unsigned int i = 0; i < npuc_value_rank(value); i++)
		pair->count *= npuc_value_extent(value)[i];
	assert_true(pair->count <= ELEMENTS_MAX);
	return pair;
}

/* The element of `x` that stands at index `at` of the shape `out`, broadcast. */
static float element(const struct pair *x, const struct npuc_value *out, size_t at)
{
	const unsigned int rank = npuc_value_rank(out), own = npuc_value_rank(x->value);
	size_t index = 0, step = 1;

	for (unsigned int i = 0; i < rank; i++) {
		const uint32_t extent = npuc_value_extent(out)[rank - 1 - i];
		const size_t position = at % extent;

		at /= extent;
		if (i >= own)
			break;
		if (npuc_value_extent(x->value)[own - 1 - i] > 1)
			index += position * step;
		step *= npuc_value_extent(x->value)[own - 1 - i];
	}
	return x->data[index];
}

static void random_binary(struct program *p, struct pair *a)
{
	static const uint32_t kinds[3] = { NPU_BINARY_ADD, NPU_BINARY_MIN, NPU_BINARY_MAX };
	struct pair *b = &p->values[pick(p, p->count)], *y;
	const uint32_t kind = kinds[pick(p, 3)];
	size_t larger;

	/* Only shapes that surely broadcast: equal ones, and single elements. */
	if (b->count > 1 && (npuc_value_rank(a->value) != npuc_value_rank(b->value) ||
			     memcmp(npuc_value_extent(a->value), npuc_value_extent(b->value),
				    npuc_value_rank(a->value) * sizeof(uint32_t))))
		b = a;
	larger = a->count;
	y = add(p, npuc_binary(p->graph, kind, a->value, b->value));
	assert_true(y->count == larger);
	for (size_t i = 0; i < y->count; i++) {
		const float fa = element(a, y->value, i), fb = element(b, y->value, i);

		y->data[i] = kind == NPU_BINARY_ADD ? 0.5f * (fa + fb) :
			     kind == NPU_BINARY_MIN ? fminf(fa, fb) : fmaxf(fa, fb);
	}
	if (kind == NPU_BINARY_ADD) {
		/* Halved, so that values stay small. */
		const float half = 0.5f;

		y->value = npuc_binary(p->graph, NPU_BINARY_MUL, y->value,
				       npuc_constant(p->graph, NPU_TYPE_F32, 0, NULL, &half));
	}
}

static void random_unary(struct program *p, const struct pair *x)
{
	struct pair *y = add(p, npuc_unary(p->graph, NPU_UNARY_NEG, x->value));

	for (size_t i = 0; i < y->count; i++)
		y->data[i] = -x->data[i];
}

static void random_activation(struct program *p, const struct pair *x)
{
	const uint8_t kind = pick(p, 2) ? NPU_ACT_RELU : NPU_ACT_CLIP;
	struct pair *y = add(p, npuc_activate(p->graph, kind, -0.25f, 0.5f, x->value));

	for (size_t i = 0; i < y->count; i++)
		y->data[i] = kind == NPU_ACT_RELU ? fmaxf(x->data[i], 0) :
						    fminf(fmaxf(x->data[i], -0.25f), 0.5f);
}

/* Through int8 and back. Scales repeat, so that some meet their like. */
static void random_quantisation(struct program *p, const struct pair *x)
{
	static const float scales[3] = { 0.01f, 0.013f, 0.0078125f };
	const uint8_t type = pick(p, 2) ? NPU_TYPE_U8 : NPU_TYPE_I8;
	const int32_t low = type == NPU_TYPE_U8 ? 0 : -128, zero = low + 100 + (int32_t)pick(p, 2) * 28;
	const float scale = scales[pick(p, 3)];
	struct npuc_value *q = npuc_quantise(p->graph, x->value, type, 1, &scale, &zero, 0);
	struct pair *y = add(p, npuc_dequantise(p->graph, q, 1, &scale, &zero, 0));

	for (size_t i = 0; i < y->count; i++) {
		const long value = lrintf(x->data[i] / scale) + zero;

		y->data[i] = (float)((value < low ? low : value > low + 255 ? low + 255 : value) - zero) *
			     scale;
	}
}

/* The maximum of neighbours along the last dimension of three. */
static void random_pool(struct program *p, const struct pair *x)
{
	const struct npuc_window window = { .spatial = 1, .kernel = { 2 }, .stride = { 1 },
					    .dilation = { 1 }, .pad_begin = { 1 } };
	uint32_t width;
	struct pair *y;

	if (npuc_value_rank(x->value) != 3) {
		random_unary(p, x);
		return;
	}
	width = npuc_value_extent(x->value)[2];
	y = add(p, npuc_pool(p->graph, NPU_POOL_MAX, x->value, &window, 0));
	for (size_t i = 0; i < y->count; i++)
		y->data[i] = i % width ? fmaxf(x->data[i], x->data[i - 1]) : x->data[i];
}

static void random_reshape(struct program *p, const struct pair *x)
{
	uint32_t extent[NPU_RANK_MAX];
	unsigned int rank = 0;
	size_t left = x->count;
	struct pair *y;

	while (rank + 1 < NPU_RANK_MAX && left > 1 && pick(p, 4)) {
		uint32_t factor = 1 + pick(p, 4);

		while (left % factor)
			factor--;
		extent[rank++] = factor;
		left /= factor;
	}
	extent[rank++] = (uint32_t)left;
	y = add(p, npuc_reshape(p->graph, x->value, rank, extent));
	memcpy(y->data, x->data, y->count * sizeof(float));
}

static void random_transpose(struct program *p, const struct pair *x)
{
	const unsigned int rank = npuc_value_rank(x->value);
	unsigned int perm[NPU_RANK_MAX] = { 0, 1, 2, 3, 4, 5 };
	struct pair *y;

	for (unsigned int i = rank; i > 1; i--) {
		const unsigned int j = pick(p, i), swap = perm[i - 1];

		perm[i - 1] = perm[j];
		perm[j] = swap;
	}
	y = add(p, npuc_transpose(p->graph, x->value, perm));
	for (size_t i = 0; i < y->count; i++) {
		size_t at[NPU_RANK_MAX] = { 0 }, rest = i, index = 0;

		for (unsigned int d = rank; d-- > 0;) {
			at[perm[d]] = rest % npuc_value_extent(y->value)[d];
			rest /= npuc_value_extent(y->value)[d];
		}
		for (unsigned int d = 0; d < rank; d++)
			index = index * npuc_value_extent(x->value)[d] + at[d];
		y->data[i] = x->data[index];
	}
}

static void random_concat(struct program *p, const struct pair *x)
{
	const unsigned int rank = npuc_value_rank(x->value);
	struct npuc_value *parts[3];
	const struct pair *pairs[3];
	unsigned int count = 0, axis;
	size_t inner = 1, outer = 1;
	struct pair *y;

	if (!rank || x->count * 3 > ELEMENTS_MAX) {
		random_unary(p, x);
		return;
	}
	axis = pick(p, rank);
	pairs[count++] = x;
	/* Others of the same shape, and the same again. */
	while (count < 3) {
		const struct pair *other = &p->values[pick(p, p->count)];

		if (npuc_value_rank(other->value) == rank &&
		    !memcmp(npuc_value_extent(other->value), npuc_value_extent(x->value),
			    rank * sizeof(uint32_t)))
			pairs[count++] = other;
		else if (!pick(p, 4))
			break;
	}
	for (unsigned int i = 0; i < count; i++)
		parts[i] = pairs[i]->value;
	for (unsigned int i = 0; i < rank; i++)
		*(i < axis ? &outer : &inner) *= npuc_value_extent(x->value)[i];
	y = add(p, npuc_concat(p->graph, count, parts, axis));
	for (size_t o = 0; o < outer; o++) {
		for (unsigned int i = 0; i < count; i++)
			memcpy(y->data + (o * count + i) * inner, pairs[i]->data + o * inner,
			       inner * sizeof(float));
	}
}

static void random_start(struct program *p, const void **inputs, unsigned int *input_count)
{
	static const uint32_t shapes[4][3] = { { 2, 3, 4 }, { 1, 6, 4 }, { 4, 1, 2 }, { 2, 2, 2 } };

	for (unsigned int i = 0; i < 3; i++) {
		const uint32_t *shape = shapes[pick(p, 4)];
		const size_t count = (size_t)shape[0] * shape[1] * shape[2];
		float data[ELEMENTS_MAX];
		char name[16];
		struct pair *x;

		fill_random(data, count, p->seed + i);
		snprintf(name, sizeof(name), "x%u", i);
		x = add(p, i < 2 ? npuc_input(p->graph, name, NPU_TYPE_F32, 3, shape) :
				   npuc_constant(p->graph, NPU_TYPE_F32, 3, shape, data));
		memcpy(x->data, data, count * sizeof(float));
		if (i < 2)
			inputs[(*input_count)++] = x->data;
	}
}

static void check_random_graph(uint64_t seed)
{
	static struct program p;
	static float got[VALUES_MAX][ELEMENTS_MAX];
	unsigned int input_count = 0, output_count = 0, chosen[VALUES_MAX];
	const void *inputs[4];
	void *outputs[VALUES_MAX];
	struct compiled c;

	memset(&p, 0, sizeof(p));
	p.seed = seed;
	assert_int_equal(npuc_graph_create("random", &p.graph), 0);
	random_start(&p, inputs, &input_count);
	for (unsigned int steps = 5 + pick(&p, 25); steps--;) {
		/* Mostly what was made last, so that chains grow. */
		struct pair *x = &p.values[pick(&p, 3) ? p.count - 1 : pick(&p, p.count)];

		switch (pick(&p, 10)) {
		case 0:
			random_binary(&p, x);
			break;
		case 6:
			random_activation(&p, x);
			break;
		case 7:
		case 8:
			random_quantisation(&p, x);
			break;
		case 9:
			random_pool(&p, x);
			break;
		case 1:
			random_unary(&p, x);
			break;
		case 2:
		case 3:
			random_reshape(&p, x);
			break;
		case 4:
			random_transpose(&p, x);
			break;
		default:
			random_concat(&p, x);
		}
	}
	for (unsigned int i = 0; i < p.count; i++) {
		char name[16];

		if (i + 1 < p.count && pick(&p, 5))
			continue;
		snprintf(name, sizeof(name), "y%u", i);
		assert_int_equal(npuc_output(p.graph, name, p.values[i].value), 0);
		chosen[output_count] = i;
		outputs[output_count] = got[output_count];
		output_count++;
	}
	c = compile_graph(p.graph);
	run(&c, inputs, outputs);
	for (unsigned int i = 0; i < output_count; i++) {
		const struct pair *want = &p.values[chosen[i]];

		for (size_t j = 0; j < want->count; j++) {
			if (fabsf(got[i][j] - want->data[j]) > 1e-5f)
				fail_msg("seed %llu: output %u, element %zu is %g, should be %g",
					 (unsigned long long)seed, i, j, (double)got[i][j],
					 (double)want->data[j]);
		}
	}
	compiled_free(&c);
}

static void random_graphs_are_computed_right(void **state)
{
	for (uint64_t seed = 1; seed <= 10000; seed++)
		check_random_graph(seed * 1000003);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_graph_is_built_without_onnx),
		cmocka_unit_test(the_first_error_stays),
		cmocka_unit_test(arguments_without_sense_are_refused),
		cmocka_unit_test(a_graph_is_compiled_once),
		cmocka_unit_test(names_of_inputs_and_outputs_are_checked),
		cmocka_unit_test(equal_constants_are_stored_once),
		cmocka_unit_test(long_programs_are_planned_too),
		cmocka_unit_test(random_graphs_are_computed_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
