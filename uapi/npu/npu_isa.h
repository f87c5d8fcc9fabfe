/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/* Copyright The npu authors */
/*
 * Programs of the tensor engines (docs/card.md, "Programs").
 *
 * A program is a struct npu_program, then `op_count` operations one after
 * another. An operation is a struct npu_op (64 bytes) followed by its
 * `tensor_count` tensors (64 bytes each): the output first, then the inputs
 * in the order written at the opcode. An optional tensor that is left out
 * stands there with type NPU_TYPE_NONE and every other byte zero.
 *
 * A tensor is (base index, byte offset, extents, strides): a program holds no
 * address. Extents whose bit is set in `dynamic` are indices of runtime
 * parameters. Strides count elements and may be 0 (broadcast) or negative;
 * every element must lie inside the base. Output elements must not repeat.
 * Unless an operation says "in place", the output must not overlap an input.
 *
 * Numerics (docs/numerics.md): fp32 in, fp32 accumulation; int8 in, exact
 * int32 accumulation; `quantise(r, s, z)` = saturate(rint_even(r / s) + z).
 * Floats travel as their IEEE-754 bits. Bytes that are not named are zero.
 */
#ifndef NPU_ISA_H
#define NPU_ISA_H

#include <linux/types.h>

#define NPU_PROGRAM_MAGIC	0x4d52504e	/* "NPRM" */
#define NPU_PROGRAM_VERSION	1
#define NPU_OPS_MAX		65536
#define NPU_OP_TENSORS_MAX	16

struct npu_program {
	__u32 magic;
	__u16 version;
	__u16 header_size;	/* 64 */
	__u32 size;		/* bytes, header included */
	__u32 op_count;		/* 1 .. NPU_OPS_MAX */
	__u32 base_count;	/* the base table must have at least as many */
	__u32 param_count;
	__u32 features;		/* instruction-set extensions needed; none defined: 0 */
	__u32 mbz[9];
};

#define NPU_TYPE_NONE		0
#define NPU_TYPE_F32		1
#define NPU_TYPE_F16		2
#define NPU_TYPE_BF16		3
#define NPU_TYPE_I8		4
#define NPU_TYPE_U8		5
#define NPU_TYPE_I16		6
#define NPU_TYPE_I32		7
#define NPU_TYPE_I64		8
#define NPU_TYPE_BOOL		9
#define NPU_TYPE_I4		10	/* two per byte, low nibble first */
#define NPU_TYPE_COUNT		11

#define NPU_RANK_MAX		6

struct npu_tensor {
	__u8 type;		/* NPU_TYPE_* */
	__u8 rank;		/* 0 (a scalar) .. NPU_RANK_MAX */
	__u8 dynamic;		/* bit d: extent[d] is a parameter's index */
	__u8 mbz0;
	__u16 base;
	__u16 mbz1;
	__u64 offset;		/* bytes from the base, multiple of the element's size */
	__u32 extent[NPU_RANK_MAX];	/* >= 1; behind the rank: 0 */
	__s32 stride[NPU_RANK_MAX];	/* elements; behind the rank: 0 */
};

/* Opcodes; X is the first input. "?" marks an optional tensor. */
#define NPU_OP_COPY		1	/* Y, X: same extents, any strides, same type */
#define NPU_OP_FILL		2	/* Y: every element = attr.fill.value's low bytes */
#define NPU_OP_BINARY		3	/* Y, A, B: extents equal (broadcast by stride 0) */
#define NPU_OP_UNARY		4	/* Y, X; in place allowed */
#define NPU_OP_GEMM		5	/* Y[..,M,N], A[..,M,K], B[..,K,N], bias?, multiplier? */
#define NPU_OP_CONV		6	/* Y[N,M,..], X[N,C,..], W[M,C/groups,..], bias?[M], multiplier?[M] */
#define NPU_OP_POOL		7	/* Y[N,C,..], X[N,C,..] */
#define NPU_OP_SOFTMAX		8	/* Y, X; along attr.axis.axis; in place allowed */
#define NPU_OP_REDUCE		9	/* Y, X: Y's extent is 1 along the reduced axes */
#define NPU_OP_QUANTISE		10	/* Y(i8/u8), X(f32), scale(f32), zero?(i32): all of Y's extents, by stride 0 */
#define NPU_OP_DEQUANTISE	11	/* Y(f32), X(i8/u8/i32), scale(f32), zero?(i32): as above */
#define NPU_OP_COUNT		12

/* Activations, applied to the real result before it is stored. */
#define NPU_ACT_NONE		0
#define NPU_ACT_RELU		1
#define NPU_ACT_CLIP		2	/* to [act_a, act_b] */
#define NPU_ACT_SIGMOID		3
#define NPU_ACT_TANH		4
#define NPU_ACT_LEAKY_RELU	5	/* x < 0: x * act_a */
#define NPU_ACT_COUNT		6

