// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Constants of a model: initialisers, and the values of Constant nodes. */
#include <errno.h>
#include <string.h>

#include "onnx.h"

uint8_t onnx_type_of(int32_t onnx_type)
{
	switch (onnx_type) {
	case ONNX_TYPE_FLOAT:
		return NPU_TYPE_F32;
	case ONNX_TYPE_UINT8:
		return NPU_TYPE_U8;
	case ONNX_TYPE_INT8:
		return NPU_TYPE_I8;
	case ONNX_TYPE_INT16:
		return NPU_TYPE_I16;
	case ONNX_TYPE_INT32:
		return NPU_TYPE_I32;
	case ONNX_TYPE_INT64:
		return NPU_TYPE_I64;
	case ONNX_TYPE_BOOL:
		return NPU_TYPE_BOOL;
	case ONNX_TYPE_FLOAT16:
		return NPU_TYPE_F16;
	case ONNX_TYPE_BFLOAT16:
		return NPU_TYPE_BF16;
	}
	return NPU_TYPE_NONE;
}

const char *onnx_type_name(int32_t onnx_type)
{
	static const char *const names[] = {
		"undefined", "float", "uint8", "int8", "uint16", "int16", "int32", "int64", "string",
		"bool", "float16", "double", "uint32", "uint64", "complex64", "complex128", "bfloat16",
		"float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4", "int4",
		"float4e2m1",
	};

	return onnx_type >= 0 && (size_t)onnx_type < sizeof(names) / sizeof(names[0]) ?
		       names[onnx_type] : "unknown";
}

/* Fails for a constant by its name; returns what ir_fail() does. */
#define tensor_fail(onnx, tensor, error, format, ...)                                              \
	ir_fail((onnx)->graph, error, "constant '%.80s' " format,                                  \
		(tensor)->name ? (tensor)->name : "", ##__VA_ARGS__)

/* Dimensions may be 0 here: lists of axes are sometimes empty. */
static int shape_of(struct onnx *onnx, const Onnx__TensorProto *t, struct shape *shape)
{
	uint64_t count = 1;

	shape->type = onnx_type_of(t->data_type);
	if (shape->type == NPU_TYPE_NONE)
		return tensor_fail(onnx, t, -ENOTSUP,
				   "has type %s (%d); supported: float, float16, bfloat16, int8, uint8, int16, int32, int64, bool",
				   onnx_type_name(t->data_type), t->data_type);
	if (t->n_dims > NPU_RANK_MAX)
		return tensor_fail(onnx, t, -ENOTSUP, "has rank %zu; the card has at most %u",
				   t->n_dims, NPU_RANK_MAX);
	shape->rank = (uint8_t)t->n_dims;
	for (size_t i = 0; i < t->n_dims; i++) {
		if (t->dims[i] < 0)
			return tensor_fail(onnx, t, -EINVAL, "has the dimension %lld",
					   (long long)t->dims[i]);
		if (t->dims[i] > INT32_MAX || (t->dims[i] && count > INT32_MAX / (uint64_t)t->dims[i]))
			return tensor_fail(onnx, t, -ENOTSUP,
					   "has more than %d elements, which the card cannot address",
					   INT32_MAX);
		count *= (uint64_t)t->dims[i];
		shape->extent[i] = (uint32_t)t->dims[i];
	}
	return 0;
}

static bool value_fits(uint8_t type, int32_t value)
{
	switch (type) {
	case NPU_TYPE_I8:
		return value >= INT8_MIN && value <= INT8_MAX;
	case NPU_TYPE_U8:
		return value >= 0 && value <= UINT8_MAX;
	case NPU_TYPE_BOOL:
		return value == 0 || value == 1;
	case NPU_TYPE_I16:
		return value >= INT16_MIN && value <= INT16_MAX;
	case NPU_TYPE_F16:
	case NPU_TYPE_BF16:
		return value >= 0 && value <= UINT16_MAX;
	}
	return true;
}

/* From int32_data, which also carries all narrower types. */
static int narrow(struct onnx *onnx, const Onnx__TensorProto *t, uint8_t type, void *data)
{
	for (size_t i = 0; i < t->n_int32_data; i++) {
		const int32_t value = t->int32_data[i];

		if (!value_fits(type, value))
			return tensor_fail(onnx, t, -EINVAL, "holds %d, which is no %s", value,
					   type_name(type));
		switch (type_size(type)) {
		case 1:
			((uint8_t *)data)[i] = (uint8_t)value;
			break;
		case 2:
			((uint16_t *)data)[i] = (uint16_t)value;
			break;
		default:
			((int32_t *)data)[i] = value;
		}
	}
	return 0;
}

/* Elements that stand in the fields of their types; NULL with the error recorded. */
static void *typed_data(struct onnx *onnx, const Onnx__TensorProto *t, const struct shape *shape)
{
	const uint64_t count = shape_count(shape);
	const size_t held = shape->type == NPU_TYPE_F32 ? t->n_float_data :
			    shape->type == NPU_TYPE_I64 ? t->n_int64_data : t->n_int32_data;
	void *data;

	if (held != count) {
		tensor_fail(onnx, t, -EINVAL, "has %zu elements; its shape needs %llu", held,
			    (unsigned long long)count);
		return NULL;
	}
	if (shape->type == NPU_TYPE_F32)
		return t->float_data;
	if (shape->type == NPU_TYPE_I64)
		return t->int64_data;
	data = ir_alloc(onnx->graph, shape_bytes(shape), 1);
	return data && !narrow(onnx, t, shape->type, data) ? data : NULL;
}

/* The bytes as they stand in the model, which lives as long as the graph. */
static void *raw_data(struct onnx *onnx, const Onnx__TensorProto *t, const struct shape *shape)
{
	const uint64_t bytes = shape_bytes(shape);

	if (t->raw_data.len != bytes) {
		tensor_fail(onnx, t, -EINVAL, "has %zu bytes; its shape needs %llu", t->raw_data.len,
			    (unsigned long long)bytes);
		return NULL;
	}
	for (uint64_t i = 0; shape->type == NPU_TYPE_BOOL && i < bytes; i++) {
		if (t->raw_data.data[i] > 1) {
			tensor_fail(onnx, t, -EINVAL, "holds a bool of %u", t->raw_data.data[i]);
			return NULL;
		}
	}
	return t->raw_data.data;
}

static void *external_data(struct onnx *onnx, const Onnx__TensorProto *t,
			   const struct shape *shape)
{
	void *data = ir_alloc(onnx->graph, shape_bytes(shape), 1);

	return data && !onnx_external(onnx, t, data, shape_bytes(shape)) ? data : NULL;
}

struct npuc_value *onnx_constant(struct onnx *onnx, const Onnx__TensorProto *tensor)
{
	/* What an empty list points at: a constant has data. */
	static const uint64_t nothing;
	struct npuc_graph *graph = onnx->graph;
	struct shape shape = { 0 };
	struct npuc_value *value;
	const void *data;

	if (shape_of(onnx, tensor, &shape))
		return NULL;
	data = tensor->data_location == 1 ? external_data(onnx, tensor, &shape) :
	       tensor->has_raw_data ? raw_data(onnx, tensor, &shape) :
				      typed_data(onnx, tensor, &shape);
	if (graph->error)
		return NULL;
	value = ir_constant(graph, &shape, data ? data : &nothing);
	if (value)
		value->name = ir_strdup(graph, tensor->name ? tensor->name : "");
	graph->fold_bytes += shape_bytes(&shape) * IR_FOLD_FACTOR;
	return value;
}
