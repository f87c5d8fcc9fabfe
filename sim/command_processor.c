// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/*
 * Command processor: one thread that goes round the slots, fetches packets,
 * executes the small ones itself and hands the others to the engines.
 *
 * A slot has at most one job in an engine, so its packets complete in order
 * and every ordering rule of npu_packet.h holds; slots overlap one another.
 *
 * Sleeping follows docs/card.md, "Control block": after SPIN_NS without work
 * the thread sets need_wake in every loaded queue, looks once more, and
 * waits. cp_wake() (a wake page, an engine, the firmware) ends that.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <npu/npu_packet.h>

#include "card_internal.h"
#include "log.h"
#include "work_engine.h"

#define SPIN_NS		50000
/* While only FENCE_WAITs are left: from, doubled each time, to. */
#define FENCE_POLL_NS	50000
#define FENCE_POLL_MAX	1000000
#define PACKETS_AT_ONCE	64		/* before the next slot gets its turn */

struct slot_regs {			/* what the firmware writes before LOAD */
	uint32_t queue;
	uint32_t context;
	uint64_t ring;
	uint64_t control;
	uint32_t config;
	uint64_t head;
	uint32_t call;			/* packets done of the CALL at head */
};

struct slot {
	struct slot_regs regs;
	struct slot_regs loaded;	/* taken by LOAD */
	uint32_t state;			/* NPU_MG_SLOT_* */
	uint32_t error;
	bool stopping;
	bool awake;			/* need_wake is 0 in the control block */
	uint64_t head;
	uint64_t tail;			/* last read from the doorbell */
	uint64_t busy_ns;		/* since LOAD, without the job in flight */
	uint64_t queued_ns;		/* likewise */
	uint64_t energy_pj;
	uint64_t busy_start;		/* control block's at LOAD */
	uint64_t energy_start;
	uint32_t progress;		/* since LOAD */
	uint32_t busy_high, energy_high, queued_high;	/* latched by reading LO */
	struct {
		bool active;
		uint64_t address;
		uint32_t count;
		uint32_t at;
	} call;
	uint32_t resume;		/* where the CALL at head goes on after a LOAD */
	bool waiting;			/* a FENCE_WAIT does not hold yet */
	union {
		struct npu_packet_header header;
		struct npu_packet_exec exec;
		struct npu_packet_copy copy;
		struct npu_packet_fill fill;
		struct npu_packet_fence_signal signal;
		struct npu_packet_fence_wait wait;
		struct npu_packet_timestamp timestamp;
		struct npu_packet_call call;
		uint8_t bytes[NPU_PACKET_SIZE];
	} packet;
	bool in_flight;
	struct work_job job;
};

struct watch {
	bool armed;
	bool pending;
	uint64_t tail;
};

struct command_processor {
	struct card *card;
	pthread_t thread;
	pthread_mutex_t lock;		/* guards everything below */
	struct slot slots[SLOTS];
	struct watch watches[NPU_QUEUES_MAX];
	unsigned int watch_count;
	uint32_t events;
	uint64_t packets;
	bool frozen;			/* reset is under way: no slot moves */
	/* sleeping */
	long fence_poll_ns;		/* the command thread's own */
	int wake_fd;
	atomic_bool sleeping;
	atomic_bool kicked;
	atomic_bool quit;
};

void cp_wake(struct command_processor *cp)
{
	const uint64_t one = 1;

	atomic_store(&cp->kicked, true);
	if (atomic_load(&cp->sleeping)) {
		ssize_t written = write(cp->wake_fd, &one, sizeof(one));
		(void)written;
	}
}

static uint64_t doorbell(const struct command_processor *cp, uint32_t queue)
{
	return __atomic_load_n((uint64_t *)(cp->card->doorbells + NPU_DOORBELL_PAGE(queue)),
			       __ATOMIC_SEQ_CST);
}

static struct mmu_access ring_access(const struct slot *s)
{
	return (struct mmu_access){ s->loaded.context, s->loaded.queue,
				    s->loaded.config & NPU_MG_SLOT_PRIVILEGED };
}

static struct mmu_access packet_access(const struct slot *s)
{
	struct mmu_access access = ring_access(s);

	if (s->call.active)
		access.privileged = false;
	return access;
}

