// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Queued binds: their order, what they wait for, what they hold, how they end. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/sync_file.h>
#include <xf86drm.h>

#include "drv.h"
#include "vgem.h"

#define LARGE (2 * DRV_MIB)
#define PAGES 16u /* of each buffer of `struct two` */
#define AT 0x80000000ull
#define SCRATCH 0x90000000ull

static uint32_t syncobj(int fd)
{
	uint32_t handle;

	if (drv_syncobj(fd, &handle))
		tap_bail("no syncobj");
	return handle;
}

/* ---- A fence that signals when the test wants it --------------------------------- */

struct gate {
	struct vgem_gate vgem;
	uint32_t fence; /* syncobj of the file that the binds are of */
	int fd; /* another file of the card, to look at its memory */
};

static void gate_pass(struct gate *g, int fd, int file)
{
	g->fence = syncobj(fd);
	if (drmSyncobjImportSyncFile(fd, g->fence, file))
		tap_bail("a gate cannot be handed over");
	close(file);
}

static void gate_close(struct gate *g, int fd)
{
	gate_pass(g, fd, vgem_gate_close(&g->vgem));
}

static void gate_open(struct gate *g)
{
	vgem_gate_open(&g->vgem);
}

/* ---- Buffers and operations -------------------------------------------------------- */

/* The card reads `value` everywhere in [va, va + size). */
static bool reads(struct drv_rig *r, uint64_t va, uint64_t size, uint32_t value)
{
	memset(r->data, 0xee, size);
	drv_packet_copy(r->packets, RIG_DATA_VA, va, size);
	if (drv_rig_run(r, 1))
		return false;
	for (uint64_t i = 0; i < size; i += sizeof(value))
		if (memcmp(r->data + i, &value, sizeof(value)))
			return false;
	return true;
}

/* Nothing is mapped at `va`. The queue that finds out is another one. */
static bool faults(struct drv_rig *r, uint64_t va)
{
	uint32_t queue = r->queue;
	int ret;

	if (drv_queue_create(r->fd, r->vm, DRM_NPU_PRIORITY_NORMAL, &r->queue))
		tap_bail("no queue");
	drv_packet_copy(r->packets, RIG_DATA_VA, va, 4);
	ret = drv_rig_run(r, 1);
	drv_queue_destroy(r->fd, r->queue);
	r->queue = queue;
	return ret == -EIO;
}

/* Two buffers of PAGES pages: page i of the first holds 0xa0 + i, of the second 0xb0 + i. */
struct two {
	uint32_t a, b;
};

static void two_init(struct two *t, struct drv_rig *r, uint32_t placement)
{
	uint32_t *bo[2] = {&t->a, &t->b};

	for (int n = 0; n < 2; n++) {
		if (drv_bo_create(r->fd, PAGES * DRV_PAGE, placement, 0, 0, bo[n]) ||
		    drv_vm_map(r->fd, r->vm, SCRATCH, PAGES * DRV_PAGE, *bo[n], 0, 0))
			tap_bail("no buffer");
		for (uint32_t i = 0; i < PAGES; i++)
			drv_packet_fill(r->packets + 64 * i, SCRATCH + i * DRV_PAGE, DRV_PAGE,
					(n ? 0xb0 : 0xa0) + i);
		if (drv_rig_run(r, PAGES))
			tap_bail("cannot fill a buffer");
	}
	drv_vm_unmap(r->fd, r->vm, SCRATCH, PAGES * DRV_PAGE);
}

static void two_fini(struct two *t, struct drv_rig *r)
{
	drv_vm_unmap(r->fd, r->vm, AT, 4 * LARGE);
	drv_bo_close(r->fd, t->a);
	drv_bo_close(r->fd, t->b);
}

/* `count` pages at AT + at pages, from page `page` of a buffer; 0: unmapped. */
static struct drm_npu_vm_op op(unsigned int at, uint32_t bo, unsigned int page, unsigned int count)
{
	return (struct drm_npu_vm_op){
		.op = bo ? DRM_NPU_VM_OP_MAP : DRM_NPU_VM_OP_UNMAP,
		.va = AT + at * DRV_PAGE,
		.size = count * DRV_PAGE,
		.bo = bo,
		.bo_offset = page * DRV_PAGE,
	};
}

/* One operation between a wait and a signal (0: none). */
static int queue(struct drv_rig *r, struct drm_npu_vm_op what, uint32_t wait, uint32_t signal,
		 uint64_t point)
{
	struct drm_npu_sync syncs[2];
	uint32_t count = 0;

	if (wait)
		syncs[count++] = (struct drm_npu_sync){DRM_NPU_SYNC_WAIT, wait, 0};
	if (signal)
		syncs[count++] = (struct drm_npu_sync){DRM_NPU_SYNC_SIGNAL, signal, point};
	return drv_vm_bind_async(r->fd, r->vm, &what, 1, syncs, count);
}

