// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * The container: ELF header, section headers, and where sections lie
 * (docs/graph.md, "ELF header" and "Sections"). The file is a stranger's: every
 * number is checked before it is used, sums are formed so that they cannot
 * wrap.
 */
#include "graph.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECTIONS_MAX 16
#define METADATA_MAX (1ULL << 30) /* all sections together that are read into memory */
#define BULK_MAX (1ULL << 40) /* weights, scratch */
#define GAP_MAX 4096

const char *const npu_graph_section_names[SECTION_COUNT] = {
	[SECTION_COMPAT] = NPU_GRAPH_SECTION_COMPAT, [SECTION_IO] = NPU_GRAPH_SECTION_IO,
	[SECTION_CODE] = NPU_GRAPH_SECTION_CODE, [SECTION_NODES] = NPU_GRAPH_SECTION_NODES,
	[SECTION_STRINGS] = NPU_GRAPH_SECTION_STRINGS, [SECTION_DIGEST] = NPU_GRAPH_SECTION_DIGEST,
	[SECTION_NAMES] = ".shstrtab", [SECTION_WEIGHTS] = NPU_GRAPH_SECTION_WEIGHTS,
	[SECTION_SCRATCH] = NPU_GRAPH_SECTION_SCRATCH,
};

static const struct {
	uint32_t type;
	uint32_t align;
} rules[SECTION_COUNT] = {
	[SECTION_COMPAT] = { SHT_NOTE, 8 }, [SECTION_IO] = { SHT_PROGBITS, 8 },
	[SECTION_CODE] = { SHT_PROGBITS, 64 }, [SECTION_NODES] = { SHT_PROGBITS, 4 },
	[SECTION_STRINGS] = { SHT_STRTAB, 1 }, [SECTION_DIGEST] = { SHT_PROGBITS, 8 },
	[SECTION_NAMES] = { SHT_STRTAB, 1 }, [SECTION_WEIGHTS] = { SHT_PROGBITS, 4096 },
	[SECTION_SCRATCH] = { SHT_NOBITS, 4096 },
};

static int not_a_graph(const struct npu_graph *graph, const char *why, struct npu_error *error)
{
	return npu_fail(error, -ENOEXEC,
			"%s: not a compiled graph: %s; npu-compile makes one of an ONNX model",
			graph->source.name, why);
}

static int check_header(const struct npu_graph *graph, const Elf64_Ehdr *e, struct npu_error *error)
{
	static const uint8_t ident[EI_NIDENT] = {
		0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT,
	};

	if (memcmp(e->e_ident, ident, SELFMAG))
		return not_a_graph(graph, "it is no ELF file", error);
	if (e->e_machine != NPU_GRAPH_MACHINE)
		return not_a_graph(graph, "it is an ELF file for another machine", error);
	if (memcmp(e->e_ident, ident, sizeof(ident)) || e->e_type != ET_EXEC ||
	    e->e_version != EV_CURRENT || e->e_entry || e->e_phoff || e->e_flags ||
	    e->e_phentsize || e->e_phnum || e->e_ehsize != sizeof(Elf64_Ehdr) ||
	    e->e_shentsize != sizeof(Elf64_Shdr))
		return npu_fail(error, -EBADMSG, "%s: bad ELF header: " DAMAGED,
				graph->source.name);
	if (e->e_shnum < 2 || e->e_shnum > SECTIONS_MAX || !e->e_shstrndx ||
	    e->e_shstrndx >= e->e_shnum)
		return npu_fail(error, -EBADMSG,
				"%s: bad ELF header: %u sections, their names in section %u: " DAMAGED,
				graph->source.name, e->e_shnum, e->e_shstrndx);
	if (e->e_shoff % 8 || e->e_shoff < sizeof(*e) || e->e_shoff > graph->source.size ||
	    graph->source.size - e->e_shoff < e->e_shnum * sizeof(Elf64_Shdr))
		return npu_fail(error, -EBADMSG,
				"%s: the section headers (byte %llu) lie outside of the file (%llu "
				"bytes): " DAMAGED,
				graph->source.name, (unsigned long long)e->e_shoff,
				(unsigned long long)graph->source.size);
	return 0;
}

static int read_headers(const struct npu_graph *graph, Elf64_Ehdr *e, Elf64_Shdr *s,
			struct npu_error *error)
{
	int ret;

	if (graph->source.size < sizeof(*e))
		return not_a_graph(graph, "it is shorter than an ELF header", error);
	ret = npu_graph_source_read(&graph->source, 0, e, sizeof(*e), error);
	if (ret)
		return ret;
	ret = check_header(graph, e, error);
	if (ret)
		return ret;
	return npu_graph_source_read(&graph->source, e->e_shoff, s, e->e_shnum * sizeof(*s), error);
}

/* Is [offset, offset + size) inside the file? */
static bool inside(const struct npu_graph *graph, uint64_t offset, uint64_t size)
{
	return size <= graph->source.size && offset <= graph->source.size - size;
}