/* Maps the control block for one update; the caller unmaps and leaves. */
static struct npu_queue_control *control_map(struct command_processor *cp, struct slot *s,
					     struct mmu_window *window, struct mmu_fault *fault)
{
	const struct mmu_access access = ring_access(s);

	mmu_enter(cp->card->mmu, access.context);
	if (mmu_map(cp->card->mmu, &access, s->loaded.control, sizeof(struct npu_queue_control), true,
		    window, fault)) {
		mmu_leave(cp->card->mmu, access.context);
		return NULL;
	}
	return window->data;
}

/* What could not be written because the host's memory went away is lost. */
static void control_unmap(struct command_processor *cp, struct slot *s, struct mmu_window *window)
{
	struct mmu_fault fault;

	mmu_unmap(cp->card->mmu, window, &fault);
	mmu_leave(cp->card->mmu, s->loaded.context);
}

static void set_need_wake(struct command_processor *cp, struct slot *s, bool need)
{
	struct npu_queue_control *control;
	struct mmu_window window;
	struct mmu_fault fault;

	control = control_map(cp, s, &window, &fault);
	if (!control)
		return;
	/* In one order with doorbell() and the producer's barrier between tail and need_wake. */
	__atomic_store_n(&control->need_wake, need, __ATOMIC_SEQ_CST);
	control_unmap(cp, s, &window);
	s->awake = !need;
}

static void event(struct command_processor *cp, struct slot *s)
{
	cp->events |= 1u << (s - cp->slots);
	core_interrupt(cp->card->core, NPU_MG_INT_SLOT);
}

static void set_state(struct command_processor *cp, struct slot *s, uint32_t state)
{
	if (s->state == state)
		return;
	s->state = state;
	if (state == NPU_MG_SLOT_EMPTY || state == NPU_MG_SLOT_FAULTED)
		event(cp, s);
}

/* Stops the queue: the control block tells the producer, the event the firmware. */
static void stop(struct command_processor *cp, struct slot *s, uint32_t error, uint32_t op,
		 uint64_t va)
{
	struct npu_queue_control *control;
	struct mmu_window window;
	struct mmu_fault fault;

	if (s->error)
		return;
	s->error = error;
	control = control_map(cp, s, &window, &fault);
	if (control) {
		control->error_index = s->head;
		control->error_tag = s->packet.header.tag;
		control->error_op = op;
		control->error_va = va;
		control->error = error;
		__atomic_store_n(&control->state, NPU_QUEUE_STATE_STOPPED, __ATOMIC_RELEASE);
		control_unmap(cp, s, &window);
	}
	log_info("queue %u stopped: error %u at packet %llu, va 0x%llx", s->loaded.queue, error,
		 (unsigned long long)s->head, (unsigned long long)va);
	if (!s->stopping)
		set_state(cp, s, NPU_MG_SLOT_FAULTED);
}

/* Records the fault; the error that it is for the queue. */
static uint32_t record_fault(struct command_processor *cp, const struct mmu_fault *fault)
{
	regs_push_fault(cp->card, fault);
	return (fault->info & NPU_FAULT_REASON_MASK) == NPU_FAULT_REASON_ECC << 8 ?
	       NPU_QUEUE_ERROR_ECC : NPU_QUEUE_ERROR_FAULT;
}

static void stop_fault(struct command_processor *cp, struct slot *s, const struct mmu_fault *fault)
{
	stop(cp, s, record_fault(cp, fault), 0, fault->va);
}

/* The packet at head has completed: publish, and interrupt if that was asked for. */
static void retire(struct command_processor *cp, struct slot *s)
{
	const uint64_t old = s->head++;
	struct npu_queue_control *control;
	const uint32_t vector = (s->loaded.config & NPU_MG_SLOT_VECTOR_MASK) >> 8;
	struct mmu_window window;
	struct mmu_fault fault;
	uint64_t armed[2];

	s->progress++;
	cp->packets++;
	control = control_map(cp, s, &window, &fault);
	if (!control) {
		stop_fault(cp, s, &fault);
		return;
	}
	__atomic_store_n(&control->busy_ns, s->busy_start + s->busy_ns, __ATOMIC_RELAXED);
	__atomic_store_n(&control->energy_nj, s->energy_start + s->energy_pj / 1000,
			 __ATOMIC_RELAXED);
	/* In one order with the producer's barrier between arming and looking again. */
	__atomic_store_n(&control->head, s->head, __ATOMIC_SEQ_CST);
	armed[0] = __atomic_load_n(&control->event, __ATOMIC_SEQ_CST);
	armed[1] = __atomic_load_n(&control->driver_event, __ATOMIC_SEQ_CST);
	control_unmap(cp, s, &window);
	if (vector && ((old < armed[0] && armed[0] <= s->head) ||
		       (old < armed[1] && armed[1] <= s->head)))
		card_irq(cp->card, vector);
}

