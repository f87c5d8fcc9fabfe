/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* The module and its DRM driver. */
#ifndef NPU_DRV_H
#define NPU_DRV_H

#include <linux/pci.h>

#include <drm/drm_drv.h>

extern const struct drm_driver npu_drm_driver;

#endif /* NPU_DRV_H */
