// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* VM_BIND: which operations are valid, and what the page tables hold afterwards. */
#include "../npu_bind.c"

#include "../npu_queue.h"
#include "../npu_ttm.h"
#include "npu_kunit.h"

#define MIB 0x100000ULL
#define VA 0x40000000ULL	/* 1 GiB: a border of two levels */
#define RO (NPU_PTE_VALID | NPU_PTE_LEAF)
#define RW (RO | NPU_PTE_WRITE)

struct npu_bind_test {
	struct npu_fake *fake;
	u32 handle;
	struct npu_vm *vm;
	u32 bo;		/* 4 MiB of device memory: all of one piece */
	u64 base;	/* its offset there */
};

static u64 npu_bind_walk(struct kunit *test, u64 va)
{
	struct npu_bind_test *t = test->priv;

	return npu_kunit_walk(test, &t->vm->mmu, va);
}

static u64 npu_bind_base(struct kunit *test, u32 handle)
{
	struct npu_bind_test *t = test->priv;
	struct drm_gem_object *obj = drm_gem_object_lookup(t->fake->file, handle);
	u64 base;

	KUNIT_ASSERT_NOT_NULL(test, obj);
	base = (u64)npu_bo_of_gem(obj)->ttm.resource->start << PAGE_SHIFT;
	drm_gem_object_put(obj);
	return base;
}

static int npu_bind_one(struct kunit *test, u32 op, u64 va, u64 size, u32 bo, u64 offset, u32 flags)
{
	struct npu_bind_test *t = test->priv;
	const struct drm_npu_vm_op o = {
		.op = op, .flags = flags, .va = va, .size = size, .bo_offset = offset, .bo = bo,
	};

	return npu_fake_bind(t->fake, t->handle, &o);
}

static int npu_bind_do_map(struct kunit *test, u64 va, u64 size, u64 offset, u32 flags)
{
	struct npu_bind_test *t = test->priv;

	return npu_bind_one(test, DRM_NPU_VM_OP_MAP, va, size, t->bo, offset, flags);
}

static int npu_bind_do_unmap(struct kunit *test, u64 va, u64 size)
{
	return npu_bind_one(test, DRM_NPU_VM_OP_UNMAP, va, size, 0, 0, 0);
}

/* Pages of the buffer from @offset, or nothing where it is ~0. */
static void npu_bind_expect(struct kunit *test, u64 va, u64 size, u64 offset, u64 flags)
{
	struct npu_bind_test *t = test->priv;

	for (u64 at = 0; at < size; at += PAGE_SIZE)
		KUNIT_ASSERT_EQ_MSG(test, npu_bind_walk(test, va + at), offset == ~0ULL ? 0 :
				    (t->base + offset + at) | flags | NPU_PTE_DEVICE,
				    "at 0x%llx", va + at);
}

#define NOTHING ~0ULL

/* ---- Which operations are valid ------------------------------------------------- */

#define MAP(...) { .op = DRM_NPU_VM_OP_MAP, .va = VA, .size = 4096, .bo = 1, __VA_ARGS__ }
#define UNMAP(...) { .op = DRM_NPU_VM_OP_UNMAP, .va = VA, .size = 4096, __VA_ARGS__ }

