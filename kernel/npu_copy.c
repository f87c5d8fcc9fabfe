// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * The card's copy engine moves and scrubs buffers.
 *
 * The driver has a context and a queue of its own, the last number of each,
 * which no process can name. Nothing is mapped there but the ring and, while a
 * copy runs, the memory that it is about: two windows of addresses, one for
 * each side. What is larger than a window is done in rounds.
 *
 * Copies are synchronous. Whoever moves a buffer waits for its jobs before and
 * needs it right after, and when a copy fails the CPU must be able to do it
 * while both sides are still there (docs/decisions.md). The wait polls: rounds
 * take a few ms, and an interrupt costs a VM more than a timer.
 *
 * What can end a copy, and why both sides are quiet then:
 *	the fence		the engine is done
 *	the queue stopped,	QUEUE_DESTROY has completed; if it does not, the
 *	or no progress		card is lost
 *	state other than live	bus mastering is off before the state changes,
 *				and device memory is not handed on before the
 *				card was reset
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/seq_file.h>

#include <npu/npu_packet.h>

#include "npu_copy.h"
#include "npu_device.h"
#include "npu_lost.h"
#include "npu_ring.h"

#define NPU_COPY_WINDOW		SZ_32M
#define NPU_COPY_SYSTEM_VA	SZ_1G
/* Device memory keeps its offset in a large page, so that large pages fit. */
#define NPU_COPY_DEVICE_VA	(NPU_COPY_SYSTEM_VA + NPU_COPY_WINDOW)
#define NPU_COPY_WINDOWS_SIZE	(2 * NPU_COPY_WINDOW + NPU_LARGE_PAGE_SIZE)

#define NPU_COPY_RING_VA	NPU_MMU_USER_END
#define NPU_COPY_CONTROL	PAGE_SIZE
#define NPU_COPY_FENCE		(PAGE_SIZE + 512)
#define NPU_COPY_MEMORY		(2 * PAGE_SIZE)

/* A round without progress for so long, or that takes so long, has failed. */
#define NPU_COPY_STALL_MS	2000
#define NPU_COPY_TIMEOUT_MS	20000

static struct npu_queue_control *npu_copy_control(struct npu_copy *copy)
{
	return copy->memory + NPU_COPY_CONTROL;
}

/* ---- The queue on the card --------------------------------------------------- */

static int npu_copy_create_queue(struct npu_device *ndev)
{
	struct npu_copy *copy = &ndev->copy;
	const struct npu_admin_queue_create_args args = {
		.queue = ndev->queues_max,
		.context = copy->mmu.context,
		.ring_va = NPU_COPY_RING_VA,
		.control_va = NPU_COPY_RING_VA + NPU_COPY_CONTROL,
		.flags = NPU_QUEUE_PRIVILEGED,
		.ring_shift = NPU_RING_SHIFT_MIN,
		/* Who waits holds reservations: no process's queue goes first. */
		.priority = NPU_QUEUE_PRIORITY_REALTIME,
	};

	lockdep_assert_held(&copy->lock);
	memset(copy->memory, 0, NPU_COPY_MEMORY);
	npu_copy_control(copy)->need_wake = 1;
	copy->tail = 0;
	copy->value = 0;
	return npu_admin_run(ndev, NPU_ADMIN_QUEUE_CREATE, &args, sizeof(args), NULL, 0);
}

int npu_copy_start(struct npu_device *ndev)
{
	struct npu_copy *copy = &ndev->copy;
	struct npu_admin_context_args args = { .root = npu_mmu_root(&copy->mmu) };
	int ret;

	guard(mutex)(&copy->lock);
	copy->mmu.context = ndev->contexts_max;
	args.context = copy->mmu.context;
	ret = npu_admin_run(ndev, NPU_ADMIN_CONTEXT_CREATE, &args, sizeof(args), NULL, 0);
	if (!ret)
		ret = npu_copy_create_queue(ndev);
	copy->ready = !ret;
	return ret;
}

void npu_copy_stop(struct npu_device *ndev)
{
	guard(mutex)(&ndev->copy.lock);
	ndev->copy.ready = false;
}

