/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/*
 * What the firmware sees: the address map and the registers of the
 * management core (docs/card.md, "Management core"). RV32IMAC, machine mode
 * only. No interrupt traps the core: `wfi` returns once
 * (PENDING & ENABLE) != 0 or the timer has passed, and the event loop looks.
 *
 * All registers are 32 bits wide. Queue and context numbers written here are
 * checked by the hardware too; a command that makes no sense sets
 * NPU_MG_ERROR and does nothing.
 */
#ifndef NPU_ABI_MGMT_H
#define NPU_ABI_MGMT_H

#include <linux/types.h>

#define NPU_MG_SRAM_BASE		0x10000000
#define NPU_MG_SRAM_SIZE		0x00040000	/* 256 KiB */
#define NPU_MG_REGS_BASE		0x40000000	/* offsets below count from here */
#define NPU_MG_REGS_SIZE		0x00010000

/* System */
#define NPU_MG_TIME_LO			0x0000	/* ns since power-on; LO latches HI */
#define NPU_MG_TIME_HI			0x0004
#define NPU_MG_TIMER_LO			0x0008	/* absolute ns; NPU_MG_INT_TIMER once passed */
#define NPU_MG_TIMER_HI			0x000c	/* writing HI arms it */
#define NPU_MG_PENDING			0x0010	/* writing ones clears; clear first, then look */
#define   NPU_MG_INT_TIMER		0x00000001
#define   NPU_MG_INT_ADMIN		0x00000002	/* ADMIN_TAIL or _CTRL written */
#define   NPU_MG_INT_DOORBELL		0x00000004	/* a watched queue has work */
#define   NPU_MG_INT_SLOT		0x00000008	/* a slot changed: NPU_MG_SLOT_EVENTS */
#define NPU_MG_ENABLE			0x0014
#define NPU_MG_TRACE			0x0018	/* write: a character for the model's log */
#define NPU_MG_ERROR			0x001c	/* number of commands refused */
#define NPU_MG_HALT			0x0020	/* write a trap cause: state CRASHED */
#define NPU_MG_UNITS			0x0024	/* as NPU_REG_UNITS */
#define NPU_MG_QUEUES			0x0028
#define NPU_MG_CONTEXTS			0x002c

/* Host interface */
#define NPU_MG_HOST_READY		0x0100	/* write 1: boot state READY */
#define NPU_MG_HOST_FW_VERSION		0x0104	/* shows in NPU_REG_FW_VERSION */
#define NPU_MG_HOST_HEARTBEAT		0x0108	/* shows in NPU_REG_HEARTBEAT */
#define NPU_MG_HOST_IRQ			0x010c	/* write NPU_IRQ_* to raise them on vector 0 */
#define NPU_MG_ADMIN_SQ_LO		0x0110	/* read: what the driver wrote */
#define NPU_MG_ADMIN_SQ_HI		0x0114
#define NPU_MG_ADMIN_CQ_LO		0x0118
#define NPU_MG_ADMIN_CQ_HI		0x011c
#define NPU_MG_ADMIN_SIZE		0x0120
#define NPU_MG_ADMIN_CTRL		0x0124
#define   NPU_MG_ADMIN_EPOCH_MASK	0xffff0000	/* how often the driver disabled it */
#define NPU_MG_ADMIN_TAIL		0x0128
#define NPU_MG_SECURITY_VERSION		0x012c

/* DMA between SRAM and system memory; synchronous. */
#define NPU_MG_DMA_HOST_LO		0x0200
#define NPU_MG_DMA_HOST_HI		0x0204
#define NPU_MG_DMA_LOCAL		0x0208	/* SRAM address */
#define NPU_MG_DMA_LENGTH		0x020c	/* bytes, <= 64 KiB */
#define NPU_MG_DMA_CMD			0x0210
#define   NPU_MG_DMA_FROM_HOST		1
#define   NPU_MG_DMA_TO_HOST		2
#define NPU_MG_DMA_STATUS		0x0214	/* 0 done, 1 host did not answer, 2 bad arguments */

/* Contexts */
#define NPU_MG_CTX_SELECT		0x0300
#define NPU_MG_CTX_ROOT_LO		0x0304
#define NPU_MG_CTX_ROOT_HI		0x0308
#define NPU_MG_CTX_VA_LO		0x030c	/* for INVALIDATE */
#define NPU_MG_CTX_VA_HI		0x0310
#define NPU_MG_CTX_SIZE_LO		0x0314	/* 0 = everything */
#define NPU_MG_CTX_SIZE_HI		0x0318
#define NPU_MG_CTX_CMD			0x031c
#define   NPU_MG_CTX_ENABLE		1	/* takes ROOT */
#define   NPU_MG_CTX_DISABLE		2	/* also drops its translations */
#define   NPU_MG_CTX_INVALIDATE		3	/* done when the write returns */

/*
 * Hardware slots: offset NPU_MG_SLOT(n) + one of the registers below. A slot
 * runs one queue; the command processor goes round the slots.
 */
