// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* The threads of an engine, its list of jobs, and whose turn it is. */
#include "work_engine.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "card_internal.h"
#include "log.h"

#define SLICE_NS	2000000ull
#define NAP_NS		1000000ull	/* how late a cancelled wait may end */

struct job_list {
	struct work_job *first;
	struct work_job **last;
};

struct work_engine {
	struct card *card;
	pthread_t threads[SLOTS];	/* a slot has one job at most */
	unsigned int thread_count;
	pthread_mutex_t lock;		/* guards what follows */
	pthread_cond_t work;		/* there is a submitted job, or quit */
	pthread_cond_t turn;		/* nobody has the turn, or a job was cancelled */
	struct job_list submitted;
	struct job_list waiting;	/* for the turn */
	struct work_job *owner;		/* of the turn */
	atomic_uint waiting_count, waiting_realtime;
	bool quit;
};

static void append(struct job_list *list, struct work_job *job)
{
	job->next = NULL;
	*list->last = job;
	list->last = &job->next;
}

static void remove_job(struct job_list *list, struct work_job *job)
{
	struct work_job **link = &list->first;

	while (*link != job)
		link = &(*link)->next;
	*link = job->next;
	if (!*link)
		list->last = link;
}

/* Who gets the turn next: the first realtime job, else the first. */
static struct work_job *next_in_turn(const struct work_engine *engine)
{
	for (struct work_job *job = engine->waiting.first; job; job = job->next) {
		if (job->realtime)
			return job;
	}
	return engine->waiting.first;
}

/* Called with the lock held. False: cancelled, without the turn. */
static bool take_turn(struct work_engine *engine, struct work_job *job)
{
	bool mine;

	append(&engine->waiting, job);
	atomic_fetch_add(&engine->waiting_count, 1);
	atomic_fetch_add(&engine->waiting_realtime, job->realtime);
	while (!(mine = !engine->owner && next_in_turn(engine) == job) && !atomic_load(&job->cancel))
		pthread_cond_wait(&engine->turn, &engine->lock);
	remove_job(&engine->waiting, job);
	atomic_fetch_sub(&engine->waiting_count, 1);
	atomic_fetch_sub(&engine->waiting_realtime, job->realtime);
	job->queued_ns += monotonic_ns() - job->turn_since;
	job->turn_since = monotonic_ns();
	job->has_turn = mine;
	if (mine) {
		engine->owner = job;
	} else {
		/* The one behind may be next now. */
		pthread_cond_broadcast(&engine->turn);
	}
	return mine;
}

/* Called with the lock held. */
static void give_turn(struct work_engine *engine, struct work_job *job)
{
	job->busy_ns += monotonic_ns() - job->turn_since;
	job->turn_since = monotonic_ns();
	job->has_turn = false;
	engine->owner = NULL;
	pthread_cond_broadcast(&engine->turn);
}

static struct work_job *take_job(struct work_engine *engine)
{
	struct work_job *job;

	pthread_mutex_lock(&engine->lock);
	while (!engine->submitted.first && !engine->quit)
		pthread_cond_wait(&engine->work, &engine->lock);
	job = engine->submitted.first;
	if (job)
		remove_job(&engine->submitted, job);
	if (job && !take_turn(engine, job))
		job->error = NPU_QUEUE_ERROR_KILLED;
	pthread_mutex_unlock(&engine->lock);
	return job;
}

/*
 * The injected faults of an engine that never finishes: HANG ends when the job
 * is aborted, DEAD only when the card is reset.
 */
static bool hangs(struct card *card, struct work_job *job)
{
	if (card_fault_holds(card, NPU_DEBUG_ENGINE_DEAD))
		return !cp_is_reset(card->cp);
	return card_fault_holds(card, NPU_DEBUG_ENGINE_HANG) && !atomic_load(&job->cancel);
}

static void hang(struct card *card, struct work_job *job)
{
	const struct timespec pause = { 0, NAP_NS };

	while (hangs(card, job))
		nanosleep(&pause, NULL);
}

static void run(struct work_engine *engine, struct work_job *job)
{
	struct card *card = engine->card;

	hang(card, job);
	if (atomic_load(&job->cancel))
		job->error = NPU_QUEUE_ERROR_KILLED;
	else if (job->packet.header.opcode == NPU_PACKET_EXEC)
		tensor_execute(card, job);
	else
		copy_execute(card, job);
}

