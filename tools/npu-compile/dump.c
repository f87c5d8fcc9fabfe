// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Prints a compiled graph (docs/graph.md) in words, down to each operand: for
 * whoever writes a compiler, a reader or a card. It shows what is there and
 * checks only what keeps it inside the file; npu-run --check is the judge.
 */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <npu/npu_graph.h>

#include "npu-compile.h"
#include "program.h"
#include "text.h"

struct part {
	const uint8_t *data;	/* NULL: absent, or outside of the file */
	uint64_t size;
};

struct file {
	const uint8_t *data;
	size_t size;
	Elf64_Ehdr elf;
};

static const char *const type_names[NPU_TYPE_COUNT] = {
	"none", "f32", "f16", "bf16", "i8", "u8", "i16", "i32", "i64", "bool", "i4",
};
static const char *const opcode_names[NPU_OP_COUNT] = {
	[NPU_OP_COPY] = "COPY", [NPU_OP_FILL] = "FILL", [NPU_OP_BINARY] = "BINARY",
	[NPU_OP_UNARY] = "UNARY", [NPU_OP_GEMM] = "GEMM", [NPU_OP_CONV] = "CONV",
	[NPU_OP_POOL] = "POOL", [NPU_OP_SOFTMAX] = "SOFTMAX", [NPU_OP_REDUCE] = "REDUCE",
	[NPU_OP_QUANTISE] = "QUANTISE", [NPU_OP_DEQUANTISE] = "DEQUANTISE",
};
static const char *const activation_names[NPU_ACT_COUNT] = {
	"none", "relu", "clip", "sigmoid", "tanh", "leaky-relu",
};

static const char *name_of(const char *const *names, unsigned int count, unsigned int value)
{
	return value < count && names[value] ? names[value] : "?";
}

/* A string of a table, made fit for a terminal. */
static const char *string(const struct part *table, uint32_t offset, char *text, size_t size)
{
	if (!table->data || offset >= table->size ||
	    !memchr(table->data + offset, 0, table->size - offset))
		return "?";
	return text_printable(text, size, (const char *)table->data + offset);
}

static bool section(const struct file *f, unsigned int index, Elf64_Shdr *header,
		    struct part *part)
{
	const uint64_t at = f->elf.e_shoff + (uint64_t)index * sizeof(*header);

	if (index >= f->elf.e_shnum || f->elf.e_shoff > f->size || at > f->size ||
	    f->size - at < sizeof(*header))
		return false;
	memcpy(header, f->data + at, sizeof(*header));
	*part = (struct part){ NULL, header->sh_size };
	if (header->sh_type != SHT_NOBITS && header->sh_offset <= f->size &&
	    header->sh_size <= f->size - header->sh_offset)
		part->data = f->data + header->sh_offset;
	return true;
}

static struct part find(const struct file *f, const char *name)
{
	struct part names = { 0 }, part;
	Elf64_Shdr header;
	char text[64];

	if (!section(f, f->elf.e_shstrndx, &header, &names))
		return names;
	for (unsigned int i = 1; section(f, i, &header, &part); i++) {
		if (!strcmp(string(&names, header.sh_name, text, sizeof(text)), name))
			return part;
	}
	return (struct part){ 0 };
}

static void dump_sections(const struct file *f)
{
	struct part names = { 0 }, part;
	Elf64_Shdr header;
	char text[64];

	section(f, f->elf.e_shstrndx, &header, &names);
	puts("sections:");
	for (unsigned int i = 1; section(f, i, &header, &part); i++)
		printf("  %2u %-18s offset %8" PRIu64 "  size %10" PRIu64 "%s\n", i,
		       string(&names, header.sh_name, text, sizeof(text)), header.sh_offset,
		       header.sh_size,
		       part.data || header.sh_type == SHT_NOBITS ? "" : "  outside of the file");
}

static void dump_compat(const struct file *f, const struct part *strings)
{
	const struct part note = find(f, NPU_GRAPH_SECTION_COMPAT);
	struct npu_graph_compat c;
	char name[256], compiler[256];

	if (!note.data || note.size < 16 + sizeof(c))
		return;
	memcpy(&c, note.data + 16, sizeof(c));
	printf("graph '%s' by %s\n", string(strings, c.name, name, sizeof(name)),
	       string(strings, c.compiler, compiler, sizeof(compiler)));
	printf("format %u, programs %u, features %#" PRIx64 " (optional %#" PRIx64
	       "), card ABI %u.%u to %u.%u, %" PRIu64 " MACs\n",
	       c.format_version, c.program_version, (uint64_t)c.features_required,
	       (uint64_t)c.features_optional, c.abi_min >> 16, c.abi_min & 0xffff, c.abi_max >> 16,
	       c.abi_max & 0xffff, (uint64_t)c.macs);
}

