// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int npu_fail(struct npu_error *error, int ret, const char *format, ...)
{
	va_list args;

	if (!error)
		return ret;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return ret;
}

const char *npu_reason(int ret)
{
	const char *text = strerrordesc_np(-ret);

	return text ? text : "unknown error";
}
