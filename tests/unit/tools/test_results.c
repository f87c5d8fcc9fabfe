// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Comparison, accuracy, latency, and how files make executions. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compare.h"
#include "latency.h"
#include "plan.h"

static struct tensor tensor_of(uint8_t type, uint64_t rows, uint64_t columns, const void *elements)
{
	const struct tensor_shape shape = {type, 2, {rows, columns}};
	struct npu_error error;
	struct tensor tensor;

	assert_int_equal(tensor_init(&tensor, &shape, &error), 0);
	if (elements)
		memcpy(tensor.data, elements, tensor.size);
	return tensor;
}

static struct comparison compared(uint8_t type, uint64_t count, const void *got, const void *want,
				  double relative, double absolute)
{
	const struct tolerance tolerance = {relative, absolute};
	struct tensor a = tensor_of(type, 1, count, got), b = tensor_of(type, 1, count, want);
	struct comparison c;

	compare(&a, &b, &tolerance, &c);
	tensor_fini(&a);
	tensor_fini(&b);
	return c;
}

static void tolerance_is_absolute_plus_relative_to_the_expected(void **state)
{
	static const float want[] = {100, 0, -100};
	static const float inside[] = {101, 0.5f, -101.5f}, outside[] = {100, 0.5f, -101.75f};
	struct comparison c = compared(NPU_TYPE_F32, 3, inside, want, 0.01, 0.5);

	assert_int_equal(c.mismatches, 0);
	assert_int_equal(c.count, 3);
	assert_true(c.max_absolute == 1.5);
	assert_true(fabs(c.max_relative - 0.015) < 1e-12);
	c = compared(NPU_TYPE_F32, 3, outside, want, 0.01, 0.5);
	assert_int_equal(c.mismatches, 1);
	assert_int_equal(c.first, 2);
	assert_true(c.first_got == -101.75 && c.first_want == -100);
}

static void zero_tolerance_is_equality(void **state)
{
	static const float want[] = {1, 2};
	float got[] = {1, nextafterf(2, 3)};

	assert_int_equal(compared(NPU_TYPE_F32, 2, want, want, 0, 0).mismatches, 0);
	assert_int_equal(compared(NPU_TYPE_F32, 2, got, want, 0, 0).mismatches, 1);
}

static void nan_and_infinity_match_only_themselves(void **state)
{
	static const float want[] = {NAN, INFINITY, -INFINITY, 1, NAN, INFINITY, INFINITY};
	static const float got[] = {NAN, INFINITY, -INFINITY, NAN, 1, -INFINITY, 3e38f};
	struct comparison c = compared(NPU_TYPE_F32, 3, got, want, 1e9, 1e9);

	assert_int_equal(c.mismatches, 0);
	c = compared(NPU_TYPE_F32, 7, got, want, 1e9, 1e9);
	assert_int_equal(c.mismatches, 4);
	assert_int_equal(c.not_finite, 4);
	assert_int_equal(c.first, 3);
	assert_true(isnan(c.first_got) && c.first_want == 1);
	assert_true(c.max_absolute == 0 && c.max_relative == 0);
}

static void integers_are_compared_exactly(void **state)
{
	static const int8_t want8[] = {1, 2}, got8[] = {1, 3};
	/* These two are the same double. */
	static const int64_t want64[] = {INT64_MAX}, got64[] = {INT64_MAX - 1};

	assert_int_equal(compared(NPU_TYPE_I8, 2, got8, want8, 10, 10).mismatches, 1);
	assert_int_equal(compared(NPU_TYPE_I8, 2, want8, want8, 0, 0).mismatches, 0);
	assert_int_equal(compared(NPU_TYPE_I64, 1, got64, want64, 10, 10).mismatches, 1);
}

static void elements_of_every_type_are_read(void **state)
{
	static const uint16_t half[] = {0x3c00, 0xc000, 0x0001, 0x7c00,
					0xfc00, 0x7bff, 0x8000, 0x0400};
	static const uint16_t brain[] = {0x3f80, 0xc000};
	static const uint8_t nibbles[] = {0x87, 0x0f};
	struct tensor t = tensor_of(NPU_TYPE_F16, 1, 8, half);

	assert_true(tensor_real(&t, 0) == 1 && tensor_real(&t, 1) == -2);
	assert_true(tensor_real(&t, 2) == 0x1p-24 && tensor_real(&t, 7) == 0x1p-14);
	assert_true(tensor_real(&t, 3) == INFINITY && tensor_real(&t, 4) == -INFINITY);
	assert_true(tensor_real(&t, 5) == 65504 && signbit(tensor_real(&t, 6)));
	((uint16_t *)t.data)[0] = 0x7e00;
	assert_true(isnan(tensor_real(&t, 0)));
	tensor_fini(&t);
	t = tensor_of(NPU_TYPE_BF16, 1, 2, brain);
	assert_true(tensor_real(&t, 0) == 1 && tensor_real(&t, 1) == -2);
	tensor_fini(&t);
	t = tensor_of(NPU_TYPE_I4, 1, 3, nibbles);
	assert_int_equal(tensor_integer(&t, 0), 7);
	assert_int_equal(tensor_integer(&t, 1), -8);
	assert_int_equal(tensor_integer(&t, 2), -1);
	tensor_fini(&t);
}

