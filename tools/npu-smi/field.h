/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * What can be asked of a card, by name. One table makes the JSON keys of every
 * command, the fields of `query`, its CSV columns and its help.
 */
#ifndef NPU_SMI_FIELD_H
#define NPU_SMI_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "json.h"
#include "report.h"

enum field_kind {
	FIELD_UNKNOWN, /* N/A, null */
	FIELD_TEXT,
	FIELD_INTEGER,
	FIELD_REAL,
};

struct field_value {
	enum field_kind kind;
	int64_t integer;
	double real;
	char text[600]; /* not printable yet */
};

struct field {
	const char *name;
	const char *help; /* with the unit */
	bool live; /* needs permission on the node */
	void (*get)(const struct report *report, const struct card *card,
		    struct field_value *value);
};

extern const struct field fields[];
extern const size_t field_count;

/* NULL if there is none. */
const struct field *field_find(const char *name, size_t length);

/* As a text for people and CSV: "N/A" if unknown. Not printable yet. */
void field_text(const struct field *field, const struct report *report, const struct card *card,
		char *text, size_t size);

void field_add_json(struct json_object *object, const struct field *field,
		    const struct report *report, const struct card *card);

/* An object with all fields. */
struct json_object *field_json_card(const struct report *report, const struct card *card);

/* The list for `query --help-fields`. */
void field_help(FILE *out);

#endif /* NPU_SMI_FIELD_H */
