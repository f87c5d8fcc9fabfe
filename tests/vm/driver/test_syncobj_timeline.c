// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Timelines of the card's node: points that are waited for, signalled, asked
 * for and transferred. After the ideas of IGT's syncobj_timeline.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <xf86drm.h>

#include "drv.h"
#include "vgem.h"

#define ALL DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL
#define SUBMIT DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT
#define AVAILABLE DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE
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

static int wait_points(uint32_t *handles, uint64_t *points, uint32_t count, int64_t timeout,
		       uint32_t flags)
{
	struct drm_syncobj_timeline_wait args = {
		.handles = (uintptr_t)handles,
		.points = (uintptr_t)points,
		.count_handles = count,
		.timeout_nsec = timeout ? drv_now() + timeout : 0,
		.flags = flags,
	};

	return drv_ioctl(fd, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &args);
}

static int wait_point(uint32_t handle, uint64_t point, int64_t timeout, uint32_t flags)
{
	return wait_points(&handle, &point, 1, timeout, flags);
}

static int timelines(unsigned long request, uint32_t *handles, uint64_t *points, uint32_t count,
		     uint32_t flags)
{
	struct drm_syncobj_timeline_array args = {
		.handles = (uintptr_t)handles,
		.points = (uintptr_t)points,
		.count_handles = count,
		.flags = flags,
	};

	return drv_ioctl(fd, request, &args);
}

static int signal_point(uint32_t handle, uint64_t point)
{
	return timelines(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &handle, &point, 1, 0);
}

static uint64_t query(uint32_t handle, uint32_t flags)
{
	uint64_t point = 0xdead;

	if (timelines(DRM_IOCTL_SYNCOBJ_QUERY, &handle, &point, 1, flags))
		return UINT64_MAX;
	return point;
}

static int transfer(uint32_t to, uint64_t to_point, uint32_t from, uint64_t from_point,
		    uint32_t flags)
{
	struct drm_syncobj_transfer args = {
		.src_handle = from,
		.src_point = from_point,
		.dst_handle = to,
		.dst_point = to_point,
		.flags = flags,
	};

	return drv_ioctl(fd, DRM_IOCTL_SYNCOBJ_TRANSFER, &args);
}

/* Closes the gate behind a point. */
static void submit(uint32_t handle, uint64_t point)
{
	uint32_t binary = fresh();
	int file = vgem_gate_close(&gate);

	if (drmSyncobjImportSyncFile(fd, binary, file) || transfer(handle, point, binary, 0, 0))
		tap_bail("a fence does not become a point");
	close(file);
	drmSyncobjDestroy(fd, binary);
}

/* ---- Arguments ------------------------------------------------------------------- */

static void refuses_what_makes_no_sense(void)
{
	static const struct {
		unsigned long request;
		const char *name;
	} both[] = {
		{DRM_IOCTL_SYNCOBJ_QUERY, "QUERY"},
		{DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, "TIMELINE_SIGNAL"},
	};
	uint32_t good = fresh(), zero = 0, mixed[2] = {good, 0x7fffffff};
	uint64_t points[2] = {1, 1};

	tap_ret(wait_points(NULL, NULL, 0, 0, 0), 0, NULL,
		"TIMELINE_WAIT: no handles is nothing to wait for");
	tap_ret(wait_points(&zero, points, 1, 0, 0), -ENOENT, NULL, "TIMELINE_WAIT: handle 0");
	tap_ret(wait_points(mixed, points, 2, 0, 0), -ENOENT, NULL,
		"TIMELINE_WAIT: one of two is not there");
	tap_ret(wait_points((uint32_t *)8, points, 1, 0, 0), -EFAULT, NULL,
		"TIMELINE_WAIT: handles where no memory is");
	tap_ret(wait_points(&good, (uint64_t *)8, 1, 0, 0), -EFAULT, NULL,
		"TIMELINE_WAIT: points where no memory is");
	tap_ret(wait_points(&good, points, 1, 0, 0x80000000), -EINVAL, NULL,
		"TIMELINE_WAIT: unknown flags");
	for (int i = 0; i < 2; i++) {
		tap_ret(timelines(both[i].request, NULL, NULL, 0, 0), -EINVAL, NULL,
			"%s: no handles", both[i].name);
		tap_ret(timelines(both[i].request, &zero, points, 1, 0), -ENOENT, NULL,
			"%s: handle 0", both[i].name);
		tap_ret(timelines(both[i].request, mixed, points, 2, 0), -ENOENT, NULL,
			"%s: one of two is not there", both[i].name);
		tap_ret(timelines(both[i].request, &good, points, 1, 0x80000000), -EINVAL, NULL,
			"%s: unknown flags", both[i].name);
		tap_ret(timelines(both[i].request, (uint32_t *)8, points, 1, 0), -EFAULT, NULL,
			"%s: handles where no memory is", both[i].name);
		tap_ret(timelines(both[i].request, &good, (uint64_t *)8, 1, 0), -EFAULT, NULL,
			"%s: points where no memory is", both[i].name);
	}
	tap_ret(transfer(0, 1, good, 0, 0), -ENOENT, NULL, "TRANSFER: to handle 0");
	tap_ret(transfer(good, 1, 0, 0, 0), -ENOENT, NULL, "TRANSFER: from handle 0");
	tap_ret(transfer(good, 1, good, 1, 0), -EINVAL, NULL,
		"TRANSFER: a point that nobody has promised");
	tap_ret(transfer(good, 0, good, 1, 0), -EINVAL, NULL,
		"TRANSFER: such a one to a binary syncobj");
	tap(query(good, 0) == 0, "none of that has left a point");
	drmSyncobjDestroy(fd, good);
}

