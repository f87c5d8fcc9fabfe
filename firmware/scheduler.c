// SPDX-License-Identifier: BSD-3-Clause
// Copyright The npu authors
#include "scheduler.h"

#include <string.h>

#include <abi/npu_mgmt.h>
#include <npu/npu_packet.h>

#include "hal.h"
#include "log.h"
#include "queue.h"

#define NO_QUEUE	0xffffffffU
/* How long a slot may need to begin with what has been loaded: it looks idle. */
#define SETTLE_NS	200000ULL
/* A queue that only waits for a fence keeps its slot for this long, so that
 * two of them do not chase each other in and out, and then stands back for
 * this long.
 */
#define WAIT_NS		1000000ULL
#define PARK_NS		2000000ULL
/* Who waits for a slot for this long counts as of the next higher priority. */
#define AGE_NS		100000000ULL

static struct {
	uint32_t queue;		/* NO_QUEUE: empty */
} slots[NPU_MG_SLOTS_MAX];
static uint32_t slot_count;
static uint32_t ready_count;
static uint32_t parked_slots;	/* slots that hold a queue which may still wait */

void scheduler_init(void)
{
	for (uint32_t i = 0; i < NPU_MG_SLOTS_MAX; i++)
		slots[i].queue = NO_QUEUE;
	slot_count = hal_read(NPU_MG_UNITS) & 0xff;
	if (slot_count > NPU_MG_SLOTS_MAX)
		slot_count = NPU_MG_SLOTS_MAX;
	ready_count = 0;
	parked_slots = 0;
}

uint32_t scheduler_slots_active(void)
{
	uint32_t active = 0;

	for (uint32_t i = 0; i < slot_count; i++)
		active += slots[i].queue != NO_QUEUE;
	return active;
}

static uint32_t slot_reg(uint32_t slot, uint32_t offset)
{
	return NPU_MG_SLOT(slot) + offset;
}

static void set_place(struct queue *q, enum queue_place place)
{
	ready_count -= q->place == PLACE_READY;
	q->place = (uint8_t)place;
	ready_count += q->place == PLACE_READY;
	q->since = hal_read64(NPU_MG_TIME_LO);
}

/* Its doorbell differs from head when there is work, also work that was cut short. */
void scheduler_add(uint32_t number)
{
	struct queue *q = &queues[number];

	set_place(q, PLACE_OUT);
	hal_write(NPU_MG_DB_QUEUE, number);
	hal_write64(NPU_MG_DB_TAIL_LO, q->head);
	hal_write(NPU_MG_DB_CMD, NPU_MG_DB_WATCH);
}

void scheduler_remove(uint32_t number)
{
	set_place(&queues[number], PLACE_OUT);
	hal_write(NPU_MG_DB_QUEUE, number);
	hal_write(NPU_MG_DB_CMD, NPU_MG_DB_UNWATCH);
}

void scheduler_evict(uint32_t number, bool abort)
{
	struct queue *q = &queues[number];

	set_place(q, PLACE_LEAVING);
	q->parked = hal_read(slot_reg(q->slot, NPU_MG_SLOT_STATE)) == NPU_MG_SLOT_WAITING;
	hal_write(slot_reg(q->slot, NPU_MG_SLOT_CMD), abort ? NPU_MG_SLOT_ABORT : NPU_MG_SLOT_UNLOAD);
}

/*
 * Rank of a ready queue: its priority, counted from 1, which rises as it
 * waits, but not to realtime. 0 is behind all of them, for a queue that had
 * to leave its slot while it waited for a fence: just now, or when queues like
 * it have half of the slots already. Otherwise queues that only wait would
 * keep out the ones that they wait for, whose priority may be lower.
 */
static uint32_t rank_of(const struct queue *q, uint64_t now)
{
	const uint64_t waited = now - q->since;
	const uint32_t rank = q->priority + 1U;
	uint64_t aged;

	if (q->parked && (waited < PARK_NS || parked_slots >= slot_count / 2))
		return 0;
	if (q->priority >= NPU_QUEUE_PRIORITY_HIGH)
		return rank;
	aged = rank + waited / AGE_NS;
	return aged > NPU_QUEUE_PRIORITY_HIGH + 1U ? NPU_QUEUE_PRIORITY_HIGH + 1U : (uint32_t)aged;
}

