// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "text.h"

/* Room for each byte of a cell as \xNN. */
#define PRINTABLE_MAX (4 * sizeof(((struct table_cell *)0)->left))

size_t table_terminal_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	char *end;
	unsigned long value;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col)
		return size.ws_col;
	if (columns && *columns >= '0' && *columns <= '9') {
		value = strtoul(columns, &end, 10);
		if (!*end && value && value < 100000)
			return value;
	}
	return 80;
}

void table_init(struct table *table, FILE *out, const size_t *least, size_t columns,
		size_t terminal)
{
	/* The last column stays free: some terminals wrap when it is written. */
	size_t width = terminal - 1;

	if (terminal <= TABLE_WIDTH_MIN)
		width = TABLE_WIDTH_MIN;
	if (width > TABLE_WIDTH_MAX)
		width = TABLE_WIDTH_MAX;
	table->out = out;
	table->columns = columns;
	memcpy(table->width, least, columns * sizeof(*least));
	table->width[0] += width - TABLE_WIDTH_MIN;
}

void table_cell(struct table_cell *cell, const char *right, const char *left, ...)
{
	va_list args;

	va_start(args, left);
	vsnprintf(cell->left, sizeof(cell->left), left, args);
	va_end(args);
	snprintf(cell->right, sizeof(cell->right), "%s", right);
}

static void repeat(FILE *out, char c, size_t count)
{
	while (count--)
		putc(c, out);
}

void table_rule(const struct table *table, char line)
{
	char corner = line == '=' ? '|' : '+';

	for (size_t i = 0; i < table->columns; i++) {
		putc(i ? '+' : corner, table->out);
		repeat(table->out, line, table->width[i] + 2);
	}
	putc(corner, table->out);
	putc('\n', table->out);
}

/* Left text, cut with ".." where it has to be, and right text: `width` columns. */
static void print_cell(FILE *out, const struct table_cell *cell, size_t width)
{
	char left[PRINTABLE_MAX], right[PRINTABLE_MAX];
	size_t left_columns, right_columns, room;

	text_printable(left, sizeof(left), cell->left);
	text_printable(right, sizeof(right), cell->right);
	right[text_fit(right, width)] = '\0';
	right_columns = text_columns(right);
	room = width - right_columns;
	if (right_columns && room)
		room--;
	if (text_columns(left) > room) {
		size_t cut = text_fit(left, room >= 2 ? room - 2 : 0);

		strcpy(left + cut, room >= 2 ? ".." : "");
	}
	left_columns = text_columns(left);
	fputs(left, out);
	repeat(out, ' ', width - left_columns - right_columns);
	fputs(right, out);
}

void table_line(const struct table *table, const struct table_cell *cells)
{
	for (size_t i = 0; i < table->columns; i++) {
		fputs(i ? " | " : "| ", table->out);
		print_cell(table->out, &cells[i], table->width[i]);
	}
	fputs(" |\n", table->out);
}

void table_paragraph(FILE *out, const char *text, size_t terminal)
{
	size_t width = terminal > TABLE_WIDTH_MIN ? terminal - 1 : TABLE_WIDTH_MIN;
	size_t column = 0;
	char printable[4096];
	char *rest = printable, *word;

	if (width > TABLE_WIDTH_MAX)
		width = TABLE_WIDTH_MAX;
	text_printable(printable, sizeof(printable), text);
	while ((word = strsep(&rest, " "))) {
		size_t length = text_columns(word);

		if (column && column + 1 + length > width) {
			fputs("\n ", out);
			column = 1;
		}
		if (column)
			putc(' ', out);
		fputs(word, out);
		column += (column ? 1 : 0) + length;
	}
	putc('\n', out);
}
