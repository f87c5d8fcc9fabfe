// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Files from strangers: cut off, changed, or built to hurt. Whatever comes,
 * the compiler ends soon with a message or with a graph that libnpu accepts.
 * The seeds are fixed; NPU_TEST_MUTATIONS changes how many are tried.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <npu.h>

#include "run.h"

/* Compiles; asserts a message or a valid file. Returns whether there is a file. */
static bool survives(const void *bytes, size_t size)
{
	struct npuc_graph *graph;
	struct npu_graph *reader;
	struct npu_error error;
	void *file = NULL;
	size_t file_size;
	int ret;

	assert_int_equal(npuc_graph_create("", &graph), 0);
	ret = npuc_import_onnx(graph, bytes, size, NULL);
	if (!ret)
		ret = npuc_compile(graph, &file, &file_size);
	assert_int_equal(ret, npuc_graph_status(graph));
	if (ret) {
		assert_true(ret == -EINVAL || ret == -ENOTSUP || ret == -ENOMEM);
		assert_true(strlen(npuc_graph_error(graph)) > 10);
		assert_null(file);
	} else {
		if (npu_graph_from_memory(file, file_size, &reader, &error))
			fail_msg("libnpu refuses the graph: %s", error.text);
		npu_graph_unref(reader);
	}
	free(file);
	npuc_graph_destroy(graph);
	return !ret;
}

/* A model with something of everything, a few hundred bytes. */
static struct model *rich_model(void)
{
	const float w[8] = { 1, -1, 0.5f, 2, 3, -4, 5, 6 }, scale = 0.5f, two = 2;
	const int64_t shape[2] = { 1, -1 };
	const int8_t q[4] = { 1, -2, 3, -4 }, zero = 0;
	struct model *m = model_new(13);
	Onnx__NodeProto *n;

	model_input(m, "x", T_FLOAT, DIMS(1, 1, 4, 4));
	model_constant(m, "w", T_FLOAT, DIMS(2, 1, 2, 2), w);
	model_constant(m, "b", T_FLOAT, DIMS(2), w);
	model_constant(m, "s", T_FLOAT, SCALAR, &scale);
	model_constant(m, "z", T_INT8, SCALAR, &zero);
	model_constant(m, "two", T_FLOAT, SCALAR, &two);
	model_constant(m, "shape", T_INT64, DIMS(2), shape);
	model_constant(m, "q", T_INT8, DIMS(2, 2), q);
	n = model_node(m, "Conv", "x w b", "c");
	attr_ints(m, n, "strides", DIMS(2, 2));
	attr_string(m, n, "auto_pad", "SAME_UPPER");
	model_node(m, "Relu", "c", "r");
	attr_ints(m, model_node(m, "MaxPool", "r", "p"), "kernel_shape", DIMS(1, 2));
	attr_ints(m, model_node(m, "Transpose", "p", "t"), "perm", DIMS(0, 2, 3, 1));
	model_node(m, "Reshape", "t shape", "f");
	attr_int(m, model_node(m, "Concat", "f f", "d"), "axis", 0);
	model_node(m, "QuantizeLinear", "d s z", "dq");
	model_node(m, "DequantizeLinear", "dq s z", "dr");
	model_node(m, "DequantizeLinear", "q s z", "qr");
	model_node(m, "Clip", "qr - two", "qc");
	attr_ints(m, model_node(m, "ReduceMean", "qc", "mean"), "axes", DIMS(0));
	model_node(m, "Softmax", "dr", "soft");
	model_node(m, "GlobalAveragePool", "r", "g");
	model_output(m, "soft", T_FLOAT, DIMS(2, 4));
	model_output(m, "mean", T_FLOAT, DIMS(1, 2));
	model_output(m, "g", T_FLOAT, DIMS(1, 2, 1, 1));
	return m;
}

static uint8_t *load(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = malloc(1 << 20);

	assert_true(file && data);
	*size = fread(data, 1, 1 << 20, file);
	fclose(file);
	return data;
}

static void models_cut_off_anywhere(void **state)
{
	struct model *m = rich_model();
	size_t size;
	uint8_t *bytes = model_pack(m, &size);

	assert_true(survives(bytes, size));
	for (size_t i = 0; i < size; i++) {
		/* A copy of just that size, so that reading on would be seen. */
		void *part = malloc(i ? i : 1);

		assert_non_null(part);
		memcpy(part, bytes, i);
		survives(part, i);
		free(part);
	}
	free(bytes);
	model_free(m);
}

