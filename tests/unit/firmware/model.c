// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
#include "model.h"

#include <string.h>

#include "hal.h"
#include "main.h"

#define STEP_NS		100000ull	/* of virtual time */
#define POINTERS	16

struct model model;

/* DMA_LOCAL is 32 bits wide: a small table stands for SRAM addresses. */
static const void *pointers[POINTERS];

static void set_low(uint64_t *value, uint32_t low)
{
	*value = (*value & ~0xffffffffull) | low;
}

static void set_high(uint64_t *value, uint32_t high)
{
	*value = (*value & 0xffffffffull) | (uint64_t)high << 32;
}

uint32_t hal_address(const void *object)
{
	for (uint32_t i = 0; i < POINTERS; i++) {
		if (!pointers[i])
			pointers[i] = object;
		if (pointers[i] == object)
			return NPU_MG_SRAM_BASE + i;
	}
	fail_msg("more than %u objects for DMA", POINTERS);
	return 0;
}

static void dma(uint32_t command)
{
	const uint64_t at = model.dma.host - MODEL_BASE;
	uint8_t *local;

	assert_in_range(model.dma.local, NPU_MG_SRAM_BASE, NPU_MG_SRAM_BASE + POINTERS - 1);
	assert_in_range(model.dma.length, 1, 65536);
	local = (uint8_t *)(uintptr_t)pointers[model.dma.local - NPU_MG_SRAM_BASE];
	model.dma.status = 1;
	if (model.dma_fails || model.dma.host < MODEL_BASE || at > MODEL_MEMORY ||
	    model.dma.length > MODEL_MEMORY - at)
		return;
	model.dma.status = 0;
	if (command == NPU_MG_DMA_FROM_HOST)
		memcpy(local, model.memory + at, model.dma.length);
	else
		memcpy(model.memory + at, local, model.dma.length);
}

static uint64_t slot_reg64(const struct model_slot *s, uint32_t offset)
{
	return s->reg[offset / 4] | (uint64_t)s->reg[offset / 4 + 1] << 32;
}

static void slot_event(uint32_t slot)
{
	model.events |= 1u << slot;
	model.pending |= NPU_MG_INT_SLOT;
}

static void slot_load(uint32_t slot)
{
	struct model_slot *s = &model.slots[slot];

	/* The firmware must know what stands where. */
	assert_int_equal(s->state, NPU_MG_SLOT_EMPTY);
	s->queue = s->reg[NPU_MG_SLOT_QUEUE / 4];
	assert_true(s->queue < NPU_QUEUES_MAX);
	for (uint32_t i = 0; i < MODEL_SLOTS; i++)
		assert_true(i == slot || !model.slots[i].state || model.slots[i].queue != s->queue);
	s->state = NPU_MG_SLOT_IDLE;
	s->error = 0;
	s->unload = s->abort = false;
	s->busy_ns = s->queued_ns = 0;
	s->progress = 0;
	s->head = slot_reg64(s, NPU_MG_SLOT_HEAD_LO);
	model.queues[s->queue].loads++;
}

static void slot_command(uint32_t slot, uint32_t command)
{
	struct model_slot *s = &model.slots[slot];

	if (command == NPU_MG_SLOT_LOAD) {
		slot_load(slot);
		return;
	}
	assert_true(s->state != NPU_MG_SLOT_EMPTY);
	if (command == NPU_MG_SLOT_UNLOAD) {
		s->unload = true;
		model.unloads++;
	} else {
		assert_int_equal(command, NPU_MG_SLOT_ABORT);
		s->abort = true;
		if (!s->error)
			s->error = NPU_QUEUE_ERROR_KILLED;
	}
	s->state = NPU_MG_SLOT_STOPPING;
	s->since = model.time;
}

/* Work of one slot for some time, then what its commands ask for. */
static void slot_step(uint32_t slot, uint64_t ns)
{
	struct model_slot *s = &model.slots[slot];
	struct model_queue *q = &model.queues[s->queue];

	switch (s->state) {
	case NPU_MG_SLOT_EMPTY:
	case NPU_MG_SLOT_FAULTED:
		return;
	case NPU_MG_SLOT_STOPPING:
		if (q->load == LOAD_DEAD || (q->load == LOAD_STUCK && !s->abort) ||
		    model.time - s->since < model.unload_ns)
			return;
		if (q->load == LOAD_FAULT && !s->error)
			s->error = NPU_QUEUE_ERROR_FAULT;
		s->state = NPU_MG_SLOT_EMPTY;
		slot_event(slot);
		return;
	}
	switch (q->load) {
	case LOAD_NONE:
		s->head = q->tail;
		s->state = NPU_MG_SLOT_IDLE;
		break;
	case LOAD_WAIT:
		s->state = NPU_MG_SLOT_WAITING;
		break;
	case LOAD_HUNG:
		s->state = NPU_MG_SLOT_RUNNING;
		s->busy_ns += ns;
		break;
	case LOAD_QUEUED:
		s->state = NPU_MG_SLOT_RUNNING;
		s->queued_ns += ns;
		break;
	case LOAD_FAULT:
		s->error = NPU_QUEUE_ERROR_FAULT;
		s->state = NPU_MG_SLOT_FAULTED;
		slot_event(slot);
		break;
	default:
		s->state = NPU_MG_SLOT_RUNNING;
		s->busy_ns += ns;
		s->progress++;
		q->served_ns += ns;
		q->last_served = model.time;
	}
}

