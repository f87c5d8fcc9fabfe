/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* Between the parts of npu-compile. */
#ifndef NPU_COMPILE_H
#define NPU_COMPILE_H

#include <stdbool.h>
#include <stddef.h>

#include <npuc.h>

enum action { ACTION_COMPILE, ACTION_DUMP, ACTION_LIST };

struct options {
	enum action action;
	const char *model;	/* file; "-" is standard input */
	const char *output;	/* file; "-" is standard output; NULL: nothing is written */
	const char *name;	/* NULL: the model's */
	bool report;
	bool json;
	struct npuc_onnx_options onnx;
	struct npuc_shape *shapes;
	struct npuc_dim *dims;
};

/* -1 to go on, else the exit status. */
int options_parse(struct options *o, int argc, char **argv);
void options_fini(struct options *o);

/* What was compiled into which operations, on standard output. */
void report_print(const struct options *o, const struct npuc_report *report, size_t file_size);

/* A compiled graph in words, and the operators as a table; exit statuses. */
int dump_file(const char *path);
int list_operators(void);

/* The whole of a file ("-": standard input); NULL after a message. free() it. */
void *file_read(const char *path, size_t *size);
/* All of it or nothing ("-": standard output); exit status, after a message. */
int file_write(const char *path, const void *data, size_t size);

#endif /* NPU_COMPILE_H */
