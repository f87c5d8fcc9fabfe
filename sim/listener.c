// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
#include "listener.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"

/* 0: the path is free; -EADDRINUSE, -EEXIST: it is not; else why that is unknown. */
static int look(const struct sockaddr_un *address, bool *stale)
{
	struct stat st;
	int probe, ret = 0;

	*stale = false;
	if (lstat(address->sun_path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	/* A socket of another type is refused by one that is alive, which does
	 * not notice, and by one that is not in another way.
	 */
	probe = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (probe < 0)
		return -errno;
	if (!connect(probe, (const struct sockaddr *)address, sizeof(*address)) || errno == EPROTOTYPE)
		ret = -EADDRINUSE;
	else if (errno != ECONNREFUSED)
		ret = -errno;
	close(probe);
	*stale = !ret;
	return ret;
}

static int create(struct listener *l, const struct sockaddr_un *address)
{
	struct stat st;

	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return -errno;
	if (bind(l->fd, (const struct sockaddr *)address, sizeof(*address)))
		return -errno;
	if (listen(l->fd, 8) || lstat(l->path, &st)) {
		const int ret = -errno;

		unlink(l->path);
		return ret;
	}
	l->device = st.st_dev;
	l->inode = st.st_ino;
	return 0;
}

int listener_open(struct listener *l, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	bool stale;
	int ret;

	*l = (struct listener){ .path = path, .fd = -1 };
	if (!*path || strlen(path) >= sizeof(address.sun_path)) {
		log_error("socket '%s': the path must have 1 to %zu characters", path,
			  sizeof(address.sun_path) - 1);
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path));
	ret = look(&address, &stale);
	if (stale && unlink(path))
		ret = -errno;
	if (!ret)
		ret = create(l, &address);
	if (!ret)
		return 0;
	log_error("socket %s: %s", path,
		  ret == -EADDRINUSE ? "in use by another process; choose another path or end that one" :
		  ret == -EEXIST ? "there is something that is no socket; choose another path" :
				   strerror(-ret));
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	return -1;
}

int listener_accept(struct listener *l)
{
	return accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
}

void listener_close(struct listener *l)
{
	struct stat st;

	if (l->fd < 0)
		return;
	if (!lstat(l->path, &st) && st.st_dev == l->device && st.st_ino == l->inode)
		unlink(l->path);
	close(l->fd);
	l->fd = -1;
}
