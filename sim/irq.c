// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* MSI-X vectors; see irq.h. */
#include "irq.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

struct irq_set {
	pthread_mutex_t lock;	/* guards what follows: a trigger must not hit a closed one */
	bool enabled;
	unsigned int count;
	int fds[];
};

struct irq_set *irq_set_create(unsigned int count)
{
	struct irq_set *s = malloc(sizeof(*s) + count * sizeof(s->fds[0]));

	if (!s)
		return NULL;
	pthread_mutex_init(&s->lock, NULL);
	s->enabled = true;
	s->count = count;
	for (unsigned int i = 0; i < count; i++)
		s->fds[i] = -1;
	return s;
}

void irq_set_destroy(struct irq_set *s)
{
	if (!s)
		return;
	irq_set_disable_all(s);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

unsigned int irq_set_count(const struct irq_set *s)
{
	return s->count;
}

void irq_set_fd(struct irq_set *s, unsigned int vector, int fd)
{
	int old = fd;

	if (fd >= 0 && fcntl(fd, F_SETFL, O_NONBLOCK)) {
		close(fd);
		old = fd = -1;
	}
	pthread_mutex_lock(&s->lock);
	if (vector < s->count) {
		old = s->fds[vector];
		s->fds[vector] = fd;
	}
	pthread_mutex_unlock(&s->lock);
	if (old >= 0)
		close(old);
}

void irq_set_disable_all(struct irq_set *s)
{
	for (unsigned int i = 0; i < s->count; i++)
		irq_set_fd(s, i, -1);
}

void irq_set_enable(struct irq_set *s, bool on)
{
	pthread_mutex_lock(&s->lock);
	s->enabled = on;
	pthread_mutex_unlock(&s->lock);
}

void irq_trigger(struct irq_set *s, unsigned int vector)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&s->lock);
	if (s->enabled && vector < s->count && s->fds[vector] >= 0) {
		/* Full means that the client has triggers to see already. */
		ssize_t written = write(s->fds[vector], &one, sizeof(one));
		(void)written;
	}
	pthread_mutex_unlock(&s->lock);
}
