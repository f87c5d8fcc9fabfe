// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Buffers: sizes, mappings, and memory that runs out and comes back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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
#define CHUNKS_MAX 256

static const struct { uint32_t placement; const char *name; } places[] = {
	{ SYSTEM, "system memory" }, { DEVICE, "device memory" },
};

static uint32_t create(int fd, uint64_t size, uint32_t placement, uint32_t flags, uint32_t vm)
{
	uint32_t bo;
	int ret = drv_bo_create(fd, size, placement, flags, vm, &bo);

	if (ret)
		tap_bail("BO_CREATE: %s", strerror(-ret));
	return bo;
}

static uint8_t *map(int fd, uint32_t bo)
{
	void *at = drv_bo_map(fd, bo);

	if (at == MAP_FAILED)
		tap_bail("mmap of a buffer: %s", strerror(errno));
	return at;
}

static struct drm_npu_bo_info info(int fd, uint32_t bo)
{
	struct drm_npu_bo_info i;

	if (drv_bo_info(fd, bo, &i))
		tap_bail("BO_INFO of a buffer");
	return i;
}

static bool all_are(const uint8_t *p, size_t size, uint8_t value)
{
	return !size || (p[0] == value && !memcmp(p, p + 1, size - 1));
}

/* Memory is given back behind fences and work queues: within 2 s. */
static bool used_becomes(int fd, uint32_t region, uint64_t used)
{
	for (int i = 0; i < 200 && drv_memory_used(fd, region) != used; i++)
		usleep(10000);
	return drv_memory_used(fd, region) == used;
}

/* ---- Creation --------------------------------------------------------------------- */

static void refuses_what_makes_no_sense(void)
{
	int fd = drv_open(0), other = drv_open(0);
	struct drm_npu_bo_info i;
	uint32_t bo = 0, vm, closed;

	for (int n = 0; n < 8; n++)
		if (drv_vm_create(other, &vm))
			tap_bail("no VM");
	tap_ret(drv_bo_create(fd, 0, DEVICE, 0, 0, &bo), -EINVAL, NULL, "size 0");
	tap_ret(drv_bo_create(fd, 1ull << 63, DEVICE, 0, 0, &bo), -EINVAL, NULL, "size 2^63");
	tap_ret(drv_bo_create(fd, UINT64_MAX, DEVICE, 0, 0, &bo), -EINVAL, NULL, "size 2^64 - 1");
	tap_ret(drv_bo_create(fd, UINT64_MAX, SYSTEM, 0, 0, &bo), -EINVAL, NULL,
		"size 2^64 - 1 in system memory");
	tap_ret(drv_bo_create(fd, UINT64_MAX - 4094, SYSTEM | DEVICE, 0, 0, &bo), -EINVAL, NULL,
		"a size that is 0 when rounded up");
	tap_ret(drv_bo_create(fd, drv_memory_size(fd, DEVICE) + 1, DEVICE, 0, 0, &bo), -EINVAL, NULL,
		"a byte more than there is");
	tap_ret(drv_bo_create(fd, DRV_PAGE, 0, 0, 0, &bo), -EINVAL, NULL, "no placement");
	tap_ret(drv_bo_create(fd, DRV_PAGE, 4, 0, 0, &bo), -EINVAL, NULL, "an unknown placement");
	tap_ret(drv_bo_create(fd, DRV_PAGE, 0x80000001, 0, 0, &bo), -EINVAL, NULL,
		"a known and an unknown one");
	tap_ret(drv_bo_create(fd, DRV_PAGE, DEVICE, 2, 0, &bo), -EINVAL, NULL, "unknown flags");
	tap_ret(drv_bo_create(fd, DRV_PAGE, DEVICE, 0x80000000, 0, &bo), -EINVAL, NULL,
		"the last of the unknown flags");
	tap_ret(drv_bo_create(fd, DRV_PAGE, DEVICE, 0, 0x7fffffff, &bo), -ENOENT, NULL,
		"a VM that is not there");
	tap_ret(drv_bo_create(fd, DRV_PAGE, DEVICE, 0, vm, &bo), -ENOENT, NULL,
		"a VM of another file");
	tap(!bo, "none of them made a handle");
	closed = create(fd, DRV_PAGE, SYSTEM, 0, 0);
	drv_bo_close(fd, closed);
	tap_ret(drv_bo_info(fd, 0, &i), -ENOENT, NULL, "BO_INFO of 0");
	tap_ret(drv_bo_info(fd, closed, &i), -ENOENT, NULL, "BO_INFO of a closed buffer");
	tap_ret(drv_bo_info(fd, 0x7fffffff, &i), -ENOENT, NULL, "BO_INFO of what never was");
	bo = create(other, DRV_PAGE, SYSTEM, 0, 0);
	tap_ret(drv_bo_info(fd, bo, &i), -ENOENT, NULL, "BO_INFO of another file's buffer");
	tap(drv_bo_close(fd, bo) < 0 && !drv_bo_info(other, bo, &i), "nor can it be closed");
	close(fd);
	close(other);
}

