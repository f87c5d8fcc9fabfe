/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright The npu authors */
/* The card behind the PCIe link: what the transport needs of it. */
#ifndef SIM_CARD_H
#define SIM_CARD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct card;
struct dma_map;
struct irq_set;

struct card_config {
	uint64_t memory_size;
	uint64_t serial;
	const char *state_dir;	/* what outlives a run; NULL: nothing does */
	const char *key_file;	/* public key for firmware; NULL: the development key */
	bool debug_registers;
};

struct card *card_create(const struct card_config *config, struct dma_map *dma,
			 struct irq_set *irqs);
void card_destroy(struct card *card);

/*
 * The functions below are called by the server thread, one at a time.
 * card_reset() returns when the card accesses no host memory any more.
 */
void card_reset(struct card *card);
/* Reset, and device memory that nobody has had before. */
void card_power_cycle(struct card *card);
/* Whether the function may access memory of the host, and interrupt it; off
 * returns when it does no more.
 */
void card_set_bus_master(struct card *card, bool on);
uint32_t card_reg_read32(struct card *card, uint32_t offset);
void card_reg_write32(struct card *card, uint32_t offset, uint32_t value);
void card_wake_write(struct card *card, uint32_t queue);
/* Stay the card's; change with a power cycle, while the addresses do not. */
int card_doorbell_fd(struct card *card);
int card_memory_fd(struct card *card);
uint8_t *card_doorbells(struct card *card);
uint8_t *card_memory(struct card *card);

/* Any thread. -ENOENT for a fault that does not exist. */
int card_fault_inject(struct card *card, const char *name, bool on);
/* An error in a line of device memory (ecc.h). -EINVAL, -ENOSPC. */
int card_inject_ecc(struct card *card, uint64_t offset, bool correctable);
bool card_fault_holds(struct card *card, uint32_t number);
void card_status(struct card *card, FILE *out);

#endif /* SIM_CARD_H */
