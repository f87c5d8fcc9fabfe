// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * The ring of a queue: packets, doorbells, fence values and events, up to
 * where 64-bit numbers end, against a card that writes what it likes.
 */
#include "../npu_ring.c"

#include "npu_kunit.h"

struct npu_ring_test {
	struct npu_fake *fake;
	struct npu_queue *queue;
	u32 handle;
};

static struct npu_queue *npu_ring_queue(struct kunit *test)
{
	struct npu_ring_test *t = test->priv;

	return t->queue;
}

static u64 npu_ring_doorbell_of(struct kunit *test)
{
	struct npu_ring_test *t = test->priv;

	return *(u64 *)(t->fake->doorbells + NPU_DOORBELL_PAGE(t->queue->number));
}

static u32 *npu_ring_wake_of(struct kunit *test)
{
	struct npu_ring_test *t = test->priv;

	return (u32 *)(t->fake->doorbells + NPU_WAKE_PAGE(t->queue->number));
}

/* A job of @count CALLs; the test holds a reference to its fence. */
static struct npu_fence *npu_ring_job(struct kunit *test, u32 count)
{
	struct npu_packet_call calls[8] = {};
	struct npu_queue *queue = npu_ring_queue(test);
	struct npu_fence *fence = npu_fence_create(queue);

	KUNIT_ASSERT_NOT_NULL(test, fence);
	KUNIT_ASSERT_LE(test, count, ARRAY_SIZE(calls));
	for (u32 i = 0; i < count; i++) {
		calls[i].header.opcode = NPU_PACKET_CALL;
		calls[i].header.tag = i;
		calls[i].address = NPU_MMU_USER_START + i * NPU_PACKET_SIZE;
		calls[i].count = i + 1;
	}
	KUNIT_ASSERT_EQ(test, npu_ring_write(queue, fence, calls, count), 0);
	return fence;
}

static void npu_ring_card_writes(struct kunit *test, u64 value)
{
	WRITE_ONCE(*npu_ring_queue(test)->fence, value);
	npu_ring_reap(npu_ring_queue(test));
}

/* As if the queue had lived for long. */
static void npu_ring_age(struct kunit *test, u64 tail, u64 fence)
{
	struct npu_queue *queue = npu_ring_queue(test);

	queue->tail = tail;
	queue->emitted = fence;
	queue->completed = fence;
	*queue->fence = fence;
}

static bool npu_ring_is_signalled(struct npu_fence *fence)
{
	return dma_fence_is_signaled(&fence->base);
}

/* Gives the test's reference back. */
static void npu_ring_put(struct kunit *test, struct npu_fence *fence)
{
	dma_fence_put(&fence->base);
}

/* ---- Writing --------------------------------------------------------------------- */

static void npu_ring_test_new(struct kunit *test)
{
	struct npu_queue *queue = npu_ring_queue(test);

	KUNIT_EXPECT_EQ(test, queue->tail, 0);
	KUNIT_EXPECT_EQ(test, queue->emitted, 0);
	KUNIT_EXPECT_EQ(test, queue->completed, 0);
	KUNIT_EXPECT_EQ(test, queue->control->need_wake, 1);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)queue->fence, sizeof(u64)));
	KUNIT_EXPECT_TRUE(test, (void *)queue->fence >= (void *)(queue->control + 1));
	KUNIT_EXPECT_TRUE(test, (void *)(queue->fence + 1) <= queue->memory + NPU_QUEUE_MEMORY);
}

static void npu_ring_test_job(struct kunit *test)
{
	struct npu_queue *queue = npu_ring_queue(test);
	struct npu_fence *fence = npu_ring_job(test, 3);
	const struct npu_packet_fence_signal *signal = npu_ring_packet(queue, 3);

	for (u32 i = 0; i < 3; i++) {
		const struct npu_packet_call *call = npu_ring_packet(queue, i);

		KUNIT_EXPECT_EQ(test, call->header.opcode, NPU_PACKET_CALL);
		KUNIT_EXPECT_EQ(test, call->header.tag, i);
		KUNIT_EXPECT_EQ(test, call->count, i + 1);
	}
	KUNIT_EXPECT_EQ(test, signal->header.opcode, NPU_PACKET_FENCE_SIGNAL);
	KUNIT_EXPECT_EQ(test, signal->address,
			NPU_QUEUE_VA(queue->number) + NPU_QUEUE_FENCE_OFFSET);
	KUNIT_EXPECT_EQ(test, signal->value, 1);
	KUNIT_EXPECT_EQ(test, queue->tail, 4);
	KUNIT_EXPECT_EQ(test, fence->end, 4);
	KUNIT_EXPECT_EQ(test, fence->value, 1);
	KUNIT_EXPECT_EQ(test, npu_ring_doorbell_of(test), 4);
	npu_ring_card_writes(test, 1);
	npu_ring_put(test, fence);
}

