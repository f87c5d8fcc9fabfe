// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* An open node: its objects, and what fdinfo says of it (drm-usage-stats). */
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_print.h>
#include <drm/npu_accel.h>

#include "npu_bo.h"
#include "npu_device.h"
#include "npu_queue.h"
#include "npu_quota.h"
#include "npu_vm.h"

int npu_file_open(struct drm_device *drm, struct drm_file *file)
{
	struct npu_file *nfile = kzalloc(sizeof(*nfile), GFP_KERNEL_ACCOUNT);

	if (!nfile)
		return -ENOMEM;
	nfile->ndev = to_npu_device(drm);
	nfile->quota = npu_quota_get_current(nfile->ndev);
	if (!nfile->quota) {
		kfree(nfile);
		return -ENOMEM;
	}
	nfile->client_id = file->client_id;
	nfile->generation = atomic_read(&nfile->ndev->generation);
	/* Handles are never 0. */
	xa_init_flags(&nfile->vms, XA_FLAGS_ALLOC1);
	xa_init_flags(&nfile->queues, XA_FLAGS_ALLOC1);
	file->driver_priv = nfile;
	return 0;
}

void npu_file_postclose(struct drm_device *drm, struct drm_file *file)
{
	struct npu_file *nfile = file->driver_priv;

	npu_queue_close_file(nfile);
	npu_vm_close_file(nfile);
	npu_quota_put(nfile->quota);
	kfree(nfile);
}

static u64 npu_file_busy_ns(struct npu_file *nfile)
{
	u64 busy = atomic64_read(&nfile->busy_ns);

	for (unsigned long handle = 0;; handle++) {
		struct npu_queue *queue;

		xa_lock(&nfile->queues);
		queue = xa_find(&nfile->queues, &handle, ULONG_MAX, XA_PRESENT);
		if (queue)
			npu_queue_get(queue);
		xa_unlock(&nfile->queues);
		if (!queue)
			return busy;
		busy += npu_queue_busy_ns(queue);
		npu_queue_put(queue);
	}
}

/* Where the buffer's memory is: system memory also when it is out of the card's reach. */
static u32 npu_file_region(u32 now)
{
	return now == DRM_NPU_MEMORY_DEVICE ? DRM_NPU_MEMORY_DEVICE : DRM_NPU_MEMORY_SYSTEM;
}

/*
 * Each buffer counts in one region, the one that its memory comes from, so that
 * regions and clients add up. What was pushed out of the card's reach is in
 * system memory, but not resident.
 */
static void npu_file_show_region(struct drm_printer *p, struct drm_file *file, u32 region,
				 const char *name)
{
	struct drm_memory_stats stats = {};
	struct drm_gem_object *obj;
	int id;

	spin_lock(&file->table_lock);
	idr_for_each_entry(&file->object_idr, obj, id) {
		u32 now = READ_ONCE(npu_bo_of_gem(obj)->region);

		if (npu_file_region(now) != region)
			continue;
		if (drm_gem_object_is_shared_for_memory_stats(obj))
			stats.shared += obj->size;
		else
			stats.private += obj->size;
		if (now)
			stats.resident += obj->size;
		if (!dma_resv_test_signaled(obj->resv, DMA_RESV_USAGE_BOOKKEEP))
			stats.active += obj->size;
	}
	spin_unlock(&file->table_lock);
	/* Nothing is purgeable: no buffer loses content without being closed. */
	drm_print_memory_stats(p, &stats, DRM_GEM_OBJECT_RESIDENT | DRM_GEM_OBJECT_PURGEABLE |
			       NPU_COMPAT_GEM_OBJECT_ACTIVE, name);
}

void npu_file_show_fdinfo(struct drm_printer *p, struct drm_file *file)
{
	struct npu_file *nfile = file->driver_priv;
	struct npu_device *ndev = nfile->ndev;

	drm_printf(p, "drm-engine-npu:\t%llu ns\n", npu_file_busy_ns(nfile));
	drm_printf(p, "drm-engine-capacity-npu:\t%u\n", ndev->tensor_engines + ndev->copy_engines);
	npu_file_show_region(p, file, DRM_NPU_MEMORY_DEVICE, "device");
	npu_file_show_region(p, file, DRM_NPU_MEMORY_SYSTEM, "system");
}