static const struct npu_bind_bad {
	const char *name;
	struct drm_npu_vm_op op;
	int error;
} npu_bind_bads[] = {
	{ "an unknown operation", { .op = 2, .va = VA, .size = 4096 }, -EINVAL },
	{ "the largest operation", { .op = U32_MAX, .va = VA, .size = 4096 }, -EINVAL },
	{ "map: mbz", MAP(.mbz = 1), -EINVAL },
	{ "unmap: mbz", UNMAP(.mbz = 1U << 31), -EINVAL },
	{ "map: an unknown flag", MAP(.flags = 1U << 31), -EINVAL },
	{ "map: all flags", MAP(.flags = U32_MAX), -EINVAL },
	{ "unmap: a flag", UNMAP(.flags = DRM_NPU_VM_MAP_READONLY), -EINVAL },
	{ "unmap: a buffer", UNMAP(.bo = 1), -EINVAL },
	{ "unmap: an offset", UNMAP(.bo_offset = 4096), -EINVAL },
	{ "map: no size", MAP(.size = 0), -EINVAL },
	{ "unmap: no size", UNMAP(.size = 0), -EINVAL },
	{ "map: half a page", MAP(.size = 2048), -EINVAL },
	{ "map: a byte too many", MAP(.size = 4097), -EINVAL },
	{ "map: va not aligned", MAP(.va = VA + 1), -EINVAL },
	{ "map: va aligned to 2 KiB", MAP(.va = VA + 2048), -EINVAL },
	{ "map: offset not aligned", MAP(.bo_offset = 512), -EINVAL },
	{ "unmap: va not aligned", UNMAP(.va = VA + 8), -EINVAL },
	{ "map: the first page", MAP(.va = 0), -EINVAL },
	{ "map: a page below", MAP(.va = NPU_MMU_USER_START - 4096), -EINVAL },
	{ "map: from a page below", MAP(.va = NPU_MMU_USER_START - 4096, .size = 8192), -EINVAL },
	{ "map: the driver's part", MAP(.va = NPU_MMU_USER_END), -EINVAL },
	{ "map: across the end", MAP(.va = NPU_MMU_USER_END - 4096, .size = 8192), -EINVAL },
	{ "map: the last page of 2^48", MAP(.va = (1ULL << 48) - 4096), -EINVAL },
	{ "map: beyond 48 bits", MAP(.va = 1ULL << 48), -EINVAL },
	{ "map: wraps", MAP(.va = VA, .size = -4096), -EINVAL },
	{ "map: wraps to 0", MAP(.va = -4096ULL, .size = 4096), -EINVAL },
	{ "unmap: wraps to the users' part", UNMAP(.va = -4096ULL, .size = VA + 4096), -EINVAL },
	{ "unmap: the driver's part", UNMAP(.va = NPU_MMU_USER_END), -EINVAL },
	{ "unmap: everything and a page",
	  UNMAP(.va = NPU_MMU_USER_START, .size = NPU_MMU_USER_END - NPU_MMU_USER_START + 4096),
	  -EINVAL },
	{ "map: no buffer", MAP(.bo = 0), -ENOENT },
	{ "map: a buffer that is not there", MAP(.bo = 77), -ENOENT },
	{ "map: the largest handle", MAP(.bo = U32_MAX), -ENOENT },
	{ "map: from behind the buffer", MAP(.bo_offset = 4 * MIB), -EINVAL },
	{ "map: beyond the buffer", MAP(.bo_offset = 4 * MIB - 4096, .size = 8192), -EINVAL },
	{ "map: more than the buffer", MAP(.size = 4 * MIB + 4096), -EINVAL },
	{ "map: an offset that wraps", MAP(.bo_offset = -4096ULL), -EINVAL },
	{ "map: an offset that wraps into it", MAP(.bo_offset = -4096ULL, .size = 8192), -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(npu_bind_bad, npu_bind_bads, name);

static void npu_bind_test_bad(struct kunit *test)
{
	const struct npu_bind_bad *bad = test->param_value;
	struct npu_bind_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, t->bo, 1);
	KUNIT_ASSERT_EQ(test, npu_bind_do_map(test, VA + 4 * MIB, 4096, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, npu_fake_bind(t->fake, t->handle, &bad->op), bad->error);
	/* Nothing has changed. */
	npu_bind_expect(test, VA, 4096, NOTHING, 0);
	npu_bind_expect(test, VA + 4 * MIB, 4096, 0, RW);
	KUNIT_EXPECT_TRUE(test, npu_is_live(t->fake->ndev));
}

static const struct npu_bind_edge {
	const char *name;
	u64 va, size;
} npu_bind_edges[] = {
	{ "the first page", NPU_MMU_USER_START, PAGE_SIZE },
	{ "the last page", NPU_MMU_USER_END - PAGE_SIZE, PAGE_SIZE },
	{ "the last 4 MiB", NPU_MMU_USER_END - 4 * MIB, 4 * MIB },
	{ "across 1 GiB", VA - PAGE_SIZE, 2 * PAGE_SIZE },
	{ "across 512 GiB", (1ULL << 39) - MIB, 2 * MIB },
	{ "a large page", VA, 2 * MIB },
	{ "all of it", VA, 4 * MIB },
};

KUNIT_ARRAY_PARAM_DESC(npu_bind_edge, npu_bind_edges, name);

static void npu_bind_test_edge(struct kunit *test)
{
	const struct npu_bind_edge *edge = test->param_value;

	KUNIT_ASSERT_EQ(test, npu_bind_do_map(test, edge->va, edge->size, 0, 0), 0);
	npu_bind_expect(test, edge->va, edge->size, 0, RW);
	npu_bind_expect(test, edge->va - PAGE_SIZE, PAGE_SIZE, NOTHING, 0);
	npu_bind_expect(test, edge->va + edge->size, PAGE_SIZE, NOTHING, 0);
	KUNIT_ASSERT_EQ(test, npu_bind_do_unmap(test, edge->va, edge->size), 0);
	npu_bind_expect(test, edge->va, edge->size, NOTHING, 0);
}

static int npu_bind_array(struct kunit *test, const struct drm_npu_vm_op *ops, u32 count,
			  u32 stride)
{
	struct npu_bind_test *t = test->priv;
	void __user *at = npu_kunit_user(test, count * sizeof(*ops) + 1);
	struct drm_npu_vm_bind args = {
		.vm = t->handle, .ops = { .pointer = (u64)at, .count = count, .stride = stride },
	};

	KUNIT_ASSERT_EQ(test, copy_to_user(at, ops, count * sizeof(*ops)), 0);
	return npu_vm_bind_ioctl(&t->fake->ndev->drm, &args, t->fake->file);
}

/* One that makes no sense, and none is applied. */
static void npu_bind_test_all_or_nothing(struct kunit *test)
{
	const struct drm_npu_vm_op ops[] = { MAP(), MAP(.va = VA + 4096), UNMAP(.va = 8) };

	KUNIT_EXPECT_EQ(test, npu_bind_array(test, ops, 3, sizeof(*ops)), -EINVAL);
	npu_bind_expect(test, VA, 2 * PAGE_SIZE, NOTHING, 0);
	KUNIT_EXPECT_EQ(test, npu_bind_array(test, ops, 2, sizeof(*ops)), 0);
	npu_bind_expect(test, VA, PAGE_SIZE, 0, RW);
}

static void npu_bind_test_in_order(struct kunit *test)
{
	const struct drm_npu_vm_op ops[] = {
		MAP(.size = 8192), UNMAP(), MAP(.bo_offset = 8192), UNMAP(.va = VA + 4096),
	};

	KUNIT_EXPECT_EQ(test, npu_bind_array(test, ops, ARRAY_SIZE(ops), sizeof(*ops)), 0);
	npu_bind_expect(test, VA, PAGE_SIZE, 8192, RW);
	npu_bind_expect(test, VA + PAGE_SIZE, PAGE_SIZE, NOTHING, 0);
}

static void npu_bind_test_bad_arrays(struct kunit *test)
{
	const struct drm_npu_vm_op op = MAP();
	struct npu_bind_test *t = test->priv;
	struct drm_npu_vm_bind args = {
		.vm = t->handle, .ops = { .count = 4097, .stride = sizeof(op) },
	};

	KUNIT_EXPECT_EQ(test, npu_vm_bind_ioctl(&t->fake->ndev->drm, &args, t->fake->file),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, npu_bind_array(test, &op, 1, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, npu_bind_array(test, &op, 1, U32_MAX), -EINVAL);
	KUNIT_EXPECT_EQ(test, npu_bind_array(test, &op, 0, 0), 0);
	args = (struct drm_npu_vm_bind){ .vm = t->handle, .flags = 1U << 31 };
	KUNIT_EXPECT_EQ(test, npu_vm_bind_ioctl(&t->fake->ndev->drm, &args, t->fake->file),
			-EINVAL);
	args = (struct drm_npu_vm_bind){ .vm = t->handle + 1 };
	KUNIT_EXPECT_EQ(test, npu_vm_bind_ioctl(&t->fake->ndev->drm, &args, t->fake->file),
			-ENOENT);
}

/* ---- What the tables hold --------------------------------------------------------- */

static void npu_bind_test_readonly(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, npu_bind_do_map(test, VA, 4 * MIB, 0, DRM_NPU_VM_MAP_READONLY), 0);
	npu_bind_expect(test, VA, 4 * MIB, 0, RO);
	/* What remains of a mapping that is cut keeps its flags. */
	KUNIT_ASSERT_EQ(test, npu_bind_do_unmap(test, VA + MIB, PAGE_SIZE), 0);
	npu_bind_expect(test, VA, MIB, 0, RO);
	npu_bind_expect(test, VA + MIB, PAGE_SIZE, NOTHING, 0);
	npu_bind_expect(test, VA + MIB + PAGE_SIZE, MIB, MIB + PAGE_SIZE, RO);
}

static void npu_bind_test_offset(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, npu_bind_do_map(test, VA, 2 * MIB, MIB, 0), 0);
	npu_bind_expect(test, VA, 2 * MIB, MIB, RW);
}

static void npu_bind_test_twice(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, npu_bind_do_map(test, VA, MIB, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, npu_bind_do_map(test, VA + 4 * MIB, MIB, 0, DRM_NPU_VM_MAP_READONLY),
			0);
	npu_bind_expect(test, VA, MIB, 0, RW);
	npu_bind_expect(test, VA + 4 * MIB, MIB, 0, RO);
}

static void npu_bind_test_replace(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, npu_bind_do_map(test, VA, 4 * MIB, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, npu_bind_do_map(test, VA + MIB, MIB, 3 * MIB, 0), 0);
	npu_bind_expect(test, VA, MIB, 0, RW);
	npu_bind_expect(test, VA + MIB, MIB, 3 * MIB, RW);
	npu_bind_expect(test, VA + 2 * MIB, 2 * MIB, 2 * MIB, RW);
	KUNIT_ASSERT_EQ(test, npu_bind_do_map(test, VA, 4 * MIB, 0, 0), 0);
	npu_bind_expect(test, VA, 4 * MIB, 0, RW);
}

static void npu_bind_test_unmap_several(struct kunit *test)
{
	for (u64 i = 0; i < 8; i++) {
		const u64 va = VA + i * 2 * PAGE_SIZE;

		KUNIT_ASSERT_EQ(test, npu_bind_do_map(test, va, PAGE_SIZE, i * PAGE_SIZE, 0), 0);
	}
	KUNIT_ASSERT_EQ(test, npu_bind_do_unmap(test, VA + 2 * PAGE_SIZE, 12 * PAGE_SIZE), 0);
	npu_bind_expect(test, VA, PAGE_SIZE, 0, RW);
	npu_bind_expect(test, VA + PAGE_SIZE, 13 * PAGE_SIZE, NOTHING, 0);
	npu_bind_expect(test, VA + 14 * PAGE_SIZE, PAGE_SIZE, 7 * PAGE_SIZE, RW);
}

static void npu_bind_test_unmap_everything(struct kunit *test)
{
	const u64 start = NPU_MMU_USER_START, size = NPU_MMU_USER_END - NPU_MMU_USER_START;

	KUNIT_ASSERT_EQ(test, npu_bind_do_map(test, VA, 4 * MIB, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, npu_bind_do_unmap(test, start, size), 0);
	npu_bind_expect(test, VA, 4 * MIB, NOTHING, 0);
	KUNIT_ASSERT_EQ(test, npu_bind_do_unmap(test, VA, 4 * MIB), 0);
}

/* Memory is given back only once the card uses the old translation no more. */
static void npu_bind_test_flushes(struct kunit *test)
{
	struct npu_bind_test *t = test->priv;
	struct npu_admin_tlb_args args;
	atomic_t *flushes = &t->fake->seen[NPU_ADMIN_TLB_INVALIDATE];

	KUNIT_ASSERT_EQ(test, npu_bind_do_map(test, VA, MIB, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(flushes), 0);
	KUNIT_ASSERT_EQ(test, npu_bind_do_unmap(test, VA, MIB), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(flushes), 1);
	memcpy(&args, t->fake->last[NPU_ADMIN_TLB_INVALIDATE].payload, sizeof(args));
	KUNIT_EXPECT_EQ(test, args.context, t->vm->mmu.context);
	KUNIT_EXPECT_LE(test, args.va, VA);
	KUNIT_EXPECT_GE(test, args.va + args.size, VA + MIB);
	KUNIT_ASSERT_EQ(test, npu_bind_do_unmap(test, VA, MIB), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(flushes), 1);
}

static void npu_bind_test_system_memory(struct kunit *test)
{
	struct npu_bind_test *t = test->priv;
	u32 bo = npu_fake_bo(t->fake, MIB, DRM_NPU_MEMORY_SYSTEM);

	KUNIT_ASSERT_EQ(test, npu_bind_one(test, DRM_NPU_VM_OP_MAP, VA, MIB, bo, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, npu_bind_one(test, DRM_NPU_VM_OP_MAP, VA + MIB, MIB / 2, bo,
					   MIB / 2, 0), 0);
	for (u64 at = 0; at < MIB; at += PAGE_SIZE) {
		u64 leaf = npu_bind_walk(test, VA + at);

		KUNIT_ASSERT_EQ(test, leaf & ~NPU_PTE_ADDR_MASK, RW | NPU_PTE_SNOOP);
		if (at >= MIB / 2)
			KUNIT_ASSERT_EQ(test, npu_bind_walk(test, VA + MIB / 2 + at), leaf);
	}
}

/* A buffer that is one VM's cannot be mapped by another of the same file. */
static void npu_bind_test_exclusive(struct kunit *test)
{
	struct npu_bind_test *t = test->priv;
	struct drm_npu_bo_create args = {
		.size = PAGE_SIZE, .placement = DRM_NPU_MEMORY_SYSTEM, .vm = npu_fake_vm(t->fake),
	};

	KUNIT_ASSERT_EQ(test, npu_bo_create_ioctl(&t->fake->ndev->drm, &args, t->fake->file), 0);
	KUNIT_EXPECT_EQ(test,
			npu_bind_one(test, DRM_NPU_VM_OP_MAP, VA, PAGE_SIZE, args.handle, 0, 0),
			-EPERM);
	npu_bind_expect(test, VA, PAGE_SIZE, NOTHING, 0);
}

/* Evicted: nothing of it is left in the tables, and its place is not named. */
static void npu_bind_test_evict(struct kunit *test)
{
	struct npu_bind_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, npu_bind_do_map(test, VA, 4 * MIB, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, npu_ttm_evict_device(t->fake->ndev), 0);
	npu_bind_expect(test, VA, 4 * MIB, NOTHING, 0);
	KUNIT_EXPECT_GE(test, atomic_read(&t->fake->seen[NPU_ADMIN_TLB_INVALIDATE]), 1);
}

/* A mapping of an evicted buffer brings it back, wherever it is mapped. */
static void npu_bind_test_map_evicted(struct kunit *test)
{
	struct npu_bind_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, npu_bind_do_map(test, VA, 4 * MIB, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, npu_ttm_evict_device(t->fake->ndev), 0);
	KUNIT_ASSERT_EQ(test, npu_bind_do_map(test, VA + 8 * MIB, MIB, MIB, 0), 0);
	t->base = npu_bind_base(test, t->bo);
	npu_bind_expect(test, VA, 4 * MIB, 0, RW);
	npu_bind_expect(test, VA + 8 * MIB, MIB, MIB, RW);
}

/* ---- Life --------------------------------------------------------------------------- */

static void npu_bind_test_context(struct kunit *test)
{
	struct npu_bind_test *t = test->priv;
	struct npu_admin_context_args args;

	memcpy(&args, t->fake->last[NPU_ADMIN_CONTEXT_CREATE].payload, sizeof(args));
	KUNIT_EXPECT_EQ(test, args.context, t->vm->mmu.context);
	KUNIT_EXPECT_EQ(test, args.root, npu_mmu_root(&t->vm->mmu));
	KUNIT_EXPECT_GE(test, args.context, 1);
}

static void npu_bind_test_destroy(struct kunit *test)
{
	struct npu_bind_test *t = test->priv;
	struct drm_npu_vm_destroy args = { .vm = t->handle, .mbz = 1 };

	KUNIT_ASSERT_EQ(test, npu_bind_do_map(test, VA, 4 * MIB, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, npu_vm_destroy_ioctl(&t->fake->ndev->drm, &args, t->fake->file),
			-EINVAL);
	args.mbz = 0;
	KUNIT_EXPECT_EQ(test, npu_vm_destroy_ioctl(&t->fake->ndev->drm, &args, t->fake->file), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&t->fake->seen[NPU_ADMIN_CONTEXT_DESTROY]), 1);
	KUNIT_EXPECT_EQ(test, npu_vm_destroy_ioctl(&t->fake->ndev->drm, &args, t->fake->file),
			-ENOENT);
	KUNIT_EXPECT_EQ(test, npu_bind_do_unmap(test, VA, MIB), -ENOENT);
}

/* A queue keeps its VM: the handle goes, the context stays on the card. */
static void npu_bind_test_destroy_with_queue(struct kunit *test)
{
	struct npu_bind_test *t = test->priv;
	struct drm_npu_vm_destroy args = { .vm = t->handle };
	struct drm_npu_queue_destroy queue = { .queue = npu_fake_queue(t->fake, t->handle) };

	KUNIT_EXPECT_EQ(test, npu_vm_destroy_ioctl(&t->fake->ndev->drm, &args, t->fake->file), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&t->fake->seen[NPU_ADMIN_CONTEXT_DESTROY]), 0);
	KUNIT_EXPECT_EQ(test, npu_queue_destroy_ioctl(&t->fake->ndev->drm, &queue, t->fake->file),
			0);
	KUNIT_EXPECT_EQ(test, atomic_read(&t->fake->seen[NPU_ADMIN_CONTEXT_DESTROY]), 1);
}

/* Every context once; context 0 is never given out; then there are no more. */
static void npu_bind_test_contexts_run_out(struct kunit *test)
{
	struct npu_bind_test *t = test->priv;
	struct drm_npu_vm_create args = {};
	u32 seen = BIT(t->vm->mmu.context);

	for (int i = 2; i < NPU_FAKE_CONTEXTS; i++) {
		u32 context = npu_fake_vm_of(t->fake, npu_fake_vm(t->fake))->mmu.context;

		KUNIT_ASSERT_LT(test, context, NPU_FAKE_CONTEXTS);
		KUNIT_ASSERT_EQ(test, seen & BIT(context), 0);
		seen |= BIT(context);
	}
	KUNIT_EXPECT_EQ(test, seen & 1, 0);
	KUNIT_EXPECT_EQ(test, npu_vm_create_ioctl(&t->fake->ndev->drm, &args, t->fake->file),
			-ENOSPC);
	args.flags = 1;
	KUNIT_EXPECT_EQ(test, npu_vm_create_ioctl(&t->fake->ndev->drm, &args, t->fake->file),
			-EINVAL);
}

/* A context that the firmware does not let go of: its tables are not given back to a live card. */
static void npu_bind_test_destroy_refused(struct kunit *test)
{
	struct npu_bind_test *t = test->priv;
	struct drm_npu_vm_destroy args = { .vm = t->handle };

	npu_fake_write_reg(t->fake, NPU_REG_ID, ~0u);
	t->fake->status[NPU_ADMIN_CONTEXT_DESTROY] = NPU_ADMIN_STATUS_BUSY;
	KUNIT_EXPECT_EQ(test, npu_vm_destroy_ioctl(&t->fake->ndev->drm, &args, t->fake->file), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&t->fake->ndev->state), NPU_STATE_LOST);
}

static void npu_bind_test_detached(struct kunit *test)
{
	struct npu_bind_test *t = test->priv;
	struct drm_npu_vm_get_state state = { .vm = t->handle };

	KUNIT_ASSERT_EQ(test, npu_bind_do_map(test, VA, 4 * MIB, 0, 0), 0);
	npu_vm_detach_all(t->fake->ndev);
	KUNIT_EXPECT_NULL(test, t->vm->mmu.root);
	KUNIT_ASSERT_EQ(test, npu_vm_get_state_ioctl(&t->fake->ndev->drm, &state, t->fake->file),
			0);
	KUNIT_EXPECT_EQ(test, state.state, DRM_NPU_VM_DEAD);
	KUNIT_EXPECT_EQ(test, npu_bind_do_map(test, VA + 8 * MIB, MIB, 0, 0), -ENODEV);
}

static int npu_bind_suite_init(struct kunit *test)
{
	struct npu_bind_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	int ret = npu_fake_init_live(test);

	if (ret || !t)
		return ret ?: -ENOMEM;
	t->fake = test->priv;
	test->priv = t;
	t->handle = npu_fake_vm(t->fake);
	t->vm = npu_fake_vm_of(t->fake, t->handle);
	t->bo = npu_fake_bo(t->fake, 4 * MIB, DRM_NPU_MEMORY_DEVICE);
	t->base = npu_bind_base(test, t->bo);
	return 0;
}

static void npu_bind_suite_exit(struct kunit *test)
{
	struct npu_bind_test *t = test->priv;

	test->priv = t->fake;
	npu_fake_exit(test);
}

static struct kunit_case npu_bind_cases[] = {
	KUNIT_CASE_PARAM(npu_bind_test_bad, npu_bind_bad_gen_params),
	KUNIT_CASE_PARAM(npu_bind_test_edge, npu_bind_edge_gen_params),
	KUNIT_CASE(npu_bind_test_all_or_nothing),
	KUNIT_CASE(npu_bind_test_in_order),
	KUNIT_CASE(npu_bind_test_bad_arrays),
	KUNIT_CASE(npu_bind_test_readonly),
	KUNIT_CASE(npu_bind_test_offset),
	KUNIT_CASE(npu_bind_test_twice),
	KUNIT_CASE(npu_bind_test_replace),
	KUNIT_CASE(npu_bind_test_unmap_several),
	KUNIT_CASE(npu_bind_test_unmap_everything),
	KUNIT_CASE(npu_bind_test_flushes),
	KUNIT_CASE(npu_bind_test_system_memory),
	KUNIT_CASE(npu_bind_test_exclusive),
	KUNIT_CASE(npu_bind_test_evict),
	KUNIT_CASE(npu_bind_test_map_evicted),
	KUNIT_CASE(npu_bind_test_context),
	KUNIT_CASE(npu_bind_test_destroy),
	KUNIT_CASE(npu_bind_test_destroy_with_queue),
	KUNIT_CASE(npu_bind_test_contexts_run_out),
	KUNIT_CASE(npu_bind_test_destroy_refused),
	KUNIT_CASE(npu_bind_test_detached),
	{}
};

static struct kunit_suite npu_bind_suite = {
	.name = "npu_bind",
	.init = npu_bind_suite_init,
	.exit = npu_bind_suite_exit,
	.suite_exit = npu_fake_suite_exit,
	.test_cases = npu_bind_cases,
};

kunit_test_suite(npu_bind_suite);
