/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* MMU faults of programs and packets. */
#ifndef NPU_FAULT_H
#define NPU_FAULT_H

struct npu_device;

/* Takes the card's fault records and gives them to their address spaces. */
void npu_fault_drain(struct npu_device *ndev);

#endif /* NPU_FAULT_H */
