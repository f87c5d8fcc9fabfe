/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * Faults on purpose, by the kernel's fault injection: the Nth allocation or
 * copy from or to user memory that this thread makes in the kernel fails.
 */
#ifndef TESTS_DEBUG_FAULTS_H
#define TESTS_DEBUG_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

/* Exits with 77 where the kernel injects no faults. */
void faults_init(void);

/* From now on the @nth failure point of this thread fails, once. */
void faults_arm(int nth);

/* Ends it; did one fail? */
bool faults_disarm(void);

/*
 * A step that is to survive a failure at any point. @run returns a negative
 * errno, or what is not negative; each function gets @data.
 */
struct faults_step {
	const char *name;
	void *data;
	/* May be NULL: makes what @run works on. */
	void (*prepare)(void *data);
	int (*run)(void *data);
	/* May be NULL: checks and takes back what @run did, which has succeeded. */
	void (*undo)(void *data);
	/* May be NULL: the same where it has failed. */
	void (*failed)(void *data);
	/* More errnos that are fine, up to the first 0; ENOMEM and EFAULT always are. */
	int also[4];
};

/*
 * Runs the step with its first failure point failing, then its second, and so
 * on until it runs through; that time it must succeed. A verdict (TAP).
 */
void faults_walk(const struct faults_step *step);

#endif
