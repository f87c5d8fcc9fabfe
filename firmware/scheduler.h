/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The npu authors */
/*
 * Scheduler: maps queues onto hardware slots, by priority and time slice
 * (docs/card.md, "Scheduling"). A queue stays in its slot while nobody else
 * wants one, so that up to as many queues as there are slots never meet the
 * firmware again.
 */
#ifndef FIRMWARE_SCHEDULER_H
#define FIRMWARE_SCHEDULER_H

#include <stdbool.h>
#include <stdint.h>

void scheduler_init(void);
/* The queue may run from now on; it stands in no slot. */
void scheduler_add(uint32_t queue);
/* The queue, standing in no slot, must not run any more. */
void scheduler_remove(uint32_t queue);
/* Takes the queue out of its slot, at once or after the packet in flight. */
void scheduler_evict(uint32_t queue, bool abort);
void scheduler_slot_events(void);
void scheduler_doorbells(void);
/* Fills slots and ends time slices; true if it wants to be called in a slice. */
bool scheduler_run(uint64_t now);
/* Time that the card was the queue's, ns (npu_admin.h). */
uint64_t scheduler_served(uint32_t queue);
uint32_t scheduler_slots_active(void);

#endif /* FIRMWARE_SCHEDULER_H */
