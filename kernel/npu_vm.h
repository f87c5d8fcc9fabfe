/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* Address spaces: a context of the card, its page tables, its mappings. */
#ifndef NPU_VM_H
#define NPU_VM_H

#include <linux/kref.h>
#include <linux/spinlock.h>

#include <drm/drm_gpuvm.h>

#include "npu_bind_queue.h"
#include "npu_mmu.h"

struct npu_device;
struct npu_file;

struct npu_vm_fault {
	u32 info;		/* NPU_FAULT_* */
	u32 queue;		/* on the card */
	u32 handle;		/* the queue's, in its file; 0: none of the VM's */
	u64 va;
	u64 time_ns;		/* CLOCK_MONOTONIC */
};

/* So many are remembered. */
#define NPU_VM_FAULTS 16

struct npu_vm {
	/* Its count keeps the memory; its reservation guards the mappings. */
	struct drm_gpuvm gpuvm;
	/* Handle, queues, ioctls. The last one takes the mappings down. */
	struct kref users;
	struct npu_device *ndev;
	struct npu_quota *quota;	/* charged with this context */
	struct npu_mmu mmu;
	struct npu_bind_queue binds;	/* whose turn is yet to come */
	struct list_head userqs;	/* npu_userq.vm_link; the reservation guards it */
	spinlock_t fault_lock;	/* guards the two below */
	struct npu_vm_fault faults[NPU_VM_FAULTS];	/* a ring */
	u64 fault_count;
};

#define to_npu_vm(g) container_of(g, struct npu_vm, gpuvm)

/* A user reference, or NULL. */
struct npu_vm *npu_vm_lookup(struct npu_file *nfile, u32 handle);
struct npu_vm *npu_vm_get(struct npu_vm *vm);
/* May sleep, may take the reservation. */
void npu_vm_put(struct npu_vm *vm);

/* The caller holds the lock of ndev->contexts, which keeps @vm. */
void npu_vm_record_fault(struct npu_vm *vm, const struct npu_vm_fault *fault);
/* The last fault of a context; zero when there is none, or no such context. */
void npu_vm_read_fault(struct npu_device *ndev, u32 context, struct npu_vm_fault *fault,
		       u64 *count);
/* The card is reset or given up: no table is left in its reach, no mapping works again. */
void npu_vm_detach_all(struct npu_device *ndev);
/* The card is lost: no bind waits for anything any more. */
void npu_vm_abandon_binds(struct npu_device *ndev);
/* Before sleep, when no process runs: 0 once no bind is queued; -EBUSY: one waits too long. */
int npu_vm_wait_binds(struct npu_device *ndev);
/* After sleep: makes all contexts on the card again. */
int npu_vm_restore_all(struct npu_device *ndev);
void npu_vm_close_file(struct npu_file *nfile);

int npu_vm_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int npu_vm_destroy_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int npu_vm_get_state_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* NPU_VM_H */
