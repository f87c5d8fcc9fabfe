// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Operators that only arrange values, and where values lie: most of these
 * cost no operation, which is exactly where a compiler can be wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "run.h"

/* ---- Reshape and its relatives: the data stays as it is ---- */

static void check_same_data(struct model *m, const int64_t *y, size_t count)
{
	float x[128], got[128];

	fill_random(x, 128, 1);
	model_output(m, "y", T_FLOAT, y);
	run_model(m, x, got);
	assert_memory_equal(got, x, count * sizeof(float));
}

static struct model *reshape_model(int opset, const int64_t *shape, int64_t count, int64_t allowzero)
{
	struct model *m = model_new(opset);
	Onnx__NodeProto *n = model_node(m, "Reshape", "x shape", "y");

	model_input(m, "x", T_FLOAT, DIMS(2, 3, 4));
	model_constant(m, "shape", T_INT64, DIMS(count), shape);
	if (allowzero >= 0)
		attr_int(m, n, "allowzero", allowzero);
	return m;
}

static void reshape_copies_and_infers_dimensions(void **state)
{
	check_same_data(reshape_model(7, DIMS(6, 4), 2, -1), DIMS(6, 4), 24);
	check_same_data(reshape_model(13, DIMS(0, -1), 2, -1), DIMS(2, 12), 24);
	check_same_data(reshape_model(14, DIMS(0, 0, 2, -1), 4, 0), DIMS(2, 3, 2, 2), 24);
	check_same_data(reshape_model(14, DIMS(-1), 1, 1), DIMS(24), 24);
	check_same_data(reshape_model(22, DIMS(1, 24, 1, 1, 1, 1), 6, -1), DIMS(1, 24, 1, 1, 1, 1), 24);
}

static void reshape_follows_a_computed_shape(void **state)
{
	/* What exporters write for x.view(x.shape[0], -1). */
	const int64_t minus = -1;
	struct model *m = model_new(15);
	Onnx__NodeProto *shape = model_node(m, "Shape", "x", "batch");

	attr_int(m, shape, "end", 1);
	model_input(m, "x", T_FLOAT, DIMS(4, 2, 3));
	model_constant(m, "minus", T_INT64, DIMS(1), &minus);
	attr_int(m, model_node(m, "Concat", "batch minus", "shape"), "axis", 0);
	model_node(m, "Reshape", "x shape", "y");
	check_same_data(m, DIMS(4, 6), 24);
}

static void shapes_are_computed_with(void **state)
{
	/* [2, 3, 4] * 2 / 4 + 0 = [1, 1, 2], then 24 / 2 = 12 in front. */
	const int64_t two = 2, four = 4, twelve = 12, axis = 0;
	struct model *m = model_new(13);

	model_input(m, "x", T_FLOAT, DIMS(2, 3, 4));
	model_constant(m, "two", T_INT64, SCALAR, &two);
	model_constant(m, "four", T_INT64, DIMS(1), &four);
	model_constant(m, "twelve", T_INT64, SCALAR, &twelve);
	model_constant(m, "axis", T_INT64, DIMS(1), &axis);
	model_node(m, "Shape", "x", "s");
	model_node(m, "Mul", "s two", "doubled");
	model_node(m, "Div", "doubled four", "divided");
	model_node(m, "Unsqueeze", "twelve axis", "first");
	attr_int(m, model_node(m, "Concat", "first divided", "shape"), "axis", 0);
	model_node(m, "Reshape", "x shape", "y");
	check_same_data(m, DIMS(12, 1, 1, 2), 24);
}

static void shape_takes_a_range(void **state)
{
	int64_t got[2];
	float x[24] = { 0 };
	struct model *m = model_new(15);
	Onnx__NodeProto *n = model_node(m, "Shape", "x", "y");

	attr_int(m, n, "start", -2);
	attr_int(m, n, "end", 99);
	model_input(m, "x", T_FLOAT, DIMS(2, 3, 4));
	model_output(m, "y", T_INT64, DIMS(2));
	run_model(m, x, got);
	assert_int_equal(got[0], 3);
	assert_int_equal(got[1], 4);
}

static void flatten_at_every_axis(void **state)
{
	static const int64_t shapes[7][2] = { { 1, 24 }, { 2, 12 }, { 6, 4 }, { 24, 1 },
					      { 1, 24 }, { 2, 12 }, { 6, 4 } };

	for (int64_t axis = -3; axis <= 3; axis++) {
		const int64_t *shape = shapes[axis < 0 ? axis + 7 : axis];
		struct model *m = model_new(13);

		model_input(m, "x", T_FLOAT, DIMS(2, 3, 4));
		attr_int(m, model_node(m, "Flatten", "x", "y"), "axis", axis);
		check_same_data(m, DIMS(shape[0], shape[1]), 24);
	}
}

