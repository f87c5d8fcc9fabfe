// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* What orders jobs: syncobjs of both kinds, between queues, files, processes and cards. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/sync_file.h>
#include <xf86drm.h>

#include "drv.h"

/* Words of the rig's data buffer, and packets of its page. */
#define WORD(n)		(RIG_DATA_VA + 8ull * (n))
#define PACKET(n)	(RIG_PACKETS_VA + 64ull * (n))

static uint64_t *words(struct drv_rig *r)
{
	return (uint64_t *)r->data;
}

/* Packet n sets word n to 1. */
static void prepare(struct drv_rig *r)
{
	memset(r->data, 0, DRV_PAGE);
	for (unsigned int n = 0; n < 64; n++)
		drv_packet_signal(r->packets + 64 * n, WORD(n), 1);
}

static uint32_t syncobj(int fd)
{
	uint32_t handle;

	if (drv_syncobj(fd, &handle))
		tap_bail("no syncobj");
	return handle;
}

/* Runs packet n between a wait and a signal (handle 0: none). */
static int submit(struct drv_rig *r, uint32_t queue, unsigned int n, uint32_t wait,
		  uint64_t wait_point, uint32_t signal, uint64_t signal_point)
{
	const struct drm_npu_command command = { .va = PACKET(n), .count = 1 };
	struct drm_npu_sync syncs[2];
	uint32_t count = 0;

	if (wait)
		syncs[count++] = (struct drm_npu_sync){ DRM_NPU_SYNC_WAIT, wait, wait_point };
	if (signal)
		syncs[count++] = (struct drm_npu_sync){ DRM_NPU_SYNC_SIGNAL, signal, signal_point };
	return drv_exec_array(r->fd, queue, &command, 1, syncs, count);
}

static int wait_point(int fd, uint32_t handle, uint64_t point)
{
	int ret = drmSyncobjTimelineWait(fd, &handle, &point, 1, drv_now() + 10 * DRV_SECOND, 0, NULL);

	return ret == -1 ? -errno : ret;
}

/*
 * Packet 0 becomes a gate: the queue stops there until the test writes 1 to
 * word 63.
 */
static void close_gate(struct drv_rig *r)
{
	prepare(r);
	drv_packet_wait(r->packets, WORD(63), 1);
}

static void open_gate(struct drv_rig *r)
{
	__atomic_store_n(&words(r)[63], 1, __ATOMIC_RELEASE);
}

static void a_later_job_does_not_overtake(struct drv_rig *r)
{
	struct drm_npu_sync sync = { DRM_NPU_SYNC_SIGNAL, syncobj(r->fd), 0 };

	close_gate(r);
	if (submit(r, r->queue, 0, 0, 0, 0, 0) || submit(r, r->queue, 1, 0, 0, 0, 0))
		tap_bail("EXEC failed");
	tap_ret(drv_exec_array(r->fd, r->queue, NULL, 0, &sync, 1), 0, NULL,
		"a job without commands is taken");
	usleep(100000);
	tap(!words(r)[1] && drv_wait(r->fd, sync.handle, 0) == -ETIME,
	    "what comes behind a job that waits has not begun, and nothing has signalled");
	open_gate(r);
	tap(!drv_wait(r->fd, sync.handle, 10 * DRV_SECOND) && words(r)[1],
	    "it signals once all before it have ended");
	drmSyncobjDestroy(r->fd, sync.handle);
}