/* Bytes without a name are zero, whatever stood in the slot. */
static void npu_ring_test_signal_is_clean(struct kunit *test)
{
	struct npu_queue *queue = npu_ring_queue(test);
	u8 zeros[sizeof(((struct npu_packet_fence_signal *)NULL)->mbz)] = {};
	const struct npu_packet_fence_signal *signal = npu_ring_packet(queue, 0);
	struct npu_fence *fence;

	memset(queue->memory, 0xff, NPU_RING_SIZE);
	fence = npu_ring_job(test, 0);
	KUNIT_EXPECT_EQ(test, signal->header.flags, 0);
	KUNIT_EXPECT_EQ(test, signal->header.mbz, 0);
	KUNIT_EXPECT_EQ(test, signal->header.tag, 0);
	KUNIT_EXPECT_MEMEQ(test, signal->mbz, zeros, sizeof(zeros));
	npu_ring_card_writes(test, 1);
	npu_ring_put(test, fence);
}

static void npu_ring_test_packet_wraps(struct kunit *test)
{
	struct npu_queue *queue = npu_ring_queue(test);

	KUNIT_EXPECT_PTR_EQ(test, npu_ring_packet(queue, 0), queue->memory);
	KUNIT_EXPECT_PTR_EQ(test, npu_ring_packet(queue, NPU_RING_PACKETS), queue->memory);
	KUNIT_EXPECT_PTR_EQ(test, npu_ring_packet(queue, NPU_RING_PACKETS - 1),
			    queue->memory + NPU_RING_SIZE - NPU_PACKET_SIZE);
	KUNIT_EXPECT_PTR_EQ(test, npu_ring_packet(queue, U64_MAX),
			    queue->memory + NPU_RING_SIZE - NPU_PACKET_SIZE);
}

static const u64 npu_ring_tails[] = {
	NPU_RING_PACKETS - 1, NPU_RING_PACKETS - 2, NPU_RING_PACKETS, 2 * NPU_RING_PACKETS - 3,
	U32_MAX - 1, U32_MAX, 1ULL << 32, S64_MAX, 1ULL << 63, U64_MAX - NPU_RING_PACKETS,
};

static void npu_ring_describe_tail(const u64 *tail, char *text)
{
	snprintf(text, KUNIT_PARAM_DESC_SIZE, "from 0x%llx", *tail);
}

KUNIT_ARRAY_PARAM(npu_ring_tail, npu_ring_tails, npu_ring_describe_tail);

/* A job across the ring's end: its packets stand where the card looks for them. */
static void npu_ring_test_wraps(struct kunit *test)
{
	const u64 tail = *(const u64 *)test->param_value;
	struct npu_queue *queue = npu_ring_queue(test);
	struct npu_fence *fence;

	npu_ring_age(test, tail, 100);
	fence = npu_ring_job(test, 3);
	for (u32 i = 0; i < 3; i++) {
		const struct npu_packet_call *call =
			queue->memory + ((tail + i) & (NPU_RING_PACKETS - 1)) * NPU_PACKET_SIZE;

		KUNIT_EXPECT_EQ(test, call->header.opcode, NPU_PACKET_CALL);
		KUNIT_EXPECT_EQ(test, call->header.tag, i);
	}
	KUNIT_EXPECT_EQ(test, queue->tail, tail + 4);
	KUNIT_EXPECT_EQ(test, npu_ring_doorbell_of(test), tail + 4);
	KUNIT_EXPECT_EQ(test, queue->control->event, tail + 4);
	npu_ring_card_writes(test, 101);
	KUNIT_EXPECT_TRUE(test, npu_ring_is_signalled(fence));
	npu_ring_put(test, fence);
}

