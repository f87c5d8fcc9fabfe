// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* What fdinfo says of memory adds up to what DEV_QUERY says; what a buffer costs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xf86drm.h>

#include "drv.h"

#define DEVICE	DRM_NPU_MEMORY_DEVICE
#define SYSTEM	DRM_NPU_MEMORY_SYSTEM
#define AT	0x80000000ull
#define CHUNK	(16 * DRV_MIB)

static uint32_t create(int fd, uint64_t size, uint32_t placement)
{
	uint32_t bo;
	int ret = drv_bo_create(fd, size, placement, 0, 0, &bo);

	if (ret)
		tap_bail("BO_CREATE: %s", strerror(-ret));
	return bo;
}

/* drm-KEY-REGION of a file, in bytes; UINT64_MAX: there is none. */
static uint64_t fdinfo(int fd, const char *key, const char *region)
{
	char path[64], line[128], wanted[64], unit[8];
	uint64_t found = UINT64_MAX;
	unsigned long long value;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	snprintf(wanted, sizeof(wanted), "drm-%s-%s:", key, region);
	file = fopen(path, "r");
	if (!file)
		tap_bail("%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, wanted, strlen(wanted)))
			continue;
		unit[0] = 0;
		if (sscanf(line + strlen(wanted), " %llu %7s", &value, unit) < 1)
			tap_bail("cannot read '%s'", line);
		found = value * (!strcmp(unit, "KiB") ? 1024 : !strcmp(unit, "MiB") ? DRV_MIB : 1);
	}
	fclose(file);
	return found;
}

static uint64_t sum(const int *fds, unsigned int count, const char *key, const char *region)
{
	uint64_t all = 0;

	for (unsigned int i = 0; i < count; i++)
		all += fdinfo(fds[i], key, region);
	return all;
}

static void each_region_has_each_key(void)
{
	static const char *const keys[] = { "total", "shared", "active", "resident", "purgeable" };
	static const char *const regions[] = { "device", "system" };
	int fd = drv_open(0);
	bool all = true, zero = true;

	for (int r = 0; r < 2; r++) {
		for (int k = 0; k < 5; k++) {
			all &= fdinfo(fd, keys[k], regions[r]) != UINT64_MAX;
			zero &= fdinfo(fd, keys[k], regions[r]) == 0;
		}
	}
	tap(all, "fdinfo has total, shared, active, resident and purgeable of both regions");
	tap(zero, "all zero for a client that has nothing");
	close(fd);
}

