// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Reads what kernel/npu_coredump.c writes: a line for each key, a flow mapping
 * of numbers and texts in most of them. The file may be anything: each number
 * is checked, what is missing is an error, unknown keys are passed over.
 */
#include "dump.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "reason.h"

enum { NUMBER, HEXADECIMAL, TEXT };

/* A value of a key: "key: {name: value, ...}", or the rest of "key: value". */
struct field {
	const char *key, *name;	/* name NULL: the key's own value */
	int kind;
	size_t offset;		/* in struct dump */
};

#define FIELD(key, name, kind, member) { key, name, kind, offsetof(struct dump, member) }

static const struct field fields[] = {
	FIELD("reason", NULL, TEXT, reason),
	FIELD("module", NULL, TEXT, module),
	FIELD("card", "address", TEXT, address),
	FIELD("card", "serial", HEXADECIMAL, serial),
	FIELD("card", "hardware", NUMBER, hardware),
	FIELD("card", "abi", NUMBER, abi),
	FIELD("firmware", "version", NUMBER, version),
	FIELD("firmware", "build", TEXT, build),
	FIELD("time", NULL, NUMBER, time),
	FIELD("process", "pid", NUMBER, pid),
	FIELD("process", "name", TEXT, process),
	FIELD("queue", "number", NUMBER, number),
	FIELD("queue", "handle", NUMBER, handle),
	FIELD("queue", "priority", NUMBER, priority),
	FIELD("state", "tail", NUMBER, tail),
	FIELD("state", "emitted", NUMBER, emitted),
	FIELD("state", "completed", NUMBER, completed),
	FIELD("control", "head", NUMBER, head),
	FIELD("control", "state", NUMBER, state),
	FIELD("use", "busy-ns", NUMBER, busy_ns),
	FIELD("use", "energy-nj", NUMBER, energy_nj),
	FIELD("error", "reason", NUMBER, error),
	FIELD("error", "index", NUMBER, error_index),
	FIELD("error", "tag", NUMBER, error_tag),
	FIELD("error", "op", NUMBER, error_op),
	FIELD("error", "va", NUMBER, error_va),
	FIELD("fault", "count", NUMBER, faults),
	FIELD("fault", "info", NUMBER, fault_info),
	FIELD("fault", "queue", NUMBER, fault_queue),
	FIELD("fault", "va", NUMBER, fault_va),
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))

/* A number that ends where its field does; false: it is none. */
static bool parse_number(const char *text, int base, uint64_t *value, const char **end)
{
	char *stop;

	if (!isxdigit((unsigned char)*text))
		return false;
	errno = 0;
	*value = strtoull(text, &stop, base);
	*end = stop;
	return !errno && (!*stop || strchr(",}] ", *stop));
}

static bool parse_text(const char *text, char *to)
{
	const char *end = text + strlen(text);

	if (*text == '"') {
		end = strchr(++text, '"');
		if (!end)
			return false;
	}
	if (end - text >= DUMP_TEXT_MAX)
		return false;
	memcpy(to, text, (size_t)(end - text));
	to[end - text] = '\0';
	return true;
}

/* The value of `name` in a line "key: {...}"; NULL if there is none. */
static const char *find(const char *value, const char *name)
{
	const size_t length = strlen(name);

	if (*value != '{')
		return NULL;
	for (const char *at = value + 1; at; at = strchr(at, ',')) {
		at += strspn(at, ", ");
		if (!strncmp(at, name, length) && !strncmp(at + length, ": ", 2))
			return at + length + 2;
	}
	return NULL;
}

static bool take_field(struct dump *dump, const struct field *field, const char *value)
{
	void *to = (char *)dump + field->offset;
	const char *end;

	if (field->name)
		value = find(value, field->name);
	if (!value)
		return false;
	if (field->kind == TEXT)
		return parse_text(value, to);
	return parse_number(value, field->kind == HEXADECIMAL ? 16 : 0, to, &end);
}

