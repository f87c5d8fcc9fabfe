// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * Address spaces.
 *
 * drm_gpuvm keeps the books (what is mapped where, which buffers need
 * validation after an eviction), npu_mmu writes page tables. Mappings change
 * under the reservation of the VM and of every buffer that it maps, so
 * VM_BIND, eviction and EXEC exclude one another.
 *
 * Memory is let go of only after the card has confirmed that it uses the old
 * translations no more: mappings that fall away wait on a list, still holding
 * their buffers, until npu_mmu_flush() is through.
 */
#include <linux/slab.h>

#include <drm/drm_exec.h>
#include <drm/npu_accel.h>

#include "npu_bo.h"
#include "npu_device.h"
#include "npu_drv.h"
#include "npu_fault.h"
#include "npu_lost.h"
#include "npu_queue.h"
#include "npu_quota.h"
#include "npu_ttm.h"
#include "npu_user.h"
#include "npu_vm.h"

#define NPU_VM_OPS_MAX 4096

struct npu_va {
	struct drm_gpuva base;
	u32 flags;		/* DRM_NPU_VM_MAP_* */
	struct list_head dead_link;	/* npu_bind.dead */
};

/* One operation of VM_BIND on its way through drm_gpuvm. */
struct npu_bind {
	struct npu_vm *vm;
	struct npu_va *spare[3];	/* a map can split one mapping in two and adds itself */
	struct drm_gpuvm_bo *vm_bo;	/* MAP: the buffer in this VM */
	u32 map_flags;
	struct list_head dead;	/* mappings that fell away, not yet flushed */
	u64 flush_start;
	u64 flush_end;
};

/* ---- Page tables of one mapping ------------------------------------------ */

static u64 npu_va_pte_flags(const struct npu_va *va)
{
	return va->flags & DRM_NPU_VM_MAP_READONLY ? 0 : NPU_PTE_WRITE;
}

static void npu_va_map_system(struct npu_vm *vm, struct npu_va *va, struct npu_tt *tt)
{
	u64 skip = va->base.gem.offset, at = va->base.va.addr;
	u64 left = va->base.va.range;
	struct scatterlist *sg;
	int i;

	for_each_sgtable_dma_sg(&tt->sgt, sg, i) {
		u64 length = sg_dma_len(sg), part;

		if (skip >= length) {
			skip -= length;
			continue;
		}
		part = min(length - skip, left);
		npu_mmu_map(&vm->mmu, at, sg_dma_address(sg) + skip, part,
			    npu_va_pte_flags(va) | NPU_PTE_SNOOP);
		skip = 0;
		at += part;
		left -= part;
		if (!left)
			return;
	}
}

/* The buffer is in the card's reach and the tables are prepared. */
static void npu_va_map(struct npu_vm *vm, struct npu_va *va)
{
	struct npu_bo *bo = npu_bo_of_gem(va->base.gem.obj);
	struct ttm_resource *res = bo->ttm.resource;

	if (res->mem_type == NPU_PL_DEVICE)
		npu_mmu_map(&vm->mmu, va->base.va.addr,
			    ((u64)res->start << PAGE_SHIFT) + va->base.gem.offset,
			    va->base.va.range, npu_va_pte_flags(va) | NPU_PTE_DEVICE);
	else
		npu_va_map_system(vm, va, to_npu_tt(bo->ttm.ttm));
}

/* ---- Steps of drm_gpuvm_sm_map() and _sm_unmap() ------------------------- */

static struct npu_va *npu_bind_take_spare(struct npu_bind *bind)
{
	for (int i = 0; i < ARRAY_SIZE(bind->spare); i++) {
		struct npu_va *va = bind->spare[i];

		if (va) {
			bind->spare[i] = NULL;
			return va;
		}
	}
	WARN_ON_ONCE(1);
	return NULL;
}

/* Unmaps [addr, addr + range) of a mapping, which falls away as a whole or is cut. */
static void npu_bind_retire(struct npu_bind *bind, struct drm_gpuva *va, u64 addr, u64 range)
{
	npu_mmu_unmap(&bind->vm->mmu, addr, range);
	/* Splitting has changed the whole of a large page. */
	bind->flush_start = min(bind->flush_start, va->va.addr);
	bind->flush_end = max(bind->flush_end, va->va.addr + va->va.range);
	list_add_tail(&container_of(va, struct npu_va, base)->dead_link, &bind->dead);
}

