// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* The reader of compiled graphs: what it tells of good ones, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "graph_builder.h"
#include "npu.h"

static int setup(void **state)
{
	struct graph_file *g = calloc(1, sizeof(*g));

	graph_build(g, NULL);
	*state = g;
	return 0;
}

static int teardown(void **state)
{
	graph_free(*state);
	free(*state);
	return 0;
}

/* A copy of its exact size, so that a sanitizer sees each byte that is read behind it. */
static int open_bytes(const uint8_t *data, size_t size, struct npu_graph **graph,
		      struct npu_error *error, uint8_t **copy)
{
	*copy = malloc(size ? size : 1);
	memcpy(*copy, data, size);
	return npu_graph_from_memory(*copy, size, graph, error);
}

/* Touches all that an open graph offers. */
static void use(struct npu_graph *graph)
{
	const struct npu_graph_info *info = npu_graph_info(graph);
	uint32_t opcode, node;
	size_t length = strlen(info->name) + strlen(info->compiler);

	for (uint32_t i = 0; i < info->inputs; i++)
		length += strlen(npu_graph_input(graph, i)->name);
	for (uint32_t i = 0; i < info->outputs; i++)
		length += strlen(npu_graph_output(graph, i)->name);
	for (uint32_t i = 0; i < info->nodes; i++)
		length += strlen(npu_graph_node(graph, i));
	for (uint32_t i = 0; i < info->operations; i++) {
		assert_int_equal(npu_graph_operation(graph, i, &opcode, &node), 0);
		assert_true(node < info->nodes);
	}
	assert_true(length > 0);
	assert_null(npu_graph_input(graph, info->inputs));
	assert_null(npu_graph_output(graph, info->outputs));
	assert_null(npu_graph_node(graph, info->nodes));
	assert_int_equal(npu_graph_operation(graph, info->operations, &opcode, &node), -ERANGE);
	npu_graph_check_abi(graph, 0x10000, NULL);
	npu_graph_verify(graph, NULL);
}

/* Opens, uses, closes; returns what opening gave. */
static int attempt(const struct graph_file *g, struct npu_error *error)
{
	struct npu_graph *graph;
	uint8_t *copy;
	int ret = open_bytes(g->data, g->size, &graph, error, &copy);

	if (!ret) {
		use(graph);
		npu_graph_unref(graph);
	}
	free(copy);
	return ret;
}

static void assert_refused(const struct graph_file *g, int ret, const char *words)
{
	struct npu_error error = { "" };

	assert_int_equal(attempt(g, &error), ret);
	if (!strstr(error.text, words))
		fail_msg("'%s' does not say '%s'", error.text, words);
}

/* Like assert_refused(), with digests that are right. */
static void assert_digested_refused(struct graph_file *g, int ret, const char *words)
{
	graph_digest(g);
	assert_refused(g, ret, words);
}

static void a_graph_tells_what_it_is(void **state)
{
	struct graph_file *g = *state;
	const struct npu_graph_info *info;
	const struct npu_graph_port *x;
	struct npu_graph *graph;
	uint32_t opcode, node;

	assert_int_equal(npu_graph_from_memory(g->data, g->size, &graph, NULL), 0);
	info = npu_graph_info(graph);
	assert_string_equal(info->name, "tiny");
	assert_string_equal(info->compiler, "test 1.0");
	assert_int_equal(info->inputs, 1);
	assert_int_equal(info->outputs, 1);
	assert_int_equal(info->nodes, 1);
	assert_int_equal(info->operations, 1);
	assert_int_equal(info->macs, 4);
	assert_int_equal(info->weights_size, 16);
	assert_int_equal(info->scratch_size, 4096);
	assert_int_equal(info->abi_min, 0x10000);
	x = npu_graph_input(graph, 0);
	assert_string_equal(x->name, "x");
	assert_int_equal(x->type, NPU_TYPE_F32);
	assert_int_equal(x->rank, 2);
	assert_int_equal(x->extent[1], 4);
	assert_int_equal(x->size, 16);
	assert_false(x->quantised);
	assert_string_equal(npu_graph_output(graph, 0)->name, "y");
	assert_string_equal(npu_graph_node(graph, 0), "add1");
	assert_int_equal(npu_graph_operation(graph, 0, &opcode, &node), 0);
	assert_int_equal(opcode, NPU_OP_BINARY);
	assert_int_equal(node, 0);
	assert_int_equal(npu_graph_verify(graph, NULL), 0);
	assert_ptr_equal(npu_graph_ref(graph), graph);
	npu_graph_unref(graph);
	npu_graph_unref(graph);
}

