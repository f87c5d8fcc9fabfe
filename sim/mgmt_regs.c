// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* The registers that the firmware sees (npu_mgmt.h). Used by the core thread. */
#include <stdlib.h>
#include <string.h>

#include "card_internal.h"
#include "dma_map.h"
#include "ecc.h"
#include "log.h"

#define DMA_MAX		65536

struct mgmt_regs {
	struct card *card;
	uint64_t timer;
	uint32_t errors;
	uint64_t latched;		/* the HI half of the LO that was read last */
	struct {
		uint64_t host;
		uint32_t local;
		uint32_t length;
		uint32_t status;
	} dma;
	struct {
		uint32_t select;
		uint64_t root;
		uint64_t va;
		uint64_t size;
	} context;
	uint32_t doorbell_queue;
	uint64_t doorbell_tail;
	char trace[160];
	size_t trace_length;
};

struct mgmt_regs *mgmt_regs_create(struct card *card)
{
	struct mgmt_regs *regs = calloc(1, sizeof(*regs));

	if (regs)
		regs->card = card;
	return regs;
}

void mgmt_regs_destroy(struct mgmt_regs *regs)
{
	free(regs);
}

void mgmt_regs_reset(struct mgmt_regs *regs)
{
	struct card *card = regs->card;

	memset(regs, 0, sizeof(*regs));
	regs->card = card;
}

static void set_low(uint64_t *value, uint32_t low)
{
	*value = (*value & ~0xffffffffull) | low;
}

static void set_high(uint64_t *value, uint32_t high)
{
	*value = (*value & 0xffffffffull) | (uint64_t)high << 32;
}

static uint32_t latch(struct mgmt_regs *regs, uint64_t value)
{
	regs->latched = value >> 32;
	return (uint32_t)value;
}

static void trace(struct mgmt_regs *regs, char c)
{
	if (c != '\n' && regs->trace_length < sizeof(regs->trace) - 1) {
		regs->trace[regs->trace_length++] = c >= ' ' && c < 127 ? c : '?';
		return;
	}
	regs->trace[regs->trace_length] = '\0';
	log_debug("firmware: %s", regs->trace);
	regs->trace_length = 0;
}

static void dma(struct mgmt_regs *regs, uint32_t command)
{
	struct card *card = regs->card;
	const uint64_t offset = (uint64_t)regs->dma.local - NPU_MG_SRAM_BASE;
	uint8_t *local;
	int ret;

	regs->dma.status = 2;
	if (regs->dma.local < NPU_MG_SRAM_BASE || !regs->dma.length || regs->dma.length > DMA_MAX ||
	    offset + regs->dma.length > NPU_MG_SRAM_SIZE)
		return;
	local = core_sram(card->core) + offset;
	if (command == NPU_MG_DMA_FROM_HOST) {
		ret = dma_map_read(card->dma, regs->dma.host, local, regs->dma.length);
	} else if (command == NPU_MG_DMA_TO_HOST) {
		uint8_t copy[DMA_MAX];

		memcpy(copy, local, regs->dma.length);
		/* The injected fault: answers that make no sense. */
		if (card_fault_holds(card, NPU_DEBUG_BAD_ADMIN)) {
			for (uint32_t i = 0; i < regs->dma.length; i++)
				copy[i] = (uint8_t)(rand() >> 7);
		}
		ret = dma_map_write(card->dma, regs->dma.host, copy, regs->dma.length);
	} else {
		return;
	}
	regs->dma.status = ret ? 1 : 0;
}

static bool context_command(struct mgmt_regs *regs, uint32_t command)
{
	struct mmu *mmu = regs->card->mmu;

	switch (command) {
	case NPU_MG_CTX_ENABLE:
		return !mmu_enable(mmu, regs->context.select, regs->context.root);
	case NPU_MG_CTX_DISABLE:
		return !mmu_disable(mmu, regs->context.select);
	case NPU_MG_CTX_INVALIDATE:
		return !mmu_invalidate(mmu, regs->context.select, regs->context.va,
				       regs->context.size);
	}
	return false;
}

