/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * A model of the driver in the place of libnpu/ioctl.c: buffers are memory of
 * the process, packets are executed by the thread that submits them, or later
 * when fake_hold() says so. It counts, and it fails on demand.
 *
 * The only program that it executes is that of graph_builder.h.
 */
#ifndef FAKE_KERNEL_H
#define FAKE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "npu.h"

struct fake_counts {
	unsigned int execs;
	unsigned int waits;
	unsigned int objects_made; /* buffers, mappings, VMs, queues, syncobjs, files */
	unsigned int requests; /* all */
};

/* As after a reboot. */
void fake_reset(void);

/* Objects that exist; 0 when everything was given back. */
unsigned int fake_objects(void);
struct fake_counts fake_counts(void);

/* Submitted jobs do not run until fake_run(). */
void fake_hold(bool hold);
void fake_run(void);

/*
 * The next job that runs fails: DRM_NPU_QUEUE_* and NPU_QUEUE_ERROR_*, in
 * operation @op. Its fence gets @ret, its queue is dead.
 */
void fake_fail_job(uint32_t state, uint32_t error, uint32_t op, int ret);

/* The card is gone: jobs end with -ENODEV, requests give it. */
void fake_lose_card(void);

/* The next card that is opened turns out to be lost. */
void fake_lose_card_at_open(void);

/* The @n-th request from now on (1 is the next) gives @ret. 0: none. */
void fake_fail_request(unsigned int n, int ret);
/* Has it come to that? */
bool fake_request_failed(void);

/* What opening, and the driver's version, give. */
void fake_open_result(int ret);
void fake_driver(const char *name, int major, int minor);

/* A dma-buf of another driver, zeroed; the caller closes it. */
int fake_foreign_buffer(uint64_t size);

/* Accesses by the host to foreign memory that have begun and not ended. */
unsigned int fake_accesses(void);

/* The driver puts a record into the stream @fd; there will be no more. */
void fake_record(int fd, const void *record, size_t size);
void fake_end_stream(int fd);

/* Opens the fake card. */
int fake_open(struct npu_device **device, struct npu_error *error);

#endif
