// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Waiting for binary syncobjs of the card's node: every combination of what
 * they are and how they are waited for. After the ideas of IGT's syncobj_wait.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#include <xf86drm.h>

#include "drv.h"
#include "vgem.h"

#define ALL DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL
#define SUBMIT DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT
#define SHORT (DRV_SECOND / 20)
#define LONG (5 * DRV_SECOND)

static int fd;
static struct vgem_gate gate;

static uint32_t fresh(void)
{
	uint32_t handle;

	if (drv_syncobj(fd, &handle))
		tap_bail("no syncobj");
	return handle;
}

/* Closes the gate: the syncobj has its fence, which has not signalled. */
static void submit(uint32_t handle)
{
	int file = vgem_gate_close(&gate);

	if (drmSyncobjImportSyncFile(fd, handle, file))
		tap_bail("a sync_file is not taken");
	close(file);
}

static int wait_for(uint32_t *handles, uint32_t count, int64_t timeout, uint32_t flags,
		    uint32_t *first)
{
	struct drm_syncobj_wait args = {
		.handles = (uintptr_t)handles,
		.count_handles = count,
		.timeout_nsec = timeout ? drv_now() + timeout : 0,
		.flags = flags,
	};
	int ret = drv_ioctl(fd, DRM_IOCTL_SYNCOBJ_WAIT, &args);

	if (first)
		*first = args.first_signaled;
	return ret;
}

static int array(unsigned long request, uint32_t *handles, uint32_t count, uint32_t pad)
{
	struct drm_syncobj_array args = {
		.handles = (uintptr_t)handles,
		.count_handles = count,
		.pad = pad,
	};

	return drv_ioctl(fd, request, &args);
}

/* ---- Arguments ------------------------------------------------------------------- */

static void refuses_what_makes_no_sense(void)
{
	static const struct {
		unsigned long request;
		const char *name;
	} both[] = {
		{DRM_IOCTL_SYNCOBJ_RESET, "RESET"},
		{DRM_IOCTL_SYNCOBJ_SIGNAL, "SIGNAL"},
	};
	uint32_t good[2] = {fresh(), fresh()}, zero = 0, mixed[2] = {good[0], 0x7fffffff};

	tap_ret(wait_for(NULL, 0, 0, 0, NULL), 0, NULL, "WAIT: no handles is nothing to wait for");
	tap_ret(wait_for(&zero, 1, 0, 0, NULL), -ENOENT, NULL, "WAIT: handle 0");
	tap_ret(wait_for(mixed, 2, 0, 0, NULL), -ENOENT, NULL, "WAIT: one of two is not there");
	tap_ret(wait_for((uint32_t *)8, 1, 0, 0, NULL), -EFAULT, NULL,
		"WAIT: handles where no memory is");
	tap_ret(wait_for(good, 1, 0, 0x80000000, NULL), -EINVAL, NULL, "WAIT: unknown flags");
	for (int i = 0; i < 2; i++) {
		tap_ret(array(both[i].request, NULL, 0, 0), -EINVAL, NULL, "%s: no handles",
			both[i].name);
		tap_ret(array(both[i].request, &zero, 1, 0), -ENOENT, NULL, "%s: handle 0",
			both[i].name);
		tap_ret(array(both[i].request, mixed, 2, 0), -ENOENT, NULL,
			"%s: one of two is not there", both[i].name);
		tap_ret(array(both[i].request, good, 1, 1), -EINVAL, NULL, "%s: a pad",
			both[i].name);
		tap_ret(array(both[i].request, (uint32_t *)8, 1, 0), -EFAULT, NULL,
			"%s: handles where no memory is", both[i].name);
	}
	tap(wait_for(good, 1, 0, SUBMIT, NULL) == -ETIME, "a refused SIGNAL has signalled nothing");
	drmSyncobjDestroy(fd, good[0]);
	drmSyncobjDestroy(fd, good[1]);
}

/* ---- One, and several ---------------------------------------------------------------- */

/* Whatever is waited for: not submitted, submitted, signalled; one and three of the kind. */
static void states_and_flags(void)
{
	static const char *const states[] = {"without a fence", "with a fence", "signalled"};

	for (unsigned int state = 0; state < 3; state++)
		for (unsigned int count = 1; count <= 3; count += 2)
			for (unsigned int flags = 0; flags < 4; flags++) {
				uint32_t wait = (flags & 1 ? ALL : 0) | (flags & 2 ? SUBMIT : 0);
				int expected = state == 2		     ? 0
					       : state == 1 || wait & SUBMIT ? -ETIME
									     : -EINVAL;
				uint32_t handles[3];
				int64_t start;
				int ret;

				for (unsigned int i = 0; i < count; i++)
					handles[i] = fresh();
				if (state == 1) {
					/* One fence for all of them. */
					int file = vgem_gate_close(&gate);

					for (unsigned int i = 0; i < count; i++)
						if (drmSyncobjImportSyncFile(fd, handles[i], file))
							tap_bail("a sync_file is not taken");
					close(file);
				} else if (state == 2) {
					drmSyncobjSignal(fd, handles, count);
				}
				ret = wait_for(handles, count, 0, wait, NULL);
				start = drv_now();
				tap(ret == expected &&
					    wait_for(handles, count, SHORT, wait, NULL) ==
						    expected &&
					    (expected != -ETIME || drv_now() - start >= SHORT),
				    "%u %s%s%s: %d", count, states[state],
				    wait & ALL ? ", all" : "",
				    wait & SUBMIT ? ", also before they have one" : "", ret);
				if (state == 1)
					vgem_gate_open(&gate);
				for (unsigned int i = 0; i < count; i++)
					drmSyncobjDestroy(fd, handles[i]);
			}
}

