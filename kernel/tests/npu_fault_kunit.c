// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* Fault records: whose they are, and what a card that shows nonsense does. */
#include <drm/npu_accel.h>

#include "../npu_device.h"

static void npu_fault_write(struct npu_device *ndev, u32 reg, u32 value);
/* Registers made of memory do not react to writes: this one does. */
#define npu_write(ndev, reg, value) npu_fault_write(ndev, reg, value)
#include "../npu_fault.c"
#undef npu_write

#include "../npu_queue.h"
#include "npu_kunit.h"

/* The card's FIFO: popping shows one record less, or never ends. */
static struct npu_fault_fifo {
	struct npu_device *ndev;
	unsigned int left;	/* records behind the one that shows; all alike */
	unsigned int pops;
	bool endless;
} npu_fault_fifo;

static void npu_fault_write(struct npu_device *ndev, u32 reg, u32 value)
{
	struct npu_fault_fifo *fifo = &npu_fault_fifo;

	if (ndev != fifo->ndev || reg != NPU_REG_FAULT_INFO || value != NPU_FAULT_POP) {
		npu_write(ndev, reg, value);
		return;
	}
	fifo->pops++;
	if (fifo->endless)
		return;
	if (fifo->left)
		fifo->left--;
	else
		npu_write(ndev, NPU_REG_FAULT_INFO, 0);
}

static void npu_fault_show(struct npu_fake *fake, u32 info, u32 context, u32 queue, u64 va)
{
	npu_fault_fifo = (struct npu_fault_fifo){ .ndev = fake->ndev };
	npu_fake_write_reg(fake, NPU_REG_FAULT_CONTEXT, context);
	npu_fake_write_reg(fake, NPU_REG_FAULT_QUEUE, queue);
	npu_fake_write_reg(fake, NPU_REG_FAULT_VA_LO, lower_32_bits(va));
	npu_fake_write_reg(fake, NPU_REG_FAULT_VA_HI, upper_32_bits(va));
	npu_fake_write_reg(fake, NPU_REG_FAULT_INFO, info);
}

static void npu_fault_state(struct kunit *test, u32 vm, struct drm_npu_vm_get_state *state)
{
	struct npu_fake *fake = test->priv;

	*state = (struct drm_npu_vm_get_state){ .vm = vm };
	KUNIT_ASSERT_EQ(test, npu_vm_get_state_ioctl(&fake->ndev->drm, state, fake->file), 0);
}

static void npu_fault_test_none(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct drm_npu_vm_get_state state;
	u32 vm = npu_fake_vm(fake);

	npu_fault_show(fake, NPU_FAULT_WRITE, 1, 0, 0x1000);
	npu_fault_drain(fake->ndev);
	npu_fault_state(test, vm, &state);
	KUNIT_EXPECT_EQ(test, state.state, 0);
	KUNIT_EXPECT_EQ(test, state.fault_count, 0);
	KUNIT_EXPECT_EQ(test, state.fault_queue, 0);
}

static void npu_fault_test_all_ones(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct drm_npu_vm_get_state state;
	u32 vm = npu_fake_vm(fake);

	npu_fault_show(fake, ~0u, ~0u, ~0u, U64_MAX);
	npu_fault_drain(fake->ndev);
	npu_fault_state(test, vm, &state);
	KUNIT_EXPECT_EQ(test, state.fault_count, 0);
	KUNIT_EXPECT_EQ(test, npu_fault_fifo.pops, 0);
}

static void npu_fault_test_record(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct drm_npu_vm_get_state state;
	u32 vm = npu_fake_vm(fake), queue = npu_fake_queue(fake, vm);
	u32 context = npu_fake_vm_of(fake, vm)->mmu.context;
	u32 number = npu_fake_queue_of(fake, queue)->number;

	npu_fault_show(fake, NPU_FAULT_VALID | NPU_FAULT_WRITE |
		       FIELD_PREP(NPU_FAULT_REASON_MASK, NPU_FAULT_REASON_PERMISSION),
		       context, number, 0x123456789abcULL);
	npu_fault_drain(fake->ndev);
	npu_fault_state(test, vm, &state);
	KUNIT_EXPECT_EQ(test, state.state, DRM_NPU_VM_FAULTED);
	KUNIT_EXPECT_EQ(test, state.fault_count, 1);
	KUNIT_EXPECT_EQ(test, state.fault_va, 0x123456789abcULL);
	KUNIT_EXPECT_EQ(test, state.fault_info, NPU_FAULT_WRITE | NPU_FAULT_REASON_PERMISSION << 8);
	KUNIT_EXPECT_EQ(test, state.fault_queue, queue);
	KUNIT_EXPECT_EQ(test, npu_fault_fifo.pops, 1);
}

static void npu_fault_test_several(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct drm_npu_vm_get_state state;
	u32 vm = npu_fake_vm(fake);

	npu_fault_show(fake, NPU_FAULT_VALID | NPU_FAULT_OVERFLOW, 1, 0, 0x1000);
	npu_fault_fifo.left = 15;
	npu_fault_drain(fake->ndev);
	npu_fault_state(test, vm, &state);
	KUNIT_EXPECT_EQ(test, state.fault_count, 16);
	KUNIT_EXPECT_EQ(test, npu_fault_fifo.pops, 16);
}

