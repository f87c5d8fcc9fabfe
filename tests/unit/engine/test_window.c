// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* POOL, SOFTMAX, REDUCE against naive references. */
#include "bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int setup(void **state)
{
	*state = bench_create(4242);
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

struct pool_case {
	unsigned int spatial;
	uint32_t x[5], y[5];
	struct npu_attr_pool attr;
};

static void random_pool(struct bench *b, struct pool_case *c, uint8_t kind)
{
	memset(c, 0, sizeof(*c));
	c->spatial = 1 + bench_random(b, 3);
	c->attr.kind = kind;
	c->x[0] = c->y[0] = 1 + bench_random(b, 2);
	c->x[1] = c->y[1] = 1 + bench_random(b, 3);
	for (unsigned int i = 0; i < c->spatial; i++) {
		const uint32_t kernel = 1 + bench_random(b, 4), dilation = 1 + bench_random(b, 2);
		const uint32_t reach = (kernel - 1) * dilation + 1;
		uint32_t padded;

		c->attr.kernel[i] = (__u16)kernel;
		c->attr.dilation[i] = (__u16)dilation;
		c->attr.stride[i] = (__u16)(1 + bench_random(b, 3));
		c->attr.pad_begin[i] = (__u16)bench_random(b, kernel * dilation);
		c->attr.pad_end[i] = (__u16)bench_random(b, 3);
		c->x[2 + i] = reach + bench_random(b, 6);
		padded = c->x[2 + i] + c->attr.pad_begin[i] + c->attr.pad_end[i];
		c->y[2 + i] = (padded - reach) / c->attr.stride[i] + 1;
		/* Ceil mode: one more that hangs over, if it starts inside. */
		if (bench_random(b, 2) && c->y[2 + i] * c->attr.stride[i] < padded)
			c->y[2 + i]++;
	}
}

static void expect_pool(const struct tensor *y, const struct tensor *x, const struct pool_case *c,
			const uint32_t *at)
{
	struct tensor shape = { .rank = c->spatial };
	uint32_t window[NPU_RANK_MAX] = { 0 };
	double sum = 0, max = -INFINITY, size = 1e-3, r;
	int64_t inside = 0, padded = 0;

	for (unsigned int i = 0; i < c->spatial; i++)
		shape.extent[i] = c->attr.kernel[i];
	do {
		uint32_t from[NPU_RANK_MAX] = { at[0], at[1] };
		bool in_input = true, in_pads = true;
		double value;

		for (unsigned int i = 0; i < c->spatial; i++) {
			const int64_t position = (int64_t)at[2 + i] * c->attr.stride[i] +
						 (int64_t)window[i] * c->attr.dilation[i] -
						 c->attr.pad_begin[i];

			in_input &= position >= 0 && position < c->x[2 + i];
			in_pads &= position < (int64_t)c->x[2 + i] + c->attr.pad_end[i];
			from[2 + i] = (uint32_t)position;
		}
		padded += in_pads;
		if (!in_input)
			continue;
		inside++;
		value = bench_get(x, from) - c->attr.x_zero;
		sum += value;
		size += fabs(value);
		max = value > max ? value : max;
	} while (bench_next(&shape, window));
	if (c->attr.kind == NPU_POOL_MAX) {
		r = y->type == NPU_TYPE_I8 && isinf(max) ? -128 : y->type == NPU_TYPE_U8 && isinf(max) ? 0 : max;
		assert_true(bench_get(y, at) == r);
		return;
	}
	if (c->attr.kind == NPU_POOL_AVERAGE)
		padded = inside;
	r = padded ? sum / (double)padded : 0;
	if (y->type == NPU_TYPE_F32)
		expect_close(bench_get(y, at), r, size, 1e-6, "average");
	else
		assert_int_equal(bench_get_integer(y, at),
				 reference_quantise(y->type,
						    (double)((float)r * bits_float(c->attr.multiplier)),
						    c->attr.y_zero));
}

static void pool_follows_its_formula(void **state)
{
	static const uint8_t types[] = { NPU_TYPE_F32, NPU_TYPE_I8, NPU_TYPE_U8 };
	struct bench *b = *state;

	for (int round = 0; round < 600; round++) {
		const uint8_t type = types[bench_random(b, 3)];
		uint32_t at[NPU_RANK_MAX] = { 0 };
		struct pool_case c;
		struct tensor *y, *x;

		random_pool(b, &c, (uint8_t)(round % NPU_POOL_COUNT));
		if (type != NPU_TYPE_F32 && c.attr.kind != NPU_POOL_MAX) {
			c.attr.x_zero = (__s16)((int)bench_random(b, 256) - (type == NPU_TYPE_I8 ? 128 : 0));
			c.attr.y_zero = (__s16)((int)bench_random(b, 256) - (type == NPU_TYPE_I8 ? 128 : 0));
			c.attr.multiplier = float_bits(bench_real(b, 0.3f, 2.0f));
		}
		bench_begin(b);
		y = bench_tensor(b, type, c.spatial + 2, c.y, LAYOUT_ANY);
		x = bench_tensor(b, type, c.spatial + 2, c.x, LAYOUT_BROADCAST);
		bench_program(b, NPU_OP_POOL, &c.attr, sizeof(c.attr), 0, 0, 0);
		assert_int_equal(bench_run(b), 0);
		do {
			expect_pool(y, x, &c, at);
		} while (bench_next(y, at));
	}
}

static void max_pool_keeps_nan(void **state)
{
	const struct npu_attr_pool attr = { .kernel = { 3 }, .stride = { 1 }, .dilation = { 1 },
					    .kind = NPU_POOL_MAX };
	const uint32_t ex[3] = { 1, 1, 5 }, ey[3] = { 1, 1, 3 };
	struct bench *b = *state;
	struct tensor *y, *x;

	bench_begin(b);
	y = bench_tensor(b, NPU_TYPE_F32, 3, ey, LAYOUT_DENSE);
	x = bench_tensor(b, NPU_TYPE_F32, 3, ex, LAYOUT_DENSE);
	bench_set(x, (uint32_t[]){ 0, 0, 0 }, (double)NAN);
	bench_program(b, NPU_OP_POOL, &attr, sizeof(attr), 0, 0, 0);
	assert_int_equal(bench_run(b), 0);
	assert_true(isnan(bench_get(y, (uint32_t[]){ 0, 0, 0 })));
	assert_false(isnan(bench_get(y, (uint32_t[]){ 0, 0, 1 })));
}

static void softmax_follows_its_formula(void **state)
{
	struct bench *b = *state;

	for (int round = 0; round < 300; round++) {
		const unsigned int rank = 1 + bench_random(b, NPU_RANK_MAX);
		struct npu_attr_axis attr = { .axis = bench_random(b, rank) };
		uint32_t extent[NPU_RANK_MAX], at[NPU_RANK_MAX] = { 0 };
		struct tensor *y, *x;

		/* Long vectors are few: the reference goes along one for each element. */
		for (unsigned int i = 0; i < rank; i++)
			extent[i] = round % 10 ? 1 + bench_random(b, 4) : 1;
		if (!(round % 10))
			extent[attr.axis] = 1500;
		bench_begin(b);
		y = bench_tensor(b, NPU_TYPE_F32, rank, extent, LAYOUT_ANY);
		x = bench_tensor(b, NPU_TYPE_F32, rank, extent, LAYOUT_BROADCAST);
		if (round % 3 == 0) {
			/* Large inputs must not overflow. */
			for (uint64_t i = 0; i + 4 <= x->size; i += 4) {
				const float value = bench_real(b, -500.0f, 500.0f);

				memcpy(x->data + i, &value, 4);
			}
		}
		bench_program(b, NPU_OP_SOFTMAX, &attr, sizeof(attr), 0, 0, 0);
		assert_int_equal(bench_run(b), 0);
		do {
			uint32_t along[NPU_RANK_MAX];
			double largest = -INFINITY, sum = 0;

			memcpy(along, at, sizeof(along));
			for (along[attr.axis] = 0; along[attr.axis] < extent[attr.axis]; along[attr.axis]++)
				largest = fmax(largest, bench_get(x, along));
			for (along[attr.axis] = 0; along[attr.axis] < extent[attr.axis]; along[attr.axis]++)
				sum += exp(bench_get(x, along) - largest);
			expect_close(bench_get(y, at), exp(bench_get(x, at) - largest) / sum, 1, 2e-6,
				     "softmax");
		} while (bench_next(y, at));
	}
}

static void reduce_follows_its_formula(void **state)
{
	struct bench *b = *state;

	for (int round = 0; round < 600; round++) {
		const unsigned int rank = bench_random(b, NPU_RANK_MAX + 1);
		const struct npu_attr_reduce attr = { .kind = (uint32_t)round % NPU_REDUCE_COUNT };
		uint32_t ex[NPU_RANK_MAX], ey[NPU_RANK_MAX], at[NPU_RANK_MAX] = { 0 };
		struct tensor *y, *x;

		for (unsigned int i = 0; i < rank; i++) {
			ex[i] = 1 + bench_random(b, 5);
			ey[i] = bench_random(b, 2) ? ex[i] : 1;
		}
		bench_begin(b);
		y = bench_tensor(b, NPU_TYPE_F32, rank, ey, LAYOUT_ANY);
		x = bench_tensor(b, NPU_TYPE_F32, rank, ex, LAYOUT_BROADCAST);
		bench_program(b, NPU_OP_REDUCE, &attr, sizeof(attr), 0, 0, 0);
		assert_int_equal(bench_run(b), 0);
		do {
			uint32_t from[NPU_RANK_MAX] = { 0 };
			double sum = 0, size = 1e-3, max = -INFINITY, min = INFINITY, r;
			uint64_t count = 0;

			do {
				bool mine = true;

				for (unsigned int i = 0; i < rank; i++)
					mine &= ey[i] == 1 || from[i] == at[i];
				if (!mine)
					continue;
				r = bench_get(x, from);
				sum += r;
				size += fabs(r);
				max = r > max ? r : max;
				min = r < min ? r : min;
				count++;
			} while (bench_next(x, from));
			r = attr.kind == NPU_REDUCE_SUM ? sum : attr.kind == NPU_REDUCE_MEAN ? sum / count :
			    attr.kind == NPU_REDUCE_MAX ? max : min;
			expect_close(bench_get(y, at), r, size, attr.kind >= NPU_REDUCE_MAX ? 0 : 1e-5,
				     "reduce");
		} while (bench_next(y, at));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(pool_follows_its_formula),
		T(max_pool_keeps_nan),
		T(softmax_follows_its_formula),
		T(reduce_follows_its_formula),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
