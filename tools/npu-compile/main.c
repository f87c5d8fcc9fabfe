// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* npu-compile: makes compiled graphs of ONNX models. */
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "npu-compile.h"
#include "program.h"
#include "text.h"

static int import(struct npuc_graph *graph, const struct options *o)
{
	void *data;
	size_t size;
	int ret;

	if (strcmp(o->model, "-"))
		return npuc_import_onnx_file(graph, o->model, &o->onnx);
	data = file_read(o->model, &size);
	if (!data)
		return -EIO;
	ret = npuc_import_onnx(graph, data, size, &o->onnx);
	free(data);
	return ret;
}

/* Names in a message come from the model: nothing in them may reach a terminal as it is. */
static int refused(const struct options *o, const struct npuc_graph *graph)
{
	const char *error = npuc_graph_error(graph);
	const size_t size = strlen(error) * 4 + 1;
	char *clean = malloc(size);
	int status = EXIT_FAILED;

	if (npuc_graph_status(graph))
		status = fail("%s: %s", strcmp(o->model, "-") ? o->model : "standard input",
			      clean ? text_printable(clean, size, error) : "no memory");
	free(clean);
	return status;
}

static int compile(const struct options *o)
{
	struct npuc_report report;
	struct npuc_graph *graph;
	void *bytes = NULL;
	size_t size = 0;
	int status = EXIT_GOOD;

	if (npuc_graph_create(o->name, &graph))
		return fail("no memory");
	if (import(graph, o) || npuc_compile(graph, &bytes, &size))
		status = refused(o, graph);
	else if (o->output)
		status = file_write(o->output, bytes, size);
	if (!status && o->report && !npuc_report(graph, &report))
		report_print(o, &report, size);
	free(bytes);
	npuc_graph_destroy(graph);
	return status;
}

int main(int argc, char **argv)
{
	struct options options;
	int status;

	program_start("npu-compile");
	setlocale(LC_CTYPE, "");
	status = options_parse(&options, argc, argv);
	if (status < 0) {
		switch (options.action) {
		case ACTION_COMPILE:
			status = compile(&options);
			break;
		case ACTION_DUMP:
			status = dump_file(options.model);
			break;
		case ACTION_LIST:
			status = list_operators();
			break;
		}
	}
	options_fini(&options);
	return program_end(status);
}
