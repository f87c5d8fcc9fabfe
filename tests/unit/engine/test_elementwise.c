// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* COPY, FILL, BINARY, UNARY, QUANTISE, DEQUANTISE against naive references. */
#include "bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t whole_types[] = {
	NPU_TYPE_F32, NPU_TYPE_F16, NPU_TYPE_BF16, NPU_TYPE_I8, NPU_TYPE_U8, NPU_TYPE_I16,
	NPU_TYPE_I32, NPU_TYPE_I64, NPU_TYPE_BOOL,
};

static const uint8_t element_types[] = { NPU_TYPE_F32, NPU_TYPE_I8, NPU_TYPE_U8 };

static int setup(void **state)
{
	*state = bench_create(12345);
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static unsigned int random_shape(struct bench *b, uint32_t *extent)
{
	const unsigned int rank = bench_random(b, NPU_RANK_MAX + 1);

	for (unsigned int i = 0; i < rank; i++)
		extent[i] = 1 + bench_random(b, i == rank - 1 ? 9 : 4);
	if (rank == 1 && !bench_random(b, 3))
		extent[0] = 1000 + bench_random(b, 3000);
	return rank;
}

static void copies_every_type_and_layout(void **state)
{
	struct bench *b = *state;
	uint32_t extent[NPU_RANK_MAX];

	for (int round = 0; round < 400; round++) {
		const uint8_t type = whole_types[round % sizeof(whole_types)];
		const unsigned int rank = random_shape(b, extent);
		uint32_t at[NPU_RANK_MAX] = { 0 };
		struct tensor *y, *x;

		bench_begin(b);
		y = bench_tensor(b, type, rank, extent, LAYOUT_ANY);
		x = bench_tensor(b, type, rank, extent, LAYOUT_BROADCAST);
		bench_program(b, NPU_OP_COPY, NULL, 0, 0, 0, 0);
		assert_int_equal(bench_run(b), 0);
		do {
			assert_int_equal(bench_get_integer(y, at), bench_get_integer(x, at));
		} while (bench_next(y, at));
	}
}

static void writes_nothing_between_the_elements(void **state)
{
	struct bench *b = *state;
	uint32_t extent[NPU_RANK_MAX];

	for (int round = 0; round < 100; round++) {
		const unsigned int rank = random_shape(b, extent);
		const struct npu_attr_fill attr = { .value = 0x1122334455667788ull };
		uint8_t *before, *touched;
		uint32_t at[NPU_RANK_MAX] = { 0 };
		struct tensor *y;

		bench_begin(b);
		y = bench_tensor(b, whole_types[round % sizeof(whole_types)], rank, extent, LAYOUT_ANY);
		before = malloc(y->size);
		touched = calloc(1, y->size);
		memcpy(before, y->data, y->size);
		bench_program(b, NPU_OP_FILL, &attr, sizeof(attr), 0, 0, 0);
		assert_int_equal(bench_run(b), 0);
		do {
			const unsigned int size = bench_type_size(y->type);
			int64_t offset = (int64_t)y->offset;

			for (unsigned int d = 0; d < rank; d++)
				offset += (int64_t)at[d] * y->stride[d] * size;
			assert_memory_equal(y->data + offset, &attr.value, size);
			memset(touched + offset, 1, size);
		} while (bench_next(y, at));
		for (uint64_t i = 0; i < y->size; i++)
			assert_true(touched[i] || y->data[i] == before[i]);
		free(before);
		free(touched);
	}
}

static double reference_binary(uint32_t kind, double a, double b)
{
	switch (kind) {
	case NPU_BINARY_ADD:
		return a + b;
	case NPU_BINARY_SUB:
		return a - b;
	case NPU_BINARY_MUL:
		return a * b;
	case NPU_BINARY_DIV:
		return a / b;
	case NPU_BINARY_MIN:
		return isnan(a) || isnan(b) ? (double)NAN : a < b ? a : b;
	}
	return isnan(a) || isnan(b) ? (double)NAN : a > b ? a : b;
}

static double reference_unary(uint32_t kind, double x)
{
	switch (kind) {
	case NPU_UNARY_NEG:
		return -x;
	case NPU_UNARY_ABS:
		return fabs(x);
	case NPU_UNARY_EXP:
		return exp(x);
	case NPU_UNARY_LOG:
		return log(x);
	case NPU_UNARY_SQRT:
		return sqrt(x);
	case NPU_UNARY_RECIPROCAL:
		return 1 / x;
	}
	return x;
}

static struct npu_attr_elementwise random_scales(struct bench *b, const uint8_t types[3], uint32_t kind)
{
	struct npu_attr_elementwise attr = { .kind = kind };
	uint32_t *const scales[3] = { &attr.y_scale, &attr.a_scale, &attr.b_scale };
	__s16 *const zeros[3] = { &attr.y_zero, &attr.a_zero, &attr.b_zero };

	for (int i = 0; i < 3; i++) {
		if (types[i] == NPU_TYPE_F32 || types[i] == NPU_TYPE_NONE)
			continue;
		*scales[i] = float_bits(bench_real(b, 0.01f, 0.1f));
		*zeros[i] = (__s16)((int)bench_random(b, 256) -
				   (types[i] == NPU_TYPE_U8 ? 0 : 128));
	}
	return attr;
}

/* The real value of an element, each step in fp32. */
static float real(const struct tensor *t, const uint32_t *at, uint32_t scale, int16_t zero)
{
	if (t->type == NPU_TYPE_F32)
		return (float)bench_get(t, at);
	return (float)(bench_get_integer(t, at) - zero) * bits_float(scale);
}

/* Quantised results may differ by one where fp32 rounds next to a half. */
static void expect_result(const struct tensor *y, const uint32_t *at, double wanted,
			  const struct npu_attr_elementwise *attr)
{
	if (y->type == NPU_TYPE_F32) {
		expect_close(bench_get(y, at), (double)(float)wanted, fabs(wanted) + 1e-3, 3e-7, "real");
	} else {
		const double scaled = (double)((float)wanted / bits_float(attr->y_scale));
		const int64_t got = bench_get_integer(y, at);
		const double fraction = fabs(scaled - floor(scaled) - 0.5);

		if (fraction > 1e-4 * (fabs(scaled) + 1))
			assert_int_equal(got, reference_quantise(y->type, scaled, attr->y_zero));
		else
			assert_in_range(got - reference_quantise(y->type, scaled, attr->y_zero) + 1, 0, 2);
	}
}

static void random_activation(struct bench *b, uint8_t *activation, float *low, float *high)
{
	*activation = (uint8_t)bench_random(b, NPU_ACT_COUNT);
	*low = *high = 0.0f;
	if (*activation == NPU_ACT_CLIP) {
		*low = bench_real(b, -1.0f, 0.5f);
		*high = bench_real(b, -0.5f, 1.0f);
	}
	if (*activation == NPU_ACT_LEAKY_RELU)
		*low = bench_real(b, 0.0f, 0.3f);
}

static void binary_follows_its_formula(void **state)
{
	struct bench *b = *state;
	uint32_t extent[NPU_RANK_MAX];

	for (int round = 0; round < 1500; round++) {
		const uint32_t kind = (uint32_t)round % NPU_BINARY_COUNT;
		const unsigned int rank = random_shape(b, extent);
		const uint8_t types[3] = { element_types[bench_random(b, 3)],
					   element_types[bench_random(b, 3)],
					   element_types[bench_random(b, 3)] };
		const struct npu_attr_elementwise attr = random_scales(b, types, kind);
		uint32_t at[NPU_RANK_MAX] = { 0 };
		struct tensor *y, *p, *q;
		uint8_t activation;
		float low, high;

		random_activation(b, &activation, &low, &high);
		bench_begin(b);
		y = bench_tensor(b, types[0], rank, extent, LAYOUT_ANY);
		p = bench_tensor(b, types[1], rank, extent, LAYOUT_BROADCAST);
		q = bench_tensor(b, types[2], rank, extent, LAYOUT_BROADCAST);
		bench_program(b, NPU_OP_BINARY, &attr, sizeof(attr), activation, float_bits(low),
			      float_bits(high));
		assert_int_equal(bench_run(b), 0);
		do {
			const double r = (double)(float)reference_binary(kind,
				(double)real(p, at, attr.a_scale, attr.a_zero),
				(double)real(q, at, attr.b_scale, attr.b_zero));

			expect_result(y, at, reference_activate(activation, low, high, r), &attr);
		} while (bench_next(y, at));
	}
}

static void unary_follows_its_formula(void **state)
{
	struct bench *b = *state;
	uint32_t extent[NPU_RANK_MAX];

	for (int round = 0; round < 1500; round++) {
		const uint32_t kind = (uint32_t)round % NPU_UNARY_COUNT;
		const unsigned int rank = random_shape(b, extent);
		const uint8_t types[3] = { element_types[bench_random(b, 3)],
					   element_types[bench_random(b, 3)], NPU_TYPE_NONE };
		const struct npu_attr_elementwise attr = random_scales(b, types, kind);
		uint32_t at[NPU_RANK_MAX] = { 0 };
		struct tensor *y, *x;
		uint8_t activation;
		float low, high;

		random_activation(b, &activation, &low, &high);
		bench_begin(b);
		y = bench_tensor(b, types[0], rank, extent, LAYOUT_ANY);
		x = bench_tensor(b, types[1], rank, extent, LAYOUT_BROADCAST);
		bench_program(b, NPU_OP_UNARY, &attr, sizeof(attr), activation, float_bits(low),
			      float_bits(high));
		assert_int_equal(bench_run(b), 0);
		do {
			const double r = (double)(float)reference_unary(kind,
				(double)real(x, at, attr.a_scale, attr.a_zero));

			expect_result(y, at, reference_activate(activation, low, high, r), &attr);
		} while (bench_next(y, at));
	}
}

static void unary_works_in_place(void **state)
{
	const struct npu_attr_elementwise attr = { .kind = NPU_UNARY_NEG };
	const uint32_t extent[2] = { 3, 700 };
	struct bench *b = *state;
	struct tensor *y, *x;
	uint32_t at[NPU_RANK_MAX] = { 0 };
	float before[2100];

	bench_begin(b);
	y = bench_tensor(b, NPU_TYPE_F32, 2, extent, LAYOUT_DENSE);
	x = bench_tensor(b, NPU_TYPE_F32, 2, extent, LAYOUT_DENSE);
	x->data = y->data;
	memcpy(before, y->data, sizeof(before));
	bench_program(b, NPU_OP_UNARY, &attr, sizeof(attr), 0, 0, 0);
	assert_int_equal(bench_run(b), 0);
	for (int i = 0; bench_next(y, at); i++)
		assert_float_equal(bench_get(y, at), -before[i + 1], 0);
}

static void special_values_follow_ieee(void **state)
{
	static const float values[] = { 0.0f, -0.0f, 1.0f, -1.0f, INFINITY, -INFINITY, NAN, 3e38f };
	enum { COUNT = sizeof(values) / sizeof(values[0]) };
	const uint32_t extent[2] = { COUNT, COUNT };
	struct bench *b = *state;

	for (uint32_t kind = 0; kind < NPU_BINARY_COUNT; kind++) {
		const struct npu_attr_elementwise attr = { .kind = kind };
		uint32_t at[NPU_RANK_MAX] = { 0 };
		struct tensor *y, *p, *q;

		bench_begin(b);
		y = bench_tensor(b, NPU_TYPE_F32, 2, extent, LAYOUT_DENSE);
		p = bench_tensor(b, NPU_TYPE_F32, 2, extent, LAYOUT_DENSE);
		q = bench_tensor(b, NPU_TYPE_F32, 2, extent, LAYOUT_DENSE);
		do {
			bench_set(p, at, (double)values[at[0]]);
			bench_set(q, at, (double)values[at[1]]);
		} while (bench_next(y, at));
		bench_program(b, NPU_OP_BINARY, &attr, sizeof(attr), 0, 0, 0);
		assert_int_equal(bench_run(b), 0);
		do {
			const float wanted = (float)reference_binary(kind, (double)values[at[0]],
								     (double)values[at[1]]);

			expect_close(bench_get(y, at), (double)wanted, 0, 0, "special");
		} while (bench_next(y, at));
	}
}

static void activations_keep_nan(void **state)
{
	const struct npu_attr_elementwise attr = { .kind = NPU_UNARY_COPY };
	struct bench *b = *state;

	for (uint8_t activation = 0; activation < NPU_ACT_COUNT; activation++) {
		const uint32_t none[1] = { 0 };
		struct tensor *y, *x;

		bench_begin(b);
		y = bench_tensor(b, NPU_TYPE_F32, 0, none, LAYOUT_DENSE);
		x = bench_tensor(b, NPU_TYPE_F32, 0, none, LAYOUT_DENSE);
		bench_set(x, none, (double)NAN);
		bench_program(b, NPU_OP_UNARY, &attr, sizeof(attr), activation,
			      activation == NPU_ACT_CLIP ? float_bits(-1.0f) : 0,
			      activation == NPU_ACT_CLIP ? float_bits(1.0f) : 0);
		assert_int_equal(bench_run(b), 0);
		assert_true(isnan(bench_get(y, none)));
	}
}

static void quantise_rounds_half_to_even_and_saturates(void **state)
{
	static const struct {
		float x, scale;
		int32_t zero;
		int64_t i8, u8;
	} cases[] = {
		{ 0.5f, 1.0f, 0, 0, 0 }, { 1.5f, 1.0f, 0, 2, 2 }, { 2.5f, 1.0f, 0, 2, 2 },
		{ -0.5f, 1.0f, 0, 0, 0 }, { -1.5f, 1.0f, 0, -2, 0 }, { -2.5f, 1.0f, 0, -2, 0 },
		{ 0.5f, 1.0f, 1, 1, 1 }, { 126.5f, 1.0f, 0, 126, 126 }, { 127.5f, 1.0f, 0, 127, 128 },
		{ 1e30f, 1.0f, 0, 127, 255 }, { -1e30f, 1.0f, 0, -128, 0 }, { 1.0f, 0.0f, 0, 127, 255 },
		{ -1.0f, 0.0f, 0, -128, 0 }, { 0.0f, 0.0f, 7, 7, 7 }, { INFINITY, 1.0f, 0, 127, 255 },
		{ NAN, 1.0f, 9, 9, 9 }, { NAN, 1.0f, 1000, 127, 255 }, { 1e9f, 1.0f, -1000000000, 0, 0 },
		{ -1e9f, 1.0f, 1000000005, 5, 5 }, { 3.0f, 2.0f, 0, 2, 2 },
	};
	const uint32_t none[1] = { 0 };
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int unsign = 0; unsign < 2; unsign++) {
			struct tensor *y, *x, *scale, *zero;

			bench_begin(b);
			y = bench_tensor(b, unsign ? NPU_TYPE_U8 : NPU_TYPE_I8, 0, none, LAYOUT_DENSE);
			x = bench_tensor(b, NPU_TYPE_F32, 0, none, LAYOUT_DENSE);
			scale = bench_tensor(b, NPU_TYPE_F32, 0, none, LAYOUT_DENSE);
			zero = bench_tensor(b, NPU_TYPE_I32, 0, none, LAYOUT_DENSE);
			bench_set(x, none, (double)cases[i].x);
			bench_set(scale, none, (double)cases[i].scale);
			bench_set(zero, none, cases[i].zero);
			bench_program(b, NPU_OP_QUANTISE, NULL, 0, 0, 0, 0);
			assert_int_equal(bench_run(b), 0);
			assert_int_equal(bench_get_integer(y, none),
					 unsign ? cases[i].u8 : cases[i].i8);
		}
	}
}

