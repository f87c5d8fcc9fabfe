// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/*
 * The management core: runs the firmware's RV32 instructions on Unicorn.
 *
 * One thread. It executes until the firmware says wfi, then sleeps until an
 * enabled interrupt is pending or the timer has passed. Others ask it to stop
 * or to crash; it looks at every basic block, since stopping Unicorn from
 * another thread can come too early and be lost.
 *
 * Each start makes a new Unicorn instance: nothing of an earlier image's
 * translations can stay.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <unicorn/unicorn.h>

#include "card_internal.h"
#include "log.h"

#ifdef __SANITIZE_ADDRESS__
/* Unicorn forgets some blocks of its own when it is closed. */
const char *__lsan_default_suppressions(void) __attribute__((visibility("default")));

const char *__lsan_default_suppressions(void)
{
	return "leak:libunicorn";
}
#endif

struct management_core {
	struct card *card;
	struct mgmt_regs *regs;
	uint8_t *sram;
	pthread_t thread;
	pthread_mutex_t lock;		/* guards what follows */
	pthread_cond_t changed;
	uint32_t pending;
	uint32_t enable;
	uint64_t timer;			/* card time; 0: not armed */
	uint32_t entry;
	uint32_t security_version;
	bool running;
	bool quit;
	/* asked by others, looked at by the core thread at every block */
	atomic_bool stop;
	atomic_uint crash;		/* reason */
};

static bool asked(struct management_core *core)
{
	return atomic_load_explicit(&core->stop, memory_order_relaxed) ||
	       atomic_load_explicit(&core->crash, memory_order_relaxed) ||
	       card_fault_holds(core->card, NPU_DEBUG_FW_HANG);
}

static void on_block(uc_engine *uc, uint64_t address, uint32_t size, void *argument)
{
	if (asked(argument))
		uc_emu_stop(uc);
}

static uint64_t on_read(uc_engine *uc, uint64_t offset, unsigned int size, void *argument)
{
	struct management_core *core = argument;

	return size == 4 && !(offset % 4) ? mgmt_reg_read(core->regs, (uint32_t)offset) : 0;
}

static void on_write(uc_engine *uc, uint64_t offset, unsigned int size, uint64_t value, void *argument)
{
	struct management_core *core = argument;

	if (size == 4 && !(offset % 4))
		mgmt_reg_write(core->regs, (uint32_t)offset, (uint32_t)value);
}

static uc_engine *power_up(struct management_core *core)
{
	uc_engine *uc = NULL;
	uc_hook hook;

	if (uc_open(UC_ARCH_RISCV, UC_MODE_RISCV32, &uc))
		return NULL;
	if (uc_mem_map_ptr(uc, NPU_MG_SRAM_BASE, NPU_MG_SRAM_SIZE, UC_PROT_ALL, core->sram) ||
	    uc_mmio_map(uc, NPU_MG_REGS_BASE, NPU_MG_REGS_SIZE, on_read, core, on_write, core) ||
	    uc_hook_add(uc, &hook, UC_HOOK_BLOCK, (void *)(uintptr_t)on_block, core, 1, 0)) {
		uc_close(uc);
		return NULL;
	}
	return uc;
}

static uint32_t program_counter(uc_engine *uc)
{
	uint32_t pc = 0;

	uc_reg_read(uc, UC_RISCV_REG_PC, &pc);
	return pc;
}

static void check_timer(struct management_core *core)
{
	if (core->timer && card_time(core->card) >= core->timer) {
		core->timer = 0;
		core->pending |= NPU_MG_INT_TIMER;
	}
}

/* After wfi: until there is something to do. */
static void sleep_until_interrupt(struct management_core *core)
{
	pthread_mutex_lock(&core->lock);
	for (;;) {
		const bool hung = card_fault_holds(core->card, NPU_DEBUG_FW_HANG);

		check_timer(core);
		if (atomic_load(&core->stop) || atomic_load(&core->crash) ||
		    (!hung && core->pending & core->enable))
			break;
		if (core->timer && !hung) {
			const uint64_t when = core->timer + core->card->power_on_ns;
			const struct timespec until = { (time_t)(when / 1000000000ull),
							(long)(when % 1000000000ull) };

			pthread_cond_timedwait(&core->changed, &core->lock, &until);
		} else {
			pthread_cond_wait(&core->changed, &core->lock);
		}
	}
	pthread_mutex_unlock(&core->lock);
}

static void run(struct management_core *core)
{
	uc_engine *uc = power_up(core);
	uint32_t pc = core->entry;
	uint32_t reason = 0;

	if (!uc) {
		log_error("Unicorn cannot run RV32 code");
		reason = NPU_BOOT_REASON_TRAP;
	}
	while (!reason && !atomic_load(&core->stop)) {
		const uc_err error = uc_emu_start(uc, pc, 0, 0, 0);

		pc = program_counter(uc);
		if (error) {
			log_error("firmware trapped at 0x%08x: %s", pc, uc_strerror(error));
			reason = NPU_BOOT_REASON_TRAP;
			break;
		}
		if (!asked(core) || card_fault_holds(core->card, NPU_DEBUG_FW_HANG))
			sleep_until_interrupt(core);
		reason = atomic_load(&core->crash);
	}
	if (uc)
		uc_close(uc);
	if (reason && !atomic_load(&core->stop)) {
		log_error("management core crashed: reason %u", reason);
		cp_reset(core->card->cp);
		regs_set_boot(core->card, NPU_BOOT_STATE_CRASHED, reason);
	}
}