static void *engine_thread(void *argument)
{
	struct work_engine *engine = argument;
	struct card *card = engine->card;
	struct work_job *job;

	while ((job = take_job(engine))) {
		const bool exec = job->packet.header.opcode == NPU_PACKET_EXEC;

		if (!job->error)
			run(engine, job);
		pthread_mutex_lock(&engine->lock);
		if (engine->owner == job)
			give_turn(engine, job);
		pthread_mutex_unlock(&engine->lock);
		power_add(card->power, job->energy_pj, exec ? job->busy_ns : 0,
			  exec ? 0 : job->busy_ns);
		/* From here on the job is the slot's again. */
		atomic_store(&job->done, true);
		cp_wake(card->cp);
	}
	return NULL;
}

struct work_engine *work_engine_create(struct card *card, const char *name)
{
	struct work_engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		return NULL;
	engine->card = card;
	engine->submitted.last = &engine->submitted.first;
	engine->waiting.last = &engine->waiting.first;
	pthread_mutex_init(&engine->lock, NULL);
	pthread_cond_init(&engine->work, NULL);
	pthread_cond_init(&engine->turn, NULL);
	for (; engine->thread_count < SLOTS; engine->thread_count++) {
		pthread_t *thread = &engine->threads[engine->thread_count];

		if (pthread_create(thread, NULL, engine_thread, engine)) {
			work_engine_destroy(engine);
			return NULL;
		}
		pthread_setname_np(*thread, name);
	}
	return engine;
}

void work_engine_destroy(struct work_engine *engine)
{
	if (!engine)
		return;
	pthread_mutex_lock(&engine->lock);
	engine->quit = true;
	pthread_cond_broadcast(&engine->work);
	pthread_mutex_unlock(&engine->lock);
	while (engine->thread_count)
		pthread_join(engine->threads[--engine->thread_count], NULL);
	pthread_cond_destroy(&engine->turn);
	pthread_cond_destroy(&engine->work);
	pthread_mutex_destroy(&engine->lock);
	free(engine);
}

void work_engine_submit(struct work_engine *engine, struct work_job *job)
{
	job->engine = engine;
	job->access.cancel = &job->cancel;
	pthread_mutex_lock(&engine->lock);
	job->turn_since = monotonic_ns();
	append(&engine->submitted, job);
	pthread_cond_signal(&engine->work);
	pthread_mutex_unlock(&engine->lock);
}

void work_job_cancel(struct work_job *job)
{
	pthread_mutex_lock(&job->engine->lock);
	atomic_store(&job->cancel, true);
	pthread_cond_broadcast(&job->engine->turn);
	pthread_mutex_unlock(&job->engine->lock);
}

void work_job_times(struct work_job *job, uint64_t *busy, uint64_t *queued)
{
	uint64_t now;

	pthread_mutex_lock(&job->engine->lock);
	now = atomic_load(&job->done) ? job->turn_since : monotonic_ns();
	*busy = job->busy_ns + (job->has_turn ? now - job->turn_since : 0);
	*queued = job->queued_ns + (job->has_turn ? 0 : now - job->turn_since);
	pthread_mutex_unlock(&job->engine->lock);
}

bool work_job_slice_over(struct work_job *job)
{
	const struct work_engine *engine = job->engine;

	if (!job->realtime && atomic_load_explicit(&engine->waiting_realtime, memory_order_relaxed))
		return true;
	return atomic_load_explicit(&engine->waiting_count, memory_order_relaxed) &&
	       (!job->realtime ||
		atomic_load_explicit(&engine->waiting_realtime, memory_order_relaxed)) &&
	       monotonic_ns() - job->turn_since > SLICE_NS;
}

bool work_job_yield(struct work_job *job)
{
	struct work_engine *engine = job->engine;
	bool alive = true;

	if (work_job_slice_over(job)) {
		pthread_mutex_lock(&engine->lock);
		give_turn(engine, job);
		alive = take_turn(engine, job);
		pthread_mutex_unlock(&engine->lock);
	}
	return alive && !atomic_load(&job->cancel);
}

void work_job_throttle(struct work_job *job, uint64_t ns)
{
	const uint64_t clock = power_clock(job->engine->card->power);
	uint64_t left = ns * (POWER_CLOCK_MAX_MHZ - clock) / clock;

	while (left && !atomic_load(&job->cancel)) {
		const uint64_t part = left < NAP_NS ? left : NAP_NS;
		const struct timespec pause = { 0, (long)part };

		nanosleep(&pause, NULL);
		left -= part;
	}
}
