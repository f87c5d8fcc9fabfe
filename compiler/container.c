// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Writes a lowered graph as a file: docs/graph.md. Sections stand in the
 * order of its picture, weights last. The same graph always gives the same
 * bytes: no time, no path, no address goes in.
 */
#include "program.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "structures are written as they lie");

enum section {
	SECTION_NULL, SECTION_COMPAT, SECTION_IO, SECTION_CODE, SECTION_NODES, SECTION_STRINGS,
	SECTION_DIGEST, SECTION_NAMES, SECTION_WEIGHTS, SECTION_SCRATCH, SECTION_COUNT,
};

static const struct {
	const char *name;
	uint32_t type;
	uint64_t align;
} layout[SECTION_COUNT] = {
	[SECTION_COMPAT] = { NPU_GRAPH_SECTION_COMPAT, SHT_NOTE, 8 },
	[SECTION_IO] = { NPU_GRAPH_SECTION_IO, SHT_PROGBITS, 8 },
	[SECTION_CODE] = { NPU_GRAPH_SECTION_CODE, SHT_PROGBITS, 64 },
	[SECTION_NODES] = { NPU_GRAPH_SECTION_NODES, SHT_PROGBITS, 4 },
	[SECTION_STRINGS] = { NPU_GRAPH_SECTION_STRINGS, SHT_STRTAB, 1 },
	[SECTION_DIGEST] = { NPU_GRAPH_SECTION_DIGEST, SHT_PROGBITS, 8 },
	[SECTION_NAMES] = { ".shstrtab", SHT_STRTAB, 1 },
	[SECTION_WEIGHTS] = { NPU_GRAPH_SECTION_WEIGHTS, SHT_PROGBITS, 4096 },
	[SECTION_SCRATCH] = { NPU_GRAPH_SECTION_SCRATCH, SHT_NOBITS, 4096 },
};

/* The card ABIs that run version 1 of programs: 1.0 to 1.65535. */
#define ABI_MIN 0x00010000
#define ABI_MAX 0x0001ffff

struct bytes {
	uint8_t *data;
	size_t size, room;
	int error;
};

struct note {
	Elf64_Nhdr header;
	char name[4];
	struct npu_graph_compat compat;
};

struct writer {
	struct npuc_graph *graph;
	struct program *program;
	struct bytes parts[SECTION_COUNT];
	struct npu_graph_compat compat;
	uint64_t sizes[SECTION_COUNT];	/* 0: the section is left out */
};

static void *append(struct bytes *b, const void *data, size_t size)
{
	size_t room = b->room ? b->room : 256;
	uint8_t *grown;

	if (b->error)
		return NULL;
	while (room < b->size + size)
		room *= 2;
	if (room != b->room) {
		grown = realloc(b->data, room);
		if (!grown) {
			b->error = -ENOMEM;
			return NULL;
		}
		b->data = grown;
		b->room = room;
	}
	if (size)
		memcpy(b->data + b->size, data, size);
	b->size += size;
	return b->data + b->size - size;
}

/* Appends a string, control characters replaced; returns its offset. */
static uint32_t append_string(struct bytes *strings, const char *text)
{
	const size_t at = strings->size;
	char *copy = append(strings, text, strlen(text) + 1);

	for (; copy && *copy; copy++) {
		if ((unsigned char)*copy < 0x20 || *copy == 0x7f)
			*copy = '?';
	}
	return (uint32_t)at;
}

static void write_io(struct writer *w)
{
	const struct npuc_graph *graph = w->graph;
	const struct npu_graph_io_header header = {
		.count = w->program->io_count, .stride = sizeof(struct npu_graph_io),
	};

	append(&w->parts[SECTION_IO], &header, sizeof(header));
	for (unsigned int i = 0; i < header.count; i++) {
		const bool input = i < graph->input_count;
		const struct ir_output *out = input ? NULL : &graph->outputs[i - graph->input_count];
		const struct npuc_value *v = input ? graph->inputs[i] : out->value;
		struct npu_graph_io io = {
			.direction = input ? NPU_GRAPH_INPUT : NPU_GRAPH_OUTPUT,
			.type = v->shape.type, .rank = v->shape.rank, .size = shape_bytes(&v->shape),
		};

		io.name = append_string(&w->parts[SECTION_STRINGS], input ? v->name : out->name);
		memcpy(io.extent, v->shape.extent, sizeof(io.extent));
		if (v->io_quant && type_is_int8(v->shape.type)) {
			io.flags = NPU_GRAPH_QUANTISED;
			memcpy(&io.scale, &v->io_quant->scale[0], sizeof(io.scale));
			io.zero_point = v->io_quant->zero[0];
		}
		append(&w->parts[SECTION_IO], &io, sizeof(io));
	}
}

