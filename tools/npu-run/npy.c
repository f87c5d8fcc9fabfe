// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * The format: "\x93NUMPY", major, minor, the header's length (2 bytes in
 * version 1, 4 later), the header, the elements. The header is a Python
 * dictionary with exactly the keys descr, fortran_order and shape, padded
 * with spaces and ended by a newline (NumPy Enhancement Proposal 1).
 */
#include "npy.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "text.h"

#define MAGIC "\x93NUMPY"
#define MAGIC_SIZE 6
#define HEADER_MAX 65536 /* NumPy writes about 120 bytes for these types */

static const struct {
	const char *descr;
	uint8_t type;
} names[] = {
	{"<f4", NPU_TYPE_F32}, {"<f2", NPU_TYPE_F16}, {"|i1", NPU_TYPE_I8},  {"|u1", NPU_TYPE_U8},
	{"<i2", NPU_TYPE_I16}, {"<i4", NPU_TYPE_I32}, {"<i8", NPU_TYPE_I64}, {"|b1", NPU_TYPE_BOOL},
};

struct header {
	const char *at;
	const char *end;
	struct tensor_shape shape;
	bool fortran;
	char descr[16];
};

bool npy_recognise(const void *data, size_t size)
{
	return size >= MAGIC_SIZE && !memcmp(data, MAGIC, MAGIC_SIZE);
}

static void skip_space(struct header *h)
{
	while (h->at < h->end && (*h->at == ' ' || *h->at == '\n' || *h->at == '\t'))
		h->at++;
}

static bool take(struct header *h, char c)
{
	skip_space(h);
	if (h->at >= h->end || *h->at != c)
		return false;
	h->at++;
	return true;
}

static bool take_word(struct header *h, const char *word)
{
	size_t length = strlen(word);

	skip_space(h);
	if ((size_t)(h->end - h->at) < length || memcmp(h->at, word, length))
		return false;
	h->at += length;
	return true;
}

/* A Python string without escapes. */
static bool take_string(struct header *h, char *out, size_t size)
{
	const char *start;
	size_t length;
	char quote;

	skip_space(h);
	if (h->at >= h->end || (*h->at != '\'' && *h->at != '"'))
		return false;
	quote = *h->at++;
	start = h->at;
	while (h->at < h->end && *h->at != quote && *h->at != '\\')
		h->at++;
	if (h->at >= h->end || *h->at != quote)
		return false;
	length = (size_t)(h->at++ - start);
	if (length >= size || memchr(start, '\0', length))
		return false;
	memcpy(out, start, length);
	out[length] = '\0';
	return true;
}

static bool take_number(struct header *h, uint64_t *value)
{
	const char *start;

	skip_space(h);
	start = h->at;
	*value = 0;
	while (h->at < h->end && isdigit((unsigned char)*h->at)) {
		if (__builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, *h->at - '0', value))
			return false;
		h->at++;
	}
	return h->at > start;
}

/* A tuple: "()", "(3,)", "(3, 4)". */
static int take_shape(struct header *h, struct npu_error *error)
{
	struct tensor_shape *shape = &h->shape;
	bool comma = true;
	uint64_t extent;

	shape->rank = 0;
	if (!take(h, '('))
		return reason_set(error, -EINVAL, "its shape is not a tuple");
	while (!take(h, ')')) {
		if (!comma || !take_number(h, &extent))
			return reason_set(error, -EINVAL, "its shape is not a tuple of numbers");
		if (!extent)
			return reason_set(error, -EINVAL, "dimension %u is 0: the array is empty",
					  shape->rank);
		if (shape->rank == TENSOR_RANK_MAX)
			return reason_set(error, -EINVAL, "it has more than %d dimensions",
					  TENSOR_RANK_MAX);
		shape->extent[shape->rank++] = extent;
		comma = take(h, ',');
	}
	if (shape->rank == 1 && !comma)
		return reason_set(error, -EINVAL, "its shape is not a tuple");
	return 0;
}

static int take_value(struct header *h, const char *key, struct npu_error *error)
{
	if (!strcmp(key, "descr")) {
		if (take_string(h, h->descr, sizeof(h->descr)))
			return 0;
		return reason_set(
			error, -EINVAL,
			"its element type is not a simple one (structured arrays are not read)");
	}
	if (!strcmp(key, "shape"))
		return take_shape(h, error);
	if (strcmp(key, "fortran_order"))
		return reason_set(error, -EINVAL, "its header has an unknown key");
	h->fortran = take_word(h, "True");
	if (h->fortran || take_word(h, "False"))
		return 0;
	return reason_set(error, -EINVAL, "fortran_order is neither True nor False");
}

static int parse_header(struct header *h, struct npu_error *error)
{
	static const char *const keys[] = {"descr", "fortran_order", "shape"};
	unsigned int seen = 0;
	bool comma = true;
	char key[16];
	int ret;

	if (!take(h, '{'))
		return reason_set(error, -EINVAL, "its header is not a dictionary");
	while (!take(h, '}')) {
		unsigned int bit = 0;

		if (!comma || !take_string(h, key, sizeof(key)) || !take(h, ':'))
			return reason_set(error, -EINVAL, "its header is not a dictionary");
		while (bit < 3 && strcmp(key, keys[bit]))
			bit++;
		if (bit < 3 && seen & 1u << bit)
			return reason_set(error, -EINVAL, "its header has '%s' twice", key);
		ret = take_value(h, key, error);
		if (ret)
			return ret;
		seen |= 1u << bit;
		comma = take(h, ',');
	}
	skip_space(h);
	if (h->at != h->end)
		return reason_set(error, -EINVAL, "something follows the dictionary in its header");
	if (seen != 7)
		return reason_set(error, -EINVAL, "its header lacks '%s'",
				  keys[seen & 1 ? (seen & 2 ? 2 : 1) : 0]);
	return 0;
}

