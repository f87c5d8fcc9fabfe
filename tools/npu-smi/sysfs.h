/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* Small files of the kernel. */
#ifndef NPU_SMI_SYSFS_H
#define NPU_SMI_SYSFS_H

#include <stddef.h>

#include "quantity.h"

/*
 * The first line of DIRECTORY/NAME without its end, at most size - 1 bytes,
 * otherwise as it is: whoever prints it must escape it. Empty on an error,
 * which is returned as a negative errno.
 */
int sysfs_text(const char *directory, const char *name, char *text, size_t size);

/* A decimal or 0x-hexadecimal number; unknown if it is anything else. */
struct quantity sysfs_number(const char *directory, const char *name);

/* The last component of a symbolic link's target. */
int sysfs_link(const char *directory, const char *name, char *text, size_t size);

/*
 * The name of the first entry of `directory`, in order, that is `prefix`
 * followed by a decimal number. -ENOENT if there is none.
 */
int sysfs_entry(const char *directory, const char *prefix, char *name, size_t size);

#endif /* NPU_SMI_SYSFS_H */
