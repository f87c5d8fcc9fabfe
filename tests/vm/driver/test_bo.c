// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Buffers: what can be made, what nobody may see, and the life of their mappings. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xf86drm.h>

#include "drv.h"

#define SYSTEM	DRM_NPU_MEMORY_SYSTEM
#define DEVICE	DRM_NPU_MEMORY_DEVICE
#define VISIBLE	DRM_NPU_BO_CPU_VISIBLE

static const struct {
	uint32_t placement;
	const char *name;
} places[] = { { SYSTEM, "system" }, { DEVICE, "device" } };

static uint64_t used(int fd)
{
	return drv_memory_used(fd, SYSTEM) + drv_memory_used(fd, DEVICE);
}

static uint32_t visible_bo(int fd, uint64_t size, uint32_t placement)
{
	uint32_t bo;

	if (drv_bo_create(fd, size, placement, VISIBLE, 0, &bo))
		tap_bail("no buffer of %llu bytes: %s", (unsigned long long)size, strerror(errno));
	return bo;
}

static void refuses_what_makes_no_sense(int fd)
{
	const uint64_t before = used(fd), device = drv_memory_size(fd, DEVICE),
		       system = drv_memory_size(fd, SYSTEM);
	uint32_t foreign, bo = 0;
	int other = drv_open(0);
	const struct {
		uint64_t size;
		uint32_t placement, flags, vm;
		int error;
		const char *name;
	} wrong[] = {
		{ 0, SYSTEM, 0, 0, -EINVAL, "no size" },
		{ 1ull << 63, SYSTEM | DEVICE, 0, 0, -EINVAL, "2^63 bytes" },
		{ ~0ull, SYSTEM | DEVICE, 0, 0, -EINVAL, "2^64 - 1 bytes" },
		{ ~0ull - 4094, SYSTEM | DEVICE, 0, 0, -EINVAL, "2^64 - 4095 bytes" },
		{ device + 1, DEVICE, 0, 0, -EINVAL, "a byte more than the device has" },
		{ system + 1, SYSTEM, 0, 0, -EINVAL, "a byte more than is in reach" },
		{ 4096, 0, 0, 0, -EINVAL, "nowhere" },
		{ 4096, 4, 0, 0, -EINVAL, "a region that is not there" },
		{ 4096, 0x80000000u | SYSTEM, 0, 0, -EINVAL, "one region that is there, one not" },
		{ 4096, SYSTEM, 2, 0, -EINVAL, "an unknown flag" },
		{ 4096, SYSTEM, 0x80000001u, 0, -EINVAL, "an unknown flag beside a known one" },
		{ 4096, SYSTEM, 0, 0x7fffffff, -ENOENT, "a VM that is not there" },
		{ 4096, SYSTEM, 0, ~0u, -ENOENT, "the largest VM" },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		tap_ret(drv_bo_create(fd, wrong[i].size, wrong[i].placement, wrong[i].flags,
				      wrong[i].vm, &bo), wrong[i].error, NULL, "BO_CREATE: %s",
			wrong[i].name);
	if (drv_vm_create(other, &foreign))
		tap_bail("no VM");
	tap_ret(drv_bo_create(fd, 4096, SYSTEM, 0, foreign, &bo), -ENOENT, NULL,
		"BO_CREATE: another file's VM");
	close(other);
	tap(bo == 0 && used(fd) == before, "and nothing is left of them");
}

static void info_tells_what_was_made(int fd)
{
	struct drm_npu_bo_info info;
	uint32_t bo;
	int other = drv_open(0);

	for (int i = 0; i < 2; i++) {
		struct drm_npu_bo_create args = {
			.size = 4097, .placement = places[i].placement, .flags = VISIBLE,
		};

		tap_ret(drv_ioctl(fd, DRM_IOCTL_NPU_BO_CREATE, &args), 0, NULL,
			"a %s buffer of 4097 bytes", places[i].name);
		tap(args.size == 8192 && args.handle, "is whole pages");
		tap(!drv_bo_info(fd, args.handle, &info) && info.size == 8192 &&
		    info.placement == places[i].placement && info.flags == VISIBLE &&
		    info.region == places[i].placement && info.mmap_offset, "and its info says so");
		tap_ret(drv_bo_info(other, args.handle, &info), -ENOENT, NULL,
			"another file knows nothing of it");
		tap_ret(drv_bo_close(fd, args.handle), 0, NULL, "it is closed");
		tap_ret(drv_bo_info(fd, args.handle, &info), -ENOENT, NULL, "and is gone");
		tap_ret(drv_bo_close(fd, args.handle), -EINVAL, NULL, "and cannot be closed again");
	}
	if (drv_bo_create(fd, 4096, SYSTEM | DEVICE, 0, 0, &bo))
		tap_bail("no buffer");
	tap(!drv_bo_info(fd, bo, &info) && info.region == DEVICE && !info.mmap_offset,
	    "device memory is preferred; what cannot be mapped has no offset");
	drv_bo_close(fd, bo);
	tap_ret(drv_bo_info(fd, 0, &info), -ENOENT, NULL, "BO_INFO: handle 0");
	tap_ret(drv_bo_info(fd, ~0u, &info), -ENOENT, NULL, "BO_INFO: the largest handle");
	close(other);
}

/* Fills buffers with a canary, gives them back, and looks at what comes then. */
static void memory_is_zero_whoever_had_it(int fd, uint32_t placement, const char *name)
{
	const uint64_t size = 16 * DRV_MIB;
	uint32_t bos[16];
	unsigned int count = placement == DEVICE ? drv_memory_size(fd, DEVICE) / size - 1 : 4;
	bool zero = true;

	count = count > 16 ? 16 : count;
	for (int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < count; i++) {
			uint8_t *map;

			bos[i] = visible_bo(fd, size, placement);
			map = drv_bo_map(fd, bos[i]);
			if (map == MAP_FAILED)
				tap_bail("mmap: %s", strerror(errno));
			for (uint64_t at = 0; at < size; at += 8)
				zero &= !*(uint64_t *)(map + at);
			memset(map, 0xc5, size);
			munmap(map, size);
		}
		for (unsigned int i = 0; i < count; i++)
			drv_bo_close(fd, bos[i]);
	}
	tap(zero, "%s memory is zero, whoever had it before (%u MiB, twice)", name,
	    (unsigned int)(count * (size / DRV_MIB)));
}

