/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* debugfs files of the card. */
#ifndef NPU_DEBUGFS_H
#define NPU_DEBUGFS_H

struct drm_printer;
struct npu_device;

void npu_debugfs_init(struct npu_device *ndev);
/* Prints the firmware's log, each line behind @indent; may sleep. */
void npu_debugfs_print_log(struct npu_device *ndev, struct drm_printer *p, const char *indent);

#endif /* NPU_DEBUGFS_H */
