// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* STREAM_OPEN: events and samples, who may see which, and what readers get wrong. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xf86drm.h>

#include "drv.h"

#define BIT(kind)	(1ull << DRM_NPU_EVENT_##kind)
#define ALL_EVENTS	0x3full
#define NOWHERE		0x7000000000ull
#define RECORDS		256	/* that a stream keeps */
#define PERIOD		20000000ull
#define MEMORY_VA	0x1000000000ull
#define TARGET_VA	0x2000000000ull

static int stream(int fd, struct drm_npu_stream_open args)
{
	int ret = drv_ioctl(fd, DRM_IOCTL_NPU_STREAM_OPEN, &args);

	return ret ? ret : args.fd;
}

static int events(int fd, uint64_t filter, uint32_t flags)
{
	int ret = stream(fd, (struct drm_npu_stream_open){
		.kind = DRM_NPU_STREAM_EVENTS, .filter = filter,
		.flags = DRM_NPU_STREAM_NONBLOCK | flags });

	if (ret < 0)
		tap_bail("no stream: %s", strerror(-ret));
	return ret;
}

/* The next event within `ms`; false: none came. */
static bool next_event(int fd, struct drm_npu_event *event, int ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	memset(event, 0, sizeof(*event));
	return poll(&poll_fd, 1, ms) == 1 && read(fd, event, sizeof(*event)) == sizeof(*event);
}

static void new_queue(struct drv_rig *r)
{
	drv_queue_destroy(r->fd, r->queue);
	if (drv_queue_create(r->fd, r->vm, DRM_NPU_PRIORITY_NORMAL, &r->queue))
		tap_bail("no queue");
}

/* One FAULT and one QUEUE event. */
static void fault(struct drv_rig *r)
{
	drv_packet_copy(r->packets, RIG_DATA_VA, NOWHERE, 4096);
	if (drv_rig_run(r, 1) != -EIO)
		tap_bail("a packet that faults ended well");
}

