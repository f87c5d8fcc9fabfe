// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor_file.h"
#include "text.h"

void plan_port_shape(const struct npu_graph_port *port, struct tensor_shape *shape)
{
	memset(shape, 0, sizeof(*shape));
	shape->type = (uint8_t)port->type;
	shape->rank = (uint8_t)port->rank;
	for (uint32_t i = 0; i < port->rank; i++)
		shape->extent[i] = port->extent[i];
}

static bool same_from(const struct tensor_shape *a, unsigned int from_a,
		      const struct tensor_shape *b, unsigned int from_b)
{
	return !memcmp(a->extent + from_a, b->extent + from_b,
		       (a->rank - from_a) * sizeof(a->extent[0]));
}

int plan_match(const struct tensor_shape *port, const struct tensor_shape *file,
	       enum plan_form *form, uint64_t *runs, struct npu_error *error)
{
	struct tensor_text want, got;

	*runs = 1;
	*form = PLAN_SINGLE;
	if (port->type == file->type) {
		if (tensor_same_extents(port, file))
			return 0;
		if (file->rank == port->rank + 1 && same_from(port, 0, file, 1)) {
			*form = PLAN_STACKED;
			*runs = file->extent[0];
			return 0;
		}
		if (port->rank && file->rank == port->rank && same_from(port, 1, file, 1) &&
		    file->extent[0] % port->extent[0] == 0) {
			*form = PLAN_JOINED;
			*runs = file->extent[0] / port->extent[0];
			return 0;
		}
	}
	return reason_set(error, -EINVAL, "the graph takes %s, or several of them; the file has %s",
			  tensor_describe(port, &want), tensor_describe(file, &got));
}

int plan_output_shape(const struct tensor_shape *port, enum plan_form form, uint64_t runs,
		      struct tensor_shape *shape, struct npu_error *error)
{
	struct tensor_text text;

	*shape = *port;
	if (form == PLAN_SINGLE)
		return 0;
	if (form == PLAN_STACKED || !port->rank) {
		shape->rank++;
		memcpy(shape->extent + 1, port->extent, port->rank * sizeof(port->extent[0]));
		shape->extent[0] = runs;
		return 0;
	}
	if (__builtin_mul_overflow(port->extent[0], runs, &shape->extent[0]))
		return reason_set(error, -EOVERFLOW, "%s times %" PRIu64 " is too large",
				  tensor_describe(port, &text), runs);
	return 0;
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* In [-1, 1), rounded towards 0 to what the type holds. */
static uint32_t random_real(uint8_t type, uint64_t bits)
{
	float value = (float)(bits >> 40) * 0x1p-23f - 1;
	uint32_t word, exponent;

	memcpy(&word, &value, sizeof(word));
	if (type == NPU_TYPE_F32)
		return word;
	if (type == NPU_TYPE_BF16)
		return word >> 16;
	exponent = word >> 23 & 0xff;
	/* Below binary16's normal numbers: 0. */
	if (exponent < 127 - 14)
		return 0;
	return (word >> 16 & 0x8000) | (exponent - (127 - 15)) << 10 | (word >> 13 & 0x3ff);
}

void plan_fill_random(struct tensor *tensor, uint64_t seed)
{
	uint8_t type = tensor->shape.type;
	size_t bytes = npu_type_bits(type) / 8;
	uint64_t state = seed;

	/* int4: a byte is a pair. */
	if (!bytes)
		bytes = 1;
	for (size_t at = 0; at + bytes <= tensor->size; at += bytes) {
		uint64_t bits = random_next(&state);

		if (!tensor_type_is_integer(type))
			bits = random_real(type, bits);
		else if (type == NPU_TYPE_BOOL)
			bits &= 1;
		memcpy(tensor->data + at, &bits, bytes);
	}
}

static struct plan_port *find(struct plan_port *ports, uint32_t count, const char *name)
{
	for (uint32_t i = 0; i < count; i++) {
		if (name ? !strcmp(ports[i].port->name, name) : count == 1)
			return &ports[i];
	}
	return NULL;
}

/* The port that an option names; `kind` is "input" or "output". */
static int find_port(struct plan_port *ports, uint32_t count, const char *kind, const char *option,
		     const struct file_option *file, struct plan_port **port,
		     struct npu_error *error)
{
	char known[256] = "", name[128];
	size_t used = 0;

