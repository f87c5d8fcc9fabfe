// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Address spaces: what VM_BIND maps is what the card sees, no more and no less. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xf86drm.h>

#include "drv.h"

#define LARGE		(2 * DRV_MIB)
#define PAGES		16u	/* of each buffer of `struct two` */
#define AT		0x80000000ull
#define SCRATCH		0x90000000ull
#define READ_UNMAPPED	0x100u
#define WRITE_UNMAPPED	0x101u
#define WRITE_DENIED	0x201u

/* ---- What the card sees --------------------------------------------------------- */

/* The card writes `value` to `size` bytes at `va`. */
static bool fills(struct drv_rig *r, uint64_t va, uint64_t size, uint32_t value)
{
	drv_packet_fill(r->packets, va, size, value);
	return !drv_rig_run(r, 1);
}

/* The card reads `value` everywhere in [va, va + size). */
static bool reads(struct drv_rig *r, uint64_t va, uint64_t size, uint32_t value)
{
	while (size) {
		uint64_t part = size < RIG_DATA_SIZE ? size : RIG_DATA_SIZE;

		memset(r->data, 0xee, part);
		drv_packet_copy(r->packets, RIG_DATA_VA, va, part);
		if (drv_rig_run(r, 1))
			return false;
		for (uint64_t i = 0; i < part; i += sizeof(value))
			if (memcmp(r->data + i, &value, sizeof(value)))
				return false;
		va += part;
		size -= part;
	}
	return true;
}

/* A fault ends the queue: the rig gets a new one. `info` as in VM_GET_STATE. */
static bool faults(struct drv_rig *r, uint64_t va, uint32_t info)
{
	struct drm_npu_vm_get_state before, after;
	int ret;

	if (drv_vm_state(r->fd, r->vm, &before))
		return false;
	if (info & 1)
		drv_packet_fill(r->packets, va, 4, 0xdeadbeef);
	else
		drv_packet_copy(r->packets, RIG_DATA_VA, va, 4);
	ret = drv_rig_run(r, 1);
	for (int i = 0; i < 100; i++) {
		if (drv_vm_state(r->fd, r->vm, &after) || after.fault_count != before.fault_count)
			break;
		usleep(10000);
	}
	drv_queue_destroy(r->fd, r->queue);
	if (drv_queue_create(r->fd, r->vm, DRM_NPU_PRIORITY_NORMAL, &r->queue))
		tap_bail("no queue after a fault");
	if (ret == -EIO && after.state == DRM_NPU_VM_FAULTED && after.fault_va == va &&
	    after.fault_info == info)
		return true;
	printf("# job: %d, fault at %#llx, info %#x\n", ret, (unsigned long long)after.fault_va,
	       after.fault_info);
	return false;
}

/* Two buffers of PAGES pages: page i of the first holds 0xa0 + i, of the second 0xb0 + i. */
struct two {
	uint32_t a, b;
};

static void two_init(struct two *t, struct drv_rig *r, uint32_t placement)
{
	uint32_t *bo[2] = { &t->a, &t->b };

	for (int n = 0; n < 2; n++) {
		if (drv_bo_create(r->fd, PAGES * DRV_PAGE, placement, 0, 0, bo[n]) ||
		    drv_vm_map(r->fd, r->vm, SCRATCH, PAGES * DRV_PAGE, *bo[n], 0, 0))
			tap_bail("no buffer");
		for (uint32_t i = 0; i < PAGES; i++)
			drv_packet_fill(r->packets + 64 * i, SCRATCH + i * DRV_PAGE, DRV_PAGE,
					(n ? 0xb0 : 0xa0) + i);
		if (drv_rig_run(r, PAGES))
			tap_bail("cannot fill a buffer");
	}
	drv_vm_unmap(r->fd, r->vm, SCRATCH, PAGES * DRV_PAGE);
}

static void two_fini(struct two *t, struct drv_rig *r)
{
	drv_vm_unmap(r->fd, r->vm, AT - LARGE, 4 * LARGE);
	drv_bo_close(r->fd, t->a);
	drv_bo_close(r->fd, t->b);
}

/* Pages [page, page + count) of a buffer at AT + at pages. */
static void map(struct drv_rig *r, unsigned int at, uint32_t bo, unsigned int page,
		unsigned int count)
{
	int ret = drv_vm_map(r->fd, r->vm, AT + at * DRV_PAGE, count * DRV_PAGE, bo,
			     page * DRV_PAGE, 0);

	if (ret)
		tap_bail("VM_BIND: %s", strerror(-ret));
}

