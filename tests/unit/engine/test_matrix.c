// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* GEMM and CONV against naive references: fp32 within rounding, int8 exactly. */
#include "bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int setup(void **state)
{
	*state = bench_create(777);
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static uint8_t random_int8(struct bench *b)
{
	return bench_random(b, 2) ? NPU_TYPE_I8 : NPU_TYPE_U8;
}

static int32_t random_zero(struct bench *b, uint8_t type)
{
	if (type != NPU_TYPE_I8 && type != NPU_TYPE_U8)
		return 0;
	return (int32_t)bench_random(b, 256) - (type == NPU_TYPE_I8 ? 128 : 0);
}

/* What the card makes of an exact sum (npu_isa.h). */
static void expect_integer(const struct tensor *y, const uint32_t *at, int64_t sum, float multiplier,
			   int32_t zero, uint8_t activation, int32_t low, int32_t high)
{
	const int32_t acc = (int32_t)(uint32_t)(uint64_t)sum;
	const float real = (float)acc * multiplier;
	int64_t q;

	if (y->type == NPU_TYPE_I32) {
		assert_int_equal(bench_get_integer(y, at), acc);
		return;
	}
	if (y->type == NPU_TYPE_F32) {
		expect_close(bench_get(y, at),
			     reference_activate(activation, 0.1f, 0.0f, (double)real),
			     fabs((double)real), 1e-6, "int8 to fp32");
		return;
	}
	q = reference_quantise(y->type, (double)real, zero);
	if (activation == NPU_ACT_RELU)
		q = q < zero ? zero : q;
	if (activation == NPU_ACT_CLIP) {
		q = q < low ? low : q;
		q = q > high ? high : q;
	}
	assert_int_equal(bench_get_integer(y, at), q);
}

struct gemm_case {
	unsigned int rank;
	uint32_t y[NPU_RANK_MAX], a[NPU_RANK_MAX], b[NPU_RANK_MAX];
	uint32_t k;
};

static void random_gemm(struct bench *b, struct gemm_case *c)
{
	const uint32_t m = 1 + bench_random(b, 9), n = 1 + bench_random(b, 9);

	c->rank = 2 + bench_random(b, 4);
	c->k = 1 + bench_random(b, 20);
	for (unsigned int i = 0; i < c->rank; i++)
		c->y[i] = c->a[i] = c->b[i] = 1 + bench_random(b, 3);
	c->y[c->rank - 2] = c->a[c->rank - 2] = m;
	c->y[c->rank - 1] = c->b[c->rank - 1] = n;
	c->a[c->rank - 1] = c->b[c->rank - 2] = c->k;
}

static const struct tensor *tensor(const struct bench *b, unsigned int i)
{
	return i < b->tensor_count && b->tensors[i].type ? &b->tensors[i] : NULL;
}

static void gemm_fp32_is_within_rounding(void **state)
{
	struct bench *b = *state;

	for (int round = 0; round < 600; round++) {
		const uint8_t activation = (uint8_t)(round % 4 ? 0 : bench_random(b, NPU_ACT_COUNT));
		const float low = activation == NPU_ACT_CLIP ? -0.5f :
				  activation == NPU_ACT_LEAKY_RELU ? 0.1f : 0.0f;
		const float high = activation == NPU_ACT_CLIP ? 1.5f : 0.0f;
		struct npu_attr_gemm attr = { .alpha = float_bits(1.0f) };
		uint32_t at[NPU_RANK_MAX] = { 0 };
		struct gemm_case c;

		random_gemm(b, &c);
		if (!bench_random(b, 3))
			attr.alpha = float_bits(bench_real(b, -2.0f, 2.0f));
		bench_begin(b);
		bench_tensor(b, NPU_TYPE_F32, c.rank, c.y, round % 3 ? LAYOUT_ANY : LAYOUT_DENSE);
		bench_tensor(b, NPU_TYPE_F32, c.rank, c.a, round % 5 ? LAYOUT_BROADCAST : LAYOUT_DENSE);
		bench_tensor(b, NPU_TYPE_F32, c.rank, c.b, round % 7 ? LAYOUT_BROADCAST : LAYOUT_DENSE);
		if (round % 2)
			bench_tensor(b, NPU_TYPE_F32, c.rank, c.y, LAYOUT_BROADCAST);
		bench_program(b, NPU_OP_GEMM, &attr, sizeof(attr), activation, float_bits(low),
			      float_bits(high));
		assert_int_equal(bench_run(b), 0);
		do {
			uint32_t ia[NPU_RANK_MAX], ib[NPU_RANK_MAX];
			double sum = 0, size = 1e-3;

			memcpy(ia, at, sizeof(ia));
			memcpy(ib, at, sizeof(ib));
			for (uint32_t k = 0; k < c.k; k++) {
				double product;

				ia[c.rank - 1] = ib[c.rank - 2] = k;
				product = bench_get(tensor(b, 1), ia) * bench_get(tensor(b, 2), ib);
				sum += product;
				size += fabs(product);
			}
			sum *= (double)bits_float(attr.alpha);
			size *= fabs((double)bits_float(attr.alpha)) + 1e-3;
			if (tensor(b, 3)) {
				sum += bench_get(tensor(b, 3), at);
				size += fabs(bench_get(tensor(b, 3), at));
			}
			expect_close(bench_get(tensor(b, 0), at),
				     reference_activate(activation, low, high, sum), size, 4e-6, "gemm");
		} while (bench_next(tensor(b, 0), at));
	}
}

static void gemm_int8_is_exact(void **state)
{
	static const uint8_t results[] = { NPU_TYPE_I8, NPU_TYPE_U8, NPU_TYPE_I32, NPU_TYPE_F32 };
	struct bench *b = *state;

	for (int round = 0; round < 800; round++) {
		const uint8_t ty = results[bench_random(b, 4)], ta = random_int8(b), tb = random_int8(b);
		struct npu_attr_gemm attr = {
			.a_zero = random_zero(b, ta), .b_zero = random_zero(b, tb),
			.y_zero = random_zero(b, ty),
		};
		uint8_t activation = (uint8_t)bench_random(b, 3);
		uint32_t at[NPU_RANK_MAX] = { 0 };
		const struct tensor *multiplier = NULL;
		struct gemm_case c;

		if (ty == NPU_TYPE_I32)
			activation = 0;
		if (ty == NPU_TYPE_F32 && activation == NPU_ACT_CLIP)
			activation = NPU_ACT_LEAKY_RELU;
		random_gemm(b, &c);
		bench_begin(b);
		bench_tensor(b, ty, c.rank, c.y, LAYOUT_ANY);
		bench_tensor(b, ta, c.rank, c.a, LAYOUT_BROADCAST);
		bench_tensor(b, tb, c.rank, c.b, LAYOUT_BROADCAST);
		if (round % 2)
			bench_tensor(b, NPU_TYPE_I32, c.rank, c.y, LAYOUT_BROADCAST);
		else
			bench_none(b);
		if (ty != NPU_TYPE_I32) {
			struct tensor *t = bench_tensor(b, NPU_TYPE_F32, 1,
							round % 3 ? &c.y[c.rank - 1] : (uint32_t[]){ 1 },
							LAYOUT_ANY);
			uint32_t n[NPU_RANK_MAX] = { 0 };

			do {
				bench_set(t, n, (double)bench_real(b, 0.0001f, 0.01f));
			} while (bench_next(t, n));
			multiplier = t;
		}
		bench_program(b, NPU_OP_GEMM, &attr, sizeof(attr), activation,
			      activation == NPU_ACT_CLIP ? (uint32_t)-3 :
			      activation == NPU_ACT_LEAKY_RELU ? float_bits(0.1f) : 0,
			      activation == NPU_ACT_CLIP ? 9 : 0);
		assert_int_equal(bench_run(b), 0);
		do {
			uint32_t ia[NPU_RANK_MAX], ib[NPU_RANK_MAX];
			int64_t sum = tensor(b, 3) ? bench_get_integer(tensor(b, 3), at) : 0;
			const uint32_t n = multiplier && multiplier->count > 1 ? at[c.rank - 1] : 0;

			memcpy(ia, at, sizeof(ia));
			memcpy(ib, at, sizeof(ib));
			for (uint32_t k = 0; k < c.k; k++) {
				ia[c.rank - 1] = ib[c.rank - 2] = k;
				sum += (bench_get_integer(tensor(b, 1), ia) - attr.a_zero) *
				       (bench_get_integer(tensor(b, 2), ib) - attr.b_zero);
			}
			expect_integer(tensor(b, 0), at, sum,
				       multiplier ? (float)bench_get(multiplier, &n) : 1.0f, attr.y_zero,
				       activation, ty == NPU_TYPE_U8 ? 0 : -3, 9);
		} while (bench_next(tensor(b, 0), at));
	}
}

/* Every product at its largest: any block that is too long would round. */
static void gemm_int8_is_exact_for_long_sums(void **state)
{
	static const uint32_t lengths[] = { 1023, 1024, 1025, 2048, 5000, 40000 };
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		for (int which = 0; which < 3; which++) {
			const uint32_t y[2] = { 2, 3 }, ea[2] = { 2, lengths[i] }, eb[2] = { lengths[i], 3 };
			const uint8_t type = which & 1 ? NPU_TYPE_U8 : NPU_TYPE_I8;
			const int32_t zero = which == 2 ? 127 : 0;
			const struct npu_attr_gemm attr = { .a_zero = zero, .b_zero = zero };
			uint32_t at[NPU_RANK_MAX] = { 0 };
			struct tensor *a, *c;
			int64_t product;

			bench_begin(b);
			bench_tensor(b, NPU_TYPE_I32, 2, y, LAYOUT_DENSE);
			a = bench_tensor(b, type, 2, ea, LAYOUT_ANY);
			c = bench_tensor(b, type, 2, eb, LAYOUT_ANY);
			memset(a->data, which & 1 ? 0xff : 0x80, a->size);
			memset(c->data, which & 1 ? 0xff : 0x80, c->size);
			product = (bench_get_integer(a, at) - attr.a_zero) *
				  (bench_get_integer(c, at) - attr.b_zero);
			/* An odd element so that the sums need their lowest bit. */
			a->data[a->offset] ^= 1;
			bench_program(b, NPU_OP_GEMM, &attr, sizeof(attr), 0, 0, 0);
			assert_int_equal(bench_run(b), 0);
			for (at[0] = 0; at[0] < 2; at[0]++) {
				for (at[1] = 0; at[1] < 3; at[1]++) {
					int64_t sum = product * lengths[i];

					if (!at[0])
						sum += (bench_get_integer(a, (uint32_t[]){ 0, 0 }) -
							bench_get_integer(a, (uint32_t[]){ 0, 1 })) *
						       (bench_get_integer(c, (uint32_t[]){ 0, 0 }) -
							attr.b_zero);
					assert_int_equal(bench_get_integer(tensor(b, 0), at),
							 (int32_t)(uint32_t)sum);
				}
			}
		}
	}
}

