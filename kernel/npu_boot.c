// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* Booting the card (docs/card.md, "Boot"). Every wait here has an end. */
#include <linux/bitfield.h>
#include <linux/ctype.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/firmware.h>
#include <linux/iopoll.h>

#include "abi/npu_fw.h"
#include "npu_boot.h"
#include "npu_device.h"

#define NPU_RESET_TIMEOUT_US	(2 * USEC_PER_SEC)
/* The boot ROM checks a signature; under load its model may take a while. */
#define NPU_BOOT_TIMEOUT_US	(10 * USEC_PER_SEC)

static const struct npu_boot_failure {
	int error;
	const char *text;
} npu_boot_failures[NPU_BOOT_REASON_COUNT] = {
	[NPU_BOOT_REASON_NONE] = { -EIO, "no reason given" },
	[NPU_BOOT_REASON_DMA] = { -EIO, "the card cannot read the image from memory" },
	[NPU_BOOT_REASON_TRUNCATED] = { -EINVAL, "the image is truncated" },
	[NPU_BOOT_REASON_MAGIC] = { -EINVAL, "the file is not a firmware image" },
	[NPU_BOOT_REASON_HEADER] = { -EINVAL, "the image's header is malformed" },
	[NPU_BOOT_REASON_FAMILY] = { -EINVAL, "the image is for another card" },
	[NPU_BOOT_REASON_REVISION] = { -EINVAL, "the image is for another card revision" },
	[NPU_BOOT_REASON_UNSIGNED] = { -EKEYREJECTED, "the image is not signed" },
	[NPU_BOOT_REASON_KEY] = { -EKEYREJECTED, "the card does not know the image's key" },
	[NPU_BOOT_REASON_SIGNATURE] = { -EKEYREJECTED, "the image's signature is wrong" },
	[NPU_BOOT_REASON_DIGEST] = { -EBADMSG, "the image's content differs from its digest" },
	[NPU_BOOT_REASON_ROLLBACK] = { -EPERM, "the image is older than the card allows" },
	[NPU_BOOT_REASON_ABI] = { -EPROTONOSUPPORT, "image and card share no ABI version" },
	[NPU_BOOT_REASON_TRAP] = { -EIO, "the firmware crashed" },
	[NPU_BOOT_REASON_WATCHDOG] = { -EIO, "the firmware hung: its watchdog fired" },
};

static const struct npu_boot_failure *npu_boot_failure(u32 status)
{
	u32 reason = FIELD_GET(NPU_BOOT_REASON_MASK, status);

	/* The card wrote it: look before use. */
	return &npu_boot_failures[reason < NPU_BOOT_REASON_COUNT ? reason : NPU_BOOT_REASON_NONE];
}

const char *npu_boot_reason(u32 status)
{
	switch (FIELD_GET(NPU_BOOT_STATE_MASK, status)) {
	case NPU_BOOT_STATE_CRASHED:
	case NPU_BOOT_STATE_REFUSED:
		return npu_boot_failure(status)->text;
	default:
		return "it was reset behind the driver's back";
	}
}

int npu_boot_identify(struct npu_device *ndev)
{
	struct device *dev = &ndev->pdev->dev;
	u32 id = npu_read(ndev, NPU_REG_ID);
	u32 units;

	if (id != NPU_ID_MAGIC) {
		dev_err(dev, "the ID register reads 0x%08x, not 0x%08x: %s\n", id, NPU_ID_MAGIC,
			id == ~0u ? "the card does not answer" : "no card of ours");
		return -ENODEV;
	}
	ndev->abi = npu_read(ndev, NPU_REG_ABI);
	if (FIELD_GET(NPU_ABI_MAJOR_MASK, ndev->abi) != NPU_ABI_MAJOR) {
		dev_err(dev, "card speaks ABI %u.%u, this driver %u.x: install a driver that fits the card\n",
			ndev->abi >> 16, ndev->abi & 0xffff, NPU_ABI_MAJOR);
		return -EPROTONOSUPPORT;
	}
	units = npu_read(ndev, NPU_REG_UNITS);
	ndev->slots = FIELD_GET(NPU_UNITS_SLOTS_MASK, units);
	ndev->tensor_engines = FIELD_GET(NPU_UNITS_TENSOR_MASK, units);
	ndev->copy_engines = FIELD_GET(NPU_UNITS_COPY_MASK, units);
	ndev->caps = npu_read(ndev, NPU_REG_CAPS);
	ndev->hardware = npu_read(ndev, NPU_REG_HW);
	ndev->serial = npu_read64(ndev, NPU_REG_SERIAL_LO);
	ndev->queues_max = npu_read(ndev, NPU_REG_QUEUES);
	ndev->contexts_max = npu_read(ndev, NPU_REG_CONTEXTS);
	ndev->memory_size = npu_read64(ndev, NPU_REG_MEMORY_LO);
	if (ndev->queues_max < 2 || ndev->queues_max > NPU_QUEUES_MAX || ndev->contexts_max < 3 ||
	    ndev->contexts_max > NPU_CONTEXTS_MAX || !ndev->slots || !ndev->tensor_engines ||
	    !ndev->memory_size || !IS_ALIGNED(ndev->memory_size, PAGE_SIZE) ||
	    ndev->memory_size > pci_resource_len(ndev->pdev, NPU_BAR_MEMORY)) {
		dev_err(dev, "card claims %u queues, %u contexts, %u slots, %u engines, %llu bytes of memory: that cannot be\n",
			ndev->queues_max, ndev->contexts_max, ndev->slots, ndev->tensor_engines,
			ndev->memory_size);
		return -ENODEV;
	}
	ndev->queues_max--;
	ndev->contexts_max--;
	return 0;
}

