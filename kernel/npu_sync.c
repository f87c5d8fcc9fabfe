// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* Waits and signals of ioctls. */
#include <linux/dma-fence-chain.h>
#include <linux/slab.h>

#include <drm/drm_file.h>
#include <drm/drm_syncobj.h>

#include "npu_sync.h"
#include "npu_user.h"

struct drm_npu_sync *npu_sync_array(const struct drm_npu_array *array)
{
	struct drm_npu_sync *syncs = npu_user_array(array, sizeof(*syncs), NPU_SYNCS_MAX);

	if (IS_ERR_OR_NULL(syncs))
		return syncs;
	for (u32 i = 0; i < array->count; i++) {
		if (syncs[i].flags & ~DRM_NPU_SYNC_SIGNAL) {
			kvfree(syncs);
			return ERR_PTR(-EINVAL);
		}
	}
	return syncs;
}

static int npu_signal_get(struct npu_signal *signal, struct drm_file *file,
			  const struct drm_npu_sync *sync)
{
	signal->syncobj = drm_syncobj_find(file, sync->handle);
	if (!signal->syncobj)
		return -ENOENT;
	signal->point = sync->point;
	if (!sync->point)
		return 0;
	signal->chain = dma_fence_chain_alloc();
	if (signal->chain)
		return 0;
	drm_syncobj_put(signal->syncobj);
	return -ENOMEM;
}

int npu_syncs_get(struct npu_syncs *syncs, struct drm_file *file,
		  const struct drm_npu_sync *array, u32 count)
{
	int ret = 0;

	*syncs = (struct npu_syncs){};
	if (!count)
		return 0;
	syncs->waits = kvcalloc(count, sizeof(*syncs->waits), GFP_KERNEL_ACCOUNT);
	syncs->signals = kvcalloc(count, sizeof(*syncs->signals), GFP_KERNEL_ACCOUNT);
	if (!syncs->waits || !syncs->signals)
		ret = -ENOMEM;
	for (u32 i = 0; !ret && i < count; i++) {
		if (array[i].flags & DRM_NPU_SYNC_SIGNAL) {
			ret = npu_signal_get(&syncs->signals[syncs->signal_count], file, &array[i]);
			if (!ret)
				syncs->signal_count++;
		} else {
			ret = drm_syncobj_find_fence(file, array[i].handle, array[i].point, 0,
						     &syncs->waits[syncs->wait_count]);
			if (!ret)
				syncs->wait_count++;
		}
	}
	if (ret)
		npu_syncs_put(syncs);
	return ret;
}

void npu_syncs_signal(struct npu_syncs *syncs, struct dma_fence *fence)
{
	for (u32 i = 0; i < syncs->signal_count; i++) {
		struct npu_signal *signal = &syncs->signals[i];

		if (signal->chain)
			drm_syncobj_add_point(signal->syncobj, signal->chain, fence, signal->point);
		else
			drm_syncobj_replace_fence(signal->syncobj, fence);
		signal->chain = NULL;	/* the syncobj's now */
	}
}

void npu_syncs_put(struct npu_syncs *syncs)
{
	for (u32 i = 0; i < syncs->wait_count; i++)
		dma_fence_put(syncs->waits[i]);
	for (u32 i = 0; i < syncs->signal_count; i++) {
		dma_fence_chain_free(syncs->signals[i].chain);
		drm_syncobj_put(syncs->signals[i].syncobj);
	}
	kvfree(syncs->waits);
	kvfree(syncs->signals);
	*syncs = (struct npu_syncs){};
}