static void must(int ret)
{
	if (ret)
		tap_bail("VM_BIND: %s", strerror(-ret));
}

static int wait_point(int fd, uint32_t handle, uint64_t point)
{
	int ret = drmSyncobjTimelineWait(fd, &handle, &point, 1, drv_now() + 10 * DRV_SECOND, 0,
					 NULL);

	return ret == -1 ? -errno : ret;
}

/* ---- Arguments ------------------------------------------------------------------------ */

static void refuses_what_makes_no_sense(struct drv_rig *r, struct two *t)
{
	uint32_t fresh = syncobj(r->fd), signal = syncobj(r->fd);
	struct drm_npu_vm_op ops[2] = {op(0, t->a, 0, 1), op(1, 0x7fffffff, 0, 1)};
	struct drm_npu_sync syncs[2] = {
		{DRM_NPU_SYNC_SIGNAL, signal, 0},
		{DRM_NPU_SYNC_WAIT, fresh, 0},
	};

	tap_ret(drv_vm_bind_async(r->fd, r->vm, ops, 2, syncs, 1), -ENOENT, NULL,
		"a queued bind whose last buffer is not there");
	tap_ret(drv_vm_bind_async(r->fd, r->vm, ops, 1, syncs, 2), -EINVAL, NULL,
		"one that waits for what nobody signals");
	syncs[1].handle = 0x7fffffff;
	tap_ret(drv_vm_bind_async(r->fd, r->vm, ops, 1, syncs, 2), -ENOENT, NULL,
		"one that waits for a syncobj that is not there");
	syncs[1].flags = DRM_NPU_SYNC_SIGNAL;
	tap_ret(drv_vm_bind_async(r->fd, r->vm, ops, 1, syncs, 2), -ENOENT, NULL,
		"one that signals a syncobj that is not there");
	syncs[1].flags = 2;
	tap_ret(drv_vm_bind_async(r->fd, r->vm, ops, 1, syncs, 2), -EINVAL, NULL,
		"unknown flags of a sync");
	tap_ret(drv_vm_bind_async(r->fd, r->vm, ops, 1, syncs, 1025), -EINVAL, NULL,
		"too many syncs");
	ops[0].size = 0;
	tap_ret(drv_vm_bind_async(r->fd, r->vm, ops, 1, syncs, 1), -EINVAL, NULL, "size 0");
	tap(drmSyncobjWait(r->fd, &signal, 1, 0, 0, NULL) == -EINVAL,
	    "none of them has given its syncobj a fence");
	tap(faults(r, AT), "and nothing is mapped");
	tap(!drv_vm_bind_async(r->fd, r->vm, NULL, 0, syncs, 1) &&
		    !drv_wait(r->fd, signal, 10 * DRV_SECOND),
	    "one without operations just signals");
	drmSyncobjDestroy(r->fd, fresh);
	drmSyncobjDestroy(r->fd, signal);
}

/* ---- Order ------------------------------------------------------------------------------ */

static void a_bind_waits_for_its_fences(struct drv_rig *r, struct gate *g, struct two *t)
{
	uint32_t done = syncobj(r->fd);

	must(queue(r, op(0, t->a, 0, 4), 0, done, 0));
	tap(!drv_wait(r->fd, done, 10 * DRV_SECOND) && reads(r, AT + DRV_PAGE, DRV_PAGE, 0xa1),
	    "a bind that waits for nothing is done when it signals");
	gate_close(g, r->fd);
	must(queue(r, op(1, t->b, 1, 1), g->fence, done, 0));
	usleep(50000);
	tap(drv_wait(r->fd, done, 0) == -ETIME && reads(r, AT + DRV_PAGE, DRV_PAGE, 0xa1),
	    "one that waits is not done: the card sees what was there");
	gate_open(g);
	tap(!drv_wait(r->fd, done, 10 * DRV_SECOND) && reads(r, AT + DRV_PAGE, DRV_PAGE, 0xb1) &&
		    reads(r, AT, DRV_PAGE, 0xa0) && reads(r, AT + 2 * DRV_PAGE, DRV_PAGE, 0xa2),
	    "then it replaces just its range");
	drmSyncobjDestroy(r->fd, g->fence);
	gate_close(g, r->fd);
	must(queue(r, op(0, 0, 0, 4), g->fence, done, 0));
	tap(reads(r, AT, DRV_PAGE, 0xa0), "what is to be unmapped is there until then");
	gate_open(g);
	tap(!drv_wait(r->fd, done, 10 * DRV_SECOND) && faults(r, AT) && faults(r, AT + DRV_PAGE),
	    "and then it is not");
	drmSyncobjDestroy(r->fd, g->fence);
	drmSyncobjDestroy(r->fd, done);
}

