/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* System memory within the card's reach, as TTM counts it. */
#ifndef NPU_TTM_SYSTEM_H
#define NPU_TTM_SYSTEM_H

#include <linux/types.h>

struct npu_device;

int npu_ttm_system_init(struct npu_device *ndev, u64 pages);
void npu_ttm_system_fini(struct npu_device *ndev);

#endif /* NPU_TTM_SYSTEM_H */