static void dump_io(const struct file *f, const struct part *strings)
{
	const struct part part = find(f, NPU_GRAPH_SECTION_IO);
	struct npu_graph_io_header header;
	struct npu_graph_io io;
	char name[512];
	float scale;

	if (!part.data || part.size < sizeof(header))
		return;
	memcpy(&header, part.data, sizeof(header));
	puts("inputs and outputs:");
	for (uint32_t i = 0; i < header.count && i < NPU_GRAPH_IO_MAX; i++) {
		const uint64_t at = sizeof(header) + (uint64_t)i * header.stride;

		if (at > part.size || part.size - at < sizeof(io))
			break;
		memcpy(&io, part.data + at, sizeof(io));
		memcpy(&scale, &io.scale, sizeof(scale));
		printf("  base %u %s '%s' %s[", NPU_GRAPH_BASE_IO + i,
		       io.direction == NPU_GRAPH_INPUT ? "input" : "output",
		       string(strings, io.name, name, sizeof(name)),
		       name_of(type_names, NPU_TYPE_COUNT, io.type));
		for (unsigned int d = 0; d < io.rank && d < NPU_RANK_MAX; d++)
			printf("%s%u", d ? "," : "", io.extent[d]);
		printf("] %" PRIu64 " bytes", (uint64_t)io.size);
		if (io.flags & NPU_GRAPH_QUANTISED)
			printf(", scale %.9g, zero %d", (double)scale, io.zero_point);
		putchar('\n');
	}
}

static void dump_tensor(const uint8_t *data)
{
	struct npu_tensor t;

	memcpy(&t, data, sizeof(t));
	if (t.type == NPU_TYPE_NONE) {
		puts("      none");
		return;
	}
	printf("      base %u + %" PRIu64 "  %s[", t.base, (uint64_t)t.offset,
	       name_of(type_names, NPU_TYPE_COUNT, t.type));
	for (unsigned int d = 0; d < t.rank && d < NPU_RANK_MAX; d++)
		printf("%s%s%u", d ? "," : "", t.dynamic & 1u << d ? "param " : "", t.extent[d]);
	fputs("]  strides [", stdout);
	for (unsigned int d = 0; d < t.rank && d < NPU_RANK_MAX; d++)
		printf("%s%d", d ? "," : "", t.stride[d]);
	puts("]");
}

static void dump_code(const struct file *f, const struct part *strings)
{
	const struct part code = find(f, NPU_GRAPH_SECTION_CODE);
	const struct part nodes = find(f, NPU_GRAPH_SECTION_NODES);
	uint64_t at = sizeof(struct npu_program);
	char name[512];

	if (!code.data || code.size < at)
		return;
	puts("program:");
	for (unsigned int i = 0; code.size - at >= sizeof(struct npu_op); i++) {
		uint32_t node = UINT32_MAX;
		struct npu_op op;

		memcpy(&op, code.data + at, sizeof(op));
		at += sizeof(op);
		if (nodes.data && op.node < nodes.size / sizeof(node))
			memcpy(&node, nodes.data + op.node * sizeof(node), sizeof(node));
		printf("  %4u %s '%s'", i, name_of(opcode_names, NPU_OP_COUNT, op.opcode),
		       string(strings, node, name, sizeof(name)));
		if (op.activation)
			printf(" %s %#x %#x", name_of(activation_names, NPU_ACT_COUNT, op.activation),
			       op.act_a, op.act_b);
		fputs("  attributes", stdout);
		for (size_t b = 0; b < sizeof(op.attr); b++)
			printf("%s%02x", b % 4 ? "" : " ", op.attr[b]);
		putchar('\n');
		for (unsigned int t = 0; t < op.tensor_count; t++) {
			if (code.size - at < sizeof(struct npu_tensor)) {
				puts("      cut off");
				return;
			}
			dump_tensor(code.data + at);
			at += sizeof(struct npu_tensor);
		}
	}
}

int dump_file(const char *path)
{
	struct file f = { 0 };
	struct part strings;
	void *data;

	data = file_read(path, &f.size);
	if (!data)
		return EXIT_FAILED;
	f.data = data;
	if (f.size >= sizeof(f.elf))
		memcpy(&f.elf, f.data, sizeof(f.elf));
	if (memcmp(f.elf.e_ident, ELFMAG, SELFMAG) || f.elf.e_machine != NPU_GRAPH_MACHINE ||
	    f.elf.e_shentsize != sizeof(Elf64_Shdr)) {
		free(data);
		return fail("%s: not a compiled graph; npu-compile makes one of an ONNX model", path);
	}
	strings = find(&f, NPU_GRAPH_SECTION_STRINGS);
	dump_compat(&f, &strings);
	dump_sections(&f);
	dump_io(&f, &strings);
	dump_code(&f, &strings);
	free(data);
	return EXIT_GOOD;
}
