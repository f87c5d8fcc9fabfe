// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Models that cannot be compiled: each is refused with a message that says
 * what is wrong, where, and what to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "run.h"

/* x[2,3] in, y out; the node is to be added. */
static struct model *model_of(int opset)
{
	struct model *m = model_new(opset);

	model_input(m, "x", T_FLOAT, DIMS(2, 3));
	model_output(m, "y", T_FLOAT, DIMS(2, 3));
	return m;
}

/* ---- operators ---- */

static void an_unknown_operator_is_named_with_its_place(void **state)
{
	struct model *m = model_of(13);

	model_node(m, "Relu", "x", "a");
	model_node(m, "Cosh", "a", "b");
	model_node(m, "LSTM", "b", "c");
	model_node(m, "Einsum", "c", "y");
	assert_refused(m, NULL, -ENOTSUP,
		       "node 1 'b' (Cosh): operator Cosh is not supported|2 later nodes (LSTM, Einsum)|supported: Abs, Add, |Conv|, Unsqueeze");
}

static void an_operator_of_another_domain_is_named_with_it(void **state)
{
	struct model *m = model_of(13);
	Onnx__NodeProto *n = model_node(m, "Relu", "x", "y");

	n->domain = model_string(m, "com.example");
	n->name = model_string(m, "");
	assert_refused(m, NULL, -ENOTSUP, "node 0 (Relu): operator com.example.Relu is not supported");
}

static void an_operator_before_its_time_is_refused(void **state)
{
	struct model *m = model_of(9);

	model_node(m, "QuantizeLinear", "x x x", "y");
	assert_refused(m, NULL, -EINVAL, "node 0 'y' (QuantizeLinear): opset 9 has no such operator; it came with 10");
}

static void attributes_are_checked(void **state)
{
	struct model *m = model_of(13);

	attr_int(m, model_node(m, "Relu", "x", "y"), "axis", 1);
	assert_refused(m, NULL, -ENOTSUP, "node 0 'y' (Relu)|attribute 'axis' is not supported; supported: none");

	m = model_of(13);
	attr_float(m, model_node(m, "Softmax", "x", "y"), "axis", 1);
	assert_refused(m, NULL, -EINVAL, "attribute 'axis' has type float; it must be int");

	m = model_of(13);
	attr_int(m, model_node(m, "Softmax", "x", "y"), "axis", 1);
	attr_int(m, m->graph.node[0], "axis", 1);
	assert_refused(m, NULL, -EINVAL, "attribute 'axis' appears twice");

	m = model_of(13);
	attr_int(m, model_node(m, "Softmax", "x", "y"), "axis", 2);
	assert_refused(m, NULL, -EINVAL, "axis 2 of rank 2");

	m = model_of(13);
	attr_int(m, model_node(m, "Softmax", "x", "y"), "axis", 1);
	m->graph.node[0]->attribute[0]->ref_attr_name = model_string(m, "outer");
	assert_refused(m, NULL, -ENOTSUP, "refers to a function's attribute");

	m = model_of(13);
	attr_tensor(m, model_node(m, "Constant", "", "y"), "value", NULL);
	assert_refused(m, NULL, -EINVAL, "attribute 'value' has no value");
}

static void inputs_are_counted(void **state)
{
	struct model *m = model_of(13);

	model_node(m, "Add", "x", "y");
	assert_refused(m, NULL, -EINVAL, "node 0 'y' (Add): 1 inputs; it has 2 to 2");

	m = model_of(13);
	model_node(m, "Add", "x -", "y");
	assert_refused(m, NULL, -EINVAL, "input 1 is left out");

	m = model_of(13);
	model_node(m, "Relu", "x", "-");
	assert_refused(m, NULL, -EINVAL, "it has no output");
}

static void a_second_output_is_refused_when_it_is_used(void **state)
{
	struct model *m = model_new(13);

	model_input(m, "x", T_FLOAT, DIMS(1, 1, 4));
	attr_ints(m, model_node(m, "MaxPool", "x", "p indices"), "kernel_shape", DIMS(2));
	model_output(m, "indices", T_INT64, DIMS(1, 1, 3));
	assert_refused(m, NULL, -ENOTSUP, "'indices' is output 1 of a MaxPool, which the compiler does not compute");
}

/* ---- the graph's wiring ---- */

