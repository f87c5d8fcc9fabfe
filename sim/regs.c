// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* The registers that the driver sees (npu_regs.h). */
#include <stdlib.h>
#include <string.h>

#include "card_internal.h"
#include "log.h"

void regs_init(struct card *card)
{
	pthread_mutex_init(&card->regs.lock, NULL);
}

void regs_reset(struct card *card)
{
	struct regs *r = &card->regs;

	pthread_mutex_lock(&r->lock);
	memset(&r->boot, 0, sizeof(r->boot));
	memset(&r->admin, 0, sizeof(r->admin));
	r->irq_status = r->irq_enable = 0;
	r->fault_count = 0;
	r->fault_overflow = false;
	r->scratch = 0;
	r->reset_count++;
	pthread_mutex_unlock(&r->lock);
}

static void raise_locked(struct card *card, uint32_t causes)
{
	struct regs *r = &card->regs;
	const uint32_t fresh = causes & ~r->irq_status;

	r->irq_status |= causes;
	if (fresh & r->irq_enable)
		card_irq(card, NPU_MSIX_VECTOR_ADMIN);
}

void regs_raise(struct card *card, uint32_t causes)
{
	pthread_mutex_lock(&card->regs.lock);
	raise_locked(card, causes);
	pthread_mutex_unlock(&card->regs.lock);
}

void regs_push_fault(struct card *card, const struct mmu_fault *fault)
{
	struct regs *r = &card->regs;

	pthread_mutex_lock(&r->lock);
	if (r->fault_count < FAULT_FIFO)
		r->faults[r->fault_count++] = *fault;
	else
		r->fault_overflow = true;
	raise_locked(card, NPU_IRQ_FAULT);
	pthread_mutex_unlock(&r->lock);
	log_info("MMU fault: context %u queue %u va 0x%llx info 0x%x", fault->context, fault->queue,
		 (unsigned long long)fault->va, fault->info);
}

static void pop_fault(struct regs *r)
{
	if (!r->fault_count)
		return;
	r->fault_count--;
	memmove(&r->faults[0], &r->faults[1], r->fault_count * sizeof(r->faults[0]));
	r->fault_overflow = false;
}

void regs_set_boot(struct card *card, uint32_t state, uint32_t reason)
{
	struct regs *r = &card->regs;

	pthread_mutex_lock(&r->lock);
	r->boot.state = state;
	r->boot.reason = reason;
	if (state == NPU_BOOT_STATE_CRASHED)
		raise_locked(card, NPU_IRQ_CRASH);
	pthread_mutex_unlock(&r->lock);
}

uint32_t regs_boot_state(struct card *card)
{
	uint32_t state;

	pthread_mutex_lock(&card->regs.lock);
	state = card->regs.boot.state;
	pthread_mutex_unlock(&card->regs.lock);
	return state;
}

static void boot_start(struct card *card)
{
	const uint32_t state = regs_boot_state(card);
	struct boot_image image;
	uint32_t reason;

	if (state != NPU_BOOT_STATE_RESET && state != NPU_BOOT_STATE_REFUSED)
		return;
	regs_set_boot(card, NPU_BOOT_STATE_LOADING, 0);
	reason = boot_rom_load(card, card->regs.boot.image, card->regs.boot.image_size, &image);
	if (!reason && core_start(card->core, &image))
		reason = NPU_BOOT_REASON_TRAP;
	free(image.payload);
	if (reason)
		regs_set_boot(card, NPU_BOOT_STATE_REFUSED, reason);
}

static void set_low(uint64_t *value, uint32_t low)
{
	*value = (*value & ~0xffffffffull) | low;
}

static void set_high(uint64_t *value, uint32_t high)
{
	*value = (*value & 0xffffffffull) | (uint64_t)high << 32;
}

static uint32_t fault_info(const struct regs *r)
{
	if (!r->fault_count)
		return 0;
	return NPU_FAULT_VALID | r->faults[0].info | (r->fault_overflow ? NPU_FAULT_OVERFLOW : 0);
}

