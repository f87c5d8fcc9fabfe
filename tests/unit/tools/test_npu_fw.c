// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* npu-fw: keys, packing, signatures, tampering, wrong use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <json-c/json.h>

#include <abi/npu_fw.h>

#include "command.h"

#define PACK "$B/bin/npu-fw pack -k $T/a.key --version 1.2.3 --security-version 7 --build-id test "

static struct command c;

static size_t load(const char *name, uint8_t *data, size_t size)
{
	FILE *file = fopen(command_file(name), "rb");
	size_t got;

	assert_non_null(file);
	got = fread(data, 1, size, file);
	fclose(file);
	return got;
}

static void store(const char *name, const uint8_t *data, size_t size)
{
	FILE *file = fopen(command_file(name), "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
	if (command_setup(state))
		return -1;
	return system("$B/bin/npu-fw keygen $T/a && $B/bin/npu-fw keygen $T/b && " PACK
		      "-o $T/good.bin $B/firmware/npu-fw.elf");
}

static void keys_are_private_and_never_overwritten(void **state)
{
	struct stat st;

	assert_int_equal(stat(command_file("a.key"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	command_expect(&c, 1, "$B/bin/npu-fw keygen $T/a");
	command_says(&c, "File exists");
	command_expect(&c, 0, "! cmp -s $T/a.key $T/b.key");
	command_expect(&c, 1, "$B/bin/npu-fw keygen $T/missing/x");
	command_says(&c, "No such file");
}

static void packed_image_says_what_it_was_given(void **state)
{
	struct json_object *o, *value;

	command_expect(&c, 0, "$B/bin/npu-fw inspect --json $T/good.bin");
	o = json_tokener_parse(c.out);
	assert_non_null(o);
	assert_true(json_object_object_get_ex(o, "schema", &value));
	assert_string_equal(json_object_get_string(value), "npu-fw/1");
	assert_true(json_object_object_get_ex(o, "version", &value));
	assert_string_equal(json_object_get_string(value), "1.2.3");
	assert_true(json_object_object_get_ex(o, "build_id", &value));
	assert_string_equal(json_object_get_string(value), "test");
	assert_true(json_object_object_get_ex(o, "security_version", &value));
	assert_int_equal(json_object_get_int(value), 7);
	assert_true(json_object_object_get_ex(o, "signed", &value));
	assert_true(json_object_get_boolean(value));
	assert_true(json_object_object_get_ex(o, "digest_matches", &value));
	assert_true(json_object_get_boolean(value));
	json_object_put(o);
	command_expect(&c, 0, "$B/bin/npu-fw inspect $T/good.bin");
	assert_non_null(strstr(c.out, "version           1.2.3\n"));
	assert_non_null(strstr(c.out, "(matches)"));
}

static void the_right_key_verifies_and_another_does_not(void **state)
{
	command_expect(&c, 0, "$B/bin/npu-fw verify -k $T/a.pub $T/good.bin");
	assert_non_null(strstr(c.out, "good"));
	command_expect(&c, 1, "$B/bin/npu-fw verify -k $T/b.pub $T/good.bin");
	command_says(&c, "signed by another key");
	command_expect(&c, 0, "$B/bin/npu-fw sign -k $T/b.key -o $T/b.bin $T/good.bin");
	command_expect(&c, 0, "$B/bin/npu-fw verify -k $T/b.pub $T/b.bin");
	command_expect(&c, 1, "$B/bin/npu-fw verify -k $T/a.pub $T/b.bin");
}

static void unsigned_images_are_told_apart(void **state)
{
	command_expect(&c, 0, "$B/bin/npu-fw pack -o $T/unsigned.bin $B/firmware/npu-fw.elf");
	command_expect(&c, 1, "$B/bin/npu-fw verify -k $T/a.pub $T/unsigned.bin");
	command_says(&c, "unsigned");
	command_expect(&c, 0, "$B/bin/npu-fw inspect $T/unsigned.bin");
	assert_non_null(strstr(c.out, "unsigned"));
}

static void every_byte_of_the_header_is_protected(void **state)
{
	static uint8_t image[NPU_FW_IMAGE_MAX];
	size_t size = load("good.bin", image, sizeof(image));
	char line[128];

	for (size_t byte = 0; byte < NPU_FW_HEADER_SIZE; byte++) {
		image[byte] ^= (uint8_t)(1u << byte % 8);
		snprintf(line, sizeof(line), "header-%zu", byte);
		store(line, image, size);
		image[byte] ^= (uint8_t)(1u << byte % 8);
	}
	command_expect(&c, 0,
		       "for f in $T/header-*; do"
		       "  ! $B/bin/npu-fw verify -k $T/a.pub $f >/dev/null 2>&1 || exit 1;"
		       "done; rm $T/header-*");
}

static void a_changed_payload_is_seen(void **state)
{
	static uint8_t image[NPU_FW_IMAGE_MAX];
	size_t size = load("good.bin", image, sizeof(image));

	image[size - 1] ^= 1;
	store("changed.bin", image, size);
	command_expect(&c, 1, "$B/bin/npu-fw verify -k $T/a.pub $T/changed.bin");
	command_says(&c, "differs from its digest");
	command_expect(&c, 0, "$B/bin/npu-fw inspect $T/changed.bin");
	assert_non_null(strstr(c.out, "DOES NOT MATCH"));
}

static void truncated_and_foreign_files_are_refused(void **state)
{
	static uint8_t image[NPU_FW_IMAGE_MAX + 1];
	size_t size = load("good.bin", image, sizeof(image));

	store("cut.bin", image, size - 1);
	command_expect(&c, 1, "$B/bin/npu-fw inspect $T/cut.bin");
	command_says(&c, "its header says");
	store("cut.bin", image, 100);
	command_expect(&c, 1, "$B/bin/npu-fw inspect $T/cut.bin");
	command_says(&c, "truncated");
	store("cut.bin", image, sizeof(image));
	command_expect(&c, 1, "$B/bin/npu-fw inspect $T/cut.bin");
	command_says(&c, "no card takes that");
	command_expect(&c, 1, "$B/bin/npu-fw inspect /dev/null");
	command_says(&c, "not a firmware image");
	command_expect(&c, 1, "$B/bin/npu-fw inspect /");
	command_says(&c, "Is a directory");
	command_expect(&c, 1, "$B/bin/npu-fw inspect $T/nothing");
	command_says(&c, "No such file");
	image[4] = 9;
	store("version.bin", image, size);
	command_expect(&c, 1, "$B/bin/npu-fw inspect $T/version.bin");
	command_says(&c, "header version 9");
}

static void only_rv32_executables_are_packed(void **state)
{
	command_expect(&c, 1, PACK "-o $T/x.bin /bin/true");
	command_says(&c, "not an RV32 executable");
	command_expect(&c, 1, PACK "-o $T/x.bin $T/a.pub");
	command_expect(&c, 1, PACK "-o $T/x.bin $T/nothing");
	command_says(&c, "No such file");
	command_expect(&c, 1, "test -e $T/x.bin");
}

static void control_characters_of_an_image_are_escaped(void **state)
{
	static uint8_t image[NPU_FW_IMAGE_MAX];
	size_t size = load("good.bin", image, sizeof(image));

	memcpy(image + offsetof(struct npu_fw_header, build_id), "\x1b[2J\xff...............", 20);
	store("hostile.bin", image, size);
	command_expect(&c, 0, "$B/bin/npu-fw inspect $T/hostile.bin");
	assert_null(strchr(c.out, '\x1b'));
	assert_non_null(strstr(c.out, "\\x1b[2J\\xff"));
	command_expect(&c, 0, "$B/bin/npu-fw inspect --json $T/hostile.bin");
	assert_non_null(strstr(c.out, "\\u001b[2J\\\\xff"));
}

static void wrong_keys_are_named(void **state)
{
	command_expect(&c, 1, "$B/bin/npu-fw verify -k $T/a.key $T/good.bin");
	command_says(&c, "npu-ed25519-public");
	command_expect(&c, 1, "$B/bin/npu-fw sign -k $T/a.pub -o $T/x.bin $T/good.bin");
	command_says(&c, "npu-ed25519-secret");
	command_expect(&c, 1, "$B/bin/npu-fw sign -k $T/nothing -o $T/x.bin $T/good.bin");
	command_says(&c, "No such file");
	command_expect(&c, 1,
		       "printf 'npu-ed25519-public 1234\\n' >$T/short.pub;"
		       "$B/bin/npu-fw verify -k $T/short.pub $T/good.bin");
	command_says(&c, "64 hex digits");
}

static void wrong_use_is_status_2(void **state)
{
	static const char *const lines[] = {
		"$B/bin/npu-fw",
		"$B/bin/npu-fw frobnicate",
		"$B/bin/npu-fw keygen",
		"$B/bin/npu-fw keygen a b",
		"$B/bin/npu-fw keygen --help",
		"$B/bin/npu-fw pack $B/firmware/npu-fw.elf",
		"$B/bin/npu-fw pack -o $T/x.bin",
		"$B/bin/npu-fw pack -o $T/x.bin a b",
		"$B/bin/npu-fw pack --frobnicate",
		PACK "-o $T/x.bin --version 1.2 $B/firmware/npu-fw.elf",
		PACK "-o $T/x.bin --version 256.0.0 $B/firmware/npu-fw.elf",
		PACK "-o $T/x.bin --security-version -1 $B/firmware/npu-fw.elf",
		PACK "-o $T/x.bin --security-version 4294967296 $B/firmware/npu-fw.elf",
		PACK "-o $T/x.bin --build-id 12345678901234567890 $B/firmware/npu-fw.elf",
		PACK "-o $T/x.bin --family 65536 $B/firmware/npu-fw.elf",
		PACK "-o $T/x.bin --revisions 2-1 $B/firmware/npu-fw.elf",
		PACK "-o $T/x.bin --abi 2.0-1.0 $B/firmware/npu-fw.elf",
		"$B/bin/npu-fw sign $T/good.bin",
		"$B/bin/npu-fw verify $T/good.bin",
		"$B/bin/npu-fw inspect",
		"$B/bin/npu-fw inspect a b",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		command_expect(&c, 2, lines[i]);
		assert_string_equal(c.out, "");
		assert_true(*c.err);
	}
	command_expect(&c, 1, "test -e $T/x.bin");
}

static void help_and_version(void **state)
{
	command_expect(&c, 0, "$B/bin/npu-fw --help");
	assert_non_null(strstr(c.out, "Usage: npu-fw"));
	command_expect(&c, 0, "$B/bin/npu-fw --version");
	assert_string_equal(c.out, "npu-fw " NPU_VERSION "\n");
}

static void output_that_gets_lost_is_a_failure(void **state)
{
	static const char *const lines[] = {
		"$B/bin/npu-fw --help",
		"$B/bin/npu-fw --version",
		"$B/bin/npu-fw inspect $T/good.bin",
		"$B/bin/npu-fw inspect --json $T/good.bin",
		"$B/bin/npu-fw verify -k $T/a.pub $T/good.bin",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct command lost = {.stdout_file = "/dev/full"};

		command_expect(&lost, 1, lines[i]);
		command_says(&lost, "standard output: No space left on device");
		lost = (struct command){.stdout_file = ""};
		command_expect(&lost, 1, lines[i]);
		command_says(&lost, "standard output: Bad file descriptor");
		lost = (struct command){.stdout_pipe_closed = true};
		command_expect(&lost, 1, lines[i]);
		command_says(&lost, "standard output: Broken pipe");
	}
	command_expect(&c, 1, PACK "-o /dev/full $B/firmware/npu-fw.elf");
	command_says(&c, "/dev/full: No space left on device");
	command_expect(&c, 1, "$B/bin/npu-fw sign -k $T/a.key -o /dev/full $T/good.bin");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_private_and_never_overwritten),
		cmocka_unit_test(packed_image_says_what_it_was_given),
		cmocka_unit_test(the_right_key_verifies_and_another_does_not),
		cmocka_unit_test(unsigned_images_are_told_apart),
		cmocka_unit_test(every_byte_of_the_header_is_protected),
		cmocka_unit_test(a_changed_payload_is_seen),
		cmocka_unit_test(truncated_and_foreign_files_are_refused),
		cmocka_unit_test(only_rv32_executables_are_packed),
		cmocka_unit_test(control_characters_of_an_image_are_escaped),
		cmocka_unit_test(wrong_keys_are_named),
		cmocka_unit_test(wrong_use_is_status_2),
		cmocka_unit_test(help_and_version),
		cmocka_unit_test(output_that_gets_lost_is_a_failure),
	};

	return cmocka_run_group_tests(tests, setup, command_teardown);
}
