// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "report_text.h"

#include <inttypes.h>
#include <stdio.h>

#include "text.h"

#define PREVIEW 10 /* elements of a result that nothing else is done with */

static const char *printable(const char *text)
{
	static char out[512];

	return text_printable(out, sizeof(out), text);
}

static void print_graph(const struct options *options, const struct npu_graph *graph)
{
	const struct npu_graph_info *info = npu_graph_info(graph);

	printf("graph     %s", printable(info->name));
	printf(" (%s): %" PRIu64 " MACs, %u operations\n", options->model, info->macs,
	       info->operations);
}

static void print_preview(const struct plan_port *output)
{
	const struct tensor *t = &output->tensor;

	printf("         ");
	for (uint64_t i = 0; i < t->count && i < PREVIEW; i++)
		printf(" %.6g", tensor_real(t, i));
	puts(t->count > PREVIEW ? " ..." : "");
}

static void print_comparison(const struct options *options, const struct plan_port *output,
			     const struct comparison *c)
{
	struct tensor_text text;

	printf("expect    %s", printable(output->port->name));
	printf(": %s, %" PRIu64 " of %" PRIu64 " elements match %s",
	       c->mismatches ? "DIFFERENT" : "good", c->count - c->mismatches, c->count,
	       output->expect_file);
	if (!tensor_type_is_integer(output->tensor.shape.type))
		printf(" (rtol %g, atol %g)", options->tolerance.relative,
		       options->tolerance.absolute);
	printf("\n          largest difference %.3g, relative %.3g\n", c->max_absolute,
	       c->max_relative);
	if (c->mismatches)
		printf("          first at %s: got %.9g, expected %.9g\n",
		       tensor_position(&output->tensor.shape, c->first, &text), c->first_got,
		       c->first_want);
	if (c->not_finite)
		printf("          %" PRIu64 " of them with NaN or infinity on one side\n",
		       c->not_finite);
}

static void print_inputs(const struct options *options, const struct plan *plan)
{
	struct tensor_text text;

	for (uint32_t i = 0; i < plan->input_count; i++) {
		const struct plan_port *input = &plan->inputs[i];

		printf("input     %s", printable(input->port->name));
		printf(": %s ", tensor_describe(&input->tensor.shape, &text));
		if (input->file)
			printf("from %s\n", input->file);
		else
			printf("random, seed %" PRIu64 "\n", options->seed + i);
	}
}

static void print_outputs(const struct options *options, const struct plan *plan,
			  const struct verdict *verdict)
{
	struct tensor_text text;

	for (uint32_t i = 0; i < plan->output_count; i++) {
		const struct plan_port *output = &plan->outputs[i];

		printf("output    %s", printable(output->port->name));
		printf(": %s%s%s\n", tensor_describe(&output->tensor.shape, &text),
		       output->file ? " to " : "", output->file ? output->file : "");
		if (!output->file && !output->expect_file && output != plan->labelled)
			print_preview(output);
		if (output->expect_file)
			print_comparison(options, output, &verdict->comparisons[i]);
	}
}

void text_run(const struct options *options, const struct npu_graph *graph,
	      const struct npu_device_info *device, const struct plan *plan,
	      const struct latency *latency, const struct verdict *verdict)
{
	const struct accuracy *a = &verdict->accuracy;

	print_graph(options, graph);
	printf("device    %s, %s\n", device->bdf, device->node);
	print_inputs(options, plan);
	print_outputs(options, plan, verdict);
	if (a->count) {
		double percent = 100.0 * (double)a->right / (double)a->count;

		printf("accuracy: %.1f %% (%" PRIu64 " of %" PRIu64 ")\n", percent, a->right,
		       a->count);
		if (percent < options->min_accuracy)
			printf("          below the %g %% that were asked for\n",
			       options->min_accuracy);
	}
	printf("latency: median %.1f us, p99 %.1f us, min %.1f us; %.1f inferences/s "
	       "(%zu, one after another)\n",
	       (double)latency->median_ns / 1e3, (double)latency->p99_ns / 1e3,
	       (double)latency->min_ns / 1e3, latency->per_second, latency->count);
}

static void print_port(const char *kind, const struct npu_graph_port *port)
{
	struct tensor_shape shape;
	struct tensor_text text;

	plan_port_shape(port, &shape);
	printf("%s%s", kind, printable(port->name));
	printf(": %s, %" PRIu64 " bytes", tensor_describe(&shape, &text), port->size);
	if (port->quantised)
		printf(", real = (q - %d) * %.9g", port->zero_point, (double)port->scale);
	putchar('\n');
}

void text_info(const struct options *options, const struct npu_graph *graph)
{
	const struct npu_graph_info *info = npu_graph_info(graph);

	print_graph(options, graph);
	printf("compiler  %s\n", printable(info->compiler));
	printf("format    graph %u, program %u, card ABI %u.%u to %u.%u\n", info->format_version,
	       info->program_version, info->abi_min >> 16, info->abi_min & 0xffff,
	       info->abi_max >> 16, info->abi_max & 0xffff);
	printf("memory    weights %" PRIu64 ", scratch %" PRIu64 ", code %" PRIu64 " bytes\n",
	       info->weights_size, info->scratch_size, info->code_size);
	for (uint32_t i = 0; i < info->inputs; i++)
		print_port("input     ", npu_graph_input(graph, i));
	for (uint32_t i = 0; i < info->outputs; i++)
		print_port("output    ", npu_graph_output(graph, i));
}
