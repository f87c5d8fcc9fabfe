/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * A small compiled graph in memory, for tests to read and to spoil. It follows
 * docs/graph.md by hand, so that reader and compiler are not tested by their
 * own code.
 *
 * The graph: y[1,N] = x[1,N] + w[1,N] in f32, node "add1", name "tiny".
 */
#ifndef GRAPH_BUILDER_H
#define GRAPH_BUILDER_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#include <npu/npu_graph.h>
#include <npu/npu_isa.h>

struct graph_file {
	uint8_t *data;
	size_t size;
};

struct graph_shape {
	uint32_t elements; /* N; 0 means 4 */
	uint64_t scratch; /* bytes; 0: no scratch */
	int no_weights; /* y = x + x */
	uint32_t abi_min; /* 0 means 1.0 */
	uint32_t abi_max;
};

void graph_build(struct graph_file *g, const struct graph_shape *shape);
void graph_free(struct graph_file *g);

/* After a change: bring the digests in line with the sections again. */
void graph_digest(struct graph_file *g);

Elf64_Ehdr *graph_header(struct graph_file *g);
Elf64_Shdr *graph_headers(struct graph_file *g);
Elf64_Shdr *graph_section(struct graph_file *g, const char *name);

/* Contents of sections. */
void *graph_content(struct graph_file *g, const char *name);
struct npu_graph_compat *graph_compat(struct graph_file *g);
struct npu_graph_io *graph_io(struct graph_file *g, unsigned int i);
struct npu_program *graph_program(struct graph_file *g);
struct npu_op *graph_op(struct graph_file *g);

/*
 * Makes a file without a name of it; @path opens it as long as the descriptor
 * that is returned stays open.
 */
int graph_file_descriptor(const struct graph_file *g, char path[32]);

#endif
