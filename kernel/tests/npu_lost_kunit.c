// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* The watchdog: what it takes for a dead card, and what not. */
#include "../npu_lost.c"

#include "npu_kunit.h"

static int npu_lost_look(struct npu_fake *fake)
{
	npu_watchdog(&fake->ndev->watchdog.work);
	return atomic_read(&fake->ndev->state);
}

static void npu_lost_test_beats(struct kunit *test)
{
	struct npu_fake *fake = test->priv;

	for (u32 beat = 0xfffffff0; beat != 16; beat++) {
		npu_fake_write_reg(fake, NPU_REG_HEARTBEAT, beat);
		KUNIT_ASSERT_EQ(test, npu_lost_look(fake), NPU_STATE_LIVE);
	}
	/* It looks again. */
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&fake->ndev->watchdog));
}

static void npu_lost_test_stands_still(struct kunit *test)
{
	struct npu_fake *fake = test->priv;

	npu_fake_write_reg(fake, NPU_REG_HEARTBEAT, 7);
	KUNIT_EXPECT_EQ(test, npu_lost_look(fake), NPU_STATE_LIVE);
	npu_fake_write_reg(fake, NPU_REG_ID, ~0u);
	for (int i = 1; i < NPU_WATCHDOG_MISSES; i++)
		KUNIT_EXPECT_EQ(test, npu_lost_look(fake), NPU_STATE_LIVE);
	KUNIT_EXPECT_EQ(test, npu_lost_look(fake), NPU_STATE_LOST);
}

/* One that is late now and then is alive. */
static void npu_lost_test_slow(struct kunit *test)
{
	struct npu_fake *fake = test->priv;

	for (u32 i = 0; i < 10 * NPU_WATCHDOG_MISSES; i++) {
		npu_fake_write_reg(fake, NPU_REG_HEARTBEAT, 1 + i / (NPU_WATCHDOG_MISSES - 1));
		KUNIT_ASSERT_EQ(test, npu_lost_look(fake), NPU_STATE_LIVE);
	}
}

static void npu_lost_test_all_ones(struct kunit *test)
{
	struct npu_fake *fake = test->priv;

	npu_fake_write_reg(fake, NPU_REG_BOOT_STATUS, ~0u);
	npu_fake_write_reg(fake, NPU_REG_ID, ~0u);
	KUNIT_EXPECT_EQ(test, npu_lost_look(fake), NPU_STATE_LOST);
}

static const u32 npu_lost_states[] = {
	NPU_BOOT_STATE_RESET, NPU_BOOT_STATE_LOADING, NPU_BOOT_STATE_STARTED,
	NPU_BOOT_STATE_REFUSED, NPU_BOOT_STATE_CRASHED, 0x55, 0xff,
};

static void npu_lost_describe_state(const u32 *state, char *text)
{
	snprintf(text, KUNIT_PARAM_DESC_SIZE, "boot state %u", *state);
}

KUNIT_ARRAY_PARAM(npu_lost_state, npu_lost_states, npu_lost_describe_state);

static void npu_lost_test_not_ready(struct kunit *test)
{
	struct npu_fake *fake = test->priv;

	npu_fake_write_reg(fake, NPU_REG_BOOT_STATUS, *(const u32 *)test->param_value);
	npu_fake_write_reg(fake, NPU_REG_ID, ~0u);
	KUNIT_EXPECT_EQ(test, npu_lost_look(fake), NPU_STATE_LOST);
	KUNIT_EXPECT_NOT_NULL(test, fake->ndev->lost_reason);
}

/* Losing it: no DMA any more, no command waits; once is enough. */
static void npu_lost_test_lost(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	u16 command;

	npu_fake_write_reg(fake, NPU_REG_ID, ~0u);
	pci_set_master(fake->pdev);
	npu_lost(fake->ndev, "first");
	pci_read_config_word(fake->pdev, PCI_COMMAND, &command);
	KUNIT_EXPECT_EQ(test, command & PCI_COMMAND_MASTER, 0);
	KUNIT_EXPECT_FALSE(test, fake->ndev->admin.enabled);
	flush_work(&fake->ndev->lost_work);
	npu_lost(fake->ndev, "second");
	KUNIT_EXPECT_STREQ(test, fake->ndev->lost_reason, "first");
}

/* While it starts or goes, that is for whoever starts it or takes it away. */
static void npu_lost_test_not_live(struct kunit *test)
{
	static const int states[] = { NPU_STATE_STARTING, NPU_STATE_ASLEEP, NPU_STATE_GONE };
	struct npu_fake *fake = test->priv;

	for (int i = 0; i < ARRAY_SIZE(states); i++) {
		atomic_set(&fake->ndev->state, states[i]);
		npu_lost(fake->ndev, "testing");
		KUNIT_EXPECT_EQ(test, atomic_read(&fake->ndev->state), states[i]);
		KUNIT_EXPECT_NULL(test, fake->ndev->lost_reason);
		KUNIT_EXPECT_FALSE(test, fake->ndev->admin.enabled);
	}
}

static struct kunit_case npu_lost_cases[] = {
	KUNIT_CASE(npu_lost_test_beats),
	KUNIT_CASE(npu_lost_test_stands_still),
	KUNIT_CASE(npu_lost_test_slow),
	KUNIT_CASE(npu_lost_test_all_ones),
	KUNIT_CASE_PARAM(npu_lost_test_not_ready, npu_lost_state_gen_params),
	KUNIT_CASE(npu_lost_test_lost),
	KUNIT_CASE(npu_lost_test_not_live),
	{}
};

static struct kunit_suite npu_lost_suite = {
	.name = "npu_lost",
	.init = npu_fake_init,
	.exit = npu_fake_exit,
	.suite_exit = npu_fake_suite_exit,
	.test_cases = npu_lost_cases,
};

kunit_test_suite(npu_lost_suite);
