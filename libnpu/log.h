/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
#ifndef LIBNPU_LOG_H
#define LIBNPU_LOG_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

struct npu_device;

/* A device's log; see npu_device_set_log(). */
struct npu_log {
	pthread_rwlock_t lock; /* held for reading while the callback runs */
	atomic_uint levels; /* 0: nobody listens; else the level + 1 */

	/* Guarded by lock. */
	void (*callback)(void *opaque, uint32_t level, const char *line);
	void *opaque;
};

void npu_log_init(struct npu_log *log);
void npu_log_fini(struct npu_log *log);

/*
 * npu_log() - one line, without an end. Costs one load if nobody listens. With
 * any locks held: the callback may not call the library.
 */
void npu_log(struct npu_device *device, uint32_t level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
