// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Processes whose buffers do not fit into device memory together. Each job
 * reads all buffers of its process and fills them anew; each result is
 * compared word for word. Run by tests/vm/cases/driver-pressure on a card with
 * little memory.
 *
 *	pressure			all of the tests but the next
 *	pressure with-errors		on device memory that gets errors
 *	pressure make-one		makes a buffer, says how that ended
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drv.h"

#define DEVICE		DRM_NPU_MEMORY_DEVICE
#define SYSTEM		DRM_NPU_MEMORY_SYSTEM
#define AT		0x80000000ull
#define READ_AT		0x200000000ull
#define PARTS_MAX	8u
#define PROCESSES_MAX	16u

/* What a process says at its end, in memory that all share. */
struct result {
	uint32_t rounds;
	uint32_t wrong;		/* words */
	int32_t error;		/* of an ioctl or a job */
	uint64_t longest;	/* round, ns */
};

struct process {
	struct drv_rig rig;
	uint64_t sizes[PARTS_MAX];	/* of its buffers, one behind the other at AT */
	unsigned int parts;
	uint64_t total;
	uint32_t *read;		/* system memory, `total` bytes */
};

static struct result *results;

/* Uneven parts, other ones for each process, so that holes do not fit by chance. */
static void split(struct process *p, unsigned int index, uint64_t total)
{
	p->parts = 3 + index % (PARTS_MAX - 3);
	p->total = 0;
	for (unsigned int i = 0; i < p->parts; i++) {
		p->sizes[i] = total / (p->parts + 1) & ~(uint64_t)(DRV_PAGE - 1);
		if (i == index % p->parts)
			p->sizes[i] *= 2;
		p->total += p->sizes[i];
	}
}

static int set_up(struct process *p, unsigned int index, uint64_t total)
{
	struct drv_rig *r = &p->rig;
	uint64_t at = AT;
	uint32_t bo;
	int ret;

	drv_rig_init(r, 0);
	split(p, index, total);
	for (unsigned int i = 0; i < p->parts; i++) {
		ret = drv_bo_create(r->fd, p->sizes[i], DEVICE, 0, index % 2 ? r->vm : 0, &bo);
		if (!ret)
			ret = drv_vm_map(r->fd, r->vm, at, p->sizes[i], bo, 0, 0);
		if (ret)
			return ret;
		at += p->sizes[i];
	}
	ret = drv_bo_create(r->fd, p->total, SYSTEM, DRM_NPU_BO_CPU_VISIBLE, r->vm, &bo);
	if (!ret)
		ret = drv_vm_map(r->fd, r->vm, READ_AT, p->total, bo, 0, 0);
	if (!ret) {
		p->read = drv_bo_map(r->fd, bo);
		ret = p->read == MAP_FAILED ? -errno : 0;
	}
	return ret;
}

static uint32_t pattern(unsigned int index, uint32_t round, unsigned int part)
{
	return round ? (index + 1) << 24 | (round & 0xffff) << 8 | part : 0;
}

/* Reads everything, then fills it for the next round. */
static int run_round(struct process *p, unsigned int index, uint32_t round)
{
	struct drv_rig *r = &p->rig;
	uint32_t count = 0;
	uint64_t at = AT;

	drv_packet_copy(r->packets + 64 * count++, READ_AT, AT, p->total);
	for (unsigned int i = 0; i < p->parts; i++) {
		drv_packet_fill(r->packets + 64 * count, at, p->sizes[i],
				pattern(index, round + 1, i));
		r->packets[64 * count++ + 1] = NPU_PACKET_F_BARRIER;
		at += p->sizes[i];
	}
	return drv_rig_run(r, count);
}

static uint32_t count_wrong(const struct process *p, unsigned int index, uint32_t round)
{
	const uint32_t *word = p->read;
	uint32_t wrong = 0;

	for (unsigned int i = 0; i < p->parts; i++) {
		const uint32_t expected = pattern(index, round, i);

		for (uint64_t n = p->sizes[i] / 4; n; n--)
			wrong += *word++ != expected;
	}
	return wrong;
}

static void run_process(unsigned int index, uint64_t total, int64_t end, struct result *result)
{
	struct process p;

	result->error = set_up(&p, index, total);
	while (!result->error && drv_now() < end) {
		int64_t start = drv_now();
		uint64_t took;

		result->error = run_round(&p, index, result->rounds);
		took = drv_now() - start;
		result->longest = took > result->longest ? took : result->longest;
		if (!result->error)
			result->wrong += count_wrong(&p, index, result->rounds++);
	}
}