static void names_must_be_defined_before_they_are_read(void **state)
{
	struct model *m = model_of(13);

	model_node(m, "Add", "x nowhere", "y");
	assert_refused(m, NULL, -EINVAL, "node 0 'y' (Add)|'nowhere' is neither an input, nor a constant, nor any node's output");

	/* A cycle. */
	m = model_of(13);
	model_node(m, "Add", "x b", "a");
	model_node(m, "Neg", "a", "b");
	model_node(m, "Neg", "b", "y");
	assert_refused(m, NULL, -EINVAL, "node 0 'a' (Add)|'b' is read before node 1 gives it: nodes must be sorted and have no cycle");

	m = model_of(13);
	model_node(m, "Neg", "y", "y");
	assert_refused(m, NULL, -EINVAL, "'y' is read before node 0 gives it");

	m = model_of(13);
	assert_refused(m, NULL, -EINVAL, "'y' is neither");
}

static void names_are_given_once(void **state)
{
	const float k = 1;
	struct model *m = model_of(13);

	model_node(m, "Neg", "x", "y");
	model_node(m, "Abs", "x", "y");
	assert_refused(m, NULL, -EINVAL, "node 1 'y' (Abs)|'y' has a name that is already used");

	m = model_of(13);
	model_node(m, "Neg", "x", "x");
	assert_refused(m, NULL, -EINVAL, "output 'x' has a name that is already used");

	m = model_of(13);
	model_input(m, "x", T_FLOAT, DIMS(2, 3));
	assert_refused(m, NULL, -EINVAL, "input 'x' has a name that is already used");

	m = model_of(13);
	model_constant(m, "k", T_FLOAT, SCALAR, &k);
	model_constant(m, "k", T_FLOAT, SCALAR, &k);
	assert_refused(m, NULL, -EINVAL, "constant 'k' has a name that is already used");
}

static void declared_outputs_must_be_what_is_computed(void **state)
{
	struct model *m = model_new(13);

	model_input(m, "x", T_FLOAT, DIMS(2, 3));
	model_node(m, "Neg", "x", "y");
	model_output(m, "y", T_FLOAT, DIMS(2, 4));
	assert_refused(m, NULL, -EINVAL, "output 'y' is declared with dimension 1 as 4, but computed as 2x3");

	m = model_new(13);
	model_input(m, "x", T_FLOAT, DIMS(2, 3));
	model_node(m, "Neg", "x", "y");
	model_output(m, "y", T_INT8, DIMS(2, 3));
	assert_refused(m, NULL, -EINVAL, "output 'y' is declared as int8, but computed as f32");

	m = model_new(13);
	model_input(m, "x", T_FLOAT, DIMS(2, 3));
	model_node(m, "Neg", "x", "y");
	model_output(m, "y", T_FLOAT, DIMS(2));
	assert_refused(m, NULL, -EINVAL, "output 'y' is declared with 1 dimensions, but computed as 2x3");
}

/* ---- shapes ---- */

static struct model *dynamic_model(void)
{
	struct model *m = model_new(13);

	model_input(m, "image", T_FLOAT, DIMS(-1, 3, -1));
	model_node(m, "Neg", "image", "y");
	model_output(m, "y", T_FLOAT, DIMS(-1, 3, -1));
	return m;
}

static void a_dynamic_shape_is_refused_with_the_remedy(void **state)
{
	const struct npuc_onnx_options batch = { .size = sizeof(batch), .batch = 2 };

	assert_refused(dynamic_model(), NULL, -ENOTSUP,
		       "input 'image' has a dynamic shape|dimension 0 ('batch')|--shape 'image=1,3,1'|--dim 'batch=1'|--batch 1");
	assert_refused(dynamic_model(), &batch, -ENOTSUP, "dimension 2 ('length')|--dim 'length=1'");
}

static void check_shape(const struct npuc_onnx_options *options, const char *shapes)
{
	struct model *m = dynamic_model();
	struct compiled c = compile_model(m, options);

	assert_string_equal(c.report.ops[0].shapes, shapes);
	compiled_free(&c);
	model_free(m);
}

static void dynamic_dimensions_are_given_from_outside(void **state)
{
	const struct npuc_shape shape = { "image", 3, { 5, 3, 7 } };
	const struct npuc_dim dims[2] = { { "length", 9 }, { "batch", 4 } };
	struct npuc_onnx_options o = { .size = sizeof(o), .shapes = &shape, .shape_count = 1 };

	check_shape(&o, "5x3x7 = 5x3x7");
	o = (struct npuc_onnx_options){ .size = sizeof(o), .dims = dims, .dim_count = 2 };
	check_shape(&o, "4x3x9 = 4x3x9");
	o.dim_count = 1;
	o.batch = 8;
	check_shape(&o, "8x3x9 = 8x3x9");
}

