/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* User queues and fences: USERQ_SIGNAL, USERQ_WAIT, WAIT_USER_FENCE. */
#ifndef NPU_USERQ_SYNC_H
#define NPU_USERQ_SYNC_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct drm_device;
struct drm_file;
struct npu_userq;

struct npu_userq_sync {
	/* Fences that USERQ_SIGNAL has made: npu_queue.inflight. */
	struct delayed_work watch_work;	/* on the recovery work queue while there are any */
	bool watch_fresh;	/* what it has seen is of the time before */

	/* What USERQ_WAIT waits for. */
	u64 issued;		/* values given out; npu_queue.submit_lock guards it */
	spinlock_t lock;	/* guards all below; taken where others' fences signal; a leaf */
	struct list_head waits;	/* struct npu_userq_wait, by value */
	struct list_head done;	/* to be freed */
	unsigned int count;	/* in waits */
	u64 reached;		/* all up to this value have signalled */
	u64 *word;		/* in the control page; NULL: it goes away, nothing moves */
	struct work_struct free_work;
};

void npu_userq_sync_init(struct npu_userq *user);
/* The queue is closed: waits for nothing any more. */
void npu_userq_sync_stop(struct npu_userq *user);
/* System sleep. */
void npu_userq_sync_pause(struct npu_userq *user);
void npu_userq_sync_unpause(struct npu_userq *user);

int npu_userq_signal_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int npu_userq_wait_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int npu_wait_user_fence_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* NPU_USERQ_SYNC_H */
