// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* The JSON documents, and which of the two forms is printed. */
#include "report.h"

#include <stdio.h>

#include "json.h"
#include "report_text.h"

static struct json_object *extents(const struct tensor_shape *shape)
{
	struct json_object *array = json_object_new_array();

	for (unsigned int i = 0; i < shape->rank; i++)
		json_object_array_add(array, json_object_new_uint64(shape->extent[i]));
	return array;
}

static void add_graph(struct json_object *o, const struct options *options,
		      const struct npu_graph *graph)
{
	const struct npu_graph_info *info = npu_graph_info(graph);

	json_add_text(o, "model", options->model);
	json_add_text(o, "graph", info->name);
	json_add_count(o, "macs", info->macs);
}

static struct json_object *port_object(const struct npu_graph_port *port,
				       const struct tensor_shape *shape)
{
	struct json_object *o = json_object_new_object();

	json_add_text(o, "name", port->name);
	json_add_text(o, "type", npu_type_name(shape->type));
	json_object_object_add(o, "shape", extents(shape));
	return o;
}

static struct json_object *comparison_object(const struct options *options,
					     const struct plan_port *output,
					     const struct comparison *c)
{
	struct json_object *o = json_object_new_object();

	json_add_text(o, "file", output->expect_file);
	json_add_bool(o, "good", !c->mismatches);
	json_add_real(o, "rtol", options->tolerance.relative);
	json_add_real(o, "atol", options->tolerance.absolute);
	json_add_count(o, "elements", c->count);
	json_add_count(o, "mismatches", c->mismatches);
	json_add_count(o, "not_finite", c->not_finite);
	json_add_real(o, "max_absolute", c->max_absolute);
	json_add_real(o, "max_relative", c->max_relative);
	if (c->mismatches) {
		struct json_object *first = json_object_new_object();

		json_add_count(first, "index", c->first);
		json_add_real(first, "got", c->first_got);
		json_add_real(first, "expected", c->first_want);
		json_object_object_add(o, "first_mismatch", first);
	} else {
		json_add_null(o, "first_mismatch");
	}
	return o;
}

static void add_ports(struct json_object *o, const struct options *options, const struct plan *plan,
		      const struct verdict *verdict)
{
	struct json_object *inputs = json_object_new_array(), *outputs = json_object_new_array();

	for (uint32_t i = 0; i < plan->input_count; i++) {
		const struct plan_port *input = &plan->inputs[i];
		struct json_object *port = port_object(input->port, &input->tensor.shape);

		json_add_text(port, "file", input->file);
		if (input->file)
			json_add_null(port, "seed");
		else
			json_add_count(port, "seed", options->seed + i);
		json_object_array_add(inputs, port);
	}
	for (uint32_t i = 0; i < plan->output_count; i++) {
		const struct plan_port *output = &plan->outputs[i];
		struct json_object *port = port_object(output->port, &output->tensor.shape);

		json_add_text(port, "file", output->file);
		json_object_object_add(
			port, "comparison",
			output->expect_file
				? comparison_object(options, output, &verdict->comparisons[i])
				: NULL);
		json_object_array_add(outputs, port);
	}
	json_object_object_add(o, "inputs", inputs);
	json_object_object_add(o, "outputs", outputs);
}

static void add_accuracy(struct json_object *o, const struct accuracy *a)
{
	struct json_object *accuracy = NULL;

	if (a->count) {
		accuracy = json_object_new_object();
		json_add_real(accuracy, "percent", 100.0 * (double)a->right / (double)a->count);
		json_add_count(accuracy, "right", a->right);
		json_add_count(accuracy, "count", a->count);
	}
	json_object_object_add(o, "accuracy", accuracy);
}

