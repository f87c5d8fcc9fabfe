// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * Address spaces: their life, from VM_CREATE to the last user, and their state.
 *
 * drm_gpuvm keeps the books (what is mapped where, which buffers need
 * validation after an eviction), npu_mmu writes page tables. Mappings change
 * under the reservation of the VM and of every buffer that it maps, so
 * VM_BIND, eviction and EXEC exclude one another.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/npu_accel.h>

#include "npu_bind.h"
#include "npu_device.h"
#include "npu_fault.h"
#include "npu_lost.h"
#include "npu_queue.h"
#include "npu_quota.h"
#include "npu_vm.h"

/* How long sleep waits for binds that wait for somebody else's fences. */
#define NPU_VM_BINDS_TIMEOUT_MS	5000

/* ---- Life ------------------------------------------------------------------ */

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
	INIT_LIST_HEAD(&vm->userqs);
	npu_bind_queue_init(&vm->binds);
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

static void npu_vm_stop(struct npu_vm *vm)
{
	struct npu_admin_context_args args = { .context = vm->mmu.context };

	/* First: who holds a reservation may be waiting for one of them. */
	npu_bind_queue_abandon(&vm->binds, -ECANCELED);
	npu_bind_queue_fini(&vm->binds);
	npu_bind_unmap_all(vm);
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
		npu_bind_queue_abandon(&vm->binds, -ENODEV);
		npu_mmu_fini(&vm->mmu);
		drm_gpuvm_put(&vm->gpuvm);
	}
}

void npu_vm_abandon_binds(struct npu_device *ndev)
{
	unsigned long context = 0;
	struct npu_vm *vm;

	while ((vm = npu_vm_next(ndev, &context))) {
		npu_bind_queue_abandon(&vm->binds, -ENODEV);
		drm_gpuvm_put(&vm->gpuvm);
	}
}

int npu_vm_wait_binds(struct npu_device *ndev)
{
	const ktime_t end = ktime_add_ms(ktime_get(), NPU_VM_BINDS_TIMEOUT_MS);
	unsigned long context = 0;
	struct npu_vm *vm;
	int ret = 0;

	while (!ret && (vm = npu_vm_next(ndev, &context))) {
		ret = npu_bind_queue_wait_idle(&vm->binds, end);
		drm_gpuvm_put(&vm->gpuvm);
	}
	return ret;
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

/* ---- Faults ---------------------------------------------------------------- */

void npu_vm_record_fault(struct npu_vm *vm, const struct npu_vm_fault *fault)
{
	guard(spinlock)(&vm->fault_lock);
	vm->faults[vm->fault_count++ % NPU_VM_FAULTS] = *fault;
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
	*count = vm->fault_count;
	if (*count)
		*fault = vm->faults[(*count - 1) % NPU_VM_FAULTS];
}

/* Newest first; returns how many there are. */
static u32 npu_vm_copy_faults(struct npu_vm *vm, struct npu_vm_fault faults[NPU_VM_FAULTS],
			      u64 *count)
{
	guard(spinlock)(&vm->fault_lock);
	*count = vm->fault_count;
	for (u32 i = 0; i < NPU_VM_FAULTS; i++) {
		if (i == *count)
			return i;
		faults[i] = vm->faults[(*count - 1 - i) % NPU_VM_FAULTS];
	}
	return NPU_VM_FAULTS;
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

/* Writes as many faults as there is room for, in the caller's size. */
static int npu_vm_write_faults(const struct drm_npu_array *array,
			       const struct drm_npu_vm_fault *faults, u32 count)
{
	const size_t size = min_t(size_t, array->stride, sizeof(*faults));

	for (u32 i = 0; i < min(array->count, count); i++) {
		char __user *to = u64_to_user_ptr(array->pointer) + (size_t)i * array->stride;

		if (copy_to_user(to, &faults[i], size) ||
		    clear_user(to + size, array->stride - size))
			return -EFAULT;
	}
	return 0;
}

int npu_vm_get_state_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct npu_file *nfile = file->driver_priv;
	struct drm_npu_vm_get_state *args = data;
	struct drm_npu_vm_fault out[NPU_VM_FAULTS] = {};
	struct npu_vm_fault faults[NPU_VM_FAULTS];
	struct npu_vm *vm;
	u32 count;
	int ret;

	if (args->faults.count &&
	    (args->faults.stride < sizeof(u64) || args->faults.stride > PAGE_SIZE))
		return -EINVAL;
	vm = npu_vm_lookup(nfile, args->vm);
	if (!vm)
		return -ENOENT;
	count = npu_vm_copy_faults(vm, faults, &args->fault_count);
	args->state = count ? DRM_NPU_VM_FAULTED : 0;
	if (!READ_ONCE(vm->mmu.root))
		args->state |= DRM_NPU_VM_DEAD;
	npu_vm_put(vm);
	for (u32 i = 0; i < count; i++) {
		out[i].va = faults[i].va;
		out[i].time_ns = faults[i].time_ns;
		out[i].info = faults[i].info & (NPU_FAULT_WRITE | NPU_FAULT_REASON_MASK);
		out[i].queue = faults[i].handle;
	}
	args->fault_va = out[0].va;
	args->fault_info = out[0].info;
	args->fault_queue = out[0].queue;
	ret = npu_vm_write_faults(&args->faults, out, count);
	args->faults.count = count;
	return ret;
}