static int npu_bind_step_map(struct drm_gpuva_op *op, void *priv)
{
	struct npu_bind *bind = priv;
	struct npu_va *va = npu_bind_take_spare(bind);

	if (!va)
		return -EINVAL;
	va->flags = bind->map_flags;
	drm_gpuva_map(&bind->vm->gpuvm, &va->base, &op->map);
	drm_gpuva_link(&va->base, bind->vm_bo);
	npu_va_map(bind->vm, va);
	return 0;
}

static int npu_bind_step_remap(struct drm_gpuva_op *op, void *priv)
{
	struct npu_bind *bind = priv;
	struct drm_gpuva *old = op->remap.unmap->va;
	struct npu_va *prev = NULL, *next = NULL;
	u64 addr, range;

	if (op->remap.prev)
		prev = npu_bind_take_spare(bind);
	if (op->remap.next)
		next = npu_bind_take_spare(bind);
	if ((op->remap.prev && !prev) || (op->remap.next && !next))
		return -EINVAL;
	/* What stays is mapped all the time: jobs may be using it. */
	drm_gpuva_op_remap_to_unmap_range(&op->remap, &addr, &range);
	npu_mmu_split(&bind->vm->mmu, addr);
	npu_mmu_split(&bind->vm->mmu, addr + range);
	npu_bind_retire(bind, old, addr, range);
	drm_gpuva_remap(prev ? &prev->base : NULL, next ? &next->base : NULL, &op->remap);
	for (int i = 0; i < 2; i++) {
		struct npu_va *va = i ? next : prev;

		if (!va)
			continue;
		va->flags = container_of(old, struct npu_va, base)->flags;
		drm_gpuva_link(&va->base, old->vm_bo);
	}
	return 0;
}

static int npu_bind_step_unmap(struct drm_gpuva_op *op, void *priv)
{
	struct drm_gpuva *va = op->unmap.va;

	npu_bind_retire(priv, va, va->va.addr, va->va.range);
	drm_gpuva_unmap(&op->unmap);
	return 0;
}

static void npu_bind_init(struct npu_bind *bind, struct npu_vm *vm)
{
	*bind = (struct npu_bind){ .vm = vm, .flush_start = U64_MAX };
	INIT_LIST_HEAD(&bind->dead);
}

static int npu_bind_fill_spares(struct npu_bind *bind)
{
	for (int i = 0; i < ARRAY_SIZE(bind->spare); i++) {
		bind->spare[i] = kzalloc(sizeof(*bind->spare[i]), GFP_KERNEL_ACCOUNT);
		if (!bind->spare[i])
			return -ENOMEM;
	}
	return 0;
}

/* The reservations are still held: the dead mappings' buffers need theirs. */
static void npu_bind_finish(struct npu_bind *bind)
{
	struct npu_va *va, *tmp;

	if (!list_empty(&bind->dead))
		npu_mmu_flush(&bind->vm->mmu, bind->flush_start,
			      bind->flush_end - bind->flush_start);
	list_for_each_entry_safe(va, tmp, &bind->dead, dead_link) {
		drm_gpuva_unlink(&va->base);
		kfree(va);
	}
	for (int i = 0; i < ARRAY_SIZE(bind->spare); i++)
		kfree(bind->spare[i]);
}

/* ---- Eviction and validation --------------------------------------------- */

void npu_vm_evict_bo(struct npu_bo *bo)
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

/* Brings an evicted buffer back and maps it where it was. */
static int npu_vm_bo_validate(struct drm_gpuvm_bo *vm_bo, struct drm_exec *exec)
{
	struct npu_vm *vm = to_npu_vm(vm_bo->vm);
	struct drm_gpuva *va;
	int ret;

	ret = npu_bo_validate(npu_bo_of_gem(vm_bo->obj));
	if (ret)
		return ret;
	drm_gpuvm_bo_for_each_va(va, vm_bo) {
		ret = npu_mmu_prepare(&vm->mmu, va->va.addr, va->va.range);
		if (ret)
			return ret;
	}
	drm_gpuvm_bo_for_each_va(va, vm_bo)
		npu_va_map(vm, container_of(va, struct npu_va, base));
	vm_bo->evicted = false;
	return 0;
}

