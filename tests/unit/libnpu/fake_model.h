/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* What the parts of the model of the driver share; all guarded by fake.lock. */
#ifndef FAKE_MODEL_H
#define FAKE_MODEL_H

#include <pthread.h>

#include "fake_kernel.h"
#include "ioctl.h"

#define OBJECTS 4096

struct fence {
	unsigned int refs;
	int status; /* 0 pending, 1 done, negative: error */
	int files[8]; /* eventfds to raise */
	unsigned int file_count;
};

/* Handles of several files may mean one. */
struct syncobj {
	unsigned int refs;
	struct fence *fence; /* binary */
	struct {
		uint64_t value;
		struct fence *fence;
	} points[32]; /* in the order in which they were added */
	unsigned int point_count;
};

/* What a descriptor stands for that was given out. */
struct file {
	int fd;
	struct fence *fence;
	struct syncobj *syncobj;
};

enum kind { NONE, BO, VM, QUEUE, SYNCOBJ };

struct mapping {
	struct mapping *next;
	uint64_t va;
	uint64_t size;
	uint32_t bo;
	bool readonly;
};

struct object {
	enum kind kind;
	/* BO */
	uint8_t *memory;
	uint64_t size;
	bool visible;
	/* VM */
	struct mapping *mappings;
	/* QUEUE */
	uint32_t vm;
	struct drm_npu_queue_get_state state;
	/* SYNCOBJ */
	struct syncobj *syncobj;
};

struct job {
	struct job *next;
	uint32_t queue;
	struct drm_npu_command commands[4];
	uint32_t command_count;
	struct fence *waits[16];
	uint32_t wait_count;
	struct fence *fence;
};

#define FILES 64

struct fake {
	pthread_mutex_t lock;
	pthread_cond_t signalled;
	struct object objects[OBJECTS]; /* by handle */
	unsigned int count, files, open;
	struct file descriptors[FILES]; /* the latest last */
	unsigned int descriptor_count;
	uint64_t clock; /* the card's: each look takes a nanosecond */
	struct fake_counts counts;
	struct job *first, **last;
	bool hold, lost, failed;
	unsigned int fail_at;
	int fail_ret, open_ret;
	struct npu_kernel_driver driver;
	bool fail_job;
	uint32_t fail_state, fail_error, fail_op;
	int fail_job_ret;
};

extern struct fake fake;

/* fake_kernel.c: begins each request and takes the lock on success; ends it. */
int fake_enter(void);
int fake_leave(int ret);

/* Objects by handle: NULL if it is none of that kind. */
struct object *fake_find(uint32_t handle, enum kind kind);
struct object *fake_make(enum kind kind, uint32_t *handle);

/* Frees the object; closing works on a lost card too. */
struct object fake_take(uint32_t handle, enum kind kind);

/* fake_sync.c */
void fake_fence_put(struct fence *f);
void fake_fence_signal(struct fence *f, int status);

/* The fence that stands for a point, which may be reached later; NULL: none yet. */
struct fence *fake_point_fence(const struct syncobj *s, uint64_t value);
void fake_add_point(struct syncobj *s, uint64_t value, struct fence *fence);

/* Descriptors keep what they stand for until here: the model sees none closed. */
void fake_forget_descriptors(void);

#endif
