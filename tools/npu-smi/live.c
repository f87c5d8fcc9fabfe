// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* What libnpu tells of a card that may be opened. */
#include <time.h>

#include <npu.h>

#include "sample.h"

/*
 * The driver's cache may be SAMPLE_INTERVAL_MS / 2 old; that long is waited at
 * least, so that the second reading is a new one.
 */
static void wait_interval(void)
{
	struct timespec interval = {0, SAMPLE_INTERVAL_MS * 1000000L};

	while (nanosleep(&interval, &interval))
		;
}

static void fill(struct card_live *live, const struct npu_device_info *info,
		 const struct npu_memory_info *memory, const struct npu_telemetry *before,
		 const struct npu_telemetry *after)
{
	live->memory_total = quantity_of_count(memory->device_size);
	live->memory_used = quantity_of_count(memory->device_used);
	live->clock_max_hz = quantity_of_count(after->clock_max_hz);
	live->tensor_permille =
		sample_permille(before->tensor_busy_ns, after->tensor_busy_ns, before->uptime_ns,
				after->uptime_ns, info->tensor_engines);
	live->copy_permille =
		sample_permille(before->copy_busy_ns, after->copy_busy_ns, before->uptime_ns,
				after->uptime_ns, info->copy_engines);
	live->queues = quantity_of(after->queues);
	if (info->capabilities & NPU_DEVICE_ECC) {
		live->ecc_corrected = quantity_of_count(after->ecc_corrected);
		live->ecc_uncorrected = quantity_of_count(after->ecc_uncorrected);
	}
	live->throttle = quantity_of(after->throttle);
	live->uptime_ns = quantity_of_count(after->uptime_ns);
	live->temperature_mc = quantity_of(after->temperature_mc);
	live->power_uw = quantity_of_count(after->power_mw * 1000);
	live->power_cap_uw = quantity_of_count(after->power_cap_mw * 1000);
	live->energy_uj = quantity_of_count(after->energy_uj);
	live->clock_hz = quantity_of_count(after->clock_hz);
}

int sample_live(const struct card *card, struct card_live *live, struct npu_error *error)
{
	struct npu_telemetry before, after;
	struct npu_memory_info memory;
	struct npu_device *device;
	int ret;

	ret = npu_open_name(card->bdf, &device, error);
	if (ret)
		return ret;
	ret = npu_device_telemetry(device, &before, error);
	if (!ret) {
		wait_interval();
		ret = npu_device_telemetry(device, &after, error);
	}
	if (!ret)
		ret = npu_device_memory(device, &memory, error);
	if (!ret)
		fill(live, npu_device_info(device), &memory, &before, &after);
	npu_device_unref(device);
	return ret;
}