static void arguments_are_checked(int fd)
{
	static const struct {
		const char *what;
		struct drm_npu_stream_open args;
	} cases[] = {
		{ "an unknown kind", { .kind = 2, .filter = 1 } },
		{ "the largest kind", { .kind = ~0u, .filter = 1 } },
		{ "an unknown flag", { .filter = 1, .flags = 4 } },
		{ "mbz", { .filter = 1, .mbz = 1 } },
		{ "events of no kind", { .filter = 0 } },
		{ "events of an unknown kind", { .filter = 0x40 } },
		{ "events of all kinds that can be", { .filter = ~0ull } },
		{ "events with a period", { .filter = 1, .period_ns = PERIOD } },
		{ "samples without a period", { .kind = DRM_NPU_STREAM_PERF } },
		{ "samples too often", { .kind = DRM_NPU_STREAM_PERF, .period_ns = 9999999 } },
		{ "samples hardly ever", { .kind = DRM_NPU_STREAM_PERF, .period_ns = 1ull << 32 } },
		{ "samples with a filter",
		  { .kind = DRM_NPU_STREAM_PERF, .period_ns = PERIOD, .filter = 1 } },
		{ "samples of all", { .kind = DRM_NPU_STREAM_PERF, .period_ns = PERIOD,
				      .flags = DRM_NPU_STREAM_ALL } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		tap_ret(stream(fd, cases[i].args), -EINVAL, NULL, "%s", cases[i].what);
}

static void reading_is_checked(struct drv_rig *r)
{
	int fd = events(r->fd, ALL_EVENTS, 0), blocking;
	struct drm_npu_event e;
	char small[sizeof(e) - 1];
	void *bad = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	tap(fcntl(fd, F_GETFD) & FD_CLOEXEC, "a stream is closed by exec");
	tap(read(fd, &e, sizeof(e)) == -1 && errno == EAGAIN, "nothing to read: EAGAIN");
	tap(read(fd, small, sizeof(small)) == -1 && errno == EINVAL, "half a record: EINVAL");
	tap(write(fd, &e, sizeof(e)) == -1 && errno == EBADF, "it cannot be written to");
	tap(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == ENODEV,
	    "nor mapped");
	fault(r);
	tap(next_event(fd, &e, 2000) && e.sequence == 0, "the first event has number 0");
	usleep(100000);
	tap(read(fd, bad, sizeof(e)) == -1 && errno == EFAULT, "a bad pointer: EFAULT");
	tap(next_event(fd, &e, 2000) && e.sequence == 1 && !e.dropped, "and no event is lost by it");
	close(fd);

	blocking = stream(r->fd, (struct drm_npu_stream_open){ .filter = ALL_EVENTS });
	new_queue(r);
	if (!fork()) {
		usleep(300000);
		fault(r);
		_exit(0);
	}
	tap(read(blocking, &e, sizeof(e)) == sizeof(e), "a read waits for an event");
	wait(NULL);
	close(blocking);
	new_queue(r);
}

static void events_tell_what_happened(struct drv_rig *r)
{
	int fd = events(r->fd, ALL_EVENTS, 0), queues = events(r->fd, BIT(QUEUE), 0);
	struct drm_npu_event e, first, second;
	const int64_t before = drv_now();

	fault(r);
	tap(next_event(fd, &first, 2000) && next_event(fd, &second, 2000), "a fault makes two events");
	e = first.kind == DRM_NPU_EVENT_FAULT ? first : second;
	tap(e.kind == DRM_NPU_EVENT_FAULT && e.vm == r->vm && e.queue == r->queue &&
	    e.value[0] == NOWHERE && (e.value[1] >> 8 & 0xff) == 1,
	    "one tells the address and the reason, by the file's handles");
	tap(e.time_ns > (uint64_t)before && e.time_ns < (uint64_t)drv_now(), "and when");
	e = first.kind == DRM_NPU_EVENT_QUEUE ? first : second;
	tap(e.kind == DRM_NPU_EVENT_QUEUE && e.vm == r->vm && e.queue == r->queue &&
	    e.value[0] == DRM_NPU_QUEUE_FAULTED && e.value[1] == NPU_QUEUE_ERROR_FAULT,
	    "the other how the queue ended");
	tap(!next_event(fd, &e, 200), "and there are no more");
	tap(next_event(queues, &e, 2000) && e.kind == DRM_NPU_EVENT_QUEUE && e.sequence == 0 &&
	    !next_event(queues, &e, 200), "a filter lets through what it should");
	new_queue(r);
	drv_packet_wait(r->packets, RIG_DATA_VA, 0x77777777);
	tap_ret(drv_rig_run(r, 1), -ETIME, NULL, "a queue is stuck");
	tap(next_event(queues, &e, 2000) && e.value[0] == DRM_NPU_QUEUE_TIMED_OUT &&
	    e.queue == r->queue, "and an event says that it was killed");
	new_queue(r);
	close(queues);
	close(fd);
}

static void others_see_nothing(struct drv_rig *r)
{
	struct drv_rig other;
	struct drm_npu_event e;
	int own, all, status = -1;
	pid_t child;

	drv_rig_init(&other, 0);
	own = events(other.fd, ALL_EVENTS, 0);
	all = events(other.fd, ALL_EVENTS, DRM_NPU_STREAM_ALL);
	fault(r);
	new_queue(r);
	tap(!next_event(own, &e, 500), "another file is not told");
	tap(next_event(all, &e, 2000) && !e.vm && !e.queue && next_event(all, &e, 2000) && !e.vm &&
	    !e.queue, "but one that may see all, without handles");
	fault(&other);
	tap(next_event(all, &e, 2000) && e.vm == other.vm && e.queue == other.queue,
	    "its own it sees with handles");
	close(all);
	close(own);
	child = fork();
	if (!child) {
		int bad = setresuid(4711, 4711, 4711);

		bad |= stream(other.fd, (struct drm_npu_stream_open){
			.filter = 1, .flags = DRM_NPU_STREAM_ALL }) != -EACCES;
		bad |= stream(other.fd, (struct drm_npu_stream_open){
			.kind = DRM_NPU_STREAM_PERF, .period_ns = PERIOD }) != -EACCES;
		bad |= stream(other.fd, (struct drm_npu_stream_open){ .filter = ALL_EVENTS }) < 0;
		_exit(bad ? 1 : 0);
	}
	waitpid(child, &status, 0);
	tap_ret(status, 0, NULL, "others' events and samples need CAP_PERFMON, own events do not");
	drv_rig_fini(&other);
}

static void a_slow_reader_is_told_what_it_missed(struct drv_rig *r)
{
	int fd = events(r->fd, BIT(FAULT) | BIT(QUEUE), 0);
	struct drm_npu_event e[RECORDS + 1];
	bool in_order = true;
	ssize_t got;

	for (int i = 0; i < RECORDS / 2 + 5; i++) {
		fault(r);
		new_queue(r);
	}
	usleep(200000);
	got = read(fd, e, sizeof(e));
	tap(got == RECORDS * sizeof(e[0]), "as many events as fit are kept, and read at once");
	for (int i = 0; i < RECORDS; i++)
		in_order = in_order && e[i].sequence == (uint64_t)i && !e[i].dropped;
	tap(in_order, "in their order");
	fault(r);
	new_queue(r);
	tap(next_event(fd, &e[0], 2000) && e[0].dropped == 10 && e[0].sequence == RECORDS + 10,
	    "the next one tells how many are missing");
	tap(next_event(fd, &e[0], 2000) && !e[0].dropped, "and the one behind it that none is");
	close(fd);
}

/* Wherever in the card's memory the buffer lies: more than half of it. */
static void memory_errors_are_told(struct drv_rig *r)
{
	const uint64_t size = drv_memory_size(r->fd, DRM_NPU_MEMORY_DEVICE);
	const uint64_t most = (size / 2 + 16 * DRV_MIB) & ~(16 * DRV_MIB - 1);
	int fd = events(r->fd, BIT(ECC), 0);
	struct drm_npu_event e;
	uint32_t bo, target;
	char command[128];

	if (drv_bo_create(r->fd, most, DRM_NPU_MEMORY_DEVICE, 0, r->vm, &bo) ||
	    drv_bo_create(r->fd, 16 * DRV_MIB, DRM_NPU_MEMORY_SYSTEM, 0, r->vm, &target) ||
	    drv_vm_map(r->fd, r->vm, MEMORY_VA, most, bo, 0, 0))
		tap_bail("no buffer");
	for (uint64_t at = 0; at < most; at += 16 * DRV_MIB)
		if (drv_vm_map(r->fd, r->vm, TARGET_VA + at, 16 * DRV_MIB, target, 0, 0))
			tap_bail("VM_BIND failed");
	/* The buffer's pages are written once, so that they are there. */
	drv_packet_fill(r->packets, MEMORY_VA, most, 0);
	if (drv_rig_run(r, 1))
		tap_bail("a fill failed");
	snprintf(command, sizeof(command), "tests/vm/host control 0 ecc %llu corrected >/dev/null",
		 (unsigned long long)size / 2);
	if (system(command))
		tap_bail("no memory error");
	drv_packet_copy(r->packets, TARGET_VA, MEMORY_VA, most);
	tap_ret(drv_rig_run(r, 1), 0, NULL, "an error that is corrected hurts nobody");
	tap(next_event(fd, &e, 5000) && e.kind == DRM_NPU_EVENT_ECC && e.value[0] >= 1,
	    "and is told");
	drv_vm_unmap(r->fd, r->vm, MEMORY_VA, most);
	drv_vm_unmap(r->fd, r->vm, TARGET_VA, most);
	drv_bo_close(r->fd, bo);
	drv_bo_close(r->fd, target);
	close(fd);
}

static void samples_come_regularly(struct drv_rig *r)
{
	int fd = stream(r->fd, (struct drm_npu_stream_open){
		.kind = DRM_NPU_STREAM_PERF, .period_ns = PERIOD });
	struct drm_npu_sample s, first = { 0 }, last = { 0 };
	bool good = true, busy = true;

	if (fd < 0)
		tap_bail("no samples: %s", strerror(-fd));
	for (uint64_t i = 0; i < 20; i++) {
		busy = busy && drv_rig_works(r);
		good = good && read(fd, &s, sizeof(s)) == sizeof(s) && s.sequence == i &&
		       s.time_ns > last.time_ns && s.clock_hz && s.power_mw && s.queues &&
		       s.copy_busy_ns >= last.copy_busy_ns && s.energy_uj >= last.energy_uj;
		last = s;
		if (!i)
			first = s;
	}
	tap(good && busy, "samples come in order, with what they should have");
	tap(last.time_ns - first.time_ns > 15 * PERIOD, "one each period (%llu ms for 19)",
	    (unsigned long long)(last.time_ns - first.time_ns) / 1000000);
	tap(last.copy_busy_ns > first.copy_busy_ns, "they show that an engine works");
	usleep(1000000);
	close(fd);
}

static void a_stream_outlives_its_file(void)
{
	struct drm_npu_event e;
	struct drv_rig r;
	int fd, perf;

	drv_rig_init(&r, 0);
	fd = events(r.fd, ALL_EVENTS, 0);
	perf = stream(r.fd, (struct drm_npu_stream_open){
		.kind = DRM_NPU_STREAM_PERF, .period_ns = PERIOD });
	fault(&r);
	drv_rig_fini(&r);
	tap(next_event(fd, &e, 1000) && next_event(fd, &e, 1000), "what was told can be read");
	tap(read(fd, &e, sizeof(e)) == -1 && errno == EAGAIN, "and it is not at its end");
	close(perf);
	close(fd);
}

static void one_user_has_not_all(struct drv_rig *r)
{
	struct stat node;
	int status = -1;
	pid_t child;

	if (stat("/dev/accel/accel0", &node) || chmod("/dev/accel/accel0", 0666))
		tap_bail("cannot open the node to everybody");
	child = fork();
	if (!child) {
		int count = 0, ret = setresuid(4711, 4711, 4711) ? -1 : drv_open(0);
		const int fd = ret;

		while (ret >= 0 && count < 1000) {
			ret = stream(fd, (struct drm_npu_stream_open){ .filter = 1 });
			count += ret >= 0;
		}
		_exit(ret == -EDQUOT && count == 64 ? 0 : 1);
	}
	waitpid(child, &status, 0);
	chmod("/dev/accel/accel0", node.st_mode & 07777);
	tap_ret(status, 0, NULL, "a user has 64 streams, then EDQUOT");
	tap(drv_rig_works(r), "and nobody else has less for it");
}

int main(void)
{
	struct drv_rig r;

	drv_rig_init(&r, 0);
	arguments_are_checked(r.fd);
	reading_is_checked(&r);
	events_tell_what_happened(&r);
	others_see_nothing(&r);
	a_slow_reader_is_told_what_it_missed(&r);
	samples_come_regularly(&r);
	memory_errors_are_told(&r);
	a_stream_outlives_its_file();
	one_user_has_not_all(&r);
	drv_rig_fini(&r);
	return tap_end();
}