static struct model *axes_model(int opset, const char *op, const int64_t *axes, int64_t count,
				const int64_t *x)
{
	struct model *m = model_new(opset);
	Onnx__NodeProto *n = model_node(m, op, axes && opset >= 13 ? "x axes" : "x", "y");

	model_input(m, "x", T_FLOAT, x);
	if (axes && opset >= 13)
		model_constant(m, "axes", T_INT64, DIMS(count), axes);
	else if (axes)
		attr_ints(m, n, "axes", axes);
	return m;
}

static void squeeze_and_unsqueeze_take_axes_both_ways(void **state)
{
	for (int opset = 11; opset <= 13; opset += 2) {
		check_same_data(axes_model(opset, "Squeeze", DIMS(0), 1, DIMS(1, 4, 1, 3)), DIMS(4, 1, 3),
				12);
		check_same_data(axes_model(opset, "Squeeze", DIMS(-2, 0), 2, DIMS(1, 4, 1, 3)), DIMS(4, 3),
				12);
		check_same_data(axes_model(opset, "Squeeze", NULL, 0, DIMS(1, 4, 1, 3)), DIMS(4, 3), 12);
		check_same_data(axes_model(opset, "Squeeze", NULL, 0, DIMS(1, 1)), SCALAR, 1);
		check_same_data(axes_model(opset, "Unsqueeze", DIMS(0, 3), 2, DIMS(4, 3)),
				DIMS(1, 4, 3, 1), 12);
		check_same_data(axes_model(opset, "Unsqueeze", DIMS(-1), 1, DIMS(4, 3)), DIMS(4, 3, 1),
				12);
		check_same_data(axes_model(opset, "Unsqueeze", DIMS(-1, 0), 2, SCALAR), DIMS(1, 1), 1);
	}
}

static void identity_and_dropout_change_nothing(void **state)
{
	const float ratio = 0.5f;
	const uint8_t training = 0;
	struct model *m = model_new(7);

	model_input(m, "x", T_FLOAT, DIMS(5));
	model_node(m, "Identity", "x", "same");
	attr_float(m, model_node(m, "Dropout", "same", "y"), "ratio", 0.5f);
	check_same_data(m, DIMS(5), 5);

	m = model_new(13);
	model_input(m, "x", T_FLOAT, DIMS(5));
	model_constant(m, "ratio", T_FLOAT, SCALAR, &ratio);
	model_constant(m, "training", T_BOOL, SCALAR, &training);
	model_node(m, "Dropout", "x ratio training", "y mask");
	check_same_data(m, DIMS(5), 5);
}

/* ---- Transpose ---- */

static void transpose_every_way_of_three(void **state)
{
	static const int64_t perms[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 },
					     { 2, 0, 1 }, { 2, 1, 0 } };
	static const int64_t dims[3] = { 2, 3, 4 };
	float x[24], got[24], want[24];

	fill_random(x, 24, 3);
	for (size_t p = 0; p < 6; p++) {
		const int64_t *perm = perms[p];
		const int64_t out[3] = { dims[perm[0]], dims[perm[1]], dims[perm[2]] };
		struct model *m = model_new(13);

		for (int64_t i = 0; i < 24; i++) {
			const int64_t at[3] = { i / (out[1] * out[2]), i / out[2] % out[1], i % out[2] };
			int64_t from[3];

			for (int d = 0; d < 3; d++)
				from[perm[d]] = at[d];
			want[i] = x[from[0] * 12 + from[1] * 4 + from[2]];
		}
		model_input(m, "x", T_FLOAT, DIMS(2, 3, 4));
		attr_ints(m, model_node(m, "Transpose", "x", "y"), "perm",
			  DIMS(perm[0], perm[1], perm[2]));
		model_output(m, "y", T_FLOAT, DIMS(out[0], out[1], out[2]));
		run_model(m, x, got);
		assert_memory_equal(got, want, sizeof(want));
	}
}

static void transpose_reverses_without_perm(void **state)
{
	const int64_t x[6] = { 1, 2, 3, 4, 5, 6 };
	struct model *m = model_new(7);
	int64_t got[6];

	model_input(m, "x", T_INT64, DIMS(2, 3));
	model_node(m, "Transpose", "x", "y");
	model_output(m, "y", T_INT64, DIMS(3, 2));
	run_model(m, x, got);
	assert_memory_equal(got, ((int64_t[]){ 1, 4, 2, 5, 3, 6 }), sizeof(got));
}