static void timelines_have_points_of_64_bits(struct drv_rig *r)
{
	uint32_t timeline = syncobj(r->fd), second;
	uint64_t value = 0;
	const uint64_t far = (1ull << 40) + 5;

	if (drv_queue_create(r->fd, r->vm, DRM_NPU_PRIORITY_NORMAL, &second))
		tap_bail("no queue");
	close_gate(r);
	/* Points 1, 5 and 2^40 + 5 of one queue; another waits for each. */
	if (submit(r, r->queue, 1, 0, 0, timeline, 1) || submit(r, r->queue, 0, 0, 0, timeline, 5) ||
	    submit(r, r->queue, 2, 0, 0, timeline, far))
		tap_bail("EXEC failed");
	tap(!submit(r, second, 3, timeline, 1, 0, 0) && !submit(r, second, 4, timeline, far, 0, 0),
	    "jobs that wait for two points are taken");
	tap(!wait_point(r->fd, timeline, 1), "the first point comes");
	for (int i = 0; i < 1000 && !__atomic_load_n(&words(r)[3], __ATOMIC_ACQUIRE); i++)
		usleep(10000);
	usleep(50000);
	tap(words(r)[3] && !words(r)[4], "and lets go just the job that waits for it");
	drmSyncobjQuery(r->fd, &timeline, &value, 1);
	tap(value == 1, "the timeline stands there");
	tap_ret(submit(r, second, 5, timeline, far + 1, 0, 0), -EINVAL, NULL,
		"a point that nobody has promised cannot be waited for");
	open_gate(r);
	tap(!wait_point(r->fd, timeline, far), "the last point comes");
	for (int i = 0; i < 1000 && !__atomic_load_n(&words(r)[4], __ATOMIC_ACQUIRE); i++)
		usleep(10000);
	tap(words(r)[2] && words(r)[4], "and with it the last job");
	drmSyncobjQuery(r->fd, &timeline, &value, 1);
	tap(value == far, "the timeline stands at 2^40 + 5");
	drv_queue_destroy(r->fd, second);
	drmSyncobjDestroy(r->fd, timeline);
}

static void many_syncs_go_with_one_job(struct drv_rig *r)
{
	static struct drm_npu_sync syncs[1024];
	const struct drm_npu_command command = { .va = PACKET(10), .count = 1 };
	uint32_t timeline = syncobj(r->fd), binary = syncobj(r->fd);
	uint64_t last = 512;
	int ret;

	close_gate(r);
	if (submit(r, r->queue, 0, 0, 0, timeline, 1))
		tap_bail("EXEC failed");
	for (unsigned int i = 0; i < 1024; i++)
		syncs[i] = i < 512 ? (struct drm_npu_sync){ DRM_NPU_SYNC_WAIT, timeline, 1 } :
				     (struct drm_npu_sync){ DRM_NPU_SYNC_SIGNAL, timeline, i - 510 };
	syncs[1023] = (struct drm_npu_sync){ DRM_NPU_SYNC_SIGNAL, binary, 0 };
	ret = drv_exec_array(r->fd, r->queue, &command, 1, syncs, 1024);
	tap_ret(ret, 0, NULL, "1024 syncs go with a job");
	open_gate(r);
	tap(!wait_point(r->fd, timeline, last) && !drv_wait(r->fd, binary, 10 * DRV_SECOND) &&
	    words(r)[10], "and all of them work");
	drmSyncobjDestroy(r->fd, timeline);
	drmSyncobjDestroy(r->fd, binary);
}

static void a_refused_job_signals_nothing(struct drv_rig *r)
{
	const struct drm_npu_command command = { .va = PACKET(1), .count = 1 };
	uint32_t binary = syncobj(r->fd), timeline = syncobj(r->fd), fresh = syncobj(r->fd);
	const struct drm_npu_sync syncs[] = {
		{ DRM_NPU_SYNC_SIGNAL, binary, 0 },
		{ DRM_NPU_SYNC_SIGNAL, timeline, 7 },
		{ DRM_NPU_SYNC_SIGNAL, 0x7fffffff, 1 },
	};
	uint64_t value = 99;

	prepare(r);
	tap_ret(drv_exec_array(r->fd, r->queue, &command, 1, syncs, 3), -ENOENT, NULL,
		"a job whose last syncobj is not there is refused");
	tap(drmSyncobjWait(r->fd, &binary, 1, 0, 0, NULL) == -EINVAL &&
	    !drmSyncobjQuery(r->fd, &timeline, &value, 1) && value == 0,
	    "the others have not got its fence");
	tap_ret(submit(r, r->queue, 1, fresh, 0, 0, 0), -EINVAL, NULL,
		"a syncobj that nobody signals cannot be waited for");
	usleep(50000);
	tap(!words(r)[1], "neither job has run");
	drmSyncobjDestroy(r->fd, binary);
	drmSyncobjDestroy(r->fd, timeline);
	drmSyncobjDestroy(r->fd, fresh);
}