static void any_and_all_of_a_mixture(void)
{
	uint32_t h[3] = {fresh(), fresh(), fresh()}, first = 99;

	submit(h[1]);
	drmSyncobjSignal(fd, &h[2], 1);
	tap_ret(wait_for(h, 3, 0, 0, NULL), -EINVAL, NULL, "any of three: one has no fence");
	tap(!wait_for(h, 3, 0, SUBMIT, &first) && first == 2,
	    "any of three: the third is signalled");
	tap(!wait_for(&h[1], 2, LONG, 0, &first) && first == 1, "any of two: the second is");
	tap_ret(wait_for(&h[1], 2, SHORT, ALL, NULL), -ETIME, NULL, "all of two: one is not");
	vgem_gate_open(&gate);
	tap_ret(wait_for(&h[1], 2, LONG, ALL, NULL), 0, NULL, "all of two: both are");
	tap_ret(wait_for(h, 3, SHORT, ALL | SUBMIT, NULL), -ETIME, NULL,
		"all of three: one is not");
	for (int i = 0; i < 3; i++)
		drmSyncobjDestroy(fd, h[i]);
}

static void many_are_waited_for(void)
{
	static uint32_t h[1000];
	uint32_t first = 0;

	for (int i = 0; i < 1000; i++)
		h[i] = fresh();
	tap_ret(wait_for(h, 1000, SHORT, SUBMIT, NULL), -ETIME, NULL, "any of a thousand: none");
	drmSyncobjSignal(fd, &h[777], 1);
	tap(!wait_for(h, 1000, LONG, SUBMIT, &first) && first == 777, "any of a thousand: one");
	drmSyncobjSignal(fd, h, 1000);
	tap_ret(wait_for(h, 1000, LONG, ALL, NULL), 0, NULL, "all of a thousand");
	for (int i = 0; i < 1000; i++)
		h[i] = h[0];
	tap_ret(wait_for(h, 1000, LONG, ALL, NULL), 0, NULL, "one of them a thousand times");
}

/* ---- What happens meanwhile ------------------------------------------------------------ */

struct later {
	void (*what)(uint32_t handle);
	uint32_t handle;
	pthread_t thread;
};

static void *later(void *arg)
{
	struct later *l = arg;

	usleep(50000);
	l->what(l->handle);
	return NULL;
}

static void start(struct later *l, void (*what)(uint32_t handle), uint32_t handle)
{
	l->what = what;
	l->handle = handle;
	pthread_create(&l->thread, NULL, later, l);
}

static void do_signal(uint32_t handle)
{
	drmSyncobjSignal(fd, &handle, 1);
}

static void do_submit(uint32_t handle)
{
	submit(handle);
}

static void do_open(uint32_t handle)
{
	(void)handle;
	vgem_gate_open(&gate);
}

static void do_submit_and_open(uint32_t handle)
{
	submit(handle);
	usleep(20000);
	vgem_gate_open(&gate);
}

static void do_reset(uint32_t handle)
{
	drmSyncobjReset(fd, &handle, 1);
}

static void do_destroy(uint32_t handle)
{
	drmSyncobjDestroy(fd, handle);
}

static void waits_see_what_happens_meanwhile(void)
{
	uint32_t h[2] = {fresh(), fresh()};
	struct later l;

	start(&l, do_signal, h[0]);
	tap_ret(wait_for(h, 2, LONG, SUBMIT, NULL), 0, NULL,
		"the host signals one that had no fence");
	pthread_join(l.thread, NULL);

	do_reset(h[0]);
	tap_ret(wait_for(h, 1, 0, 0, NULL), -EINVAL, NULL, "reset, it has no fence again");
	start(&l, do_submit_and_open, h[0]);
	tap_ret(wait_for(h, 1, LONG, SUBMIT | ALL, NULL), 0, NULL,
		"one gets a fence, then that signals");
	pthread_join(l.thread, NULL);

	do_reset(h[0]);
	start(&l, do_submit, h[0]);
	tap_ret(wait_for(h, 1, 4 * SHORT, SUBMIT, NULL), -ETIME, NULL,
		"one gets a fence that does not signal");
	pthread_join(l.thread, NULL);
	start(&l, do_open, 0);
	tap_ret(wait_for(h, 1, LONG, 0, NULL), 0, NULL, "a fence signals under the wait");
	pthread_join(l.thread, NULL);

	/* A wait looks at the fences that were there when it began. */
	do_reset(h[0]);
	submit(h[0]);
	start(&l, do_reset, h[0]);
	tap_ret(wait_for(h, 1, 4 * SHORT, 0, NULL), -ETIME, NULL, "a reset does not end a wait");
	pthread_join(l.thread, NULL);
	vgem_gate_open(&gate);
	submit(h[0]);
	start(&l, do_destroy, h[0]);
	tap_ret(wait_for(h, 1, 4 * SHORT, 0, NULL), -ETIME, NULL, "nor does destroying it");
	pthread_join(l.thread, NULL);
	vgem_gate_open(&gate);
	tap_ret(wait_for(h, 1, 0, 0, NULL), -ENOENT, NULL, "but then it is gone");

	start(&l, do_destroy, h[1]);
	tap_ret(wait_for(&h[1], 1, 4 * SHORT, SUBMIT, NULL), -ETIME, NULL,
		"one that is destroyed before it had a fence");
	pthread_join(l.thread, NULL);
}

