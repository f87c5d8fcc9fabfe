/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* What most tests on the model of the driver need, and its set-up for cmocka. */
#ifndef UNIT_LIBNPU_RIG_H
#define UNIT_LIBNPU_RIG_H

#include "fake_kernel.h"
#include "graph_builder.h"
#include "npu.h"

#define MEMORY (NPU_BUFFER_SYSTEM | NPU_BUFFER_MAPPABLE)

/* The graph of graph_builder.h, loaded, with a queue and a buffer. */
struct rig {
	struct npu_device *device;
	struct npu_context *context;
	struct graph_file file;
	struct npu_graph *graph;
	struct npu_model *model;
	struct npu_queue *queue;
	struct npu_buffer *buffer; /* x at 0, y at 64 */
	float *data;
	struct npu_binding bindings[2];
	struct npu_error error;
};

/* With `file` there; the rest is made, or what failed is returned. */
int rig_init(struct rig *r);
void rig_fini(struct rig *r);

/* Of each test: a rig in *state; afterwards nothing may be left in the kernel. */
int setup(void **state);
int teardown(void **state);

/* Fails the test if the sentence lacks these words. */
void says(const struct npu_error *error, const char *words);

/* One execution of the rig's model in its queue. */
int submit(struct rig *r, struct npu_job **job);

#endif
