/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The npu authors */
/* Log: a ring of text that the driver reads by LOG_READ. */
#ifndef FIRMWARE_LOG_H
#define FIRMWARE_LOG_H

#include <stdint.h>

#define LOG_SIZE	8192

void log_init(void);
/* A line with the time before it; knows %u %x %s only. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
/*
 * Copies up to size bytes of text from *cursor on (bytes since boot); what has
 * been overwritten is skipped, *cursor is where the copy starts.
 */
uint32_t log_copy(uint64_t *cursor, char *text, uint32_t size);

#endif /* FIRMWARE_LOG_H */