/* One packet is done: of a CALL, or of the ring. */
static void advance(struct command_processor *cp, struct slot *s)
{
	if (s->call.active) {
		s->progress++;
		if (++s->call.at < s->call.count)
			return;
		s->call.active = false;
	}
	retire(cp, s);
}

static bool zero_from(const struct slot *s, size_t offset)
{
	for (size_t i = offset; i < NPU_PACKET_SIZE; i++) {
		if (s->packet.bytes[i])
			return false;
	}
	return true;
}

static bool packet_valid(const struct slot *s)
{
	if (s->packet.header.flags & ~NPU_PACKET_F_BARRIER || s->packet.header.mbz)
		return false;
	switch (s->packet.header.opcode) {
	case NPU_PACKET_NOP:
	case NPU_PACKET_BARRIER:
		return zero_from(s, sizeof(struct npu_packet_header));
	case NPU_PACKET_EXEC:
		return !(s->packet.exec.program % 64) && !(s->packet.exec.bases % 8) &&
		       !(s->packet.exec.params % 8) && !(s->packet.exec.profile % 8) &&
		       s->packet.exec.base_count <= NPU_BASES_MAX &&
		       s->packet.exec.param_count <= NPU_PARAMS_MAX && !s->packet.exec.mbz;
	case NPU_PACKET_COPY: {
		const struct npu_packet_copy *p = &s->packet.copy;

		return p->size && p->size <= 1ull << 40 && p->source + p->size > p->source &&
		       p->destination + p->size > p->destination &&
		       (p->source + p->size <= p->destination ||
			p->destination + p->size <= p->source) &&
		       zero_from(s, offsetof(struct npu_packet_copy, mbz));
	}
	case NPU_PACKET_FILL: {
		const struct npu_packet_fill *p = &s->packet.fill;

		return p->size && p->size <= 1ull << 40 && !(p->size % 4) && !(p->destination % 4) &&
		       p->destination + p->size > p->destination &&
		       zero_from(s, offsetof(struct npu_packet_fill, mbz));
	}
	case NPU_PACKET_FENCE_SIGNAL:
		return !(s->packet.signal.address % 8) &&
		       zero_from(s, offsetof(struct npu_packet_fence_signal, mbz));
	case NPU_PACKET_FENCE_WAIT:
		return !(s->packet.wait.address % 8) && s->packet.wait.compare < NPU_COMPARE_COUNT &&
		       zero_from(s, offsetof(struct npu_packet_fence_wait, mbz));
	case NPU_PACKET_TIMESTAMP:
		return !(s->packet.timestamp.address % 8) &&
		       zero_from(s, offsetof(struct npu_packet_timestamp, mbz));
	case NPU_PACKET_CALL:
		return !s->call.active && !(s->packet.call.address % 64) && s->packet.call.count &&
		       s->packet.call.count <= NPU_CALL_MAX &&
		       zero_from(s, offsetof(struct npu_packet_call, mbz));
	}
	return false;
}

static bool fence_holds(const struct npu_packet_fence_wait *wait, uint64_t value)
{
	value &= wait->mask;
	switch (wait->compare) {
	case NPU_COMPARE_GE:
		return value >= wait->value;
	case NPU_COMPARE_EQ:
		return value == wait->value;
	}
	return value != wait->value;
}

