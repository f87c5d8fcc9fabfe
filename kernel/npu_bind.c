// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * VM_BIND. An array of operations goes through four steps:
 *
 *	create	arguments are checked, objects looked up, memory allocated
 *	prepare	under the reservations: buffers brought within reach, tables made
 *	commit	the books (drm_gpuvm) change; cannot fail, so all or nothing
 *	apply	page tables change, old translations are flushed; cannot fail
 *
 * Without ASYNC all four happen in the ioctl, and only while no bind of the VM
 * is queued; with it, the last one has its turn in npu_bind_queue.c.
 *
 * Memory is let go of only after the card has confirmed that it uses the old
 * translations no more: mappings that fall away wait on a list, still holding
 * their buffers. What a MAP replaces is overwritten, so jobs in flight see
 * the old translation or the new one, never none.
 */
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_exec.h>
#include <drm/npu_accel.h>

#include "npu_bind.h"
#include "npu_bind_queue.h"
#include "npu_bo.h"
#include "npu_device.h"
#include "npu_drv.h"
#include "npu_turn.h"
#include "npu_user.h"
#include "npu_userq.h"
#include "npu_va.h"
#include "npu_vm.h"

#define NPU_BIND_OPS_MAX 4096

/* One operation on its way through drm_gpuvm. */
struct npu_bind_step {
	struct npu_bind *bind;
	struct npu_bind_op *op;	/* NULL: everything is unmapped */
};

/* ---- Commit: steps of drm_gpuvm_sm_map() and _sm_unmap() --------------------- */

static struct npu_va *npu_bind_take_spare(struct npu_bind_op *op)
{
	for (int i = 0; i < ARRAY_SIZE(op->spare); i++) {
		struct npu_va *va = op->spare[i];

		if (va) {
			op->spare[i] = NULL;
			return va;
		}
	}
	WARN_ON_ONCE(1);
	return NULL;
}

/* A mapping that is in the books no more. */
static void npu_bind_retire(struct npu_bind *bind, struct drm_gpuva *va)
{
	/* All of it, also of one that was cut: its large pages were split. */
	bind->flush_start = min(bind->flush_start, va->va.addr);
	bind->flush_end = max(bind->flush_end, va->va.addr + va->va.range);
	to_npu_va(va)->in_tables = !va->vm_bo->evicted;
	drm_gem_object_get(va->gem.obj);
	drm_gpuva_unlink(va);
	list_add_tail(&to_npu_va(va)->dead_link, &bind->dead);
}

static int npu_bind_step_map(struct drm_gpuva_op *op, void *priv)
{
	struct npu_bind_step *step = priv;
	struct npu_va *va = npu_bind_take_spare(step->op);

	if (!va)
		return -EINVAL;
	va->flags = step->op->flags;
	drm_gpuva_map(&step->bind->vm->gpuvm, &va->base, &op->map);
	drm_gpuva_link(&va->base, step->op->vm_bo);
	return 0;
}

static int npu_bind_step_remap(struct drm_gpuva_op *op, void *priv)
{
	struct npu_bind_step *step = priv;
	struct drm_gpuva *old = op->remap.unmap->va;
	struct npu_va *prev = NULL, *next = NULL;

	if (op->remap.prev)
		prev = npu_bind_take_spare(step->op);
	if (op->remap.next)
		next = npu_bind_take_spare(step->op);
	if ((op->remap.prev && !prev) || (op->remap.next && !next))
		return -EINVAL;
	drm_gpuva_remap(prev ? &prev->base : NULL, next ? &next->base : NULL, &op->remap);
	for (int i = 0; i < 2; i++) {
		struct npu_va *va = i ? next : prev;

		if (!va)
			continue;
		va->flags = to_npu_va(old)->flags;
		drm_gpuva_link(&va->base, old->vm_bo);
	}
	npu_bind_retire(step->bind, old);
	return 0;
}

static int npu_bind_step_unmap(struct drm_gpuva_op *op, void *priv)
{
	struct npu_bind_step *step = priv;
	struct drm_gpuva *va = op->unmap.va;

	drm_gpuva_unmap(&op->unmap);
	npu_bind_retire(step->bind, va);
	return 0;
}

