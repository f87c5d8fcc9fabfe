/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* Turns at device memory. */
#ifndef NPU_TURN_H
#define NPU_TURN_H

#include <linux/types.h>

struct drm_gpuvm_exec;
struct npu_device;

enum npu_turn {
	NPU_TURN_NONE,		/* nothing had to be moved */
	NPU_TURN_SHARED,
	NPU_TURN_EXCLUSIVE,
};

/*
 * Locks a VM with all that it maps, brings it within the card's reach, and
 * says in @turn what npu_turn_unlock_vm() has to give back.
 *
 * Returns 0 or, with nothing locked, -ENOMEM (the VM needs more device memory
 * than the card has, or others' jobs have kept it for too long), -EINTR or
 * -ERESTARTSYS, and what drm_gpuvm_exec_lock() returns.
 */
int npu_turn_lock_vm(struct npu_device *ndev, struct drm_gpuvm_exec *exec, enum npu_turn *turn);
void npu_turn_unlock_vm(struct npu_device *ndev, struct drm_gpuvm_exec *exec, enum npu_turn turn);

/*
 * Calls @attempt, which may push others' buffers out and takes reservations
 * itself, until it returns anything but -ENOMEM or nobody else is in its way.
 */
int npu_turn_run(struct npu_device *ndev, int (*attempt)(void *data), void *data);

#endif /* NPU_TURN_H */