static void a_transposed_matrix_is_multiplied_in_place(void **state)
{
	const float x[6] = { 1, 2, 3, 4, 5, 6 };
	struct model *m = model_new(13);
	const void *input = x;
	float got[9];
	void *output = got;
	struct compiled c;

	model_input(m, "x", T_FLOAT, DIMS(2, 3));
	model_node(m, "Transpose", "x", "t");
	model_node(m, "MatMul", "t x", "y");
	model_output(m, "y", T_FLOAT, DIMS(3, 3));
	c = compile_model(m, NULL);
	assert_int_equal(c.report.op_count, 1);
	run(&c, &input, &output);
	assert_close(got, (float[]){ 17, 22, 27, 22, 29, 36, 27, 36, 45 }, 9);
	compiled_free(&c);
	model_free(m);
}

static void a_transposed_view_is_reshaped_by_copy(void **state)
{
	const float x[6] = { 1, 2, 3, 4, 5, 6 };
	const int64_t shape = 6;
	struct model *m = model_new(13);
	float got[6];

	model_input(m, "x", T_FLOAT, DIMS(2, 3));
	model_constant(m, "shape", T_INT64, DIMS(1), &shape);
	model_node(m, "Transpose", "x", "t");
	model_node(m, "Reshape", "t shape", "r");
	model_node(m, "Neg", "r", "y");
	model_output(m, "y", T_FLOAT, DIMS(6));
	run_model(m, x, got);
	assert_close(got, (float[]){ -1, -4, -2, -5, -3, -6 }, 6);
}

/* ---- Concat ---- */

static void concat_along_every_axis(void **state)
{
	float a[12], b[12], got[24], want[24];

	fill_random(a, 12, 5);
	fill_random(b, 12, 6);
	for (int64_t axis = -3; axis < 3; axis++) {
		const int64_t at = axis < 0 ? axis + 3 : axis;
		int64_t dims[4] = { 2, 2, 3, -99 };
		const size_t inner = at == 0 ? 12 : at == 1 ? 6 : 3;
		const void *inputs[] = { a, b };
		void *output = got;
		struct model *m = model_new(11);
		struct compiled c;

		for (size_t i = 0; i < 24; i++) {
			const size_t from = i / (2 * inner) * inner + i % inner;

			want[i] = i / inner % 2 ? b[from] : a[from];
		}
		dims[at] *= 2;
		model_input(m, "a", T_FLOAT, DIMS(2, 2, 3));
		model_input(m, "b", T_FLOAT, DIMS(2, 2, 3));
		attr_int(m, model_node(m, "Concat", "a b", "y"), "axis", axis);
		model_output(m, "y", T_FLOAT, dims);
		c = compile_model(m, NULL);
		run(&c, inputs, &output);
		assert_memory_equal(got, want, sizeof(want));
		compiled_free(&c);
		model_free(m);
	}
}

static void concat_of_results_costs_nothing(void **state)
{
	const float x[4] = { 1, -2, 3, -4 };
	struct model *m = model_new(13);
	const void *input = x;
	float got[16];
	void *output = got;
	struct compiled c;

	model_input(m, "x", T_FLOAT, DIMS(2, 2));
	model_node(m, "Neg", "x", "n");
	model_node(m, "Abs", "x", "a");
	attr_int(m, model_node(m, "Concat", "n a", "na"), "axis", 1);
	model_node(m, "Exp", "x", "e");
	model_node(m, "Relu", "x", "r");
	attr_int(m, model_node(m, "Concat", "e r", "er"), "axis", 1);
	attr_int(m, model_node(m, "Concat", "na er", "y"), "axis", 0);
	model_output(m, "y", T_FLOAT, DIMS(4, 4));
	c = compile_model(m, NULL);
	assert_int_equal(c.report.op_count, 4);
	assert_int_equal(c.report.scratch_bytes, 0);
	run(&c, &input, &output);
	assert_close(got, (float[]){ -1, 2, 1, 2, -3, 4, 3, 4,
				     2.7182818f, 0.13533528f, 1, 0, 20.085537f, 0.018315639f, 3, 0 }, 16);
	compiled_free(&c);
	model_free(m);
}

