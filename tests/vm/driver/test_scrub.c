// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Memory that goes from one client to another carries nothing over: each
 * client scans what it gets for anything but zeros, and leaves a canary.
 *
 * A client that only sits there keeps device memory full but for a hole, so
 * that what is freed is what comes next.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drv.h"

#define DEVICE	DRM_NPU_MEMORY_DEVICE
#define SYSTEM	DRM_NPU_MEMORY_SYSTEM
#define VISIBLE	DRM_NPU_BO_CPU_VISIBLE
#define AT	0x80000000ull
#define CHUNK	(16 * DRV_MIB)
#define CANARY	0xca9a51e5u

static uint64_t switches, scanned, leaked;

static bool is_zero(const uint8_t *p, size_t size)
{
	return !p[0] && !memcmp(p, p + 1, size - 1);
}

/* A new buffer, looked at and then filled; NULL: none could be had. */
static uint8_t *take(int fd, uint64_t size, uint32_t placement, uint32_t *bo)
{
	uint8_t *p;

	if (drv_bo_create(fd, size, placement, VISIBLE, 0, bo))
		return NULL;
	p = drv_bo_map(fd, *bo);
	if (p == MAP_FAILED)
		tap_bail("mmap of a buffer: %s", strerror(errno));
	switches++;
	scanned += size;
	if (!is_zero(p, size))
		for (size_t i = 0; i < size; i++)
			leaked += p[i] != 0;
	for (size_t i = 0; i < size / 4; i++)
		((uint32_t *)p)[i] = CANARY;
	return p;
}

/* A client that keeps device memory full but for @hole bytes. */
static int fill_up(uint64_t hole)
{
	int fd = drv_open(0);
	uint64_t size = drv_memory_size(fd, DEVICE), used = drv_memory_used(fd, DEVICE);
	uint32_t bo;

	while (used + hole + DRV_MIB <= size) {
		uint64_t part = size - used - hole >= CHUNK ? CHUNK : DRV_MIB;

		if (drv_bo_create(fd, part, DEVICE, 0, 0, &bo))
			tap_bail("cannot fill device memory");
		used += part;
	}
	return fd;
}

static void said(const char *how)
{
	tap(switches && !leaked, "%s: nothing is handed on", how);
	printf("# %llu switches, %llu MiB scanned, %llu bytes leaked\n",
	       (unsigned long long)switches, (unsigned long long)(scanned / DRV_MIB),
	       (unsigned long long)leaked);
	switches = scanned = leaked = 0;
}

/* ---- Ways to leave ------------------------------------------------------------------ */

/* Sizes below and above where the copy engine takes over from the CPU. */
static void handles_are_closed(uint32_t placement, unsigned int count, const char *how)
{
	static const uint64_t sizes[] = {
		DRV_PAGE, 4 * DRV_PAGE, DRV_PAGE, 64 * DRV_PAGE, DRV_PAGE, 15 * DRV_PAGE,
	};
	int fd[2] = { drv_open(0), drv_open(0) };
	int full = fill_up(DRV_MIB);
	uint32_t bo;

	for (unsigned int i = 0; i < count; i++) {
		uint64_t size = sizes[i % (sizeof(sizes) / sizeof(sizes[0]))];
		uint8_t *p = take(fd[i % 2], size, placement, &bo);

		if (!p)
			tap_bail("no buffer");
		munmap(p, size);
		drv_bo_close(fd[i % 2], bo);
	}
	close(full);
	close(fd[0]);
	close(fd[1]);
	said(how);
}

static void files_are_closed(void)
{
	int full = fill_up(4 * DRV_MIB);
	uint32_t bo;

	for (int i = 0; i < 200; i++) {
		int fd = drv_open(0);

		if (!take(fd, DRV_MIB, DEVICE, &bo))
			tap_bail("no buffer");
		/* The mapping is what is left of it, for a moment. */
		close(fd);
	}
	close(full);
	said("files that are closed, mappings that stay");
}

/* What the next one gets: all that is there, as soon as it is. */
static void scan_hole(uint64_t hole)
{
	int fd = drv_open(0);
	uint32_t bo;

	for (uint64_t at = 0; at + DRV_MIB <= hole; at += DRV_MIB) {
		uint8_t *p = take(fd, DRV_MIB, DEVICE, &bo);

		if (p)
			munmap(p, DRV_MIB);
	}
	close(fd);
}

