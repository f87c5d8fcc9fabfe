// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* Queues: who may have which, where their rings are, what the card says of them. */
#include "../npu_queue.c"

#include "../npu_queue_sleep.h"
#include "npu_kunit.h"

struct npu_queue_test {
	struct npu_fake *fake;
	u32 vm;
};

static int npu_queue_make(struct kunit *test, struct drm_npu_queue_create *args)
{
	struct npu_queue_test *t = test->priv;

	return npu_queue_create_ioctl(&t->fake->ndev->drm, args, t->fake->file);
}

static int npu_queue_unmake(struct kunit *test, u32 handle)
{
	struct npu_queue_test *t = test->priv;
	struct drm_npu_queue_destroy args = { .queue = handle };

	return npu_queue_destroy_ioctl(&t->fake->ndev->drm, &args, t->fake->file);
}

static struct drm_npu_queue_get_state npu_queue_state(struct kunit *test, u32 handle)
{
	struct npu_queue_test *t = test->priv;
	struct drm_npu_queue_get_state state = { .queue = handle };

	KUNIT_EXPECT_EQ(test, npu_queue_get_state_ioctl(&t->fake->ndev->drm, &state, t->fake->file),
			0);
	return state;
}

/* ---- Who may have which ------------------------------------------------------------- */

static void npu_queue_test_bad(struct kunit *test)
{
	struct npu_queue_test *t = test->priv;
	struct drm_npu_queue_create args = { .vm = t->vm, .flags = 1U << 31 };

	KUNIT_EXPECT_EQ(test, npu_queue_make(test, &args), -EINVAL);
	args = (struct drm_npu_queue_create){ .vm = t->vm, .priority = 4 };
	KUNIT_EXPECT_EQ(test, npu_queue_make(test, &args), -EINVAL);
	args.priority = U32_MAX;
	KUNIT_EXPECT_EQ(test, npu_queue_make(test, &args), -EINVAL);
	args = (struct drm_npu_queue_create){ .vm = 0 };
	KUNIT_EXPECT_EQ(test, npu_queue_make(test, &args), -ENOENT);
	args.vm = U32_MAX;
	KUNIT_EXPECT_EQ(test, npu_queue_make(test, &args), -ENOENT);
	KUNIT_EXPECT_EQ(test, atomic_read(&t->fake->seen[NPU_ADMIN_QUEUE_CREATE]), 0);
}

static void npu_queue_test_priorities(struct kunit *test)
{
	struct npu_queue_test *t = test->priv;
	struct npu_admin_queue_create_args card;

	for (u32 priority = 0; priority <= DRM_NPU_PRIORITY_REALTIME; priority++) {
		struct drm_npu_queue_create args = { .vm = t->vm, .priority = priority };

		KUNIT_ASSERT_EQ(test, npu_queue_make(test, &args), 0);
		memcpy(&card, t->fake->last[NPU_ADMIN_QUEUE_CREATE].payload, sizeof(card));
		KUNIT_EXPECT_EQ(test, card.priority, priority);
	}
}

static void npu_queue_test_unprivileged(struct kunit *test)
{
	struct npu_queue_test *t = test->priv;
	struct cred *cred = prepare_creds();
	const struct cred *old;

	KUNIT_ASSERT_NOT_NULL(test, cred);
	cap_clear(cred->cap_effective);
	old = override_creds(cred);
	for (u32 priority = 0; priority <= DRM_NPU_PRIORITY_REALTIME; priority++) {
		struct drm_npu_queue_create args = { .vm = t->vm, .priority = priority };

		KUNIT_EXPECT_EQ(test, npu_queue_make(test, &args),
				priority > DRM_NPU_PRIORITY_NORMAL ? -EACCES : 0);
	}
	put_cred(revert_creds(old));
}

/* Each number once; then there are no more; one that is given back is there again. */
static void npu_queue_test_numbers_run_out(struct kunit *test)
{
	struct npu_queue_test *t = test->priv;
	struct drm_npu_queue_create args = { .vm = t->vm };
	u32 handles[NPU_FAKE_QUEUES], seen = 0;

	for (int i = 0; i < NPU_FAKE_QUEUES; i++) {
		u32 number;

		handles[i] = npu_fake_queue(t->fake, t->vm);
		number = npu_fake_queue_of(t->fake, handles[i])->number;
		KUNIT_ASSERT_LT(test, number, NPU_FAKE_QUEUES);
		KUNIT_ASSERT_EQ(test, seen & BIT(number), 0);
		seen |= BIT(number);
	}
	KUNIT_EXPECT_EQ(test, npu_queue_make(test, &args), -ENOSPC);
	KUNIT_EXPECT_EQ(test, npu_queue_unmake(test, handles[3]), 0);
	KUNIT_EXPECT_EQ(test, npu_queue_make(test, &args), 0);
}

