// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* BO_CREATE and BO_INFO: sizes, placements, flags; zeros; nothing left behind. */
#include "../npu_bo.c"

#include "npu_kunit.h"

static int npu_bo_make(struct kunit *test, struct drm_npu_bo_create *args)
{
	struct npu_fake *fake = test->priv;

	return npu_bo_create_ioctl(&fake->ndev->drm, args, fake->file);
}

static u64 npu_bo_used(struct kunit *test)
{
	struct npu_fake *fake = test->priv;

	return npu_ttm_used(fake->ndev, NPU_PL_DEVICE) + npu_ttm_used(fake->ndev, NPU_PL_SYSTEM);
}

static int npu_bo_handles(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct drm_gem_object *obj;
	int id, n = 0;

	idr_for_each_entry(&fake->file->object_idr, obj, id)
		n++;
	return n;
}

#define BOTH (DRM_NPU_MEMORY_SYSTEM | DRM_NPU_MEMORY_DEVICE)

static const struct npu_bo_bad {
	const char *name;
	struct drm_npu_bo_create args;
	int error;
} npu_bo_bads[] = {
	{ "no size", { .size = 0, .placement = BOTH }, -EINVAL },
	{ "2^63 bytes", { .size = 1ULL << 63, .placement = BOTH }, -EINVAL },
	{ "all ones", { .size = U64_MAX, .placement = BOTH }, -EINVAL },
	{ "rounds up to zero", { .size = U64_MAX - 100, .placement = BOTH }, -EINVAL },
	{ "rounds up to 2^63", { .size = S64_MAX, .placement = BOTH }, -EINVAL },
	{ "2^44 bytes of system memory",
	  { .size = 1ULL << 44, .placement = DRM_NPU_MEMORY_SYSTEM }, -EINVAL },
	{ "a byte more than the card has",
	  { .size = NPU_FAKE_MEMORY + 1, .placement = DRM_NPU_MEMORY_DEVICE }, -EINVAL },
	{ "nowhere", { .size = 4096 }, -EINVAL },
	{ "an unknown place", { .size = 4096, .placement = 4 }, -EINVAL },
	{ "a known place and an unknown one", { .size = 4096, .placement = 1U << 31 | BOTH },
	  -EINVAL },
	{ "all places that there will ever be", { .size = 4096, .placement = U32_MAX }, -EINVAL },
	{ "an unknown flag", { .size = 4096, .placement = BOTH, .flags = 1U << 31 }, -EINVAL },
	{ "all flags", { .size = 4096, .placement = BOTH, .flags = U32_MAX }, -EINVAL },
	{ "a VM that is not there", { .size = 4096, .placement = BOTH, .vm = 7 }, -ENOENT },
	{ "the largest VM handle", { .size = 4096, .placement = BOTH, .vm = U32_MAX }, -ENOENT },
};

KUNIT_ARRAY_PARAM_DESC(npu_bo_bad, npu_bo_bads, name);

static void npu_bo_test_bad(struct kunit *test)
{
	const struct npu_bo_bad *bad = test->param_value;
	struct drm_npu_bo_create args = bad->args;
	const u64 used = npu_bo_used(test);

	KUNIT_EXPECT_EQ(test, npu_bo_make(test, &args), bad->error);
	KUNIT_EXPECT_EQ(test, args.handle, 0);
	KUNIT_EXPECT_EQ(test, npu_bo_used(test), used);
	KUNIT_EXPECT_EQ(test, npu_bo_handles(test), 0);
}

