/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * Makes small ONNX models in memory. Everything belongs to the model; a
 * failed allocation ends the test program.
 */
#ifndef TEST_MODEL_H
#define TEST_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "onnx.pb-c.h"

/* TensorProto.data_type */
enum { T_FLOAT = 1, T_UINT8 = 2, T_INT8 = 3, T_INT16 = 5, T_INT32 = 6, T_INT64 = 7, T_BOOL = 9,
       T_FLOAT16 = 10, T_DOUBLE = 11 };

#define DIMS(...) (const int64_t[]){ __VA_ARGS__, -99 }	/* a list of dimensions */
#define SCALAR (const int64_t[]){ -99 }

struct model {
	Onnx__ModelProto proto;
	Onnx__GraphProto graph;
	struct block *blocks;
};

/* An empty model of that opset. */
struct model *model_new(int opset);
void model_free(struct model *m);

/* A dimension of -1 stays open. */
void model_input(struct model *m, const char *name, int type, const int64_t *dims);
void model_output(struct model *m, const char *name, int type, const int64_t *dims);
/* An initialiser, as raw data. */
Onnx__TensorProto *model_constant(struct model *m, const char *name, int type,
				  const int64_t *dims, const void *data);
Onnx__TensorProto *model_tensor(struct model *m, const char *name, int type, const int64_t *dims,
				const void *data);

/* `inputs` and `outputs` are names between spaces; "-" is one left out. */
Onnx__NodeProto *model_node(struct model *m, const char *op, const char *inputs,
			    const char *outputs);
void attr_int(struct model *m, Onnx__NodeProto *n, const char *name, int64_t value);
void attr_float(struct model *m, Onnx__NodeProto *n, const char *name, float value);
void attr_string(struct model *m, Onnx__NodeProto *n, const char *name, const char *value);
void attr_tensor(struct model *m, Onnx__NodeProto *n, const char *name, Onnx__TensorProto *value);
void attr_ints(struct model *m, Onnx__NodeProto *n, const char *name, const int64_t *values);
void attr_floats(struct model *m, Onnx__NodeProto *n, const char *name, size_t count,
		 const float *values);

/* The model's bytes; free() them. */
void *model_pack(const struct model *m, size_t *size);

/* Zeroed memory of the model. */
void *model_alloc(struct model *m, size_t size);
char *model_string(struct model *m, const char *text);

#endif /* TEST_MODEL_H */
