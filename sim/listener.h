/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright The npu authors */
/* Listening sockets in the file system: who has one, and who had. */
#ifndef SIM_LISTENER_H
#define SIM_LISTENER_H

#include <sys/types.h>

struct listener {
	const char *path;	/* the caller's */
	int fd;			/* to poll; -1: closed */
	dev_t device;		/* of what was created, which alone is removed again */
	ino_t inode;
};

/*
 * Creates the socket. One that nobody listens on any more, left by a run that
 * was killed, is replaced; anything else at the path is an error, which has
 * been logged when this returns -1.
 */
int listener_open(struct listener *l, const char *path);
/* A connection, or -1. */
int listener_accept(struct listener *l);
void listener_close(struct listener *l);

#endif /* SIM_LISTENER_H */