static void sizes_are_rounded_to_pages(void)
{
	static const struct { uint64_t asked, got; } sizes[] = {
		{ 1, 4096 }, { 4095, 4096 }, { 4096, 4096 }, { 4097, 8192 },
		{ 2 * DRV_MIB - 1, 2 * DRV_MIB }, { 2 * DRV_MIB + 1, 2 * DRV_MIB + 4096 },
	};
	int fd = drv_open(0);

	for (int p = 0; p < 2; p++) {
		bool good = true;

		for (size_t n = 0; n < sizeof(sizes) / sizeof(sizes[0]); n++) {
			struct drm_npu_bo_create args = {
				.size = sizes[n].asked, .placement = places[p].placement,
			};
			struct drm_npu_bo_info i;

			if (drv_ioctl(fd, DRM_IOCTL_NPU_BO_CREATE, &args))
				tap_bail("BO_CREATE of %llu bytes", (unsigned long long)sizes[n].asked);
			i = info(fd, args.handle);
			good &= args.size == sizes[n].got && i.size == args.size && !i.flags &&
				i.placement == places[p].placement && !i.mmap_offset;
		}
		tap(good, "%s: sizes become whole pages", places[p].name);
	}
	close(fd);
}

static void buffers_start_as_zeros(uint32_t placement, const char *where)
{
	const uint64_t size = 4 * DRV_MIB;
	bool zero = true;

	for (int round = 0; round < 4; round++) {
		int fd = drv_open(0);

		/* Other sizes in each round: other places, in other pieces. */
		for (int n = 0; n < 4; n++) {
			uint64_t part = size / (round + 1);
			uint32_t bo = create(fd, part, placement, VISIBLE, 0);
			uint8_t *p = map(fd, bo);

			zero &= all_are(p, part / DRV_PAGE * DRV_PAGE, 0);
			memset(p, 0xc5, part);
			munmap(p, part);
			if (n & 1)
				drv_bo_close(fd, bo);
		}
		close(fd);
	}
	tap(zero, "%s: a new buffer shows nothing of former owners", where);
}

/* ---- Mappings --------------------------------------------------------------------- */

