// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

struct json_object *json_text(const char *text)
{
	struct json_object *object = NULL;
	size_t size;
	char *clean;

	if (!text)
		return NULL;
	/* Each byte may become four. */
	size = strlen(text) * 4 + 1;
	clean = malloc(size);
	if (clean)
		object = json_object_new_string(text_utf8(clean, size, text));
	free(clean);
	return object;
}

struct json_object *json_real(double value)
{
	char digits[32];

	if (!isfinite(value))
		return NULL;
	/* 9 digits tell every float apart; json-c's own 17 show what nobody measured. */
	snprintf(digits, sizeof(digits), "%.9g", value);
	return json_object_new_double_s(value, digits);
}

void json_add_text(struct json_object *object, const char *key, const char *text)
{
	json_object_object_add(object, key, json_text(text));
}

void json_add_integer(struct json_object *object, const char *key, int64_t value)
{
	json_object_object_add(object, key, json_object_new_int64(value));
}

void json_add_count(struct json_object *object, const char *key, uint64_t value)
{
	json_object_object_add(object, key, json_object_new_uint64(value));
}

void json_add_real(struct json_object *object, const char *key, double value)
{
	json_object_object_add(object, key, json_real(value));
}

void json_add_bool(struct json_object *object, const char *key, int value)
{
	json_object_object_add(object, key, json_object_new_boolean(value));
}

void json_add_null(struct json_object *object, const char *key)
{
	json_object_object_add(object, key, NULL);
}

void json_print(struct json_object *object)
{
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}
