/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * ONNX TensorProto files (.pb), as ONNX's own test data has them.
 *
 * The wire format is read by hand. Generated code would need the compiler's
 * .proto or a second copy of it, and would build every field of a message
 * from a stranger before the first check; here are three field types and one
 * message.
 */
#ifndef NPU_RUN_TENSOR_PROTO_H
#define NPU_RUN_TENSOR_PROTO_H

#include <stddef.h>
#include <stdio.h>

#include "tensor.h"

/* A whole file in memory to a tensor of its own; -EINVAL, -EOVERFLOW, -ENOMEM. */
int tensor_proto_parse(const void *data, size_t size, struct tensor *tensor,
		       struct npu_error *error);

/* -errno of the stream. */
int tensor_proto_write(FILE *file, const struct tensor *tensor, const char *name,
		       struct npu_error *error);

#endif /* NPU_RUN_TENSOR_PROTO_H */
