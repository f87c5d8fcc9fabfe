// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Many threads, processes and lifetimes at once. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "digits.h"
#include "rig.h"

enum { THREADS = 8, ROUNDS = 40 };

struct worker {
	struct rig *rig;
	struct npu_model *model; /* shared, or NULL: one of its own in a context of its own */
	const struct digits *digits;
	uint32_t seed;
	uint32_t good;
	struct npu_error error;
};

/* Submits on a queue of its own; model and context may be everybody's. */
static int work(struct worker *w, struct npu_context *context, struct npu_model *model)
{
	struct npu_binding bindings[2];
	struct npu_queue *queue = NULL;
	struct npu_buffer *buffer;
	struct npu_job *job;
	uint8_t *bytes;
	void *data;
	int ret;

	ret = npu_queue_create(context, w->seed % 2, &queue, &w->error);
	for (uint32_t i = 0; !ret && i < ROUNDS; i++) {
		uint32_t image = (w->seed * 31 + i) % w->digits->count;

		ret = npu_buffer_create(context, 4096, NPU_BUFFER_SYSTEM | NPU_BUFFER_MAPPABLE, &buffer,
					&w->error);
		if (ret)
			break;
		ret = npu_buffer_map(buffer, &data, &w->error);
		if (!ret) {
			bytes = data;
			memcpy(bytes, w->digits->images[image], sizeof(w->digits->images[image]));
			bindings[0] = (struct npu_binding){ buffer, 0 };
			bindings[1] = (struct npu_binding){ buffer, 1024 };
			ret = npu_submit(queue, model, bindings, 2, NULL, &job, &w->error);
		}
		if (!ret) {
			ret = npu_job_wait(job, NPU_WAIT_FOREVER, &w->error);
			npu_job_unref(job);
		}
		if (!ret)
			w->good += digits_agree(w->digits, image, (void *)(bytes + 1024));
		npu_buffer_unref(buffer);
	}
	npu_queue_unref(queue);
	return ret;
}

static void *thread(void *opaque)
{
	struct worker *w = opaque;
	struct npu_context *context = NULL;
	struct npu_model *model = NULL;
	int ret;

	if (w->model)
		return (void *)(intptr_t)work(w, w->rig->context, w->model);
	ret = npu_context_create(w->rig->device, &context, &w->error);
	if (!ret)
		ret = npu_model_create(context, w->digits->graph, 0, &model, &w->error);
	if (!ret)
		ret = work(w, context, model);
	npu_model_unref(model);
	npu_context_unref(context);
	return (void *)(intptr_t)ret;
}

static void threads_work(struct rig *r, const struct digits *d, struct npu_model *shared,
			 const char *name)
{
	struct worker workers[THREADS];
	pthread_t threads[THREADS];
	uint32_t good = 0;
	int failed = 0;

	for (uint32_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .rig = r, .model = shared, .digits = d, .seed = i };
		if (pthread_create(&threads[i], NULL, thread, &workers[i]))
			tap_bail("no thread");
	}
	for (int i = 0; i < THREADS; i++) {
		void *ret;

		pthread_join(threads[i], &ret);
		if (ret) {
			printf("# %s\n", workers[i].error.text);
			failed++;
		}
		good += workers[i].good;
	}
	tap(!failed, "%d threads with %s", THREADS, name);
	tap(good == THREADS * ROUNDS, "%s: %u of %d results agree", name, good, THREADS * ROUNDS);
}

static void *run_shared(void *opaque)
{
	struct worker *w = opaque;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint32_t image = (w->seed * 31 + i) % w->digits->count;
		float scores[DIGITS_CLASSES];
		const struct npu_array in = { .data = w->digits->images[image],
					      .size = sizeof(w->digits->images[image]) };
		const struct npu_array out = { .data = scores, .size = sizeof(scores) };

		if (!npu_run(w->model, &in, 1, &out, 1, &w->error))
			w->good += digits_agree(w->digits, image, scores);
	}
	return NULL;
}

static void threads_share_npu_run(struct rig *r, const struct digits *d, struct npu_model *model)
{
	struct worker workers[THREADS];
	pthread_t threads[THREADS];
	uint32_t good = 0;

	for (uint32_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .rig = r, .model = model, .digits = d, .seed = i };
		if (pthread_create(&threads[i], NULL, run_shared, &workers[i]))
			tap_bail("no thread");
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		good += workers[i].good;
	}
	tap(good == THREADS * ROUNDS, "npu_run() of one model by %d threads: %u of %d agree", THREADS,
	    good, THREADS * ROUNDS);
}

