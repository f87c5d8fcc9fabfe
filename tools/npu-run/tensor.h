/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* A dense row-major tensor in memory, of a type that graphs have. */
#ifndef NPU_RUN_TENSOR_H
#define NPU_RUN_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <npu/npu_isa.h>

#include "reason.h"

/* One more than graphs have: files may hold many inputs behind one another. */
#define TENSOR_RANK_MAX (NPU_RANK_MAX + 1)

struct tensor_shape {
	uint8_t type; /* NPU_TYPE_*, not NONE */
	uint8_t rank;
	uint64_t extent[TENSOR_RANK_MAX]; /* >= 1 */
};

struct tensor {
	struct tensor_shape shape;
	uint64_t count; /* elements */
	size_t size; /* bytes */
	uint8_t *data; /* owned; int4: two per byte, low nibble first */
};

/* -EOVERFLOW if the tensor would not fit into an address space. */
int tensor_measure(const struct tensor_shape *shape, uint64_t *count, size_t *size);

/* Zeroed memory for `shape`; -EOVERFLOW, -ENOMEM. */
int tensor_init(struct tensor *tensor, const struct tensor_shape *shape, struct npu_error *error);
void tensor_fini(struct tensor *tensor);

bool tensor_same_extents(const struct tensor_shape *a, const struct tensor_shape *b);
bool tensor_same_shape(const struct tensor_shape *a, const struct tensor_shape *b);

/* -EINVAL with a reason if a bool is neither 0 nor 1. */
int tensor_check(const struct tensor *tensor, struct npu_error *error);

bool tensor_type_is_integer(uint8_t type); /* bool included */

/* Element `index`; every type fits, int64 rounded. */
double tensor_real(const struct tensor *tensor, uint64_t index);
/* Element `index` of an integer type. */
int64_t tensor_integer(const struct tensor *tensor, uint64_t index);

/* "f32 [1, 1, 8, 8]" and "[1, 1, 8, 8]"; the text lives in `text`. */
struct tensor_text {
	char text[192];
};
const char *tensor_describe(const struct tensor_shape *shape, struct tensor_text *text);
const char *tensor_extents(const struct tensor_shape *shape, struct tensor_text *text);
/* Where element `index` stands, as "[0, 3]". */
const char *tensor_position(const struct tensor_shape *shape, uint64_t index,
			    struct tensor_text *text);

#endif /* NPU_RUN_TENSOR_H */
