// SPDX-License-Identifier: BSD-3-Clause
// Copyright The npu authors
#include "log.h"

#include <stdarg.h>

#include <abi/npu_mgmt.h>

#include "hal.h"

static char ring[LOG_SIZE];
static uint64_t written;

static void put(char c)
{
	ring[written++ % LOG_SIZE] = c;
	hal_write(NPU_MG_TRACE, (uint8_t)c);
}

static void put_text(const char *text)
{
	while (*text)
		put(*text++);
}

static void put_number(uint32_t value, uint32_t base, unsigned int width)
{
	char digits[12];
	unsigned int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value || n < width);
	while (n)
		put(digits[--n]);
}

void log_init(void)
{
	written = 0;
}

void log_line(const char *format, ...)
{
	const uint64_t us = hal_read64(NPU_MG_TIME_LO) / 1000;
	va_list args;

	put('[');
	put_number((uint32_t)(us / 1000000), 10, 1);
	put('.');
	put_number((uint32_t)(us % 1000000), 10, 6);
	put_text("] ");
	va_start(args, format);
	for (; *format; format++) {
		if (*format != '%') {
			put(*format);
			continue;
		}
		switch (*++format) {
		case 'u':
			put_number(va_arg(args, unsigned int), 10, 1);
			break;
		case 'x':
			put_number(va_arg(args, unsigned int), 16, 1);
			break;
		case 's':
			put_text(va_arg(args, const char *));
			break;
		default:
			put('?');
		}
	}
	va_end(args);
	put('\n');
}

uint32_t log_copy(uint64_t *cursor, char *text, uint32_t size)
{
	const uint64_t oldest = written > LOG_SIZE ? written - LOG_SIZE : 0;
	uint32_t n = 0;

	if (*cursor < oldest)
		*cursor = oldest;
	if (*cursor > written)
		*cursor = written;
	while (n < size && *cursor + n < written) {
		text[n] = ring[(*cursor + n) % LOG_SIZE];
		n++;
	}
	return n;
}
