// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "run.h"

#include <elf.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <npu.h>
#include <npu/npu_graph.h>

#include "engine.h"

static void check_container(const struct compiled *c)
{
	struct npu_graph *graph;
	struct npu_error error;

	if (npu_graph_from_memory(c->file, c->size, &graph, &error))
		fail_msg("libnpu refuses the graph: %s", error.text);
	if (npu_graph_verify(graph, &error))
		fail_msg("libnpu refuses the weights: %s", error.text);
	npu_graph_unref(graph);
}

struct compiled compile_graph(struct npuc_graph *graph)
{
	struct compiled c = { .graph = graph };

	if (npuc_compile(graph, &c.file, &c.size))
		fail_msg("%s", npuc_graph_error(graph));
	assert_int_equal(npuc_report(graph, &c.report), 0);
	check_container(&c);
	return c;
}

struct compiled compile_model(const struct model *m, const struct npuc_onnx_options *options)
{
	struct npuc_graph *graph;
	size_t size;
	void *bytes = model_pack(m, &size);

	assert_int_equal(npuc_graph_create("", &graph), 0);
	if (npuc_import_onnx(graph, bytes, size, options))
		fail_msg("%s", npuc_graph_error(graph));
	free(bytes);
	return compile_graph(graph);
}

struct compiled compile_file(const char *path)
{
	struct npuc_graph *graph;

	assert_int_equal(npuc_graph_create("", &graph), 0);
	if (npuc_import_onnx_file(graph, path, NULL))
		fail_msg("%s", npuc_graph_error(graph));
	return compile_graph(graph);
}

void compiled_free(struct compiled *c)
{
	free(c->file);
	npuc_graph_destroy(c->graph);
}

/* The file was validated: here it is only taken apart. */
static const Elf64_Shdr *section(const struct compiled *c, const char *name)
{
	const Elf64_Ehdr *elf = c->file;
	const Elf64_Shdr *headers = (const void *)((const char *)c->file + elf->e_shoff);
	const char *names = (const char *)c->file + headers[elf->e_shstrndx].sh_offset;

	for (unsigned int i = 1; i < elf->e_shnum; i++) {
		if (!strcmp(names + headers[i].sh_name, name))
			return &headers[i];
	}
	return NULL;
}

/* First and last byte of a tensor in its base, bounds of what it touches. */
static void bounds(const struct npu_tensor *t, int64_t *low, int64_t *high)
{
	static const int sizes[NPU_TYPE_COUNT] = { 0, 4, 2, 2, 1, 1, 2, 4, 8, 1, 1 };

	*low = *high = 0;
	for (unsigned int i = 0; i < t->rank; i++) {
		const int64_t reach = (int64_t)(t->extent[i] - 1) * t->stride[i];

		*(reach < 0 ? low : high) += reach;
	}
	*low = (int64_t)t->offset + *low * sizes[t->type];
	*high = (int64_t)t->offset + (*high + 1) * sizes[t->type] - 1;
}

/* No operation may read what it writes: npu_isa.h. The engine does not look. */
static void check_overlap(const void *code)
{
	const struct npu_program *program = code;
	const char *at = (const char *)(program + 1);

	for (uint32_t i = 0; i < program->op_count; i++) {
		const struct npu_op *op = (const void *)at;
		const struct npu_tensor *t = (const void *)(op + 1);
		int64_t low[2], high[2];

		bounds(&t[0], &low[0], &high[0]);
		for (unsigned int j = 1; j < op->tensor_count; j++) {
			bounds(&t[j], &low[1], &high[1]);
			if (t[j].type != NPU_TYPE_NONE && t[j].base == t[0].base &&
			    low[0] <= high[1] && low[1] <= high[0])
				fail_msg("operation %u writes what it reads", i);
		}
		at = (const char *)(t + op->tensor_count);
	}
}

