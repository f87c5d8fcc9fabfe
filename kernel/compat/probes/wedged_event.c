// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* drm_dev_wedged_event() without a task (6.15). */
#include <drm/drm_device.h>
#include <drm/drm_drv.h>

int probe(struct drm_device *drm);
int probe(struct drm_device *drm)
{
	return drm_dev_wedged_event(drm, DRM_WEDGE_RECOVERY_REBIND);
}
