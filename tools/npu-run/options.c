// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

static const char usage[] =
	"Usage: npu-run [OPTION...] MODEL.npu\n"
	"Runs a compiled graph on an npu card, checks its results, measures it.\n"
	"\n"
	"  -d, --device DEVICE       index, PCI address, UUID or node of the card [0]\n"
	"  -i, --input NAME=FILE     an input: .npy, or ONNX TensorProto. Inputs that are\n"
	"                            not given are random. A file that holds N times what\n"
	"                            the graph takes is run in N executions\n"
	"  -o, --output NAME=FILE    keep an output, as .npy or (FILE ends in .pb) TensorProto\n"
	"  -e, --expect NAME=FILE    compare an output with this\n"
	"      --rtol X              tolerance relative to the expected value [1e-4]\n"
	"      --atol X              absolute tolerance, added to it [1e-5]\n"
	"  -l, --labels [NAME=]FILE  accuracy: position of the largest output against labels\n"
	"      --min-accuracy X      fail below so many per cent\n"
	"  -r, --repeat N            run everything N times [1]\n"
	"  -w, --warmup N            executions before, not measured [0]\n"
	"      --seed N              for random inputs [1]\n"
	"      --info                describe the graph; needs no card\n"
	"      --check               check the graph, weights too; needs no card\n"
	"      --json                print a JSON document (keys: npu-run(1))\n"
	"  -h, --help                this text\n"
	"  -V, --version             version\n"
	"\n"
	"NAME= may be left out where the graph has only one such input or output.\n"
	"\n"
	"Exit status: 0 good, 1 failed, 2 wrong usage, 3 results differ from what was\n"
	"expected, 4 no card, or no permission to use it.\n";

static bool number(const char *text, uint64_t max, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 0);
	return !errno && end != text && !*end && text[0] >= '0' && text[0] <= '9' && *value <= max;
}

static bool real(const char *text, double max, double *value)
{
	char *end;

	*value = strtod(text, &end);
	return end != text && !*end && isfinite(*value) && *value >= 0 && *value <= max;
}

static int add_file(struct file_options *files, const char *option, const char *text)
{
	const char *equals = strchr(text, '=');
	struct file_option *file;

	file = realloc(files->list, (files->count + 1) * sizeof(*file));
	if (!file)
		return fail("out of memory");
	files->list = file;
	file += files->count;
	file->name = equals ? strndup(text, (size_t)(equals - text)) : NULL;
	if (equals && !file->name)
		return fail("out of memory");
	file->file = equals ? equals + 1 : text;
	files->count++;
	if (!*file->file || (file->name && !*file->name))
		return usage_error("--%s is NAME=FILE, not '%s'", option, text);
	return -1;
}

static int out_of_range(const char *option, const char *text, const char *range)
{
	return usage_error("--%s is %s, not '%s'", option, range, text);
}

enum {
	OPTION_RTOL = 256,
	OPTION_ATOL,
	OPTION_MIN_ACCURACY,
	OPTION_SEED,
	OPTION_INFO,
	OPTION_CHECK,
	OPTION_JSON,
};

static int take(struct options *o, int option)
{
	switch (option) {
	case 'd':
		o->device = optarg;
		return -1;
	case 'i':
		return add_file(&o->inputs, "input", optarg);
	case 'o':
		return add_file(&o->outputs, "output", optarg);
	case 'e':
		return add_file(&o->expects, "expect", optarg);
	case 'l':
		return add_file(&o->labels, "labels", optarg);
	case OPTION_RTOL:
		if (!real(optarg, HUGE_VAL, &o->tolerance.relative))
			return out_of_range("rtol", optarg, "a number from 0");
		return -1;
	case OPTION_ATOL:
		if (!real(optarg, HUGE_VAL, &o->tolerance.absolute))
			return out_of_range("atol", optarg, "a number from 0");
		return -1;
	case OPTION_MIN_ACCURACY:
		if (!real(optarg, 100, &o->min_accuracy))
			return out_of_range("min-accuracy", optarg, "per cent, 0 to 100");
		return -1;
	case 'r':
		if (!(number(optarg, 1000000000, &o->repeat) && o->repeat))
			return out_of_range("repeat", optarg, "a number from 1 to 10^9");
		return -1;
	case 'w':
		if (!(number(optarg, 1000000000, &o->warmup)))
			return out_of_range("warmup", optarg, "a number from 0 to 10^9");
		return -1;
	case OPTION_SEED:
		if (!(number(optarg, UINT64_MAX, &o->seed)))
			return out_of_range("seed", optarg, "a number from 0 to 2^64 - 1");
		return -1;
	case OPTION_INFO:
		o->action = ACTION_INFO;
		return -1;
	case OPTION_CHECK:
		o->action = ACTION_CHECK;
		return -1;
	case OPTION_JSON:
		o->json = true;
		return -1;
	case 'h':
		fputs(usage, stdout);
		return EXIT_GOOD;
	case 'V':
		printf("npu-run %s, libnpu %s\n", NPU_VERSION, npu_version());
		return EXIT_GOOD;
	}
	/* getopt has said what is wrong. */
	fputs("Try 'npu-run --help'.\n", stderr);
	return EXIT_USAGE;
}

int options_parse(struct options *o, int argc, char **argv)
{
	static const struct option names[] = {
		{"device", required_argument, NULL, 'd'},
		{"input", required_argument, NULL, 'i'},
		{"output", required_argument, NULL, 'o'},
		{"expect", required_argument, NULL, 'e'},
		{"rtol", required_argument, NULL, OPTION_RTOL},
		{"atol", required_argument, NULL, OPTION_ATOL},
		{"labels", required_argument, NULL, 'l'},
		{"min-accuracy", required_argument, NULL, OPTION_MIN_ACCURACY},
		{"repeat", required_argument, NULL, 'r'},
		{"warmup", required_argument, NULL, 'w'},
		{"seed", required_argument, NULL, OPTION_SEED},
		{"info", no_argument, NULL, OPTION_INFO},
		{"check", no_argument, NULL, OPTION_CHECK},
		{"json", no_argument, NULL, OPTION_JSON},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	int c, status;

	memset(o, 0, sizeof(*o));
	o->tolerance.relative = 1e-4;
	o->tolerance.absolute = 1e-5;
	o->min_accuracy = -1;
	o->repeat = 1;
	o->seed = 1;
	while ((c = getopt_long(argc, argv, "d:i:o:e:l:r:w:hV", names, NULL)) != -1) {
		status = take(o, c);
		if (status >= 0)
			return status;
	}
	if (optind == argc)
		return usage_error("MODEL.npu is missing");
	if (optind < argc - 1)
		return usage_error("one MODEL.npu, not '%s' as well", argv[optind + 1]);
	if (o->labels.count > 1)
		return usage_error("--labels can be given once");
	if (o->min_accuracy >= 0 && !o->labels.count)
		return usage_error("--min-accuracy needs --labels");
	o->model = argv[optind];
	return -1;
}

static void free_files(struct file_options *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->list[i].name);
	free(files->list);
}

void options_fini(struct options *o)
{
	free_files(&o->inputs);
	free_files(&o->outputs);
	free_files(&o->expects);
	free_files(&o->labels);
}
