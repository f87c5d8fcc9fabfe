// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * npu-run without a card: everything that it can find wrong before it opens
 * one. Tests run in the project's top folder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "command.h"

#define RUN "$B/bin/npu-run -d ff:1f.7 "
#define MODEL "$B/models/digits-fp32.npu "
#define IMAGES "tests/models/digits-images.npy "
#define LABELS "tests/models/digits-labels.npy "
#define REFERENCE "tests/models/digits-fp32-reference.npy "

static struct command c;

static void a_good_graph_is_described(void **state)
{
	command_expect(&c, 0, "$B/bin/npu-run --info " MODEL);
	assert_non_null(strstr(c.out, "digits-fp32"));
	assert_non_null(strstr(c.out, " MACs"));
	assert_non_null(strstr(c.out, "\ninput     image: f32 [1, 1, 8, 8], 256 bytes\n"));
	assert_non_null(strstr(c.out, "\noutput    logits: f32 [1, 10], 40 bytes\n"));
	command_expect(&c, 0, "$B/bin/npu-run --check " MODEL);
	assert_non_null(strstr(c.out, ": good\n"));
}

static const char *text_at(struct json_object *o, const char *key)
{
	struct json_object *value;

	assert_true(json_object_object_get_ex(o, key, &value));
	return json_object_get_string(value);
}

static void documents_have_a_schema(void **state)
{
	struct json_object *o;

	command_expect(&c, 0, "$B/bin/npu-run --info --json " MODEL);
	o = json_tokener_parse(c.out);
	assert_non_null(o);
	assert_string_equal(text_at(o, "schema"), "npu-run-info/1");
	assert_string_equal(text_at(o, "graph"), "digits-fp32");
	json_object_put(o);
	command_expect(&c, 0, "$B/bin/npu-run --check --json " MODEL);
	o = json_tokener_parse(c.out);
	assert_string_equal(text_at(o, "schema"), "npu-run-check/1");
	assert_string_equal(text_at(o, "good"), "true");
	assert_null(text_at(o, "error"));
	json_object_put(o);
	command_expect(&c, 1, "$B/bin/npu-run --check --json tests/models/digits-fp32.onnx");
	o = json_tokener_parse(c.out);
	assert_string_equal(text_at(o, "good"), "false");
	assert_non_null(strstr(text_at(o, "error"), "npu-compile"));
	json_object_put(o);
}

static void graphs_that_are_none_or_damaged_are_refused(void **state)
{
	command_expect(&c, 1, "$B/bin/npu-run $T/nothing.npu");
	command_says(&c, "No such file");
	command_expect(&c, 1, "$B/bin/npu-run tests/models/digits-fp32.onnx");
	command_says(&c, "npu-compile");
	command_expect(&c, 1,
		       "head -c 2000 " MODEL ">$T/cut.npu; $B/bin/npu-run --info $T/cut.npu");
	command_expect(&c, 1, "$B/bin/npu-run /");
	/* A flipped bit of a weight is found by --check, which reads them all. */
	command_expect(
		&c, 1,
		"cp " MODEL "$T/bad.npu;"
		"offset=$(($(readelf -SW $T/bad.npu |"
		"  sed -n 's/.*\\.npu\\.weights *PROGBITS *[0-9a-f]* \\([0-9a-f]*\\).*/0x\\1/p')));"
		"printf '\\377' | dd of=$T/bad.npu bs=1 seek=$((offset + 101)) conv=notrunc"
		"  2>$T/dd || exit 9;"
		"$B/bin/npu-run --check $T/bad.npu");
	assert_string_equal(c.out, "");
	assert_true(*c.err);
}

static void wrong_shapes_name_input_expected_and_got(void **state)
{
	command_expect(&c, 1, RUN "-i " LABELS MODEL);
	command_says(&c, "input 'image': the graph takes f32 [1, 1, 8, 8], or several of them; the "
			 "file has i64 [360]");
	command_expect(&c, 1, RUN "-i " REFERENCE MODEL);
	command_says(&c, "the file has f32 [360, 10]");
	command_expect(&c, 1, RUN "-i " IMAGES "-e " IMAGES MODEL);
	command_says(&c, "output 'logits': the graph makes f32 [360, 10]; ");
	command_expect(&c, 1, RUN "-e " REFERENCE MODEL);
	command_says(&c, "the graph makes f32 [1, 10]; ");
	command_expect(&c, 1, RUN "-l " LABELS MODEL);
	command_says(&c, "has 1 rows to label, the file has i64 [360]");
	command_expect(&c, 1, RUN "-i " IMAGES "-l " IMAGES MODEL);
	command_says(&c, "labels are integers");
}

