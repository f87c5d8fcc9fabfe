/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/*
 * Registers of the card, as the driver sees them through PCIe.
 *
 * docs/card.md is the specification; this header is its machine-readable
 * form. An offset comes first, the fields of that register stand below it.
 * Every register is 32 bits wide, little endian, and is accessed with aligned
 * 32-bit loads and stores only; 64-bit quantities are LO/HI pairs.
 */
#ifndef NPU_ABI_REGS_H
#define NPU_ABI_REGS_H

#include <linux/types.h>

#define NPU_PCI_VENDOR_ID		0x1234	/* QEMU's unofficial range */
#define NPU_PCI_DEVICE_ID		0x4e50

/* BARs */
#define NPU_BAR_REGS			0	/* trapped registers, MSI-X table */
#define NPU_BAR_DOORBELL		2	/* doorbell pages, wake pages */
#define NPU_BAR_MEMORY			4	/* device memory aperture */

#define NPU_BAR_REGS_SIZE		0x10000
#define NPU_REGS_MSIX_TABLE		0x8000	/* registers end here */
#define NPU_REGS_MSIX_PBA		0xc000
#define NPU_MSIX_VECTORS		16
#define NPU_MSIX_VECTOR_ADMIN		0	/* completions, faults, events */

#define NPU_QUEUES_MAX			512
#define NPU_CONTEXTS_MAX		512	/* context 0 is never used */
#define NPU_DOORBELL_PAGE_SIZE		0x1000
#define NPU_DOORBELL_PAGE(queue)	((queue) * 0x1000)
#define NPU_DOORBELL_TAIL		0x000	/* 64-bit tail index in the page */
#define NPU_WAKE_BASE			0x200000
#define NPU_WAKE_PAGE(queue)		(NPU_WAKE_BASE + (queue) * 0x1000)
#define NPU_BAR_DOORBELL_SIZE		0x400000

/* Identity */
#define NPU_REG_ID			0x0000
#define   NPU_ID_MAGIC			0x3155504e	/* "NPU1" */
#define NPU_REG_ABI			0x0004
#define   NPU_ABI_MAJOR_MASK		0xffff0000
#define   NPU_ABI_MINOR_MASK		0x0000ffff
#define   NPU_ABI_MAJOR			1
#define   NPU_ABI_MINOR			0
#define NPU_REG_CAPS			0x0008
#define   NPU_CAPS_ECC			0x00000001	/* device memory has ECC */
#define   NPU_CAPS_WAKE_PAGES		0x00000002	/* BAR2 has wake pages */
#define   NPU_CAPS_DEBUG		0x00000004	/* NPU_REG_DEBUG_* work */
#define NPU_REG_UNITS			0x000c
#define   NPU_UNITS_SLOTS_MASK		0x000000ff	/* hardware queue slots */
#define   NPU_UNITS_TENSOR_MASK		0x0000ff00	/* tensor engines */
#define   NPU_UNITS_COPY_MASK		0x00ff0000	/* copy engines */
#define NPU_REG_QUEUES			0x0010	/* queues, at most NPU_QUEUES_MAX */
#define NPU_REG_CONTEXTS		0x0014	/* contexts, at most NPU_CONTEXTS_MAX */
#define NPU_REG_MEMORY_LO		0x0018	/* device memory, bytes */
#define NPU_REG_MEMORY_HI		0x001c
#define NPU_REG_SERIAL_LO		0x0020	/* equals the PCIe DSN */
#define NPU_REG_SERIAL_HI		0x0024
#define NPU_REG_HW			0x0028
#define   NPU_HW_FAMILY_MASK		0xffff0000
#define   NPU_HW_REVISION_MASK		0x0000ffff
#define   NPU_HW_FAMILY			0x4e50
#define NPU_REG_SECURITY_VERSION	0x002c	/* oldest that may boot */
#define NPU_REG_SCRATCH			0x0030	/* keeps what is written */

/* Boot and reset */
#define NPU_REG_BOOT_CTRL		0x0100
#define   NPU_BOOT_CTRL_START		0x00000001	/* load, verify and start */
#define   NPU_BOOT_CTRL_RESET		0x00000002	/* as FLR, BARs kept */
#define NPU_REG_BOOT_STATUS		0x0104
#define   NPU_BOOT_STATE_MASK		0x000000ff
#define   NPU_BOOT_STATE_RESET		0	/* nothing loaded */
#define   NPU_BOOT_STATE_LOADING	1	/* ROM copies and verifies */
#define   NPU_BOOT_STATE_STARTED	2	/* firmware runs, not yet ready */
#define   NPU_BOOT_STATE_READY		3	/* admin queue can be enabled */
#define   NPU_BOOT_STATE_REFUSED	4	/* see the reason */
#define   NPU_BOOT_STATE_CRASHED	5	/* firmware trapped or its watchdog fired */
#define   NPU_BOOT_REASON_MASK		0x0000ff00
#define   NPU_BOOT_REASON_NONE		0
#define   NPU_BOOT_REASON_DMA		1	/* image not readable */
#define   NPU_BOOT_REASON_TRUNCATED	2	/* size below what the header says */
#define   NPU_BOOT_REASON_MAGIC		3
#define   NPU_BOOT_REASON_HEADER	4	/* header version, size, pads, ranges */
#define   NPU_BOOT_REASON_FAMILY	5	/* for another card */
#define   NPU_BOOT_REASON_REVISION	6	/* for another revision of the card */
#define   NPU_BOOT_REASON_UNSIGNED	7	/* signature all zero */
#define   NPU_BOOT_REASON_KEY		8	/* signed by a key the card does not hold */
#define   NPU_BOOT_REASON_SIGNATURE	9
#define   NPU_BOOT_REASON_DIGEST	10	/* payload differs from the header */
#define   NPU_BOOT_REASON_ROLLBACK	11	/* security version below the card's */
#define   NPU_BOOT_REASON_ABI		12	/* image and hardware share no ABI */
#define   NPU_BOOT_REASON_TRAP		13	/* CRASHED: core trapped */
#define   NPU_BOOT_REASON_WATCHDOG	14	/* CRASHED: no heartbeat */
#define   NPU_BOOT_REASON_COUNT		15
#define NPU_REG_BOOT_IMAGE_LO		0x0108	/* DMA address of the image */
#define NPU_REG_BOOT_IMAGE_HI		0x010c
#define NPU_REG_BOOT_IMAGE_SIZE		0x0110
#define NPU_REG_FW_VERSION		0x0114	/* as npu_fw_header.fw_version */
#define NPU_REG_HEARTBEAT		0x0118	/* firmware adds one each 100 ms or sooner */
#define NPU_REG_RESET_COUNT		0x011c	/* resets since power-on */