static void doorbells(void)
{
	for (uint32_t i = 0; i < NPU_QUEUES_MAX; i++) {
		if (model.queues[i].watched && model.queues[i].tail != model.queues[i].watch_tail)
			model.pending |= NPU_MG_INT_DOORBELL;
	}
}

static void doorbell_command(uint32_t command)
{
	struct model_queue *q;

	assert_true(model.doorbell < NPU_QUEUES_MAX);
	q = &model.queues[model.doorbell];
	switch (command) {
	case NPU_MG_DB_WATCH:
		q->watched = true;
		q->watch_tail = model.doorbell_tail;
		doorbells();
		break;
	case NPU_MG_DB_UNWATCH:
		q->watched = false;
		break;
	case NPU_MG_DB_READ:
		model.doorbell_tail = q->tail;
		break;
	case NPU_MG_DB_CLEAR:
		q->tail = 0;
		break;
	default:
		fail_msg("doorbell command %u", command);
	}
}

static void context_command(uint32_t command)
{
	bool *on;

	assert_true(model.context < NPU_CONTEXTS_MAX);
	on = &model.context_on[model.context];
	if (command == NPU_MG_CTX_ENABLE) {
		model.errors += *on;
		*on = true;
	} else if (command == NPU_MG_CTX_DISABLE) {
		model.errors += !*on;
		*on = false;
	} else {
		assert_int_equal(command, NPU_MG_CTX_INVALIDATE);
		model.invalidations++;
	}
}

static uint32_t slot_read(const struct model_slot *s, uint32_t offset)
{
	switch (offset) {
	case NPU_MG_SLOT_STATE:
		return s->state;
	case NPU_MG_SLOT_ERROR:
		return s->error;
	case NPU_MG_SLOT_HEAD_LO:
		return (uint32_t)s->head;
	case NPU_MG_SLOT_HEAD_HI:
		return (uint32_t)(s->head >> 32);
	case NPU_MG_SLOT_BUSY_LO:
		return (uint32_t)s->busy_ns;
	case NPU_MG_SLOT_BUSY_HI:
		return (uint32_t)(s->busy_ns >> 32);
	case NPU_MG_SLOT_QUEUED_LO:
		return (uint32_t)s->queued_ns;
	case NPU_MG_SLOT_QUEUED_HI:
		return (uint32_t)(s->queued_ns >> 32);
	case NPU_MG_SLOT_ENERGY_LO:
		return (uint32_t)(s->busy_ns / 10);
	case NPU_MG_SLOT_PROGRESS:
		return s->progress;
	}
	return 0;
}

static uint32_t pending_doorbells(uint32_t word)
{
	uint32_t bits = 0;

	for (uint32_t i = 0; i < 32; i++) {
		const struct model_queue *q = &model.queues[word * 32 + i];

		bits |= (uint32_t)(q->watched && q->tail != q->watch_tail) << i;
	}
	return bits;
}