/* Each element of `expected` is what the page there holds. */
static bool sees(struct drv_rig *r, const uint8_t *expected, unsigned int count)
{
	memset(r->data, 0xee, count * DRV_PAGE);
	drv_packet_copy(r->packets, RIG_DATA_VA, AT, count * DRV_PAGE);
	if (drv_rig_run(r, 1))
		return false;
	for (unsigned int i = 0; i < count * DRV_PAGE / 4; i++)
		if (((uint32_t *)r->data)[i] != expected[i / (DRV_PAGE / 4)])
			return false;
	return true;
}

/* ---- Arguments ------------------------------------------------------------------- */

static void refuses_what_makes_no_sense(struct drv_rig *r)
{
	struct drm_npu_vm_op op;
	struct drm_npu_vm_bind args;
	struct drm_npu_query_device device;
	struct drm_npu_dev_query query = {
		.type = DRM_NPU_QUERY_DEVICE, .size = sizeof(device), .pointer = (uintptr_t)&device,
	};
	uint32_t bo, foreign_bo, foreign_vm, exclusive, vm;
	int other = drv_open(0);

	/* More than this file has: a handle of the other means nothing here. */
	for (int i = 0; i < 32; i++)
		if (drv_bo_create(other, DRV_PAGE, DRM_NPU_MEMORY_SYSTEM, 0, 0, &foreign_bo))
			tap_bail("no buffer");
	for (int i = 0; i < 4; i++)
		if (drv_vm_create(other, &foreign_vm))
			tap_bail("no VM");
	if (drv_vm_create(r->fd, &vm) || drv_ioctl(r->fd, DRM_IOCTL_NPU_DEV_QUERY, &query) ||
	    drv_bo_create(r->fd, 4 * DRV_PAGE, DRM_NPU_MEMORY_SYSTEM, 0, 0, &bo) ||
	    drv_bo_create(r->fd, DRV_PAGE, DRM_NPU_MEMORY_SYSTEM, 0, vm, &exclusive))
		tap_bail("no VM or buffer");

#define BIND(change, error, name)							\
	do {										\
		op = (struct drm_npu_vm_op){ .va = AT, .size = DRV_PAGE, .bo = bo };	\
		args = (struct drm_npu_vm_bind){					\
			.vm = r->vm,							\
			.ops.pointer = (uintptr_t)&op,					\
			.ops.count = 1, .ops.stride = sizeof(op),			\
		};									\
		change;									\
		tap_ret(drv_ioctl(r->fd, DRM_IOCTL_NPU_VM_BIND, &args), error, NULL, name);	\
	} while (0)
#define UNMAP(change, error, name)							\
	BIND((op.op = DRM_NPU_VM_OP_UNMAP, op.bo = 0, change), error, name)

	BIND(op.va += 1, -EINVAL, "an address that is not aligned");
	BIND(op.size += 1, -EINVAL, "a size that is not aligned");
	BIND(op.bo_offset += 1, -EINVAL, "an offset that is not aligned");
	BIND(op.size = 0, -EINVAL, "size 0");
	BIND((op.va = -(uint64_t)DRV_PAGE, op.size = 2 * DRV_PAGE), -EINVAL, "an end that wraps");
	BIND((op.size = -(uint64_t)DRV_PAGE), -EINVAL, "a size that makes it wrap");
	BIND((op.bo_offset = -(uint64_t)DRV_PAGE, op.size = 2 * DRV_PAGE), -EINVAL,
	     "an offset that wraps");
	BIND(op.bo_offset = 4 * DRV_PAGE, -EINVAL, "an offset behind the buffer");
	BIND(op.size = 5 * DRV_PAGE, -EINVAL, "more than the buffer");
	BIND((op.bo_offset = DRV_PAGE, op.size = 4 * DRV_PAGE), -EINVAL,
	     "the buffer's end and more");
	BIND(op.va = 0, -EINVAL, "address 0");
	BIND(op.va = device.va_start - DRV_PAGE, -EINVAL, "below the usable addresses");
	BIND(op.va = device.va_end, -EINVAL, "above them");
	BIND((op.va = device.va_end - DRV_PAGE, op.size = 2 * DRV_PAGE), -EINVAL,
	     "across their end");
	BIND(op.va = 1ull << 48, -EINVAL, "an address that the card has not");
	BIND(op.op = 2, -EINVAL, "an unknown operation");
	BIND(op.op = UINT32_MAX, -EINVAL, "another unknown operation");
	BIND(op.flags = 2, -EINVAL, "unknown flags of an operation");
	BIND(op.mbz = 1, -EINVAL, "an operation's mbz");
	BIND(op.bo = 0, -ENOENT, "buffer 0");
	BIND(op.bo = 0x7fffffff, -ENOENT, "a buffer that is not there");
	BIND(op.bo = foreign_bo, -ENOENT, "a buffer of another file");
	BIND(op.bo = exclusive, -EPERM, "a buffer of another VM");
	UNMAP(op.bo = bo, -EINVAL, "an unmap with a buffer");
	UNMAP(op.bo_offset = DRV_PAGE, -EINVAL, "an unmap with an offset");
	UNMAP(op.flags = DRM_NPU_VM_MAP_READONLY, -EINVAL, "an unmap with flags");
	UNMAP(op.size = 0, -EINVAL, "an unmap of nothing");
	UNMAP(op.va = device.va_end, -EINVAL, "an unmap of the driver's own");
	BIND(args.vm = 0, -ENOENT, "VM 0");
	BIND(args.vm = 0x7fffffff, -ENOENT, "a VM that is not there");
	BIND(args.vm = foreign_vm, -ENOENT, "a VM of another file");
	BIND(args.flags = 0x80000001, -EINVAL, "unknown flags");
	BIND((args.flags = 2), -EINVAL, "another unknown flag");
	BIND((args.syncs.count = 1, args.syncs.stride = sizeof(struct drm_npu_sync)), -EINVAL,
	     "syncs without being queued");
	BIND(args.ops.stride = 4, -EINVAL, "a stride smaller than anything");
	BIND(args.ops.stride = 8192, -EINVAL, "a stride larger than anything");
	BIND(args.ops.count = UINT32_MAX, -EINVAL, "too many operations");
	BIND(args.ops.pointer = 8, -EFAULT, "operations where no memory is");
	BIND(args.ops.count = 0, 0, "no operations");
	BIND(op.va = device.va_start, 0, "the first usable page");
	BIND(op.va = device.va_end - DRV_PAGE, 0, "the last usable page");
	tap(reads(r, device.va_start, DRV_PAGE, 0) &&
	    reads(r, device.va_end - DRV_PAGE, DRV_PAGE, 0), "both can be read");
	BIND((args.vm = vm, op.bo = exclusive), 0, "a buffer of just this VM");
	UNMAP(op.va = device.va_start, 0, "an unmap");
	tap(faults(r, device.va_start, READ_UNMAPPED) && faults(r, AT, READ_UNMAPPED),
	    "nothing else was mapped");
#undef UNMAP
#undef BIND
	drv_vm_unmap(r->fd, r->vm, device.va_end - DRV_PAGE, DRV_PAGE);
	drv_vm_destroy(r->fd, vm);
	drv_bo_close(r->fd, bo);
	drv_bo_close(r->fd, exclusive);
	close(other);
}

