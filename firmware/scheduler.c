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
/* A queue that only waits keeps its slot for this long, so that two of them
 * do not chase each other in and out.
 */
#define WAIT_NS		1000000ULL

static struct {
	uint32_t queue;		/* NO_QUEUE: empty */
} slots[NPU_MG_SLOTS_MAX];
static uint32_t slot_count;
static uint32_t ready_count;

void scheduler_init(void)
{
	for (uint32_t i = 0; i < NPU_MG_SLOTS_MAX; i++)
		slots[i].queue = NO_QUEUE;
	slot_count = hal_read(NPU_MG_UNITS) & 0xff;
	if (slot_count > NPU_MG_SLOTS_MAX)
		slot_count = NPU_MG_SLOTS_MAX;
	ready_count = 0;
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

static void load(uint32_t slot, uint32_t number)
{
	struct queue *q = &queues[number];

	hal_write(slot_reg(slot, NPU_MG_SLOT_QUEUE), number);
	hal_write(slot_reg(slot, NPU_MG_SLOT_CONTEXT), q->context);
	hal_write64(slot_reg(slot, NPU_MG_SLOT_RING_LO), q->ring);
	hal_write64(slot_reg(slot, NPU_MG_SLOT_CONTROL_LO), q->control);
	hal_write(slot_reg(slot, NPU_MG_SLOT_CONFIG),
		  q->ring_shift | (uint32_t)q->vector << 8 |
		  (q->flags & NPU_QUEUE_PRIVILEGED ? NPU_MG_SLOT_PRIVILEGED : 0));
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

	account(slot, q);
	slots[slot].queue = NO_QUEUE;
	q->slot = NO_SLOT;
	set_place(q, PLACE_OUT);
	if (hal_read(slot_reg(slot, NPU_MG_SLOT_ERROR)) && !q->command)
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

/*
 * Order: a queue that had to leave while it waited for a fence comes after
 * those that can run, whatever its priority, or queues of high priority that
 * only wait would keep out the ones that they wait for. Then priority, then
 * the one that is ready for longest.
 */
static bool before(const struct queue *a, const struct queue *b)
{
	if (a->parked != b->parked)
		return b->parked;
	if (!a->parked && a->priority != b->priority)
		return a->priority > b->priority;
	return a->since < b->since;
}

static uint32_t best_ready(void)
{
	uint32_t best = NO_QUEUE;

	for (uint32_t i = 0; i < NPU_QUEUES_MAX; i++) {
		const struct queue *q = &queues[i];

		if (!q->exists || q->place != PLACE_READY)
			continue;
		if (best == NO_QUEUE || before(q, &queues[best]))
			best = i;
	}
	return best;
}

/* Whom to take out for a ready queue: an idle one first, then one that only
 * waits, then a lower priority, then one whose slice is over.
 */
static uint32_t victim(const struct queue *next, uint64_t now)
{
	uint32_t best = NO_QUEUE;
	uint32_t best_rank = 0;
	uint64_t best_age = 0;

	for (uint32_t i = 0; i < slot_count; i++) {
		const uint32_t number = slots[i].queue;
		const struct queue *q = &queues[number];
		uint32_t state, rank;
		uint64_t age;

		if (number == NO_QUEUE || q->place != PLACE_SLOT)
			continue;
		state = hal_read(slot_reg(i, NPU_MG_SLOT_STATE));
		age = now - q->since;
		if (state == NPU_MG_SLOT_IDLE)
			rank = 8;
		else if (state == NPU_MG_SLOT_WAITING && age >= WAIT_NS)
			rank = 7;
		else if (!next->parked && q->priority < next->priority)
			rank = 6U - q->priority;
		else if (q->priority <= next->priority && age >= (uint64_t)q->slice_us * 1000)
			rank = 1;
		else
			continue;
		if (best == NO_QUEUE || rank > best_rank || (rank == best_rank && age > best_age)) {
			best = number;
			best_rank = rank;
			best_age = age;
		}
	}
	return best;
}

bool scheduler_run(uint64_t now)
{
	uint32_t leaving = 0;

	for (uint32_t i = 0; i < slot_count && ready_count; i++) {
		if (slots[i].queue == NO_QUEUE)
			load(i, best_ready());
		else
			leaving += queues[slots[i].queue].place == PLACE_LEAVING;
	}
	while (ready_count > leaving) {
		const uint32_t next = best_ready();
		const uint32_t out = victim(&queues[next], now);

		if (out == NO_QUEUE)
			break;
		scheduler_evict(out, false);
		leaving++;
	}
	return ready_count != 0;
}
