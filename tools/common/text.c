// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

/*
 * Bytes of the character at `text`, 0 if the locale cannot print it there.
 * Characters without a width count as such: combining marks could pile up on
 * the border of a table.
 */
static size_t printable(const char *text, size_t *columns)
{
	mbstate_t state = {0};
	wchar_t wide;
	size_t bytes = mbrtowc(&wide, text, strlen(text), &state);
	int width;

	if (!bytes || bytes == (size_t)-1 || bytes == (size_t)-2)
		return 0;
	width = wcwidth(wide);
	*columns = width > 0 ? (size_t)width : 0;
	return *columns ? bytes : 0;
}

/* Bytes of the UTF-8 sequence at `text` (RFC 3629), 0 if it is not one. */
static size_t utf8(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t length;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		length = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		length = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		length = 4;
	else
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	/* Overlong forms, surrogates, beyond U+10FFFF. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return length;
}

static char *copy(char *out, size_t size, const char *in, bool terminal)
{
	size_t used = 0;

	while (*in) {
		char escape[5];
		size_t columns;
		size_t taken = terminal ? printable(in, &columns) : utf8(in);
		const char *from = in;
		size_t length = taken;

		if (!taken) {
			snprintf(escape, sizeof(escape), "\\x%02x", (unsigned char)*in);
			from = escape;
			length = 4;
			taken = 1;
		}
		if (length >= size - used)
			break;
		memcpy(out + used, from, length);
		used += length;
		in += taken;
	}
	out[used] = '\0';
	return out;
}

char *text_printable(char *out, size_t size, const char *in)
{
	return copy(out, size, in, true);
}

char *text_utf8(char *out, size_t size, const char *in)
{
	return copy(out, size, in, false);
}

size_t text_fit(const char *text, size_t columns)
{
	size_t bytes = 0, used = 0;

	while (text[bytes]) {
		size_t width = 1;
		size_t length = printable(text + bytes, &width);

		if (used + width > columns)
			break;
		used += width;
		bytes += length ? length : 1;
	}
	return bytes;
}

size_t text_columns(const char *text)
{
	size_t columns = 0;

	while (*text) {
		size_t width = 1;
		size_t length = printable(text, &width);

		columns += width;
		text += length ? length : 1;
	}
	return columns;
}
