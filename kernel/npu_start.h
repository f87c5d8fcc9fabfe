/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* From a card in any state to a firmware that answers, and back to silence. */
#ifndef NPU_START_H
#define NPU_START_H

struct npu_device;

/* Resets the card, so that nothing of an earlier life accesses memory; boots it. */
int npu_start(struct npu_device *ndev);
/* When it returns the card accesses no memory, whatever it was doing. */
void npu_quiesce(struct npu_device *ndev);

#endif /* NPU_START_H */
