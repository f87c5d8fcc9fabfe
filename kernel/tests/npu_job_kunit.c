// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* EXEC: what it refuses, and the life of jobs up to each end that they can have. */
#include "../npu_job.c"

#include <linux/delay.h>

#include <drm/drm_syncobj.h>

#include "../npu_fence.h"
#include "../npu_lost.h"
#include "../npu_queue_end.h"
#include "npu_kunit.h"

#define VA 0x40000000ULL
#define WAIT msecs_to_jiffies(10000)

struct npu_job_test {
	struct npu_fake *fake;
	u32 vm;
	u32 handle;
	struct npu_queue *queue;
};

/* ---- EXEC ----------------------------------------------------------------------- */

static struct drm_npu_array npu_job_array(struct kunit *test, const void *data, u32 count,
					  u32 stride)
{
	void __user *at;

	if (!count)
		return (struct drm_npu_array){};
	at = npu_kunit_user(test, (size_t)count * stride);
	KUNIT_ASSERT_EQ(test, copy_to_user(at, data, (size_t)count * stride), 0);
	return (struct drm_npu_array){ .pointer = (u64)at, .count = count, .stride = stride };
}

static int npu_job_exec(struct kunit *test, const struct drm_npu_command *commands, u32 count,
			const struct drm_npu_sync *syncs, u32 sync_count)
{
	struct npu_job_test *t = test->priv;
	struct drm_npu_exec args = {
		.queue = t->handle,
		.commands = npu_job_array(test, commands, count, sizeof(*commands)),
		.syncs = npu_job_array(test, syncs, sync_count, sizeof(*syncs)),
	};

	return npu_exec_ioctl(&t->fake->ndev->drm, &args, t->fake->file);
}

static u32 npu_job_syncobj(struct kunit *test, u32 flags)
{
	struct npu_job_test *t = test->priv;
	struct drm_syncobj *syncobj;
	u32 handle;

	KUNIT_ASSERT_EQ(test, drm_syncobj_create(&syncobj, flags, NULL), 0);
	KUNIT_ASSERT_EQ(test, drm_syncobj_get_handle(t->fake->file, syncobj, &handle), 0);
	drm_syncobj_put(syncobj);
	return handle;
}

/* The fence that a syncobj has now, referenced, or NULL. */
static struct dma_fence *npu_job_fence_of(struct kunit *test, u32 handle)
{
	struct npu_job_test *t = test->priv;
	struct drm_syncobj *syncobj = drm_syncobj_find(t->fake->file, handle);
	struct dma_fence *fence;

	KUNIT_ASSERT_NOT_NULL(test, syncobj);
	fence = drm_syncobj_fence_get(syncobj);
	drm_syncobj_put(syncobj);
	return fence;
}

/* One command, which signals the syncobj that is returned. */
static u32 npu_job_submit(struct kunit *test, u32 wait)
{
	const struct drm_npu_command command = { .va = VA, .count = 1 };
	const u32 handle = npu_job_syncobj(test, 0);
	const struct drm_npu_sync syncs[] = {
		{ .flags = DRM_NPU_SYNC_SIGNAL, .handle = handle },
		{ .flags = DRM_NPU_SYNC_WAIT, .handle = wait },
	};

	KUNIT_ASSERT_EQ(test, npu_job_exec(test, &command, 1, syncs, wait ? 2 : 1), 0);
	return handle;
}

/* ---- The card -------------------------------------------------------------------- */

static u64 npu_job_emitted(struct npu_queue *queue)
{
	guard(spinlock_irq)(&queue->lock);
	return queue->emitted;
}

/* Waits until at least @count jobs have come to the ring. */
static void npu_job_await(struct kunit *test, u64 count)
{
	struct npu_job_test *t = test->priv;

	for (int i = 0; i < 5000 && npu_job_emitted(t->queue) < count; i++)
		usleep_range(1000, 2000);
	KUNIT_ASSERT_GE(test, npu_job_emitted(t->queue), count);
}

static void npu_job_card_does(struct kunit *test, u64 count)
{
	struct npu_job_test *t = test->priv;

	npu_job_await(test, count);
	WRITE_ONCE(*t->queue->fence, count);
	npu_ring_reap(t->queue);
}

