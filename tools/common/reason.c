// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "reason.h"

#include <stdarg.h>
#include <stdio.h>

int reason_set(struct npu_error *error, int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return status;
}
