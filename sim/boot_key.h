/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright The npu authors */
/* The public key that the boot ROM trusts. */
#ifndef SIM_BOOT_KEY_H
#define SIM_BOOT_KEY_H

#include <stdint.h>

/*
 * Reads a public key as `npu-fw keygen` writes it; NULL takes the development
 * key that is built in. 0, -EINVAL if the file is no key, or what open() said.
 */
int boot_key_load(const char *path, uint8_t key[32]);

#endif /* SIM_BOOT_KEY_H */
