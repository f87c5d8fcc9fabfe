// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* The admin vector's causes, also those of a card that is not there. */
#include "../npu_irq.c"

#include "npu_kunit.h"

static void npu_irq_raise(struct npu_fake *fake, u32 causes)
{
	npu_fake_write_reg(fake, NPU_REG_IRQ_STATUS, causes);
	npu_irq_admin_thread(0, fake->ndev);
}

static void npu_irq_test_none(struct kunit *test)
{
	struct npu_fake *fake = test->priv;

	npu_irq_raise(fake, 0);
	KUNIT_EXPECT_TRUE(test, npu_is_live(fake->ndev));
}

/* All ones from a card that still shows its ID: no card is given up for that. */
static void npu_irq_test_all_ones_once(struct kunit *test)
{
	struct npu_fake *fake = test->priv;

	npu_irq_raise(fake, ~0u);
	KUNIT_EXPECT_TRUE(test, npu_is_live(fake->ndev));
}

static void npu_irq_test_gone(struct kunit *test)
{
	struct npu_fake *fake = test->priv;

	npu_fake_write_reg(fake, NPU_REG_ID, ~0u);
	npu_irq_raise(fake, ~0u);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake->ndev->state), NPU_STATE_LOST);
}

static void npu_irq_test_admin(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct npu_admin *admin = &fake->ndev->admin;

	/* No command has this tag: that it was looked at shows in the head. */
	npu_fake_complete(fake, 5, NPU_ADMIN_STATUS_OK, NULL, 0);
	npu_irq_raise(fake, NPU_IRQ_QUEUE);
	KUNIT_EXPECT_EQ(test, admin->head, 0);
	npu_irq_raise(fake, NPU_IRQ_ADMIN);
	KUNIT_EXPECT_EQ(test, admin->head, 1);
}

static void npu_irq_test_crash(struct kunit *test)
{
	struct npu_fake *fake = test->priv;

	npu_fake_write_reg(fake, NPU_REG_ID, ~0u);
	npu_fake_write_reg(fake, NPU_REG_BOOT_STATUS,
			   NPU_BOOT_STATE_CRASHED | NPU_BOOT_REASON_TRAP << 8);
	npu_irq_raise(fake, NPU_IRQ_CRASH);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake->ndev->state), NPU_STATE_LOST);
	KUNIT_EXPECT_STREQ(test, fake->ndev->lost_reason, "the firmware crashed");
}

/* Causes that do not exist are cleared and do nothing. */
static void npu_irq_test_unknown(struct kunit *test)
{
	struct npu_fake *fake = test->priv;

	npu_irq_raise(fake, ~(u32)NPU_IRQ_CAUSES);
	KUNIT_EXPECT_TRUE(test, npu_is_live(fake->ndev));
	KUNIT_EXPECT_EQ(test, fake->ndev->admin.head, 0);
}

static void npu_irq_test_enable(struct kunit *test)
{
	struct npu_fake *fake = test->priv;

	npu_irq_enable(fake->ndev);
	KUNIT_EXPECT_EQ(test, npu_fake_read_reg(fake, NPU_REG_IRQ_ENABLE), NPU_IRQ_CAUSES);
}

static struct kunit_case npu_irq_cases[] = {
	KUNIT_CASE(npu_irq_test_none),
	KUNIT_CASE(npu_irq_test_all_ones_once),
	KUNIT_CASE(npu_irq_test_gone),
	KUNIT_CASE(npu_irq_test_admin),
	KUNIT_CASE(npu_irq_test_crash),
	KUNIT_CASE(npu_irq_test_unknown),
	KUNIT_CASE(npu_irq_test_enable),
	{}
};

static struct kunit_suite npu_irq_suite = {
	.name = "npu_irq",
	.init = npu_fake_init,
	.exit = npu_fake_exit,
	.suite_exit = npu_fake_suite_exit,
	.test_cases = npu_irq_cases,
};

kunit_test_suite(npu_irq_suite);
