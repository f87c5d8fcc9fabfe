// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* Configuration space as the PCI core of a kernel walks it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/pci_regs.h>
#include <sodium.h>

#include <abi/npu_regs.h>

#include "card.h"
#include "dma_map.h"
#include "irq.h"
#include "log.h"
#include "pci_function.h"

#define MEMORY	(64ull << 20)
#define SERIAL	0x0123456789abcdefull

struct fixture {
	struct dma_map *dma;
	struct irq_set *irqs;
	struct card *card;
	struct pci_function *f;
};

static int setup(void **state)
{
	const struct card_config config = { .memory_size = MEMORY, .serial = SERIAL };
	struct fixture *x = calloc(1, sizeof(*x));

	x->dma = dma_map_create();
	x->irqs = irq_set_create(NPU_MSIX_VECTORS);
	x->card = card_create(&config, x->dma, x->irqs);
	assert_non_null(x->card);
	x->f = pci_function_create(x->card, MEMORY, SERIAL);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	pci_function_destroy(x->f);
	card_destroy(x->card);
	irq_set_destroy(x->irqs);
	dma_map_destroy(x->dma);
	free(x);
	return 0;
}

static uint32_t read_config(struct fixture *x, uint32_t offset, uint32_t size)
{
	uint32_t value = 0;

	assert_int_equal(pci_function_read(x->f, PCI_REGION_CONFIG, offset, &value, size), 0);
	return value;
}

static void write_config(struct fixture *x, uint32_t offset, uint32_t value, uint32_t size)
{
	assert_int_equal(pci_function_write(x->f, PCI_REGION_CONFIG, offset, &value, size), 0);
}

static uint32_t find_capability(struct fixture *x, uint8_t id)
{
	uint32_t at = read_config(x, PCI_CAPABILITY_LIST, 1);

	for (int i = 0; at && i < 48; i++) {
		assert_true(at >= 0x40 && at % 4 == 0);
		if (read_config(x, at, 1) == id)
			return at;
		at = read_config(x, at + 1, 1);
	}
	return 0;
}

static uint32_t find_extended(struct fixture *x, uint16_t id)
{
	uint32_t at = 0x100;

	for (int i = 0; at && i < 100; i++) {
		const uint32_t header = read_config(x, at, 4);

		if (PCI_EXT_CAP_ID(header) == id)
			return at;
		at = PCI_EXT_CAP_NEXT(header);
	}
	return 0;
}