static const struct npu_bo_good {
	u64 size, rounded;
	u32 placement;
} npu_bo_goods[] = {
	{ 1, PAGE_SIZE, DRM_NPU_MEMORY_SYSTEM },
	{ PAGE_SIZE - 1, PAGE_SIZE, DRM_NPU_MEMORY_SYSTEM },
	{ PAGE_SIZE, PAGE_SIZE, DRM_NPU_MEMORY_SYSTEM },
	{ PAGE_SIZE + 1, 2 * PAGE_SIZE, DRM_NPU_MEMORY_SYSTEM },
	{ SZ_2M + 1, SZ_2M + PAGE_SIZE, DRM_NPU_MEMORY_SYSTEM },
	{ 1, PAGE_SIZE, DRM_NPU_MEMORY_DEVICE },
	{ PAGE_SIZE + 1, 2 * PAGE_SIZE, DRM_NPU_MEMORY_DEVICE },
	{ SZ_2M, SZ_2M, DRM_NPU_MEMORY_DEVICE },
	{ NPU_FAKE_MEMORY - 1, NPU_FAKE_MEMORY, DRM_NPU_MEMORY_DEVICE },
	{ NPU_FAKE_MEMORY, NPU_FAKE_MEMORY, DRM_NPU_MEMORY_DEVICE },
	{ PAGE_SIZE, PAGE_SIZE, BOTH },
};

static void npu_bo_describe_good(const struct npu_bo_good *good, char *text)
{
	snprintf(text, KUNIT_PARAM_DESC_SIZE, "%llu bytes in %u", good->size, good->placement);
}

KUNIT_ARRAY_PARAM(npu_bo_good, npu_bo_goods, npu_bo_describe_good);

static void npu_bo_test_good(struct kunit *test)
{
	const struct npu_bo_good *good = test->param_value;
	struct npu_fake *fake = test->priv;
	struct drm_npu_bo_create args = { .size = good->size, .placement = good->placement };
	struct drm_npu_bo_info info = {};

	KUNIT_ASSERT_EQ(test, npu_bo_make(test, &args), 0);
	KUNIT_EXPECT_EQ(test, args.size, good->rounded);
	KUNIT_EXPECT_NE(test, args.handle, 0);
	info.handle = args.handle;
	KUNIT_ASSERT_EQ(test, npu_bo_info_ioctl(&fake->ndev->drm, &info, fake->file), 0);
	KUNIT_EXPECT_EQ(test, info.size, good->rounded);
	KUNIT_EXPECT_EQ(test, info.placement, good->placement);
	KUNIT_EXPECT_EQ(test, info.flags, 0);
	/* Not mappable, so nobody learns where it would be. */
	KUNIT_EXPECT_EQ(test, info.mmap_offset, 0);
}

static void npu_bo_test_visible(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct drm_npu_bo_create args = {
		.size = PAGE_SIZE, .placement = BOTH, .flags = DRM_NPU_BO_CPU_VISIBLE,
	};
	struct drm_npu_bo_info info = {};

	KUNIT_ASSERT_EQ(test, npu_bo_make(test, &args), 0);
	info.handle = args.handle;
	KUNIT_ASSERT_EQ(test, npu_bo_info_ioctl(&fake->ndev->drm, &info, fake->file), 0);
	KUNIT_EXPECT_NE(test, info.mmap_offset, 0);
	KUNIT_EXPECT_EQ(test, info.flags, DRM_NPU_BO_CPU_VISIBLE);
}

/* An offset can be guessed: what is not to be mapped cannot be. */
static void npu_bo_test_not_visible(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	u32 handle = npu_fake_bo(fake, PAGE_SIZE, DRM_NPU_MEMORY_SYSTEM);
	struct drm_gem_object *obj = drm_gem_object_lookup(fake->file, handle);
	struct vm_area_struct vma = {};

	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_EXPECT_EQ(test, npu_bo_mmap(obj, &vma), -EACCES);
	drm_gem_object_put(obj);
}

static void npu_bo_test_unknown_handle(struct kunit *test)
{
	static const u32 handles[] = { 0, 1, 0x7fffffff, 0x80000000, U32_MAX };
	struct npu_fake *fake = test->priv;

	for (int i = 0; i < ARRAY_SIZE(handles); i++) {
		struct drm_npu_bo_info info = { .handle = handles[i] };

		KUNIT_EXPECT_EQ(test, npu_bo_info_ioctl(&fake->ndev->drm, &info, fake->file),
				-ENOENT);
	}
}

