/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* The module and its DRM driver. */
#ifndef NPU_DRV_H
#define NPU_DRV_H

#include <linux/pci.h>

#include <drm/drm_drv.h>

extern const struct drm_driver npu_drm_driver;

/*
 * Around all that an ioctl does with the card: an unbind and a reset wait for
 * npu_exit(). Memory of the process is read and written outside: reading it
 * can take as long as the process likes.
 */
struct npu_section {
	int unplug_idx;
	int reset_idx;
};

/* -ENODEV: the card is lost or gone, or was reset since @file was opened. */
int npu_enter(struct drm_device *drm, struct drm_file *file, struct npu_section *section);
void npu_exit(struct drm_device *drm, const struct npu_section *section);

#endif /* NPU_DRV_H */
