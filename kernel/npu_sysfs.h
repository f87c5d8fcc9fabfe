/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* Attributes of the PCI device. */
#ifndef NPU_SYSFS_H
#define NPU_SYSFS_H

#include <linux/sysfs.h>

extern const struct attribute_group *npu_sysfs_groups[];

#endif /* NPU_SYSFS_H */
