/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* What buffers may take of the system's memory. */
#ifndef NPU_BUDGET_H
#define NPU_BUDGET_H

#include <linux/types.h>

struct npu_device;

/* Bytes of a card's buffers; npu_budget.c has the lock. */
struct npu_budget {
	u64 system;	/* that are in system memory only */
	u64 device;	/* that may be in device memory */
};

/* A buffer is about to be made. False: there is no room for it. */
bool npu_budget_charge(struct npu_device *ndev, u32 placement, u64 size);
void npu_budget_uncharge(struct npu_device *ndev, u32 placement, u64 size);

#endif /* NPU_BUDGET_H */