static int try_mmap(int fd, uint64_t size, int prot, int flags, uint64_t offset)
{
	void *map = mmap(NULL, size, prot, flags, fd, offset);

	if (map == MAP_FAILED)
		return -errno;
	munmap(map, size);
	return 0;
}

static void mmap_is_checked(int fd)
{
	const int rw = PROT_READ | PROT_WRITE;
	uint32_t bo = visible_bo(fd, 4 * DRV_PAGE, SYSTEM), hidden, last;
	struct drm_npu_bo_info info, end;
	int other = drv_open(0), reader = open("/dev/accel/accel0", O_RDONLY | O_CLOEXEC);
	int mapped = 0;

	drv_bo_info(fd, bo, &info);
	tap_ret(try_mmap(fd, 4 * DRV_PAGE, rw, MAP_SHARED, info.mmap_offset), 0, NULL, "the whole is mapped");
	tap_ret(try_mmap(fd, DRV_PAGE, rw, MAP_SHARED, info.mmap_offset), 0, NULL, "or its first page");
	tap(try_mmap(fd, 5 * DRV_PAGE, rw, MAP_SHARED, info.mmap_offset) < 0, "not more than it has");
	tap(try_mmap(fd, DRV_PAGE, rw, MAP_SHARED, info.mmap_offset + DRV_PAGE) < 0,
	    "not from its middle");
	tap(try_mmap(fd, DRV_PAGE, rw, MAP_SHARED, info.mmap_offset + 64 * DRV_MIB) < 0,
	    "not at an offset that is nobody's");
	tap(try_mmap(fd, DRV_PAGE, rw, MAP_SHARED, 0) < 0, "not at offset 0");
	tap(try_mmap(fd, DRV_PAGE, rw, MAP_PRIVATE, info.mmap_offset) < 0,
	    "not privately: copies would not reach the card");
	tap_ret(try_mmap(other, DRV_PAGE, rw, MAP_SHARED, info.mmap_offset), -EACCES, NULL,
		"not by another file, which may guess the offset");
	tap_ret(try_mmap(reader, DRV_PAGE, rw, MAP_SHARED, info.mmap_offset), -EACCES, NULL,
		"not for writing by a file that is open for reading");

	/* Offsets are dealt out in order: the hidden one's lies between the others'. */
	if (drv_bo_create(fd, 4 * DRV_PAGE, SYSTEM, 0, 0, &hidden))
		tap_bail("no buffer");
	last = visible_bo(fd, 4 * DRV_PAGE, SYSTEM);
	drv_bo_info(fd, last, &end);
	for (uint64_t at = info.mmap_offset - 64 * DRV_PAGE; at < end.mmap_offset + 64 * DRV_PAGE;
	     at += DRV_PAGE)
		mapped += !try_mmap(fd, DRV_PAGE, rw, MAP_SHARED, at);
	tap_ret(mapped, 2, NULL, "a buffer that is not CPU_VISIBLE is not mapped, whatever the offset");
	drv_bo_close(fd, bo);
	tap(try_mmap(fd, DRV_PAGE, rw, MAP_SHARED, info.mmap_offset) < 0, "nor one that was closed");
	drv_bo_close(fd, hidden);
	drv_bo_close(fd, last);
	close(reader);
	close(other);
}

