// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * The grid is nvidia-smi's, which operators can read. Its first line is no
 * border and no "npu-smi", so that no script takes it for the screen of
 * another vendor's tool of the same name.
 */
#include "grid.h"

#include <inttypes.h>
#include <string.h>

#include "field.h"
#include "table.h"

/* Text columns of the boxes; with borders a line has TABLE_WIDTH_MIN. */
static const size_t card_widths[] = {30, 19, 20};
static const size_t process_widths[] = {75};

struct word {
	char text[32];
};

/* "12MiB", "128GiB": at most 8 characters. */
static const char *size_word(struct quantity bytes, struct word *word)
{
	int64_t mib = bytes.value >> 20;

	if (!bytes.known)
		return "N/A";
	if (bytes.value && !mib)
		snprintf(word->text, sizeof(word->text), "%" PRId64 "KiB",
			 (bytes.value + 1023) >> 10);
	else if (mib < 100000)
		snprintf(word->text, sizeof(word->text), "%" PRId64 "MiB", mib);
	else
		snprintf(word->text, sizeof(word->text), "%" PRId64 "GiB", mib >> 10);
	return word->text;
}

/* "8.4W", "75W" */
static const char *power_word(struct quantity microwatt, struct word *word)
{
	double watt = (double)microwatt.value / 1e6;

	if (!microwatt.known)
		return "N/A";
	snprintf(word->text, sizeof(word->text), watt < 9.95 ? "%.1fW" : "%.0fW", watt);
	return word->text;
}

static const char *scaled_word(struct quantity from, double unit, const char *suffix,
			       struct word *word)
{
	if (!from.known)
		return "N/A";
	snprintf(word->text, sizeof(word->text), "%.0f%s", (double)from.value / unit, suffix);
	return word->text;
}

static const char *count_word(struct quantity count, struct word *word)
{
	if (!count.known)
		return "N/A";
	snprintf(word->text, sizeof(word->text), "%" PRId64, count.value);
	return word->text;
}

/* "812us", "12.3ms", "4.56s", "12.3h" */
static const char *time_word(struct quantity ns, struct word *word)
{
	double s = (double)ns.value / 1e9;

	if (!ns.known)
		return "N/A";
	if (!ns.value)
		return "0s";
	if (s < 0.001)
		snprintf(word->text, sizeof(word->text), "%.0fus", s * 1e6);
	else if (s < 1)
		snprintf(word->text, sizeof(word->text), "%.1fms", s * 1e3);
	else if (s < 10000)
		snprintf(word->text, sizeof(word->text), "%.2fs", s);
	else
		snprintf(word->text, sizeof(word->text), "%.1fh", s / 3600);
	return word->text;
}

static void print_card(const struct table *table, const struct report *report,
		       const struct card *card)
{
	const struct card_sample *s = &card->sample;
	const struct card_live *live = &s->live;
	struct table_cell cells[3];
	char health[24], right[80], index[16] = "-";
	struct word a, b;

	if (card->served)
		snprintf(index, sizeof(index), "%u", card->index);
	table_cell(&cells[0], "", "%3s  %s", index, card->name);
	table_cell(&cells[1], count_word(live->ecc_uncorrected, &a), "%s", card->bdf);
	table_cell(&cells[2], *s->firmware ? s->firmware : "N/A", "%s", card_health(card, health));
	table_line(table, cells);

	snprintf(right, sizeof(right), "%s / %s", power_word(s->power_uw, &a),
		 power_word(s->power_cap_uw, &b));
	table_cell(&cells[0], right, "     %-4s %s", scaled_word(s->temperature_mc, 1e3, "C", &a),
		   scaled_word(s->clock_hz, 1e6, "MHz", &b));
	snprintf(right, sizeof(right), "%s / %s", size_word(live->memory_used, &a),
		 size_word(live->memory_total, &b));
	table_cell(&cells[1], right, "%s", "");
	table_cell(&cells[2], count_word(live->queues, &a), "%-9s%s",
		   scaled_word(live->tensor_permille, 10, "%", &b),
		   scaled_word(live->copy_permille, 10, "%", &(struct word){0}));
	table_line(table, cells);
}

static void print_cards(FILE *out, const struct report *report, size_t terminal)
{
	struct table_cell cells[3];
	struct table table;

	table_init(&table, out, card_widths, 3, terminal);
	table_rule(&table, '-');
	table_cell(&cells[0], "", "NPU  Name");
	table_cell(&cells[1], "ECC", "Bus-Id");
	table_cell(&cells[2], "Firmware", "Health");
	table_line(&table, cells);
	table_cell(&cells[0], "Power / Cap", "     Temp Clock");
	table_cell(&cells[1], "Memory-Usage", "%s", "");
	table_cell(&cells[2], "Queues", "NPU-Util Copy");
	table_line(&table, cells);
	table_rule(&table, '=');
	for (size_t i = 0; i < report->count; i++) {
		print_card(&table, report, &report->cards[i]);
		table_rule(&table, '-');
	}
}

