// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "smi.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "dump.h"
#include "grid.h"
#include "json.h"
#include "list.h"
#include "program.h"
#include "query.h"
#include "table.h"

static const char usage[] =
	"Usage: npu-smi [COMMAND] [OPTION...]\n"
	"Shows the npu cards of this machine and who uses them.\n"
	"\n"
	"  (none), info            the screen: cards and processes\n"
	"  list, info -l           one line for each card\n"
	"  query [FIELD,...]       values by name; all without names\n"
	"      --format FORMAT       text, csv or json [text]\n"
	"      --help-fields         list the fields\n"
	"  dump FILE               explain a coredump of the driver\n"
	"\n"
	"  -d, --device DEVICE     only this card: index, PCI address, UUID or node\n"
	"      --json              print a JSON document (keys: npu-smi(1))\n"
	"  -h, --help              this text\n"
	"  -V, --version           version\n"
	"\n"
	"Needs no privilege; what the permissions of the device nodes keep back is N/A.\n"
	"\n"
	"Exit status: 0 good, 1 failed, 2 wrong usage, 4 no card (or no such one) that the\n"
	"driver serves, 5 a card is lost or does not answer.\n";

enum command { COMMAND_GRID, COMMAND_LIST, COMMAND_QUERY, COMMAND_DUMP };
enum format { FORMAT_TEXT, FORMAT_CSV, FORMAT_JSON };

struct arguments {
	enum command command;
	enum format format;
	const char *device;
	const char *dump_file;
	struct query query;
};

enum { OPTION_JSON = 256, OPTION_FORMAT, OPTION_HELP_FIELDS };

static int take_format(struct arguments *a, const char *name)
{
	static const char *const names[] = {"text", "csv", "json"};

	for (int i = 0; i < 3; i++) {
		if (!strcmp(name, names[i])) {
			a->format = i;
			return -1;
		}
	}
	return usage_error("--format is text, csv or json, not '%s'", name);
}

/* -1: go on; otherwise the exit status. */
static int take_option(struct arguments *a, int option)
{
	switch (option) {
	case 'd':
		a->device = optarg;
		return -1;
	case 'l':
		a->command = COMMAND_LIST;
		return -1;
	case OPTION_JSON:
		a->format = FORMAT_JSON;
		return -1;
	case OPTION_FORMAT:
		return take_format(a, optarg);
	case OPTION_HELP_FIELDS:
		field_help(stdout);
		return EXIT_GOOD;
	case 'h':
		fputs(usage, stdout);
		return EXIT_GOOD;
	case 'V':
		puts("npu-smi " NPU_VERSION);
		return EXIT_GOOD;
	}
	/* getopt has said what is wrong. */
	fputs("Try 'npu-smi --help'.\n", stderr);
	return EXIT_USAGE;
}

/* The words that are not options: a command and, for query, fields. */
static int take_words(struct arguments *a, char **words, int count)
{
	bool list = a->command == COMMAND_LIST;
	struct npu_error error;

	if (count && !strcmp(words[0], "list"))
		a->command = COMMAND_LIST;
	else if (count && !strcmp(words[0], "query"))
		a->command = COMMAND_QUERY;
	else if (count && !strcmp(words[0], "dump"))
		a->command = COMMAND_DUMP;
	else if (count && strcmp(words[0], "info"))
		return usage_error("there is no command '%s'", words[0]);
	if (list && (!count || strcmp(words[0], "info")))
		return usage_error("-l belongs to info");
	if (count > (a->command == COMMAND_QUERY || a->command == COMMAND_DUMP ? 2 : 1))
		return usage_error("unexpected argument '%s'", words[count - 1]);
	if (a->format == FORMAT_CSV && a->command != COMMAND_QUERY)
		return usage_error("--format csv belongs to query");
	if (a->command == COMMAND_DUMP) {
		if (count < 2)
			return usage_error("dump needs a file, as /sys/class/devcoredump/devcd1/data");
		if (a->format != FORMAT_TEXT || a->device)
			return usage_error("dump takes no options");
		a->dump_file = words[1];
	}
	if (a->command == COMMAND_QUERY &&
	    query_parse(&a->query, count == 2 ? words[1] : NULL, &error))
		return usage_error("%s", error.text);
	return -1;
}

