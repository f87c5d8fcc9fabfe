/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* NumPy's .npy files: format versions 1.0 to 3.0, little-endian, C order. */
#ifndef NPU_RUN_NPY_H
#define NPU_RUN_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "tensor.h"

bool npy_recognise(const void *data, size_t size);

/* A whole file in memory to a tensor of its own; -EINVAL, -EOVERFLOW, -ENOMEM. */
int npy_parse(const void *data, size_t size, struct tensor *tensor, struct npu_error *error);

/* -EINVAL if .npy has no name for the type (bfloat16, int4); -errno of the stream. */
int npy_write(FILE *file, const struct tensor *tensor, struct npu_error *error);

#endif /* NPU_RUN_NPY_H */
