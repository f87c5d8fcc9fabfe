/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * Queues and their jobs.
 *
 * A job is a slot in system memory that the card reads (completion word,
 * packets, base table), a binary syncobj, and references to all that the job
 * uses. Jobs are recycled, so that nothing is allocated in the steady state:
 *
 *	free ── submit ──▶ in flight ── seen done ──▶ finished ── last unref ──▶ free
 *	                      └──────── last unref, then seen done ──────────────▶ free
 *
 * The last packet of each job stores the job's number into its completion
 * word. So success costs no system call to see; a job whose fence is signalled
 * without the word has failed. The word also marks the first job of the queue
 * that did not succeed: since jobs run in order, that is the guilty one.
 *
 * One binary syncobj for each job, and no timeline for the queue: a timeline
 * point that has passed no longer knows the error of its fence.
 */
#ifndef LIBNPU_QUEUE_H
#define LIBNPU_QUEUE_H

#include <drm/npu_accel.h>
#include <npu/npu_packet.h>

#include "model.h"

/* A slot. The number of packets is what the _submit functions need at most. */
struct npu_slot {
	_Atomic uint64_t done; /* the card writes the job's number */
	uint64_t start_ns; /* and its clock, if the job is profiled */
	uint64_t end_ns;
	uint64_t pad[5];
	uint8_t packets[4][NPU_PACKET_SIZE];
	struct npu_base bases[NPU_BASES_MAX];
};

_Static_assert(sizeof(struct npu_slot) % 64 == 0, "packets are 64-byte aligned in each slot");
_Static_assert(sizeof(_Atomic uint64_t) == 8, "the card writes 64 bits");

#define NPU_JOB_RUNNING 1

struct npu_job {
	atomic_uint refs; /* the caller's */
	struct npu_queue *queue;
	struct npu_slot *slot;
	uint64_t slot_address; /* the card's */
	uint32_t syncobj; /* 0: not made yet */
	uint64_t number; /* counts the queue's jobs from 1 */
	atomic_int result; /* NPU_JOB_RUNNING, 0 or a negative errno */

	/* Guarded by queue->lock. */
	bool owned; /* the caller has references; they keep the queue alive */
	bool in_flight;
	struct npu_job *prev; /* in flight */
	struct npu_job *next; /* in flight, or free */
	struct npu_graph *graph; /* for messages, until the job is free */
	struct npu_model *model;
	struct npu_buffer **buffers; /* kept alive until the job is done */
	size_t buffer_count;
	size_t buffer_room;

	/* Written while the job is submitted. */
	bool profiled;
	uint64_t transfer_bytes; /* that a copy or fill reads and writes */
	struct npu_buffer *profile; /* kept for later jobs; NULL: not needed so far */
	const struct npu_profile_op *profile_ops; /* its mapping */
	uint32_t profile_room; /* operations */
};

#define NPU_SLAB_JOBS 16

struct npu_slab {
	struct npu_slab *next;
	struct npu_buffer *buffer;
	struct npu_job jobs[NPU_SLAB_JOBS];
};

struct npu_queue {
	atomic_uint refs;
	struct npu_context *context;
	uint32_t handle;
	pthread_mutex_t lock;

	/* Guarded by lock. */
	struct npu_slab *slabs;
	struct npu_job *free;
	struct npu_job *oldest; /* in flight */
	struct npu_job *newest;
	uint64_t submitted; /* the newest job's number */
	struct npu_buffer *scratch;
	struct drm_npu_sync *syncs; /* room for the arguments of EXEC */
	size_t sync_room;
	bool dead;
	bool card_gone;	/* dead because the card was lost or reset */
	char cause[320]; /* if dead: why */
};

/* With queue->lock held: */

/* npu_queue_take_job() - a free job with nothing attached to it. */
int npu_queue_take_job(struct npu_queue *queue, struct npu_job **job, struct npu_error *error);

/* profile.c: room for what @operations operations take; only grows. */
int npu_job_provide_profile(struct npu_job *job, uint32_t operations, struct npu_error *error);

/* npu_queue_give_job() - back to the free ones. */
void npu_queue_give_job(struct npu_queue *queue, struct npu_job *job);

/* npu_queue_start_job() - its EXEC has succeeded. */
void npu_queue_start_job(struct npu_queue *queue, struct npu_job *job, bool owned);

/* npu_queue_reap() - let go of what jobs that succeeded have used. */
void npu_queue_reap(struct npu_queue *queue);

/*
 * npu_queue_autopsy() - ask the kernel whether the queue is dead, and if so
 * remember why. Returns 0 or an error of the kernel.
 */
int npu_queue_autopsy(struct npu_queue *queue);

/* Without the lock: */

/* npu_job_succeeded() - has the card said so? */
static inline bool npu_job_succeeded(const struct npu_job *job)
{
	return atomic_load_explicit(&job->slot->done, memory_order_acquire) == job->number;
}

/* npu_queue_finish_job() - the job is done. */
void npu_queue_finish_job(struct npu_queue *queue, struct npu_job *job, int result);

#endif
