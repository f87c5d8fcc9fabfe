// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* Starting and silencing the card: for probe and remove, resets, sleep. */
#include <linux/pci.h>

#include "npu_boot.h"
#include "npu_device.h"
#include "npu_irq.h"
#include "npu_start.h"
#include "npu_telemetry.h"

int npu_start(struct npu_device *ndev)
{
	struct device *dev = &ndev->pdev->dev;
	int ret;

	ret = npu_boot_reset(ndev);
	if (ret) {
		dev_err(dev, "card does not come out of reset (%d)\n", ret);
		return ret;
	}
	pci_set_master(ndev->pdev);
	ret = npu_boot(ndev);
	if (ret)
		return ret;
	npu_irq_enable(ndev);
	npu_admin_enable(ndev);
	npu_telemetry_restart(ndev);
	ret = npu_boot_identify_firmware(ndev);
	if (ret) {
		dev_err(dev, "firmware does not answer (%d)\n", ret);
		return ret;
	}
	ret = npu_copy_start(ndev);
	if (ret)
		dev_err(dev, "firmware makes no queue for the driver's copies (%d)\n", ret);
	return ret;
}

void npu_quiesce(struct npu_device *ndev)
{
	/* Who waits for an admin command goes on to free memory: silence first. */
	pci_clear_master(ndev->pdev);
	if (npu_boot_reset(ndev))
		dev_warn(&ndev->pdev->dev, "card did not confirm its reset\n");
	npu_admin_disable(ndev);
	npu_copy_stop(ndev);
}
