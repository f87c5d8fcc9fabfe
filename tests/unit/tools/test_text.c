// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Text from outside on its way to a terminal or into JSON. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"
#include "text.h"

static void printable(const char *in, const char *want)
{
	char out[256];

	assert_string_equal(text_printable(out, sizeof(out), in), want);
}

static void control_characters_are_escaped(void **state)
{
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	printable("plain text", "plain text");
	printable("a\nb\tc\r", "a\\x0ab\\x09c\\x0d");
	printable("\x1b[2J\x7f", "\\x1b[2J\\x7f");
	/* C1 controls, a lone continuation byte, half a character, combining mark, direction override. */
	printable("\xc2\x9b", "\\xc2\\x9b");
	printable("a\x80z", "a\\x80z");
	printable("\xe2\x82", "\\xe2\\x82");
	printable("e\xcc\x81", "e\\xcc\\x81");
	printable("\xe2\x80\xae", "\\xe2\\x80\\xae");
	printable("Gr\xc3\xbc\xc3\x9f", "Gr\xc3\xbc\xc3\x9f");
}

static void without_utf8_every_other_byte_is_escaped(void **state)
{
	assert_non_null(setlocale(LC_CTYPE, "C"));
	printable("Gr\xc3\xbc", "Gr\\xc3\\xbc");
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
}

static void long_texts_end_after_a_whole_character(void **state)
{
	char out[8];

	assert_string_equal(text_printable(out, sizeof(out), "123456789"), "1234567");
	assert_string_equal(text_printable(out, sizeof(out), "12345\x01"), "12345");
	assert_string_equal(text_printable(out, sizeof(out), "123456\xc3\xbc"), "123456");
	assert_string_equal(text_printable(out, 1, "123"), "");
}

static void columns_are_counted_as_a_terminal_does(void **state)
{
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	assert_int_equal(text_columns(""), 0);
	assert_int_equal(text_columns("abc"), 3);
	assert_int_equal(text_columns("\xc3\xbc"), 1);
	/* Two columns each. */
	assert_int_equal(text_columns("\xe6\x97\xa5\xe6\x9c\xac"), 4);
	assert_int_equal(text_fit("\xe6\x97\xa5\xe6\x9c\xac", 3), 3);
	assert_int_equal(text_fit("abc", 2), 2);
	assert_int_equal(text_fit("abc", 9), 3);
}

static void json_gets_valid_utf8(void **state)
{
	char out[64];

	assert_string_equal(text_utf8(out, sizeof(out), "a\nGr\xc3\xbc"), "a\nGr\xc3\xbc");
	assert_string_equal(text_utf8(out, sizeof(out), "\xc0\xaf"), "\\xc0\\xaf");
	assert_string_equal(text_utf8(out, sizeof(out), "\xed\xa0\x80"), "\\xed\\xa0\\x80");
	assert_string_equal(text_utf8(out, sizeof(out), "\xf4\x90\x80\x80"),
			    "\\xf4\\x90\\x80\\x80");
	assert_string_equal(text_utf8(out, sizeof(out), "\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80");
	assert_string_equal(text_utf8(out, sizeof(out), "\xe2\x82"), "\\xe2\\x82");
}

static void json_numbers(void **state)
{
	struct json_object *o = json_object_new_object();

	json_add_real(o, "a", 0.1);
	json_add_real(o, "b", __builtin_nan(""));
	json_add_count(o, "c", UINT64_MAX);
	json_add_text(o, "d", NULL);
	assert_string_equal(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN),
			    "{\"a\":0.1,\"b\":null,\"c\":18446744073709551615,\"d\":null}");
	json_object_put(o);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_characters_are_escaped),
		cmocka_unit_test(without_utf8_every_other_byte_is_escaped),
		cmocka_unit_test(long_texts_end_after_a_whole_character),
		cmocka_unit_test(columns_are_counted_as_a_terminal_does),
		cmocka_unit_test(json_gets_valid_utf8),
		cmocka_unit_test(json_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