static void npu_queue_test_refused(struct kunit *test)
{
	struct npu_queue_test *t = test->priv;
	struct npu_mmu *mmu = &npu_fake_vm_of(t->fake, t->vm)->mmu;
	struct drm_npu_queue_create args = { .vm = t->vm };

	t->fake->status[NPU_ADMIN_QUEUE_CREATE] = NPU_ADMIN_STATUS_EXISTS;
	KUNIT_EXPECT_EQ(test, npu_queue_make(test, &args), -EEXIST);
	KUNIT_EXPECT_EQ(test, args.queue, 0);
	/* Its ring is not in the card's reach, and its number is free. */
	KUNIT_EXPECT_EQ(test, npu_kunit_walk(test, mmu, NPU_QUEUE_VA(0)), 0);
	KUNIT_EXPECT_NULL(test, xa_load(&t->fake->ndev->queues, 0));
	t->fake->status[NPU_ADMIN_QUEUE_CREATE] = NPU_ADMIN_STATUS_OK;
	KUNIT_EXPECT_EQ(test, npu_queue_make(test, &args), 0);
	KUNIT_EXPECT_EQ(test, npu_fake_queue_of(t->fake, args.queue)->number, 0);
}

static void npu_queue_test_unknown(struct kunit *test)
{
	static const u32 handles[] = { 0, 1, 0x7fffffff, U32_MAX };
	struct npu_queue_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(handles); i++) {
		struct drm_npu_queue_get_state state = { .queue = handles[i] };

		KUNIT_EXPECT_EQ(test, npu_queue_unmake(test, handles[i]), -ENOENT);
		KUNIT_EXPECT_EQ(test, npu_queue_get_state_ioctl(&t->fake->ndev->drm, &state,
								t->fake->file), -ENOENT);
		state.mbz = 1;
		KUNIT_EXPECT_EQ(test, npu_queue_get_state_ioctl(&t->fake->ndev->drm, &state,
								t->fake->file), -EINVAL);
	}
}

/* ---- Rings ---------------------------------------------------------------------------- */

/* The ring is the driver's: what a program runs cannot reach it. */
static void npu_queue_test_ring_is_private(struct kunit *test)
{
	struct npu_queue_test *t = test->priv;
	struct npu_queue *queue = npu_fake_queue_of(t->fake, npu_fake_queue(t->fake, t->vm));
	const u64 va = NPU_QUEUE_VA(queue->number);

	for (u64 at = 0; at < NPU_QUEUE_MEMORY; at += PAGE_SIZE)
		KUNIT_EXPECT_EQ(test, npu_kunit_walk(test, &queue->vm->mmu, va + at),
				(queue->dma + at) | NPU_PTE_VALID | NPU_PTE_LEAF | NPU_PTE_WRITE |
				NPU_PTE_PRIV | NPU_PTE_SNOOP);
	KUNIT_EXPECT_EQ(test, npu_kunit_walk(test, &queue->vm->mmu, va + NPU_QUEUE_MEMORY), 0);
	KUNIT_EXPECT_GE(test, va, NPU_MMU_USER_END);
}

static void npu_queue_test_rings_apart(struct kunit *test)
{
	for (u32 number = 1; number < NPU_QUEUES_MAX; number++)
		KUNIT_ASSERT_GE(test, NPU_QUEUE_VA(number),
				NPU_QUEUE_VA(number - 1) + NPU_QUEUE_MEMORY);
	KUNIT_EXPECT_LE(test, NPU_QUEUE_VA(NPU_QUEUES_MAX), 1ULL << NPU_VA_BITS);
}

