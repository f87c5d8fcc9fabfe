// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "weights.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "ioctl.h"
#include "log.h"

/* The mapping is for loading only: afterwards nobody writes, and nobody should read. */
static int fill(const struct npu_object *object, const struct npu_graph *graph, bool verify,
		struct npu_error *error)
{
	struct npu_device *device = object->device;
	void *map;
	int ret;

	ret = npu_kernel_bo_map(device->fd, object->handle, object->size, &map);
	if (ret)
		return npu_device_fail(device, error, ret, "%s: cannot map memory for the weights",
				       graph->source.name);
	ret = npu_graph_load_weights(graph, verify, map, error);
	npu_kernel_bo_unmap(map, object->size);
	return ret;
}

static int load(struct npu_weights *w, const struct npu_graph *graph, bool verify,
		struct npu_error *error)
{
	int ret = npu_object_create(w->device, w->size, DRM_NPU_MEMORY_DEVICE,
				    DRM_NPU_BO_CPU_VISIBLE, 0, &w->object);

	if (ret)
		return npu_buffer_fail(w->device, w->size, ret, error);
	ret = fill(w->object, graph, verify, error);
	if (ret) {
		npu_object_put(w->object);
		w->object = NULL;
	}
	return ret;
}

static struct npu_weights *make(struct npu_device *device, const struct npu_graph *graph)
{
	const struct npu_graph_section *section = &graph->sections[SECTION_WEIGHTS];
	struct npu_weights *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->device = device;
	memcpy(w->digest, section->digest, sizeof(w->digest));
	w->size = section->size;
	w->refs = 1;
	return w;
}

/* With weights_lock held, as in all below but put(). */
static struct npu_weights *find(struct npu_device *device, const struct npu_graph *graph)
{
	const struct npu_graph_section *section = &graph->sections[SECTION_WEIGHTS];
	struct npu_weights *w;

	for (w = device->weights; w; w = w->next)
		if (w->size == section->size && !memcmp(w->digest, section->digest, sizeof(w->digest)))
			break;
	return w;
}

static void unlist(struct npu_weights *weights)
{
	struct npu_weights **at = &weights->device->weights;

	if (!weights->listed)
		return;
	while (*at != weights)
		at = &(*at)->next;
	*at = weights->next;
	weights->listed = false;
}

/* Returns true if that was the last reference: destroy it, without the lock. */
static bool drop(struct npu_weights *weights)
{
	if (--weights->refs)
		return false;
	unlist(weights);
	return true;
}

static void destroy(struct npu_weights *weights)
{
	if (weights->object)
		npu_object_put(weights->object);
	free(weights);
}

/* Waits while somebody else loads @w; true: they are good, and there is a reference. */
static bool join(struct npu_weights *w)
{
	struct npu_device *device = w->device;

	w->refs++;
	while (w->state == NPU_WEIGHTS_LOADING)
		pthread_cond_wait(&device->weights_loaded, &device->weights_lock);
	if (w->state == NPU_WEIGHTS_READY)
		return true;
	/* It is not in the list any more; what failed for others may work here. */
	if (drop(w))
		destroy(w);
	return false;
}

int npu_weights_get(struct npu_device *device, const struct npu_graph *graph, bool verify,
		    struct npu_weights **weights, struct npu_error *error)
{
	struct npu_weights *w;
	int ret;

	pthread_mutex_lock(&device->weights_lock);
	while ((w = find(device, graph))) {
		if (join(w)) {
			pthread_mutex_unlock(&device->weights_lock);
			npu_log(device, NPU_LOG_INFO, "%s: shares %" PRIu64 " bytes of weights",
				graph->source.name, w->size);
			*weights = w;
			return 0;
		}
	}
	w = make(device, graph);
	if (w && verify) {
		w->listed = true;
		w->next = device->weights;
		device->weights = w;
	}
	pthread_mutex_unlock(&device->weights_lock);
	if (!w)
		return npu_fail(error, -ENOMEM, "%s: no memory", graph->source.name);
	ret = load(w, graph, verify, error);
	pthread_mutex_lock(&device->weights_lock);
	w->state = ret ? NPU_WEIGHTS_FAILED : NPU_WEIGHTS_READY;
	if (ret)
		unlist(w);
	pthread_cond_broadcast(&device->weights_loaded);
	pthread_mutex_unlock(&device->weights_lock);
	if (ret) {
		npu_weights_put(w);
		return ret;
	}
	npu_log(device, NPU_LOG_INFO, "%s: loaded %" PRIu64 " bytes of weights%s", graph->source.name,
		w->size, verify ? "" : ", not verified");
	*weights = w;
	return 0;
}

void npu_weights_put(struct npu_weights *weights)
{
	struct npu_device *device = weights->device;
	bool last;

	pthread_mutex_lock(&device->weights_lock);
	last = drop(weights);
	pthread_mutex_unlock(&device->weights_lock);
	if (last)
		destroy(weights);
}
