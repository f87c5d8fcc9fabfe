// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ioctl.h"

#define FLAGS NPU_MODEL_NO_VERIFY

#define WEIGHTS_ALIGN 64

/* The submission of the first job orders these writes before the card's reads. */
static int load_code(struct npu_model *model, struct npu_error *error)
{
	const struct npu_graph_section *code = &model->graph->sections[SECTION_CODE];
	void *data;
	int ret;

	ret = npu_buffer_create(model->context, code->size,
				NPU_BUFFER_DEVICE | NPU_BUFFER_MAPPABLE | NPU_BUFFER_CARD_READONLY,
				&model->code, error);
	if (!ret)
		ret = npu_buffer_map(model->code, &data, error);
	if (ret)
		return ret;
	memcpy(data, code->data, code->size);
	return 0;
}

static int load_weights(struct npu_model *model, bool verify, struct npu_error *error)
{
	struct npu_device *device = model->context->device;
	int ret;

	if (!model->graph->info.weights_size)
		return 0;
	ret = npu_weights_get(device, model->graph, verify, &model->shared, error);
	if (ret)
		return ret;
	return npu_buffer_of_object(model->context, npu_object_get(model->shared->object),
				    NPU_BUFFER_CARD_READONLY, &model->weights, error);
}

/* The caller's weights, which stay where they are. */
static int take_weights(struct npu_model *model, struct npu_buffer *buffer, uint64_t offset,
			bool verify, struct npu_error *error)
{
	const struct npu_graph *graph = model->graph;
	uint64_t size = graph->info.weights_size;
	void *data;
	int ret;

	if (buffer->context != model->context)
		return npu_fail(error, -EINVAL, "%s: the buffer with weights is of another context",
				graph->source.name);
	if (!size)
		return npu_fail(error, -EINVAL, "%s: the graph has no weights", graph->source.name);
	if (offset % WEIGHTS_ALIGN || size > npu_buffer_size(buffer) ||
	    offset > npu_buffer_size(buffer) - size)
		return npu_fail(error, -EINVAL,
				"%s: %llu bytes of weights at offset %llu of a buffer of %llu bytes: must "
				"fit and be at a multiple of %d",
				graph->source.name, (unsigned long long)size,
				(unsigned long long)offset,
				(unsigned long long)npu_buffer_size(buffer), WEIGHTS_ALIGN);
	if (verify) {
		ret = npu_buffer_map(buffer, &data, error);
		if (!ret)
			ret = npu_buffer_begin_access(buffer, NPU_ACCESS_READ, error);
		if (ret)
			return ret;
		ret = npu_graph_verify_weights(graph, (uint8_t *)data + offset, error);
		npu_buffer_end_access(buffer, NPU_ACCESS_READ, NULL);
		if (ret)
			return ret;
	}
	model->weights = npu_buffer_ref(buffer);
	model->weights_offset = offset;
	return 0;
}

static void destroy(struct npu_model *model)
{
	npu_runner_fini(&model->runner);
	npu_buffer_unref(model->weights);
	if (model->shared)
		npu_weights_put(model->shared);
	npu_buffer_unref(model->code);
	npu_graph_unref(model->graph);
	npu_context_unref(model->context);
	free(model);
}

/* @weights: the caller's, or NULL. */
static int create(struct npu_context *context, struct npu_graph *graph, struct npu_buffer *weights,
		  uint64_t offset, uint32_t flags, struct npu_model **model,
		  struct npu_error *error)
{
	bool verify = !(flags & NPU_MODEL_NO_VERIFY);
	struct npu_model *p;
	int ret;

	if (flags & ~(uint32_t)FLAGS)
		return npu_fail(error, -EINVAL,
				"cannot load a graph: flags 0x%x are not known to libnpu %s",
				flags & ~(uint32_t)FLAGS, NPU_VERSION);
	ret = npu_graph_check_abi(graph, context->device->info.abi, error);
	if (ret)
		return ret;
	p = calloc(1, sizeof(*p));
	if (!p)
		return npu_fail(error, -ENOMEM, "%s: no memory", graph->source.name);
	atomic_init(&p->refs, 1);
	npu_runner_init(&p->runner);
	p->context = npu_context_ref(context);
	p->graph = npu_graph_ref(graph);
	if (weights)
		ret = take_weights(p, weights, offset, verify, error);
	else
		ret = load_weights(p, verify, error);
	if (!ret)
		ret = load_code(p, error);
	if (ret) {
		destroy(p);
		return ret;
	}
	*model = p;
	return 0;
}

int npu_model_create(struct npu_context *context, struct npu_graph *graph, uint32_t flags,
		     struct npu_model **model, struct npu_error *error)
{
	if (!context || !graph || !model)
		return npu_fail(error, -EINVAL, "npu_model_create: no context, graph or place");
	return create(context, graph, NULL, 0, flags, model, error);
}

int npu_model_create_in_place(struct npu_context *context, struct npu_graph *graph,
			      struct npu_buffer *weights, uint64_t offset, uint32_t flags,
			      struct npu_model **model, struct npu_error *error)
{
	if (!context || !graph || !weights || !model)
		return npu_fail(error, -EINVAL,
				"npu_model_create_in_place: no context, graph, weights or place");
	return create(context, graph, weights, offset, flags, model, error);
}

int npu_model_export_weights(struct npu_model *model, struct npu_error *error)
{
	struct npu_device *device;
	int ret;

	if (!model)
		return npu_fail(error, -EINVAL, "npu_model_export_weights: no model");
	if (!model->shared)
		return npu_fail(error, -EINVAL,
				"%s: cannot export weights: %s", model->graph->source.name,
				model->weights ? "they are in the caller's buffer: export that" :
						 "the graph has none");
	device = model->context->device;
	ret = npu_kernel_bo_export(device->fd, model->shared->object->handle, false);
	if (ret < 0)
		return npu_device_fail(device, error, ret, "%s: cannot export weights",
				       model->graph->source.name);
	return ret;
}

struct npu_model *npu_model_ref(struct npu_model *model)
{
	npu_ref_get(&model->refs);
	return model;
}

void npu_model_unref(struct npu_model *model)
{
	if (model && npu_ref_put(&model->refs))
		destroy(model);
}

struct npu_graph *npu_model_graph(const struct npu_model *model)
{
	return model->graph;
}
