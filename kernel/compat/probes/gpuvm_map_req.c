// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* drm_gpuvm_sm_map() takes a request struct (6.18). */
#include <drm/drm_gpuvm.h>

int probe(struct drm_gpuvm *gpuvm);
int probe(struct drm_gpuvm *gpuvm)
{
	const struct drm_gpuvm_map_req req = { .map.va.addr = 0 };

	return drm_gpuvm_sm_map(gpuvm, NULL, &req);
}
