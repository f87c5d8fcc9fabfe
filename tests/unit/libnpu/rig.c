// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

int rig_init(struct rig *r)
{
	void *data;
	int ret = fake_open(&r->device, &r->error);

	if (!ret)
		ret = npu_context_create(r->device, &r->context, &r->error);
	if (!ret)
		ret = npu_graph_from_memory(r->file.data, r->file.size, &r->graph, &r->error);
	if (!ret)
		ret = npu_model_create(r->context, r->graph, 0, &r->model, &r->error);
	if (!ret)
		ret = npu_queue_create(r->context, NPU_QUEUE_NORMAL, &r->queue, &r->error);
	if (!ret)
		ret = npu_buffer_create(r->context, 4096, MEMORY, &r->buffer, &r->error);
	if (!ret)
		ret = npu_buffer_map(r->buffer, &data, &r->error);
	if (ret)
		return ret;
	r->data = data;
	r->bindings[0] = (struct npu_binding){ r->buffer, 0 };
	r->bindings[1] = (struct npu_binding){ r->buffer, 64 };
	return 0;
}

void rig_fini(struct rig *r)
{
	npu_device_unref(r->device);
	npu_context_unref(r->context);
	npu_buffer_unref(r->buffer);
	npu_graph_unref(r->graph);
	npu_model_unref(r->model);
	npu_queue_unref(r->queue);
}

int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	fake_reset();
	graph_build(&r->file, NULL);
	*state = r;
	return rig_init(r);
}

int teardown(void **state)
{
	struct rig *r = *state;

	rig_fini(r);
	graph_free(&r->file);
	free(r);
	return fake_objects() ? -1 : 0;
}

void says(const struct npu_error *error, const char *words)
{
	if (!strstr(error->text, words))
		fail_msg("'%s' does not say '%s'", error->text, words);
}

int submit(struct rig *r, struct npu_job **job)
{
	return npu_submit(r->queue, r->model, r->bindings, 2, NULL, job, &r->error);
}
