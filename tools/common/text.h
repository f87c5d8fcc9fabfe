/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * Text from outside (names in files, process names, what a card or driver
 * says) on its way to a terminal or into JSON: it must not move the cursor,
 * break a table or make a document invalid.
 */
#ifndef TOOLS_TEXT_H
#define TOOLS_TEXT_H

#include <stddef.h>

/*
 * Copies `in`: characters that the locale can print as they are, all other
 * bytes as \xNN. A text that does not fit ends after the last whole character.
 * Returns `out`.
 */
char *text_printable(char *out, size_t size, const char *in);

/* The same for JSON: valid UTF-8 as it is, all other bytes as \xNN. */
char *text_utf8(char *out, size_t size, const char *in);

/* Terminal columns of a text that text_printable() made. */
size_t text_columns(const char *text);

/* Bytes of the longest start of `text` that takes at most `columns` columns. */
size_t text_fit(const char *text, size_t columns);

#endif /* TOOLS_TEXT_H */
