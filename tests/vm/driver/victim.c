// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Uses a card until somebody takes it away, and reports how that looks from a
 * process. For tests/vm/cases: they read what it prints, a line each:
 *
 *	victim CARD		/dev/accel/accelCARD
 *		ready		jobs are on the card
 *		stuck ERROR MS	how a job that never ends ended, by its
 *				sync_file, and when (ms, CLOCK_MONOTONIC)
 *		busy ERROR MS	how an endless row of jobs ended
 *	and after SIGUSR1, on the files that were open before:
 *		ioctl ERROR, exec ERROR, open ERROR (the node, anew)
 *		device TEXT, system TEXT	what a mapping reads: data,
 *				zeros, other, SIGBUS
 *		done
 *
 *	victim CARD steady	copies device memory, again and again, until SIGUSR1
 *		ready
 *		copied N ERROR TEXT	N good copies, what the last one ended
 *				with, what a mapping of the source reads
 *
 *	victim CARD steady-user	likewise, by a queue of its own writing
 *
 *	victim CARD fence	keeps nothing but the sync_file of a job
 *		holding		and after each SIGUSR1
 *		status N	what SYNC_IOC_FILE_INFO says; until SIGTERM
 *
 * ERROR is "ok", an error's name, or NEVER after WAIT_S seconds.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/sync_file.h>
#include <xf86drm.h>

#include "userq.h"

#define WAIT_S		30
#define BUFFER		(64 * 1024)
#define DEVICE_VA	0x30000000ull
#define RING_VA		0x40000000ull
#define PATTERN		0xa5

struct user {
	struct drv_rig rig;
	int sync_file;
	int error;		/* 0: no end within WAIT_S */
	int64_t when;
};

static sigjmp_buf bus_error;

static void on_bus_error(int signal)
{
	(void)signal;
	siglongjmp(bus_error, 1);
}

static const char *error_name(int error)
{
	return error ? strerrorname_np(-error) : "ok";
}

static void report(const char *what, const struct user *u)
{
	printf("%s %s %lld\n", what, u->error ? error_name(u->error) : "NEVER",
	       (long long)(u->when / 1000000));
}

/* 0 or the fence's error. */
static int sync_file_status(int file)
{
	struct sync_fence_info fence = { 0 };
	struct sync_file_info info = { .num_fences = 1, .sync_fence_info = (uintptr_t)&fence };

	return ioctl(file, SYNC_IOC_FILE_INFO, &info) ? -errno : info.status;
}

static void *be_stuck(void *argument)
{
	struct user *u = argument;
	struct pollfd poll_fd = { .fd = u->sync_file, .events = POLLIN };
	int status;

	if (poll(&poll_fd, 1, WAIT_S * 1000) == 1) {
		status = sync_file_status(u->sync_file);
		/* A job that waits for ever cannot have ended well. */
		u->error = status < 0 ? status : -EPROTO;
	}
	u->when = drv_now();
	return NULL;
}

static void *be_busy(void *argument)
{
	struct user *u = argument;
	const int64_t end = drv_now() + WAIT_S * DRV_SECOND;

	while (!u->error && drv_now() < end)
		u->error = drv_rig_run(&u->rig, 8);
	u->when = drv_now();
	return NULL;
}

static void *map_device_memory(struct drv_rig *rig)
{
	uint32_t bo;
	void *map;

	if (drv_bo_create(rig->fd, BUFFER, DRM_NPU_MEMORY_DEVICE, DRM_NPU_BO_CPU_VISIBLE, rig->vm,
			  &bo) ||
	    drv_vm_map(rig->fd, rig->vm, DEVICE_VA, BUFFER, bo, 0, 0))
		tap_bail("no device memory");
	map = drv_bo_map(rig->fd, bo);
	if (map == MAP_FAILED)
		tap_bail("cannot map device memory: %s", strerror(errno));
	memset(map, PATTERN, BUFFER);
	return map;
}

static void start_stuck(struct user *u)
{
	int ret;

	drv_packet_wait(u->rig.packets, RIG_DATA_VA + BUFFER, 1);
	ret = drv_exec(u->rig.fd, u->rig.queue, RIG_PACKETS_VA, 1, 0, u->rig.syncobj);
	if (ret || drmSyncobjExportSyncFile(u->rig.fd, u->rig.syncobj, &u->sync_file))
		tap_bail("no stuck job: %s", strerror(ret ? -ret : errno));
}

static void start_busy(struct user *u)
{
	for (int i = 0; i < 8; i++)
		drv_packet_fill(u->rig.packets + 64 * i, RIG_DATA_VA, RIG_DATA_SIZE, (uint32_t)i);
	if (drv_rig_run(&u->rig, 8))
		tap_bail("the first job failed");
}

