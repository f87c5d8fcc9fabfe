// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* .npy and TensorProto files: the good, the wrong and the hostile. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "npy.h"
#include "tensor_file.h"
#include "tensor_proto.h"

struct file {
	uint8_t data[4096];
	size_t size;
};

static void put(struct file *f, const void *data, size_t size)
{
	assert_true(f->size + size <= sizeof(f->data));
	memcpy(f->data + f->size, data, size);
	f->size += size;
}

static void make_npy(struct file *f, unsigned int version, const char *header, const void *elements,
		     size_t size)
{
	uint8_t prefix[12] = "\x93NUMPY";
	size_t length = strlen(header);

	memset(f, 0, sizeof(*f));
	prefix[6] = (uint8_t)version;
	prefix[8] = (uint8_t)length;
	prefix[9] = (uint8_t)(length >> 8);
	put(f, prefix, version == 1 ? 10 : 12);
	put(f, header, length);
	put(f, elements, size);
}

static void refuse_npy(const char *header, const char *reason)
{
	static const float elements[6];
	struct tensor tensor;
	struct npu_error error;
	struct file f;

	make_npy(&f, 1, header, elements, sizeof(elements));
	assert_true(npy_parse(f.data, f.size, &tensor, &error) < 0);
	assert_null(tensor.data);
	if (!strstr(error.text, reason))
		fail_msg("%s: said \"%s\", not \"%s\"", header, error.text, reason);
}

static void npy_of_each_version_is_read(void **state)
{
	static const float elements[6] = {1, -2, 3.5f, 4, 5, 6};
	struct tensor tensor;
	struct npu_error error;
	struct file f;

	for (unsigned int version = 1; version <= 3; version++) {
		make_npy(&f, version,
			 "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n",
			 elements, sizeof(elements));
		assert_int_equal(npy_parse(f.data, f.size, &tensor, &error), 0);
		assert_int_equal(tensor.shape.type, NPU_TYPE_F32);
		assert_int_equal(tensor.shape.rank, 2);
		assert_int_equal(tensor.shape.extent[0], 2);
		assert_int_equal(tensor.shape.extent[1], 3);
		assert_int_equal(tensor.count, 6);
		assert_memory_equal(tensor.data, elements, sizeof(elements));
		tensor_fini(&tensor);
	}
}

static void npy_scalar_and_vector_shapes(void **state)
{
	static const float elements[6] = {7};
	struct tensor tensor;
	struct npu_error error;
	struct file f;

	make_npy(&f, 1, "{'shape': (), 'fortran_order': False, 'descr': '<f4'}", elements, 4);
	assert_int_equal(npy_parse(f.data, f.size, &tensor, &error), 0);
	assert_int_equal(tensor.shape.rank, 0);
	assert_int_equal(tensor.count, 1);
	tensor_fini(&tensor);
	make_npy(&f, 1, "{\"shape\": (6,), \"fortran_order\": True, \"descr\": \"<f4\"}", elements,
		 24);
	assert_int_equal(npy_parse(f.data, f.size, &tensor, &error), 0);
	assert_int_equal(tensor.shape.rank, 1);
	assert_int_equal(tensor.count, 6);
	tensor_fini(&tensor);
}

static void npy_element_types(void **state)
{
	static const struct {
		const char *descr;
		uint8_t type;
		unsigned int bytes;
	} types[] = {
		{"<f4", NPU_TYPE_F32, 4}, {"<f2", NPU_TYPE_F16, 2}, {"|i1", NPU_TYPE_I8, 1},
		{"<i1", NPU_TYPE_I8, 1},  {"|u1", NPU_TYPE_U8, 1},  {"<i2", NPU_TYPE_I16, 2},
		{"<i4", NPU_TYPE_I32, 4}, {"<i8", NPU_TYPE_I64, 8}, {"|b1", NPU_TYPE_BOOL, 1},
	};
	static const uint8_t elements[32] = {1};
	struct tensor tensor;
	struct npu_error error;
	char header[128];
	struct file f;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		snprintf(header, sizeof(header),
			 "{'descr': '%s', 'fortran_order': False, 'shape': (4,), }\n",
			 types[i].descr);
		make_npy(&f, 1, header, elements, 4 * types[i].bytes);
		assert_int_equal(npy_parse(f.data, f.size, &tensor, &error), 0);
		assert_int_equal(tensor.shape.type, types[i].type);
		assert_int_equal(tensor.size, 4 * types[i].bytes);
		tensor_fini(&tensor);
	}
}

