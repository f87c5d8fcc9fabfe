// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "userq.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PACKET 64u

int userq_create_raw(int fd, uint32_t vm, struct drm_npu_queue_create *args)
{
	args->vm = vm;
	args->flags |= DRM_NPU_QUEUE_USER;
	return drv_ioctl(fd, DRM_IOCTL_NPU_QUEUE_CREATE, args);
}

void userq_init(struct userq *q, int fd, uint32_t vm, uint64_t ring_va, uint32_t shift)
{
	struct drm_npu_queue_create args = {
		.priority = DRM_NPU_PRIORITY_NORMAL, .ring_va = ring_va, .ring_shift = shift,
	};
	const uint64_t size = (PACKET << shift) < DRV_PAGE ? DRV_PAGE : PACKET << shift;

	memset(q, 0, sizeof(*q));
	q->fd = fd;
	q->vm = vm;
	q->shift = shift;
	q->ring_va = ring_va;
	if (drv_bo_create(fd, size, DRM_NPU_MEMORY_SYSTEM, DRM_NPU_BO_CPU_VISIBLE, vm,
			  &q->ring_bo) ||
	    drv_vm_map(fd, vm, ring_va, size, q->ring_bo, 0, 0) ||
	    userq_create_raw(fd, vm, &args))
		tap_bail("no user queue: %s", strerror(errno));
	q->queue = args.queue;
	q->control_va = args.control_va;
	q->offset = args.mmap_offset;
	q->ring = drv_bo_map(fd, q->ring_bo);
	q->map = mmap(NULL, DRM_NPU_USERQ_PAGES * DRV_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		      (off_t)q->offset);
	if (q->ring == MAP_FAILED || q->map == MAP_FAILED)
		tap_bail("cannot map a user queue: %s", strerror(errno));
	q->doorbell = (volatile uint64_t *)(q->map + DRM_NPU_USERQ_DOORBELL * DRV_PAGE);
	q->wake = (volatile uint32_t *)(q->map + DRM_NPU_USERQ_WAKE * DRV_PAGE);
	q->control = (volatile struct npu_queue_control *)(q->map +
							   DRM_NPU_USERQ_CONTROL * DRV_PAGE);
}

void userq_fini(struct userq *q)
{
	const uint64_t size = (PACKET << q->shift) < DRV_PAGE ? DRV_PAGE : PACKET << q->shift;

	munmap(q->map, DRM_NPU_USERQ_PAGES * DRV_PAGE);
	munmap(q->ring, size);
	drv_queue_destroy(q->fd, q->queue);
	drv_vm_unmap(q->fd, q->vm, q->ring_va, size);
	drv_bo_close(q->fd, q->ring_bo);
}

void userq_put(struct userq *q, const void *packet)
{
	memcpy(q->ring + (q->tail++ & ((1u << q->shift) - 1)) * PACKET, packet, PACKET);
}

void userq_ring(struct userq *q)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*q->doorbell = q->tail;
	/* The store has arrived when it can be read; only then need_wake counts. */
	(void)*q->doorbell;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (q->control->need_wake)
		*q->wake = 1;
}

bool userq_wait_head(struct userq *q, uint64_t index, int ms)
{
	const int64_t end = drv_now() + ms * 1000000ll;

	while (q->control->head < index) {
		if (drv_now() > end || q->control->state == NPU_QUEUE_STATE_STOPPED)
			return false;
		usleep(100);
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return true;
}

bool userq_run(struct userq *q, const void *packet)
{
	userq_put(q, packet);
	userq_ring(q);
	return userq_wait_head(q, q->tail, 10000);
}

bool userq_works(struct userq *q, struct drv_rig *rig)
{
	static uint32_t pattern = 0x17000001;
	uint8_t packet[PACKET];

	pattern += 0x01030507;
	drv_packet_fill(packet, RIG_DATA_VA, RIG_DATA_SIZE, pattern);
	if (!userq_run(q, packet))
		return false;
	for (size_t i = 0; i < RIG_DATA_SIZE; i += sizeof(pattern))
		if (memcmp(rig->data + i, &pattern, sizeof(pattern)))
			return false;
	return true;
}

uint32_t userq_state(struct userq *q)
{
	struct drm_npu_queue_get_state state;

	return drv_queue_state(q->fd, q->queue, &state) ? ~0u : state.state;
}
