/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The npu authors */
/*
 * The table of queues, and what the admin commands do to one. Which queue
 * stands in which hardware slot is scheduler.c's.
 */
#ifndef FIRMWARE_QUEUE_H
#define FIRMWARE_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include <abi/npu_admin.h>
#include <abi/npu_regs.h>

#define NO_SLOT		0xff

enum queue_place {
	PLACE_OUT,		/* nothing to do: its doorbell is watched */
	PLACE_READY,		/* wants a slot */
	PLACE_SLOT,
	PLACE_LEAVING,		/* UNLOAD or ABORT is under way */
};

struct queue {
	bool exists;
	bool parked;		/* left its slot while it waited for a fence */
	uint8_t priority;
	uint8_t ring_shift;
	uint8_t slot;		/* NO_SLOT unless SLOT or LEAVING */
	uint8_t place;		/* enum queue_place */
	uint8_t state;		/* NPU_QUEUE_STATE_* */
	uint8_t error;		/* NPU_QUEUE_ERROR_* */
	uint8_t rank;		/* scheduler.c: in a slot, what it takes to displace it */
	uint8_t command;	/* admin command that waits for the slot, or 0 */
	uint16_t ready_at;	/* scheduler.c: where the list of ready queues has it */
	uint16_t tag;		/* of that command */
	uint32_t epoch;		/* likewise */
	uint16_t vector;
	uint32_t context;
	uint32_t flags;
	uint32_t slice_us;
	uint32_t call;		/* packets done of the CALL at head */
	uint32_t progress;	/* of the slots it has left */
	uint64_t ring;
	uint64_t control;
	uint64_t head;
	uint64_t busy_ns;	/* of the slots it has left */
	uint64_t energy_nj;
	uint64_t served_ns;	/* likewise, and waiting for fences between them */
	uint64_t loaded_at;	/* SLOT, LEAVING: when it came into the slot, ns */
	uint64_t parked_at;	/* when it left for a fence which may still not hold, or 0 */
	uint64_t since;		/* of its place, ns */
	uint64_t deadline;	/* of the waiting command */
};

extern struct queue queues[NPU_QUEUES_MAX];

void queue_init(void);
uint32_t queue_count(void);
uint8_t queue_create(const struct npu_admin_queue_create_args *args);
/* The answer is complete when it returns. */
uint8_t queue_set(const struct npu_admin_queue_set_args *args,
		  struct npu_admin_queue_result *result);
/*
 * DESTROY, SUSPEND, RESUME, KILL, QUERY. True: *status and *result are the
 * answer; false: queue_finish() sends it later.
 */
bool queue_command(uint8_t opcode, uint16_t tag, uint32_t number, uint8_t *status,
		   struct npu_admin_queue_result *result);
/* The slot has let go of the queue: ends the command that waited for that. */
void queue_left_slot(uint32_t number);
/* Ends commands whose time is over. */
void queue_check_deadlines(uint64_t now);

#endif /* FIRMWARE_QUEUE_H */