static void npy_wrong_headers_are_refused(void **state)
{
	refuse_npy("", "not a dictionary");
	refuse_npy("[]", "not a dictionary");
	refuse_npy("{", "not a dictionary");
	refuse_npy("{}", "lacks 'descr'");
	refuse_npy("{'descr': '<f4', 'shape': (6,)}", "lacks 'fortran_order'");
	refuse_npy("{'descr': '<f4', 'fortran_order': False}", "lacks 'shape'");
	refuse_npy("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (6,)}",
		   "twice");
	refuse_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (6,), 'more': 1}",
		   "unknown key");
	refuse_npy("{'descr': '<f4' 'fortran_order': False, 'shape': (6,)}", "not a dictionary");
	refuse_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (6,)} x", "follows");
	refuse_npy("{'descr': '<f4', 'fortran_order': 0, 'shape': (6,)}", "neither True nor False");
	refuse_npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}", "ascontiguousarray");
	refuse_npy("{'descr': '>f4', 'fortran_order': False, 'shape': (6,)}", "big-endian");
	refuse_npy("{'descr': '<f8', 'fortran_order': False, 'shape': (3,)}", "astype");
	refuse_npy("{'descr': '|O', 'fortran_order': False, 'shape': (3,)}",
		   "none that graphs have");
	refuse_npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,)}",
		   "not a simple one");
	refuse_npy("{'descr': '<f4\\', 'fortran_order': False, 'shape': (6,)}", "not a simple one");
	refuse_npy(
		"{'descr': 'a name that is far too long', 'fortran_order': False, 'shape': (6,)}",
		"not a simple one");
	refuse_npy("{'descr': '\x1b[2J', 'fortran_order': False, 'shape': (6,)}", "\\x1b[2J");
}

static void npy_wrong_shapes_are_refused(void **state)
{
	refuse_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (6)}", "not a tuple");
	refuse_npy("{'descr': '<f4', 'fortran_order': False, 'shape': 6}", "not a tuple");
	refuse_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-6,)}", "tuple of numbers");
	refuse_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (6", "tuple of numbers");
	refuse_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2 3)}", "tuple of numbers");
	refuse_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3)}", "is 0");
	refuse_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,6)}",
		   "more than 7 dimensions");
	refuse_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (7,)}", "truncated");
	refuse_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (5,)}", "header is wrong");
	refuse_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,)}",
		   "tuple of numbers");
	/* 2^32 * 2^32 elements wrap to 0, 2^62 elements of 4 bytes as well. */
	refuse_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
		   "bytes of elements follow");
	refuse_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904,)}",
		   "bytes of elements follow");
}

static void npy_truncated_at_any_byte_is_refused(void **state)
{
	static const float elements[6] = {1, 2, 3, 4, 5, 6};
	struct tensor tensor;
	struct npu_error error;
	struct file f;

	make_npy(&f, 2, "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }\n", elements,
		 sizeof(elements));
	for (size_t size = 0; size < f.size; size++) {
		/* A copy of that size, so that a sanitizer sees a read beyond it. */
		uint8_t *copy = malloc(size ? size : 1);

		assert_non_null(copy);
		memcpy(copy, f.data, size);
		assert_true(npy_parse(copy, size, &tensor, &error) < 0);
		free(copy);
	}
}

static void npy_bool_is_0_or_1(void **state)
{
	static const uint8_t elements[2] = {1, 2};
	struct tensor tensor;
	struct npu_error error;
	struct file f;

	make_npy(&f, 1, "{'descr': '|b1', 'fortran_order': False, 'shape': (1, 2), }\n", elements,
		 2);
	assert_true(npy_parse(f.data, f.size, &tensor, &error) < 0);
	assert_string_equal(error.text, "element [0, 1] is 2; a bool is 0 or 1");
}

