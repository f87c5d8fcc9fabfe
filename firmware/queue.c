// SPDX-License-Identifier: BSD-3-Clause
// Copyright The npu authors
#include "queue.h"

#include <string.h>

#include <abi/npu_mgmt.h>
#include <abi/npu_mmu.h>
#include <npu/npu_packet.h>

#include "admin.h"
#include "context.h"
#include "hal.h"
#include "log.h"
#include "scheduler.h"

#define COMMAND_LIMIT_NS	900000000ULL	/* docs/card.md promises 1 s */

struct queue queues[NPU_QUEUES_MAX];
static uint32_t count;

void queue_init(void)
{
	memset(queues, 0, sizeof(queues));
	count = 0;
}

uint32_t queue_count(void)
{
	return count;
}

static bool args_valid(const struct npu_admin_queue_create_args *a)
{
	const uint64_t end = 1ULL << NPU_VA_BITS;
	const uint64_t ring_size = (uint64_t)64 << (a->ring_shift & 31);

	return a->queue < NPU_QUEUES_MAX && a->queue < hal_read(NPU_MG_QUEUES) &&
	       !(a->ring_va % NPU_PAGE_SIZE) && !(a->control_va % NPU_PAGE_SIZE) &&
	       a->ring_shift >= NPU_RING_SHIFT_MIN && a->ring_shift <= NPU_RING_SHIFT_MAX &&
	       a->ring_va < end && ring_size <= end - a->ring_va && a->control_va < end &&
	       !(a->flags & ~(uint32_t)(NPU_QUEUE_PRIVILEGED | NPU_QUEUE_SUSPENDED)) && a->vector < NPU_MSIX_VECTORS &&
	       a->priority <= NPU_QUEUE_PRIORITY_REALTIME && a->call < NPU_CALL_MAX &&
	       /* Its doorbell is zero, and is read when it runs. */
	       (a->flags & NPU_QUEUE_SUSPENDED || (!a->head && !a->call));
}

static uint32_t slice(uint32_t us)
{
	if (!us)
		return NPU_SLICE_US_DEFAULT;
	if (us < NPU_SLICE_US_MIN)
		return NPU_SLICE_US_MIN;
	return us > NPU_SLICE_US_MAX ? NPU_SLICE_US_MAX : us;
}

uint8_t queue_create(const struct npu_admin_queue_create_args *a)
{
	struct queue *q;

	if (!args_valid(a))
		return NPU_ADMIN_STATUS_INVALID;
	if (!context_exists(a->context))
		return NPU_ADMIN_STATUS_NOT_FOUND;
	q = &queues[a->queue];
	if (q->exists)
		return NPU_ADMIN_STATUS_EXISTS;
	*q = (struct queue){
		.exists = true, .priority = a->priority, .ring_shift = a->ring_shift,
		.slot = NO_SLOT, .place = PLACE_OUT,
		.state = a->flags & NPU_QUEUE_SUSPENDED ? NPU_QUEUE_STATE_SUSPENDED :
							  NPU_QUEUE_STATE_ACTIVE,
		.vector = a->vector, .context = a->context, .flags = a->flags,
		.slice_us = slice(a->time_slice_us),
		.ring = a->ring_va, .control = a->control_va, .head = a->head, .call = a->call,
	};
	context_hold(a->context);
	count++;
	hal_write(NPU_MG_DB_QUEUE, a->queue);
	hal_write(NPU_MG_DB_CMD, NPU_MG_DB_CLEAR);
	if (q->state == NPU_QUEUE_STATE_ACTIVE)
		scheduler_add(a->queue);
	return NPU_ADMIN_STATUS_OK;
}

static void destroy(uint32_t number)
{
	context_release(queues[number].context);
	memset(&queues[number], 0, sizeof(queues[number]));
	count--;
	hal_write(NPU_MG_DB_QUEUE, number);
	hal_write(NPU_MG_DB_CMD, NPU_MG_DB_CLEAR);
}

