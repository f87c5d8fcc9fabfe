/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/*
 * Admin queue: how the driver talks to the firmware (docs/card.md, "Admin
 * queue"). Two rings in system memory with the same number of entries, each
 * entry 64 bytes. The driver writes commands and NPU_REG_ADMIN_TAIL; the
 * firmware writes completions whose phase bit turns with every lap (1 in the
 * first lap), then raises vector 0 with NPU_IRQ_ADMIN. At most `entries`
 * commands are outstanding, so the completion ring never overruns.
 * Completions may come in another order than the commands.
 *
 * All fields are little endian. Fields named mbz and bytes behind the fields
 * of a command are zero, else it fails with NPU_ADMIN_STATUS_INVALID.
 */
#ifndef NPU_ABI_ADMIN_H
#define NPU_ABI_ADMIN_H

#include <linux/types.h>

#define NPU_ADMIN_ENTRY_SIZE		64

#define NPU_ADMIN_IDENTIFY		1
#define NPU_ADMIN_CONTEXT_CREATE	2
#define NPU_ADMIN_CONTEXT_DESTROY	3
#define NPU_ADMIN_QUEUE_CREATE		4
#define NPU_ADMIN_QUEUE_DESTROY		5
#define NPU_ADMIN_QUEUE_SUSPEND		6
#define NPU_ADMIN_QUEUE_RESUME		7
#define NPU_ADMIN_QUEUE_KILL		8
#define NPU_ADMIN_QUEUE_QUERY		9
#define NPU_ADMIN_TLB_INVALIDATE	10
#define NPU_ADMIN_TELEMETRY		11
#define NPU_ADMIN_LOG_READ		12
#define NPU_ADMIN_QUEUE_SET		13

#define NPU_ADMIN_STATUS_OK		0
#define NPU_ADMIN_STATUS_UNKNOWN	1	/* opcode */
#define NPU_ADMIN_STATUS_INVALID	2	/* a field is out of range or not zero */
#define NPU_ADMIN_STATUS_EXISTS		3	/* id in use */
#define NPU_ADMIN_STATUS_NOT_FOUND	4	/* no such context or queue */
#define NPU_ADMIN_STATUS_BUSY		5	/* context still has queues */
#define NPU_ADMIN_STATUS_STATE		6	/* not in this state of the queue */
#define NPU_ADMIN_STATUS_DMA		7	/* a DMA address did not answer */
#define NPU_ADMIN_STATUS_TIMEOUT	8	/* the engine did not let go of the queue */

struct npu_admin_command {
	__u8 opcode;
	__u8 flags;		/* mbz */
	__u16 tag;		/* comes back in the completion */
	__u32 mbz;
	__u8 payload[56];	/* a struct npu_admin_*_args, rest zero */
};

struct npu_admin_completion {
	__u16 tag;
	__u8 status;		/* NPU_ADMIN_STATUS_* */
	__u8 phase;		/* bit 0; written last */
	__u32 mbz;
	__u8 payload[56];	/* a struct npu_admin_*_result, rest zero */
};

/* IDENTIFY: no arguments. */
struct npu_admin_identify_result {
	__u32 fw_version;	/* major 31:24, minor 23:16, patch 15:0 */
	__u32 abi_min;		/* range of NPU_REG_ABI values it speaks */
	__u32 abi_max;
	__u32 security_version;
	__u32 max_queues;
	__u32 max_contexts;
	__u32 features;		/* none defined: 0 */
	__u8 build_id[20];	/* not terminated when full */
};

struct npu_admin_context_args {	/* CONTEXT_CREATE, CONTEXT_DESTROY */
	__u32 context;		/* 1 .. contexts-1 */
	__u32 mbz;
	__u64 root;		/* CREATE: level-3 table | NPU_PTE_DEVICE; DESTROY: mbz */
};

#define NPU_QUEUE_PRIORITY_LOW		0
#define NPU_QUEUE_PRIORITY_NORMAL	1
#define NPU_QUEUE_PRIORITY_HIGH		2
#define NPU_QUEUE_PRIORITY_REALTIME	3

#define NPU_QUEUE_PRIVILEGED		0x00000001	/* see npu_mmu.h */
#define NPU_QUEUE_SUSPENDED		0x00000002	/* starts suspended: RESUME lets it run */