/* ---- Life ------------------------------------------------------------------ */

static void npu_vm_free(struct drm_gpuvm *gpuvm)
{
	kfree(to_npu_vm(gpuvm));
}

static const struct drm_gpuvm_ops npu_gpuvm_ops = {
	.vm_free = npu_vm_free,
	.vm_bo_validate = npu_vm_bo_validate,
	.sm_step_map = npu_bind_step_map,
	.sm_step_remap = npu_bind_step_remap,
	.sm_step_unmap = npu_bind_step_unmap,
};

/* The context on the card. */
static int npu_vm_create_context(struct npu_vm *vm)
{
	const struct npu_admin_context_args args = {
		.context = vm->mmu.context,
		.root = npu_mmu_root(&vm->mmu),
	};

	return npu_admin_run(vm->ndev, NPU_ADMIN_CONTEXT_CREATE, &args, sizeof(args), NULL, 0);
}

static int npu_vm_start(struct npu_vm *vm)
{
	struct npu_device *ndev = vm->ndev;
	int ret;

	ret = npu_mmu_init(&vm->mmu, ndev);
	if (ret)
		return ret;
	ret = xa_alloc(&ndev->contexts, &vm->mmu.context, vm,
		       XA_LIMIT(1, ndev->contexts_max - 1), GFP_KERNEL);
	if (ret) {
		/* All numbers are taken. */
		if (ret == -EBUSY)
			ret = -ENOSPC;
		goto free_tables;
	}
	ret = npu_vm_create_context(vm);
	if (ret)
		goto erase;
	return 0;

erase:
	xa_erase(&ndev->contexts, vm->mmu.context);
free_tables:
	npu_mmu_fini(&vm->mmu);
	return ret;
}

static struct npu_vm *npu_vm_create(struct npu_device *ndev, struct npu_quota *quota)
{
	struct drm_gem_object *resv;
	struct npu_vm *vm;
	int ret;

	if (!npu_quota_charge(quota, NPU_QUOTA_CONTEXTS))
		return ERR_PTR(-EDQUOT);
	vm = kzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	if (!vm) {
		ret = -ENOMEM;
		goto uncharge;
	}
	vm->ndev = ndev;
	vm->quota = quota;
	kref_init(&vm->users);
	spin_lock_init(&vm->fault_lock);
	resv = drm_gpuvm_resv_object_alloc(&ndev->drm);
	if (!resv) {
		kfree(vm);
		ret = -ENOMEM;
		goto uncharge;
	}
	drm_gpuvm_init(&vm->gpuvm, "npu", 0, &ndev->drm, resv, 0, 1ULL << NPU_VA_BITS,
		       NPU_MMU_USER_END, (1ULL << NPU_VA_BITS) - NPU_MMU_USER_END,
		       &npu_gpuvm_ops);
	drm_gem_object_put(resv);	/* the gpuvm has its own */
	ret = npu_vm_start(vm);
	if (ret) {
		drm_gpuvm_put(&vm->gpuvm);
		goto uncharge;
	}
	return vm;

uncharge:
	npu_quota_uncharge(quota, NPU_QUOTA_CONTEXTS);
	return ERR_PTR(ret);
}

/* Locks the VM and all it maps; only killed waits and no memory can stop it. */
static void npu_vm_lock_all(struct npu_vm *vm, struct drm_gpuvm_exec *exec)
{
	*exec = (struct drm_gpuvm_exec){ .vm = &vm->gpuvm };
	/* A handful of pointers: there is no giving up on taking a VM down. */
	while (drm_gpuvm_exec_lock(exec))
		cond_resched();
}