static void on_tick(int signal)
{
	(void)signal;
}

static void signals_interrupt_waits(void)
{
	const struct itimerval often = {{0, 3000}, {0, 3000}}, never = {{0, 0}, {0, 0}};
	struct sigaction action = {.sa_handler = on_tick}, old;
	uint32_t h = fresh(), flags[2] = {SUBMIT, SUBMIT | ALL};
	struct drm_syncobj_wait args;
	int64_t begin;

	sigaction(SIGALRM, &action, &old);
	for (int i = 0; i < 2; i++) {
		args = (struct drm_syncobj_wait){
			.handles = (uintptr_t)&h,
			.count_handles = 1,
			.flags = flags[i],
			.timeout_nsec = drv_now() + LONG,
		};
		setitimer(ITIMER_REAL, &often, NULL);
		tap(ioctl(fd, DRM_IOCTL_SYNCOBJ_WAIT, &args) == -1 && errno == EINTR,
		    "a signal ends a wait (%s)", i ? "all" : "any");
		/* libdrm begins again; the time is absolute. */
		begin = drv_now();
		tap(wait_for(&h, 1, 3 * SHORT, flags[i], NULL) == -ETIME &&
			    drv_now() - begin < LONG,
		    "one that is begun again ends in time (%s)", i ? "all" : "any");
		setitimer(ITIMER_REAL, &never, NULL);
	}
	sigaction(SIGALRM, &old, NULL);
	drmSyncobjDestroy(fd, h);
}

static void a_reset_takes_the_fence_away(void)
{
	uint32_t h[2] = {fresh(), fresh()};

	tap_ret(array(DRM_IOCTL_SYNCOBJ_RESET, h, 2, 0), 0, NULL, "what had no fence can be reset");
	drmSyncobjSignal(fd, h, 2);
	tap_ret(wait_for(h, 2, 0, ALL, NULL), 0, NULL, "two are signalled at once");
	tap_ret(array(DRM_IOCTL_SYNCOBJ_RESET, h, 2, 0), 0, NULL, "and reset at once");
	tap_ret(wait_for(h, 2, 0, 0, NULL), -EINVAL, NULL, "neither has a fence");
	tap_ret(wait_for(h, 2, SHORT, SUBMIT, NULL), -ETIME, NULL, "or is signalled");
	drmSyncobjDestroy(fd, h[0]);
	drmSyncobjDestroy(fd, h[1]);
}

/* A job of the card instead of somebody else's fence. */
static void jobs_signal_them(void)
{
	struct drv_rig r;
	uint32_t h[2], first;

	drv_rig_init(&r, 0);
	fd = r.fd;
	h[0] = fresh();
	h[1] = fresh();
	memset(r.data, 0, 8);
	drv_packet_wait(r.packets, RIG_DATA_VA, 1);
	if (drv_exec(r.fd, r.queue, RIG_PACKETS_VA, 1, 0, h[1]))
		tap_bail("EXEC failed");
	tap_ret(wait_for(&h[1], 1, SHORT, 0, NULL), -ETIME, NULL,
		"a job that runs has not signalled");
	__atomic_store_n((uint64_t *)r.data, 1, __ATOMIC_RELEASE);
	tap(!wait_for(h, 2, LONG, SUBMIT, &first) && first == 1, "one that has ended has");
	tap_ret(drv_exec(r.fd, r.queue, RIG_PACKETS_VA, 1, h[1], h[0]), 0, NULL,
		"another waits for it");
	tap_ret(wait_for(h, 2, LONG, ALL, NULL), 0, NULL, "both have ended");
	drv_rig_fini(&r);
}

int main(void)
{
	fd = drv_open(0);
	vgem_gate_init(&gate);
	refuses_what_makes_no_sense();
	states_and_flags();
	any_and_all_of_a_mixture();
	many_are_waited_for();
	waits_see_what_happens_meanwhile();
	signals_interrupt_waits();
	a_reset_takes_the_fence_away();
	close(fd);
	jobs_signal_them();
	return tap_end();
}
