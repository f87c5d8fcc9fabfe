/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* Temperature, power, energy and clock for lm-sensors and its like. */
#ifndef NPU_HWMON_H
#define NPU_HWMON_H

struct npu_device;

int npu_hwmon_init(struct npu_device *ndev);

#endif /* NPU_HWMON_H */