static struct npu_tensor tensor_of(const struct operand *o)
{
	const struct storage *s = &o->storage;
	struct npu_tensor t = { 0 };

	if (!s->buffer)
		return t;
	t.type = o->shape.type;
	t.rank = o->shape.rank;
	t.base = (__u16)s->buffer->base;
	t.offset = s->buffer->offset + s->offset * type_size(o->shape.type);
	for (unsigned int i = 0; i < o->shape.rank; i++) {
		t.extent[i] = o->shape.extent[i];
		t.stride[i] = s->stride[i];
	}
	return t;
}

static void write_code(struct writer *w)
{
	const struct program *p = w->program;
	struct npu_program header = {
		.magic = NPU_PROGRAM_MAGIC, .version = NPU_PROGRAM_VERSION,
		.header_size = sizeof(header), .op_count = (__u32)p->op_count,
		.base_count = NPU_GRAPH_BASE_IO + p->io_count,
	};
	struct bytes *code = &w->parts[SECTION_CODE];

	append(code, &header, sizeof(header));
	for (size_t i = 0; i < p->op_count; i++) {
		append(code, &p->ops[i].op, sizeof(p->ops[i].op));
		for (unsigned int t = 0; t < p->ops[i].op.tensor_count; t++) {
			const struct npu_tensor tensor = tensor_of(&p->ops[i].tensors[t]);

			append(code, &tensor, sizeof(tensor));
		}
		if (__builtin_add_overflow(w->compat.macs, p->ops[i].macs, &w->compat.macs))
			w->compat.macs = UINT64_MAX;
	}
	if (!code->error)
		((struct npu_program *)code->data)->size = (__u32)code->size;
}

static void write_note(struct writer *w)
{
	struct note note = {
		.header = { sizeof(note.name), sizeof(note.compat), NPU_GRAPH_NOTE_COMPAT },
		.name = NPU_GRAPH_NOTE_NAME,
		.compat = w->compat,
	};

	_Static_assert(sizeof(note) == 64, "docs/graph.md says so");
	note.compat.format_version = NPU_GRAPH_VERSION;
	note.compat.program_version = NPU_PROGRAM_VERSION;
	note.compat.abi_min = ABI_MIN;
	note.compat.abi_max = ABI_MAX;
	append(&w->parts[SECTION_COMPAT], &note, sizeof(note));
}

/* Everything but digests, weights and section names. */
static void write_parts(struct writer *w)
{
	const struct program *p = w->program;
	struct bytes *strings = &w->parts[SECTION_STRINGS];

	append(strings, "", 1);
	w->compat.name = append_string(strings, w->graph->name[0] ? w->graph->name : "graph");
	w->compat.compiler = append_string(strings, "npu-compile " NPU_VERSION);
	write_io(w);
	write_code(w);
	for (uint32_t i = 0; i < p->node_count; i++) {
		const uint32_t name = append_string(strings, w->graph->names[p->nodes[i]]);

		append(&w->parts[SECTION_NODES], &name, sizeof(name));
	}
	write_note(w);
}

static void write_digests(struct writer *w)
{
	static const enum section hashed[] = { SECTION_COMPAT, SECTION_IO, SECTION_CODE,
					       SECTION_NODES, SECTION_STRINGS, SECTION_WEIGHTS };

	for (size_t i = 0; i < sizeof(hashed) / sizeof(hashed[0]); i++) {
		const bool weights = hashed[i] == SECTION_WEIGHTS;
		const struct bytes *part = &w->parts[hashed[i]];
		struct npu_graph_digest digest = { .section = hashed[i],
						   .algorithm = NPU_GRAPH_DIGEST_SHA256 };

		if (weights && !w->program->weight_size)
			continue;
		crypto_hash_sha256(digest.value, weights ? w->program->weight_data : part->data,
				   weights ? w->program->weight_size : part->size);
		append(&w->parts[SECTION_DIGEST], &digest, sizeof(digest));
	}
}

static uint64_t align(uint64_t offset, uint64_t to)
{
	return (offset + to - 1) & ~(to - 1);
}

