// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Memory and weights that contexts and processes share. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "digits.h"
#include "rig.h"

#define SHARED (NPU_BUFFER_MAPPABLE | NPU_BUFFER_SHARED)

/* A child of which nothing is known but its exit status. */
static bool child_is_well(pid_t child)
{
	int status = -1;

	waitpid(child, &status, 0);
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

static int fill(struct npu_context *context, struct npu_buffer *buffer, uint32_t pattern,
		struct npu_error *error)
{
	struct npu_queue *queue;
	struct npu_job *job = NULL;
	int ret = npu_queue_create(context, NPU_QUEUE_NORMAL, &queue, error);

	if (ret)
		return ret;
	ret = npu_submit_fill(queue, buffer, 0, 4096, pattern, NULL, &job, error);
	if (!ret)
		ret = npu_job_wait(job, NPU_WAIT_FOREVER, error);
	npu_job_unref(job);
	npu_queue_unref(queue);
	return ret;
}

static void contexts_share_memory(struct rig *r, uint32_t place, const char *name)
{
	struct npu_buffer *mine, *yours = NULL;
	struct npu_context *context;
	uint32_t *here, *there;
	void *map;
	int fd, ret;

	if (npu_context_create(r->device, &context, &r->error) ||
	    npu_buffer_create(r->context, 1 << 20, place | SHARED, &mine, &r->error) ||
	    npu_buffer_map(mine, &map, &r->error))
		tap_bail("%s", r->error.text);
	here = map;
	fd = npu_buffer_export(mine, &r->error);
	tap(fd >= 0, "%s memory is exported", name);
	ret = npu_buffer_import(context, fd, NPU_BUFFER_MAPPABLE, &yours, &r->error);
	close(fd);
	if (!tap_ret(ret, 0, r->error.text, "and imported into another context"))
		exit(tap_end());
	npu_buffer_map(yours, &map, NULL);
	there = map;
	tap(npu_buffer_size(yours) == 1 << 20, "with its size");
	tap_ret(fill(context, yours, 0x5a5a0001, &r->error), 0, r->error.text,
		"a job of the other writes to it");
	tap(here[0] == 0x5a5a0001 && here[1023] == 0x5a5a0001 && !here[1024] && there[0] == here[0],
	    "which is seen here");
	npu_buffer_unref(mine);
	tap_ret(fill(context, yours, 0x5a5a0002, &r->error), 0, r->error.text,
		"the other's lives on when the first is gone");
	tap(there[1023] == 0x5a5a0002, "and is written");
	npu_buffer_unref(yours);
	npu_context_unref(context);
}

/* The child opens the card itself; it gets the descriptor as a process inherits one. */
static void processes_share_memory(struct rig *r)
{
	struct npu_buffer *mine;
	uint32_t *here;
	void *map;
	pid_t child;
	int fd;

	if (npu_buffer_create(r->context, 4096, NPU_BUFFER_DEVICE | SHARED, &mine, &r->error) ||
	    npu_buffer_map(mine, &map, &r->error))
		tap_bail("%s", r->error.text);
	here = map;
	here[7] = 0x1234;
	fd = npu_buffer_export(mine, &r->error);
	fflush(stdout);
	child = fork();
	if (!child) {
		struct npu_buffer *yours;
		struct npu_error error;
		uint32_t *there;
		struct rig own;

		rig_init(&own);
		if (npu_buffer_import(own.context, fd, NPU_BUFFER_MAPPABLE, &yours, &error) ||
		    npu_buffer_map(yours, &map, &error))
			_exit(1);
		there = map;
		if (npu_buffer_begin_access(yours, NPU_ACCESS_READ, &error) || there[7] != 0x1234 ||
		    npu_buffer_end_access(yours, NPU_ACCESS_READ, &error))
			_exit(2);
		_exit(fill(own.context, yours, 0x4321, &error) ? 3 : 0);
	}
	close(fd);
	tap(child_is_well(child), "another process reads and writes device memory");
	tap(here[7] == 0x4321, "its writes are seen here");
	npu_buffer_unref(mine);
}

static void what_is_no_buffer_is_refused(struct rig *r)
{
	struct npu_buffer *b;

	tap_ret(npu_buffer_import(r->context, 0, 0, &b, &r->error), -EINVAL, NULL, "standard input: %s",
		r->error.text);
	tap_ret(npu_buffer_import(r->context, -1, 0, &b, &r->error), -EBADF, NULL, "nothing: %s",
		r->error.text);
	tap_ret(npu_buffer_export(r->system, &r->error), -EPERM, NULL, "a private buffer: %s",
		r->error.text);
}

static uint64_t used(struct rig *r)
{
	struct npu_memory_info memory = { 0 };

	npu_device_memory(r->device, &memory, NULL);
	return memory.device_used;
}

static bool computes(struct npu_model *model, const struct digits *d, struct npu_error *error)
{
	float scores[DIGITS_CLASSES];
	const struct npu_array in = { .data = d->images[3], .size = sizeof(d->images[3]) };
	const struct npu_array out = { .data = scores, .size = sizeof(scores) };

	return !npu_run(model, &in, 1, &out, 1, error) && digits_agree(d, 3, scores);
}

static void contexts_share_weights(struct rig *r, const struct digits *d)
{
	enum { CONTEXTS = 4 };
	uint64_t size = npu_graph_info(d->graph)->weights_size, before, first, all;
	struct npu_context *contexts[CONTEXTS];
	struct npu_model *models[CONTEXTS];
	int good = 0;

	for (int i = 0; i < CONTEXTS; i++)
		if (npu_context_create(r->device, &contexts[i], &r->error))
			tap_bail("%s", r->error.text);
	before = used(r);
	if (npu_model_create(contexts[0], d->graph, 0, &models[0], &r->error))
		tap_bail("%s", r->error.text);
	first = used(r) - before;
	for (int i = 1; i < CONTEXTS; i++)
		if (npu_model_create(contexts[i], d->graph, 0, &models[i], &r->error))
			tap_bail("%s", r->error.text);
	all = used(r) - before;
	/* Page tables and code come with each; weights of 90 KiB must not. */
	tap(first >= size && all - first < (CONTEXTS - 1) * size,
	    "one model takes %llu bytes, %d contexts take %llu (weights %llu)",
	    (unsigned long long)first, CONTEXTS, (unsigned long long)all, (unsigned long long)size);
	for (int i = 0; i < CONTEXTS; i++) {
		good += computes(models[i], d, &r->error);
		npu_model_unref(models[i]);
		npu_context_unref(contexts[i]);
	}
	tap(good == CONTEXTS, "%d of %d compute, while the ones before go away", good, CONTEXTS);
}

/* The whole file in a buffer, as read(2) or a network brings it. */
static void weights_stay_in_the_callers_buffer(struct rig *r, const struct digits *d, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct npu_buffer *file;
	struct npu_model *model;
	struct stat st;
	void *map;
	int ret;

	if (fd < 0 || fstat(fd, &st) ||
	    npu_buffer_create(r->context, (uint64_t)st.st_size,
			      NPU_BUFFER_SYSTEM | NPU_BUFFER_MAPPABLE | NPU_BUFFER_CARD_READONLY,
			      &file, &r->error) ||
	    npu_buffer_map(file, &map, &r->error) ||
	    read(fd, map, (size_t)st.st_size) != st.st_size)
		tap_bail("%s: cannot read", path);
	close(fd);
	ret = npu_model_create_in_place(r->context, d->graph, file,
					npu_graph_info(d->graph)->weights_offset, 0, &model,
					&r->error);
	if (tap_ret(ret, 0, r->error.text, "weights are verified where they are")) {
		tap(computes(model, d, &r->error), "and used there");
		npu_model_unref(model);
	}
	((uint8_t *)map)[npu_graph_info(d->graph)->weights_offset] ^= 1;
	tap_ret(npu_model_create_in_place(r->context, d->graph, file,
					  npu_graph_info(d->graph)->weights_offset, 0, &model,
					  &r->error),
		-EBADMSG, NULL, "damaged ones are refused: %s", r->error.text);
	npu_buffer_unref(file);
}

/* A compiled graph that a process has in a memfd: the card reads its weights there. */
static void weights_stay_in_a_memfd(struct rig *r, const struct digits *d, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), memfd = memfd_create("graph", MFD_ALLOW_SEALING);
	struct npu_graph *graph;
	struct npu_buffer *file;
	struct npu_model *model;
	uint64_t size, before;
	struct stat st;
	void *map;
	int ret;

	if (fd < 0 || memfd < 0 || fstat(fd, &st) ||
	    sendfile(memfd, fd, NULL, (size_t)st.st_size) != st.st_size)
		tap_bail("%s: cannot read", path);
	close(fd);
	size = ((uint64_t)st.st_size + 4095) & ~4095ULL;
	if (ftruncate(memfd, (off_t)size))
		tap_bail("no memory");
	tap_ret(npu_buffer_import_memfd(r->context, memfd, 0, size, 0, &file, &r->error), -EINVAL, NULL,
		"a memfd that may shrink: %s", r->error.text);
	fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK);
	tap_ret(npu_buffer_import_memfd(r->context, memfd, 0, size + 4096, 0, &file, &r->error),
		-EINVAL, NULL, "more than it holds: %s", r->error.text);
	ret = npu_buffer_import_memfd(r->context, memfd, 0, size,
				      NPU_BUFFER_MAPPABLE | NPU_BUFFER_CARD_READONLY, &file, &r->error);
	if (!tap_ret(ret, 0, r->error.text, "a memfd is imported"))
		exit(tap_end());
	if (npu_buffer_map(file, &map, &r->error) ||
	    npu_graph_from_memory(map, (size_t)st.st_size, &graph, &r->error))
		tap_bail("%s", r->error.text);
	before = used(r);
	ret = npu_model_create_in_place(r->context, graph, file, npu_graph_info(graph)->weights_offset,
					0, &model, &r->error);
	if (!tap_ret(ret, 0, r->error.text, "its weights are verified"))
		exit(tap_end());
	tap(used(r) - before < npu_graph_info(graph)->weights_size,
	    "and take no device memory: %llu bytes for %llu of weights",
	    (unsigned long long)(used(r) - before),
	    (unsigned long long)npu_graph_info(graph)->weights_size);
	tap(computes(model, d, &r->error), "the card computes with them");
	npu_buffer_unref(file);
	close(memfd);
	tap(computes(model, d, &r->error), "also when nobody else holds the memfd");
	npu_model_unref(model);
	npu_graph_unref(graph);
}

