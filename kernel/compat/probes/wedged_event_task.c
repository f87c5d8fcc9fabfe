// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* drm_dev_wedged_event() with a task (6.17). */
#include <drm/drm_device.h>
#include <drm/drm_drv.h>

int probe(struct drm_device *drm);
int probe(struct drm_device *drm)
{
	return drm_dev_wedged_event(drm, DRM_WEDGE_RECOVERY_REBIND, NULL);
}
