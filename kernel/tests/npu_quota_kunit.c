// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* Quotas: what one user may hold, with and without privilege. */
#include "../npu_quota.c"

#include <drm/npu_accel.h>

#include "../npu_queue.h"
#include "../npu_vm.h"
#include "npu_kunit.h"

#define ALICE KUIDT_INIT(1001)
#define BOB KUIDT_INIT(1002)

/* Another user, without capabilities, until npu_quota_be_root(). */
static const struct cred *npu_quota_become(struct kunit *test, kuid_t uid)
{
	struct cred *cred = prepare_creds();

	KUNIT_ASSERT_NOT_NULL(test, cred);
	cred->euid = uid;
	cap_clear(cred->cap_effective);
	return override_creds(cred);
}

static void npu_quota_be_root(const struct cred *old)
{
	put_cred(revert_creds(old));
}

static unsigned int npu_quota_fill(struct npu_quota *quota, enum npu_quota_kind kind,
				   unsigned int count)
{
	unsigned int n = 0;

	while (n < count && npu_quota_charge(quota, kind))
		n++;
	return n;
}

static void npu_quota_drop(struct npu_quota *quota, enum npu_quota_kind kind, unsigned int count)
{
	while (count--)
		npu_quota_uncharge(quota, kind);
}

static void npu_quota_test_shared(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct npu_quota *a = npu_quota_get_current(fake->ndev);
	struct npu_quota *b = npu_quota_get_current(fake->ndev);

	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_EXPECT_PTR_EQ(test, a, b);
	KUNIT_EXPECT_PTR_EQ(test, a, fake->nfile->quota);
	npu_quota_put(a);
	npu_quota_put(b);
}

static void npu_quota_test_per_user(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	const struct cred *old = npu_quota_become(test, ALICE);
	struct npu_quota *alice = npu_quota_get_current(fake->ndev), *bob;

	npu_quota_be_root(old);
	old = npu_quota_become(test, BOB);
	bob = npu_quota_get_current(fake->ndev);
	npu_quota_be_root(old);
	KUNIT_ASSERT_NOT_NULL(test, alice);
	KUNIT_ASSERT_NOT_NULL(test, bob);
	KUNIT_EXPECT_PTR_NE(test, alice, bob);
	KUNIT_EXPECT_PTR_NE(test, alice, fake->nfile->quota);
	KUNIT_EXPECT_TRUE(test, uid_eq(alice->uid, ALICE));
	npu_quota_put(alice);
	npu_quota_put(bob);
}

/* The last reference takes it away; the next one is new. */
static void npu_quota_test_freed(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	const struct cred *old = npu_quota_become(test, ALICE);
	struct npu_quota *quota = npu_quota_get_current(fake->ndev);

	KUNIT_ASSERT_NOT_NULL(test, quota);
	KUNIT_EXPECT_PTR_EQ(test, xa_load(&fake->ndev->quotas, 1001), quota);
	npu_quota_put(quota);
	KUNIT_EXPECT_NULL(test, xa_load(&fake->ndev->quotas, 1001));
	npu_quota_be_root(old);
}

/* What a user made keeps the count of it, also when no file is open any more. */
static void npu_quota_test_outlives_files(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	const struct cred *old = npu_quota_become(test, ALICE);
	struct npu_quota *quota = npu_quota_get_current(fake->ndev);

	KUNIT_ASSERT_NOT_NULL(test, quota);
	KUNIT_EXPECT_TRUE(test, npu_quota_charge(quota, NPU_QUOTA_QUEUES));
	npu_quota_put(quota);
	KUNIT_EXPECT_PTR_EQ(test, npu_quota_get_current(fake->ndev), quota);
	KUNIT_EXPECT_EQ(test, atomic_read(&quota->used[NPU_QUOTA_QUEUES]), 1);
	npu_quota_put(quota);
	npu_quota_uncharge(quota, NPU_QUOTA_QUEUES);
	KUNIT_EXPECT_NULL(test, xa_load(&fake->ndev->quotas, 1001));
	npu_quota_be_root(old);
}

static const enum npu_quota_kind npu_quota_kinds[] = { NPU_QUOTA_CONTEXTS, NPU_QUOTA_QUEUES };

