/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright The npu authors */
/* Between the program decoder (program.c) and the operations (ops_*.c). */
#ifndef SIM_ENGINE_INTERNAL_H
#define SIM_ENGINE_INTERNAL_H

#include "engine.h"

/* A tensor that has been checked and, while its operation runs, mapped. */
struct view {
	uint8_t type;		/* NPU_TYPE_NONE: left out */
	unsigned int rank;
	uint32_t extent[NPU_RANK_MAX];
	int64_t stride[NPU_RANK_MAX];	/* elements */
	void *data;		/* element 0; changes in op_tick() */
	uint64_t count;		/* elements */
};

struct run;			/* program.c */

struct operation {
	const struct npu_op *op;
	const void *attr;	/* the 40 bytes of the opcode's struct */
	struct view tensors[NPU_OP_TENSORS_MAX];
	unsigned int tensor_count;
	struct engine_error *error;
	struct run *run;
	uint64_t work;		/* since op_tick() looked last */
	uint64_t macs;		/* set by the check */
};

/* Fills in the error and returns -EINVAL. */
int operand_error(struct operation *o, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * To be called at least every 2^20 elements or multiplications' worth of
 * time, with the work done since. 0, or the error with which to end. Pointers
 * that come from view.data are void afterwards.
 */
int op_tick(struct operation *o, uint64_t work);
/* Bytes that stay valid until the operation ends; NULL with the error filled in. */
void *op_scratch(struct operation *o, size_t size);

/* Bytes of an element; 0 for types without whole bytes. */
unsigned int type_size(uint8_t type);
bool type_is_int8(uint8_t type);

/*
 * The check of an operation looks at types, ranks, extents and attributes;
 * bounds, base rights and must-be-zero bytes have been checked before. All
 * checks of a program come before the first run. Both return 0 or an error.
 */
int check_copy(struct operation *o);
int check_binary(struct operation *o);
int check_unary(struct operation *o);
int check_gemm(struct operation *o);
int check_conv(struct operation *o);
int check_pool(struct operation *o);
int check_softmax(struct operation *o);
int check_reduce(struct operation *o);
int check_quantise(struct operation *o);
int check_dequantise(struct operation *o);

int run_copy(struct operation *o);
int run_fill(struct operation *o);
int run_binary(struct operation *o);
int run_unary(struct operation *o);
int run_gemm(struct operation *o);
int run_conv(struct operation *o);
int run_pool(struct operation *o);
int run_softmax(struct operation *o);
int run_reduce(struct operation *o);
int run_quantise(struct operation *o);
int run_dequantise(struct operation *o);

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

/*
 * Walks several views of the same extents in rows of at most ROW_MAX
 * elements: dimensions that follow one another in all of the views are taken
 * together. offset[] and stride[] are those of the row, for each view.
 */
#define ROW_MAX		1024
#define ROW_VIEWS_MAX	4

struct rows {
	unsigned int views;
	unsigned int rank;	/* what is left after joining, at least 1 */
	uint32_t at[NPU_RANK_MAX];
	uint64_t extent[NPU_RANK_MAX];
	int64_t strides[ROW_VIEWS_MAX][NPU_RANK_MAX];
	uint64_t done;		/* elements of the last dimension */
	uint32_t count;		/* of this row */
	int64_t offset[ROW_VIEWS_MAX];
	int64_t stride[ROW_VIEWS_MAX];
};

void rows_begin(struct rows *r, const struct view *const *views, unsigned int count);
bool rows_next(struct rows *r);

/* Numerics shared by the operations (docs/numerics.md). */
float bits_to_float(uint32_t bits);
bool activation_valid(const struct npu_op *op);
void activate(const struct npu_op *op, float *x, uint32_t count);
int32_t saturate8(uint8_t type, int64_t value);
/* saturate(rint_even(r) + zero), r already divided by the scale. */
int32_t quantise_scaled(uint8_t type, float r, int32_t zero);
bool zero_point_valid(uint8_t type, int32_t zero);	/* 0 for types that have none */

/* Rows of elements as floats: (element - zero) exactly, for fp32 as it stands. */
void load_row(const struct view *v, int64_t offset, int64_t stride, int32_t zero, float *to,
	      uint32_t count);
/* quantise_scaled() of each, for fp32 as it stands. */
void store_row(const struct view *v, int64_t offset, int64_t stride, int32_t zero,
	       const float *from, uint32_t count);

/* product.c: the matrix product under GEMM and CONV. */
struct tile {
	float *scratch;		/* rows * columns floats */
	const float *data;	/* scratch, or the operand itself */
	unsigned int ld;
	bool transposed;
};

struct product {
	uint32_t m, n, k;
	/* Integers: exact, in int32. |a| <= a_max, |b| <= b_max. */
	bool exact;
	float a_max, b_max;
	void *context;
	/* Fills in the tile at (row, column) of A, B. */
	void (*a)(void *context, uint32_t row, uint32_t rows, uint32_t column, uint32_t columns,
		  struct tile *tile);
	void (*b)(void *context, uint32_t row, uint32_t rows, uint32_t column, uint32_t columns,
		  struct tile *tile);
	/* One row of the result's tile; real or acc. May change real. */
	void (*store)(void *context, uint32_t row, uint32_t column, uint32_t columns, float *real,
		      const int32_t *acc);
	/* Where the result can stand as it is, or NULL; real only. */
	float *(*direct)(void *context, uint32_t row, uint32_t column, unsigned int *ld);
};

int product_run(struct operation *o, const struct product *p);

/* The rules for types, activation and zero points that GEMM and CONV share. */
int check_product_types(struct operation *o, int32_t a_zero, int32_t b_zero, int32_t y_zero);
/* Stores a row of accumulators as the output's type asks (npu_isa.h, "GEMM,
 * CONV in int8"). multiplier_stride 0: one for all.
 */
void store_accumulators(struct operation *o, int64_t offset, int64_t stride, const uint32_t *acc,
			const float *multiplier, int64_t multiplier_stride, int32_t zero,
			uint32_t count);
/* The largest |x - zero| of an int8 type. */
float int8_magnitude(uint8_t type, int32_t zero);

#endif /* SIM_ENGINE_INTERNAL_H */