static void given_shapes_must_fit_the_model(void **state)
{
	const struct npuc_shape fixed = { "image", 3, { 5, 4, 7 } }, flat = { "image", 2, { 5, 3 } };
	const struct npuc_shape unknown[2] = { { "image", 3, { 5, 3, 7 } }, { "picture", 1, { 5 } } };
	struct npuc_onnx_options o = { .size = sizeof(o), .shapes = &fixed, .shape_count = 1 };

	assert_refused(dynamic_model(), &o, -EINVAL, "input 'image': dimension 1 is 3 in the model, and cannot be made 4");
	o.shapes = &flat;
	assert_refused(dynamic_model(), &o, -EINVAL, "input 'image' has 3 dimensions, the shape given for it 2");
	o.shapes = unknown;
	o.shape_count = 2;
	assert_refused(dynamic_model(), &o, -EINVAL, "a shape was given for 'picture', which is no input");
}

static void extents_without_sense_are_refused(void **state)
{
	static const struct {
		int64_t extent;
		const char *words;
	} cases[] = {
		{ 0, "input 'x': dimension 1 is 0" },
		{ -2, "input 'x': dimension 1 is -2" },
		{ INT64_MIN, "input 'x': dimension 1 is -9223372036854775808" },
		{ INT64_MAX, "input 'x': dimension 1 is 9223372036854775807" },
		{ INT32_MAX, "more than 2147483647 elements" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct model *m = model_new(13);
		const bool large = cases[i].extent == INT32_MAX;

		model_input(m, "x", T_FLOAT, DIMS(2, cases[i].extent));
		model_node(m, "Neg", "x", "y");
		model_output(m, "y", T_FLOAT, DIMS(-1, -1));
		assert_refused(m, NULL, large ? -ENOTSUP : -EINVAL, cases[i].words);
	}
}

static void a_rank_beyond_six_is_refused(void **state)
{
	struct model *m = model_new(13);

	model_input(m, "x", T_FLOAT, DIMS(1, 1, 1, 1, 1, 1, 2));
	model_node(m, "Neg", "x", "y");
	model_output(m, "y", T_FLOAT, DIMS(1, 1, 1, 1, 1, 1, 2));
	assert_refused(m, NULL, -ENOTSUP, "input 'x' has rank 7; the card has at most 6");
}

static void types_that_do_not_fit_are_refused(void **state)
{
	struct model *m = model_new(13);

	model_input(m, "x", T_DOUBLE, DIMS(2));
	model_output(m, "x", T_DOUBLE, DIMS(2));
	assert_refused(m, NULL, -ENOTSUP, "input 'x' has type double; supported: float");

	m = model_new(13);
	model_input(m, "x", T_INT64, DIMS(2));
	model_node(m, "Neg", "x", "y");
	model_output(m, "y", T_INT64, DIMS(2));
	assert_refused(m, NULL, -ENOTSUP, "node 0 'y' (Neg)|input 'x' has type i64; supported: f32");

	m = model_new(13);
	model_input(m, "x", T_INT64, DIMS(2));
	model_input(m, "z", T_FLOAT, DIMS(2));
	model_node(m, "Add", "x z", "y");
	model_output(m, "y", T_FLOAT, DIMS(2));
	assert_refused(m, NULL, -EINVAL, "operands of types i64 and f32");
}

static void a_computed_shape_is_refused(void **state)
{
	struct model *m = model_new(13);

	model_input(m, "x", T_FLOAT, DIMS(6));
	model_input(m, "shape", T_INT64, DIMS(2));
	model_node(m, "Reshape", "x shape", "y");
	model_output(m, "y", T_FLOAT, DIMS(2, 3));
	assert_refused(m, NULL, -ENOTSUP, "node 0 'y' (Reshape)|input 1 ('shape') is computed when the graph runs; it must be a constant");
}

static void shapes_that_do_not_fit_are_refused(void **state)
{
	static const struct {
		const char *op;
		int64_t shape[3];
		const char *words;
	} cases[] = {
		{ "Reshape", { 4, 2, 1 }, "2x3 cannot be reshaped to 4x2x1" },
		{ "Reshape", { 4, -1, 1 }, "6 elements cannot be arranged in rows of 4" },
		{ "Reshape", { -1, -1, 1 }, "dimension 1 of the new shape is -1, and not the only -1" },
		{ "Reshape", { 6, 1, 0 }, "dimension 2 of the new shape is 0" },
		{ "Reshape", { INT64_MAX, INT64_MAX, 2 }, "dimension 0 of the new shape is" },
		{ "Reshape", { 65536, 65536, 2 }, "dimension 1 of the new shape is" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct model *m = model_of(13);

		model_constant(m, "shape", T_INT64, DIMS(3), cases[i].shape);
		model_node(m, cases[i].op, "x shape", "y");
		assert_refused(m, NULL, -EINVAL, cases[i].words);
	}
}

static void windows_that_do_not_fit_are_refused(void **state)
{
	static const float w[64];
	static const struct {
		const char *attribute;
		int64_t values[5];
		int error;
		const char *words;
	} cases[] = {
		{ "strides", { 0, 1, -99 }, -EINVAL, "strides holds 0" },
		{ "strides", { 1, -99 }, -EINVAL, "strides has 1 numbers; 2 are needed" },
		{ "strides", { 70000, 1, -99 }, -ENOTSUP, "beyond 65535" },
		{ "dilations", { 9, 1, -99 }, -EINVAL, "a window of 10 over 4 elements" },
		{ "dilations", { 1LL << 40, 1, -99 }, -EINVAL, "dilations holds 1099511627776" },
		{ "pads", { 0, 0, 0, -1, -99 }, -ENOTSUP, "pads holds -1; supported: 0 and more" },
		{ "kernel_shape", { 3, 2, -99 }, -EINVAL, "kernel_shape says 3 where the weights have 2" },
	};
	struct model *m;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		m = model_new(13);
		model_input(m, "x", T_FLOAT, DIMS(1, 2, 4, 4));
		model_constant(m, "w", T_FLOAT, DIMS(3, 2, 2, 2), w);
		attr_ints(m, model_node(m, "Conv", "x w", "y"), cases[i].attribute, cases[i].values);
		model_output(m, "y", T_FLOAT, DIMS(-1, -1, -1, -1));
		assert_refused(m, NULL, cases[i].error, cases[i].words);
	}

	m = model_new(13);
	model_input(m, "x", T_FLOAT, DIMS(1, 3, 4, 4));
	model_constant(m, "w", T_FLOAT, DIMS(3, 2, 2, 2), w);
	model_node(m, "Conv", "x w", "y");
	model_output(m, "y", T_FLOAT, DIMS(-1, -1, -1, -1));
	assert_refused(m, NULL, -EINVAL, "node 0 'y' (Conv)|weights 3x2x2x2 in 1 groups do not fit an input of 1x3x4x4");

	m = model_new(13);
	model_input(m, "x", T_FLOAT, DIMS(1, 3));
	model_constant(m, "w", T_FLOAT, DIMS(3, 3), w);
	model_node(m, "Conv", "x w", "y");
	model_output(m, "y", T_FLOAT, DIMS(-1, -1));
	assert_refused(m, NULL, -ENOTSUP, "an input of rank 2; supported: 3 to 5");
}

/* ---- constants ---- */

static struct model *constant_model(Onnx__TensorProto **k)
{
	const float values[3] = { 1, 2, 3 };
	struct model *m = model_of(13);

	*k = model_constant(m, "k", T_FLOAT, DIMS(3), values);
	model_node(m, "Add", "x k", "y");
	return m;
}

static void constants_hold_what_their_shape_says(void **state)
{
	Onnx__TensorProto *k;
	struct model *m = constant_model(&k);

	k->raw_data.len = 11;
	assert_refused(m, NULL, -EINVAL, "constant 'k' has 11 bytes; its shape needs 12");

	m = constant_model(&k);
	k->dims[0] = -3;
	assert_refused(m, NULL, -EINVAL, "constant 'k' has the dimension -3");

	m = constant_model(&k);
	k->dims[0] = INT64_MAX;
	assert_refused(m, NULL, -ENOTSUP, "constant 'k' has more than 2147483647 elements");

	m = constant_model(&k);
	k->has_raw_data = 0;
	assert_refused(m, NULL, -EINVAL, "constant 'k' has 0 elements; its shape needs 3");

	m = constant_model(&k);
	k->data_type = T_DOUBLE;
	assert_refused(m, NULL, -ENOTSUP, "constant 'k' has type double (11)");

	m = constant_model(&k);
	k->data_type = 999;
	assert_refused(m, NULL, -ENOTSUP, "constant 'k' has type unknown (999)");

	/* An empty constant is one until something computes with it. */
	m = constant_model(&k);
	k->dims[0] = 0;
	k->raw_data.len = 0;
	assert_refused(m, NULL, -EINVAL, "node 0 'y' (Add): input 'k' has no elements");

	m = constant_model(&k);
	k->data_type = T_INT8;
	k->has_raw_data = 0;
	k->n_int32_data = 3;
	k->int32_data = model_alloc(m, 12);
	k->int32_data[1] = 300;
	assert_refused(m, NULL, -EINVAL, "constant 'k' holds 300, which is no i8");
}

static void integer_constants_are_not_divided_by_zero(void **state)
{
	const int64_t one = 1, zero = 0;
	struct model *m = model_of(13);

	model_constant(m, "one", T_INT64, SCALAR, &one);
	model_constant(m, "zero", T_INT64, SCALAR, &zero);
	model_node(m, "Div", "one zero", "q");
	model_node(m, "Reshape", "x q", "y");
	assert_refused(m, NULL, -EINVAL, "node 0 'q' (Div): an integer constant is divided by zero");
}

static void scales_are_checked(void **state)
{
	static const float bad[3] = { 0, -1, 1.0f / 0.0f };
	const float good[2] = { 1, 1 };
	struct model *m;

	for (int i = 0; i < 3; i++) {
		m = model_of(13);
		model_constant(m, "s", T_FLOAT, SCALAR, &bad[i]);
		model_node(m, "QuantizeLinear", "x s", "y");
		assert_refused(m, NULL, -EINVAL, "is not positive and finite");
	}
	m = model_of(13);
	model_constant(m, "s", T_FLOAT, DIMS(2), good);
	model_node(m, "QuantizeLinear", "x s", "y");
	assert_refused(m, NULL, -EINVAL, "2 scales along axis 1 of an input of 3");

	m = model_of(12);
	model_constant(m, "s", T_FLOAT, DIMS(2), good);
	model_node(m, "QuantizeLinear", "x s", "y");
	assert_refused(m, NULL, -EINVAL, "2 scales; before opset 13 there is one");

	m = model_of(13);
	model_input(m, "s", T_FLOAT, SCALAR);
	model_node(m, "QuantizeLinear", "x s", "y");
	assert_refused(m, NULL, -ENOTSUP, "input 1 ('s') must be a constant");
}

/* ---- versions ---- */

static void versions_out_of_range_are_refused(void **state)
{
	struct model *m = model_of(6);

	assert_refused(m, NULL, -ENOTSUP, "opset 6; supported: 7 to 22");
	m = model_of(23);
	assert_refused(m, NULL, -ENOTSUP, "opset 23; supported: 7 to 22");
	m = model_of(13);
	m->proto.n_opset_import = 0;
	assert_refused(m, NULL, -EINVAL, "imports no version");
	m = model_of(13);
	m->proto.ir_version = 2;
	assert_refused(m, NULL, -ENOTSUP, "IR version 2; supported: 3 and later");
	m = model_of(13);
	m->proto.has_ir_version = 0;
	assert_refused(m, NULL, -EINVAL, "not an ONNX model: it has no version");
	m = model_of(13);
	m->proto.graph = NULL;
	assert_refused(m, NULL, -EINVAL, "not an ONNX model: it has no graph");
	m = model_of(13);
	m->graph.n_output = 0;
	assert_refused(m, NULL, -EINVAL, "the model has no output");
}

/* ---- files ---- */

static void check_bytes(const char *bytes, size_t size, const char *words)
{
	struct npuc_graph *graph;

	assert_int_equal(npuc_graph_create("", &graph), 0);
	assert_int_equal(npuc_import_onnx(graph, bytes, size, NULL), -EINVAL);
	if (!strstr(npuc_graph_error(graph), words))
		fail_msg("no '%s' in: %s", words, npuc_graph_error(graph));
	npuc_graph_destroy(graph);
}

static void other_formats_are_told_apart(void **state)
{
	check_bytes("", 0, "the file is empty");
	check_bytes("\x7f" "ELF\x02\x01\x01", 7, "an ELF file, perhaps a compiled graph");
	check_bytes("PK\x03\x04zip", 7, "a zip archive, perhaps a PyTorch model");
	check_bytes("\x1c\0\0\0TFL3", 8, "a TensorFlow Lite model");
	check_bytes("\x89HDF\r\n", 6, "an HDF5 file");
	check_bytes("GGUF\x03\0\0\0", 8, "a GGUF model");
	check_bytes("version https://git-lfs\n", 24, "a Git LFS pointer");
	check_bytes("{\"model\": 1}", 12, "perhaps JSON");
	check_bytes("<html>", 6, "perhaps HTML");
	check_bytes("just some text", 14, "not an ONNX model");
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
	struct npuc_graph *graph;

	assert_int_equal(npuc_graph_create("", &graph), 0);
	assert_int_equal(npuc_import_onnx_file(graph, "tests/models/missing.onnx", NULL), -ENOENT);
	assert_string_equal(npuc_graph_error(graph),
			    "opening 'tests/models/missing.onnx': No such file or directory");
	npuc_graph_destroy(graph);
	assert_int_equal(npuc_graph_create("", &graph), 0);
	assert_int_equal(npuc_import_onnx_file(graph, "tests", NULL), -EISDIR);
	npuc_graph_destroy(graph);
}

/* ---- external data ---- */

struct external {
	char directory[64];
	char model[128];
};

static void write_file(const char *directory, const char *name, const void *data, size_t size)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	fclose(file);
}