static void elements_may_be_shorter_or_longer(struct drv_rig *r)
{
	struct {
		struct drm_npu_command command;
		uint64_t tail;
	} longer[2] = { { { PACKET(1), 1, 0 }, 0 }, { { PACKET(2), 1, 0 }, 0 } };
	/* Without its point. */
	struct {
		uint32_t flags, handle;
	} shorter = { DRM_NPU_SYNC_SIGNAL, r->syncobj };
	struct drm_npu_exec args = {
		.queue = r->queue,
		.commands = { (uintptr_t)longer, 2, sizeof(longer[0]) },
		.syncs = { (uintptr_t)&shorter, 1, sizeof(shorter) },
	};

	prepare(r);
	tap(!drv_ioctl(r->fd, DRM_IOCTL_NPU_EXEC, &args) &&
	    !drv_wait(r->fd, r->syncobj, 10 * DRV_SECOND) && words(r)[1] && words(r)[2],
	    "commands of a later interface and syncs of an earlier one");
	longer[1].tail = 1;
	tap_ret(drv_ioctl(r->fd, DRM_IOCTL_NPU_EXEC, &args), -E2BIG, NULL,
		"but not if they ask for what is unknown");
}

static void commands_run_in_order(struct drv_rig *r)
{
	struct drm_npu_command commands[64];
	bool right = true;

	/* Each copies what the one before it has written. */
	memset(r->data, 0, DRV_PAGE);
	words(r)[0] = 42;
	for (unsigned int n = 0; n < 64; n++) {
		drv_packet_copy(r->packets + 64 * n, WORD(n + 1), WORD(n), 8);
		commands[n] = (struct drm_npu_command){ .va = PACKET(n), .count = 1 };
	}
	tap(!drv_exec_array(r->fd, r->queue, commands, 64,
			    &(struct drm_npu_sync){ DRM_NPU_SYNC_SIGNAL, r->syncobj, 0 }, 1) &&
	    !drv_wait(r->fd, r->syncobj, 10 * DRV_SECOND), "64 commands are one job");
	for (unsigned int n = 0; n <= 64; n++)
		right &= words(r)[n] == 42;
	tap(right, "each sees what the one before it did");
}

static void the_longest_command_runs(struct drv_rig *r)
{
	const uint64_t size = NPU_CALL_MAX * 64ull, va = 0x60000000;
	uint32_t bo;
	uint8_t *packets;

	if (drv_bo_create(r->fd, size, DRM_NPU_MEMORY_SYSTEM, DRM_NPU_BO_CPU_VISIBLE, 0, &bo) ||
	    drv_vm_map(r->fd, r->vm, va, size, bo, 0, 0))
		tap_bail("no buffer");
	packets = drv_bo_map(r->fd, bo);
	/* NOPs, and something to see at the end. */
	drv_packet_signal(packets + size - 64, WORD(0), 4711);
	words(r)[0] = 0;
	tap(!drv_exec(r->fd, r->queue, va, NPU_CALL_MAX, 0, r->syncobj) &&
	    !drv_wait(r->fd, r->syncobj, 30 * DRV_SECOND) && words(r)[0] == 4711,
	    "a command of 65536 packets runs to its end");
	drv_vm_unmap(r->fd, r->vm, va, size);
	drv_bo_close(r->fd, bo);
}

