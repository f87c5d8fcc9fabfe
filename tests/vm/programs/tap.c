// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "tap.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static int count, failed;

static bool verdict(bool good, const char *name, va_list args)
{
	printf("%sok %d - ", good ? "" : "not ", ++count);
	vprintf(name, args);
	printf("\n");
	fflush(stdout);
	failed += !good;
	return good;
}

bool tap(bool good, const char *name, ...)
{
	va_list args;

	va_start(args, name);
	verdict(good, name, args);
	va_end(args);
	return good;
}

bool tap_ret(int ret, int expected, const char *text, const char *name, ...)
{
	va_list args;

	va_start(args, name);
	verdict(ret == expected, name, args);
	va_end(args);
	if (ret != expected)
		printf("# returned %d, expected %d%s%s\n", ret, expected,
		       ret && text ? ": " : "", ret && text ? text : "");
	fflush(stdout);
	return ret == expected;
}

void tap_bail(const char *why, ...)
{
	va_list args;

	va_start(args, why);
	printf("not ok %d - ", ++count);
	vprintf(why, args);
	printf("\n");
	va_end(args);
	exit(1);
}

int tap_end(void)
{
	return failed || !count;
}
