/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
#ifndef LIBNPU_TIMELINE_H
#define LIBNPU_TIMELINE_H

#include <pthread.h>

#include "device.h"

struct npu_timeline {
	atomic_uint refs;
	struct npu_device *device;
	uint32_t syncobj;
	pthread_mutex_t lock;
	uint64_t last; /* the highest point that this process knows of; guarded by lock */
};

/*
 * npu_timeline_is_next() - is @value above all points so far? The kernel takes
 * any order, and then what was reached is no longer told apart.
 */
bool npu_timeline_is_next(struct npu_timeline *timeline, uint64_t value);

/* npu_timeline_passed() - a job was submitted that reaches @value. */
void npu_timeline_passed(struct npu_timeline *timeline, uint64_t value);

#endif
