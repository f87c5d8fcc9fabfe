/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright The npu authors */
/* Between the program decoder (program.c) and the operations (ops_*.c). */
#ifndef SIM_ENGINE_INTERNAL_H
#define SIM_ENGINE_INTERNAL_H

#include "engine.h"

/* A tensor that has been checked and mapped. */
struct view {
	uint8_t type;		/* NPU_TYPE_NONE: left out */
	unsigned int rank;
	uint32_t extent[NPU_RANK_MAX];
	int64_t stride[NPU_RANK_MAX];	/* elements */
	void *data;		/* element 0 */
	uint64_t count;		/* elements */
};

struct operation {
	const struct npu_op *op;
	const void *attr;	/* the 40 bytes of the opcode's struct */
	struct view tensors[NPU_OP_TENSORS_MAX];
	unsigned int tensor_count;
	uint64_t macs;		/* out */
	struct engine_error *error;
};

/* Fills in the error and returns -EINVAL. */
int operand_error(struct operation *o, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Bytes of an element; 0 for types without whole bytes. */
unsigned int type_size(uint8_t type);
bool type_is_int8(uint8_t type);

/*
 * Each operation checks the types, ranks and extents that it needs, then
 * computes. Bounds, base rights and must-be-zero bytes have been checked.
 */
int op_copy(struct operation *o);
int op_fill(struct operation *o);
int op_binary(struct operation *o);
int op_unary(struct operation *o);
int op_gemm(struct operation *o);
int op_conv(struct operation *o);
int op_pool(struct operation *o);
int op_softmax(struct operation *o);
int op_reduce(struct operation *o);
int op_quantise(struct operation *o);
int op_dequantise(struct operation *o);

/* Walks the index space of a view, last dimension fastest. */
struct walk {
	unsigned int rank;
	uint32_t extent[NPU_RANK_MAX];
	uint32_t at[NPU_RANK_MAX];
};

void walk_begin(struct walk *w, const struct view *shape);
bool walk_next(struct walk *w);
int64_t walk_offset(const struct walk *w, const struct view *v);
bool same_extents(const struct view *a, const struct view *b);

/* Numerics shared by the operations (docs/numerics.md). */
float bits_to_float(uint32_t bits);
float activate(const struct npu_op *op, float x);
bool activation_valid(const struct npu_op *op);
int32_t saturate8(uint8_t type, int64_t value);
int32_t load_int(const struct view *v, int64_t offset);
void store_int8(const struct view *v, int64_t offset, int32_t value);
float load_real(const struct view *v, int64_t offset);	/* any numeric type, as it stands */
/* saturate(rint_even(r) + zero), r already divided by the scale. */
int32_t quantise_scaled(uint8_t type, float r, int32_t zero);

/*
 * The exact integer matrix product and its requantisation, shared by GEMM and
 * CONV: acc[m][n] += sum over k of a[m][k] * b[k][n], in int32, where a and b
 * hold zero-point-free integers as floats and |a| <= a_max, |b| <= b_max.
 */
int gemm_exact(unsigned int m, unsigned int n, unsigned int k, const float *a, const float *b,
	       float a_max, float b_max, int32_t *acc, unsigned int ldc);
void gemm_float(unsigned int m, unsigned int n, unsigned int k, const float *a, unsigned int lda,
		bool a_transposed, const float *b, unsigned int ldb, bool b_transposed, float *c);

/* Stores acc as the output type asks (npu_isa.h, "GEMM, CONV in int8"). */
int32_t requantise(const struct npu_op *op, uint8_t type, int32_t acc, float multiplier,
		   int32_t zero);
/* The largest |x - zero| of an int8 type. */
float int8_magnitude(uint8_t type, int32_t zero);

#endif /* SIM_ENGINE_INTERNAL_H */
