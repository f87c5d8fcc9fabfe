/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* The PCI function. */
#ifndef NPU_PCI_H
#define NPU_PCI_H

#include <linux/pci.h>

extern struct pci_driver npu_pci_driver;

#endif /* NPU_PCI_H */
