/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * Tables of boxes for a terminal. A line of a box has a text at its left and
 * one at its right end; if both do not fit, the left one is cut. Texts come
 * from outside: they are made printable here, and counted in columns.
 */
#ifndef NPU_SMI_TABLE_H
#define NPU_SMI_TABLE_H

#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 4
#define TABLE_WIDTH_MIN 79
#define TABLE_WIDTH_MAX 100

struct table {
	FILE *out;
	size_t columns;
	size_t width[TABLE_COLUMNS_MAX]; /* of the text, without borders */
};

struct table_cell {
	char left[160];
	char right[96];
};

/*
 * Widths for a terminal: `least` for each box when the table has
 * TABLE_WIDTH_MIN columns, and what there is more of (to TABLE_WIDTH_MAX) for
 * the first box.
 */
void table_init(struct table *table, FILE *out, const size_t *least, size_t columns,
		size_t terminal);

void table_cell(struct table_cell *cell, const char *right, const char *left, ...)
	__attribute__((format(printf, 3, 4)));

/* "+-----+" with '-', "|=====|" with '='. */
void table_rule(const struct table *table, char line);
void table_line(const struct table *table, const struct table_cell *cells);

/* Prints a paragraph, broken between words, with further lines indented by 2. */
void table_paragraph(FILE *out, const char *text, size_t terminal);

/* Columns of the terminal at stdout, else of $COLUMNS, else 80. */
size_t table_terminal_width(void);

#endif /* NPU_SMI_TABLE_H */