static void binds_of_a_vm_keep_their_order(struct drv_rig *r, struct gate *g, struct two *t)
{
	uint32_t timeline = syncobj(r->fd), others = syncobj(r->fd), vm;
	struct drm_npu_vm_op elsewhere = op(0, t->a, 0, 1);
	struct drm_npu_sync sync = {DRM_NPU_SYNC_SIGNAL, others, 0};
	uint64_t value = 99;

	gate_close(g, r->fd);
	must(queue(r, op(0, t->a, 0, 8), g->fence, timeline, 1));
	/* None of these waits for anything but those before it. */
	must(queue(r, op(2, t->b, 2, 4), 0, timeline, 2));
	must(queue(r, op(3, 0, 0, 1), 0, timeline, 3));
	must(queue(r, op(3, t->a, 12, 1), 0, timeline, 1ull << 40));
	usleep(20000);
	drmSyncobjQuery(r->fd, &timeline, &value, 1);
	tap(value == 0, "a bind waits for those before it");
	must(drv_vm_create(r->fd, &vm));
	must(drv_vm_bind_async(r->fd, vm, &elsewhere, 1, &sync, 1));
	tap_ret(drv_wait(r->fd, others, DRV_SECOND), 0, NULL, "another VM's does not");
	drv_vm_destroy(r->fd, vm);
	gate_open(g);
	tap(!wait_point(r->fd, timeline, 1ull << 40), "the last one's point comes");
	tap(reads(r, AT, DRV_PAGE, 0xa0) && reads(r, AT + 2 * DRV_PAGE, DRV_PAGE, 0xb2) &&
		    reads(r, AT + 3 * DRV_PAGE, DRV_PAGE, 0xac) &&
		    reads(r, AT + 5 * DRV_PAGE, DRV_PAGE, 0xb5) &&
		    reads(r, AT + 6 * DRV_PAGE, DRV_PAGE, 0xa6),
	    "all were done in order");
	drv_vm_unmap(r->fd, r->vm, AT, 8 * DRV_PAGE);
	drmSyncobjDestroy(r->fd, g->fence);
	drmSyncobjDestroy(r->fd, timeline);
	drmSyncobjDestroy(r->fd, others);
}

static void *open_later(void *arg)
{
	usleep(200000);
	gate_open(arg);
	return NULL;
}

static volatile sig_atomic_t ticked;

static void on_tick(int signal)
{
	(void)signal;
	ticked = 1;
}

static void a_synchronous_bind_waits_for_queued_ones(struct drv_rig *r, struct gate *g,
						     struct two *t)
{
	const struct itimerval soon = {.it_value.tv_usec = 100000};
	struct drm_npu_vm_op what = op(0, t->b, 3, 1);
	struct drm_npu_vm_bind args = {
		.vm = r->vm,
		.ops = {.pointer = (uintptr_t)&what, .count = 1, .stride = sizeof(what)},
	};
	struct sigaction action = {.sa_handler = on_tick}, old;
	uint32_t done = syncobj(r->fd);
	pthread_t thread;
	int64_t start;
	int ret;

	gate_close(g, r->fd);
	must(queue(r, op(0, t->a, 0, 1), g->fence, done, 0));
	sigaction(SIGALRM, &action, &old);
	setitimer(ITIMER_REAL, &soon, NULL);
	ret = ioctl(r->fd, DRM_IOCTL_NPU_VM_BIND, &args) ? -errno : 0;
	sigaction(SIGALRM, &old, NULL);
	tap(ret == -EINTR && ticked, "a signal ends the wait of a synchronous bind (%d)", ret);
	tap_ret(drv_wait(r->fd, done, 0), -ETIME, NULL, "what is queued is not done");
	start = drv_now();
	pthread_create(&thread, NULL, open_later, g);
	tap_ret(drv_vm_bind(r->fd, r->vm, &what, 1), 0, NULL, "it waits for those before it");
	tap(drv_now() - start > 150000000 && !drv_wait(r->fd, done, 0) &&
		    reads(r, AT, DRV_PAGE, 0xb3),
	    "and has the last word");
	pthread_join(thread, NULL);
	drv_vm_unmap(r->fd, r->vm, AT, DRV_PAGE);
	drmSyncobjDestroy(r->fd, g->fence);
	drmSyncobjDestroy(r->fd, done);
}

static void a_wait_may_end_with_an_error(struct drv_rig *r, struct two *t)
{
	uint32_t failed, done = syncobj(r->fd);
	struct drv_rig bad;
	int file;

	drv_rig_init(&bad, 0);
	drv_packet_fill(bad.packets, 0x70000000, 4, 1);
	must(drv_exec(bad.fd, bad.queue, RIG_PACKETS_VA, 1, 0, bad.syncobj));
	must(drmSyncobjHandleToFD(bad.fd, bad.syncobj, &file));
	must(drmSyncobjFDToHandle(r->fd, file, &failed));
	close(file);
	must(queue(r, op(0, t->a, 0, 1), failed, done, 0));
	tap(!drv_wait(r->fd, done, 10 * DRV_SECOND) && reads(r, AT, DRV_PAGE, 0xa0),
	    "a bind that waits for a job that fails is done all the same");
	tap_ret(drv_wait(bad.fd, bad.syncobj, DRV_SECOND), -EIO, NULL,
		"the error stays with the job");
	drv_vm_unmap(r->fd, r->vm, AT, DRV_PAGE);
	drmSyncobjDestroy(r->fd, failed);
	drmSyncobjDestroy(r->fd, done);
	drv_rig_fini(&bad);
}