/* A string table whose first and last byte are zero: each string in it ends. */
static int read_names(struct npu_graph *graph, const Elf64_Shdr *s, char **names,
		      struct npu_error *error)
{
	int ret;

	if (s->sh_type != SHT_STRTAB || !s->sh_size || s->sh_size > 4096 ||
	    !inside(graph, s->sh_offset, s->sh_size))
		return npu_fail(error, -EBADMSG, "%s: bad table of section names: " DAMAGED,
				graph->source.name);
	*names = malloc(s->sh_size);
	if (!*names)
		return npu_fail(error, -ENOMEM, "%s: no memory", graph->source.name);
	ret = npu_graph_source_read(&graph->source, s->sh_offset, *names, s->sh_size, error);
	if (!ret && ((*names)[0] || (*names)[s->sh_size - 1]))
		ret = npu_fail(error, -EBADMSG, "%s: bad table of section names: " DAMAGED,
			       graph->source.name);
	if (ret)
		free(*names);
	return ret;
}

/* Prints a name of the file without what a terminal would obey. */
static const char *printable(const char *name, char *text, size_t size)
{
	size_t i;

	for (i = 0; i < size - 1 && name[i]; i++)
		text[i] = name[i] >= 0x20 && name[i] < 0x7f ? name[i] : '?';
	text[i] = '\0';
	return text;
}

static int check_section(struct npu_graph *graph, uint32_t index, const Elf64_Shdr *s,
			 const char *name, struct npu_error *error)
{
	struct npu_graph_section *section;
	char text[48];
	int id;

	for (id = 0; id < SECTION_COUNT; id++)
		if (!strcmp(name, npu_graph_section_names[id]))
			break;
	if (id == SECTION_COUNT)
		return npu_fail(error, -EBADMSG,
				"%s: unknown section '%s': made for a newer libnpu than %s, or damaged",
				graph->source.name, printable(name, text, sizeof(text)), NPU_VERSION);
	section = &graph->sections[id];
	if (section->index)
		return npu_fail(error, -EBADMSG, "%s: section %s appears twice: " DAMAGED,
				graph->source.name, name);
	if (s->sh_type != rules[id].type || s->sh_flags || s->sh_addr || s->sh_link || s->sh_info ||
	    s->sh_entsize || s->sh_addralign != rules[id].align || !s->sh_size)
		return npu_fail(error, -EBADMSG,
				"%s: section %s has a wrong type, flags, alignment or no content: " DAMAGED,
				graph->source.name, name);
	if (s->sh_type != SHT_NOBITS &&
	    (s->sh_offset % rules[id].align || !inside(graph, s->sh_offset, s->sh_size)))
		return npu_fail(error, -EBADMSG,
				"%s: section %s (%llu bytes at %llu) is not aligned or lies outside of "
				"the file (%llu bytes): " DAMAGED,
				graph->source.name, name, (unsigned long long)s->sh_size,
				(unsigned long long)s->sh_offset,
				(unsigned long long)graph->source.size);
	if ((id == SECTION_WEIGHTS || id == SECTION_SCRATCH) && s->sh_size > BULK_MAX)
		return npu_fail(error, -EBADMSG, "%s: section %s of %llu bytes is too large: " DAMAGED,
				graph->source.name, name, (unsigned long long)s->sh_size);
	section->index = index;
	section->offset = s->sh_offset;
	section->size = s->sh_size;
	return 0;
}

/* All that is read into memory, together. */
static int check_sizes(const struct npu_graph *graph, struct npu_error *error)
{
	uint64_t sum = 0;

	for (int id = 0; id < SECTION_WEIGHTS; id++) {
		if (!graph->sections[id].index)
			return npu_fail(error, -EBADMSG, "%s: section %s is missing: " DAMAGED,
					graph->source.name, npu_graph_section_names[id]);
		/* Each is at most the file's size, and there are few: no wrap. */
		sum += graph->sections[id].size;
	}
	if (sum > METADATA_MAX)
		return npu_fail(error, -EBADMSG,
				"%s: %llu bytes beside the weights, more than %llu: " DAMAGED,
				graph->source.name, (unsigned long long)sum,
				(unsigned long long)METADATA_MAX);
	return 0;
}

struct extent {
	uint64_t start;
	uint64_t end;
	const char *name;
};

static int compare_extents(const void *pa, const void *pb)
{
	const struct extent *a = pa, *b = pb;

	return a->start < b->start ? -1 : a->start > b->start;
}

