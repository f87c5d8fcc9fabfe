// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * Commands to the firmware: two rings in DMA memory (docs/card.md, "Admin
 * queue"). A command's tag is its slot; at most as many commands are
 * outstanding as a ring has entries, so neither ring overruns. Whatever the
 * card writes is copied once, then checked.
 */
#include <linux/bitops.h>
#include <linux/dma-mapping.h>

#include <drm/drm_managed.h>

#include "npu_device.h"
#include "npu_lost.h"

#define NPU_ADMIN_TIMEOUT_MS 4000
/* An interrupt that got lost costs this much, not the whole time-out. */
#define NPU_ADMIN_POLL_MS 100

int npu_admin_init(struct npu_device *ndev)
{
	struct npu_admin *admin = &ndev->admin;

	BUILD_BUG_ON(BITS_PER_TYPE(admin->busy) < NPU_ADMIN_ENTRIES);
	BUILD_BUG_ON(NPU_ADMIN_ENTRIES * NPU_ADMIN_ENTRY_SIZE > PAGE_SIZE);
	spin_lock_init(&admin->lock);
	init_waitqueue_head(&admin->free);
	for (int i = 0; i < NPU_ADMIN_ENTRIES; i++)
		init_completion(&admin->slots[i].done);
	/* Both rings want 4 KiB alignment, which coherent memory has. */
	admin->sq = dmam_alloc_coherent(&ndev->pdev->dev, 2 * PAGE_SIZE, &admin->dma, GFP_KERNEL);
	if (!admin->sq)
		return -ENOMEM;
	admin->cq = (void *)admin->sq + PAGE_SIZE;
	return 0;
}

void npu_admin_enable(struct npu_device *ndev)
{
	struct npu_admin *admin = &ndev->admin;

	/* Phases begin anew: nothing of an earlier life may look valid. */
	scoped_guard(spinlock, &admin->lock) {
		memset(admin->sq, 0, 2 * PAGE_SIZE);
		admin->head = 0;
		admin->tail = 0;
	}
	npu_write(ndev, NPU_REG_ADMIN_CTRL, 0);
	npu_write64(ndev, NPU_REG_ADMIN_SQ_LO, admin->dma);
	npu_write64(ndev, NPU_REG_ADMIN_CQ_LO, admin->dma + PAGE_SIZE);
	npu_write(ndev, NPU_REG_ADMIN_SIZE, NPU_ADMIN_ENTRIES);
	npu_write(ndev, NPU_REG_ADMIN_CTRL, NPU_ADMIN_ENABLE);
	scoped_guard(spinlock, &admin->lock)
		admin->enabled = true;
}

void npu_admin_disable(struct npu_device *ndev)
{
	struct npu_admin *admin = &ndev->admin;
	unsigned long slot, busy;

	spin_lock(&admin->lock);
	admin->enabled = false;
	admin->epoch++;
	busy = admin->busy;
	admin->busy = 0;
	for_each_set_bit(slot, &busy, NPU_ADMIN_ENTRIES)
		complete(&admin->slots[slot].done);
	spin_unlock(&admin->lock);
	wake_up_all(&admin->free);
}

void npu_admin_reap(struct npu_device *ndev)
{
	struct npu_admin *admin = &ndev->admin;

	spin_lock(&admin->lock);
	/* A lap at most: a card that turns phases for ever holds nobody here. */
	for (int i = 0; admin->enabled && i < NPU_ADMIN_ENTRIES; i++) {
		struct npu_admin_completion *entry = &admin->cq[admin->head % NPU_ADMIN_ENTRIES];
		u8 phase = 1 ^ ((admin->head / NPU_ADMIN_ENTRIES) & 1);
		u16 tag;

		if ((READ_ONCE(entry->phase) & 1) != phase)
			break;
		dma_rmb();	/* the rest of the entry is not older than its phase */
		tag = le16_to_cpu((__force __le16)READ_ONCE(entry->tag));
		if (tag >= NPU_ADMIN_ENTRIES || !(admin->busy & BIT(tag))) {
			dev_warn_ratelimited(&ndev->pdev->dev,
					     "completion %u has tag %u, which no command has: ignored\n",
					     admin->head, tag);
		} else {
			memcpy(&admin->slots[tag].answer, entry, sizeof(*entry));
			admin->busy &= ~BIT(tag);
			complete(&admin->slots[tag].done);
		}
		admin->head++;
	}
	spin_unlock(&admin->lock);
}

