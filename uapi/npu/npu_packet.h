/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/* Copyright The npu authors */
/*
 * Queue packets: what a ring and a command buffer hold (docs/card.md,
 * "Queues"). A packet is 64 bytes, 64-byte aligned, little endian. Every
 * address in it is a virtual address of the queue's context. Bytes that are
 * not named are zero, else the queue stops with NPU_QUEUE_ERROR_PACKET.
 *
 * Packets start in order. EXEC, COPY and FILL may overlap one another unless
 * the later one carries NPU_PACKET_F_BARRIER; FENCE_SIGNAL, FENCE_WAIT,
 * TIMESTAMP, BARRIER and CALL wait for everything before them and hold up
 * everything after them.
 */
#ifndef NPU_PACKET_H
#define NPU_PACKET_H

#include <linux/types.h>

#define NPU_PACKET_SIZE			64

#define NPU_PACKET_NOP			0
#define NPU_PACKET_EXEC			1
#define NPU_PACKET_COPY			2
#define NPU_PACKET_FILL			3
#define NPU_PACKET_FENCE_SIGNAL		4
#define NPU_PACKET_FENCE_WAIT		5
#define NPU_PACKET_TIMESTAMP		6
#define NPU_PACKET_BARRIER		7
#define NPU_PACKET_CALL			8

#define NPU_PACKET_F_BARRIER		0x01	/* wait for everything before */

struct npu_packet_header {
	__u8 opcode;		/* NPU_PACKET_* */
	__u8 flags;		/* NPU_PACKET_F_* */
	__u16 mbz;
	__u32 tag;		/* free for the producer; reported on an error */
};

/*
 * Run a program (npu_isa.h) on a tensor engine. It sees memory only through
 * its base table. `params` are 64-bit runtime parameters. When `profile` is
 * not 0, the engine writes a struct npu_profile_op for each operation there.
 */
struct npu_packet_exec {
	struct npu_packet_header header;
	__u64 program;		/* 64-byte aligned */
	__u64 bases;		/* struct npu_base[base_count], 8-byte aligned */
	__u64 params;		/* __u64[param_count], 8-byte aligned; 0 if none */
	__u64 profile;		/* 8-byte aligned; 0 if not wanted */
	__u32 program_size;	/* bytes */
	__u32 base_count;	/* <= NPU_BASES_MAX */
	__u32 param_count;	/* <= NPU_PARAMS_MAX */
	__u32 profile_count;	/* entries that fit */
	__u64 mbz;
};

#define NPU_BASES_MAX			256
#define NPU_PARAMS_MAX			64

#define NPU_BASE_READ			0x00000001
#define NPU_BASE_WRITE			0x00000002

struct npu_base {
	__u64 va;		/* multiple of 8 */
	__u64 size;		/* bytes; operands outside of it stop the queue */
	__u32 flags;		/* NPU_BASE_* */
	__u32 mbz;
};

struct npu_profile_op {
	__u64 start_ns;		/* the card's time */
	__u64 end_ns;
	__u64 bytes;		/* read and written */
	__u64 energy_pj;
};

struct npu_packet_copy {
	struct npu_packet_header header;
	__u64 source;
	__u64 destination;	/* the two ranges must not overlap */
	__u64 size;		/* bytes, > 0, <= 2^40 */
	__u8 mbz[32];
};

struct npu_packet_fill {
	struct npu_packet_header header;
	__u64 destination;	/* 4-byte aligned */
	__u64 size;		/* bytes, multiple of 4, > 0, <= 2^40 */
	__u32 pattern;
	__u8 mbz[36];
};

/* Stores `value` once everything before has completed and is visible. */
struct npu_packet_fence_signal {
	struct npu_packet_header header;
	__u64 address;		/* 8-byte aligned */
	__u64 value;
	__u8 mbz[40];
};

#define NPU_COMPARE_GE			0	/* (memory & mask) >= value, unsigned */
#define NPU_COMPARE_EQ			1
#define NPU_COMPARE_NE			2
#define NPU_COMPARE_COUNT		3

struct npu_packet_fence_wait {
	struct npu_packet_header header;
	__u64 address;		/* 8-byte aligned */
	__u64 value;
	__u64 mask;
	__u32 compare;		/* NPU_COMPARE_* */
	__u8 mbz[28];
};

struct npu_packet_timestamp {
	struct npu_packet_header header;
	__u64 address;		/* 8-byte aligned: gets the card's time in ns */
	__u8 mbz[48];
};

/* Run `count` packets at `address`. They may not contain CALL themselves. */
struct npu_packet_call {
	struct npu_packet_header header;
	__u64 address;		/* 64-byte aligned */
	__u32 count;		/* 1 .. NPU_CALL_MAX */
	__u8 mbz[44];
};

#define NPU_CALL_MAX			65536

/*
 * Queue control block. The first line is written by the card only, the
 * second by the producer only. Indices count packets since the queue was
 * created and never wrap; slot = index & (packets - 1).
 *
 * Submission: write packets; store the new tail to the doorbell page
 * (release); full barrier; load need_wake; if it is not 0, write anything to
 * the wake page. The card, before it sleeps: store need_wake = 1; full
 * barrier; read the doorbell once more.
 *
 * Interrupt: the card, after it retires packets: store head (release); full
 * barrier; load both events; raise the queue's vector if for one of them
 * old head < event <= head. The producer: store its event; full barrier; look
 * at the fence again, then sleep. The second event is the driver's, where a
 * process has the first.
 */
struct npu_queue_control {
	__u64 head;		/* packets retired: their slots are free */
	__u32 state;		/* NPU_QUEUE_STATE_* */
	__u32 error;		/* NPU_QUEUE_ERROR_* when state is STOPPED */
	__u64 error_index;	/* ring index of the packet that failed */
	__u32 error_tag;	/* its tag; inside a CALL, the called packet's */
	__u32 error_op;		/* EXEC: index of the operation */
	__u64 error_va;		/* FAULT: address; OPERAND: byte offset in the program */
	__u64 busy_ns;		/* engine time used by this queue */
	__u64 energy_nj;
	__u32 need_wake;
	__u32 mbz0;
	__u64 event;		/* producer's line starts here, offset 64 */
	__u64 driver_event;
	__u64 mbz1[6];
};

#define NPU_QUEUE_STATE_NONE		0
#define NPU_QUEUE_STATE_ACTIVE		1	/* scheduled when it has work */
#define NPU_QUEUE_STATE_SUSPENDED	2
#define NPU_QUEUE_STATE_STOPPED		3	/* error is set; only destroy is left */

#define NPU_QUEUE_ERROR_NONE		0
#define NPU_QUEUE_ERROR_PACKET		1	/* malformed packet */
#define NPU_QUEUE_ERROR_FAULT		2	/* MMU fault */
#define NPU_QUEUE_ERROR_PROGRAM		3	/* malformed program header or operation */
#define NPU_QUEUE_ERROR_OPERAND		4	/* operand outside its base, or of a wrong type or shape */
#define NPU_QUEUE_ERROR_KILLED		5	/* by the driver or the firmware */
#define NPU_QUEUE_ERROR_TAIL		6	/* doorbell tail beyond the ring */
#define NPU_QUEUE_ERROR_ECC		7	/* uncorrectable memory error */
#define NPU_QUEUE_ERROR_COUNT		8

#endif /* NPU_PACKET_H */