static void mappings_stay_within_the_buffer(uint32_t placement, const char *where)
{
	int fd = drv_open(0), other = drv_open(0);
	uint32_t visible = create(fd, 4 * DRV_PAGE, placement, VISIBLE, 0);
	uint32_t hidden = create(fd, 4 * DRV_PAGE, placement, 0, 0);
	uint64_t offset = info(fd, visible).mmap_offset;
	const int prot = PROT_READ | PROT_WRITE;
	int refused = 0, mapped = 0;

	tap(offset && !info(fd, hidden).mmap_offset, "%s: only a visible buffer has an offset", where);
	for (int page = -64; page < 64; page++) {
		void *p;

		if (!page)
			continue;
		p = mmap(NULL, DRV_PAGE, prot, MAP_SHARED, fd, offset + page * (int64_t)DRV_PAGE);
		mapped += p != MAP_FAILED;
		refused += p == MAP_FAILED && errno == EACCES;
	}
	tap(!mapped && refused, "%s: a guessed offset maps no hidden buffer", where);
	tap(mmap(NULL, 5 * DRV_PAGE, prot, MAP_SHARED, fd, offset) == MAP_FAILED,
	    "%s: no mapping beyond the end", where);
	tap(mmap(NULL, 4 * DRV_PAGE, prot, MAP_SHARED, fd, offset + DRV_PAGE) == MAP_FAILED,
	    "%s: no mapping across the end", where);
	tap(mmap(NULL, DRV_PAGE, prot, MAP_PRIVATE, fd, offset) == MAP_FAILED,
	    "%s: no private mapping", where);
	tap(mmap(NULL, DRV_PAGE, prot, MAP_SHARED, other, offset) == MAP_FAILED,
	    "%s: not through another file", where);
	tap(mmap(NULL, DRV_PAGE, prot, MAP_SHARED, fd, 0) == MAP_FAILED, "%s: not at offset 0", where);
	drv_bo_close(fd, visible);
	tap(mmap(NULL, DRV_PAGE, prot, MAP_SHARED, fd, offset) == MAP_FAILED,
	    "%s: not once it is closed", where);
	close(fd);
	close(other);
}

/* The status of a child that runs f(p). */
static int in_child(int (*f)(uint8_t *p), uint8_t *p)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(f(p));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		tap_bail("no child: %s", strerror(errno));
	return status;
}

static int reads_and_writes(uint8_t *p)
{
	if (p[0] != 0x11 || p[3 * DRV_PAGE] != 0x11)
		return 1;
	p[DRV_PAGE] = 0x22;
	return 0;
}

static int writes(uint8_t *p)
{
	p[0] = 0x33;
	return 0;
}

