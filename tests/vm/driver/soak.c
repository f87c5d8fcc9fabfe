// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Many processes with many contexts on one card whose memory holds a fraction
 * of theirs, and one more process that hangs a queue each second:
 *
 *	soak PROCESSES CONTEXTS SECONDS BYTES
 *
 * Each context has a buffer of BYTES in device memory. In each round a process
 * takes the next of its contexts, reads a page of its buffer back and compares
 * it with what was written the last time, however often the buffer was evicted
 * since, and fills the buffer with the next pattern. The last lines:
 *
 *	jobs N		that ended well
 *	wrong N		pages that were not what they should be
 *	errors N	calls or jobs that failed and should not have
 *	hangs N		queues that hung on purpose
 *	killed N	of those, which ended with ETIME
 *	longest N	ms that a process waited for one round
 *	slowest N	rounds of the process that had the fewest
 *
 * Exit status 0: nothing wrong, no errors, all hanging queues killed, and
 * every process has been served.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drv.h"

#define BUFFER_VA	0x100000000ull
/* More than the longest wait can be; a job that takes longer is lost. */
#define ROUND_S		120

struct tally {
	uint64_t jobs, wrong, errors, hangs, killed;
	int64_t longest;	/* ns */
};

struct context {
	struct drv_rig rig;
	uint32_t pattern;	/* 0: nothing written yet; new buffers are zero */
};

static uint64_t buffer_size;

static void complain(struct tally *tally, const char *what, int error)
{
	tally->errors++;
	fprintf(stderr, "soak: process %d: %s: %s\n", getpid(), what, strerror(-error));
}

static int open_context(struct context *c)
{
	uint32_t bo;
	int ret;

	drv_rig_init(&c->rig, 0);
	ret = drv_bo_create(c->rig.fd, buffer_size, DRM_NPU_MEMORY_DEVICE, 0, c->rig.vm, &bo);
	return ret ? ret : drv_vm_map(c->rig.fd, c->rig.vm, BUFFER_VA, buffer_size, bo, 0, 0);
}

static int run(struct drv_rig *rig, uint32_t count)
{
	int ret = drv_exec(rig->fd, rig->queue, RIG_PACKETS_VA, count, 0, rig->syncobj);

	return ret ? ret : drv_wait(rig->fd, rig->syncobj, ROUND_S * DRV_SECOND);
}

/* The page at a place that changes each time holds what the round before wrote. */
static void one_round(struct context *c, uint32_t random, struct tally *tally)
{
	const uint64_t page = random % (buffer_size / DRV_PAGE) * DRV_PAGE;
	const uint32_t next = (c->pattern + 0x01000193u) | 1;
	const int64_t start = drv_now();
	int64_t took;
	int ret;

	memset(c->rig.data, 0xee, DRV_PAGE);
	drv_packet_copy(c->rig.packets, RIG_DATA_VA, BUFFER_VA + page, DRV_PAGE);
	drv_packet_fill(c->rig.packets + NPU_PACKET_SIZE, BUFFER_VA, buffer_size, next);
	ret = run(&c->rig, 2);
	took = drv_now() - start;
	if (took > tally->longest)
		tally->longest = took;
	if (ret) {
		complain(tally, "a job", ret);
		return;
	}
	tally->jobs++;
	for (size_t i = 0; i < DRV_PAGE; i += sizeof(c->pattern)) {
		if (memcmp(c->rig.data + i, &c->pattern, sizeof(c->pattern))) {
			tally->wrong++;
			fprintf(stderr, "soak: process %d: 0x%02x at %zu instead of 0x%08x\n",
				getpid(), c->rig.data[i], i, c->pattern);
			break;
		}
	}
	c->pattern = next;
}

static void work(unsigned int seed, unsigned int count, int64_t end, struct tally *tally)
{
	struct context *contexts = calloc(count, sizeof(*contexts));
	uint32_t random = seed * 2654435761u + 1;

	for (unsigned int i = 0; contexts && i < count; i++) {
		int ret = open_context(&contexts[i]);

		contexts[i].pattern = 0;
		if (ret) {
			complain(tally, "a context", ret);
			return;
		}
	}
	for (unsigned int i = 0; contexts && drv_now() < end; i = (i + 1) % count) {
		random = random * 1664525u + 1013904223u;
		one_round(&contexts[i], random >> 8, tally);
	}
}

static void hang(int64_t end, struct tally *tally)
{
	while (drv_now() < end) {
		struct drv_rig rig;
		int ret;

		drv_rig_init(&rig, 0);
		drv_packet_wait(rig.packets, RIG_DATA_VA, 1);
		tally->hangs++;
		ret = run(&rig, 1);
		if (ret == -ETIME)
			tally->killed++;
		else
			complain(tally, "a queue that hangs", ret);
		drv_rig_fini(&rig);
		sleep(1);
	}
}

static int report(const struct tally *tally, unsigned int processes)
{
	struct tally sum = { 0 };
	uint64_t fewest = UINT64_MAX;

	for (unsigned int i = 0; i <= processes; i++) {
		sum.jobs += tally[i].jobs;
		sum.wrong += tally[i].wrong;
		sum.errors += tally[i].errors;
		sum.hangs += tally[i].hangs;
		sum.killed += tally[i].killed;
		if (tally[i].longest > sum.longest)
			sum.longest = tally[i].longest;
		if (i < processes && tally[i].jobs < fewest)
			fewest = tally[i].jobs;
	}
	printf("jobs %llu\nwrong %llu\nerrors %llu\nhangs %llu\nkilled %llu\nlongest %lld\nslowest %llu\n",
	       (unsigned long long)sum.jobs, (unsigned long long)sum.wrong,
	       (unsigned long long)sum.errors, (unsigned long long)sum.hangs,
	       (unsigned long long)sum.killed, (long long)(sum.longest / 1000000),
	       (unsigned long long)fewest);
	return sum.wrong || sum.errors || sum.killed != sum.hangs || !fewest;
}

int main(int argc, char **argv)
{
	unsigned int processes, contexts;
	struct tally *tally;
	int status, bad = 0;
	int64_t end;

	if (argc != 5) {
		fprintf(stderr, "usage: soak PROCESSES CONTEXTS SECONDS BYTES\n");
		return 2;
	}
	processes = (unsigned int)strtoul(argv[1], NULL, 0);
	contexts = (unsigned int)strtoul(argv[2], NULL, 0);
	end = drv_now() + strtoll(argv[3], NULL, 0) * DRV_SECOND;
	buffer_size = strtoull(argv[4], NULL, 0);
	if (!processes || !contexts || buffer_size < DRV_PAGE) {
		fprintf(stderr, "soak: at least one process, one context and %u bytes\n", DRV_PAGE);
		return 2;
	}
	tally = mmap(NULL, (processes + 1) * sizeof(*tally), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tally == MAP_FAILED)
		return 2;
	for (unsigned int i = 0; i <= processes; i++) {
		pid_t child = fork();

		if (child < 0) {
			perror("soak: fork");
			return 2;
		}
		if (!child) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (i < processes)
				work(i, contexts, end, &tally[i]);
			else
				hang(end, &tally[i]);
			_exit(0);
		}
	}
	while (wait(&status) > 0)
		bad |= status;
	if (bad)
		fprintf(stderr, "soak: a process ended with status %#x\n", (unsigned int)bad);
	return report(tally, processes) || bad;
}
