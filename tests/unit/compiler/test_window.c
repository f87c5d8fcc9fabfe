// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Convolutions and pools against plain loops over three dimensions. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "run.h"

#define MAX 8192

/* Always three dimensions; those behind `spatial` are 1, their pads 0. */
struct window {
	int spatial;
	int n, c, m, groups;	/* m: output channels, CONV */
	int in[3], kernel[3], stride[3], dilation[3], begin[3], end[3];
	int out[3];		/* what the operator's definition says */
};

static struct window window_of(int spatial, int n, int c, int m, int groups)
{
	struct window w = { .spatial = spatial, .n = n, .c = c, .m = m, .groups = groups };

	for (int i = 0; i < 3; i++)
		w.in[i] = w.kernel[i] = w.stride[i] = w.dilation[i] = w.out[i] = 1;
	return w;
}

/* [n, channels, sizes...] as the test models want it. */
static const int64_t *dims_of(int64_t dims[8], const struct window *w, int64_t n, int64_t channels,
			      const int *sizes)
{
	dims[0] = n;
	dims[1] = channels;
	for (int i = 0; i < w->spatial; i++)
		dims[2 + i] = sizes[i];
	dims[2 + w->spatial] = -99;
	return dims;
}

static const int64_t *list_of(int64_t list[8], int count, const int *a, const int *b)
{
	for (int i = 0; i < count; i++)
		list[i] = a[i];
	for (int i = 0; b && i < count; i++)
		list[count + i] = b[i];
	list[b ? 2 * count : count] = -99;
	return list;
}

static size_t volume(const int *sizes)
{
	return (size_t)(sizes[0] * sizes[1] * sizes[2]);
}

/* Position in the input of output index o and kernel index k; -1 in the pad. */
static long position(const struct window *w, const int *o, const int *k)
{
	long at = 0;

	for (int i = 0; i < 3; i++) {
		const int p = o[i] * w->stride[i] + k[i] * w->dilation[i] - w->begin[i];

		if (p < 0 || p >= w->in[i])
			return -1;
		at = at * w->in[i] + p;
	}
	return at;
}

/* Is that position inside input and pads together? */
static bool padded(const struct window *w, const int *o, const int *k)
{
	for (int i = 0; i < 3; i++) {
		const int p = o[i] * w->stride[i] + k[i] * w->dilation[i] - w->begin[i];

		if (p >= w->in[i] + w->end[i])
			return false;
	}
	return true;
}

static void split(size_t index, const int *sizes, int *at)
{
	for (int i = 3; i-- > 0;) {
		at[i] = (int)(index % (size_t)sizes[i]);
		index /= (size_t)sizes[i];
	}
}

static void convolve(const struct window *w, const float *x, const float *weights,
		     const float *bias, float *y)
{
	const int group_in = w->c / w->groups, group_out = w->m / w->groups;

	for (int n = 0; n < w->n; n++)
	for (int m = 0; m < w->m; m++)
	for (size_t p = 0; p < volume(w->out); p++) {
		double sum = bias ? (double)bias[m] : 0;
		int o[3], k[3];

		split(p, w->out, o);
		for (int c = 0; c < group_in; c++)
		for (size_t q = 0; q < volume(w->kernel); q++) {
			const int channel = m / group_out * group_in + c;
			long at;

			split(q, w->kernel, k);
			at = position(w, o, k);
			if (at >= 0)
				sum += (double)x[(size_t)(n * w->c + channel) * volume(w->in) + (size_t)at] *
				       (double)weights[(size_t)(m * group_in + c) * volume(w->kernel) + q];
		}
		*y++ = (float)sum;
	}
}

/* What the attributes say; explicit pads unless auto_pad is given. */
static void set_window(struct model *m, Onnx__NodeProto *node, const struct window *w,
		       const char *auto_pad)
{
	int64_t list[8];

	attr_ints(m, node, "kernel_shape", list_of(list, w->spatial, w->kernel, NULL));
	attr_ints(m, node, "strides", list_of(list, w->spatial, w->stride, NULL));
	attr_ints(m, node, "dilations", list_of(list, w->spatial, w->dilation, NULL));
	if (auto_pad)
		attr_string(m, node, "auto_pad", auto_pad);
	else
		attr_ints(m, node, "pads", list_of(list, w->spatial, w->begin, w->end));
}

