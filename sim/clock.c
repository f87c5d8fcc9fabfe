// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* What happens by itself as time passes: power model, watchdog, injected storms. */
#include <errno.h>
#include <time.h>

#include "card_internal.h"
#include "irq.h"
#include "log.h"

#define TICK_NS		10000000ull
#define STORM_NS	100000ull	/* between two bursts of the irq-storm fault */
#define WATCHDOG_NS	2000000000ull

/* Counts the time that this thread saw pass: while the whole process is stopped
 * no heart can beat.
 */
struct watchdog {
	uint32_t resets;	/* a heart that beat before the last one is another */
	uint32_t heartbeat;
	uint64_t silent;	/* ns */
	uint64_t last;		/* look, ns */
	bool running;
};

static void watch(struct card *card, struct watchdog *dog, uint64_t now)
{
	const uint64_t passed = now - dog->last;
	uint32_t state, heartbeat, resets;
	bool running;

	pthread_mutex_lock(&card->regs.lock);
	state = card->regs.boot.state;
	heartbeat = card->regs.boot.heartbeat;
	resets = card->regs.reset_count;
	pthread_mutex_unlock(&card->regs.lock);
	running = state == NPU_BOOT_STATE_STARTED || state == NPU_BOOT_STATE_READY;
	dog->last = now;
	if (!running || !dog->running || heartbeat != dog->heartbeat || resets != dog->resets) {
		*dog = (struct watchdog){ resets, heartbeat, 0, now, running };
		return;
	}
	dog->silent += passed < 2 * TICK_NS ? passed : 2 * TICK_NS;
	if (dog->silent > WATCHDOG_NS) {
		core_crash(card->core, NPU_BOOT_REASON_WATCHDOG);
		dog->silent = 0;
	}
}

static void *clock_thread(void *argument)
{
	struct card *card = argument;
	struct watchdog dog = { 0 };

	while (!atomic_load(&card->quit)) {
		const bool storm = card_fault_holds(card, NPU_DEBUG_IRQ_STORM);
		const struct timespec pause = { 0, (long)(storm ? STORM_NS : TICK_NS) };

		power_tick(card->power, card_time(card));
		watch(card, &dog, monotonic_ns());
		for (unsigned int i = 0; storm && i < irq_set_count(card->irqs); i++)
			card_irq(card, i);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

int clock_start(struct card *card)
{
	if (pthread_create(&card->clock, NULL, clock_thread, card))
		return -EAGAIN;
	pthread_setname_np(card->clock, "clock");
	card->clock_runs = true;
	return 0;
}

void clock_stop(struct card *card)
{
	if (!card->clock_runs)
		return;
	atomic_store(&card->quit, true);
	pthread_join(card->clock, NULL);
	card->clock_runs = false;
}