/* A queue that is found working has seen its fence. */
static void count_parked(void)
{
	parked_slots = 0;
	for (uint32_t i = 0; i < slot_count; i++) {
		struct queue *q;

		if (slots[i].queue == NO_QUEUE)
			continue;
		q = &queues[slots[i].queue];
		if (!q->parked || q->place != PLACE_SLOT)
			continue;
		if (hal_read(slot_reg(i, NPU_MG_SLOT_STATE)) == NPU_MG_SLOT_RUNNING)
			q->parked = false;
		parked_slots += q->parked;
	}
}

static void load(uint32_t slot, uint32_t number, uint64_t now)
{
	struct queue *q = &queues[number];
	const uint32_t rank = rank_of(q, now);

	q->rank = (uint8_t)(rank ? rank : q->priority + 1U);
	parked_slots += q->parked;
	hal_write(slot_reg(slot, NPU_MG_SLOT_QUEUE), number);
	hal_write(slot_reg(slot, NPU_MG_SLOT_CONTEXT), q->context);
	hal_write64(slot_reg(slot, NPU_MG_SLOT_RING_LO), q->ring);
	hal_write64(slot_reg(slot, NPU_MG_SLOT_CONTROL_LO), q->control);
	hal_write(slot_reg(slot, NPU_MG_SLOT_CONFIG),
		  q->ring_shift | (uint32_t)q->vector << 8 |
		  (q->flags & NPU_QUEUE_PRIVILEGED ? NPU_MG_SLOT_PRIVILEGED : 0) |
		  (q->priority == NPU_QUEUE_PRIORITY_REALTIME ? NPU_MG_SLOT_REALTIME : 0));
	hal_write64(slot_reg(slot, NPU_MG_SLOT_HEAD_LO), q->head);
	hal_write(slot_reg(slot, NPU_MG_SLOT_CALL), q->call);
	q->slot = (uint8_t)slot;
	slots[slot].queue = number;
	set_place(q, PLACE_SLOT);
	hal_write(slot_reg(slot, NPU_MG_SLOT_CMD), NPU_MG_SLOT_LOAD);
}

static void account(uint32_t slot, struct queue *q)
{
	q->head = hal_read64(slot_reg(slot, NPU_MG_SLOT_HEAD_LO));
	q->call = hal_read(slot_reg(slot, NPU_MG_SLOT_CALL));
	q->busy_ns += hal_read64(slot_reg(slot, NPU_MG_SLOT_BUSY_LO));
	q->energy_nj += hal_read64(slot_reg(slot, NPU_MG_SLOT_ENERGY_LO));
	q->progress += hal_read(slot_reg(slot, NPU_MG_SLOT_PROGRESS));
}

static void stopped(uint32_t slot, uint32_t number)
{
	struct queue *q = &queues[number];

	if (q->state == NPU_QUEUE_STATE_STOPPED)
		return;
	q->error = (uint8_t)hal_read(slot_reg(slot, NPU_MG_SLOT_ERROR));
	q->state = NPU_QUEUE_STATE_STOPPED;
	log_line("queue %u stopped: error %u", (unsigned int)number, (unsigned int)q->error);
	hal_write(NPU_MG_HOST_IRQ, NPU_IRQ_QUEUE);
}

static void emptied(uint32_t slot, uint32_t number)
{
	struct queue *q = &queues[number];
	const uint32_t error = hal_read(slot_reg(slot, NPU_MG_SLOT_ERROR));

	account(slot, q);
	slots[slot].queue = NO_QUEUE;
	q->slot = NO_SLOT;
	set_place(q, PLACE_OUT);
	/* An error of its own on the way out; KILLED is what a command asked for. */
	if (error && (error != NPU_QUEUE_ERROR_KILLED || !q->command))
		stopped(slot, number);
	if (q->command)
		queue_left_slot(number);
	else if (q->state == NPU_QUEUE_STATE_ACTIVE)
		scheduler_add(number);
}