static void a_graph_opens_from_a_file(void **state)
{
	struct graph_file *g = *state;
	struct npu_graph *graph;
	char path[32];
	int fd = graph_file_descriptor(g, path);

	assert_int_equal(npu_graph_open(path, &graph, NULL), 0);
	use(graph);
	npu_graph_unref(graph);
	close(fd);
}

static void weights_and_scratch_may_be_absent(void **state)
{
	const struct graph_shape shape = { .no_weights = 1 };
	struct npu_graph *graph;
	struct graph_file g;

	graph_build(&g, &shape);
	assert_int_equal(npu_graph_from_memory(g.data, g.size, &graph, NULL), 0);
	assert_int_equal(npu_graph_info(graph)->weights_size, 0);
	assert_int_equal(npu_graph_info(graph)->scratch_size, 0);
	assert_int_equal(npu_graph_verify(graph, NULL), 0);
	npu_graph_unref(graph);
	graph_free(&g);
}

static void quantised_ports_are_told(void **state)
{
	struct graph_file *g = *state;
	const float scale = 0.5f;
	struct npu_graph *graph;
	struct npu_graph_io *io = graph_io(g, 0);

	io->type = NPU_TYPE_I8;
	io->size = 4;
	io->flags = NPU_GRAPH_QUANTISED;
	memcpy(&io->scale, &scale, sizeof(scale));
	io->zero_point = -128;
	graph_digest(g);
	assert_int_equal(npu_graph_from_memory(g->data, g->size, &graph, NULL), 0);
	assert_true(npu_graph_input(graph, 0)->quantised);
	assert_true(npu_graph_input(graph, 0)->scale == 0.5f);
	assert_int_equal(npu_graph_input(graph, 0)->zero_point, -128);
	npu_graph_unref(graph);
}

static void absent_and_strange_files_are_refused(void **state)
{
	struct npu_graph *graph;
	struct npu_error error;

	assert_int_equal(npu_graph_open("/nonexistent.npu", &graph, &error), -ENOENT);
	assert_non_null(strstr(error.text, "/nonexistent.npu"));
	assert_int_equal(npu_graph_open("/", &graph, &error), -EISDIR);
	assert_int_equal(npu_graph_open("/dev/null", &graph, &error), -ENOEXEC);
	assert_int_equal(npu_graph_open("/proc/self/exe", &graph, &error), -ENOEXEC);
	assert_non_null(strstr(error.text, "another machine"));
	assert_int_equal(npu_graph_open(NULL, &graph, &error), -EINVAL);
	assert_int_equal(npu_graph_open("/", NULL, &error), -EINVAL);
	assert_int_equal(npu_graph_from_memory(NULL, 1, &graph, &error), -EINVAL);
	assert_int_equal(npu_graph_from_memory("", 0, &graph, &error), -ENOEXEC);
	assert_int_equal(npu_graph_from_memory("just text, and more than sixty-four bytes of it, "
					       "to be sure that it is",
					       70, &graph, &error),
			 -ENOEXEC);
	assert_non_null(strstr(error.text, "npu-compile"));
}

static void a_fifo_does_not_block(void **state)
{
	char dir[] = P_tmpdir "/npu-test-XXXXXX", path[64];
	struct npu_graph *graph;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(npu_graph_open(path, &graph, NULL), -ENOEXEC);
	unlink(path);
	rmdir(dir);
}

static void every_truncation_is_refused(void **state)
{
	struct graph_file *g = *state;

	for (size_t size = 0; size < g->size; size++) {
		struct graph_file cut = { g->data, size };
		struct npu_error error = { "" };
		int ret = attempt(&cut, &error);

		if (ret != -EBADMSG && ret != -ENOEXEC)
			fail_msg("%zu of %zu bytes: %d", size, g->size, ret);
		assert_true(error.text[0]);
	}
}

static void bytes_behind_the_end_are_refused(void **state)
{
	struct graph_file *g = *state;

	g->data = realloc(g->data, g->size + 1);
	g->data[g->size++] = 0;
	assert_refused(g, -EBADMSG, "follow");
}