/* A copy failed: the queue is taken off the card, and made anew. */
static void npu_copy_recover(struct npu_device *ndev, int error)
{
	struct npu_copy *copy = &ndev->copy;
	const struct npu_admin_queue_args args = { .queue = ndev->queues_max };
	int ret;

	copy->ready = false;
	if (error == -ENODEV)
		return;
	dev_warn_ratelimited(&ndev->pdev->dev,
			     "copy engine failed (%d, error %u): the CPU copies instead\n", error,
			     READ_ONCE(npu_copy_control(copy)->error));
	ret = npu_admin_run(ndev, NPU_ADMIN_QUEUE_DESTROY, &args, sizeof(args), NULL, 0);
	if (ret && ret != -ENODEV && ret != -ENOENT)
		npu_lost(ndev, "the copy engine does not let go of the driver's queue");
	else if (!ret)
		copy->ready = !npu_copy_create_queue(ndev);
}

/* ---- One round ------------------------------------------------------------------ */

static bool npu_copy_is_done(struct npu_copy *copy)
{
	u64 *fence = copy->memory + NPU_COPY_FENCE;

	if (le64_to_cpu((__force __le64)READ_ONCE(*fence)) != copy->value)
		return false;
	dma_rmb();	/* what the engine wrote is not older than its fence */
	return true;
}

/* False: not since @progress, which is brought up to date. */
static bool npu_copy_gets_on(struct npu_device *ndev, u64 *progress)
{
	const struct npu_admin_queue_args args = { .queue = ndev->queues_max };
	struct npu_admin_queue_result r;
	u64 before = *progress;

	if (npu_admin_run(ndev, NPU_ADMIN_QUEUE_QUERY, &args, sizeof(args), &r, sizeof(r)))
		return false;
	*progress = r.progress;
	return *progress != before;
}

static int npu_copy_wait(struct npu_device *ndev)
{
	struct npu_copy *copy = &ndev->copy;
	const ktime_t end = ktime_add_ms(ktime_get(), NPU_COPY_TIMEOUT_MS);
	ktime_t look = ktime_add_ms(ktime_get(), NPU_COPY_STALL_MS);
	u64 progress = U64_MAX;

	while (!npu_copy_is_done(copy)) {
		if (!npu_is_live(ndev))
			return -ENODEV;
		if (READ_ONCE(npu_copy_control(copy)->state) == NPU_QUEUE_STATE_STOPPED)
			return -EIO;
		if (ktime_after(ktime_get(), look)) {
			if (ktime_after(ktime_get(), end) || !npu_copy_gets_on(ndev, &progress))
				return npu_copy_is_done(copy) ? 0 : -ETIMEDOUT;
			look = ktime_add_ms(ktime_get(), NPU_COPY_STALL_MS);
		}
		usleep_range(20, 100);
	}
	return 0;
}

static void npu_copy_emit(struct npu_copy *copy, const void *packet)
{
	memcpy(copy->memory + (copy->tail++ % BIT(NPU_RING_SHIFT_MIN)) * NPU_PACKET_SIZE, packet,
	       NPU_PACKET_SIZE);
}

/* Runs a packet; the windows are mapped, and are not any more when it returns. */
static int npu_copy_run(struct npu_device *ndev, const void *packet)
{
	struct npu_copy *copy = &ndev->copy;
	struct npu_packet_fence_signal signal = {
		.header.opcode = NPU_PACKET_FENCE_SIGNAL,
		.address = NPU_COPY_RING_VA + NPU_COPY_FENCE,
		.value = ++copy->value,
	};
	int ret;

	lockdep_assert_held(&copy->lock);
	npu_copy_emit(copy, packet);
	npu_copy_emit(copy, &signal);
	npu_ring_doorbell(ndev, ndev->queues_max, copy->tail, npu_copy_control(copy));
	ret = npu_copy_wait(ndev);
	if (ret)
		npu_copy_recover(ndev, ret);
	npu_mmu_unmap(&copy->mmu, NPU_COPY_SYSTEM_VA, NPU_COPY_WINDOWS_SIZE);
	npu_mmu_flush(&copy->mmu, NPU_COPY_SYSTEM_VA, NPU_COPY_WINDOWS_SIZE);
	return ret;
}

/* Maps device memory into its window; returns the address. */
static u64 npu_copy_map_device(struct npu_copy *copy, u64 offset, u64 size, u64 flags)
{
	const u64 va = NPU_COPY_DEVICE_VA + offset % NPU_LARGE_PAGE_SIZE;

	npu_mmu_map(&copy->mmu, va, offset, size, NPU_PTE_DEVICE | flags);
	return va;
}