	*port = find(ports, count, file->name);
	if (*port)
		return 0;
	for (uint32_t i = 0; i < count && used < sizeof(known) - 4; i++) {
		text_printable(name, sizeof(name), ports[i].port->name);
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s'%s'",
					 i ? ", " : "", name);
	}
	if (!file->name)
		return reason_set(error, -ENOENT, "--%s %s: which %s? The graph has %s", option,
				  file->file, kind, known);
	text_printable(name, sizeof(name), file->name);
	return reason_set(error, -ENOENT, "--%s: the graph has no %s '%s'; it has %s", option, kind,
			  name, known);
}

/* Puts "input 'NAME': " before a reason. */
static int blame(struct npu_error *error, int status, const char *kind, const char *name,
		 const struct npu_error *why)
{
	char printable[128];

	text_printable(printable, sizeof(printable), name);
	return reason_set(error, status, "%s '%s': %s", kind, printable, why->text);
}

static int load_input(struct plan *plan, struct plan_port *input, struct npu_error *error)
{
	struct tensor_shape shape;
	struct npu_error why;
	enum plan_form form;
	uint64_t runs;
	int ret;

	ret = tensor_load(input->file, &input->tensor, error);
	if (ret)
		return ret;
	plan_port_shape(input->port, &shape);
	ret = plan_match(&shape, &input->tensor.shape, &form, &runs, &why);
	if (!ret && form != PLAN_SINGLE && plan->form != PLAN_SINGLE &&
	    (form != plan->form || runs != plan->runs))
		ret = reason_set(&why, -EINVAL,
				 "its file makes %" PRIu64 " executions, another input's %" PRIu64
				 " or in another way",
				 runs, plan->runs);
	/* Two int4 share a byte, which would belong to two executions. */
	if (!ret && form != PLAN_SINGLE && input->tensor.size != runs * input->port->size)
		ret = reason_set(&why, -EINVAL, "an odd number of int4 cannot be put together");
	if (ret)
		return blame(error, ret, "input", input->port->name, &why);
	if (form != PLAN_SINGLE) {
		input->step = input->port->size;
		plan->form = form;
		plan->runs = runs;
	}
	return 0;
}

static int make_inputs(struct plan *plan, const struct options *options, struct npu_error *error)
{
	const struct file_options *files = &options->inputs;
	struct tensor_shape shape;
	struct plan_port *input;
	int ret;

	for (size_t i = 0; i < files->count; i++) {
		ret = find_port(plan->inputs, plan->input_count, "input", "input", &files->list[i],
				&input, error);
		if (ret)
			return ret;
		if (input->file)
			return reason_set(error, -EINVAL,
					  "--input %s: the input has a file already",
					  files->list[i].file);
		input->file = files->list[i].file;
		ret = load_input(plan, input, error);
		if (ret)
			return ret;
	}
	for (uint32_t i = 0; i < plan->input_count; i++) {
		input = &plan->inputs[i];
		if (input->file)
			continue;
		plan_port_shape(input->port, &shape);
		ret = tensor_init(&input->tensor, &shape, error);
		if (ret)
			return ret;
		plan_fill_random(&input->tensor, options->seed + i);
	}
	return 0;
}

static int load_expected(struct plan_port *output, const char *file, struct npu_error *error)
{
	struct tensor_text want, got;
	struct npu_error why;
	int ret;

	if (output->expect_file)
		return reason_set(error, -EINVAL, "--expect %s: the output has a file already",
				  file);
	output->expect_file = file;
	ret = tensor_load(file, &output->expect, error);
	if (ret || tensor_same_shape(&output->tensor.shape, &output->expect.shape))
		return ret;
	reason_set(&why, -EINVAL, "the graph makes %s; %s has %s",
		   tensor_describe(&output->tensor.shape, &want), file,
		   tensor_describe(&output->expect.shape, &got));
	return blame(error, -EINVAL, "output", output->port->name, &why);
}

