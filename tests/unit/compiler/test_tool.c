// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* npu-compile as a user meets it: files, messages, exit statuses. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "command.h"
#include "run.h"

static struct command command;

/* x[batch, 2] to y: Neg, and with `unknown` something that there is not. */
static void write_model(const char *name, const char *op, int64_t batch)
{
	struct model *m = model_new(13);
	FILE *file = fopen(command_file(name), "wb");
	size_t size;
	void *bytes;

	model_input(m, "x", T_FLOAT, DIMS(batch, 2));
	model_node(m, op, "x", "y");
	model_output(m, "y", T_FLOAT, DIMS(batch, 2));
	bytes = model_pack(m, &size);
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	fclose(file);
	free(bytes);
	model_free(m);
}

static void a_model_becomes_a_file(void **state)
{
	command_expect(&command, 0, "$B/bin/npu-compile tests/models/digits-int8.onnx -o $T/a.npu");
	assert_string_equal(command.out, "");
	assert_string_equal(command.err, "");
	command_expect(&command, 0, "$B/bin/npu-run --check $T/a.npu");
	/* The same by way of pipes, and the mode is the usual one. */
	command_expect(&command, 0, "$B/bin/npu-compile -o - - <tests/models/digits-int8.onnx >$T/b.npu"
				    " && cmp $T/a.npu $T/b.npu");
	command_expect(&command, 0, "umask 027; $B/bin/npu-compile tests/models/digits-int8.onnx -o $T/c.npu"
				    " && stat -c %a $T/c.npu | grep -x 640");
	command_expect(&command, 0, "readelf -SW $T/a.npu | grep -q npu.weights");
	assert_string_equal(command.err, "");
}

static void usage_errors_are_told_from_failures(void **state)
{
	static const char *const lines[] = {
		"$B/bin/npu-compile",
		"$B/bin/npu-compile model.onnx",
		"$B/bin/npu-compile a.onnx b.onnx -o c.npu",
		"$B/bin/npu-compile --nonsense",
		"$B/bin/npu-compile a.onnx -o c.npu --shape x",
		"$B/bin/npu-compile a.onnx -o c.npu --shape =1",
		"$B/bin/npu-compile a.onnx -o c.npu --shape x=1,,2",
		"$B/bin/npu-compile a.onnx -o c.npu --shape x=1,",
		"$B/bin/npu-compile a.onnx -o c.npu --shape x=0",
		"$B/bin/npu-compile a.onnx -o c.npu --shape x=1,2,3,4,5,6,7",
		"$B/bin/npu-compile a.onnx -o c.npu --shape x=99999999999999999999",
		"$B/bin/npu-compile a.onnx -o c.npu --batch -1",
		"$B/bin/npu-compile a.onnx -o c.npu --batch 1x",
		"$B/bin/npu-compile a.onnx -o c.npu --dim n",
		"$B/bin/npu-compile a.onnx -o c.npu --dim n=1,2",
		"$B/bin/npu-compile a.onnx -o c.npu --name ''",
		"$B/bin/npu-compile a.onnx -o c.npu --json",
		"$B/bin/npu-compile a.onnx -o - --report",
		"$B/bin/npu-compile --dump",
		"$B/bin/npu-compile --dump a.npu -o b.npu",
		"$B/bin/npu-compile --list-operators a.onnx",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		command_expect(&command, 2, lines[i]);
		command_says(&command, "Try 'npu-compile --help'.");
		assert_string_equal(command.out, "");
	}
}

static void help_and_version_are_printed(void **state)
{
	command_expect(&command, 0, "$B/bin/npu-compile --help");
	assert_non_null(strstr(command.out, "Usage: npu-compile"));
	command_expect(&command, 0, "$B/bin/npu-compile --version");
	assert_string_equal(command.out, "npu-compile " NPU_VERSION "\n");
}

static void refusals_name_file_and_node(void **state)
{
	write_model("unknown.onnx", "NonMaxSuppression", 1);
	command_expect(&command, 1, "$B/bin/npu-compile $T/unknown.onnx -o $T/unknown.npu");
	command_says(&command, "/unknown.onnx: node 0 'y' (NonMaxSuppression): operator NonMaxSuppression is not supported");
	command_expect(&command, 1, "test -e $T/unknown.npu");
	command_expect(&command, 1, "$B/bin/npu-compile $T/missing.onnx -o $T/missing.npu");
	command_says(&command, "No such file or directory");
	command_expect(&command, 1, "$B/bin/npu-compile -o $T/x.npu - </dev/null");
	command_says(&command, "standard input: not an ONNX model: the file is empty");
	command_expect(&command, 1, "$B/bin/npu-compile -o $T/x.npu docs/operators.md");
	command_says(&command, "not an ONNX model");
}