/* The slot's FENCE_WAIT; true when it has been passed (or has failed). */
static bool try_fence(struct command_processor *cp, struct slot *s)
{
	const struct mmu_access access = packet_access(s);
	struct mmu_fault fault;
	uint64_t value;

	if (mmu_load64(cp->card->mmu, &access, s->packet.wait.address, &value, &fault)) {
		s->waiting = false;
		stop_fault(cp, s, &fault);
		return true;
	}
	s->waiting = !fence_holds(&s->packet.wait, value);
	if (s->waiting) {
		set_state(cp, s, NPU_MG_SLOT_WAITING);
		return false;
	}
	advance(cp, s);
	return true;
}

static void store(struct command_processor *cp, struct slot *s, uint64_t address, uint64_t value)
{
	const struct mmu_access access = packet_access(s);
	struct mmu_fault fault;

	if (mmu_store64(cp->card->mmu, &access, address, value, &fault))
		stop_fault(cp, s, &fault);
	else
		advance(cp, s);
}

static void start_job(struct command_processor *cp, struct slot *s)
{
	struct work_job *job = &s->job;

	memset(job, 0, sizeof(*job));
	memcpy(&job->packet, &s->packet, sizeof(job->packet));
	job->access = packet_access(s);
	job->access.privileged = false;
	job->realtime = s->loaded.config & NPU_MG_SLOT_REALTIME;
	s->in_flight = true;
	work_engine_submit(s->packet.header.opcode == NPU_PACKET_EXEC ? cp->card->tensor :
									cp->card->copy, job);
}

static void execute(struct command_processor *cp, struct slot *s)
{
	uint64_t value;

	switch (s->packet.header.opcode) {
	case NPU_PACKET_NOP:
	case NPU_PACKET_BARRIER:
		advance(cp, s);
		break;
	case NPU_PACKET_EXEC:
	case NPU_PACKET_COPY:
	case NPU_PACKET_FILL:
		start_job(cp, s);
		break;
	case NPU_PACKET_FENCE_SIGNAL:
		value = s->packet.signal.value;
		if (card_fault_holds(cp->card, NPU_DEBUG_FENCE_BACKWARDS))
			value -= 2;
		store(cp, s, s->packet.signal.address, value);
		break;
	case NPU_PACKET_FENCE_WAIT:
		try_fence(cp, s);
		break;
	case NPU_PACKET_TIMESTAMP:
		store(cp, s, s->packet.timestamp.address, card_time(cp->card));
		break;
	case NPU_PACKET_CALL:
		if (s->resume >= s->packet.call.count) {
			stop(cp, s, NPU_QUEUE_ERROR_PACKET, 0, s->packet.call.address);
			break;
		}
		s->call.address = s->packet.call.address;
		s->call.count = s->packet.call.count;
		s->call.at = s->resume;
		s->call.active = true;
		s->resume = 0;
		break;
	}
}

/* Reads the doorbell; false if there is nothing to fetch. */
static bool have_work(struct command_processor *cp, struct slot *s)
{
	const uint64_t packets = 1ull << (s->loaded.config & NPU_MG_SLOT_RING_SHIFT_MASK);

	if (s->call.active)
		return true;
	if (s->head == s->tail) {
		s->tail = doorbell(cp, s->loaded.queue);
		if (s->head == s->tail)
			return false;
		if (s->tail < s->head || s->tail - s->head > packets) {
			memset(&s->packet, 0, sizeof(s->packet));
			stop(cp, s, NPU_QUEUE_ERROR_TAIL, 0, s->tail);
			return false;
		}
	}
	return true;
}

static void fetch_and_execute(struct command_processor *cp, struct slot *s)
{
	const uint64_t packets = 1ull << (s->loaded.config & NPU_MG_SLOT_RING_SHIFT_MASK);
	const struct mmu_access access = packet_access(s);
	struct mmu_fault fault;
	uint64_t va;

	if (s->call.active)
		va = s->call.address + (uint64_t)s->call.at * NPU_PACKET_SIZE;
	else
		va = s->loaded.ring + (s->head & (packets - 1)) * NPU_PACKET_SIZE;
	if (mmu_read(cp->card->mmu, &access, va, &s->packet, sizeof(s->packet), &fault)) {
		memset(&s->packet, 0, sizeof(s->packet));
		stop_fault(cp, s, &fault);
	} else if (!packet_valid(s)) {
		stop(cp, s, NPU_QUEUE_ERROR_PACKET, 0, va);
	} else {
		execute(cp, s);
	}
}