static int open_and_verify(const struct graph_file *g)
{
	struct npu_graph *graph;
	int ret = npu_graph_from_memory(g->data, g->size, &graph, NULL);

	if (ret)
		return ret;
	ret = npu_graph_verify(graph, NULL);
	npu_graph_unref(graph);
	return ret;
}

/*
 * Any changed byte is noticed, by a rule or by a digest; but for the size of
 * scratch, which is free, its offset, which is nothing, and the size of the
 * names, which may take in the zeros behind them.
 */
static void every_changed_byte_is_refused(void **state)
{
	static const uint8_t flips[] = { 0x01, 0x80, 0xff };
	struct graph_file *g = *state;
	Elf64_Shdr *scratch = graph_section(g, ".npu.scratch");
	Elf64_Shdr *names = graph_section(g, ".shstrtab");
	size_t names_size = (size_t)((uint8_t *)&names->sh_size - g->data);
	size_t free_start = (size_t)((uint8_t *)&scratch->sh_offset - g->data);
	size_t free_end = (size_t)((uint8_t *)&scratch->sh_link - g->data);

	for (size_t i = 0; i < g->size; i++) {
		bool may_pass = (i >= free_start && i < free_end) || i == names_size;

		for (size_t f = 0; f < sizeof(flips); f++) {
			int ret;

			g->data[i] ^= flips[f];
			ret = open_and_verify(g);
			g->data[i] ^= flips[f];
			if (ret ? ret != -EBADMSG && ret != -ENOEXEC && ret != -ENOTSUP : !may_pass)
				fail_msg("byte %zu ^ 0x%02x: %d", i, flips[f], ret);
		}
	}
	assert_int_equal(open_and_verify(g), 0);
}

/* The same with digests that are right: now only the rules stand in the way. */
static void no_changed_byte_harms(void **state)
{
	static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
	static const char *const names[] = {
		".note.npu.compat", ".npu.io", ".npu.code", ".npu.nodes", ".npu.strings",
		".npu.digest",
	};
	struct graph_file *g = *state;
	int opened = 0, refused = 0;

	for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
		Elf64_Shdr *s = graph_section(g, names[n]);

		for (size_t i = s->sh_offset; i < s->sh_offset + s->sh_size; i++) {
			uint8_t good = g->data[i];

			for (size_t v = 0; v < sizeof(values); v++) {
				g->data[i] = values[v];
				if (n < 5)
					graph_digest(g);
				if (attempt(g, NULL))
					refused++;
				else
					opened++;
			}
			g->data[i] = good;
			graph_digest(g);
		}
	}
	assert_true(opened > 100 && refused > 100);
}

static uint32_t random32(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (uint32_t)(*seed >> 32);
}

/* Several fields at a time, with the values at which sums wrap. */
static void no_random_damage_harms(void **state)
{
	static const uint64_t edges[] = {
		0, 1, 2, 63, 64, 255, 4095, 4096, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX,
		UINT64_MAX - 63, 1ULL << 40, 1ULL << 63,
	};
	struct graph_file *g = *state;
	uint8_t *good = malloc(g->size);
	size_t metadata = graph_section(g, ".npu.weights")->sh_offset;
	size_t table = graph_header(g)->e_shoff;
	uint64_t seed = 88172645463325252ULL;

	memcpy(good, g->data, g->size);
	for (int round = 0; round < 30000; round++) {
		uint32_t changes = 1 + random32(&seed) % 3;

		for (uint32_t c = 0; c < changes; c++) {
			/* Half of them in the section headers. */
			size_t from = random32(&seed) % 2 ? table : 0;
			size_t to = from ? table + 10 * sizeof(Elf64_Shdr) : metadata;
			uint32_t width = 1U << random32(&seed) % 4;
			size_t at = from + random32(&seed) % (to - from);
			uint64_t value = edges[random32(&seed) % (sizeof(edges) / sizeof(edges[0]))];

			at = at / width * width;
			memcpy(g->data + at, &value, width);
		}
		attempt(g, NULL);
		memcpy(g->data, good, g->size);
	}
	assert_int_equal(attempt(g, NULL), 0);
	free(good);
}

