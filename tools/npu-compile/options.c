// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "npu-compile.h"
#include "program.h"

static const char usage[] =
	"Usage: npu-compile [OPTION...] MODEL.onnx -o MODEL.npu\n"
	"       npu-compile --dump MODEL.npu\n"
	"       npu-compile --list-operators\n"
	"Compiles an ONNX model into a graph for an npu card. Needs no card.\n"
	"\n"
	"  -o, --output FILE      where to; '-' is standard output. An existing file is\n"
	"                         replaced once the new one is complete\n"
	"  -s, --shape NAME=N,N.. shape of an input that the model leaves open\n"
	"      --dim NAME=N       extent of a named dimension that the model leaves open\n"
	"      --batch N          extent of first dimensions that the model leaves open\n"
	"      --name NAME        name of the graph [the model's]\n"
	"      --report           what runs on the card, and what each operation costs;\n"
	"                         without -o nothing is written\n"
	"      --json             the report as a JSON document\n"
	"      --dump             print a compiled graph in words\n"
	"      --list-operators   print the supported ONNX operators\n"
	"  -h, --help             this text\n"
	"  -V, --version          version\n"
	"\n"
	"MODEL '-' is standard input. Exit status: 0 good, 1 the model or a file was\n"
	"refused, 2 wrong usage.\n";

enum {
	OPTION_DIM = 256,
	OPTION_BATCH,
	OPTION_NAME,
	OPTION_REPORT,
	OPTION_JSON,
	OPTION_DUMP,
	OPTION_LIST,
};

/* A number from 1 to 2^31 - 1 that ends at a comma or the end; *end is set. */
static bool extent(const char *text, const char **end, uint32_t *value)
{
	unsigned long long parsed;
	char *behind;

	errno = 0;
	parsed = strtoull(text, &behind, 10);
	*end = behind;
	*value = (uint32_t)parsed;
	return *text >= '0' && *text <= '9' && !errno && parsed && parsed <= INT32_MAX &&
	       (!*behind || *behind == ',');
}

/* Splits "NAME=REST" at its last '='. The name is the caller's to free(). */
static char *split(const char *text, const char **rest)
{
	const char *equals = strrchr(text, '=');

	if (!equals || equals == text)
		return NULL;
	*rest = equals + 1;
	return strndup(text, (size_t)(equals - text));
}

static int add_shape(struct options *o, const char *text)
{
	struct npuc_shape *shapes = reallocarray(o->shapes, o->onnx.shape_count + 1, sizeof(*shapes));
	struct npuc_shape *shape;
	const char *rest;

	if (!shapes)
		return fail("no memory");
	o->shapes = shapes;
	o->onnx.shapes = shapes;
	shape = &shapes[o->onnx.shape_count];
	*shape = (struct npuc_shape){ .name = split(text, &rest) };
	if (!shape->name)
		return usage_error("--shape is NAME=N,N,..., not '%s'", text);
	o->onnx.shape_count++;
	while (*rest) {
		const char *end;

		if (shape->rank == NPU_RANK_MAX)
			return usage_error("--shape '%s' has more than %u dimensions", text,
					   NPU_RANK_MAX);
		if (!extent(rest, &end, &shape->extent[shape->rank]) || (*end && !end[1]))
			return usage_error("--shape is NAME=N,N,... with N from 1 to 2147483647, not '%s'",
					   text);
		shape->rank++;
		rest = *end ? end + 1 : end;
	}
	return -1;
}

static int add_dim(struct options *o, const char *text)
{
	struct npuc_dim *dims = reallocarray(o->dims, o->onnx.dim_count + 1, sizeof(*dims));
	struct npuc_dim *dim;
	const char *rest, *end;

	if (!dims)
		return fail("no memory");
	o->dims = dims;
	o->onnx.dims = dims;
	dim = &dims[o->onnx.dim_count];
	dim->name = split(text, &rest);
	if (!dim->name)
		return usage_error("--dim is NAME=N, not '%s'", text);
	o->onnx.dim_count++;
	if (!extent(rest, &end, &dim->extent) || *end)
		return usage_error("--dim is NAME=N with N from 1 to 2147483647, not '%s'", text);
	return -1;
}

static int take(struct options *o, int option)
{
	const char *end;

	switch (option) {
	case 'o':
		o->output = optarg;
		return -1;
	case 's':
		return add_shape(o, optarg);
	case OPTION_DIM:
		return add_dim(o, optarg);
	case OPTION_BATCH:
		if (!extent(optarg, &end, &o->onnx.batch) || *end)
			return usage_error("--batch is a number from 1 to 2147483647, not '%s'", optarg);
		return -1;
	case OPTION_NAME:
		o->name = optarg;
		return *optarg ? -1 : usage_error("--name is empty");
	case OPTION_REPORT:
		o->report = true;
		return -1;
	case OPTION_JSON:
		o->json = true;
		return -1;
	case OPTION_DUMP:
		o->action = ACTION_DUMP;
		return -1;
	case OPTION_LIST:
		o->action = ACTION_LIST;
		return -1;
	case 'h':
		fputs(usage, stdout);
		return EXIT_GOOD;
	case 'V':
		puts("npu-compile " NPU_VERSION);
		return EXIT_GOOD;
	}
	/* getopt has said what is wrong. */
	fputs("Try 'npu-compile --help'.\n", stderr);
	return EXIT_USAGE;
}

static int check(struct options *o, int operands, const char *extra)
{
	const bool compile = o->action == ACTION_COMPILE;

	if (operands > (o->action == ACTION_LIST ? 0 : 1))
		return usage_error("'%s' is one file too many", extra);
	if (!operands && o->action != ACTION_LIST)
		return usage_error("MODEL is missing");
	if (!compile && (o->output || o->report || o->json))
		return usage_error("--output, --report and --json are for compiling");
	if (compile && !o->output && !o->report)
		return usage_error("-o FILE is missing (--report alone writes nothing)");
	if (o->json && !o->report)
		return usage_error("--json is a form of --report");
	if (o->report && o->output && !strcmp(o->output, "-"))
		return usage_error("--report prints where '-o -' writes the graph");
	return -1;
}

int options_parse(struct options *o, int argc, char **argv)
{
	static const struct option names[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "shape", required_argument, NULL, 's' },
		{ "dim", required_argument, NULL, OPTION_DIM },
		{ "batch", required_argument, NULL, OPTION_BATCH },
		{ "name", required_argument, NULL, OPTION_NAME },
		{ "report", no_argument, NULL, OPTION_REPORT },
		{ "json", no_argument, NULL, OPTION_JSON },
		{ "dump", no_argument, NULL, OPTION_DUMP },
		{ "list-operators", no_argument, NULL, OPTION_LIST },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	int c, status;

	memset(o, 0, sizeof(*o));
	o->onnx.size = sizeof(o->onnx);
	while ((c = getopt_long(argc, argv, "o:s:hV", names, NULL)) != -1) {
		status = take(o, c);
		if (status >= 0)
			return status;
	}
	status = check(o, argc - optind, argv[argc - 1]);
	if (status < 0)
		o->model = argv[optind];
	return status;
}

void options_fini(struct options *o)
{
	for (size_t i = 0; i < o->onnx.shape_count; i++)
		free((char *)o->shapes[i].name);
	for (size_t i = 0; i < o->onnx.dim_count; i++)
		free((char *)o->dims[i].name);
	free(o->shapes);
	free(o->dims);
}
