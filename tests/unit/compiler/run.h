/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * Compiles models and runs the compiled graphs on the card's arithmetic
 * (sim/engine.h), without a card. Failures fail the running test.
 */
#ifndef TEST_RUN_H
#define TEST_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <npuc.h>

#include "model.h"

struct compiled {
	void *file;		/* the compiled graph */
	size_t size;
	struct npuc_graph *graph;	/* for its report */
	struct npuc_report report;
};

/* Compiles, and holds the result against libnpu's strict validator. */
struct compiled compile_model(const struct model *m, const struct npuc_onnx_options *options);
struct compiled compile_file(const char *path);
/* Finishes a graph of the builder, likewise. */
struct compiled compile_graph(struct npuc_graph *graph);
void compiled_free(struct compiled *c);

/* Runs it. inputs[i] and outputs[i] hold the bytes that the graph's I/O says. */
void run(const struct compiled *c, const void *const *inputs, void *const *outputs);

/* Compiles and runs a model of one input and one output; frees the model. */
void run_model(struct model *m, const void *input, void *output);

/* Asserts that compiling fails, and that the message has all these words ("|" between). */
void assert_refused(struct model *m, const struct npuc_onnx_options *options, int error,
		    const char *words);

/* How often the report names an operation that starts with `operation`. */
size_t count_operations(const struct compiled *c, const char *operation);

/* |got - want| <= 1e-5 + 1e-4 * |want| for all. */
void assert_close(const float *got, const float *want, size_t count);

/* A deterministic sequence; reals in [-1, 1). */
uint32_t random_bits(uint64_t *state);
float random_real(uint64_t *state);
void fill_random(float *data, size_t count, uint64_t seed);

#endif /* TEST_RUN_H */
