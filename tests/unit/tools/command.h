/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* Runs an installed program and keeps what it says. */
#ifndef TESTS_TOOLS_COMMAND_H
#define TESTS_TOOLS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

struct command {
	const char *stdout_file; /* NULL: kept in `out`; "": closed; else opened for writing */
	bool stdout_pipe_closed; /* a pipe that nobody reads, SIGPIPE ignored */
	int status; /* exit status, 128 + signal */
	char out[65536];
	char err[16384];
};

/* Runs a shell line. $B is the build folder, $T the directory below. */
void command_run(struct command *command, const char *line);

/* Likewise, and fails the test if the status is not `status`. */
void command_expect(struct command *command, int status, const char *line);

/* Fails the test if `text` is not in stderr. */
void command_says(const struct command *command, const char *text);

/* A directory for one test program, as $T; cmocka group fixtures. */
int command_setup(void **state);
int command_teardown(void **state);

/* Path of a file in that directory; valid until the next call. */
const char *command_file(const char *name);

#endif /* TESTS_TOOLS_COMMAND_H */
