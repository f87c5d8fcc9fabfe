// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* fdinfo prints active memory only when asked to (6.13). */
#include <drm/drm_gem.h>

extern const enum drm_gem_object_status probe;
const enum drm_gem_object_status probe = DRM_GEM_OBJECT_ACTIVE;