static void header_fields_that_do_not_fit_are_refused(void **state)
{
	struct graph_file *g = *state;
	Elf64_Ehdr *e = graph_header(g), good = *e;

	e->e_ident[EI_CLASS] = ELFCLASS32;
	assert_refused(g, -EBADMSG, "ELF header");
	*e = good;
	e->e_ident[EI_DATA] = ELFDATA2MSB;
	assert_refused(g, -EBADMSG, "ELF header");
	*e = good;
	e->e_type = ET_DYN;
	assert_refused(g, -EBADMSG, "ELF header");
	*e = good;
	e->e_machine = EM_X86_64;
	assert_refused(g, -ENOEXEC, "another machine");
	*e = good;
	e->e_phnum = 1;
	assert_refused(g, -EBADMSG, "ELF header");
	*e = good;
	e->e_shnum = 0;
	assert_refused(g, -EBADMSG, "0 sections");
	*e = good;
	e->e_shnum = 17;
	assert_refused(g, -EBADMSG, "17 sections");
	*e = good;
	e->e_shstrndx = e->e_shnum;
	assert_refused(g, -EBADMSG, "names in section");
	*e = good;
	e->e_shoff = UINT64_MAX - 63;
	assert_refused(g, -EBADMSG, "outside of the file");
	*e = good;
	e->e_shoff = g->size - 64;
	assert_refused(g, -EBADMSG, "outside of the file");
}

static void sections_that_overlap_wrap_or_lie_are_refused(void **state)
{
	struct graph_file *g = *state;
	Elf64_Shdr *io = graph_section(g, ".npu.io"), *code = graph_section(g, ".npu.code");
	Elf64_Shdr *weights = graph_section(g, ".npu.weights");
	Elf64_Shdr *scratch = graph_section(g, ".npu.scratch"), good = *io;

	io->sh_offset = 0;
	assert_refused(g, -EBADMSG, "overlap");
	io->sh_offset = code->sh_offset;
	assert_refused(g, -EBADMSG, "overlap");
	io->sh_offset = graph_header(g)->e_shoff;
	assert_refused(g, -EBADMSG, "overlap");
	io->sh_offset = UINT64_MAX - 7;
	assert_refused(g, -EBADMSG, "outside of the file");
	*io = good;
	io->sh_size = UINT64_MAX - good.sh_offset + 1;
	assert_refused(g, -EBADMSG, "outside of the file");
	io->sh_size = g->size;
	assert_refused(g, -EBADMSG, "outside of the file");
	io->sh_size = 0;
	assert_refused(g, -EBADMSG, "no content");
	*io = good;
	io->sh_offset += 4;
	assert_refused(g, -EBADMSG, "not aligned");
	*io = good;
	io->sh_type = SHT_NOBITS;
	assert_refused(g, -EBADMSG, "wrong type");
	*io = good;
	io->sh_flags = SHF_EXECINSTR;
	assert_refused(g, -EBADMSG, "wrong type");
	*io = good;
	io->sh_addralign = 3;
	assert_refused(g, -EBADMSG, "alignment");
	*io = good;
	weights->sh_offset += 8;
	assert_refused(g, -EBADMSG, "not aligned");
	weights->sh_offset -= 8;
	scratch->sh_size = (1ULL << 40) + 1;
	assert_refused(g, -EBADMSG, "too large");
	scratch->sh_size = UINT64_MAX;
	assert_refused(g, -EBADMSG, "too large");
}

static void sections_missing_doubled_or_unknown_are_refused(void **state)
{
	struct graph_file *g = *state;
	Elf64_Shdr *io = graph_section(g, ".npu.io"), *nodes = graph_section(g, ".npu.nodes");
	Elf64_Shdr *names = graph_section(g, ".shstrtab");
	Elf64_Shdr good = *io;
	char *text = (char *)g->data + names->sh_offset;

	io->sh_name = nodes->sh_name;
	io->sh_addralign = 4;
	assert_refused(g, -EBADMSG, "twice");
	*io = good;
	io->sh_name = (Elf64_Word)names->sh_size;
	assert_refused(g, -EBADMSG, "no name");
	io->sh_name = UINT32_MAX;
	assert_refused(g, -EBADMSG, "no name");
	*io = good;
	memcpy(text + io->sh_name, ".npu\033xy", 7);
	assert_refused(g, -EBADMSG, "'.npu?xy'");
	memcpy(text + io->sh_name, ".npu.io", 7);
	text[names->sh_size - 1] = 'x';
	assert_refused(g, -EBADMSG, "section names");
}

static void padding_that_is_not_zero_is_refused(void **state)
{
	struct graph_file *g = *state;

	g->data[graph_section(g, ".npu.weights")->sh_offset - 1] = 1;
	assert_refused(g, -EBADMSG, "padding");
}

