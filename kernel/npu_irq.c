// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* Interrupts. */
#include <linux/interrupt.h>
#include <linux/pci.h>

#include "npu_boot.h"
#include "npu_device.h"
#include "npu_fault.h"
#include "npu_irq.h"
#include "npu_lost.h"
#include "npu_ring.h"

#define NPU_IRQ_CAUSES (NPU_IRQ_ADMIN | NPU_IRQ_FAULT | NPU_IRQ_QUEUE | NPU_IRQ_CRASH)

/* Looks for what vector 0 says; it may have said nothing. */
static void npu_irq_look_at_causes(struct npu_device *ndev)
{
	u32 causes = npu_read(ndev, NPU_REG_IRQ_STATUS);

	if (causes == ~0u) {
		if (npu_read(ndev, NPU_REG_ID) == ~0u)
			npu_lost(ndev, "it has fallen off the bus (registers read all ones)");
		return;
	}
	if (!causes)
		return;
	/* Cleared before they are looked at: a cause that comes now raises again. */
	npu_write(ndev, NPU_REG_IRQ_STATUS, causes);
	/* Posted: it must have arrived before memory is looked at. */
	npu_read(ndev, NPU_REG_IRQ_STATUS);
	if (causes & NPU_IRQ_FAULT)
		npu_fault_drain(ndev);
	if (causes & NPU_IRQ_ADMIN)
		npu_admin_reap(ndev);
	if (causes & NPU_IRQ_QUEUE)
		queue_work(ndev->recovery_wq, &ndev->stopped_work);
	if (causes & NPU_IRQ_CRASH)
		npu_lost(ndev, npu_boot_reason(npu_read(ndev, NPU_REG_BOOT_STATUS)));
}

/* A thread: each register access leaves the guest in a VM, and faults are rare. */
static irqreturn_t npu_irq_admin_thread(int irq, void *data)
{
	npu_irq_look_at_causes(data);
	return IRQ_HANDLED;
}

static irqreturn_t npu_irq_queues(int irq, void *data)
{
	npu_ring_reap_vector(data);
	return IRQ_HANDLED;
}

static void npu_irq_free_vectors(void *data)
{
	pci_free_irq_vectors(data);
}

int npu_irq_init(struct npu_device *ndev)
{
	struct device *dev = &ndev->pdev->dev;
	int count, ret;

	for (int i = 0; i < NPU_MSIX_VECTORS; i++) {
		spin_lock_init(&ndev->vectors[i].lock);
		INIT_LIST_HEAD(&ndev->vectors[i].queues);
	}
	count = pci_alloc_irq_vectors(ndev->pdev, 2, NPU_MSIX_VECTORS, PCI_IRQ_MSIX);
	if (count < 0)
		return dev_err_probe(dev, count, "the system has no two MSI-X vectors left\n");
	ret = devm_add_action_or_reset(dev, npu_irq_free_vectors, ndev->pdev);
	if (ret)
		return ret;
	ndev->vector_count = count;
	ret = request_threaded_irq(pci_irq_vector(ndev->pdev, 0), NULL, npu_irq_admin_thread,
				   IRQF_ONESHOT, "npu-admin", ndev);
	if (ret)
		return ret;
	for (int i = 1; i < count; i++) {
		ret = request_irq(pci_irq_vector(ndev->pdev, i), npu_irq_queues, 0, "npu-queue",
				  &ndev->vectors[i]);
		if (ret) {
			while (--i > 0)
				free_irq(pci_irq_vector(ndev->pdev, i), &ndev->vectors[i]);
			free_irq(pci_irq_vector(ndev->pdev, 0), ndev);
			return ret;
		}
	}
	return 0;
}

void npu_irq_look(struct npu_device *ndev)
{
	npu_irq_look_at_causes(ndev);
	for (int i = 1; i < ndev->vector_count; i++)
		npu_ring_reap_vector(&ndev->vectors[i]);
}

void npu_irq_enable(struct npu_device *ndev)
{
	npu_write(ndev, NPU_REG_IRQ_ENABLE, NPU_IRQ_CAUSES);
}

void npu_irq_fini(struct npu_device *ndev)
{
	for (int i = 1; i < ndev->vector_count; i++)
		free_irq(pci_irq_vector(ndev->pdev, i), &ndev->vectors[i]);
	free_irq(pci_irq_vector(ndev->pdev, 0), ndev);
}
