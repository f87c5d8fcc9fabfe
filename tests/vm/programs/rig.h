/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* An open card with what most tests need; each step that fails ends the program. */
#ifndef TESTS_VM_RIG_H
#define TESTS_VM_RIG_H

#include <npu.h>
#include <npu/npu_packet.h>

#include "tap.h"

#define RIG_SIZE (1U << 20)

struct rig {
	struct npu_device *device;
	struct npu_context *context;
	struct npu_queue *queue;
	struct npu_buffer *system; /* RIG_SIZE, mapped */
	struct npu_buffer *memory; /* RIG_SIZE, on the card, mapped */
	uint8_t *system_data;
	uint8_t *memory_data;
	struct npu_error error;
};

void rig_init(struct rig *r);
void rig_fini(struct rig *r);

/* A mapped buffer. */
struct npu_buffer *rig_buffer(struct rig *r, uint64_t size, uint32_t place, void **data);

/* Waits for ever, gives the job back, returns how it ended. */
int rig_finish(struct rig *r, struct npu_job *job);

/* Writes a packet into the system buffer at @offset, for npu_submit_packets(). */
void rig_packet(struct rig *r, uint32_t offset, const void *packet);

/*
 * A job that waits until the 64-bit word at @word of the system buffer is 1;
 * its packet is at @offset.
 */
struct npu_job *rig_gate(struct rig *r, struct npu_queue *queue, uint32_t offset, uint32_t word);
void rig_open_gate(struct rig *r, uint32_t word);

/* Monotonic nanoseconds. */
int64_t rig_now(void);

#endif
