/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * What is run: the tensors for a graph's inputs, how many executions they make,
 * and the tensors that its outputs go to.
 *
 * An input file may hold N times what the graph takes: either with one more
 * dimension in front (of extent N), or with N times the first dimension. Then
 * there are N executions, inputs that are not so are the same in each, and
 * the outputs are put together in the same way.
 */
#ifndef NPU_RUN_PLAN_H
#define NPU_RUN_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include <npu.h>

#include "options.h"
#include "tensor.h"

enum plan_form {
	PLAN_SINGLE,
	PLAN_STACKED, /* one more dimension in front */
	PLAN_JOINED, /* along the first dimension */
};

struct plan_port {
	const struct npu_graph_port *port;
	const char *file; /* NULL: a random input, or an output that is not kept */
	struct tensor tensor; /* of all executions */
	size_t step; /* bytes from one execution to the next; 0: the same in each */
	/* Outputs: */
	const char *expect_file; /* NULL: nothing to compare with */
	struct tensor expect;
};

struct plan {
	uint64_t runs;
	enum plan_form form;
	uint32_t input_count, output_count;
	struct plan_port *inputs, *outputs;
	struct plan_port *labelled; /* the output that labels are for, or NULL */
	struct tensor labels;
};

/*
 * Loads and checks all files that the options name. Errors: those of
 * tensor_load(); -EINVAL; -ENOENT a name that the graph does not have.
 * plan_fini() is good in any case.
 */
int plan_init(struct plan *plan, const struct npu_graph *graph, const struct options *options,
	      struct npu_error *error);
void plan_fini(struct plan *plan);

/* A graph's input or output as a tensor's shape. */
void plan_port_shape(const struct npu_graph_port *port, struct tensor_shape *shape);

/*
 * How a file of shape `file` makes executions of `port`: sets form and count.
 * -EINVAL with a reason that does not name the input.
 */
int plan_match(const struct tensor_shape *port, const struct tensor_shape *file,
	       enum plan_form *form, uint64_t *runs, struct npu_error *error);

/* An output's shape when all executions are put together. */
int plan_output_shape(const struct tensor_shape *port, enum plan_form form, uint64_t runs,
		      struct tensor_shape *shape, struct npu_error *error);

/* Fills a tensor: reals in [-1, 1), integers over all values that they have. */
void plan_fill_random(struct tensor *tensor, uint64_t seed);

#endif /* NPU_RUN_PLAN_H */
