// SPDX-License-Identifier: BSD-3-Clause
// Copyright The npu authors
#include "telemetry.h"

#include <string.h>

#include <abi/npu_mgmt.h>

#include "hal.h"
#include "limits.h"
#include "queue.h"
#include "scheduler.h"

void telemetry_fill(struct npu_telemetry *t)
{
	memset(t, 0, sizeof(*t));
	t->timestamp_ns = hal_read64(NPU_MG_TIME_LO);
	t->temperature_mc = (int32_t)hal_read(NPU_MG_TEMPERATURE);
	t->power_mw = hal_read(NPU_MG_POWER);
	t->energy_uj = hal_read64(NPU_MG_ENERGY_LO);
	t->clock_mhz = hal_read(NPU_MG_CLOCK);
	t->clock_max_mhz = hal_read(NPU_MG_CLOCK_MAX);
	t->power_cap_mw = POWER_CAP_MW;
	t->throttle = governor_throttle();
	t->tensor_busy_ns = hal_read64(NPU_MG_TENSOR_BUSY_LO);
	t->copy_busy_ns = hal_read64(NPU_MG_COPY_BUSY_LO);
	t->packets = hal_read64(NPU_MG_PACKETS_LO);
	t->ecc_corrected = hal_read(NPU_MG_ECC_CORRECTED);
	t->ecc_uncorrected = hal_read(NPU_MG_ECC_UNCORRECTED);
	t->queues = queue_count();
	t->slots_active = scheduler_slots_active();
}