static void arrays_are_done_as_a_whole_or_not_at_all(struct drv_rig *r, struct two *t)
{
	struct { struct drm_npu_vm_op op; uint64_t more; } longer[3];
	struct drm_npu_vm_op ops[3];
	struct drm_npu_vm_bind args = {
		.vm = r->vm,
		.ops = { .pointer = (uintptr_t)ops, .count = 3, .stride = sizeof(ops[0]) },
	};

	memset(longer, 0, sizeof(longer));
	for (int i = 0; i < 3; i++) {
		ops[i] = (struct drm_npu_vm_op){
			.va = AT + i * DRV_PAGE, .size = DRV_PAGE, .bo = t->a,
			.bo_offset = i * DRV_PAGE,
		};
		longer[i].op = ops[i];
	}
	ops[1].bo = 0x7fffffff;
	tap_ret(drv_ioctl(r->fd, DRM_IOCTL_NPU_VM_BIND, &args), -ENOENT, NULL,
		"the second of three operations fails");
	tap(faults(r, AT, READ_UNMAPPED) && faults(r, AT + DRV_PAGE, READ_UNMAPPED) &&
	    faults(r, AT + 2 * DRV_PAGE, READ_UNMAPPED), "none of them is done");
	drv_vm_unmap(r->fd, r->vm, AT, 3 * DRV_PAGE);

	args.ops.pointer = (uintptr_t)longer;
	args.ops.stride = sizeof(longer[0]);
	longer[2].more = 1;
	tap_ret(drv_ioctl(r->fd, DRM_IOCTL_NPU_VM_BIND, &args), -E2BIG, NULL,
		"longer elements that ask for what the driver does not know");
	tap(faults(r, AT, READ_UNMAPPED), "and nothing was done");
	longer[2].more = 0;
	tap_ret(drv_ioctl(r->fd, DRM_IOCTL_NPU_VM_BIND, &args), 0, NULL,
		"longer elements that do not");
	tap(sees(r, (uint8_t[]){ 0xa0, 0xa1, 0xa2 }, 3), "all were done");

	ops[0] = (struct drm_npu_vm_op){
		.op = DRM_NPU_VM_OP_UNMAP, .va = AT, .size = 3 * DRV_PAGE,
	};
	args.ops.pointer = (uintptr_t)ops;
	args.ops.count = 1;
	args.ops.stride = offsetof(struct drm_npu_vm_op, bo_offset);
	tap_ret(drv_ioctl(r->fd, DRM_IOCTL_NPU_VM_BIND, &args), 0, NULL, "shorter elements");
	tap(faults(r, AT, READ_UNMAPPED), "unmap as well");
}

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

