/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright The npu authors */
/*
 * An engine: a thread that takes jobs in order and runs each to its end.
 * A job belongs to its slot; it is the engine's from submit until done.
 */
#ifndef SIM_WORK_ENGINE_H
#define SIM_WORK_ENGINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <npu/npu_packet.h>

#include "mmu.h"

struct card;
struct work_engine;

struct work_job {
	/* in */
	union {
		struct npu_packet_header header;
		struct npu_packet_exec exec;
		struct npu_packet_copy copy;
		struct npu_packet_fill fill;
		uint8_t bytes[NPU_PACKET_SIZE];
	} packet;
	struct mmu_access access;
	atomic_bool cancel;	/* set to make it end early with KILLED */
	/* out, valid once done */
	uint32_t error;		/* NPU_QUEUE_ERROR_* */
	uint32_t error_op;
	uint64_t error_va;
	struct mmu_fault fault;
	uint64_t busy_ns;
	uint64_t energy_pj;
	atomic_bool done;
	atomic_uint steps;	/* grows while the job gets on */
	struct work_job *next;	/* the engine's list */
};

struct work_engine *work_engine_create(struct card *card, const char *name);
void work_engine_destroy(struct work_engine *engine);	/* all jobs must be done */
void work_engine_submit(struct work_engine *engine, struct work_job *job);

/* What a job does; on the engine's thread. */
void tensor_execute(struct card *card, struct work_job *job);
void copy_execute(struct card *card, struct work_job *job);

#endif /* SIM_WORK_ENGINE_H */
