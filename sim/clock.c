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

struct watchdog {
	uint32_t heartbeat;
	uint64_t since;
	bool running;
};

static void watch(struct card *card, struct watchdog *dog, uint64_t now)
{
	uint32_t state, heartbeat;
	bool running;

	pthread_mutex_lock(&card->regs.lock);
	state = card->regs.boot.state;
	heartbeat = card->regs.boot.heartbeat;
	pthread_mutex_unlock(&card->regs.lock);
	running = state == NPU_BOOT_STATE_STARTED || state == NPU_BOOT_STATE_READY;
	if (!running || !dog->running || heartbeat != dog->heartbeat) {
		*dog = (struct watchdog){ heartbeat, now, running };
	} else if (now - dog->since > WATCHDOG_NS) {
		core_crash(card->core, NPU_BOOT_REASON_WATCHDOG);
		dog->since = now;
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
