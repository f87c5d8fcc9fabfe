/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright The npu authors */
/* The card's PCIe function: configuration space and BARs (docs/card.md). */
#ifndef SIM_PCI_FUNCTION_H
#define SIM_PCI_FUNCTION_H

#include <stdbool.h>
#include <stdint.h>

struct card;
struct pci_function;

#define PCI_REGION_CONFIG	7

/* A region as a client sees it; the mapped part is [0, map_size) of fd. */
struct pci_region {
	uint64_t size;		/* 0: there is no such region */
	uint64_t map_size;	/* 0: every access is trapped */
	int fd;			/* the card's; -1 when nothing is mapped */
};

/* card stays the caller's and must outlive the function. */
struct pci_function *pci_function_create(struct card *card, uint64_t memory_size, uint64_t serial);
void pci_function_destroy(struct pci_function *f);
/* Power-on state; resets the card, which accesses no memory of the host from then on. */
void pci_function_reset(struct pci_function *f);
/* The same with device memory that nobody has had before. */
void pci_function_power_cycle(struct pci_function *f);
/* false if there is no region of that number. */
bool pci_function_region(struct pci_function *f, uint32_t index, struct pci_region *region);
/* 0, or -EINVAL when the access leaves the region. */
int pci_function_read(struct pci_function *f, uint32_t index, uint64_t offset, void *data,
		      uint32_t count);
int pci_function_write(struct pci_function *f, uint32_t index, uint64_t offset, const void *data,
		       uint32_t count);

#endif /* SIM_PCI_FUNCTION_H */