static void quantise_and_dequantise_follow_their_formulas(void **state)
{
	struct bench *b = *state;
	uint32_t extent[NPU_RANK_MAX];

	for (int round = 0; round < 500; round++) {
		const bool quantise = round & 1, with_zero = round & 2;
		static const uint8_t sources[] = { NPU_TYPE_I8, NPU_TYPE_U8, NPU_TYPE_I32 };
		const unsigned int rank = random_shape(b, extent);
		uint32_t at[NPU_RANK_MAX] = { 0 };
		struct tensor *y, *x, *scale, *zero = NULL;

		bench_begin(b);
		y = bench_tensor(b, quantise ? sources[bench_random(b, 2)] : NPU_TYPE_F32, rank, extent,
				 LAYOUT_ANY);
		x = bench_tensor(b, quantise ? NPU_TYPE_F32 : sources[bench_random(b, 3)], rank, extent,
				 LAYOUT_BROADCAST);
		scale = bench_tensor(b, NPU_TYPE_F32, rank, extent, LAYOUT_BROADCAST);
		if (with_zero)
			zero = bench_tensor(b, NPU_TYPE_I32, rank, extent, LAYOUT_BROADCAST);
		else if (round & 4)
			bench_none(b);
		bench_program(b, quantise ? NPU_OP_QUANTISE : NPU_OP_DEQUANTISE, NULL, 0, 0, 0, 0);
		assert_int_equal(bench_run(b), 0);
		do {
			const int64_t z = zero ? bench_get_integer(zero, at) : 0;
			const float s = (float)bench_get(scale, at);

			if (quantise)
				assert_int_equal(bench_get_integer(y, at),
						 reference_quantise(y->type,
								    (double)((float)bench_get(x, at) / s), z));
			else
				expect_close(bench_get(y, at),
					     (double)((float)(bench_get_integer(x, at) - z) * s), 0, 0,
					     "dequantised");
		} while (bench_next(y, at));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(copies_every_type_and_layout),
		T(writes_nothing_between_the_elements),
		T(binary_follows_its_formula),
		T(unary_follows_its_formula),
		T(unary_works_in_place),
		T(special_values_follow_ieee),
		T(activations_keep_nan),
		T(quantise_rounds_half_to_even_and_saturates),
		T(quantise_and_dequantise_follow_their_formulas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