static void add_latency(struct json_object *o, const struct latency *latency)
{
	struct json_object *l = json_object_new_object();

	json_add_count(l, "count", latency->count);
	json_add_real(l, "min", (double)latency->min_ns / 1e3);
	json_add_real(l, "median", (double)latency->median_ns / 1e3);
	json_add_real(l, "p99", (double)latency->p99_ns / 1e3);
	json_add_real(l, "max", (double)latency->max_ns / 1e3);
	json_object_object_add(o, "latency_us", l);
	json_add_real(o, "inferences_per_second", latency->per_second);
}

void report_run(const struct options *options, const struct npu_graph *graph,
		const struct npu_device_info *device, const struct plan *plan,
		const struct latency *latency, const struct verdict *verdict)
{
	struct json_object *o, *d;

	if (!options->json) {
		text_run(options, graph, device, plan, latency, verdict);
		return;
	}
	o = json_object_new_object();
	json_add_text(o, "schema", "npu-run/1");
	json_add_bool(o, "good", verdict->good);
	add_graph(o, options, graph);
	d = json_object_new_object();
	json_add_text(d, "bdf", device->bdf);
	json_add_text(d, "uuid", device->uuid);
	json_add_text(d, "node", device->node);
	json_object_object_add(o, "device", d);
	json_add_count(o, "executions", plan->runs);
	add_ports(o, options, plan, verdict);
	add_accuracy(o, &verdict->accuracy);
	add_latency(o, latency);
	json_print(o);
}

static struct json_object *info_port(const struct npu_graph_port *port)
{
	struct tensor_shape shape;
	struct json_object *o;

	plan_port_shape(port, &shape);
	o = port_object(port, &shape);
	json_add_count(o, "bytes", port->size);
	if (port->quantised) {
		json_add_real(o, "scale", (double)port->scale);
		json_add_integer(o, "zero_point", port->zero_point);
	} else {
		json_add_null(o, "scale");
		json_add_null(o, "zero_point");
	}
	return o;
}

static void add_abi(struct json_object *o, const char *key, uint32_t abi)
{
	char text[16];

	snprintf(text, sizeof(text), "%u.%u", abi >> 16, abi & 0xffff);
	json_add_text(o, key, text);
}

void report_info(const struct options *options, const struct npu_graph *graph)
{
	const struct npu_graph_info *info = npu_graph_info(graph);
	struct json_object *o, *inputs, *outputs;

	if (!options->json) {
		text_info(options, graph);
		return;
	}
	o = json_object_new_object();
	inputs = json_object_new_array();
	outputs = json_object_new_array();
	json_add_text(o, "schema", "npu-run-info/1");
	add_graph(o, options, graph);
	json_add_text(o, "compiler", info->compiler);
	json_add_count(o, "format_version", info->format_version);
	json_add_count(o, "program_version", info->program_version);
	add_abi(o, "abi_min", info->abi_min);
	add_abi(o, "abi_max", info->abi_max);
	json_add_count(o, "operations", info->operations);
	json_add_count(o, "weights_bytes", info->weights_size);
	json_add_count(o, "scratch_bytes", info->scratch_size);
	json_add_count(o, "code_bytes", info->code_size);
	for (uint32_t i = 0; i < info->inputs; i++)
		json_object_array_add(inputs, info_port(npu_graph_input(graph, i)));
	for (uint32_t i = 0; i < info->outputs; i++)
		json_object_array_add(outputs, info_port(npu_graph_output(graph, i)));
	json_object_object_add(o, "inputs", inputs);
	json_object_object_add(o, "outputs", outputs);
	json_print(o);
}

void report_check(const struct options *options, const struct npu_error *error)
{
	struct json_object *o;

	if (!options->json) {
		if (!error)
			printf("%s: good\n", options->model);
		return;
	}
	o = json_object_new_object();
	json_add_text(o, "schema", "npu-run-check/1");
	json_add_text(o, "model", options->model);
	json_add_bool(o, "good", !error);
	json_add_text(o, "error", error ? error->text : NULL);
	json_print(o);
}