/* Fence values beyond 32 bits, and beyond what is positive. */
static void npu_ring_test_fence_values(struct kunit *test)
{
	const u64 start = *(const u64 *)test->param_value;
	struct npu_fence *first, *second;

	npu_ring_age(test, 0, start);
	first = npu_ring_job(test, 0);
	second = npu_ring_job(test, 0);
	KUNIT_EXPECT_EQ(test, first->value, start + 1);
	npu_ring_card_writes(test, start);
	KUNIT_EXPECT_FALSE(test, npu_ring_is_signalled(first));
	npu_ring_card_writes(test, start + 1);
	KUNIT_EXPECT_TRUE(test, npu_ring_is_signalled(first));
	KUNIT_EXPECT_FALSE(test, npu_ring_is_signalled(second));
	npu_ring_card_writes(test, start + 2);
	KUNIT_EXPECT_TRUE(test, npu_ring_is_signalled(second));
	KUNIT_EXPECT_EQ(test, second->base.error, 0);
	KUNIT_EXPECT_FALSE(test, npu_ring_queue(test)->lied);
	npu_ring_put(test, first);
	npu_ring_put(test, second);
}

/* Two full jobs and what the card has not retired yet never meet in the ring. */
static void npu_ring_test_credits(struct kunit *test)
{
	/* The largest job: 64 commands and the fence (npu_job.c). */
	KUNIT_EXPECT_LE(test, 64 + 1, NPU_RING_CREDITS);
	KUNIT_EXPECT_LE(test, 2 * NPU_RING_CREDITS, NPU_RING_PACKETS);
	KUNIT_EXPECT_EQ(test, npu_ring_queue(test)->sched.credit_limit, NPU_RING_CREDITS);
}

static void npu_ring_test_refuses_after_error(struct kunit *test)
{
	struct npu_queue *queue = npu_ring_queue(test);
	struct npu_fence *fence = npu_fence_create(queue);

	KUNIT_ASSERT_NOT_NULL(test, fence);
	queue->error = -ECANCELED;
	KUNIT_EXPECT_EQ(test, npu_ring_write(queue, fence, NULL, 0), -ECANCELED);
	KUNIT_EXPECT_EQ(test, queue->tail, 0);
	KUNIT_EXPECT_EQ(test, queue->emitted, 0);
	KUNIT_EXPECT_EQ(test, npu_ring_doorbell_of(test), 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&queue->inflight));
	npu_ring_put(test, fence);
}

static void npu_ring_test_without_memory(struct kunit *test)
{
	struct npu_queue *queue = npu_ring_queue(test);
	struct npu_fence *fence = npu_fence_create(queue);
	void *memory = queue->memory;

	KUNIT_ASSERT_NOT_NULL(test, fence);
	queue->memory = NULL;
	KUNIT_EXPECT_EQ(test, npu_ring_write(queue, fence, NULL, 0), -ECANCELED);
	npu_ring_reap(queue);
	queue->memory = memory;
	KUNIT_EXPECT_TRUE(test, list_empty(&queue->inflight));
	npu_ring_put(test, fence);
}

/* ---- Doorbell and event ----------------------------------------------------------- */

static void npu_ring_test_wakes(struct kunit *test)
{
	struct npu_queue *queue = npu_ring_queue(test);
	struct npu_fence *fence;

	queue->control->need_wake = 1;
	fence = npu_ring_job(test, 1);
	KUNIT_EXPECT_NE(test, *npu_ring_wake_of(test), 0);
	npu_ring_card_writes(test, 1);
	npu_ring_put(test, fence);
}

static void npu_ring_test_lets_awake_be(struct kunit *test)
{
	struct npu_queue *queue = npu_ring_queue(test);
	struct npu_fence *fence;

	queue->control->need_wake = 0;
	fence = npu_ring_job(test, 1);
	KUNIT_EXPECT_EQ(test, *npu_ring_wake_of(test), 0);
	KUNIT_EXPECT_EQ(test, npu_ring_doorbell_of(test), 2);
	npu_ring_card_writes(test, 1);
	npu_ring_put(test, fence);
}

