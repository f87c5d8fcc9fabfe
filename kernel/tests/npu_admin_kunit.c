// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* The admin queue against a firmware that answers anything. */
#include "../npu_admin.c"

#include <linux/kthread.h>

#include "npu_kunit.h"

static struct npu_admin *npu_admin_of(struct kunit *test)
{
	struct npu_fake *fake = test->priv;

	return &fake->ndev->admin;
}

/* A command on its way; returns its slot. */
static int npu_admin_start(struct kunit *test, u8 opcode)
{
	struct npu_fake *fake = test->priv;
	int slot;
	u32 epoch;

	KUNIT_ASSERT_TRUE(test, npu_admin_claim(&fake->ndev->admin, &slot, &epoch));
	KUNIT_ASSERT_GE(test, slot, 0);
	KUNIT_ASSERT_EQ(test, npu_admin_send(fake->ndev, slot, epoch, opcode, NULL, 0), 0);
	return slot;
}

static bool npu_admin_is_done(struct kunit *test, int slot)
{
	return try_wait_for_completion(&npu_admin_of(test)->slots[slot].done);
}

static void npu_admin_answer(struct kunit *test, u16 tag, u8 status)
{
	struct npu_fake *fake = test->priv;

	npu_fake_complete(fake, tag, status, NULL, 0);
	npu_admin_reap(fake->ndev);
}

/* ---- Sending ----------------------------------------------------------------- */

static void npu_admin_test_enable(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	u64 sq = npu_fake_read_reg(fake, NPU_REG_ADMIN_SQ_LO) |
		 (u64)npu_fake_read_reg(fake, NPU_REG_ADMIN_SQ_HI) << 32;
	u64 cq = npu_fake_read_reg(fake, NPU_REG_ADMIN_CQ_LO) |
		 (u64)npu_fake_read_reg(fake, NPU_REG_ADMIN_CQ_HI) << 32;

	KUNIT_EXPECT_EQ(test, sq, fake->ndev->admin.dma);
	KUNIT_EXPECT_EQ(test, cq, sq + PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED(sq | cq, SZ_4K));
	KUNIT_EXPECT_EQ(test, npu_fake_read_reg(fake, NPU_REG_ADMIN_SIZE), NPU_ADMIN_ENTRIES);
	KUNIT_EXPECT_EQ(test, npu_fake_read_reg(fake, NPU_REG_ADMIN_CTRL), NPU_ADMIN_ENABLE);
}

static void npu_admin_test_send(struct kunit *test)
{
	const struct npu_admin_context_args args = { .context = 3, .root = 0x1234000 };
	struct npu_fake *fake = test->priv;
	const struct npu_admin_command *command = &fake->ndev->admin.sq[0];
	u8 rest[sizeof(command->payload) - sizeof(args)] = {};
	int slot;
	u32 epoch;

	KUNIT_ASSERT_TRUE(test, npu_admin_claim(&fake->ndev->admin, &slot, &epoch));
	KUNIT_ASSERT_EQ(test, npu_admin_send(fake->ndev, slot, epoch, NPU_ADMIN_CONTEXT_CREATE,
					     &args, sizeof(args)), 0);
	KUNIT_EXPECT_EQ(test, command->opcode, NPU_ADMIN_CONTEXT_CREATE);
	KUNIT_EXPECT_EQ(test, command->flags, 0);
	KUNIT_EXPECT_EQ(test, command->tag, slot);
	KUNIT_EXPECT_EQ(test, command->mbz, 0);
	KUNIT_EXPECT_MEMEQ(test, command->payload, &args, sizeof(args));
	KUNIT_EXPECT_MEMEQ(test, command->payload + sizeof(args), rest, sizeof(rest));
	KUNIT_EXPECT_EQ(test, npu_fake_read_reg(fake, NPU_REG_ADMIN_TAIL), 1);
}