/* One more than there is room for: a full card is no missing memory. */
static void npu_bo_test_full(struct kunit *test)
{
	struct drm_npu_bo_create args = {
		.size = NPU_FAKE_MEMORY, .placement = DRM_NPU_MEMORY_DEVICE,
	};
	struct npu_fake *fake = test->priv;
	u32 vm = npu_fake_vm(fake);
	u64 used;

	/* Reservations that are held cannot be evicted. */
	args.vm = vm;
	KUNIT_ASSERT_EQ(test, npu_bo_make(test, &args), 0);
	used = npu_bo_used(test);
	args = (struct drm_npu_bo_create){
		.size = PAGE_SIZE, .placement = DRM_NPU_MEMORY_DEVICE, .vm = vm,
	};
	KUNIT_EXPECT_EQ(test, npu_bo_make(test, &args), -ENOSPC);
	KUNIT_EXPECT_EQ(test, npu_bo_used(test), used);
	KUNIT_EXPECT_EQ(test, npu_bo_handles(test), 1);
}

/* A tenant's data do not come with the memory that the next one gets. */
static void npu_bo_test_zeros(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	u32 handle;

	memset(fake->memory, 0xa5, NPU_FAKE_MEMORY);
	for (int i = 0; i < 3; i++) {
		handle = npu_fake_bo(fake, NPU_FAKE_MEMORY, DRM_NPU_MEMORY_DEVICE);
		KUNIT_EXPECT_NULL(test, memchr_inv(fake->memory, 0, NPU_FAKE_MEMORY));
		memset(fake->memory, 0x5a + i, NPU_FAKE_MEMORY);
		KUNIT_ASSERT_EQ(test, drm_gem_handle_delete(fake->file, handle), 0);
	}
}

/* Beside the buffer nothing is written. */
static void npu_bo_test_zeros_only_its_own(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	u32 zeros = 0;

	memset(fake->memory, 0xa5, NPU_FAKE_MEMORY);
	npu_fake_bo(fake, 3 * PAGE_SIZE, DRM_NPU_MEMORY_DEVICE);
	for (u32 i = 0; i < NPU_FAKE_MEMORY; i++)
		zeros += !fake->memory[i];
	KUNIT_EXPECT_EQ(test, zeros, 3 * PAGE_SIZE);
}

/* What is a VM's alone is not exported: the other side lacks its reservation. */
static void npu_bo_test_export(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct drm_npu_bo_create args = {
		.size = PAGE_SIZE, .placement = DRM_NPU_MEMORY_SYSTEM, .vm = npu_fake_vm(fake),
	};
	struct drm_gem_object *obj;

	KUNIT_ASSERT_EQ(test, npu_bo_make(test, &args), 0);
	obj = drm_gem_object_lookup(fake->file, args.handle);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(obj->funcs->export(obj, 0)), -EPERM);
	drm_gem_object_put(obj);
}

/* Buffers outlive the card as plain memory. */
static void npu_bo_test_unplugged(struct kunit *test)
{
	struct npu_fake *fake = test->priv;

	npu_fake_bo(fake, SZ_1M, DRM_NPU_MEMORY_DEVICE);
	npu_fake_bo(fake, SZ_1M, DRM_NPU_MEMORY_SYSTEM);
	npu_fake_remove(fake);
	KUNIT_EXPECT_EQ(test, npu_bo_used(test), 0);
	KUNIT_EXPECT_EQ(test, npu_bo_handles(test), 2);
}

static struct kunit_case npu_bo_cases[] = {
	KUNIT_CASE_PARAM(npu_bo_test_bad, npu_bo_bad_gen_params),
	KUNIT_CASE_PARAM(npu_bo_test_good, npu_bo_good_gen_params),
	KUNIT_CASE(npu_bo_test_visible),
	KUNIT_CASE(npu_bo_test_not_visible),
	KUNIT_CASE(npu_bo_test_unknown_handle),
	KUNIT_CASE(npu_bo_test_full),
	KUNIT_CASE(npu_bo_test_zeros),
	KUNIT_CASE(npu_bo_test_zeros_only_its_own),
	KUNIT_CASE(npu_bo_test_export),
	KUNIT_CASE(npu_bo_test_unplugged),
	{}
};

static struct kunit_suite npu_bo_suite = {
	.name = "npu_bo",
	.init = npu_fake_init_live,
	.exit = npu_fake_exit,
	.suite_exit = npu_fake_suite_exit,
	.test_cases = npu_bo_cases,
};

kunit_test_suite(npu_bo_suite);