#define NPU_RING_SHIFT_MIN		4	/* log2 of packets in a ring */
#define NPU_RING_SHIFT_MAX		16

#define NPU_SLICE_US_MIN		1000
#define NPU_SLICE_US_DEFAULT		5000
#define NPU_SLICE_US_MAX		1000000

struct npu_admin_queue_create_args {
	__u32 queue;		/* 0 .. queues-1; also its doorbell page */
	__u32 context;
	__u64 ring_va;		/* 4 KiB aligned */
	__u64 control_va;	/* struct npu_queue_control, 4 KiB aligned */
	__u32 flags;		/* NPU_QUEUE_* */
	__u16 vector;		/* MSI-X vector, 0 = none */
	__u8 ring_shift;
	__u8 priority;
	__u32 time_slice_us;	/* NPU_SLICE_US_*, brought into that range; 0 = default */
	__u32 call;		/* SUSPENDED: where it goes on, as in the result below; else 0 */
	__u64 head;
};

/* QUEUE_DESTROY, _SUSPEND, _RESUME, _KILL, _QUERY. KILL and DESTROY stop the
 * queue wherever it is; when they complete the card accesses none of the
 * queue's memory any more. SUSPEND completes once no packet is in flight.
 */
struct npu_admin_queue_args {
	__u32 queue;
	__u32 mbz;
};

/*
 * QUEUE_SET: both properties at once; the answer is a struct npu_admin_queue_result.
 * Changing to or from REALTIME takes the queue out of its slot for a moment.
 */
struct npu_admin_queue_set_args {
	__u32 queue;
	__u32 priority;
	__u32 time_slice_us;	/* as in QUEUE_CREATE */
	__u32 mbz;
};

struct npu_admin_queue_result {	/* of each command on a queue but CREATE and DESTROY */
	__u64 head;		/* packets retired */
	__u64 busy_ns;		/* engine time used */
	__u64 energy_nj;
	__u32 state;		/* NPU_QUEUE_STATE_* (npu_packet.h) */
	__u32 error;		/* NPU_QUEUE_ERROR_* (npu_packet.h) */
	__u64 progress;		/* steps done; changes whenever the queue gets on */
	/*
	 * Time that the card was the queue's, ns: in a slot without waiting for a
	 * turn in an engine, or out of it for a fence that did not hold.
	 */
	__u64 served_ns;
	__u32 call;		/* packets done of the CALL at head */
	__u32 overstay_us;	/* since it was told to leave its slot; 0: it was not */
};

struct npu_admin_tlb_args {
	__u32 context;
	__u32 mbz;
	__u64 va;		/* 4 KiB aligned */
	__u64 size;		/* multiple of 4 KiB; 0 with va 0 = everything */
};

struct npu_admin_buffer_args {	/* TELEMETRY, LOG_READ */
	__u64 address;		/* DMA address, 64-byte aligned */
	__u32 size;		/* bytes there; the firmware writes no more */
	__u32 mbz;
	__u64 cursor;		/* LOG_READ: first byte wanted, since boot */
};

struct npu_admin_buffer_result {
	__u32 written;		/* bytes */
	__u32 mbz;
	__u64 cursor;		/* LOG_READ: position of the first byte written */
};

/* What TELEMETRY writes. Grows at the end; `written` tells how much is valid. */
struct npu_telemetry {
	__u64 timestamp_ns;	/* NPU_REG_TIME */
	__s32 temperature_mc;	/* millidegree Celsius */
	__u32 power_mw;		/* averaged over the last 100 ms */
	__u64 energy_uj;	/* since power-on */
	__u32 clock_mhz;	/* tensor engines, now */
	__u32 clock_max_mhz;
	__u32 power_cap_mw;
	__u32 throttle;		/* NPU_THROTTLE_* that hold now */
	__u64 tensor_busy_ns;	/* summed over the tensor engines, since boot */
	__u64 copy_busy_ns;
	__u64 packets;		/* retired since boot */
	__u64 ecc_corrected;
	__u64 ecc_uncorrected;
	__u32 queues;		/* that exist */
	__u32 slots_active;	/* hardware slots that hold a queue */
};

#define NPU_THROTTLE_POWER	0x00000001
#define NPU_THROTTLE_THERMAL	0x00000002

#endif /* NPU_ABI_ADMIN_H */