static uint32_t admin_read(struct card *card, uint32_t offset)
{
	struct admin_regs admin;

	pthread_mutex_lock(&card->regs.lock);
	admin = card->regs.admin;
	pthread_mutex_unlock(&card->regs.lock);
	switch (offset) {
	case NPU_MG_ADMIN_SQ_LO:
		return (uint32_t)admin.sq;
	case NPU_MG_ADMIN_SQ_HI:
		return admin.sq >> 32;
	case NPU_MG_ADMIN_CQ_LO:
		return (uint32_t)admin.cq;
	case NPU_MG_ADMIN_CQ_HI:
		return admin.cq >> 32;
	case NPU_MG_ADMIN_SIZE:
		return admin.size;
	case NPU_MG_ADMIN_CTRL:
		return admin.enable | (uint32_t)admin.epoch << 16;
	}
	return admin.tail;
}

static uint32_t sensor_read(struct mgmt_regs *regs, uint32_t offset)
{
	struct card *card = regs->card;

	switch (offset) {
	case NPU_MG_TEMPERATURE:
		return (uint32_t)power_temperature(card->power);
	case NPU_MG_POWER:
		return power_milliwatt(card->power);
	case NPU_MG_ENERGY_LO:
		return latch(regs, power_energy_uj(card->power));
	case NPU_MG_CLOCK:
		return power_clock(card->power);
	case NPU_MG_CLOCK_MAX:
		return POWER_CLOCK_MAX_MHZ;
	case NPU_MG_TENSOR_BUSY_LO:
		return latch(regs, power_tensor_ns(card->power));
	case NPU_MG_COPY_BUSY_LO:
		return latch(regs, power_copy_ns(card->power));
	case NPU_MG_PACKETS_LO:
		return latch(regs, cp_packets(card->cp));
	case NPU_MG_ENERGY_HI:
	case NPU_MG_TENSOR_BUSY_HI:
	case NPU_MG_COPY_BUSY_HI:
	case NPU_MG_PACKETS_HI:
		return (uint32_t)regs->latched;
	case NPU_MG_ECC_CORRECTED:
		return ecc_corrected(card->ecc);
	case NPU_MG_ECC_UNCORRECTED:
		return ecc_uncorrected(card->ecc);
	}
	return 0;
}

uint32_t mgmt_reg_read(struct mgmt_regs *regs, uint32_t offset)
{
	struct card *card = regs->card;

	if (offset >= NPU_MG_SLOT(0) && offset < NPU_MG_SLOT(SLOTS))
		return cp_slot_read(card->cp, (offset - NPU_MG_SLOT(0)) / 0x80, offset % 0x80);
	if (offset >= NPU_MG_DB_PENDING(0) && offset < NPU_MG_DB_PENDING(16))
		return cp_doorbell_pending(card->cp, (offset - NPU_MG_DB_PENDING(0)) / 4);
	if (offset >= NPU_MG_ADMIN_SQ_LO && offset <= NPU_MG_ADMIN_TAIL)
		return admin_read(card, offset);
	if (offset >= NPU_MG_TEMPERATURE && offset <= NPU_MG_ECC_UNCORRECTED)
		return sensor_read(regs, offset);
	switch (offset) {
	case NPU_MG_TIME_LO:
		return latch(regs, card_time(card));
	case NPU_MG_TIME_HI:
		return (uint32_t)regs->latched;
	case NPU_MG_TIMER_LO:
		return (uint32_t)regs->timer;
	case NPU_MG_TIMER_HI:
		return regs->timer >> 32;
	case NPU_MG_PENDING:
		return core_pending(card->core);
	case NPU_MG_ENABLE:
		return core_enable(card->core);
	case NPU_MG_ERROR:
		return regs->errors;
	case NPU_MG_UNITS:
		return card_reg_read32(card, NPU_REG_UNITS);
	case NPU_MG_QUEUES:
		return NPU_QUEUES_MAX;
	case NPU_MG_CONTEXTS:
		return NPU_CONTEXTS_MAX;
	case NPU_MG_SECURITY_VERSION:
		return card_reg_read32(card, NPU_REG_SECURITY_VERSION);
	case NPU_MG_DMA_STATUS:
		return regs->dma.status;
	case NPU_MG_SLOT_EVENTS:
		return cp_slot_events(card->cp);
	case NPU_MG_DB_TAIL_LO:
		return (uint32_t)regs->doorbell_tail;
	case NPU_MG_DB_TAIL_HI:
		return regs->doorbell_tail >> 32;
	}
	return 0;
}