static void finish_job(struct command_processor *cp, struct slot *s)
{
	struct work_job *job = &s->job;

	s->in_flight = false;
	/* What was seen of it while it ran does not go back. */
	s->progress += atomic_load(&job->steps);
	s->busy_ns += job->busy_ns;
	s->queued_ns += job->queued_ns;
	s->energy_pj += job->energy_pj;
	/* A queue that has been aborted meanwhile keeps its head at this packet. */
	if (s->error)
		return;
	if (job->error == NPU_QUEUE_ERROR_FAULT)
		job->error = record_fault(cp, &job->fault);
	if (job->error)
		stop(cp, s, job->error, job->error_op, job->error_va);
	else
		advance(cp, s);
}

/* Makes the slot empty; its queue's memory is not touched afterwards. */
static void empty(struct command_processor *cp, struct slot *s)
{
	s->regs.head = s->head;
	if (s->call.active)
		s->resume = s->call.at;
	s->call.active = false;
	s->waiting = false;
	set_need_wake(cp, s, true);
	s->stopping = false;
	set_state(cp, s, NPU_MG_SLOT_EMPTY);
}

/* True if the slot did something. */
static bool step(struct command_processor *cp, struct slot *s)
{
	bool worked = false;

	if (s->state == NPU_MG_SLOT_EMPTY)
		return false;
	for (unsigned int n = 0; n < PACKETS_AT_ONCE; n++) {
		if (s->in_flight) {
			if (!atomic_load(&s->job.done))
				break;
			finish_job(cp, s);
			worked = true;
			continue;
		}
		if (s->stopping) {
			empty(cp, s);
			return true;
		}
		if (s->state == NPU_MG_SLOT_FAULTED)
			break;
		if (s->waiting) {
			if (!try_fence(cp, s))
				break;
			worked = true;
			continue;
		}
		if (!have_work(cp, s)) {
			if (s->state != NPU_MG_SLOT_FAULTED)
				set_state(cp, s, NPU_MG_SLOT_IDLE);
			break;
		}
		if (!s->awake)
			set_need_wake(cp, s, false);
		set_state(cp, s, NPU_MG_SLOT_RUNNING);
		fetch_and_execute(cp, s);
		worked = true;
	}
	return worked;
}

static void compare_doorbells(struct command_processor *cp)
{
	bool found = false;

	if (!cp->watch_count)
		return;
	for (uint32_t i = 0; i < NPU_QUEUES_MAX; i++) {
		struct watch *w = &cp->watches[i];

		if (w->armed && !w->pending && doorbell(cp, i) != w->tail) {
			w->pending = true;
			found = true;
		}
	}
	if (found)
		core_interrupt(cp->card->core, NPU_MG_INT_DOORBELL);
}

static bool round_of_slots(struct command_processor *cp)
{
	bool worked = false;

	pthread_mutex_lock(&cp->lock);
	for (unsigned int i = 0; i < SLOTS && !cp->frozen; i++)
		worked |= step(cp, &cp->slots[i]);
	compare_doorbells(cp);
	pthread_mutex_unlock(&cp->lock);
	return worked;
}

/* Tells the producers to write their wake pages from now on. */
static bool announce_sleep(struct command_processor *cp)
{
	bool waiting = false;

	pthread_mutex_lock(&cp->lock);
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct slot *s = &cp->slots[i];

		if (s->state != NPU_MG_SLOT_EMPTY && s->awake)
			set_need_wake(cp, s, true);
		waiting |= s->waiting;
	}
	pthread_mutex_unlock(&cp->lock);
	return waiting;
}

static void wait_for_work(struct command_processor *cp)
{
	struct pollfd poll_fd = { cp->wake_fd, POLLIN, 0 };
	const struct timespec fence_poll = { 0, cp->fence_poll_ns };
	const bool waiting = announce_sleep(cp);
	uint64_t count;

	atomic_store(&cp->sleeping, true);
	if (!round_of_slots(cp) && !atomic_load(&cp->kicked)) {
		ppoll(&poll_fd, 1, waiting ? &fence_poll : NULL, NULL);
		if (poll_fd.revents & POLLIN) {
			ssize_t got = read(cp->wake_fd, &count, sizeof(count));
			(void)got;
		}
		cp->fence_poll_ns = cp->fence_poll_ns * 2 < FENCE_POLL_MAX ? cp->fence_poll_ns * 2 :
									      FENCE_POLL_MAX;
	}
	atomic_store(&cp->sleeping, false);
}

