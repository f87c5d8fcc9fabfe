// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* What buffers may take of the system's memory: sums at their limits. */
#include "../npu_budget.c"

#include <drm/drm_gem.h>

#include "npu_kunit.h"

#define SYSTEM DRM_NPU_MEMORY_SYSTEM
#define DEVICE DRM_NPU_MEMORY_DEVICE

static u64 npu_budget_limit(void)
{
	return (u64)totalram_pages() << (PAGE_SHIFT - 1);
}

static struct npu_device *npu_budget_ndev(struct kunit *test)
{
	struct npu_fake *fake = test->priv;

	return fake->ndev;
}

static void npu_budget_test_charge(struct kunit *test)
{
	struct npu_device *ndev = npu_budget_ndev(test);
	const u64 used = npu_budget_used;

	KUNIT_EXPECT_TRUE(test, npu_budget_charge(ndev, SYSTEM, SZ_1M));
	KUNIT_EXPECT_EQ(test, ndev->budget.system, SZ_1M);
	KUNIT_EXPECT_EQ(test, npu_budget_used, used + SZ_1M);
	npu_budget_uncharge(ndev, SYSTEM, SZ_1M);
	KUNIT_EXPECT_EQ(test, ndev->budget.system, 0);
	KUNIT_EXPECT_EQ(test, npu_budget_used, used);
}

/* The last page fits, one more does not, and being refused costs nothing. */
static void npu_budget_test_limit(struct kunit *test)
{
	struct npu_device *ndev = npu_budget_ndev(test);
	const u64 used = npu_budget_used, room = npu_budget_limit() - used;

	KUNIT_ASSERT_TRUE(test, npu_budget_charge(ndev, SYSTEM, room - PAGE_SIZE));
	KUNIT_EXPECT_FALSE(test, npu_budget_charge(ndev, SYSTEM, 2 * PAGE_SIZE));
	KUNIT_EXPECT_TRUE(test, npu_budget_charge(ndev, SYSTEM, PAGE_SIZE));
	KUNIT_EXPECT_FALSE(test, npu_budget_charge(ndev, SYSTEM, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, npu_budget_used, npu_budget_limit());
	npu_budget_uncharge(ndev, SYSTEM, PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, npu_budget_charge(ndev, SYSTEM, PAGE_SIZE));
	npu_budget_uncharge(ndev, SYSTEM, room);
	KUNIT_EXPECT_EQ(test, npu_budget_used, used);
}

/* What fits into device memory needs no system memory, however full that is. */
static void npu_budget_test_device_is_free(struct kunit *test)
{
	struct npu_device *ndev = npu_budget_ndev(test);
	const u64 used = npu_budget_used, room = npu_budget_limit() - used;

	KUNIT_ASSERT_TRUE(test, npu_budget_charge(ndev, SYSTEM, room));
	KUNIT_EXPECT_TRUE(test, npu_budget_charge(ndev, DEVICE, NPU_FAKE_MEMORY));
	KUNIT_EXPECT_EQ(test, npu_budget_used, used + room);
	KUNIT_EXPECT_FALSE(test, npu_budget_charge(ndev, DEVICE, PAGE_SIZE));
	KUNIT_EXPECT_FALSE(test, npu_budget_charge(ndev, DEVICE | SYSTEM, PAGE_SIZE));
	npu_budget_uncharge(ndev, DEVICE, NPU_FAKE_MEMORY);
	npu_budget_uncharge(ndev, SYSTEM, room);
	KUNIT_EXPECT_EQ(test, npu_budget_used, used);
}

/* What exceeds device memory can only be in the system's. */
static void npu_budget_test_overflow(struct kunit *test)
{
	struct npu_device *ndev = npu_budget_ndev(test);
	const u64 used = npu_budget_used;

	KUNIT_ASSERT_TRUE(test, npu_budget_charge(ndev, DEVICE, NPU_FAKE_MEMORY - PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, npu_budget_used, used);
	KUNIT_ASSERT_TRUE(test, npu_budget_charge(ndev, DEVICE, 3 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, npu_budget_used, used + 2 * PAGE_SIZE);
	npu_budget_uncharge(ndev, DEVICE, NPU_FAKE_MEMORY - PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, npu_budget_used, used);
	npu_budget_uncharge(ndev, DEVICE, 3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, npu_budget_used, used);
	KUNIT_EXPECT_EQ(test, ndev->budget.device, 0);
}

/* A buffer that may be in either is counted with those of the device. */
static void npu_budget_test_either(struct kunit *test)
{
	struct npu_device *ndev = npu_budget_ndev(test);

	KUNIT_ASSERT_TRUE(test, npu_budget_charge(ndev, DEVICE | SYSTEM, SZ_1M));
	KUNIT_EXPECT_EQ(test, ndev->budget.device, SZ_1M);
	KUNIT_EXPECT_EQ(test, ndev->budget.system, 0);
	npu_budget_uncharge(ndev, DEVICE | SYSTEM, SZ_1M);
	KUNIT_EXPECT_EQ(test, ndev->budget.device, 0);
}

/* Buffers are counted when they are made, and no more when they are gone. */
static void npu_budget_test_buffers(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	const u64 used = npu_budget_used;
	u32 handle = npu_fake_bo(fake, SZ_1M - 1, SYSTEM);

	KUNIT_EXPECT_EQ(test, npu_budget_used, used + SZ_1M);
	KUNIT_ASSERT_EQ(test, drm_gem_handle_delete(fake->file, handle), 0);
	KUNIT_EXPECT_EQ(test, npu_budget_used, used);
}

static struct kunit_case npu_budget_cases[] = {
	KUNIT_CASE(npu_budget_test_charge),
	KUNIT_CASE(npu_budget_test_limit),
	KUNIT_CASE(npu_budget_test_device_is_free),
	KUNIT_CASE(npu_budget_test_overflow),
	KUNIT_CASE(npu_budget_test_either),
	KUNIT_CASE(npu_budget_test_buffers),
	{}
};

static struct kunit_suite npu_budget_suite = {
	.name = "npu_budget",
	.init = npu_fake_init_live,
	.exit = npu_fake_exit,
	.suite_exit = npu_fake_suite_exit,
	.test_cases = npu_budget_cases,
};

kunit_test_suite(npu_budget_suite);