/* A model whose constant k[3] lies in `location`, with offset and length. */
static void external_model(const char *path, const char *location, const char *offset,
			   const char *length)
{
	const char *const keys[3] = { "location", "offset", "length" };
	const char *const values[3] = { location, offset, length };
	Onnx__StringStringEntryProto *entries[3];
	Onnx__TensorProto *k;
	struct model *m = constant_model(&k);
	size_t size, slash = (size_t)(strrchr(path, '/') - path);
	char directory[128];
	void *bytes;

	k->has_raw_data = 0;
	k->has_data_location = 1;
	k->data_location = 1;
	k->external_data = entries;
	for (int i = 0; i < 3; i++) {
		if (!values[i])
			continue;
		entries[k->n_external_data] = model_alloc(m, sizeof(*entries[0]));
		onnx__string_string_entry_proto__init(entries[k->n_external_data]);
		entries[k->n_external_data]->key = model_string(m, keys[i]);
		entries[k->n_external_data++]->value = model_string(m, values[i]);
	}
	bytes = model_pack(m, &size);
	snprintf(directory, sizeof(directory), "%.*s", (int)slash, path);
	write_file(directory, path + slash + 1, bytes, size);
	free(bytes);
	k->external_data = NULL;
	model_free(m);
}

static void check_external(const struct external *e, const char *location, const char *offset,
			   const char *length, const char *words)
{
	struct npuc_graph *graph;

	external_model(e->model, location, offset, length);
	assert_int_equal(npuc_graph_create("", &graph), 0);
	if (!npuc_import_onnx_file(graph, e->model, NULL))
		fail_msg("accepted, should say: %s", words);
	if (!strstr(npuc_graph_error(graph), words))
		fail_msg("no '%s' in: %s", words, npuc_graph_error(graph));
	npuc_graph_destroy(graph);
}

