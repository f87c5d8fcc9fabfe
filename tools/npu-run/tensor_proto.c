// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * The message is walked twice: first for type, extents and the number of
 * elements, so that nothing is allocated before it is known to be there; then
 * for the elements.
 */
#include "tensor_proto.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

/* Field numbers and data types of onnx.proto, message TensorProto. */
enum {
	FIELD_DIMS = 1,
	FIELD_DATA_TYPE = 2,
	FIELD_SEGMENT = 3,
	FIELD_FLOAT_DATA = 4,
	FIELD_INT32_DATA = 5,
	FIELD_STRING_DATA = 6,
	FIELD_INT64_DATA = 7,
	FIELD_NAME = 8,
	FIELD_RAW_DATA = 9,
	FIELD_DOUBLE_DATA = 10,
	FIELD_UINT64_DATA = 11,
	FIELD_EXTERNAL_DATA = 13,
	FIELD_DATA_LOCATION = 14,
};

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

/* `min` and `max`: what an element in int32_data or int64_data may be. */
static const struct {
	uint8_t type;
	uint8_t onnx;
	uint8_t field;
	int64_t min, max;
} types[] = {
	{NPU_TYPE_F32, 1, FIELD_FLOAT_DATA, 0, UINT32_MAX},
	{NPU_TYPE_U8, 2, FIELD_INT32_DATA, 0, UINT8_MAX},
	{NPU_TYPE_I8, 3, FIELD_INT32_DATA, INT8_MIN, INT8_MAX},
	{NPU_TYPE_I16, 5, FIELD_INT32_DATA, INT16_MIN, INT16_MAX},
	{NPU_TYPE_I32, 6, FIELD_INT32_DATA, INT32_MIN, INT32_MAX},
	{NPU_TYPE_I64, 7, FIELD_INT64_DATA, INT64_MIN, INT64_MAX},
	{NPU_TYPE_BOOL, 9, FIELD_INT32_DATA, 0, 1},
	{NPU_TYPE_F16, 10, FIELD_INT32_DATA, 0, UINT16_MAX},
	{NPU_TYPE_BF16, 16, FIELD_INT32_DATA, 0, UINT16_MAX},
	{NPU_TYPE_I4, 22, FIELD_INT32_DATA, 0, UINT8_MAX}, /* a pair in each */
};
#define TYPES (sizeof(types) / sizeof(types[0]))

struct cursor {
	const uint8_t *at;
	const uint8_t *end;
};

struct field {
	uint64_t number;
	unsigned int wire;
	uint64_t value; /* WIRE_VARINT, WIRE_32, WIRE_64 */
	struct cursor bytes; /* WIRE_BYTES */
};

struct message {
	struct tensor_shape shape;
	uint64_t onnx_type;
	size_t row; /* in types[] */
	bool raw;
	struct cursor raw_data;
};

