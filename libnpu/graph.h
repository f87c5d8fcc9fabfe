/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * An open graph. Immutable once npu_graph_read() has returned, so it needs no
 * lock.
 */
#ifndef LIBNPU_GRAPH_H
#define LIBNPU_GRAPH_H

#include <npu/npu_graph.h>

#include "graph_source.h"
#include "ref.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "graphs are read as they lie in memory");

#define DAMAGED "the file is damaged, compile the model again"

/* The section .note.npu.compat. */
struct npu_graph_note {
	uint32_t name_size;
	uint32_t size;
	uint32_t type;
	char name[4];
	struct npu_graph_compat compat;
};

enum npu_graph_section_id {
	SECTION_COMPAT,
	SECTION_IO,
	SECTION_CODE,
	SECTION_NODES,
	SECTION_STRINGS,
	SECTION_DIGEST,
	SECTION_NAMES,
	SECTION_WEIGHTS,
	SECTION_SCRATCH,
	SECTION_COUNT,
};

struct npu_graph_section {
	uint32_t index; /* in the ELF table; 0: absent */
	uint64_t offset;
	uint64_t size;
	uint8_t *data; /* NULL for weights and scratch; 8-byte aligned */
	const uint8_t *digest; /* in .npu.digest; NULL if it has none */
};

struct npu_graph {
	atomic_uint refs;
	struct npu_graph_source source;
	uint64_t headers_offset; /* the ELF section headers */
	uint64_t headers_size;
	struct npu_graph_section sections[SECTION_COUNT];
	struct npu_graph_info info;
	struct npu_graph_port *ports; /* inputs, then outputs */
	uint32_t *op_offsets; /* where each operation starts in the code */
	uint32_t base_count; /* of the program */
};

/* graph_elf.c: container */
extern const char *const npu_graph_section_names[SECTION_COUNT];

/* Finds the sections, checks the version and their places; reads none. */
int npu_graph_find_sections(struct npu_graph *graph, struct npu_error *error);

/* graph_check.c: contents */
int npu_graph_check_version(const struct npu_graph *graph, const struct npu_graph_note *note,
			    struct npu_error *error);

/* Reads everything but the weights, checks it, and fills the graph. */
int npu_graph_read(struct npu_graph *graph, struct npu_error *error);

/* graph.c */
#define NPU_GRAPH_CHUNK (256U << 10)

/*
 * npu_graph_load_weights() - read the weights to @to; with @verify they are
 * compared with their digest on the way.
 */
int npu_graph_load_weights(const struct npu_graph *graph, bool verify, void *to,
			   struct npu_error *error);

/* npu_graph_verify_weights() - are the bytes at @data the graph's weights? */
int npu_graph_verify_weights(const struct npu_graph *graph, const void *data,
			     struct npu_error *error);

#endif