static const char *look(const volatile uint8_t *map)
{
	size_t same = 0, zeros = 0;

	if (sigsetjmp(bus_error, 1))
		return "SIGBUS";
	for (size_t i = 0; i < BUFFER; i += 64) {
		same += map[i] == PATTERN;
		zeros += !map[i];
	}
	return same == BUFFER / 64 ? "data" : zeros == BUFFER / 64 ? "zeros" : "other";
}

static void look_round(struct drv_rig *rig, unsigned int card, const uint8_t *device)
{
	uint32_t vm;
	char path[64];
	int fd;

	printf("ioctl %s\n", error_name(drv_vm_create(rig->fd, &vm)));
	printf("exec %s\n", error_name(drv_exec(rig->fd, rig->queue, RIG_PACKETS_VA, 1, 0, 0)));
	printf("device %s\n", look(device));
	printf("system %s\n", look(rig->data));
	snprintf(path, sizeof(path), "/dev/accel/accel%u", card);
	fd = open(path, O_RDWR | O_CLOEXEC);
	printf("open %s\n", fd < 0 ? error_name(-errno) : "ok");
	if (fd >= 0)
		close(fd);
}

static void hold_fence(unsigned int card, const sigset_t *signals)
{
	struct drv_rig rig;
	int file;

	drv_rig_init(&rig, card);
	drv_packet_fill(rig.packets, RIG_DATA_VA, RIG_DATA_SIZE, 1);
	if (drv_rig_run(&rig, 1) || drmSyncobjExportSyncFile(rig.fd, rig.syncobj, &file) ||
	    drv_queue_destroy(rig.fd, rig.queue))
		tap_bail("no finished job to hold on to");
	drv_rig_fini(&rig);
	puts("holding");
	while (sigwaitinfo(signals, NULL) == SIGUSR1)
		printf("status %d\n", sync_file_status(file));
	close(file);
}

/* One process, one queue, one buffer in device memory, whatever happens to the card. */
static void be_steady(unsigned int card, const sigset_t *signals, bool by_itself)
{
	struct drv_rig rig;
	struct userq q;
	unsigned long copies = 0;
	uint8_t *device;
	int ret = 0;

	drv_rig_init(&rig, card);
	device = map_device_memory(&rig);
	drv_packet_copy(rig.packets, RIG_DATA_VA, DEVICE_VA, BUFFER);
	if (by_itself)
		userq_init(&q, rig.fd, rig.vm, RING_VA, USERQ_SHIFT);
	puts("ready");
	while (!ret && sigtimedwait(signals, NULL, &(struct timespec){ .tv_nsec = 1000000 }) < 0) {
		memset(rig.data, 0, BUFFER);
		ret = !by_itself ? drv_rig_run(&rig, 1) : userq_run(&q, rig.packets) ? 0 : -EIO;
		if (!ret && strcmp(look(rig.data), "data"))
			ret = -EBADMSG;
		copies += !ret;
	}
	printf("copied %lu %s %s\n", copies, error_name(ret), look(device));
	munmap(device, BUFFER);
	if (by_itself)
		userq_fini(&q);
	drv_rig_fini(&rig);
}

static void be_a_victim(unsigned int card, const sigset_t *signals)
{
	static struct user stuck, busy;
	pthread_t stuck_thread, busy_thread;
	uint8_t *device;

	drv_rig_init(&stuck.rig, card);
	drv_rig_init(&busy.rig, card);
	device = map_device_memory(&stuck.rig);
	memset(stuck.rig.data, PATTERN, BUFFER);
	start_stuck(&stuck);
	start_busy(&busy);
	if (pthread_create(&stuck_thread, NULL, be_stuck, &stuck) ||
	    pthread_create(&busy_thread, NULL, be_busy, &busy))
		tap_bail("no threads");
	puts("ready");
	pthread_join(stuck_thread, NULL);
	report("stuck", &stuck);
	pthread_join(busy_thread, NULL);
	report("busy", &busy);
	if (sigtimedwait(signals, NULL, &(struct timespec){ .tv_sec = 2 * WAIT_S }) != SIGUSR1)
		tap_bail("nobody sent SIGUSR1");
	look_round(&stuck.rig, card, device);
	munmap(device, BUFFER);
	close(stuck.sync_file);
	drv_rig_fini(&stuck.rig);
	drv_rig_fini(&busy.rig);
	puts("done");
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_bus_error };
	sigset_t signals;

	if (argc < 2) {
		fprintf(stderr, "usage: victim CARD [fence|steady|steady-user]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGBUS, &action, NULL);
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	if (argc > 2 && !strncmp(argv[2], "steady", 6))
		be_steady((unsigned int)atoi(argv[1]), &signals, argv[2][6]);
	else if (argc > 2)
		hold_fence((unsigned int)atoi(argv[1]), &signals);
	else
		be_a_victim((unsigned int)atoi(argv[1]), &signals);
	return 0;
}
