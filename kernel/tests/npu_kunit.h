/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/*
 * KUnit suites. Built with NPU_KUNIT=1, npu.ko holds kernel/tests/X_kunit.c
 * in place of each X.c that has one; the suite includes the file that it
 * tests, and so reaches its static functions.
 *
 * Below is a card that is made of memory: what the driver has after probe,
 * without a PCI function. Registers keep what is written to them. A thread
 * plays the firmware, or a test answers by itself.
 */
#ifndef NPU_KUNIT_H
#define NPU_KUNIT_H

#include <kunit/test.h>

#include <drm/npu_accel.h>

#include "../npu_device.h"

struct npu_mmu;
struct npu_queue;
struct npu_vm;

#define NPU_FAKE_MEMORY		SZ_8M
#define NPU_FAKE_QUEUES		16	/* for processes */
#define NPU_FAKE_CONTEXTS	16
#define NPU_FAKE_COMMANDS	16	/* NPU_ADMIN_* */

struct npu_fake {
	struct kunit *test;
	struct device *dev;	/* of pdev */
	struct pci_dev *pdev;
	struct npu_device *ndev;
	struct drm_file *file;
	struct npu_file *nfile;	/* of file */
	u8 *regs;
	u8 *doorbells;
	u8 *memory;
	bool released;		/* the DRM device's memory is free */
	bool gone;		/* the test has unbound it */

	/* The firmware: what it does and has seen. Set before it is needed. */
	struct task_struct *firmware;
	u32 served;		/* commands taken from the ring */
	u32 completed;		/* completions written */
	bool silent;		/* it answers nothing */
	u8 status[NPU_FAKE_COMMANDS];	/* what a command ends with */
	u8 result[NPU_FAKE_COMMANDS][56];	/* its completion's payload */
	atomic_t seen[NPU_FAKE_COMMANDS];
	struct npu_admin_command last[NPU_FAKE_COMMANDS];
	/* What it writes to memory before it answers. */
	void (*effect)(struct npu_fake *fake, const struct npu_admin_command *command);
};

/* For suites' init: test->priv is the fake. The firmware is not running. */
int npu_fake_init(struct kunit *test);
/* The same, with the firmware running. */
int npu_fake_init_live(struct kunit *test);
/* For suites' exit: unbinds; fails the test if anything keeps the device. */
void npu_fake_exit(struct kunit *test);

/* For suites' suite_exit: frees what their cards were made of. */
void npu_fake_suite_exit(struct kunit_suite *suite);

/* What npu_pci_remove() does from step 2 on. npu_fake_exit() does it otherwise. */
void npu_fake_remove(struct npu_fake *fake);

void npu_fake_write_reg(struct npu_fake *fake, u32 reg, u32 value);
u32 npu_fake_read_reg(struct npu_fake *fake, u32 reg);
/* Writes the next completion, as it comes; tells nobody. */
void npu_fake_complete(struct npu_fake *fake, u16 tag, u8 status, const void *payload,
		       size_t size);

/* A buffer's handle; a failure ends the test. */
u32 npu_fake_bo(struct npu_fake *fake, u64 size, u32 placement);
u32 npu_fake_vm(struct npu_fake *fake);
u32 npu_fake_queue(struct npu_fake *fake, u32 vm);
/* One operation of VM_BIND; what the ioctl returns. */
int npu_fake_bind(struct npu_fake *fake, u32 vm, const struct drm_npu_vm_op *op);
/* The objects themselves, borrowed from their handles. */
struct npu_vm *npu_fake_vm_of(struct npu_fake *fake, u32 handle);
struct npu_queue *npu_fake_queue_of(struct npu_fake *fake, u32 handle);

/* The leaf that translates @va, with the address of its 4 KiB page; 0: none. */
u64 npu_kunit_walk(struct kunit *test, struct npu_mmu *mmu, u64 va);

/* @size bytes of the test's own user memory. */
void __user *npu_kunit_user(struct kunit *test, size_t size);

#endif /* NPU_KUNIT_H */
