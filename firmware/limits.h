/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The npu authors */
/* What the board can take. */
#ifndef FIRMWARE_LIMITS_H
#define FIRMWARE_LIMITS_H

#define POWER_CAP_MW		75000U	/* a PCIe slot without extra connector */
#define TEMPERATURE_MAX_MC	95000

#endif /* FIRMWARE_LIMITS_H */
