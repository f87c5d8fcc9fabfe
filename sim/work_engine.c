// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* The thread of an engine and its list of jobs. */
#include "work_engine.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "card_internal.h"
#include "log.h"

struct work_engine {
	struct card *card;
	pthread_t thread;
	pthread_mutex_t lock;	/* guards the list and quit */
	pthread_cond_t work;
	struct work_job *first;
	struct work_job **last;
	bool quit;
};

static struct work_job *take(struct work_engine *engine)
{
	struct work_job *job;

	pthread_mutex_lock(&engine->lock);
	while (!engine->first && !engine->quit)
		pthread_cond_wait(&engine->work, &engine->lock);
	job = engine->first;
	if (job) {
		engine->first = job->next;
		if (!engine->first)
			engine->last = &engine->first;
	}
	pthread_mutex_unlock(&engine->lock);
	return job;
}

/* The injected fault of an engine that never finishes. */
static void hang(struct card *card, struct work_job *job)
{
	const struct timespec pause = { 0, 1000000 };

	while (card_fault_holds(card, NPU_DEBUG_ENGINE_HANG) && !atomic_load(&job->cancel))
		nanosleep(&pause, NULL);
}

static void *engine_thread(void *argument)
{
	struct work_engine *engine = argument;
	struct card *card = engine->card;
	struct work_job *job;

	while ((job = take(engine))) {
		const bool exec = job->packet.header.opcode == NPU_PACKET_EXEC;
		const uint64_t start = monotonic_ns();

		hang(card, job);
		if (atomic_load(&job->cancel))
			job->error = NPU_QUEUE_ERROR_KILLED;
		else if (exec)
			tensor_execute(card, job);
		else
			copy_execute(card, job);
		job->busy_ns = monotonic_ns() - start;
		power_add(card->power, job->energy_pj, exec ? job->busy_ns : 0,
			  exec ? 0 : job->busy_ns);
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
	engine->last = &engine->first;
	pthread_mutex_init(&engine->lock, NULL);
	pthread_cond_init(&engine->work, NULL);
	if (pthread_create(&engine->thread, NULL, engine_thread, engine)) {
		free(engine);
		return NULL;
	}
	pthread_setname_np(engine->thread, name);
	return engine;
}

void work_engine_destroy(struct work_engine *engine)
{
	if (!engine)
		return;
	pthread_mutex_lock(&engine->lock);
	engine->quit = true;
	pthread_cond_signal(&engine->work);
	pthread_mutex_unlock(&engine->lock);
	pthread_join(engine->thread, NULL);
	pthread_cond_destroy(&engine->work);
	pthread_mutex_destroy(&engine->lock);
	free(engine);
}

void work_engine_submit(struct work_engine *engine, struct work_job *job)
{
	job->next = NULL;
	pthread_mutex_lock(&engine->lock);
	*engine->last = job;
	engine->last = &job->next;
	pthread_cond_signal(&engine->work);
	pthread_mutex_unlock(&engine->lock);
}
