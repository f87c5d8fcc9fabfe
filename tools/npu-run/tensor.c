// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "tensor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int tensor_measure(const struct tensor_shape *shape, uint64_t *count, size_t *size)
{
	uint64_t bits;

	*count = 1;
	for (unsigned int i = 0; i < shape->rank; i++) {
		if (__builtin_mul_overflow(*count, shape->extent[i], count))
			return -EOVERFLOW;
	}
	if (__builtin_mul_overflow(*count, npu_type_bits(shape->type), &bits) || bits > INT64_MAX)
		return -EOVERFLOW;
	*size = (size_t)((bits + 7) / 8);
	return 0;
}

int tensor_init(struct tensor *tensor, const struct tensor_shape *shape, struct npu_error *error)
{
	struct tensor_text text;

	memset(tensor, 0, sizeof(*tensor));
	tensor->shape = *shape;
	if (tensor_measure(shape, &tensor->count, &tensor->size))
		return reason_set(error, -EOVERFLOW, "%s is larger than an address space",
				  tensor_describe(shape, &text));
	tensor->data = calloc(1, tensor->size ? tensor->size : 1);
	if (!tensor->data)
		return reason_set(error, -ENOMEM, "no memory for %s (%zu bytes)",
				  tensor_describe(shape, &text), tensor->size);
	return 0;
}

void tensor_fini(struct tensor *tensor)
{
	free(tensor->data);
	memset(tensor, 0, sizeof(*tensor));
}

bool tensor_same_extents(const struct tensor_shape *a, const struct tensor_shape *b)
{
	return a->rank == b->rank && !memcmp(a->extent, b->extent, a->rank * sizeof(a->extent[0]));
}

bool tensor_same_shape(const struct tensor_shape *a, const struct tensor_shape *b)
{
	return a->type == b->type && tensor_same_extents(a, b);
}

int tensor_check(const struct tensor *tensor, struct npu_error *error)
{
	struct tensor_text text;

	if (tensor->shape.type != NPU_TYPE_BOOL)
		return 0;
	for (uint64_t i = 0; i < tensor->count; i++) {
		if (tensor->data[i] > 1)
			return reason_set(error, -EINVAL, "element %s is %u; a bool is 0 or 1",
					  tensor_position(&tensor->shape, i, &text),
					  tensor->data[i]);
	}
	return 0;
}

bool tensor_type_is_integer(uint8_t type)
{
	return type != NPU_TYPE_F32 && type != NPU_TYPE_F16 && type != NPU_TYPE_BF16;
}

static float from_bits(uint32_t bits)
{
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* IEEE 754 binary16. */
static double half(uint16_t bits)
{
	unsigned int exponent = bits >> 10 & 0x1f, fraction = bits & 0x3ff;
	double value;

	if (exponent == 0x1f)
		return from_bits((uint32_t)(bits & 0x8000) << 16 | 0x7f800000 | fraction << 13);
	if (exponent)
		value = from_bits((exponent + 127 - 15) << 23 | fraction << 13);
	else
		value = fraction * 0x1p-24;
	return bits & 0x8000 ? -value : value;
}

static uint16_t load16(const struct tensor *tensor, uint64_t index)
{
	uint16_t value;

	memcpy(&value, tensor->data + index * sizeof(value), sizeof(value));
	return value;
}

static uint32_t load32(const struct tensor *tensor, uint64_t index)
{
	uint32_t value;

	memcpy(&value, tensor->data + index * sizeof(value), sizeof(value));
	return value;
}

int64_t tensor_integer(const struct tensor *tensor, uint64_t index)
{
	int64_t value;
	unsigned int nibble;

	switch (tensor->shape.type) {
	case NPU_TYPE_I8:
		return (int8_t)tensor->data[index];
	case NPU_TYPE_I16:
		return (int16_t)load16(tensor, index);
	case NPU_TYPE_I32:
		return (int32_t)load32(tensor, index);
	case NPU_TYPE_I64:
		memcpy(&value, tensor->data + index * sizeof(value), sizeof(value));
		return value;
	case NPU_TYPE_I4:
		nibble = tensor->data[index / 2] >> (index % 2 * 4) & 0xf;
		return nibble >= 8 ? (int64_t)nibble - 16 : (int64_t)nibble;
	default:
		return tensor->data[index];
	}
}

double tensor_real(const struct tensor *tensor, uint64_t index)
{
	switch (tensor->shape.type) {
	case NPU_TYPE_F32:
		return from_bits(load32(tensor, index));
	case NPU_TYPE_F16:
		return half(load16(tensor, index));
	case NPU_TYPE_BF16:
		return from_bits((uint32_t)load16(tensor, index) << 16);
	default:
		return (double)tensor_integer(tensor, index);
	}
}

static const char *list(const uint64_t *values, unsigned int count, const char *prefix,
			struct tensor_text *text)
{
	size_t used;

	/* 7 numbers of 20 digits and a type's name fit. */
	used = (size_t)snprintf(text->text, sizeof(text->text), "%s[", prefix);
	for (unsigned int i = 0; i < count; i++)
		used += (size_t)snprintf(text->text + used, sizeof(text->text) - used, "%s%" PRIu64,
					 i ? ", " : "", values[i]);
	snprintf(text->text + used, sizeof(text->text) - used, "]");
	return text->text;
}

const char *tensor_describe(const struct tensor_shape *shape, struct tensor_text *text)
{
	char prefix[16];

	snprintf(prefix, sizeof(prefix), "%s ", npu_type_name(shape->type));
	return list(shape->extent, shape->rank, prefix, text);
}

const char *tensor_extents(const struct tensor_shape *shape, struct tensor_text *text)
{
	return list(shape->extent, shape->rank, "", text);
}

const char *tensor_position(const struct tensor_shape *shape, uint64_t index,
			    struct tensor_text *text)
{
	uint64_t position[TENSOR_RANK_MAX];

	for (unsigned int i = shape->rank; i-- > 0;) {
		position[i] = index % shape->extent[i];
		index /= shape->extent[i];
	}
	return list(position, shape->rank, "", text);
}