static void npu_vm_stop(struct npu_vm *vm)
{
	struct npu_admin_context_args args = { .context = vm->mmu.context };
	struct drm_gpuvm_exec exec;
	struct npu_bind bind;

	npu_vm_lock_all(vm, &exec);
	npu_bind_init(&bind, vm);
	drm_gpuvm_sm_unmap(&vm->gpuvm, &bind, NPU_MMU_USER_START,
			   NPU_MMU_USER_END - NPU_MMU_USER_START);
	npu_bind_finish(&bind);
	drm_gpuvm_exec_unlock(&exec);

	if (READ_ONCE(vm->mmu.root)) {
		int ret = npu_admin_run(vm->ndev, NPU_ADMIN_CONTEXT_DESTROY, &args, sizeof(args),
					NULL, 0);

		/* Tables that the card may still walk cannot be given back. */
		if (ret && ret != -ENODEV && ret != -ENOENT)
			npu_lost(vm->ndev, "the firmware does not let go of a context");
	}
	/* Its faults are its own, not those of the number's next owner. */
	npu_fault_drain(vm->ndev);
	/* While the number is there, unbinding finds the tables. */
	npu_mmu_fini(&vm->mmu);
	xa_erase(&vm->ndev->contexts, vm->mmu.context);
}

static void npu_vm_release(struct kref *users)
{
	struct npu_vm *vm = container_of(users, struct npu_vm, users);

	npu_vm_stop(vm);
	npu_quota_uncharge(vm->quota, NPU_QUOTA_CONTEXTS);
	drm_gpuvm_put(&vm->gpuvm);
}

struct npu_vm *npu_vm_get(struct npu_vm *vm)
{
	kref_get(&vm->users);
	return vm;
}

void npu_vm_put(struct npu_vm *vm)
{
	kref_put(&vm->users, npu_vm_release);
}

struct npu_vm *npu_vm_lookup(struct npu_file *nfile, u32 handle)
{
	struct npu_vm *vm;

	/* VM_DESTROY takes the handle away before it gives its reference back. */
	xa_lock(&nfile->vms);
	vm = xa_load(&nfile->vms, handle);
	if (vm)
		npu_vm_get(vm);
	xa_unlock(&nfile->vms);
	return vm;
}

/* A gpuvm reference to the next VM behind *@context; NULL at the end. */
static struct npu_vm *npu_vm_next(struct npu_device *ndev, unsigned long *context)
{
	struct npu_vm *vm;

	/* A VM takes its number away before it gives its own reference back. */
	guard(spinlock)(&ndev->contexts.xa_lock);
	vm = xa_find_after(&ndev->contexts, context, ULONG_MAX, XA_PRESENT);
	if (vm)
		drm_gpuvm_get(&vm->gpuvm);
	return vm;
}

void npu_vm_detach_all(struct npu_device *ndev)
{
	unsigned long context = 0;
	struct npu_vm *vm;

	while ((vm = npu_vm_next(ndev, &context))) {
		npu_mmu_fini(&vm->mmu);
		drm_gpuvm_put(&vm->gpuvm);
	}
}

int npu_vm_restore_all(struct npu_device *ndev)
{
	unsigned long context = 0;
	struct npu_vm *vm;
	int ret = 0;

	while (!ret && (vm = npu_vm_next(ndev, &context))) {
		/* One that a reset has taken down stays down. */
		if (vm->mmu.root)
			ret = npu_vm_create_context(vm);
		drm_gpuvm_put(&vm->gpuvm);
	}
	return ret;
}

void npu_vm_close_file(struct npu_file *nfile)
{
	unsigned long handle;
	struct npu_vm *vm;

	xa_for_each(&nfile->vms, handle, vm) {
		xa_erase(&nfile->vms, handle);
		npu_vm_put(vm);
	}
	xa_destroy(&nfile->vms);
}

void npu_vm_record_fault(struct npu_vm *vm, const struct npu_vm_fault *fault)
{
	guard(spinlock)(&vm->fault_lock);
	vm->fault = *fault;
	vm->fault_count++;
}

void npu_vm_read_fault(struct npu_device *ndev, u32 context, struct npu_vm_fault *fault,
		       u64 *count)
{
	struct npu_vm *vm;

	*fault = (struct npu_vm_fault){};
	*count = 0;
	guard(spinlock)(&ndev->contexts.xa_lock);
	vm = xa_load(&ndev->contexts, context);
	if (!vm)
		return;
	guard(spinlock)(&vm->fault_lock);
	*fault = vm->fault;
	*count = vm->fault_count;
}

