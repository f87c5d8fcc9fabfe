/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/*
 * Page tables of the card's MMU (docs/card.md, "MMU").
 *
 * One root per context, 48-bit virtual addresses, four levels of 512 entries
 * of 8 bytes: level 3 (root, VA bits 47:39), 2 (38:30), 1 (29:21), 0 (20:12).
 * A leaf stands at level 0 (4 KiB page) or level 1 (2 MiB page, LEAF set).
 * Table pages are 4 KiB, in system memory (a DMA address) or device memory
 * (an offset, DEVICE set); the same bit tells where a leaf's page is.
 *
 * The card may cache any valid entry until a TLB invalidation that covers its
 * address completes. It caches no invalid entry: making a mapping valid needs
 * no invalidation.
 */
#ifndef NPU_ABI_MMU_H
#define NPU_ABI_MMU_H

#include <linux/types.h>

#define NPU_VA_BITS		48
#define NPU_PAGE_SHIFT		12
#define NPU_PAGE_SIZE		0x1000
#define NPU_LARGE_PAGE_SHIFT	21
#define NPU_LARGE_PAGE_SIZE	0x200000
#define NPU_PT_LEVELS		4
#define NPU_PT_ENTRIES		512
#define NPU_PT_SHIFT(level)	(12 + 9 * (level))

#define NPU_PTE_VALID		0x0000000000000001ULL
#define NPU_PTE_WRITE		0x0000000000000002ULL	/* leaf: writable */
#define NPU_PTE_DEVICE		0x0000000000000004ULL	/* a device-memory offset */
#define NPU_PTE_LEAF		0x0000000000000008ULL	/* level 1: 2 MiB page; level 0: set too */
#define NPU_PTE_PRIV		0x0000000000000010ULL	/* leaf: privileged accesses only */
#define NPU_PTE_SNOOP		0x0000000000000020ULL	/* leaf in system memory: coherent */
#define NPU_PTE_ADDR_MASK	0x000ffffffffff000ULL
/* Every other bit must be zero, else the walk faults with REASON_TABLE. */
#define NPU_PTE_MBZ_MASK	0xfff0000000000fc0ULL

/* A context's root: the address of the level-3 table, with NPU_PTE_DEVICE. */

/*
 * Privileged accesses are those that a queue created with
 * NPU_QUEUE_PRIVILEGED makes itself: fetching its ring, its control block,
 * and the addresses of FENCE_SIGNAL, FENCE_WAIT and TIMESTAMP packets that
 * stand in the ring. What a CALL runs, and every engine access, is not.
 */

#endif /* NPU_ABI_MMU_H */
