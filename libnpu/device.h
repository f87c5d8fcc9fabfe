/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
#ifndef LIBNPU_DEVICE_H
#define LIBNPU_DEVICE_H

#include "error.h"
#include "ref.h"

struct npu_device {
	atomic_uint refs;
	int fd;
	struct npu_device_info info;
};

/* npu_device_open_entry() - open the card that npu_enumerate() listed. */
int npu_device_open_entry(const struct npu_device_entry *entry, struct npu_device **device,
			  struct npu_error *error);

/*
 * npu_device_fail() - "WHAT: REASON" for what the kernel returned; a lost card
 * gets the sentence that says what to do. Returns @ret.
 */
int npu_device_fail(const struct npu_device *device, struct npu_error *error, int ret,
		    const char *what, ...) __attribute__((format(printf, 4, 5)));

#endif
