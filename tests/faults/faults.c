// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

/* A step with more failure points is a step that fails for ever. */
#define FAULTS_MAX 20000

static int nth_fd = -1;

static void knob(const char *file, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s", file);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		tap_bail("%s: cannot write %s: %s", path, value, strerror(errno));
	close(fd);
}

void faults_init(void)
{
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR);
	if (nth_fd < 0) {
		printf("this kernel injects no faults: boot one with FAULT_INJECTION\n");
		exit(77);
	}
	/* Allocations that may sleep, and single pages, which are left out otherwise. */
	knob("failslab/ignore-gfp-wait", "N");
	knob("fail_page_alloc/ignore-gfp-wait", "N");
	knob("fail_page_alloc/min-order", "0");
	/* Thousands of stack traces would hide what the driver says. */
	knob("failslab/verbose", "0");
	knob("fail_page_alloc/verbose", "0");
	knob("fail_usercopy/verbose", "0");
}

void faults_arm(int nth)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", nth);

	if (pwrite(nth_fd, text, length, 0) != length)
		tap_bail("fail-nth: cannot write %d: %s", nth, strerror(errno));
}

bool faults_disarm(void)
{
	char text[16] = "";
	/* Reading copies too: when that fails, nothing else had. */
	bool injected = pread(nth_fd, text, sizeof(text) - 1, 0) > 0 && !atoi(text);

	if (pwrite(nth_fd, "0", 1, 0) != 1 && pwrite(nth_fd, "0", 1, 0) != 1)
		tap_bail("fail-nth: cannot write 0: %s", strerror(errno));
	return injected;
}

static bool is_fine(const struct faults_step *step, int ret)
{
	if (ret >= 0 || ret == -ENOMEM || ret == -EFAULT)
		return true;
	for (size_t i = 0; i < sizeof(step->also) / sizeof(step->also[0]) && step->also[i]; i++)
		if (ret == -step->also[i])
			return true;
	return false;
}

void faults_walk(const struct faults_step *step)
{
	int survived = 0, ret = 0;
	bool injected = true;

	for (int nth = 1; injected && nth < FAULTS_MAX; nth++) {
		if (step->prepare)
			step->prepare(step->data);
		faults_arm(nth);
		ret = step->run(step->data);
		injected = faults_disarm();
		if (injected && !is_fine(step, ret)) {
			tap(false, "%s: with failure %d it returns %d (%s)", step->name, nth, ret,
			    strerror(-ret));
			return;
		}
		if (ret >= 0 && step->undo)
			step->undo(step->data);
		else if (ret < 0 && step->failed)
			step->failed(step->data);
		survived += injected;
	}
	tap(!injected && ret >= 0, "%s: %d failures, then %s", step->name, survived,
	    ret < 0 ? strerror(-ret) : "success");
}
