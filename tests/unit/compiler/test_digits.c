// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * The digits models (tests/models/README.md) on 360 held-out images, against
 * results that were computed elsewhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "run.h"

#define IMAGES 360
#define PIXELS 64
#define CLASSES 10

/* The numbers of a .npy file (version 1.0) with exactly so many bytes. */
static void *load_npy(const char *path, size_t bytes)
{
	uint8_t header[10];
	FILE *file = fopen(path, "rb");
	uint8_t *data = malloc(bytes + 1);

	if (!file || !data)
		fail_msg("%s cannot be read", path);
	assert_int_equal(fread(header, 1, sizeof(header), file), sizeof(header));
	assert_memory_equal(header, "\x93NUMPY\x01\x00", 8);
	assert_int_equal(fseek(file, header[8] | header[9] << 8, SEEK_CUR), 0);
	assert_int_equal(fread(data, 1, bytes + 1, file), bytes);
	fclose(file);
	return data;
}

static void run_images(const char *path, float *logits)
{
	float *images = load_npy("tests/models/digits-images.npy",
				 IMAGES * PIXELS * sizeof(float));
	struct compiled c = compile_file(path);

	for (int i = 0; i < IMAGES; i++) {
		const void *input = images + i * PIXELS;
		void *output = logits + i * CLASSES;

		run(&c, &input, &output);
	}
	compiled_free(&c);
	free(images);
}

static int right_answers(const float *logits)
{
	int64_t *labels = load_npy("tests/models/digits-labels.npy", IMAGES * sizeof(int64_t));
	int right = 0;

	for (int i = 0; i < IMAGES; i++) {
		int best = 0;

		for (int j = 1; j < CLASSES; j++) {
			if (logits[i * CLASSES + j] > logits[i * CLASSES + best])
				best = j;
		}
		right += best == labels[i];
	}
	free(labels);
	return right;
}

static void fp32_agrees_to_four_digits(void **state)
{
	static float logits[IMAGES * CLASSES];
	float *reference = load_npy("tests/models/digits-fp32-reference.npy", sizeof(logits));

	run_images("tests/models/digits-fp32.onnx", logits);
	assert_close(logits, reference, IMAGES * CLASSES);
	assert_true(right_answers(logits) * 100 >= 97 * IMAGES);
	free(reference);
}

static void int8_agrees_exactly(void **state)
{
	static float logits[IMAGES * CLASSES];
	float *reference = load_npy("tests/models/digits-int8-reference.npy", sizeof(logits));

	run_images("tests/models/digits-int8.onnx", logits);
	for (int i = 0; i < IMAGES * CLASSES; i++) {
		if (logits[i] != reference[i])
			fail_msg("image %d, class %d: %.9g, should be %.9g", i / CLASSES, i % CLASSES,
				 (double)logits[i], (double)reference[i]);
	}
	assert_true(right_answers(logits) * 100 >= 97 * IMAGES);
	free(reference);
}

static void int8_runs_in_int8(void **state)
{
	struct compiled c = compile_file("tests/models/digits-int8.onnx");

	/* One way in, one way out, and no real arithmetic between. */
	assert_int_equal(c.report.op_count, 9);
	assert_int_equal(count_operations(&c, "QUANTISE"), 1);
	assert_int_equal(count_operations(&c, "CONV u8 relu"), 3);
	assert_int_equal(count_operations(&c, "POOL MAX u8"), 2);
	assert_int_equal(count_operations(&c, "GEMM u8"), 2);
	assert_int_equal(count_operations(&c, "DEQUANTISE"), 1);
	compiled_free(&c);
}

static void fp32_activations_are_fused(void **state)
{
	struct compiled c = compile_file("tests/models/digits-fp32.onnx");

	assert_int_equal(c.report.op_count, 7);
	assert_int_equal(count_operations(&c, "CONV f32 relu"), 3);
	assert_int_equal(count_operations(&c, "GEMM f32 relu"), 1);
	assert_int_equal(c.report.macs, 9216 + 294912 + 147456 + 8192 + 640);
	compiled_free(&c);
}

static void compiling_twice_gives_the_same_file(void **state)
{
	struct compiled a = compile_file("tests/models/digits-int8.onnx");
	struct compiled b = compile_file("tests/models/digits-int8.onnx");

	assert_int_equal(a.size, b.size);
	assert_memory_equal(a.file, b.file, a.size);
	compiled_free(&a);
	compiled_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fp32_agrees_to_four_digits),
		cmocka_unit_test(int8_agrees_exactly),
		cmocka_unit_test(int8_runs_in_int8),
		cmocka_unit_test(fp32_activations_are_fused),
		cmocka_unit_test(compiling_twice_gives_the_same_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