/* ---- ioctls ------------------------------------------------------------------ */

int npu_vm_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct npu_file *nfile = file->driver_priv;
	struct drm_npu_vm_create *args = data;
	struct npu_vm *vm;
	u32 handle;
	int ret;

	if (args->flags)
		return -EINVAL;
	vm = npu_vm_create(to_npu_device(drm), nfile->quota);
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	/* Complete before it has a handle: handles can be guessed. */
	ret = xa_alloc(&nfile->vms, &handle, vm, xa_limit_31b, GFP_KERNEL_ACCOUNT);
	if (ret) {
		npu_vm_put(vm);
		return ret;
	}
	args->vm = handle;
	return 0;
}

int npu_vm_destroy_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct npu_file *nfile = file->driver_priv;
	struct drm_npu_vm_destroy *args = data;
	struct npu_vm *vm;

	if (args->mbz)
		return -EINVAL;
	vm = xa_erase(&nfile->vms, args->vm);
	if (!vm)
		return -ENOENT;
	npu_vm_put(vm);
	return 0;
}

int npu_vm_get_state_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct npu_file *nfile = file->driver_priv;
	struct drm_npu_vm_get_state *args = data;
	struct npu_vm_fault fault;
	struct npu_vm *vm;

	vm = npu_vm_lookup(nfile, args->vm);
	if (!vm)
		return -ENOENT;
	scoped_guard(spinlock, &vm->fault_lock) {
		fault = vm->fault;
		args->fault_count = vm->fault_count;
	}
	args->state = args->fault_count ? DRM_NPU_VM_FAULTED : 0;
	if (!READ_ONCE(vm->mmu.root))
		args->state |= DRM_NPU_VM_DEAD;
	args->fault_va = fault.va;
	args->fault_info = fault.info & (NPU_FAULT_WRITE | NPU_FAULT_REASON_MASK);
	args->fault_queue = args->fault_count ? npu_queue_find_handle(nfile, fault.queue) : 0;
	npu_vm_put(vm);
	return 0;
}

static bool npu_vm_op_is_valid(const struct drm_npu_vm_op *op)
{
	u64 end;

	if (op->mbz || !op->size || !PAGE_ALIGNED(op->va | op->size | op->bo_offset) ||
	    check_add_overflow(op->va, op->size, &end) || op->va < NPU_MMU_USER_START ||
	    end > NPU_MMU_USER_END)
		return false;
	switch (op->op) {
	case DRM_NPU_VM_OP_MAP:
		return !(op->flags & ~DRM_NPU_VM_MAP_READONLY);
	case DRM_NPU_VM_OP_UNMAP:
		return !op->flags && !op->bo_offset && !op->bo;
	default:
		return false;
	}
}

/* Also locks the buffer that is about to be mapped. */
static int npu_vm_lock_extra(struct drm_gpuvm_exec *exec)
{
	return drm_exec_prepare_obj(&exec->exec, exec->extra.priv, 1);
}

static int npu_vm_map_locked(struct npu_bind *bind, const struct drm_npu_vm_op *op,
			     struct drm_gem_object *obj)
{
	struct npu_vm *vm = bind->vm;
	struct drm_gpuvm_bo *vm_bo;
	int ret;

	vm_bo = npu_compat_gpuvm_bo_obtain(&vm->gpuvm, obj);
	if (IS_ERR(vm_bo))
		return PTR_ERR(vm_bo);
	drm_gpuvm_bo_extobj_add(vm_bo);
	ret = vm_bo->evicted ? npu_vm_bo_validate(vm_bo, NULL) :
			       npu_bo_validate(npu_bo_of_gem(obj));
	if (!ret)
		ret = npu_mmu_prepare(&vm->mmu, op->va, op->size);
	if (!ret) {
		bind->vm_bo = vm_bo;
		ret = npu_compat_gpuvm_sm_map(&vm->gpuvm, bind, op->va, op->size, obj,
					      op->bo_offset);
	}
	npu_bind_finish(bind);
	drm_gpuvm_bo_put(vm_bo);
	return ret;
}

