// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
#include "host.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "dma_map.h"
#include "irq.h"

/* Naps until something that must happen soon is taken for lost: also on a busy machine. */
#define PATIENCE	100000

static void nap(void)
{
	nanosleep(&(struct timespec){ 0, 200000 }, NULL);
}

struct host *host_create(const struct card_config *config)
{
	struct host *h = calloc(1, sizeof(*h));
	int fd = memfd_create("host", MFD_CLOEXEC);

	if (ftruncate(fd, HOST_MEMORY))
		abort();
	h->memory = mmap(NULL, HOST_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	h->dma = dma_map_create();
	h->irqs = irq_set_create(NPU_MSIX_VECTORS);
	dma_map_add(h->dma, HOST_BASE, HOST_MEMORY, fd, 0, true, true);
	close(fd);
	for (unsigned int i = 0; i < NPU_MSIX_VECTORS; i++) {
		h->irq_fd[i] = eventfd(0, EFD_NONBLOCK);
		irq_set_fd(h->irqs, i, dup(h->irq_fd[i]));
	}
	h->card = card_create(config, h->dma, h->irqs);
	if (!h->card)
		abort();
	h->doorbells = mmap(NULL, NPU_WAKE_BASE, PROT_READ | PROT_WRITE, MAP_SHARED,
			    card_doorbell_fd(h->card), 0);
	h->device = mmap(NULL, DEVICE_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED,
			 card_memory_fd(h->card), 0);
	return h;
}

void host_destroy(struct host *h)
{
	card_destroy(h->card);
	for (unsigned int i = 0; i < NPU_MSIX_VECTORS; i++)
		close(h->irq_fd[i]);
	irq_set_destroy(h->irqs);
	dma_map_destroy(h->dma);
	munmap(h->doorbells, NPU_WAKE_BASE);
	munmap(h->device, DEVICE_MEMORY);
	munmap(h->memory, HOST_MEMORY);
	free(h);
}

void *host_alloc(struct host *h, uint64_t size, uint64_t *dma)
{
	uint8_t *data = h->memory + h->used;

	size = (size + 4095) & ~4095ull;
	if (size > HOST_MEMORY - h->used)
		abort();
	if (dma)
		*dma = HOST_BASE + h->used;
	h->used += size;
	memset(data, 0, size);
	return data;
}

uint32_t host_boot(struct host *h, const void *image, uint32_t size)
{
	uint64_t dma;
	void *copy = host_alloc(h, size + 1, &dma);
	uint32_t status = 0;

	memcpy(copy, image, size);
	card_reg_write32(h->card, NPU_REG_BOOT_IMAGE_LO, (uint32_t)dma);
	card_reg_write32(h->card, NPU_REG_BOOT_IMAGE_HI, dma >> 32);
	card_reg_write32(h->card, NPU_REG_BOOT_IMAGE_SIZE, size);
	card_reg_write32(h->card, NPU_REG_BOOT_CTRL, NPU_BOOT_CTRL_START);
	for (int i = 0; i < PATIENCE; i++) {
		status = card_reg_read32(h->card, NPU_REG_BOOT_STATUS);
		if ((status & NPU_BOOT_STATE_MASK) != NPU_BOOT_STATE_STARTED)
			break;
		nap();
	}
	return status;
}

uint32_t host_boot_file(struct host *h, const char *path)
{
	static uint8_t image[512 * 1024];
	FILE *file = fopen(path, "rb");
	size_t size;

	if (!file) {
		perror(path);
		abort();
	}
	size = fread(image, 1, sizeof(image), file);
	fclose(file);
	return host_boot(h, image, (uint32_t)size);
}

void host_enable_admin(struct host *h, uint32_t entries)
{
	uint64_t sq, cq;

	h->sq = host_alloc(h, 4096, &sq);
	h->cq = host_alloc(h, 4096, &cq);
	h->tail = h->head = 0;
	card_reg_write32(h->card, NPU_REG_ADMIN_CTRL, 0);
	card_reg_write32(h->card, NPU_REG_ADMIN_SQ_LO, (uint32_t)sq);
	card_reg_write32(h->card, NPU_REG_ADMIN_SQ_HI, sq >> 32);
	card_reg_write32(h->card, NPU_REG_ADMIN_CQ_LO, (uint32_t)cq);
	card_reg_write32(h->card, NPU_REG_ADMIN_CQ_HI, cq >> 32);
	card_reg_write32(h->card, NPU_REG_ADMIN_SIZE, entries);
	card_reg_write32(h->card, NPU_REG_IRQ_ENABLE, NPU_IRQ_ADMIN | NPU_IRQ_FAULT | NPU_IRQ_QUEUE |
						      NPU_IRQ_CRASH);
	card_reg_write32(h->card, NPU_REG_ADMIN_CTRL, NPU_ADMIN_ENABLE);
}

int host_admin(struct host *h, uint8_t opcode, const void *args, uint32_t size,
	       struct npu_admin_completion *completion)
{
	const uint32_t entries = card_reg_read32(h->card, NPU_REG_ADMIN_SIZE);
	struct npu_admin_command *c = &h->sq[h->tail & (entries - 1)];
	struct npu_admin_completion *answer = &h->cq[h->head & (entries - 1)];
	const uint8_t phase = 1 ^ (h->head / entries & 1);

