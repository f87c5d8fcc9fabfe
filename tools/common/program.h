/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* What every tool does alike: messages, and an exit status that tells the truth. */
#ifndef TOOLS_PROGRAM_H
#define TOOLS_PROGRAM_H

/* Exit codes that all tools share; a tool's man page lists its own beside them. */
#define EXIT_GOOD 0
#define EXIT_FAILED 1
#define EXIT_USAGE 2

/*
 * First thing in main(): keeps the name for messages, and sees to it that
 * descriptors 0 to 2 exist. A tool started with one of them closed would else
 * open a file in its place, and print into that file.
 */
void program_start(const char *name);

/* Prints "NAME: ..." to stderr, returns EXIT_FAILED. */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints "NAME: ..." and where help is, returns EXIT_USAGE. */
int usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Last thing in main(): `status`, or EXIT_FAILED after a message if something
 * printed did not reach standard output (closed, full disk).
 */
int program_end(int status);

#endif /* TOOLS_PROGRAM_H */