static u32 npu_boot_state(struct npu_device *ndev)
{
	return FIELD_GET(NPU_BOOT_STATE_MASK, npu_read(ndev, NPU_REG_BOOT_STATUS));
}

int npu_boot_reset(struct npu_device *ndev)
{
	u32 state;

	npu_write(ndev, NPU_REG_BOOT_CTRL, NPU_BOOT_CTRL_RESET);
	return read_poll_timeout(npu_boot_state, state, state == NPU_BOOT_STATE_RESET, 100,
				 NPU_RESET_TIMEOUT_US, false, ndev);
}

static bool npu_boot_has_ended(u32 status)
{
	u32 state = FIELD_GET(NPU_BOOT_STATE_MASK, status);

	/* All ones: the card is gone. */
	return status == ~0u || (state != NPU_BOOT_STATE_RESET &&
				 state != NPU_BOOT_STATE_LOADING &&
				 state != NPU_BOOT_STATE_STARTED);
}

static int npu_boot_image(struct npu_device *ndev, dma_addr_t dma, size_t size)
{
	struct device *dev = &ndev->pdev->dev;
	const struct npu_boot_failure *failure;
	u32 status;

	npu_write64(ndev, NPU_REG_BOOT_IMAGE_LO, dma);
	npu_write(ndev, NPU_REG_BOOT_IMAGE_SIZE, size);
	npu_write(ndev, NPU_REG_BOOT_CTRL, NPU_BOOT_CTRL_START);
	if (read_poll_timeout(npu_read, status, npu_boot_has_ended(status), 1000,
			      NPU_BOOT_TIMEOUT_US, false, ndev, NPU_REG_BOOT_STATUS)) {
		dev_err(dev, "firmware did not get ready within %lu s (boot status 0x%x)\n",
			NPU_BOOT_TIMEOUT_US / USEC_PER_SEC, status);
		return -ETIMEDOUT;
	}
	if (status == ~0u) {
		dev_err(dev, "card has fallen off the bus while it booted\n");
		return -ENODEV;
	}
	if (FIELD_GET(NPU_BOOT_STATE_MASK, status) == NPU_BOOT_STATE_READY)
		return 0;
	failure = npu_boot_failure(status);
	if (FIELD_GET(NPU_BOOT_STATE_MASK, status) == NPU_BOOT_STATE_REFUSED)
		dev_err(dev, "card refused firmware " NPU_FIRMWARE_NAME
			": %s (boot status 0x%x); install the image that was made for this card\n",
			failure->text, status);
	else
		dev_err(dev, "firmware " NPU_FIRMWARE_NAME " did not boot: %s (boot status 0x%x)\n",
			failure->text, status);
	return failure->error;
}

int npu_boot(struct npu_device *ndev)
{
	struct device *dev = &ndev->pdev->dev;
	const struct firmware *image;
	dma_addr_t dma;
	void *copy;
	int ret;

	ret = request_firmware(&image, NPU_FIRMWARE_NAME, dev);
	if (ret) {
		dev_err(dev, "cannot load firmware " NPU_FIRMWARE_NAME
			" (%d): is it in /lib/firmware?\n", ret);
		return ret;
	}
	if (!image->size || image->size > NPU_FW_IMAGE_MAX) {
		dev_err(dev, "firmware " NPU_FIRMWARE_NAME " has %zu bytes; an image has 1 to %u\n",
			image->size, NPU_FW_IMAGE_MAX);
		ret = -EINVAL;
		goto release;
	}
	copy = dma_alloc_coherent(dev, image->size, &dma, GFP_KERNEL);
	if (!copy) {
		ret = -ENOMEM;
		goto release;
	}
	memcpy(copy, image->data, image->size);
	ret = npu_boot_image(ndev, dma, image->size);
	/* Refused, timed out: the card must not read what is freed. */
	if (ret && npu_boot_reset(ndev))
		pci_clear_master(ndev->pdev);
	dma_free_coherent(dev, image->size, copy, dma);
release:
	release_firmware(image);
	return ret;
}

int npu_boot_identify_firmware(struct npu_device *ndev)
{
	struct npu_firmware_info *fw = &ndev->firmware;
	struct npu_admin_identify_result r;
	int ret;

	ret = npu_admin_run(ndev, NPU_ADMIN_IDENTIFY, NULL, 0, &r, sizeof(r));
	if (ret)
		return ret;
	if (ndev->abi < r.abi_min || ndev->abi > r.abi_max) {
		dev_err(&ndev->pdev->dev,
			"firmware speaks ABI %u.%u to %u.%u, the card %u.%u: install the image that was made for this card\n",
			r.abi_min >> 16, r.abi_min & 0xffff, r.abi_max >> 16, r.abi_max & 0xffff,
			ndev->abi >> 16, ndev->abi & 0xffff);
		return -EPROTONOSUPPORT;
	}
	fw->version = r.fw_version;
	fw->security_version = r.security_version;
	fw->abi_min = r.abi_min;
	fw->abi_max = r.abi_max;
	/* Not terminated when full, and from the card: printable or nothing. */
	BUILD_BUG_ON(sizeof(fw->build_id) <= sizeof(r.build_id));
	memset(fw->build_id, 0, sizeof(fw->build_id));
	for (size_t i = 0; i < sizeof(r.build_id) && r.build_id[i]; i++)
		fw->build_id[i] = isascii(r.build_id[i]) && isprint(r.build_id[i]) ?
				  r.build_id[i] : '?';
	if (r.max_queues < 2 || r.max_contexts < 3)
		return -EIO;
	ndev->queues_max = min(ndev->queues_max, r.max_queues - 1);
	ndev->contexts_max = min(ndev->contexts_max, r.max_contexts - 1);
	return 0;
}
