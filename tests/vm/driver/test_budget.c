// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * A process that makes buffers without end gets an error, before the system
 * has no memory left: half of it is the most that all cards may need.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "drv.h"

#define SYSTEM	DRM_NPU_MEMORY_SYSTEM
#define DEVICE	DRM_NPU_MEMORY_DEVICE
#define CHUNK	(16 * DRV_MIB)

static uint64_t memory_available(void)
{
	unsigned long long kib = 0;
	char line[128];
	FILE *file = fopen("/proc/meminfo", "r");

	if (!file)
		tap_bail("no /proc/meminfo");
	while (fgets(line, sizeof(line), file) && sscanf(line, "MemAvailable: %llu", &kib) != 1)
		;
	fclose(file);
	return kib << 10;
}

/* Chunks until the first error. */
static unsigned int take_all(int fd, uint32_t placement, int *error)
{
	unsigned int count = 0;
	uint32_t bo;

	while (!(*error = drv_bo_create(fd, CHUNK, placement, 0, 0, &bo)))
		count++;
	return count;
}

/* The regions' memory of the first card, as far as the placement may need it. */
static void there_is_an_end(uint32_t placement, int error, const char *name)
{
	int fd = drv_open(0), got;
	uint64_t limit = drv_memory_size(fd, SYSTEM), free;
	unsigned int count;

	if (placement & DEVICE)
		limit += drv_memory_size(fd, DEVICE);
	count = take_all(fd, placement, &got);
	free = memory_available();
	tap_ret(got, error, NULL, "%s: buffers come to an end (%u MiB)", name,
		(unsigned int)(count * (CHUNK / DRV_MIB)));
	tap(count * CHUNK <= limit && (count + 2) * CHUNK > limit,
	    "%s: where the regions' sizes say (%u MiB)", name, (unsigned int)(limit / DRV_MIB));
	tap(free > 64 * DRV_MIB, "%s: the system has memory left (%u MiB)", name,
	    (unsigned int)(free / DRV_MIB));
	close(fd);
}

static void cards_share_the_system_s_memory(void)
{
	int first = drv_open(0), second = drv_open(1), error;
	unsigned int count = take_all(first, SYSTEM, &error);
	uint32_t bo;

	tap_ret(drv_bo_create(second, CHUNK, SYSTEM, 0, 0, &bo), -ENOMEM, NULL,
		"what one card's buffers have taken another's do not get");
	tap_ret(drv_bo_create(second, CHUNK, DEVICE, 0, 0, &bo), 0, NULL,
		"but those that its own memory holds");
	close(first);
	first = drv_open(0);
	tap(take_all(second, SYSTEM, &error) >= count - 1, "until they are given back");
	close(first);
	close(second);
}

int main(void)
{
	struct drv_rig r;

	there_is_an_end(SYSTEM, -ENOMEM, "system memory");
	there_is_an_end(DEVICE, -ENOSPC, "device memory");
	there_is_an_end(SYSTEM | DEVICE, -ENOMEM, "either");
	there_is_an_end(DEVICE, -ENOSPC, "device memory once more");
	if (access("/dev/accel/accel1", F_OK))
		printf("# no second card\n");
	else
		cards_share_the_system_s_memory();
	drv_rig_init(&r, 0);
	tap(drv_rig_works(&r), "and the card works");
	drv_rig_fini(&r);
	return tap_end();
}
