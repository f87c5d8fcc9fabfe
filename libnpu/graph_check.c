// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * The contents of a graph's sections (docs/graph.md). Digests come first, so
 * that damage is called damage; but who writes a wrong file can write its
 * digests too, so nothing behind them trusts anything.
 */
#include "graph.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <npu/npu_packet.h>

#include "sha256.h"

#define BAD(graph, error, format, ...) \
	npu_fail(error, -EBADMSG, "%s: " format ": " DAMAGED, (graph)->source.name, ##__VA_ARGS__)

int npu_graph_check_version(const struct npu_graph *graph, const struct npu_graph_note *note,
			    struct npu_error *error)
{
	const struct npu_graph_compat *c = &note->compat;

	if (note->name_size != sizeof(NPU_GRAPH_NOTE_NAME) ||
	    memcmp(note->name, NPU_GRAPH_NOTE_NAME, sizeof(NPU_GRAPH_NOTE_NAME)) ||
	    note->type != NPU_GRAPH_NOTE_COMPAT)
		return BAD(graph, error, "bad note in " NPU_GRAPH_SECTION_COMPAT);
	if (c->format_version != NPU_GRAPH_VERSION || c->program_version != NPU_PROGRAM_VERSION)
		return npu_fail(error, -ENOTSUP,
				"%s: graph format %u with programs of version %u; libnpu %s reads "
				"format %u with version %u: %s",
				graph->source.name, c->format_version, c->program_version,
				NPU_VERSION, NPU_GRAPH_VERSION, NPU_PROGRAM_VERSION,
				c->format_version > NPU_GRAPH_VERSION ||
						c->program_version > NPU_PROGRAM_VERSION ?
					"install a newer libnpu, or compile the model with the "
					"npu-compile of this one" :
					"compile the model again");
	if (c->features_required)
		return npu_fail(error, -ENOTSUP,
				"%s: needs features 0x%llx, of which libnpu %s has none: install a "
				"newer libnpu, or compile the model with the npu-compile of this one",
				graph->source.name, (unsigned long long)c->features_required,
				NPU_VERSION);
	if (note->size != sizeof(*c))
		return BAD(graph, error, "bad note in " NPU_GRAPH_SECTION_COMPAT);
	return 0;
}

static int read_sections(struct npu_graph *graph, struct npu_error *error)
{
	for (int id = 0; id < SECTION_WEIGHTS; id++) {
		struct npu_graph_section *s = &graph->sections[id];
		int ret;

		s->data = malloc(s->size);
		if (!s->data)
			return npu_fail(error, -ENOMEM, "%s: no memory for %s", graph->source.name,
					npu_graph_section_names[id]);
		ret = npu_graph_source_read(&graph->source, s->offset, s->data, s->size, error);
		if (ret)
			return ret;
	}
	return 0;
}

/* The section with ELF index @index that has a digest, or none. */
static struct npu_graph_section *digested(struct npu_graph *graph, uint32_t index)
{
	for (int id = 0; id < SECTION_COUNT; id++)
		if (graph->sections[id].index == index && id != SECTION_DIGEST &&
		    id != SECTION_NAMES && id != SECTION_SCRATCH)
			return &graph->sections[id];
	return NULL;
}

static int check_digests(struct npu_graph *graph, struct npu_error *error)
{
	const struct npu_graph_section *section = &graph->sections[SECTION_DIGEST];
	const struct npu_graph_digest *digests = (const void *)section->data;
	uint32_t expected = SECTION_DIGEST + (graph->sections[SECTION_WEIGHTS].index != 0);
	uint64_t count = section->size / sizeof(*digests);
	uint32_t last = 0;

	if (section->size % sizeof(*digests) || count != expected)
		return BAD(graph, error, "%llu bytes of digests, %u sections",
			   (unsigned long long)section->size, expected);
	for (uint64_t i = 0; i < count; i++) {
		const struct npu_graph_digest *d = &digests[i];
		struct npu_graph_section *s = d->section ? digested(graph, d->section) : NULL;
		uint8_t value[NPU_SHA256_SIZE];

		if (!s || d->section <= last)
			return BAD(graph, error, "digest %llu is of section %u",
				   (unsigned long long)i, d->section);
		last = d->section;
		if (d->algorithm != NPU_GRAPH_DIGEST_SHA256)
			return BAD(graph, error, "digest algorithm %u is not known", d->algorithm);
		s->digest = d->value;
		if (!s->data) /* weights: when they are loaded */
			continue;
		npu_sha256(value, s->data, s->size);
		if (memcmp(value, d->value, sizeof(value)))
			return BAD(graph, error, "the digest of %s does not match",
				   npu_graph_section_names[s - graph->sections]);
	}
	return 0;
}

/* NULL if there is no string at @offset, or if it is longer than @max bytes. */
static const char *string(const struct npu_graph *graph, uint32_t offset, size_t max)
{
	const struct npu_graph_section *s = &graph->sections[SECTION_STRINGS];
	const char *text = (const char *)s->data + offset;

	if (offset >= s->size)
		return NULL;
	return strnlen(text, s->size - offset) > max ? NULL : text;
}

/*
 * The whole table at once: names may share bytes, and a check of each name
 * would let a small file cost much time.
 */
static int check_strings(struct npu_graph *graph, struct npu_error *error)
{
	const struct npu_graph_section *s = &graph->sections[SECTION_STRINGS];

	if (s->data[0] || s->data[s->size - 1])
		return BAD(graph, error, NPU_GRAPH_SECTION_STRINGS " does not start and end with zero");
	for (uint64_t i = 0; i < s->size; i++)
		if ((s->data[i] && s->data[i] < 0x20) || s->data[i] == 0x7f)
			return BAD(graph, error, "a control character in a name");
	return 0;
}

static int check_compat(struct npu_graph *graph, struct npu_error *error)
{
	const struct npu_graph_note *note = (const void *)graph->sections[SECTION_COMPAT].data;
	const struct npu_graph_compat *c = &note->compat;
	struct npu_graph_info *info = &graph->info;
	int ret;

	if (graph->sections[SECTION_COMPAT].size != sizeof(*note))
		return BAD(graph, error, "bad size of " NPU_GRAPH_SECTION_COMPAT);
	/* Once more: these are the bytes that the digest was made of. */
	ret = npu_graph_check_version(graph, note, error);
	if (ret)
		return ret;
	info->name = string(graph, c->name, SIZE_MAX);
	info->compiler = string(graph, c->compiler, SIZE_MAX);
	if (!info->name || !*info->name || !info->compiler || !*info->compiler)
		return BAD(graph, error, "no name of graph or compiler");
	if (c->abi_min > c->abi_max)
		return BAD(graph, error, "empty range of card ABIs");
	info->format_version = c->format_version;
	info->program_version = c->program_version;
	info->features_required = c->features_required;
	info->features_optional = c->features_optional;
	info->abi_min = c->abi_min;
	info->abi_max = c->abi_max;
	info->macs = c->macs;
	return 0;
}

/* Smallest and largest zero point of a quantised type; false for others. */
static bool quantised_range(uint32_t type, int32_t *low, int32_t *high)
{
	*low = type == NPU_TYPE_I8 ? INT8_MIN : 0;
	*high = type == NPU_TYPE_I8 ? INT8_MAX : UINT8_MAX;
	return type == NPU_TYPE_I8 || type == NPU_TYPE_U8;
}

/* What is wrong with the entry's shape, or NULL. */
static const char *shape_fault(const struct npu_graph_io *io)
{
	uint64_t elements = 1;

	if (io->type == NPU_TYPE_NONE || io->type >= NPU_TYPE_COUNT || io->type == NPU_TYPE_I4)
		return "unknown type";
	if (io->rank > NPU_RANK_MAX)
		return "too many dimensions";
	for (int d = 0; d < NPU_RANK_MAX; d++) {
		if (d >= io->rank) {
			if (io->extent[d])
				return "an extent behind the rank";
			continue;
		}
		/* Both factors are below 2^31: no wrap. */
		if (!io->extent[d] || io->extent[d] > INT32_MAX ||
		    (elements *= io->extent[d]) > INT32_MAX)
			return "an extent or their product is 0 or too large";
	}
	if (io->size != elements * (npu_type_bits(io->type) / 8))
		return "its size does not fit its shape";
	return NULL;
}

static const char *quantisation_fault(const struct npu_graph_io *io, float scale)
{
	int32_t low, high;

	if (io->flags & ~NPU_GRAPH_QUANTISED)
		return "unknown flags";
	if (!(io->flags & NPU_GRAPH_QUANTISED))
		return io->scale || io->zero_point ? "quantisation without its flag" : NULL;
	if (!quantised_range(io->type, &low, &high))
		return "a type that cannot be quantised";
	if (!isfinite(scale) || scale <= 0)
		return "bad scale";
	return io->zero_point < low || io->zero_point > high ? "bad zero point" : NULL;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* No two of @count ports share a name. */
static int check_unique(const struct npu_graph *graph, const struct npu_graph_port *ports,
			uint32_t count, struct npu_error *error)
{
	const char *names[NPU_GRAPH_IO_MAX];

	if (count < 2)
		return 0;
	for (uint32_t i = 0; i < count; i++)
		names[i] = ports[i].name;
	qsort(names, count, sizeof(names[0]), compare_names);
	for (uint32_t i = 1; i < count; i++)
		if (!strcmp(names[i - 1], names[i]))
			return BAD(graph, error, "two inputs or outputs are named '%s'", names[i]);
	return 0;
}

static int check_port(struct npu_graph *graph, uint32_t i, const struct npu_graph_io *io,
		      struct npu_error *error)
{
	struct npu_graph_port *port = &graph->ports[i];
	const char *fault;
	float scale;

	memcpy(&scale, &io->scale, sizeof(scale));
	if (io->direction != NPU_GRAPH_INPUT && io->direction != NPU_GRAPH_OUTPUT)
		return BAD(graph, error, "entry %u of " NPU_GRAPH_SECTION_IO ": neither input nor output",
			   i);
	if (io->direction == NPU_GRAPH_INPUT && graph->info.outputs)
		return BAD(graph, error, "entry %u of " NPU_GRAPH_SECTION_IO ": an input behind an output",
			   i);
	port->name = string(graph, io->name, NPU_GRAPH_NAME_MAX);
	fault = !port->name || !*port->name ? "bad name" : shape_fault(io);
	if (!fault)
		fault = io->mbz ? "bytes that must be zero are not" : quantisation_fault(io, scale);
	if (fault)
		return BAD(graph, error, "entry %u of " NPU_GRAPH_SECTION_IO ": %s", i, fault);
	port->type = io->type;
	port->rank = io->rank;
	memcpy(port->extent, io->extent, sizeof(port->extent));
	port->size = io->size;
	port->quantised = (io->flags & NPU_GRAPH_QUANTISED) != 0;
	port->scale = scale;
	port->zero_point = io->zero_point;
	if (io->direction == NPU_GRAPH_INPUT)
		graph->info.inputs++;
	else
		graph->info.outputs++;
	return 0;
}

static int check_io(struct npu_graph *graph, struct npu_error *error)
{
	const struct npu_graph_section *s = &graph->sections[SECTION_IO];
	const struct npu_graph_io_header *header = (const void *)s->data;
	int ret;

	if (s->size < sizeof(*header) || !header->count || header->count > NPU_GRAPH_IO_MAX ||
	    header->stride < sizeof(struct npu_graph_io) || header->stride % 8 || header->mbz ||
	    s->size != sizeof(*header) + (uint64_t)header->count * header->stride)
		return BAD(graph, error, "bad header or size of " NPU_GRAPH_SECTION_IO);
	graph->ports = calloc(header->count, sizeof(*graph->ports));
	if (!graph->ports)
		return npu_fail(error, -ENOMEM, "%s: no memory", graph->source.name);
	for (uint32_t i = 0; i < header->count; i++) {
		ret = check_port(graph, i,
				 (const void *)(s->data + sizeof(*header) + (uint64_t)i * header->stride),
				 error);
		if (ret)
			return ret;
	}
	if (!graph->info.outputs)
		return BAD(graph, error, "no output");
	ret = check_unique(graph, graph->ports, graph->info.inputs, error);
	return ret ? ret : check_unique(graph, graph->ports + graph->info.inputs,
					graph->info.outputs, error);
}

static int check_nodes(struct npu_graph *graph, struct npu_error *error)
{
	const struct npu_graph_section *s = &graph->sections[SECTION_NODES];
	const uint32_t *names = (const void *)s->data;

	if (s->size % sizeof(*names))
		return BAD(graph, error, "bad size of " NPU_GRAPH_SECTION_NODES);
	graph->info.nodes = (uint32_t)(s->size / sizeof(*names));
	for (uint32_t i = 0; i < graph->info.nodes; i++)
		if (names[i] >= graph->sections[SECTION_STRINGS].size)
			return BAD(graph, error, "node %u has a bad name", i);
	return 0;
}

/* The framing of operations; the card checks what they say. */
static int check_operations(struct npu_graph *graph, const struct npu_program *p,
			    struct npu_error *error)
{
	const struct npu_graph_section *s = &graph->sections[SECTION_CODE];
	uint64_t offset = sizeof(*p);

	graph->op_offsets = malloc(p->op_count * sizeof(*graph->op_offsets));
	if (!graph->op_offsets)
		return npu_fail(error, -ENOMEM, "%s: no memory", graph->source.name);
	for (uint32_t i = 0; i < p->op_count; i++) {
		const struct npu_op *op = (const void *)(s->data + offset);

		if (s->size - offset < sizeof(*op) || op->tensor_count > NPU_OP_TENSORS_MAX ||
		    (s->size - offset - sizeof(*op)) / sizeof(struct npu_tensor) < op->tensor_count)
			return BAD(graph, error, "operation %u runs over the end of the program", i);
		if (op->node >= graph->info.nodes)
			return BAD(graph, error, "operation %u is of node %u, there are %u", i,
				   op->node, graph->info.nodes);
		graph->op_offsets[i] = (uint32_t)offset;
		offset += sizeof(*op) + op->tensor_count * sizeof(struct npu_tensor);
	}
	if (offset != s->size)
		return BAD(graph, error, "the program has bytes behind its last operation");
	graph->info.operations = p->op_count;
	return 0;
}

static int check_code(struct npu_graph *graph, struct npu_error *error)
{
	static const struct npu_program zero;
	const struct npu_graph_section *s = &graph->sections[SECTION_CODE];
	const struct npu_program *p = (const void *)s->data;

	_Static_assert(sizeof(*p) == 64 && sizeof(struct npu_op) == 64 &&
		       sizeof(struct npu_tensor) == 64, "a program's parts are 64 bytes");
	if (s->size < sizeof(*p) || p->magic != NPU_PROGRAM_MAGIC || p->header_size != sizeof(*p) ||
	    p->size != s->size || !p->op_count || p->op_count > NPU_OPS_MAX ||
	    memcmp(p->mbz, zero.mbz, sizeof(p->mbz)))
		return BAD(graph, error, "bad header of the program");
	if (p->version != NPU_PROGRAM_VERSION || p->features || p->param_count)
		return npu_fail(error, -ENOTSUP,
				"%s: the program is of version %u with features 0x%x and %u runtime "
				"parameters; libnpu %s knows version %u without either: install a newer "
				"libnpu, or compile the model with the npu-compile of this one",
				graph->source.name, p->version, p->features, p->param_count,
				NPU_VERSION, NPU_PROGRAM_VERSION);
	if (p->base_count != NPU_GRAPH_BASE_IO + graph->info.inputs + graph->info.outputs)
		return BAD(graph, error, "the program has %u bases for %u inputs and %u outputs",
			   p->base_count, graph->info.inputs, graph->info.outputs);
	graph->base_count = p->base_count;
	return check_operations(graph, p, error);
}

int npu_graph_read(struct npu_graph *graph, struct npu_error *error)
{
	static int (*const checks[])(struct npu_graph *graph, struct npu_error *error) = {
		read_sections, check_digests, check_strings, check_compat, check_io, check_nodes,
		check_code,
	};

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		int ret = checks[i](graph, error);

		if (ret)
			return ret;
	}
	graph->info.code_size = graph->sections[SECTION_CODE].size;
	graph->info.weights_size = graph->sections[SECTION_WEIGHTS].size;
	graph->info.weights_offset = graph->sections[SECTION_WEIGHTS].offset;
	if (graph->sections[SECTION_WEIGHTS].index)
		memcpy(graph->info.weights_digest, graph->sections[SECTION_WEIGHTS].digest,
		       sizeof(graph->info.weights_digest));
	graph->info.scratch_size = graph->sections[SECTION_SCRATCH].size;
	return 0;
}
