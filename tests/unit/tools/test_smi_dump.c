// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Dumps of the driver: what is read of a good one, and of files that are none. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <npu/npu_packet.h>

#include "dump.h"

#define ZEROS12 "0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000, " \
	"0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000"

/* As kernel/npu_coredump.c prints it. */
static const char good[] =
	"npu-coredump: 1\n"
	"reason: no progress\n"
	"module: 0.1.0\n"
	"card: {address: \"0000:01:00.0\", serial: 0000004e50000001, hardware: 0x4e500001, abi: 0x00010000}\n"
	"firmware: {version: 0x00010002, build: \"npu-0.1.2\"}\n"
	"time: 1764000000123456789\n"
	"process: {pid: 172, name: \"ladder\"}\n"
	"queue: {number: 3, handle: 1, priority: 2}\n"
	"state: {tail: 14, emitted: 7, completed: 6}\n"
	"control: {head: 12, state: 3, need-wake: 0, event: 14}\n"
	"use: {busy-ns: 1234, energy-nj: 99}\n"
	"error: {reason: 2, index: 12, tag: 7, op: 5, va: 0x7000000000}\n"
	"packets:\n"
	"  11: [0x00000004, 0x00000000, 0x00008200, 0x00008000, " ZEROS12 "]\n"
	"  12: [0x00000008, 0x00000007, 0x10000000, 0x00000000, " ZEROS12 "]\n"
	"fault: {count: 2, info: 0x80000101, queue: 3, va: 0x7000000000}\n"
	"firmware-log: |\n"
	"  [1.5] queue 3 stopped: error 2\n";

static int read_text(const char *text, size_t size, struct dump *dump, struct npu_error *error)
{
	FILE *file = size ? fmemopen((void *)text, size, "r") : fopen("/dev/null", "r");
	int ret;

	assert_non_null(file);
	memset(error, 0, sizeof(*error));
	ret = dump_read(file, dump, error);
	fclose(file);
	return ret;
}

/* What dump_print() says of it, to be freed. */
static char *printed(const struct dump *dump)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	dump_print(out, dump);
	fclose(out);
	return text;
}

static void a_dump_is_explained(void **state)
{
	static const char *const wanted[] = {
		"no progress", "2025-11-24 16:00:00 UTC", "0000:01:00.0, serial 0000004e50000001",
		"0.1.2 (npu-0.1.2)", "ladder (pid 172)", "queue        3 (handle 1), priority high, stopped",
		"packets 12 of 14, jobs 6 of 7", "memory fault (2) at packet 12, tag 7, operation 5",
		"write at 0x7000000000: unmapped, queue 3 (the last of 2)",
		"          11  FENCE_SIGNAL 0x800000008200 = 0", "=>        12  CALL 0x10000000, 0 packets, tag 7",
		"queue 3 stopped: error 2",
	};
	struct npu_error error;
	struct dump dump;
	char *text;

	assert_int_equal(read_text(good, strlen(good), &dump, &error), 0);
	assert_int_equal(dump.packet_count, 2);
	text = printed(&dump);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (!strstr(text, wanted[i]))
			fail_msg("'%s' is not in:\n%s", wanted[i], text);
	}
	free(text);
	dump_free(&dump);
}

static void every_packet_has_a_name(void **state)
{
	static const char *const names[] = { "NOP", "EXEC", "COPY", "FILL", "FENCE_SIGNAL",
					     "FENCE_WAIT", "TIMESTAMP", "BARRIER", "CALL",
					     "unknown opcode 9" };

	for (uint32_t opcode = 0; opcode < 10; opcode++) {
		const uint32_t words[16] = { opcode | 0xffff0300, 42 };
		char *text = NULL;
		size_t size = 0;
		FILE *out = open_memstream(&text, &size);

		dump_print_packet(out, words);
		fclose(out);
		assert_memory_equal(text, names[opcode], strlen(names[opcode]));
		assert_non_null(strstr(text, "tag 42, barrier, unknown flags 0x3"));
		assert_non_null(strstr(text, "must be zero"));
		free(text);
	}
}

