/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright The npu authors */
/*
 * The registers under the firmware (npu_mgmt.h) in virtual time: slots that
 * work on queues whose load the test sets, doorbells, DMA to a piece of
 * system memory, the admin interface as the driver sees it.
 */
#ifndef TESTS_FIRMWARE_MODEL_H
#define TESTS_FIRMWARE_MODEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <abi/npu_admin.h>
#include <abi/npu_mgmt.h>
#include <abi/npu_regs.h>
#include <npu/npu_packet.h>

#define MODEL_SLOTS	8
#define MODEL_MEMORY	(1u << 20)
#define MODEL_BASE	0x80000000ull	/* DMA address of the first byte */

/* What a queue does while it stands in a slot. */
enum load {
	LOAD_NONE,		/* no work: idle */
	LOAD_BUSY,		/* never ends */
	LOAD_WAIT,		/* a fence that does not hold */
	LOAD_HUNG,		/* a packet in an engine that does not get on */
	LOAD_QUEUED,		/* a packet that waits for its turn in an engine */
	LOAD_STUCK,		/* a packet that UNLOAD waits for in vain */
	LOAD_DEAD,		/* likewise, and ABORT too */
	LOAD_FAULT,		/* faults at once */
};

struct model_queue {
	enum load load;
	uint64_t tail;		/* the doorbell page */
	uint64_t served_ns;	/* stood in a slot, busy */
	uint64_t last_served;	/* when it was that last */
	uint32_t loads;
	bool watched;
	uint64_t watch_tail;
};

struct model_slot {
	uint32_t reg[32];	/* what the firmware wrote */
	uint32_t state;
	uint32_t queue;
	uint32_t error;
	bool unload, abort;
	uint64_t since;		/* of the command */
	uint64_t busy_ns, queued_ns;
	uint64_t head;
	uint32_t progress;
};

struct model {
	uint64_t time;		/* ns */
	uint32_t pending, enable;
	uint64_t timer;
	uint32_t errors;
	uint32_t heartbeat, ready, fw_version;
	uint32_t host_irq;	/* causes raised so far */
	uint32_t admin_irqs;
	struct {
		uint64_t sq, cq;
		uint32_t size, enable, epoch, tail;
	} admin;
	struct {
		uint64_t host;
		uint32_t local, length, status;
	} dma;
	bool dma_fails;
	uint32_t context;
	uint64_t context_root;
	bool context_on[NPU_CONTEXTS_MAX];
	uint32_t invalidations;
	uint64_t invalidate_va, invalidate_size;
	struct model_slot slots[MODEL_SLOTS];
	uint32_t events;
	uint32_t doorbell;
	uint64_t doorbell_tail;
	struct model_queue queues[NPU_QUEUES_MAX];
	uint64_t unload_ns;	/* how long a slot takes to let go */
	int32_t temperature;
	uint32_t power, clock;
	uint32_t unloads;
	char trace[1 << 16];
	uint32_t trace_length;
	uint8_t memory[MODEL_MEMORY];
	/* driver's side of the admin queue */
	uint32_t head;		/* completions seen */
	struct npu_admin_completion last;
};

extern struct model model;

/* Power on, firmware_init(), and the admin queue with that many entries. */
void model_boot(uint32_t entries);
void model_enable_admin(uint32_t entries);
void model_disable_admin(void);
/* Lets virtual time pass, the firmware running whenever the core would wake. */
void model_run(uint64_t ns);
/* Submits without waiting. */
void model_submit(uint8_t opcode, uint16_t tag, const void *args, size_t size);
/* The next completion, in model.last; false if there is none yet. */
bool model_completion(void);
/* Submits, waits up to a second of virtual time; the status. -1: no completion. */
int model_admin(uint8_t opcode, const void *args, size_t size);
int model_queue_command(uint8_t opcode, uint32_t queue);
struct npu_admin_queue_result model_result(void);
/* Creates a context (once) and a queue in it; asserts that both work. */
void model_create(uint32_t queue, uint32_t context, uint8_t priority, uint32_t slice_us);
/* Gives the queue that load, as a producer would: doorbell and wake page. */
void model_load(uint32_t queue, enum load load);
/* The slot that the queue stands in, or -1. */
int model_slot_of(uint32_t queue);

#endif /* TESTS_FIRMWARE_MODEL_H */
