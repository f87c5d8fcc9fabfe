// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * The ONNX operators that the compiler knows, in alphabetical order.
 * docs/operators.md is made from this table (npu-compile --list-operators).
 */
#include <stdlib.h>
#include <string.h>

#include "onnx.h"

#define ATTRIBUTES(...) (const struct onnx_attribute[]){ __VA_ARGS__, { NULL, 0 } }
#define NO_ATTRIBUTES (const struct onnx_attribute[]){ { NULL, 0 } }

#define AXIS { "axis", ONNX_INT }
#define WINDOW { "auto_pad", ONNX_STRING }, { "dilations", ONNX_INTS },                            \
	       { "kernel_shape", ONNX_INTS }, { "pads", ONNX_INTS }, { "strides", ONNX_INTS }
#define REDUCTION ATTRIBUTES({ "axes", ONNX_INTS }, { "keepdims", ONNX_INT },                      \
			     { "noop_with_empty_axes", ONNX_INT })

#define F32 "float"
#define F32_INTS "float; int32, int64 constants"
#define ANY "any but double, string, complex, 4-bit and 8-bit floats"
#define WINDOW_LIMITS "1 to 3 spatial dimensions; window numbers up to 65535; no negative pads"

#define BINARY(name, kind) { { name, 7, 22, F32_INTS, "" }, 2, 2, NO_ATTRIBUTES,                   \
			     onnx_import_binary, kind }
#define UNARY(name, kind) { { name, 7, 22, F32, "" }, 1, 1, NO_ATTRIBUTES, onnx_import_unary, kind }
#define REDUCE(name, kind) { { name, 7, 22, F32, "axes constant" }, 1, 2, REDUCTION,               \
			     onnx_import_reduce, kind }