/* What the job that signals @handle ended with; 1: it did not end. */
static int npu_job_end(struct kunit *test, u32 handle)
{
	struct dma_fence *fence = npu_job_fence_of(test, handle);
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, fence);
	ret = dma_fence_wait_timeout(fence, false, WAIT) > 0 ? fence->error : 1;
	dma_fence_put(fence);
	return ret;
}

static bool npu_job_is_pending(struct kunit *test, u32 handle)
{
	struct dma_fence *fence = npu_job_fence_of(test, handle);
	bool pending = !dma_fence_is_signaled(fence);

	dma_fence_put(fence);
	return pending;
}

/* ---- Arguments ------------------------------------------------------------------- */

static const struct npu_job_bad {
	const char *name;
	struct drm_npu_command command;
} npu_job_bads[] = {
	{ "no packets", { .va = VA, .count = 0 } },
	{ "a packet too many", { .va = VA, .count = NPU_CALL_MAX + 1 } },
	{ "all ones for a count", { .va = VA, .count = U32_MAX } },
	{ "a flag", { .va = VA, .count = 1, .flags = 1 } },
	{ "the highest flag", { .va = VA, .count = 1, .flags = 1U << 31 } },
	{ "an address off by one", { .va = VA + 1, .count = 1 } },
	{ "an address off by half a packet", { .va = VA + 32, .count = 1 } },
	{ "address 0", { .va = 0, .count = 1 } },
	{ "below the users' part", { .va = NPU_MMU_USER_START - 64, .count = 1 } },
	{ "the driver's ring", { .va = NPU_MMU_USER_END, .count = 1 } },
	{ "beyond 48 bits", { .va = 1ULL << 48, .count = 1 } },
	{ "the top of all", { .va = -64ULL, .count = 1 } },
};

KUNIT_ARRAY_PARAM_DESC(npu_job_bad, npu_job_bads, name);