void scheduler_slot_events(void)
{
	const uint32_t events = hal_read(NPU_MG_SLOT_EVENTS);

	hal_write(NPU_MG_SLOT_EVENTS, events);
	for (uint32_t i = 0; i < slot_count; i++) {
		const uint32_t number = slots[i].queue;
		uint32_t state;

		if (!(events & 1U << i) || number == NO_QUEUE)
			continue;
		state = hal_read(slot_reg(i, NPU_MG_SLOT_STATE));
		if (state == NPU_MG_SLOT_FAULTED) {
			stopped(i, number);
			scheduler_evict(number, false);
		} else if (state == NPU_MG_SLOT_EMPTY) {
			emptied(i, number);
		}
	}
}

void scheduler_doorbells(void)
{
	for (uint32_t word = 0; word < NPU_QUEUES_MAX / 32; word++) {
		uint32_t bits = hal_read(NPU_MG_DB_PENDING(word));

		for (uint32_t bit = 0; bits; bit++, bits >>= 1) {
			struct queue *q = &queues[word * 32 + bit];

			if (!(bits & 1))
				continue;
			hal_write(NPU_MG_DB_QUEUE, word * 32 + bit);
			hal_write(NPU_MG_DB_CMD, NPU_MG_DB_UNWATCH);
			if (q->exists && q->place == PLACE_OUT && q->state == NPU_QUEUE_STATE_ACTIVE)
				set_place(q, PLACE_READY);
		}
	}
}

/* The first of the ready queues that is not in taken: by rank, then by how
 * long it has been ready.
 */
static uint32_t best_ready(uint64_t now, const uint32_t *taken)
{
	uint32_t best = NO_QUEUE, best_rank = 0;

	for (uint32_t i = 0; i < NPU_QUEUES_MAX; i++) {
		const struct queue *q = &queues[i];
		uint32_t rank;

		if (!q->exists || q->place != PLACE_READY || taken[i / 32] & 1U << i % 32)
			continue;
		rank = rank_of(q, now);
		if (best == NO_QUEUE || rank > best_rank ||
		    (rank == best_rank && q->since < queues[best].since)) {
			best = i;
			best_rank = rank;
		}
	}
	return best;
}

/*
 * Whom to take out for a ready queue: an idle one first, then one that only
 * waits, then a lower rank, then one whose slice is over.
 */
static uint32_t victim(const struct queue *next, uint64_t now)
{
	const uint32_t rank = rank_of(next, now), own = next->priority + 1U;
	uint32_t best = NO_QUEUE, best_worth = 0;
	uint64_t best_age = 0;

	for (uint32_t i = 0; i < slot_count; i++) {
		const uint32_t number = slots[i].queue;
		const struct queue *q;
		uint32_t state, worth;
		uint64_t age;

		if (number == NO_QUEUE || queues[number].place != PLACE_SLOT)
			continue;
		q = &queues[number];
		state = hal_read(slot_reg(i, NPU_MG_SLOT_STATE));
		age = now - q->since;
		if (state == NPU_MG_SLOT_IDLE && age >= SETTLE_NS)
			worth = 10;
		else if (state == NPU_MG_SLOT_WAITING && age >= WAIT_NS)
			worth = 9;
		else if (q->rank < rank)
			worth = 8 - q->rank;
		else if (q->rank <= (rank ? rank : own) && age >= (uint64_t)q->slice_us * 1000)
			worth = 1;
		else
			continue;
		if (worth > best_worth || (worth == best_worth && age > best_age)) {
			best = number;
			best_worth = worth;
			best_age = age;
		}
	}
	return best;
}

static void mark(uint32_t *taken, uint32_t number)
{
	taken[number / 32] |= 1U << number % 32;
}

bool scheduler_run(uint64_t now)
{
	uint32_t taken[NPU_QUEUES_MAX / 32];
	uint32_t coming = 0;

	memset(taken, 0, sizeof(taken));
	count_parked();
	for (uint32_t i = 0; i < slot_count && ready_count; i++) {
		if (slots[i].queue == NO_QUEUE)
			load(i, best_ready(now, taken), now);
		else
			coming += queues[slots[i].queue].place == PLACE_LEAVING;
	}
	/* The first ones get the slots that are about to become free. */
	for (uint32_t waiting = ready_count; waiting; waiting--) {
		const uint32_t next = best_ready(now, taken);
		uint32_t out;

		mark(taken, next);
		if (coming) {
			coming--;
			continue;
		}
		out = victim(&queues[next], now);
		if (out == NO_QUEUE)
			break;
		scheduler_evict(out, false);
	}
	return ready_count != 0;
}
