// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* Do the kernel's headers and flags work at all? */
#include <linux/module.h>
#include <drm/drm_drv.h>
#include <drm/drm_gpuvm.h>
#include <drm/gpu_scheduler.h>
#include <drm/ttm/ttm_bo.h>
