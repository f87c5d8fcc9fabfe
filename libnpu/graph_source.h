/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * The bytes of a graph: a file or memory. Everything is read by copy: a file
 * that shrinks or changes while it is used gives an error or other bytes, but
 * never a SIGBUS, and what was checked is what is used.
 */
#ifndef LIBNPU_GRAPH_SOURCE_H
#define LIBNPU_GRAPH_SOURCE_H

#include "error.h"

struct npu_graph_source {
	char *name; /* for messages */
	uint64_t size;
	const uint8_t *memory; /* NULL: a file */
	int fd;
};

int npu_graph_source_open(struct npu_graph_source *source, const char *path,
			  struct npu_error *error);
int npu_graph_source_memory(struct npu_graph_source *source, const void *data, uint64_t size,
			    struct npu_error *error);
void npu_graph_source_close(struct npu_graph_source *source);

/* npu_graph_source_read() - @size bytes from @offset, all or an error. */
int npu_graph_source_read(const struct npu_graph_source *source, uint64_t offset, void *data,
			  uint64_t size, struct npu_error *error);

#endif
