// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* DEV_QUERY: sizes that caller and kernel agree on, and what goes beyond. */
#include "../npu_query.c"

#include "npu_kunit.h"

#define CANARY 0xa5

static const u32 npu_query_types[] = {
	DRM_NPU_QUERY_DEVICE, DRM_NPU_QUERY_MEMORY, DRM_NPU_QUERY_FIRMWARE, DRM_NPU_QUERY_TIME,
	DRM_NPU_QUERY_TELEMETRY,
};

static void npu_query_describe_type(const u32 *type, char *text)
{
	snprintf(text, KUNIT_PARAM_DESC_SIZE, "type %u", *type);
}

KUNIT_ARRAY_PARAM(npu_query_type, npu_query_types, npu_query_describe_type);

static int npu_query_run(struct kunit *test, struct drm_npu_dev_query *args)
{
	struct npu_fake *fake = test->priv;

	return npu_dev_query_ioctl(&fake->ndev->drm, args, fake->file);
}

/* User memory full of canaries. */
static u8 __user *npu_query_room(struct kunit *test)
{
	u8 __user *at = npu_kunit_user(test, PAGE_SIZE);
	u8 *canaries = kunit_kmalloc(test, PAGE_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, canaries);
	memset(canaries, CANARY, PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, copy_to_user(at, canaries, PAGE_SIZE), 0);
	return at;
}

static const u8 *npu_query_look(struct kunit *test, const u8 __user *at)
{
	u8 *copy = kunit_kmalloc(test, PAGE_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, copy);
	KUNIT_ASSERT_EQ(test, copy_from_user(copy, at, PAGE_SIZE), 0);
	return copy;
}

static u32 npu_query_size(struct kunit *test, u32 type)
{
	struct drm_npu_dev_query args = { .type = type };

	KUNIT_ASSERT_EQ(test, npu_query_run(test, &args), 0);
	return args.size;
}

static void npu_query_test_asks_size(struct kunit *test)
{
	const u32 type = *(const u32 *)test->param_value;
	struct drm_npu_dev_query args = { .type = type, .pointer = 1 };

	/* The pointer is not used. */
	KUNIT_EXPECT_EQ(test, npu_query_run(test, &args), 0);
	KUNIT_EXPECT_EQ(test, args.size, npu_queries[type].size);
	KUNIT_EXPECT_GT(test, args.size, 0);
	KUNIT_EXPECT_LE(test, args.size, sizeof(union npu_query_answer));
}

static void npu_query_test_shorter(struct kunit *test)
{
	const u32 type = *(const u32 *)test->param_value, whole = npu_query_size(test, type);

	for (u32 size = 1; size <= whole; size++) {
		u8 __user *at = npu_query_room(test);
		struct drm_npu_dev_query args = { .type = type, .size = size, .pointer = (u64)at };

		KUNIT_ASSERT_EQ(test, npu_query_run(test, &args), 0);
		KUNIT_ASSERT_EQ(test, args.size, whole);
		KUNIT_ASSERT_EQ(test, npu_query_look(test, at)[size], CANARY);
		if (size == 8)
			size = whole - 1;
	}
}

static void npu_query_test_longer(struct kunit *test)
{
	static const u32 more[] = { 1, 8, 1000, 0x80000000 };
	const u32 type = *(const u32 *)test->param_value, whole = npu_query_size(test, type);

	for (int i = 0; i < ARRAY_SIZE(more); i++) {
		u8 __user *at = npu_query_room(test);
		struct drm_npu_dev_query args = {
			.type = type, .size = whole + more[i], .pointer = (u64)at,
		};
		const u8 *got;

		KUNIT_ASSERT_EQ(test, npu_query_run(test, &args), 0);
		KUNIT_EXPECT_EQ(test, args.size, whole);
		got = npu_query_look(test, at);
		for (u32 at_byte = whole; at_byte < PAGE_SIZE; at_byte++)
			KUNIT_ASSERT_EQ(test, got[at_byte], CANARY);
	}
}

static void npu_query_test_bad_pointer(struct kunit *test)
{
	const u32 type = *(const u32 *)test->param_value;
	struct drm_npu_dev_query args = { .type = type, .size = 8, .pointer = 8 };

	npu_kunit_user(test, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, npu_query_run(test, &args), -EFAULT);
	args.pointer = (u64)&args;
	KUNIT_EXPECT_EQ(test, npu_query_run(test, &args), -EFAULT);
}

static void npu_query_test_lost(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct drm_npu_dev_query args = { .type = *(const u32 *)test->param_value };

	atomic_set(&fake->ndev->state, NPU_STATE_LOST);
	KUNIT_EXPECT_EQ(test, npu_query_run(test, &args), -ENODEV);
	atomic_set(&fake->ndev->state, NPU_STATE_LIVE);
	atomic_inc(&fake->ndev->generation);
	KUNIT_EXPECT_EQ(test, npu_query_run(test, &args), -ENODEV);
	atomic_dec(&fake->ndev->generation);
	npu_fake_remove(fake);
	KUNIT_EXPECT_EQ(test, npu_query_run(test, &args), -ENODEV);
}

static void npu_query_test_unknown(struct kunit *test)
{
	static const u32 types[] = { ARRAY_SIZE(npu_queries), 0x7fffffff, 0x80000000, U32_MAX };

	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		struct drm_npu_dev_query args = { .type = types[i], .size = 8 };

		KUNIT_EXPECT_EQ(test, npu_query_run(test, &args), -EINVAL);
	}
}

