/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * What a program that runs in the VM prints: one TAP line for each verdict.
 * From one thread only.
 */
#ifndef TESTS_VM_TAP_H
#define TESTS_VM_TAP_H

#include <stdbool.h>

/* Prints "ok N - name" or "not ok N - name"; returns @good. */
bool tap(bool good, const char *name, ...) __attribute__((format(printf, 2, 3)));

/*
 * Like tap() for ret == expected. Prints what came instead, and @text (may be
 * NULL), for example an error's sentence.
 */
bool tap_ret(int ret, int expected, const char *text, const char *name, ...)
	__attribute__((format(printf, 4, 5)));

/* A failure that leaves nothing to go on with: prints and exits. */
void tap_bail(const char *why, ...) __attribute__((format(printf, 1, 2), noreturn));

/* The exit status: 0 if all was well. */
int tap_end(void);

#endif
