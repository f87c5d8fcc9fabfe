/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* What the parts of the model of the driver share; all guarded by fake.lock. */
#ifndef FAKE_MODEL_H
#define FAKE_MODEL_H

#include <pthread.h>

#include "fake_kernel.h"
#include "ioctl.h"

#define OBJECTS 4096
#define PAGE 4096ULL
#define FIRST_FD 1000

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

/* Of buffer objects, mappings and dma-bufs. */
struct memory {
	unsigned int refs;
	uint8_t *bytes;
	uint64_t size;
	bool visible;
	bool foreign; /* of another driver */
	uint32_t vm; /* the only one that may map it; 0: any */
};

/* What a descriptor stands for that was given out. */
struct file {
	int fd;
	struct fence *fence;
	struct syncobj *syncobj;
	struct memory *memory;
	int pipe; /* the writing end of a stream; 0: none */
};

enum kind { NONE, BO, VM, QUEUE, SYNCOBJ };

struct mapping {
	struct mapping *next;
	uint64_t va;
	uint64_t size;
	struct memory *memory;
	bool readonly;
};

struct object {
	enum kind kind;
	/* BO */
	int fd; /* whose handle it is */
	struct memory *memory;
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
	unsigned int count, files, open; /* open: one bit for each, from FIRST_FD */
	unsigned int syncs; /* that foreign memory has seen, begin less end */
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

/* fake_memory.c */
struct memory *fake_memory_make(uint64_t size);
void fake_memory_put(struct memory *memory);

/*
 * A descriptor of @what, which has one of its members; the caller closes it.
 * And back: NULL if the model knows none.
 */
int fake_give_descriptor(struct file what);
struct file *fake_find_descriptor(int fd);
void fake_close_descriptor(int fd);

/* Descriptors keep what they stand for until here: the model sees none closed. */
void fake_forget_descriptors(void);

/* fake_sync.c */
void fake_syncobj_put(struct syncobj *s);
void fake_fence_put(struct fence *f);
void fake_fence_signal(struct fence *f, int status);

/* The fence that stands for a point, which may be reached later; NULL: none yet. */
struct fence *fake_point_fence(const struct syncobj *s, uint64_t value);
void fake_add_point(struct syncobj *s, uint64_t value, struct fence *fence);

#endif
