// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* From a finished graph to a file: the passes in their order. */
#include <errno.h>
#include <string.h>

#include "program.h"

static bool name_valid(const char *name)
{
	if (!name[0] || strlen(name) > NPU_GRAPH_NAME_MAX)
		return false;
	for (; *name; name++) {
		if ((unsigned char)*name < 0x20 || *name == 0x7f)
			return false;
	}
	return true;
}

static int check_io(struct npuc_graph *graph)
{
	const unsigned int count = graph->input_count + graph->output_count;

	if (!graph->output_count)
		return ir_fail(graph, -EINVAL, "the graph has no output");
	if (count > NPU_GRAPH_IO_MAX)
		return ir_fail(graph, -ENOTSUP, "%u inputs and outputs; a graph may have %u", count,
			       NPU_GRAPH_IO_MAX);
	for (unsigned int i = 0; i < count; i++) {
		const bool input = i < graph->input_count;
		const unsigned int from = input ? 0 : graph->input_count;
		const char *name = input ? graph->inputs[i]->name : graph->outputs[i - from].name;

		if (!name_valid(name))
			return ir_fail(graph, -EINVAL,
				       "the name of %s %u is empty, longer than %u bytes, or has control characters",
				       input ? "input" : "output", i - from, NPU_GRAPH_NAME_MAX);
		for (unsigned int j = from; j < i; j++) {
			const char *other = input ? graph->inputs[j]->name :
						    graph->outputs[j - from].name;

			if (!strcmp(name, other))
				return ir_fail(graph, -EINVAL, "two %s are called '%s'",
					       input ? "inputs" : "outputs", name);
		}
	}
	return 0;
}

static int optimise(struct npuc_graph *graph)
{
	int ret;

	ir_remove_dead(graph);
	/* Activations and biases first: the patterns of int8 contain them. */
	ret = fuse_nodes(graph);
	if (!ret)
		ret = quant_fuse(graph);
	graph->fold_dequantise = true;
	if (!ret)
		ret = fold_constants(graph);
	if (!ret)
		ret = fuse_nodes(graph);
	ir_remove_dead(graph);
	return ret;
}

int npuc_compile(struct npuc_graph *graph, void **bytes, size_t *size)
{
	struct program program = { 0 };
	int ret;

	if (graph->error)
		return graph->error;
	ir_place(graph, NULL, "%s", "");
	if (graph->compiled)
		return ir_fail(graph, -EINVAL, "the graph was compiled before");
	graph->compiled = true;
	if (!graph->name_count)
		ir_place(graph, "", "%s", "");
	ret = check_io(graph);
	if (!ret)
		ret = optimise(graph);
	if (!ret)
		ret = lower_graph(graph, &program);
	if (!ret)
		ret = plan_scratch(graph, &program);
	if (!ret)
		ret = report_make(graph, &program);
	if (!ret)
		ret = container_write(graph, &program, bytes, size);
	program_fini(&program);
	return ret;
}

int npuc_report(const struct npuc_graph *graph, struct npuc_report *report)
{
	if (!graph->compiled || graph->error)
		return -EINVAL;
	*report = graph->report;
	return 0;
}
