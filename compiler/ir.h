/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * The compiler's picture of a graph: values and the nodes that compute them.
 *
 * Nodes stand in a list in an order in which each is computed after its
 * inputs. They are close to the card's operations (npu_isa.h), with three
 * that are only views of their input wherever memory allows: RESHAPE,
 * TRANSPOSE, CONCAT. A value has one producer: a node, the graph's inputs, or
 * (data != NULL) a constant.
 *
 * int8 begins as DEQUANTISE, f32 node, QUANTISE; quant.c turns such groups
 * into nodes that have `int8` set and read and write quantised values.
 *
 * Everything belongs to the graph's arena and lives as long as the graph:
 * passes unlink nodes, they free nothing.
 */
#ifndef NPUC_IR_H
#define NPUC_IR_H

#include <stdarg.h>
#include <stdbool.h>

#include "npuc.h"

/* Nodes of a graph: the program's limit on operations. */
#define IR_NODES_MAX NPU_OPS_MAX
/*
 * What folding and fusing may allocate: this, and so many times the constants
 * that the graph was given. More would turn a small file into a large one; the
 * card computes it instead.
 */
#define IR_FOLD_BYTES_FREE (64u << 20)
#define IR_FOLD_FACTOR 16

enum node_kind {
	NODE_BINARY,		/* inputs: a, b */
	NODE_UNARY,		/* x */
	NODE_GEMM,		/* a, b, bias or NULL, multiplier or NULL */
	NODE_CONV,		/* x, w, bias or NULL, multiplier or NULL */
	NODE_POOL,		/* x */
	NODE_SOFTMAX,		/* x */
	NODE_REDUCE,		/* x */
	NODE_QUANTISE,		/* x */
	NODE_DEQUANTISE,	/* x */
	NODE_RESHAPE,		/* x */
	NODE_TRANSPOSE,		/* x */
	NODE_CONCAT,		/* any number */
};

struct shape {
	uint8_t type;		/* NPU_TYPE_* */
	uint8_t rank;
	uint32_t extent[NPU_RANK_MAX];	/* behind the rank: 0 */
};

/* Scale and zero point, one for the tensor or one for each index of an axis. */
struct quant {
	uint32_t count;
	uint32_t axis;		/* if count > 1 */
	float *scale;
	int32_t *zero;
};

struct buffer;

/* Where a value lies: lower.c. */
struct storage {
	struct buffer *buffer;	/* NULL: not decided */
	uint64_t offset;	/* elements */
	int32_t stride[NPU_RANK_MAX];
};

struct npuc_value {
	struct npuc_graph *graph;
	const char *name;	/* for messages; may be NULL */
	struct shape shape;
	const void *data;	/* constants: dense, row-major */
	struct node *producer;
	struct node **readers;	/* one entry for each input that names the value */
	unsigned int reader_count, reader_room;
	unsigned int output_count;	/* graph outputs that name it */
	const struct quant *io_quant;	/* of a graph input or output, if known */
	struct storage storage;
	bool placed;		/* `storage` was decided before its producer was lowered */
	const struct node *placed_for;	/* the view that it was placed into, if any */
};

struct node {
	struct node *prev, *next;
	enum node_kind kind;
	uint32_t subkind;	/* NPU_BINARY_*, NPU_UNARY_*, NPU_POOL_*, NPU_REDUCE_* */
	uint32_t name;		/* index into the graph's names */
	uint8_t activation;	/* NPU_ACT_* */
	float act_a, act_b;
	struct npuc_value **inputs;
	unsigned int input_count;
	struct npuc_value *output;

	float alpha;		/* GEMM */
	struct npuc_window window;	/* CONV, POOL */
	uint32_t groups;	/* CONV */
	uint32_t axis;		/* SOFTMAX, CONCAT */
	uint8_t perm[NPU_RANK_MAX];	/* TRANSPOSE */
	const struct quant *quant;	/* QUANTISE, DEQUANTISE */

	bool int8;		/* BINARY, UNARY, GEMM, CONV, POOL in quantised form */
	/*
	 * Scales: BINARY and UNARY, 0 for an operand that is f32; POOL keeps
	 * x's / y's in a_scale. GEMM and CONV have them in their multiplier.
	 */
	float a_scale, b_scale, y_scale;
	int32_t a_zero, b_zero, y_zero;
	int32_t clip_low, clip_high;	/* GEMM, CONV to int8 with NPU_ACT_CLIP */
};

struct ir_output {
	const char *name;
	struct npuc_value *value;
};

struct allocation;
struct compiled_op;

struct npuc_graph {
	const char *name;
	struct allocation *allocations;
	void *model;		/* what constants may point into, freed with the graph */
	void (*model_free)(void *model);

	int error;
	char *error_text;	/* NULL when even its memory was not there */
	char place[256];	/* what is being made, prefix of messages */