/* What an earlier command left in the entry does not come back. */
static void npu_admin_test_send_clears(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct npu_admin_command *command = &fake->ndev->admin.sq[0];
	u8 zeros[sizeof(command->payload)] = {};

	memset(command, 0xff, sizeof(*command));
	npu_admin_start(test, NPU_ADMIN_IDENTIFY);
	KUNIT_EXPECT_MEMEQ(test, command->payload, zeros, sizeof(zeros));
	KUNIT_EXPECT_EQ(test, command->mbz, 0);
}

static void npu_admin_test_send_wraps(struct kunit *test)
{
	struct npu_fake *fake = test->priv;

	for (u32 i = 0; i < 3 * NPU_ADMIN_ENTRIES; i++) {
		int slot = npu_admin_start(test, NPU_ADMIN_IDENTIFY);

		KUNIT_ASSERT_EQ(test, npu_fake_read_reg(fake, NPU_REG_ADMIN_TAIL), i + 1);
		npu_admin_answer(test, slot, NPU_ADMIN_STATUS_OK);
		KUNIT_ASSERT_TRUE_MSG(test, npu_admin_is_done(test, slot), "command %u", i);
		npu_admin_unclaim(npu_admin_of(test), slot);
	}
}

/* The tail counts modulo 2^32, and the phases go on across that. */
static void npu_admin_test_tail_wraps(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct npu_admin *admin = npu_admin_of(test);

	admin->tail = -5u;
	admin->head = -5u;
	fake->completed = -5u;
	/* As after a whole number of laps: what stands there is a lap old. */
	for (int i = 0; i < NPU_ADMIN_ENTRIES; i++)
		admin->cq[i].phase = i < NPU_ADMIN_ENTRIES - 5 ? 0 : 1;
	for (int i = 0; i < 10; i++) {
		int slot = npu_admin_start(test, NPU_ADMIN_IDENTIFY);

		npu_admin_answer(test, slot, NPU_ADMIN_STATUS_OK);
		KUNIT_ASSERT_TRUE_MSG(test, npu_admin_is_done(test, slot), "command %d", i);
		npu_admin_unclaim(admin, slot);
	}
	KUNIT_EXPECT_EQ(test, npu_fake_read_reg(fake, NPU_REG_ADMIN_TAIL), 5);
}

static void npu_admin_test_send_stale_epoch(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	int slot;
	u32 epoch;

	KUNIT_ASSERT_TRUE(test, npu_admin_claim(&fake->ndev->admin, &slot, &epoch));
	npu_admin_disable(fake->ndev);
	npu_admin_enable(fake->ndev);
	KUNIT_EXPECT_EQ(test, npu_admin_send(fake->ndev, slot, epoch, NPU_ADMIN_IDENTIFY, NULL, 0),
			-ENODEV);
	KUNIT_EXPECT_EQ(test, npu_fake_read_reg(fake, NPU_REG_ADMIN_TAIL), 0);
}

static void npu_admin_test_disabled(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	u32 tail = npu_fake_read_reg(fake, NPU_REG_ADMIN_TAIL);

	npu_admin_disable(fake->ndev);
	KUNIT_EXPECT_EQ(test, npu_admin_run(fake->ndev, NPU_ADMIN_IDENTIFY, NULL, 0, NULL, 0),
			-ENODEV);
	KUNIT_EXPECT_EQ(test, npu_fake_read_reg(fake, NPU_REG_ADMIN_TAIL), tail);
}

/* ---- Slots ------------------------------------------------------------------- */

static void npu_admin_test_slots_differ(struct kunit *test)
{
	u32 seen = 0;

	for (int i = 0; i < NPU_ADMIN_ENTRIES; i++) {
		int slot = npu_admin_start(test, NPU_ADMIN_IDENTIFY);

		KUNIT_ASSERT_LT(test, slot, NPU_ADMIN_ENTRIES);
		KUNIT_ASSERT_EQ(test, seen & BIT(slot), 0);
		seen |= BIT(slot);
	}
	KUNIT_EXPECT_EQ(test, seen, ~0u);
}