static void jobs_and_binds_wait_for_one_another(struct drv_rig *r, struct two *t)
{
	uint32_t timeline = syncobj(r->fd);
	struct drm_npu_command command = {.va = RIG_PACKETS_VA, .count = 1};
	bool good = true;
	int ret = 0;

	/* Job n reads page n of the window's one page; bind n shows page n. */
	for (uint64_t n = 0; n < 64 && !ret; n++) {
		struct drm_npu_sync bind[2] = {
			{DRM_NPU_SYNC_SIGNAL, timeline, 2 * n + 1},
			{DRM_NPU_SYNC_WAIT, timeline, 2 * n},
		};
		struct drm_npu_sync job[2] = {
			{DRM_NPU_SYNC_WAIT, timeline, 2 * n + 1},
			{DRM_NPU_SYNC_SIGNAL, timeline, 2 * n + 2},
		};
		struct drm_npu_vm_op what = op(0, n % 2 ? t->a : t->b, n % PAGES, 1);

		drv_packet_copy(r->packets + 64 * n, RIG_DATA_VA + 4 * n, AT, 4);
		ret = drv_vm_bind_async(r->fd, r->vm, &what, 1, bind, n ? 2 : 1);
		command.va = RIG_PACKETS_VA + 64 * n;
		if (!ret)
			ret = drv_exec_array(r->fd, r->queue, &command, 1, job, 2);
	}
	tap(!ret && !wait_point(r->fd, timeline, 128), "64 turns of binds and jobs (%d)", ret);
	for (uint32_t n = 0; n < 64; n++)
		good &= ((uint32_t *)r->data)[n] == (n % 2 ? 0xa0 : 0xb0) + n % PAGES;
	tap(good, "each job sees the bind before it, and not the one behind it");
	drv_vm_unmap(r->fd, r->vm, AT, DRV_PAGE);
	drmSyncobjDestroy(r->fd, timeline);
}

static void many_binds_are_queued(struct drv_rig *r, struct gate *g, struct two *t)
{
	uint32_t timeline = syncobj(r->fd);
	const int64_t end = drv_now() + 2 * DRV_SECOND;
	struct drm_npu_vm_op ops[64];
	unsigned int i, count;
	int ret = 0;

	gate_close(g, r->fd);
	/* Fewer on a kernel that checks everything: the gate is closed for 10 s at most. */
	for (i = 0; i < 500 && drv_now() < end && !ret; i++) {
		for (unsigned int n = 0; n < 64; n++)
			ops[n] = op(n, n % 3 ? t->a : t->b, (n + i) % PAGES, 1);
		ret = drv_vm_bind_async(
			r->fd, r->vm, ops, 64,
			(struct drm_npu_sync[]){{DRM_NPU_SYNC_SIGNAL, timeline, i + 1},
						{DRM_NPU_SYNC_WAIT, g->fence, 0}},
			2);
	}
	count = i;
	gate_open(g);
	tap(!ret && count > 20 && !wait_point(r->fd, timeline, count),
	    "%u binds of 64 operations are queued (%d)", count, ret);
	for (i = 0; i < 64; i++)
		if (!reads(r, AT + i * DRV_PAGE, DRV_PAGE,
			   (i % 3 ? 0xa0 : 0xb0) + (i + count - 1) % PAGES))
			break;
	tap(i == 64, "and done in order (%u)", i);
	drv_vm_unmap(r->fd, r->vm, AT, 64 * DRV_PAGE);
	drmSyncobjDestroy(r->fd, g->fence);
	drmSyncobjDestroy(r->fd, timeline);
}

/* ---- Replacing under running jobs --------------------------------------------------------- */

struct replacer {
	struct drv_rig *r;
	uint32_t bo[2];
	uint64_t size;
	bool stop;
	bool queued;
	int ret;
	unsigned int turns;
};

static void *replace(void *arg)
{
	struct replacer *p = arg;

	for (unsigned int n = 0; !__atomic_load_n(&p->stop, __ATOMIC_ACQUIRE) && !p->ret; n++) {
		/* The whole, with large pages; or shifted, without. */
		struct drm_npu_vm_op what = {
			.va = AT,
			.size = p->size,
			.bo = p->bo[n % 2],
			.bo_offset = n % 4 < 2 ? 0 : DRV_PAGE,
		};

		p->ret = p->queued ? drv_vm_bind_async(p->r->fd, p->r->vm, &what, 1, NULL, 0)
				   : drv_vm_bind(p->r->fd, p->r->vm, &what, 1);
		p->turns++;
		if (p->queued)
			usleep(2000);
	}
	return NULL;
}

