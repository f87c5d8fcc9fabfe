/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* Why something was refused: what a negative errno cannot say. */
#ifndef TOOLS_REASON_H
#define TOOLS_REASON_H

#include <npu.h>

/* Writes the text and returns `status` (a negative errno). */
int reason_set(struct npu_error *error, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* TOOLS_REASON_H */
