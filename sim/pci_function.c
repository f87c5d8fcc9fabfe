// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/*
 * Configuration space and BARs of the card.
 *
 * A configuration byte has three masks: what a write changes, what a write of
 * one clears, and nothing else. QEMU keeps its own copy of much of this space
 * (BARs, MSI-X); what reaches us is what a function would latch: command,
 * power state, Device Control with its FLR bit, AER.
 */
#include "pci_function.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/pci_regs.h>

#include <abi/npu_regs.h>

#include "card.h"
#include "log.h"

#define CONFIG_SIZE	4096
#define CAP_PM		0x40
#define CAP_MSIX	0x50
#define CAP_EXP		0x60
#define ECAP_AER	0x100
#define ECAP_DSN	0x150

#define REGION_COUNT	9
#define MSIX_TABLE_SIZE	(16 * NPU_MSIX_VECTORS)

struct pci_function {
	struct card *card;
	uint64_t memory_size;
	uint64_t serial;
	bool bus_master;	/* what the card has been told */
	uint8_t config[CONFIG_SIZE];
	uint8_t writable[CONFIG_SIZE];
	uint8_t clear[CONFIG_SIZE];	/* write one to clear */
	uint8_t vectors[NPU_BAR_REGS_SIZE - NPU_REGS_MSIX_TABLE];	/* MSI-X table and PBA */
};

static void put16(uint8_t *space, unsigned int offset, uint16_t value)
{
	space[offset] = value & 0xff;
	space[offset + 1] = value >> 8;
}

static void put32(uint8_t *space, unsigned int offset, uint32_t value)
{
	put16(space, offset, value & 0xffff);
	put16(space, offset + 2, value >> 16);
}

static uint16_t get16(const uint8_t *space, unsigned int offset)
{
	return space[offset] | space[offset + 1] << 8;
}

/* A BAR's writable bits are its address bits above its size. */
static void config_bar(struct pci_function *f, unsigned int bar, uint64_t size, uint32_t flags)
{
	unsigned int offset = PCI_BASE_ADDRESS_0 + 4 * bar;
	uint64_t mask = ~(size - 1);

	put32(f->config, offset, flags);
	put32(f->writable, offset, (uint32_t)mask & ~0xfu);
	if (flags & PCI_BASE_ADDRESS_MEM_TYPE_64)
		put32(f->writable, offset + 4, mask >> 32);
}

static void config_header(struct pci_function *f)
{
	put16(f->config, PCI_VENDOR_ID, NPU_PCI_VENDOR_ID);
	put16(f->config, PCI_DEVICE_ID, NPU_PCI_DEVICE_ID);
	put16(f->config, PCI_SUBSYSTEM_VENDOR_ID, NPU_PCI_VENDOR_ID);
	put16(f->config, PCI_SUBSYSTEM_ID, NPU_PCI_DEVICE_ID);
	f->config[PCI_REVISION_ID] = 1;
	f->config[PCI_CLASS_DEVICE + 1] = 0x12;	/* processing accelerator */
	put16(f->config, PCI_STATUS, PCI_STATUS_CAP_LIST);
	put16(f->writable, PCI_COMMAND,
	      PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY | PCI_COMMAND_SERR |
	      PCI_COMMAND_INTX_DISABLE);
	put16(f->clear, PCI_STATUS, PCI_STATUS_PARITY | PCI_STATUS_SIG_TARGET_ABORT |
	      PCI_STATUS_REC_TARGET_ABORT | PCI_STATUS_REC_MASTER_ABORT |
	      PCI_STATUS_SIG_SYSTEM_ERROR | PCI_STATUS_DETECTED_PARITY);
	f->writable[PCI_CACHE_LINE_SIZE] = 0xff;
	f->writable[PCI_INTERRUPT_LINE] = 0xff;
	f->config[PCI_CAPABILITY_LIST] = CAP_PM;

	config_bar(f, NPU_BAR_REGS, NPU_BAR_REGS_SIZE, PCI_BASE_ADDRESS_MEM_TYPE_32);
	config_bar(f, NPU_BAR_DOORBELL, NPU_BAR_DOORBELL_SIZE, PCI_BASE_ADDRESS_MEM_TYPE_64);
	config_bar(f, NPU_BAR_MEMORY, f->memory_size,
		   PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH);
}

