/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
#ifndef LIBNPU_MODEL_H
#define LIBNPU_MODEL_H

#include "buffer.h"
#include "graph.h"
#include "weights.h"

struct npu_queue;

/* What npu_run() keeps from call to call; made by the first. */
struct npu_runner {
	pthread_mutex_t lock; /* held during a whole run */
	struct npu_queue *queue;
	struct npu_buffer *buffer; /* all inputs and outputs, in system memory */
	uint8_t *data; /* its mapping */
};

struct npu_model {
	atomic_uint refs;
	struct npu_context *context;
	struct npu_graph *graph;
	struct npu_buffer *code; /* this and the next: the card may only read */
	struct npu_buffer *weights; /* NULL: the graph has none */
	uint64_t weights_offset; /* in that buffer, bytes */
	struct npu_weights *shared; /* what the weights' buffer maps; NULL: the caller's buffer */
	struct npu_runner runner;
};

/* run.c */
void npu_runner_init(struct npu_runner *runner);
void npu_runner_fini(struct npu_runner *runner);

#endif