static void check_conv(const struct window *w, bool bias, const char *auto_pad)
{
	static float x[MAX], weights[MAX], b[64], got[MAX], want[MAX];
	struct model *m = model_new(11);
	int64_t dims[8];

	fill_random(x, MAX, 1);
	fill_random(weights, MAX, 2);
	fill_random(b, 64, 3);
	convolve(w, x, weights, bias ? b : NULL, want);
	model_input(m, "x", T_FLOAT, dims_of(dims, w, w->n, w->c, w->in));
	model_constant(m, "w", T_FLOAT, dims_of(dims, w, w->m, w->c / w->groups, w->kernel), weights);
	if (bias)
		model_constant(m, "b", T_FLOAT, DIMS(w->m), b);
	set_window(m, model_node(m, "Conv", bias ? "x w b" : "x w", "y"), w, auto_pad);
	attr_int(m, m->graph.node[0], "group", w->groups);
	model_output(m, "y", T_FLOAT, dims_of(dims, w, w->n, w->m, w->out));
	run_model(m, x, got);
	assert_close(got, want, (size_t)(w->n * w->m) * volume(w->out));
}

#define SET(field, ...) memcpy(w.field, (const int[3]){ __VA_ARGS__ }, sizeof(w.field))

static void conv_in_one_dimension(void **state)
{
	struct window w = window_of(1, 2, 3, 4, 1);

	SET(in, 11, 1, 1); SET(kernel, 3, 1, 1); SET(stride, 2, 1, 1); SET(begin, 1, 0, 0);
	SET(end, 2, 0, 0); SET(out, 6, 1, 1);
	check_conv(&w, true, NULL);
	SET(stride, 1, 1, 1); SET(dilation, 4, 1, 1); SET(begin, 0, 0, 0); SET(end, 0, 0, 0);
	SET(out, 3, 1, 1);
	check_conv(&w, false, NULL);
}

static void conv_in_two_dimensions(void **state)
{
	struct window w = window_of(2, 1, 3, 5, 1);

	SET(in, 7, 5, 1); SET(kernel, 3, 2, 1); SET(stride, 2, 1, 1); SET(begin, 1, 0, 0);
	SET(end, 0, 1, 0); SET(out, 3, 5, 1);
	check_conv(&w, true, NULL);
	w.n = 3;
	SET(kernel, 1, 1, 1); SET(stride, 1, 1, 1); SET(begin, 0, 0, 0); SET(end, 0, 0, 0);
	SET(out, 7, 5, 1);
	check_conv(&w, false, NULL);
	/* A kernel as large as input and pads together. */
	SET(kernel, 9, 6, 1); SET(begin, 1, 1, 0); SET(end, 1, 0, 0); SET(out, 1, 1, 1);
	check_conv(&w, true, NULL);
}

static void conv_in_three_dimensions(void **state)
{
	struct window w = window_of(3, 2, 2, 3, 1);

	SET(in, 4, 5, 6); SET(kernel, 2, 3, 1); SET(stride, 1, 2, 3); SET(dilation, 2, 1, 1);
	SET(begin, 1, 0, 0); SET(end, 0, 1, 0); SET(out, 3, 2, 2);
	check_conv(&w, true, NULL);
}

static void conv_in_groups(void **state)
{
	struct window w = window_of(2, 1, 6, 9, 3);

	SET(in, 5, 5, 1); SET(kernel, 3, 3, 1); SET(begin, 1, 1, 0); SET(end, 1, 1, 0);
	SET(out, 5, 5, 1);
	check_conv(&w, true, NULL);
	/* Depth-wise. */
	w.m = w.groups = 6;
	check_conv(&w, false, NULL);
	w.m = 12;
	check_conv(&w, true, NULL);
}

static void conv_pads_automatically(void **state)
{
	struct window w = window_of(2, 1, 1, 2, 1);

	/* 6 wide, stride 2, kernel 3: out 3, one column of pad; 7 high: out 4, two rows. */
	SET(in, 7, 6, 1); SET(kernel, 3, 3, 1); SET(stride, 2, 2, 1); SET(out, 4, 3, 1);
	SET(begin, 1, 0, 0); SET(end, 1, 1, 0);
	check_conv(&w, true, "SAME_UPPER");
	SET(begin, 1, 1, 0); SET(end, 1, 0, 0);
	check_conv(&w, true, "SAME_LOWER");
	SET(begin, 0, 0, 0); SET(end, 0, 0, 0); SET(out, 3, 2, 1);
	check_conv(&w, true, "VALID");
	check_conv(&w, true, NULL);
	/* A stride beyond the kernel needs no pad. */
	SET(stride, 4, 4, 1); SET(out, 2, 2, 1); SET(begin, 0, 0, 0); SET(end, 0, 1, 0);
	check_conv(&w, true, "SAME_UPPER");
}

