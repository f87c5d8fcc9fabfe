// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* struct drm_driver has a date, which must be set (before 6.14). */
#include <drm/drm_drv.h>

extern const struct drm_driver probe;
const struct drm_driver probe = { .date = (char *)"0" };