static void gemm_crosses_tiles(void **state)
{
	static const uint32_t shapes[][3] = {
		{ 1030, 40, 30 }, { 40, 1030, 30 }, { 20, 30, 2100 }, { 1, 1500, 1100 }, { 1025, 1, 1025 },
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		for (int exact = 0; exact < 2; exact++) {
			const uint32_t m = shapes[i][0], n = shapes[i][1], k = shapes[i][2];
			const uint32_t y[2] = { m, n }, ea[2] = { m, k }, eb[2] = { k, n };
			const uint8_t type = exact ? NPU_TYPE_I8 : NPU_TYPE_F32;
			const struct npu_attr_gemm attr = { .alpha = exact ? 0 : float_bits(1.0f) };
			struct tensor *a, *c, *result;

			bench_begin(b);
			result = bench_tensor(b, exact ? NPU_TYPE_I32 : NPU_TYPE_F32, 2, y, LAYOUT_ANY);
			a = bench_tensor(b, type, 2, ea, LAYOUT_ANY);
			c = bench_tensor(b, type, 2, eb, LAYOUT_ANY);
			bench_program(b, NPU_OP_GEMM, &attr, sizeof(attr), 0, 0, 0);
			assert_int_equal(bench_run(b), 0);
			for (int sample = 0; sample < 300; sample++) {
				const uint32_t at[2] = { bench_random(b, m), bench_random(b, n) };
				double sum = 0, size = 1e-3;

				for (uint32_t j = 0; j < k; j++) {
					const double product = bench_get(a, (uint32_t[]){ at[0], j }) *
							       bench_get(c, (uint32_t[]){ j, at[1] });

					sum += product;
					size += fabs(product);
				}
				expect_close(bench_get(result, at), sum, size, exact ? 0 : 1e-5, "tiles");
			}
		}
	}
}

