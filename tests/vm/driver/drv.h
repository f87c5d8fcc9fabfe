/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * The driver's ioctls for tests: each drv_* returns 0 or -errno and checks
 * nothing, so that wrong arguments get through. drv_open() and the rig end the
 * program when what every test stands on does not work.
 */
#ifndef TESTS_VM_DRV_H
#define TESTS_VM_DRV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <drm/npu_accel.h>
#include <npu/npu_packet.h>

#include "../programs/tap.h"

#define DRV_PAGE	4096u
#define DRV_MIB		(1ull << 20)
#define DRV_SECOND	1000000000ll

int drv_open(unsigned int card);	/* /dev/accel/accelN */
int drv_ioctl(int fd, unsigned long request, void *arg);
int64_t drv_now(void);	/* CLOCK_MONOTONIC, ns */

/* Buffers */
int drv_bo_create(int fd, uint64_t size, uint32_t placement, uint32_t flags, uint32_t vm,
		  uint32_t *handle);
int drv_bo_info(int fd, uint32_t handle, struct drm_npu_bo_info *info);
int drv_bo_close(int fd, uint32_t handle);
void *drv_bo_map(int fd, uint32_t handle);	/* MAP_FAILED and errno */
/* Bytes in use of a region, of all clients. */
uint64_t drv_memory_used(int fd, uint32_t region);
uint64_t drv_memory_size(int fd, uint32_t region);

/* Address spaces */
int drv_vm_create(int fd, uint32_t *vm);
int drv_vm_destroy(int fd, uint32_t vm);
int drv_vm_map(int fd, uint32_t vm, uint64_t va, uint64_t size, uint32_t bo, uint64_t offset,
	       uint32_t flags);
int drv_vm_unmap(int fd, uint32_t vm, uint64_t va, uint64_t size);
/* Several operations; queued behind and before syncobjs. */
int drv_vm_bind(int fd, uint32_t vm, const struct drm_npu_vm_op *ops, uint32_t count);
int drv_vm_bind_async(int fd, uint32_t vm, const struct drm_npu_vm_op *ops, uint32_t count,
		      const struct drm_npu_sync *syncs, uint32_t sync_count);
int drv_vm_state(int fd, uint32_t vm, struct drm_npu_vm_get_state *state);

/* Queues and jobs */
int drv_queue_create(int fd, uint32_t vm, uint32_t priority, uint32_t *queue);
int drv_queue_destroy(int fd, uint32_t queue);
int drv_queue_state(int fd, uint32_t queue, struct drm_npu_queue_get_state *state);
/* One command buffer, at most one binary syncobj each way (0: none). */
int drv_exec(int fd, uint32_t queue, uint64_t va, uint32_t count, uint32_t wait, uint32_t signal);
/* Command buffers and syncobjs as they come. */
int drv_exec_array(int fd, uint32_t queue, const struct drm_npu_command *commands,
		   uint32_t command_count, const struct drm_npu_sync *syncs, uint32_t sync_count);
int drv_syncobj(int fd, uint32_t *handle);
/* Waits at most @timeout ns from now: 0, -ETIME, or what the fence ended with. */
int drv_wait(int fd, uint32_t syncobj, int64_t timeout);

/* Packets, written to where `p` points */
void drv_packet_copy(void *p, uint64_t destination, uint64_t source, uint64_t size);
void drv_packet_fill(void *p, uint64_t destination, uint64_t size, uint32_t pattern);
void drv_packet_signal(void *p, uint64_t address, uint64_t value);
/* Never ends unless somebody writes value to address. */
void drv_packet_wait(void *p, uint64_t address, uint64_t value);

/*
 * What most tests need: a VM, a queue, a system-memory buffer `data` and a
 * page of packets, both mapped in the VM and here.
 */
#define RIG_PACKETS_VA	0x10000000ull
#define RIG_DATA_VA	0x20000000ull
#define RIG_DATA_SIZE	DRV_MIB

struct drv_rig {
	int fd;
	uint32_t vm;
	uint32_t queue;
	uint32_t packets_bo;
	uint32_t data_bo;
	uint8_t *packets;	/* DRV_PAGE bytes: 64 packets */
	uint8_t *data;
	uint32_t syncobj;
};

void drv_rig_init(struct drv_rig *rig, unsigned int card);
void drv_rig_fini(struct drv_rig *rig);
/* Runs the first `count` packets and waits 10 s; what the fence ended with. */
int drv_rig_run(struct drv_rig *rig, uint32_t count);
/* A fill of the whole data buffer gives what it should. */
bool drv_rig_works(struct drv_rig *rig);

#endif /* TESTS_VM_DRV_H */