static void host_write(struct card *card, uint32_t offset, uint32_t value)
{
	if (offset == NPU_MG_HOST_READY) {
		core_ready(card->core);
		return;
	}
	if (offset == NPU_MG_HOST_IRQ) {
		regs_raise(card, value);
		return;
	}
	pthread_mutex_lock(&card->regs.lock);
	if (offset == NPU_MG_HOST_FW_VERSION)
		card->regs.boot.fw_version = value;
	else
		card->regs.boot.heartbeat = value;
	pthread_mutex_unlock(&card->regs.lock);
}

void mgmt_reg_write(struct mgmt_regs *regs, uint32_t offset, uint32_t value)
{
	struct card *card = regs->card;
	bool valid = true;

	if (offset >= NPU_MG_SLOT(0) && offset < NPU_MG_SLOT(SLOTS)) {
		if (!cp_slot_write(card->cp, (offset - NPU_MG_SLOT(0)) / 0x80, offset % 0x80, value))
			regs->errors++;
		return;
	}
	switch (offset) {
	case NPU_MG_TIMER_LO:
		set_low(&regs->timer, value);
		break;
	case NPU_MG_TIMER_HI:
		set_high(&regs->timer, value);
		core_set_timer(card->core, regs->timer);
		break;
	case NPU_MG_PENDING:
		core_clear_pending(card->core, value);
		break;
	case NPU_MG_ENABLE:
		core_set_enable(card->core, value);
		break;
	case NPU_MG_TRACE:
		trace(regs, (char)value);
		break;
	case NPU_MG_HALT:
		log_error("firmware halted with cause %u", value);
		core_crash(card->core, NPU_BOOT_REASON_TRAP);
		break;
	case NPU_MG_HOST_READY:
	case NPU_MG_HOST_FW_VERSION:
	case NPU_MG_HOST_HEARTBEAT:
	case NPU_MG_HOST_IRQ:
		host_write(card, offset, value);
		break;
	case NPU_MG_DMA_HOST_LO:
		set_low(&regs->dma.host, value);
		break;
	case NPU_MG_DMA_HOST_HI:
		set_high(&regs->dma.host, value);
		break;
	case NPU_MG_DMA_LOCAL:
		regs->dma.local = value;
		break;
	case NPU_MG_DMA_LENGTH:
		regs->dma.length = value;
		break;
	case NPU_MG_DMA_CMD:
		dma(regs, value);
		break;
	case NPU_MG_CTX_SELECT:
		regs->context.select = value;
		break;
	case NPU_MG_CTX_ROOT_LO:
		set_low(&regs->context.root, value);
		break;
	case NPU_MG_CTX_ROOT_HI:
		set_high(&regs->context.root, value);
		break;
	case NPU_MG_CTX_VA_LO:
		set_low(&regs->context.va, value);
		break;
	case NPU_MG_CTX_VA_HI:
		set_high(&regs->context.va, value);
		break;
	case NPU_MG_CTX_SIZE_LO:
		set_low(&regs->context.size, value);
		break;
	case NPU_MG_CTX_SIZE_HI:
		set_high(&regs->context.size, value);
		break;
	case NPU_MG_CTX_CMD:
		valid = context_command(regs, value);
		break;
	case NPU_MG_SLOT_EVENTS:
		cp_clear_slot_events(card->cp, value);
		break;
	case NPU_MG_DB_QUEUE:
		regs->doorbell_queue = value;
		break;
	case NPU_MG_DB_TAIL_LO:
		set_low(&regs->doorbell_tail, value);
		break;
	case NPU_MG_DB_TAIL_HI:
		set_high(&regs->doorbell_tail, value);
		break;
	case NPU_MG_DB_CMD:
		valid = cp_doorbell_command(card->cp, regs->doorbell_queue, &regs->doorbell_tail,
					    value);
		break;
	case NPU_MG_CLOCK:
		valid = value && value <= POWER_CLOCK_MAX_MHZ;
		if (valid)
			power_set_clock(card->power, value);
		break;
	default:
		valid = false;
	}
	if (!valid) {
		regs->errors++;
		log_debug("firmware: command refused, register 0x%x value 0x%x", offset, value);
	}
}