static int make_directory(void **state)
{
	static struct external e;
	char path[128];

	snprintf(e.directory, sizeof(e.directory), BUILD "/external-XXXXXX");
	if (!mkdtemp(e.directory))
		return -1;
	snprintf(path, sizeof(path), "%s/models", e.directory);
	snprintf(e.model, sizeof(e.model), "%s/models/model.onnx", e.directory);
	*state = &e;
	return mkdir(path, 0700);
}

static int remove_directory(void **state)
{
	const struct external *e = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -r '%s'", e->directory);
	return system(command);
}

static void external_data_beside_the_model_is_read(void **state)
{
	const struct external *e = *state;
	const float values[5] = { 7, 8, 10, 20, 30 }, x[6] = { 1, 2, 3, 4, 5, 6 };
	const void *input = x;
	float got[6];
	void *output = got;
	struct compiled c;

	write_file(e->directory, "models/weights.bin", values, sizeof(values));
	external_model(e->model, "weights.bin", "8", "12");
	c = compile_file(e->model);
	run(&c, &input, &output);
	assert_close(got, (float[]){ 11, 22, 33, 14, 25, 36 }, 6);
	compiled_free(&c);
}

static void external_data_elsewhere_is_refused(void **state)
{
	const struct external *e = *state;
	const float values[3] = { 1, 2, 3 };
	char link[128];

	write_file(e->directory, "models/weights.bin", values, sizeof(values));
	write_file(e->directory, "secret.bin", values, sizeof(values));
	snprintf(link, sizeof(link), "%s/models/link.bin", e->directory);
	assert_int_equal(symlink("../secret.bin", link), 0);
	snprintf(link, sizeof(link), "%s/models/up", e->directory);
	assert_int_equal(symlink("..", link), 0);
	check_external(e, "../secret.bin", NULL, NULL, "must lie beside the model");
	check_external(e, "/etc/hostname", NULL, NULL, "must lie beside the model");
	check_external(e, "./../secret.bin", NULL, NULL, "must lie beside the model");
	check_external(e, "link.bin", NULL, NULL, "must lie beside the model");
	check_external(e, "up/secret.bin", NULL, NULL, "must lie beside the model");
	check_external(e, "", NULL, NULL, "must lie beside the model");
	check_external(e, "missing.bin", NULL, NULL, "No such file");
	check_external(e, ".", NULL, NULL, "is shorter than that, or no file");
	check_external(e, NULL, "0", "12", "names no file");
	check_external(e, "weights.bin", "4", NULL, "'weights.bin' is shorter");
	check_external(e, "weights.bin", "18446744073709551610", NULL, "'weights.bin' is shorter");
	check_external(e, "weights.bin", "-4", NULL, "external offset '-4' is no number");
	check_external(e, "weights.bin", "0", "8", "has 8 bytes in 'weights.bin'; its shape needs 12");
}

