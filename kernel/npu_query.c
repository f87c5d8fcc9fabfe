// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* DEV_QUERY: what the card is, has and does. */
#include <linux/nospec.h>
#include <linux/timekeeping.h>

#include <drm/npu_accel.h>

#include "npu_device.h"
#include "npu_drv.h"
#include "npu_mmu.h"
#include "npu_query.h"
#include "npu_queue.h"
#include "npu_telemetry.h"
#include "npu_ttm.h"
#include "npu_user.h"

union npu_query_answer {
	struct drm_npu_query_device device;
	struct drm_npu_query_memory memory[2];
	struct drm_npu_query_firmware firmware;
	struct drm_npu_query_time time;
	struct drm_npu_query_telemetry telemetry;
};

static int npu_query_device(struct npu_device *ndev, union npu_query_answer *answer)
{
	answer->device = (struct drm_npu_query_device){
		.abi = ndev->abi,
		.hardware = ndev->hardware,
		.serial = ndev->serial,
		.capabilities = (ndev->caps & NPU_CAPS_WAKE_PAGES ? DRM_NPU_CAP_WAKE_PAGES : 0) |
				(ndev->caps & NPU_CAPS_ECC ? DRM_NPU_CAP_ECC : 0),
		.va_start = NPU_MMU_USER_START,
		.va_end = NPU_MMU_USER_END,
		.tensor_engines = ndev->tensor_engines,
		.copy_engines = ndev->copy_engines,
		.slots = ndev->slots,
		.queues_max = ndev->queues_max,
		.ring_packets_max = 1u << NPU_RING_SHIFT_MAX,
	};
	return 0;
}

static int npu_query_memory(struct npu_device *ndev, union npu_query_answer *answer)
{
	answer->memory[0] = (struct drm_npu_query_memory){
		.region = DRM_NPU_MEMORY_SYSTEM,
		.page_size = PAGE_SIZE,
		.size = npu_ttm_size(ndev, NPU_PL_SYSTEM),
		.used = npu_ttm_used(ndev, NPU_PL_SYSTEM),
		.cpu_visible = npu_ttm_size(ndev, NPU_PL_SYSTEM),
	};
	answer->memory[1] = (struct drm_npu_query_memory){
		.region = DRM_NPU_MEMORY_DEVICE,
		.page_size = PAGE_SIZE,
		.size = npu_ttm_size(ndev, NPU_PL_DEVICE),
		.used = npu_ttm_used(ndev, NPU_PL_DEVICE),
		.cpu_visible = npu_ttm_size(ndev, NPU_PL_DEVICE),
	};
	return 0;
}

static int npu_query_firmware(struct npu_device *ndev, union npu_query_answer *answer)
{
	const struct npu_firmware_info *fw = &ndev->firmware;

	answer->firmware = (struct drm_npu_query_firmware){
		.version = fw->version,
		.security_version = fw->security_version,
		.abi_min = fw->abi_min,
		.abi_max = fw->abi_max,
	};
	strscpy(answer->firmware.build_id, fw->build_id, sizeof(answer->firmware.build_id));
	return 0;
}

static int npu_query_time(struct npu_device *ndev, union npu_query_answer *answer)
{
	/* Reading LO latches HI: nobody may come between. */
	guard(mutex)(&ndev->time_lock);
	answer->time.before_ns = ktime_get_ns();
	answer->time.card_ns = npu_read64(ndev, NPU_REG_TIME_LO);
	answer->time.after_ns = ktime_get_ns();
	return answer->time.card_ns == U64_MAX ? -ENODEV : 0;
}

static int npu_query_telemetry(struct npu_device *ndev, union npu_query_answer *answer)
{
	struct npu_telemetry t;
	u64 age;
	int ret = npu_telemetry_get(ndev, &t, &age);

	if (ret)
		return ret;
	answer->telemetry = (struct drm_npu_query_telemetry){
		.age_ns = age,
		.temperature_mc = t.temperature_mc,
		.power_mw = t.power_mw,
		.power_cap_mw = t.power_cap_mw,
		.energy_uj = t.energy_uj,
		.clock_hz = t.clock_mhz * 1000000ULL,
		.clock_max_hz = t.clock_max_mhz * 1000000ULL,
		.tensor_busy_ns = t.tensor_busy_ns,
		.copy_busy_ns = t.copy_busy_ns,
		.uptime_ns = t.timestamp_ns,
		.ecc_corrected = t.ecc_corrected,
		.ecc_uncorrected = t.ecc_uncorrected,
		.throttle = t.throttle,
		/* Less the driver's own, which copies. */
		.queues = t.queues - (t.queues && READ_ONCE(ndev->copy.ready)),
	};
	return 0;
}

static const struct npu_query {
	size_t size;
	int (*fill)(struct npu_device *ndev, union npu_query_answer *answer);
} npu_queries[] = {
	[DRM_NPU_QUERY_DEVICE] = { sizeof(struct drm_npu_query_device), npu_query_device },
	[DRM_NPU_QUERY_MEMORY] = { 2 * sizeof(struct drm_npu_query_memory), npu_query_memory },
	[DRM_NPU_QUERY_FIRMWARE] = { sizeof(struct drm_npu_query_firmware), npu_query_firmware },
	[DRM_NPU_QUERY_TIME] = { sizeof(struct drm_npu_query_time), npu_query_time },
	[DRM_NPU_QUERY_TELEMETRY] = { sizeof(struct drm_npu_query_telemetry),
				      npu_query_telemetry },
};

int npu_dev_query_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct npu_device *ndev = to_npu_device(drm);
	struct drm_npu_dev_query *args = data;
	const struct npu_query *query;
	union npu_query_answer answer = {};
	struct npu_section section;
	int ret;

	if (args->type >= ARRAY_SIZE(npu_queries))
		return -EINVAL;
	query = &npu_queries[array_index_nospec(args->type, ARRAY_SIZE(npu_queries))];
	ret = npu_enter(drm, file, &section);
	if (ret)
		return ret;
	if (args->size)
		ret = query->fill(ndev, &answer);
	npu_exit(drm, &section);
	if (ret)
		return ret;
	if (copy_to_user(u64_to_user_ptr(args->pointer), &answer,
			 min_t(size_t, args->size, query->size)))
		return -EFAULT;
	args->size = query->size;
	return 0;
}
