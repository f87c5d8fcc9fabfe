/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* Tensors in files: .npy or ONNX TensorProto, told apart by what is in them. */
#ifndef NPU_RUN_TENSOR_FILE_H
#define NPU_RUN_TENSOR_FILE_H

#include "tensor.h"

/* Errors start with the path. -errno of the file, or those of the parsers. */
int tensor_load(const char *path, struct tensor *tensor, struct npu_error *error);

/* A path that ends in ".pb" gets a TensorProto, every other one .npy. */
int tensor_save(const char *path, const struct tensor *tensor, const char *name,
		struct npu_error *error);

#endif /* NPU_RUN_TENSOR_FILE_H */
