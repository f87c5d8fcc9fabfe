/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* Queues: a ring on the card and the scheduler that fills it. */
#ifndef NPU_QUEUE_H
#define NPU_QUEUE_H

#include <linux/dma-fence.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include <drm/gpu_scheduler.h>

#include <npu/npu_packet.h>

struct npu_device;
struct npu_file;
struct npu_vm;
struct npu_vector;
struct npu_queue;

#define NPU_RING_SHIFT		9
#define NPU_RING_PACKETS	BIT(NPU_RING_SHIFT)
#define NPU_RING_SIZE		(NPU_RING_PACKETS * NPU_PACKET_SIZE)
/*
 * What the scheduler may have in the ring. The card retires a packet a moment
 * after the fence that stands in it signals: the rest of the ring is for that.
 */
#define NPU_RING_CREDITS	(NPU_RING_PACKETS / 2)

/*
 * A job's end on the card, the scheduler's "hardware fence". It holds its
 * queue and the module: whoever keeps a job's fence keeps this one too, and
 * with it what the names of both point to.
 */
struct npu_fence {
	struct dma_fence base;
	struct npu_queue *queue;
	struct list_head link;	/* npu_queue.inflight */
	u64 value;		/* what the card writes */
	u64 end;		/* the ring's head when it is retired */
	struct rcu_head rcu;
};

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
	u32 priority;		/* DRM_NPU_PRIORITY_* */

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
	u64 progress;		/* the time-out handler's: seen last */

	spinlock_t lock;	/* guards all below; the fences' lock; taken in interrupts */
	void *memory;		/* ring, control block, fence; NULL when stopped */
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
	/* The last words of the card, for GET_STATE. */
	u32 card_error, card_error_tag, card_error_op;
	u64 card_error_va;
	u64 jobs_done;
	u64 busy_ns, energy_nj;	/* never less than what was seen before */
};

struct npu_fence *npu_fence_create(struct npu_queue *queue);

struct npu_queue *npu_queue_lookup(struct npu_file *nfile, u32 handle);
void npu_queue_get(struct npu_queue *queue);
void npu_queue_put(struct npu_queue *queue);
/* The file's handle of queue @number on the card; 0 for none. */
u32 npu_queue_find_handle(struct npu_file *nfile, u32 number);

/*
 * A reference to the device's first queue with at least number *@number, which
 * is set to it; NULL at the end.
 */
struct npu_queue *npu_queue_next(struct npu_device *ndev, unsigned long *number);
/* Where packet @index stands in the ring. The caller holds queue->lock and has seen memory. */
static inline void *npu_queue_packet(struct npu_queue *queue, u64 index)
{
	return queue->memory + (index % NPU_RING_PACKETS) * NPU_PACKET_SIZE;
}

/* Writes a job's packets and its fence, rings. Returns the error it ends with at once. */
int npu_queue_write(struct npu_queue *queue, struct npu_fence *fence,
		    const struct npu_packet_call *calls, u32 count);
/* Signals what the card has completed. Any context. */
void npu_queue_reap(struct npu_queue *queue);
void npu_queue_reap_vector(struct npu_vector *vector);
/* A job made no progress. False: it did, let it run. */
bool npu_queue_kill_if_stuck(struct npu_queue *queue);

void npu_queue_init_device(struct npu_device *ndev);
/* The card is lost: every job of every queue ends with -ENODEV. */
void npu_queue_abandon_all(struct npu_device *ndev);
/* The driver is being unbound: nothing of any queue is left. */
void npu_queue_stop_all(struct npu_device *ndev);
/*
 * Before sleep: no job starts any more, and none is on the card when it
 * returns 0; one that makes no progress is killed. -EBUSY: one takes too long.
 * Then, with the card as new: makes all queues on it again, empty. Then lets
 * jobs start, also after an error of the first.
 */
int npu_queue_pause_all(struct npu_device *ndev);
int npu_queue_restore_all(struct npu_device *ndev);
void npu_queue_resume_all(struct npu_device *ndev);
void npu_queue_close_file(struct npu_file *nfile);
/* Engine time of the queue so far, ns. */
u64 npu_queue_busy_ns(struct npu_queue *queue);

int npu_queue_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int npu_queue_destroy_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int npu_queue_get_state_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* NPU_QUEUE_H */