static void other_versions_are_named_with_the_remedy(void **state)
{
	struct graph_file *g = *state;
	struct npu_graph_compat *c = graph_compat(g), good = *c;

	c->format_version = 2;
	assert_refused(g, -ENOTSUP, "graph format 2");
	assert_refused(g, -ENOTSUP, "reads format 1");
	assert_refused(g, -ENOTSUP, "newer libnpu");
	c->format_version = 0;
	assert_refused(g, -ENOTSUP, "compile the model again");
	*c = good;
	c->program_version = 9;
	assert_refused(g, -ENOTSUP, "version 9");
	*c = good;
	c->features_required = 0x20;
	assert_refused(g, -ENOTSUP, "features 0x20");
	*c = good;
	c->features_optional = UINT64_MAX;
	graph_digest(g);
	assert_int_equal(attempt(g, NULL), 0);
	*c = good;
	c->abi_min = c->abi_max + 1;
	assert_digested_refused(g, -EBADMSG, "ABI");
	*c = good;
	c->name = 0;
	assert_digested_refused(g, -EBADMSG, "name");
	c->name = UINT32_MAX;
	assert_digested_refused(g, -EBADMSG, "name");
}

static void a_card_of_another_abi_is_refused_with_the_remedy(void **state)
{
	const struct graph_shape shape = { .abi_min = 0x10002, .abi_max = 0x10005 };
	struct npu_graph *graph;
	struct npu_error error;
	struct graph_file g;

	graph_build(&g, &shape);
	assert_int_equal(npu_graph_from_memory(g.data, g.size, &graph, NULL), 0);
	assert_int_equal(npu_graph_check_abi(graph, 0x10002, &error), 0);
	assert_int_equal(npu_graph_check_abi(graph, 0x10005, &error), 0);
	assert_int_equal(npu_graph_check_abi(graph, 0x10001, &error), -ENOTSUP);
	assert_non_null(strstr(error.text, "1.2 to 1.5, this one has 1.1"));
	assert_non_null(strstr(error.text, "firmware"));
	assert_int_equal(npu_graph_check_abi(graph, 0x20000, &error), -ENOTSUP);
	assert_non_null(strstr(error.text, "compile the model again"));
	npu_graph_unref(graph);
	graph_free(&g);
}

static void wrong_ports_are_refused(void **state)
{
	struct graph_file *g = *state;
	struct npu_graph_io *x = graph_io(g, 0), *y = graph_io(g, 1), good = *x, good_y = *y;
	struct npu_graph_io_header *header = graph_content(g, ".npu.io");

	x->direction = NPU_GRAPH_OUTPUT;
	y->direction = NPU_GRAPH_INPUT;
	assert_digested_refused(g, -EBADMSG, "behind an output");
	x->direction = NPU_GRAPH_INPUT;
	assert_digested_refused(g, -EBADMSG, "no output");
	x->direction = 3;
	assert_digested_refused(g, -EBADMSG, "neither");
	*x = good;
	*y = good_y;
	x->type = NPU_TYPE_NONE;
	assert_digested_refused(g, -EBADMSG, "type");
	x->type = NPU_TYPE_COUNT;
	assert_digested_refused(g, -EBADMSG, "type");
	x->type = NPU_TYPE_I4;
	assert_digested_refused(g, -EBADMSG, "type");
	*x = good;
	x->rank = 7;
	assert_digested_refused(g, -EBADMSG, "dimensions");
	*x = good;
	x->extent[5] = 1;
	assert_digested_refused(g, -EBADMSG, "behind the rank");
	*x = good;
	x->extent[0] = 0;
	assert_digested_refused(g, -EBADMSG, "extent");
	x->extent[0] = x->extent[1] = 0x10000;
	x->size = 0;
	assert_digested_refused(g, -EBADMSG, "extent");
	*x = good;
	x->size = 15;
	assert_digested_refused(g, -EBADMSG, "size");
	*x = good;
	x->flags = 2;
	assert_digested_refused(g, -EBADMSG, "flags");
	x->flags = NPU_GRAPH_QUANTISED;
	assert_digested_refused(g, -EBADMSG, "quantised");
	*x = good;
	x->scale = 0x3f800000;
	assert_digested_refused(g, -EBADMSG, "without its flag");
	*x = good;
	x->mbz = 1;
	assert_digested_refused(g, -EBADMSG, "zero");
	*x = good;
	x->name = 0;
	assert_digested_refused(g, -EBADMSG, "bad name");
	x->name = UINT32_MAX;
	assert_digested_refused(g, -EBADMSG, "bad name");
	*x = good;
	header->count = 255;
	assert_digested_refused(g, -EBADMSG, ".npu.io");
	header->count = 0;
	assert_digested_refused(g, -EBADMSG, ".npu.io");
	header->count = 2;
	header->stride = 0x80000000;
	assert_digested_refused(g, -EBADMSG, ".npu.io");
	header->stride = 48;
	assert_digested_refused(g, -EBADMSG, ".npu.io");
}

