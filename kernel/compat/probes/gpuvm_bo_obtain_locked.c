// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* drm_gpuvm_bo_obtain() is called _locked (7.0). */
#include <drm/drm_gpuvm.h>

struct drm_gpuvm_bo *probe(struct drm_gpuvm *gpuvm, struct drm_gem_object *obj);
struct drm_gpuvm_bo *probe(struct drm_gpuvm *gpuvm, struct drm_gem_object *obj)
{
	return drm_gpuvm_bo_obtain_locked(gpuvm, obj);
}