/* ---- Waiting ---------------------------------------------------------------------- */

/* Not submitted, submitted, signalled; one and three points; all kinds of waits. */
static void states_and_flags(void)
{
	static const char *const states[] = {"not promised", "promised", "signalled"};

	for (unsigned int state = 0; state < 3; state++)
		for (unsigned int count = 1; count <= 3; count += 2)
			for (unsigned int flags = 0; flags < 6; flags++) {
				bool available = flags >= 4;
				uint32_t wait =
					(flags & 1 ? ALL : 0) | (available   ? AVAILABLE | SUBMIT
								 : flags & 2 ? SUBMIT
									     : 0);
				int expected = state == 2 || (state == 1 && available) ? 0
					       : state == 1 || wait & SUBMIT	       ? -ETIME
										       : -EINVAL;
				uint64_t points[3] = {10, 20, 30};
				uint32_t h[3];
				int ret;

				for (unsigned int i = 0; i < count; i++)
					h[i] = fresh();
				if (state == 1) {
					submit(h[0], points[0]);
					for (unsigned int i = 1; i < count; i++)
						if (transfer(h[i], points[i], h[0], points[0], 0))
							tap_bail("a point is not transferred");
				} else if (state == 2) {
					timelines(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, h, points,
						  count, 0);
				}
				ret = wait_points(h, points, count, 0, wait);
				tap(ret == expected &&
					    wait_points(h, points, count, SHORT, wait) == expected,
				    "%u %s%s%s%s: %d", count, states[state],
				    wait & ALL ? ", all" : "",
				    wait & SUBMIT ? ", also before that" : "",
				    available ? ", a promise is enough" : "", ret);
				if (state == 1)
					vgem_gate_open(&gate);
				for (unsigned int i = 0; i < count; i++)
					drmSyncobjDestroy(fd, h[i]);
			}
}

static void earlier_points_come_with_later_ones(void)
{
	uint32_t t = fresh();

	signal_point(t, 10);
	tap(!wait_point(t, 5, 0, 0) && !wait_point(t, 10, 0, 0),
	    "points up to the one signalled are signalled");
	tap_ret(wait_point(t, 11, 0, 0), -EINVAL, NULL, "a later one is not there");
	submit(t, 20);
	tap_ret(wait_point(t, 15, SHORT, 0), -ETIME, NULL,
		"one between waits for the next that was promised");
	tap(query(t, 0) == 10 && query(t, DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED) == 20,
	    "QUERY tells both, what has come and what is promised");
	vgem_gate_open(&gate);
	tap(!wait_point(t, 15, LONG, 0) && query(t, 0) == 20, "and comes with it");
	drmSyncobjDestroy(fd, t);
}

static void a_point_waits_for_those_before_it(void)
{
	uint32_t t = fresh();

	submit(t, 1);
	signal_point(t, 2);
	tap(wait_point(t, 2, SHORT, 0) == -ETIME && query(t, 0) == 0,
	    "a point that is signalled before an earlier one has not come");
	vgem_gate_open(&gate);
	tap(!wait_point(t, 2, LONG, 0) && query(t, 0) == 2, "then both come");
	drmSyncobjDestroy(fd, t);
}