/* Each child opens the card itself and computes. */
static void processes_work(const struct digits *d)
{
	enum { CHILDREN = 4 };
	pid_t children[CHILDREN];
	int good = 0;

	fflush(stdout);
	for (uint32_t i = 0; i < CHILDREN; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			struct rig r = { 0 };
			struct worker w = { .rig = &r, .digits = d, .seed = i };

			if (npu_open(0, &r.device, &w.error))
				_exit(1);
			if (thread(&w) || w.good != ROUNDS)
				_exit(2);
			npu_device_unref(r.device);
			_exit(0);
		}
	}
	for (int i = 0; i < CHILDREN; i++) {
		int status;

		waitpid(children[i], &status, 0);
		good += WIFEXITED(status) && !WEXITSTATUS(status);
	}
	tap(good == CHILDREN, "%d of %d processes compute at the same time", good, CHILDREN);
}

/* A child that inherits everything and only exits, or execs, does no harm. */
static void fork_does_no_harm(struct rig *r)
{
	struct npu_job *job = rig_gate(r, r->queue, 4096, 0);
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0)
		_exit(0);
	waitpid(child, &status, 0);
	child = fork();
	if (child == 0) {
		/* The node is not inherited: close-on-exec. */
		execl("/bin/sh", "sh", "-c",
		      "[ $(ls /proc/$$/fd | wc -l) -ge 3 ] && ! ls -l /proc/$$/fd | grep -q /dev/accel",
		      (char *)NULL);
		_exit(1);
	}
	waitpid(child, &status, 0);
	tap(WIFEXITED(status) && !WEXITSTATUS(status), "a program that a child execs has no node");
	tap_ret(npu_job_status(job, NULL), -EINPROGRESS, NULL, "the parent's job runs on");
	rig_open_gate(r, 0);
	tap_ret(rig_finish(r, job), 0, r->error.text, "and ends well");
}

/* A process that dies with a job in flight leaves the card usable. */
static void a_killed_process_is_cleaned_up(struct rig *r)
{
	struct npu_memory_info before, after;
	struct npu_job *job;
	int status, ready[2];
	pid_t child;
	char c;

	npu_device_memory(r->device, &before, NULL);
	if (pipe(ready))
		tap_bail("no pipe");
	fflush(stdout);
	child = fork();
	if (child == 0) {
		struct rig mine;

		rig_init(&mine);
		rig_gate(&mine, mine.queue, 4096, 0);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(1);
	}
	close(ready[1]);
	tap(read(ready[0], &c, 1) == 1, "a child has a job in flight");
	close(ready[0]);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	if (npu_submit_fill(r->queue, r->system, 65536, 4, 1, NULL, &job, &r->error))
		tap_bail("%s", r->error.text);
	tap_ret(rig_finish(r, job), 0, r->error.text, "after it was killed the card works");
	for (int i = 0; i < 100; i++) {
		npu_device_memory(r->device, &after, NULL);
		if (after.device_used <= before.device_used)
			break;
		usleep(50000);
	}
	tap(after.device_used <= before.device_used, "and has its memory back: %llu bytes, %llu before",
	    (unsigned long long)after.device_used, (unsigned long long)before.device_used);
}

/* Every order of giving references back, with a job that may still run. */
static void any_order_of_destruction(const struct digits *d)
{
	int bad = 0;

	for (int order = 0; order < 120; order++) {
		int left[5] = { 0, 1, 2, 3, 4 }, code = order;
		struct npu_binding bindings[2];
		struct npu_model *model;
		struct npu_job *job;
		struct rig r;

		rig_init(&r);
		if (npu_model_create(r.context, d->graph, 0, &model, &r.error))
			tap_bail("%s", r.error.text);
		bindings[0] = (struct npu_binding){ r.system, 0 };
		bindings[1] = (struct npu_binding){ r.system, 4096 };
		if (npu_submit(r.queue, model, bindings, 2, NULL, &job, &r.error))
			tap_bail("%s", r.error.text);
		npu_device_unref(r.device);
		npu_buffer_unref(r.memory);
		for (int n = 5; n; n--) {
			int pick = code % n, what = left[pick];

			code /= n;
			left[pick] = left[n - 1];
			if (what == 0)
				npu_context_unref(r.context);
			else if (what == 1)
				npu_model_unref(model);
			else if (what == 2)
				npu_queue_unref(r.queue);
			else if (what == 3)
				npu_buffer_unref(r.system);
			else if (order % 2)
				npu_job_unref(job);
			else
				bad += rig_finish(&r, job) != 0;
		}
	}
	tap(!bad, "120 orders of destruction: %d jobs failed", bad);
}

int main(int argc, char **argv)
{
	struct npu_model *model;
	struct digits d;
	struct rig r;

	digits_load(&d, argv[0], "fp32");
	rig_init(&r);
	if (npu_model_create(r.context, d.graph, 0, &model, &r.error))
		tap_bail("%s", r.error.text);
	threads_work(&r, &d, model, "one context and one model");
	threads_work(&r, &d, NULL, "a context and a model each");
	threads_share_npu_run(&r, &d, model);
	processes_work(&d);
	fork_does_no_harm(&r);
	a_killed_process_is_cleaned_up(&r);
	any_order_of_destruction(&d);
	npu_model_unref(model);
	rig_fini(&r);
	digits_free(&d);
	return tap_end();
}
