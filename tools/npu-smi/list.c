// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "list.h"

#include <string.h>

#include "field.h"
#include "text.h"

static const char *printable(const char *from)
{
	static char out[4 * 160];

	return text_printable(out, sizeof(out), *from ? from : "N/A");
}

void list_print(FILE *out, const struct report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct card *card = &report->cards[i];
		char health[24];

		if (card->served)
			fprintf(out, "NPU %u: ", card->index);
		else
			fputs("NPU -: ", out);
		fprintf(out, "%s", printable(card->name));
		fprintf(out, " (%s, %s, ", card->bdf, card->served ? card->node : "no node");
		fprintf(out, "firmware %s, ", printable(card->sample.firmware));
		fprintf(out, "UUID %s, ", printable(card->sample.uuid));
		fprintf(out, "%s)\n", printable(card_health(card, health)));
	}
}

struct json_object *list_json(const struct report *report)
{
	static const char *const keys[] = {"index", "name",	"uuid",	  "bdf",
					   "node",  "firmware", "serial", "health"};
	struct json_object *o = json_object_new_object();
	struct json_object *cards = json_object_new_array();

	json_add_text(o, "schema", "npu-smi-list/1");
	for (size_t i = 0; i < report->count; i++) {
		struct json_object *card = json_object_new_object();

		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
			field_add_json(card, field_find(keys[k], strlen(keys[k])), report,
				       &report->cards[i]);
		json_object_array_add(cards, card);
	}
	json_object_object_add(o, "cards", cards);
	return o;
}