static void mutate(uint8_t *bytes, size_t *size, uint64_t *seed)
{
	static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff, 0x08, 0x0a, 0x12 };
	const size_t at = random_bits(seed) % *size;
	size_t from, length;

	switch (random_bits(seed) % 5) {
	case 0:
		bytes[at] ^= (uint8_t)(1 << random_bits(seed) % 8);
		break;
	case 1:
		bytes[at] = (uint8_t)random_bits(seed);
		break;
	case 2:
		bytes[at] = values[random_bits(seed) % sizeof(values)];
		break;
	case 3:
		/* A piece from elsewhere. */
		from = random_bits(seed) % *size;
		length = random_bits(seed) % 16;
		length = length < *size - at ? length : *size - at;
		length = length < *size - from ? length : *size - from;
		memmove(bytes + at, bytes + from, length);
		break;
	default:
		/* A byte less. */
		memmove(bytes + at, bytes + at + 1, *size - at - 1);
		if (*size > 1)
			--*size;
	}
}

static unsigned long mutations(unsigned long usual)
{
	const char *text = getenv("NPU_TEST_MUTATIONS");

	return text ? strtoul(text, NULL, 10) : usual;
}

/* Some survive as valid models, most do not: both are to be seen. */
static void check_mutations(const uint8_t *bytes, size_t size, unsigned long count)
{
	uint8_t *copy = malloc(size);
	unsigned long accepted = 0;

	assert_non_null(copy);
	for (unsigned long i = 0; i < count; i++) {
		uint64_t seed = i * 7919 + 1;
		size_t length = size;

		memcpy(copy, bytes, size);
		for (unsigned int n = 1 + random_bits(&seed) % 4; n--;)
			mutate(copy, &length, &seed);
		accepted += survives(copy, length);
	}
	assert_true(accepted > 0 && accepted < count);
	free(copy);
}

static void models_with_changed_bytes(void **state)
{
	struct model *m = rich_model();
	size_t size;
	uint8_t *bytes = model_pack(m, &size);

	check_mutations(bytes, size, mutations(20000));
	free(bytes);
	model_free(m);
}

static void digits_with_changed_bytes(void **state)
{
	size_t size;
	uint8_t *bytes = load("tests/models/digits-int8.onnx", &size);

	check_mutations(bytes, size, mutations(2000));
	free(bytes);
}

static void noise(void **state)
{
	uint8_t bytes[512];
	uint64_t seed = 99;

	for (int i = 0; i < 2000; i++) {
		const size_t size = 1 + random_bits(&seed) % sizeof(bytes);

		for (size_t j = 0; j < size; j++)
			bytes[j] = (uint8_t)random_bits(&seed);
		survives(bytes, size);
	}
}

/* ---- built to hurt ---- */

static bool model_survives(struct model *m)
{
	size_t size;
	void *bytes = model_pack(m, &size);
	const bool compiled = survives(bytes, size);

	free(bytes);
	model_free(m);
	return compiled;
}

static void long_chains_need_no_stack(void **state)
{
	struct model *m = model_new(13);
	char from[16] = "x", to[16];

	model_input(m, "x", T_FLOAT, DIMS(2, 3));
	for (int i = 0; i < 20001; i++) {
		snprintf(to, sizeof(to), "v%d", i);
		model_node(m, "Transpose", from, to);
		strcpy(from, to);
	}
	model_output(m, from, T_FLOAT, DIMS(3, 2));
	assert_true(model_survives(m));
}

static void too_many_operations_are_refused(void **state)
{
	struct npuc_graph *graph;
	struct npuc_value *v;
	const uint32_t one = 1;
	int i;

	assert_int_equal(npuc_graph_create("", &graph), 0);
	v = npuc_input(graph, "x", NPU_TYPE_F32, 1, &one);
	for (i = 0; v && i < NPU_OPS_MAX + 10; i++)
		v = npuc_unary(graph, NPU_UNARY_EXP, v);
	assert_int_equal(i, NPU_OPS_MAX + 1);
	assert_int_equal(npuc_graph_status(graph), -ENOTSUP);
	assert_non_null(strstr(npuc_graph_error(graph), "more than 65536 operations"));
	npuc_graph_destroy(graph);
}

