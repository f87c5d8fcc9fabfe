/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* System sleep. */
#ifndef NPU_PM_H
#define NPU_PM_H

#include <linux/pm.h>

extern const struct dev_pm_ops npu_pm_ops;

#endif /* NPU_PM_H */
