/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* A card that does not answer any more. */
#ifndef NPU_LOST_H
#define NPU_LOST_H

struct npu_device;

void npu_lost_init(struct npu_device *ndev);
void npu_lost_start_watchdog(struct npu_device *ndev);
/*
 * Declares the card lost: takes it off memory, says so once, ends every wait.
 * From threads, without a queue's or the admin's lock. @reason: a constant.
 */
void npu_lost(struct npu_device *ndev, const char *reason);
/* Stops the watchdog and whatever recovery is under way; may sleep. */
void npu_lost_stop(struct npu_device *ndev);

#endif /* NPU_LOST_H */