static void npu_query_test_device(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	union npu_query_answer answer = {};

	KUNIT_ASSERT_EQ(test, npu_query_device(fake->ndev, &answer), 0);
	KUNIT_EXPECT_EQ(test, answer.device.serial, 0x0123456789abcdefULL);
	KUNIT_EXPECT_EQ(test, answer.device.capabilities,
			DRM_NPU_CAP_ECC | DRM_NPU_CAP_WAKE_PAGES);
	KUNIT_EXPECT_EQ(test, answer.device.va_start, NPU_MMU_USER_START);
	KUNIT_EXPECT_EQ(test, answer.device.va_end, NPU_MMU_USER_END);
	/* The card's own bits do not show. */
	fake->ndev->caps = ~0u;
	KUNIT_ASSERT_EQ(test, npu_query_device(fake->ndev, &answer), 0);
	KUNIT_EXPECT_EQ(test, answer.device.capabilities,
			DRM_NPU_CAP_ECC | DRM_NPU_CAP_WAKE_PAGES);
}

static void npu_query_test_memory(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	union npu_query_answer answer = {};
	u64 used;

	KUNIT_ASSERT_EQ(test, npu_query_memory(fake->ndev, &answer), 0);
	KUNIT_EXPECT_EQ(test, answer.memory[0].region, DRM_NPU_MEMORY_SYSTEM);
	KUNIT_EXPECT_EQ(test, answer.memory[1].region, DRM_NPU_MEMORY_DEVICE);
	KUNIT_EXPECT_EQ(test, answer.memory[1].size, NPU_FAKE_MEMORY);
	used = answer.memory[1].used;
	npu_fake_bo(fake, SZ_1M, DRM_NPU_MEMORY_DEVICE);
	KUNIT_ASSERT_EQ(test, npu_query_memory(fake->ndev, &answer), 0);
	KUNIT_EXPECT_EQ(test, answer.memory[1].used, used + SZ_1M);
}

static void npu_query_test_time(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	union npu_query_answer answer = {};

	npu_fake_write_reg(fake, NPU_REG_TIME_LO, 0x89abcdef);
	npu_fake_write_reg(fake, NPU_REG_TIME_LO + 4, 0x01234567);
	KUNIT_EXPECT_EQ(test, npu_query_time(fake->ndev, &answer), 0);
	KUNIT_EXPECT_EQ(test, answer.time.card_ns, 0x0123456789abcdefULL);
	KUNIT_EXPECT_LE(test, answer.time.before_ns, answer.time.after_ns);
	npu_fake_write_reg(fake, NPU_REG_TIME_LO, ~0u);
	npu_fake_write_reg(fake, NPU_REG_TIME_LO + 4, ~0u);
	KUNIT_EXPECT_EQ(test, npu_query_time(fake->ndev, &answer), -ENODEV);
}

static void npu_query_test_firmware(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	union npu_query_answer answer = {};

	/* Whatever is in the field, what goes out has an end. */
	memset(fake->ndev->firmware.build_id, 'x', sizeof(fake->ndev->firmware.build_id));
	KUNIT_ASSERT_EQ(test, npu_query_firmware(fake->ndev, &answer), 0);
	KUNIT_EXPECT_EQ(test, answer.firmware.build_id[sizeof(answer.firmware.build_id) - 1], 0);
}

static void npu_query_test_telemetry_units(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	union npu_query_answer answer = {};

	fake->ndev->telemetry.last.clock_mhz = U32_MAX;
	fake->ndev->telemetry.last.temperature_mc = S32_MIN;
	fake->ndev->telemetry.when = ktime_get();
	KUNIT_ASSERT_EQ(test, npu_query_telemetry(fake->ndev, &answer), 0);
	KUNIT_EXPECT_EQ(test, answer.telemetry.clock_hz, U32_MAX * 1000000ULL);
	KUNIT_EXPECT_EQ(test, answer.telemetry.temperature_mc, S32_MIN);
}

static struct kunit_case npu_query_cases[] = {
	KUNIT_CASE_PARAM(npu_query_test_asks_size, npu_query_type_gen_params),
	KUNIT_CASE_PARAM(npu_query_test_shorter, npu_query_type_gen_params),
	KUNIT_CASE_PARAM(npu_query_test_longer, npu_query_type_gen_params),
	KUNIT_CASE_PARAM(npu_query_test_bad_pointer, npu_query_type_gen_params),
	KUNIT_CASE_PARAM(npu_query_test_lost, npu_query_type_gen_params),
	KUNIT_CASE(npu_query_test_unknown),
	KUNIT_CASE(npu_query_test_device),
	KUNIT_CASE(npu_query_test_memory),
	KUNIT_CASE(npu_query_test_time),
	KUNIT_CASE(npu_query_test_firmware),
	KUNIT_CASE(npu_query_test_telemetry_units),
	{}
};

static struct kunit_suite npu_query_suite = {
	.name = "npu_query",
	.init = npu_fake_init_live,
	.exit = npu_fake_exit,
	.suite_exit = npu_fake_suite_exit,
	.test_cases = npu_query_cases,
};

kunit_test_suite(npu_query_suite);