static void files_share_syncobjs(struct drv_rig *r, struct drv_rig *other, const char *name)
{
	uint32_t mine = syncobj(r->fd), theirs;
	int fd = -1;

	close_gate(r);
	prepare(other);
	if (submit(r, r->queue, 0, 0, 0, mine, 0))
		tap_bail("EXEC failed");
	tap(!drmSyncobjHandleToFD(r->fd, mine, &fd) && !drmSyncobjFDToHandle(other->fd, fd, &theirs),
	    "%s: a syncobj is handed over", name);
	close(fd);
	tap(!submit(other, other->queue, 1, theirs, 0, other->syncobj, 0), "%s: and waited for", name);
	usleep(100000);
	tap(!words(other)[1], "%s: the job that waits has not run", name);
	open_gate(r);
	tap(!drv_wait(other->fd, other->syncobj, 10 * DRV_SECOND) && words(other)[1],
	    "%s: it runs when the other has ended", name);
	drmSyncobjDestroy(r->fd, mine);
	drmSyncobjDestroy(other->fd, theirs);
}

/* A hundred turns: each job waits for the other side's last one. */
static void two_take_turns(struct drv_rig *a, struct drv_rig *b, const char *name)
{
	struct drv_rig *rigs[2] = { a, b };
	uint32_t timelines[2] = { syncobj(a->fd), 0 };
	int fd, ret = 0;

	if (drmSyncobjHandleToFD(a->fd, timelines[0], &fd) ||
	    drmSyncobjFDToHandle(b->fd, fd, &timelines[1]))
		tap_bail("a syncobj cannot be handed over");
	close(fd);
	for (unsigned int i = 0; i < 2; i++)
		for (uint64_t n = 0; n < 50; n++)
			drv_packet_signal(rigs[i]->packets + 64 * n, WORD(0), n + 1);
	words(a)[0] = words(b)[0] = 0;
	for (uint64_t n = 0; n < 100 && !ret; n++) {
		struct drv_rig *r = rigs[n % 2];

		ret = submit(r, r->queue, n / 2, n ? timelines[n % 2] : 0, n, timelines[n % 2], n + 1);
	}
	tap(!ret && !wait_point(a->fd, timelines[0], 100) && words(a)[0] == 50 && words(b)[0] == 50,
	    "%s: a hundred turns (%d)", name, ret);
	drmSyncobjDestroy(a->fd, timelines[0]);
	drmSyncobjDestroy(b->fd, timelines[1]);
}

static void a_wait_ends_also_with_a_failed_job(struct drv_rig *r)
{
	uint32_t failed = syncobj(r->fd);
	struct drv_rig bad;
	uint32_t theirs;
	int fd;

	prepare(r);
	drv_rig_init(&bad, 0);
	drv_packet_fill(bad.packets, 0x70000000, 4, 1);
	if (submit(&bad, bad.queue, 0, 0, 0, bad.syncobj, 0) ||
	    drmSyncobjHandleToFD(bad.fd, bad.syncobj, &fd) ||
	    drmSyncobjFDToHandle(r->fd, fd, &theirs))
		tap_bail("EXEC failed");
	close(fd);
	tap(!submit(r, r->queue, 1, theirs, 0, failed, 0) && !drv_wait(r->fd, failed, 10 * DRV_SECOND) &&
	    words(r)[1], "a job that waits for one that fails runs all the same");
	tap_ret(drv_wait(bad.fd, bad.syncobj, DRV_SECOND), -EIO, NULL, "the error stays with the other");
	drmSyncobjDestroy(r->fd, theirs);
	drmSyncobjDestroy(r->fd, failed);
	drv_rig_fini(&bad);
}

