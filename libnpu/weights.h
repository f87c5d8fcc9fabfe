/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * Weights on the card. Graphs with the same digest share them, in all contexts
 * of a device: the second model costs a mapping, and reads nothing.
 *
 * Only what was compared with its digest is shared, so that nobody gets less
 * than was asked for: without verification, weights that others have verified
 * are taken, and others are loaded for this model alone.
 */
#ifndef LIBNPU_WEIGHTS_H
#define LIBNPU_WEIGHTS_H

#include "graph.h"
#include "object.h"
#include "sha256.h"

enum npu_weights_state { NPU_WEIGHTS_LOADING, NPU_WEIGHTS_READY, NPU_WEIGHTS_FAILED };

struct npu_weights {
	struct npu_device *device; /* kept by the models */
	uint8_t digest[NPU_SHA256_SIZE];
	uint64_t size; /* bytes */
	struct npu_object *object; /* once it is READY */

	/* Guarded by device->weights_lock. */
	struct npu_weights *next;
	unsigned int refs;
	bool listed; /* others may find it */
	enum npu_weights_state state;
};

/* npu_weights_get() - those of @graph, which has some; loads them if nobody has. */
int npu_weights_get(struct npu_device *device, const struct npu_graph *graph, bool verify,
		    struct npu_weights **weights, struct npu_error *error);
void npu_weights_put(struct npu_weights *weights);

#endif
