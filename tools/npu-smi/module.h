/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* The driver's module: loaded, installed, which versions. */
#ifndef NPU_SMI_MODULE_H
#define NPU_SMI_MODULE_H

#include <stdbool.h>

#include "paths.h"

struct module_state {
	bool loaded;
	bool installed; /* for the running kernel */
	char loaded_version[64]; /* as they say: not printable yet; empty: unknown */
	char installed_version[64];
	char kernel[65]; /* release of the running kernel */
};

/* Asks sysfs and libkmod; what cannot be found out stays false or empty. */
void module_read(const struct smi_paths *paths, struct module_state *module);

#endif /* NPU_SMI_MODULE_H */
