/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright The npu authors */
/*
 * The card's parts and how they call one another.
 *
 *	server thread    regs.c, card.c (registers, reset)
 *	command thread   command_processor.c
 *	engine threads   work_engine.c: for tensors and for copies, one job at a time each
 *	core thread      management_core.c: the firmware, through mgmt_regs.c
 *	clock thread     clock.c: watchdog, power model, injected storms
 *
 * Lock order: regs.lock, then nothing; command_processor's lock, then an
 * engine's, or an MMU context, then dma_map.
 */
#ifndef SIM_CARD_INTERNAL_H
#define SIM_CARD_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <abi/npu_mgmt.h>
#include <abi/npu_regs.h>

#include "card.h"
#include "mmu.h"

#define SLOTS			8
#define TENSOR_ENGINES		1
#define COPY_ENGINES		1
#define FAULT_FIFO		16
#define HARDWARE_REVISION	1

struct boot_regs {
	uint32_t state;		/* NPU_BOOT_STATE_* */
	uint32_t reason;
	uint64_t image;
	uint32_t image_size;
	uint32_t fw_version;
	uint32_t heartbeat;
};

struct admin_regs {
	uint64_t sq;
	uint64_t cq;
	uint32_t size;
	uint32_t enable;
	uint16_t epoch;		/* of rings: changes when they are forgotten */
	uint32_t tail;
};

struct regs {
	pthread_mutex_t lock;	/* guards all of this */
	struct boot_regs boot;
	struct admin_regs admin;
	uint32_t irq_status;
	uint32_t irq_enable;
	struct mmu_fault faults[FAULT_FIFO];
	unsigned int fault_count;
	bool fault_overflow;
	uint32_t scratch;
	uint32_t time_high;	/* latched by reading TIME_LO */
	uint32_t reset_count;
};

struct command_processor;
struct management_core;
struct work_engine;
struct power;

struct card {
	struct card_config config;
	struct dma_map *dma;
	struct irq_set *irqs;
	int memory_fd;
	uint8_t *memory;
	int doorbell_fd;
	uint8_t *doorbells;
	uint64_t power_on_ns;
	int state_dir;			/* -1: nothing outlives this run */
	uint32_t security_version;	/* guarded by regs.lock once the card runs */
	uint8_t public_key[32];
	atomic_uint faults;	/* bit n: injected fault n holds */
	struct regs regs;
	struct ecc *ecc;
	struct mmu *mmu;
	struct command_processor *cp;
	struct work_engine *tensor;
	struct work_engine *copy;
	struct management_core *core;
	struct power *power;
	pthread_t clock;
	bool clock_runs;
	atomic_bool quit;
};

/* card.c */
uint64_t card_time(const struct card *card);	/* ns since power-on */
void card_irq(struct card *card, unsigned int vector);
void card_fault_set(struct card *card, uint32_t number, bool on);
uint64_t monotonic_ns(void);

/* regs.c */
void regs_init(struct card *card);
void regs_reset(struct card *card);
void regs_raise(struct card *card, uint32_t causes);
void regs_push_fault(struct card *card, const struct mmu_fault *fault);
void regs_set_boot(struct card *card, uint32_t state, uint32_t reason);
uint32_t regs_boot_state(struct card *card);

/* boot_rom.c: checks the image; 0 with *payload allocated, or the reason. */
struct boot_image {
	uint8_t *payload;
	uint32_t size;
	uint32_t load_address;
	uint32_t entry;
	uint32_t security_version;
};
uint32_t boot_rom_load(struct card *card, uint64_t address, uint32_t size, struct boot_image *image);

/* state.c: what outlives a run */
/* Locks the directory, -EBUSY if another card has it. No path: nothing is kept, *dir is -1. */
int state_open(const char *path, int *dir, uint32_t *version);
void state_close(int *dir);
void state_store(int dir, uint32_t version);

/* command_processor.c */
struct command_processor *cp_create(struct card *card);
void cp_destroy(struct command_processor *cp);
/* Cancels everything; returns when no slot is loaded and no engine works. */
void cp_reset(struct command_processor *cp);
bool cp_is_reset(struct command_processor *cp);	/* a reset is under way */
void cp_wake(struct command_processor *cp);
uint32_t cp_slot_read(struct command_processor *cp, unsigned int slot, uint32_t offset);
/* False: the command made no sense. */
bool cp_slot_write(struct command_processor *cp, unsigned int slot, uint32_t offset, uint32_t value);
uint32_t cp_slot_events(struct command_processor *cp);
void cp_clear_slot_events(struct command_processor *cp, uint32_t events);
bool cp_doorbell_command(struct command_processor *cp, uint32_t queue, uint64_t *tail,
			 uint32_t command);
uint32_t cp_doorbell_pending(struct command_processor *cp, unsigned int word);
uint64_t cp_packets(struct command_processor *cp);
void cp_status(struct command_processor *cp, FILE *out);

/* management_core.c */
struct management_core *core_create(struct card *card);
void core_destroy(struct management_core *core);
int core_start(struct management_core *core, const struct boot_image *image);
void core_stop(struct management_core *core);	/* returns when it does not run */
void core_interrupt(struct management_core *core, uint32_t source);	/* any thread */
uint8_t *core_sram(struct management_core *core);
void core_crash(struct management_core *core, uint32_t reason);	/* any thread; a request */
void core_ready(struct management_core *core);	/* the firmware says so */
uint32_t core_pending(struct management_core *core);
void core_clear_pending(struct management_core *core, uint32_t sources);
void core_set_enable(struct management_core *core, uint32_t sources);
uint32_t core_enable(struct management_core *core);
void core_set_timer(struct management_core *core, uint64_t when);

/* mgmt_regs.c: called on the core thread */
struct mgmt_regs;
struct mgmt_regs *mgmt_regs_create(struct card *card);
void mgmt_regs_destroy(struct mgmt_regs *regs);
void mgmt_regs_reset(struct mgmt_regs *regs);
uint32_t mgmt_reg_read(struct mgmt_regs *regs, uint32_t offset);
void mgmt_reg_write(struct mgmt_regs *regs, uint32_t offset, uint32_t value);

/* power.c: any thread */
struct power *power_create(void);
void power_destroy(struct power *power);
void power_add(struct power *power, uint64_t picojoule, uint64_t tensor_ns, uint64_t copy_ns);
void power_tick(struct power *power, uint64_t now_ns);
int32_t power_temperature(struct power *power);	/* millidegree */
uint32_t power_milliwatt(struct power *power);
uint64_t power_energy_uj(struct power *power);
uint64_t power_tensor_ns(struct power *power);
uint64_t power_copy_ns(struct power *power);
uint32_t power_clock(struct power *power);	/* MHz */
void power_set_clock(struct power *power, uint32_t mhz);
uint64_t power_exec_pj(uint64_t macs, uint64_t bytes);
uint64_t power_copy_pj(uint64_t bytes);
#define POWER_CLOCK_MAX_MHZ 1200

/* clock.c */
int clock_start(struct card *card);
void clock_stop(struct card *card);

#endif /* SIM_CARD_INTERNAL_H */
