/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* What a process maps of a user queue. */
#ifndef NPU_DOORBELL_H
#define NPU_DOORBELL_H

#include <linux/types.h>

struct drm_file;
struct file;
struct npu_device;
struct npu_userq;
struct vm_area_struct;

int npu_doorbell_init_device(struct npu_device *ndev);
/* Gives the queue its place among the offsets, and @file leave to map it. */
int npu_doorbell_publish(struct npu_userq *user, struct drm_file *file);
/* No new mapping begins. */
void npu_doorbell_unpublish(struct npu_userq *user);
/* Accesses of the doorbell fault from here on, or do not. */
void npu_doorbell_close(struct npu_userq *user);
void npu_doorbell_open(struct npu_userq *user);
/* The queue leaves the card: mappings get pages of their own. */
void npu_doorbell_abandon(struct npu_userq *user);
/* The last of the queue: no mapping is left. */
void npu_doorbell_free(struct npu_userq *user);

/* mmap(2) of a node: of a buffer, or of a user queue. */
int npu_doorbell_mmap(struct file *filp, struct vm_area_struct *vma);

#endif /* NPU_DOORBELL_H */