static void npu_quota_describe_kind(const enum npu_quota_kind *kind, char *text)
{
	strscpy(text, *kind == NPU_QUOTA_CONTEXTS ? "contexts" : "queues", KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(npu_quota_kind, npu_quota_kinds, npu_quota_describe_kind);

static void npu_quota_test_limit(struct kunit *test)
{
	const enum npu_quota_kind kind = *(const enum npu_quota_kind *)test->param_value;
	const unsigned int limit = npu_quota_limits[kind];
	struct npu_fake *fake = test->priv;
	const struct cred *old = npu_quota_become(test, ALICE);
	struct npu_quota *quota = npu_quota_get_current(fake->ndev);

	KUNIT_ASSERT_NOT_NULL(test, quota);
	KUNIT_EXPECT_EQ(test, npu_quota_fill(quota, kind, 2 * limit), limit);
	/* Being refused costs nothing. */
	KUNIT_EXPECT_EQ(test, atomic_read(&quota->used[kind]), limit);
	KUNIT_EXPECT_FALSE(test, npu_quota_charge(quota, kind));
	npu_quota_uncharge(quota, kind);
	KUNIT_EXPECT_TRUE(test, npu_quota_charge(quota, kind));
	KUNIT_EXPECT_FALSE(test, npu_quota_charge(quota, kind));
	npu_quota_drop(quota, kind, limit);
	KUNIT_EXPECT_EQ(test, atomic_read(&quota->used[kind]), 0);
	npu_quota_put(quota);
	npu_quota_be_root(old);
}

static void npu_quota_test_kinds_apart(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	const struct cred *old = npu_quota_become(test, ALICE);
	struct npu_quota *quota = npu_quota_get_current(fake->ndev);
	unsigned int n;

	KUNIT_ASSERT_NOT_NULL(test, quota);
	n = npu_quota_fill(quota, NPU_QUOTA_CONTEXTS, UINT_MAX);
	KUNIT_EXPECT_TRUE(test, npu_quota_charge(quota, NPU_QUOTA_QUEUES));
	npu_quota_uncharge(quota, NPU_QUOTA_QUEUES);
	npu_quota_drop(quota, NPU_QUOTA_CONTEXTS, n);
	npu_quota_put(quota);
	npu_quota_be_root(old);
}

static void npu_quota_test_users_apart(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	const struct cred *old = npu_quota_become(test, ALICE);
	struct npu_quota *alice = npu_quota_get_current(fake->ndev), *bob;
	unsigned int n = npu_quota_fill(alice, NPU_QUOTA_QUEUES, UINT_MAX);

	npu_quota_be_root(old);
	old = npu_quota_become(test, BOB);
	bob = npu_quota_get_current(fake->ndev);
	KUNIT_ASSERT_NOT_NULL(test, bob);
	KUNIT_EXPECT_TRUE(test, npu_quota_charge(bob, NPU_QUOTA_QUEUES));
	npu_quota_uncharge(bob, NPU_QUOTA_QUEUES);
	npu_quota_drop(alice, NPU_QUOTA_QUEUES, n);
	npu_quota_put(alice);
	npu_quota_put(bob);
	npu_quota_be_root(old);
}

/* CAP_SYS_RESOURCE goes on, and its use is counted all the same. */
static void npu_quota_test_privileged(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct npu_quota *quota = fake->nfile->quota;
	const unsigned int count = 2 * npu_quota_limits[NPU_QUOTA_QUEUES];

	KUNIT_EXPECT_EQ(test, npu_quota_fill(quota, NPU_QUOTA_QUEUES, count), count);
	KUNIT_EXPECT_EQ(test, atomic_read(&quota->used[NPU_QUOTA_QUEUES]), count);
	npu_quota_drop(quota, NPU_QUOTA_QUEUES, count);
}

/* The parameter takes effect at once, also below what is in use. */
static void npu_quota_test_lowered(struct kunit *test)
{
	const unsigned int limit = npu_quota_limits[NPU_QUOTA_QUEUES];
	struct npu_fake *fake = test->priv;
	const struct cred *old = npu_quota_become(test, ALICE);
	struct npu_quota *quota = npu_quota_get_current(fake->ndev);

	KUNIT_ASSERT_NOT_NULL(test, quota);
	KUNIT_EXPECT_EQ(test, npu_quota_fill(quota, NPU_QUOTA_QUEUES, 3), 3);
	npu_quota_limits[NPU_QUOTA_QUEUES] = 2;
	KUNIT_EXPECT_FALSE(test, npu_quota_charge(quota, NPU_QUOTA_QUEUES));
	npu_quota_limits[NPU_QUOTA_QUEUES] = 0;
	npu_quota_drop(quota, NPU_QUOTA_QUEUES, 3);
	KUNIT_EXPECT_FALSE(test, npu_quota_charge(quota, NPU_QUOTA_QUEUES));
	npu_quota_limits[NPU_QUOTA_QUEUES] = limit;
	npu_quota_put(quota);
	npu_quota_be_root(old);
}

/* What a refused VM_CREATE or QUEUE_CREATE had charged is given back. */
static void npu_quota_test_create_fails(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct npu_quota *quota = fake->nfile->quota;
	struct drm_npu_queue_create queue = { .vm = npu_fake_vm(fake) };
	struct drm_npu_vm_create vm = {};

	KUNIT_EXPECT_EQ(test, atomic_read(&quota->used[NPU_QUOTA_CONTEXTS]), 1);
	fake->status[NPU_ADMIN_CONTEXT_CREATE] = NPU_ADMIN_STATUS_INVALID;
	KUNIT_EXPECT_EQ(test, npu_vm_create_ioctl(&fake->ndev->drm, &vm, fake->file), -EIO);
	KUNIT_EXPECT_EQ(test, atomic_read(&quota->used[NPU_QUOTA_CONTEXTS]), 1);
	fake->status[NPU_ADMIN_QUEUE_CREATE] = NPU_ADMIN_STATUS_INVALID;
	KUNIT_EXPECT_EQ(test, npu_queue_create_ioctl(&fake->ndev->drm, &queue, fake->file), -EIO);
	KUNIT_EXPECT_EQ(test, atomic_read(&quota->used[NPU_QUOTA_QUEUES]), 0);
}

static struct kunit_case npu_quota_cases[] = {
	KUNIT_CASE(npu_quota_test_shared),
	KUNIT_CASE(npu_quota_test_per_user),
	KUNIT_CASE(npu_quota_test_freed),
	KUNIT_CASE(npu_quota_test_outlives_files),
	KUNIT_CASE_PARAM(npu_quota_test_limit, npu_quota_kind_gen_params),
	KUNIT_CASE(npu_quota_test_kinds_apart),
	KUNIT_CASE(npu_quota_test_users_apart),
	KUNIT_CASE(npu_quota_test_privileged),
	KUNIT_CASE(npu_quota_test_lowered),
	KUNIT_CASE(npu_quota_test_create_fails),
	{}
};

static struct kunit_suite npu_quota_suite = {
	.name = "npu_quota",
	.init = npu_fake_init_live,
	.exit = npu_fake_exit,
	.suite_exit = npu_fake_suite_exit,
	.test_cases = npu_quota_cases,
};

kunit_test_suite(npu_quota_suite);