/* Armed for the oldest job, not for each. */
static void npu_ring_test_event(struct kunit *test)
{
	struct npu_queue *queue = npu_ring_queue(test);
	struct npu_fence *fences[3];

	for (int i = 0; i < ARRAY_SIZE(fences); i++)
		fences[i] = npu_ring_job(test, 1);
	KUNIT_EXPECT_EQ(test, queue->control->event, 2);
	npu_ring_card_writes(test, 1);
	KUNIT_EXPECT_EQ(test, queue->control->event, 4);
	npu_ring_card_writes(test, 3);
	/* Nothing in flight: what is there last is in the past. */
	KUNIT_EXPECT_EQ(test, queue->control->event, 4);
	for (int i = 0; i < ARRAY_SIZE(fences); i++)
		npu_ring_put(test, fences[i]);
}

/* ---- Fences ------------------------------------------------------------------------ */

static void npu_ring_test_in_order(struct kunit *test)
{
	struct npu_fence *fences[4];

	for (int i = 0; i < ARRAY_SIZE(fences); i++)
		fences[i] = npu_ring_job(test, 1);
	for (int i = 0; i < ARRAY_SIZE(fences); i++) {
		KUNIT_EXPECT_FALSE(test, npu_ring_is_signalled(fences[i]));
		npu_ring_card_writes(test, i + 1);
		KUNIT_EXPECT_TRUE(test, npu_ring_is_signalled(fences[i]));
		npu_ring_put(test, fences[i]);
	}
	KUNIT_EXPECT_EQ(test, npu_ring_queue(test)->jobs_done, ARRAY_SIZE(fences));
}

static void npu_ring_test_several(struct kunit *test)
{
	struct npu_fence *fences[4];

	for (int i = 0; i < ARRAY_SIZE(fences); i++)
		fences[i] = npu_ring_job(test, 1);
	npu_ring_card_writes(test, 3);
	for (int i = 0; i < ARRAY_SIZE(fences); i++)
		KUNIT_EXPECT_EQ(test, npu_ring_is_signalled(fences[i]), i < 3);
	npu_ring_card_writes(test, 4);
	for (int i = 0; i < ARRAY_SIZE(fences); i++)
		npu_ring_put(test, fences[i]);
}

static void npu_ring_test_reap_nothing(struct kunit *test)
{
	struct npu_fence *fence = npu_ring_job(test, 1);

	for (int i = 0; i < 3; i++)
		npu_ring_card_writes(test, 0);
	KUNIT_EXPECT_FALSE(test, npu_ring_is_signalled(fence));
	KUNIT_EXPECT_FALSE(test, npu_ring_queue(test)->lied);
	npu_ring_card_writes(test, 1);
	npu_ring_card_writes(test, 1);
	KUNIT_EXPECT_TRUE(test, npu_ring_is_signalled(fence));
	KUNIT_EXPECT_EQ(test, npu_ring_queue(test)->jobs_done, 1);
	npu_ring_put(test, fence);
}

/* What the card may not say after 2 of 3 jobs. */
static const struct npu_ring_lie {
	const char *name;
	u64 value;
} npu_ring_lies[] = {
	{ "one too many", 4 },
	{ "backwards", 1 },
	{ "from the beginning", 0 },
	{ "all ones", U64_MAX },
	{ "the top bit", 1ULL << 63 | 3 },
	{ "the upper half", 3ULL << 32 },
};

KUNIT_ARRAY_PARAM_DESC(npu_ring_lie, npu_ring_lies, name);