static int npu_vm_op_map(struct npu_vm *vm, struct drm_file *file,
			 const struct drm_npu_vm_op *op)
{
	struct drm_gpuvm_exec exec = {
		.vm = &vm->gpuvm,
		.flags = DRM_EXEC_INTERRUPTIBLE_WAIT | DRM_EXEC_IGNORE_DUPLICATES,
		.extra.fn = npu_vm_lock_extra,
	};
	struct drm_gem_object *obj;
	struct npu_bind bind;
	struct npu_bo *bo;
	u64 end;
	int ret;

	obj = drm_gem_object_lookup(file, op->bo);
	if (!obj)
		return -ENOENT;
	bo = npu_bo_of_gem(obj);
	npu_bind_init(&bind, vm);
	bind.map_flags = op->flags;
	if (check_add_overflow(op->bo_offset, op->size, &end) || end > obj->size) {
		ret = -EINVAL;
		goto put;
	}
	if (bo->vm_resv && bo->vm_resv != vm->gpuvm.r_obj) {
		ret = -EPERM;
		goto put;
	}
	ret = npu_bind_fill_spares(&bind);
	if (!ret) {
		exec.extra.priv = obj;
		ret = drm_gpuvm_exec_lock(&exec);
	}
	if (ret) {
		npu_bind_finish(&bind);
		goto put;
	}
	ret = npu_vm_map_locked(&bind, op, obj);
	drm_gpuvm_exec_unlock(&exec);
put:
	drm_gem_object_put(obj);
	return ret;
}

static int npu_vm_op_unmap(struct npu_vm *vm, const struct drm_npu_vm_op *op)
{
	struct drm_gpuvm_exec exec = { .vm = &vm->gpuvm, .flags = DRM_EXEC_INTERRUPTIBLE_WAIT };
	struct npu_bind bind;
	int ret;

	npu_bind_init(&bind, vm);
	ret = npu_bind_fill_spares(&bind);
	if (!ret)
		ret = drm_gpuvm_exec_lock(&exec);
	if (ret) {
		npu_bind_finish(&bind);
		return ret;
	}
	ret = drm_gpuvm_sm_unmap(&vm->gpuvm, &bind, op->va, op->size);
	npu_bind_finish(&bind);
	npu_mmu_prune(&vm->mmu, op->va, op->size);
	drm_gpuvm_exec_unlock(&exec);
	return ret;
}

/* Applies the operations; @done counts those that have been. */
static int npu_vm_bind(struct npu_vm *vm, struct drm_file *file, const struct drm_npu_vm_op *ops,
		       u32 count, u32 *done)
{
	/* Nothing is done if any of them makes no sense. */
	for (u32 i = 0; i < count; i++)
		if (!npu_vm_op_is_valid(&ops[i]))
			return -EINVAL;
	for (u32 i = 0; i < count; i++) {
		int ret;

		if (ops[i].op == DRM_NPU_VM_OP_MAP)
			ret = npu_vm_op_map(vm, file, &ops[i]);
		else
			ret = npu_vm_op_unmap(vm, &ops[i]);
		if (ret)
			return ret;
		*done = i + 1;
	}
	return 0;
}

int npu_vm_bind_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct npu_file *nfile = file->driver_priv;
	struct drm_npu_vm_bind *args = data;
	struct npu_section section;
	struct drm_npu_vm_op *ops;
	struct npu_vm *vm;
	int ret;

	if (args->flags || args->mbz)
		return -EINVAL;
	args->ops_done = 0;
	ops = npu_user_array(&args->ops, sizeof(*ops), NPU_VM_OPS_MAX);
	if (IS_ERR(ops))
		return PTR_ERR(ops);
	ret = npu_enter(drm, file, &section);
	if (ret)
		goto free;
	vm = npu_vm_lookup(nfile, args->vm);
	if (vm) {
		ret = npu_vm_bind(vm, file, ops, args->ops.count, &args->ops_done);
		npu_vm_put(vm);
	} else {
		ret = -ENOENT;
	}
	npu_exit(drm, &section);
free:
	kvfree(ops);
	return ret;
}