static void constants_do_not_grow_without_bound(void **state)
{
	/* Sums of a column and a row, each doubling the rank's product: the file
	 * is small, what it describes is not.
	 */
	static float column[4000];
	struct model *m = model_new(13);
	struct compiled c;

	model_constant(m, "column", T_FLOAT, DIMS(4000, 1), column);
	model_constant(m, "row", T_FLOAT, DIMS(1, 4000), column);
	model_input(m, "x", T_FLOAT, SCALAR);
	model_node(m, "Add", "column row", "a");
	model_node(m, "Add", "row column", "b");
	model_node(m, "Mul", "a b", "c");
	model_node(m, "Mul", "c x", "y");
	model_output(m, "y", T_FLOAT, DIMS(4000, 4000));
	c = compile_model(m, NULL);
	/* The first is within what is allowed, the rest is the card's. */
	assert_true(c.size < (80u << 20));
	assert_int_equal(count_operations(&c, "BINARY"), 3);
	compiled_free(&c);
	model_free(m);
}

static void integers_do_not_grow_without_bound(void **state)
{
	static int64_t column[4000];
	struct model *m = model_new(13);

	model_constant(m, "column", T_INT64, DIMS(4000, 1), column);
	model_constant(m, "row", T_INT64, DIMS(1, 4000), column);
	model_node(m, "Add", "column row", "y");
	model_output(m, "y", T_INT64, DIMS(4000, 4000));
	assert_refused(m, NULL, -ENOTSUP, "too much arithmetic on integer constants");
}

static void extreme_integers_wrap(void **state)
{
	const int64_t low = INT64_MIN, minus = -1, one = 1;
	struct model *m = model_new(13);

	model_constant(m, "low", T_INT64, DIMS(1), &low);
	model_constant(m, "minus", T_INT64, DIMS(1), &minus);
	model_constant(m, "one", T_INT64, DIMS(1), &one);
	model_node(m, "Div", "low minus", "a");
	model_node(m, "Sub", "a one", "b");
	model_node(m, "Mul", "b b", "c");
	model_input(m, "x", T_FLOAT, DIMS(1));
	/* (-2^63 - 1)^2 is 1 modulo 2^64. */
	model_node(m, "Reshape", "x c", "y");
	model_output(m, "y", T_FLOAT, DIMS(1));
	assert_true(model_survives(m));
}

static void nesting_does_not_recurse(void **state)
{
	/* A sequence type of a sequence type of ..., 100000 deep. */
	enum { DEPTH = 100000 };
	struct model *m = model_new(13);
	Onnx__TypeProto *type;
	uint8_t *nested = model_alloc(m, DEPTH * 6);
	size_t at = DEPTH * 6, size = 0;

	for (int i = 0; i < DEPTH; i++) {
		size_t length = size;
		uint8_t header[6];
		size_t n = 0;

		header[n++] = 0x22;	/* field 4, bytes */
		do {
			header[n++] = (uint8_t)((length & 0x7f) | (length > 0x7f ? 0x80 : 0));
			length >>= 7;
		} while (length);
		at -= n;
		memcpy(nested + at, header, n);
		size += n;
	}
	model_input(m, "x", T_FLOAT, DIMS(1));
	model_output(m, "x", T_FLOAT, DIMS(1));
	type = m->graph.input[0]->type;
	type->tensor_type = NULL;
	type->has_sequence_type = 1;
	type->sequence_type.data = nested + at;
	type->sequence_type.len = size;
	assert_refused(m, NULL, -ENOTSUP, "input 'x' is not a tensor");
}

static void names_may_hold_anything(void **state)
{
	struct model *m = model_new(13);
	char *name = model_alloc(m, 100001);

	memset(name, '%', 100000);
	model_input(m, "x", T_FLOAT, DIMS(1));
	model_node(m, "Neg", "x", "\x1b[2J\n\t\x7f");
	m->graph.node[0]->name = name;
	model_node(m, "Abs", "\x1b[2J\n\t\x7f", "y");
	m->graph.node[1]->name = model_string(m, "a\nb");
	model_output(m, "y", T_FLOAT, DIMS(1));
	assert_true(model_survives(m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(models_cut_off_anywhere),
		cmocka_unit_test(models_with_changed_bytes),
		cmocka_unit_test(digits_with_changed_bytes),
		cmocka_unit_test(noise),
		cmocka_unit_test(long_chains_need_no_stack),
		cmocka_unit_test(too_many_operations_are_refused),
		cmocka_unit_test(constants_do_not_grow_without_bound),
		cmocka_unit_test(integers_do_not_grow_without_bound),
		cmocka_unit_test(extreme_integers_wrap),
		cmocka_unit_test(nesting_does_not_recurse),
		cmocka_unit_test(names_may_hold_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