uint32_t hal_read(uint32_t offset)
{
	if (offset >= NPU_MG_SLOT(0) && offset < NPU_MG_SLOT(MODEL_SLOTS))
		return slot_read(&model.slots[(offset - NPU_MG_SLOT(0)) / 0x80], offset % 0x80);
	if (offset >= NPU_MG_DB_PENDING(0) && offset < NPU_MG_DB_PENDING(16))
		return pending_doorbells((offset - NPU_MG_DB_PENDING(0)) / 4);
	switch (offset) {
	case NPU_MG_TIME_LO:
		return (uint32_t)model.time;
	case NPU_MG_TIME_HI:
		return (uint32_t)(model.time >> 32);
	case NPU_MG_PENDING:
		return model.pending;
	case NPU_MG_ERROR:
		return model.errors;
	case NPU_MG_UNITS:
		return MODEL_SLOTS | 1 << 8 | 1 << 16;
	case NPU_MG_QUEUES:
		return NPU_QUEUES_MAX;
	case NPU_MG_CONTEXTS:
		return NPU_CONTEXTS_MAX;
	case NPU_MG_ADMIN_SQ_LO:
		return (uint32_t)model.admin.sq;
	case NPU_MG_ADMIN_SQ_HI:
		return (uint32_t)(model.admin.sq >> 32);
	case NPU_MG_ADMIN_CQ_LO:
		return (uint32_t)model.admin.cq;
	case NPU_MG_ADMIN_CQ_HI:
		return (uint32_t)(model.admin.cq >> 32);
	case NPU_MG_ADMIN_SIZE:
		return model.admin.size;
	case NPU_MG_ADMIN_CTRL:
		return model.admin.enable | model.admin.epoch << 16;
	case NPU_MG_ADMIN_TAIL:
		return model.admin.tail;
	case NPU_MG_DMA_STATUS:
		return model.dma.status;
	case NPU_MG_SLOT_EVENTS:
		return model.events;
	case NPU_MG_DB_TAIL_LO:
		return (uint32_t)model.doorbell_tail;
	case NPU_MG_DB_TAIL_HI:
		return (uint32_t)(model.doorbell_tail >> 32);
	case NPU_MG_TEMPERATURE:
		return (uint32_t)model.temperature;
	case NPU_MG_POWER:
		return model.power;
	case NPU_MG_CLOCK:
		return model.clock;
	case NPU_MG_CLOCK_MAX:
		return 1200;
	case NPU_MG_PACKETS_LO:
		return 4711;
	}
	return 0;
}

static void trace(char c)
{
	if (model.trace_length < sizeof(model.trace) - 1)
		model.trace[model.trace_length++] = c;
}

void hal_write(uint32_t offset, uint32_t value)
{
	if (offset >= NPU_MG_SLOT(0) && offset < NPU_MG_SLOT(MODEL_SLOTS)) {
		const uint32_t slot = (offset - NPU_MG_SLOT(0)) / 0x80;

		if (offset % 0x80 == NPU_MG_SLOT_CMD)
			slot_command(slot, value);
		else
			model.slots[slot].reg[offset % 0x80 / 4] = value;
		return;
	}
	switch (offset) {
	case NPU_MG_TIMER_LO:
		set_low(&model.timer, value);
		break;
	case NPU_MG_TIMER_HI:
		set_high(&model.timer, value);
		break;
	case NPU_MG_PENDING:
		model.pending &= ~value;
		break;
	case NPU_MG_ENABLE:
		model.enable = value;
		break;
	case NPU_MG_TRACE:
		trace((char)value);
		break;
	case NPU_MG_HOST_READY:
		model.ready = value;
		break;
	case NPU_MG_HOST_FW_VERSION:
		model.fw_version = value;
		break;
	case NPU_MG_HOST_HEARTBEAT:
		model.heartbeat = value;
		break;
	case NPU_MG_HOST_IRQ:
		model.host_irq |= value;
		model.admin_irqs += !!(value & NPU_IRQ_ADMIN);
		break;
	case NPU_MG_DMA_HOST_LO:
		set_low(&model.dma.host, value);
		break;
	case NPU_MG_DMA_HOST_HI:
		set_high(&model.dma.host, value);
		break;
	case NPU_MG_DMA_LOCAL:
		model.dma.local = value;
		break;
	case NPU_MG_DMA_LENGTH:
		model.dma.length = value;
		break;
	case NPU_MG_DMA_CMD:
		dma(value);
		break;
	case NPU_MG_CTX_SELECT:
		model.context = value;
		break;
	case NPU_MG_CTX_ROOT_LO:
		set_low(&model.context_root, value);
		break;
	case NPU_MG_CTX_ROOT_HI:
		set_high(&model.context_root, value);
		break;
	case NPU_MG_CTX_VA_LO:
		set_low(&model.invalidate_va, value);
		break;
	case NPU_MG_CTX_VA_HI:
		set_high(&model.invalidate_va, value);
		break;
	case NPU_MG_CTX_SIZE_LO:
		set_low(&model.invalidate_size, value);
		break;
	case NPU_MG_CTX_SIZE_HI:
		set_high(&model.invalidate_size, value);
		break;
	case NPU_MG_CTX_CMD:
		context_command(value);
		break;
	case NPU_MG_SLOT_EVENTS:
		model.events &= ~value;
		break;
	case NPU_MG_DB_QUEUE:
		model.doorbell = value;
		break;
	case NPU_MG_DB_TAIL_LO:
		set_low(&model.doorbell_tail, value);
		break;
	case NPU_MG_DB_TAIL_HI:
		set_high(&model.doorbell_tail, value);
		break;
	case NPU_MG_DB_CMD:
		doorbell_command(value);
		break;
	case NPU_MG_CLOCK:
		assert_in_range(value, 1, 1200);
		model.clock = value;
		break;
	default:
		fail_msg("the firmware wrote register 0x%x", offset);
	}
}