static void names_that_the_graph_lacks_are_listed(void **state)
{
	command_expect(&c, 1, RUN "-i picture=" IMAGES MODEL);
	command_says(&c, "the graph has no input 'picture'; it has 'image'");
	command_expect(&c, 1, RUN "-o result=$T/x.npy " MODEL);
	command_says(&c, "the graph has no output 'result'; it has 'logits'");
	command_expect(&c, 1, RUN "-i " IMAGES "-i image=" IMAGES MODEL);
	command_says(&c, "has a file already");
}

static void files_that_cannot_be_used_are_named(void **state)
{
	command_expect(&c, 1, RUN "-i $T/nothing.npy " MODEL);
	command_says(&c, "nothing.npy: No such file");
	command_expect(&c, 1, RUN "-i " MODEL MODEL);
	command_says(&c, "neither a .npy file nor a TensorProto");
	command_expect(&c, 1, "head -c 5000 " IMAGES ">$T/cut.npy;" RUN "-i $T/cut.npy " MODEL);
	command_says(&c, "the file is truncated");
}

static void status_4_without_a_card(void **state)
{
	command_expect(&c, 4, RUN "-i " IMAGES "-e " REFERENCE "-l " LABELS MODEL);
	assert_string_equal(c.out, "");
	command_says(&c, "no npu card");
}

static void wrong_use_is_status_2(void **state)
{
	static const char *const lines[] = {
		"$B/bin/npu-run",
		"$B/bin/npu-run a b",
		"$B/bin/npu-run --frobnicate",
		"$B/bin/npu-run -i",
		RUN "-i = " MODEL,
		RUN "-i image= " MODEL,
		RUN "-i =x.npy " MODEL,
		RUN "--rtol -1 " MODEL,
		RUN "--rtol x " MODEL,
		RUN "--rtol nan " MODEL,
		RUN "--atol inf " MODEL,
		RUN "--repeat 0 " MODEL,
		RUN "--repeat -1 " MODEL,
		RUN "--repeat 1000000001 " MODEL,
		RUN "--warmup x " MODEL,
		RUN "--seed 18446744073709551616 " MODEL,
		RUN "--min-accuracy 101 -l " LABELS MODEL,
		RUN "--min-accuracy 97 " MODEL,
		RUN "-l " LABELS "-l " LABELS MODEL,
		"$B/bin/npu-run -d gibberish " MODEL,
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		command_expect(&c, 2, lines[i]);
		assert_string_equal(c.out, "");
		command_says(&c, "--help'");
	}
}

static void help_and_version(void **state)
{
	command_expect(&c, 0, "$B/bin/npu-run --help");
	assert_non_null(strstr(c.out, "Usage: npu-run"));
	command_expect(&c, 0, "$B/bin/npu-run --version");
	assert_non_null(strstr(c.out, "npu-run " NPU_VERSION));
}

static void output_that_gets_lost_is_a_failure(void **state)
{
	static const char *const lines[] = {
		"$B/bin/npu-run --help",	 "$B/bin/npu-run --version",
		"$B/bin/npu-run --info " MODEL,	 "$B/bin/npu-run --info --json " MODEL,
		"$B/bin/npu-run --check " MODEL,
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
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_graph_is_described),
		cmocka_unit_test(documents_have_a_schema),
		cmocka_unit_test(graphs_that_are_none_or_damaged_are_refused),
		cmocka_unit_test(wrong_shapes_name_input_expected_and_got),
		cmocka_unit_test(names_that_the_graph_lacks_are_listed),
		cmocka_unit_test(files_that_cannot_be_used_are_named),
		cmocka_unit_test(status_4_without_a_card),
		cmocka_unit_test(wrong_use_is_status_2),
		cmocka_unit_test(help_and_version),
		cmocka_unit_test(output_that_gets_lost_is_a_failure),
	};

	return cmocka_run_group_tests(tests, command_setup, command_teardown);
}