static void npu_admin_test_slots_full(struct kunit *test)
{
	struct npu_admin *admin = npu_admin_of(test);
	int slot;
	u32 epoch;

	for (int i = 0; i < NPU_ADMIN_ENTRIES; i++)
		npu_admin_start(test, NPU_ADMIN_IDENTIFY);
	KUNIT_EXPECT_FALSE(test, npu_admin_claim(admin, &slot, &epoch));
	npu_admin_unclaim(admin, 17);
	KUNIT_ASSERT_TRUE(test, npu_admin_claim(admin, &slot, &epoch));
	KUNIT_EXPECT_EQ(test, slot, 17);
}

/* A slot whose owner gave up keeps nobody else's answer. */
static void npu_admin_test_late_answer(struct kunit *test)
{
	struct npu_admin *admin = npu_admin_of(test);
	int slot = npu_admin_start(test, NPU_ADMIN_IDENTIFY);
	int other;
	u32 epoch;

	npu_admin_disable(((struct npu_fake *)test->priv)->ndev);
	npu_admin_unclaim(admin, slot);
	npu_admin_enable(((struct npu_fake *)test->priv)->ndev);
	KUNIT_ASSERT_TRUE(test, npu_admin_claim(admin, &other, &epoch));
	KUNIT_ASSERT_EQ(test, other, slot);
	/* Claimed, not yet sent: the answer is to the command that is no more. */
	npu_admin_answer(test, slot, NPU_ADMIN_STATUS_OK);
	KUNIT_EXPECT_FALSE(test, npu_admin_is_done(test, slot));
}

/* ---- Completions ---------------------------------------------------------------- */

static void npu_admin_test_nothing_new(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	int slot = npu_admin_start(test, NPU_ADMIN_IDENTIFY);

	npu_admin_reap(fake->ndev);
	KUNIT_EXPECT_FALSE(test, npu_admin_is_done(test, slot));
	KUNIT_EXPECT_EQ(test, npu_admin_of(test)->head, 0);
}

static void npu_admin_test_out_of_order(struct kunit *test)
{
	int a = npu_admin_start(test, NPU_ADMIN_IDENTIFY);
	int b = npu_admin_start(test, NPU_ADMIN_TELEMETRY);

	npu_admin_answer(test, b, NPU_ADMIN_STATUS_BUSY);
	KUNIT_EXPECT_FALSE(test, npu_admin_is_done(test, a));
	KUNIT_EXPECT_TRUE(test, npu_admin_is_done(test, b));
	npu_admin_answer(test, a, NPU_ADMIN_STATUS_OK);
	KUNIT_EXPECT_TRUE(test, npu_admin_is_done(test, a));
	KUNIT_EXPECT_EQ(test, npu_admin_of(test)->slots[b].answer.status, NPU_ADMIN_STATUS_BUSY);
}

static void npu_admin_test_several_at_once(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	int slots[5];

	for (int i = 0; i < ARRAY_SIZE(slots); i++)
		slots[i] = npu_admin_start(test, NPU_ADMIN_IDENTIFY);
	for (int i = 0; i < ARRAY_SIZE(slots); i++)
		npu_fake_complete(fake, slots[i], NPU_ADMIN_STATUS_OK, NULL, 0);
	npu_admin_reap(fake->ndev);
	for (int i = 0; i < ARRAY_SIZE(slots); i++)
		KUNIT_EXPECT_TRUE(test, npu_admin_is_done(test, slots[i]));
}

/* The entry of the last lap has the other phase. */
static void npu_admin_test_old_lap(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct npu_admin *admin = npu_admin_of(test);
	int slot;

	for (int i = 0; i < NPU_ADMIN_ENTRIES; i++) {
		slot = npu_admin_start(test, NPU_ADMIN_IDENTIFY);
		npu_admin_answer(test, slot, NPU_ADMIN_STATUS_OK);
		KUNIT_ASSERT_TRUE(test, npu_admin_is_done(test, slot));
		npu_admin_unclaim(admin, slot);
	}
	slot = npu_admin_start(test, NPU_ADMIN_IDENTIFY);
	npu_admin_reap(fake->ndev);
	KUNIT_EXPECT_FALSE(test, npu_admin_is_done(test, slot));
	KUNIT_EXPECT_EQ(test, admin->head, NPU_ADMIN_ENTRIES);
}

