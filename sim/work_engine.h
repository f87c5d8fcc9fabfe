/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright The npu authors */
/*
 * An engine: it works on one job at a time, and lets the jobs of the slots
 * take turns, so that a long one holds up nobody for longer than a slice.
 * A realtime job goes first. Each job has a thread while it is in the engine;
 * the turn says which of them may work.
 *
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
	bool realtime;
	/* out, valid once done */
	uint32_t error;		/* NPU_QUEUE_ERROR_* */
	uint32_t error_op;
	uint64_t error_va;
	struct mmu_fault fault;
	uint64_t busy_ns;	/* it had the engine */
	uint64_t energy_pj;
	atomic_bool done;
	/* while it runs */
	atomic_bool cancel;	/* end early with KILLED */
	atomic_uint steps;	/* grows while the job gets on */
	/* the engine's */
	struct work_engine *engine;
	struct work_job *next;
	bool has_turn;		/* the engine's lock guards these three */
	uint64_t turn_since;	/* or waits for it: monotonic ns */
	uint64_t queued_ns;	/* it waited for its turn */
};

struct work_engine *work_engine_create(struct card *card, const char *name);
void work_engine_destroy(struct work_engine *engine);	/* all jobs must be done */
void work_engine_submit(struct work_engine *engine, struct work_job *job);
/* The job ends soon, also when it waits for its turn; from any thread. */
void work_job_cancel(struct work_job *job);

/* So far: it had the engine, and it waited for its turn, ns; from any thread. */
void work_job_times(struct work_job *job, uint64_t *busy, uint64_t *queued);

/* For a job that has the turn: whether others should get it now, ... */
bool work_job_slice_over(struct work_job *job);
/* ... and let them; false if the job is cancelled. It holds no memory meanwhile. */
bool work_job_yield(struct work_job *job);
/* Work that took ns at full clock takes longer at a lower one: waits that out. */
void work_job_throttle(struct work_job *job, uint64_t ns);

/* What a job does; on a thread of the engine, with the turn. */
void tensor_execute(struct card *card, struct work_job *job);
void copy_execute(struct card *card, struct work_job *job);

#endif /* SIM_WORK_ENGINE_H */
