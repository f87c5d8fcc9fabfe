// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * Turns at device memory, when it does not hold what all clients have.
 *
 * TTM pushes out what is not locked. Two clients that want in at the same time
 * hold what the other would push out, and TTM tells one of them, or both, that
 * there is no memory. So whoever may push something out shares a lock, and who
 * has failed a few times takes it for itself. Then nobody else is under way,
 * but for those whose buffers are all there: they take no turn, hold their
 * reservations for a moment only, and are waited for by trying again.
 *
 * Device memory is given out in one piece, aligned for large pages. So that
 * fragments do not decide either, an exclusive turn of a job empties device
 * memory and gives up the alignment of its own buffers: what fits by its size
 * fits then.
 */
#include <linux/delay.h>
#include <linux/rwsem.h>
#include <linux/sched/signal.h>

#include <drm/drm_exec.h>
#include <drm/drm_gpuvm.h>
#include <drm/npu_accel.h>

#include "npu_bo.h"
#include "npu_device.h"
#include "npu_ttm.h"
#include "npu_turn.h"

/* Then comes the exclusive one. */
#define NPU_TURNS_SHARED	3
/* In an exclusive turn, some 10 ms in all. */
#define NPU_TURN_TRIES		16

static int npu_turn_begin(struct npu_device *ndev, enum npu_turn turn)
{
	if (turn == NPU_TURN_EXCLUSIVE)
		return down_write_killable(&ndev->turns);
	return down_read_interruptible(&ndev->turns);
}

static void npu_turn_end(struct npu_device *ndev, enum npu_turn turn)
{
	if (turn == NPU_TURN_EXCLUSIVE)
		up_write(&ndev->turns);
	else if (turn == NPU_TURN_SHARED)
		up_read(&ndev->turns);
}

int npu_turn_run(struct npu_device *ndev, int (*attempt)(void *data), void *data)
{
	int ret = -ENOMEM;

	for (int i = 0; ret == -ENOMEM && i < NPU_TURNS_SHARED; i++) {
		ret = npu_turn_begin(ndev, NPU_TURN_SHARED);
		if (ret)
			return ret;
		ret = attempt(data);
		npu_turn_end(ndev, NPU_TURN_SHARED);
	}
	if (ret != -ENOMEM)
		return ret;
	ret = npu_turn_begin(ndev, NPU_TURN_EXCLUSIVE);
	if (ret)
		return ret;
	ret = attempt(data);
	for (int i = 1; ret == -ENOMEM && i < NPU_TURN_TRIES; i++) {
		usleep_range(500, 1000);
		ret = attempt(data);
	}
	npu_turn_end(ndev, NPU_TURN_EXCLUSIVE);
	return ret;
}

/* ---- Jobs ---------------------------------------------------------------------- */

/* No buffer of the VM was pushed out since its last job. The VM is locked. */
static bool npu_turn_is_whole(struct drm_gpuvm *gpuvm)
{
	guard(spinlock)(&gpuvm->evict.lock);
	return list_empty(&gpuvm->evict.list);
}

/* The buffer, if it must be in device memory and this is its first mapping in the VM. */
static struct npu_bo *npu_turn_device_bo(struct drm_gpuva *va)
{
	struct npu_bo *bo;

	if (!va->gem.obj ||
	    list_first_entry(&va->vm_bo->list.gpuva, struct drm_gpuva, gem.entry) != va)
		return NULL;
	bo = npu_bo_of_gem(va->gem.obj);
	return bo->placement == DRM_NPU_MEMORY_DEVICE ? bo : NULL;
}

/* Whether the VM fits if it has the card for itself. */
static bool npu_turn_fits(struct npu_device *ndev, struct drm_gpuvm *gpuvm)
{
	struct drm_gpuva *va;
	u64 need = 0;

	drm_gpuvm_for_each_va(va, gpuvm)
		if (npu_turn_device_bo(va))
			need += va->gem.obj->size;
	return need <= ndev->memory_size;
}

static void npu_turn_drop_alignment(struct drm_gpuvm *gpuvm)
{
	struct drm_gpuva *va;

	drm_gpuvm_for_each_va(va, gpuvm) {
		struct npu_bo *bo = npu_turn_device_bo(va);

		if (bo)
			bo->ttm.page_alignment = 1;
	}
}

/* 0: the VM is locked. */
static int npu_turn_try(struct npu_device *ndev, struct drm_gpuvm_exec *exec, enum npu_turn turn)
{
	int ret;

	/* Without a reservation of our own: it waits for others'. What fails stays. */
	if (turn == NPU_TURN_EXCLUSIVE)
		npu_ttm_evict_device(ndev);
	ret = drm_gpuvm_exec_lock(exec);
	if (ret)
		return ret;
	if (turn == NPU_TURN_EXCLUSIVE)
		npu_turn_drop_alignment(exec->vm);
	ret = drm_gpuvm_validate(exec->vm, &exec->exec);
	if (ret)
		drm_gpuvm_exec_unlock(exec);
	return ret;
}

/* 0: the VM is locked, and the turn is still ours. */
static int npu_turn_take(struct npu_device *ndev, struct drm_gpuvm_exec *exec,
			 const struct drm_gpuvm_exec *fresh, enum npu_turn turn, int tries)
{
	int ret;

	ret = npu_turn_begin(ndev, turn);
	if (ret)
		return ret;
	for (int i = 0; i < tries; i++) {
		if (i)
			usleep_range(500, 1000);
		*exec = *fresh;
		ret = npu_turn_try(ndev, exec, turn);
		if (!ret)
			return 0;
		if (ret == -ENOMEM && signal_pending(current))
			ret = -ERESTARTSYS;
		if (ret != -ENOMEM)
			break;
	}
	npu_turn_end(ndev, turn);
	return ret;
}

int npu_turn_lock_vm(struct npu_device *ndev, struct drm_gpuvm_exec *exec, enum npu_turn *turn)
{
	const struct drm_gpuvm_exec fresh = *exec;
	int ret;

	*turn = NPU_TURN_NONE;
	ret = drm_gpuvm_exec_lock(exec);
	if (ret || npu_turn_is_whole(exec->vm))
		return ret;
	if (!npu_turn_fits(ndev, exec->vm)) {
		drm_gpuvm_exec_unlock(exec);
		return -ENOMEM;
	}
	drm_gpuvm_exec_unlock(exec);
	*turn = NPU_TURN_SHARED;
	ret = -ENOMEM;
	for (int i = 0; ret == -ENOMEM && i < NPU_TURNS_SHARED; i++)
		ret = npu_turn_take(ndev, exec, &fresh, NPU_TURN_SHARED, 1);
	if (ret != -ENOMEM)
		return ret;
	*turn = NPU_TURN_EXCLUSIVE;
	return npu_turn_take(ndev, exec, &fresh, NPU_TURN_EXCLUSIVE, NPU_TURN_TRIES);
}

void npu_turn_unlock_vm(struct npu_device *ndev, struct drm_gpuvm_exec *exec, enum npu_turn turn)
{
	drm_gpuvm_exec_unlock(exec);
	npu_turn_end(ndev, turn);
}