static void names_from_a_model_cannot_move_the_cursor(void **state)
{
	write_model("escape.onnx", "\x1b[2JBad\n", 1);
	command_expect(&command, 1, "$B/bin/npu-compile $T/escape.onnx -o $T/escape.npu");
	command_says(&command, "\\x1b[2JBad\\x0a");
	assert_null(strchr(command.err, '\x1b'));
}

static void open_shapes_are_given_on_the_command_line(void **state)
{
	write_model("open.onnx", "Neg", -1);
	command_expect(&command, 1, "$B/bin/npu-compile $T/open.onnx -o $T/open.npu");
	command_says(&command, "input 'x' has a dynamic shape: dimension 0 ('batch')");
	command_expect(&command, 0, "$B/bin/npu-compile $T/open.onnx --report --shape x=5,2 | grep '5x2 = 5x2'");
	command_expect(&command, 0, "$B/bin/npu-compile $T/open.onnx --report --batch 6 | grep '6x2 = 6x2'");
	command_expect(&command, 0, "$B/bin/npu-compile $T/open.onnx --report --dim batch=7 | grep '7x2 = 7x2'");
	command_expect(&command, 1, "$B/bin/npu-compile $T/open.onnx --report --shape x=5,3");
	command_says(&command, "dimension 1 is 2 in the model");
}

static void an_output_is_replaced_whole_or_not_at_all(void **state)
{
	command_expect(&command, 0, "echo before >$T/kept.npu");
	command_expect(&command, 1, "$B/bin/npu-compile $T/unknown.onnx -o $T/kept.npu");
	command_expect(&command, 0, "grep -qx before $T/kept.npu");
	/* No room: a file size limit stands for a full disk. */
	command_expect(&command, 1, "trap '' XFSZ; ulimit -f 4; $B/bin/npu-compile tests/models/digits-fp32.onnx -o $T/kept.npu");
	command_says(&command, "kept.npu: File too large; nothing was written");
	command_expect(&command, 0, "grep -qx before $T/kept.npu");
	command_expect(&command, 1, "$B/bin/npu-compile tests/models/digits-fp32.onnx -o /dev/full");
	command_says(&command, "/dev/full: No space left on device");
	command_expect(&command, 1, "$B/bin/npu-compile tests/models/digits-fp32.onnx -o $T");
	command_says(&command, "nothing was written");
	command_expect(&command, 1, "$B/bin/npu-compile tests/models/digits-fp32.onnx -o $T/no/such/a.npu");
	/* A link stays one, its target is replaced. */
	command_expect(&command, 0, "ln -s kept.npu $T/link.npu &&"
				    " $B/bin/npu-compile tests/models/digits-fp32.onnx -o $T/link.npu &&"
				    " test -h $T/link.npu && $B/bin/npu-run --check $T/kept.npu");
	command_expect(&command, 1, "ls $T | grep 'npu[.]'");
}

static void standard_output_that_takes_nothing_is_noticed(void **state)
{
	struct command full = { .stdout_file = "/dev/full" };
	struct command closed = { .stdout_file = "" };
	struct command pipe = { .stdout_pipe_closed = true };

	command_expect(&full, 1, "$B/bin/npu-compile -o - tests/models/digits-int8.onnx");
	command_says(&full, "standard output");
	command_expect(&full, 1, "$B/bin/npu-compile --list-operators");
	command_expect(&closed, 1, "$B/bin/npu-compile -o - tests/models/digits-int8.onnx");
	command_expect(&closed, 1, "$B/bin/npu-compile --report tests/models/digits-int8.onnx");
	command_expect(&pipe, 1, "$B/bin/npu-compile -o - tests/models/digits-int8.onnx");
	command_expect(&pipe, 1, "$B/bin/npu-compile --dump $B/models/digits-int8.npu");
}

static void the_report_adds_up(void **state)
{
	struct json_object *document, *list, *value;
	uint64_t macs = 0;

	command_expect(&command, 0, "$B/bin/npu-compile --report tests/models/digits-int8.onnx");
	assert_non_null(strstr(command.out, "conv2              CONV u8 relu   1x32x8x8 = 1x16x8x8, 32x16x3x3        294912"));
	assert_non_null(strstr(command.out, "9 operations, 460416 MACs"));
	command_expect(&command, 0, "$B/bin/npu-compile --report --json tests/models/digits-int8.onnx");
	document = json_tokener_parse(command.out);
	assert_non_null(document);
	assert_true(json_object_object_get_ex(document, "schema", &value));
	assert_string_equal(json_object_get_string(value), "npu-compile-report/1");
	assert_true(json_object_object_get_ex(document, "operations", &list));
	assert_int_equal(json_object_array_length(list), 9);
	for (size_t i = 0; i < 9; i++) {
		assert_true(json_object_object_get_ex(json_object_array_get_idx(list, i), "macs", &value));
		macs += json_object_get_uint64(value);
	}
	assert_true(json_object_object_get_ex(document, "macs", &value));
	assert_int_equal(json_object_get_uint64(value), macs);
	json_object_put(document);
}

