// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* The PCI function: from the bus to a registered device, and back. */
#include <linux/dma-mapping.h>
#include <linux/module.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>

#include "npu_boot.h"
#include "npu_debugfs.h"
#include "npu_device.h"
#include "npu_doorbell.h"
#include "npu_drv.h"
#include "npu_hwmon.h"
#include "npu_irq.h"
#include "npu_lost.h"
#include "npu_pci.h"
#include "npu_pm.h"
#include "npu_prime.h"
#include "npu_queue.h"
#include "npu_reset.h"
#include "npu_start.h"
#include "npu_sysfs.h"
#include "npu_telemetry.h"
#include "npu_ttm.h"
#include "npu_vm.h"

static void npu_pci_disable(void *data)
{
	pci_disable_device(data);
}

static void npu_pci_release_regions(void *data)
{
	pci_release_regions(data);
}

static int npu_pci_map(struct npu_device *ndev)
{
	struct pci_dev *pdev = ndev->pdev;
	struct device *dev = &pdev->dev;
	int ret;

	ret = pci_enable_device(pdev);
	if (ret)
		return ret;
	ret = devm_add_action_or_reset(dev, npu_pci_disable, pdev);
	if (ret)
		return ret;
	ret = pci_request_regions(pdev, "npu");
	if (ret)
		return ret;
	ret = devm_add_action_or_reset(dev, npu_pci_release_regions, pdev);
	if (ret)
		return ret;
	if (pci_resource_len(pdev, NPU_BAR_REGS) < NPU_BAR_REGS_SIZE ||
	    pci_resource_len(pdev, NPU_BAR_DOORBELL) < NPU_BAR_DOORBELL_SIZE ||
	    !pci_resource_len(pdev, NPU_BAR_MEMORY))
		return dev_err_probe(dev, -ENODEV,
				     "BARs have %llu, %llu and %llu bytes: no card of ours\n",
				     (u64)pci_resource_len(pdev, NPU_BAR_REGS),
				     (u64)pci_resource_len(pdev, NPU_BAR_DOORBELL),
				     (u64)pci_resource_len(pdev, NPU_BAR_MEMORY));
	/* Page-table entries hold 52 bits of address. */
	ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(52));
	if (ret)
		return ret;
	dma_set_max_seg_size(dev, UINT_MAX);
	ndev->memory_phys = pci_resource_start(pdev, NPU_BAR_MEMORY);
	ndev->regs = devm_ioremap(dev, pci_resource_start(pdev, NPU_BAR_REGS), NPU_BAR_REGS_SIZE);
	ndev->doorbells_phys = pci_resource_start(pdev, NPU_BAR_DOORBELL);
	ndev->doorbells = devm_ioremap(dev, ndev->doorbells_phys, NPU_BAR_DOORBELL_SIZE);
	ndev->memory = devm_ioremap_wc(dev, ndev->memory_phys,
				       pci_resource_len(pdev, NPU_BAR_MEMORY));
	return ndev->regs && ndev->doorbells && ndev->memory ? 0 : -ENOMEM;
}

static void npu_pci_cleanup_srcu(struct drm_device *drm, void *srcu)
{
	cleanup_srcu_struct(srcu);
}

static void npu_pci_destroy_wq(struct drm_device *drm, void *wq)
{
	destroy_workqueue(wq);
}

/* What lives as long as the DRM device, open files included. */
static int npu_pci_init_objects(struct npu_device *ndev)
{
	int ret;

	xa_init_flags(&ndev->contexts, XA_FLAGS_ALLOC1);
	mutex_init(&ndev->fault_lock);
	mutex_init(&ndev->time_lock);
	mutex_init(&ndev->quota_lock);
	init_rwsem(&ndev->turns);
	xa_init(&ndev->quotas);
	npu_queue_init_device(ndev);
	npu_prime_init_device(ndev);
	npu_stream_init_device(ndev);
	npu_lost_init(ndev);
	npu_reset_init(ndev);
	ret = init_srcu_struct(&ndev->ioctl_srcu);
	if (ret)
		return ret;
	ret = drmm_add_action_or_reset(&ndev->drm, npu_pci_cleanup_srcu, &ndev->ioctl_srcu);
	if (ret)
		return ret;
	ret = npu_doorbell_init_device(ndev);
	if (ret)
		return ret;
	ndev->preempt_wq = alloc_workqueue("npu-preempt", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!ndev->preempt_wq)
		return -ENOMEM;
	ret = drmm_add_action_or_reset(&ndev->drm, npu_pci_destroy_wq, ndev->preempt_wq);
	if (ret)
		return ret;
	ndev->sched_wq = alloc_workqueue("npu-sched", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!ndev->sched_wq)
		return -ENOMEM;
	ret = drmm_add_action_or_reset(&ndev->drm, npu_pci_destroy_wq, ndev->sched_wq);
	if (ret)
		return ret;
	ndev->recovery_wq = alloc_ordered_workqueue("npu-recovery", WQ_MEM_RECLAIM);
	if (!ndev->recovery_wq)
		return -ENOMEM;
	return drmm_add_action_or_reset(&ndev->drm, npu_pci_destroy_wq, ndev->recovery_wq);
}

