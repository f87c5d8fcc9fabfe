/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * libnpuc: makes compiled graphs (docs/graph.md) from ONNX models, or from
 * the operators below for runtimes that build graphs themselves.
 *
 *	struct npuc_graph *graph;
 *	void *bytes;
 *	size_t size;
 *
 *	if (npuc_graph_create("example", &graph))
 *		...
 *	if (npuc_import_onnx_file(graph, "model.onnx", NULL) ||
 *	    npuc_compile(graph, &bytes, &size))
 *		fprintf(stderr, "%s\n", npuc_graph_error(graph));
 *	npuc_graph_destroy(graph);
 *
 * Errors: functions return 0 or a negative errno, or NULL; the graph keeps
 * the first error and its text, and everything after it fails too. Operators
 * accept NULL for a value that failed, so that a chain of them needs one
 * check at its end.
 *	-EINVAL   the model or an argument is wrong
 *	-ENOTSUP  correct, but more than this compiler or the card can do
 *	-ENOMEM   no memory
 *	others    from opening and reading files
 *
 * Threads: different graphs may be used at the same time; one graph by one
 * thread at a time. There is no global state and nothing is printed.
 *
 * Values belong to their graph. Data is row-major. Types are NPU_TYPE_* of
 * npu_isa.h. In int8, real = (q - zero) * scale; operators between a
 * npuc_dequantise() and a npuc_quantise() run in int8 where the card can.
 */
#ifndef NPUC_H
#define NPUC_H

#include <stddef.h>
#include <stdint.h>

#include <npu/npu_isa.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NPUC_API __attribute__((visibility("default")))

struct npuc_graph;
struct npuc_value;

/* ---- Graph ---- */

/* `name` is written into the compiled graph; an import replaces "" by the model's. */
NPUC_API int npuc_graph_create(const char *name, struct npuc_graph **graph);
NPUC_API void npuc_graph_destroy(struct npuc_graph *graph);

/* The first error's text, "" if there was none; owned by the graph. */
NPUC_API const char *npuc_graph_error(const struct npuc_graph *graph);
/* The first error, 0 if there was none. */
NPUC_API int npuc_graph_status(const struct npuc_graph *graph);

/* ---- ONNX ---- */

struct npuc_shape {		/* gives a shape to the input called `name` */
	const char *name;
	uint32_t rank;
	uint32_t extent[NPU_RANK_MAX];
};

struct npuc_dim {		/* gives an extent to the symbolic dimension `name` */
	const char *name;
	uint32_t extent;
};

struct npuc_onnx_options {
	size_t size;		/* sizeof(struct npuc_onnx_options) */
	const struct npuc_shape *shapes;
	size_t shape_count;
	const struct npuc_dim *dims;
	size_t dim_count;
	uint32_t batch;		/* extent of dynamic first dimensions; 0: none */
	const char *directory;	/* where external data lies; NULL: refused */
};

/* `options` may be NULL. The bytes are not needed afterwards. */
NPUC_API int npuc_import_onnx(struct npuc_graph *graph, const void *data, size_t size,
			      const struct npuc_onnx_options *options);
/* The same from a file; external data is looked for beside it. */
NPUC_API int npuc_import_onnx_file(struct npuc_graph *graph, const char *path,
				   const struct npuc_onnx_options *options);

struct npuc_operator {
	const char *name;
	unsigned int opset_min, opset_max;	/* opsets whose meaning is implemented */
	const char *types;
	const char *limits;	/* "" if there are none */
};

/* The index-th ONNX operator in alphabetical order; NULL behind the last. */
NPUC_API const struct npuc_operator *npuc_operator_at(size_t index);

/* ---- Building ---- */

/* Names the operators that follow, for errors and reports; NULL: no name. */
NPUC_API void npuc_name(struct npuc_graph *graph, const char *name);

/* An input of the graph, in the order in which they are made. */
NPUC_API struct npuc_value *npuc_input(struct npuc_graph *graph, const char *name, uint8_t type,
				       unsigned int rank, const uint32_t *extent);
/* The data is copied. */
NPUC_API struct npuc_value *npuc_constant(struct npuc_graph *graph, uint8_t type,
					  unsigned int rank, const uint32_t *extent,
					  const void *data);
/* `value` becomes the next output of the graph. */
NPUC_API int npuc_output(struct npuc_graph *graph, const char *name, struct npuc_value *value);

/* What a value is; `extent` has as many entries as its rank and is the graph's. */
NPUC_API uint8_t npuc_value_type(const struct npuc_value *value);
NPUC_API unsigned int npuc_value_rank(const struct npuc_value *value);
NPUC_API const uint32_t *npuc_value_extent(const struct npuc_value *value);

/* f32. Shapes broadcast as in numpy; kind is NPU_BINARY_*. */
NPUC_API struct npuc_value *npuc_binary(struct npuc_graph *graph, uint32_t kind,
					struct npuc_value *a, struct npuc_value *b);