static void the_name_can_be_given(void **state)
{
	command_expect(&command, 0, "$B/bin/npu-compile --name 'my graph' tests/models/digits-int8.onnx -o $T/named.npu"
				    " && $B/bin/npu-compile --dump $T/named.npu | grep \"graph 'my graph'\"");
}

static void a_dump_shows_operations_and_operands(void **state)
{
	command_expect(&command, 0, "$B/bin/npu-compile --dump $B/models/digits-int8.npu");
	assert_non_null(strstr(command.out, "graph 'digits-int8' by npu-compile " NPU_VERSION));
	assert_non_null(strstr(command.out, "base 2 input 'image' f32[1,1,8,8] 256 bytes"));
	assert_non_null(strstr(command.out, "CONV 'conv1' relu"));
	assert_non_null(strstr(command.out, "i8[16,1,3,3]  strides [9,9,3,1]"));
	command_expect(&command, 1, "$B/bin/npu-compile --dump tests/models/digits-int8.onnx");
	command_says(&command, "not a compiled graph");
	command_expect(&command, 1, "$B/bin/npu-compile --dump $B/bin/npu-compile");
	command_says(&command, "not a compiled graph");
}

static void a_dump_survives_damage(void **state)
{
	static uint8_t bytes[65536];
	FILE *file = fopen(BUILD "/models/digits-int8.npu", "rb");
	uint64_t seed = 3;
	size_t size;

	assert_non_null(file);
	size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	for (int i = 0; i < 150; i++) {
		const size_t cut = i < 50 ? random_bits(&seed) % size : size;
		/* Most of what is looked at stands before the weights. */
		const size_t at = random_bits(&seed) % 8192;
		const uint8_t before = bytes[at];

		bytes[at] ^= (uint8_t)(1 + random_bits(&seed) % 255);
		file = fopen(command_file("damaged.npu"), "wb");
		assert_non_null(file);
		assert_int_equal(fwrite(bytes, 1, cut, file), cut);
		fclose(file);
		bytes[at] = before;
		command_run(&command, "$B/bin/npu-compile --dump $T/damaged.npu >/dev/null");
		assert_true(command.status == 0 || command.status == 1);
	}
}

static void the_documented_operators_are_the_supported_ones(void **state)
{
	command_expect(&command, 0, "$B/bin/npu-compile --list-operators >$T/table &&"
				    " sed -n '/^| operator/,/^$/p' docs/operators.md | sed '/^$/d' | diff - $T/table");
	assert_string_equal(command.out, "");
}

static void the_man_page_and_help_know_every_option(void **state)
{
	command_expect(&command, 0,
		       "$B/bin/npu-compile --help | grep -oE '(^|[ ,])--[a-z-]+' | tr -d ' ,' | sort -u |"
		       " while read -r option; do"
		       "   sed 's/\\\\-/-/g' tools/npu-compile/npu-compile.1 | grep -q -e \"$option\" ||"
		       "   echo \"$option\"; done");
	assert_string_equal(command.out, "");
	command_expect(&command, 0, "LC_ALL=C.UTF-8 man --warnings -E UTF-8 -l -Tutf8 tools/npu-compile/npu-compile.1 2>&1 >/dev/null");
	assert_string_equal(command.out, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_model_becomes_a_file),
		cmocka_unit_test(usage_errors_are_told_from_failures),
		cmocka_unit_test(help_and_version_are_printed),
		cmocka_unit_test(refusals_name_file_and_node),
		cmocka_unit_test(names_from_a_model_cannot_move_the_cursor),
		cmocka_unit_test(open_shapes_are_given_on_the_command_line),
		cmocka_unit_test(an_output_is_replaced_whole_or_not_at_all),
		cmocka_unit_test(standard_output_that_takes_nothing_is_noticed),
		cmocka_unit_test(the_report_adds_up),
		cmocka_unit_test(the_name_can_be_given),
		cmocka_unit_test(a_dump_shows_operations_and_operands),
		cmocka_unit_test(a_dump_survives_damage),
		cmocka_unit_test(the_documented_operators_are_the_supported_ones),
		cmocka_unit_test(the_man_page_and_help_know_every_option),
	};

	return cmocka_run_group_tests(tests, command_setup, command_teardown);
}
