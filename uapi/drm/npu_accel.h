/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/* Copyright The npu authors */
/*
 * ioctls of the npu driver on /dev/accel/accelN (docs/uapi.md).
 *
 * Rules of this interface:
 *  - structs grow only at their end; the kernel takes a shorter one with the
 *    rest as zero and a longer one if what it does not know is zero;
 *  - fields named mbz and unknown flag bits must be zero, else EINVAL;
 *  - arrays are a struct drm_npu_array: pointer, count and the caller's
 *    element size, so that elements may grow as well;
 *  - handles are 32 bits, per file, never 0;
 *  - after the card was lost or reset, old files get ENODEV.
 */
#ifndef NPU_ACCEL_H
#define NPU_ACCEL_H

#include "drm.h"

#if defined(__cplusplus)
extern "C" {
#endif

#define DRM_NPU_DEV_QUERY	0x00
#define DRM_NPU_BO_CREATE	0x01
#define DRM_NPU_BO_INFO		0x02
#define DRM_NPU_VM_CREATE	0x03
#define DRM_NPU_VM_DESTROY	0x04
#define DRM_NPU_VM_BIND		0x05
#define DRM_NPU_VM_GET_STATE	0x06
#define DRM_NPU_QUEUE_CREATE	0x07
#define DRM_NPU_QUEUE_DESTROY	0x08
#define DRM_NPU_QUEUE_GET_STATE	0x09
#define DRM_NPU_EXEC		0x0a
#define DRM_NPU_QUEUE_SET_PROPERTY 0x0c
#define DRM_NPU_USERQ_SIGNAL	0x0d
#define DRM_NPU_USERQ_WAIT	0x0e
#define DRM_NPU_WAIT_USER_FENCE	0x0f
#define DRM_NPU_STREAM_OPEN	0x10

/* An array in the caller's memory. stride = sizeof(element) of the caller. */
struct drm_npu_array {
	__u64 pointer;
	__u32 count;
	__u32 stride;
};

/*
 * DEV_QUERY: size = 0 asks for the size of `type` (pointer is not used);
 * otherwise min(size, what the kernel has) bytes are written and size is set
 * to what the kernel has.
 */
#define DRM_NPU_QUERY_DEVICE	0	/* struct drm_npu_query_device */
#define DRM_NPU_QUERY_MEMORY	1	/* struct drm_npu_query_memory[] */
#define DRM_NPU_QUERY_FIRMWARE	2	/* struct drm_npu_query_firmware */
#define DRM_NPU_QUERY_TIME	3	/* struct drm_npu_query_time */
#define DRM_NPU_QUERY_TELEMETRY	4	/* struct drm_npu_query_telemetry */

struct drm_npu_dev_query {
	__u32 type;
	__u32 size;
	__u64 pointer;
};

#define DRM_NPU_CAP_WAKE_PAGES	0x1	/* doorbell pages have a wake page */
#define DRM_NPU_CAP_ECC		0x2	/* device memory has ECC */

struct drm_npu_query_device {
	__u32 abi;		/* card's ABI, major 31:16, minor 15:0 */
	__u32 hardware;		/* family 31:16, revision 15:0 */
	__u64 serial;
	__u64 capabilities;	/* DRM_NPU_CAP_* */
	__u64 va_start;		/* usable virtual addresses: [va_start, va_end) */
	__u64 va_end;
	__u32 tensor_engines;
	__u32 copy_engines;
	__u32 slots;		/* queues that run at the same time */
	__u32 queues_max;	/* on the card */
	__u32 ring_packets_max;
	__u32 mbz;
};

#define DRM_NPU_MEMORY_SYSTEM	0x1
#define DRM_NPU_MEMORY_DEVICE	0x2

struct drm_npu_query_memory {
	__u32 region;		/* one DRM_NPU_MEMORY_* */
	__u32 page_size;	/* smallest allocation and alignment, bytes */
	__u64 size;		/* bytes */
	__u64 used;		/* bytes, of all clients */
	__u64 cpu_visible;	/* bytes that can be mapped */
};

struct drm_npu_query_firmware {
	__u32 version;		/* major 31:24, minor 23:16, patch 15:0 */
	__u32 security_version;
	__u32 abi_min;
	__u32 abi_max;
	char build_id[24];	/* zero terminated */
};

struct drm_npu_query_time {
	__u64 card_ns;		/* card's clock, read between the two below */
	__u64 before_ns;	/* CLOCK_MONOTONIC */
	__u64 after_ns;
};

/* From a cache at most 100 ms old; the fields are those of the card. */
struct drm_npu_query_telemetry {
	__u64 age_ns;
	__s64 temperature_mc;	/* millidegree Celsius */
	__u64 power_mw;
	__u64 power_cap_mw;
	__u64 energy_uj;
	__u64 clock_hz;
	__u64 clock_max_hz;
	__u64 tensor_busy_ns;	/* of all tensor engines, since boot */
	__u64 copy_busy_ns;
	__u64 uptime_ns;	/* since the firmware booted */
	__u64 ecc_corrected;
	__u64 ecc_uncorrected;
	__u32 throttle;		/* bit 0 power, bit 1 thermal */
	__u32 queues;		/* that exist now */
};

#define DRM_NPU_BO_CPU_VISIBLE	0x1	/* can be mapped */

struct drm_npu_bo_create {
	__u64 size;		/* in: bytes, out: rounded up to pages */
	__u32 placement;	/* DRM_NPU_MEMORY_* that are allowed */
	__u32 flags;		/* DRM_NPU_BO_* */
	__u32 vm;		/* 0, or the only VM that may map it */
	__u32 handle;		/* out: GEM handle. Contents are zero. */
};

struct drm_npu_bo_info {
	__u32 handle;
	__u32 placement;	/* out: as created */
	__u32 flags;		/* out */
	__u32 region;		/* out: where it is now, DRM_NPU_MEMORY_*; 0 = nowhere yet */
	__u64 size;		/* out */
	__u64 mmap_offset;	/* out: for mmap(2); 0 if not CPU_VISIBLE */
};

struct drm_npu_vm_create {
	__u32 flags;		/* mbz */
	__u32 vm;		/* out */
};

struct drm_npu_vm_destroy {
	__u32 vm;
	__u32 mbz;
};

#define DRM_NPU_SYNC_WAIT	0x0
#define DRM_NPU_SYNC_SIGNAL	0x1

struct drm_npu_sync {
	__u32 flags;		/* DRM_NPU_SYNC_* */
	__u32 handle;		/* syncobj */
	__u64 point;		/* timeline point, 0 = binary */
};

#define DRM_NPU_VM_OP_MAP	0
#define DRM_NPU_VM_OP_UNMAP	1

#define DRM_NPU_VM_MAP_READONLY	0x1

struct drm_npu_vm_op {
	__u32 op;		/* DRM_NPU_VM_OP_* */
	__u32 flags;		/* DRM_NPU_VM_MAP_* */
	__u64 va;		/* page aligned */
	__u64 size;		/* bytes, page aligned, > 0 */
	__u64 bo_offset;	/* MAP: page aligned */
	__u32 bo;		/* MAP: GEM handle */
	__u32 mbz;
};

/*
 * Applies the operations in order, all of them or, on an error, none.
 *
 * Without ASYNC they have been applied when the ioctl returns; it waits for
 * binds of this VM that are queued, and takes no syncs. With ASYNC they are
 * queued: applied once all waits have signalled, whatever these ended with,
 * and all binds of this VM before them have been applied; then the signals
 * signal. All checks are made, and all memory is found, before the ioctl
 * returns.
 */
#define DRM_NPU_VM_BIND_ASYNC	0x1

struct drm_npu_vm_bind {
	__u32 vm;
	__u32 flags;		/* DRM_NPU_VM_BIND_* */
	struct drm_npu_array ops;	/* struct drm_npu_vm_op, at most 4096 */
	struct drm_npu_array syncs;	/* ASYNC: struct drm_npu_sync, at most 1024 */
};

#define DRM_NPU_VM_FAULTED	0x1	/* an access faulted; see the record */
#define DRM_NPU_VM_DEAD		0x2	/* card reset or lost: make a new one */

/* The kernel remembers the last 16 faults of a VM. */
struct drm_npu_vm_fault {
	__u64 va;
	__u64 time_ns;		/* CLOCK_MONOTONIC, when the driver read it */
	/* bit 0 write; reason 15:8: 1 unmapped, 2 permission, 3 table, 4 bus, 5 ECC */
	__u32 info;
	__u32 queue;		/* queue handle, 0 = none of this file */
};

struct drm_npu_vm_get_state {
	__u32 vm;
	__u32 state;		/* out: DRM_NPU_VM_* */
	__u64 fault_count;	/* out: since the VM was made */
	/* out: the last one, as in struct drm_npu_vm_fault */
	__u64 fault_va;
	__u32 fault_info;
	__u32 fault_queue;
	/*
	 * struct drm_npu_vm_fault, newest first. In: room for count elements of
	 * stride bytes. Out: count is how many there are, of which those that
	 * there was room for have been written.
	 */
	struct drm_npu_array faults;
};

#define DRM_NPU_PRIORITY_LOW		0
#define DRM_NPU_PRIORITY_NORMAL		1
#define DRM_NPU_PRIORITY_HIGH		2	/* CAP_SYS_NICE */
#define DRM_NPU_PRIORITY_REALTIME	3	/* CAP_SYS_NICE */

/*
 * The process writes the ring and the doorbell by itself (npu_packet.h).
 * `mmap_offset` is for one shared mapping of DRM_NPU_USERQ_PAGES pages.
 */
#define DRM_NPU_QUEUE_USER		0x1

#define DRM_NPU_USERQ_DOORBELL		0	/* pages of the mapping */
#define DRM_NPU_USERQ_WAKE		1
#define DRM_NPU_USERQ_CONTROL		2	/* struct npu_queue_control */
#define DRM_NPU_USERQ_PAGES		3

struct drm_npu_queue_create {
	__u32 vm;
	__u32 priority;		/* DRM_NPU_PRIORITY_* */
	__u32 flags;		/* DRM_NPU_QUEUE_* */
	__u32 queue;		/* out */
	/* USER only, else mbz: */
	__u64 ring_va;		/* page aligned; mapped by the process, before it rings */
	__u32 ring_shift;	/* log2 of packets in the ring, 4 .. 16 */
	__u32 mbz;
	__u64 control_va;	/* out: of the control page */
	__u64 mmap_offset;	/* out */
};

struct drm_npu_queue_destroy {
	__u32 queue;
	__u32 mbz;
};

#define DRM_NPU_QUEUE_TIMED_OUT	0x1	/* its job made no progress and was killed */
#define DRM_NPU_QUEUE_FAULTED	0x2	/* its job was refused by the card or faulted */
#define DRM_NPU_QUEUE_INNOCENT	0x4	/* lost to others: a reset, or kept from the card */

struct drm_npu_queue_get_state {
	__u32 queue;
	__u32 state;		/* out: DRM_NPU_QUEUE_*; 0 = usable */
	__u32 error;		/* out: NPU_QUEUE_ERROR_* (npu_packet.h) */
	__u32 error_tag;	/* out: tag of the packet that failed */
	__u64 error_va;		/* out: as in struct npu_queue_control */
	__u32 error_op;		/* out: EXEC: index of the operation that failed */
	__u32 mbz;
	__u64 jobs;		/* out: completed */
	__u64 busy_ns;		/* out: engine time */
	__u64 energy_nj;	/* out */
};

#define DRM_NPU_QUEUE_PROPERTY_PRIORITY		0	/* DRM_NPU_PRIORITY_* */
/*
 * us that it keeps a slot which an equal queue waits for: 0 for the card's
 * default (5000), or 1000 .. 1000000; more than the default needs CAP_SYS_NICE.
 */
#define DRM_NPU_QUEUE_PROPERTY_TIME_SLICE	1

struct drm_npu_queue_set_property {
	__u32 queue;
	__u32 property;		/* DRM_NPU_QUEUE_PROPERTY_* */
	__u64 value;
};

/* A command buffer: `count` packets (npu_packet.h) at `va` of the queue's VM. */
struct drm_npu_command {
	__u64 va;		/* 64-byte aligned */
	__u32 count;		/* packets, 1 .. NPU_CALL_MAX */
	__u32 flags;		/* mbz */
};

/*
 * Runs the commands in order as one job: it starts once all waits are
 * signalled, and signals once all commands are complete and visible, or with
 * an error if the queue was stopped. No commands: the signals follow the
 * waits and the queue's earlier jobs.
 */
struct drm_npu_exec {
	__u32 queue;
	__u32 flags;		/* mbz */
	struct drm_npu_array commands;	/* struct drm_npu_command, at most 64 */
	struct drm_npu_array syncs;	/* struct drm_npu_sync, at most 1024 */
};

/*
 * A fence that signals when the queue's head has reached `index`, which has
 * been rung. The queue is killed if it makes no progress meanwhile.
 */
struct drm_npu_userq_signal {
	__u32 queue;		/* a user queue */
	__u32 flags;		/* mbz */
	__u64 index;		/* packets, at most the doorbell's tail */
	struct drm_npu_array syncs;	/* struct drm_npu_sync, SIGNAL alone, 1 .. 1024 */
};

/*
 * Once all waits have signalled, and those of earlier calls, the word at `va`
 * becomes `value` or more: for a FENCE_WAIT, NPU_COMPARE_GE.
 */
struct drm_npu_userq_wait {
	__u32 queue;		/* a user queue */
	__u32 flags;		/* mbz */
	struct drm_npu_array syncs;	/* struct drm_npu_sync, WAIT alone, 1 .. 1024 */
	__u64 va;		/* out: in the queue's VM */
	__u64 value;		/* out */
};

/*
 * Sleeps until the word at `address` compares as in FENCE_WAIT. It is looked
 * at whenever the queue interrupts: set `event` of the control page before.
 */
struct drm_npu_wait_user_fence {
	__u32 queue;		/* a user queue */
	__u32 compare;		/* NPU_COMPARE_* (npu_packet.h) */
	__u64 address;		/* in the process, 8-byte aligned */
	__u64 value;
	__u64 mask;
	__s64 timeout_ns;	/* CLOCK_MONOTONIC, absolute */
	__u32 flags;		/* mbz */
	__u32 mbz;
};

/*
 * Records of fixed size to read(2) from a file of their own. EVENTS: struct
 * drm_npu_event, of the file that opened the stream. PERF: struct
 * drm_npu_sample, one each period; shows what others do: CAP_PERFMON.
 */
#define DRM_NPU_STREAM_EVENTS	0
#define DRM_NPU_STREAM_PERF	1

#define DRM_NPU_STREAM_NONBLOCK	0x1	/* as O_NONBLOCK */
#define DRM_NPU_STREAM_ALL	0x2	/* EVENTS: those of other files too: CAP_PERFMON */

#define DRM_NPU_STREAM_PERIOD_MIN_NS	10000000

struct drm_npu_stream_open {
	__u32 kind;		/* DRM_NPU_STREAM_{EVENTS,PERF} */
	__u32 flags;		/* DRM_NPU_STREAM_{NONBLOCK,ALL} */
	__u64 filter;		/* EVENTS: 1 << DRM_NPU_EVENT_*, at least one; PERF: mbz */
	__u64 period_ns;	/* PERF: PERIOD_MIN_NS .. 2^32-1; EVENTS: mbz */
	__s32 fd;		/* out; closed by exec(2) */
	__u32 mbz;
};

#define DRM_NPU_EVENT_FAULT	0	/* value: address, fault_info as VM_GET_STATE has it */
#define DRM_NPU_EVENT_QUEUE	1	/* a queue ended; value: DRM_NPU_QUEUE_*, card's error */
#define DRM_NPU_EVENT_LOST	2	/* the card */
#define DRM_NPU_EVENT_RESET	3	/* it was; value[0]: 1 it works again, 0 it does not */
#define DRM_NPU_EVENT_THROTTLE	4	/* value: bit 0 power, bit 1 thermal (0: no more), Hz */
#define DRM_NPU_EVENT_ECC	5	/* value: errors corrected, uncorrected, since power-on */

struct drm_npu_event {
	__u64 time_ns;		/* CLOCK_MONOTONIC */
	__u64 sequence;		/* 0, 1, ... of this stream; lost records have one, too */
	__u32 kind;		/* DRM_NPU_EVENT_* */
	__u32 dropped;		/* records lost just before this one: not read in time */
	__u32 vm;		/* handle; 0: none of this file */
	__u32 queue;		/* likewise */
	__u64 value[2];
};

struct drm_npu_sample {
	__u64 time_ns;		/* CLOCK_MONOTONIC */
	__u64 sequence;		/* as above */
	__u32 dropped;
	__u32 throttle;		/* as in struct drm_npu_query_telemetry, like those below */
	__u64 tensor_busy_ns;
	__u64 copy_busy_ns;
	__u64 energy_uj;
	__u64 clock_hz;
	__u32 power_mw;
	__s32 temperature_mc;
	__u32 queues;
	__u32 slots_active;	/* hardware slots that hold a queue */
};

#define DRM_IOCTL_NPU(nr, type) \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_NPU_##nr, struct drm_npu_##type)
#define DRM_IOCTL_NPU_DEV_QUERY		DRM_IOCTL_NPU(DEV_QUERY, dev_query)
#define DRM_IOCTL_NPU_BO_CREATE		DRM_IOCTL_NPU(BO_CREATE, bo_create)
#define DRM_IOCTL_NPU_BO_INFO		DRM_IOCTL_NPU(BO_INFO, bo_info)
#define DRM_IOCTL_NPU_VM_CREATE		DRM_IOCTL_NPU(VM_CREATE, vm_create)
#define DRM_IOCTL_NPU_VM_DESTROY	DRM_IOCTL_NPU(VM_DESTROY, vm_destroy)
#define DRM_IOCTL_NPU_VM_BIND		DRM_IOCTL_NPU(VM_BIND, vm_bind)
#define DRM_IOCTL_NPU_VM_GET_STATE	DRM_IOCTL_NPU(VM_GET_STATE, vm_get_state)
#define DRM_IOCTL_NPU_QUEUE_CREATE	DRM_IOCTL_NPU(QUEUE_CREATE, queue_create)
#define DRM_IOCTL_NPU_QUEUE_DESTROY	DRM_IOCTL_NPU(QUEUE_DESTROY, queue_destroy)
#define DRM_IOCTL_NPU_QUEUE_GET_STATE	DRM_IOCTL_NPU(QUEUE_GET_STATE, queue_get_state)
#define DRM_IOCTL_NPU_EXEC		DRM_IOCTL_NPU(EXEC, exec)
#define DRM_IOCTL_NPU_USERQ_SIGNAL	DRM_IOCTL_NPU(USERQ_SIGNAL, userq_signal)
#define DRM_IOCTL_NPU_USERQ_WAIT	DRM_IOCTL_NPU(USERQ_WAIT, userq_wait)
#define DRM_IOCTL_NPU_WAIT_USER_FENCE	DRM_IOCTL_NPU(WAIT_USER_FENCE, wait_user_fence)
#define DRM_IOCTL_NPU_QUEUE_SET_PROPERTY \
	DRM_IOCTL_NPU(QUEUE_SET_PROPERTY, queue_set_property)
#define DRM_IOCTL_NPU_STREAM_OPEN	DRM_IOCTL_NPU(STREAM_OPEN, stream_open)

#if defined(__cplusplus)
}
#endif

#endif /* NPU_ACCEL_H */
