// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * System sleep. The card loses power, and with it contexts, queues and device
 * memory; processes must not notice:
 *
 *	suspend	no job starts any more; those on the card are waited for, as
 *		long as they get on; device memory moves to system memory
 *	resume	boot; contexts and queues are made again, empty; the next
 *		job of an address space brings its buffers back
 *
 * User space is frozen meanwhile, so no ioctl runs.
 */
#include <linux/pci.h>

#include "npu_device.h"
#include "npu_lost.h"
#include "npu_pm.h"
#include "npu_queue_sleep.h"
#include "npu_reset.h"
#include "npu_start.h"
#include "npu_ttm.h"
#include "npu_vm.h"

static int npu_pm_suspend(struct device *dev)
{
	struct npu_device *ndev = dev_get_drvdata(dev);
	int ret;

	guard(mutex)(&ndev->reset_lock);
	/* No reset meanwhile; a lost card has nothing to save. */
	ndev->reset_held = true;
	if (!npu_is_live(ndev))
		return 0;
	ret = npu_queue_pause_all(ndev);
	if (!ret)
		ret = npu_vm_wait_binds(ndev);
	if (!ret)
		ret = npu_ttm_evict_device(ndev);
	if (ret) {
		dev_err(dev, "no sleep (%d): %s\n", ret, ret == -EBUSY ?
			"a job or a bind takes too long" : "device memory could not be saved");
		ndev->reset_held = false;
		npu_queue_resume_all(ndev);
		return ret;
	}
	cancel_delayed_work_sync(&ndev->watchdog);
	atomic_set(&ndev->state, NPU_STATE_ASLEEP);
	npu_quiesce(ndev);
	return 0;
}

static int npu_pm_restore(struct npu_device *ndev)
{
	int ret;

	ret = npu_start(ndev);
	if (ret)
		return ret;
	ret = npu_vm_restore_all(ndev);
	if (ret)
		return ret;
	return npu_queue_restore_all(ndev);
}

static int npu_pm_resume(struct device *dev)
{
	struct npu_device *ndev = dev_get_drvdata(dev);
	int ret;

	guard(mutex)(&ndev->reset_lock);
	ndev->reset_held = false;
	if (atomic_read(&ndev->state) != NPU_STATE_ASLEEP) {
		npu_reset_schedule(ndev);
		return 0;
	}
	ret = npu_pm_restore(ndev);
	atomic_set(&ndev->state, NPU_STATE_LIVE);
	if (ret)
		npu_lost(ndev, "it did not come back from sleep");
	else
		npu_lost_start_watchdog(ndev);
	npu_queue_resume_all(ndev);
	/* The system wakes up without the card, too. */
	return 0;
}

DEFINE_SIMPLE_DEV_PM_OPS(npu_pm_ops, npu_pm_suspend, npu_pm_resume);
