// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FLAGS NPU_MODEL_NO_VERIFY

#define CODE_ALIGN 64

struct writer {
	uint8_t *to;
};

static void write_chunk(void *opaque, const void *data, size_t size)
{
	struct writer *w = opaque;

	memcpy(w->to, data, size);
	w->to += size;
}

/* The submission of the first job orders these writes before the card's reads. */
static int upload(struct npu_model *p, uint64_t code_offset, uint32_t flags,
		  struct npu_error *error)
{
	const struct npu_graph_section *code = &p->graph->sections[SECTION_CODE];
	struct writer w;
	void *data;
	int ret;

	ret = npu_buffer_map(p->buffer, &data, error);
	if (ret)
		return ret;
	w.to = data;
	ret = npu_graph_read_weights(p->graph, !(flags & NPU_MODEL_NO_VERIFY), write_chunk, &w,
				     error);
	if (ret)
		return ret;
	memcpy((uint8_t *)data + code_offset, code->data, code->size);
	return 0;
}

int npu_model_create(struct npu_context *context, struct npu_graph *graph, uint32_t flags,
		     struct npu_model **model, struct npu_error *error)
{
	struct npu_model *p;
	uint64_t code_offset;
	int ret;

	if (!context || !graph || !model)
		return npu_fail(error, -EINVAL, "npu_model_create: no context, graph or place");
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
	p->graph = graph;
	/* Sizes were bounded when the graph was read: no wrap. */
	code_offset = (graph->info.weights_size + CODE_ALIGN - 1) & ~(uint64_t)(CODE_ALIGN - 1);
	ret = npu_buffer_make(context, code_offset + graph->info.code_size,
			      NPU_BUFFER_DEVICE | NPU_BUFFER_MAPPABLE | NPU_BUFFER_CARD_READONLY,
			      &p->buffer, error);
	if (ret)
		goto err_free;
	p->weights = npu_buffer_address(p->buffer);
	p->code = p->weights + code_offset;
	ret = upload(p, code_offset, flags, error);
	if (ret)
		goto err_buffer;
	npu_runner_init(&p->runner);
	p->context = npu_context_ref(context);
	npu_graph_ref(graph);
	*model = p;
	return 0;
err_buffer:
	npu_buffer_unref(p->buffer);
err_free:
	free(p);
	return ret;
}

struct npu_model *npu_model_ref(struct npu_model *model)
{
	npu_ref_get(&model->refs);
	return model;
}

void npu_model_unref(struct npu_model *model)
{
	if (!model || !npu_ref_put(&model->refs))
		return;
	npu_runner_fini(&model->runner);
	npu_buffer_unref(model->buffer);
	npu_graph_unref(model->graph);
	npu_context_unref(model->context);
	free(model);
}

struct npu_graph *npu_model_graph(const struct npu_model *model)
{
	return model->graph;
}