/* Bit 0 is the phase; what else stands in the byte means nothing. */
static void npu_admin_test_phase_bits(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	int slot = npu_admin_start(test, NPU_ADMIN_IDENTIFY);

	fake->ndev->admin.cq[0].phase = 0xfe;
	npu_admin_reap(fake->ndev);
	KUNIT_EXPECT_FALSE(test, npu_admin_is_done(test, slot));
	fake->ndev->admin.cq[0].tag = slot;
	fake->ndev->admin.cq[0].phase = 0xff;
	npu_admin_reap(fake->ndev);
	KUNIT_EXPECT_TRUE(test, npu_admin_is_done(test, slot));
}

static const u16 npu_admin_tags[] = { 1, 31, 32, 33, 255, 256, 0x7fff, 0x8000, 0xffff };

static void npu_admin_describe_tag(const u16 *tag, char *text)
{
	snprintf(text, KUNIT_PARAM_DESC_SIZE, "tag %u", *tag);
}

KUNIT_ARRAY_PARAM(npu_admin_tag, npu_admin_tags, npu_admin_describe_tag);

/* Slot 0 waits, and only slot 0. */
static void npu_admin_test_wrong_tag(struct kunit *test)
{
	struct npu_admin *admin = npu_admin_of(test);
	int slot = npu_admin_start(test, NPU_ADMIN_IDENTIFY);

	KUNIT_ASSERT_EQ(test, slot, 0);
	npu_admin_answer(test, *(const u16 *)test->param_value, NPU_ADMIN_STATUS_OK);
	KUNIT_EXPECT_FALSE(test, npu_admin_is_done(test, slot));
	KUNIT_EXPECT_EQ(test, admin->busy, BIT(slot));
	/* The entry is used up: the next one is looked at. */
	npu_admin_answer(test, slot, NPU_ADMIN_STATUS_OK);
	KUNIT_EXPECT_TRUE(test, npu_admin_is_done(test, slot));
}

static void npu_admin_test_duplicate(struct kunit *test)
{
	struct npu_admin *admin = npu_admin_of(test);
	int slot = npu_admin_start(test, NPU_ADMIN_IDENTIFY);

	npu_admin_answer(test, slot, NPU_ADMIN_STATUS_OK);
	KUNIT_ASSERT_TRUE(test, npu_admin_is_done(test, slot));
	npu_admin_answer(test, slot, NPU_ADMIN_STATUS_BUSY);
	KUNIT_EXPECT_FALSE(test, npu_admin_is_done(test, slot));
	KUNIT_EXPECT_EQ(test, admin->slots[slot].answer.status, NPU_ADMIN_STATUS_OK);
}

static void npu_admin_test_unasked(struct kunit *test)
{
	struct npu_admin *admin = npu_admin_of(test);

	for (int i = 0; i < NPU_ADMIN_ENTRIES; i++)
		npu_admin_answer(test, i, NPU_ADMIN_STATUS_OK);
	KUNIT_EXPECT_EQ(test, admin->head, NPU_ADMIN_ENTRIES);
	for (int i = 0; i < NPU_ADMIN_ENTRIES; i++)
		KUNIT_EXPECT_FALSE(test, npu_admin_is_done(test, i));
}

/* A card that fills the ring with valid phases is left alone after a lap. */
static void npu_admin_test_storm(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct npu_admin *admin = npu_admin_of(test);

	for (int lap = 0; lap < 4; lap++) {
		for (int i = 0; i < NPU_ADMIN_ENTRIES; i++) {
			admin->cq[i].tag = 0xffff;
			admin->cq[i].phase = 1 ^ (lap & 1);
		}
		npu_admin_reap(fake->ndev);
		KUNIT_EXPECT_EQ(test, admin->head, (lap + 1) * NPU_ADMIN_ENTRIES);
	}
}