static void npu_queue_test_on_card(struct kunit *test)
{
	struct npu_queue_test *t = test->priv;
	struct npu_queue *queue = npu_fake_queue_of(t->fake, npu_fake_queue(t->fake, t->vm));
	struct npu_admin_queue_create_args args;

	memcpy(&args, t->fake->last[NPU_ADMIN_QUEUE_CREATE].payload, sizeof(args));
	KUNIT_EXPECT_EQ(test, args.queue, queue->number);
	KUNIT_EXPECT_EQ(test, args.context, queue->vm->mmu.context);
	KUNIT_EXPECT_EQ(test, args.ring_va, NPU_QUEUE_VA(queue->number));
	KUNIT_EXPECT_EQ(test, args.control_va, args.ring_va + NPU_RING_SIZE);
	KUNIT_EXPECT_EQ(test, args.flags, NPU_QUEUE_PRIVILEGED);
	KUNIT_EXPECT_EQ(test, 1U << args.ring_shift, NPU_RING_PACKETS);
	KUNIT_EXPECT_GE(test, args.vector, 1);
	KUNIT_EXPECT_LT(test, args.vector, t->fake->ndev->vector_count);
}

/* Vector 0 is the admin queue's, however many there are. */
static void npu_queue_test_vectors(struct kunit *test)
{
	struct npu_queue_test *t = test->priv;
	struct npu_queue queue = { .ndev = t->fake->ndev };

	for (unsigned int count = 2; count <= NPU_MSIX_VECTORS; count++) {
		t->fake->ndev->vector_count = count;
		for (queue.number = 0; queue.number < NPU_QUEUES_MAX; queue.number++) {
			KUNIT_ASSERT_GE(test, npu_queue_vector(&queue), 1);
			KUNIT_ASSERT_LT(test, npu_queue_vector(&queue), count);
		}
	}
	t->fake->ndev->vector_count = 2;
}

/* After QUEUE_DESTROY nothing of it is in the card's reach. */
static void npu_queue_test_destroyed(struct kunit *test)
{
	struct npu_queue_test *t = test->priv;
	u32 handle = npu_fake_queue(t->fake, t->vm);
	struct npu_queue *queue = npu_fake_queue_of(t->fake, handle);
	struct npu_mmu *mmu = &queue->vm->mmu;
	const u64 va = NPU_QUEUE_VA(queue->number);
	atomic_t *flushes = &t->fake->seen[NPU_ADMIN_TLB_INVALIDATE];

	KUNIT_EXPECT_EQ(test, atomic_read(flushes), 0);
	KUNIT_EXPECT_EQ(test, npu_queue_unmake(test, handle), 0);
	for (u64 at = 0; at < NPU_QUEUE_MEMORY; at += PAGE_SIZE)
		KUNIT_EXPECT_EQ(test, npu_kunit_walk(test, mmu, va + at), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(flushes), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&t->fake->seen[NPU_ADMIN_QUEUE_DESTROY]), 1);
	KUNIT_EXPECT_TRUE(test, list_empty(&t->fake->ndev->vectors[1].queues));
}

/* ---- What the card says ------------------------------------------------------------------ */

/* Counters that run backwards are not believed; the last error stays. */
static void npu_queue_test_control(struct kunit *test)
{
	struct npu_queue_test *t = test->priv;
	u32 handle = npu_fake_queue(t->fake, t->vm);
	struct npu_queue_control *control = npu_fake_queue_of(t->fake, handle)->control;
	struct drm_npu_queue_get_state state;

	control->busy_ns = 100;
	control->energy_nj = 200;
	state = npu_queue_state(test, handle);
	KUNIT_EXPECT_EQ(test, state.busy_ns, 100);
	KUNIT_EXPECT_EQ(test, state.energy_nj, 200);
	control->busy_ns = 50;
	control->energy_nj = 0;
	/* An error without the state is none. */
	control->error = 3;
	state = npu_queue_state(test, handle);
	KUNIT_EXPECT_EQ(test, state.busy_ns, 100);
	KUNIT_EXPECT_EQ(test, state.energy_nj, 200);
	KUNIT_EXPECT_EQ(test, state.error, 0);
	control->state = NPU_QUEUE_STATE_STOPPED;
	control->error_tag = 9;
	state = npu_queue_state(test, handle);
	KUNIT_EXPECT_EQ(test, state.error, 3);
	KUNIT_EXPECT_EQ(test, state.error_tag, 9);
	control->error = 4;
	control->error_tag = 10;
	state = npu_queue_state(test, handle);
	KUNIT_EXPECT_EQ(test, state.error, 3);
	KUNIT_EXPECT_EQ(test, state.error_tag, 9);
}

