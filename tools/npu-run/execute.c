// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "execute.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct session {
	struct npu_context *context;
	struct npu_model *model;
	struct npu_queue *queue;
	uint32_t count; /* of inputs and outputs together */
	struct npu_binding *bindings;
	void **mapped;
};

static int bind_port(struct session *s, uint32_t i, const struct plan_port *port,
		     struct npu_error *error)
{
	int ret = npu_buffer_create(s->context, port->port->size,
				    NPU_BUFFER_SYSTEM | NPU_BUFFER_MAPPABLE, &s->bindings[i].buffer,
				    error);

	return ret ? ret : npu_buffer_map(s->bindings[i].buffer, &s->mapped[i], error);
}

static int session_init(struct session *s, struct npu_device *device, struct npu_graph *graph,
			const struct plan *plan, struct npu_error *error)
{
	int ret;

	memset(s, 0, sizeof(*s));
	s->count = plan->input_count + plan->output_count;
	s->bindings = calloc(s->count, sizeof(*s->bindings));
	s->mapped = calloc(s->count, sizeof(*s->mapped));
	if (!s->bindings || !s->mapped)
		return reason_set(error, -ENOMEM, "out of memory");
	ret = npu_context_create(device, &s->context, error);
	if (!ret)
		ret = npu_model_create(s->context, graph, 0, &s->model, error);
	if (!ret)
		ret = npu_queue_create(s->context, NPU_QUEUE_NORMAL, &s->queue, error);
	for (uint32_t i = 0; !ret && i < s->count; i++)
		ret = bind_port(s, i,
				i < plan->input_count ? &plan->inputs[i]
						      : &plan->outputs[i - plan->input_count],
				error);
	return ret;
}

static void session_fini(struct session *s)
{
	for (uint32_t i = 0; s->bindings && i < s->count; i++)
		npu_buffer_unref(s->bindings[i].buffer);
	npu_queue_unref(s->queue);
	npu_model_unref(s->model);
	npu_context_unref(s->context);
	free(s->bindings);
	free(s->mapped);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int run_once(struct session *s, struct plan *plan, uint64_t run, uint64_t *ns,
		    struct npu_error *error)
{
	struct npu_job *job;
	uint64_t start;
	int ret;

	for (uint32_t i = 0; i < plan->input_count; i++)
		memcpy(s->mapped[i], plan->inputs[i].tensor.data + run * plan->inputs[i].step,
		       plan->inputs[i].port->size);
	start = now_ns();
	ret = npu_submit(s->queue, s->model, s->bindings, s->count, NULL, &job, error);
	if (ret)
		return ret;
	ret = npu_job_wait(job, NPU_WAIT_FOREVER, error);
	*ns = now_ns() - start;
	npu_job_unref(job);
	for (uint32_t i = 0; !ret && i < plan->output_count; i++)
		memcpy(plan->outputs[i].tensor.data + run * plan->outputs[i].step,
		       s->mapped[plan->input_count + i], plan->outputs[i].port->size);
	return ret;
}

static int run_all(struct session *s, struct plan *plan, uint64_t warmup, uint64_t *ns,
		   uint64_t count, struct npu_error *error)
{
	struct npu_error why;
	uint64_t unused;
	int ret = 0;

	for (uint64_t i = 0; !ret && i < warmup; i++)
		ret = run_once(s, plan, 0, &unused, error);
	for (uint64_t i = 0; !ret && i < count; i++) {
		ret = run_once(s, plan, i % plan->runs, &ns[i], &why);
		if (ret)
			reason_set(error, ret, "execution %" PRIu64 " of %" PRIu64 ": %s", i + 1,
				   count, why.text);
	}
	return ret;
}

int execute(struct npu_device *device, struct npu_graph *graph, struct plan *plan, uint64_t warmup,
	    uint64_t repeat, struct latency *latency, struct npu_error *error)
{
	struct session s;
	uint64_t *ns = NULL;
	uint64_t count;
	int ret;

	if (!__builtin_mul_overflow(plan->runs, repeat, &count) && count <= SIZE_MAX / sizeof(*ns))
		ns = malloc(count * sizeof(*ns));
	if (!ns)
		return reason_set(error, -ENOMEM,
				  "no memory for the times of %" PRIu64 " times %" PRIu64
				  " executions",
				  repeat, plan->runs);
	ret = session_init(&s, device, graph, plan, error);
	if (!ret)
		ret = run_all(&s, plan, warmup, ns, count, error);
	session_fini(&s);
	if (!ret)
		latency_compute(ns, count, latency);
	free(ns);
	return ret;
}
