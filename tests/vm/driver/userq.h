/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* User queues for tests: what a process does that writes its own ring. */
#ifndef TESTS_VM_USERQ_H
#define TESTS_VM_USERQ_H

#include <stdbool.h>
#include <stdint.h>

#include "drv.h"

#define USERQ_SHIFT	6	/* 64 packets */

struct userq {
	int fd;
	uint32_t vm;
	uint32_t queue;
	uint32_t ring_bo;
	uint32_t shift;
	uint64_t ring_va;
	uint8_t *ring;
	uint8_t *map;		/* doorbell, wake, control */
	volatile uint64_t *doorbell;
	volatile uint32_t *wake;
	volatile struct npu_queue_control *control;
	uint64_t control_va;
	uint64_t offset;	/* for mmap(2) */
	uint64_t tail;
};

/* QUEUE_CREATE with what is in @args but vm and flags. 0 or -errno. */
int userq_create_raw(int fd, uint32_t vm, struct drm_npu_queue_create *args);
/* A queue with a ring of its own at @ring_va; ends the program when there is none. */
void userq_init(struct userq *q, int fd, uint32_t vm, uint64_t ring_va, uint32_t shift);
/* Unmaps and destroys what is left. */
void userq_fini(struct userq *q);
/* Writes a packet where the tail is; the caller knows that there is room. */
void userq_put(struct userq *q, const void *packet);
/* Tells the card. */
void userq_ring(struct userq *q);
/* Until head has reached @index; false after @ms or when the queue stopped. */
bool userq_wait_head(struct userq *q, uint64_t index, int ms);
/* Puts it, rings, waits 10 s. */
bool userq_run(struct userq *q, const void *packet);
/* A fill of the rig's data through the queue gives what it should. */
bool userq_works(struct userq *q, struct drv_rig *rig);
uint32_t userq_state(struct userq *q);	/* DRM_NPU_QUEUE_*; ~0: no such queue */

#endif /* TESTS_VM_USERQ_H */