static void npu_job_test_bad_command(struct kunit *test)
{
	const struct npu_job_bad *bad = test->param_value;
	struct npu_job_test *t = test->priv;
	const struct drm_npu_command commands[] = { { .va = VA, .count = 1 }, bad->command };

	KUNIT_EXPECT_EQ(test, npu_job_exec(test, &bad->command, 1, NULL, 0), -EINVAL);
	/* Also behind a good one; then neither runs. */
	KUNIT_EXPECT_EQ(test, npu_job_exec(test, commands, 2, NULL, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, t->queue->fence_seqno, 0);
}

static void npu_job_test_command_edges(struct kunit *test)
{
	const struct drm_npu_command commands[] = {
		{ .va = NPU_MMU_USER_START, .count = 1 },
		{ .va = NPU_MMU_USER_END - 64, .count = 1 },
		{ .va = VA, .count = NPU_CALL_MAX },
	};

	KUNIT_EXPECT_EQ(test, npu_job_exec(test, commands, ARRAY_SIZE(commands), NULL, 0), 0);
	npu_job_card_does(test, 1);
}

static void npu_job_test_too_many_commands(struct kunit *test)
{
	struct drm_npu_command commands[65];

	for (int i = 0; i < ARRAY_SIZE(commands); i++)
		commands[i] = (struct drm_npu_command){ .va = VA, .count = 1 };
	KUNIT_EXPECT_EQ(test, npu_job_exec(test, commands, 65, NULL, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, npu_job_exec(test, commands, 64, NULL, 0), 0);
	npu_job_card_does(test, 1);
}

static void npu_job_test_bad_arguments(struct kunit *test)
{
	struct npu_job_test *t = test->priv;
	struct drm_npu_exec args = { .queue = t->handle, .flags = 1U << 31 };

	KUNIT_EXPECT_EQ(test, npu_exec_ioctl(&t->fake->ndev->drm, &args, t->fake->file), -EINVAL);
	args = (struct drm_npu_exec){ .queue = t->handle + 1 };
	KUNIT_EXPECT_EQ(test, npu_exec_ioctl(&t->fake->ndev->drm, &args, t->fake->file), -ENOENT);
	args = (struct drm_npu_exec){.queue = t->handle, .syncs = {.count = 1025, .stride = 16}};
	KUNIT_EXPECT_EQ(test, npu_exec_ioctl(&t->fake->ndev->drm, &args, t->fake->file), -EINVAL);
	args = (struct drm_npu_exec){ .queue = t->handle, .commands = { .count = 1, .stride = 4 } };
	KUNIT_EXPECT_EQ(test, npu_exec_ioctl(&t->fake->ndev->drm, &args, t->fake->file), -EINVAL);
	npu_kunit_user(test, PAGE_SIZE);
	args = (struct drm_npu_exec){.queue = t->handle, .commands = {.count = 1, .stride = 16}};
	KUNIT_EXPECT_EQ(test, npu_exec_ioctl(&t->fake->ndev->drm, &args, t->fake->file), -EFAULT);
}

static void npu_job_test_bad_syncs(struct kunit *test)
{
	const u32 empty = npu_job_syncobj(test, 0);
	struct drm_npu_sync sync = { .flags = 2, .handle = empty };
	const struct drm_npu_sync both[] = {
		{ .flags = DRM_NPU_SYNC_SIGNAL, .handle = empty },
		{ .flags = DRM_NPU_SYNC_SIGNAL, .handle = 77 },
	};

	KUNIT_EXPECT_EQ(test, npu_job_exec(test, NULL, 0, &sync, 1), -EINVAL);
	sync.flags = 1U << 31 | DRM_NPU_SYNC_SIGNAL;
	KUNIT_EXPECT_EQ(test, npu_job_exec(test, NULL, 0, &sync, 1), -EINVAL);
	sync = (struct drm_npu_sync){ .flags = DRM_NPU_SYNC_WAIT, .handle = 77 };
	KUNIT_EXPECT_EQ(test, npu_job_exec(test, NULL, 0, &sync, 1), -ENOENT);
	sync.flags = DRM_NPU_SYNC_SIGNAL;
	KUNIT_EXPECT_EQ(test, npu_job_exec(test, NULL, 0, &sync, 1), -ENOENT);
	/* A wait for what nobody is to signal. */
	sync = (struct drm_npu_sync){ .flags = DRM_NPU_SYNC_WAIT, .handle = empty };
	KUNIT_EXPECT_EQ(test, npu_job_exec(test, NULL, 0, &sync, 1), -EINVAL);
	/* The second one fails: the first is left as it was. */
	KUNIT_EXPECT_EQ(test, npu_job_exec(test, NULL, 0, both, 2), -ENOENT);
	KUNIT_EXPECT_NULL(test, npu_job_fence_of(test, empty));
}

/* ---- Life ------------------------------------------------------------------------- */

static void npu_job_test_completes(struct kunit *test)
{
	struct npu_job_test *t = test->priv;
	u32 job = npu_job_submit(test, 0);

	npu_job_await(test, 1);
	KUNIT_EXPECT_TRUE(test, npu_job_is_pending(test, job));
	npu_job_card_does(test, 1);
	KUNIT_EXPECT_EQ(test, npu_job_end(test, job), 0);
	KUNIT_EXPECT_EQ(test, t->queue->jobs_done, 1);
}

static void npu_job_test_without_commands(struct kunit *test)
{
	struct npu_job_test *t = test->priv;
	const u32 handle = npu_job_syncobj(test, 0);
	const struct drm_npu_sync sync = { .flags = DRM_NPU_SYNC_SIGNAL, .handle = handle };

	KUNIT_EXPECT_EQ(test, npu_job_exec(test, NULL, 0, &sync, 1), 0);
	npu_job_card_does(test, 1);
	KUNIT_EXPECT_EQ(test, npu_job_end(test, handle), 0);
	KUNIT_EXPECT_EQ(test, t->queue->tail, 1);
}

static void npu_job_test_in_order(struct kunit *test)
{
	u32 jobs[5];

	for (int i = 0; i < ARRAY_SIZE(jobs); i++)
		jobs[i] = npu_job_submit(test, 0);
	npu_job_await(test, ARRAY_SIZE(jobs));
	npu_job_card_does(test, ARRAY_SIZE(jobs));
	for (int i = 0; i < ARRAY_SIZE(jobs); i++)
		KUNIT_EXPECT_EQ(test, npu_job_end(test, jobs[i]), 0);
}

/* More than the ring holds: the rest waits for credits. */
static void npu_job_test_credits(struct kunit *test)
{
	struct npu_job_test *t = test->priv;
	struct drm_npu_command commands[63];
	const u32 per_job = ARRAY_SIZE(commands) + 1, fit = NPU_RING_CREDITS / per_job;

	for (int i = 0; i < ARRAY_SIZE(commands); i++)
		commands[i] = (struct drm_npu_command){ .va = VA, .count = 1 };
	for (u32 i = 0; i < 3 * fit; i++)
		KUNIT_ASSERT_EQ(test, npu_job_exec(test, commands, ARRAY_SIZE(commands), NULL, 0),
				0);
	npu_job_await(test, fit);
	msleep(50);
	KUNIT_EXPECT_EQ(test, npu_job_emitted(t->queue), fit);
	KUNIT_EXPECT_LE(test, t->queue->tail, NPU_RING_CREDITS);
	for (u32 i = 1; i <= 3 * fit; i++)
		npu_job_card_does(test, i);
	KUNIT_EXPECT_EQ(test, t->queue->jobs_done, 3 * fit);
}

/* A job waits for another one's fence, and it may be a later point than 2^32. */
static void npu_job_test_waits(struct kunit *test)
{
	struct npu_job_test *t = test->priv;
	const u32 first = npu_job_submit(test, 0);
	const u32 queue = t->handle;
	u32 second;

	npu_job_await(test, 1);
	t->handle = npu_fake_queue(t->fake, t->vm);
	second = npu_job_submit(test, first);
	msleep(50);
	KUNIT_EXPECT_EQ(test, npu_job_emitted(npu_fake_queue_of(t->fake, t->handle)), 0);
	npu_job_card_does(test, 1);
	KUNIT_EXPECT_EQ(test, npu_job_end(test, first), 0);
	t->queue = npu_fake_queue_of(t->fake, t->handle);
	npu_job_card_does(test, 1);
	KUNIT_EXPECT_EQ(test, npu_job_end(test, second), 0);
	t->handle = queue;
}

static void npu_job_test_timeline(struct kunit *test)
{
	const u32 handle = npu_job_syncobj(test, 0);
	struct drm_npu_sync sync = {
		.flags = DRM_NPU_SYNC_SIGNAL, .handle = handle, .point = 1ULL << 40,
	};

	KUNIT_EXPECT_EQ(test, npu_job_exec(test, NULL, 0, &sync, 1), 0);
	sync.flags = DRM_NPU_SYNC_WAIT;
	KUNIT_EXPECT_EQ(test, npu_job_exec(test, NULL, 0, &sync, 1), 0);
	sync.point++;
	KUNIT_EXPECT_EQ(test, npu_job_exec(test, NULL, 0, &sync, 1), -EINVAL);
	npu_job_card_does(test, 1);
	npu_job_card_does(test, 2);
	KUNIT_EXPECT_EQ(test, npu_job_end(test, handle), 0);
}

/* ---- Ends ---------------------------------------------------------------------------- */

/* The oldest is to blame, the others are not; nothing runs any more. */
static void npu_job_test_stopped_by_card(struct kunit *test)
{
	struct npu_job_test *t = test->priv;
	struct drm_npu_queue_get_state state = { .queue = t->handle };
	const u32 done = npu_job_submit(test, 0), guilty = npu_job_submit(test, 0);
	const u32 other = npu_job_submit(test, 0);

	npu_job_await(test, 3);
	npu_job_card_does(test, 1);
	*t->queue->control = (struct npu_queue_control){
		.state = NPU_QUEUE_STATE_STOPPED, .error = NPU_QUEUE_ERROR_FAULT, .error_tag = 5,
		.error_op = 6, .error_va = 0xabcdef, .busy_ns = 77,
	};
	queue_work(t->fake->ndev->recovery_wq, &t->fake->ndev->stopped_work);
	KUNIT_EXPECT_EQ(test, npu_job_end(test, done), 0);
	KUNIT_EXPECT_EQ(test, npu_job_end(test, guilty), -EIO);
	KUNIT_EXPECT_EQ(test, npu_job_end(test, other), -ECANCELED);
	KUNIT_EXPECT_EQ(test, npu_queue_get_state_ioctl(&t->fake->ndev->drm, &state, t->fake->file),
			0);
	KUNIT_EXPECT_EQ(test, state.state, DRM_NPU_QUEUE_FAULTED);
	KUNIT_EXPECT_EQ(test, state.error, NPU_QUEUE_ERROR_FAULT);
	KUNIT_EXPECT_EQ(test, state.error_tag, 5);
	KUNIT_EXPECT_EQ(test, state.error_op, 6);
	KUNIT_EXPECT_EQ(test, state.error_va, 0xabcdef);
	KUNIT_EXPECT_EQ(test, state.jobs, 1);
	KUNIT_EXPECT_EQ(test, npu_job_exec(test, NULL, 0, NULL, 0), -ECANCELED);
}

static void npu_job_test_destroyed(struct kunit *test)
{
	struct npu_job_test *t = test->priv;
	struct drm_npu_queue_destroy args = { .queue = t->handle, .mbz = 1 };
	const u32 jobs[] = { npu_job_submit(test, 0), npu_job_submit(test, 0) };

	npu_job_await(test, 2);
	KUNIT_EXPECT_EQ(test, npu_queue_destroy_ioctl(&t->fake->ndev->drm, &args, t->fake->file),
			-EINVAL);
	args.mbz = 0;
	KUNIT_EXPECT_EQ(test, npu_queue_destroy_ioctl(&t->fake->ndev->drm, &args, t->fake->file),
			0);
	for (int i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, npu_job_end(test, jobs[i]), -ECANCELED);
	KUNIT_EXPECT_EQ(test, atomic_read(&t->fake->seen[NPU_ADMIN_QUEUE_DESTROY]), 1);
	KUNIT_EXPECT_EQ(test, npu_queue_destroy_ioctl(&t->fake->ndev->drm, &args, t->fake->file),
			-ENOENT);
	KUNIT_EXPECT_EQ(test, npu_job_exec(test, NULL, 0, NULL, 0), -ENOENT);
}

/* A job that waits for one that never ends is given up with its queue. */
static void npu_job_test_destroyed_while_waiting(struct kunit *test)
{
	struct npu_job_test *t = test->priv;
	struct drm_npu_queue_destroy args = {};
	const u32 endless = npu_job_submit(test, 0), first = t->handle;
	u32 waiting;

	npu_job_await(test, 1);
	t->handle = npu_fake_queue(t->fake, t->vm);
	waiting = npu_job_submit(test, endless);
	args.queue = t->handle;
	KUNIT_EXPECT_EQ(test, npu_queue_destroy_ioctl(&t->fake->ndev->drm, &args, t->fake->file),
			0);
	args.queue = first;
	KUNIT_EXPECT_EQ(test, npu_queue_destroy_ioctl(&t->fake->ndev->drm, &args, t->fake->file),
			0);
	KUNIT_EXPECT_EQ(test, npu_job_end(test, endless), -ECANCELED);
	KUNIT_EXPECT_LT(test, npu_job_end(test, waiting), 0);
}

static void npu_job_test_file_closed(struct kunit *test)
{
	struct npu_job_test *t = test->priv;
	const u32 handle = npu_job_submit(test, 0);
	struct dma_fence *fence = npu_job_fence_of(test, handle);

	npu_job_await(test, 1);
	npu_queue_close_file(t->fake->nfile);
	/* Nobody is left but the fence: it ends all the same, and names itself. */
	KUNIT_EXPECT_GT(test, dma_fence_wait_timeout(fence, false, WAIT), 0);
	KUNIT_EXPECT_EQ(test, fence->error, -ECANCELED);
	dma_fence_put(fence);
}

static void npu_job_test_card_lost(struct kunit *test)
{
	struct npu_job_test *t = test->priv;
	struct drm_npu_queue_get_state state = { .queue = t->handle };
	const u32 jobs[] = { npu_job_submit(test, 0), npu_job_submit(test, 0) };

	npu_job_await(test, 2);
	/* The reset finds no card. */
	npu_fake_write_reg(t->fake, NPU_REG_ID, ~0u);
	npu_lost(t->fake->ndev, "testing");
	for (int i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, npu_job_end(test, jobs[i]), -ENODEV);
	KUNIT_EXPECT_EQ(test, npu_job_exec(test, NULL, 0, NULL, 0), -ENODEV);
	KUNIT_EXPECT_EQ(test, npu_queue_get_state_ioctl(&t->fake->ndev->drm, &state, t->fake->file),
			0);
	KUNIT_EXPECT_EQ(test, state.state, DRM_NPU_QUEUE_INNOCENT);
}

static void npu_job_test_unbound(struct kunit *test)
{
	struct npu_job_test *t = test->priv;
	const u32 handle = npu_job_submit(test, 0);

	npu_job_await(test, 1);
	npu_fake_remove(t->fake);
	KUNIT_EXPECT_EQ(test, npu_job_end(test, handle), -ENODEV);
	KUNIT_EXPECT_EQ(test, npu_job_exec(test, NULL, 0, NULL, 0), -ENODEV);
}

/* ---- Time-outs -------------------------------------------------------------------------- */

/* What the card says of every queue. */
static void npu_job_says(struct npu_fake *fake, u64 progress, u64 served_ms)
{
	struct npu_admin_queue_result *r = (void *)fake->result[NPU_ADMIN_QUEUE_QUERY];

	*r = (struct npu_admin_queue_result){
		.state = NPU_QUEUE_STATE_ACTIVE, .progress = progress,
		.served_ns = served_ms * NSEC_PER_MSEC,
	};
}

static void npu_job_test_gets_on(struct kunit *test)
{
	struct npu_job_test *t = test->priv;
	const u32 handle = npu_job_submit(test, 0);

	npu_job_await(test, 1);
	for (u64 progress = 1; progress < 40; progress++) {
		npu_job_says(t->fake, progress, progress * 10000);
		KUNIT_EXPECT_FALSE(test, npu_stuck_end_if(t->queue));
	}
	/* Any change is progress, also one backwards. */
	npu_job_says(t->fake, 1, 500000);
	KUNIT_EXPECT_FALSE(test, npu_stuck_end_if(t->queue));
	KUNIT_EXPECT_EQ(test, atomic_read(&t->fake->seen[NPU_ADMIN_QUEUE_KILL]), 0);
	npu_job_card_does(test, 1);
	KUNIT_EXPECT_EQ(test, npu_job_end(test, handle), 0);
	/* Nothing in flight: nothing to kill. */
	KUNIT_EXPECT_FALSE(test, npu_stuck_end_if(t->queue));
}

static void npu_job_test_stuck(struct kunit *test)
{
	struct npu_job_test *t = test->priv;
	struct drm_npu_queue_get_state state = { .queue = t->handle };
	const u32 guilty = npu_job_submit(test, 0), other = npu_job_submit(test, 0);

	npu_job_await(test, 2);
	npu_job_says(t->fake, 7, 1000);
	KUNIT_EXPECT_FALSE(test, npu_stuck_end_if(t->queue));
	npu_job_says(t->fake, 7, 1000 + npu_stuck_period_ms());
	KUNIT_EXPECT_TRUE(test, npu_stuck_end_if(t->queue));
	KUNIT_EXPECT_EQ(test, atomic_read(&t->fake->seen[NPU_ADMIN_QUEUE_KILL]), 1);
	KUNIT_EXPECT_EQ(test, npu_job_end(test, guilty), -ETIME);
	KUNIT_EXPECT_EQ(test, npu_job_end(test, other), -ECANCELED);
	KUNIT_EXPECT_EQ(test, npu_queue_get_state_ioctl(&t->fake->ndev->drm, &state, t->fake->file),
			0);
	KUNIT_EXPECT_EQ(test, state.state, DRM_NPU_QUEUE_TIMED_OUT);
}

/* Kept from the card by others: no guilt, and an end all the same. */
static void npu_job_test_starved(struct kunit *test)
{
	struct npu_job_test *t = test->priv;
	struct drm_npu_queue_get_state state = { .queue = t->handle };
	const u32 handle = npu_job_submit(test, 0);
	int periods = 0;

	npu_job_await(test, 1);
	npu_job_says(t->fake, 0, 0);
	while (periods < 100 && !npu_stuck_end_if(t->queue))
		periods++;
	KUNIT_EXPECT_GE(test, periods, 10);
	KUNIT_EXPECT_LT(test, periods, 100);
	KUNIT_EXPECT_EQ(test, npu_job_end(test, handle), -ETIME);
	KUNIT_EXPECT_EQ(test, npu_queue_get_state_ioctl(&t->fake->ndev->drm, &state, t->fake->file),
			0);
	KUNIT_EXPECT_EQ(test, state.state, DRM_NPU_QUEUE_INNOCENT);
}

/* A job that ended between the time-out and the look at it is no victim. */
static void npu_job_test_just_done(struct kunit *test)
{
	struct npu_job_test *t = test->priv;
	const u32 handle = npu_job_submit(test, 0);

	npu_job_await(test, 1);
	WRITE_ONCE(*t->queue->fence, 1);
	KUNIT_EXPECT_FALSE(test, npu_stuck_end_if(t->queue));
	KUNIT_EXPECT_EQ(test, npu_job_end(test, handle), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&t->fake->seen[NPU_ADMIN_QUEUE_QUERY]), 0);
}

/* An engine that does not let go: what it may still write to is not given back to a live card. */
static void npu_job_test_kill_refused(struct kunit *test)
{
	struct npu_job_test *t = test->priv;
	const u32 handle = npu_job_submit(test, 0);

	npu_job_await(test, 1);
	npu_fake_write_reg(t->fake, NPU_REG_ID, ~0u);
	t->fake->status[NPU_ADMIN_QUEUE_KILL] = NPU_ADMIN_STATUS_TIMEOUT;
	npu_job_says(t->fake, 7, 0);
	KUNIT_EXPECT_FALSE(test, npu_stuck_end_if(t->queue));
	npu_job_says(t->fake, 7, npu_stuck_period_ms());
	KUNIT_EXPECT_TRUE(test, npu_stuck_end_if(t->queue));
	KUNIT_EXPECT_EQ(test, atomic_read(&t->fake->ndev->state), NPU_STATE_LOST);
	KUNIT_EXPECT_LT(test, npu_job_end(test, handle), 0);
}

static int npu_job_suite_init(struct kunit *test)
{
	struct npu_job_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	int ret = npu_fake_init_live(test);

	if (ret || !t)
		return ret ?: -ENOMEM;
	t->fake = test->priv;
	test->priv = t;
	t->vm = npu_fake_vm(t->fake);
	t->handle = npu_fake_queue(t->fake, t->vm);
	t->queue = npu_fake_queue_of(t->fake, t->handle);
	return 0;
}

static void npu_job_suite_exit(struct kunit *test)
{
	struct npu_job_test *t = test->priv;

	test->priv = t->fake;
	npu_fake_exit(test);
}

static struct kunit_case npu_job_cases[] = {
	KUNIT_CASE_PARAM(npu_job_test_bad_command, npu_job_bad_gen_params),
	KUNIT_CASE(npu_job_test_command_edges),
	KUNIT_CASE(npu_job_test_too_many_commands),
	KUNIT_CASE(npu_job_test_bad_arguments),
	KUNIT_CASE(npu_job_test_bad_syncs),
	KUNIT_CASE(npu_job_test_completes),
	KUNIT_CASE(npu_job_test_without_commands),
	KUNIT_CASE(npu_job_test_in_order),
	KUNIT_CASE(npu_job_test_credits),
	KUNIT_CASE(npu_job_test_waits),
	KUNIT_CASE(npu_job_test_timeline),
	KUNIT_CASE(npu_job_test_stopped_by_card),
	KUNIT_CASE(npu_job_test_destroyed),
	KUNIT_CASE(npu_job_test_destroyed_while_waiting),
	KUNIT_CASE(npu_job_test_file_closed),
	KUNIT_CASE(npu_job_test_card_lost),
	KUNIT_CASE(npu_job_test_unbound),
	KUNIT_CASE(npu_job_test_gets_on),
	KUNIT_CASE(npu_job_test_stuck),
	KUNIT_CASE(npu_job_test_starved),
	KUNIT_CASE(npu_job_test_just_done),
	KUNIT_CASE(npu_job_test_kill_refused),
	{}
};

static struct kunit_suite npu_job_suite = {
	.name = "npu_job",
	.init = npu_job_suite_init,
	.exit = npu_job_suite_exit,
	.suite_exit = npu_fake_suite_exit,
	.test_cases = npu_job_cases,
};

kunit_test_suite(npu_job_suite);