static void npy_mutated_headers_never_pass_wrong_sizes(void **state)
{
	static const float elements[6] = {1, 2, 3, 4, 5, 6};
	unsigned int accepted = 0;
	struct tensor tensor;
	struct npu_error error;
	struct file f;

	srand(1);
	for (unsigned int i = 0; i < 200000; i++) {
		make_npy(&f, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n",
			 elements, sizeof(elements));
		for (int flips = rand() % 3; flips >= 0; flips--)
			f.data[rand() % (f.size - sizeof(elements))] = (uint8_t)rand();
		if (npy_parse(f.data, f.size, &tensor, &error))
			continue;
		accepted++;
		assert_int_equal(tensor.size, sizeof(elements));
		tensor_fini(&tensor);
	}
	/* Spaces and such may change. */
	assert_true(accepted > 0);
}

static void save_and_load(const struct tensor *tensor, const char *suffix)
{
	char path[64];
	struct tensor back;
	struct npu_error error;
	int fd;

	snprintf(path, sizeof(path), P_tmpdir "/npu-test-XXXXXX%s", suffix);
	fd = mkstemps(path, (int)strlen(suffix));
	assert_true(fd >= 0);
	close(fd);
	if (tensor_save(path, tensor, "name", &error) || tensor_load(path, &back, &error))
		fail_msg("%s", error.text);
	unlink(path);
	assert_true(tensor_same_shape(&tensor->shape, &back.shape));
	assert_int_equal(tensor->size, back.size);
	assert_memory_equal(tensor->data, back.data, tensor->size);
	tensor_fini(&back);
}

static void what_is_saved_can_be_loaded(void **state)
{
	static const struct tensor_shape shapes[] = {
		{NPU_TYPE_F32, 0, {0}},	      {NPU_TYPE_F32, 1, {5}},
		{NPU_TYPE_I64, 2, {3, 7}},    {NPU_TYPE_U8, 7, {1, 2, 1, 2, 1, 2, 3}},
		{NPU_TYPE_F16, 3, {2, 2, 2}}, {NPU_TYPE_I16, 1, {1}},
		{NPU_TYPE_BF16, 2, {2, 5}},   {NPU_TYPE_I4, 1, {5}},
	};
	struct npu_error error;
	struct tensor tensor;

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		assert_int_equal(tensor_init(&tensor, &shapes[i], &error), 0);
		for (size_t b = 0; b < tensor.size; b++)
			tensor.data[b] = (uint8_t)(b * 37 + 1);
		save_and_load(&tensor, ".pb");
		if (shapes[i].type != NPU_TYPE_BF16 && shapes[i].type != NPU_TYPE_I4)
			save_and_load(&tensor, ".npy");
		tensor_fini(&tensor);
	}
}

static void saved_npy_elements_are_aligned(void **state)
{
	static const struct tensor_shape shape = {NPU_TYPE_F32, 4, {360, 1, 8, 8}};
	struct npu_error error;
	struct tensor tensor;
	char *data;
	size_t size;
	FILE *file = open_memstream(&data, &size);

	assert_int_equal(tensor_init(&tensor, &shape, &error), 0);
	assert_int_equal(npy_write(file, &tensor, &error), 0);
	fclose(file);
	assert_int_equal((size - tensor.size) % 64, 0);
	assert_int_equal(data[size - tensor.size - 1], '\n');
	assert_non_null(strstr(data + 10, "'shape': (360, 1, 8, 8), }"));
	free(data);
	tensor_fini(&tensor);
}

static void npy_cannot_say_bfloat16(void **state)
{
	static const struct tensor_shape shape = {NPU_TYPE_BF16, 1, {2}};
	struct npu_error error;
	struct tensor tensor;

	assert_int_equal(tensor_init(&tensor, &shape, &error), 0);
	assert_int_equal(tensor_save("/dev/null", &tensor, "x", &error), -EINVAL);
	assert_non_null(strstr(error.text, "TensorProto"));
	tensor_fini(&tensor);
}

