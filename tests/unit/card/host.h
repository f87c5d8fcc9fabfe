/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright The npu authors */
/*
 * A driver in miniature for tests of the card: system memory, the card in
 * this process, boot, admin queue, page tables and one queue.
 */
#ifndef TESTS_HOST_H
#define TESTS_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include <abi/npu_admin.h>
#include <abi/npu_mmu.h>
#include <abi/npu_regs.h>
#include <npu/npu_packet.h>

#include "card.h"

#define HOST_MEMORY	(16u << 20)
#define HOST_BASE	0x100000ull	/* DMA address of the first byte */
#define DEVICE_MEMORY	(64u << 20)

struct host {
	struct card *card;
	struct dma_map *dma;
	struct irq_set *irqs;
	int irq_fd[NPU_MSIX_VECTORS];
	uint8_t *memory;
	uint64_t used;			/* bump allocator */
	uint8_t *doorbells;		/* BAR2's mapped half */
	uint8_t *device;		/* BAR4 */
	struct npu_admin_command *sq;
	struct npu_admin_completion *cq;
	uint32_t tail, head;
	uint64_t root;			/* page table of context 1 */
	struct npu_packet_header *ring;
	struct npu_queue_control *control;
	uint64_t queue_tail;
};

#define HOST_QUEUE	3
#define HOST_RING_SHIFT	6
#define HOST_RING_VA	0x10000000ull
#define HOST_CONTROL_VA	0x10100000ull
#define HOST_DATA_VA	0x20000000ull

struct host *host_create(const struct card_config *config);
void host_destroy(struct host *h);
/* Pages of zeroed system memory; the DMA address in *dma. */
void *host_alloc(struct host *h, uint64_t size, uint64_t *dma);
/* Copies the image into memory, starts it, waits; the boot status. */
uint32_t host_boot(struct host *h, const void *image, uint32_t size);
uint32_t host_boot_file(struct host *h, const char *path);
void host_enable_admin(struct host *h, uint32_t entries);
/* Submits and waits; -1 after 20 s. */
int host_admin(struct host *h, uint8_t opcode, const void *args, uint32_t size,
	       struct npu_admin_completion *completion);
/* Maps size bytes at a DMA address (or device offset) into context 1's tables. */
void host_map(struct host *h, uint64_t va, uint64_t address, uint64_t size, uint64_t flags);
/* Context 1 and queue HOST_QUEUE with ring and control block mapped. */
void host_make_queue(struct host *h, uint32_t flags);
void host_submit(struct host *h, const void *packet);	/* 64 bytes */
/* Waits until head == tail or the queue has stopped; false after 20 s. */
bool host_wait(struct host *h);
bool host_irq_fired(struct host *h, unsigned int vector, int timeout_ms);

#endif /* TESTS_HOST_H */
