/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* How much of a card one user may hold. */
#ifndef NPU_QUOTA_H
#define NPU_QUOTA_H

#include <linux/atomic.h>
#include <linux/refcount.h>
#include <linux/uidgid.h>

struct npu_device;

enum npu_quota_kind {
	NPU_QUOTA_CONTEXTS,
	NPU_QUOTA_QUEUES,
	NPU_QUOTA_STREAMS,
	NPU_QUOTA_KINDS
};

/* Of one user on one card; kept by its open files and what they made. */
struct npu_quota {
	struct npu_device *ndev;
	refcount_t count;
	kuid_t uid;
	atomic_t used[NPU_QUOTA_KINDS];
};

/* The quota of the current user; NULL: no memory. */
struct npu_quota *npu_quota_get_current(struct npu_device *ndev);
void npu_quota_put(struct npu_quota *quota);

/*
 * Takes one of a kind, and a reference. False: the user has as many as is
 * allowed and lacks CAP_SYS_RESOURCE.
 */
bool npu_quota_charge(struct npu_quota *quota, enum npu_quota_kind kind);
void npu_quota_uncharge(struct npu_quota *quota, enum npu_quota_kind kind);

#endif /* NPU_QUOTA_H */