/* Fills in the section headers and section names; returns the file's size. */
static uint64_t lay_out(struct writer *w, Elf64_Shdr *headers, uint32_t *count, uint64_t *table)
{
	uint64_t at = sizeof(Elf64_Ehdr);

	append(&w->parts[SECTION_NAMES], "", 1);
	for (unsigned int i = 1; i < SECTION_COUNT; i++) {
		if (i != SECTION_WEIGHTS && i != SECTION_SCRATCH)
			w->sizes[i] = w->parts[i].size;
	}
	w->sizes[SECTION_WEIGHTS] = w->program->weight_size;
	w->sizes[SECTION_SCRATCH] = w->program->scratch_size;
	*count = 1;
	for (unsigned int i = 1; i < SECTION_COUNT; i++) {
		if (!w->sizes[i])
			continue;
		headers[*count].sh_name = append_string(&w->parts[SECTION_NAMES], layout[i].name);
		headers[*count].sh_type = layout[i].type;
		headers[*count].sh_addralign = layout[i].align;
		if (i == SECTION_NAMES)
			*table = *count;
		++*count;
	}
	w->sizes[SECTION_NAMES] = w->parts[SECTION_NAMES].size;

	for (unsigned int i = 1, index = 1; i < SECTION_COUNT; i++) {
		if (!w->sizes[i])
			continue;
		headers[index].sh_size = w->sizes[i];
		/* The headers stand between the small sections and the weights. */
		if (i == SECTION_WEIGHTS)
			at = *table + *count * sizeof(*headers);
		if (i != SECTION_SCRATCH)
			at = align(at, layout[i].align);
		headers[index].sh_offset = at;
		if (i != SECTION_SCRATCH)
			at += w->sizes[i];
		if (i == SECTION_NAMES) {
			*table = align(at, 8);
			at = *table + *count * sizeof(*headers);
		}
		index++;
	}
	return at;
}

static void *assemble(struct writer *w, size_t *size)
{
	Elf64_Shdr headers[SECTION_COUNT] = { 0 };
	Elf64_Ehdr elf = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC, .e_machine = NPU_GRAPH_MACHINE, .e_version = EV_CURRENT,
		.e_ehsize = sizeof(elf), .e_shentsize = sizeof(headers[0]),
		.e_shstrndx = SECTION_NAMES,
	};
	uint64_t table = 0, total;
	uint32_t count;
	uint8_t *file;

	total = lay_out(w, headers, &count, &table);
	if (w->parts[SECTION_NAMES].error)
		return NULL;
	elf.e_shoff = table;
	elf.e_shnum = (Elf64_Half)count;
	file = calloc(1, total);
	if (!file)
		return NULL;
	memcpy(file, &elf, sizeof(elf));
	memcpy(file + table, headers, count * sizeof(headers[0]));
	for (unsigned int i = 1, index = 1; i < SECTION_COUNT; i++) {
		const uint8_t *data = i == SECTION_WEIGHTS ? w->program->weight_data :
							     w->parts[i].data;

		if (!w->sizes[i])
			continue;
		if (i != SECTION_SCRATCH)
			memcpy(file + headers[index].sh_offset, data, w->sizes[i]);
		index++;
	}
	*size = total;
	return file;
}

int container_write(struct npuc_graph *graph, struct program *program, void **bytes, size_t *size)
{
	struct writer w = { .graph = graph, .program = program };
	void *file = NULL;
	uint64_t metadata = 0;
	int ret = 0;

	write_parts(&w);
	for (unsigned int i = 0; i < SECTION_COUNT; i++) {
		if (w.parts[i].error)
			ret = ir_fail(graph, -ENOMEM, "no memory for the compiled graph");
		metadata += w.parts[i].size;
	}
	if (!ret && (metadata > 1u << 29 || program->weight_size > 1ull << 40 ||
		     program->scratch_size > 1ull << 40))
		ret = ir_fail(graph, -ENOTSUP,
			      "%llu bytes of weights and %llu of scratch: a graph may have 2^40 of each",
			      (unsigned long long)program->weight_size,
			      (unsigned long long)program->scratch_size);
	if (!ret) {
		write_digests(&w);
		file = assemble(&w, size);
		if (!file)
			ret = ir_fail(graph, -ENOMEM, "no memory for the compiled graph");
	}
	for (unsigned int i = 0; i < SECTION_COUNT; i++)
		free(w.parts[i].data);
	*bytes = file;
	return ret;
}
