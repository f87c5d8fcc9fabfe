// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* npu_run(): host arrays in, host arrays out. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "queue.h"

#define ALIGN 64 /* of a binding */

void npu_runner_init(struct npu_runner *runner)
{
	pthread_mutex_init(&runner->lock, NULL);
}

void npu_runner_fini(struct npu_runner *runner)
{
	npu_queue_unref(runner->queue);
	npu_buffer_unref(runner->buffer);
	pthread_mutex_destroy(&runner->lock);
}

/* "f32[1,1,8,8] of 256 bytes" */
static void describe(char *text, size_t size, uint32_t type, uint32_t rank, const uint32_t *extent,
		     uint64_t bytes)
{
	size_t n = 0;

	if (type)
		n += (size_t)snprintf(text, size, "%s[", npu_type_name(type));
	for (uint32_t d = 0; type && d < rank && d < NPU_RANK_MAX; d++)
		n += (size_t)snprintf(text + n, size - n, d ? ",%u" : "%u", extent[d]);
	snprintf(text + n, size - n, type ? "] of %llu bytes" : "%llu bytes",
		 (unsigned long long)bytes);
}

static bool matches(const struct npu_graph_port *port, const struct npu_array *array)
{
	if (!array->data || array->size != port->size)
		return false;
	if (!array->type)
		return true;
	if (array->type != port->type || array->rank != port->rank)
		return false;
	/* rank is at most NPU_RANK_MAX: it is the port's. */
	return !memcmp(array->extent, port->extent, port->rank * sizeof(port->extent[0]));
}

static int check_arrays(const struct npu_graph *graph, const char *what,
			const struct npu_graph_port *ports, uint32_t port_count,
			const struct npu_array *arrays, size_t count, struct npu_error *error)
{
	char is[128], should[128];

	if (count != port_count || (count && !arrays))
		return npu_fail(error, -EINVAL, "cannot run '%s': %zu %ss are given, it has %u",
				graph->info.name, count, what, port_count);
	for (size_t i = 0; i < count; i++) {
		const struct npu_array *a = &arrays[i];

		if (a->reserved[0] || a->reserved[1])
			return npu_fail(error, -EINVAL,
					"cannot run '%s': reserved bytes for %s '%s' are not zero",
					graph->info.name, what, ports[i].name);
		if (matches(&ports[i], a))
			continue;
		describe(is, sizeof(is), a->type, a->rank, a->extent, a->size);
		describe(should, sizeof(should), ports[i].type, ports[i].rank, ports[i].extent,
			 ports[i].size);
		return npu_fail(error, -EINVAL, "cannot run '%s': %s '%s' is %s, %s given",
				graph->info.name, what, ports[i].name, should,
				a->data ? is : "no memory");
	}
	return 0;
}

static uint64_t aligned(uint64_t size)
{
	return (size + ALIGN - 1) & ~(uint64_t)(ALIGN - 1);
}

static int prepare(struct npu_model *model, struct npu_error *error)
{
	const struct npu_graph *graph = model->graph;
	struct npu_runner *r = &model->runner;
	struct npu_buffer *buffer;
	uint64_t size = 0;
	void *data;
	int ret;

	if (!r->buffer) {
		/* At most 254 times 2^34 bytes. */
		for (uint32_t i = 0; i < graph->info.inputs + graph->info.outputs; i++)
			size += aligned(graph->ports[i].size);
		ret = npu_buffer_create(model->context, size,
					NPU_BUFFER_SYSTEM | NPU_BUFFER_MAPPABLE, &buffer, error);
		if (ret)
			return ret;
		ret = npu_buffer_map(buffer, &data, error);
		if (ret) {
			npu_buffer_unref(buffer);
			return ret;
		}
		r->buffer = buffer;
		r->data = data;
	}
	if (!r->queue)
		return npu_queue_create(model->context, NPU_QUEUE_NORMAL, &r->queue, error);
	return 0;
}

static int execute(struct npu_model *model, const struct npu_binding *bindings, size_t count,
		   struct npu_error *error)
{
	struct npu_runner *r = &model->runner;
	struct npu_job *job;
	int ret;

	ret = npu_submit(r->queue, model, bindings, count, NULL, &job, error);
	if (!ret) {
		ret = npu_job_wait(job, NPU_WAIT_FOREVER, error);
		npu_job_unref(job);
	}
	if (ret) {
		/* A job that failed leaves its queue dead. */
		npu_queue_unref(r->queue);
		r->queue = NULL;
	}
	return ret;
}

static int run(struct npu_model *model, const struct npu_array *inputs,
	       const struct npu_array *outputs, struct npu_error *error)
{
	struct npu_binding bindings[NPU_GRAPH_IO_MAX];
	const struct npu_graph_info *info = &model->graph->info;
	struct npu_runner *r = &model->runner;
	uint32_t count = info->inputs + info->outputs;
	uint64_t offset = 0;
	int ret;

	ret = prepare(model, error);
	if (ret)
		return ret;
	for (uint32_t i = 0; i < count; i++) {
		bindings[i] = (struct npu_binding){ r->buffer, offset };
		offset += aligned(model->graph->ports[i].size);
	}
	for (uint32_t i = 0; i < info->inputs; i++)
		memcpy(r->data + bindings[i].offset, inputs[i].data, inputs[i].size);
	ret = execute(model, bindings, count, error);
	for (uint32_t i = 0; !ret && i < info->outputs; i++)
		memcpy(outputs[i].data, r->data + bindings[info->inputs + i].offset,
		       outputs[i].size);
	return ret;
}

int npu_run(struct npu_model *model, const struct npu_array *inputs, size_t input_count,
	    const struct npu_array *outputs, size_t output_count, struct npu_error *error)
{
	const struct npu_graph *graph;
	int ret;

	if (!model)
		return npu_fail(error, -EINVAL, "npu_run: no model");
	graph = model->graph;
	ret = check_arrays(graph, "input", graph->ports, graph->info.inputs, inputs, input_count,
			   error);
	if (!ret)
		ret = check_arrays(graph, "output", graph->ports + graph->info.inputs,
				   graph->info.outputs, outputs, output_count, error);
	if (ret)
		return ret;
	pthread_mutex_lock(&model->runner.lock);
	ret = run(model, inputs, outputs, error);
	pthread_mutex_unlock(&model->runner.lock);
	return ret;
}