static uint32_t read_locked(struct card *card, uint32_t offset)
{
	struct regs *r = &card->regs;
	const struct mmu_fault *fault = &r->faults[0];
	uint64_t now;

	switch (offset) {
	case NPU_REG_ID:
		return NPU_ID_MAGIC;
	case NPU_REG_ABI:
		return NPU_ABI_MAJOR << 16 | NPU_ABI_MINOR;
	case NPU_REG_CAPS:
		return NPU_CAPS_ECC | NPU_CAPS_WAKE_PAGES |
		       (card->config.debug_registers ? NPU_CAPS_DEBUG : 0);
	case NPU_REG_UNITS:
		return SLOTS | TENSOR_ENGINES << 8 | COPY_ENGINES << 16;
	case NPU_REG_QUEUES:
		return NPU_QUEUES_MAX;
	case NPU_REG_CONTEXTS:
		return NPU_CONTEXTS_MAX;
	case NPU_REG_MEMORY_LO:
		return (uint32_t)card->config.memory_size;
	case NPU_REG_MEMORY_HI:
		return card->config.memory_size >> 32;
	case NPU_REG_SERIAL_LO:
		return (uint32_t)card->config.serial;
	case NPU_REG_SERIAL_HI:
		return card->config.serial >> 32;
	case NPU_REG_HW:
		return (uint32_t)NPU_HW_FAMILY << 16 | HARDWARE_REVISION;
	case NPU_REG_SECURITY_VERSION:
		return card->security_version;
	case NPU_REG_SCRATCH:
		return r->scratch;
	case NPU_REG_BOOT_STATUS:
		return r->boot.state | r->boot.reason << 8;
	case NPU_REG_BOOT_IMAGE_LO:
		return (uint32_t)r->boot.image;
	case NPU_REG_BOOT_IMAGE_HI:
		return r->boot.image >> 32;
	case NPU_REG_BOOT_IMAGE_SIZE:
		return r->boot.image_size;
	case NPU_REG_FW_VERSION:
		return r->boot.fw_version;
	case NPU_REG_HEARTBEAT:
		return r->boot.heartbeat;
	case NPU_REG_RESET_COUNT:
		return r->reset_count;
	case NPU_REG_ADMIN_SQ_LO:
		return (uint32_t)r->admin.sq;
	case NPU_REG_ADMIN_SQ_HI:
		return r->admin.sq >> 32;
	case NPU_REG_ADMIN_CQ_LO:
		return (uint32_t)r->admin.cq;
	case NPU_REG_ADMIN_CQ_HI:
		return r->admin.cq >> 32;
	case NPU_REG_ADMIN_SIZE:
		return r->admin.size;
	case NPU_REG_ADMIN_CTRL:
		return r->admin.enable;
	case NPU_REG_ADMIN_TAIL:
		return r->admin.tail;
	case NPU_REG_IRQ_STATUS:
		return r->irq_status;
	case NPU_REG_IRQ_ENABLE:
		return r->irq_enable;
	case NPU_REG_FAULT_INFO:
		return fault_info(r);
	case NPU_REG_FAULT_CONTEXT:
		return r->fault_count ? fault->context : 0;
	case NPU_REG_FAULT_QUEUE:
		return r->fault_count ? fault->queue : 0;
	case NPU_REG_FAULT_VA_LO:
		return r->fault_count ? (uint32_t)fault->va : 0;
	case NPU_REG_FAULT_VA_HI:
		return r->fault_count ? fault->va >> 32 : 0;
	case NPU_REG_TIME_LO:
		now = card_time(card);
		r->time_high = now >> 32;
		return (uint32_t)now;
	case NPU_REG_TIME_HI:
		return r->time_high;
	}
	return 0;
}

uint32_t card_reg_read32(struct card *card, uint32_t offset)
{
	uint32_t value;

	pthread_mutex_lock(&card->regs.lock);
	value = read_locked(card, offset);
	pthread_mutex_unlock(&card->regs.lock);
	return value;
}

/* The rings are fixed while they are enabled. */
static void admin_write(struct admin_regs *a, uint32_t offset, uint32_t value)
{
	if (offset == NPU_REG_ADMIN_TAIL) {
		a->tail = value;
		return;
	}
	if (offset == NPU_REG_ADMIN_CTRL) {
		a->enable = value & NPU_ADMIN_ENABLE;
		if (!a->enable) {
			a->tail = 0;
			a->epoch++;
		}
		return;
	}
	if (a->enable)
		return;
	switch (offset) {
	case NPU_REG_ADMIN_SQ_LO:
		set_low(&a->sq, value);
		break;
	case NPU_REG_ADMIN_SQ_HI:
		set_high(&a->sq, value);
		break;
	case NPU_REG_ADMIN_CQ_LO:
		set_low(&a->cq, value);
		break;
	case NPU_REG_ADMIN_CQ_HI:
		set_high(&a->cq, value);
		break;
	case NPU_REG_ADMIN_SIZE:
		a->size = value;
		break;
	}
}

static void write_locked(struct card *card, uint32_t offset, uint32_t value)
{
	struct regs *r = &card->regs;

	switch (offset) {
	case NPU_REG_SCRATCH:
		/* Only a card that is gone reads all ones, but this one may. */
		r->scratch = value;
		break;
	case NPU_REG_BOOT_IMAGE_LO:
		set_low(&r->boot.image, value);
		break;
	case NPU_REG_BOOT_IMAGE_HI:
		set_high(&r->boot.image, value);
		break;
	case NPU_REG_BOOT_IMAGE_SIZE:
		r->boot.image_size = value;
		break;
	case NPU_REG_IRQ_STATUS:
		r->irq_status &= ~value;
		break;
	case NPU_REG_IRQ_ENABLE:
		if (value & ~r->irq_enable & r->irq_status)
			card_irq(card, NPU_MSIX_VECTOR_ADMIN);
		r->irq_enable = value;
		break;
	case NPU_REG_FAULT_INFO:
		if (value & NPU_FAULT_POP)
			pop_fault(r);
		break;
	default:
		if (offset >= NPU_REG_ADMIN_SQ_LO && offset <= NPU_REG_ADMIN_TAIL)
			admin_write(&r->admin, offset, value);
	}
}

void card_reg_write32(struct card *card, uint32_t offset, uint32_t value)
{
	if (offset == NPU_REG_BOOT_CTRL) {
		if (value & NPU_BOOT_CTRL_RESET)
			card_reset(card);
		if (value & NPU_BOOT_CTRL_START)
			boot_start(card);
		return;
	}
	if (offset == NPU_REG_DEBUG_FAULT) {
		if (card->config.debug_registers)
			card_fault_set(card, value & ~NPU_DEBUG_ON, value & NPU_DEBUG_ON);
		return;
	}
	pthread_mutex_lock(&card->regs.lock);
	write_locked(card, offset, value);
	pthread_mutex_unlock(&card->regs.lock);
	if (offset == NPU_REG_ADMIN_TAIL || offset == NPU_REG_ADMIN_CTRL)
		core_interrupt(card->core, NPU_MG_INT_ADMIN);
}