/* @percent of device memory each, for @seconds. */
static void compete(unsigned int processes, unsigned int percent, int seconds, const char *how)
{
	uint32_t rounds = 0, wrong = 0, idle = 0, failed = 0;
	int fd = drv_open(0), status;
	uint64_t size = drv_memory_size(fd, DEVICE), longest = 0;
	int64_t end = drv_now() + seconds * DRV_SECOND;

	close(fd);
	memset(results, 0, PROCESSES_MAX * sizeof(*results));
	fflush(stdout);
	for (unsigned int i = 0; i < processes; i++) {
		pid_t child = fork();

		if (child < 0)
			tap_bail("fork: %s", strerror(errno));
		if (!child) {
			run_process(i, size * percent / 100, end, &results[i]);
			_exit(0);
		}
	}
	while (wait(&status) > 0)
		failed += status != 0;
	for (unsigned int i = 0; i < processes; i++) {
		const struct result *r = &results[i];

		rounds += r->rounds;
		wrong += r->wrong;
		idle += !r->rounds;
		longest = r->longest > longest ? r->longest : longest;
		if (r->error)
			printf("# process %u: %s after %u rounds\n", i, strerror(-r->error),
			       r->rounds);
		failed += r->error != 0;
	}
	printf("# %u processes with %u %% each: %u rounds in %d s, the longest took %llu ms\n",
	       processes, percent, rounds, seconds, (unsigned long long)(longest / 1000000));
	tap(!failed, "%s: no job of any process fails", how);
	tap(!idle, "%s: each gets its turns", how);
	tap(rounds && !wrong, "%s: every word is right", how);
}

/* Buffers are made and go, while others push one another out. */
static void buffers_can_be_had(void)
{
	int fd = drv_open(0), status;
	uint64_t size = drv_memory_size(fd, DEVICE);
	int64_t end = drv_now() + 3 * DRV_SECOND;
	unsigned int made = 0, refused = 0;
	pid_t children[2];
	uint32_t bo;

	memset(results, 0, PROCESSES_MAX * sizeof(*results));
	fflush(stdout);
	for (unsigned int i = 0; i < 2; i++) {
		children[i] = fork();
		if (children[i] < 0)
			tap_bail("fork: %s", strerror(errno));
		if (!children[i]) {
			run_process(i, size * 9 / 10, end, &results[i]);
			_exit(0);
		}
	}
	while (drv_now() < end) {
		int ret = drv_bo_create(fd, size / 4, DEVICE, 0, 0, &bo);

		made += !ret;
		refused += ret != 0;
		if (!ret)
			drv_bo_close(fd, bo);
	}
	for (unsigned int i = 0; i < 2; i++)
		waitpid(children[i], &status, 0);
	printf("# %u buffers, %u refused\n", made, refused);
	tap(made && !refused, "a new buffer gets its place between those that compete");
	tap(!results[0].error && !results[1].error && !results[0].wrong && !results[1].wrong,
	    "which does not disturb them");
	close(fd);
}

/* ---- System memory ----------------------------------------------------------------- */

#define PAGES_LIMIT	"/sys/module/ttm/parameters/pages_limit"
#define IDLE		4u
#define IDLE_SIZE	(12 * DRV_MIB)

static unsigned long pages_limit(unsigned long pages)
{
	FILE *file = fopen(PAGES_LIMIT, "r+");
	unsigned long before;

	if (!file || fscanf(file, "%lu", &before) != 1)
		tap_bail(PAGES_LIMIT ": %s", strerror(errno));
	rewind(file);
	fprintf(file, "%lu\n", pages);
	if (fclose(file))
		tap_bail(PAGES_LIMIT ": %s", strerror(errno));
	return before;
}

static bool is_filled(const uint32_t *words, uint32_t value)
{
	for (uint64_t i = 0; i < IDLE_SIZE / 4; i++)
		if (words[i] != value)
			return false;
	return true;
}