static void processes_share_weights(struct rig *r, const struct digits *d)
{
	struct npu_model *model;
	pid_t child;
	int fd;

	if (npu_model_create(r->context, d->graph, 0, &model, &r->error))
		tap_bail("%s", r->error.text);
	fd = npu_model_export_weights(model, &r->error);
	tap(fd >= 0, "weights are exported");
	fflush(stdout);
	child = fork();
	if (!child) {
		struct npu_buffer *weights;
		struct npu_model *same;
		struct npu_error error;
		struct rig own;

		rig_init(&own);
		if (npu_buffer_import(own.context, fd, NPU_BUFFER_MAPPABLE | NPU_BUFFER_CARD_READONLY,
				      &weights, &error))
			_exit(1);
		if (npu_model_create_in_place(own.context, d->graph, weights, 0, 0, &same, &error))
			_exit(2);
		_exit(computes(same, d, &error) ? 0 : 3);
	}
	close(fd);
	npu_model_unref(model);
	tap(child_is_well(child), "another process verifies them and computes with them");
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	char path[512];
	struct digits d;
	struct rig r;

	rig_init(&r);
	contexts_share_memory(&r, NPU_BUFFER_SYSTEM, "system");
	contexts_share_memory(&r, NPU_BUFFER_DEVICE, "device");
	processes_share_memory(&r);
	what_is_no_buffer_is_refused(&r);
	digits_load(&d, argv[0], "fp32");
	contexts_share_weights(&r, &d);
	snprintf(path, sizeof(path), "%.*s/../../models/digits-fp32.npu",
		 slash ? (int)(slash - argv[0]) : 1, slash ? argv[0] : ".");
	weights_stay_in_the_callers_buffer(&r, &d, path);
	weights_stay_in_a_memfd(&r, &d, path);
	processes_share_weights(&r, &d);
	digits_free(&d);
	rig_fini(&r);
	return tap_end();
}