static void accuracy_counts_the_largest(void **state)
{
	static const float rows[] = {0, 1, 0, 5, 5, 1, NAN, -3, -2, -1, -1, -9};
	static const int64_t labels[] = {1, 0, 2, 1};
	struct tensor output = tensor_of(NPU_TYPE_F32, 4, 3, rows);
	struct tensor truth = tensor_of(NPU_TYPE_I64, 1, 4, labels);
	struct npu_error error;
	struct accuracy a;

	assert_int_equal(accuracy(&output, &truth, &a, &error), 0);
	assert_int_equal(a.count, 4);
	/* Of equal ones the first counts, so the last row is 0, not 1. */
	assert_int_equal(a.right, 3);
	tensor_fini(&truth);
	tensor_fini(&output);
}

static void labels_that_do_not_fit_are_refused(void **state)
{
	static const int64_t bad[] = {1, 3};
	struct tensor output = tensor_of(NPU_TYPE_F32, 2, 3, NULL);
	struct tensor labels = tensor_of(NPU_TYPE_I64, 1, 3, NULL);
	struct npu_error error;
	struct accuracy a;

	assert_int_equal(accuracy(&output, &labels, &a, &error), -EINVAL);
	assert_string_equal(error.text,
			    "the output f32 [2, 3] has 2 rows to label, the file has i64 [1, 3]");
	tensor_fini(&labels);
	labels = tensor_of(NPU_TYPE_F32, 1, 2, NULL);
	assert_int_equal(accuracy(&output, &labels, &a, &error), -EINVAL);
	tensor_fini(&labels);
	labels = tensor_of(NPU_TYPE_I64, 1, 2, bad);
	assert_int_equal(accuracy(&output, &labels, &a, &error), -EINVAL);
	assert_string_equal(error.text, "label 1 is 3; the output has 3 classes");
	tensor_fini(&labels);
	tensor_fini(&output);
}

static void percentiles_are_nearest_rank(void **state)
{
	uint64_t ns[200], one = 7, two[] = {9, 3};
	struct latency l;

	for (unsigned int i = 0; i < 200; i++)
		ns[i] = (i * 77 % 200 + 1) * 1000;
	latency_compute(ns, 200, &l);
	assert_int_equal(l.count, 200);
	assert_int_equal(l.min_ns, 1000);
	assert_int_equal(l.median_ns, 100000);
	assert_int_equal(l.p99_ns, 198000);
	assert_int_equal(l.max_ns, 200000);
	assert_true(fabs(l.per_second - 200 * 1e9 / 20100000) < 1e-6);
	latency_compute(&one, 1, &l);
	assert_int_equal(l.median_ns, 7);
	assert_int_equal(l.p99_ns, 7);
	latency_compute(two, 2, &l);
	assert_int_equal(l.median_ns, 3);
	assert_int_equal(l.p99_ns, 9);
}