/* f32; kind is NPU_UNARY_*. */
NPUC_API struct npuc_value *npuc_unary(struct npuc_graph *graph, uint32_t kind,
				       struct npuc_value *x);
/* f32; activation is NPU_ACT_*, a and b its arguments (npu_isa.h). */
NPUC_API struct npuc_value *npuc_activate(struct npuc_graph *graph, uint8_t activation, float a,
					  float b, struct npuc_value *x);
/*
 * alpha * a[..,M,K] x b[..,K,N] + bias; f32. Batch extents broadcast, bias
 * broadcasts to the result and may be NULL.
 */
NPUC_API struct npuc_value *npuc_gemm(struct npuc_graph *graph, struct npuc_value *a,
				      struct npuc_value *b, struct npuc_value *bias, float alpha);

/* A sliding window over `spatial` dimensions; all arrays hold that many. */
struct npuc_window {
	uint32_t spatial;	/* 1 .. NPU_SPATIAL_MAX */
	uint32_t kernel[NPU_SPATIAL_MAX];	/* CONV: taken from the weights */
	uint32_t stride[NPU_SPATIAL_MAX];
	uint32_t dilation[NPU_SPATIAL_MAX];
	uint32_t pad_begin[NPU_SPATIAL_MAX];
	uint32_t pad_end[NPU_SPATIAL_MAX];
};

/* f32. x[N,C,..], w[M,C/groups,..], bias[M] or NULL. */
NPUC_API struct npuc_value *npuc_conv(struct npuc_graph *graph, struct npuc_value *x,
				      struct npuc_value *w, struct npuc_value *bias,
				      const struct npuc_window *window, uint32_t groups);
/* kind is NPU_POOL_*; x[N,C,..] is f32, for NPU_POOL_MAX also I8 or U8. */
NPUC_API struct npuc_value *npuc_pool(struct npuc_graph *graph, uint32_t kind,
				      struct npuc_value *x, const struct npuc_window *window,
				      int ceil_mode);
/* f32, along one axis. */
NPUC_API struct npuc_value *npuc_softmax(struct npuc_graph *graph, struct npuc_value *x,
					 unsigned int axis);
/* f32; bit i of `axes` reduces dimension i to extent 1. kind is NPU_REDUCE_*. */
NPUC_API struct npuc_value *npuc_reduce(struct npuc_graph *graph, uint32_t kind,
					struct npuc_value *x, uint32_t axes);

/* Of any type: no arithmetic, often no operation at all. */
NPUC_API struct npuc_value *npuc_reshape(struct npuc_graph *graph, struct npuc_value *x,
					 unsigned int rank, const uint32_t *extent);
/* Dimension i of the result is dimension perm[i] of x. */
NPUC_API struct npuc_value *npuc_transpose(struct npuc_graph *graph, struct npuc_value *x,
					   const unsigned int *perm);
NPUC_API struct npuc_value *npuc_concat(struct npuc_graph *graph, size_t count,
					struct npuc_value *const *values, unsigned int axis);

/*
 * count is 1, or x's extent along `axis`; scale and zero hold that many and
 * are copied. quantise: f32 to I8 or U8, saturate(rint_even(x / scale) + zero).
 * dequantise: I8, U8 or I32 to f32.
 */
NPUC_API struct npuc_value *npuc_quantise(struct npuc_graph *graph, struct npuc_value *x,
					  uint8_t type, size_t count, const float *scale,
					  const int32_t *zero, unsigned int axis);
NPUC_API struct npuc_value *npuc_dequantise(struct npuc_graph *graph, struct npuc_value *x,
					    size_t count, const float *scale, const int32_t *zero,
					    unsigned int axis);

/* ---- Compiling ---- */

/*
 * Optimises the graph, plans its memory and writes the compiled graph. It is
 * done once for a graph; afterwards only its report, error and destroy are
 * of use. *bytes is the caller's, to free().
 */
NPUC_API int npuc_compile(struct npuc_graph *graph, void **bytes, size_t *size);

struct npuc_report_op {		/* one operation of the program */
	const char *node;	/* name of the node that it comes from */
	const char *operation;	/* e.g. "CONV i8 relu" */
	const char *shapes;	/* e.g. "1x16x8x8 = 1x1x8x8, 16x1x3x3" */
	uint64_t macs;
	uint64_t weight_bytes;	/* constants that it reads */
};

struct npuc_report {
	const struct npuc_report_op *ops;
	size_t op_count;
	uint64_t macs;
	uint64_t weight_bytes;	/* in the file: equal constants are stored once */
	uint64_t scratch_bytes;
	uint64_t code_bytes;
};

/* After npuc_compile(); owned by the graph. -EINVAL before. */
NPUC_API int npuc_report(const struct npuc_graph *graph, struct npuc_report *report);

#ifdef __cplusplus
}
#endif

#endif /* NPUC_H */