static void concat_of_constants_views_and_repeats(void **state)
{
	const float x[4] = { 1, 2, 3, 4 }, k[2] = { 9, 8 };
	struct model *m = model_new(13);
	float got[14];

	model_input(m, "x", T_FLOAT, DIMS(2, 2));
	model_constant(m, "k", T_FLOAT, DIMS(1, 2), k);
	model_node(m, "Transpose", "x", "t");
	model_node(m, "Neg", "x", "n");
	attr_int(m, model_node(m, "Concat", "n k t n", "y"), "axis", 0);
	model_output(m, "y", T_FLOAT, DIMS(7, 2));
	run_model(m, x, got);
	assert_close(got, (float[]){ -1, -2, -3, -4, 9, 8, 1, 3, 2, 4, -1, -2, -3, -4 }, 14);
}

static void concat_reshaped_when_it_is_not_contiguous(void **state)
{
	/* Both halves are reshaped results that lie in columns of the whole. */
	const float x[4] = { 1, 2, 3, 4 };
	const int64_t shape[2] = { 2, 2 };
	struct model *m = model_new(13);
	float got[8];

	model_input(m, "x", T_FLOAT, DIMS(4));
	model_constant(m, "shape", T_INT64, DIMS(2), shape);
	model_node(m, "Neg", "x", "n");
	model_node(m, "Reshape", "n shape", "a");
	model_node(m, "Abs", "x", "p");
	model_node(m, "Reshape", "p shape", "b");
	attr_int(m, model_node(m, "Concat", "a b", "y"), "axis", 1);
	model_output(m, "y", T_FLOAT, DIMS(2, 4));
	run_model(m, x, got);
	assert_close(got, (float[]){ -1, -2, 1, 2, -3, -4, 3, 4 }, 8);
}

/* ---- where outputs come from ---- */

static void outputs_may_be_inputs_constants_and_each_other(void **state)
{
	const float x[2] = { 1, 2 }, k[2] = { 7, 8 };
	float same[2], constant[2], negative[2], again[2], twice[2];
	const void *input = x;
	void *outputs[] = { same, constant, negative, again, twice };
	struct model *m = model_new(13);
	struct compiled c;

	model_input(m, "x", T_FLOAT, DIMS(2));
	model_constant(m, "k", T_FLOAT, DIMS(2), k);
	model_node(m, "Neg", "x", "n");
	model_node(m, "Identity", "n", "again");
	model_node(m, "Add", "n n", "twice");
	model_output(m, "x", T_FLOAT, DIMS(2));
	model_output(m, "k", T_FLOAT, DIMS(2));
	model_output(m, "n", T_FLOAT, DIMS(2));
	model_output(m, "again", T_FLOAT, DIMS(2));
	model_output(m, "twice", T_FLOAT, DIMS(2));
	c = compile_model(m, NULL);
	run(&c, &input, outputs);
	assert_close(same, x, 2);
	assert_close(constant, k, 2);
	assert_close(negative, (float[]){ -1, -2 }, 2);
	assert_close(again, (float[]){ -1, -2 }, 2);
	assert_close(twice, (float[]){ -2, -4 }, 2);
	compiled_free(&c);
	model_free(m);
}

static void a_joined_value_may_also_be_an_output(void **state)
{
	/* "y" is a view of "c", which is read again: it must be copied out. */
	const float x[2] = { 1, 2 };
	const int64_t shape[2] = { 2, 2 };
	float y[4], z[4], c4[4];
	const void *input = x;
	void *outputs[] = { y, z, c4 };
	struct model *m = model_new(13);
	struct compiled c;

	model_input(m, "x", T_FLOAT, DIMS(2));
	model_constant(m, "shape", T_INT64, DIMS(2), shape);
	model_node(m, "Neg", "x", "n");
	model_node(m, "Abs", "x", "a");
	attr_int(m, model_node(m, "Concat", "n a", "c"), "axis", 0);
	model_node(m, "Reshape", "c shape", "y");
	model_node(m, "Exp", "c", "z");
	model_output(m, "y", T_FLOAT, DIMS(2, 2));
	model_output(m, "z", T_FLOAT, DIMS(4));
	model_output(m, "c", T_FLOAT, DIMS(4));
	c = compile_model(m, NULL);
	run(&c, &input, outputs);
	assert_close(y, (float[]){ -1, -2, 1, 2 }, 4);
	assert_close(z, (float[]){ 0.36787944f, 0.13533528f, 2.7182818f, 7.3890561f }, 4);
	assert_close(c4, (float[]){ -1, -2, 1, 2 }, 4);
	compiled_free(&c);
	model_free(m);
}

