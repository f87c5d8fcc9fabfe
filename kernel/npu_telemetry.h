/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* What the card says of itself, from a cache. */
#ifndef NPU_TELEMETRY_H
#define NPU_TELEMETRY_H

#include <linux/types.h>

#include "abi/npu_admin.h"

struct npu_device;

int npu_telemetry_init(struct npu_device *ndev);
/* The firmware has started: its counters begin anew, and may be asked at once. */
void npu_telemetry_restart(struct npu_device *ndev);
/*
 * Copies the telemetry, at most 100 ms old; @age_ns may be NULL. May sleep.
 * -ENODEV: the card is lost.
 */
int npu_telemetry_get(struct npu_device *ndev, struct npu_telemetry *telemetry, u64 *age_ns);
/* Likewise, at most @max_age_ms old. */
int npu_telemetry_get_fresh(struct npu_device *ndev, struct npu_telemetry *telemetry, u64 *age_ns,
			    unsigned int max_age_ms);

#endif /* NPU_TELEMETRY_H */
