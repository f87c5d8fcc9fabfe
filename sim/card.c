// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* The card as a whole: power-on, reset, time, interrupts, injected faults. */
#include "card.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "boot_key.h"
#include "card_internal.h"
#include "dma_map.h"
#include "ecc.h"
#include "irq.h"
#include "log.h"
#include "work_engine.h"

static const struct {
	const char *name;
	uint32_t number;
} fault_names[] = {
	{ "all-ones", NPU_DEBUG_ALL_ONES },
	{ "fw-hang", NPU_DEBUG_FW_HANG },
	{ "no-irq", NPU_DEBUG_NO_IRQ },
	{ "irq-storm", NPU_DEBUG_IRQ_STORM },
	{ "engine-hang", NPU_DEBUG_ENGINE_HANG },
	{ "bad-admin", NPU_DEBUG_BAD_ADMIN },
	{ "fence-backwards", NPU_DEBUG_FENCE_BACKWARDS },
	{ "engine-dead", NPU_DEBUG_ENGINE_DEAD },
};

uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

uint64_t card_time(const struct card *card)
{
	return monotonic_ns() - card->power_on_ns;
}

void card_irq(struct card *card, unsigned int vector)
{
	if (!card_fault_holds(card, NPU_DEBUG_NO_IRQ))
		irq_trigger(card->irqs, vector);
}

bool card_fault_holds(struct card *card, uint32_t number)
{
	return atomic_load_explicit(&card->faults, memory_order_relaxed) & 1u << number;
}

void card_fault_set(struct card *card, uint32_t number, bool on)
{
	for (size_t i = 0; i < sizeof(fault_names) / sizeof(fault_names[0]); i++) {
		if (fault_names[i].number != number)
			continue;
		log_info("fault %s %s", fault_names[i].name, on ? "raised" : "lifted");
		if (on)
			atomic_fetch_or(&card->faults, 1u << number);
		else
			atomic_fetch_and(&card->faults, ~(1u << number));
		core_interrupt(card->core, 0);
	}
}

int card_fault_inject(struct card *card, const char *name, bool on)
{
	for (size_t i = 0; i < sizeof(fault_names) / sizeof(fault_names[0]); i++) {
		if (!strcmp(fault_names[i].name, name)) {
			card_fault_set(card, fault_names[i].number, on);
			return 0;
		}
	}
	return -ENOENT;
}

int card_inject_ecc(struct card *card, uint64_t offset, bool correctable)
{
	return ecc_inject(card->ecc, offset, correctable);
}

/*
 * Memory that a client can map, and the card's own view of it. Sealed, for a
 * client that could truncate the file could stop the card. A new file takes
 * the place of an old one at the same address.
 */
