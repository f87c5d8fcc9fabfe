// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Names and sizes of what npu/npu_isa.h numbers, and of the library itself. */
#include "npu.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *name;
	unsigned int bits;
} types[] = {
	[NPU_TYPE_F32] = { "f32", 32 }, [NPU_TYPE_F16] = { "f16", 16 },
	[NPU_TYPE_BF16] = { "bf16", 16 }, [NPU_TYPE_I8] = { "i8", 8 },
	[NPU_TYPE_U8] = { "u8", 8 }, [NPU_TYPE_I16] = { "i16", 16 },
	[NPU_TYPE_I32] = { "i32", 32 }, [NPU_TYPE_I64] = { "i64", 64 },
	[NPU_TYPE_BOOL] = { "bool", 8 }, [NPU_TYPE_I4] = { "i4", 4 },
};

_Static_assert(COUNT(types) == NPU_TYPE_COUNT, "each type has a name");

static const char *const ops[] = {
	[NPU_OP_COPY] = "COPY", [NPU_OP_FILL] = "FILL", [NPU_OP_BINARY] = "BINARY",
	[NPU_OP_UNARY] = "UNARY", [NPU_OP_GEMM] = "GEMM", [NPU_OP_CONV] = "CONV",
	[NPU_OP_POOL] = "POOL", [NPU_OP_SOFTMAX] = "SOFTMAX", [NPU_OP_REDUCE] = "REDUCE",
	[NPU_OP_QUANTISE] = "QUANTISE", [NPU_OP_DEQUANTISE] = "DEQUANTISE",
};

_Static_assert(COUNT(ops) == NPU_OP_COUNT, "each operation has a name");

const char *npu_version(void)
{
	return NPU_VERSION;
}

const char *npu_type_name(unsigned int type)
{
	return type < COUNT(types) && types[type].name ? types[type].name : "?";
}

unsigned int npu_type_bits(unsigned int type)
{
	return type < COUNT(types) ? types[type].bits : 0;
}

const char *npu_op_name(unsigned int opcode)
{
	return opcode < COUNT(ops) && ops[opcode] ? ops[opcode] : "?";
}