static void identifies_itself(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(read_config(x, PCI_VENDOR_ID, 2), NPU_PCI_VENDOR_ID);
	assert_int_equal(read_config(x, PCI_DEVICE_ID, 2), NPU_PCI_DEVICE_ID);
	assert_int_equal(read_config(x, PCI_CLASS_REVISION, 4) >> 8, 0x120000);
	assert_int_equal(read_config(x, PCI_HEADER_TYPE, 1), 0);
	assert_true(read_config(x, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST);
	assert_int_equal(read_config(x, PCI_INTERRUPT_PIN, 1), 0);
	assert_int_equal(read_config(x, PCI_COMMAND, 2), 0);
}

static void bars_are_sized_as_specified(void **state)
{
	static const uint64_t sizes[6] = { NPU_BAR_REGS_SIZE, 0, NPU_BAR_DOORBELL_SIZE, 0, MEMORY, 0 };
	struct fixture *x = *state;

	for (unsigned int bar = 0; bar < 6; bar++) {
		const uint32_t at = PCI_BASE_ADDRESS_0 + 4 * bar, flags = read_config(x, at, 4) & 0xf;
		uint64_t mask;

		write_config(x, at, 0xffffffff, 4);
		mask = read_config(x, at, 4) & ~0xfu;
		if (!sizes[bar]) {
			assert_int_equal(mask, 0);
			continue;
		}
		assert_int_equal(flags & PCI_BASE_ADDRESS_SPACE, PCI_BASE_ADDRESS_SPACE_MEMORY);
		if (flags & PCI_BASE_ADDRESS_MEM_TYPE_64) {
			write_config(x, at + 4, 0xffffffff, 4);
			mask |= (uint64_t)read_config(x, at + 4, 4) << 32;
			assert_int_equal(~mask + 1, sizes[bar]);
			bar++;
		} else {
			assert_int_equal((uint32_t)(~(uint32_t)mask + 1), sizes[bar]);
		}
		/* An address written comes back, its low bits being flags. */
		write_config(x, at, 0xe0000000, 4);
		assert_int_equal(read_config(x, at, 4), 0xe0000000 | flags);
	}
	assert_true(read_config(x, PCI_BASE_ADDRESS_4, 4) & PCI_BASE_ADDRESS_MEM_PREFETCH);
	assert_false(read_config(x, PCI_BASE_ADDRESS_2, 4) & PCI_BASE_ADDRESS_MEM_PREFETCH);
	write_config(x, PCI_ROM_ADDRESS, 0xffffffff, 4);
	assert_int_equal(read_config(x, PCI_ROM_ADDRESS, 4), 0);
}

static void has_the_capabilities_of_the_specification(void **state)
{
	struct fixture *x = *state;
	uint32_t at;

	at = find_capability(x, PCI_CAP_ID_MSIX);
	assert_int_not_equal(at, 0);
	assert_int_equal(read_config(x, at + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE,
			 NPU_MSIX_VECTORS - 1);
	assert_int_equal(read_config(x, at + PCI_MSIX_TABLE, 4), NPU_REGS_MSIX_TABLE | NPU_BAR_REGS);
	assert_int_equal(read_config(x, at + PCI_MSIX_PBA, 4), NPU_REGS_MSIX_PBA | NPU_BAR_REGS);
	write_config(x, at + PCI_MSIX_FLAGS, 0xffff, 2);
	assert_int_equal(read_config(x, at + PCI_MSIX_FLAGS, 2),
			 PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL | (NPU_MSIX_VECTORS - 1));

	at = find_capability(x, PCI_CAP_ID_EXP);
	assert_int_not_equal(at, 0);
	assert_int_equal(read_config(x, at + PCI_EXP_FLAGS, 2), 2 | PCI_EXP_TYPE_ENDPOINT << 4);
	assert_true(read_config(x, at + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR);
	assert_int_not_equal(find_capability(x, PCI_CAP_ID_PM), 0);
	assert_int_not_equal(find_extended(x, PCI_EXT_CAP_ID_ERR), 0);

	at = find_extended(x, PCI_EXT_CAP_ID_DSN);
	assert_int_not_equal(at, 0);
	assert_int_equal(read_config(x, at + 4, 4), (uint32_t)SERIAL);
	assert_int_equal(read_config(x, at + 8, 4), SERIAL >> 32);
}

/* Every bit of every byte: what a write may change, and nothing else. */
static void read_only_bits_stay(void **state)
{
	struct fixture *x = *state;
	uint8_t before[4096], after[4096];
	static const struct {
		uint32_t from, to;
	} constant[] = {
		{ PCI_VENDOR_ID, PCI_COMMAND }, { PCI_CLASS_REVISION, PCI_CACHE_LINE_SIZE },
		{ PCI_LATENCY_TIMER, PCI_BASE_ADDRESS_0 }, { PCI_CARDBUS_CIS, PCI_INTERRUPT_LINE },
		{ PCI_INTERRUPT_PIN, 0x44 }, { 0x150, 4096 },
	};

	memset(after, 0xff, sizeof(after));
	assert_int_equal(pci_function_read(x->f, PCI_REGION_CONFIG, 0, before, 4096), 0);
	for (uint32_t i = 0; i < 4096; i++) {
		/* FLR and the power state have tests of their own. */
		if (i == 0x44 || i == 0x60 + PCI_EXP_DEVCTL + 1)
			continue;
		write_config(x, i, 0xff, 1);
	}
	assert_int_equal(pci_function_read(x->f, PCI_REGION_CONFIG, 0, after, 4096), 0);
	for (size_t i = 0; i < sizeof(constant) / sizeof(constant[0]); i++)
		assert_memory_equal(before + constant[i].from, after + constant[i].from,
				    constant[i].to - constant[i].from);
	for (uint32_t i = 0; i < 4096; i++) {
		if (i != 0x44 && i != 0x60 + PCI_EXP_DEVCTL + 1)
			write_config(x, i, 0, 1);
	}
	assert_int_equal(read_config(x, PCI_COMMAND, 2), 0);
	assert_int_equal(read_config(x, PCI_VENDOR_ID, 4), NPU_PCI_VENDOR_ID | NPU_PCI_DEVICE_ID << 16);
}

static void function_level_reset_through_the_capability(void **state)
{
	struct fixture *x = *state;
	const uint32_t at = find_capability(x, PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL;
	const uint32_t resets = card_reg_read32(x->card, NPU_REG_RESET_COUNT);

	card_reg_write32(x->card, NPU_REG_SCRATCH, 5);
	write_config(x, PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, 2);
	write_config(x, PCI_BASE_ADDRESS_0, 0xe0000000, 4);
	write_config(x, at, 0x2810, 2);
	assert_int_equal(card_reg_read32(x->card, NPU_REG_RESET_COUNT), resets);
	/* The bit in a write of any size that covers it. */
	write_config(x, at, 0x2810 | PCI_EXP_DEVCTL_BCR_FLR, 2);
	assert_int_equal(card_reg_read32(x->card, NPU_REG_RESET_COUNT), resets + 1);
	assert_int_equal(card_reg_read32(x->card, NPU_REG_SCRATCH), 0);
	assert_int_equal(read_config(x, PCI_COMMAND, 2), 0);
	assert_int_equal(read_config(x, PCI_BASE_ADDRESS_0, 4), 0);
	assert_int_equal(read_config(x, at, 2) & PCI_EXP_DEVCTL_BCR_FLR, 0);
	write_config(x, at + 1, PCI_EXP_DEVCTL_BCR_FLR >> 8, 1);
	assert_int_equal(card_reg_read32(x->card, NPU_REG_RESET_COUNT), resets + 2);
	write_config(x, at, PCI_EXP_DEVCTL_BCR_FLR, 4);
	assert_int_equal(card_reg_read32(x->card, NPU_REG_RESET_COUNT), resets + 3);
}

static void sleeps_in_d3_and_keeps_its_state(void **state)
{
	struct fixture *x = *state;
	const uint32_t at = find_capability(x, PCI_CAP_ID_PM) + PCI_PM_CTRL;
	const uint32_t one = 1;
	uint32_t value;

	assert_true(read_config(x, at, 2) & PCI_PM_CTRL_NO_SOFT_RESET);
	card_reg_write32(x->card, NPU_REG_SCRATCH, 5);
	write_config(x, at, 3, 2);
	assert_int_equal(pci_function_read(x->f, NPU_BAR_REGS, NPU_REG_ID, &value, 4), 0);
	assert_int_equal(value, 0xffffffff);
	assert_int_equal(pci_function_write(x->f, NPU_BAR_REGS, NPU_REG_SCRATCH, &one, 4), 0);
	write_config(x, at, 0, 2);
	assert_int_equal(pci_function_read(x->f, NPU_BAR_REGS, NPU_REG_SCRATCH, &value, 4), 0);
	assert_int_equal(value, 5);
}

static void dma_needs_bus_mastering_and_d0(void **state)
{
	struct fixture *x = *state;
	const uint32_t pm = find_capability(x, PCI_CAP_ID_PM) + PCI_PM_CTRL;
	FILE *file = tmpfile();
	uint8_t byte;

	assert_int_equal(fseek(file, 4095, SEEK_SET), 0);
	fputc(1, file);
	fflush(file);
	assert_int_equal(dma_map_add(x->dma, 0x1000, 4096, fileno(file), 0, true, true), 0);
	assert_int_not_equal(dma_map_read(x->dma, 0x1000, &byte, 1), 0);
	write_config(x, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
	assert_int_equal(dma_map_read(x->dma, 0x1000, &byte, 1), 0);
	write_config(x, pm, 3, 2);
	assert_int_not_equal(dma_map_read(x->dma, 0x1000, &byte, 1), 0);
	write_config(x, pm, 0, 2);
	assert_int_equal(dma_map_read(x->dma, 0x1000, &byte, 1), 0);
	pci_function_reset(x->f);
	assert_int_not_equal(dma_map_read(x->dma, 0x1000, &byte, 1), 0);
	fclose(file);
}

static void error_status_bits_clear_by_writing_ones(void **state)
{
	struct fixture *x = *state;
	const uint32_t at = find_extended(x, PCI_EXT_CAP_ID_ERR);

	/* No errors happen in the model: the bits read zero whatever is written. */
	write_config(x, at + PCI_ERR_UNCOR_STATUS, 0xffffffff, 4);
	assert_int_equal(read_config(x, at + PCI_ERR_UNCOR_STATUS, 4), 0);
	write_config(x, at + PCI_ERR_COR_STATUS, 0xffffffff, 4);
	assert_int_equal(read_config(x, at + PCI_ERR_COR_STATUS, 4), 0);
	write_config(x, at + PCI_ERR_UNCOR_MASK, 0x00100000, 4);
	assert_int_equal(read_config(x, at + PCI_ERR_UNCOR_MASK, 4), 0x00100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(identifies_itself),
		T(bars_are_sized_as_specified),
		T(has_the_capabilities_of_the_specification),
		T(read_only_bits_stay),
		T(function_level_reset_through_the_capability),
		T(sleeps_in_d3_and_keeps_its_state),
		T(dma_needs_bus_mastering_and_d0),
		T(error_status_bits_clear_by_writing_ones),
	};

	log_init(LOG_LEVEL_ERROR, NULL);
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
