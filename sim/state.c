// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/*
 * What outlives a run of the card: the security version, as fuses would keep
 * it. A text file in the state directory, replaced in one step; the directory
 * is locked, for two cards cannot share fuses.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "card_internal.h"
#include "log.h"

#define NAME		"security-version"
#define NEW_NAME	NAME ".new"

static int load(int dir, uint32_t *version)
{
	const int file = openat(dir, NAME, O_RDONLY | O_CLOEXEC);
	char text[16], *end;
	unsigned long value;
	ssize_t got;

	if (file < 0)
		return errno == ENOENT ? 0 : -errno;
	got = read(file, text, sizeof(text) - 1);
	close(file);
	if (got < 0)
		return -errno;
	text[got] = '\0';
	errno = 0;
	value = strtoul(text, &end, 10);
	/* An unreadable fuse must not let old firmware in. */
	if (errno || end == text || strcmp(end, "\n") || text[0] == '-' || value > UINT32_MAX)
		return -EINVAL;
	*version = (uint32_t)value;
	return 0;
}

int state_open(const char *path, int *dir, uint32_t *version)
{
	int ret = 0;

	*version = 0;
	*dir = -1;
	if (!path)
		return 0;
	if (mkdir(path, 0755) && errno != EEXIST)
		return -errno;
	*dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*dir < 0)
		return -errno;
	if (flock(*dir, LOCK_EX | LOCK_NB))
		ret = errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (!ret)
		ret = load(*dir, version);
	if (ret)
		state_close(dir);
	return ret;
}

void state_close(int *dir)
{
	if (*dir >= 0)
		close(*dir);
	*dir = -1;
}

void state_store(int dir, uint32_t version)
{
	char text[16];
	const int length = snprintf(text, sizeof(text), "%u\n", version);
	int file;

	if (dir < 0)
		return;
	file = openat(dir, NEW_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (file < 0 || write(file, text, (size_t)length) != length || fsync(file) ||
	    renameat(dir, NEW_NAME, dir, NAME) || fsync(dir))
		log_error("state directory: %s; the security version will be forgotten",
			  strerror(errno));
	if (file >= 0)
		close(file);
}
