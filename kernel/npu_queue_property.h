/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* What can be changed of a queue that exists. */
#ifndef NPU_QUEUE_PROPERTY_H
#define NPU_QUEUE_PROPERTY_H

struct drm_device;
struct drm_file;

int npu_queue_set_property_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* NPU_QUEUE_PROPERTY_H */