	struct node *first, *last;
	unsigned int node_count;
	const char **names;
	uint32_t name_count, name_room, name_current;

	struct npuc_value **inputs;
	unsigned int input_count;
	struct ir_output *outputs;
	unsigned int output_count;

	bool fold_dequantise;	/* set once quant.c has seen the graph */
	uint64_t fold_bytes;	/* still allowed, IR_FOLD_* */
	bool compiled;
	struct npuc_report report;
};

/* Zeroed memory of the graph; NULL after having recorded -ENOMEM. */
void *ir_alloc(struct npuc_graph *graph, size_t count, size_t size);
/* The same within IR_FOLD_*; NULL without an error if it is used up. */
void *ir_alloc_folded(struct npuc_graph *graph, uint64_t bytes);
char *ir_strdup(struct npuc_graph *graph, const char *text);
char *ir_printf(struct npuc_graph *graph, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Grows an array of the arena to hold one more; 0 or -ENOMEM. */
int ir_grow(struct npuc_graph *graph, void *array, size_t element, unsigned int count,
	    unsigned int *room);

/* Records the first error, prefixed by the graph's place; returns `error`. */
int ir_fail(struct npuc_graph *graph, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* What the next nodes are called, and what messages call them. */
void ir_place(struct npuc_graph *graph, const char *node_name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

unsigned int type_size(uint8_t type);	/* bytes; 0 for unknown types */
const char *type_name(uint8_t type);
bool type_is_int8(uint8_t type);
uint64_t shape_count(const struct shape *shape);
uint64_t shape_bytes(const struct shape *shape);
bool shape_equal(const struct shape *a, const struct shape *b);	/* extents alone */
/* "1x16x8x8", "scalar". */
#define SHAPE_TEXT 72
const char *shape_text(const struct shape *shape, char text[SHAPE_TEXT]);
/* 0, or the error recorded: rank and element count in range. */
int shape_check(struct npuc_graph *graph, const struct shape *shape);
/* Strides in elements of a dense row-major tensor. */
void shape_strides(const struct shape *shape, int32_t stride[NPU_RANK_MAX]);
/* Steps `at` to the next index, last dimension fastest; false behind the last. */
bool shape_next(const struct shape *shape, uint32_t at[NPU_RANK_MAX]);
int64_t stride_offset(unsigned int rank, const uint32_t *at, const int32_t *stride);

struct npuc_value *ir_value(struct npuc_graph *graph, const struct shape *shape);
/* A constant around memory that the graph already owns. It may be empty. */
struct npuc_value *ir_constant(struct npuc_graph *graph, const struct shape *shape,
			       const void *data);

/* A node that is not in the list yet, with a name and `inputs` NULL inputs. */
struct node *ir_node(struct npuc_graph *graph, enum node_kind kind, unsigned int inputs);
void ir_append(struct npuc_graph *graph, struct node *node);
void ir_insert_after(struct npuc_graph *graph, struct node *where, struct node *node);
/* To a later place in the list. */
void ir_move_after(struct npuc_graph *graph, struct node *where, struct node *node);
/* Unlinks a node and gives up its inputs. */
void ir_remove(struct npuc_graph *graph, struct node *node);
int ir_set_input(struct node *node, unsigned int index, struct npuc_value *value);
void ir_set_output(struct node *node, struct npuc_value *value);
/* Every reader and output of `old` gets `value` instead. */
int ir_replace(struct npuc_value *old, struct npuc_value *value);
/* The only node that reads the value; NULL if it has other uses. */
struct node *ir_only_reader(const struct npuc_value *value);
/* The producer, if it is of that kind and nothing else uses the value. */
struct node *ir_sole_producer(const struct npuc_value *value, enum node_kind kind);
void ir_remove_dead(struct npuc_graph *graph);

/* fold.c: the node's value if it can be computed now, else NULL. */
struct npuc_value *fold_node(struct npuc_graph *graph, const struct node *node);
int fold_constants(struct npuc_graph *graph);
/* The value as a constant, also one still in quantised form; NULL if it is none. */
struct npuc_value *fold_value(struct npuc_graph *graph, struct npuc_value *value);
/* What the card's UNARY does with an activation; QUANTISE's rounding. */
float fold_activate(uint8_t activation, float a, float b, float x);
int32_t fold_quantise(uint8_t type, float scaled, int32_t zero);

/* fuse.c: activations, scales and biases into CONV, GEMM, BINARY, UNARY. */
int fuse_nodes(struct npuc_graph *graph);

/* quant.c: int8 forms. */
int quant_fuse(struct npuc_graph *graph);

/* lower.c: fills in a struct program (program.h). */
struct program;
int lower_graph(struct npuc_graph *graph, struct program *program);

#endif /* NPUC_IR_H */
