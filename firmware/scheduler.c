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
/* The queues in PLACE_READY, in no order; queue.ready_at is the way back. */
static uint16_t ready[NPU_QUEUES_MAX];
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
	if (q->place == PLACE_READY) {
		const uint16_t last = ready[--ready_count];

		ready[q->ready_at] = last;
		queues[last].ready_at = q->ready_at;
	}
	q->place = (uint8_t)place;
	q->since = hal_read64(NPU_MG_TIME_LO);
	if (place == PLACE_READY) {
		q->ready_at = (uint16_t)ready_count;
		ready[ready_count++] = (uint16_t)(q - queues);
	}
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

/*
 * A queue that is found waiting where it had left its slot for a fence has
 * waited all the time. Until it has looked at the fence again, or has got on,
 * nothing is known.
 */
static void count_wait(struct queue *q)
{
	if (!q->parked_at)
		return;
	if (hal_read(slot_reg(q->slot, NPU_MG_SLOT_PROGRESS)))
		q->parked_at = 0;
	if (!q->parked_at || hal_read(slot_reg(q->slot, NPU_MG_SLOT_STATE)) != NPU_MG_SLOT_WAITING)
		return;
	q->served_ns += q->loaded_at - q->parked_at;
	q->parked_at = 0;
}

static uint64_t served_in_slot(const struct queue *q)
{
	const uint64_t stood = hal_read64(NPU_MG_TIME_LO) - q->loaded_at;
	const uint64_t queued = hal_read64(slot_reg(q->slot, NPU_MG_SLOT_QUEUED_LO));

	if (q->parked_at)
		return 0;
	return stood > queued ? stood - queued : 0;
}

uint64_t scheduler_served(uint32_t number)
{
	struct queue *q = &queues[number];

	if (q->slot == NO_SLOT)
		return q->served_ns;
	count_wait(q);
	return q->served_ns + served_in_slot(q);
}

void scheduler_evict(uint32_t number, bool abort)
{
	struct queue *q = &queues[number];

	count_wait(q);
	set_place(q, PLACE_LEAVING);
	q->parked = hal_read(slot_reg(q->slot, NPU_MG_SLOT_STATE)) == NPU_MG_SLOT_WAITING;
	hal_write(slot_reg(q->slot, NPU_MG_SLOT_CMD), abort ? NPU_MG_SLOT_ABORT : NPU_MG_SLOT_UNLOAD);
}

/*
 * Rank of a ready queue: its priority, counted from 1, which rises as it
 * waits, but not to realtime. 0, behind all of them, is for a queue that had
 * to leave its slot just now while it waited for a fence.
 */
static uint32_t rank_of(const struct queue *q, uint64_t now)
{
	const uint64_t waited = now - q->since;
	uint32_t rank = q->priority + 1U;

	if (q->parked && waited < PARK_NS)
		return 0;
	for (uint64_t age = AGE_NS; rank < NPU_QUEUE_PRIORITY_HIGH + 1U && waited >= age; age += AGE_NS)
		rank++;
	return rank;
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

static void load(uint32_t slot, uint32_t number, uint32_t rank)
{
	struct queue *q = &queues[number];

	q->rank = (uint8_t)(rank ? rank : q->priority + 1U);
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
	q->loaded_at = q->since;
	hal_write(slot_reg(slot, NPU_MG_SLOT_CMD), NPU_MG_SLOT_LOAD);
}

static void account(uint32_t slot, struct queue *q)
{
	q->head = hal_read64(slot_reg(slot, NPU_MG_SLOT_HEAD_LO));
	q->call = hal_read(slot_reg(slot, NPU_MG_SLOT_CALL));
	q->busy_ns += hal_read64(slot_reg(slot, NPU_MG_SLOT_BUSY_LO));
	q->energy_nj += hal_read64(slot_reg(slot, NPU_MG_SLOT_ENERGY_LO));
	q->progress += hal_read(slot_reg(slot, NPU_MG_SLOT_PROGRESS));
	count_wait(q);
	q->served_ns += served_in_slot(q);
	/* One that left before it had looked at its fence has still left at parked_at. */
	if (!q->parked_at && q->parked)
		q->parked_at = hal_read64(NPU_MG_TIME_LO);
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

struct candidate {
	uint32_t queue;
	uint32_t rank;
	uint64_t since;
};

/* The first ready queues in their order, as many as there are slots. */
struct shortlist {
	struct candidate best[NPU_MG_SLOTS_MAX];
	uint32_t found;
	uint32_t next;		/* not taken yet */
};

/* By rank, then by how long it has been ready. */
static bool before(const struct candidate *a, const struct candidate *b)
{
	return a->rank != b->rank ? a->rank > b->rank : a->since < b->since;
}

static void consider(struct shortlist *list, const struct candidate *c)
{
	uint32_t at = list->found;

	if (at == slot_count && !before(c, &list->best[at - 1]))
		return;
	if (at < slot_count)
		list->found++;
	else
		at--;
	for (; at && before(c, &list->best[at - 1]); at--)
		list->best[at] = list->best[at - 1];
	list->best[at] = *c;
}

/*
 * The next queue to get a slot; false if none is left. Queues that still
 * waited for a fence when they were seen last ([1]) come behind those that can
 * run once they have half of the slots: otherwise they would keep out the ones
 * that they wait for, whose priority may be lower.
 */
static bool take(struct shortlist lists[2], struct candidate *c)
{
	const bool enough = parked_slots >= slot_count / 2;
	const bool parked = lists[1].next < lists[1].found;
	bool from;

	if (lists[0].next == lists[0].found && !parked)
		return false;
	from = lists[0].next == lists[0].found ||
	       (parked && !enough && before(&lists[1].best[lists[1].next], &lists[0].best[lists[0].next]));
	*c = lists[from].best[lists[from].next++];
	if (from && enough)
		c->rank = 0;
	parked_slots += from;
	return true;
}

/*
 * Whom to take out for a ready queue: an idle one first, then one that only
 * waits, then a lower rank, then one whose slice is over.
 */
static uint32_t victim(const struct candidate *next, uint64_t now)
{
	const uint32_t rank = next->rank, own = queues[next->queue].priority + 1U;
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

bool scheduler_run(uint64_t now)
{
	static struct shortlist lists[2];
	struct candidate c;
	uint32_t coming = 0;

	count_parked();
	lists[0].found = lists[0].next = lists[1].found = lists[1].next = 0;
	for (uint32_t i = 0; i < ready_count; i++) {
		const struct queue *q = &queues[ready[i]];

		c = (struct candidate){ ready[i], rank_of(q, now), q->since };
		consider(&lists[q->parked], &c);
	}
	for (uint32_t i = 0; i < slot_count; i++) {
		if (slots[i].queue != NO_QUEUE)
			coming += queues[slots[i].queue].place == PLACE_LEAVING;
		else if (take(lists, &c))
			load(i, c.queue, c.rank);
	}
	/* The next ones get the slots that are about to become free. */
	while (coming && take(lists, &c))
		coming--;
	while (take(lists, &c)) {
		const uint32_t out = victim(&c, now);

		if (out == NO_QUEUE)
			break;
		scheduler_evict(out, false);
	}
	return ready_count != 0;
}