static void full_disk_is_an_error(void **state)
{
	static const struct tensor_shape shape = {NPU_TYPE_F32, 1, {2}};
	struct npu_error error;
	struct tensor tensor;

	assert_int_equal(tensor_init(&tensor, &shape, &error), 0);
	assert_int_equal(tensor_save("/dev/full", &tensor, "x", &error), -ENOSPC);
	assert_string_equal(error.text, "/dev/full: No space left on device");
	tensor_fini(&tensor);
}

static void files_that_cannot_be_read_are_named(void **state)
{
	struct npu_error error;
	struct tensor tensor;

	assert_int_equal(tensor_load("/nonexistent/x.npy", &tensor, &error), -ENOENT);
	assert_string_equal(error.text, "/nonexistent/x.npy: No such file or directory");
	assert_int_equal(tensor_load("/", &tensor, &error), -EISDIR);
	assert_true(tensor_load("/dev/null", &tensor, &error) < 0);
	assert_non_null(strstr(error.text, "neither a .npy file nor a TensorProto"));
}

/* Parses a TensorProto; NULL: must be good. Returns the tensor. */
static struct tensor proto(const char *data, size_t size, const char *reason)
{
	struct npu_error error = {""};
	struct tensor tensor;
	int ret = tensor_proto_parse(data, size, &tensor, &error);

	if (!reason && ret)
		fail_msg("refused: %s", error.text);
	if (reason && (!ret || tensor.data || !strstr(error.text, reason)))
		fail_msg("said \"%s\", not \"%s\"", error.text, reason);
	return tensor;
}
#define PROTO(data, reason) proto(data, sizeof(data) - 1, reason)

static void proto_raw_and_typed_data(void **state)
{
	static const float two[2] = {1, -2};
	struct tensor t;

	/* dims [2], float, raw_data */
	t = PROTO("\x08\x02\x10\x01\x4a\x08\x00\x00\x80\x3f\x00\x00\x00\xc0", NULL);
	assert_int_equal(t.shape.type, NPU_TYPE_F32);
	assert_memory_equal(t.data, two, sizeof(two));
	tensor_fini(&t);
	/* packed dims, float_data packed */
	t = PROTO("\x0a\x01\x02\x10\x01\x22\x08\x00\x00\x80\x3f\x00\x00\x00\xc0", NULL);
	assert_memory_equal(t.data, two, sizeof(two));
	tensor_fini(&t);
	/* float_data one by one, and a name and doc_string around them */
	t = PROTO("\x42\x01x\x08\x02\x10\x01\x25\x00\x00\x80\x3f\x62\x01y\x25\x00\x00\x00\xc0",
		  NULL);
	assert_memory_equal(t.data, two, sizeof(two));
	tensor_fini(&t);
	/* a scalar has no dims */
	t = PROTO("\x10\x01\x4a\x04\x00\x00\x80\x3f", NULL);
	assert_int_equal(t.shape.rank, 0);
	assert_int_equal(t.count, 1);
	tensor_fini(&t);
	/* int8 in int32_data: 5, -1 */
	t = PROTO("\x08\x02\x10\x03\x2a\x0b\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", NULL);
	assert_int_equal(tensor_integer(&t, 0), 5);
	assert_int_equal(tensor_integer(&t, 1), -1);
	tensor_fini(&t);
	/* int64 in int64_data */
	t = PROTO("\x08\x01\x10\x07\x3a\x02\xac\x02", NULL);
	assert_int_equal(tensor_integer(&t, 0), 300);
	tensor_fini(&t);
	/* int4: three in two bytes */
	t = PROTO("\x08\x03\x10\x16\x2a\x03\xf1\x01\x07", NULL);
	assert_int_equal(tensor_integer(&t, 0), 1);
	assert_int_equal(tensor_integer(&t, 1), -1);
	assert_int_equal(tensor_integer(&t, 2), 7);
	tensor_fini(&t);
	/* float16 as bits in int32_data */
	t = PROTO("\x08\x01\x10\x0a\x2a\x02\x80\x78", NULL);
	assert_int_equal(tensor_real(&t, 0), 1);
	tensor_fini(&t);
}

