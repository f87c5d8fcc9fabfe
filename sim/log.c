// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* Messages of the card process: one line each, to stderr or a file. */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const level_names[] = { "error", "warn", "info", "debug" };

/* Set once by log_init() before any other thread starts. */
static enum log_level log_threshold = LOG_LEVEL_WARN;
static FILE *log_file;

int log_init(enum log_level level, const char *path)
{
	log_threshold = level;
	if (!path)
		return 0;
	log_file = fopen(path, "ae");
	if (!log_file)
		return -errno;
	setvbuf(log_file, NULL, _IOLBF, 0);
	return 0;
}

bool log_level_parse(const char *text, enum log_level *level)
{
	for (unsigned int i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (!strcmp(text, level_names[i])) {
			*level = i;
			return true;
		}
	}
	return false;
}

void log_message(enum log_level level, const char *format, ...)
{
	FILE *out = log_file ? log_file : stderr;
	struct timespec now;
	char text[512];
	va_list args;

	if (level > log_threshold)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	clock_gettime(CLOCK_MONOTONIC, &now);
	/* One call for each line keeps lines of different threads whole. */
	fprintf(out, "npu-sim: [%6lld.%06ld] %s: %s\n", (long long)now.tv_sec, now.tv_nsec / 1000,
		level_names[level], text);
}
