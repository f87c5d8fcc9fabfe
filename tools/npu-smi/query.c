// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "query.h"

#include <errno.h>
#include <string.h>

#include "reason.h"
#include "text.h"

static int add(struct query *query, const struct field *field, struct npu_error *error)
{
	if (query->count == QUERY_FIELDS_MAX)
		return reason_set(error, -EINVAL, "more than %d fields", QUERY_FIELDS_MAX);
	query->fields[query->count++] = field;
	query->live = query->live || field->live;
	return 0;
}

int query_parse(struct query *query, const char *names, struct npu_error *error)
{
	int ret = 0;

	memset(query, 0, sizeof(*query));
	for (size_t i = 0; !names && !ret && i < field_count; i++)
		ret = add(query, &fields[i], error);
	while (names && !ret) {
		size_t length = strcspn(names, ",");
		const struct field *field = field_find(names, length);

		if (!field)
			return reason_set(error, -EINVAL,
					  "there is no field '%.*s'; npu-smi query --help-fields "
					  "lists them",
					  (int)length, names);
		ret = add(query, field, error);
		names = names[length] ? names + length + 1 : NULL;
	}
	return ret;
}

static void printable_field(const struct field *field, const struct report *report,
			    const struct card *card, char *out, size_t size)
{
	char raw[600];

	field_text(field, report, card, raw, sizeof(raw));
	text_printable(out, size, raw);
}

void query_print(FILE *out, const struct query *query, const struct report *report)
{
	char value[2400];

	for (size_t i = 0; i < report->count; i++) {
		if (i)
			putc('\n', out);
		for (size_t f = 0; f < query->count; f++) {
			printable_field(query->fields[f], report, &report->cards[i], value,
					sizeof(value));
			fprintf(out, "%-20s %s\n", query->fields[f]->name, value);
		}
	}
}

/* In quotes where the text has a comma or quotes. */
static void print_csv_value(FILE *out, const char *text)
{
	if (!strpbrk(text, ",\"")) {
		fputs(text, out);
		return;
	}
	putc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			putc('"', out);
		putc(*text, out);
	}
	putc('"', out);
}

void query_print_csv(FILE *out, const struct query *query, const struct report *report)
{
	char value[2400];

	for (size_t f = 0; f < query->count; f++)
		fprintf(out, "%s%s", f ? "," : "", query->fields[f]->name);
	putc('\n', out);
	for (size_t i = 0; i < report->count; i++) {
		for (size_t f = 0; f < query->count; f++) {
			printable_field(query->fields[f], report, &report->cards[i], value,
					sizeof(value));
			if (f)
				putc(',', out);
			print_csv_value(out, value);
		}
		putc('\n', out);
	}
}

struct json_object *query_json(const struct query *query, const struct report *report)
{
	struct json_object *o = json_object_new_object();
	struct json_object *cards = json_object_new_array();

	json_add_text(o, "schema", "npu-smi-query/1");
	for (size_t i = 0; i < report->count; i++) {
		struct json_object *card = json_object_new_object();

		for (size_t f = 0; f < query->count; f++)
			field_add_json(card, query->fields[f], report, &report->cards[i]);
		json_object_array_add(cards, card);
	}
	json_object_object_add(o, "cards", cards);
	return o;
}