/* @before ends where @after starts, or before. */
static int check_gap(const struct npu_graph *graph, const struct extent *before,
		     const struct extent *after, struct npu_error *error)
{
	uint8_t gap[GAP_MAX];
	uint64_t size;
	int ret;

	size = after->start - before->end;
	if (size >= sizeof(gap))
		return npu_fail(error, -EBADMSG, "%s: a gap of %llu bytes behind %s: " DAMAGED,
				graph->source.name, (unsigned long long)size, before->name);
	ret = npu_graph_source_read(&graph->source, before->end, gap, size, error);
	if (ret)
		return ret;
	for (uint64_t i = 0; i < size; i++)
		if (gap[i])
			return npu_fail(error, -EBADMSG,
					"%s: the padding behind %s is not zero: " DAMAGED,
					graph->source.name, before->name);
	return 0;
}

/* Ranges do not overlap, and what lies between them is short and zero. */
static int check_layout(const struct npu_graph *graph, struct npu_error *error)
{
	struct extent extents[SECTION_COUNT + 2];
	size_t n = 0;
	int ret;

	extents[n++] = (struct extent){ 0, sizeof(Elf64_Ehdr), "the ELF header" };
	extents[n++] = (struct extent){ graph->headers_offset,
					graph->headers_offset + graph->headers_size,
					"the section headers" };
	for (int id = 0; id < SECTION_COUNT; id++) {
		const struct npu_graph_section *s = &graph->sections[id];

		if (s->index && id != SECTION_SCRATCH)
			extents[n++] = (struct extent){ s->offset, s->offset + s->size,
							npu_graph_section_names[id] };
	}
	qsort(extents, n, sizeof(extents[0]), compare_extents);
	for (size_t i = 1; i < n; i++)
		if (extents[i].start < extents[i - 1].end)
			return npu_fail(error, -EBADMSG, "%s: %s and %s overlap: " DAMAGED,
					graph->source.name, extents[i - 1].name, extents[i].name);
	for (size_t i = 1; i < n; i++) {
		ret = check_gap(graph, &extents[i - 1], &extents[i], error);
		if (ret)
			return ret;
	}
	if (extents[n - 1].end != graph->source.size)
		return npu_fail(error, -EBADMSG, "%s: %llu bytes follow %s: " DAMAGED,
				graph->source.name,
				(unsigned long long)(graph->source.size - extents[n - 1].end),
				extents[n - 1].name);
	return 0;
}

/*
 * Comes before all other rules: those of another version may differ, and then
 * the version is what the user must hear of.
 */
static int check_version(const struct npu_graph *graph, const Elf64_Shdr *s, uint32_t count,
			 const char *names, uint64_t names_size, struct npu_error *error)
{
	struct npu_graph_note note;
	int ret;

	for (uint32_t i = 1; i < count; i++) {
		if (s[i].sh_name >= names_size ||
		    strcmp(names + s[i].sh_name, NPU_GRAPH_SECTION_COMPAT))
			continue;
		if (s[i].sh_type != SHT_NOTE || s[i].sh_size < sizeof(note) ||
		    !inside(graph, s[i].sh_offset, s[i].sh_size))
			return npu_fail(error, -EBADMSG, "%s: bad section %s: " DAMAGED,
					graph->source.name, NPU_GRAPH_SECTION_COMPAT);
		ret = npu_graph_source_read(&graph->source, s[i].sh_offset, &note, sizeof(note),
					    error);
		return ret ? ret : npu_graph_check_version(graph, &note, error);
	}
	return npu_fail(error, -EBADMSG, "%s: section %s is missing: " DAMAGED, graph->source.name,
			NPU_GRAPH_SECTION_COMPAT);
}

int npu_graph_find_sections(struct npu_graph *graph, struct npu_error *error)
{
	static const Elf64_Shdr zero;
	Elf64_Shdr s[SECTIONS_MAX];
	char *names;
	Elf64_Ehdr e;
	int ret;

	ret = read_headers(graph, &e, s, error);
	if (ret)
		return ret;
	if (memcmp(&s[0], &zero, sizeof(zero)))
		return npu_fail(error, -EBADMSG, "%s: section header 0 is not zero: " DAMAGED,
				graph->source.name);
	graph->headers_offset = e.e_shoff;
	graph->headers_size = e.e_shnum * sizeof(Elf64_Shdr);
	ret = read_names(graph, &s[e.e_shstrndx], &names, error);
	if (ret)
		return ret;
	ret = check_version(graph, s, e.e_shnum, names, s[e.e_shstrndx].sh_size, error);
	for (uint32_t i = 1; !ret && i < e.e_shnum; i++) {
		if (s[i].sh_name >= s[e.e_shstrndx].sh_size)
			ret = npu_fail(error, -EBADMSG, "%s: section %u has no name: " DAMAGED,
				       graph->source.name, i);
		else
			ret = check_section(graph, i, &s[i], names + s[i].sh_name, error);
	}
	free(names);
	if (!ret && graph->sections[SECTION_NAMES].index != e.e_shstrndx)
		ret = npu_fail(error, -EBADMSG, "%s: the section names are not in .shstrtab: " DAMAGED,
			       graph->source.name);
	if (!ret)
		ret = check_sizes(graph, error);
	return ret ? ret : check_layout(graph, error);
}