/* ---- What the driver asks for ------------------------------------------------------ */

int npu_copy_move(struct npu_device *ndev, struct sg_table *sgt, u64 offset, u64 size,
		  bool to_device)
{
	struct npu_copy *copy = &ndev->copy;
	const u64 all = size;
	int ret = 0;

	guard(mutex)(&copy->lock);
	for (u64 at = 0; size; ) {
		struct npu_packet_copy packet = {
			.header.opcode = NPU_PACKET_COPY,
			.size = min_t(u64, size, NPU_COPY_WINDOW),
		};
		u64 device;

		if (!copy->ready || !npu_is_live(ndev))
			return -ENODEV;
		device = npu_copy_map_device(copy, offset + at, packet.size,
					     to_device ? NPU_PTE_WRITE : 0);
		npu_mmu_map_sgtable(&copy->mmu, NPU_COPY_SYSTEM_VA, sgt, at, packet.size,
				    to_device ? 0 : NPU_PTE_WRITE);
		packet.source = to_device ? NPU_COPY_SYSTEM_VA : device;
		packet.destination = to_device ? device : NPU_COPY_SYSTEM_VA;
		ret = npu_copy_run(ndev, &packet);
		if (ret)
			return ret;
		at += packet.size;
		size -= packet.size;
	}
	atomic64_add(all, &copy->moved);
	return 0;
}

int npu_copy_clear(struct npu_device *ndev, u64 offset, u64 size)
{
	struct npu_copy *copy = &ndev->copy;
	const u64 all = size;
	int ret;

	guard(mutex)(&copy->lock);
	while (size) {
		struct npu_packet_fill packet = {
			.header.opcode = NPU_PACKET_FILL,
			.size = min_t(u64, size, NPU_COPY_WINDOW),
		};

		if (!copy->ready || !npu_is_live(ndev))
			return -ENODEV;
		packet.destination = npu_copy_map_device(copy, offset, packet.size, NPU_PTE_WRITE);
		ret = npu_copy_run(ndev, &packet);
		if (ret)
			return ret;
		offset += packet.size;
		size -= packet.size;
	}
	atomic64_add(all, &copy->cleared);
	return 0;
}

/* ---- Life ---------------------------------------------------------------------------- */

static void npu_copy_free_tables(void *mmu)
{
	npu_mmu_fini(mmu);
}

int npu_copy_init(struct npu_device *ndev)
{
	struct device *dev = &ndev->pdev->dev;
	struct npu_copy *copy = &ndev->copy;
	int ret;

	BUILD_BUG_ON(NPU_PACKET_SIZE << NPU_RING_SHIFT_MIN > PAGE_SIZE);
	mutex_init(&copy->lock);
	copy->memory = dmam_alloc_coherent(dev, NPU_COPY_MEMORY, &copy->dma, GFP_KERNEL);
	if (!copy->memory)
		return -ENOMEM;
	ret = npu_mmu_init(&copy->mmu, ndev);
	if (ret)
		return ret;
	ret = devm_add_action_or_reset(dev, npu_copy_free_tables, &copy->mmu);
	if (ret)
		return ret;
	/* All tables there will ever be: copies allocate nothing. */
	ret = npu_mmu_prepare(&copy->mmu, NPU_COPY_SYSTEM_VA, NPU_COPY_WINDOWS_SIZE);
	if (!ret)
		ret = npu_mmu_prepare(&copy->mmu, NPU_COPY_RING_VA, NPU_COPY_MEMORY);
	if (ret)
		return ret;
	npu_mmu_map(&copy->mmu, NPU_COPY_RING_VA, copy->dma, NPU_COPY_MEMORY,
		    NPU_PTE_WRITE | NPU_PTE_PRIV | NPU_PTE_SNOOP);
	return 0;
}

void npu_copy_show(struct npu_device *ndev, struct seq_file *m)
{
	struct npu_copy *copy = &ndev->copy;

	seq_printf(m, "moved by the copy engine: %lld bytes\n", atomic64_read(&copy->moved));
	seq_printf(m, "cleared by the copy engine: %lld bytes\n", atomic64_read(&copy->cleared));
	seq_printf(m, "moved by the CPU: %lld bytes\n", atomic64_read(&copy->moved_by_cpu));
	seq_printf(m, "cleared by the CPU: %lld bytes\n", atomic64_read(&copy->cleared_by_cpu));
}