static void *command_thread(void *argument)
{
	struct command_processor *cp = argument;
	uint64_t last = monotonic_ns();

	while (!atomic_load(&cp->quit)) {
		const bool kicked = atomic_exchange(&cp->kicked, false);

		if (round_of_slots(cp) || kicked) {
			last = monotonic_ns();
			cp->fence_poll_ns = FENCE_POLL_NS;
		} else if (monotonic_ns() - last > SPIN_NS) {
			wait_for_work(cp);
		} else {
			__builtin_ia32_pause();
		}
	}
	return NULL;
}

static bool load(struct command_processor *cp, struct slot *s)
{
	const uint32_t shift = s->regs.config & NPU_MG_SLOT_RING_SHIFT_MASK;
	struct npu_queue_control *control;
	struct mmu_window window;
	struct mmu_fault fault;

	/* The control block lies in one page, so that it is never a copy. */
	if (s->state != NPU_MG_SLOT_EMPTY || s->regs.queue >= NPU_QUEUES_MAX || shift < 4 ||
	    shift > 16 || s->regs.ring % NPU_PACKET_SIZE ||
	    s->regs.control % sizeof(struct npu_queue_control))
		return false;
	s->loaded = s->regs;
	s->head = s->regs.head;
	s->tail = s->head;
	s->resume = s->regs.call;
	s->error = NPU_QUEUE_ERROR_NONE;
	s->stopping = s->waiting = s->in_flight = s->call.active = s->awake = false;
	s->busy_ns = 0;
	s->queued_ns = 0;
	s->energy_pj = 0;
	s->progress = 0;
	memset(&s->packet, 0, sizeof(s->packet));
	control = control_map(cp, s, &window, &fault);
	s->state = NPU_MG_SLOT_IDLE;
	if (control) {
		s->busy_start = __atomic_load_n(&control->busy_ns, __ATOMIC_RELAXED);
		s->energy_start = __atomic_load_n(&control->energy_nj, __ATOMIC_RELAXED);
		__atomic_store_n(&control->state, NPU_QUEUE_STATE_ACTIVE, __ATOMIC_RELEASE);
		control_unmap(cp, s, &window);
	} else {
		stop_fault(cp, s, &fault);
	}
	return true;
}

static bool slot_command(struct command_processor *cp, struct slot *s, uint32_t command)
{
	switch (command) {
	case NPU_MG_SLOT_LOAD:
		return load(cp, s);
	case NPU_MG_SLOT_ABORT:
		if (s->state == NPU_MG_SLOT_EMPTY)
			return false;
		if (s->in_flight)
			work_job_cancel(&s->job);
		s->stopping = true;
		stop(cp, s, NPU_QUEUE_ERROR_KILLED, 0, 0);
		s->state = NPU_MG_SLOT_STOPPING;
		return true;
	case NPU_MG_SLOT_UNLOAD:
		if (s->state == NPU_MG_SLOT_EMPTY)
			return false;
		s->stopping = true;
		s->state = NPU_MG_SLOT_STOPPING;
		return true;
	}
	return false;
}