/* Admin queue: all of this is written while NPU_ADMIN_ENABLE is 0. */
#define NPU_REG_ADMIN_SQ_LO		0x0200	/* DMA address, 4 KiB aligned */
#define NPU_REG_ADMIN_SQ_HI		0x0204
#define NPU_REG_ADMIN_CQ_LO		0x0208
#define NPU_REG_ADMIN_CQ_HI		0x020c
#define NPU_REG_ADMIN_SIZE		0x0210	/* entries of each ring */
#define   NPU_ADMIN_SIZE_MIN		4
#define   NPU_ADMIN_SIZE_MAX		64
#define NPU_REG_ADMIN_CTRL		0x0214
#define   NPU_ADMIN_ENABLE		0x00000001
#define NPU_REG_ADMIN_TAIL		0x0218	/* doorbell: entries ever submitted, mod 2^32 */

/* Interrupt causes of vector 0. Writing ones clears. */
#define NPU_REG_IRQ_STATUS		0x0300
#define   NPU_IRQ_ADMIN			0x00000001	/* completion written */
#define   NPU_IRQ_FAULT			0x00000002	/* NPU_REG_FAULT_* valid */
#define   NPU_IRQ_QUEUE			0x00000004	/* a queue stopped with an error */
#define   NPU_IRQ_CRASH			0x00000008	/* boot state became CRASHED */
#define   NPU_IRQ_EVENT			0x00000010	/* reserved for telemetry events */
#define NPU_REG_IRQ_ENABLE		0x0304

/*
 * Head of the MMU fault FIFO (16 records). VALID tells whether the other
 * registers hold a record; writing NPU_FAULT_POP drops it and shows the next.
 */
#define NPU_REG_FAULT_INFO		0x0400
#define   NPU_FAULT_VALID		0x80000000
#define   NPU_FAULT_OVERFLOW		0x40000000	/* records were lost */
#define   NPU_FAULT_WRITE		0x00000001
#define   NPU_FAULT_REASON_MASK		0x0000ff00
#define   NPU_FAULT_REASON_UNMAPPED	1
#define   NPU_FAULT_REASON_PERMISSION	2	/* write to read-only, user to PRIV */
#define   NPU_FAULT_REASON_TABLE	3	/* malformed entry or unreadable table */
#define   NPU_FAULT_REASON_BUS		4	/* the address behind the entry did not answer */
#define   NPU_FAULT_REASON_ECC		5	/* uncorrectable error in device memory */
#define   NPU_FAULT_POP			0x80000000	/* written */
#define NPU_REG_FAULT_CONTEXT		0x0404
#define NPU_REG_FAULT_QUEUE		0x0408
#define NPU_REG_FAULT_VA_LO		0x040c
#define NPU_REG_FAULT_VA_HI		0x0410

/* Free-running time since power-on, ns; reading LO latches HI. */
#define NPU_REG_TIME_LO			0x0500
#define NPU_REG_TIME_HI			0x0504

/*
 * Fault injection, only with NPU_CAPS_DEBUG: writing a fault's number
 * (| NPU_DEBUG_ON to raise it, without to lift it).
 */
#define NPU_REG_DEBUG_FAULT		0x0700
#define   NPU_DEBUG_ON			0x80000000
#define   NPU_DEBUG_ALL_ONES		1	/* registers read ~0, writes are lost */
#define   NPU_DEBUG_FW_HANG		2	/* management core stops fetching */
#define   NPU_DEBUG_NO_IRQ		3	/* MSI-X is swallowed */
#define   NPU_DEBUG_IRQ_STORM		4	/* every vector fires for ever */
#define   NPU_DEBUG_ENGINE_HANG		5	/* engines never finish */
#define   NPU_DEBUG_BAD_ADMIN		6	/* admin answers are garbage */
#define   NPU_DEBUG_FENCE_BACKWARDS	7	/* fence values decrease */
#define   NPU_DEBUG_ENGINE_DEAD		8	/* nor let go of what is aborted */

/*
 * Card memory and clock error counters, resets and history are read by the
 * admin command NPU_ADMIN_TELEMETRY (npu_admin.h).
 */

#endif /* NPU_ABI_REGS_H */