static int parse(struct arguments *a, int argc, char **argv)
{
	static const struct option names[] = {
		{"device", required_argument, NULL, 'd'},
		{"json", no_argument, NULL, OPTION_JSON},
		{"format", required_argument, NULL, OPTION_FORMAT},
		{"help-fields", no_argument, NULL, OPTION_HELP_FIELDS},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	int c, status;

	memset(a, 0, sizeof(*a));
	optind = 0;
	while ((c = getopt_long(argc, argv, "d:lhV", names, NULL)) != -1) {
		status = take_option(a, c);
		if (status >= 0)
			return status;
	}
	return take_words(a, argv + optind, argc - optind);
}

static unsigned int what_to_gather(const struct arguments *a)
{
	switch (a->command) {
	case COMMAND_GRID:
		return GATHER_LIVE | GATHER_CLIENTS;
	case COMMAND_QUERY:
		return a->query.live ? GATHER_LIVE : 0;
	default:
		return 0;
	}
}

static void print(const struct arguments *a, const struct report *report)
{
	bool json = a->format == FORMAT_JSON;

	switch (a->command) {
	case COMMAND_GRID:
		if (json)
			json_print(grid_json(report));
		else
			grid_print(stdout, report, table_terminal_width());
		break;
	case COMMAND_LIST:
		if (json)
			json_print(list_json(report));
		else
			list_print(stdout, report);
		break;
	case COMMAND_QUERY:
		if (json)
			json_print(query_json(&a->query, report));
		else if (a->format == FORMAT_CSV)
			query_print_csv(stdout, &a->query, report);
		else
			query_print(stdout, &a->query, report);
		break;
	case COMMAND_DUMP:
		break;
	}
}

/* Notes go to stderr where stdout has no place for them. */
static void print_notes(const struct arguments *a, const struct report *report)
{
	if (a->command == COMMAND_GRID)
		return;
	for (size_t i = 0; i < report->note_count; i++)
		fail("%s", report->notes[i]);
}

static int verdict(const struct arguments *a, const struct report *report)
{
	char text[NOTE_MAX];

	if (!report_has_card(report)) {
		report_why_no_card(report, text);
		fail("%s", text);
		return EXIT_NO_DEVICE;
	}
	print_notes(a, report);
	for (size_t i = 0; i < report->count; i++) {
		if (card_is_dead(&report->cards[i]))
			return EXIT_DEAD_CARD;
	}
	return EXIT_GOOD;
}

/* The exit status. */
static int explain_dump(const char *path)
{
	struct npu_error error;
	struct dump dump;
	FILE *file = fopen(path, "re");
	int ret;

	if (!file)
		return fail("%s: %s", path, strerror(errno));
	ret = dump_read(file, &dump, &error);
	fclose(file);
	if (!ret)
		dump_print(stdout, &dump);
	dump_free(&dump);
	return ret ? fail("%s: %s", path, error.text) : EXIT_GOOD;
}

int smi_run(int argc, char **argv, const struct smi_paths *paths, sample_live_fn *live,
	    unsigned int deadline_ms)
{
	struct arguments a;
	struct npu_error error;
	struct report report;
	int status = parse(&a, argc, argv);
	int ret;

	if (status >= 0)
		return status;
	if (a.command == COMMAND_DUMP)
		return explain_dump(a.dump_file);
	ret = report_gather(&report, paths, what_to_gather(&a), live, deadline_ms, &error);
	if (!ret && a.device)
		ret = report_select(&report, a.device, &error);
	if (ret) {
		fail("%s", error.text);
		status = ret == -ENXIO ? EXIT_NO_DEVICE : EXIT_FAILED;
	} else if (report_diagnose(&report, &error)) {
		status = fail("%s", error.text);
	} else {
		/* Without a card there is no screen, but always a document. */
		if (report_has_card(&report) || a.format == FORMAT_JSON)
			print(&a, &report);
		status = verdict(&a, &report);
	}
	report_fini(&report);
	return status;
}