static void wrong_quantisation_is_refused(void **state)
{
	static const uint32_t scales[] = { 0, 0xbf800000, 0x7f800000, 0x7fc00000 };
	struct graph_file *g = *state;
	struct npu_graph_io *x = graph_io(g, 0);

	x->type = NPU_TYPE_U8;
	x->size = 4;
	x->flags = NPU_GRAPH_QUANTISED;
	for (size_t i = 0; i < sizeof(scales) / sizeof(scales[0]); i++) {
		x->scale = scales[i];
		assert_digested_refused(g, -EBADMSG, "scale");
	}
	x->scale = 0x3f800000;
	x->zero_point = -1;
	assert_digested_refused(g, -EBADMSG, "zero point");
	x->zero_point = 256;
	assert_digested_refused(g, -EBADMSG, "zero point");
	x->zero_point = 255;
	graph_digest(g);
	assert_int_equal(attempt(g, NULL), 0);
}

static void names_that_repeat_or_steer_a_terminal_are_refused(void **state)
{
	const struct graph_shape shape = { .no_weights = 1 };
	struct graph_file *g = *state, two;
	struct npu_graph_io *y;

	((char *)graph_content(g, ".npu.strings"))[1] = '\033';
	assert_digested_refused(g, -EBADMSG, "control character");
	((char *)graph_content(g, ".npu.strings"))[1] = 't';
	((char *)graph_content(g, ".npu.strings"))[0] = 't';
	assert_digested_refused(g, -EBADMSG, "zero");

	/* An input and an output may share a name, two outputs may not. */
	graph_build(&two, &shape);
	y = graph_io(&two, 1);
	y->name = graph_io(&two, 0)->name;
	graph_digest(&two);
	assert_int_equal(attempt(&two, NULL), 0);
	graph_io(&two, 0)->direction = NPU_GRAPH_OUTPUT;
	assert_digested_refused(&two, -EBADMSG, "are named 'x'");
	graph_free(&two);
}

static void wrong_programs_are_refused(void **state)
{
	struct graph_file *g = *state;
	struct npu_program *p = graph_program(g), good = *p;
	struct npu_op *op = graph_op(g);
	uint32_t *node = graph_content(g, ".npu.nodes");

	p->magic++;
	assert_digested_refused(g, -EBADMSG, "header of the program");
	*p = good;
	p->size -= 64;
	assert_digested_refused(g, -EBADMSG, "header of the program");
	*p = good;
	p->header_size = 128;
	assert_digested_refused(g, -EBADMSG, "header of the program");
	*p = good;
	p->op_count = 0;
	assert_digested_refused(g, -EBADMSG, "header of the program");
	p->op_count = NPU_OPS_MAX + 1;
	assert_digested_refused(g, -EBADMSG, "header of the program");
	p->op_count = 2;
	assert_digested_refused(g, -EBADMSG, "over the end");
	*p = good;
	p->mbz[8] = 1;
	assert_digested_refused(g, -EBADMSG, "header of the program");
	*p = good;
	p->version = 2;
	assert_digested_refused(g, -ENOTSUP, "version 2");
	*p = good;
	p->features = 4;
	assert_digested_refused(g, -ENOTSUP, "features 0x4");
	*p = good;
	p->param_count = 1;
	assert_digested_refused(g, -ENOTSUP, "runtime parameters");
	*p = good;
	p->base_count = 5;
	assert_digested_refused(g, -EBADMSG, "5 bases");
	*p = good;
	op->tensor_count = 4;
	assert_digested_refused(g, -EBADMSG, "over the end");
	op->tensor_count = 255;
	assert_digested_refused(g, -EBADMSG, "over the end");
	op->tensor_count = 2;
	assert_digested_refused(g, -EBADMSG, "behind its last operation");
	op->tensor_count = 3;
	op->node = 1;
	assert_digested_refused(g, -EBADMSG, "of node 1");
	op->node = 0;
	*node = UINT32_MAX;
	assert_digested_refused(g, -EBADMSG, "bad name");
}

