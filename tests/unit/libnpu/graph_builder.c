// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "graph_builder.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sodium/crypto_hash_sha256.h>

static const char strings[] = "\0tiny\0test 1.0\0x\0y\0add1";

enum { NAME_GRAPH = 1, NAME_COMPILER = 6, NAME_X = 15, NAME_Y = 17, NAME_ADD = 19 };

/* Order of the ELF table; 0 is the empty header. */
enum { COMPAT = 1, IO, CODE, NODES, STRINGS, DIGEST, NAMES, WEIGHTS, SCRATCH, SECTIONS };

static const struct {
	const char *name;
	uint32_t type;
	uint32_t align;
} kinds[SECTIONS] = {
	[COMPAT] = { ".note.npu.compat", SHT_NOTE, 8 },
	[IO] = { ".npu.io", SHT_PROGBITS, 8 },
	[CODE] = { ".npu.code", SHT_PROGBITS, 64 },
	[NODES] = { ".npu.nodes", SHT_PROGBITS, 4 },
	[STRINGS] = { ".npu.strings", SHT_STRTAB, 1 },
	[DIGEST] = { ".npu.digest", SHT_PROGBITS, 8 },
	[NAMES] = { ".shstrtab", SHT_STRTAB, 1 },
	[WEIGHTS] = { ".npu.weights", SHT_PROGBITS, 4096 },
	[SCRATCH] = { ".npu.scratch", SHT_NOBITS, 4096 },
};

struct builder {
	uint8_t *data;
	size_t size;
	Elf64_Shdr headers[SECTIONS];
	uint32_t count; /* of headers in use, the empty one too */
};

static void *grow(struct builder *b, size_t align, size_t size)
{
	size_t start = (b->size + align - 1) / align * align;

	b->data = realloc(b->data, start + size);
	assert(b->data);
	memset(b->data + b->size, 0, start + size - b->size);
	b->size = start + size;
	return b->data + start;
}

/* All names one after another; where that of @kind stands. */
static size_t section_names(char *names, int kind, size_t *where)
{
	size_t size = 1;

	names[0] = '\0';
	for (int i = COMPAT; i < SECTIONS; i++) {
		if (i == kind)
			*where = size;
		strcpy(names + size, kinds[i].name);
		size += strlen(kinds[i].name) + 1;
	}
	return size;
}

/* The content may move when the next section is added. */
static void *add(struct builder *b, int kind, size_t size)
{
	Elf64_Shdr *s = &b->headers[b->count++];
	void *content = NULL;
	char names[256];
	size_t where = 0;

	section_names(names, kind, &where);
	s->sh_name = (Elf64_Word)where;
	s->sh_type = kinds[kind].type;
	s->sh_addralign = kinds[kind].align;
	s->sh_size = size;
	if (kind != SCRATCH) {
		content = grow(b, kinds[kind].align, size);
		s->sh_offset = (Elf64_Off)((uint8_t *)content - b->data);
	}
	return content;
}

static void add_compat(struct builder *b, const struct graph_shape *shape)
{
	uint8_t *note = add(b, COMPAT, 16 + sizeof(struct npu_graph_compat));
	const struct npu_graph_compat compat = {
		.format_version = NPU_GRAPH_VERSION,
		.program_version = NPU_PROGRAM_VERSION,
		.abi_min = shape->abi_min ? shape->abi_min : 0x10000,
		.abi_max = shape->abi_max ? shape->abi_max : 0x1ffff,
		.name = NAME_GRAPH,
		.compiler = NAME_COMPILER,
		.macs = 4,
	};
	const uint32_t header[3] = { 4, sizeof(compat), NPU_GRAPH_NOTE_COMPAT };

	memcpy(note, header, sizeof(header));
	memcpy(note + 12, "npu", 4);
	memcpy(note + 16, &compat, sizeof(compat));
}

static void add_io(struct builder *b, uint32_t elements)
{
	struct npu_graph_io_header *header =
		add(b, IO, sizeof(*header) + 2 * sizeof(struct npu_graph_io));
	struct npu_graph_io *io = (void *)(header + 1);

	header->count = 2;
	header->stride = sizeof(*io);
	for (int i = 0; i < 2; i++)
		io[i] = (struct npu_graph_io){
			.name = i ? NAME_Y : NAME_X,
			.direction = i ? NPU_GRAPH_OUTPUT : NPU_GRAPH_INPUT,
			.type = NPU_TYPE_F32,
			.rank = 2,
			.extent = { 1, elements },
			.size = elements * 4ULL,
		};
}

static void add_code(struct builder *b, uint32_t elements, int no_weights)
{
	const size_t size = sizeof(struct npu_program) + sizeof(struct npu_op) +
			    3 * sizeof(struct npu_tensor);
	struct npu_program *p = add(b, CODE, size);
	struct npu_op *op = (void *)(p + 1);
	struct npu_tensor *t = (void *)(op + 1);
	const uint16_t bases[3] = { NPU_GRAPH_BASE_IO + 1, NPU_GRAPH_BASE_IO,
				    no_weights ? NPU_GRAPH_BASE_IO : NPU_GRAPH_BASE_WEIGHTS };

	*p = (struct npu_program){
		.magic = NPU_PROGRAM_MAGIC,
		.version = NPU_PROGRAM_VERSION,
		.header_size = sizeof(*p),
		.size = (uint32_t)size,
		.op_count = 1,
		.base_count = 4,
	};
	op->opcode = NPU_OP_BINARY;
	op->tensor_count = 3;
	for (int i = 0; i < 3; i++)
		t[i] = (struct npu_tensor){
			.type = NPU_TYPE_F32, .rank = 2, .base = bases[i],
			.extent = { 1, elements }, .stride = { (int32_t)elements, 1 },
		};
}