static void npu_ring_test_lie(struct kunit *test)
{
	const struct npu_ring_lie *lie = test->param_value;
	struct npu_ring_test *t = test->priv;
	struct npu_queue *queue = t->queue;
	struct npu_fence *fences[3];

	for (int i = 0; i < ARRAY_SIZE(fences); i++)
		fences[i] = npu_ring_job(test, 1);
	npu_ring_card_writes(test, 2);
	npu_ring_card_writes(test, lie->value);
	KUNIT_EXPECT_TRUE(test, queue->lied);
	KUNIT_EXPECT_EQ(test, queue->completed, 2);
	/* The recovery ends it: nothing that follows is believed. */
	flush_work(&t->fake->ndev->stopped_work);
	KUNIT_EXPECT_TRUE(test, npu_ring_is_signalled(fences[2]));
	KUNIT_EXPECT_EQ(test, fences[2]->base.error, -EIO);
	KUNIT_EXPECT_EQ(test, fences[1]->base.error, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&t->fake->seen[NPU_ADMIN_QUEUE_KILL]), 1);
	npu_ring_card_writes(test, 3);
	KUNIT_EXPECT_EQ(test, queue->completed, 2);
	KUNIT_EXPECT_TRUE(test, npu_is_live(t->fake->ndev));
	for (int i = 0; i < ARRAY_SIZE(fences); i++)
		npu_ring_put(test, fences[i]);
}

/* The interrupt of a vector is for all of its queues, and for no other. */
static void npu_ring_test_vector(struct kunit *test)
{
	struct npu_ring_test *t = test->priv;
	u32 handle = npu_fake_queue(t->fake, 1);
	struct npu_queue *other = npu_fake_queue_of(t->fake, handle);
	struct npu_fence *fence = npu_ring_job(test, 1), *second = npu_fence_create(other);

	KUNIT_ASSERT_NOT_NULL(test, second);
	KUNIT_ASSERT_EQ(test, npu_ring_write(other, second, NULL, 0), 0);
	*t->queue->fence = 1;
	*other->fence = 1;
	/* With two vectors all queues share the second. */
	npu_ring_reap_vector(&t->fake->ndev->vectors[0]);
	KUNIT_EXPECT_FALSE(test, npu_ring_is_signalled(fence));
	npu_ring_reap_vector(&t->fake->ndev->vectors[1]);
	KUNIT_EXPECT_TRUE(test, npu_ring_is_signalled(fence));
	KUNIT_EXPECT_TRUE(test, npu_ring_is_signalled(second));
	npu_ring_put(test, fence);
	npu_ring_put(test, second);
}

static int npu_ring_suite_init(struct kunit *test)
{
	struct npu_ring_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	int ret = npu_fake_init_live(test);

	if (ret || !t)
		return ret ?: -ENOMEM;
	t->fake = test->priv;
	test->priv = t;
	t->handle = npu_fake_queue(t->fake, npu_fake_vm(t->fake));
	t->queue = npu_fake_queue_of(t->fake, t->handle);
	return 0;
}

static void npu_ring_suite_exit(struct kunit *test)
{
	struct npu_ring_test *t = test->priv;

	test->priv = t->fake;
	npu_fake_exit(test);
}

static struct kunit_case npu_ring_cases[] = {
	KUNIT_CASE(npu_ring_test_new),
	KUNIT_CASE(npu_ring_test_job),
	KUNIT_CASE(npu_ring_test_signal_is_clean),
	KUNIT_CASE(npu_ring_test_packet_wraps),
	KUNIT_CASE_PARAM(npu_ring_test_wraps, npu_ring_tail_gen_params),
	KUNIT_CASE_PARAM(npu_ring_test_fence_values, npu_ring_tail_gen_params),
	KUNIT_CASE(npu_ring_test_credits),
	KUNIT_CASE(npu_ring_test_refuses_after_error),
	KUNIT_CASE(npu_ring_test_without_memory),
	KUNIT_CASE(npu_ring_test_wakes),
	KUNIT_CASE(npu_ring_test_lets_awake_be),
	KUNIT_CASE(npu_ring_test_event),
	KUNIT_CASE(npu_ring_test_in_order),
	KUNIT_CASE(npu_ring_test_several),
	KUNIT_CASE(npu_ring_test_reap_nothing),
	KUNIT_CASE_PARAM(npu_ring_test_lie, npu_ring_lie_gen_params),
	KUNIT_CASE(npu_ring_test_vector),
	{}
};

static struct kunit_suite npu_ring_suite = {
	.name = "npu_ring",
	.init = npu_ring_suite_init,
	.exit = npu_ring_suite_exit,
	.suite_exit = npu_fake_suite_exit,
	.test_cases = npu_ring_cases,
};

kunit_test_suite(npu_ring_suite);
