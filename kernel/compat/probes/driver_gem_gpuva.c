// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* Drivers that use drm_gpuvm say so in their features, where there is one. */
#include <drm/drm_drv.h>

extern const struct drm_driver probe;
const struct drm_driver probe = { .driver_features = DRIVER_GEM_GPUVA };