/* "  INDEX: [0x..., 15 more]" */
static bool take_packet(struct dump *dump, const char *line)
{
	struct dump_packet *packet = &dump->packets[dump->packet_count];
	char *rest;

	if (dump->packet_count == DUMP_PACKETS_MAX || !isdigit((unsigned char)line[2]))
		return false;
	errno = 0;
	packet->index = strtoull(line + 2, &rest, 10);
	if (errno || strncmp(rest, ": [", 3))
		return false;
	rest += 3;
	for (int i = 0; i < 16; i++) {
		const char *end;
		uint64_t word;

		if (!parse_number(rest, 0, &word, &end) || word > UINT32_MAX)
			return false;
		packet->words[i] = (uint32_t)word;
		rest = (char *)end;
		if (i < 15) {
			if (strncmp(rest, ", ", 2))
				return false;
			rest += 2;
		}
	}
	if (strcmp(rest, "]"))
		return false;
	dump->packet_count++;
	return true;
}

/* The lines of a dump; seen[] says which fields have come. */
struct reader {
	struct dump *dump;
	bool seen[FIELDS];
	bool begun, packets;
	unsigned int line;
};

static bool take_line(struct reader *r, char *line)
{
	char *value;

	if (r->packets && !strncmp(line, "  ", 2))
		return take_packet(r->dump, line);
	r->packets = !strcmp(line, "packets:");
	if (r->packets)
		return true;
	value = strstr(line, ": ");
	if (!value)
		return false;
	*value = '\0';
	value += 2;
	for (size_t i = 0; i < FIELDS; i++) {
		if (strcmp(fields[i].key, line))
			continue;
		/* A second one could say otherwise. */
		if (r->seen[i] || !take_field(r->dump, &fields[i], value))
			return false;
		r->seen[i] = true;
	}
	return true;
}

static int parse(struct reader *r, char *text, struct npu_error *error)
{
	static const char magic[] = "npu-coredump: ";
	char *line, *next;

	for (line = text; *line; line = next) {
		next = line + strcspn(line, "\n");
		if (next - line > DUMP_LINE_MAX)
			return reason_set(error, -EINVAL, "line %u is longer than any of a dump",
					  r->line + 1);
		if (*next)
			*next++ = '\0';
		r->line++;
		if (r->line == 1) {
			if (strncmp(line, magic, strlen(magic)))
				return reason_set(error, -EINVAL, "not a dump: its first line is not '%s1'",
						  magic);
			if (strcmp(line + strlen(magic), "1"))
				return reason_set(error, -EINVAL,
						  "a dump of another version than 1: take a newer npu-smi");
			continue;
		}
		if (!strcmp(line, "firmware-log: |")) {
			r->dump->log = strdup(next);
			return r->dump->log ? 0 : reason_set(error, -ENOMEM, "no memory");
		}
		if (!take_line(r, line))
			return reason_set(error, -EINVAL, "line %u is damaged", r->line);
	}
	return 0;
}

int dump_read(FILE *file, struct dump *dump, struct npu_error *error)
{
	struct reader r = { .dump = dump };
	char *text;
	size_t size;
	int ret;

	memset(dump, 0, sizeof(*dump));
	text = malloc(DUMP_SIZE_MAX + 1);
	if (!text)
		return reason_set(error, -ENOMEM, "no memory");
	size = fread(text, 1, DUMP_SIZE_MAX + 1, file);
	if (ferror(file))
		ret = reason_set(error, -EIO, "it cannot be read");
	else if (size > DUMP_SIZE_MAX)
		ret = reason_set(error, -E2BIG, "larger than any dump (%u bytes)", DUMP_SIZE_MAX);
	else if (!size)
		ret = reason_set(error, -EINVAL, "it is empty");
	else if (memchr(text, 0, size))
		ret = reason_set(error, -EINVAL, "not a dump: it is not text");
	else
		ret = 0;
	if (!ret) {
		text[size] = '\0';
		ret = parse(&r, text, error);
	}
	for (size_t i = 0; !ret && i < FIELDS; i++) {
		if (!r.seen[i])
			ret = reason_set(error, -EINVAL, "truncated or damaged: there is no %s%s%s",
					 fields[i].key, fields[i].name ? " " : "",
					 fields[i].name ? fields[i].name : "");
	}
	free(text);
	return ret;
}

void dump_free(struct dump *dump)
{
	free(dump->log);
	dump->log = NULL;
}
