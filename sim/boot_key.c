// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
#include "boot_key.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "development_key.h"	/* generated from firmware/keys/development.pub */

#define PREFIX "npu-ed25519-public "

static int parse(const char *line, uint8_t key[32])
{
	size_t length;

	if (strncmp(line, PREFIX, strlen(PREFIX)))
		return -EINVAL;
	if (sodium_hex2bin(key, 32, line + strlen(PREFIX), strcspn(line + strlen(PREFIX), "\r\n"), NULL,
			   &length, NULL) || length != 32)
		return -EINVAL;
	return 0;
}

int boot_key_load(const char *path, uint8_t key[32])
{
	char line[128];
	int ret = -EINVAL;
	FILE *file;

	if (!path)
		return parse(DEVELOPMENT_KEY, key);
	file = fopen(path, "r");
	if (!file)
		return -errno;
	while (ret && fgets(line, sizeof(line), file))
		ret = parse(line, key);
	fclose(file);
	return ret;
}