static void npu_admin_test_all_ones(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	int slot = npu_admin_start(test, NPU_ADMIN_IDENTIFY);

	memset(fake->ndev->admin.cq, 0xff, PAGE_SIZE);
	npu_admin_reap(fake->ndev);
	KUNIT_EXPECT_FALSE(test, npu_admin_is_done(test, slot));
	KUNIT_EXPECT_EQ(test, npu_admin_of(test)->busy, BIT(slot));
}

static void npu_admin_test_reap_disabled(struct kunit *test)
{
	struct npu_fake *fake = test->priv;

	npu_admin_start(test, NPU_ADMIN_IDENTIFY);
	npu_admin_disable(fake->ndev);
	npu_fake_complete(fake, 0, NPU_ADMIN_STATUS_OK, NULL, 0);
	npu_admin_reap(fake->ndev);
	KUNIT_EXPECT_EQ(test, npu_admin_of(test)->head, 0);
}

/* Disabling ends all that wait; enabling forgets what the card wrote before. */
static void npu_admin_test_disable_ends_all(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	int a = npu_admin_start(test, NPU_ADMIN_IDENTIFY);
	int b = npu_admin_start(test, NPU_ADMIN_IDENTIFY);
	u32 epoch = npu_admin_of(test)->epoch;

	npu_admin_disable(fake->ndev);
	KUNIT_EXPECT_TRUE(test, npu_admin_is_done(test, a));
	KUNIT_EXPECT_TRUE(test, npu_admin_is_done(test, b));
	KUNIT_EXPECT_EQ(test, npu_admin_of(test)->busy, 0);
	KUNIT_EXPECT_NE(test, npu_admin_of(test)->epoch, epoch);
	npu_fake_complete(fake, 5, NPU_ADMIN_STATUS_OK, NULL, 0);
	npu_admin_enable(fake->ndev);
	npu_admin_reap(fake->ndev);
	KUNIT_EXPECT_EQ(test, npu_admin_of(test)->head, 0);
}

/* ---- Statuses ------------------------------------------------------------------- */

static const struct npu_admin_status {
	u8 status;
	int error;
} npu_admin_statuses[] = {
	{ NPU_ADMIN_STATUS_OK, 0 },
	{ NPU_ADMIN_STATUS_UNKNOWN, -EIO },
	{ NPU_ADMIN_STATUS_INVALID, -EIO },
	{ NPU_ADMIN_STATUS_EXISTS, -EEXIST },
	{ NPU_ADMIN_STATUS_NOT_FOUND, -ENOENT },
	{ NPU_ADMIN_STATUS_BUSY, -EBUSY },
	{ NPU_ADMIN_STATUS_STATE, -EBADFD },
	{ NPU_ADMIN_STATUS_DMA, -EIO },
	{ NPU_ADMIN_STATUS_TIMEOUT, -ETIMEDOUT },
	{ 127, -EIO },
	{ 255, -EIO },
};

static void npu_admin_describe_status(const struct npu_admin_status *s, char *text)
{
	snprintf(text, KUNIT_PARAM_DESC_SIZE, "status %u", s->status);
}

KUNIT_ARRAY_PARAM(npu_admin_status, npu_admin_statuses, npu_admin_describe_status);

static void npu_admin_test_status(struct kunit *test)
{
	const struct npu_admin_status *s = test->param_value;
	struct npu_fake *fake = test->priv;

	KUNIT_EXPECT_EQ(test, npu_admin_errno(fake->ndev, NPU_ADMIN_IDENTIFY, s->status), s->error);
}

/* ---- Whole commands, with the firmware running ----------------------------------- */