struct conv_case {
	unsigned int spatial;
	uint32_t x[5], w[5], y[5], outputs;
	struct npu_attr_conv attr;
};

static void random_conv(struct bench *b, struct conv_case *c)
{
	const uint32_t groups = 1 + bench_random(b, 3), batch = 1 + bench_random(b, 2);
	const uint32_t channels = 1 + bench_random(b, 4);

	memset(c, 0, sizeof(*c));
	c->spatial = 1 + bench_random(b, 3);
	c->outputs = groups * (1 + bench_random(b, 4));
	c->attr.groups = (__u16)groups;
	c->x[0] = c->y[0] = batch;
	c->x[1] = channels * groups;
	c->w[0] = c->y[1] = c->outputs;
	c->w[1] = channels;
	for (unsigned int i = 0; i < c->spatial; i++) {
		uint32_t reach;

		c->w[2 + i] = 1 + bench_random(b, 3);
		c->attr.stride[i] = (__u16)(1 + bench_random(b, 3));
		c->attr.dilation[i] = (__u16)(1 + bench_random(b, 2));
		c->attr.pad_begin[i] = (__u16)bench_random(b, 3);
		c->attr.pad_end[i] = (__u16)bench_random(b, 3);
		reach = (c->w[2 + i] - 1) * c->attr.dilation[i] + 1;
		c->x[2 + i] = reach + bench_random(b, 6);
		c->y[2 + i] = (c->x[2 + i] + c->attr.pad_begin[i] + c->attr.pad_end[i] - reach) /
			      c->attr.stride[i] + 1;
	}
	/* Often the plain pointwise case, which takes another way. */
	if (!bench_random(b, 4)) {
		for (unsigned int i = 0; i < c->spatial; i++) {
			c->w[2 + i] = c->attr.stride[i] = c->attr.dilation[i] = 1;
			c->attr.pad_begin[i] = c->attr.pad_end[i] = 0;
			c->y[2 + i] = c->x[2 + i];
		}
	}
}

