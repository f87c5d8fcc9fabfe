/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * Between the parts of the ONNX front end:
 *
 *	onnx_model.c      the model: versions, inputs, outputs, walk over the nodes
 *	onnx_file.c       files: the model's, and external data
 *	onnx_tensor.c     constants
 *	onnx_node.c       a node's inputs and attributes
 *	onnx_operators.c  the table of operators
 *	onnx_math.c onnx_window.c onnx_layout.c onnx_quant.c  the operators
 *
 * Everything read from the model is checked where it is read; the operators
 * of builder.c check shapes and types.
 */
#ifndef NPUC_ONNX_H
#define NPUC_ONNX_H

#include "ir.h"
#include "onnx.pb-c.h"

#define ONNX_OPSET_MIN 7
#define ONNX_OPSET_MAX 22

/* AttributeProto.type */
enum onnx_attribute_type {
	ONNX_FLOAT = 1, ONNX_INT = 2, ONNX_STRING = 3, ONNX_TENSOR = 4, ONNX_GRAPH = 5,
	ONNX_FLOATS = 6, ONNX_INTS = 7, ONNX_STRINGS = 8,
};

/* TensorProto.data_type and TypeProto.Tensor.elem_type */
enum onnx_type {
	ONNX_TYPE_FLOAT = 1, ONNX_TYPE_UINT8 = 2, ONNX_TYPE_INT8 = 3, ONNX_TYPE_UINT16 = 4,
	ONNX_TYPE_INT16 = 5, ONNX_TYPE_INT32 = 6, ONNX_TYPE_INT64 = 7, ONNX_TYPE_STRING = 8,
	ONNX_TYPE_BOOL = 9, ONNX_TYPE_FLOAT16 = 10, ONNX_TYPE_DOUBLE = 11, ONNX_TYPE_UINT32 = 12,
	ONNX_TYPE_UINT64 = 13, ONNX_TYPE_BFLOAT16 = 16,
};

struct onnx_name;

struct onnx {
	struct npuc_graph *graph;
	const Onnx__GraphProto *proto;
	struct npuc_onnx_options options;
	int64_t opset;
	void *names;		/* tsearch tree of struct onnx_name */
};

struct onnx_node {
	struct onnx *onnx;
	struct npuc_graph *graph;
	const Onnx__NodeProto *proto;
	const struct onnx_operator *op;
	size_t index;
	int64_t opset;
};

struct onnx_attribute {
	const char *name;	/* NULL ends a list */
	enum onnx_attribute_type type;
};

struct onnx_operator {
	struct npuc_operator about;
	unsigned int inputs_min, inputs_max;	/* ONNX_ANY: no limit */
	const struct onnx_attribute *attributes;
	/* The first output, or NULL with the error recorded. */
	struct npuc_value *(*import)(struct onnx_node *node);
	uint32_t kind;		/* NPU_BINARY_*, NPU_UNARY_*, NPU_ACT_*, NPU_REDUCE_* */
};

#define ONNX_ANY UINT32_MAX

const struct onnx_operator *onnx_operator_find(const char *name);

/* onnx_model.c: the value called `name`; NULL with the error recorded. */
struct npuc_value *onnx_lookup(struct onnx *onnx, const char *name);

/* onnx_tensor.c */
uint8_t onnx_type_of(int32_t onnx_type);	/* NPU_TYPE_*, or NPU_TYPE_NONE */
const char *onnx_type_name(int32_t onnx_type);
struct npuc_value *onnx_constant(struct onnx *onnx, const Onnx__TensorProto *tensor);

/* onnx_file.c: bytes of an external tensor into `data`; 0 or the error recorded. */
int onnx_external(struct onnx *onnx, const Onnx__TensorProto *tensor, void *data, uint64_t size);

/* onnx_node.c */
int onnx_check_node(struct onnx_node *node);
bool onnx_has_input(const struct onnx_node *node, unsigned int index);
/* NULL without an error if the input is left out. */
struct npuc_value *onnx_input(struct onnx_node *node, unsigned int index);
/* Attributes are of the type that the operator's list says. */
bool onnx_has(const struct onnx_node *node, const char *name);
int64_t onnx_int(const struct onnx_node *node, const char *name, int64_t otherwise);
float onnx_float(const struct onnx_node *node, const char *name, float otherwise);
/* false if it is not there. The array belongs to the model. */
bool onnx_ints(const struct onnx_node *node, const char *name, const int64_t **values,
	       size_t *count);
bool onnx_is(const struct onnx_node *node, const char *name, const char *value,
	     const char *otherwise);
const Onnx__AttributeProto *onnx_attribute(const struct onnx_node *node, const char *name);
/* The integers of a constant input (int64 or int32); 0 or the error recorded. */
int onnx_constant_ints(struct onnx_node *node, unsigned int index, const int64_t **values,
		       size_t *count);
/* The number in a constant input of one f32 element. */
int onnx_constant_float(struct onnx_node *node, unsigned int index, float *value);
/* An axis, negative ones counted from the end, into 0 .. rank - 1. */
int onnx_axis(struct onnx_node *node, int64_t axis, unsigned int rank, unsigned int *result);
/*
 * Axes from attribute `name` or, from opset `as_input` on, from input 1.
 * *given is false if there are none.
 */
int onnx_axes(struct onnx_node *node, const char *name, int64_t as_input, unsigned int rank,
	      uint32_t *axes, bool *given);

/* Operators. */
struct npuc_value *onnx_import_binary(struct onnx_node *node);
struct npuc_value *onnx_import_variadic(struct onnx_node *node);
struct npuc_value *onnx_import_unary(struct onnx_node *node);
struct npuc_value *onnx_import_activation(struct onnx_node *node);
struct npuc_value *onnx_import_clip(struct onnx_node *node);
struct npuc_value *onnx_import_softmax(struct onnx_node *node);
struct npuc_value *onnx_import_reduce(struct onnx_node *node);
struct npuc_value *onnx_import_matmul(struct onnx_node *node);
struct npuc_value *onnx_import_gemm(struct onnx_node *node);
struct npuc_value *onnx_import_batch_normalization(struct onnx_node *node);
struct npuc_value *onnx_import_conv(struct onnx_node *node);
struct npuc_value *onnx_import_pool(struct onnx_node *node);
struct npuc_value *onnx_import_global_pool(struct onnx_node *node);
struct npuc_value *onnx_import_identity(struct onnx_node *node);
struct npuc_value *onnx_import_dropout(struct onnx_node *node);
struct npuc_value *onnx_import_constant(struct onnx_node *node);
struct npuc_value *onnx_import_shape(struct onnx_node *node);
struct npuc_value *onnx_import_flatten(struct onnx_node *node);
struct npuc_value *onnx_import_reshape(struct onnx_node *node);
struct npuc_value *onnx_import_transpose(struct onnx_node *node);
struct npuc_value *onnx_import_concat(struct onnx_node *node);
struct npuc_value *onnx_import_squeeze(struct onnx_node *node);
struct npuc_value *onnx_import_unsqueeze(struct onnx_node *node);
struct npuc_value *onnx_import_quantize(struct onnx_node *node);
struct npuc_value *onnx_import_dequantize(struct onnx_node *node);

#endif /* NPUC_ONNX_H */