static void data_of_any_type_is_moved(void **state)
{
	static const struct {
		int type;
		size_t size;
	} types[] = { { T_UINT8, 1 }, { T_INT8, 1 }, { T_BOOL, 1 }, { T_INT16, 2 }, { T_FLOAT16, 2 },
		      { T_INT32, 4 }, { T_INT64, 8 } };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		const size_t size = types[i].size;
		struct model *m = model_new(13);
		uint8_t x[48], got[96];

		for (size_t j = 0; j < sizeof(x); j++)
			x[j] = types[i].type == T_BOOL ? j % 3 == 0 : (uint8_t)(j * 37);
		model_input(m, "x", types[i].type, DIMS(2, 3));
		model_node(m, "Transpose", "x", "t");
		attr_int(m, model_node(m, "Concat", "t t", "y"), "axis", 0);
		model_output(m, "y", types[i].type, DIMS(6, 2));
		run_model(m, x, got);
		for (size_t j = 0; j < 12; j++)
			assert_memory_equal(got + j * size,
					    x + (j % 2 * 3 + j / 2 % 3) * size, size);
	}
}

static void constants_in_every_form(void **state)
{
	const float x[2] = { 10, 20 }, tensor[2] = { 1, 2 };
	struct model *m = model_new(13);
	float got[2];

	model_input(m, "x", T_FLOAT, DIMS(2));
	attr_tensor(m, model_node(m, "Constant", "", "a"), "value",
		    model_tensor(m, "", T_FLOAT, DIMS(2), tensor));
	attr_float(m, model_node(m, "Constant", "", "b"), "value_float", 0.5f);
	attr_floats(m, model_node(m, "Constant", "", "c"), "value_floats", 2, (float[]){ 4, 8 });
	attr_int(m, model_node(m, "Constant", "", "d"), "value_int", 2);
	attr_ints(m, model_node(m, "Constant", "", "e"), "value_ints", DIMS(1));
	model_node(m, "Mul", "d e", "shape_value");
	attr_int(m, model_node(m, "Concat", "shape_value", "shape"), "axis", 0);
	model_node(m, "Add", "x a", "xa");
	model_node(m, "Mul", "xa b", "xab");
	model_node(m, "Sub", "xab c", "z");
	model_node(m, "Reshape", "z shape", "y");
	model_output(m, "y", T_FLOAT, DIMS(2));
	run_model(m, x, got);
	assert_close(got, (float[]){ 1.5f, 3 }, 2);
}

static void typed_data_is_read_like_raw_data(void **state)
{
	const float x[2] = { 1, 2 };
	struct model *m = model_new(13);
	Onnx__TensorProto *k = model_constant(m, "k", T_FLOAT, DIMS(2), x);
	Onnx__TensorProto *s = model_constant(m, "s", T_INT64, DIMS(2), DIMS(1, 2));
	float got[2];

	k->has_raw_data = 0;
	k->n_float_data = 2;
	k->float_data = model_alloc(m, 8);
	memcpy(k->float_data, (float[]){ 5, 7 }, 8);
	s->has_raw_data = 0;
	s->n_int64_data = 2;
	s->int64_data = model_alloc(m, 16);
	memcpy(s->int64_data, DIMS(1, 2), 16);
	model_input(m, "x", T_FLOAT, DIMS(2));
	model_node(m, "Mul", "x k", "z");
	model_node(m, "Reshape", "z s", "y");
	model_output(m, "y", T_FLOAT, DIMS(1, 2));
	run_model(m, x, got);
	assert_close(got, (float[]){ 5, 14 }, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reshape_copies_and_infers_dimensions),
		cmocka_unit_test(reshape_follows_a_computed_shape),
		cmocka_unit_test(shapes_are_computed_with),
		cmocka_unit_test(shape_takes_a_range),
		cmocka_unit_test(flatten_at_every_axis),
		cmocka_unit_test(squeeze_and_unsqueeze_take_axes_both_ways),
		cmocka_unit_test(identity_and_dropout_change_nothing),
		cmocka_unit_test(transpose_every_way_of_three),
		cmocka_unit_test(transpose_reverses_without_perm),
		cmocka_unit_test(a_transposed_matrix_is_multiplied_in_place),
		cmocka_unit_test(a_transposed_view_is_reshaped_by_copy),
		cmocka_unit_test(concat_along_every_axis),
		cmocka_unit_test(concat_of_results_costs_nothing),
		cmocka_unit_test(concat_of_constants_views_and_repeats),
		cmocka_unit_test(concat_reshaped_when_it_is_not_contiguous),
		cmocka_unit_test(outputs_may_be_inputs_constants_and_each_other),
		cmocka_unit_test(a_joined_value_may_also_be_an_output),
		cmocka_unit_test(data_of_any_type_is_moved),
		cmocka_unit_test(constants_in_every_form),
		cmocka_unit_test(typed_data_is_read_like_raw_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