static int shared_memory(const char *name, uint64_t size, int *fd, uint8_t **data)
{
	const int fixed = *data ? MAP_FIXED : 0;
	const int file = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *view = MAP_FAILED;

	if (file < 0)
		return -errno;
	if (!ftruncate(file, (off_t)size) &&
	    !fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		view = mmap(*data, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | fixed,
			    file, 0);
	if (view == MAP_FAILED) {
		const int ret = -errno;

		close(file);
		return ret;
	}
	if (*fd >= 0)
		close(*fd);
	*fd = file;
	*data = view;
	return 0;
}

static int make_memory(struct card *card)
{
	int ret = shared_memory("npu-memory", card->config.memory_size, &card->memory_fd,
				&card->memory);

	if (!ret)
		ret = shared_memory("npu-doorbells", NPU_WAKE_BASE, &card->doorbell_fd,
				    &card->doorbells);
	if (ret)
		log_error("device memory of %llu bytes: %s",
			  (unsigned long long)card->config.memory_size, strerror(-ret));
	return ret;
}

struct card *card_create(const struct card_config *config, struct dma_map *dma,
			 struct irq_set *irqs)
{
	struct card *card = calloc(1, sizeof(*card));
	int ret;

	if (!card)
		return NULL;
	card->config = *config;
	card->dma = dma;
	card->irqs = irqs;
	card->memory_fd = card->doorbell_fd = card->state_dir = -1;
	card->power_on_ns = monotonic_ns();
	regs_init(card);
	ret = boot_key_load(config->key_file, card->public_key);
	if (ret) {
		log_error("key file %s: %s", config->key_file,
			  ret == -EINVAL ? "not a public key as npu-fw keygen writes it" :
					   strerror(-ret));
		goto fail;
	}
	ret = state_open(config->state_dir, &card->state_dir, &card->security_version);
	if (ret) {
		log_error("state directory %s: %s", config->state_dir,
			  ret == -EBUSY ? "in use by another card" :
			  ret == -EINVAL ? "its security-version is no number; a card with unknown fuses "
					   "does not start" : strerror(-ret));
		goto fail;
	}
	if (make_memory(card))
		goto fail;
	card->ecc = ecc_create(config->memory_size);
	if (!card->ecc)
		goto fail;
	card->mmu = mmu_create(dma, card->memory, config->memory_size, card->ecc, NPU_CONTEXTS_MAX);
	card->power = power_create();
	/* The engines and the core speak to the command processor, and it to them. */
	card->core = core_create(card);
	if (!card->mmu || !card->power || !card->core)
		goto fail;
	card->cp = cp_create(card);
	card->tensor = work_engine_create(card, "tensor");
	card->copy = work_engine_create(card, "copy");
	if (!card->cp || !card->tensor || !card->copy || clock_start(card)) {
		log_error("out of memory or threads");
		goto fail;
	}
	return card;
fail:
	card_destroy(card);
	return NULL;
}

void card_destroy(struct card *card)
{
	if (!card)
		return;
	clock_stop(card);
	if (card->core)
		core_stop(card->core);
	if (card->cp)
		cp_reset(card->cp);
	work_engine_destroy(card->tensor);
	work_engine_destroy(card->copy);
	cp_destroy(card->cp);
	core_destroy(card->core);
	power_destroy(card->power);
	if (card->mmu)
		mmu_destroy(card->mmu);
	ecc_destroy(card->ecc);
	if (card->memory)
		munmap(card->memory, card->config.memory_size);
	if (card->doorbells)
		munmap(card->doorbells, NPU_WAKE_BASE);
	if (card->memory_fd >= 0)
		close(card->memory_fd);
	if (card->doorbell_fd >= 0)
		close(card->doorbell_fd);
	state_close(&card->state_dir);
	pthread_mutex_destroy(&card->regs.lock);
	free(card);
}

void card_reset(struct card *card)
{
	core_stop(card->core);
	cp_reset(card->cp);
	mmu_disable_all(card->mmu);
	memset(card->doorbells, 0, NPU_WAKE_BASE);
	regs_reset(card);
	power_set_clock(card->power, POWER_CLOCK_MAX_MHZ);
	log_debug("card reset");
}

void card_power_cycle(struct card *card)
{
	card_reset(card);
	ecc_clear(card->ecc);
	/* What cannot be replaced is at least emptied. */
	if (make_memory(card) &&
	    fallocate(card->memory_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		      (off_t)card->config.memory_size))
		log_error("device memory keeps its content: %s", strerror(errno));
}

void card_set_bus_master(struct card *card, bool on)
{
	irq_set_enable(card->irqs, on);
	dma_map_enable(card->dma, on);
}

void card_wake_write(struct card *card, uint32_t queue)
{
	cp_wake(card->cp);
}

int card_doorbell_fd(struct card *card)
{
	return card->doorbell_fd;
}

int card_memory_fd(struct card *card)
{
	return card->memory_fd;
}

uint8_t *card_doorbells(struct card *card)
{
	return card->doorbells;
}

uint8_t *card_memory(struct card *card)
{
	return card->memory;
}

void card_status(struct card *card, FILE *out)
{
	static const char *const states[] = { "reset", "loading", "started", "ready", "refused",
					      "crashed" };
	struct boot_regs boot;
	uint32_t resets;

	pthread_mutex_lock(&card->regs.lock);
	boot = card->regs.boot;
	resets = card->regs.reset_count;
	pthread_mutex_unlock(&card->regs.lock);
	fprintf(out, "boot %s reason %u heartbeat %u resets %u\n", states[boot.state], boot.reason,
		boot.heartbeat, resets);
	fprintf(out, "temperature %d mC power %u mW energy %llu uJ\n", power_temperature(card->power),
		power_milliwatt(card->power), (unsigned long long)power_energy_uj(card->power));
	fprintf(out, "ecc corrected %u uncorrected %u\n", ecc_corrected(card->ecc),
		ecc_uncorrected(card->ecc));
	for (size_t i = 0; i < sizeof(fault_names) / sizeof(fault_names[0]); i++) {
		if (card_fault_holds(card, fault_names[i].number))
			fprintf(out, "fault %s\n", fault_names[i].name);
	}
	cp_status(card->cp, out);
}