static void mappings_bear_what_processes_do(uint32_t placement, const char *where)
{
	static const int advices[] = {
		MADV_DONTNEED, MADV_FREE, MADV_REMOVE, MADV_COLD, MADV_PAGEOUT, MADV_WILLNEED,
		MADV_MERGEABLE, MADV_HUGEPAGE, MADV_POPULATE_READ, MADV_POPULATE_WRITE,
	};
	int fd = drv_open(0), status;
	uint32_t bo = create(fd, 4 * DRV_PAGE, placement, VISIBLE, 0);
	uint64_t used = drv_memory_used(fd, placement);
	uint8_t *p = map(fd, bo), *place, *moved;

	memset(p, 0x11, 4 * DRV_PAGE);
	tap(mremap(p, 4 * DRV_PAGE, 8 * DRV_PAGE, MREMAP_MAYMOVE) == MAP_FAILED,
	    "%s: a mapping does not grow", where);
	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
		madvise(p, 4 * DRV_PAGE, advices[i]);
	tap(all_are(p, 4 * DRV_PAGE, 0x11), "%s: no advice loses content", where);
	tap(!in_child(reads_and_writes, p) && p[DRV_PAGE] == 0x22, "%s: a child shares it", where);
	tap(!mprotect(p, 4 * DRV_PAGE, PROT_READ), "%s: it can be made read-only", where);
	status = in_child(writes, p);
	tap(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV && p[0] == 0x11,
	    "%s: then it is not written", where);
	tap(!mprotect(p, 4 * DRV_PAGE, PROT_READ | PROT_WRITE) && !in_child(writes, p) && p[0] == 0x33,
	    "%s: and writable again", where);
	place = mmap(NULL, 4 * DRV_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	moved = mremap(p, 4 * DRV_PAGE, 4 * DRV_PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place);
	tap(moved == place && moved[0] == 0x33 && moved[DRV_PAGE] == 0x22,
	    "%s: a moved mapping has its content", where);
	munmap(moved + DRV_PAGE, DRV_PAGE);
	drv_bo_close(fd, bo);
	tap(moved[0] == 0x33 && moved[2 * DRV_PAGE] == 0x11 && (moved[0] = 0x44) &&
	    drv_memory_used(fd, placement) == used,
	    "%s: what is left of it outlives the handle", where);
	close(fd);
	tap(moved[0] == 0x44 && moved[3 * DRV_PAGE] == 0x11, "%s: and the file", where);
	munmap(moved, 4 * DRV_PAGE);
	fd = drv_open(0);
	tap(used_becomes(fd, placement, used - 4 * DRV_PAGE), "%s: then its memory is free", where);
	close(fd);
}

static void ioctls_take_arguments_from_buffers(struct drv_rig *r, uint32_t placement,
					       const char *where)
{
	uint32_t bo = create(r->fd, DRV_MIB, placement, VISIBLE, 0);
	struct drm_npu_vm_op *op = (struct drm_npu_vm_op *)map(r->fd, bo);
	struct drm_npu_vm_bind bind = {
		.vm = r->vm,
		.ops = { .pointer = (uintptr_t)op, .count = 1, .stride = sizeof(*op) },
	};
	/* The second page has not been touched: the ioctl itself faults it in. */
	struct drm_npu_query_time *time = (void *)((uint8_t *)op + DRV_PAGE);
	struct drm_npu_dev_query query = {
		.type = DRM_NPU_QUERY_TIME, .size = sizeof(*time), .pointer = (uintptr_t)time,
	};

	*op = (struct drm_npu_vm_op){ .va = AT, .size = DRV_MIB, .bo = bo };
	tap_ret(drv_ioctl(r->fd, DRM_IOCTL_NPU_VM_BIND, &bind), 0, NULL,
		"%s: a buffer holds the operation that maps it", where);
	tap(!drv_ioctl(r->fd, DRM_IOCTL_NPU_DEV_QUERY, &query) && time->before_ns,
	    "%s: and takes an answer", where);
	munmap(op, DRV_MIB);
	drv_vm_unmap(r->fd, r->vm, AT, DRV_MIB);
	drv_bo_close(r->fd, bo);
}

/* ---- Memory that runs out ---------------------------------------------------------- */

/* The card writes `value` all over [va, va + size). */
static bool fills(struct drv_rig *r, uint64_t va, uint64_t size, uint32_t value)
{
	drv_packet_fill(r->packets, va, size, value);
	return !drv_rig_run(r, 1);
}

/* The card reads `value` everywhere there. */
static bool reads(struct drv_rig *r, uint64_t va, uint64_t size, uint32_t value)
{
	for (uint64_t at = 0; at < size; at += RIG_DATA_SIZE) {
		memset(r->data, 0xee, RIG_DATA_SIZE);
		drv_packet_copy(r->packets, RIG_DATA_VA, va + at, RIG_DATA_SIZE);
		if (drv_rig_run(r, 1) || memcmp(r->data, &value, sizeof(value)) ||
		    memcmp(r->data, r->data + sizeof(value), RIG_DATA_SIZE - sizeof(value)))
			return false;
	}
	return true;
}

static void device_memory_runs_out_and_comes_back(void)
{
	struct drv_rig r;
	uint32_t bos[CHUNKS_MAX], more;
	unsigned int count = 0;
	uint64_t before;
	int ret;

	drv_rig_init(&r, 0);
	before = drv_memory_used(r.fd, DEVICE);
	/* Buffers of one VM do not make way for one another: its jobs need all of them. */
	do {
		ret = drv_bo_create(r.fd, CHUNK, DEVICE, 0, r.vm, &bos[count]);
	} while (!ret && ++count < CHUNKS_MAX);
	tap_ret(ret, -ENOSPC, NULL, "a VM's buffers fill device memory until it is full");
	tap(count >= (drv_memory_size(r.fd, DEVICE) - before) / CHUNK - 1,
	    "all of it could be used");
	ret = drv_bo_create(r.fd, CHUNK, DEVICE | SYSTEM, 0, r.vm, &more);
	tap(!ret && info(r.fd, more).region == SYSTEM, "a buffer that may be anywhere goes elsewhere");
	tap(!drv_vm_map(r.fd, r.vm, AT, CHUNK, more, 0, 0) && fills(&r, AT, CHUNK, 0x77) &&
	    reads(&r, AT, CHUNK, 0x77), "and works there");
	for (unsigned int i = 0; i < count; i++)
		drv_bo_close(r.fd, bos[i]);
	tap(used_becomes(r.fd, DEVICE, before), "all of it comes back");
	more = create(r.fd, CHUNK, DEVICE, 0, r.vm);
	tap(info(r.fd, more).region == DEVICE, "and can be had again");
	drv_rig_fini(&r);
}

/* More than fits; each filled by the card while it was there. */
static void idle_buffers_make_way(void)
{
	struct drv_rig r;
	uint32_t bos[CHUNKS_MAX];
	unsigned int count, away = 0;
	bool good = true, zero = true;
	uint64_t before;

	drv_rig_init(&r, 0);
	before = drv_memory_used(r.fd, DEVICE);
	count = drv_memory_size(r.fd, DEVICE) / CHUNK + 4;
	if (count > CHUNKS_MAX)
		tap_bail("too much device memory: %u chunks", count);
	for (unsigned int i = 0; i < count; i++) {
		bos[i] = create(r.fd, CHUNK, DEVICE, 0, 0);
		good &= !drv_vm_map(r.fd, r.vm, AT, CHUNK, bos[i], 0, 0);
		/* The first pages that others have had. */
		zero &= reads(&r, AT, RIG_DATA_SIZE, 0);
		good &= fills(&r, AT, CHUNK, 0x1000 + i);
		good &= !drv_vm_unmap(r.fd, r.vm, AT, CHUNK);
	}
	tap(good, "more buffers than device memory holds are used one by one");
	tap(zero, "those that took others' place started as zeros");
	for (unsigned int i = 0; i < count; i++)
		away += info(r.fd, bos[i]).region != DEVICE;
	tap(away >= 4, "some had to make way");
	tap(drv_memory_used(r.fd, DEVICE) <= drv_memory_size(r.fd, DEVICE), "no more is used than is");
	for (unsigned int i = 0; i < count; i++) {
		good &= !drv_vm_map(r.fd, r.vm, AT, CHUNK, bos[i], 0, 0) &&
			info(r.fd, bos[i]).region == DEVICE && reads(&r, AT, CHUNK, 0x1000 + i);
		good &= !drv_vm_unmap(r.fd, r.vm, AT, CHUNK);
	}
	tap(good, "each comes back with its content");
	for (unsigned int i = 0; i < count; i++)
		drv_bo_close(r.fd, bos[i]);
	tap(used_becomes(r.fd, DEVICE, before), "and all memory comes back");
	drv_rig_fini(&r);
}

#define MAPPED 4u

/* Another client takes all device memory, by buffers that lie idle. */
static int take_all(struct drv_rig *r)
{
	unsigned int count = drv_memory_size(r->fd, DEVICE) / CHUNK;
	int fd = drv_open(0);

	for (unsigned int i = 0; i < count; i++)
		create(fd, CHUNK, DEVICE, 0, 0);
	return fd;
}

static unsigned int count_away(struct drv_rig *r, const uint32_t bos[MAPPED])
{
	unsigned int away = 0;

	for (unsigned int i = 0; i < MAPPED; i++)
		away += info(r->fd, bos[i]).region != DEVICE;
	return away;
}

/* `vm` is 0 or the VM that they belong to. */
static void mapped_buffers_make_way_between_jobs(bool exclusive, const char *which)
{
	const uint64_t hole = AT + CHUNK + 2 * DRV_MIB + 5 * DRV_PAGE;
	uint32_t bos[MAPPED];
	bool good = true;
	struct drv_rig r;
	uint8_t *cpu;
	int other;

	drv_rig_init(&r, 0);
	for (unsigned int i = 0; i < MAPPED; i++) {
		bos[i] = create(r.fd, CHUNK, DEVICE, VISIBLE, exclusive ? r.vm : 0);
		if (drv_vm_map(r.fd, r.vm, AT + i * CHUNK, CHUNK, bos[i], 0, 0))
			tap_bail("VM_BIND");
	}
	for (unsigned int i = 0; i < MAPPED; i++)
		good &= fills(&r, AT + i * CHUNK, CHUNK, 0x2000 + i);
	tap(good && !count_away(&r, bos), "%s: mapped buffers are filled", which);
	other = take_all(&r);
	tap(count_away(&r, bos) == MAPPED, "%s: all make way for another client", which);
	for (unsigned int i = 0; i < MAPPED; i++)
		good &= reads(&r, AT + i * CHUNK, CHUNK, 0x2000 + i);
	tap(good && !count_away(&r, bos), "%s: the next job finds them where they were", which);
	close(other);

	cpu = map(r.fd, bos[0]);
	tap(cpu[0] == 0 && cpu[1] == 0x20, "%s: the CPU reads one", which);
	other = take_all(&r);
	tap(count_away(&r, bos) == MAPPED && cpu[0] == 0 && cpu[1] == 0x20,
	    "%s: also while it is away", which);
	memset(cpu, 0x55, DRV_MIB);
	/* A hole in what is away. */
	good = !drv_vm_unmap(r.fd, r.vm, hole, DRV_PAGE);
	tap(good && reads(&r, AT, DRV_MIB, 0x55555555) && cpu[DRV_MIB - 1] == 0x55,
	    "%s: what the CPU wrote meanwhile comes back as well", which);
	tap(fills(&r, AT, DRV_MIB, 0x66666666) && all_are(cpu, DRV_MIB, 0x66),
	    "%s: the CPU's mapping follows", which);
	drv_packet_copy(r.packets, RIG_DATA_VA, hole - DRV_PAGE, DRV_PAGE);
	drv_packet_copy(r.packets + 64, RIG_DATA_VA + DRV_PAGE, hole + DRV_PAGE, DRV_PAGE);
	tap(!drv_rig_run(&r, 2) && ((uint32_t *)r.data)[0] == 0x2001 &&
	    ((uint32_t *)r.data)[2 * DRV_PAGE / 4 - 1] == 0x2001,
	    "%s: both sides of a hole that was made meanwhile are there", which);
	drv_packet_copy(r.packets, RIG_DATA_VA, hole, 4);
	tap_ret(drv_rig_run(&r, 1), -EIO, NULL, "%s: the hole is not", which);
	munmap(cpu, CHUNK);
	close(other);
	drv_rig_fini(&r);
}

static void a_job_that_needs_too_much_is_refused(void)
{
	struct drv_rig r;
	unsigned int count;
	int ret = 0;

	drv_rig_init(&r, 0);
	count = drv_memory_size(r.fd, DEVICE) / CHUNK + 1;
	for (unsigned int i = 0; i < count && !ret; i++)
		ret = drv_vm_map(r.fd, r.vm, AT + i * CHUNK, CHUNK, create(r.fd, CHUNK, DEVICE, 0, 0),
				 0, 0);
	if (!ret)
		ret = drv_rig_run(&r, 1);
	if (!tap(ret == -ENOMEM || ret == -ENOSPC, "a VM that maps more than there is runs no job"))
		printf("# returned %d\n", ret);
	drv_vm_unmap(r.fd, r.vm, AT, count * CHUNK);
	tap(drv_rig_works(&r), "with less it works again");
	drv_rig_fini(&r);
}

int main(void)
{
	struct drv_rig r;

	refuses_what_makes_no_sense();
	sizes_are_rounded_to_pages();
	for (int i = 0; i < 2; i++) {
		buffers_start_as_zeros(places[i].placement, places[i].name);
		mappings_stay_within_the_buffer(places[i].placement, places[i].name);
		mappings_bear_what_processes_do(places[i].placement, places[i].name);
		drv_rig_init(&r, 0);
		ioctls_take_arguments_from_buffers(&r, places[i].placement, places[i].name);
		drv_rig_fini(&r);
	}
	device_memory_runs_out_and_comes_back();
	idle_buffers_make_way();
	mapped_buffers_make_way_between_jobs(false, "shared");
	mapped_buffers_make_way_between_jobs(true, "exclusive");
	a_job_that_needs_too_much_is_refused();
	return tap_end();
}