/* Cut anywhere before the log, it is refused with a reason; behind it, it is whole. */
static void a_truncated_dump_is_refused(void **state)
{
	const size_t whole = (size_t)(strstr(good, "firmware-log") - good) - 1;
	struct npu_error error;
	struct dump dump;

	for (size_t size = 0; size < whole; size++) {
		const int ret = read_text(good, size, &dump, &error);

		/* The last number may lose its end, and is a number still. */
		if (ret != -EINVAL && size < whole - 12)
			fail_msg("cut after %zu bytes: %d", size, ret);
		assert_true(!ret || error.text[0]);
		dump_free(&dump);
	}
}

static void what_is_damaged_is_named(void **state)
{
	static const struct {
		const char *from, *to, *reason;
	} cases[] = {
		{ "npu-coredump: 1", "npu-coredump: 2", "version" },
		{ "npu-coredump: 1", "elf-coredump: 1", "not a dump" },
		{ "tail: 14", "tail: -4", "line 9" }, { "tail: 14", "tail: 1x", "line 9" },
		{ "tail: 14", "tail: ", "line 9" }, { "tail: 14", "tale: 14", "line 9" },
		{ "head: 12", "head: 99999999999999999999", "line 10" },
		{ "name: \"ladder\"", "name: \"ladder", "line 7" },
		{ "  12: [", "  1z: [", "line 15" }, { "  12: [", "    : [", "line 15" },
		{ "0x00000007", "0x100000007", "line 15" }, { "0x00000007, ", "0x00000007 ", "line 15" },
		{ "use: {", "state: {", "line 11" }, { "use: {busy", "{busy", "no use" },
		{ "\nuse:", "\nuseless:", "no use" },
	};
	struct npu_error error;
	struct dump dump;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *at = strstr(good, cases[i].from);
		char text[4096];
		int ret;

		assert_non_null(at);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, cases[i].to,
			 at + strlen(cases[i].from));
		ret = read_text(text, strlen(text), &dump, &error);
		if (ret != -EINVAL || !strstr(error.text, cases[i].reason))
			fail_msg("'%s': %d, %s", cases[i].to, ret, error.text);
		dump_free(&dump);
	}
}

static void files_that_are_no_dumps(void **state)
{
	char *big = malloc(DUMP_SIZE_MAX + 2);
	struct npu_error error;
	struct dump dump;

	assert_int_equal(read_text("", 0, &dump, &error), -EINVAL);
	assert_int_equal(read_text("npu-coredump: 1\n\0\n", 18, &dump, &error), -EINVAL);
	memset(big, 'a', DUMP_SIZE_MAX + 2);
	assert_int_equal(read_text(big, DUMP_SIZE_MAX + 2, &dump, &error), -E2BIG);
	assert_int_equal(read_text(big, DUMP_SIZE_MAX, &dump, &error), -EINVAL);
	free(big);
}

/* Each byte in turn becomes another: an error or not, but nothing worse. */
static void any_byte_may_be_wrong(void **state)
{
	static const char bytes[] = { 0, '\n', '}', '"', '9', '\x1b', '\xff', ':' };
	const size_t size = strlen(good);
	char *text = strdup(good);
	struct npu_error error;
	struct dump dump;

	for (size_t i = 0; i < size; i++) {
		for (size_t b = 0; b < sizeof(bytes); b++) {
			text[i] = bytes[b];
			if (!read_text(text, size, &dump, &error)) {
				char *shown = printed(&dump);

				/* Nothing reaches the terminal that moves its cursor. */
				assert_null(strchr(shown, '\x1b'));
				free(shown);
			}
			dump_free(&dump);
		}
		text[i] = good[i];
	}
	free(text);
}

static void too_many_packets_are_refused(void **state)
{
	const char *at = strstr(good, "  11: ");
	const size_t line = strcspn(at, "\n") + 1;
	char *text = malloc(sizeof(good) + line * (DUMP_PACKETS_MAX + 1));
	size_t size = (size_t)(at - good);
	struct npu_error error;
	struct dump dump;

	memcpy(text, good, size);
	for (int i = 0; i <= DUMP_PACKETS_MAX; i++, size += line)
		memcpy(text + size, at, line);
	assert_int_equal(read_text(text, size, &dump, &error), -EINVAL);
	dump_free(&dump);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dump_is_explained),
		cmocka_unit_test(every_packet_has_a_name),
		cmocka_unit_test(a_truncated_dump_is_refused),
		cmocka_unit_test(what_is_damaged_is_named),
		cmocka_unit_test(files_that_are_no_dumps),
		cmocka_unit_test(any_byte_may_be_wrong),
		cmocka_unit_test(too_many_packets_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