/* ---- pools ---- */

struct pool {
	const char *op;
	int opset;
	bool include_pad, ceil_mode;
	const char *auto_pad;
};

static float pooled(const struct window *w, const struct pool *p, const float *x, const int *o)
{
	const bool max = !strcmp(p->op, "MaxPool");
	float result = max ? -FLT_MAX : 0;
	int inside = 0, all = 0, k[3];

	for (size_t q = 0; q < volume(w->kernel); q++) {
		long at;

		split(q, w->kernel, k);
		at = position(w, o, k);
		all += padded(w, o, k);
		if (at < 0)
			continue;
		inside++;
		result = max ? fmaxf(result, x[at]) : result + x[at];
	}
	return max ? result : result / (float)(p->include_pad ? all : inside);
}

static void check_pool(const struct window *w, const struct pool *p)
{
	static float x[MAX], got[MAX], want[MAX];
	const size_t planes = (size_t)(w->n * w->c);
	struct model *m = model_new(p->opset);
	Onnx__NodeProto *node = model_node(m, p->op, "x", "y");
	int64_t dims[8];
	int o[3];

	fill_random(x, MAX, 4);
	for (size_t i = 0; i < planes * volume(w->out); i++) {
		split(i % volume(w->out), w->out, o);
		want[i] = pooled(w, p, x + i / volume(w->out) * volume(w->in), o);
	}
	model_input(m, "x", T_FLOAT, dims_of(dims, w, w->n, w->c, w->in));
	set_window(m, node, w, p->auto_pad);
	if (p->include_pad)
		attr_int(m, node, "count_include_pad", 1);
	if (p->ceil_mode)
		attr_int(m, node, "ceil_mode", 1);
	model_output(m, "y", T_FLOAT, dims_of(dims, w, w->n, w->c, w->out));
	run_model(m, x, got);
	assert_close(got, want, planes * volume(w->out));
}

static void pools_in_all_dimensions(void **state)
{
	const struct pool pools[] = {
		{ "MaxPool", 12, false, false, NULL }, { "AveragePool", 19, false, false, NULL },
		{ "AveragePool", 19, true, false, NULL },
	};
	struct window w;

	for (size_t i = 0; i < 3; i++) {
		w = window_of(1, 2, 3, 0, 1);
		SET(in, 9, 1, 1); SET(kernel, 3, 1, 1); SET(stride, 2, 1, 1); SET(begin, 1, 0, 0);
		SET(end, 1, 0, 0); SET(out, 5, 1, 1);
		check_pool(&w, &pools[i]);
		w = window_of(2, 2, 3, 0, 1);
		SET(in, 5, 6, 1); SET(kernel, 3, 2, 1); SET(stride, 2, 1, 1); SET(begin, 1, 1, 0);
		SET(end, 1, 0, 0); SET(out, 3, 6, 1);
		check_pool(&w, &pools[i]);
		SET(dilation, 2, 3, 1); SET(out, 2, 4, 1);
		check_pool(&w, &pools[i]);
		w = window_of(3, 1, 2, 0, 1);
		SET(in, 4, 5, 3); SET(kernel, 2, 3, 3); SET(stride, 2, 1, 1); SET(begin, 0, 1, 2);
		SET(end, 0, 1, 1); SET(out, 2, 5, 4);
		check_pool(&w, &pools[i]);
	}
}

static void pools_round_up_when_asked(void **state)
{
	const struct pool pools[] = {
		{ "MaxPool", 10, false, true, NULL }, { "AveragePool", 10, false, true, NULL },
		{ "AveragePool", 10, true, true, NULL },
	};

	for (size_t i = 0; i < 3; i++) {
		struct window w = window_of(2, 1, 2, 0, 1);

		/* 6 by 2 from 3: the last window hangs over by one. */
		SET(in, 6, 7, 1); SET(kernel, 3, 3, 1); SET(stride, 2, 2, 1); SET(out, 3, 3, 1);
		check_pool(&w, &pools[i]);
		/* A window that would start in the pad behind is none. */
		SET(in, 4, 4, 1); SET(kernel, 1, 2, 1); SET(stride, 3, 3, 1); SET(begin, 0, 1, 0);
		SET(end, 0, 1, 0); SET(out, 2, 2, 1);
		check_pool(&w, &pools[i]);
	}
}