static void add_weights(struct builder *b, uint32_t elements)
{
	float *w = add(b, WEIGHTS, elements * sizeof(*w));

	for (uint32_t i = 0; i < elements; i++)
		w[i] = 100 + (float)i;
}

static void add_header(struct builder *b, size_t shoff)
{
	Elf64_Ehdr *e = (void *)b->data;

	memcpy(e->e_ident, ELFMAG "\2\1\1", 7);
	e->e_type = ET_EXEC;
	e->e_machine = NPU_GRAPH_MACHINE;
	e->e_version = EV_CURRENT;
	e->e_shoff = shoff;
	e->e_ehsize = sizeof(*e);
	e->e_shentsize = sizeof(Elf64_Shdr);
	e->e_shnum = (Elf64_Half)b->count;
	e->e_shstrndx = NAMES;
	memcpy(b->data + shoff, b->headers, b->count * sizeof(Elf64_Shdr));
}

void graph_build(struct graph_file *g, const struct graph_shape *shape)
{
	static const struct graph_shape usual = { .scratch = 4096 };
	struct builder b = { .count = 1 };
	uint32_t elements, node = NAME_ADD;
	char names[256];
	size_t shoff, names_size;

	shape = shape ? shape : &usual;
	elements = shape->elements ? shape->elements : 4;
	grow(&b, 1, sizeof(Elf64_Ehdr));
	add_compat(&b, shape);
	add_io(&b, elements);
	add_code(&b, elements, shape->no_weights);
	memcpy(add(&b, NODES, sizeof(node)), &node, sizeof(node));
	memcpy(add(&b, STRINGS, sizeof(strings)), strings, sizeof(strings));
	add(&b, DIGEST, (shape->no_weights ? 5 : 6) * sizeof(struct npu_graph_digest));
	names_size = section_names(names, NAMES, &shoff);
	memcpy(add(&b, NAMES, names_size), names, names_size);
	shoff = (b.size + 7) / 8 * 8;
	grow(&b, 8, (NAMES + 1 + !shape->no_weights + !!shape->scratch) * sizeof(Elf64_Shdr));
	if (!shape->no_weights)
		add_weights(&b, elements);
	if (shape->scratch)
		add(&b, SCRATCH, shape->scratch);
	add_header(&b, shoff);
	g->data = b.data;
	g->size = b.size;
	graph_digest(g);
}

void graph_free(struct graph_file *g)
{
	free(g->data);
	g->data = NULL;
}

Elf64_Ehdr *graph_header(struct graph_file *g)
{
	return (void *)g->data;
}

Elf64_Shdr *graph_headers(struct graph_file *g)
{
	return (void *)(g->data + graph_header(g)->e_shoff);
}

Elf64_Shdr *graph_section(struct graph_file *g, const char *name)
{
	Elf64_Ehdr *e = graph_header(g);
	Elf64_Shdr *s = graph_headers(g);
	const char *names = (const char *)g->data + s[e->e_shstrndx].sh_offset;

	for (int i = 1; i < e->e_shnum; i++)
		if (!strcmp(names + s[i].sh_name, name))
			return &s[i];
	return NULL;
}

void *graph_content(struct graph_file *g, const char *name)
{
	return g->data + graph_section(g, name)->sh_offset;
}

struct npu_graph_compat *graph_compat(struct graph_file *g)
{
	return (void *)((uint8_t *)graph_content(g, ".note.npu.compat") + 16);
}

struct npu_graph_io *graph_io(struct graph_file *g, unsigned int i)
{
	return (struct npu_graph_io *)((uint8_t *)graph_content(g, ".npu.io") + 16) + i;
}

struct npu_program *graph_program(struct graph_file *g)
{
	return graph_content(g, ".npu.code");
}

struct npu_op *graph_op(struct graph_file *g)
{
	return (struct npu_op *)(graph_program(g) + 1);
}

void graph_digest(struct graph_file *g)
{
	static const char *const digested[] = {
		".note.npu.compat", ".npu.io", ".npu.code", ".npu.nodes", ".npu.strings",
		".npu.weights",
	};
	struct npu_graph_digest *d = graph_content(g, ".npu.digest");

	for (size_t i = 0; i < sizeof(digested) / sizeof(digested[0]); i++) {
		Elf64_Shdr *s = graph_section(g, digested[i]);

		if (!s)
			continue;
		d->section = (uint32_t)(s - graph_headers(g));
		d->algorithm = NPU_GRAPH_DIGEST_SHA256;
		crypto_hash_sha256(d->value, g->data + s->sh_offset, s->sh_size);
		d++;
	}
}

int graph_file_descriptor(const struct graph_file *g, char path[32])
{
	int fd = memfd_create("graph", MFD_CLOEXEC);

	assert(fd >= 0);
	assert(write(fd, g->data, g->size) == (ssize_t)g->size);
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fd;
}