static void files_make_executions(void **state)
{
	static const struct tensor_shape port = {NPU_TYPE_F32, 4, {2, 1, 8, 8}};
	static const struct tensor_shape scalar = {NPU_TYPE_F32, 0, {0}};
	static const struct {
		struct tensor_shape file;
		enum plan_form form;
		uint64_t runs;
	} good[] = {
		{{NPU_TYPE_F32, 4, {2, 1, 8, 8}}, PLAN_SINGLE, 1},
		{{NPU_TYPE_F32, 4, {360, 1, 8, 8}}, PLAN_JOINED, 180},
		{{NPU_TYPE_F32, 5, {5, 2, 1, 8, 8}}, PLAN_STACKED, 5},
		{{NPU_TYPE_F32, 5, {1, 2, 1, 8, 8}}, PLAN_STACKED, 1},
	};
	static const struct tensor_shape bad[] = {
		{NPU_TYPE_I64, 4, {2, 1, 8, 8}}, {NPU_TYPE_F32, 4, {3, 1, 8, 8}},
		{NPU_TYPE_F32, 4, {1, 1, 8, 8}}, {NPU_TYPE_F32, 3, {2, 8, 8}},
		{NPU_TYPE_F32, 4, {2, 1, 8, 9}}, {NPU_TYPE_F32, 6, {1, 1, 2, 1, 8, 8}},
		{NPU_TYPE_F32, 0, {0}},		 {NPU_TYPE_F32, 5, {2, 2, 2, 8, 8}},
	};
	struct npu_error error;
	enum plan_form form;
	uint64_t runs;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(plan_match(&port, &good[i].file, &form, &runs, &error), 0);
		assert_int_equal(form, good[i].form);
		assert_int_equal(runs, good[i].runs);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(plan_match(&port, &bad[i], &form, &runs, &error), -EINVAL);
	assert_int_equal(plan_match(&port, &bad[0], &form, &runs, &error), -EINVAL);
	assert_string_equal(error.text, "the graph takes f32 [2, 1, 8, 8], or several of them; "
					"the file has i64 [2, 1, 8, 8]");
	assert_int_equal(plan_match(&scalar, &(struct tensor_shape){NPU_TYPE_F32, 1, {4}}, &form,
				    &runs, &error),
			 0);
	assert_int_equal(form, PLAN_STACKED);
	assert_int_equal(runs, 4);
}

static void outputs_are_put_together_like_inputs(void **state)
{
	static const struct tensor_shape port = {NPU_TYPE_F32, 2, {2, 10}};
	static const struct tensor_shape scalar = {NPU_TYPE_F32, 0, {0}};
	struct tensor_text text;
	struct tensor_shape shape;
	struct npu_error error;

	assert_int_equal(plan_output_shape(&port, PLAN_SINGLE, 1, &shape, &error), 0);
	assert_string_equal(tensor_extents(&shape, &text), "[2, 10]");
	assert_int_equal(plan_output_shape(&port, PLAN_JOINED, 180, &shape, &error), 0);
	assert_string_equal(tensor_extents(&shape, &text), "[360, 10]");
	assert_int_equal(plan_output_shape(&port, PLAN_STACKED, 5, &shape, &error), 0);
	assert_string_equal(tensor_extents(&shape, &text), "[5, 2, 10]");
	assert_int_equal(plan_output_shape(&scalar, PLAN_JOINED, 5, &shape, &error), 0);
	assert_string_equal(tensor_extents(&shape, &text), "[5]");
	assert_int_equal(plan_output_shape(&port, PLAN_JOINED, UINT64_MAX, &shape, &error),
			 -EOVERFLOW);
}

static void random_inputs_repeat_and_stay_in_range(void **state)
{
	static const uint8_t types[] = {NPU_TYPE_F32, NPU_TYPE_F16, NPU_TYPE_BF16};

	for (size_t i = 0; i < sizeof(types); i++) {
		struct tensor a = tensor_of(types[i], 100, 100, NULL);
		struct tensor b = tensor_of(types[i], 100, 100, NULL);
		double sum = 0, low = 0, high = 0;

		plan_fill_random(&a, 1);
		plan_fill_random(&b, 1);
		assert_memory_equal(a.data, b.data, a.size);
		plan_fill_random(&b, 2);
		assert_true(memcmp(a.data, b.data, a.size));
		for (uint64_t e = 0; e < a.count; e++) {
			double value = tensor_real(&a, e);

			assert_true(value >= -1 && value < 1);
			sum += value;
			low = fmin(low, value);
			high = fmax(high, value);
		}
		assert_true(fabs(sum / (double)a.count) < 0.03 && low < -0.99 && high > 0.99);
		tensor_fini(&a);
		tensor_fini(&b);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(tolerance_is_absolute_plus_relative_to_the_expected),
		cmocka_unit_test(zero_tolerance_is_equality),
		cmocka_unit_test(nan_and_infinity_match_only_themselves),
		cmocka_unit_test(integers_are_compared_exactly),
		cmocka_unit_test(elements_of_every_type_are_read),
		cmocka_unit_test(accuracy_counts_the_largest),
		cmocka_unit_test(labels_that_do_not_fit_are_refused),
		cmocka_unit_test(percentiles_are_nearest_rank),
		cmocka_unit_test(files_make_executions),
		cmocka_unit_test(outputs_are_put_together_like_inputs),
		cmocka_unit_test(random_inputs_repeat_and_stay_in_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
