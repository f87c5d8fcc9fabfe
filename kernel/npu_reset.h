/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* Resets: after a loss, by the operator, by PCIe error recovery. */
#ifndef NPU_RESET_H
#define NPU_RESET_H

#include <linux/pci.h>

struct npu_device;

extern const struct pci_error_handlers npu_pci_error_handlers;

void npu_reset_init(struct npu_device *ndev);
/* Tries to bring a lost card back, later. Any context. */
void npu_reset_schedule(struct npu_device *ndev);
/* No reset is under way when it returns, none begins any more. */
void npu_reset_stop(struct npu_device *ndev);

#endif /* NPU_RESET_H */