static void wrong_digests_are_refused(void **state)
{
	struct graph_file *g = *state;
	struct npu_graph_digest *d = graph_content(g, ".npu.digest"), first = d[0];

	d[0].algorithm = 2;
	assert_refused(g, -EBADMSG, "algorithm 2");
	d[0] = first;
	d[0].section = 99;
	assert_refused(g, -EBADMSG, "section 99");
	d[0].section = 0;
	assert_refused(g, -EBADMSG, "section 0");
	d[0] = d[1];
	assert_refused(g, -EBADMSG, "digest 1");
	d[0] = d[1];
	d[1] = first;
	assert_refused(g, -EBADMSG, "digest 1");
}

static void damaged_weights_are_found_by_verify(void **state)
{
	struct graph_file *g = *state;
	struct npu_graph *graph;
	struct npu_error error;

	g->data[g->size - 1] ^= 1;
	assert_int_equal(npu_graph_from_memory(g->data, g->size, &graph, NULL), 0);
	assert_int_equal(npu_graph_verify(graph, &error), -EBADMSG);
	assert_non_null(strstr(error.text, "weights"));
	npu_graph_unref(graph);
}

static void a_file_that_shrinks_later_gives_an_error(void **state)
{
	struct graph_file *g = *state;
	struct npu_graph *graph;
	struct npu_error error;
	char path[32];
	int fd = graph_file_descriptor(g, path);

	assert_int_equal(npu_graph_open(path, &graph, NULL), 0);
	assert_int_equal(ftruncate(fd, 100), 0);
	assert_int_equal(npu_graph_verify(graph, &error), -EBADMSG);
	assert_non_null(strstr(error.text, "shorter"));
	assert_string_equal(npu_graph_info(graph)->name, "tiny");
	npu_graph_unref(graph);
	close(fd);
}

static void names_and_sizes_of_types_are_known(void **state)
{
	assert_string_equal(npu_type_name(NPU_TYPE_F32), "f32");
	assert_string_equal(npu_type_name(NPU_TYPE_NONE), "?");
	assert_string_equal(npu_type_name(NPU_TYPE_COUNT), "?");
	assert_int_equal(npu_type_bits(NPU_TYPE_I4), 4);
	assert_int_equal(npu_type_bits(NPU_TYPE_I64), 64);
	assert_int_equal(npu_type_bits(NPU_TYPE_COUNT), 0);
	assert_string_equal(npu_op_name(NPU_OP_CONV), "CONV");
	assert_string_equal(npu_op_name(0), "?");
	assert_string_equal(npu_op_name(NPU_OP_COUNT), "?");
	assert_string_equal(npu_version(), NPU_VERSION);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_graph_tells_what_it_is),
		TEST(a_graph_opens_from_a_file),
		TEST(weights_and_scratch_may_be_absent),
		TEST(quantised_ports_are_told),
		TEST(absent_and_strange_files_are_refused),
		TEST(a_fifo_does_not_block),
		TEST(every_truncation_is_refused),
		TEST(bytes_behind_the_end_are_refused),
		TEST(every_changed_byte_is_refused),
		TEST(no_changed_byte_harms),
		TEST(no_random_damage_harms),
		TEST(header_fields_that_do_not_fit_are_refused),
		TEST(sections_that_overlap_wrap_or_lie_are_refused),
		TEST(sections_missing_doubled_or_unknown_are_refused),
		TEST(padding_that_is_not_zero_is_refused),
		TEST(other_versions_are_named_with_the_remedy),
		TEST(a_card_of_another_abi_is_refused_with_the_remedy),
		TEST(wrong_ports_are_refused),
		TEST(wrong_quantisation_is_refused),
		TEST(names_that_repeat_or_steer_a_terminal_are_refused),
		TEST(wrong_programs_are_refused),
		TEST(wrong_digests_are_refused),
		TEST(damaged_weights_are_found_by_verify),
		TEST(a_file_that_shrinks_later_gives_an_error),
		TEST(names_and_sizes_of_types_are_known),
	};

	return cmocka_run_group_tests_name("libnpu graphs", tests, NULL, NULL);
}