void hal_wait(void)
{
	fail_msg("the test is the event loop");
}

void model_enable_admin(uint32_t entries)
{
	memset(model.memory, 0, 0x4000);
	model.admin.sq = MODEL_BASE;
	model.admin.cq = MODEL_BASE + 0x2000;
	model.admin.size = entries;
	model.admin.tail = 0;
	model.admin.enable = 1;
	model.head = 0;
	model.pending |= NPU_MG_INT_ADMIN;
}

void model_disable_admin(void)
{
	model.admin.enable = 0;
	model.admin.tail = 0;
	model.admin.epoch = (model.admin.epoch + 1) & 0xffff;
	model.pending |= NPU_MG_INT_ADMIN;
}

void model_boot(uint32_t entries)
{
	memset(&model, 0, sizeof(model));
	memset(pointers, 0, sizeof(pointers));
	model.time = 1000000;
	model.temperature = 40000;
	model.power = 8000;
	model.clock = 1200;
	firmware_init();
	assert_int_equal(model.ready, 1);
	model_enable_admin(entries);
	firmware_step();
}

void model_run(uint64_t ns)
{
	const uint64_t end = model.time + ns;

	do {
		if (model.timer && model.time >= model.timer)
			model.pending |= NPU_MG_INT_TIMER;
		doorbells();
		if (model.pending & model.enable)
			firmware_step();
		for (uint32_t i = 0; i < MODEL_SLOTS; i++)
			slot_step(i, STEP_NS);
		model.time += STEP_NS;
	} while (model.time < end);
}

void model_submit(uint8_t opcode, uint16_t tag, const void *args, size_t size)
{
	struct npu_admin_command c = { .opcode = opcode, .tag = tag };

	assert_true(size <= sizeof(c.payload));
	if (size)
		memcpy(c.payload, args, size);
	memcpy(model.memory + 64ull * (model.admin.tail % model.admin.size), &c, sizeof(c));
	model.admin.tail++;
	model.pending |= NPU_MG_INT_ADMIN;
}

bool model_completion(void)
{
	const uint32_t size = model.admin.size;

	memcpy(&model.last, model.memory + 0x2000 + 64ull * (model.head % size), sizeof(model.last));
	if ((model.last.phase & 1) != (1 ^ (model.head / size & 1)))
		return false;
	model.head++;
	return true;
}

int model_admin(uint8_t opcode, const void *args, size_t size)
{
	static uint16_t tag = 100;
	const uint64_t end = model.time + 1000000000ull;

	model_submit(opcode, ++tag, args, size);
	while (model.time < end) {
		model_run(STEP_NS);
		if (model_completion()) {
			assert_int_equal(model.last.tag, tag);
			return model.last.status;
		}
	}
	return -1;
}

int model_queue_command(uint8_t opcode, uint32_t queue)
{
	const struct npu_admin_queue_args args = { .queue = queue };

	return model_admin(opcode, &args, sizeof(args));
}

struct npu_admin_queue_result model_result(void)
{
	struct npu_admin_queue_result result;

	memcpy(&result, model.last.payload, sizeof(result));
	return result;
}

void model_create(uint32_t queue, uint32_t context, uint8_t priority, uint32_t slice_us)
{
	const struct npu_admin_context_args c = { .context = context, .root = 0x1000 };
	const struct npu_admin_queue_create_args q = {
		.queue = queue, .context = context, .ring_va = 0x100000, .control_va = 0x200000,
		.ring_shift = 6, .priority = priority, .time_slice_us = slice_us,
	};

	if (!model.context_on[context])
		assert_int_equal(model_admin(NPU_ADMIN_CONTEXT_CREATE, &c, sizeof(c)), NPU_ADMIN_STATUS_OK);
	assert_int_equal(model_admin(NPU_ADMIN_QUEUE_CREATE, &q, sizeof(q)), NPU_ADMIN_STATUS_OK);
}

void model_load(uint32_t queue, enum load load)
{
	model.queues[queue].load = load;
	if (load != LOAD_NONE)
		model.queues[queue].tail++;
}

int model_slot_of(uint32_t queue)
{
	for (int i = 0; i < MODEL_SLOTS; i++) {
		if (model.slots[i].state != NPU_MG_SLOT_EMPTY && model.slots[i].queue == queue)
			return i;
	}
	return -1;
}
