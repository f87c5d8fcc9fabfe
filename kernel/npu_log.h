/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* The log that the firmware keeps. */
#ifndef NPU_LOG_H
#define NPU_LOG_H

struct drm_printer;
struct npu_device;

/* Prints it, each line behind @indent; may sleep. */
void npu_log_print(struct npu_device *ndev, struct drm_printer *p, const char *indent);

#endif /* NPU_LOG_H */