static void an_array_that_ends_in_no_memory_leaks_nothing(struct drv_rig *r, struct two *t)
{
	const uint32_t count = 4096;
	const size_t size = count * sizeof(struct drm_npu_vm_op);
	uint8_t *memory = mmap(NULL, size + DRV_PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct drm_npu_vm_op *ops = (struct drm_npu_vm_op *)(memory + DRV_PAGE / 2);
	struct drm_npu_vm_bind args = {
		.vm = r->vm,
		.ops = { .pointer = (uintptr_t)ops, .count = count, .stride = sizeof(ops[0]) },
	};
	uint64_t before;
	int ret = 0;

	/* The last element's page is missing. */
	munmap(memory + size, DRV_PAGE);
	for (uint32_t i = 0; (uint8_t *)&ops[i + 1] <= memory + size; i++)
		ops[i] = (struct drm_npu_vm_op){ .va = AT, .size = DRV_PAGE, .bo = t->a };
	before = memory_available();
	for (int i = 0; i < 2000; i++) {
		ret = drv_ioctl(r->fd, DRM_IOCTL_NPU_VM_BIND, &args);
		if (ret != -EFAULT)
			break;
	}
	tap_ret(ret, -EFAULT, NULL, "an array that runs into nothing, two thousand times");
	/* 160 KiB each time would be 320 MiB. */
	tap(memory_available() + 64 * DRV_MIB > before, "leaks nothing");
	tap(faults(r, AT, READ_UNMAPPED), "and maps nothing");
	munmap(memory, size);
}

/* ---- Mappings ---------------------------------------------------------------------- */

static void a_map_replaces_what_was_there(struct drv_rig *r, struct two *t, const char *where)
{
	map(r, 0, t->a, 0, 8);
	tap(sees(r, (uint8_t[]){ 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7 }, 8),
	    "%s: a mapping shows its buffer", where);
	map(r, 0, t->b, 0, 8);
	tap(sees(r, (uint8_t[]){ 0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7 }, 8),
	    "%s: one over all of it replaces it", where);
	map(r, 2, t->a, 10, 3);
	tap(sees(r, (uint8_t[]){ 0xb0, 0xb1, 0xaa, 0xab, 0xac, 0xb5, 0xb6, 0xb7 }, 8),
	    "%s: one in its middle leaves both sides", where);
	map(r, 0, t->a, 4, 1);
	map(r, 7, t->a, 5, 1);
	tap(sees(r, (uint8_t[]){ 0xa4, 0xb1, 0xaa, 0xab, 0xac, 0xb5, 0xb6, 0xa5 }, 8),
	    "%s: ones at its ends cut them off", where);
	map(r, 1, t->b, 8, 5);
	tap(sees(r, (uint8_t[]){ 0xa4, 0xb8, 0xb9, 0xba, 0xbb, 0xbc, 0xb6, 0xa5 }, 8),
	    "%s: one over parts of several keeps the rest", where);
	map(r, 3, t->a, 0, 16);
	tap(sees(r, (uint8_t[]){ 0xa4, 0xb8, 0xb9, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6,
				 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf }, 19),
	    "%s: one may reach further than what was there", where);
	map(r, 3, t->a, 1, 15);
	map(r, 18, t->a, 0, 1);
	tap(sees(r, (uint8_t[]){ 0xa4, 0xb8, 0xb9, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,
				 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0xa0 }, 19),
	    "%s: the same buffer elsewhere within itself", where);
	drv_vm_unmap(r->fd, r->vm, AT, 19 * DRV_PAGE);
}

static void an_unmap_takes_just_its_range(struct drv_rig *r, struct two *t, const char *where)
{
	map(r, 0, t->a, 0, 8);
	map(r, 8, t->b, 0, 8);
	tap(!drv_vm_unmap(r->fd, r->vm, AT + 3 * DRV_PAGE, 2 * DRV_PAGE) &&
		    reads(r, AT + 2 * DRV_PAGE, DRV_PAGE, 0xa2) &&
		    reads(r, AT + 5 * DRV_PAGE, DRV_PAGE, 0xa5),
	    "%s: both sides of a hole still work", where);
	tap(faults(r, AT + 3 * DRV_PAGE, READ_UNMAPPED) &&
		    faults(r, AT + 4 * DRV_PAGE, WRITE_UNMAPPED),
	    "%s: the hole faults", where);
	tap(!drv_vm_unmap(r->fd, r->vm, AT + DRV_PAGE, 9 * DRV_PAGE) &&
	    reads(r, AT, DRV_PAGE, 0xa0) && reads(r, AT + 10 * DRV_PAGE, DRV_PAGE, 0xb2) &&
	    faults(r, AT + DRV_PAGE, READ_UNMAPPED) && faults(r, AT + 9 * DRV_PAGE, READ_UNMAPPED),
	    "%s: an unmap takes several mappings, and parts", where);
	tap_ret(drv_vm_unmap(r->fd, r->vm, AT + DRV_PAGE, 8 * DRV_PAGE), 0, NULL,
		"%s: unmapping nothing is fine", where);
	drv_vm_unmap(r->fd, r->vm, AT, PAGES * DRV_PAGE);
	tap(faults(r, AT, READ_UNMAPPED) && faults(r, AT + 15 * DRV_PAGE, READ_UNMAPPED),
	    "%s: at the end nothing is mapped", where);
}

static void a_large_mapping_is_split(struct drv_rig *r, uint32_t placement, const char *where)
{
	const uint64_t hole = AT + LARGE + 37 * DRV_PAGE;
	struct two t;
	uint32_t bo;

	if (drv_bo_create(r->fd, 3 * LARGE, placement, 0, 0, &bo) ||
	    drv_vm_map(r->fd, r->vm, AT, 3 * LARGE, bo, 0, 0))
		tap_bail("no large buffer");
	two_init(&t, r, placement);
	for (uint32_t i = 0; i < 3; i++)
		if (!fills(r, AT + i * LARGE, LARGE, 0xc0 + i))
			tap_bail("cannot fill a large mapping");
	tap(reads(r, AT, LARGE, 0xc0) && reads(r, AT + LARGE, LARGE, 0xc1) &&
	    reads(r, AT + 2 * LARGE, LARGE, 0xc2), "%s: three large pages are mapped", where);
	tap(!drv_vm_unmap(r->fd, r->vm, hole, DRV_PAGE) &&
	    reads(r, AT + LARGE, 37 * DRV_PAGE, 0xc1) &&
	    reads(r, hole + DRV_PAGE, LARGE - 38 * DRV_PAGE, 0xc1) &&
	    reads(r, AT, LARGE, 0xc0) && reads(r, AT + 2 * LARGE, LARGE, 0xc2),
	    "%s: a hole in the middle one leaves all the rest", where);
	tap(faults(r, hole, READ_UNMAPPED) && faults(r, hole + DRV_PAGE - 4, WRITE_UNMAPPED),
	    "%s: the hole faults", where);
	tap(!drv_vm_map(r->fd, r->vm, hole, DRV_PAGE, t.b, 0, 0) &&
		    reads(r, hole, DRV_PAGE, 0xb0) && reads(r, hole - DRV_PAGE, DRV_PAGE, 0xc1) &&
		    reads(r, hole + DRV_PAGE, DRV_PAGE, 0xc1),
	    "%s: it can be filled with something else", where);
	tap(!drv_vm_map(r->fd, r->vm, AT + LARGE, LARGE, bo, LARGE, 0) &&
	    reads(r, AT + LARGE, LARGE, 0xc1), "%s: and whole again", where);
	tap(!drv_vm_unmap(r->fd, r->vm, AT + LARGE, LARGE) &&
	    reads(r, AT, LARGE, 0xc0) && reads(r, AT + 2 * LARGE, LARGE, 0xc2) &&
	    faults(r, AT + LARGE, READ_UNMAPPED) && faults(r, AT + 2 * LARGE - 4, READ_UNMAPPED),
	    "%s: one large page of three is unmapped", where);
	tap(!drv_vm_map(r->fd, r->vm, AT, 2 * LARGE, bo, LARGE - DRV_PAGE, 0) &&
	    reads(r, AT, DRV_PAGE, 0xc0) && reads(r, AT + DRV_PAGE, LARGE, 0xc1) &&
	    reads(r, AT + DRV_PAGE + LARGE, LARGE - DRV_PAGE, 0xc2),
	    "%s: addresses that do not match use small pages", where);
	two_fini(&t, r);
	drv_bo_close(r->fd, bo);
}

static void a_read_only_mapping_is_not_written(struct drv_rig *r, struct two *t, const char *where)
{
	const uint32_t flags = DRM_NPU_VM_MAP_READONLY;

	map(r, 8, t->a, 0, 8);
	tap_ret(drv_vm_map(r->fd, r->vm, AT, 8 * DRV_PAGE, t->a, 0, flags), 0, NULL,
		"%s: a read-only mapping", where);
	tap(sees(r, (uint8_t[]){ 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7 }, 8),
	    "%s: is read", where);
	tap(faults(r, AT, WRITE_DENIED) && faults(r, AT + 7 * DRV_PAGE, WRITE_DENIED),
	    "%s: and not written", where);
	map(r, 2, t->a, 2, 1);
	tap(faults(r, AT + DRV_PAGE, WRITE_DENIED) && faults(r, AT + 3 * DRV_PAGE, WRITE_DENIED) &&
		    fills(r, AT + 2 * DRV_PAGE, DRV_PAGE, 0xa2),
	    "%s: nor are parts that remain of it", where);
	tap(fills(r, AT + 8 * DRV_PAGE, DRV_PAGE, 0xa0) && reads(r, AT, DRV_PAGE, 0xa0),
	    "%s: the buffer can be written elsewhere", where);
	drv_vm_unmap(r->fd, r->vm, AT, PAGES * DRV_PAGE);
}

static void a_mapping_keeps_a_closed_buffer(struct drv_rig *r)
{
	uint64_t before = drv_memory_used(r->fd, DRM_NPU_MEMORY_DEVICE);
	uint32_t bo;

	if (drv_bo_create(r->fd, DRV_MIB, DRM_NPU_MEMORY_DEVICE, 0, 0, &bo) ||
	    drv_vm_map(r->fd, r->vm, AT, DRV_MIB, bo, 0, 0))
		tap_bail("no buffer");
	drv_bo_close(r->fd, bo);
	tap(fills(r, AT, DRV_MIB, 0xd0) && reads(r, AT, DRV_MIB, 0xd0),
	    "a closed buffer works as long as it is mapped");
	drv_vm_unmap(r->fd, r->vm, AT, DRV_MIB);
	for (int i = 0; i < 200 && drv_memory_used(r->fd, DRM_NPU_MEMORY_DEVICE) != before; i++)
		usleep(10000);
	tap(drv_memory_used(r->fd, DRM_NPU_MEMORY_DEVICE) == before,
	    "and is gone with its mapping");
}

/* ---- While jobs run ------------------------------------------------------------------- */

#define ROUNDS	20u

struct holes {
	struct drv_rig *r;
	uint32_t bo;
	bool done;
	int ret;
};

/* Unmaps pages from the end to the middle one by one, and maps them again. */
static void *make_holes(void *data)
{
	struct holes *h = data;

	for (unsigned int page = 511; page > 480 && !h->ret; page--) {
		const uint64_t offset = page * DRV_PAGE;

		h->ret = drv_vm_unmap(h->r->fd, h->r->vm, AT + offset, DRV_PAGE);
		if (!h->ret)
			h->ret = drv_vm_map(h->r->fd, h->r->vm, AT + offset, DRV_PAGE, h->bo,
					    offset, 0);
	}
	__atomic_store_n(&h->done, true, __ATOMIC_RELAXED);
	return NULL;
}

static void a_job_does_not_notice_holes_beside_it(struct drv_rig *r, uint32_t placement,
						  const char *where)
{
	struct holes h = { .r = r };
	pthread_t thread;
	int ret = 0;

	if (drv_bo_create(r->fd, LARGE, placement, 0, 0, &h.bo))
		tap_bail("no buffer");
	for (int i = 0; i < 64; i++)
		drv_packet_fill(r->packets + 64 * i, AT + i % 16 * DRV_PAGE, DRV_PAGE, i);
	/* Each round starts with one mapping, of a large page where there is one. */
	for (unsigned int i = 0; i < ROUNDS && !ret && !h.ret; i++) {
		h.done = false;
		if (drv_vm_map(r->fd, r->vm, AT, LARGE, h.bo, 0, 0) ||
		    pthread_create(&thread, NULL, make_holes, &h))
			tap_bail("no mapping or thread");
		while (!ret && !__atomic_load_n(&h.done, __ATOMIC_RELAXED))
			ret = drv_rig_run(r, 64);
		pthread_join(thread, NULL);
	}
	tap_ret(h.ret, 0, NULL, "%s: pages are unmapped and mapped again while jobs run", where);
	tap_ret(ret, 0, NULL, "%s: jobs that use the rest of the buffer do not notice", where);
	drv_queue_destroy(r->fd, r->queue);
	if (drv_queue_create(r->fd, r->vm, DRM_NPU_PRIORITY_NORMAL, &r->queue))
		tap_bail("no queue");
	drv_vm_unmap(r->fd, r->vm, AT, LARGE);
	drv_bo_close(r->fd, h.bo);
}

/* ---- Life -------------------------------------------------------------------------- */

static void a_queue_keeps_its_vm(void)
{
	struct drm_npu_vm_create create = { .flags = 1 };
	struct drm_npu_vm_destroy destroy = { .mbz = 1 };
	struct drm_npu_vm_get_state state;
	struct drv_rig r;
	uint32_t queue;

	drv_rig_init(&r, 0);
	tap_ret(drv_ioctl(r.fd, DRM_IOCTL_NPU_VM_CREATE, &create), -EINVAL, NULL,
		"VM_CREATE with flags");
	destroy.vm = r.vm;
	tap_ret(drv_ioctl(r.fd, DRM_IOCTL_NPU_VM_DESTROY, &destroy), -EINVAL, NULL,
		"VM_DESTROY with mbz");
	tap_ret(drv_vm_destroy(r.fd, 0), -ENOENT, NULL, "VM 0 cannot be destroyed");
	tap_ret(drv_vm_destroy(r.fd, 0x7fffffff), -ENOENT, NULL, "nor one that is not there");
	tap_ret(drv_vm_destroy(r.fd, r.vm), 0, NULL, "a VM with a queue can be");
	tap_ret(drv_vm_destroy(r.fd, r.vm), -ENOENT, NULL, "but only once");
	tap_ret(drv_vm_state(r.fd, r.vm, &state), -ENOENT, NULL, "it has no state any more");
	tap_ret(drv_vm_map(r.fd, r.vm, AT, DRV_PAGE, r.data_bo, 0, 0), -ENOENT, NULL,
		"it takes no mappings");
	tap_ret(drv_queue_create(r.fd, r.vm, DRM_NPU_PRIORITY_NORMAL, &queue), -ENOENT, NULL,
		"and no queues");
	tap(drv_rig_works(&r), "its queue still works");
	drv_rig_fini(&r);
}

static void the_last_faults_are_told(void)
{
	struct {
		struct drm_npu_vm_fault fault;
		uint64_t more;
	} longer[20];
	struct drm_npu_vm_fault faults_told[20];
	struct drm_npu_vm_get_state state = { 0 };
	uint64_t shorter[16];
	uint32_t queues[18];
	bool good = true;
	struct drv_rig r;

	drv_rig_init(&r, 0);
	state.vm = r.vm;
	state.faults.count = 4;
	state.faults.stride = sizeof(faults_told[0]);
	state.faults.pointer = (uintptr_t)faults_told;
	tap(!drv_ioctl(r.fd, DRM_IOCTL_NPU_VM_GET_STATE, &state) && !state.faults.count &&
	    !state.fault_count && !state.state, "a new VM has had no faults");
	for (uint64_t i = 0; i < 18; i++) {
		queues[i] = r.queue;
		good &= faults(&r, AT + i * DRV_PAGE, i % 2 ? WRITE_UNMAPPED : READ_UNMAPPED);
	}
	memset(faults_told, 0xee, sizeof(faults_told));
	state.faults.count = 20;
	tap(good && !drv_ioctl(r.fd, DRM_IOCTL_NPU_VM_GET_STATE, &state) &&
	    state.fault_count == 18 && state.faults.count == 16, "of 18 faults 16 are told");
	for (uint64_t i = 0; i < 16; i++)
		good &= faults_told[i].va == AT + (17 - i) * DRV_PAGE &&
			faults_told[i].queue == queues[17 - i] &&
			faults_told[i].info == ((17 - i) % 2 ? WRITE_UNMAPPED : READ_UNMAPPED) &&
			(!i || faults_told[i].time_ns <= faults_told[i - 1].time_ns) &&
			faults_told[i].time_ns <= (uint64_t)drv_now();
	tap(good && faults_told[16].va == 0xeeeeeeeeeeeeeeee, "newest first, and no more");
	tap(state.fault_va == faults_told[0].va && state.fault_info == faults_told[0].info,
	    "the first is the last one");

	memset(faults_told, 0xee, sizeof(faults_told));
	state.faults.count = 2;
	tap(!drv_ioctl(r.fd, DRM_IOCTL_NPU_VM_GET_STATE, &state) && state.faults.count == 16 &&
	    faults_told[1].va == AT + 16 * DRV_PAGE && faults_told[2].va == 0xeeeeeeeeeeeeeeee,
	    "as many as there is room for are written");
	state.faults = (struct drm_npu_array){ (uintptr_t)shorter, 16, sizeof(shorter[0]) };
	tap(!drv_ioctl(r.fd, DRM_IOCTL_NPU_VM_GET_STATE, &state) &&
	    shorter[15] == AT + 2 * DRV_PAGE,
	    "shorter elements get what they know");
	memset(longer, 0xee, sizeof(longer));
	state.faults = (struct drm_npu_array){ (uintptr_t)longer, 16, sizeof(longer[0]) };
	tap(!drv_ioctl(r.fd, DRM_IOCTL_NPU_VM_GET_STATE, &state) && !longer[15].more &&
	    longer[15].fault.va == AT + 2 * DRV_PAGE, "longer ones zeros for the rest");
	state.faults.count = 0;
	tap(!drv_ioctl(r.fd, DRM_IOCTL_NPU_VM_GET_STATE, &state) && state.faults.count == 16,
	    "without room they are counted");
	state.faults.stride = 4;
	tap_ret(drv_ioctl(r.fd, DRM_IOCTL_NPU_VM_GET_STATE, &state), -EINVAL, NULL,
		"a stride smaller than anything");
	state.faults.stride = 8192;
	tap_ret(drv_ioctl(r.fd, DRM_IOCTL_NPU_VM_GET_STATE, &state), -EINVAL, NULL,
		"a stride larger than anything");
	state.faults = (struct drm_npu_array){ 8, 1, sizeof(faults_told[0]) };
	tap_ret(drv_ioctl(r.fd, DRM_IOCTL_NPU_VM_GET_STATE, &state), -EFAULT, NULL,
		"faults where no memory is");
	drv_rig_fini(&r);
}

static void contexts_run_out_and_come_back(void)
{
	static uint32_t vms[4096];
	unsigned int count = 0;
	int fd = drv_open(0), ret;
	struct drv_rig r;

	do {
		ret = drv_vm_create(fd, &vms[count]);
	} while (!ret && ++count < 4096);
	tap(ret == -ENOSPC && count == 510,
	    "510 VMs and no more: 0 is none, and the last is the driver's");
	for (unsigned int i = 0; i < count; i++)
		if (drv_vm_destroy(fd, vms[i]))
			ret = -EBUSY;
	tap_ret(ret, -ENOSPC, NULL, "all can be destroyed");
	drv_rig_init(&r, 0);
	tap(drv_rig_works(&r), "and a new one works");
	drv_rig_fini(&r);
	close(fd);
}

int main(void)
{
	static const struct {
		uint32_t placement;
		const char *name;
	} places[] = {
		{ DRM_NPU_MEMORY_SYSTEM, "system memory" },
		{ DRM_NPU_MEMORY_DEVICE, "device memory" },
	};
	struct drv_rig r;
	struct two t;

	drv_rig_init(&r, 0);
	refuses_what_makes_no_sense(&r);
	for (int i = 0; i < 2; i++) {
		two_init(&t, &r, places[i].placement);
		a_map_replaces_what_was_there(&r, &t, places[i].name);
		an_unmap_takes_just_its_range(&r, &t, places[i].name);
		a_read_only_mapping_is_not_written(&r, &t, places[i].name);
		if (!i) {
			arrays_are_done_as_a_whole_or_not_at_all(&r, &t);
			an_array_that_ends_in_no_memory_leaks_nothing(&r, &t);
		}
		two_fini(&t, &r);
		a_large_mapping_is_split(&r, places[i].placement, places[i].name);
	}
	a_mapping_keeps_a_closed_buffer(&r);
	for (int i = 0; i < 2; i++)
		a_job_does_not_notice_holes_beside_it(&r, places[i].placement, places[i].name);
	drv_rig_fini(&r);
	a_queue_keeps_its_vm();
	the_last_faults_are_told();
	contexts_run_out_and_come_back();
	return tap_end();
}
