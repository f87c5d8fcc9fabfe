// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* Telemetry: the cache, and counters that run backwards. */
#include "../npu_telemetry.c"

#include "npu_kunit.h"

static void npu_telemetry_write(struct npu_fake *fake, const struct npu_admin_command *command)
{
	struct npu_telemetry *t = fake->ndev->telemetry.buffer;

	if (command->opcode != NPU_ADMIN_TELEMETRY)
		return;
	*t = (struct npu_telemetry){
		.temperature_mc = -40000,
		.power_mw = 12345,
		.energy_uj = 1000 + atomic_read(&fake->seen[NPU_ADMIN_TELEMETRY]),
		.queues = U32_MAX,
	};
}

static void npu_telemetry_age(struct npu_fake *fake, unsigned int ms)
{
	fake->ndev->telemetry.when = ktime_sub_ms(fake->ndev->telemetry.when, ms);
}

static void npu_telemetry_test_get(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct npu_admin_buffer_args args;
	struct npu_telemetry t;
	u64 age = 1;

	fake->effect = npu_telemetry_write;
	KUNIT_ASSERT_EQ(test, npu_telemetry_get(fake->ndev, &t, &age), 0);
	KUNIT_EXPECT_EQ(test, t.temperature_mc, -40000);
	KUNIT_EXPECT_EQ(test, t.power_mw, 12345);
	KUNIT_EXPECT_EQ(test, age, 0);
	memcpy(&args, fake->last[NPU_ADMIN_TELEMETRY].payload, sizeof(args));
	KUNIT_EXPECT_EQ(test, args.address, fake->ndev->telemetry.dma);
	KUNIT_EXPECT_LE(test, args.size, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, npu_telemetry_get(fake->ndev, &t, NULL), 0);
}

static void npu_telemetry_test_cache(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct npu_telemetry t;
	u64 age;

	for (int i = 0; i < 20; i++)
		KUNIT_ASSERT_EQ(test, npu_telemetry_get(fake->ndev, &t, &age), 0);
	/* Twice if that took long. */
	KUNIT_EXPECT_LE(test, atomic_read(&fake->seen[NPU_ADMIN_TELEMETRY]), 2);
	npu_telemetry_age(fake, NPU_TELEMETRY_MAX_AGE_MS + 1);
	atomic_set(&fake->seen[NPU_ADMIN_TELEMETRY], 0);
	KUNIT_ASSERT_EQ(test, npu_telemetry_get(fake->ndev, &t, &age), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake->seen[NPU_ADMIN_TELEMETRY]), 1);
	KUNIT_EXPECT_EQ(test, age, 0);
}

static void npu_telemetry_test_restart(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct npu_telemetry t;

	fake->effect = npu_telemetry_write;
	KUNIT_ASSERT_EQ(test, npu_telemetry_get(fake->ndev, &t, NULL), 0);
	npu_telemetry_restart(fake->ndev);
	KUNIT_EXPECT_EQ(test, fake->ndev->telemetry.last.energy_uj, 0);
	atomic_set(&fake->seen[NPU_ADMIN_TELEMETRY], 0);
	KUNIT_ASSERT_EQ(test, npu_telemetry_get(fake->ndev, &t, NULL), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake->seen[NPU_ADMIN_TELEMETRY]), 1);
}

/* An older firmware writes less: nothing of what was there before shows. */
static void npu_telemetry_test_short(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct npu_telemetry t;

	memset(fake->ndev->telemetry.buffer, 0xff, PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, npu_telemetry_get(fake->ndev, &t, NULL), 0);
	KUNIT_EXPECT_EQ(test, t.energy_uj, 0);
	KUNIT_EXPECT_EQ(test, t.slots_active, 0);
}

static void npu_telemetry_test_refused(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct npu_telemetry t = { .power_mw = 7 };

	fake->status[NPU_ADMIN_TELEMETRY] = NPU_ADMIN_STATUS_DMA;
	KUNIT_EXPECT_EQ(test, npu_telemetry_get(fake->ndev, &t, NULL), -EIO);
	KUNIT_EXPECT_EQ(test, t.power_mw, 7);
	KUNIT_EXPECT_EQ(test, fake->ndev->telemetry.when, 0);
}

