// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *program_name = "npu";

void program_start(const char *name)
{
	program_name = name;
	for (int fd = 0; fd <= 2; fd++) {
		/* Opened the wrong way round, so that using it is still an error. */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd)
			_Exit(EXIT_FAILED);
	}
}

static void message(const char *format, va_list args)
{
	fprintf(stderr, "%s: ", program_name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

int fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	message(format, args);
	va_end(args);
	return EXIT_FAILED;
}

int usage_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	message(format, args);
	va_end(args);
	fprintf(stderr, "Try '%s --help'.\n", program_name);
	return EXIT_USAGE;
}

int program_end(int status)
{
	int earlier = ferror(stdout);

	errno = 0;
	if (!fclose(stdout) && !earlier)
		return status;
	return fail("standard output: %s", errno ? strerror(errno) : "write error");
}