static int npu_bind_vm_bo_validate(struct drm_gpuvm_bo *vm_bo, struct drm_exec *exec)
{
	return npu_va_validate(vm_bo);
}

static void npu_bind_vm_free(struct drm_gpuvm *gpuvm)
{
	kfree(to_npu_vm(gpuvm));
}

const struct drm_gpuvm_ops npu_gpuvm_ops = {
	.vm_free = npu_bind_vm_free,
	.vm_bo_validate = npu_bind_vm_bo_validate,
	.sm_step_map = npu_bind_step_map,
	.sm_step_remap = npu_bind_step_remap,
	.sm_step_unmap = npu_bind_step_unmap,
};

/* Everything is prepared: not one of the steps can fail. */
static void npu_bind_commit(struct npu_bind *bind)
{
	struct drm_gpuvm *gpuvm = &bind->vm->gpuvm;

	for (u32 i = 0; i < bind->count; i++) {
		struct npu_bind_op *op = &bind->ops[i];
		struct npu_bind_step step = { .bind = bind, .op = op };
		int ret;

		if (op->obj)
			ret = npu_compat_gpuvm_sm_map(gpuvm, &step, op->va, op->size, op->obj,
						      op->offset);
		else
			ret = drm_gpuvm_sm_unmap(gpuvm, &step, op->va, op->size);
		WARN_ON_ONCE(ret);
	}
}

/* ---- Apply --------------------------------------------------------------------- */

void npu_bind_apply(struct npu_bind *bind)
{
	struct npu_vm *vm = bind->vm;

	for (u32 i = 0; i < bind->count; i++) {
		struct npu_bind_op *op = &bind->ops[i];

		/* What stays beside it is mapped all the time: jobs may be using it. */
		npu_mmu_split(&vm->mmu, op->va);
		npu_mmu_split(&vm->mmu, op->va + op->size);
		if (op->obj)
			npu_va_map(vm, npu_bo_of_gem(op->obj), op->va, op->size, op->offset,
				   op->flags);
		else
			npu_mmu_unmap(&vm->mmu, op->va, op->size);
	}
	if (list_empty(&bind->dead))
		return;
	npu_mmu_flush(&vm->mmu, bind->flush_start, bind->flush_end - bind->flush_start);
	for (u32 i = 0; i < bind->count; i++)
		if (bind->ops[i].obj)
			npu_mmu_tidy(&vm->mmu, bind->ops[i].va, bind->ops[i].size);
}

/* Tables that are empty now. A bind that is queued may have prepared some of them. */
static void npu_bind_prune(struct npu_bind *bind)
{
	drm_gpuvm_resv_assert_held(&bind->vm->gpuvm);
	for (u32 i = 0; i < bind->count; i++)
		if (!bind->ops[i].obj)
			npu_mmu_prune(&bind->vm->mmu, bind->ops[i].va, bind->ops[i].size);
}

/* ---- Life ---------------------------------------------------------------------- */

static void npu_bind_init(struct npu_bind *bind, struct npu_vm *vm)
{
	bind->vm = vm;
	bind->flush_start = U64_MAX;
	INIT_LIST_HEAD(&bind->dead);
}

static void npu_bind_free_dead(struct npu_bind *bind)
{
	struct npu_va *va, *tmp;

	list_for_each_entry_safe(va, tmp, &bind->dead, dead_link) {
		drm_gem_object_put(va->base.gem.obj);
		kfree(va);
	}
}

/* Not under a reservation: the last reference to a buffer may be among them. */
static void npu_bind_free(struct npu_bind *bind)
{
	npu_bind_free_dead(bind);
	for (u32 i = 0; i < bind->count; i++) {
		struct npu_bind_op *op = &bind->ops[i];

		for (int n = 0; n < ARRAY_SIZE(op->spare); n++)
			kfree(op->spare[n]);
		if (op->obj)
			drm_gem_object_put(op->obj);
	}
	npu_syncs_put(&bind->syncs);
	npu_bind_fence_put(bind->fence);
	kvfree(bind->waits);
	kvfree(bind);
}

