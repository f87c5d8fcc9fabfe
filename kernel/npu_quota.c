// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * Quotas. A card has a few hundred contexts and queues; without a limit, the
 * first user who loops over VM_CREATE keeps everybody else out.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "npu_device.h"
#include "npu_quota.h"

static unsigned int npu_quota_limits[NPU_QUOTA_KINDS] = {
	[NPU_QUOTA_CONTEXTS] = 64,
	[NPU_QUOTA_QUEUES] = 128,
	[NPU_QUOTA_STREAMS] = 64,
};
module_param_named(contexts_per_user, npu_quota_limits[NPU_QUOTA_CONTEXTS], uint, 0644);
MODULE_PARM_DESC(contexts_per_user,
		 "address spaces that one user may have on a card, without CAP_SYS_RESOURCE [64]");
module_param_named(queues_per_user, npu_quota_limits[NPU_QUOTA_QUEUES], uint, 0644);
MODULE_PARM_DESC(queues_per_user,
		 "queues that one user may have on a card, without CAP_SYS_RESOURCE [128]");
module_param_named(streams_per_user, npu_quota_limits[NPU_QUOTA_STREAMS], uint, 0644);
MODULE_PARM_DESC(streams_per_user,
		 "streams that one user may have of a card, without CAP_SYS_RESOURCE [64]");

struct npu_quota *npu_quota_get_current(struct npu_device *ndev)
{
	kuid_t uid = current_euid();
	struct npu_quota *quota, *old;

	/* The lock also keeps the count of what is found above zero. */
	guard(mutex)(&ndev->quota_lock);
	quota = xa_load(&ndev->quotas, __kuid_val(uid));
	if (quota) {
		refcount_inc(&quota->count);
		return quota;
	}
	quota = kzalloc(sizeof(*quota), GFP_KERNEL_ACCOUNT);
	if (!quota)
		return NULL;
	quota->ndev = ndev;
	quota->uid = uid;
	refcount_set(&quota->count, 1);
	old = xa_store(&ndev->quotas, __kuid_val(uid), quota, GFP_KERNEL_ACCOUNT);
	if (xa_is_err(old)) {
		kfree(quota);
		return NULL;
	}
	return quota;
}

void npu_quota_put(struct npu_quota *quota)
{
	struct npu_device *ndev = quota->ndev;

	if (!refcount_dec_and_mutex_lock(&quota->count, &ndev->quota_lock))
		return;
	xa_erase(&ndev->quotas, __kuid_val(quota->uid));
	mutex_unlock(&ndev->quota_lock);
	kfree(quota);
}

bool npu_quota_charge(struct npu_quota *quota, enum npu_quota_kind kind)
{
	unsigned int limit = READ_ONCE(npu_quota_limits[kind]);

	if (atomic_inc_return(&quota->used[kind]) > limit && !capable(CAP_SYS_RESOURCE)) {
		atomic_dec(&quota->used[kind]);
		return false;
	}
	refcount_inc(&quota->count);
	return true;
}

void npu_quota_uncharge(struct npu_quota *quota, enum npu_quota_kind kind)
{
	atomic_dec(&quota->used[kind]);
	npu_quota_put(quota);
}