static void proto_wrong_ones_are_refused(void **state)
{
	PROTO("", "neither");
	PROTO("hello world, this is a text file\n", "neither");
	PROTO("\x08\x02\x10\x0b\x4a\x10................", "double");
	PROTO("\x08\x02\x10\x08", "element type 8");
	PROTO("\x08\x02\x10\x01", "needs 2 elements, the file has 0");
	PROTO("\x08\x02\x10\x01\x4a\x04....", "needs 8 bytes, raw_data has 4");
	PROTO("\x08\x02\x10\x01\x22\x0c............", "needs 2 elements, the file has 3");
	PROTO("\x08\x02\x10\x01\x22\x07.......", "malformed");
	PROTO("\x08\x01\x10\x01\x21........", "malformed");
	PROTO("\x08\x01\x10\x01\x4a\x05....", "truncated");
	PROTO("\x08\x01\x10\x01\x4a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01....", "truncated");
	PROTO("\x08\x01\x10\x01\x4a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f....", "truncated");
	PROTO("\x08\x01\x10\x01\x0b\x0c", "truncated");
	PROTO("\x08\x00\x10\x01\x4a\x00", "dimension 0 is 0");
	PROTO("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x10\x01\x4a\x00", "dimension 0 is -1");
	PROTO("\x0a\x08\x01\x01\x01\x01\x01\x01\x01\x01\x10\x01\x4a\x04....",
	      "more than 7 dimensions");
	PROTO("\x08\x01\x10\x01\x70\x01", "another file");
	PROTO("\x08\x01\x10\x01\x6a\x00", "another file");
	PROTO("\x08\x01\x10\x01\x1a\x00", "segment");
	/* 2^62 elements */
	PROTO("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x40\x10\x01\x4a\x00", "address space");
	/* int8 of 200, bool of 2, also in raw data */
	PROTO("\x08\x01\x10\x03\x2a\x02\xc8\x01", "which i8 cannot hold");
	PROTO("\x08\x01\x10\x09\x2a\x01\x02", "cannot hold");
	PROTO("\x08\x01\x10\x09\x4a\x01\x02", "a bool is 0 or 1");
}

static void proto_mutations_never_crash(void **state)
{
	static const char good[] =
		"\x42\x01x\x08\x02\x10\x01\x25\x00\x00\x80\x3f\x62\x01y\x25\x00\x00\x00\xc0";
	uint8_t data[sizeof(good) - 1];
	struct npu_error error;
	struct tensor tensor;

	srand(1);
	for (unsigned int i = 0; i < 300000; i++) {
		memcpy(data, good, sizeof(data));
		for (int flips = rand() % 4; flips >= 0; flips--)
			data[(size_t)rand() % sizeof(data)] = (uint8_t)rand();
		if (!tensor_proto_parse(data, (size_t)rand() % (sizeof(data) + 1), &tensor, &error))
			assert_true(tensor.size <= 8 * sizeof(data));
		tensor_fini(&tensor);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(npy_of_each_version_is_read),
		cmocka_unit_test(npy_scalar_and_vector_shapes),
		cmocka_unit_test(npy_element_types),
		cmocka_unit_test(npy_wrong_headers_are_refused),
		cmocka_unit_test(npy_wrong_shapes_are_refused),
		cmocka_unit_test(npy_truncated_at_any_byte_is_refused),
		cmocka_unit_test(npy_bool_is_0_or_1),
		cmocka_unit_test(npy_mutated_headers_never_pass_wrong_sizes),
		cmocka_unit_test(what_is_saved_can_be_loaded),
		cmocka_unit_test(saved_npy_elements_are_aligned),
		cmocka_unit_test(npy_cannot_say_bfloat16),
		cmocka_unit_test(full_disk_is_an_error),
		cmocka_unit_test(files_that_cannot_be_read_are_named),
		cmocka_unit_test(proto_raw_and_typed_data),
		cmocka_unit_test(proto_wrong_ones_are_refused),
		cmocka_unit_test(proto_mutations_never_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