void npu_bind_release_queued(struct npu_bind *bind)
{
	struct npu_vm *vm = bind->vm;
	struct drm_device *drm = vm->gpuvm.drm;
	struct dma_fence *next;

	dma_resv_lock(drm_gpuvm_resv(&vm->gpuvm), NULL);
	/* Nothing is queued while the reservation is held. */
	next = npu_bind_queue_last(&vm->binds);
	if (next)
		dma_fence_put(next);
	else
		npu_bind_prune(bind);
	dma_resv_unlock(drm_gpuvm_resv(&vm->gpuvm));
	npu_bind_free(bind);
	drm_gpuvm_put(&vm->gpuvm);
	drm_dev_put(drm);
}

/* Only killed waits and no memory can stop it, and it tries again. */
static void npu_bind_lock_all(struct npu_vm *vm, struct drm_gpuvm_exec *exec)
{
	/* Two imports of one buffer share its reservation. */
	*exec = (struct drm_gpuvm_exec){
		.vm = &vm->gpuvm,
		.flags = DRM_EXEC_IGNORE_DUPLICATES,
	};
	/* A handful of pointers: there is no giving up on taking a VM down. */
	while (drm_gpuvm_exec_lock(exec))
		cond_resched();
}

void npu_bind_unmap_all(struct npu_vm *vm)
{
	const u64 start = NPU_MMU_USER_START, size = NPU_MMU_USER_END - NPU_MMU_USER_START;
	struct npu_bind bind = {};
	struct npu_bind_step step = { .bind = &bind };
	struct drm_gpuvm_exec exec;

	npu_bind_init(&bind, vm);
	npu_bind_lock_all(vm, &exec);
	drm_gpuvm_sm_unmap(&vm->gpuvm, &step, start, size);
	npu_mmu_unmap(&vm->mmu, start, size);
	if (!list_empty(&bind.dead))
		npu_mmu_flush(&vm->mmu, bind.flush_start, bind.flush_end - bind.flush_start);
	drm_gpuvm_exec_unlock(&exec);
	npu_bind_free_dead(&bind);
}

/* ---- Create and prepare ---------------------------------------------------------- */

static bool npu_bind_op_is_valid(const struct drm_npu_vm_op *op)
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

static int npu_bind_op_init(struct npu_bind_op *op, struct npu_vm *vm, struct drm_file *file,
			    const struct drm_npu_vm_op *args)
{
	u64 end;

	op->va = args->va;
	op->size = args->size;
	for (int i = 0; i < ARRAY_SIZE(op->spare); i++) {
		op->spare[i] = kzalloc(sizeof(*op->spare[i]), GFP_KERNEL_ACCOUNT);
		if (!op->spare[i])
			return -ENOMEM;
	}
	if (args->op == DRM_NPU_VM_OP_UNMAP)
		return 0;
	op->offset = args->bo_offset;
	op->flags = args->flags;
	op->obj = drm_gem_object_lookup(file, args->bo);
	if (!op->obj)
		return -ENOENT;
	if (check_add_overflow(op->offset, op->size, &end) || end > op->obj->size)
		return -EINVAL;
	if (npu_bo_of_gem(op->obj)->vm_resv && npu_bo_of_gem(op->obj)->vm_resv != vm->gpuvm.r_obj)
		return -EPERM;
	return 0;
}

/* What a queued bind needs besides. */
static int npu_bind_init_queued(struct npu_bind *bind, struct drm_file *file,
				const struct drm_npu_sync *syncs, u32 sync_count)
{
	int ret;

	ret = npu_syncs_get(&bind->syncs, file, syncs, sync_count);
	if (ret)
		return ret;
	bind->waits = kvcalloc(max(bind->syncs.wait_count, 1u), sizeof(*bind->waits),
			       GFP_KERNEL_ACCOUNT);
	bind->fence = npu_bind_fence_create();
	return bind->waits && bind->fence ? 0 : -ENOMEM;
}

