// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Memory that runs out, makes way and comes back; what test_bo.c leaves of mappings. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
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

/* ---- Mappings --------------------------------------------------------------------- */

static void mappings_bear_advice_and_outlive_files(uint32_t placement, const char *where)
{
	static const int advices[] = {
		MADV_DONTNEED, MADV_FREE, MADV_REMOVE, MADV_COLD, MADV_PAGEOUT, MADV_WILLNEED,
		MADV_MERGEABLE, MADV_HUGEPAGE, MADV_POPULATE_READ, MADV_POPULATE_WRITE,
	};
	int fd = drv_open(0), other = drv_open(0);
	uint64_t before = drv_memory_used(fd, placement);
	uint8_t *p = map(fd, create(fd, 4 * DRV_PAGE, placement, VISIBLE, 0));

	memset(p, 0x11, 4 * DRV_PAGE);
	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
		madvise(p, 4 * DRV_PAGE, advices[i]);
	tap(all_are(p, 4 * DRV_PAGE, 0x11), "%s: no advice loses content", where);
	close(fd);
	tap(all_are(p, 4 * DRV_PAGE, 0x11) && drv_memory_used(other, placement) > before,
	    "%s: a mapping outlives its file", where);
	munmap(p, 4 * DRV_PAGE);
	tap(used_becomes(other, placement, before), "%s: then its memory is free", where);
	close(other);
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
	tap(!ret && info(r.fd, more).region == SYSTEM,
	    "a buffer that may be anywhere goes elsewhere");
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
	tap(drv_memory_used(r.fd, DEVICE) <= drv_memory_size(r.fd, DEVICE),
	    "no more is used than is");
	/* Those that are away come last: the others would be sent away unseen. */
	for (unsigned int i = count; i-- > 0;) {
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

#define MAPPED	4u
#define PART	(4 * DRV_MIB)

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

/* Exclusive buffers belong to the VM and share its reservation. */
static void mapped_buffers_make_way_between_jobs(bool exclusive, const char *which)
{
	const uint64_t hole = AT + PART + 2 * DRV_MIB + 5 * DRV_PAGE;
	uint32_t bos[MAPPED];
	bool good = true;
	struct drv_rig r;
	uint8_t *cpu;
	int other;

	drv_rig_init(&r, 0);
	for (unsigned int i = 0; i < MAPPED; i++) {
		bos[i] = create(r.fd, PART, DEVICE, VISIBLE, exclusive ? r.vm : 0);
		if (drv_vm_map(r.fd, r.vm, AT + i * PART, PART, bos[i], 0, 0))
			tap_bail("VM_BIND");
	}
	for (unsigned int i = 0; i < MAPPED; i++)
		good &= fills(&r, AT + i * PART, PART, 0x2000 + i);
	tap(good && !count_away(&r, bos), "%s: mapped buffers are filled", which);
	other = take_all(&r);
	tap(count_away(&r, bos) == MAPPED, "%s: all make way for another client", which);
	for (unsigned int i = 0; i < MAPPED; i++)
		good &= reads(&r, AT + i * PART, PART, 0x2000 + i);
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
	munmap(cpu, PART);
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
		ret = drv_vm_map(r.fd, r.vm, AT + i * CHUNK, CHUNK,
				 create(r.fd, CHUNK, DEVICE, 0, 0), 0, 0);
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

	for (int i = 0; i < 2; i++) {
		mappings_bear_advice_and_outlive_files(places[i].placement, places[i].name);
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