static bool npu_admin_claim(struct npu_admin *admin, int *slot, u32 *epoch)
{
	guard(spinlock)(&admin->lock);
	if (!admin->enabled) {
		*slot = -ENODEV;
		return true;
	}
	if (admin->claimed == GENMASK(NPU_ADMIN_ENTRIES - 1, 0))
		return false;
	*epoch = admin->epoch;
	*slot = ffz(admin->claimed);
	admin->claimed |= BIT(*slot);
	reinit_completion(&admin->slots[*slot].done);
	return true;
}

static void npu_admin_unclaim(struct npu_admin *admin, int slot)
{
	scoped_guard(spinlock, &admin->lock)
		admin->claimed &= ~BIT(slot);
	wake_up(&admin->free);
}

static int npu_admin_send(struct npu_device *ndev, int slot, u32 epoch, u8 opcode,
			  const void *args, size_t args_size)
{
	struct npu_admin *admin = &ndev->admin;
	struct npu_admin_command *command;

	guard(spinlock)(&admin->lock);
	if (!admin->enabled || admin->epoch != epoch)
		return -ENODEV;
	command = &admin->sq[admin->tail % NPU_ADMIN_ENTRIES];
	memset(command, 0, sizeof(*command));
	command->opcode = opcode;
	command->tag = (__force u16)cpu_to_le16(slot);
	if (args_size)
		memcpy(command->payload, args, args_size);
	admin->busy |= BIT(slot);
	admin->tail++;
	/* writel() orders the command before the doorbell. */
	npu_write(ndev, NPU_REG_ADMIN_TAIL, admin->tail);
	return 0;
}

/* False: no completion in time. */
static bool npu_admin_wait(struct npu_device *ndev, int slot)
{
	struct completion *done = &ndev->admin.slots[slot].done;

	for (int ms = 0; ms < NPU_ADMIN_TIMEOUT_MS; ms += NPU_ADMIN_POLL_MS) {
		if (wait_for_completion_timeout(done, msecs_to_jiffies(NPU_ADMIN_POLL_MS)))
			return true;
		npu_admin_reap(ndev);
	}
	return try_wait_for_completion(done);
}

static int npu_admin_errno(struct npu_device *ndev, u8 opcode, u8 status)
{
	switch (status) {
	case NPU_ADMIN_STATUS_OK:
		return 0;
	case NPU_ADMIN_STATUS_EXISTS:
		return -EEXIST;
	case NPU_ADMIN_STATUS_NOT_FOUND:
		return -ENOENT;
	case NPU_ADMIN_STATUS_BUSY:
		return -EBUSY;
	case NPU_ADMIN_STATUS_STATE:
		return -EBADFD;
	case NPU_ADMIN_STATUS_TIMEOUT:
		return -ETIMEDOUT;
	default:
		dev_warn_ratelimited(&ndev->pdev->dev,
				     "firmware refused command %u with status %u\n", opcode,
				     status);
		return -EIO;
	}
}

int npu_admin_run(struct npu_device *ndev, u8 opcode, const void *args, size_t args_size,
		  void *result, size_t result_size)
{
	struct npu_admin *admin = &ndev->admin;
	struct npu_admin_completion answer;
	int slot = -ENODEV, ret;
	u32 epoch = 0;

	might_sleep();
	if (!wait_event_timeout(admin->free, npu_admin_claim(admin, &slot, &epoch),
				msecs_to_jiffies(NPU_ADMIN_TIMEOUT_MS))) {
		npu_lost(ndev, "no room for an admin command");
		return -ENODEV;
	}
	if (slot < 0)
		return slot;
	ret = npu_admin_send(ndev, slot, epoch, opcode, args, args_size);
	if (ret) {
		npu_admin_unclaim(admin, slot);
		return ret;
	}
	if (!npu_admin_wait(ndev, slot)) {
		npu_lost(ndev, "the firmware did not answer a command");
		npu_admin_unclaim(admin, slot);
		return -ENODEV;
	}
	scoped_guard(spinlock, &admin->lock) {
		ret = admin->epoch == epoch ? 0 : -ENODEV;
		answer = admin->slots[slot].answer;
	}
	npu_admin_unclaim(admin, slot);
	if (ret)
		return ret;
	ret = npu_admin_errno(ndev, opcode, answer.status);
	if (!ret && result_size)
		memcpy(result, answer.payload, result_size);
	return ret;
}
