/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* A machine made of files: what /sys, /proc and the module directory show. */
#ifndef TESTS_TOOLS_MACHINE_H
#define TESTS_TOOLS_MACHINE_H

#include "paths.h"

/* cmocka fixtures of one test: an empty machine with PCI, and its end. */
int machine_setup(void **state);
int machine_teardown(void **state);

extern struct smi_paths machine;

/* Makes a file with its directories; the text as it is. */
void machine_file(const char *text, const char *path, ...) __attribute__((format(printf, 2, 3)));
void machine_link(const char *target, const char *path, ...) __attribute__((format(printf, 2, 3)));
void machine_remove(const char *path);

/* A device of our ID at `bdf`, and with `accel` >= 0 the driver's files for it. */
void machine_card(const char *bdf, int accel);
/* Any other PCI device. */
void machine_device(const char *bdf, const char *vendor, const char *device);
/* A process that holds descriptor `fd` of a character device with this fdinfo. */
void machine_process(int pid, const char *name, int fd, const char *fdinfo);

#endif /* TESTS_TOOLS_MACHINE_H */
