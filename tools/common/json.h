/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* JSON documents from text and numbers that may be anything. */
#ifndef TOOLS_JSON_H
#define TOOLS_JSON_H

#include <stdint.h>

#include <json-c/json.h>

/* Each adds one key to `object`; a NULL text, NaN and infinity become null. */
void json_add_text(struct json_object *object, const char *key, const char *text);
void json_add_integer(struct json_object *object, const char *key, int64_t value);
void json_add_count(struct json_object *object, const char *key, uint64_t value);
void json_add_real(struct json_object *object, const char *key, double value);
void json_add_bool(struct json_object *object, const char *key, int value);
void json_add_null(struct json_object *object, const char *key);

/* A text or number of its own, for arrays. */
struct json_object *json_text(const char *text);
struct json_object *json_real(double value);

/* Prints the document to stdout and frees it. */
void json_print(struct json_object *object);

#endif /* TOOLS_JSON_H */