static struct npu_bind *npu_bind_create(struct npu_vm *vm, struct drm_file *file,
					const struct drm_npu_vm_bind *args,
					const struct drm_npu_vm_op *ops,
					const struct drm_npu_sync *syncs)
{
	struct npu_bind *bind;
	int ret = 0;

	bind = kvzalloc(struct_size(bind, ops, args->ops.count), GFP_KERNEL_ACCOUNT);
	if (!bind)
		return ERR_PTR(-ENOMEM);
	bind->count = args->ops.count;
	npu_bind_init(bind, vm);
	for (u32 i = 0; !ret && i < bind->count; i++)
		ret = npu_bind_op_init(&bind->ops[i], vm, file, &ops[i]);
	if (!ret && (args->flags & DRM_NPU_VM_BIND_ASYNC))
		ret = npu_bind_init_queued(bind, file, syncs, args->syncs.count);
	if (!ret)
		return bind;
	npu_bind_free(bind);
	return ERR_PTR(ret);
}

/* Also locks the buffers that are about to be mapped. */
static int npu_bind_lock_extra(struct drm_gpuvm_exec *exec)
{
	struct npu_bind *bind = exec->extra.priv;

	for (u32 i = 0; i < bind->count; i++) {
		int ret = 0;

		if (bind->ops[i].obj)
			ret = drm_exec_prepare_obj(&exec->exec, bind->ops[i].obj, 1);
		if (ret)
			return ret;
	}
	return 0;
}

static int npu_bind_prepare(struct npu_bind *bind)
{
	struct drm_gpuvm *gpuvm = &bind->vm->gpuvm;

	for (u32 i = 0; i < bind->count; i++) {
		struct npu_bind_op *op = &bind->ops[i];
		struct drm_gpuvm_bo *vm_bo;
		int ret;

		if (!op->obj)
			continue;
		vm_bo = npu_compat_gpuvm_bo_obtain(gpuvm, op->obj);
		if (IS_ERR(vm_bo))
			return PTR_ERR(vm_bo);
		op->vm_bo = vm_bo;
		drm_gpuvm_bo_extobj_add(vm_bo);
		ret = vm_bo->evicted ? npu_va_validate(vm_bo) :
				       npu_bo_validate(npu_bo_of_gem(op->obj));
		if (!ret)
			ret = npu_mmu_prepare(&bind->vm->mmu, op->va, op->size);
		if (!ret)
			ret = npu_userq_prepare_bo(bind->vm, op->obj);
		if (ret)
			return ret;
	}
	return 0;
}

/* The reservations are still held: the last reference takes the buffer off the VM's lists. */
static void npu_bind_put_vm_bos(struct npu_bind *bind)
{
	for (u32 i = 0; i < bind->count; i++) {
		if (bind->ops[i].vm_bo)
			drm_gpuvm_bo_put(bind->ops[i].vm_bo);
		bind->ops[i].vm_bo = NULL;
	}
}

/* What the tables show, or will show, is not moved or freed before a queued bind is applied. */
static void npu_bind_add_fence(struct npu_bind *bind)
{
	struct dma_fence *fence = &bind->fence->base;
	struct npu_va *va;

	for (u32 i = 0; i < bind->count; i++)
		if (bind->ops[i].obj)
			dma_resv_add_fence(bind->ops[i].obj->resv, fence, DMA_RESV_USAGE_BOOKKEEP);
	/* One that was evicted must be able to come back meanwhile. */
	list_for_each_entry(va, &bind->dead, dead_link)
		if (va->in_tables)
			dma_resv_add_fence(va->base.gem.obj->resv, fence, DMA_RESV_USAGE_BOOKKEEP);
}

/*
 * Takes the bind over if it returns 0. -EAGAIN: @before, with a reference, must
 * signal first.
 */
