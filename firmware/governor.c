// SPDX-License-Identifier: BSD-3-Clause
// Copyright The npu authors
/*
 * Lowers the clock by a step while the card is too hot or draws too much, and
 * raises it by a step once it is clearly below the limit again.
 */
#include <abi/npu_mgmt.h>

#include "hal.h"
#include "limits.h"
#include "log.h"
#include "telemetry.h"

#define STEPS	8

static uint32_t throttle;

void governor_init(void)
{
	throttle = 0;
	hal_write(NPU_MG_CLOCK, hal_read(NPU_MG_CLOCK_MAX));
}

uint32_t governor_throttle(void)
{
	return throttle;
}

void governor_run(void)
{
	const int32_t temperature = (int32_t)hal_read(NPU_MG_TEMPERATURE);
	const uint32_t power = hal_read(NPU_MG_POWER);
	const uint32_t max = hal_read(NPU_MG_CLOCK_MAX), step = max / STEPS;
	const uint32_t before = throttle;
	uint32_t clock = hal_read(NPU_MG_CLOCK);

	throttle = (power > POWER_CAP_MW ? NPU_THROTTLE_POWER : 0) |
		   (temperature > TEMPERATURE_MAX_MC ? NPU_THROTTLE_THERMAL : 0);
	if (throttle && clock > 2 * step)
		clock -= step;
	else if (clock < max && power < POWER_CAP_MW / 10 * 9 &&
		 temperature < TEMPERATURE_MAX_MC - 5000)
		clock = clock + step > max ? max : clock + step;
	hal_write(NPU_MG_CLOCK, clock);
	if (throttle != before)
		log_line("throttle %x: %u mC, %u mW, %u MHz", (unsigned int)throttle,
			 (unsigned int)temperature, (unsigned int)power, (unsigned int)clock);
}