#define NPU_BINARY_ADD		0
#define NPU_BINARY_SUB		1
#define NPU_BINARY_MUL		2
#define NPU_BINARY_DIV		3
#define NPU_BINARY_MIN		4
#define NPU_BINARY_MAX		5
#define NPU_BINARY_COUNT	6

#define NPU_UNARY_COPY		0	/* only the activation (and the types) */
#define NPU_UNARY_NEG		1
#define NPU_UNARY_ABS		2
#define NPU_UNARY_EXP		3
#define NPU_UNARY_LOG		4
#define NPU_UNARY_SQRT		5
#define NPU_UNARY_RECIPROCAL	6
#define NPU_UNARY_COUNT		7

#define NPU_POOL_MAX		0
#define NPU_POOL_AVERAGE	1	/* over the elements inside the input */
#define NPU_POOL_AVERAGE_PAD	2	/* over the whole window, pads count as 0 */
#define NPU_POOL_COUNT		3

#define NPU_REDUCE_SUM		0
#define NPU_REDUCE_MEAN		1
#define NPU_REDUCE_MAX		2
#define NPU_REDUCE_MIN		3
#define NPU_REDUCE_COUNT	4

/*
 * GEMM, CONV in int8: acc = sum (a - a_zero) * (b - b_zero) + bias (i32);
 * Y i8/u8: saturate(rint_even((float)acc * multiplier) + y_zero), clamped to
 * [act_a, act_b] as integers when the activation is CLIP and at y_zero when
 * it is RELU; Y i32: acc; Y f32: (float)acc * multiplier. `multiplier` is one f32 or one
 * for each output channel (N of GEMM, M of CONV). Zero points are in the
 * attributes. In fp32: Y = act(alpha * sum + bias), no multiplier.
 */
struct npu_attr_gemm {
	__u32 alpha;		/* f32 bits; int8: mbz */
	__s32 a_zero;
	__s32 b_zero;
	__s32 y_zero;
	__u32 mbz[6];
};

#define NPU_SPATIAL_MAX		3

struct npu_attr_conv {		/* CONV: kernel extents come from W */
	__u16 stride[NPU_SPATIAL_MAX];	/* unused dimensions: 0 */
	__u16 dilation[NPU_SPATIAL_MAX];
	__u16 pad_begin[NPU_SPATIAL_MAX];	/* pads count as x_zero */
	__u16 pad_end[NPU_SPATIAL_MAX];
	__u16 groups;
	__s16 x_zero;
	__s16 w_zero;
	__s16 y_zero;
	__u32 mbz[2];
};

struct npu_attr_pool {
	__u16 kernel[NPU_SPATIAL_MAX];
	__u16 stride[NPU_SPATIAL_MAX];
	__u16 dilation[NPU_SPATIAL_MAX];
	__u16 pad_begin[NPU_SPATIAL_MAX];
	__u16 pad_end[NPU_SPATIAL_MAX];
	__u8 kind;		/* NPU_POOL_* */
	__u8 mbz0;
	__s16 x_zero;		/* int8 average: y = quantise of the mean of (x - x_zero) * multiplier */
	__s16 y_zero;
	__u32 multiplier;	/* f32 bits; int8 average only, else mbz */
};

/*
 * BINARY, UNARY in int8/uint8: the real values are (a - a_zero) * a_scale and
 * (b - b_zero) * b_scale; Y = quantise(act(f(a, b)), y_scale, y_zero), in fp32.
 */
struct npu_attr_elementwise {
	__u32 kind;		/* NPU_BINARY_* or NPU_UNARY_* */
	__u32 a_scale;		/* f32 bits; for float types these are mbz */
	__u32 b_scale;
	__u32 y_scale;
	__s16 a_zero;
	__s16 b_zero;
	__s16 y_zero;
	__u16 mbz0;
	__u32 mbz1[4];
};

struct npu_attr_axis {		/* SOFTMAX */
	__u32 axis;
	__u32 mbz[9];
};

struct npu_attr_reduce {
	__u32 kind;		/* NPU_REDUCE_* */
	__u32 mbz[9];
};

struct npu_attr_fill {
	__u64 value;
	__u32 mbz[8];
};

struct npu_op {
	__u16 opcode;		/* NPU_OP_* */
	__u8 tensor_count;
	__u8 activation;	/* NPU_ACT_*; BINARY, UNARY, GEMM, CONV only */
	__u32 node;		/* index into the graph's node names */
	__u32 act_a;		/* f32 bits (int8 CLIP: integers) */
	__u32 act_b;
	__u64 mbz;
	__u8 attr[40];		/* the struct npu_attr_* of the opcode; none: zero */
};

#endif /* NPU_ISA_H */