static int npu_bind_submit(struct npu_bind *bind, struct dma_fence **before)
{
	struct npu_vm *vm = bind->vm;
	struct drm_gpuvm_exec exec = {
		.vm = &vm->gpuvm,
		.flags = DRM_EXEC_INTERRUPTIBLE_WAIT | DRM_EXEC_IGNORE_DUPLICATES,
		.num_fences = 1,
		.extra = { .fn = npu_bind_lock_extra, .priv = bind },
	};
	const bool queued = bind->fence;
	int ret;

	ret = drm_gpuvm_exec_lock(&exec);
	if (ret)
		return ret;
	if (!queued)
		*before = npu_bind_queue_last(&vm->binds);
	ret = *before ? -EAGAIN : npu_bind_prepare(bind);
	if (!ret) {
		npu_bind_commit(bind);
		for (u32 i = 0; i < bind->count; i++)
			if (bind->ops[i].obj)
				npu_userq_add_bo(vm, bind->ops[i].obj);
	}
	npu_bind_put_vm_bos(bind);
	if (ret) {
		drm_gpuvm_exec_unlock(&exec);
		return ret;
	}
	if (queued) {
		npu_bind_queue_number(&vm->binds, bind);
		npu_bind_add_fence(bind);
		npu_syncs_signal(&bind->syncs, &bind->fence->base);
		/* Until npu_bind_release_queued(). */
		drm_gpuvm_get(&vm->gpuvm);
		drm_dev_get(vm->gpuvm.drm);
		npu_bind_queue_push(&vm->binds, bind);
		drm_gpuvm_exec_unlock(&exec);
	} else {
		npu_bind_apply(bind);
		npu_bind_prune(bind);
		drm_gpuvm_exec_unlock(&exec);
		npu_bind_free(bind);
	}
	return 0;
}

/* ---- The ioctl ------------------------------------------------------------------- */

/* Arguments of npu_bind_submit(), for npu_turn_run(). */
struct npu_bind_attempt {
	struct npu_bind *bind;
	struct dma_fence **before;
};

static int npu_bind_attempt(void *data)
{
	struct npu_bind_attempt *attempt = data;

	return npu_bind_submit(attempt->bind, attempt->before);
}

static int npu_bind(struct npu_file *nfile, struct drm_file *file,
		    const struct drm_npu_vm_bind *args, const struct drm_npu_vm_op *ops,
		    const struct drm_npu_sync *syncs, struct dma_fence **before)
{
	struct npu_bind *bind;
	struct npu_vm *vm;
	int ret;

	vm = npu_vm_lookup(nfile, args->vm);
	if (!vm)
		return -ENOENT;
	bind = npu_bind_create(vm, file, args, ops, syncs);
	ret = PTR_ERR_OR_ZERO(bind);
	if (!ret) {
		struct npu_bind_attempt attempt = { .bind = bind, .before = before };

		ret = npu_turn_run(vm->ndev, npu_bind_attempt, &attempt);
		if (ret)
			npu_bind_free(bind);
	}
	npu_vm_put(vm);
	return ret;
}

/* Binds, if need be after those that are queued; these may wait for anything. */
static int npu_bind_in_turn(struct drm_device *drm, struct drm_file *file,
			    const struct drm_npu_vm_bind *args, const struct drm_npu_vm_op *ops,
			    const struct drm_npu_sync *syncs)
{
	for (;;) {
		struct dma_fence *before = NULL;
		struct npu_section section;
		int ret;

		ret = npu_enter(drm, file, &section);
		if (ret)
			return ret;
		ret = npu_bind(file->driver_priv, file, args, ops, syncs, &before);
		npu_exit(drm, &section);
		if (!before)
			return ret;
		/* Outside: nobody waits for us, and we hold nothing. */
		ret = dma_fence_wait(before, true);
		dma_fence_put(before);
		if (ret)
			return ret;
	}
}

int npu_vm_bind_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_npu_vm_bind *args = data;
	struct drm_npu_sync *syncs;
	struct drm_npu_vm_op *ops;
	int ret = 0;

	if (args->flags & ~DRM_NPU_VM_BIND_ASYNC)
		return -EINVAL;
	if (!(args->flags & DRM_NPU_VM_BIND_ASYNC) && args->syncs.count)
		return -EINVAL;
	ops = npu_user_array(&args->ops, sizeof(*ops), NPU_BIND_OPS_MAX);
	if (IS_ERR(ops))
		return PTR_ERR(ops);
	syncs = npu_sync_array(&args->syncs);
	if (IS_ERR(syncs)) {
		ret = PTR_ERR(syncs);
		goto free_ops;
	}
	for (u32 i = 0; !ret && i < args->ops.count; i++)
		if (!npu_bind_op_is_valid(&ops[i]))
			ret = -EINVAL;
	if (!ret)
		ret = npu_bind_in_turn(drm, file, args, ops, syncs);
	kvfree(syncs);
free_ops:
	kvfree(ops);
	return ret;
}
