// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * Resets.
 *
 * A reset ends everything that is on the card: fences signal with -ENODEV,
 * and files that were open get -ENODEV for ever (npu_file.generation); whoever
 * opens the node anew finds a working card. It happens
 *
 *	- when the card was lost but still shows its registers, by itself,
 *	- around a function-level reset that the operator asks the kernel for,
 *	- when PCIe error recovery has reset the link.
 *
 * A card that is lost again and again stays lost. User space is told by the
 * uevent WEDGED of the accelerator's node: "none" it works again, "rebind" the
 * driver must be bound anew.
 */
#include <linux/delay.h>
#include <linux/kobject.h>
#include <linux/pci.h>
#include <linux/srcu.h>

#include "npu_device.h"
#include "npu_event.h"
#include "npu_lost.h"
#include "npu_mmap.h"
#include "npu_queue.h"
#include "npu_queue_end.h"
#include "npu_reset.h"
#include "npu_start.h"
#include "npu_vm.h"

/* So many resets in so long a time, and the card stays lost. */
#define NPU_RESETS_MAX		3
#define NPU_RESETS_WINDOW_S	60
#define NPU_RESET_RETRY_MS	1000

/* drm_dev_wedged_event() sends this from the primary node, which we have not. */
static void npu_reset_announce(struct npu_device *ndev, bool works)
{
	char wedged[sizeof("WEDGED=rebind")];
	char *environment[2] = {};

	snprintf(wedged, sizeof(wedged), "WEDGED=%s", works ? "none" : "rebind");
	environment[0] = wedged;
	kobject_uevent_env(&ndev->drm.accel->kdev->kobj, KOBJ_CHANGE, environment);
	npu_event_reset(ndev, works);
	npu_stream_end(ndev, !works);
}

/* Takes everything off a card that is not live any more. Waits for ioctls, not for fences. */
static void npu_reset_clear(struct npu_device *ndev)
{
	lockdep_assert_held(&ndev->reset_lock);
	cancel_delayed_work_sync(&ndev->watchdog);
	/* Ioctls may wait for fences, and one may still be making a queue. */
	npu_queue_abandon_all(ndev);
	npu_vm_abandon_binds(ndev);
	synchronize_srcu(&ndev->ioctl_srcu);
	npu_mmap_zap(ndev);
	npu_queue_abandon_all(ndev);
	/* Nothing of the old life acts on the new one. */
	flush_workqueue(ndev->recovery_wq);
	npu_queue_stop_all(ndev);
	npu_vm_detach_all(ndev);
}

/* Boots a card that was cleared. */
static int npu_reset_revive(struct npu_device *ndev)
{
	int old = NPU_STATE_LOST, ret;

	lockdep_assert_held(&ndev->reset_lock);
	ret = npu_start(ndev);
	if (ret) {
		npu_quiesce(ndev);
		return ret;
	}
	atomic_inc(&ndev->generation);
	WRITE_ONCE(ndev->lost_reason, NULL);
	/* Unbinding may have begun. */
	if (!atomic_try_cmpxchg(&ndev->state, &old, NPU_STATE_LIVE))
		return -ENODEV;
	npu_lost_start_watchdog(ndev);
	return 0;
}

/* Not more often than makes sense. */
static bool npu_reset_is_allowed(struct npu_device *ndev)
{
	time64_t now = ktime_get_seconds();

	if (now - ndev->reset_window > NPU_RESETS_WINDOW_S) {
		ndev->reset_window = now;
		ndev->resets_in_window = 0;
	}
	return ndev->resets_in_window++ < NPU_RESETS_MAX;
}

/* Boots it, again if need be: what made it fail may pass. */
static int npu_reset_try(struct npu_device *ndev)
{
	int ret = -EAGAIN;

	while (ret && atomic_read(&ndev->state) == NPU_STATE_LOST && npu_reset_is_allowed(ndev)) {
		ret = npu_reset_revive(ndev);
		if (ret)
			msleep(NPU_RESET_RETRY_MS);
	}
	return ret;
}