/* Three clients with all of device memory and more between them. */
static void clients_add_up(void)
{
	int fds[3] = { drv_open(0), drv_open(0), drv_open(0) };
	uint64_t size = drv_memory_size(fds[0], DEVICE), made[2] = { 0 }, out;
	unsigned int count = size / CHUNK + 4;

	for (unsigned int i = 0; i < count; i++) {
		create(fds[i % 3], CHUNK, DEVICE);
		made[0] += CHUNK;
	}
	for (unsigned int i = 0; i < 7; i++) {
		create(fds[i % 3], (i + 1) * DRV_PAGE, SYSTEM);
		made[1] += (i + 1) * DRV_PAGE;
	}
	out = sum(fds, 3, "total", "system") - sum(fds, 3, "resident", "system");
	printf("# device: %llu of %llu KiB, system: %llu KiB, pushed out: %llu KiB\n",
	       (unsigned long long)sum(fds, 3, "resident", "device") >> 10,
	       (unsigned long long)size >> 10,
	       (unsigned long long)sum(fds, 3, "resident", "system") >> 10,
	       (unsigned long long)out >> 10);
	tap(sum(fds, 3, "resident", "device") == drv_memory_used(fds[0], DEVICE),
	    "what clients have in device memory is what is used of it");
	tap(sum(fds, 3, "resident", "system") == drv_memory_used(fds[0], SYSTEM),
	    "and so in system memory");
	tap(out >= 4 * CHUNK && out == made[0] - sum(fds, 3, "resident", "device"),
	    "what was pushed out counts as system memory of its owners");
	tap(sum(fds, 3, "total", "device") + sum(fds, 3, "total", "system") == made[0] + made[1],
	    "nothing is counted twice or not at all");
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

static void states_are_told(void)
{
	struct drv_rig r;
	uint32_t bo;
	int prime;

	drv_rig_init(&r, 0);
	bo = create(r.fd, CHUNK, DEVICE);
	if (drv_vm_map(r.fd, r.vm, AT, CHUNK, bo, 0, 0))
		tap_bail("VM_BIND");
	tap(fdinfo(r.fd, "shared", "device") == 0 && fdinfo(r.fd, "active", "device") == 0,
	    "a buffer is neither shared nor active");
	/* Until somebody writes 1 there. */
	memset(r.data, 0, 8);
	drv_packet_wait(r.packets, RIG_DATA_VA, 1);
	if (drv_exec(r.fd, r.queue, RIG_PACKETS_VA, 1, 0, r.syncobj))
		tap_bail("EXEC");
	tap(fdinfo(r.fd, "active", "device") == CHUNK, "while a job of its VM runs it is active");
	r.data[0] = 1;
	drv_wait(r.fd, r.syncobj, 10 * DRV_SECOND);
	tap(fdinfo(r.fd, "active", "device") == 0, "and then not any more");
	if (drmPrimeHandleToFD(r.fd, bo, O_CLOEXEC, &prime))
		tap_bail("export: %s", strerror(errno));
	tap(fdinfo(r.fd, "shared", "device") == CHUNK, "one that was exported is shared");
	close(prime);
	drv_rig_fini(&r);
}

/* ---- What a buffer costs ------------------------------------------------------------ */

/* Bytes of slab objects in use. */
static uint64_t slab_bytes(void)
{
	unsigned long long active, count, size;
	uint64_t all = 0;
	char line[512];
	FILE *file = fopen("/proc/slabinfo", "r");

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %llu %llu %llu", &active, &count, &size) == 3)
			all += active * size;
	fclose(file);
	return all;
}

#define MANY 4000u

static void metadata_is_small(uint32_t placement, const char *where)
{
	int fd = drv_open(0);
	uint64_t before, after;

	/* What the first one makes for all. */
	create(fd, DRV_PAGE, placement);
	before = slab_bytes();
	if (!before) {
		printf("# no /proc/slabinfo\n");
		close(fd);
		return;
	}
	for (unsigned int i = 0; i < MANY; i++)
		create(fd, DRV_PAGE, placement);
	after = slab_bytes();
	printf("# P10: %llu bytes of slab for each buffer in %s [512]\n",
	       (unsigned long long)(after - before) / MANY, where);
	/* The checkers of a debug kernel keep more of each object than the object. */
	if (access("/sys/kernel/debug/kmemleak", F_OK))
		tap(after - before < MANY * 2048ull, "%s: a buffer's metadata is small", where);
	close(fd);
}

static int compare(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

#define ROUNDS 301

static void a_buffer_is_made_quickly(uint32_t placement, const char *where)
{
	static int64_t buffer[ROUNDS], syncobj[ROUNDS];
	int fd = drv_open(0);
	uint32_t handle;
	int64_t start;

	for (int i = 0; i < ROUNDS; i++) {
		start = drv_now();
		drv_bo_close(fd, create(fd, DRV_PAGE, placement));
		buffer[i] = drv_now() - start;
		start = drv_now();
		if (drv_syncobj(fd, &handle) || drmSyncobjDestroy(fd, handle))
			tap_bail("syncobj: %s", strerror(errno));
		syncobj[i] = drv_now() - start;
	}
	qsort(buffer, ROUNDS, sizeof(buffer[0]), compare);
	qsort(syncobj, ROUNDS, sizeof(syncobj[0]), compare);
	printf("# P10: a buffer in %s: %lld ns, a syncobj: %lld ns, ratio %.1f [3]\n", where,
	       (long long)buffer[ROUNDS / 2], (long long)syncobj[ROUNDS / 2],
	       (double)buffer[ROUNDS / 2] / syncobj[ROUNDS / 2]);
	tap(buffer[ROUNDS / 2] < 100 * syncobj[ROUNDS / 2], "%s: a buffer is made quickly", where);
	close(fd);
}

int main(void)
{
	each_region_has_each_key();
	clients_add_up();
	states_are_told();
	metadata_is_small(SYSTEM, "system memory");
	metadata_is_small(DEVICE, "device memory");
	a_buffer_is_made_quickly(SYSTEM, "system memory");
	a_buffer_is_made_quickly(DEVICE, "device memory");
	return tap_end();
}