static void config_capabilities(struct pci_function *f)
{
	f->config[CAP_PM] = PCI_CAP_ID_PM;
	f->config[CAP_PM + 1] = CAP_MSIX;
	put16(f->config, CAP_PM + PCI_PM_PMC, 3);	/* version 1.2, D0 and D3 */
	put16(f->config, CAP_PM + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
	put16(f->writable, CAP_PM + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);

	f->config[CAP_MSIX] = PCI_CAP_ID_MSIX;
	f->config[CAP_MSIX + 1] = CAP_EXP;
	put16(f->config, CAP_MSIX + PCI_MSIX_FLAGS, NPU_MSIX_VECTORS - 1);
	put16(f->writable, CAP_MSIX + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	put32(f->config, CAP_MSIX + PCI_MSIX_TABLE, NPU_REGS_MSIX_TABLE | NPU_BAR_REGS);
	put32(f->config, CAP_MSIX + PCI_MSIX_PBA, NPU_REGS_MSIX_PBA | NPU_BAR_REGS);

	f->config[CAP_EXP] = PCI_CAP_ID_EXP;
	put16(f->config, CAP_EXP + PCI_EXP_FLAGS, 2 | PCI_EXP_TYPE_ENDPOINT << 4);
	put32(f->config, CAP_EXP + PCI_EXP_DEVCAP, PCI_EXP_DEVCAP_RBER | PCI_EXP_DEVCAP_FLR | 1);
	put16(f->config, CAP_EXP + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_RELAX_EN);
	put16(f->writable, CAP_EXP + PCI_EXP_DEVCTL, 0x7fff);
	put16(f->clear, CAP_EXP + PCI_EXP_DEVSTA, 0xf);
	/* 16 GT/s (4), 16 lanes */
	put32(f->config, CAP_EXP + PCI_EXP_LNKCAP, 4 | 16 << 4);
	put16(f->config, CAP_EXP + PCI_EXP_LNKSTA, 4 | 16 << 4);
	put16(f->writable, CAP_EXP + PCI_EXP_LNKCTL, 0x0fc3);
	put32(f->config, CAP_EXP + PCI_EXP_DEVCAP2, PCI_EXP_DEVCAP2_COMP_TMOUT_DIS);
	put16(f->writable, CAP_EXP + PCI_EXP_DEVCTL2, PCI_EXP_DEVCTL2_COMP_TMOUT_DIS);
	put32(f->config, CAP_EXP + PCI_EXP_LNKCAP2, 0x1e);
	put16(f->config, CAP_EXP + PCI_EXP_LNKCTL2, 4);
}

static void config_extended(struct pci_function *f)
{
	put32(f->config, ECAP_AER, PCI_EXT_CAP_ID_ERR | 2 << 16 | ECAP_DSN << 20);
	put32(f->clear, ECAP_AER + PCI_ERR_UNCOR_STATUS, 0x03fff030);
	put32(f->writable, ECAP_AER + PCI_ERR_UNCOR_MASK, 0x03fff030);
	put32(f->config, ECAP_AER + PCI_ERR_UNCOR_SEVER, 0x00462030);
	put32(f->writable, ECAP_AER + PCI_ERR_UNCOR_SEVER, 0x03fff030);
	put32(f->clear, ECAP_AER + PCI_ERR_COR_STATUS, 0x0000f1c1);
	put32(f->config, ECAP_AER + PCI_ERR_COR_MASK, 0x00006000);
	put32(f->writable, ECAP_AER + PCI_ERR_COR_MASK, 0x0000f1c1);

	put32(f->config, ECAP_DSN, PCI_EXT_CAP_ID_DSN | 1 << 16);
	put32(f->config, ECAP_DSN + 4, (uint32_t)f->serial);
	put32(f->config, ECAP_DSN + 8, f->serial >> 32);
}

/* D3hot: memory space does not answer, and nothing is sent. */
static bool asleep(const struct pci_function *f)
{
	return (get16(f->config, CAP_PM + PCI_PM_CTRL) & PCI_PM_CTRL_STATE_MASK) == 3;
}

static void follow_command(struct pci_function *f)
{
	const bool on = get16(f->config, PCI_COMMAND) & PCI_COMMAND_MASTER && !asleep(f);

	if (on != f->bus_master)
		card_set_bus_master(f->card, on);
	f->bus_master = on;
}

static void config_init(struct pci_function *f)
{
	memset(f->config, 0, sizeof(f->config));
	memset(f->vectors, 0, sizeof(f->vectors));
	config_header(f);
	config_capabilities(f);
	config_extended(f);
}

struct pci_function *pci_function_create(struct card *card, uint64_t memory_size, uint64_t serial)
{
	struct pci_function *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->card = card;
	f->bus_master = true;	/* the card's power-on state; the function's is off */
	f->serial = serial;
	f->memory_size = memory_size;
	config_init(f);
	follow_command(f);
	return f;
}

void pci_function_destroy(struct pci_function *f)
{
	free(f);
}

void pci_function_reset(struct pci_function *f)
{
	card_reset(f->card);
	config_init(f);
	follow_command(f);
}

void pci_function_power_cycle(struct pci_function *f)
{
	card_power_cycle(f->card);
	config_init(f);
	follow_command(f);
}

bool pci_function_region(struct pci_function *f, uint32_t index, struct pci_region *region)
{
	*region = (struct pci_region){ .fd = -1 };
	switch (index) {
	case NPU_BAR_REGS:
		region->size = NPU_BAR_REGS_SIZE;
		break;
	case NPU_BAR_DOORBELL:
		*region = (struct pci_region){ NPU_BAR_DOORBELL_SIZE, NPU_WAKE_BASE,
					       card_doorbell_fd(f->card) };
		break;
	case NPU_BAR_MEMORY:
		*region = (struct pci_region){ f->memory_size, f->memory_size,
					       card_memory_fd(f->card) };
		break;
	case PCI_REGION_CONFIG:
		region->size = CONFIG_SIZE;
		break;
	}
	return index < REGION_COUNT;
}

static bool inside(struct pci_function *f, uint32_t index, uint64_t offset, uint32_t count)
{
	struct pci_region region;

	return pci_function_region(f, index, &region) && count && count <= region.size &&
	       offset <= region.size - count;
}

static void config_write(struct pci_function *f, uint64_t offset, const uint8_t *data, uint32_t count)
{
	const unsigned int devctl_high = CAP_EXP + PCI_EXP_DEVCTL + 1;

	for (uint32_t i = 0; i < count; i++) {
		uint64_t at = offset + i;

		f->config[at] = (f->config[at] & ~f->writable[at]) | (data[i] & f->writable[at]);
		f->config[at] &= ~(data[i] & f->clear[at]);
	}
	/* Initiate Function Level Reset reads as zero, so it is in no mask. */
	if (devctl_high >= offset && devctl_high < offset + count &&
	    data[devctl_high - offset] & (PCI_EXP_DEVCTL_BCR_FLR >> 8)) {
		log_info("function level reset");
		pci_function_reset(f);
		return;
	}
	follow_command(f);
}

static void regs_read(struct pci_function *f, uint64_t offset, uint8_t *data, uint32_t count)
{
	uint32_t value;

	if (offset >= NPU_REGS_MSIX_TABLE) {
		memcpy(data, f->vectors + (offset - NPU_REGS_MSIX_TABLE), count);
		return;
	}
	memset(data, 0, count);
	if (count != 4 || offset % 4)
		return;
	value = card_reg_read32(f->card, (uint32_t)offset);
	memcpy(data, &value, sizeof(value));
}

static void regs_write(struct pci_function *f, uint64_t offset, const uint8_t *data, uint32_t count)
{
	uint32_t value;

	if (offset >= NPU_REGS_MSIX_TABLE) {
		/* The client keeps the real table; the pending bits are read only. */
		if (offset + count <= NPU_REGS_MSIX_TABLE + MSIX_TABLE_SIZE)
			memcpy(f->vectors + (offset - NPU_REGS_MSIX_TABLE), data, count);
		return;
	}
	if (count != 4 || offset % 4)
		return;
	memcpy(&value, data, sizeof(value));
	card_reg_write32(f->card, (uint32_t)offset, value);
}

/* Trapped access to memory that is normally mapped: a client that does not map. */
static void memory_access(struct pci_function *f, uint32_t index, uint64_t offset, uint8_t *data,
			  uint32_t count, bool write)
{
	uint8_t *memory = index == NPU_BAR_MEMORY ? card_memory(f->card) : card_doorbells(f->card);

	memory += offset;
	/* A tail must not be seen half written. */
	if (write && count == 8 && !(offset % 8)) {
		uint64_t value;

		memcpy(&value, data, sizeof(value));
		__atomic_store_n((uint64_t *)memory, value, __ATOMIC_RELEASE);
	} else if (write) {
		memcpy(memory, data, count);
	} else {
		memcpy(data, memory, count);
	}
}

int pci_function_read(struct pci_function *f, uint32_t index, uint64_t offset, void *data,
		      uint32_t count)
{
	if (!inside(f, index, offset, count))
		return -EINVAL;
	if (index == PCI_REGION_CONFIG)
		memcpy(data, f->config + offset, count);
	else if (asleep(f) || card_fault_holds(f->card, NPU_DEBUG_ALL_ONES))
		memset(data, 0xff, count);
	else if (index == NPU_BAR_REGS)
		regs_read(f, offset, data, count);
	else if (index == NPU_BAR_MEMORY || offset + count <= NPU_WAKE_BASE)
		memory_access(f, index, offset, data, count, false);
	else
		memset(data, 0, count);	/* wake pages */
	return 0;
}

int pci_function_write(struct pci_function *f, uint32_t index, uint64_t offset, const void *data,
		       uint32_t count)
{
	if (!inside(f, index, offset, count))
		return -EINVAL;
	if (index == PCI_REGION_CONFIG) {
		config_write(f, offset, data, count);
		return 0;
	}
	if (asleep(f))
		return 0;
	/* The debug register takes writes even then, or no test could end it. */
	if (card_fault_holds(f->card, NPU_DEBUG_ALL_ONES) &&
	    !(index == NPU_BAR_REGS && offset == NPU_REG_DEBUG_FAULT))
		return 0;
	if (index == NPU_BAR_REGS)
		regs_write(f, offset, data, count);
	else if (index == NPU_BAR_MEMORY || offset + count <= NPU_WAKE_BASE)
		memory_access(f, index, offset, (uint8_t *)(uintptr_t)data, count, true);
	else if (offset >= NPU_WAKE_BASE)
		card_wake_write(f->card, (uint32_t)((offset - NPU_WAKE_BASE) / NPU_DOORBELL_PAGE_SIZE));
	return 0;
}