static void a_replaced_range_is_never_unmapped(struct drv_rig *r, uint32_t placement, bool queued,
					       const char *where)
{
	struct replacer p = {.r = r, .size = LARGE, .queued = queued};
	unsigned int jobs = 0;
	pthread_t thread;
	int ret = 0;

	for (int i = 0; i < 2; i++)
		if (drv_bo_create(r->fd, 2 * LARGE, placement, 0, 0, &p.bo[i]))
			tap_bail("no buffer");
	must(drv_vm_map(r->fd, r->vm, AT, p.size, p.bo[0], 0, 0));
	for (int i = 0; i < 64; i++)
		drv_packet_copy(r->packets + 64 * i, RIG_DATA_VA + 64 * DRV_PAGE,
				AT + i * (LARGE / 64), i % 2 ? 64 : LARGE / 64);
	pthread_create(&thread, NULL, replace, &p);
	for (int64_t end = drv_now() + DRV_SECOND; !ret && drv_now() < end; jobs++)
		ret = drv_rig_run(r, 64);
	__atomic_store_n(&p.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	tap(!ret && !p.ret && jobs && p.turns > 10,
	    "%s: %u jobs run through a range that is replaced %u times (%d, %d)", where, jobs,
	    p.turns, ret, p.ret);
	must(drv_vm_unmap(r->fd, r->vm, AT, p.size));
	tap(faults(r, AT) && faults(r, AT + LARGE - DRV_PAGE), "%s: at the end it can be unmapped",
	    where);
	for (int i = 0; i < 2; i++)
		drv_bo_close(r->fd, p.bo[i]);
}

/* Random operations, queued and not, on a window; then the card must see what the model does. */
static void random_binds_match_a_model(struct drv_rig *r)
{
	enum { WINDOW = 1536, BO_PAGES = 1024 };
	static uint32_t model[WINDOW];
	uint32_t bo, *words = (uint32_t *)r->data, done = syncobj(r->fd);
	unsigned int wrong = 0, checked = 0;
	int ret = 0;

	srand(20250101);
	if (drv_bo_create(r->fd, BO_PAGES * DRV_PAGE, DRM_NPU_MEMORY_DEVICE, 0, 0, &bo))
		tap_bail("no buffer");
	must(drv_vm_map(r->fd, r->vm, SCRATCH, BO_PAGES * DRV_PAGE, bo, 0, 0));
	/* Word 0 of page n holds n + 1. */
	for (unsigned int n = 0; n < BO_PAGES; n += 64) {
		for (unsigned int i = 0; i < 64; i++)
			drv_packet_signal(r->packets + 64 * i, SCRATCH + (n + i) * DRV_PAGE,
					  n + i + 1);
		if (drv_rig_run(r, 64))
			tap_bail("cannot mark pages");
	}
	for (unsigned int round = 0; round < 300 && !ret; round++) {
		struct drm_npu_vm_op ops[4];
		unsigned int count = 1 + rand() % 4;

		for (unsigned int i = 0; i < count; i++) {
			unsigned int at = rand() % WINDOW, pages = 1 + rand() % 700;
			bool map = rand() % 3;
			unsigned int page = rand() % BO_PAGES;

			/* Half of them as large pages like it. */
			if (rand() % 2) {
				at &= ~511u;
				page &= ~511u;
				pages = 512;
			}
			if (pages > WINDOW - at)
				pages = WINDOW - at;
			if (pages > BO_PAGES - page)
				pages = BO_PAGES - page;
			ops[i] = op(at, map ? bo : 0, map ? page : 0, pages);
			for (unsigned int n = 0; n < pages; n++)
				model[at + n] = map ? page + n + 1 : 0;
		}
		if (rand() % 2)
			ret = drv_vm_bind(r->fd, r->vm, ops, count);
		else
			ret = drv_vm_bind_async(r->fd, r->vm, ops, count, NULL, 0);
	}
	must(drv_vm_bind_async(r->fd, r->vm, NULL, 0,
			       &(struct drm_npu_sync){DRM_NPU_SYNC_SIGNAL, done, 0}, 1));
	drv_wait(r->fd, done, 10 * DRV_SECOND);
	for (unsigned int n = 0; n < WINDOW; n += 64) {
		unsigned int packets = 0;

		memset(r->data, 0, 64 * 8);
		for (unsigned int i = 0; i < 64; i++)
			if (model[n + i])
				drv_packet_copy(r->packets + 64 * packets++, RIG_DATA_VA + 4 * i,
						AT + (n + i) * DRV_PAGE, 4);
		if (packets && drv_rig_run(r, packets))
			wrong++;
		for (unsigned int i = 0; i < 64; i++, checked++)
			wrong += words[i] != model[n + i];
	}
	/* And what is not mapped is not. */
	for (unsigned int n = 0, holes = 0; n < WINDOW && holes < 8; n += 37)
		if (!model[n]) {
			wrong += !faults(r, AT + n * DRV_PAGE);
			holes++;
		}
	tap(!ret && !wrong && checked == WINDOW, "300 random binds: %u of %u pages are wrong (%d)",
	    wrong, checked, ret);
	must(drv_vm_unmap(r->fd, r->vm, AT, WINDOW * DRV_PAGE));
	must(drv_vm_unmap(r->fd, r->vm, SCRATCH, BO_PAGES * DRV_PAGE));
	drv_bo_close(r->fd, bo);
	drmSyncobjDestroy(r->fd, done);
}

/* ---- What a queued bind holds ---------------------------------------------------------------- */

static bool within(int fd, uint64_t used)
{
	for (int i = 0; i < 300; i++) {
		if (drv_memory_used(fd, DRM_NPU_MEMORY_DEVICE) <= used)
			return true;
		usleep(10000);
	}
	return false;
}

static void what_falls_away_is_held_until_then(struct drv_rig *r, struct gate *g)
{
	uint64_t used = drv_memory_used(r->fd, DRM_NPU_MEMORY_DEVICE);
	uint32_t done = syncobj(r->fd);
	struct two t;

	two_init(&t, r, DRM_NPU_MEMORY_DEVICE);
	must(drv_vm_map(r->fd, r->vm, AT, DRV_PAGE, t.a, 0, 0));
	gate_close(g, r->fd);
	must(queue(r, op(0, t.b, 0, 1), g->fence, done, 0));
	/* Neither has a handle any more, one is in no books, one in no tables. */
	drv_bo_close(r->fd, t.a);
	drv_bo_close(r->fd, t.b);
	tap(reads(r, AT, DRV_PAGE, 0xa0), "a closed buffer that is to be unmapped is still there");
	gate_open(g);
	tap(!drv_wait(r->fd, done, 10 * DRV_SECOND) && reads(r, AT, DRV_PAGE, 0xb0),
	    "a closed buffer that is to be mapped gets there");
	must(queue(r, op(0, 0, 0, 1), 0, done, 0));
	tap(!drv_wait(r->fd, done, 10 * DRV_SECOND) && within(r->fd, used), "then both are freed");
	drmSyncobjDestroy(r->fd, g->fence);
	drmSyncobjDestroy(r->fd, done);
}

struct hog {
	int fd;
	uint32_t bo;
	int ret;
};

static void *create_hog(void *arg)
{
	struct hog *h = arg;

	h->ret = drv_bo_create(h->fd, drv_memory_size(h->fd, DRM_NPU_MEMORY_DEVICE) - 4 * DRV_MIB,
			       DRM_NPU_MEMORY_DEVICE, 0, 0, &h->bo);
	return NULL;
}

/* Memory for which `t` must go is asked for while a bind of it is queued. */
static void eviction_waits_for_queued_binds(struct drv_rig *r, struct gate *g)
{
	const uint32_t either = DRM_NPU_MEMORY_DEVICE | DRM_NPU_MEMORY_SYSTEM;
	const uint64_t size = 32 * DRV_MIB;
	struct hog h = {.fd = drv_open(0)};
	uint32_t old, new, done = syncobj(r->fd);
	struct drm_npu_bo_info info;
	pthread_t thread;
	bool good;

	if (drv_bo_create(r->fd, size, either, 0, 0, &old) ||
	    drv_bo_create(r->fd, size, either, 0, 0, &new) ||
	    drv_vm_map(r->fd, r->vm, SCRATCH, size, new, 0, 0) ||
	    drv_vm_map(r->fd, r->vm, AT, size, old, 0, 0))
		tap_bail("no buffer");
	drv_packet_fill(r->packets, SCRATCH, size, 0xbb);
	drv_packet_fill(r->packets + 64, AT, size, 0xaa);
	if (drv_rig_run(r, 2))
		tap_bail("cannot fill");
	drv_vm_unmap(r->fd, r->vm, SCRATCH, size);
	gate_close(g, r->fd);
	must(drv_vm_bind_async(r->fd, r->vm,
			       &(struct drm_npu_vm_op){.va = AT, .size = size, .bo = new}, 1,
			       (struct drm_npu_sync[]){{DRM_NPU_SYNC_WAIT, g->fence, 0},
						       {DRM_NPU_SYNC_SIGNAL, done, 0}},
			       2));
	pthread_create(&thread, NULL, create_hog, &h);
	usleep(300000);
	good = !drv_bo_info(r->fd, old, &info) && info.region == DRM_NPU_MEMORY_DEVICE &&
	       !drv_bo_info(r->fd, new, &info) && info.region == DRM_NPU_MEMORY_DEVICE;
	tap(good, "buffers of a queued bind are not moved");
	gate_open(g);
	pthread_join(thread, NULL);
	tap_ret(h.ret, 0, NULL, "once it is done they make room");
	tap_ret(drv_wait(r->fd, done, 0), 0, NULL, "(and it is done)");
	if (!h.ret)
		drv_bo_close(h.fd, h.bo);
	close(h.fd);
	tap(reads(r, AT, DRV_MIB, 0xbb) && reads(r, AT + size - DRV_MIB, DRV_MIB, 0xbb),
	    "and come back where the bind has put them");
	drv_vm_unmap(r->fd, r->vm, AT, size);
	drv_bo_close(r->fd, old);
	drv_bo_close(r->fd, new);
	drmSyncobjDestroy(r->fd, g->fence);
	drmSyncobjDestroy(r->fd, done);
}

/* What is evicted already is cut and replaced in the queue, and then used. */
static void evicted_buffers_can_be_cut(struct drv_rig *r, struct gate *g, struct two *t)
{
	const uint32_t either = DRM_NPU_MEMORY_DEVICE | DRM_NPU_MEMORY_SYSTEM;
	struct hog h = {.fd = drv_open(0)};
	uint32_t bo, done = syncobj(r->fd);

	if (drv_bo_create(r->fd, 8 * DRV_MIB, either, 0, 0, &bo) ||
	    drv_vm_map(r->fd, r->vm, AT, 8 * DRV_MIB, bo, 0, 0))
		tap_bail("no buffer");
	drv_packet_fill(r->packets, AT, 8 * DRV_MIB, 0xcc);
	if (drv_rig_run(r, 1))
		tap_bail("cannot fill");
	create_hog(&h);
	if (h.ret)
		tap_bail("nothing makes room: %s", strerror(-h.ret));
	gate_close(g, r->fd);
	must(queue(r, op(5, t->a, 5, 1), g->fence, 0, 0));
	must(queue(r, op(7, 0, 0, 1), 0, done, 0));
	drv_bo_close(h.fd, h.bo);
	tap(reads(r, AT, DRV_PAGE, 0xcc) && reads(r, AT + 6 * DRV_PAGE, DRV_PAGE, 0xcc),
	    "an evicted buffer comes back while it is to be cut");
	gate_open(g);
	tap(!drv_wait(r->fd, done, 10 * DRV_SECOND) &&
		    reads(r, AT + 4 * DRV_PAGE, DRV_PAGE, 0xcc) &&
		    reads(r, AT + 5 * DRV_PAGE, DRV_PAGE, 0xa5) &&
		    reads(r, AT + 6 * DRV_PAGE, DRV_PAGE, 0xcc) && faults(r, AT + 7 * DRV_PAGE) &&
		    reads(r, AT + 8 * DRV_PAGE, DRV_MIB, 0xcc),
	    "and is cut");
	drv_vm_unmap(r->fd, r->vm, AT, 8 * DRV_MIB);
	drv_bo_close(r->fd, bo);
	close(h.fd);
	drmSyncobjDestroy(r->fd, g->fence);
	drmSyncobjDestroy(r->fd, done);
}

/* ---- How it ends ------------------------------------------------------------------ */

static int sync_file_status(int file)
{
	struct sync_fence_info fence = {0};
	struct sync_file_info info = {.num_fences = 1, .sync_fence_info = (uintptr_t)&fence};

	return ioctl(file, SYNC_IOC_FILE_INFO, &info) ? -errno : info.status;
}

/* A file with a bind that waits at the gate; its fence as a sync_file. */
static int queued_file(struct gate *g, int gate_file, struct drv_rig *r, int *file)
{
	struct two t;
	int ret;

	drv_rig_init(r, 0);
	two_init(&t, r, DRM_NPU_MEMORY_DEVICE);
	must(drv_vm_map(r->fd, r->vm, AT, DRV_PAGE, t.a, 0, 0));
	gate_pass(g, r->fd, gate_file);
	must(queue(r, op(0, t.b, 0, 1), g->fence, r->syncobj, 0));
	must(queue(r, op(2, t.b, 0, 1), 0, r->syncobj, 0));
	ret = drmSyncobjExportSyncFile(r->fd, r->syncobj, file);
	return ret ? -errno : 0;
}

static void what_is_queued_ends_with_its_vm(struct gate *g)
{
	struct pollfd p = {.events = POLLIN};
	struct drv_rig r;
	uint64_t used;
	int file;

	used = drv_memory_used(g->fd, DRM_NPU_MEMORY_DEVICE);
	must(queued_file(g, vgem_gate_close(&g->vgem), &r, &file));
	must(drv_queue_destroy(r.fd, r.queue));
	tap_ret(drv_vm_destroy(r.fd, r.vm), 0, NULL, "a VM with queued binds is destroyed");
	tap_ret(drv_wait(r.fd, r.syncobj, DRV_SECOND), -ECANCELED, NULL, "they end with ECANCELED");
	gate_open(g);
	close(file);
	drv_rig_fini(&r);
	must(queued_file(g, vgem_gate_close(&g->vgem), &r, &file));
	drv_rig_fini(&r);
	p.fd = file;
	tap(poll(&p, 1, 1000) == 1 && sync_file_status(file) == -ECANCELED,
	    "so they do when the file is closed");
	gate_open(g);
	close(file);
	tap(within(g->fd, used), "and nothing is left of them");
}

static void a_killed_process_leaves_nothing(struct gate *g)
{
	uint64_t used = drv_memory_used(g->fd, DRM_NPU_MEMORY_DEVICE);
	int file, ready[2], gate_file = vgem_gate_close(&g->vgem);
	struct drv_rig r;
	pid_t child;
	char c;

	if (pipe(ready))
		tap_bail("no pipe");
	child = fork();
	if (!child) {
		must(queued_file(g, gate_file, &r, &file));
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		/* Waits for ever for what is queued. */
		drv_vm_unmap(r.fd, r.vm, AT, DRV_PAGE);
		_exit(0);
	}
	if (child < 0 || read(ready[0], &c, 1) != 1)
		tap_bail("no child");
	close(gate_file);
	usleep(50000);
	kill(child, SIGKILL);
	tap(waitpid(child, NULL, 0) == child && within(g->fd, used),
	    "a process that is killed with queued binds leaves nothing behind");
	gate_open(g);
	close(ready[0]);
	close(ready[1]);
}

struct racer {
	struct drv_rig *r;
	struct two *t;
	uint32_t *vm;
	bool stop;
	unsigned int done;
};

static void *race(void *arg)
{
	struct racer *x = arg;

	while (!__atomic_load_n(&x->stop, __ATOMIC_ACQUIRE)) {
		struct drm_npu_vm_op what =
			op(rand() % 8, rand() % 2 ? x->t->a : 0, 0, 1 + rand() % 8);
		uint32_t vm = __atomic_load_n(x->vm, __ATOMIC_ACQUIRE);
		int ret = rand() % 2 ? drv_vm_bind_async(x->r->fd, vm, &what, 1, NULL, 0)
				     : drv_vm_bind(x->r->fd, vm, &what, 1);

		if (!ret)
			__atomic_fetch_add(&x->done, 1, __ATOMIC_RELAXED);
		else if (ret != -ENOENT)
			tap_bail("a racing bind: %s", strerror(-ret));
	}
	return NULL;
}

/* Hazard 8 and 13: binds race each other, and the end of their VM. */
static void binds_race_the_end_of_their_vm(struct drv_rig *r, struct two *t)
{
	uint32_t vm = 0;
	struct racer x = {.r = r, .t = t, .vm = &vm};
	pthread_t threads[3];
	unsigned int rounds = 0;

	must(drv_vm_create(r->fd, &vm));
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, race, &x);
	for (int64_t end = drv_now() + DRV_SECOND; drv_now() < end; rounds++) {
		uint32_t next, old = vm;

		must(drv_vm_create(r->fd, &next));
		__atomic_store_n(&vm, next, __ATOMIC_RELEASE);
		must(drv_vm_destroy(r->fd, old));
		usleep(5000);
	}
	__atomic_store_n(&x.stop, true, __ATOMIC_RELEASE);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	must(drv_vm_destroy(r->fd, vm));
	tap(rounds > 5 && x.done > rounds,
	    "%u VMs are destroyed under three threads that bind (%u binds)", rounds, x.done);
	tap(drv_rig_works(r), "and another VM of the file works");
}