static int find_type(struct header *h, struct npu_error *error)
{
	char printable[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		/* One byte has no order: "<i1" and "|i1" are the same. */
		if (!strcmp(h->descr, names[i].descr) ||
		    (names[i].descr[0] == '|' && h->descr[0] == '<' &&
		     !strcmp(h->descr + 1, names[i].descr + 1))) {
			h->shape.type = names[i].type;
			return 0;
		}
	}
	text_printable(printable, sizeof(printable), h->descr);
	if (h->descr[0] == '>')
		return reason_set(error, -EINVAL,
				  "its elements are big-endian ('%s'); save little-endian ones",
				  printable);
	return reason_set(error, -EINVAL,
			  "its element type '%s' is none that graphs have; convert it, for example "
			  "by astype('float32') (float64 is '<f8')",
			  printable);
}

static int parse_elements(const struct header *h, const uint8_t *data, size_t size,
			  struct tensor *tensor, struct npu_error *error)
{
	struct tensor_text text;
	uint64_t count;
	size_t want;
	int ret;

	if (tensor_measure(&h->shape, &count, &want) || want != size)
		return reason_set(error, -EINVAL, "%s, but %zu bytes of elements follow: %s",
				  tensor_describe(&h->shape, &text), size,
				  want > size ? "the file is truncated" : "the header is wrong");
	ret = tensor_init(tensor, &h->shape, error);
	if (ret)
		return ret;
	memcpy(tensor->data, data, size);
	ret = tensor_check(tensor, error);
	if (ret)
		tensor_fini(tensor);
	return ret;
}

int npy_parse(const void *data, size_t size, struct tensor *tensor, struct npu_error *error)
{
	const uint8_t *bytes = data;
	struct header h = {0};
	size_t length, start;
	int ret;

	memset(tensor, 0, sizeof(*tensor));
	if (!npy_recognise(data, size))
		return reason_set(error, -EINVAL, "not a .npy file");
	if (size < MAGIC_SIZE + 6)
		return reason_set(error, -EINVAL, "a .npy file that is truncated in its header");
	if (bytes[6] < 1 || bytes[6] > 3 || bytes[7])
		return reason_set(error, -EINVAL, ".npy format %u.%u; 1.0, 2.0 and 3.0 are known",
				  bytes[6], bytes[7]);
	length = bytes[8] | (size_t)bytes[9] << 8;
	start = MAGIC_SIZE + 4;
	if (bytes[6] > 1) {
		length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
		start += 2;
	}
	if (length > HEADER_MAX)
		return reason_set(error, -EINVAL, "a .npy header of %zu bytes; at most %d are read",
				  length, HEADER_MAX);
	if (length > size - start)
		return reason_set(error, -EINVAL, "a .npy file that is truncated in its header");
	h.at = (const char *)bytes + start;
	h.end = h.at + length;
	ret = parse_header(&h, error);
	if (!ret)
		ret = find_type(&h, error);
	if (ret)
		return ret;
	/* In one dimension both orders are the same. */
	if (h.fortran && h.shape.rank > 1)
		return reason_set(
			error, -EINVAL,
			"its elements are in Fortran order; save numpy.ascontiguousarray(x)");
	return parse_elements(&h, bytes + start + length, size - start - length, tensor, error);
}

int npy_write(FILE *file, const struct tensor *tensor, struct npu_error *error)
{
	const struct tensor_shape *shape = &tensor->shape;
	char header[256];
	struct tensor_text text;
	const char *descr = NULL, *extents;
	uint8_t prefix[MAGIC_SIZE + 4] = MAGIC "\x01";
	size_t length, total;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].type == shape->type)
			descr = names[i].descr;
	}
	if (!descr)
		return reason_set(error, -EINVAL, ".npy has no type %s; write a TensorProto (.pb)",
				  npu_type_name(shape->type));
	extents = tensor_extents(shape, &text);
	length = (size_t)snprintf(header, sizeof(header),
				  "{'descr': '%s', 'fortran_order': False, 'shape': (%.*s%s), }",
				  descr, (int)strlen(extents) - 2, extents + 1,
				  shape->rank == 1 ? "," : "");
	/* The elements start at a multiple of 64. */
	total = (sizeof(prefix) + length + 1 + 63) / 64 * 64 - sizeof(prefix);
	prefix[8] = (uint8_t)total;
	prefix[9] = (uint8_t)(total >> 8);
	errno = 0;
	if (fwrite(prefix, sizeof(prefix), 1, file) != 1 ||
	    fprintf(file, "%s%*s", header, (int)(total - length), "\n") < 0 ||
	    fwrite(tensor->data, 1, tensor->size, file) != tensor->size)
		return reason_set(error, errno ? -errno : -EIO, "%s",
				  strerror(errno ? errno : EIO));
	return 0;
}