static void sync_files_tell_the_end(struct drv_rig *r)
{
	struct sync_fence_info fence = { 0 };
	struct sync_file_info info = { .num_fences = 1, .sync_fence_info = (uintptr_t)&fence };
	uint32_t queue, done = syncobj(r->fd), imported = syncobj(r->fd);
	struct pollfd p = { .events = POLLIN };

	if (drv_queue_create(r->fd, r->vm, DRM_NPU_PRIORITY_NORMAL, &queue))
		tap_bail("no queue");
	close_gate(r);
	if (submit(r, queue, 0, 0, 0, done, 0))
		tap_bail("EXEC failed");
	tap(!drmSyncobjExportSyncFile(r->fd, done, &p.fd), "a job's end is exported as a file");
	tap(poll(&p, 1, 50) == 0, "which is not readable while the job runs");
	tap(!drmSyncobjImportSyncFile(r->fd, imported, p.fd) &&
	    !submit(r, r->queue, 1, imported, 0, 0, 0), "imported, it can be waited for");
	usleep(50000);
	tap(!words(r)[1], "and is");
	open_gate(r);
	tap(poll(&p, 1, 10000) == 1, "it becomes readable when the job has ended");
	drv_queue_destroy(r->fd, queue);
	drmSyncobjDestroy(r->fd, done);
	drmSyncobjDestroy(r->fd, imported);
	tap(!ioctl(p.fd, SYNC_IOC_FILE_INFO, &info) && info.status == 1 && fence.status == 1 &&
	    fence.timestamp_ns,
	    "it tells that and when, also when queue and syncobj are gone");
	close(p.fd);
}

static volatile sig_atomic_t ticks;

static void on_tick(int signal)
{
	ticks++;
}

/* Every wait inside EXEC and VM_BIND may be interrupted; each is done once all the same. */
static void signals_do_not_lose_or_repeat_jobs(struct drv_rig *r)
{
	const struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = { 0 };
	struct drm_npu_queue_get_state before, after;
	struct sigaction act = { .sa_handler = on_tick };
	int ret = 0;

	prepare(r);
	drv_queue_state(r->fd, r->queue, &before);
	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (unsigned int i = 0; i < 2000 && !ret; i++) {
		ret = submit(r, r->queue, i % 64, 0, 0, r->syncobj, 0);
		if (!ret && i % 10 == 0)
			ret = drv_vm_map(r->fd, r->vm, 0x60000000, DRV_PAGE, r->data_bo, 0, 0);
	}
	setitimer(ITIMER_REAL, &never, NULL);
	if (!ret)
		ret = drv_wait(r->fd, r->syncobj, 30 * DRV_SECOND);
	drv_queue_state(r->fd, r->queue, &after);
	drv_vm_unmap(r->fd, r->vm, 0x60000000, DRV_PAGE);
	tap(!ret && ticks > 20 && after.jobs - before.jobs == 2000,
	    "2000 jobs in a storm of signals run once each (%d, %d signals, %llu jobs)", ret, (int)ticks,
	    (unsigned long long)(after.jobs - before.jobs));
}

int main(void)
{
	struct drv_rig r, file, card;

	drv_rig_init(&r, 0);
	drv_rig_init(&file, 0);
	a_later_job_does_not_overtake(&r);
	timelines_have_points_of_64_bits(&r);
	many_syncs_go_with_one_job(&r);
	a_refused_job_signals_nothing(&r);
	elements_may_be_shorter_or_longer(&r);
	commands_run_in_order(&r);
	the_longest_command_runs(&r);
	files_share_syncobjs(&r, &file, "two files");
	two_take_turns(&r, &file, "two files");
	a_wait_ends_also_with_a_failed_job(&r);
	sync_files_tell_the_end(&r);
	signals_do_not_lose_or_repeat_jobs(&r);
	if (access("/dev/accel/accel1", F_OK)) {
		printf("# no second card\n");
	} else {
		drv_rig_init(&card, 1);
		files_share_syncobjs(&r, &card, "two cards");
		files_share_syncobjs(&card, &r, "two cards, the other way");
		two_take_turns(&r, &card, "two cards");
		tap(drv_rig_works(&card), "the second card works");
		drv_rig_fini(&card);
	}
	tap(drv_rig_works(&r) && drv_rig_works(&file), "all queues still work");
	drv_rig_fini(&file);
	drv_rig_fini(&r);
	return tap_end();
}
