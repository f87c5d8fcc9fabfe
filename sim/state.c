// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/*
 * What outlives a run of the card: the security version, as fuses would keep
 * it. A text file in the state directory, replaced in one step.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "card_internal.h"
#include "log.h"

int state_load_security_version(const char *dir, uint32_t *version)
{
	char path[PATH_MAX];
	FILE *file;
	int got;

	*version = 0;
	if (!dir)
		return 0;
	if (mkdir(dir, 0755) && errno != EEXIST)
		return -errno;
	snprintf(path, sizeof(path), "%s/security-version", dir);
	file = fopen(path, "r");
	if (!file)
		return errno == ENOENT ? 0 : -errno;
	got = fscanf(file, "%u", version);
	fclose(file);
	/* An unreadable fuse must not let old firmware in. */
	return got == 1 ? 0 : -EINVAL;
}

void state_store_security_version(const char *dir, uint32_t version)
{
	char path[PATH_MAX], temporary[PATH_MAX + 8];
	FILE *file;
	bool good;

	if (!dir)
		return;
	snprintf(path, sizeof(path), "%s/security-version", dir);
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	file = fopen(temporary, "w");
	good = file && fprintf(file, "%u\n", version) > 0;
	if (file)
		good = !fclose(file) && good;
	if (!good || rename(temporary, path))
		log_error("%s: %s; the security version will be forgotten", path, strerror(errno));
}