int main(void)
{
	static const struct {
		uint32_t placement;
		const char *name;
	} places[] = {
		{DRM_NPU_MEMORY_SYSTEM, "system memory"},
		{DRM_NPU_MEMORY_DEVICE, "device memory"},
	};
	static struct gate g;
	struct drv_rig r;
	struct two t;

	drv_rig_init(&r, 0);
	vgem_gate_init(&g.vgem);
	g.fd = drv_open(0);
	two_init(&t, &r, DRM_NPU_MEMORY_SYSTEM);
	refuses_what_makes_no_sense(&r, &t);
	a_bind_waits_for_its_fences(&r, &g, &t);
	binds_of_a_vm_keep_their_order(&r, &g, &t);
	a_synchronous_bind_waits_for_queued_ones(&r, &g, &t);
	a_wait_may_end_with_an_error(&r, &t);
	jobs_and_binds_wait_for_one_another(&r, &t);
	many_binds_are_queued(&r, &g, &t);
	for (int i = 0; i < 2; i++) {
		a_replaced_range_is_never_unmapped(&r, places[i].placement, false, places[i].name);
		a_replaced_range_is_never_unmapped(&r, places[i].placement, true, places[i].name);
	}
	random_binds_match_a_model(&r);
	what_falls_away_is_held_until_then(&r, &g);
	evicted_buffers_can_be_cut(&r, &g, &t);
	eviction_waits_for_queued_binds(&r, &g);
	what_is_queued_ends_with_its_vm(&g);
	a_killed_process_leaves_nothing(&g);
	binds_race_the_end_of_their_vm(&r, &t);
	two_fini(&t, &r);
	drv_rig_fini(&r);
	return tap_end();
}