static void npu_admin_test_run(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct npu_admin_buffer_result result;

	memset(fake->result[NPU_ADMIN_LOG_READ], 0x5a, sizeof(fake->result[0]));
	KUNIT_EXPECT_EQ(test, npu_admin_run(fake->ndev, NPU_ADMIN_LOG_READ, NULL, 0, &result,
					    sizeof(result)), 0);
	KUNIT_EXPECT_MEMEQ(test, &result, fake->result[NPU_ADMIN_LOG_READ], sizeof(result));
	KUNIT_EXPECT_EQ(test, npu_admin_of(test)->claimed, 0);
	KUNIT_EXPECT_EQ(test, npu_admin_of(test)->busy, 0);
}

static void npu_admin_test_run_no_result(struct kunit *test)
{
	struct npu_fake *fake = test->priv;

	KUNIT_EXPECT_EQ(test, npu_admin_run(fake->ndev, NPU_ADMIN_TLB_INVALIDATE, NULL, 0, NULL, 0),
			0);
}

/* A refusal leaves the caller's memory as it is. */
static void npu_admin_test_run_refused(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct npu_admin_buffer_result result = { .written = 42 };

	fake->status[NPU_ADMIN_LOG_READ] = NPU_ADMIN_STATUS_DMA;
	memset(fake->result[NPU_ADMIN_LOG_READ], 0x5a, sizeof(fake->result[0]));
	KUNIT_EXPECT_EQ(test, npu_admin_run(fake->ndev, NPU_ADMIN_LOG_READ, NULL, 0, &result,
					    sizeof(result)), -EIO);
	KUNIT_EXPECT_EQ(test, result.written, 42);
	KUNIT_EXPECT_EQ(test, npu_admin_of(test)->claimed, 0);
}

static void npu_admin_test_run_many(struct kunit *test)
{
	struct npu_fake *fake = test->priv;

	for (int i = 0; i < 200; i++)
		KUNIT_ASSERT_EQ(test, npu_admin_run(fake->ndev, NPU_ADMIN_IDENTIFY, NULL, 0, NULL,
						    0), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake->seen[NPU_ADMIN_IDENTIFY]), 200);
}

static int npu_admin_runner(void *data)
{
	struct npu_device *ndev = data;

	for (int i = 0; i < 50; i++) {
		int ret = npu_admin_run(ndev, NPU_ADMIN_IDENTIFY, NULL, 0, NULL, 0);

		if (ret)
			return ret;
	}
	/* Whoever stops the thread waits for this. */
	while (!kthread_should_stop())
		schedule_timeout_uninterruptible(1);
	return 0;
}

/* More callers than slots. */
static void npu_admin_test_run_concurrently(struct kunit *test)
{
	struct task_struct *threads[NPU_ADMIN_ENTRIES + 8];
	struct npu_fake *fake = test->priv;

	for (int i = 0; i < ARRAY_SIZE(threads); i++) {
		threads[i] = kthread_run(npu_admin_runner, fake->ndev, "npu-admin-%d", i);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, threads[i]);
		get_task_struct(threads[i]);
	}
	for (int i = 0; i < ARRAY_SIZE(threads); i++) {
		KUNIT_EXPECT_EQ(test, kthread_stop(threads[i]), 0);
		put_task_struct(threads[i]);
	}
	KUNIT_EXPECT_EQ(test, npu_admin_of(test)->claimed, 0);
}

/* The interrupt got lost: whoever waits looks by himself. */
static void npu_admin_test_lost_interrupt(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	int slot = npu_admin_start(test, NPU_ADMIN_IDENTIFY);

	npu_fake_complete(fake, slot, NPU_ADMIN_STATUS_OK, NULL, 0);
	KUNIT_EXPECT_TRUE(test, npu_admin_wait(fake->ndev, slot));
}

