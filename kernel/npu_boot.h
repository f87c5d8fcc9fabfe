/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* From a card in reset to a firmware that answers. */
#ifndef NPU_BOOT_H
#define NPU_BOOT_H

#include <linux/types.h>

struct npu_device;

#define NPU_FIRMWARE_NAME "npu/npu-fw.bin"

/* Is it our card, and does it speak our ABI? -ENODEV, -EPROTONOSUPPORT. */
int npu_boot_identify(struct npu_device *ndev);
/* Resets the card; when it returns 0 the card accesses no system memory. */
int npu_boot_reset(struct npu_device *ndev);
/* Loads the firmware and waits until it is ready. */
int npu_boot(struct npu_device *ndev);
/* Asks the firmware who it is; needs the admin queue. */
int npu_boot_identify_firmware(struct npu_device *ndev);
/* Why a boot status is not READY, for a log line. */
const char *npu_boot_reason(u32 status);

#endif /* NPU_BOOT_H */