static void pools_pad_automatically(void **state)
{
	struct window w = window_of(2, 1, 1, 0, 1);

	SET(in, 5, 4, 1); SET(kernel, 2, 3, 1); SET(stride, 2, 2, 1); SET(out, 3, 2, 1);
	SET(begin, 0, 0, 0); SET(end, 1, 1, 0);
	check_pool(&w, &(struct pool){ "MaxPool", 8, false, false, "SAME_UPPER" });
	check_pool(&w, &(struct pool){ "AveragePool", 7, false, false, "SAME_UPPER" });
	check_pool(&w, &(struct pool){ "AveragePool", 10, true, true, "SAME_UPPER" });
	SET(begin, 1, 1, 0); SET(end, 0, 0, 0);
	check_pool(&w, &(struct pool){ "MaxPool", 8, false, false, "SAME_LOWER" });
	SET(begin, 0, 0, 0); SET(out, 2, 1, 1);
	check_pool(&w, &(struct pool){ "AveragePool", 10, false, false, "VALID" });
}

static void global_pools(void **state)
{
	float x[2 * 3 * 4 * 5], got[6], average[6] = { 0 }, max[6] = { 0 };
	struct model *m;

	fill_random(x, 120, 9);
	for (size_t i = 0; i < 120; i++) {
		average[i / 20] += x[i] / 20;
		max[i / 20] = i % 20 ? fmaxf(max[i / 20], x[i]) : x[i];
	}
	for (int i = 0; i < 2; i++) {
		m = model_new(22);
		model_input(m, "x", T_FLOAT, DIMS(2, 3, 4, 5));
		model_node(m, i ? "GlobalMaxPool" : "GlobalAveragePool", "x", "y");
		model_output(m, "y", T_FLOAT, DIMS(2, 3, 1, 1));
		run_model(m, x, got);
		assert_close(got, i ? max : average, 6);
	}
	m = model_new(13);
	model_input(m, "x", T_FLOAT, DIMS(6, 1, 20));
	model_node(m, "GlobalAveragePool", "x", "y");
	model_output(m, "y", T_FLOAT, DIMS(6, 1, 1));
	run_model(m, x, got);
	assert_close(got, average, 6);
}

static void max_pool_of_integers(void **state)
{
	const int8_t x[6] = { -128, -5, -7, -100, 3, 127 };
	const uint8_t u[6] = { 0, 200, 255, 1, 2, 3 };
	struct model *m = model_new(12);
	uint8_t got_u[4];
	int8_t got[4];

	model_input(m, "x", T_INT8, DIMS(1, 1, 6));
	attr_ints(m, model_node(m, "MaxPool", "x", "y"), "kernel_shape", DIMS(3));
	model_output(m, "y", T_INT8, DIMS(1, 1, 4));
	run_model(m, x, got);
	assert_memory_equal(got, ((int8_t[]){ -5, -5, 3, 127 }), 4);

	m = model_new(12);
	model_input(m, "x", T_UINT8, DIMS(1, 1, 6));
	attr_ints(m, model_node(m, "MaxPool", "x", "y"), "kernel_shape", DIMS(3));
	model_output(m, "y", T_UINT8, DIMS(1, 1, 4));
	run_model(m, u, got_u);
	assert_memory_equal(got_u, ((uint8_t[]){ 255, 255, 255, 3 }), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conv_in_one_dimension),
		cmocka_unit_test(conv_in_two_dimensions),
		cmocka_unit_test(conv_in_three_dimensions),
		cmocka_unit_test(conv_in_groups),
		cmocka_unit_test(conv_pads_automatically),
		cmocka_unit_test(pools_in_all_dimensions),
		cmocka_unit_test(pools_round_up_when_asked),
		cmocka_unit_test(pools_pad_automatically),
		cmocka_unit_test(global_pools),
		cmocka_unit_test(max_pool_of_integers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