/* Nobody waits for ever, and a firmware that does not answer makes the card lost. */
static void npu_admin_test_timeout(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	ktime_t start = ktime_get();
	s64 ms;

	npu_fake_write_reg(fake, NPU_REG_ID, ~0u);
	WRITE_ONCE(fake->silent, true);
	KUNIT_EXPECT_EQ(test, npu_admin_run(fake->ndev, NPU_ADMIN_IDENTIFY, NULL, 0, NULL, 0),
			-ENODEV);
	ms = ktime_ms_delta(ktime_get(), start);
	KUNIT_EXPECT_GE(test, ms, NPU_ADMIN_TIMEOUT_MS - 2 * NPU_ADMIN_POLL_MS);
	KUNIT_EXPECT_LE(test, ms, 3 * NPU_ADMIN_TIMEOUT_MS);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake->ndev->state), NPU_STATE_LOST);
	KUNIT_EXPECT_EQ(test, npu_admin_of(test)->claimed, 0);
	/* And from then on nobody waits at all. */
	start = ktime_get();
	KUNIT_EXPECT_EQ(test, npu_admin_run(fake->ndev, NPU_ADMIN_IDENTIFY, NULL, 0, NULL, 0),
			-ENODEV);
	KUNIT_EXPECT_LE(test, ktime_ms_delta(ktime_get(), start), 1000);
}

static struct kunit_case npu_admin_cases[] = {
	KUNIT_CASE(npu_admin_test_enable),
	KUNIT_CASE(npu_admin_test_send),
	KUNIT_CASE(npu_admin_test_send_clears),
	KUNIT_CASE(npu_admin_test_send_wraps),
	KUNIT_CASE(npu_admin_test_tail_wraps),
	KUNIT_CASE(npu_admin_test_send_stale_epoch),
	KUNIT_CASE(npu_admin_test_disabled),
	KUNIT_CASE(npu_admin_test_slots_differ),
	KUNIT_CASE(npu_admin_test_slots_full),
	KUNIT_CASE(npu_admin_test_late_answer),
	KUNIT_CASE(npu_admin_test_nothing_new),
	KUNIT_CASE(npu_admin_test_out_of_order),
	KUNIT_CASE(npu_admin_test_several_at_once),
	KUNIT_CASE(npu_admin_test_old_lap),
	KUNIT_CASE(npu_admin_test_phase_bits),
	KUNIT_CASE_PARAM(npu_admin_test_wrong_tag, npu_admin_tag_gen_params),
	KUNIT_CASE(npu_admin_test_duplicate),
	KUNIT_CASE(npu_admin_test_unasked),
	KUNIT_CASE(npu_admin_test_storm),
	KUNIT_CASE(npu_admin_test_all_ones),
	KUNIT_CASE(npu_admin_test_reap_disabled),
	KUNIT_CASE(npu_admin_test_disable_ends_all),
	KUNIT_CASE_PARAM(npu_admin_test_status, npu_admin_status_gen_params),
	KUNIT_CASE(npu_admin_test_lost_interrupt),
	{}
};

static struct kunit_suite npu_admin_suite = {
	.name = "npu_admin",
	.init = npu_fake_init,
	.exit = npu_fake_exit,
	.suite_exit = npu_fake_suite_exit,
	.test_cases = npu_admin_cases,
};

static struct kunit_case npu_admin_run_cases[] = {
	KUNIT_CASE(npu_admin_test_run),
	KUNIT_CASE(npu_admin_test_run_no_result),
	KUNIT_CASE(npu_admin_test_run_refused),
	KUNIT_CASE(npu_admin_test_run_many),
	KUNIT_CASE(npu_admin_test_run_concurrently),
	KUNIT_CASE_SLOW(npu_admin_test_timeout),
	{}
};

static struct kunit_suite npu_admin_run_suite = {
	.name = "npu_admin_run",
	.init = npu_fake_init_live,
	.exit = npu_fake_exit,
	.suite_exit = npu_fake_suite_exit,
	.test_cases = npu_admin_run_cases,
};

kunit_test_suites(&npu_admin_suite, &npu_admin_run_suite);
