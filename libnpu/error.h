/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
#ifndef LIBNPU_ERROR_H
#define LIBNPU_ERROR_H

#include <stdbool.h>

#include "npu.h"

/* npu_fail() - write the sentence into @error (may be NULL); returns @ret. */
int npu_fail(struct npu_error *error, int ret, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* npu_reason() - "Permission denied" for -EACCES; thread-safe, untranslated. */
const char *npu_reason(int ret);

#endif
