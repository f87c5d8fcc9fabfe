/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* Streams: records of fixed size that processes read from a file. */
#ifndef NPU_STREAM_H
#define NPU_STREAM_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

struct drm_device;
struct drm_file;
struct drm_npu_event;
struct npu_device;
struct npu_quota;

#define NPU_STREAM_RECORDS	256

struct npu_stream {
	struct npu_device *ndev;	/* a reference to its DRM device */
	struct npu_quota *quota;	/* charged with this stream */
	struct list_head link;	/* npu_streams.list */
	u32 kind;		/* DRM_NPU_STREAM_* */
	bool all;		/* events of other files too */
	u64 filter;
	u64 client_id;		/* of the file that opened it */
	int generation;		/* likewise */
	u64 period_ns;		/* PERF */
	struct delayed_work sample_work;	/* PERF */
	size_t record_size;
	wait_queue_head_t wait;
	struct mutex read_lock;	/* one reader at a time */

	spinlock_t lock;	/* guards all below */
	u64 sequence;		/* of the next record */
	u32 dropped;		/* since the record put last */
	u64 head, tail;		/* records ever read, put */
	bool ended;		/* none is put any more */
	u8 *records;		/* NPU_STREAM_RECORDS of record_size */
};

/* All streams of a card. */
struct npu_streams {
	struct mutex lock;	/* guards list */
	struct list_head list;	/* npu_stream.link */
	atomic_t events;	/* how many of them want events */
	struct mutex watch_lock;	/* guards all below: what THROTTLE and ECC told last */
	bool known;
	u32 throttle;
	u64 ecc_corrected, ecc_uncorrected;
};

void npu_stream_init_device(struct npu_device *ndev);
/* Puts a record with its sequence and dropped filled in, or counts it as dropped. */
void npu_stream_put(struct npu_stream *stream, void *record, u64 *sequence, u32 *dropped);
/*
 * What is in them can be read; then comes the end of the file. @all: also those
 * that were opened after the last reset.
 */
void npu_stream_end(struct npu_device *ndev, bool all);

int npu_stream_open_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* NPU_STREAM_H */