static uint32_t overstay(const struct queue *q)
{
	const uint64_t us = (hal_read64(NPU_MG_TIME_LO) - q->since) / 1000 + 1;

	return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

static void fill(uint32_t number, struct npu_admin_queue_result *r)
{
	const struct queue *q = &queues[number];

	memset(r, 0, sizeof(*r));
	r->head = q->head;
	r->busy_ns = q->busy_ns;
	r->energy_nj = q->energy_nj;
	r->state = q->state;
	r->error = q->error;
	r->progress = q->progress;
	r->call = q->call;
	r->served_ns = scheduler_served(number);
	if (q->place == PLACE_LEAVING)
		r->overstay_us = overstay(q);
	if (q->slot != NO_SLOT) {
		const uint32_t slot = NPU_MG_SLOT(q->slot);

		r->head = hal_read64(slot + NPU_MG_SLOT_HEAD_LO);
		r->call = hal_read(slot + NPU_MG_SLOT_CALL);
		r->busy_ns += hal_read64(slot + NPU_MG_SLOT_BUSY_LO);
		r->energy_nj += hal_read64(slot + NPU_MG_SLOT_ENERGY_LO);
		r->progress += hal_read(slot + NPU_MG_SLOT_PROGRESS);
	}
}

uint8_t queue_set(const struct npu_admin_queue_set_args *a, struct npu_admin_queue_result *result)
{
	struct queue *q;
	bool realtime;

	memset(result, 0, sizeof(*result));
	if (a->queue >= NPU_QUEUES_MAX || a->priority > NPU_QUEUE_PRIORITY_REALTIME || a->mbz)
		return NPU_ADMIN_STATUS_INVALID;
	q = &queues[a->queue];
	if (!q->exists)
		return NPU_ADMIN_STATUS_NOT_FOUND;
	realtime = q->priority == NPU_QUEUE_PRIORITY_REALTIME;
	q->priority = (uint8_t)a->priority;
	q->slice_us = slice(a->time_slice_us);
	q->rank = (uint8_t)(a->priority + 1);
	/* The slot has taken REALTIME when it was loaded. */
	if (q->place == PLACE_SLOT && realtime != (a->priority == NPU_QUEUE_PRIORITY_REALTIME))
		scheduler_evict(a->queue, false);
	fill(a->queue, result);
	return NPU_ADMIN_STATUS_OK;
}

/* The queue stands in no slot: what the command wants can be done at once. */
static void apply(uint8_t opcode, uint32_t number, struct npu_admin_queue_result *result)
{
	struct queue *q = &queues[number];

	if (opcode == NPU_ADMIN_QUEUE_SUSPEND && q->state == NPU_QUEUE_STATE_ACTIVE)
		q->state = NPU_QUEUE_STATE_SUSPENDED;
	if (opcode == NPU_ADMIN_QUEUE_KILL && q->state != NPU_QUEUE_STATE_STOPPED) {
		q->state = NPU_QUEUE_STATE_STOPPED;
		q->error = NPU_QUEUE_ERROR_KILLED;
	}
	scheduler_remove(number);
	fill(number, result);
	if (opcode == NPU_ADMIN_QUEUE_DESTROY) {
		memset(result, 0, sizeof(*result));
		destroy(number);
	}
}

static void answer(const struct queue *q, uint32_t number, uint8_t status,
		   const struct npu_admin_queue_result *result)
{
	if (status)
		log_line("queue %u: command %u ends with status %u", (unsigned int)number,
			 (unsigned int)q->command, (unsigned int)status);
	/* Rings that have been taken away get no answer, nor do those that came after. */
	if (q->epoch == admin_epoch())
		admin_complete(q->tag, status, result, sizeof(*result));
}

/* Ends the command that waits with a status; the queue stays as it is. */
static void give_up(uint32_t number, uint8_t status)
{
	struct npu_admin_queue_result result;

	fill(number, &result);
	answer(&queues[number], number, status, &result);
	queues[number].command = 0;
}

static uint8_t resume(uint32_t number, struct npu_admin_queue_result *result)
{
	struct queue *q = &queues[number];

	if (q->state != NPU_QUEUE_STATE_SUSPENDED)
		return NPU_ADMIN_STATUS_STATE;
	q->state = NPU_QUEUE_STATE_ACTIVE;
	q->parked = false;
	q->parked_at = 0;
	scheduler_add(number);
	fill(number, result);
	return NPU_ADMIN_STATUS_OK;
}

bool queue_command(uint8_t opcode, uint16_t tag, uint32_t number, uint8_t *status,
		   struct npu_admin_queue_result *result)
{
	struct queue *q;

	memset(result, 0, sizeof(*result));
	*status = NPU_ADMIN_STATUS_INVALID;
	if (number >= NPU_QUEUES_MAX)
		return true;
	q = &queues[number];
	*status = NPU_ADMIN_STATUS_NOT_FOUND;
	if (!q->exists)
		return true;
	*status = NPU_ADMIN_STATUS_OK;
	if (opcode == NPU_ADMIN_QUEUE_QUERY) {
		fill(number, result);
		return true;
	}
	/* Whoever kills need not wait for a packet that is in flight. */
	if (q->command == NPU_ADMIN_QUEUE_SUSPEND &&
	    (opcode == NPU_ADMIN_QUEUE_KILL || opcode == NPU_ADMIN_QUEUE_DESTROY))
		give_up(number, NPU_ADMIN_STATUS_STATE);
	*status = NPU_ADMIN_STATUS_STATE;
	if (q->command || (opcode == NPU_ADMIN_QUEUE_SUSPEND && q->state == NPU_QUEUE_STATE_STOPPED))
		return true;
	if (opcode == NPU_ADMIN_QUEUE_RESUME) {
		*status = resume(number, result);
		return true;
	}
	*status = NPU_ADMIN_STATUS_OK;
	if (q->slot == NO_SLOT) {
		apply(opcode, number, result);
		return true;
	}
	q->command = opcode;
	q->tag = tag;
	q->epoch = admin_epoch();
	q->deadline = hal_read64(NPU_MG_TIME_LO) + COMMAND_LIMIT_NS;
	scheduler_evict(number, opcode != NPU_ADMIN_QUEUE_SUSPEND);
	return false;
}

void queue_left_slot(uint32_t number)
{
	struct npu_admin_queue_result result;
	const struct queue waiting = queues[number];

	if (!waiting.command)
		return;
	queues[number].command = 0;
	apply(waiting.command, number, &result);
	answer(&waiting, number, NPU_ADMIN_STATUS_OK, &result);
}

void queue_check_deadlines(uint64_t now)
{
	for (uint32_t i = 0; i < NPU_QUEUES_MAX; i++) {
		const struct queue *q = &queues[i];

		if (q->exists && q->command && now >= q->deadline)
			give_up(i, NPU_ADMIN_STATUS_TIMEOUT);
	}
}