static void *core_thread(void *argument)
{
	struct management_core *core = argument;

	pthread_mutex_lock(&core->lock);
	while (!core->quit) {
		if (!core->running) {
			pthread_cond_wait(&core->changed, &core->lock);
			continue;
		}
		pthread_mutex_unlock(&core->lock);
		run(core);
		pthread_mutex_lock(&core->lock);
		core->running = false;
		pthread_cond_broadcast(&core->changed);
	}
	pthread_mutex_unlock(&core->lock);
	return NULL;
}

struct management_core *core_create(struct card *card)
{
	struct management_core *core = calloc(1, sizeof(*core));
	pthread_condattr_t attributes;

	if (!core)
		return NULL;
	core->card = card;
	core->regs = mgmt_regs_create(card);
	core->sram = aligned_alloc(4096, NPU_MG_SRAM_SIZE);
	pthread_mutex_init(&core->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&core->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	if (!core->regs || !core->sram || pthread_create(&core->thread, NULL, core_thread, core)) {
		mgmt_regs_destroy(core->regs);
		free(core->sram);
		free(core);
		return NULL;
	}
	pthread_setname_np(core->thread, "core");
	return core;
}

void core_destroy(struct management_core *core)
{
	if (!core)
		return;
	core_stop(core);
	pthread_mutex_lock(&core->lock);
	core->quit = true;
	pthread_cond_broadcast(&core->changed);
	pthread_mutex_unlock(&core->lock);
	pthread_join(core->thread, NULL);
	mgmt_regs_destroy(core->regs);
	pthread_cond_destroy(&core->changed);
	pthread_mutex_destroy(&core->lock);
	free(core->sram);
	free(core);
}

int core_start(struct management_core *core, const struct boot_image *image)
{
	core_stop(core);
	memset(core->sram, 0, NPU_MG_SRAM_SIZE);
	memcpy(core->sram + (image->load_address - NPU_MG_SRAM_BASE), image->payload, image->size);
	mgmt_regs_reset(core->regs);
	pthread_mutex_lock(&core->lock);
	core->pending = core->enable = 0;
	core->timer = 0;
	core->entry = image->entry;
	core->security_version = image->security_version;
	atomic_store(&core->stop, false);
	atomic_store(&core->crash, 0);
	regs_set_boot(core->card, NPU_BOOT_STATE_STARTED, 0);
	core->running = true;
	pthread_cond_broadcast(&core->changed);
	pthread_mutex_unlock(&core->lock);
	return 0;
}

void core_stop(struct management_core *core)
{
	pthread_mutex_lock(&core->lock);
	atomic_store(&core->stop, true);
	pthread_cond_broadcast(&core->changed);
	while (core->running)
		pthread_cond_wait(&core->changed, &core->lock);
	pthread_mutex_unlock(&core->lock);
}

void core_interrupt(struct management_core *core, uint32_t source)
{
	pthread_mutex_lock(&core->lock);
	core->pending |= source;
	pthread_cond_broadcast(&core->changed);
	pthread_mutex_unlock(&core->lock);
}

void core_crash(struct management_core *core, uint32_t reason)
{
	unsigned int none = 0;

	atomic_compare_exchange_strong(&core->crash, &none, reason);
	core_interrupt(core, 0);
}

void core_ready(struct management_core *core)
{
	struct card *card = core->card;
	bool raised = false;

	pthread_mutex_lock(&card->regs.lock);
	if (card->regs.boot.state == NPU_BOOT_STATE_STARTED) {
		card->regs.boot.state = NPU_BOOT_STATE_READY;
		raised = core->security_version > card->security_version;
		if (raised)
			card->security_version = core->security_version;
	}
	pthread_mutex_unlock(&card->regs.lock);
	if (raised)
		state_store(card->state_dir, core->security_version);
}

uint8_t *core_sram(struct management_core *core)
{
	return core->sram;
}

uint32_t core_pending(struct management_core *core)
{
	uint32_t pending;

	pthread_mutex_lock(&core->lock);
	check_timer(core);
	pending = core->pending;
	pthread_mutex_unlock(&core->lock);
	return pending;
}

void core_clear_pending(struct management_core *core, uint32_t sources)
{
	pthread_mutex_lock(&core->lock);
	core->pending &= ~sources;
	pthread_mutex_unlock(&core->lock);
}

void core_set_enable(struct management_core *core, uint32_t sources)
{
	pthread_mutex_lock(&core->lock);
	core->enable = sources;
	pthread_mutex_unlock(&core->lock);
}

uint32_t core_enable(struct management_core *core)
{
	return core->enable;
}

void core_set_timer(struct management_core *core, uint64_t when)
{
	pthread_mutex_lock(&core->lock);
	core->timer = when;
	pthread_mutex_unlock(&core->lock);
}