#define NPU_MG_SLOT(n)			(0x1000 + (n) * 0x80)
#define NPU_MG_SLOTS_MAX		32
#define NPU_MG_SLOT_QUEUE		0x00	/* queue, its doorbell page */
#define NPU_MG_SLOT_CONTEXT		0x04
#define NPU_MG_SLOT_RING_LO		0x08
#define NPU_MG_SLOT_RING_HI		0x0c
#define NPU_MG_SLOT_CONTROL_LO		0x10
#define NPU_MG_SLOT_CONTROL_HI		0x14
#define NPU_MG_SLOT_CONFIG		0x18
#define   NPU_MG_SLOT_RING_SHIFT_MASK	0x000000ff
#define   NPU_MG_SLOT_VECTOR_MASK	0x0000ff00
#define   NPU_MG_SLOT_PRIVILEGED	0x00010000
#define   NPU_MG_SLOT_REALTIME		0x00020000	/* first in the engines too */
#define NPU_MG_SLOT_HEAD_LO		0x1c	/* written before LOAD, read after UNLOAD */
#define NPU_MG_SLOT_HEAD_HI		0x20
#define NPU_MG_SLOT_BUSY_LO		0x24	/* engine ns since LOAD, now; LO latches HI */
#define NPU_MG_SLOT_BUSY_HI		0x28
#define NPU_MG_SLOT_ENERGY_LO		0x2c	/* nJ since LOAD; LO latches HI */
#define NPU_MG_SLOT_ENERGY_HI		0x30
#define NPU_MG_SLOT_PROGRESS		0x34	/* since LOAD: grows when it gets on */
#define NPU_MG_SLOT_CMD			0x38
#define   NPU_MG_SLOT_LOAD		1	/* take the registers and run; EMPTY only */
#define   NPU_MG_SLOT_UNLOAD		2	/* stop between two packets; then EMPTY + event */
#define   NPU_MG_SLOT_ABORT		3	/* stop now, mid-packet; then EMPTY + event */
#define NPU_MG_SLOT_STATE		0x3c
#define   NPU_MG_SLOT_EMPTY		0
#define   NPU_MG_SLOT_IDLE		1	/* head == tail */
#define   NPU_MG_SLOT_RUNNING		2
#define   NPU_MG_SLOT_WAITING		3	/* a FENCE_WAIT does not hold yet */
#define   NPU_MG_SLOT_FAULTED		4	/* stopped, see ERROR; UNLOAD frees it */
#define   NPU_MG_SLOT_STOPPING		5	/* UNLOAD or ABORT under way */
#define NPU_MG_SLOT_ERROR		0x40	/* NPU_QUEUE_ERROR_* (npu_packet.h) */
#define NPU_MG_SLOT_CALL		0x44	/* packets done of the CALL at HEAD; as HEAD */
#define NPU_MG_SLOT_QUEUED_LO		0x48	/* ns since LOAD that a packet stood in an */
#define NPU_MG_SLOT_QUEUED_HI		0x4c	/* engine without its turn; LO latches HI */
#define NPU_MG_SLOT_EVENTS		0x0400	/* bit per slot; writing ones clears */

/*
 * Doorbells of queues that stand in no slot. WATCH compares each queue's
 * doorbell tail with the given value and sets its pending bit on a change.
 */
#define NPU_MG_DB_QUEUE			0x0500
#define NPU_MG_DB_TAIL_LO		0x0504	/* value seen last; read after READ */
#define NPU_MG_DB_TAIL_HI		0x0508
#define NPU_MG_DB_CMD			0x050c
#define   NPU_MG_DB_WATCH		1	/* pending once tail != DB_TAIL */
#define   NPU_MG_DB_UNWATCH		2	/* clears pending */
#define   NPU_MG_DB_READ		3	/* DB_TAIL = the queue's tail now */
#define   NPU_MG_DB_CLEAR		4	/* doorbell page := 0 (new owner) */
#define NPU_MG_DB_PENDING(word)		(0x0540 + (word) * 4)	/* 16 words, 1 bit a queue; RO */

/* Sensors and governor */
#define NPU_MG_TEMPERATURE		0x0600	/* millidegree Celsius, signed */
#define NPU_MG_POWER			0x0604	/* mW, averaged over 100 ms */
#define NPU_MG_ENERGY_LO		0x0608	/* uJ since power-on; LO latches HI */
#define NPU_MG_ENERGY_HI		0x060c
#define NPU_MG_CLOCK			0x0610	/* MHz, write to change, <= CLOCK_MAX */
#define NPU_MG_CLOCK_MAX		0x0614
#define NPU_MG_TENSOR_BUSY_LO		0x0618	/* ns; LO latches HI */
#define NPU_MG_TENSOR_BUSY_HI		0x061c
#define NPU_MG_COPY_BUSY_LO		0x0620	/* ns; LO latches HI */
#define NPU_MG_COPY_BUSY_HI		0x0624
#define NPU_MG_PACKETS_LO		0x0628	/* retired; LO latches HI */
#define NPU_MG_PACKETS_HI		0x062c
#define NPU_MG_ECC_CORRECTED		0x0630
#define NPU_MG_ECC_UNCORRECTED		0x0634

#endif /* NPU_ABI_MGMT_H */
