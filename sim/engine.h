/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright The npu authors */
/*
 * The arithmetic of the tensor engines: checks a program (npu_isa.h) and runs
 * it. It knows nothing of the card; memory comes through struct
 * engine_memory, so that the same code serves the card, whose bases are
 * virtual addresses, and a native caller, whose bases are pointers.
 */
#ifndef SIM_ENGINE_H
#define SIM_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <npu/npu_isa.h>
#include <npu/npu_packet.h>

struct engine_error {
	uint32_t code;		/* NPU_QUEUE_ERROR_* */
	uint32_t op;		/* index of the operation */
	uint64_t where;		/* FAULT: virtual address; else byte offset in the program */
	char text[160];
};

struct engine_range {		/* some bytes of a base, accessible */
	void *data;
	void *cookie;		/* the provider's */
};

/*
 * How a program reaches memory. op_begin() and op_end() stand round each
 * operation; op_begin() returning false cancels the program.
 *
 * map() gives access to [offset, offset + size) of a base, which lies inside
 * the base, until unmap(). It returns 0, -EAGAIN (pause, then try again), or
 * an error that it has filled in: -EFAULT, -ENOMEM. unmap() returns 0 or
 * -EFAULT, likewise.
 *
 * An operation of any length asks wanted() every few milliseconds; when that
 * says yes, all ranges are unmapped, pause() is called, and they are mapped
 * again. pause() returning false cancels the program.
 */
struct engine_memory {
	void *context;
	uint32_t base_count;
	uint64_t (*base_size)(void *context, uint32_t base);
	uint32_t (*base_flags)(void *context, uint32_t base);
	int (*map)(void *context, uint32_t base, uint64_t offset, uint64_t size, bool write,
		   struct engine_range *range, struct engine_error *error);
	int (*unmap)(void *context, struct engine_range *range, struct engine_error *error);
	bool (*op_begin)(void *context, uint32_t op);
	void (*op_end)(void *context, uint32_t op, uint64_t macs, uint64_t bytes);
	bool (*wanted)(void *context);
	bool (*pause)(void *context);
};

/* What the program did, for time and energy. */
struct engine_work {
	uint64_t macs;
	uint64_t bytes;
};

/*
 * Returns 0, -EINVAL (program or operand: nothing has been run), -EFAULT
 * (memory), -ECANCELED or -ENOMEM, with *error filled in. The program is read
 * more than once: the caller must have made a copy if it is shared.
 */
int engine_run(const void *program, size_t size, const struct engine_memory *memory,
	       const uint64_t *params, uint32_t param_count, struct engine_work *work,
	       struct engine_error *error);

struct engine_base {
	void *data;		/* 8-byte aligned */
	uint64_t size;
	uint32_t flags;		/* NPU_BASE_* */
};

/* The same on the caller's own memory. */
int engine_run_native(const void *program, size_t size, const struct engine_base *bases,
		      uint32_t base_count, const uint64_t *params, uint32_t param_count,
		      struct engine_error *error);

#endif /* SIM_ENGINE_H */