/* A file's engine time does not go back when a queue goes. */
static void npu_queue_test_busy_kept(struct kunit *test)
{
	struct npu_queue_test *t = test->priv;
	u32 handle = npu_fake_queue(t->fake, t->vm);

	npu_fake_queue_of(t->fake, handle)->control->busy_ns = 1234;
	KUNIT_EXPECT_EQ(test, npu_queue_unmake(test, handle), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&t->fake->nfile->busy_ns), 1234);
}

static void npu_queue_test_find_handle(struct kunit *test)
{
	struct npu_queue_test *t = test->priv;
	u32 a = npu_fake_queue(t->fake, t->vm), b = npu_fake_queue(t->fake, t->vm);
	const u32 context = npu_fake_vm_of(t->fake, t->vm)->mmu.context;
	struct npu_device *ndev = t->fake->ndev;

	KUNIT_EXPECT_EQ(test, npu_queue_find_handle(ndev, context, 0), a);
	KUNIT_EXPECT_EQ(test, npu_queue_find_handle(ndev, context, 1), b);
	KUNIT_EXPECT_EQ(test, npu_queue_find_handle(ndev, context, 2), 0);
	KUNIT_EXPECT_EQ(test, npu_queue_find_handle(ndev, context, U32_MAX), 0);
	/* Of another context: whoever asks is not to learn of it. */
	KUNIT_EXPECT_EQ(test, npu_queue_find_handle(ndev, context + 1, 0), 0);
}

/* ---- Sleep ------------------------------------------------------------------------------- */

/* The card counts anew, the queue's own numbers go on. */
static void npu_queue_test_sleep(struct kunit *test)
{
	struct npu_queue_test *t = test->priv;
	struct npu_queue *queue = npu_fake_queue_of(t->fake, npu_fake_queue(t->fake, t->vm));

	queue->control->busy_ns = 55;
	queue->control->head = 77;
	queue->tail = 77;
	queue->emitted = 12;
	queue->completed = 12;
	*queue->fence = 12;
	KUNIT_ASSERT_EQ(test, npu_queue_pause_all(t->fake->ndev), 0);
	KUNIT_ASSERT_EQ(test, npu_queue_restore_all(t->fake->ndev), 0);
	npu_queue_resume_all(t->fake->ndev);
	KUNIT_EXPECT_EQ(test, queue->tail, 0);
	KUNIT_EXPECT_EQ(test, queue->control->head, 0);
	KUNIT_EXPECT_EQ(test, queue->control->need_wake, 1);
	KUNIT_EXPECT_EQ(test, queue->control->busy_ns, 55);
	KUNIT_EXPECT_EQ(test, queue->emitted, 12);
	KUNIT_EXPECT_EQ(test, atomic_read(&t->fake->seen[NPU_ADMIN_QUEUE_CREATE]), 2);
}

static int npu_queue_suite_init(struct kunit *test)
{
	struct npu_queue_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	int ret = npu_fake_init_live(test);

	if (ret || !t)
		return ret ?: -ENOMEM;
	t->fake = test->priv;
	test->priv = t;
	t->vm = npu_fake_vm(t->fake);
	return 0;
}

static void npu_queue_suite_exit(struct kunit *test)
{
	struct npu_queue_test *t = test->priv;

	test->priv = t->fake;
	npu_fake_exit(test);
}

static struct kunit_case npu_queue_cases[] = {
	KUNIT_CASE(npu_queue_test_bad),
	KUNIT_CASE(npu_queue_test_priorities),
	KUNIT_CASE(npu_queue_test_unprivileged),
	KUNIT_CASE(npu_queue_test_numbers_run_out),
	KUNIT_CASE(npu_queue_test_refused),
	KUNIT_CASE(npu_queue_test_unknown),
	KUNIT_CASE(npu_queue_test_ring_is_private),
	KUNIT_CASE(npu_queue_test_rings_apart),
	KUNIT_CASE(npu_queue_test_on_card),
	KUNIT_CASE(npu_queue_test_vectors),
	KUNIT_CASE(npu_queue_test_destroyed),
	KUNIT_CASE(npu_queue_test_control),
	KUNIT_CASE(npu_queue_test_busy_kept),
	KUNIT_CASE(npu_queue_test_find_handle),
	KUNIT_CASE(npu_queue_test_sleep),
	{}
};

static struct kunit_suite npu_queue_suite = {
	.name = "npu_queue",
	.init = npu_queue_suite_init,
	.exit = npu_queue_suite_exit,
	.suite_exit = npu_fake_suite_exit,
	.test_cases = npu_queue_cases,
};

kunit_test_suite(npu_queue_suite);