static const struct card *card_of(const struct report *report, const struct client *client)
{
	for (size_t i = 0; i < report->count; i++) {
		if (!strcmp(report->cards[i].bdf, client->bdf))
			return &report->cards[i];
	}
	return NULL;
}

static bool print_clients(const struct table *table, const struct report *report)
{
	const struct clients *clients = &report->clients;
	struct table_cell cell;
	bool any = false;

	for (size_t i = 0; i < clients->count; i++) {
		const struct client *c = &clients->list[i];
		const struct card *card = card_of(report, c);
		struct word device, system, engine, busy;
		char right[96];

		if (!card || !card->served)
			continue;
		snprintf(right, sizeof(right), "%9s %9s %9s %5s",
			 size_word(c->device_memory, &device), size_word(c->system_memory, &system),
			 time_word(c->engine_ns, &engine),
			 scaled_word(c->busy_permille, 10, "%", &busy));
		table_cell(&cell, right, "%3u %10d  %s", card->index, (int)c->pid,
			   *c->process ? c->process : "?");
		table_line(table, &cell);
		any = true;
	}
	return any;
}

static void print_processes(FILE *out, const struct report *report, size_t terminal)
{
	struct table_cell cell;
	struct table table;

	table_init(&table, out, process_widths, 1, terminal);
	table_rule(&table, '-');
	table_cell(&cell, "  Dev-Mem   Sys-Mem  Eng-Time  Util", "NPU        PID  Process");
	table_line(&table, &cell);
	table_rule(&table, '=');
	if (!print_clients(&table, report)) {
		table_cell(&cell, "", "%s",
			   report->clients.hidden ? "No process that this user may see"
						  : "No process");
		table_line(&table, &cell);
	} else if (report->clients.hidden) {
		table_cell(&cell, "", "Processes of other users are not shown");
		table_line(&table, &cell);
	}
	table_rule(&table, '-');
}

void grid_print(FILE *out, const struct report *report, size_t terminal)
{
	const struct module_state *module = &report->module;
	char title[256];

	snprintf(title, sizeof(title),
		 "Open NPU stack: npu-smi " NPU_VERSION ", driver %s, Linux %s",
		 *module->loaded_version ? module->loaded_version : "N/A", module->kernel);
	table_paragraph(out, title, terminal);
	print_cards(out, report, terminal);
	putc('\n', out);
	print_processes(out, report, terminal);
	for (size_t i = 0; i < report->note_count; i++)
		table_paragraph(out, report->notes[i], terminal);
}

static struct json_object *client_json(const struct report *report, const struct client *c)
{
	struct json_object *o = json_object_new_object();
	const struct card *card = card_of(report, c);
	const struct {
		const char *key;
		struct quantity value;
	} numbers[] = {
		{"device_memory_bytes", c->device_memory},
		{"system_memory_bytes", c->system_memory},
		{"engine_ns", c->engine_ns},
	};

	json_add_integer(o, "index", card->index);
	json_add_text(o, "bdf", c->bdf);
	json_add_integer(o, "pid", c->pid);
	json_add_text(o, "process", c->process);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (numbers[i].value.known)
			json_add_integer(o, numbers[i].key, numbers[i].value.value);
		else
			json_add_null(o, numbers[i].key);
	}
	if (c->busy_permille.known)
		json_add_real(o, "busy_percent", (double)c->busy_permille.value / 10);
	else
		json_add_null(o, "busy_percent");
	return o;
}

struct json_object *grid_json(const struct report *report)
{
	struct json_object *o = json_object_new_object();
	struct json_object *cards = json_object_new_array();
	struct json_object *processes = json_object_new_array();
	struct json_object *notes = json_object_new_array();
	const char *driver = report->module.loaded_version;

	json_add_text(o, "schema", "npu-smi/1");
	json_add_text(o, "version", NPU_VERSION);
	json_add_text(o, "driver_version", *driver ? driver : NULL);
	json_add_text(o, "kernel", report->module.kernel);
	for (size_t i = 0; i < report->count; i++)
		json_object_array_add(cards, field_json_card(report, &report->cards[i]));
	for (size_t i = 0; i < report->clients.count; i++) {
		const struct card *card = card_of(report, &report->clients.list[i]);

		if (card && card->served)
			json_object_array_add(processes,
					      client_json(report, &report->clients.list[i]));
	}
	for (size_t i = 0; i < report->note_count; i++)
		json_object_array_add(notes, json_text(report->notes[i]));
	json_object_object_add(o, "cards", cards);
	json_object_object_add(o, "processes", processes);
	json_add_bool(o, "processes_hidden", report->clients.hidden);
	json_object_object_add(o, "notes", notes);
	return o;
}
