// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Reads files whole, and writes them whole or not at all: into a file of
 * another name beside the target, then renamed. Whoever opens the target sees
 * the old graph or the new one.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "npu-compile.h"
#include "program.h"

void *file_read(const char *path, size_t *size)
{
	const bool standard = !strcmp(path, "-");
	const int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	char *data = NULL, *grown;
	size_t room = 65536;
	ssize_t got = -1;

	*size = 0;
	if (fd < 0) {
		fail("%s: %s", path, strerror(errno));
		return NULL;
	}
	while ((grown = realloc(data, room))) {
		data = grown;
		got = read(fd, data + *size, room - *size);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		*size += (size_t)got;
		if (*size == room)
			room *= 2;
	}
	if (!grown || got) {
		fail("%s: %s", standard ? "standard input" : path,
		     grown ? strerror(errno) : "no memory");
		free(data);
		data = NULL;
	}
	if (!standard)
		close(fd);
	return data;
}

static int write_all(int fd, const char *data, size_t size)
{
	while (size) {
		const ssize_t done = write(fd, data, size < 1u << 30 ? size : 1u << 30);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		data += done;
		size -= (size_t)done;
	}
	return 0;
}

/* Standard output, devices and pipes: there is nothing to rename. */
static int write_through(const char *path, const void *data, size_t size)
{
	const bool standard = !strcmp(path, "-");
	const int fd = standard ? STDOUT_FILENO : open(path, O_WRONLY | O_CLOEXEC);
	int ret = fd < 0 ? -errno : write_all(fd, data, size);

	if (fd >= 0 && !standard && close(fd) && !ret)
		ret = -errno;
	if (ret)
		return fail("%s: %s", standard ? "standard output" : path, strerror(-ret));
	return EXIT_GOOD;
}

static mode_t usual_mode(void)
{
	const mode_t mask = umask(0);

	umask(mask);
	return 0666 & ~mask;
}

static int write_beside(const char *target, const void *data, size_t size)
{
	char *temporary;
	int fd, ret = 0;

	if (asprintf(&temporary, "%s.XXXXXX", target) < 0)
		return -ENOMEM;
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		ret = -errno;
		free(temporary);
		return ret;
	}
	ret = write_all(fd, data, size);
	if (!ret && (fchmod(fd, usual_mode()) || fsync(fd)))
		ret = -errno;
	if (close(fd) && !ret)
		ret = -errno;
	if (!ret && rename(temporary, target))
		ret = -errno;
	if (ret)
		unlink(temporary);
	free(temporary);
	return ret;
}

int file_write(const char *path, const void *data, size_t size)
{
	sigset_t ending, before;
	char *target;
	struct stat st;
	int ret;

	if (!strcmp(path, "-") || (!stat(path, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
		return write_through(path, data, size);
	/* A link stays a link, and what it points at is replaced. */
	target = realpath(path, NULL);
	if (!target)
		target = strdup(path);
	if (!target)
		return fail("no memory");
	/* An interrupt comes before or after, so that no temporary file is left. */
	sigemptyset(&ending);
	sigaddset(&ending, SIGHUP);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	sigprocmask(SIG_BLOCK, &ending, &before);
	ret = write_beside(target, data, size);
	sigprocmask(SIG_SETMASK, &before, NULL);
	free(target);
	return ret ? fail("%s: %s; nothing was written", path, strerror(-ret)) : EXIT_GOOD;
}