static void external_data_needs_the_models_path(void **state)
{
	Onnx__StringStringEntryProto entry, *entries[1] = { &entry };
	Onnx__TensorProto *k;
	struct model *m = constant_model(&k);

	onnx__string_string_entry_proto__init(&entry);
	entry.key = model_string(m, "location");
	entry.value = model_string(m, "weights.bin");
	k->has_raw_data = 0;
	k->has_data_location = 1;
	k->data_location = 1;
	k->n_external_data = 1;
	k->external_data = entries;
	assert_refused(m, NULL, -ENOTSUP, "constant 'k' lies in the file 'weights.bin', but the model was not read from a file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unknown_operator_is_named_with_its_place),
		cmocka_unit_test(an_operator_of_another_domain_is_named_with_it),
		cmocka_unit_test(an_operator_before_its_time_is_refused),
		cmocka_unit_test(attributes_are_checked),
		cmocka_unit_test(inputs_are_counted),
		cmocka_unit_test(a_second_output_is_refused_when_it_is_used),
		cmocka_unit_test(names_must_be_defined_before_they_are_read),
		cmocka_unit_test(names_are_given_once),
		cmocka_unit_test(declared_outputs_must_be_what_is_computed),
		cmocka_unit_test(a_dynamic_shape_is_refused_with_the_remedy),
		cmocka_unit_test(dynamic_dimensions_are_given_from_outside),
		cmocka_unit_test(given_shapes_must_fit_the_model),
		cmocka_unit_test(extents_without_sense_are_refused),
		cmocka_unit_test(a_rank_beyond_six_is_refused),
		cmocka_unit_test(types_that_do_not_fit_are_refused),
		cmocka_unit_test(a_computed_shape_is_refused),
		cmocka_unit_test(shapes_that_do_not_fit_are_refused),
		cmocka_unit_test(windows_that_do_not_fit_are_refused),
		cmocka_unit_test(constants_hold_what_their_shape_says),
		cmocka_unit_test(integer_constants_are_not_divided_by_zero),
		cmocka_unit_test(scales_are_checked),
		cmocka_unit_test(versions_out_of_range_are_refused),
		cmocka_unit_test(other_formats_are_told_apart),
		cmocka_unit_test(a_file_that_cannot_be_read_is_named),
		cmocka_unit_test_setup_teardown(external_data_beside_the_model_is_read,
						make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(external_data_elsewhere_is_refused, make_directory,
						remove_directory),
		cmocka_unit_test(external_data_needs_the_models_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