static int npu_pci_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct npu_device *ndev;
	int ret;

	ndev = devm_drm_dev_alloc(&pdev->dev, &npu_drm_driver, struct npu_device, drm);
	if (IS_ERR(ndev))
		return PTR_ERR(ndev);
	ndev->pdev = pdev;
	pci_set_drvdata(pdev, ndev);
	ret = npu_pci_map(ndev);
	if (ret)
		return ret;
	ret = npu_boot_identify(ndev);
	if (ret)
		return ret;
	ret = npu_pci_init_objects(ndev);
	if (ret)
		return ret;
	ret = npu_admin_init(ndev);
	if (ret)
		return ret;
	ret = npu_copy_init(ndev);
	if (ret)
		return ret;
	ret = npu_telemetry_init(ndev);
	if (ret)
		return ret;
	ret = npu_ttm_init(ndev);
	if (ret)
		return ret;
	ret = npu_irq_init(ndev);
	if (ret)
		return ret;
	ret = npu_start(ndev);
	if (ret)
		goto quiesce;
	atomic_set(&ndev->state, NPU_STATE_LIVE);
	ret = npu_hwmon_init(ndev);
	if (ret)
		goto quiesce;
	npu_debugfs_init(ndev);
	ret = drm_dev_register(&ndev->drm, 0);
	if (ret)
		goto quiesce;
	/* What PCIe error recovery restores. */
	pci_save_state(pdev);
	npu_lost_start_watchdog(ndev);
	dev_info(&pdev->dev,
		 "card %016llx: %llu MiB, %u slots, firmware %u.%u.%u (%s), %u vectors\n",
		 ndev->serial, ndev->memory_size >> 20, ndev->slots,
		 ndev->firmware.version >> 24, (ndev->firmware.version >> 16) & 0xff,
		 ndev->firmware.version & 0xffff, ndev->firmware.build_id, ndev->vector_count);
	return 0;

quiesce:
	atomic_set(&ndev->state, NPU_STATE_GONE);
	npu_reset_stop(ndev);
	npu_lost_stop(ndev);
	npu_quiesce(ndev);
	npu_irq_fini(ndev);
	return ret;
}

static void npu_pci_remove(struct pci_dev *pdev)
{
	struct npu_device *ndev = pci_get_drvdata(pdev);

	/* Waits for every ioctl, none begins any more; mappings fault, and get zeros. */
	drm_dev_unplug(&ndev->drm);
	npu_stream_end(ndev, true);
	atomic_set(&ndev->state, NPU_STATE_GONE);
	npu_reset_stop(ndev);
	npu_lost_stop(ndev);
	npu_quiesce(ndev);
	npu_irq_fini(ndev);
	npu_queue_stop_all(ndev);
	npu_vm_detach_all(ndev);
	npu_ttm_detach(ndev);
}

/* kexec, reboot: the next kernel must not find the card writing to memory. */
static void npu_pci_shutdown(struct pci_dev *pdev)
{
	struct npu_device *ndev = pci_get_drvdata(pdev);

	/* Before the state: who waits for the copy engine goes on then. */
	pci_clear_master(pdev);
	atomic_set(&ndev->state, NPU_STATE_GONE);
	npu_reset_stop(ndev);
	npu_lost_stop(ndev);
	npu_quiesce(ndev);
}

static const struct pci_device_id npu_pci_ids[] = {
	{ PCI_DEVICE(NPU_PCI_VENDOR_ID, NPU_PCI_DEVICE_ID) },
	{ }
};
MODULE_DEVICE_TABLE(pci, npu_pci_ids);

struct pci_driver npu_pci_driver = {
	.name = "npu",
	.id_table = npu_pci_ids,
	.probe = npu_pci_probe,
	.remove = npu_pci_remove,
	.shutdown = npu_pci_shutdown,
	.err_handler = &npu_pci_error_handlers,
	.dev_groups = npu_sysfs_groups,
	.driver.pm = pm_sleep_ptr(&npu_pm_ops),
};