struct conv_sum {
	double real, size;
	int64_t integer;
};

static struct conv_sum conv_reference(const struct bench *b, const struct conv_case *c,
				      const uint32_t *at)
{
	const struct tensor *x = tensor(b, 1), *w = tensor(b, 2);
	const uint32_t group = at[1] / (c->outputs / c->attr.groups);
	uint32_t tap[NPU_RANK_MAX] = { at[1] }, window[NPU_RANK_MAX] = { 0 };
	struct tensor shape = { .rank = c->spatial + 1 };
	struct conv_sum sum = { 0, 1e-3, 0 };

	for (unsigned int i = 0; i < shape.rank; i++)
		shape.extent[i] = c->w[1 + i];
	do {
		uint32_t from[NPU_RANK_MAX] = { at[0], group * c->w[1] + window[0] };
		bool inside = true;

		memcpy(tap + 1, window, shape.rank * sizeof(tap[0]));
		for (unsigned int i = 0; i < c->spatial; i++) {
			const int64_t position = (int64_t)at[2 + i] * c->attr.stride[i] +
						 (int64_t)window[1 + i] * c->attr.dilation[i] -
						 c->attr.pad_begin[i];

			inside &= position >= 0 && position < c->x[2 + i];
			from[2 + i] = (uint32_t)position;
		}
		if (inside) {
			const double product = (bench_get(x, from) - c->attr.x_zero) *
					       (bench_get(w, tap) - c->attr.w_zero);

			sum.real += product;
			sum.size += fabs(product);
			sum.integer += (int64_t)product;
		}
	} while (bench_next(&shape, window));
	return sum;
}

static void conv_fp32_is_within_rounding(void **state)
{
	struct bench *b = *state;

	for (int round = 0; round < 500; round++) {
		const uint8_t activation = round % 3 ? NPU_ACT_NONE : NPU_ACT_RELU;
		uint32_t at[NPU_RANK_MAX] = { 0 };
		struct conv_case c;

		random_conv(b, &c);
		bench_begin(b);
		bench_tensor(b, NPU_TYPE_F32, c.spatial + 2, c.y, round % 2 ? LAYOUT_ANY : LAYOUT_DENSE);
		bench_tensor(b, NPU_TYPE_F32, c.spatial + 2, c.x,
			     round % 3 ? LAYOUT_DENSE : LAYOUT_BROADCAST);
		bench_tensor(b, NPU_TYPE_F32, c.spatial + 2, c.w,
			     round % 5 ? LAYOUT_DENSE : LAYOUT_BROADCAST);
		if (round % 7)
			bench_tensor(b, NPU_TYPE_F32, 1, &c.outputs, LAYOUT_BROADCAST);
		bench_program(b, NPU_OP_CONV, &c.attr, sizeof(c.attr), activation, 0, 0);
		assert_int_equal(bench_run(b), 0);
		do {
			struct conv_sum sum = conv_reference(b, &c, at);

			if (tensor(b, 3))
				sum.real += bench_get(tensor(b, 3), &at[1]);
			expect_close(bench_get(tensor(b, 0), at),
				     reference_activate(activation, 0, 0, sum.real), sum.size + 1, 4e-6,
				     "conv");
		} while (bench_next(tensor(b, 0), at));
	}
}