bool cp_slot_write(struct command_processor *cp, unsigned int number, uint32_t offset,
		   uint32_t value)
{
	struct slot *s;
	bool valid = true;

	if (number >= SLOTS)
		return false;
	s = &cp->slots[number];
	pthread_mutex_lock(&cp->lock);
	switch (offset) {
	case NPU_MG_SLOT_QUEUE:
		s->regs.queue = value;
		break;
	case NPU_MG_SLOT_CONTEXT:
		s->regs.context = value;
		break;
	case NPU_MG_SLOT_RING_LO:
		s->regs.ring = (s->regs.ring & ~0xffffffffull) | value;
		break;
	case NPU_MG_SLOT_RING_HI:
		s->regs.ring = (s->regs.ring & 0xffffffffull) | (uint64_t)value << 32;
		break;
	case NPU_MG_SLOT_CONTROL_LO:
		s->regs.control = (s->regs.control & ~0xffffffffull) | value;
		break;
	case NPU_MG_SLOT_CONTROL_HI:
		s->regs.control = (s->regs.control & 0xffffffffull) | (uint64_t)value << 32;
		break;
	case NPU_MG_SLOT_CONFIG:
		s->regs.config = value;
		break;
	case NPU_MG_SLOT_HEAD_LO:
		s->regs.head = (s->regs.head & ~0xffffffffull) | value;
		break;
	case NPU_MG_SLOT_HEAD_HI:
		s->regs.head = (s->regs.head & 0xffffffffull) | (uint64_t)value << 32;
		break;
	case NPU_MG_SLOT_CALL:
		s->regs.call = value;
		break;
	case NPU_MG_SLOT_CMD:
		valid = slot_command(cp, s, value);
		break;
	default:
		valid = false;
	}
	pthread_mutex_unlock(&cp->lock);
	if (offset == NPU_MG_SLOT_CMD)
		cp_wake(cp);
	return valid;
}

uint32_t cp_slot_read(struct command_processor *cp, unsigned int number, uint32_t offset)
{
	uint64_t busy = 0, queued = 0;
	struct slot *s;
	uint32_t value = 0;

	if (number >= SLOTS)
		return 0;
	s = &cp->slots[number];
	pthread_mutex_lock(&cp->lock);
	if (s->in_flight)
		work_job_times(&s->job, &busy, &queued);
	switch (offset) {
	case NPU_MG_SLOT_QUEUE:
		value = s->loaded.queue;
		break;
	case NPU_MG_SLOT_HEAD_LO:
		value = (uint32_t)s->head;
		break;
	case NPU_MG_SLOT_HEAD_HI:
		value = s->head >> 32;
		break;
	case NPU_MG_SLOT_CALL:
		value = s->resume;
		break;
	case NPU_MG_SLOT_BUSY_LO:
		value = (uint32_t)(s->busy_ns + busy);
		s->busy_high = (s->busy_ns + busy) >> 32;
		break;
	case NPU_MG_SLOT_BUSY_HI:
		value = s->busy_high;
		break;
	case NPU_MG_SLOT_QUEUED_LO:
		value = (uint32_t)(s->queued_ns + queued);
		s->queued_high = (s->queued_ns + queued) >> 32;
		break;
	case NPU_MG_SLOT_QUEUED_HI:
		value = s->queued_high;
		break;
	case NPU_MG_SLOT_ENERGY_LO:
		value = (uint32_t)(s->energy_pj / 1000);
		s->energy_high = s->energy_pj / 1000 >> 32;
		break;
	case NPU_MG_SLOT_ENERGY_HI:
		value = s->energy_high;
		break;
	case NPU_MG_SLOT_PROGRESS:
		value = s->progress + (s->in_flight ? atomic_load(&s->job.steps) : 0);
		break;
	case NPU_MG_SLOT_STATE:
		value = s->state;
		break;
	case NPU_MG_SLOT_ERROR:
		value = s->error;
		break;
	}
	pthread_mutex_unlock(&cp->lock);
	return value;
}

uint32_t cp_slot_events(struct command_processor *cp)
{
	uint32_t events;

	pthread_mutex_lock(&cp->lock);
	events = cp->events;
	pthread_mutex_unlock(&cp->lock);
	return events;
}

void cp_clear_slot_events(struct command_processor *cp, uint32_t events)
{
	pthread_mutex_lock(&cp->lock);
	cp->events &= ~events;
	pthread_mutex_unlock(&cp->lock);
}

bool cp_doorbell_command(struct command_processor *cp, uint32_t queue, uint64_t *tail,
			 uint32_t command)
{
	struct watch *w;
	bool valid = true;

	if (queue >= NPU_QUEUES_MAX)
		return false;
	w = &cp->watches[queue];
	pthread_mutex_lock(&cp->lock);
	cp->watch_count -= w->armed;
	switch (command) {
	case NPU_MG_DB_WATCH:
		*w = (struct watch){ true, false, *tail };
		break;
	case NPU_MG_DB_UNWATCH:
		*w = (struct watch){ false, false, 0 };
		break;
	case NPU_MG_DB_READ:
		*tail = doorbell(cp, queue);
		break;
	case NPU_MG_DB_CLEAR:
		memset(cp->card->doorbells + NPU_DOORBELL_PAGE(queue), 0, NPU_DOORBELL_PAGE_SIZE);
		break;
	default:
		valid = false;
	}
	cp->watch_count += w->armed;
	pthread_mutex_unlock(&cp->lock);
	/* The comparator looks at once: the tail may have moved before. */
	if (command == NPU_MG_DB_WATCH)
		cp_wake(cp);
	return valid;
}

