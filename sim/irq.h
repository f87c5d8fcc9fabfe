/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright The npu authors */
/*
 * MSI-X vectors of the card: the client gives an eventfd for each, any thread
 * of the card triggers one. Masking is done by the client, which owns the
 * MSI-X table; a vector without an eventfd is not enabled and its triggers
 * are dropped, as PCIe has it for a disabled function.
 */
#ifndef SIM_IRQ_H
#define SIM_IRQ_H

#include <stdbool.h>

struct irq_set;

struct irq_set *irq_set_create(unsigned int count);
void irq_set_destroy(struct irq_set *s);
unsigned int irq_set_count(const struct irq_set *s);
/*
 * Takes over fd; -1 disables. The descriptor is made non-blocking, so that a
 * client that reads none of it cannot stop the card.
 */
void irq_set_fd(struct irq_set *s, unsigned int vector, int fd);
void irq_set_disable_all(struct irq_set *s);
/* An interrupt is a write to memory: without bus mastering there is none. On after create. */
void irq_set_enable(struct irq_set *s, bool on);
/* Any thread. */
void irq_trigger(struct irq_set *s, unsigned int vector);

#endif /* SIM_IRQ_H */
