/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
#ifndef LIBNPU_DEVICE_H
#define LIBNPU_DEVICE_H

#include <pthread.h>

#include "error.h"
#include "log.h"
#include "ref.h"

struct npu_object;
struct npu_weights;

struct npu_device {
	atomic_uint refs;
	int fd;
	struct npu_device_info info;
	uint64_t unknown_capabilities; /* that the driver has and this library does not know */
	struct npu_log log;
	atomic_bool lost; /* it has been logged */
	pthread_mutex_t objects_lock;
	struct npu_object *objects; /* shared ones; guarded by objects_lock */
	pthread_mutex_t weights_lock;
	pthread_cond_t weights_loaded;
	struct npu_weights *weights; /* guarded by weights_lock */
};

/* npu_device_open_entry() - open the card that npu_enumerate() listed. */
int npu_device_open_entry(const struct npu_device_entry *entry, struct npu_device **device,
			  struct npu_error *error);

/*
 * npu_device_fail() - "WHAT: REASON" for what the kernel returned; a lost card
 * gets the sentence that says what to do. Returns @ret.
 */
int npu_device_fail(struct npu_device *device, struct npu_error *error, int ret,
		    const char *what, ...) __attribute__((format(printf, 4, 5)));

#endif
