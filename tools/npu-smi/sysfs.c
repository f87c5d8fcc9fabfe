// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int join(char path[PATH_MAX], const char *directory, const char *name)
{
	int length = snprintf(path, PATH_MAX, "%s/%s", directory, name);

	return length < 0 || length >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int sysfs_text(const char *directory, const char *name, char *text, size_t size)
{
	char path[PATH_MAX];
	ssize_t got;
	int fd, ret;

	text[0] = '\0';
	ret = join(path, directory, name);
	if (ret)
		return ret;
	/* A file that is not what it should be (a FIFO) must not block. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	got = read(fd, text, size - 1);
	ret = got < 0 ? -errno : 0;
	close(fd);
	text[got > 0 ? got : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return ret;
}

struct quantity sysfs_number(const char *directory, const char *name)
{
	struct quantity unknown = {0};
	char text[32], *end;
	long long value;

	if (sysfs_text(directory, name, text, sizeof(text)) || !text[0])
		return unknown;
	if (text[0] != '-' && (text[0] < '0' || text[0] > '9'))
		return unknown;
	errno = 0;
	value = strtoll(text, &end, strncmp(text, "0x", 2) ? 10 : 16);
	if (errno || end == text || *end)
		return unknown;
	return quantity_of(value);
}

int sysfs_link(const char *directory, const char *name, char *text, size_t size)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *last;
	ssize_t length;
	int ret;

	text[0] = '\0';
	ret = join(path, directory, name);
	if (ret)
		return ret;
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return -errno;
	target[length] = '\0';
	last = strrchr(target, '/');
	last = last ? last + 1 : target;
	if (strlen(last) >= size)
		return -ENAMETOOLONG;
	strcpy(text, last);
	return 0;
}

int sysfs_entry(const char *directory, const char *prefix, char *name, size_t size)
{
	size_t length = strlen(prefix);
	unsigned long best = ULONG_MAX;
	struct dirent *entry;
	DIR *dir = opendir(directory);

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		const char *digits = entry->d_name + length;
		unsigned long number;

		if (strncmp(entry->d_name, prefix, length) || !*digits || strlen(digits) > 9 ||
		    digits[strspn(digits, "0123456789")])
			continue;
		number = strtoul(digits, NULL, 10);
		if (number < best) {
			best = number;
			snprintf(name, size, "%s", entry->d_name);
		}
	}
	closedir(dir);
	return best == ULONG_MAX ? -ENOENT : 0;
}
