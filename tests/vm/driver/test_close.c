// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Threads that close each other's buffers by guessed handles, while they are
 * created, asked about, mapped by the process and by the card.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "drv.h"

#define HANDLES 24 /* as many as are guessed */
#define SECONDS 2

static struct {
	int fd;
	uint32_t vm;
	atomic_int stop;
	atomic_uint made, closed, used, refused;
	atomic_int odd; /* an answer that does not fit */
} race;

static void *create(void *unused)
{
	while (!atomic_load(&race.stop)) {
		uint32_t handle;
		int ret = drv_bo_create(race.fd, 1 << 16, DRM_NPU_MEMORY_SYSTEM, DRM_NPU_BO_CPU_VISIBLE,
					0, &handle);

		if (ret) {
			atomic_store(&race.odd, ret);
			break;
		}
		atomic_fetch_add(&race.made, 1);
		if (handle > HANDLES)	/* out of reach of the guesses */
			drv_bo_close(race.fd, handle);
	}
	return NULL;
}

static void *close_guesses(void *unused)
{
	uint32_t guess = 0;

	while (!atomic_load(&race.stop)) {
		int ret = drv_bo_close(race.fd, 1 + guess++ % HANDLES);

		if (!ret)
			atomic_fetch_add(&race.closed, 1);
		else if (ret != -EINVAL)
			atomic_store(&race.odd, ret);
	}
	return NULL;
}

/* Whatever there is behind a handle at that moment. */
static void *use_guesses(void *unused)
{
	uint32_t guess = 0;

	while (!atomic_load(&race.stop)) {
		uint32_t handle = 1 + guess++ % HANDLES;
		uint64_t va = RIG_DATA_VA + handle * DRV_MIB;
		struct drm_npu_bo_info info;
		volatile uint32_t *map;
		int ret;

		if (drv_bo_info(race.fd, handle, &info)) {
			atomic_fetch_add(&race.refused, 1);
			continue;
		}
		map = drv_bo_map(race.fd, handle);
		if (map != MAP_FAILED) {
			map[0] = handle;
			if (map[0] != handle)
				atomic_store(&race.odd, 1);
			munmap((void *)map, 1 << 16);
		}
		ret = drv_vm_map(race.fd, race.vm, va, 1 << 16, handle, 0, 0);
		if (!ret) {
			atomic_fetch_add(&race.used, 1);
			drv_vm_unmap(race.fd, race.vm, va, 1 << 16);
		} else if (ret != -ENOENT) {
			atomic_store(&race.odd, ret);
		}
	}
	return NULL;
}

int main(void)
{
	void *(*const roles[])(void *) = { create, create, close_guesses, use_guesses, use_guesses };
	enum { THREADS = sizeof(roles) / sizeof(roles[0]) };
	pthread_t threads[THREADS];
	uint64_t before, after = 0;
	struct drv_rig rig;

	drv_rig_init(&rig, 0);
	before = drv_memory_used(rig.fd, DRM_NPU_MEMORY_SYSTEM);
	race.fd = drv_open(0);
	if (drv_vm_create(race.fd, &race.vm))
		tap_bail("no VM");
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, roles[i], NULL))
			tap_bail("no thread");
	sleep(SECONDS);
	atomic_store(&race.stop, 1);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	tap(!race.odd && race.made && race.closed && race.used,
	    "%u buffers made, %u closed by others, %u mapped meanwhile, %u not found (odd: %d)",
	    race.made, race.closed, race.used, race.refused, race.odd);
	close(race.fd);
	for (int i = 0; i < 50; i++) {
		after = drv_memory_used(rig.fd, DRM_NPU_MEMORY_SYSTEM);
		if (after <= before)
			break;
		usleep(100000);
	}
	tap(after <= before, "all memory comes back: %llu bytes, %llu before",
	    (unsigned long long)after, (unsigned long long)before);
	tap(drv_rig_works(&rig), "another client works");
	drv_rig_fini(&rig);
	return tap_end();
}
