/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* Queues: a ring on the card and the scheduler that fills it. */
#ifndef NPU_QUEUE_H
#define NPU_QUEUE_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include <drm/gpu_scheduler.h>

#include "npu_mmu.h"
#include "npu_ring.h"
#include "npu_stuck.h"

struct drm_device;
struct drm_file;
struct npu_device;
struct npu_file;
struct npu_quota;
struct npu_userq;
struct npu_vm;

/* Ring, then a page with the control block and the fence. */
#define NPU_QUEUE_MEMORY	(NPU_RING_SIZE + PAGE_SIZE)
#define NPU_QUEUE_FENCE_OFFSET	(NPU_RING_SIZE + 512)
/* Each queue has its place in the driver's part of its address space. */
#define NPU_QUEUE_VA(number)	(NPU_MMU_USER_END + (u64)(number) * SZ_128K)

struct npu_queue {
	struct kref kref;	/* handle, fences */
	struct npu_device *ndev;
	struct npu_vm *vm;	/* until npu_queue_stop() */
	struct npu_quota *quota;	/* charged with this queue, until then too */
	u32 number;		/* on the card */
	u32 context;		/* of vm, on the card */
	pid_t pid;		/* who made it, for debugging */
	char comm[TASK_COMM_LEN];
	u32 handle;		/* in its file */
	u64 client_id;		/* of its file, drm_file.client_id */
	u32 vm_handle;		/* of vm, in its file */
	u32 priority;		/* DRM_NPU_PRIORITY_*; card_lock guards it and the next */
	u32 slice_us;		/* 0: the card's default */

	struct npu_userq *user;	/* NULL: a kernel queue */

	/* Of kernel queues. */
	struct drm_gpu_scheduler sched;
	struct drm_sched_entity entity;
	struct mutex submit_lock;	/* jobs enter the entity in order; guards closing */
	bool closing;		/* no job enters any more */
	struct mutex stop_lock;	/* one stop at a time; guards stopped */
	bool stopped;		/* nothing of it is left on the card */
	struct mutex card_lock;	/* held while it is killed or destroyed; guards on_card */
	bool on_card;		/* the number is its own there */
	struct work_struct drain_work;
	struct work_struct free_work;
	struct list_head vector_link;	/* npu_vector.queues */
	u64 fence_context;	/* of npu_fence.base */
	struct npu_stuck stuck;	/* the recovery work queue's */

	spinlock_t lock;	/* guards all below; the fences' lock; taken in interrupts */
	void *memory;		/* ring, control block, fence; NULL when stopped; user: control */
	dma_addr_t dma;
	struct npu_queue_control *control;
	u64 *fence;		/* the card writes it */
	u64 tail;		/* packets ever written */
	u64 emitted;		/* fence value of the job written last */
	u64 completed;		/* fence value seen last */
	u64 fence_seqno;	/* of npu_fence.base */
	struct list_head inflight;	/* npu_fence.link, oldest first */
	struct list_head jobs;	/* npu_job.link: run, not yet freed */
	bool lied;		/* its fence took a value that cannot be: not read again */
	bool lie_handled;
	int error;		/* 0: runs. Else what further jobs end with. */
	u32 state;		/* DRM_NPU_QUEUE_* */
	/* The last words of the card, for GET_STATE. A user queue's own where it can write them. */
	u32 card_error, card_error_tag, card_error_op;
	u64 card_error_va;
	u64 jobs_done;
	u64 busy_ns, energy_nj;	/* never less than what was seen before */
};

struct npu_queue *npu_queue_lookup(struct npu_file *nfile, u32 handle);
void npu_queue_get(struct npu_queue *queue);
void npu_queue_put(struct npu_queue *queue);
/* The handle, in its file, of what is queue @number on the card now; 0: none of @context. */
u32 npu_queue_find_handle(struct npu_device *ndev, u32 context, u32 number);

/*
 * A reference to the device's first queue with at least number *@number, which
 * is set to it; NULL at the end.
 */
struct npu_queue *npu_queue_next(struct npu_device *ndev, unsigned long *number);

void npu_queue_init_device(struct npu_device *ndev);
/* The driver is being unbound: nothing of any queue is left. */
void npu_queue_stop_all(struct npu_device *ndev);
/* Makes a queue that has its memory mapped on the card; a user queue: suspended. */
int npu_queue_create_on_card(struct npu_queue *queue);
void npu_queue_close_file(struct npu_file *nfile);
/* Engine time of the queue so far, ns. */
u64 npu_queue_busy_ns(struct npu_queue *queue);

int npu_queue_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int npu_queue_destroy_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int npu_queue_get_state_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* NPU_QUEUE_H */