static int load_labels(struct plan *plan, struct plan_port *output, const char *file,
		       struct npu_error *error)
{
	struct accuracy unused;
	struct npu_error why;
	int ret;

	plan->labelled = output;
	ret = tensor_load(file, &plan->labels, error);
	if (ret)
		return ret;
	/* The output is still zero: whether the labels fit shows before anything runs. */
	ret = accuracy(&output->tensor, &plan->labels, &unused, &why);
	return ret ? reason_set(error, ret, "%s: %s", file, why.text) : 0;
}

static int load_for_outputs(struct plan *plan, const struct options *options,
			    struct npu_error *error)
{
	const struct {
		const char *name;
		const struct file_options *files;
	} kinds[] = {
		{"output", &options->outputs},
		{"expect", &options->expects},
		{"labels", &options->labels},
	};
	struct plan_port *output;

	for (size_t kind = 0; kind < 3; kind++) {
		const struct file_options *files = kinds[kind].files;

		for (size_t i = 0; i < files->count; i++) {
			const char *file = files->list[i].file;
			int ret = find_port(plan->outputs, plan->output_count, "output",
					    kinds[kind].name, &files->list[i], &output, error);

			if (!ret && kind == 0 && output->file)
				ret = reason_set(error, -EINVAL,
						 "--output %s: the output has a file already",
						 file);
			else if (!ret && kind == 0)
				output->file = file;
			else if (!ret && kind == 1)
				ret = load_expected(output, file, error);
			else if (!ret)
				ret = load_labels(plan, output, file, error);
			if (ret)
				return ret;
		}
	}
	return 0;
}

static int make_outputs(struct plan *plan, struct npu_error *error)
{
	struct tensor_shape port, shape;
	struct npu_error why;
	int ret;

	for (uint32_t i = 0; i < plan->output_count; i++) {
		struct plan_port *output = &plan->outputs[i];

		plan_port_shape(output->port, &port);
		ret = plan_output_shape(&port, plan->form, plan->runs, &shape, &why);
		if (!ret)
			ret = tensor_init(&output->tensor, &shape, &why);
		if (!ret && output->tensor.size != plan->runs * output->port->size)
			ret = reason_set(&why, -EINVAL,
					 "an odd number of int4 cannot be put together");
		if (ret)
			return blame(error, ret, "output", output->port->name, &why);
		output->step = plan->form == PLAN_SINGLE ? 0 : output->port->size;
	}
	return 0;
}

int plan_init(struct plan *plan, const struct npu_graph *graph, const struct options *options,
	      struct npu_error *error)
{
	const struct npu_graph_info *info = npu_graph_info(graph);
	int ret;

	memset(plan, 0, sizeof(*plan));
	plan->runs = 1;
	plan->input_count = info->inputs;
	plan->output_count = info->outputs;
	plan->inputs = calloc(info->inputs ? info->inputs : 1, sizeof(*plan->inputs));
	plan->outputs = calloc(info->outputs ? info->outputs : 1, sizeof(*plan->outputs));
	if (!plan->inputs || !plan->outputs)
		return reason_set(error, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < info->inputs; i++)
		plan->inputs[i].port = npu_graph_input(graph, i);
	for (uint32_t i = 0; i < info->outputs; i++)
		plan->outputs[i].port = npu_graph_output(graph, i);
	ret = make_inputs(plan, options, error);
	if (!ret)
		ret = make_outputs(plan, error);
	if (!ret)
		ret = load_for_outputs(plan, options, error);
	return ret;
}

static void free_ports(struct plan_port *ports, uint32_t count)
{
	for (uint32_t i = 0; ports && i < count; i++) {
		tensor_fini(&ports[i].tensor);
		tensor_fini(&ports[i].expect);
	}
	free(ports);
}

void plan_fini(struct plan *plan)
{
	free_ports(plan->inputs, plan->input_count);
	free_ports(plan->outputs, plan->output_count);
	tensor_fini(&plan->labels);
}
