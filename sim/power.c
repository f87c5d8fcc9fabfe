// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* Power, temperature and energy: the model of docs/card.md, "Power". */
#include <pthread.h>
#include <stdlib.h>

#include "card_internal.h"

#define IDLE_W		8.0
#define AMBIENT_C	30.0
#define RESISTANCE	0.55	/* K/W */
#define TIME_CONSTANT	45.0	/* s */
#define AVERAGE_S	0.1

struct power {
	pthread_mutex_t lock;	/* guards all of this */
	double energy;		/* J since power-on */
	double pending;		/* J of work since the last tick */
	double watts;
	double celsius;
	uint64_t last_ns;
	uint64_t tensor_ns;
	uint64_t copy_ns;
	uint32_t clock_mhz;
};

struct power *power_create(void)
{
	struct power *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	p->watts = IDLE_W;
	p->celsius = AMBIENT_C + IDLE_W * RESISTANCE;
	p->clock_mhz = POWER_CLOCK_MAX_MHZ;
	return p;
}

void power_destroy(struct power *p)
{
	if (!p)
		return;
	pthread_mutex_destroy(&p->lock);
	free(p);
}

uint64_t power_exec_pj(uint64_t macs, uint64_t bytes)
{
	return macs + 20 * bytes;
}

uint64_t power_copy_pj(uint64_t bytes)
{
	return 40 * bytes;
}

void power_add(struct power *p, uint64_t picojoule, uint64_t tensor_ns, uint64_t copy_ns)
{
	pthread_mutex_lock(&p->lock);
	p->pending += (double)picojoule * 1e-12;
	p->tensor_ns += tensor_ns;
	p->copy_ns += copy_ns;
	pthread_mutex_unlock(&p->lock);
}

void power_tick(struct power *p, uint64_t now_ns)
{
	double seconds, watts, share;

	pthread_mutex_lock(&p->lock);
	seconds = (double)(now_ns - p->last_ns) * 1e-9;
	if (seconds > 0.0) {
		watts = IDLE_W + p->pending / seconds;
		p->energy += IDLE_W * seconds + p->pending;
		p->pending = 0.0;
		share = seconds < AVERAGE_S ? seconds / AVERAGE_S : 1.0;
		p->watts += (watts - p->watts) * share;
		share = seconds < TIME_CONSTANT ? seconds / TIME_CONSTANT : 1.0;
		p->celsius += (AMBIENT_C + p->watts * RESISTANCE - p->celsius) * share;
		p->last_ns = now_ns;
	}
	pthread_mutex_unlock(&p->lock);
}

int32_t power_temperature(struct power *p)
{
	int32_t value;

	pthread_mutex_lock(&p->lock);
	value = (int32_t)(p->celsius * 1000.0);
	pthread_mutex_unlock(&p->lock);
	return value;
}

uint32_t power_milliwatt(struct power *p)
{
	uint32_t value;

	pthread_mutex_lock(&p->lock);
	value = (uint32_t)(p->watts * 1000.0);
	pthread_mutex_unlock(&p->lock);
	return value;
}

uint64_t power_energy_uj(struct power *p)
{
	uint64_t value;

	pthread_mutex_lock(&p->lock);
	value = (uint64_t)((p->energy + p->pending) * 1e6);
	pthread_mutex_unlock(&p->lock);
	return value;
}

uint64_t power_tensor_ns(struct power *p)
{
	uint64_t value;

	pthread_mutex_lock(&p->lock);
	value = p->tensor_ns;
	pthread_mutex_unlock(&p->lock);
	return value;
}

uint64_t power_copy_ns(struct power *p)
{
	uint64_t value;

	pthread_mutex_lock(&p->lock);
	value = p->copy_ns;
	pthread_mutex_unlock(&p->lock);
	return value;
}

uint32_t power_clock(struct power *p)
{
	uint32_t value;

	pthread_mutex_lock(&p->lock);
	value = p->clock_mhz;
	pthread_mutex_unlock(&p->lock);
	return value;
}

void power_set_clock(struct power *p, uint32_t mhz)
{
	pthread_mutex_lock(&p->lock);
	if (mhz && mhz <= POWER_CLOCK_MAX_MHZ)
		p->clock_mhz = mhz;
	pthread_mutex_unlock(&p->lock);
}
