/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The npu authors */
/* Sensors, and the governor that keeps the card within its limits. */
#ifndef FIRMWARE_TELEMETRY_H
#define FIRMWARE_TELEMETRY_H

#include <stdint.h>

#include <abi/npu_admin.h>

void governor_init(void);
/* To be called about every 100 ms: sets the clock by temperature and power. */
void governor_run(void);
uint32_t governor_throttle(void);	/* NPU_THROTTLE_* */
void telemetry_fill(struct npu_telemetry *telemetry);

#endif /* FIRMWARE_TELEMETRY_H */