/* The rig's VM has `hole` bytes of device memory, and a job that fills them for a while. */
static void start_filling(struct drv_rig *r, uint64_t hole, unsigned int rounds)
{
	uint32_t bo;

	drv_rig_init(r, 0);
	if (drv_bo_create(r->fd, hole, DEVICE, 0, 0, &bo) ||
	    drv_vm_map(r->fd, r->vm, AT, hole, bo, 0, 0))
		tap_bail("no buffer to fill");
	for (int i = 0; i < 60; i++)
		drv_packet_fill(r->packets + i * 64, AT, hole, CANARY);
	for (unsigned int i = 0; i < rounds; i++)
		if (drv_exec(r->fd, r->queue, RIG_PACKETS_VA, 60, 0, r->syncobj))
			tap_bail("EXEC");
	drv_bo_close(r->fd, bo);
}

static void files_are_closed_with_jobs_in_flight(void)
{
	int full = fill_up(4 * DRV_MIB);
	struct drv_rig r;

	for (int i = 0; i < 20; i++) {
		start_filling(&r, 4 * DRV_MIB, 2);
		drv_rig_fini(&r);
		scan_hole(4 * DRV_MIB);
	}
	close(full);
	said("files that are closed with jobs in flight");
}

static void processes_are_killed(void)
{
	int full = fill_up(4 * DRV_MIB), ready[2];
	struct drv_rig r;
	char c;

	for (int i = 0; i < 10; i++) {
		pid_t child;

		if (pipe(ready))
			tap_bail("pipe: %s", strerror(errno));
		fflush(stdout);
		child = fork();
		if (!child) {
			start_filling(&r, 4 * DRV_MIB, 20);
			if (write(ready[1], "", 1) == 1)
				pause();
			_exit(1);
		}
		close(ready[1]);
		if (child < 0 || read(ready[0], &c, 1) != 1)
			tap_bail("no child that fills");
		close(ready[0]);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		scan_hole(4 * DRV_MIB);
	}
	close(full);
	said("processes that are killed with jobs in flight");
}

/* Both what makes way and what comes into its place. */
static void buffers_are_evicted(void)
{
	int fd = drv_open(0), other = drv_open(0);
	unsigned int count = drv_memory_size(fd, DEVICE) / CHUNK;
	uint64_t zeros = 0;
	bool kept = true;
	uint32_t bo[64];
	uint8_t *p[64];

	if (count > 64)
		tap_bail("too much device memory");
	for (unsigned int i = 0; i < count; i++)
		p[i] = take(fd, CHUNK, DEVICE, &bo[i]);
	for (unsigned int i = 0; i < 4; i++) {
		uint32_t more;
		uint8_t *q = take(other, CHUNK, DEVICE, &more);

		if (!q)
			tap_bail("nothing makes way");
		munmap(q, CHUNK);
	}
	for (unsigned int i = 0; i < count; i++) {
		for (uint64_t at = 0; p[i] && at < CHUNK; at += DRV_PAGE)
			kept &= *(uint32_t *)(p[i] + at) == CANARY;
		if (p[i])
			munmap(p[i], CHUNK);
	}
	close(fd);
	close(other);
	/* The pages that they were evicted to. */
	fd = drv_open(0);
	for (unsigned int i = 0; i < 4; i++) {
		uint8_t *q = take(fd, CHUNK, SYSTEM, &bo[0]);

		if (q) {
			zeros++;
			munmap(q, CHUNK);
		}
	}
	close(fd);
	tap(kept && zeros == 4, "what made way has kept its content");
	said("buffers that make way");
}

static void cards_are_reset(void)
{
	struct drv_rig r;
	int fd, sysfs;
	uint32_t bo;
	uint64_t all;

	drv_rig_init(&r, 0);
	all = drv_memory_size(r.fd, DEVICE) / CHUNK;
	for (uint64_t i = 0; i < all; i++) {
		uint8_t *p = take(r.fd, CHUNK, DEVICE, &bo);

		if (p)
			munmap(p, CHUNK);
	}
	sysfs = open("/sys/class/accel/accel0/device/reset", O_WRONLY | O_CLOEXEC);
	if (sysfs < 0 || write(sysfs, "1", 1) != 1)
		tap_bail("no reset: %s", strerror(errno));
	close(sysfs);
	drv_rig_fini(&r);
	switches = scanned = 0;
	fd = drv_open(0);
	for (uint64_t i = 0; i < all; i++) {
		uint8_t *p = take(fd, CHUNK, DEVICE, &bo);

		if (p)
			munmap(p, CHUNK);
	}
	close(fd);
	said("a card that is reset keeps its memory, but");
}

int main(void)
{
	struct drv_rig r;

	handles_are_closed(DEVICE, 6000, "handles that are closed, device memory");
	handles_are_closed(SYSTEM, 3000, "handles that are closed, system memory");
	files_are_closed();
	files_are_closed_with_jobs_in_flight();
	processes_are_killed();
	buffers_are_evicted();
	cards_are_reset();
	drv_rig_init(&r, 0);
	tap(drv_rig_works(&r), "and the card works");
	drv_rig_fini(&r);
	return tap_end();
}
