/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
#ifndef LIBNPU_ENUMERATE_H
#define LIBNPU_ENUMERATE_H

#include <stdbool.h>

#include "npu.h"

/*
 * npu_enumerate_at() - npu_enumerate() with other roots than "/sys" and "/dev"
 * (for tests).
 */
int npu_enumerate_at(const char *sysfs, const char *dev, struct npu_device_entry **list,
		     size_t *count, struct npu_error *error);

/*
 * npu_enumerate_find() - the entry that @name means: an index, a PCI address,
 * a UUID or a node. NULL with *ret = -EINVAL (@name is none of these) or -ENXIO
 * (there is no such card).
 */
const struct npu_device_entry *npu_enumerate_find(const struct npu_device_entry *list, size_t count,
						  const char *name, int *ret);

/* npu_driver_loaded() - is the module there? */
bool npu_driver_loaded(const char *sysfs);

#endif
