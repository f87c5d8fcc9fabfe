/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* debugfs files of the card. */
#ifndef NPU_DEBUGFS_H
#define NPU_DEBUGFS_H

struct npu_device;

void npu_debugfs_init(struct npu_device *ndev);

#endif /* NPU_DEBUGFS_H */
