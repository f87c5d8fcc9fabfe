// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * Mappings of buffers in processes. While a card is being reset nobody may
 * touch its memory: a read from a function that does not answer yet can end as
 * a machine check. So a reset takes the mappings away, and a fault meanwhile
 * gets a page of zeros of its own, as after an unbind. Waiting for the end of
 * the reset instead would be waiting under mmap_lock, which ioctls need while
 * the reset waits for them.
 */
#include <drm/drm_drv.h>
#include <drm/ttm/ttm_bo.h>

#include "npu_device.h"
#include "npu_mmap.h"
#include "npu_ttm.h"

static vm_fault_t npu_mmap_fault_reserved(struct vm_fault *vmf, struct ttm_buffer_object *bo)
{
	struct npu_device *ndev = to_npu_device(bo->base.dev);
	pgprot_t prot = vmf->vma->vm_page_prot;

	if (atomic_read(&ndev->state) == NPU_STATE_LOST && bo->resource &&
	    bo->resource->mem_type == NPU_PL_DEVICE)
		return ttm_bo_vm_dummy_page(vmf, prot);
	return ttm_bo_vm_fault_reserved(vmf, prot, TTM_BO_VM_NUM_PREFAULT);
}

static vm_fault_t npu_mmap_fault(struct vm_fault *vmf)
{
	struct ttm_buffer_object *bo = vmf->vma->vm_private_data;
	struct npu_device *ndev = to_npu_device(bo->base.dev);
	vm_fault_t ret;
	int idx, reset_idx;

	ret = ttm_bo_vm_reserve(bo, vmf);
	if (ret)
		return ret;
	if (drm_dev_enter(bo->base.dev, &idx)) {
		/* A reset that begins now zaps what comes of this. */
		reset_idx = srcu_read_lock(&ndev->ioctl_srcu);
		ret = npu_mmap_fault_reserved(vmf, bo);
		srcu_read_unlock(&ndev->ioctl_srcu, reset_idx);
		drm_dev_exit(idx);
	} else {
		ret = ttm_bo_vm_dummy_page(vmf, vmf->vma->vm_page_prot);
	}
	/* TTM has unlocked it then. */
	if (ret == VM_FAULT_RETRY && !(vmf->flags & FAULT_FLAG_RETRY_NOWAIT))
		return ret;
	dma_resv_unlock(bo->base.resv);
	return ret;
}

const struct vm_operations_struct npu_mmap_ops = {
	.fault = npu_mmap_fault,
	.open = ttm_bo_vm_open,
	.close = ttm_bo_vm_close,
	.access = ttm_bo_vm_access,
};

void npu_mmap_zap(struct npu_device *ndev)
{
	unmap_mapping_range(ndev->drm.anon_inode->i_mapping, 0, 0, 1);
}
