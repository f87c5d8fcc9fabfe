// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * Telemetry. Everybody may ask as often as they like; the firmware is asked at
 * most ten times a second, but for those who may see more.
 */
#include <linux/dma-mapping.h>

#include "npu_device.h"
#include "npu_telemetry.h"

#define NPU_TELEMETRY_MAX_AGE_MS 100

int npu_telemetry_init(struct npu_device *ndev)
{
	struct npu_telemetry_cache *cache = &ndev->telemetry;

	mutex_init(&cache->lock);
	cache->buffer = dmam_alloc_coherent(&ndev->pdev->dev, PAGE_SIZE, &cache->dma, GFP_KERNEL);
	return cache->buffer ? 0 : -ENOMEM;
}

void npu_telemetry_restart(struct npu_device *ndev)
{
	struct npu_telemetry_cache *cache = &ndev->telemetry;

	guard(mutex)(&cache->lock);
	memset(&cache->last, 0, sizeof(cache->last));
	cache->when = 0;
}

/* Counters that run backwards are the card's mistake, not the reader's. */
static void npu_telemetry_accept(struct npu_telemetry *last, const struct npu_telemetry *new)
{
	struct npu_telemetry t = *new;

	t.energy_uj = max(t.energy_uj, last->energy_uj);
	t.tensor_busy_ns = max(t.tensor_busy_ns, last->tensor_busy_ns);
	t.copy_busy_ns = max(t.copy_busy_ns, last->copy_busy_ns);
	t.packets = max(t.packets, last->packets);
	t.ecc_corrected = max(t.ecc_corrected, last->ecc_corrected);
	t.ecc_uncorrected = max(t.ecc_uncorrected, last->ecc_uncorrected);
	*last = t;
}

static int npu_telemetry_refresh(struct npu_device *ndev)
{
	struct npu_telemetry_cache *cache = &ndev->telemetry;
	const struct npu_admin_buffer_args args = { .address = cache->dma, .size = PAGE_SIZE };
	struct npu_admin_buffer_result result;
	struct npu_telemetry telemetry;
	int ret;

	/* An older firmware writes less: the rest stays zero. */
	memset(cache->buffer, 0, sizeof(*cache->buffer));
	ret = npu_admin_run(ndev, NPU_ADMIN_TELEMETRY, &args, sizeof(args), &result,
			    sizeof(result));
	if (ret)
		return ret;
	memcpy(&telemetry, cache->buffer, sizeof(telemetry));
	npu_telemetry_accept(&cache->last, &telemetry);
	cache->when = ktime_get();
	return 0;
}

int npu_telemetry_get(struct npu_device *ndev, struct npu_telemetry *telemetry, u64 *age_ns)
{
	return npu_telemetry_get_fresh(ndev, telemetry, age_ns, NPU_TELEMETRY_MAX_AGE_MS);
}

int npu_telemetry_get_fresh(struct npu_device *ndev, struct npu_telemetry *telemetry, u64 *age_ns,
			    unsigned int max_age_ms)
{
	struct npu_telemetry_cache *cache = &ndev->telemetry;
	s64 age;

	guard(mutex)(&cache->lock);
	if (!npu_is_live(ndev))
		return -ENODEV;
	age = ktime_to_ns(ktime_sub(ktime_get(), cache->when));
	if (!cache->when || age > max_age_ms * NSEC_PER_MSEC) {
		int ret = npu_telemetry_refresh(ndev);

		if (ret)
			return ret;
		age = 0;
	}
	*telemetry = cache->last;
	if (age_ns)
		*age_ns = age;
	return 0;
}