static bool take_varint(struct cursor *c, uint64_t *value)
{
	*value = 0;
	for (unsigned int shift = 0; shift < 64 && c->at < c->end; shift += 7) {
		uint8_t byte = *c->at++;

		if (shift == 63 && byte > 1)
			return false;
		*value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

static bool take_fixed(struct cursor *c, unsigned int bytes, uint64_t *value)
{
	if ((size_t)(c->end - c->at) < bytes)
		return false;
	*value = 0;
	for (unsigned int i = 0; i < bytes; i++)
		*value |= (uint64_t)c->at[i] << (8 * i);
	c->at += bytes;
	return true;
}

static bool take_field(struct cursor *c, struct field *f)
{
	uint64_t key, length;

	if (!take_varint(c, &key) || !(key >> 3))
		return false;
	f->number = key >> 3;
	f->wire = key & 7;
	switch (f->wire) {
	case WIRE_VARINT:
		return take_varint(c, &f->value);
	case WIRE_64:
		return take_fixed(c, 8, &f->value);
	case WIRE_32:
		return take_fixed(c, 4, &f->value);
	case WIRE_BYTES:
		if (!take_varint(c, &length) || length > (uint64_t)(c->end - c->at))
			return false;
		f->bytes.at = c->at;
		f->bytes.end = c->at + length;
		c->at += length;
		return true;
	}
	return false;
}

/* The next element of a repeated field, packed or not. */
static bool take_element(struct field *f, unsigned int wire, uint64_t *value)
{
	if (f->wire == WIRE_BYTES)
		return wire == WIRE_32 ? take_fixed(&f->bytes, 4, value)
				       : take_varint(&f->bytes, value);
	*value = f->value;
	f->bytes.at = f->bytes.end;
	return f->wire == wire;
}

static bool has_element(const struct field *f)
{
	return f->bytes.at < f->bytes.end;
}

static bool next_field(struct cursor *c, struct field *f)
{
	static const uint8_t one[1];

	if (!take_field(c, f))
		return false;
	/* A field that is not packed holds one element. */
	if (f->wire != WIRE_BYTES)
		f->bytes = (struct cursor){one, one + 1};
	return true;
}

static int add_extents(struct message *m, struct field *f, struct npu_error *error)
{
	uint64_t extent;

	while (has_element(f)) {
		if (!take_element(f, WIRE_VARINT, &extent))
			return reason_set(error, -EINVAL, "not a TensorProto: malformed dims");
		if (m->shape.rank == TENSOR_RANK_MAX)
			return reason_set(error, -EINVAL, "it has more than %d dimensions",
					  TENSOR_RANK_MAX);
		if (!extent || extent > INT64_MAX)
			return reason_set(error, -EINVAL, "dimension %u is %" PRId64, m->shape.rank,
					  (int64_t)extent);
		m->shape.extent[m->shape.rank++] = extent;
	}
	return 0;
}

static int scan_field(struct message *m, struct field *f, struct npu_error *error)
{
	switch (f->number) {
	case FIELD_DIMS:
		return add_extents(m, f, error);
	case FIELD_DATA_TYPE:
		if (f->wire != WIRE_VARINT)
			break;
		m->onnx_type = f->value;
		return 0;
	case FIELD_RAW_DATA:
		if (f->wire != WIRE_BYTES || m->raw)
			break;
		m->raw = true;
		m->raw_data = f->bytes;
		return 0;
	case FIELD_SEGMENT:
		if (f->wire != WIRE_BYTES)
			break;
		return reason_set(error, -EINVAL,
				  "a segment of a TensorProto; only whole ones are read");
	case FIELD_DATA_LOCATION:
		if (f->wire != WIRE_VARINT)
			break;
		if (f->value)
			goto external;
		return 0;
	case FIELD_EXTERNAL_DATA:
		if (f->wire == WIRE_BYTES)
			goto external;
		break;
	default:
		return 0;
	}
	return reason_set(error, -EINVAL,
			  "neither a .npy file nor a TensorProto: field %" PRIu64 " is malformed",
			  f->number);
external:
	return reason_set(error, -EINVAL, "its elements are in another file; save them inside");
}

static int scan(struct cursor c, struct message *m, struct npu_error *error)
{
	struct field f;
	int ret;

	memset(m, 0, sizeof(*m));
	while (c.at < c.end) {
		if (!next_field(&c, &f))
			return reason_set(error, -EINVAL,
					  "neither a .npy file nor a TensorProto, or truncated");
		ret = scan_field(m, &f, error);
		if (ret)
			return ret;
	}
	for (m->row = 0; m->row < TYPES; m->row++) {
		if (types[m->row].onnx == m->onnx_type)
			break;
	}
	if (!m->onnx_type)
		return reason_set(error, -EINVAL, "neither a .npy file nor a TensorProto");
	if (m->row == TYPES)
		return reason_set(
			error, -EINVAL, "ONNX element type %" PRIu64 " is none that graphs have%s",
			m->onnx_type, m->onnx_type == 11 ? " (double: convert it to float)" : "");
	m->shape.type = types[m->row].type;
	return 0;
}

/* Elements in the type's own field; with `tensor` they are stored as well. */
static int walk(struct cursor c, const struct message *m, struct tensor *tensor, uint64_t *count,
		struct npu_error *error)
{
	unsigned int wire = types[m->row].field == FIELD_FLOAT_DATA ? WIRE_32 : WIRE_VARINT;
	size_t bytes = (npu_type_bits(m->shape.type) + 7) / 8;
	struct field f;
	uint64_t value;

	*count = 0;
	while (c.at < c.end && next_field(&c, &f)) {
		if (f.number != types[m->row].field)
			continue;
		while (has_element(&f)) {
			if (!take_element(&f, wire, &value))
				return reason_set(error, -EINVAL,
						  "not a TensorProto: element %" PRIu64
						  " is malformed",
						  *count);
			if ((int64_t)value < types[m->row].min ||
			    (int64_t)value > types[m->row].max)
				return reason_set(
					error, -EINVAL,
					"element %" PRIu64 " is %" PRId64 ", which %s cannot hold",
					*count, (int64_t)value, npu_type_name(m->shape.type));
			if (tensor)
				memcpy(tensor->data + *count * bytes, &value, bytes);
			(*count)++;
		}
	}
	return 0;
}

static int check_size(struct cursor c, const struct message *m, struct npu_error *error)
{
	struct tensor_text text;
	uint64_t count, got;
	size_t size;
	int ret;

	if (tensor_measure(&m->shape, &count, &size))
		return reason_set(error, -EOVERFLOW, "%s is larger than an address space",
				  tensor_describe(&m->shape, &text));
	if (m->raw) {
		got = (uint64_t)(m->raw_data.end - m->raw_data.at);
		if (got != size)
			return reason_set(error, -EINVAL,
					  "%s needs %zu bytes, raw_data has %" PRIu64,
					  tensor_describe(&m->shape, &text), size, got);
		return 0;
	}
	ret = walk(c, m, NULL, &got, error);
	if (ret)
		return ret;
	if (m->shape.type == NPU_TYPE_I4)
		count = (count + 1) / 2;
	if (got != count)
		return reason_set(error, -EINVAL,
				  "%s needs %" PRIu64 " elements, the file has %" PRIu64,
				  tensor_describe(&m->shape, &text), count, got);
	return 0;
}

int tensor_proto_parse(const void *data, size_t size, struct tensor *tensor,
		       struct npu_error *error)
{
	struct cursor c = {data, (const uint8_t *)data + size};
	struct message m;
	uint64_t count;
	int ret;

	memset(tensor, 0, sizeof(*tensor));
	ret = scan(c, &m, error);
	if (!ret)
		ret = check_size(c, &m, error);
	if (!ret)
		ret = tensor_init(tensor, &m.shape, error);
	if (ret)
		return ret;
	if (m.raw)
		memcpy(tensor->data, m.raw_data.at, tensor->size);
	else
		ret = walk(c, &m, tensor, &count, error);
	if (!ret)
		ret = tensor_check(tensor, error);
	if (ret)
		tensor_fini(tensor);
	return ret;
}

static bool put_varint(FILE *file, uint64_t value)
{
	while (value >= 0x80) {
		fputc((int)(value | 0x80) & 0xff, file);
		value >>= 7;
	}
	return fputc((int)value, file) != EOF;
}

static bool put_bytes(FILE *file, unsigned int field, const void *data, size_t size)
{
	return put_varint(file, field << 3 | WIRE_BYTES) && put_varint(file, size) &&
	       fwrite(data, 1, size, file) == size;
}

int tensor_proto_write(FILE *file, const struct tensor *tensor, const char *name,
		       struct npu_error *error)
{
	bool good = true;
	size_t row = 0;

	while (row < TYPES - 1 && types[row].type != tensor->shape.type)
		row++;
	errno = 0;
	for (unsigned int i = 0; i < tensor->shape.rank; i++)
		good = good && put_varint(file, FIELD_DIMS << 3 | WIRE_VARINT) &&
		       put_varint(file, tensor->shape.extent[i]);
	good = good && put_varint(file, FIELD_DATA_TYPE << 3 | WIRE_VARINT) &&
	       put_varint(file, types[row].onnx) &&
	       put_bytes(file, FIELD_NAME, name, strlen(name)) &&
	       put_bytes(file, FIELD_RAW_DATA, tensor->data, tensor->size);
	if (!good)
		return reason_set(error, errno ? -errno : -EIO, "%s",
				  strerror(errno ? errno : EIO));
	return 0;
}