static void conv_int8_is_exact(void **state)
{
	static const uint8_t results[] = { NPU_TYPE_I8, NPU_TYPE_U8, NPU_TYPE_I32, NPU_TYPE_F32 };
	struct bench *b = *state;

	for (int round = 0; round < 500; round++) {
		const uint8_t ty = results[bench_random(b, 4)], tx = random_int8(b), tw = random_int8(b);
		const uint8_t activation = ty == NPU_TYPE_I32 ? 0 : (uint8_t)bench_random(b, 2);
		const struct tensor *multiplier = NULL;
		uint32_t at[NPU_RANK_MAX] = { 0 };
		struct conv_case c;

		random_conv(b, &c);
		c.attr.x_zero = (__s16)random_zero(b, tx);
		c.attr.w_zero = (__s16)random_zero(b, tw);
		c.attr.y_zero = (__s16)random_zero(b, ty);
		bench_begin(b);
		bench_tensor(b, ty, c.spatial + 2, c.y, LAYOUT_ANY);
		bench_tensor(b, tx, c.spatial + 2, c.x, LAYOUT_BROADCAST);
		bench_tensor(b, tw, c.spatial + 2, c.w, LAYOUT_BROADCAST);
		if (round % 2)
			bench_tensor(b, NPU_TYPE_I32, 1, &c.outputs, LAYOUT_ANY);
		else
			bench_none(b);
		if (ty != NPU_TYPE_I32) {
			struct tensor *t = bench_tensor(b, NPU_TYPE_F32, 1,
							round % 3 ? &c.outputs : (uint32_t[]){ 1 },
							LAYOUT_ANY);
			uint32_t n[NPU_RANK_MAX] = { 0 };

			do {
				bench_set(t, n, (double)bench_real(b, 0.0001f, 0.01f));
			} while (bench_next(t, n));
			multiplier = t;
		}
		bench_program(b, NPU_OP_CONV, &c.attr, sizeof(c.attr), activation, 0, 0);
		assert_int_equal(bench_run(b), 0);
		do {
			const uint32_t n = multiplier && multiplier->count > 1 ? at[1] : 0;
			int64_t sum = conv_reference(b, &c, at).integer;

			if (tensor(b, 3))
				sum += bench_get_integer(tensor(b, 3), &at[1]);
			expect_integer(tensor(b, 0), at, sum,
				       multiplier ? (float)bench_get(multiplier, &n) : 1.0f,
				       c.attr.y_zero, activation, 0, 0);
		} while (bench_next(tensor(b, 0), at));
	}
}

static void the_same_program_gives_the_same_bits(void **state)
{
	const uint32_t y[2] = { 300, 270 }, ea[2] = { 300, 1500 }, eb[2] = { 1500, 270 };
	const struct npu_attr_gemm attr = { .alpha = float_bits(1.0f) };
	struct bench *b = *state;
	struct tensor *result;
	uint8_t *first;

	bench_begin(b);
	result = bench_tensor(b, NPU_TYPE_F32, 2, y, LAYOUT_DENSE);
	bench_tensor(b, NPU_TYPE_F32, 2, ea, LAYOUT_DENSE);
	bench_tensor(b, NPU_TYPE_F32, 2, eb, LAYOUT_DENSE);
	bench_program(b, NPU_OP_GEMM, &attr, sizeof(attr), 0, 0, 0);
	assert_int_equal(bench_run(b), 0);
	first = malloc(result->size);
	memcpy(first, result->data, result->size);
	for (int i = 0; i < 5; i++) {
		memset(result->data, 0xff, result->size);
		assert_int_equal(bench_run(b), 0);
		assert_memory_equal(first, result->data, result->size);
	}
	free(first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(gemm_fp32_is_within_rounding),
		T(gemm_int8_is_exact),
		T(gemm_int8_is_exact_for_long_sums),
		T(gemm_crosses_tiles),
		T(conv_fp32_is_within_rounding),
		T(conv_int8_is_exact),
		T(the_same_program_gives_the_same_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
