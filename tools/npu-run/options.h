/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
#ifndef NPU_RUN_OPTIONS_H
#define NPU_RUN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compare.h"

/* "NAME=FILE", or "FILE" where the graph has only one such port (name NULL). */
struct file_option {
	char *name;
	const char *file;
};

struct file_options {
	struct file_option *list;
	size_t count;
};

enum action { ACTION_RUN, ACTION_INFO, ACTION_CHECK };

struct options {
	enum action action;
	const char *model;
	const char *device; /* NULL: the first */
	struct file_options inputs, outputs, expects, labels;
	struct tolerance tolerance;
	double min_accuracy; /* per cent; < 0: none is asked for */
	uint64_t repeat;
	uint64_t warmup;
	uint64_t seed;
	bool json;
};

/*
 * -1: go on; otherwise the exit status (after a message, or --help and
 * --version). options_fini() is good in any case.
 */
int options_parse(struct options *options, int argc, char **argv);
void options_fini(struct options *options);

#endif /* NPU_RUN_OPTIONS_H */