/* A card that always has one more holds nobody. */
static void npu_fault_test_endless(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct drm_npu_vm_get_state state;
	u32 vm = npu_fake_vm(fake);

	npu_fault_show(fake, NPU_FAULT_VALID, 1, 0, 0x1000);
	npu_fault_fifo.endless = true;
	npu_fault_drain(fake->ndev);
	npu_fault_state(test, vm, &state);
	KUNIT_EXPECT_EQ(test, state.fault_count, NPU_FAULTS_AT_ONCE);
	npu_fault_fifo.endless = false;
}

/* Bits that have no meaning for the user stay in the kernel. */
static void npu_fault_test_info_masked(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct drm_npu_vm_get_state state;
	u32 vm = npu_fake_vm(fake);

	npu_fault_show(fake, 0xfffffffe, npu_fake_vm_of(fake, vm)->mmu.context, 0, 0);
	npu_fault_drain(fake->ndev);
	npu_fault_state(test, vm, &state);
	KUNIT_EXPECT_EQ(test, state.fault_info, 0xff00);
}

static const u32 npu_fault_contexts[] = { 0, 2, 15, 16, 255, 256, 0x80000000, 0xffffffff };

static void npu_fault_describe_context(const u32 *context, char *text)
{
	snprintf(text, KUNIT_PARAM_DESC_SIZE, "context %u", *context);
}

KUNIT_ARRAY_PARAM(npu_fault_context, npu_fault_contexts, npu_fault_describe_context);

/* A record for nobody, or for one who is gone. */
static void npu_fault_test_foreign(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct drm_npu_vm_get_state state;
	u32 vm = npu_fake_vm(fake);

	KUNIT_ASSERT_EQ(test, npu_fake_vm_of(fake, vm)->mmu.context, 1);
	npu_fault_show(fake, NPU_FAULT_VALID, *(const u32 *)test->param_value, 0, 0x1000);
	npu_fault_drain(fake->ndev);
	npu_fault_state(test, vm, &state);
	KUNIT_EXPECT_EQ(test, state.fault_count, 0);
}

/* A queue that the file has not: no handle, whatever number the card gives. */
static void npu_fault_test_foreign_queue(struct kunit *test)
{
	static const u32 numbers[] = { 1, 15, 16, 511, 512, U32_MAX };
	struct npu_fake *fake = test->priv;
	struct drm_npu_vm_get_state state;
	u32 vm = npu_fake_vm(fake);

	npu_fake_queue(fake, vm);
	for (int i = 0; i < ARRAY_SIZE(numbers); i++) {
		npu_fault_show(fake, NPU_FAULT_VALID, 1, numbers[i], 0x1000);
		npu_fault_drain(fake->ndev);
		npu_fault_state(test, vm, &state);
		KUNIT_EXPECT_EQ(test, state.fault_count, i + 1);
		KUNIT_EXPECT_EQ(test, state.fault_queue, 0);
	}
}

/* The number's next owner starts without a past. */
static void npu_fault_test_next_owner(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct drm_npu_vm_get_state state;
	struct drm_npu_vm_destroy destroy = { .vm = npu_fake_vm(fake) };

	npu_fault_show(fake, NPU_FAULT_VALID, 1, 0, 0x1000);
	KUNIT_ASSERT_EQ(test, npu_vm_destroy_ioctl(&fake->ndev->drm, &destroy, fake->file), 0);
	/* Its records were taken away with it. */
	KUNIT_EXPECT_EQ(test, npu_fake_read_reg(fake, NPU_REG_FAULT_INFO) & NPU_FAULT_VALID, 0);
	destroy.vm = npu_fake_vm(fake);
	KUNIT_ASSERT_EQ(test, npu_fake_vm_of(fake, destroy.vm)->mmu.context, 1);
	npu_fault_state(test, destroy.vm, &state);
	KUNIT_EXPECT_EQ(test, state.fault_count, 0);
}

static void npu_fault_test_unplugged(struct kunit *test)
{
	struct npu_fake *fake = test->priv;

	npu_fault_show(fake, NPU_FAULT_VALID, 1, 0, 0x1000);
	npu_fake_remove(fake);
	npu_fault_drain(fake->ndev);
	KUNIT_EXPECT_NE(test, npu_fake_read_reg(fake, NPU_REG_FAULT_INFO) & NPU_FAULT_VALID, 0);
}

static struct kunit_case npu_fault_cases[] = {
	KUNIT_CASE(npu_fault_test_none),
	KUNIT_CASE(npu_fault_test_all_ones),
	KUNIT_CASE(npu_fault_test_record),
	KUNIT_CASE(npu_fault_test_several),
	KUNIT_CASE(npu_fault_test_endless),
	KUNIT_CASE(npu_fault_test_info_masked),
	KUNIT_CASE_PARAM(npu_fault_test_foreign, npu_fault_context_gen_params),
	KUNIT_CASE(npu_fault_test_foreign_queue),
	KUNIT_CASE(npu_fault_test_next_owner),
	KUNIT_CASE(npu_fault_test_unplugged),
	{}
};

static struct kunit_suite npu_fault_suite = {
	.name = "npu_fault",
	.init = npu_fake_init_live,
	.exit = npu_fake_exit,
	.suite_exit = npu_fake_suite_exit,
	.test_cases = npu_fault_cases,
};

kunit_test_suite(npu_fault_suite);