void run(const struct compiled *c, const void *const *inputs, void *const *outputs)
{
	const Elf64_Shdr *code = section(c, NPU_GRAPH_SECTION_CODE);
	const Elf64_Shdr *io = section(c, NPU_GRAPH_SECTION_IO);
	const Elf64_Shdr *weights = section(c, NPU_GRAPH_SECTION_WEIGHTS);
	const Elf64_Shdr *scratch = section(c, NPU_GRAPH_SECTION_SCRATCH);
	const struct npu_graph_io_header *header = (const void *)((char *)c->file + io->sh_offset);
	const struct npu_graph_io *entries = (const void *)(header + 1);
	struct engine_base bases[NPU_GRAPH_BASE_IO + NPU_GRAPH_IO_MAX] = { 0 };
	struct engine_error error;
	unsigned int in = 0, out = 0;

	check_overlap((char *)c->file + code->sh_offset);
	bases[NPU_GRAPH_BASE_WEIGHTS].flags = NPU_BASE_READ;
	if (weights) {
		bases[NPU_GRAPH_BASE_WEIGHTS].data = (char *)c->file + weights->sh_offset;
		bases[NPU_GRAPH_BASE_WEIGHTS].size = weights->sh_size;
	}
	bases[NPU_GRAPH_BASE_SCRATCH].flags = NPU_BASE_READ | NPU_BASE_WRITE;
	if (scratch) {
		/* Filled with what would show if it were read before it is written. */
		bases[NPU_GRAPH_BASE_SCRATCH].data = malloc(scratch->sh_size);
		bases[NPU_GRAPH_BASE_SCRATCH].size = scratch->sh_size;
		assert_non_null(bases[NPU_GRAPH_BASE_SCRATCH].data);
		memset(bases[NPU_GRAPH_BASE_SCRATCH].data, 0xff, scratch->sh_size);
	}
	for (uint32_t i = 0; i < header->count; i++) {
		struct engine_base *base = &bases[NPU_GRAPH_BASE_IO + i];
		const bool input = entries[i].direction == NPU_GRAPH_INPUT;

		base->data = input ? (void *)inputs[in++] : outputs[out++];
		base->size = entries[i].size;
		base->flags = input ? NPU_BASE_READ : NPU_BASE_WRITE;
	}
	if (engine_run_native((char *)c->file + code->sh_offset, code->sh_size, bases,
			      NPU_GRAPH_BASE_IO + header->count, NULL, 0, &error))
		fail_msg("the engine refuses operation %u: %s", error.op, error.text);
	free(bases[NPU_GRAPH_BASE_SCRATCH].data);
}

void run_model(struct model *m, const void *input, void *output)
{
	struct compiled c = compile_model(m, NULL);

	run(&c, &input, &output);
	compiled_free(&c);
	model_free(m);
}

static void assert_words(const char *message, const char *words)
{
	char *copy = strdup(words), *rest = copy, *word;

	assert_non_null(copy);
	while ((word = strsep(&rest, "|"))) {
		if (!strstr(message, word))
			fail_msg("no '%s' in: %s", word, message);
	}
	free(copy);
}

void assert_refused(struct model *m, const struct npuc_onnx_options *options, int error,
		    const char *words)
{
	struct npuc_graph *graph;
	size_t size;
	void *bytes = model_pack(m, &size), *file = NULL;
	int ret;

	assert_int_equal(npuc_graph_create("", &graph), 0);
	ret = npuc_import_onnx(graph, bytes, size, options);
	if (!ret)
		ret = npuc_compile(graph, &file, &size);
	if (!ret)
		fail_msg("accepted, should say: %s", words);
	assert_words(npuc_graph_error(graph), words);
	assert_int_equal(ret, error);
	assert_int_equal(npuc_graph_status(graph), error);
	assert_null(file);
	npuc_graph_destroy(graph);
	free(bytes);
	model_free(m);
}

size_t count_operations(const struct compiled *c, const char *operation)
{
	size_t count = 0;

	for (size_t i = 0; i < c->report.op_count; i++)
		count += !strncmp(c->report.ops[i].operation, operation, strlen(operation));
	return count;
}

void assert_close(const float *got, const float *want, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!(fabsf(got[i] - want[i]) <= 1e-5f + 1e-4f * fabsf(want[i])))
			fail_msg("element %zu of %zu is %.9g, should be %.9g", i, count,
				 (double)got[i], (double)want[i]);
	}
}

uint32_t random_bits(uint64_t *state)
{
	/* SplitMix64: short, and good enough to vary test data. */
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (uint32_t)(z >> 32);
}

float random_real(uint64_t *state)
{
	return (float)(int32_t)random_bits(state) / 2147483648.0f;
}

void fill_random(float *data, size_t count, uint64_t seed)
{
	for (size_t i = 0; i < count; i++)
		data[i] = random_real(&seed);
}