static void points_have_64_bits(void)
{
	const uint64_t edges[] = {1, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 1ull << 62};
	uint32_t t = fresh();
	bool good = true;

	for (unsigned int i = 0; i < 6; i++) {
		if (i && edges[i] - edges[i - 1] > 1)
			good &= wait_point(t, edges[i - 1] + 1, 0, 0) == -EINVAL;
		good &= !signal_point(t, edges[i]) && !wait_point(t, edges[i], 0, 0) &&
			query(t, 0) == edges[i];
	}
	tap(good, "points at the edges of 31, 32 and 62 bits");
	drmSyncobjDestroy(fd, t);
}

static void a_thousand_points(void)
{
	uint64_t first = 1, last = 1000, sum = 0;
	uint32_t t = fresh();
	int64_t end;

	submit(t, 1);
	for (uint64_t n = 2; n <= last; n++)
		sum += !signal_point(t, n);
	tap(sum == 999 && query(t, 0) == 0, "a thousand points hang on one fence");
	tap_ret(wait_points((uint32_t[]){t, t}, (uint64_t[]){first, last}, 2, SHORT, 0), -ETIME,
		NULL, "none has come");
	vgem_gate_open(&gate);
	tap(!wait_point(t, last, LONG, 0) && query(t, 0) == last, "all come with it");
	drmSyncobjDestroy(fd, t);
	/* A chain that nobody waits for goes in one piece. Gates open by themselves after 10 s. */
	t = fresh();
	submit(t, 1);
	end = drv_now() + 4 * DRV_SECOND;
	for (uint64_t n = 2; n <= 20000 && drv_now() < end; n++)
		signal_point(t, n);
	drmSyncobjDestroy(fd, t);
	vgem_gate_open(&gate);
	tap(wait_point(t, 1, 0, 0) == -ENOENT, "up to twenty thousand are let go of");
}

struct later {
	uint32_t handle;
	uint64_t point;
};

static void *signal_later(void *arg)
{
	struct later *l = arg;

	usleep(50000);
	signal_point(l->handle, l->point);
	return NULL;
}

static void *submit_later(void *arg)
{
	struct later *l = arg;

	usleep(50000);
	submit(l->handle, l->point);
	return NULL;
}

static void waits_see_what_happens_meanwhile(void)
{
	struct later l = {fresh(), 7};
	uint32_t other = fresh();
	pthread_t thread;

	pthread_create(&thread, NULL, signal_later, &l);
	tap_ret(wait_point(l.handle, 7, LONG, SUBMIT), 0, NULL,
		"a point is signalled under its wait");
	pthread_join(thread, NULL);
	l.point = 9;
	pthread_create(&thread, NULL, signal_later, &l);
	tap_ret(wait_point(l.handle, 8, LONG, SUBMIT), 0, NULL, "one behind it is");
	pthread_join(thread, NULL);
	l.point = 12;
	pthread_create(&thread, NULL, signal_later, &l);
	tap_ret(wait_points((uint32_t[]){other, l.handle}, (uint64_t[]){1, 12}, 2, LONG, SUBMIT), 0,
		NULL, "any of two timelines");
	pthread_join(thread, NULL);
	l.point = 20;
	pthread_create(&thread, NULL, submit_later, &l);
	tap_ret(wait_point(l.handle, 20, LONG, SUBMIT | AVAILABLE), 0, NULL, "a point is promised");
	pthread_join(thread, NULL);
	tap_ret(wait_point(l.handle, 20, SHORT, SUBMIT), -ETIME, NULL, "but not signalled");
	drmSyncobjReset(fd, &l.handle, 1);
	tap(query(l.handle, 0) == 0 && wait_point(l.handle, 20, 0, 0) == -EINVAL,
	    "a reset forgets it");
	vgem_gate_open(&gate);
	drmSyncobjDestroy(fd, l.handle);
	drmSyncobjDestroy(fd, other);
}

/* ---- Transfers ----------------------------------------------------------------------- */