static const struct onnx_operator operators[] = {
	UNARY("Abs", NPU_UNARY_ABS),
	BINARY("Add", NPU_BINARY_ADD),
	{ { "AveragePool", 7, 22, F32 ", int8 and uint8 by QDQ", WINDOW_LIMITS }, 1, 1,
	  ATTRIBUTES(WINDOW, { "ceil_mode", ONNX_INT }, { "count_include_pad", ONNX_INT }),
	  onnx_import_pool, NPU_POOL_AVERAGE },
	{ { "BatchNormalization", 7, 22, F32, "inference; scale, bias, mean and variance constant" },
	  5, 5,
	  ATTRIBUTES({ "epsilon", ONNX_FLOAT }, { "momentum", ONNX_FLOAT }, { "spatial", ONNX_INT },
		     { "training_mode", ONNX_INT }),
	  onnx_import_batch_normalization, 0 },
	{ { "Clip", 7, 22, F32, "" }, 1, 3, ATTRIBUTES({ "max", ONNX_FLOAT }, { "min", ONNX_FLOAT }),
	  onnx_import_clip, 0 },
	{ { "Concat", 7, 22, ANY, "" }, 1, ONNX_ANY, ATTRIBUTES(AXIS), onnx_import_concat, 0 },
	{ { "Constant", 7, 22, ANY, "dense values" }, 0, 0,
	  ATTRIBUTES({ "value", ONNX_TENSOR }, { "value_float", ONNX_FLOAT },
		     { "value_floats", ONNX_FLOATS }, { "value_int", ONNX_INT },
		     { "value_ints", ONNX_INTS }),
	  onnx_import_constant, 0 },
	{ { "Conv", 7, 22, F32 ", int8 and uint8 by QDQ", WINDOW_LIMITS }, 2, 3,
	  ATTRIBUTES(WINDOW, { "group", ONNX_INT }), onnx_import_conv, 0 },
	{ { "DequantizeLinear", 10, 22, "int8, uint8, int32",
	    "scale and zero point constant; no blocks" }, 2, 3,
	  ATTRIBUTES(AXIS, { "block_size", ONNX_INT }), onnx_import_dequantize, 0 },
	BINARY("Div", NPU_BINARY_DIV),
	{ { "Dropout", 7, 22, ANY, "inference; no mask" }, 1, 3,
	  ATTRIBUTES({ "ratio", ONNX_FLOAT }, { "seed", ONNX_INT }), onnx_import_dropout, 0 },
	UNARY("Exp", NPU_UNARY_EXP),
	{ { "Flatten", 7, 22, ANY, "" }, 1, 1, ATTRIBUTES(AXIS), onnx_import_flatten, 0 },
	{ { "Gemm", 7, 22, F32 ", int8 and uint8 by QDQ", "" }, 2, 3,
	  ATTRIBUTES({ "alpha", ONNX_FLOAT }, { "beta", ONNX_FLOAT }, { "transA", ONNX_INT },
		     { "transB", ONNX_INT }),
	  onnx_import_gemm, 0 },
	{ { "GlobalAveragePool", 7, 22, F32 ", int8 and uint8 by QDQ",
	    "1 to 3 spatial dimensions up to 65535" }, 1, 1, NO_ATTRIBUTES, onnx_import_global_pool,
	  NPU_POOL_AVERAGE },
	{ { "GlobalMaxPool", 7, 22, F32 ", int8 and uint8 by QDQ",
	    "1 to 3 spatial dimensions up to 65535" }, 1, 1, NO_ATTRIBUTES, onnx_import_global_pool,
	  NPU_POOL_MAX },
	{ { "Identity", 7, 22, ANY, "tensors" }, 1, 1, NO_ATTRIBUTES, onnx_import_identity, 0 },
	{ { "LeakyRelu", 7, 22, F32, "" }, 1, 1, ATTRIBUTES({ "alpha", ONNX_FLOAT }),
	  onnx_import_activation, NPU_ACT_LEAKY_RELU },
	UNARY("Log", NPU_UNARY_LOG),
	{ { "MatMul", 7, 22, F32 ", int8 and uint8 by QDQ", "" }, 2, 2, NO_ATTRIBUTES,
	  onnx_import_matmul, 0 },
	{ { "Max", 7, 22, F32_INTS, "" }, 1, ONNX_ANY, NO_ATTRIBUTES, onnx_import_variadic,
	  NPU_BINARY_MAX },
	{ { "MaxPool", 7, 22, "float, int8, uint8", WINDOW_LIMITS "; no indices" }, 1, 1,
	  ATTRIBUTES(WINDOW, { "ceil_mode", ONNX_INT }, { "storage_order", ONNX_INT }),
	  onnx_import_pool, NPU_POOL_MAX },
	{ { "Min", 7, 22, F32_INTS, "" }, 1, ONNX_ANY, NO_ATTRIBUTES, onnx_import_variadic,
	  NPU_BINARY_MIN },
	BINARY("Mul", NPU_BINARY_MUL),
	UNARY("Neg", NPU_UNARY_NEG),
	{ { "QuantizeLinear", 10, 22, "float to int8, uint8",
	    "scale and zero point constant; no blocks" }, 2, 3,
	  ATTRIBUTES(AXIS, { "block_size", ONNX_INT }, { "output_dtype", ONNX_INT },
		     { "saturate", ONNX_INT }),
	  onnx_import_quantize, 0 },
	UNARY("Reciprocal", NPU_UNARY_RECIPROCAL),
	REDUCE("ReduceMax", NPU_REDUCE_MAX),
	REDUCE("ReduceMean", NPU_REDUCE_MEAN),
	REDUCE("ReduceMin", NPU_REDUCE_MIN),
	REDUCE("ReduceSum", NPU_REDUCE_SUM),
	{ { "Relu", 7, 22, F32, "" }, 1, 1, NO_ATTRIBUTES, onnx_import_activation, NPU_ACT_RELU },
	{ { "Reshape", 7, 22, ANY, "shape constant" }, 2, 2, ATTRIBUTES({ "allowzero", ONNX_INT }),
	  onnx_import_reshape, 0 },
	{ { "Shape", 7, 22, ANY, "" }, 1, 1, ATTRIBUTES({ "end", ONNX_INT }, { "start", ONNX_INT }),
	  onnx_import_shape, 0 },
	{ { "Sigmoid", 7, 22, F32, "" }, 1, 1, NO_ATTRIBUTES, onnx_import_activation,
	  NPU_ACT_SIGMOID },
	{ { "Softmax", 7, 22, F32, "" }, 1, 1, ATTRIBUTES(AXIS), onnx_import_softmax, 0 },
	UNARY("Sqrt", NPU_UNARY_SQRT),
	{ { "Squeeze", 7, 22, ANY, "axes constant" }, 1, 2, ATTRIBUTES({ "axes", ONNX_INTS }),
	  onnx_import_squeeze, 0 },
	BINARY("Sub", NPU_BINARY_SUB),
	{ { "Tanh", 7, 22, F32, "" }, 1, 1, NO_ATTRIBUTES, onnx_import_activation, NPU_ACT_TANH },
	{ { "Transpose", 7, 22, ANY, "" }, 1, 1, ATTRIBUTES({ "perm", ONNX_INTS }),
	  onnx_import_transpose, 0 },
	{ { "Unsqueeze", 7, 22, ANY, "axes constant" }, 1, 2, ATTRIBUTES({ "axes", ONNX_INTS }),
	  onnx_import_unsqueeze, 0 },
};

#define OPERATOR_COUNT (sizeof(operators) / sizeof(operators[0]))

static int by_name(const void *name, const void *op)
{
	return strcmp(name, ((const struct onnx_operator *)op)->about.name);
}

const struct onnx_operator *onnx_operator_find(const char *name)
{
	return bsearch(name, operators, OPERATOR_COUNT, sizeof(operators[0]), by_name);
}

const struct npuc_operator *npuc_operator_at(size_t index)
{
	return index < OPERATOR_COUNT ? &operators[index].about : NULL;
}