/* TTM swaps out what is idle when buffers take more pages than it allows. */
static void idle_system_memory_is_swapped(void)
{
	struct { struct drv_rig rig; uint32_t bo; uint32_t *cpu; } p[IDLE];
	unsigned long before = pages_limit(2 * IDLE_SIZE / DRV_PAGE);
	unsigned int away = 0;
	bool good = true;

	for (unsigned int i = 0; i < IDLE; i++) {
		struct drv_rig *r = &p[i].rig;

		drv_rig_init(r, 0);
		if (drv_bo_create(r->fd, IDLE_SIZE, SYSTEM, DRM_NPU_BO_CPU_VISIBLE, 0,
				  &p[i].bo) ||
		    drv_vm_map(r->fd, r->vm, AT, IDLE_SIZE, p[i].bo, 0, 0))
			tap_bail("no buffer %u", i);
		p[i].cpu = drv_bo_map(r->fd, p[i].bo);
		drv_packet_fill(r->packets, AT, IDLE_SIZE, 0x5a000000 + i);
		good &= p[i].cpu != MAP_FAILED && !drv_rig_run(r, 1);
	}
	for (unsigned int i = 0; i < IDLE; i++) {
		struct drm_npu_bo_info info;

		away += !drv_bo_info(p[i].rig.fd, p[i].bo, &info) && !info.region;
	}
	printf("# %u of %u buffers were swapped out\n", away, IDLE);
	tap(good && away, "idle buffers in system memory are swapped out");
	for (unsigned int i = 0; good && i < IDLE; i++)
		good = is_filled(p[i].cpu, 0x5a000000 + i);
	tap(good, "the CPU finds in them what was there");
	for (unsigned int i = 0; i < IDLE; i++) {
		struct drv_rig *r = &p[i].rig;

		drv_packet_copy(r->packets, RIG_DATA_VA, AT + IDLE_SIZE - RIG_DATA_SIZE,
				RIG_DATA_SIZE);
		drv_packet_fill(r->packets + 64, AT, IDLE_SIZE, 0xa5000000 + i);
		r->packets[65] = NPU_PACKET_F_BARRIER;
		good &= !drv_rig_run(r, 2) && *(uint32_t *)r->data == 0x5a000000 + i;
	}
	for (unsigned int i = 0; good && i < IDLE; i++)
		good = is_filled(p[i].cpu, 0xa5000000 + i);
	tap(good, "so do jobs, and what they write stays");
	for (unsigned int i = 0; i < IDLE; i++) {
		munmap(p[i].cpu, IDLE_SIZE);
		drv_rig_fini(&p[i].rig);
	}
	pages_limit(before);
}

/* ---- A copy that fails -------------------------------------------------------------- */

#define BROKEN_SIZE	(12 * DRV_MIB)

/* Memory errors end the engine's copy; the CPU reads on. */
static void a_failed_copy_is_done_by_the_cpu(void)
{
	struct drm_npu_bo_info info;
	uint32_t bo, more, *cpu;
	struct drv_rig r;
	bool good;
	int ret;

	drv_rig_init(&r, 0);
	if (drv_bo_create(r.fd, BROKEN_SIZE, DEVICE, DRM_NPU_BO_CPU_VISIBLE, 0, &bo) ||
	    drv_vm_map(r.fd, r.vm, AT, BROKEN_SIZE, bo, 0, 0))
		tap_bail("no buffer");
	cpu = drv_bo_map(r.fd, bo);
	drv_packet_fill(r.packets, AT, BROKEN_SIZE, 0x600df00d);
	good = cpu != MAP_FAILED && !drv_rig_run(&r, 1);
	/* The buffer is larger than these steps, wherever it is. */
	if (system("for at in 4 12 20 28; do "
		   "tests/vm/host control 0 ecc $((at << 20)) uncorrected || exit 1; done"))
		tap_bail("the card takes no memory errors");
	ret = drv_bo_create(r.fd, drv_memory_size(r.fd, DEVICE) - 4 * DRV_MIB, DEVICE, 0, 0, &more);
	tap_ret(ret, 0, NULL, "a buffer with memory errors makes way");
	good &= !drv_bo_info(r.fd, bo, &info) && info.region != DEVICE;
	for (uint64_t i = 0; good && i < BROKEN_SIZE / 4; i++)
		good = cpu[i] == 0x600df00d;
	tap(good, "with its content");
	drv_bo_close(r.fd, more);
	tap(drv_rig_works(&r), "and the card works");
	munmap(cpu, BROKEN_SIZE);
	drv_rig_fini(&r);
}

/* One buffer that is made and looked at, on whatever card. */
static int make_one(void)
{
	int fd = drv_open(0), ret;
	uint8_t *p;
	uint32_t bo;

	ret = drv_bo_create(fd, 8 * DRV_MIB, DEVICE, DRM_NPU_BO_CPU_VISIBLE, 0, &bo);
	if (ret) {
		printf("%s\n", strerror(-ret));
		return 1;
	}
	p = drv_bo_map(fd, bo);
	ret = p == MAP_FAILED || p[0] || memcmp(p, p + 1, 8 * DRV_MIB - 1);
	printf("%s\n", ret ? "not zero" : "made");
	close(fd);
	return ret;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "make-one"))
		return make_one();
	if (argc > 1 && !strcmp(argv[1], "with-errors")) {
		a_failed_copy_is_done_by_the_cpu();
		return tap_end();
	}
	results = mmap(NULL, PROCESSES_MAX * sizeof(*results), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (results == MAP_FAILED)
		tap_bail("no memory");
	compete(8, 50, 4, "four times the memory there is");
	compete(2, 90, 3, "two that each want nearly all of it");
	compete(6, 90, 5, "six that do");
	buffers_can_be_had();
	idle_system_memory_is_swapped();
	return tap_end();
}
