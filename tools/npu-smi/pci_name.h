/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
#ifndef NPU_SMI_PCI_NAME_H
#define NPU_SMI_PCI_NAME_H

#include <stddef.h>

struct card;

/*
 * Fills the cards' names: "Vendor Device" of the machine's list of PCI IDs, or
 * "NPU 1234:4e50 (rev 01)" for what is not in it.
 */
void pci_name_all(struct card *cards, size_t count);

#endif /* NPU_SMI_PCI_NAME_H */