static void npu_telemetry_test_not_live(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct npu_telemetry t;

	KUNIT_ASSERT_EQ(test, npu_telemetry_get(fake->ndev, &t, NULL), 0);
	for (int state = NPU_STATE_STARTING; state < NPU_STATE_GONE; state++) {
		if (state == NPU_STATE_LIVE)
			continue;
		atomic_set(&fake->ndev->state, state);
		KUNIT_EXPECT_EQ(test, npu_telemetry_get(fake->ndev, &t, NULL), -ENODEV);
	}
	atomic_set(&fake->ndev->state, NPU_STATE_LIVE);
}

/* Each counter keeps its largest value; what is no counter follows the card. */
static void npu_telemetry_test_backwards(struct kunit *test)
{
	struct npu_telemetry last = {
		.timestamp_ns = 9, .temperature_mc = 9, .power_mw = 9, .energy_uj = 9,
		.clock_mhz = 9, .tensor_busy_ns = 9, .copy_busy_ns = 9, .packets = 9,
		.ecc_corrected = 9, .ecc_uncorrected = 9, .queues = 9,
	};
	const struct npu_telemetry lower = {
		.timestamp_ns = 5, .temperature_mc = -5, .power_mw = 5, .energy_uj = 8,
		.clock_mhz = 5, .tensor_busy_ns = 8, .copy_busy_ns = 0, .packets = 1,
		.ecc_corrected = 8, .ecc_uncorrected = 0, .queues = 5,
	};

	npu_telemetry_accept(&last, &lower);
	KUNIT_EXPECT_EQ(test, last.energy_uj, 9);
	KUNIT_EXPECT_EQ(test, last.tensor_busy_ns, 9);
	KUNIT_EXPECT_EQ(test, last.copy_busy_ns, 9);
	KUNIT_EXPECT_EQ(test, last.packets, 9);
	KUNIT_EXPECT_EQ(test, last.ecc_corrected, 9);
	KUNIT_EXPECT_EQ(test, last.ecc_uncorrected, 9);
	KUNIT_EXPECT_EQ(test, last.temperature_mc, -5);
	KUNIT_EXPECT_EQ(test, last.power_mw, 5);
	KUNIT_EXPECT_EQ(test, last.clock_mhz, 5);
	KUNIT_EXPECT_EQ(test, last.queues, 5);
}

static void npu_telemetry_test_forwards(struct kunit *test)
{
	struct npu_telemetry last = { .energy_uj = 9, .packets = U64_MAX - 1 };
	const struct npu_telemetry higher = { .energy_uj = U64_MAX, .packets = U64_MAX };

	npu_telemetry_accept(&last, &higher);
	KUNIT_EXPECT_EQ(test, last.energy_uj, U64_MAX);
	KUNIT_EXPECT_EQ(test, last.packets, U64_MAX);
}

static struct kunit_case npu_telemetry_cases[] = {
	KUNIT_CASE(npu_telemetry_test_get),
	KUNIT_CASE(npu_telemetry_test_cache),
	KUNIT_CASE(npu_telemetry_test_restart),
	KUNIT_CASE(npu_telemetry_test_short),
	KUNIT_CASE(npu_telemetry_test_refused),
	KUNIT_CASE(npu_telemetry_test_not_live),
	KUNIT_CASE(npu_telemetry_test_backwards),
	KUNIT_CASE(npu_telemetry_test_forwards),
	{}
};

static struct kunit_suite npu_telemetry_suite = {
	.name = "npu_telemetry",
	.init = npu_fake_init_live,
	.exit = npu_fake_exit,
	.suite_exit = npu_fake_suite_exit,
	.test_cases = npu_telemetry_cases,
};

kunit_test_suite(npu_telemetry_suite);