static void npu_reset_work(struct work_struct *work)
{
	struct npu_device *ndev = container_of(work, struct npu_device, reset_work);
	struct device *dev = &ndev->pdev->dev;
	int ret;

	guard(mutex)(&ndev->reset_lock);
	if (ndev->reset_held || atomic_read(&ndev->state) != NPU_STATE_LOST)
		return;
	npu_reset_clear(ndev);
	if (npu_read(ndev, NPU_REG_ID) != NPU_ID_MAGIC) {
		dev_err(dev, "no reset: the card does not answer; bind the driver anew once it does\n");
	} else {
		ret = npu_reset_try(ndev);
		if (!ret) {
			dev_info(dev, "card was reset and works again; processes must open it anew\n");
			npu_reset_announce(ndev, true);
			return;
		}
		dev_err(dev, "resets (%u within %u s) did not help; bind the driver anew to try again\n",
			NPU_RESETS_MAX, NPU_RESETS_WINDOW_S);
	}
	npu_reset_announce(ndev, false);
}

void npu_reset_init(struct npu_device *ndev)
{
	mutex_init(&ndev->reset_lock);
	INIT_WORK(&ndev->reset_work, npu_reset_work);
}

void npu_reset_schedule(struct npu_device *ndev)
{
	queue_work(ndev->sched_wq, &ndev->reset_work);
}

void npu_reset_stop(struct npu_device *ndev)
{
	cancel_work_sync(&ndev->reset_work);
}

/* ---- PCI core ---------------------------------------------------------------- */

/* Somebody else resets the card: hands off until npu_reset_release(). */
static void npu_reset_hold(struct npu_device *ndev, const char *reason)
{
	int old = NPU_STATE_LIVE;

	guard(mutex)(&ndev->reset_lock);
	ndev->reset_held = true;
	/* Before the state: who waits for the copy engine goes on then. */
	pci_clear_master(ndev->pdev);
	if (atomic_try_cmpxchg(&ndev->state, &old, NPU_STATE_LOST))
		WRITE_ONCE(ndev->lost_reason, reason);
	/* Before anything that the card uses is freed. */
	npu_quiesce(ndev);
	npu_reset_clear(ndev);
}

static int npu_reset_release(struct npu_device *ndev)
{
	int ret;

	guard(mutex)(&ndev->reset_lock);
	ndev->reset_held = false;
	ret = npu_reset_revive(ndev);
	if (ret)
		dev_err(&ndev->pdev->dev,
			"card did not start after its reset (%d); bind the driver anew to try again\n",
			ret);
	else
		dev_info(&ndev->pdev->dev,
			 "card was reset and works again; processes must open it anew\n");
	npu_reset_announce(ndev, !ret);
	return ret;
}

static void npu_pci_reset_prepare(struct pci_dev *pdev)
{
	npu_reset_hold(pci_get_drvdata(pdev), "it is being reset");
}

static void npu_pci_reset_done(struct pci_dev *pdev)
{
	npu_reset_release(pci_get_drvdata(pdev));
}

static pci_ers_result_t npu_pci_error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	if (state == pci_channel_io_normal)
		return PCI_ERS_RESULT_CAN_RECOVER;
	npu_reset_hold(pci_get_drvdata(pdev), "its PCIe link reported an error");
	return state == pci_channel_io_perm_failure ? PCI_ERS_RESULT_DISCONNECT :
						      PCI_ERS_RESULT_NEED_RESET;
}

static pci_ers_result_t npu_pci_slot_reset(struct pci_dev *pdev)
{
	pci_restore_state(pdev);
	/* For the next time: restoring forgets what was saved. */
	pci_save_state(pdev);
	return npu_reset_release(pci_get_drvdata(pdev)) ? PCI_ERS_RESULT_DISCONNECT :
							  PCI_ERS_RESULT_RECOVERED;
}

const struct pci_error_handlers npu_pci_error_handlers = {
	.reset_prepare = npu_pci_reset_prepare,
	.reset_done = npu_pci_reset_done,
	.error_detected = npu_pci_error_detected,
	.slot_reset = npu_pci_slot_reset,
};