	memset(c, 0, sizeof(*c));
	c->opcode = opcode;
	c->tag = (uint16_t)(h->tail * 7 + 1);
	if (size)
		memcpy(c->payload, args, size);
	card_reg_write32(h->card, NPU_REG_ADMIN_TAIL, ++h->tail);
	for (int i = 0; i < PATIENCE; i++) {
		if ((__atomic_load_n(&answer->phase, __ATOMIC_ACQUIRE) & 1) == phase) {
			*completion = *answer;
			h->head++;
			return completion->tag == (uint16_t)((h->tail - 1) * 7 + 1) ? 0 : -2;
		}
		nap();
	}
	return -1;
}

void host_map(struct host *h, uint64_t va, uint64_t address, uint64_t size, uint64_t flags)
{
	for (uint64_t at = 0; at < size; at += NPU_PAGE_SIZE) {
		uint64_t table = h->root;

		for (int level = 3; level > 0; level--) {
			uint64_t *entries = (uint64_t *)(h->memory + (table - HOST_BASE));
			uint64_t *entry = &entries[(va + at) >> NPU_PT_SHIFT(level) & 511];

			if (!(*entry & NPU_PTE_VALID)) {
				uint64_t dma;

				host_alloc(h, 4096, &dma);
				*entry = dma | NPU_PTE_VALID;
			}
			table = *entry & NPU_PTE_ADDR_MASK;
		}
		((uint64_t *)(h->memory + (table - HOST_BASE)))[(va + at) >> 12 & 511] =
			flags ? (address + at) | flags | NPU_PTE_LEAF | NPU_PTE_VALID : 0;
	}
}

void host_make_queue(struct host *h, uint32_t flags)
{
	struct npu_admin_context_args context = { .context = 1 };
	struct npu_admin_queue_create_args queue = {
		.queue = HOST_QUEUE, .context = 1, .ring_va = HOST_RING_VA,
		.control_va = HOST_CONTROL_VA, .flags = flags, .vector = 2,
		.ring_shift = HOST_RING_SHIFT, .priority = NPU_QUEUE_PRIORITY_NORMAL,
	};
	struct npu_admin_completion completion;
	uint64_t ring, control;

	host_alloc(h, 4096, &h->root);
	h->ring = host_alloc(h, 64 << HOST_RING_SHIFT, &ring);
	h->control = host_alloc(h, 4096, &control);
	h->control->need_wake = 1;
	h->queue_tail = 0;
	host_map(h, HOST_RING_VA, ring, 64 << HOST_RING_SHIFT, NPU_PTE_PRIV * !!flags | NPU_PTE_SNOOP);
	host_map(h, HOST_CONTROL_VA, control, 4096,
		 NPU_PTE_WRITE | NPU_PTE_PRIV * !!flags | NPU_PTE_SNOOP);
	context.root = h->root;
	if (host_admin(h, NPU_ADMIN_CONTEXT_CREATE, &context, sizeof(context), &completion) ||
	    completion.status)
		abort();
	if (host_admin(h, NPU_ADMIN_QUEUE_CREATE, &queue, sizeof(queue), &completion) ||
	    completion.status)
		abort();
}

void host_submit(struct host *h, const void *packet)
{
	memcpy((uint8_t *)h->ring + (h->queue_tail & ((1 << HOST_RING_SHIFT) - 1)) * 64, packet, 64);
	h->queue_tail++;
	__atomic_store_n((uint64_t *)(h->doorbells + NPU_DOORBELL_PAGE(HOST_QUEUE)), h->queue_tail,
			 __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&h->control->need_wake, __ATOMIC_SEQ_CST))
		card_wake_write(h->card, HOST_QUEUE);
}

bool host_wait(struct host *h)
{
	for (int i = 0; i < PATIENCE; i++) {
		if (__atomic_load_n(&h->control->head, __ATOMIC_ACQUIRE) == h->queue_tail ||
		    __atomic_load_n(&h->control->state, __ATOMIC_ACQUIRE) == NPU_QUEUE_STATE_STOPPED)
			return true;
		nap();
	}
	return false;
}

bool host_irq_fired(struct host *h, unsigned int vector, int timeout_ms)
{
	struct pollfd p = { h->irq_fd[vector], POLLIN, 0 };
	uint64_t count;

	if (poll(&p, 1, timeout_ms) != 1)
		return false;
	return read(h->irq_fd[vector], &count, sizeof(count)) == sizeof(count);
}
