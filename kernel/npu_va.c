// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * From a buffer's place to page-table entries, when it is mapped, leaves and
 * comes back.
 *
 * Eviction and validation write tables at once, while binds may be queued
 * whose turn is yet to come. They do not meet: a queued bind has its fence in
 * the reservation of every buffer that it maps, and of those that it unmaps
 * and that were not evicted; a buffer with such a fence is not moved. One that
 * has been evicted is therefore mapped by no queued bind, and what is still to
 * be unmapped of it has no entries.
 */
#include <linux/scatterlist.h>

#include <drm/npu_accel.h>

#include "npu_bo.h"
#include "npu_ttm.h"
#include "npu_va.h"
#include "npu_vm.h"

void npu_va_map(struct npu_vm *vm, struct npu_bo *bo, u64 va, u64 size, u64 offset, u32 flags)
{
	const u64 pte = flags & DRM_NPU_VM_MAP_READONLY ? 0 : NPU_PTE_WRITE;
	struct ttm_resource *res = bo->ttm.resource;

	if (res->mem_type == NPU_PL_DEVICE)
		npu_mmu_map(&vm->mmu, va, ((u64)res->start << PAGE_SHIFT) + offset, size,
			    pte | NPU_PTE_DEVICE);
	else
		npu_mmu_map_sgtable(&vm->mmu, va, &to_npu_tt(bo->ttm.ttm)->sgt, offset, size, pte);
}

void npu_va_evict_bo(struct npu_bo *bo)
{
	struct drm_gem_object *obj = &bo->ttm.base;
	struct drm_gpuvm_bo *vm_bo;
	struct drm_gpuva *va;

	dma_resv_assert_held(obj->resv);
	drm_gem_for_each_gpuvm_bo(vm_bo, obj) {
		struct npu_vm *vm = to_npu_vm(vm_bo->vm);

		if (vm_bo->evicted)
			continue;
		drm_gpuvm_bo_for_each_va(va, vm_bo) {
			npu_mmu_unmap(&vm->mmu, va->va.addr, va->va.range);
			npu_mmu_flush(&vm->mmu, va->va.addr, va->va.range);
		}
		drm_gpuvm_bo_evict(vm_bo, true);
	}
}

int npu_va_validate(struct drm_gpuvm_bo *vm_bo)
{
	struct npu_vm *vm = to_npu_vm(vm_bo->vm);
	struct npu_bo *bo = npu_bo_of_gem(vm_bo->obj);
	struct drm_gpuva *va;
	int ret;

	dma_resv_assert_held(vm_bo->obj->resv);
	ret = npu_bo_validate(bo);
	if (ret)
		return ret;
	drm_gpuvm_bo_for_each_va(va, vm_bo) {
		ret = npu_mmu_prepare(&vm->mmu, va->va.addr, va->va.range);
		if (ret)
			return ret;
	}
	drm_gpuvm_bo_for_each_va(va, vm_bo)
		npu_va_map(vm, bo, va->va.addr, va->va.range, va->gem.offset, to_npu_va(va)->flags);
	vm_bo->evicted = false;
	return 0;
}
