/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright The npu authors */
/* Messages of the card process: one line each, to stderr or a file. */
#ifndef SIM_LOG_H
#define SIM_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Returns 0, or -errno when the file cannot be opened. NULL means stderr. */
int log_init(enum log_level level, const char *path);
/* The level named by text; false if there is none of that name. */
bool log_level_parse(const char *text, enum log_level *level);

/* Any thread. */
void log_message(enum log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#define log_error(...) log_message(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_message(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_message(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_message(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif /* SIM_LOG_H */
