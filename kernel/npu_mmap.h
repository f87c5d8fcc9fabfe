/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* Mappings of buffers in processes. */
#ifndef NPU_MMAP_H
#define NPU_MMAP_H

#include <linux/mm.h>

struct npu_device;

extern const struct vm_operations_struct npu_mmap_ops;

/*
 * Takes every page of every buffer out of the processes' reach; they fault in
 * again, those of device memory not before the card is live. The caller has
 * made it LOST and has waited for ioctl_srcu since.
 */
void npu_mmap_zap(struct npu_device *ndev);

#endif /* NPU_MMAP_H */
