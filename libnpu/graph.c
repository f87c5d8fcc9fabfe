// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "graph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sha256.h"

static void destroy(struct npu_graph *graph)
{
	for (int id = 0; id < SECTION_COUNT; id++)
		free(graph->sections[id].data);
	free(graph->ports);
	free(graph->op_offsets);
	npu_graph_source_close(&graph->source);
	free(graph);
}

/* @graph has its source. Takes it over, also on an error. */
static int finish(struct npu_graph *graph, struct npu_graph **out, struct npu_error *error)
{
	int ret = npu_graph_find_sections(graph, error);

	if (!ret)
		ret = npu_graph_read(graph, error);
	if (ret) {
		destroy(graph);
		return ret;
	}
	atomic_init(&graph->refs, 1);
	*out = graph;
	return 0;
}

int npu_graph_open(const char *path, struct npu_graph **graph, struct npu_error *error)
{
	struct npu_graph *g;
	int ret;

	if (!path || !graph)
		return npu_fail(error, -EINVAL, "npu_graph_open: no path or no place");
	g = calloc(1, sizeof(*g));
	if (!g)
		return npu_fail(error, -ENOMEM, "cannot open %s: no memory", path);
	ret = npu_graph_source_open(&g->source, path, error);
	if (ret) {
		free(g);
		return ret;
	}
	return finish(g, graph, error);
}

int npu_graph_from_memory(const void *data, size_t size, struct npu_graph **graph,
			  struct npu_error *error)
{
	struct npu_graph *g;
	int ret;

	if (!data || !graph)
		return npu_fail(error, -EINVAL, "npu_graph_from_memory: no data or no place");
	g = calloc(1, sizeof(*g));
	if (!g)
		return npu_fail(error, -ENOMEM, "cannot read a graph in memory: no memory");
	ret = npu_graph_source_memory(&g->source, data, size, error);
	if (ret) {
		free(g);
		return ret;
	}
	return finish(g, graph, error);
}

struct npu_graph *npu_graph_ref(struct npu_graph *graph)
{
	npu_ref_get(&graph->refs);
	return graph;
}

void npu_graph_unref(struct npu_graph *graph)
{
	if (graph && npu_ref_put(&graph->refs))
		destroy(graph);
}

const struct npu_graph_info *npu_graph_info(const struct npu_graph *graph)
{
	return &graph->info;
}

const struct npu_graph_port *npu_graph_input(const struct npu_graph *graph, uint32_t i)
{
	return i < graph->info.inputs ? &graph->ports[i] : NULL;
}

const struct npu_graph_port *npu_graph_output(const struct npu_graph *graph, uint32_t i)
{
	return i < graph->info.outputs ? &graph->ports[graph->info.inputs + i] : NULL;
}

const char *npu_graph_node(const struct npu_graph *graph, uint32_t i)
{
	const uint32_t *names = (const void *)graph->sections[SECTION_NODES].data;

	if (i >= graph->info.nodes)
		return NULL;
	return (const char *)graph->sections[SECTION_STRINGS].data + names[i];
}

int npu_graph_operation(const struct npu_graph *graph, uint32_t i, uint32_t *opcode, uint32_t *node)
{
	const struct npu_op *op;

	if (i >= graph->info.operations)
		return -ERANGE;
	op = (const void *)(graph->sections[SECTION_CODE].data + graph->op_offsets[i]);
	*opcode = op->opcode;
	*node = op->node;
	return 0;
}

int npu_graph_check_abi(const struct npu_graph *graph, uint32_t abi, struct npu_error *error)
{
	const struct npu_graph_info *info = &graph->info;

	if (abi >= info->abi_min && abi <= info->abi_max)
		return 0;
	return npu_fail(error, -ENOTSUP,
			"%s: made for cards of ABI %u.%u to %u.%u, this one has %u.%u: %s",
			graph->source.name, info->abi_min >> 16, info->abi_min & 0xffff,
			info->abi_max >> 16, info->abi_max & 0xffff, abi >> 16, abi & 0xffff,
			abi < info->abi_min ?
				"update the card's firmware, or compile the model with an older "
				"npu-compile" :
				"compile the model again with a newer npu-compile");
}

/* @state has taken all of the weights. */
static int compare_digest(const struct npu_graph *graph, crypto_hash_sha256_state *state,
			  const char *remedy, struct npu_error *error)
{
	uint8_t value[NPU_SHA256_SIZE];

	crypto_hash_sha256_final(state, value);
	if (memcmp(value, graph->sections[SECTION_WEIGHTS].digest, sizeof(value)))
		return npu_fail(error, -EBADMSG, "%s: the digest of the weights does not match: %s",
				graph->source.name, remedy);
	return 0;
}

/*
 * In chunks that stay in the cache, through memory of our own: the file may
 * change meanwhile, and @to (may be NULL) may be slow to read from.
 */
static int read_verified(const struct npu_graph *graph, uint8_t *to, struct npu_error *error)
{
	const struct npu_graph_section *s = &graph->sections[SECTION_WEIGHTS];
	uint8_t *chunk = malloc(NPU_GRAPH_CHUNK);
	crypto_hash_sha256_state state;
	int ret = 0;

	if (!chunk)
		return npu_fail(error, -ENOMEM, "%s: no memory", graph->source.name);
	crypto_hash_sha256_init(&state);
	for (uint64_t done = 0; !ret && done < s->size; done += NPU_GRAPH_CHUNK) {
		uint64_t left = s->size - done;
		size_t size = left < NPU_GRAPH_CHUNK ? left : NPU_GRAPH_CHUNK;

		ret = npu_graph_source_read(&graph->source, s->offset + done, chunk, size, error);
		if (ret)
			break;
		crypto_hash_sha256_update(&state, chunk, size);
		if (to)
			memcpy(to + done, chunk, size);
	}
	free(chunk);
	return ret ? ret : compare_digest(graph, &state, DAMAGED, error);
}

int npu_graph_load_weights(const struct npu_graph *graph, bool verify, void *to,
			   struct npu_error *error)
{
	const struct npu_graph_section *s = &graph->sections[SECTION_WEIGHTS];

	if (verify)
		return read_verified(graph, to, error);
	return npu_graph_source_read(&graph->source, s->offset, to, s->size, error);
}

int npu_graph_verify_weights(const struct npu_graph *graph, const void *data,
			     struct npu_error *error)
{
	crypto_hash_sha256_state state;

	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, data, graph->sections[SECTION_WEIGHTS].size);
	return compare_digest(graph, &state,
			      "the buffer holds others, or they are not at this offset", error);
}

int npu_graph_verify(struct npu_graph *graph, struct npu_error *error)
{
	if (!graph)
		return npu_fail(error, -EINVAL, "npu_graph_verify: no graph");
	if (!graph->sections[SECTION_WEIGHTS].index)
		return 0;
	return read_verified(graph, NULL, error);
}