uint32_t cp_doorbell_pending(struct command_processor *cp, unsigned int word)
{
	uint32_t bits = 0;

	if (word >= NPU_QUEUES_MAX / 32)
		return 0;
	pthread_mutex_lock(&cp->lock);
	for (unsigned int i = 0; i < 32; i++)
		bits |= (uint32_t)cp->watches[word * 32 + i].pending << i;
	pthread_mutex_unlock(&cp->lock);
	return bits;
}

uint64_t cp_packets(struct command_processor *cp)
{
	uint64_t packets;

	pthread_mutex_lock(&cp->lock);
	packets = cp->packets;
	pthread_mutex_unlock(&cp->lock);
	return packets;
}

void cp_status(struct command_processor *cp, FILE *out)
{
	static const char *const names[] = { "empty", "idle", "running", "waiting", "faulted",
					     "stopping" };

	pthread_mutex_lock(&cp->lock);
	fprintf(out, "packets %llu\n", (unsigned long long)cp->packets);
	for (unsigned int i = 0; i < SLOTS; i++) {
		const struct slot *s = &cp->slots[i];

		fprintf(out, "slot %u %s", i, names[s->state]);
		if (s->state != NPU_MG_SLOT_EMPTY)
			fprintf(out, " queue %u context %u head %llu tail %llu", s->loaded.queue,
				s->loaded.context, (unsigned long long)s->head,
				(unsigned long long)s->tail);
		fputc('\n', out);
	}
	pthread_mutex_unlock(&cp->lock);
}

bool cp_is_reset(struct command_processor *cp)
{
	bool frozen;

	pthread_mutex_lock(&cp->lock);
	frozen = cp->frozen;
	pthread_mutex_unlock(&cp->lock);
	return frozen;
}

void cp_reset(struct command_processor *cp)
{
	const struct timespec pause = { 0, 100000 };
	bool busy = true;

	pthread_mutex_lock(&cp->lock);
	cp->frozen = true;
	for (unsigned int i = 0; i < SLOTS; i++) {
		if (cp->slots[i].in_flight)
			work_job_cancel(&cp->slots[i].job);
	}
	while (busy) {
		busy = false;
		for (unsigned int i = 0; i < SLOTS; i++)
			busy |= cp->slots[i].in_flight && !atomic_load(&cp->slots[i].job.done);
		pthread_mutex_unlock(&cp->lock);
		if (busy)
			nanosleep(&pause, NULL);
		pthread_mutex_lock(&cp->lock);
	}
	memset(cp->slots, 0, sizeof(cp->slots));
	memset(cp->watches, 0, sizeof(cp->watches));
	cp->watch_count = 0;
	cp->events = 0;
	cp->packets = 0;
	cp->frozen = false;
	pthread_mutex_unlock(&cp->lock);
}

struct command_processor *cp_create(struct card *card)
{
	struct command_processor *cp = calloc(1, sizeof(*cp));

	if (!cp)
		return NULL;
	cp->card = card;
	cp->fence_poll_ns = FENCE_POLL_NS;
	pthread_mutex_init(&cp->lock, NULL);
	cp->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (cp->wake_fd < 0 || pthread_create(&cp->thread, NULL, command_thread, cp)) {
		if (cp->wake_fd >= 0)
			close(cp->wake_fd);
		pthread_mutex_destroy(&cp->lock);
		free(cp);
		return NULL;
	}
	pthread_setname_np(cp->thread, "command");
	return cp;
}

void cp_destroy(struct command_processor *cp)
{
	if (!cp)
		return;
	cp_reset(cp);
	atomic_store(&cp->quit, true);
	cp_wake(cp);
	pthread_join(cp->thread, NULL);
	close(cp->wake_fd);
	pthread_mutex_destroy(&cp->lock);
	free(cp);
}
