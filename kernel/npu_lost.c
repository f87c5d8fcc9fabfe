// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * Losing the card. A watchdog looks at it each second (also for what
 * interrupts should have said), and whoever waits for it in vain says so: then
 * nothing waits for it any more. Fences signal with -ENODEV, ioctls return it,
 * the driver can be unbound; a reset is tried (npu_reset.c).
 */
#include <linux/bitfield.h>
#include <linux/pci.h>

#include "npu_boot.h"
#include "npu_device.h"
#include "npu_event.h"
#include "npu_irq.h"
#include "npu_lost.h"
#include "npu_queue_end.h"
#include "npu_reset.h"
#include "npu_vm.h"

#define NPU_WATCHDOG_MS 1000
/* The firmware beats each 100 ms; under load its core may get little time. */
#define NPU_WATCHDOG_MISSES 4

static void npu_lost_work(struct work_struct *work)
{
	struct npu_device *ndev = container_of(work, struct npu_device, lost_work);

	/* A reset may have been quicker. */
	if (atomic_read(&ndev->state) != NPU_STATE_LOST)
		return;
	npu_queue_abandon_all(ndev);
	npu_vm_abandon_binds(ndev);
	npu_reset_schedule(ndev);
}

static void npu_watchdog(struct work_struct *work)
{
	struct npu_device *ndev = container_of(work, struct npu_device, watchdog.work);
	u32 status, beat;

	if (!npu_is_live(ndev))
		return;
	status = npu_read(ndev, NPU_REG_BOOT_STATUS);
	if (status == ~0u && npu_read(ndev, NPU_REG_ID) == ~0u) {
		npu_lost(ndev, "it has fallen off the bus (registers read all ones)");
		return;
	}
	if (FIELD_GET(NPU_BOOT_STATE_MASK, status) != NPU_BOOT_STATE_READY) {
		npu_lost(ndev, npu_boot_reason(status));
		return;
	}
	beat = npu_read(ndev, NPU_REG_HEARTBEAT);
	if (beat != ndev->heartbeat) {
		ndev->heartbeat_misses = 0;
	} else if (++ndev->heartbeat_misses >= NPU_WATCHDOG_MISSES) {
		npu_lost(ndev, "its firmware's heartbeat stands still");
		return;
	}
	ndev->heartbeat = beat;
	npu_irq_look(ndev);
	npu_event_watch(ndev);
	queue_delayed_work(ndev->sched_wq, &ndev->watchdog, msecs_to_jiffies(NPU_WATCHDOG_MS));
}

void npu_lost_init(struct npu_device *ndev)
{
	INIT_WORK(&ndev->lost_work, npu_lost_work);
	INIT_DELAYED_WORK(&ndev->watchdog, npu_watchdog);
}

void npu_lost_start_watchdog(struct npu_device *ndev)
{
	queue_delayed_work(ndev->sched_wq, &ndev->watchdog, msecs_to_jiffies(NPU_WATCHDOG_MS));
}

void npu_lost(struct npu_device *ndev, const char *reason)
{
	int old = NPU_STATE_LIVE;

	/*
	 * First of all: whoever waits for the card is about to give up, and to
	 * free what the card may still write to.
	 */
	pci_clear_master(ndev->pdev);
	if (!atomic_try_cmpxchg(&ndev->state, &old, NPU_STATE_LOST)) {
		/* While it starts, whoever starts it finds out; nobody waits for ever. */
		npu_admin_disable(ndev);
		return;
	}
	WRITE_ONCE(ndev->lost_reason, reason);
	dev_err(&ndev->pdev->dev,
		"card lost: %s; its jobs end with ENODEV\n", reason);
	npu_admin_disable(ndev);
	npu_event_lost(ndev);
	queue_work(ndev->recovery_wq, &ndev->lost_work);
}

void npu_lost_stop(struct npu_device *ndev)
{
	cancel_delayed_work_sync(&ndev->watchdog);
	cancel_work_sync(&ndev->stopped_work);
	cancel_work_sync(&ndev->lost_work);
}
