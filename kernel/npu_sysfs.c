// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * Attributes of the PCI device, for whoever may not open the node:
 *
 *	serial		16 hexadecimal digits
 *	uuid		derived from it (docs/card.md, "PCIe function")
 *	fw_version	major.minor.patch
 *	reset_count	resets since the card has power
 *	state		"starting", "live", "asleep", "lost", or "gone"
 *	lost_reason	a sentence, when it is lost
 */
#include <linux/pci.h>

#include <drm/drm_drv.h>

#include "npu_device.h"
#include "npu_sysfs.h"

static struct npu_device *npu_sysfs_device(struct device *dev)
{
	return dev_get_drvdata(dev);
}

static ssize_t serial_show(struct device *dev, struct device_attribute *attr, char *buffer)
{
	return sysfs_emit(buffer, "%016llx\n", npu_sysfs_device(dev)->serial);
}
static DEVICE_ATTR_RO(serial);

static ssize_t uuid_show(struct device *dev, struct device_attribute *attr, char *buffer)
{
	u64 serial = npu_sysfs_device(dev)->serial;

	/* Version 8, variant 10: RFC 9562. */
	return sysfs_emit(buffer, "4e505531-0000-8000-%04llx-%012llx\n",
			  0x8000 | ((serial >> 48) & 0x3fff), serial & 0xffffffffffffULL);
}
static DEVICE_ATTR_RO(uuid);

static ssize_t fw_version_show(struct device *dev, struct device_attribute *attr, char *buffer)
{
	u32 version = npu_sysfs_device(dev)->firmware.version;

	return sysfs_emit(buffer, "%u.%u.%u\n", version >> 24, (version >> 16) & 0xff,
			  version & 0xffff);
}
static DEVICE_ATTR_RO(fw_version);

static ssize_t reset_count_show(struct device *dev, struct device_attribute *attr, char *buffer)
{
	struct npu_device *ndev = npu_sysfs_device(dev);
	int idx;
	u32 count;

	if (!npu_is_live(ndev) || !drm_dev_enter(&ndev->drm, &idx))
		return -ENODEV;
	count = npu_read(ndev, NPU_REG_RESET_COUNT);
	drm_dev_exit(idx);
	return count == ~0u ? -ENODEV : sysfs_emit(buffer, "%u\n", count);
}
static DEVICE_ATTR_RO(reset_count);

static ssize_t state_show(struct device *dev, struct device_attribute *attr, char *buffer)
{
	static const char * const names[] = {
		[NPU_STATE_STARTING] = "starting",
		[NPU_STATE_LIVE] = "live",
		[NPU_STATE_ASLEEP] = "asleep",
		[NPU_STATE_LOST] = "lost",
		[NPU_STATE_GONE] = "gone",
	};

	return sysfs_emit(buffer, "%s\n", names[atomic_read(&npu_sysfs_device(dev)->state)]);
}
static DEVICE_ATTR_RO(state);

static ssize_t lost_reason_show(struct device *dev, struct device_attribute *attr, char *buffer)
{
	const char *reason = READ_ONCE(npu_sysfs_device(dev)->lost_reason);

	return sysfs_emit(buffer, "%s\n", reason ?: "");
}
static DEVICE_ATTR_RO(lost_reason);

static struct attribute *npu_sysfs_attrs[] = {
	&dev_attr_serial.attr,
	&dev_attr_uuid.attr,
	&dev_attr_fw_version.attr,
	&dev_attr_reset_count.attr,
	&dev_attr_state.attr,
	&dev_attr_lost_reason.attr,
	NULL
};

static const struct attribute_group npu_sysfs_group = { .attrs = npu_sysfs_attrs };

const struct attribute_group *npu_sysfs_groups[] = { &npu_sysfs_group, NULL };
