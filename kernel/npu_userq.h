/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* User queues: what a queue has whose ring and doorbell the process writes. */
#ifndef NPU_USERQ_H
#define NPU_USERQ_H

#include <linux/dma-fence.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <drm/drm_vma_manager.h>
#include <drm/npu_accel.h>

#include <npu/npu_packet.h>

#include "npu_userq_sync.h"

struct drm_file;
struct drm_gem_object;
struct npu_queue;
struct npu_vm;

struct npu_userq {
	struct npu_queue *queue;
	u64 ring_va;
	u8 ring_shift;
	struct list_head vm_link;	/* npu_vm.userqs; the VM's reservation guards it */

	/* The mapping (npu_doorbell.c). */
	struct drm_vma_offset_node node;
	unsigned long pgoff;	/* of node, also when that is gone */
	struct drm_file *file;	/* which may map it; NULL: nobody */
	struct mutex map_lock;	/* guards all below; taken in page faults */
	struct page *control_page;	/* NULL: the queue has left the card */
	bool open;		/* the doorbell may be mapped */
	struct page *after[2];	/* what stands there afterwards: doorbell and wake, control */
	struct npu_queue_control last_words;

	/* Suspending and resuming (npu_userq.c). */
	wait_queue_head_t wait;	/* woken by interrupts, and when it opens or ends */
	struct work_struct preempt_work;
	struct delayed_work attend_work;
	bool wanted;		/* somebody rings: run it also if its ring looks empty */
	ktime_t wanted_since;	/* attend_work's: 0 unless it tries in vain */
	bool paused;		/* system sleep: attend_work does nothing */
	u64 preempt_context;	/* of the preempt fences */
	u64 preempt_seqno;

	struct npu_userq_sync sync;

	/* npu_queue.card_lock guards these. */
	bool running;		/* neither suspended nor off the card */
	ktime_t resumed_at;
	u64 head;		/* where it was suspended */
	u32 call;
	u64 tail;		/* sleep: what the doorbell said */
	u64 busy_base, energy_base;	/* ns, nJ: of its lives before this one */

	struct dma_fence *preempt;	/* NULL while suspended; npu_queue.lock guards it */
};

int npu_userq_create(struct npu_queue *queue, u64 ring_va, u32 ring_shift);
/* The other way, for a queue that nobody has seen or that is stopped. */
void npu_userq_free(struct npu_queue *queue);
/* Everybody may see it from here on; for QUEUE_CREATE's answer. */
int npu_userq_publish(struct npu_queue *queue, struct drm_file *file);
/*
 * The queue is closed: nothing of it starts on the card any more. Then, with
 * the card off it: nobody maps or waits for anything of it; its control page
 * can be freed.
 */
void npu_userq_stop_begin(struct npu_queue *queue);
void npu_userq_stop_end(struct npu_queue *queue);
/* Its control page, unmapped everywhere. */
void npu_userq_free_memory(struct npu_queue *queue, void *memory);

/* Signals what the card has completed, wakes who waits. The caller holds queue->lock. */
void npu_userq_reap_locked(struct npu_queue *queue);
/* The queue will not run again: its memory may move, who waits gives up. */
void npu_userq_ended(struct npu_queue *queue);
/* Asks the card what the queue has used; the control page is the process's to write. */
void npu_userq_refresh(struct npu_queue *queue);
/* What its doorbell says. The queue has not been stopped. */
u64 npu_userq_tail(struct npu_queue *queue);
/* The card says that it has stopped the queue. */
bool npu_userq_is_stopped(struct npu_queue *queue);

/* Has it run, in time; @wanted: whatever its ring says. */
void npu_userq_kick(struct npu_userq *user, bool wanted);
/*
 * A buffer is being mapped into @vm, whose reservations the caller holds: it
 * stays where it is until the VM's queues have been suspended. First room for
 * the fences, which can fail.
 */
int npu_userq_prepare_bo(struct npu_vm *vm, struct drm_gem_object *obj);
void npu_userq_add_bo(struct npu_vm *vm, struct drm_gem_object *obj);

/* System sleep: stands still and is closed when it returns; goes on. */
void npu_userq_pause(struct npu_queue *queue);
void npu_userq_restore(struct npu_queue *queue);
void npu_userq_unpause(struct npu_queue *queue);

#endif /* NPU_USERQ_H */