static sigjmp_buf fault;

static void on_fault(int signal)
{
	siglongjmp(fault, signal);
}

/* The signal that writing a byte raises, 0 for none. */
static int poke(volatile uint8_t *p)
{
	struct sigaction act = { .sa_handler = on_fault }, segv, bus;
	int caught;

	sigaction(SIGSEGV, &act, &segv);
	sigaction(SIGBUS, &act, &bus);
	caught = sigsetjmp(fault, 1);
	if (!caught)
		*p = 1;
	sigaction(SIGSEGV, &segv, NULL);
	sigaction(SIGBUS, &bus, NULL);
	return caught;
}

static void mappings_live_by_themselves(int fd, uint32_t placement, const char *name)
{
	const uint64_t size = 2 * DRV_MIB;
	const uint64_t before = drv_memory_used(fd, placement);
	uint32_t bo = visible_bo(fd, size, placement);
	uint8_t *map = drv_bo_map(fd, bo), *moved;

	if (map == MAP_FAILED)
		tap_bail("mmap: %s", strerror(errno));
	memset(map, 0x11, size);
	drv_bo_close(fd, bo);
	memset(map + size / 2, 0x22, size / 2);
	tap(map[0] == 0x11 && map[size - 1] == 0x22 && drv_memory_used(fd, placement) >= before + size,
	    "%s: a mapping keeps a buffer that was closed", name);
	tap(mprotect(map, DRV_PAGE, PROT_READ) == 0 && poke(map) == SIGSEGV && map[0] == 0x11,
	    "%s: part of it can be made read-only", name);
	tap(mprotect(map, DRV_PAGE, PROT_READ | PROT_WRITE) == 0 && !poke(map),
	    "%s: and writable again", name);
	tap(mremap(map, size, 2 * size, MREMAP_MAYMOVE) == MAP_FAILED, "%s: it does not grow", name);
	moved = mremap(map, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
		       mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	/* Older kernels refuse to move what may not grow: then it stays as it is. */
	if (moved == MAP_FAILED && errno == EFAULT)
		moved = map;
	tap(moved != MAP_FAILED && moved[1] == 0x11 && moved[size - 1] == 0x22, "%s: it moves, or stays whole", name);
	if (moved == MAP_FAILED)
		moved = map;
	munmap(moved + DRV_PAGE, DRV_PAGE);
	tap(moved[1] == 0x11 && moved[2 * DRV_PAGE] == 0x11 && poke(moved + DRV_PAGE) == SIGSEGV,
	    "%s: a hole can be made in it", name);
	munmap(moved, size);
	tap(drv_memory_used(fd, placement) == before, "%s: without it the memory is free again", name);
}

static void children_share_mappings(int fd, uint32_t placement, const char *name)
{
	uint32_t bo = visible_bo(fd, DRV_MIB, placement);
	uint8_t *map = drv_bo_map(fd, bo);
	int status = -1;
	pid_t child;

	map[0] = 1;
	child = fork();
	if (!child) {
		if (map[0] != 1)
			_exit(1);
		map[DRV_MIB - 1] = 2;
		munmap(map, DRV_MIB);
		_exit(0);
	}
	waitpid(child, &status, 0);
	tap(status == 0 && map[0] == 1 && map[DRV_MIB - 1] == 2, "%s: a child shares the mapping", name);
	munmap(map, DRV_MIB);
	drv_bo_close(fd, bo);
}

static void buffers_can_be_shared(int fd)
{
	uint32_t bo = visible_bo(fd, DRV_MIB, SYSTEM), hidden, mine, imported, again;
	int other = drv_open(0), dmabuf = -1;
	uint8_t *a = drv_bo_map(fd, bo), *b;
	uint32_t vm;

	strcpy((char *)a, "shared");
	tap_ret(drmPrimeHandleToFD(fd, bo, DRM_CLOEXEC | DRM_RDWR, &dmabuf) ? -errno : 0, 0, NULL,
		"a buffer is exported");
	tap_ret(drmPrimeFDToHandle(other, dmabuf, &imported) ? -errno : 0, 0, NULL,
		"and imported by another file");
	tap(!drmPrimeFDToHandle(other, dmabuf, &again) && again == imported, "once only");
	b = drv_bo_map(other, imported);
	tap(b != MAP_FAILED && !strcmp((char *)b, "shared"), "both see the same memory");
	close(dmabuf);
	drv_bo_close(fd, bo);
	munmap(a, DRV_MIB);
	tap(b != MAP_FAILED && !strcmp((char *)b, "shared"), "which outlives the one that made it");
	munmap(b, DRV_MIB);
	drv_bo_close(other, imported);

	if (drv_vm_create(fd, &vm) || drv_bo_create(fd, 4096, SYSTEM, VISIBLE, vm, &mine) ||
	    drv_bo_create(fd, 4096, SYSTEM, 0, 0, &hidden))
		tap_bail("no VM or buffer");
	tap_ret(drmPrimeHandleToFD(fd, mine, DRM_CLOEXEC | DRM_RDWR, &dmabuf) ? -errno : 0, -EPERM,
		NULL, "a buffer of one VM cannot be exported");
	if (drmPrimeHandleToFD(fd, hidden, DRM_CLOEXEC | DRM_RDWR, &dmabuf))
		tap_bail("no export");
	tap(try_mmap(dmabuf, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 0) < 0,
	    "one that is not CPU_VISIBLE is not mapped by way of its dma-buf");
	close(dmabuf);
	drv_vm_destroy(fd, vm);
	drv_bo_close(fd, mine);
	drv_bo_close(fd, hidden);
	close(other);
}

int main(void)
{
	int fd = drv_open(0);
	const uint64_t before = used(fd);

	refuses_what_makes_no_sense(fd);
	info_tells_what_was_made(fd);
	mmap_is_checked(fd);
	for (int i = 0; i < 2; i++) {
		memory_is_zero_whoever_had_it(fd, places[i].placement, places[i].name);
		mappings_live_by_themselves(fd, places[i].placement, places[i].name);
		children_share_mappings(fd, places[i].placement, places[i].name);
	}
	buffers_can_be_shared(fd);
	tap(used(fd) == before, "nothing is left");
	close(fd);
	return tap_end();
}