static void fences_are_transferred(void)
{
	uint32_t a = fresh(), b = fresh(), binary = fresh();

	submit(a, 3);
	tap_ret(transfer(b, 8, a, 3, 0), 0, NULL, "from a point to another timeline's");
	tap_ret(transfer(binary, 0, a, 2, 0), 0, NULL, "from one before it to a binary syncobj");
	tap(wait_point(b, 8, SHORT, 0) == -ETIME && wait_point(binary, 0, SHORT, 0) == -ETIME,
	    "neither has come");
	drmSyncobjDestroy(fd, a);
	vgem_gate_open(&gate);
	tap(!wait_point(b, 8, LONG, 0) && !wait_point(binary, 0, LONG, 0), "both come");
	tap(query(b, 0) == 8, "at the new place");
	drmSyncobjReset(fd, &binary, 1);
	tap_ret(transfer(b, 9, binary, 0, 0), -EINVAL, NULL,
		"from a binary syncobj without a fence");
	drmSyncobjSignal(fd, &binary, 1);
	tap(!transfer(b, 9, binary, 0, 0) && query(b, 0) == 9, "and from one that is signalled");
	drmSyncobjDestroy(fd, b);
	drmSyncobjDestroy(fd, binary);
}

static void sync_files_of_points(void)
{
	uint32_t t = fresh(), binary = fresh();
	int file;

	submit(t, 4);
	tap(!transfer(binary, 0, t, 4, 0) && !drmSyncobjExportSyncFile(fd, binary, &file),
	    "a point becomes a sync_file");
	drmSyncobjReset(fd, &t, 1);
	drmSyncobjReset(fd, &binary, 1);
	tap(!drmSyncobjImportSyncFile(fd, binary, file) && !transfer(t, 1, binary, 0, 0) &&
		    wait_point(t, 1, SHORT, 0) == -ETIME,
	    "and a point again");
	vgem_gate_open(&gate);
	tap_ret(wait_point(t, 1, LONG, 0), 0, NULL, "which comes with its fence");
	close(file);
	drmSyncobjDestroy(fd, t);
	drmSyncobjDestroy(fd, binary);
}

/* ---- Jobs ------------------------------------------------------------------------------ */

static void jobs_signal_points(void)
{
	struct drm_npu_command command = {.va = RIG_PACKETS_VA, .count = 1};
	struct drm_npu_sync syncs[2];
	uint32_t second, t;
	struct drv_rig r;

	drv_rig_init(&r, 0);
	fd = r.fd;
	t = fresh();
	if (drv_queue_create(r.fd, r.vm, DRM_NPU_PRIORITY_NORMAL, &second))
		tap_bail("no queue");
	memset(r.data, 0, 16);
	drv_packet_wait(r.packets, RIG_DATA_VA, 1);
	drv_packet_signal(r.packets + 64, RIG_DATA_VA + 8, 1);
	/* Points in order, jobs not: the second queue's would be done at once. */
	syncs[0] = (struct drm_npu_sync){DRM_NPU_SYNC_SIGNAL, t, 1};
	if (drv_exec_array(r.fd, r.queue, &command, 1, syncs, 1))
		tap_bail("EXEC failed");
	command.va += 64;
	syncs[0].point = 2;
	if (drv_exec_array(r.fd, second, &command, 1, syncs, 1))
		tap_bail("EXEC failed");
	for (int i = 0; i < 100 && !__atomic_load_n((uint64_t *)r.data + 1, __ATOMIC_ACQUIRE); i++)
		usleep(5000);
	tap(((uint64_t *)r.data)[1] && wait_point(t, 2, SHORT, 0) == -ETIME,
	    "a job that is done first waits for the point before its own");
	__atomic_store_n((uint64_t *)r.data, 1, __ATOMIC_RELEASE);
	tap(!wait_point(t, 2, LONG, 0) && query(t, 0) == 2, "then both points have come");
	syncs[0] = (struct drm_npu_sync){DRM_NPU_SYNC_WAIT, t, 2};
	syncs[1] = (struct drm_npu_sync){DRM_NPU_SYNC_SIGNAL, t, 3};
	tap(!drv_exec_array(r.fd, second, &command, 1, syncs, 2) && !wait_point(t, 3, LONG, 0),
	    "one job waits and signals on the same timeline");
	syncs[0].point = 5;
	tap_ret(drv_exec_array(r.fd, second, &command, 1, syncs, 2), -EINVAL, NULL,
		"a point that nobody has promised is not waited for");
	drv_rig_fini(&r);
}

int main(void)
{
	fd = drv_open(0);
	vgem_gate_init(&gate);
	refuses_what_makes_no_sense();
	states_and_flags();
	earlier_points_come_with_later_ones();
	a_point_waits_for_those_before_it();
	points_have_64_bits();
	a_thousand_points();
	waits_see_what_happens_meanwhile();
	fences_are_transferred();
	sync_files_of_points();
	close(fd);
	jobs_signal_points();
	return tap_end();
}
