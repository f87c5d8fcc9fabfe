// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* The mapping of a user queue: who gets it, what can be done to it, what it is afterwards. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userq.h"

#define RING_VA		0x40000000ull
#define SIZE		(DRM_NPU_USERQ_PAGES * DRV_PAGE)

static int map_errno(int fd, uint64_t offset, size_t size, int prot, int flags)
{
	void *p = mmap(NULL, size, prot, flags, fd, (off_t)offset);

	if (p == MAP_FAILED)
		return -errno;
	munmap(p, size);
	return 0;
}

static void what_is_mapped(struct drv_rig *r)
{
	const int rw = PROT_READ | PROT_WRITE;
	int foreign = drv_open(0);
	struct userq q;

	userq_init(&q, r->fd, r->vm, RING_VA, USERQ_SHIFT);
	tap_ret(map_errno(r->fd, q.offset, SIZE, rw, MAP_SHARED), 0, NULL, "its owner maps it again");
	tap_ret(map_errno(foreign, q.offset, SIZE, rw, MAP_SHARED), -EACCES, NULL,
		"another file of the same process does not");
	tap_ret(map_errno(r->fd, q.offset, SIZE, rw, MAP_PRIVATE), -EINVAL, NULL, "no private mapping");
	tap_ret(map_errno(r->fd, q.offset, DRV_PAGE, rw, MAP_SHARED), -EINVAL, NULL, "no part of it");
	tap_ret(map_errno(r->fd, q.offset, SIZE + DRV_PAGE, rw, MAP_SHARED), -EINVAL, NULL,
		"nothing behind it");
	tap_ret(map_errno(r->fd, q.offset + DRV_PAGE, SIZE, rw, MAP_SHARED), -EACCES, NULL,
		"nothing from its middle");
	tap_ret(map_errno(r->fd, q.offset + SIZE, SIZE, rw, MAP_SHARED), -EACCES, NULL,
		"not the queue behind it, which is none");
	tap_ret(map_errno(r->fd, q.offset, SIZE, rw | PROT_EXEC, MAP_SHARED), -EPERM, NULL,
		"nothing executable");
	tap_ret(mprotect(q.map, SIZE, rw | PROT_EXEC) ? -errno : 0, -EACCES, NULL,
		"nor made executable");
	tap(mremap(q.map, SIZE, 2 * SIZE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT,
	    "it does not grow");
	tap_ret(madvise(q.map, SIZE, MADV_DOFORK) ? -errno : 0, -EINVAL, NULL,
		"nor is it given to children");
	tap(userq_works(&q, r), "and it works on");
	userq_fini(&q);
	close(foreign);
}

static void children_have_none(struct drv_rig *r)
{
	struct userq q;
	int status;
	pid_t pid;

	userq_init(&q, r->fd, r->vm, RING_VA, USERQ_SHIFT);
	tap(userq_works(&q, r), "a queue works");
	pid = fork();
	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		*q.doorbell = 1;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	tap(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "a child has no doorbell");
	tap(userq_works(&q, r), "its parent has");
	userq_fini(&q);
}

static void parts_go(struct drv_rig *r)
{
	struct userq q;
	void *p;

	userq_init(&q, r->fd, r->vm, RING_VA, USERQ_SHIFT);
	tap(userq_works(&q, r), "a queue works");
	munmap(q.map + DRV_PAGE, DRV_PAGE);
	userq_put(&q, (uint8_t[64]){ 0 });
	*q.doorbell = q.tail;
	(void)*q.doorbell;
	/* The wake page is gone; asleep or not, another mapping of it does. */
	p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, (off_t)q.offset);
	*(volatile uint32_t *)((uint8_t *)p + DRV_PAGE) = 1;
	tap(userq_wait_head(&q, q.tail, 10000), "without its middle page, which another mapping has");
	munmap(q.map, DRV_PAGE);
	tap(q.control->head == q.tail, "the control page alone can be read");
	/* For userq_fini(). */
	munmap(q.map + 2 * DRV_PAGE, DRV_PAGE);
	q.map = p;
	userq_fini(&q);
	userq_init(&q, r->fd, r->vm, RING_VA, USERQ_SHIFT);
	p = mremap(q.map, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
		   mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	if (p != MAP_FAILED) {
		q.map = p;
		q.doorbell = (volatile uint64_t *)q.map;
		q.wake = (volatile uint32_t *)(q.map + DRV_PAGE);
		q.control = (volatile struct npu_queue_control *)(q.map + 2 * DRV_PAGE);
		tap(userq_works(&q, r), "moved elsewhere it works");
	} else {
		tap(errno == EINVAL || errno == EFAULT, "this kernel does not move it");
		userq_works(&q, r);
	}
	userq_fini(&q);
}

/* Stores go nowhere, loads give what was stored or the last words, nobody dies. */
static bool is_dead(struct userq *q, uint64_t head)
{
	bool good = true;

	for (uint64_t i = 1; i < 100; i++) {
		*q->wake = 1;
		*q->doorbell = q->tail + i;
	}
	good &= *q->doorbell == q->tail + 99;
	good &= q->control->head == head && q->control->state == NPU_QUEUE_STATE_STOPPED;
	q->control->event = 5;
	return good && q->control->event == 5;
}

static void it_outlives_the_queue(struct drv_rig *r)
{
	struct userq q, next;
	struct drv_rig own;

	userq_init(&q, r->fd, r->vm, RING_VA, USERQ_SHIFT);
	tap(userq_works(&q, r), "a queue works");
	drv_queue_destroy(r->fd, q.queue);
	tap(is_dead(&q, 1), "it is destroyed: its pages are still there, and dead");
	userq_init(&next, r->fd, r->vm, RING_VA + DRV_MIB, USERQ_SHIFT);
	tap(userq_works(&next, r) && userq_works(&next, r), "its successor works");
	tap(is_dead(&q, 1) && next.control->head == 2 && *next.doorbell == 2,
	    "which the old pages do not touch");
	tap_ret(map_errno(r->fd, q.offset == next.offset ? q.offset + SIZE : q.offset, SIZE,
			  PROT_READ, MAP_SHARED), -EACCES, NULL, "its offset is gone");
	userq_fini(&next);
	userq_fini(&q);

	userq_init(&q, r->fd, r->vm, RING_VA, USERQ_SHIFT);
	drv_queue_destroy(r->fd, q.queue);
	tap(is_dead(&q, 0), "one that never ran, likewise");
	userq_fini(&q);

	drv_rig_init(&own, 0);
	userq_init(&q, own.fd, own.vm, RING_VA, USERQ_SHIFT);
	tap(userq_works(&q, &own), "a queue of a VM of its own works");
	drv_vm_destroy(own.fd, own.vm);
	tap(userq_works(&q, &own), "the VM's handle is destroyed: it works on");
	drv_queue_destroy(own.fd, own.queue);
	drv_queue_destroy(own.fd, q.queue);
	tap(is_dead(&q, 2), "the queue's, and with it the VM: it is dead");
	close(own.fd);
	tap(is_dead(&q, 2), "the file is closed");
	munmap(q.map, SIZE);
	munmap(q.ring, DRV_PAGE);
	munmap(own.data, RIG_DATA_SIZE);
	munmap(own.packets, DRV_PAGE);

	/* A mapping keeps the file, and so the queue. */
	drv_rig_init(&own, 0);
	userq_init(&q, own.fd, own.vm, RING_VA, USERQ_SHIFT);
	close(own.fd);
	tap(userq_works(&q, &own), "a file that is closed while its queue is mapped: it works on");
	munmap(q.map, SIZE);
	munmap(q.ring, DRV_PAGE);
	munmap(own.data, RIG_DATA_SIZE);
	munmap(own.packets, DRV_PAGE);
}

struct ringer {
	struct userq *q;
	volatile bool stop;
};

static void *ring_for_ever(void *arg)
{
	struct ringer *ringer = arg;

	while (!ringer->stop) {
		*ringer->q->doorbell = 0;
		*ringer->q->wake = 1;
		(void)ringer->q->control->head;
	}
	return NULL;
}

static void destroyed_while_it_rings(struct drv_rig *r)
{
	bool works = true;

	for (int i = 0; i < 40; i++) {
		struct userq q;
		struct ringer ringer = { .q = &q };
		pthread_t threads[2];

		userq_init(&q, r->fd, r->vm, RING_VA, USERQ_SHIFT);
		for (int t = 0; t < 2; t++)
			pthread_create(&threads[t], NULL, ring_for_ever, &ringer);
		usleep(i * 500);
		drv_queue_destroy(r->fd, q.queue);
		works &= drv_rig_works(r);
		ringer.stop = true;
		for (int t = 0; t < 2; t++)
			pthread_join(threads[t], NULL);
		userq_fini(&q);
	}
	tap(works, "queues are destroyed while two threads ring them");
}

/* With the number of a queue that lives, but not its own: offsets are guessed. */
static void offsets_are_guessed(struct drv_rig *r)
{
	int foreign = drv_open(0);
	struct userq q[4];
	int found = 0;

	for (int i = 0; i < 4; i++)
		userq_init(&q[i], r->fd, r->vm, RING_VA + i * DRV_MIB, USERQ_SHIFT);
	for (uint64_t page = 0; page < 4096; page++)
		found += map_errno(foreign, (q[0].offset & ~(4096ull * 4096 - 1)) + page * DRV_PAGE,
				   SIZE, PROT_READ | PROT_WRITE, MAP_SHARED) == 0;
	tap(!found, "a foreign file finds no queue at 4096 offsets");
	for (int i = 0; i < 4; i++)
		userq_fini(&q[i]);
	close(foreign);
}

int main(void)
{
	struct drv_rig r;

	drv_rig_init(&r, 0);
	what_is_mapped(&r);
	children_have_none(&r);
	parts_go(&r);
	it_outlives_the_queue(&r);
	destroyed_while_it_rings(&r);
	offsets_are_guessed(&r);
	tap(drv_rig_works(&r), "at the end a kernel queue works");
	drv_rig_fini(&r);
	return tap_end();
}
