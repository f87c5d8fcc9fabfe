/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* A coredump of the driver (/sys/class/devcoredump/devcdN/data), as text. */
#ifndef NPU_SMI_DUMP_H
#define NPU_SMI_DUMP_H

#include <stdint.h>
#include <stdio.h>

#include <npu.h>

#define DUMP_SIZE_MAX		(1u << 20)
#define DUMP_LINE_MAX		1024
#define DUMP_PACKETS_MAX	64
#define DUMP_TEXT_MAX		128

struct dump_packet {
	uint64_t index;		/* in the ring */
	uint32_t words[16];
};

struct dump {
	char reason[DUMP_TEXT_MAX], module[DUMP_TEXT_MAX];
	char address[DUMP_TEXT_MAX], build[DUMP_TEXT_MAX], process[DUMP_TEXT_MAX];
	uint64_t serial, hardware, abi, version, time, pid;
	uint64_t number, handle, priority;
	uint64_t tail, emitted, completed;
	uint64_t head, state;
	uint64_t busy_ns, energy_nj;
	uint64_t error, error_index, error_tag, error_op, error_va;
	uint64_t faults, fault_info, fault_queue, fault_va;
	struct dump_packet packets[DUMP_PACKETS_MAX];
	unsigned int packet_count;
	char *log;		/* the firmware's, as it came; NULL: none */
};

/*
 * Reads a dump. 0; -EINVAL with a reason and a line number: not one, or
 * damaged; -E2BIG; -ENOMEM; -EIO. dump_free() afterwards, whatever came.
 */
int dump_read(FILE *file, struct dump *dump, struct npu_error *error);
void dump_free(struct dump *dump);
/* Who, what, where, why: for people. */
void dump_print(FILE *out, const struct dump *dump);
/* One packet, disassembled, without a line's end. */
void dump_print_packet(FILE *out, const uint32_t words[16]);

#endif /* NPU_SMI_DUMP_H */
