// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/*
 * MMU of the card; see mmu.h.
 *
 * Each context has a direct-mapped TLB of 4 KiB translations. It holds bus
 * addresses, not host pointers: whether system memory behind an address is
 * still there is asked anew at each access (dma_map_get).
 */
#include "mmu.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <abi/npu_mmu.h>
#include <abi/npu_regs.h>

#include "dma_map.h"

#define TLB_ENTRIES 1024

struct tlb_entry {
	uint64_t tag;		/* page number + 1; 0: empty */
	uint64_t pte;		/* of this 4 KiB page: address and flags */
};

struct context {
	pthread_rwlock_t use;	/* read: inside an access; write: changing */
	pthread_mutex_t lock;	/* guards tlb */
	bool enabled;		/* use */
	uint64_t root;		/* use */
	struct tlb_entry *tlb;
};

struct mmu {
	struct dma_map *dma;
	uint8_t *memory;
	uint64_t memory_size;
	uint32_t count;
	struct context contexts[];
};

struct mmu *mmu_create(struct dma_map *dma, uint8_t *memory, uint64_t memory_size,
		       uint32_t contexts)
{
	struct mmu *mmu = calloc(1, sizeof(*mmu) + contexts * sizeof(mmu->contexts[0]));

	if (!mmu)
		return NULL;
	mmu->dma = dma;
	mmu->memory = memory;
	mmu->memory_size = memory_size;
	mmu->count = contexts;
	for (uint32_t i = 0; i < contexts; i++) {
		pthread_rwlockattr_t attributes;

		/* A change must not wait behind accesses that keep coming. */
		pthread_rwlockattr_init(&attributes);
		pthread_rwlockattr_setkind_np(&attributes,
					      PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
		pthread_rwlock_init(&mmu->contexts[i].use, &attributes);
		pthread_rwlockattr_destroy(&attributes);
		pthread_mutex_init(&mmu->contexts[i].lock, NULL);
	}
	return mmu;
}

void mmu_destroy(struct mmu *mmu)
{
	if (!mmu)
		return;
	for (uint32_t i = 0; i < mmu->count; i++) {
		pthread_rwlock_destroy(&mmu->contexts[i].use);
		pthread_mutex_destroy(&mmu->contexts[i].lock);
		free(mmu->contexts[i].tlb);
	}
	free(mmu);
}

static struct context *context_of(struct mmu *mmu, uint32_t number)
{
	return number && number < mmu->count ? &mmu->contexts[number] : NULL;
}

int mmu_enable(struct mmu *mmu, uint32_t number, uint64_t root)
{
	struct context *c = context_of(mmu, number);
	int ret = 0;

	if (!c || root & ~(NPU_PTE_ADDR_MASK | NPU_PTE_DEVICE))
		return -EINVAL;
	pthread_rwlock_wrlock(&c->use);
	if (!c->tlb)
		c->tlb = calloc(TLB_ENTRIES, sizeof(*c->tlb));
	if (c->enabled || !c->tlb) {
		ret = -EINVAL;
	} else {
		c->enabled = true;
		c->root = root;
	}
	pthread_rwlock_unlock(&c->use);
	return ret;
}

int mmu_disable(struct mmu *mmu, uint32_t number)
{
	struct context *c = context_of(mmu, number);
	int ret = -EINVAL;

	if (!c)
		return ret;
	pthread_rwlock_wrlock(&c->use);
	if (c->enabled) {
		c->enabled = false;
		memset(c->tlb, 0, TLB_ENTRIES * sizeof(*c->tlb));
		ret = 0;
	}
	pthread_rwlock_unlock(&c->use);
	return ret;
}

void mmu_disable_all(struct mmu *mmu)
{
	for (uint32_t i = 1; i < mmu->count; i++)
		mmu_disable(mmu, i);
}

int mmu_invalidate(struct mmu *mmu, uint32_t number, uint64_t va, uint64_t size)
{
	struct context *c = context_of(mmu, number);
	const uint64_t first = va >> NPU_PAGE_SHIFT;
	const uint64_t pages = size >> NPU_PAGE_SHIFT;

	if (!c)
		return -EINVAL;
	pthread_rwlock_wrlock(&c->use);
	if (c->tlb) {
		for (unsigned int i = 0; i < TLB_ENTRIES; i++) {
			if (!size || (c->tlb[i].tag && c->tlb[i].tag - 1 - first < pages))
				c->tlb[i].tag = 0;
		}
	}
	pthread_rwlock_unlock(&c->use);
	return 0;
}

void mmu_enter(struct mmu *mmu, uint32_t number)
{
	struct context *c = context_of(mmu, number);

	if (c)
		pthread_rwlock_rdlock(&c->use);
}

void mmu_leave(struct mmu *mmu, uint32_t number)
{
	struct context *c = context_of(mmu, number);

	if (c)
		pthread_rwlock_unlock(&c->use);
}

/* Reads a table entry; false if the table is nowhere. */
static bool read_entry(struct mmu *mmu, uint64_t table, unsigned int index, uint64_t *entry)
{
	const uint64_t address = (table & NPU_PTE_ADDR_MASK) + index * sizeof(*entry);
	struct dma_ref ref;
	uint64_t *host;

	if (table & NPU_PTE_DEVICE) {
		if (address > mmu->memory_size - sizeof(*entry))
			return false;
		*entry = __atomic_load_n((uint64_t *)(mmu->memory + address), __ATOMIC_ACQUIRE);
		return true;
	}
	host = dma_map_get(mmu->dma, address, sizeof(*entry), false, &ref);
	if (!host)
		return false;
	*entry = __atomic_load_n(host, __ATOMIC_ACQUIRE);
	dma_map_put(mmu->dma, &ref);
	return true;
}

/* 0 and the leaf of va's 4 KiB page, or a fault reason. */
static uint32_t walk(struct mmu *mmu, uint64_t root, uint64_t va, uint64_t *leaf)
{
	uint64_t entry = root;

	for (int level = NPU_PT_LEVELS - 1; level >= 0; level--) {
		const unsigned int index = va >> NPU_PT_SHIFT(level) & (NPU_PT_ENTRIES - 1);

		if (!read_entry(mmu, entry, index, &entry))
			return NPU_FAULT_REASON_TABLE;
		if (!(entry & NPU_PTE_VALID))
			return NPU_FAULT_REASON_UNMAPPED;
		if (entry & NPU_PTE_MBZ_MASK)
			return NPU_FAULT_REASON_TABLE;
		if (!(entry & NPU_PTE_LEAF))
			continue;
		if (level > 1 || (level == 1 && entry & (NPU_LARGE_PAGE_SIZE - 1) & NPU_PTE_ADDR_MASK))
			return NPU_FAULT_REASON_TABLE;
		if (level == 1)
			entry += va & (NPU_LARGE_PAGE_SIZE - 1) & ~(uint64_t)(NPU_PAGE_SIZE - 1);
		*leaf = entry;
		return 0;
	}
	return NPU_FAULT_REASON_TABLE;
}

static uint32_t translate(struct mmu *mmu, struct context *c, uint64_t va, bool write,
			  bool privileged, uint64_t *leaf)
{
	const uint64_t page = va >> NPU_PAGE_SHIFT;
	struct tlb_entry *entry;
	uint32_t reason;

	if (!c || !c->enabled || va >> NPU_VA_BITS)
		return NPU_FAULT_REASON_UNMAPPED;
	entry = &c->tlb[page % TLB_ENTRIES];
	pthread_mutex_lock(&c->lock);
	if (entry->tag == page + 1) {
		*leaf = entry->pte;
		pthread_mutex_unlock(&c->lock);
	} else {
		pthread_mutex_unlock(&c->lock);
		reason = walk(mmu, c->root, va, leaf);
		if (reason)
			return reason;
		pthread_mutex_lock(&c->lock);
		entry->tag = page + 1;
		entry->pte = *leaf;
		pthread_mutex_unlock(&c->lock);
	}
	if ((write && !(*leaf & NPU_PTE_WRITE)) || (!privileged && *leaf & NPU_PTE_PRIV))
		return NPU_FAULT_REASON_PERMISSION;
	return 0;
}

static int raise_fault(const struct mmu_access *access, uint64_t va, bool write, uint32_t reason,
		       struct mmu_fault *fault)
{
	*fault = (struct mmu_fault){
		.context = access->context, .queue = access->queue, .va = va,
		.info = (write ? NPU_FAULT_WRITE : 0) | reason << 8,
	};
	return -EFAULT;
}

/* Host pointer to bytes that lie behind one leaf or contiguous ones. */
static void *resolve(struct mmu *mmu, uint64_t leaf, uint64_t va, uint64_t size, bool write,
		     struct mmu_window *window)
{
	const uint64_t address = (leaf & NPU_PTE_ADDR_MASK) + (va & (NPU_PAGE_SIZE - 1));
	struct dma_ref ref;
	void *host;

	window->referenced = false;
	if (leaf & NPU_PTE_DEVICE) {
		if (address > mmu->memory_size || size > mmu->memory_size - address)
			return NULL;
		return mmu->memory + address;
	}
	host = dma_map_get(mmu->dma, address, size, write, &ref);
	if (host) {
		window->referenced = true;
		window->region = ref.region;
	}
	return host;
}

static void release(struct mmu *mmu, struct mmu_window *window)
{
	struct dma_ref ref = { window->region };

	if (window->referenced)
		dma_map_put(mmu->dma, &ref);
	window->referenced = false;
}

static uint64_t piece(uint64_t va, uint64_t size)
{
	const uint64_t left = NPU_PAGE_SIZE - (va & (NPU_PAGE_SIZE - 1));

	return size < left ? size : left;
}

/* Copies page by page between a buffer and the context's memory. */
static int copy(struct mmu *mmu, const struct mmu_access *access, uint64_t va, uint8_t *data,
		uint64_t size, bool write, struct mmu_fault *fault)
{
	struct context *c = context_of(mmu, access->context);

	while (size) {
		const uint64_t part = piece(va, size);
		struct mmu_window window;
		uint64_t leaf;
		uint32_t reason;
		void *host;

		reason = translate(mmu, c, va, write, access->privileged, &leaf);
		if (reason)
			return raise_fault(access, va, write, reason, fault);
		host = resolve(mmu, leaf, va, part, write, &window);
		if (!host)
			return raise_fault(access, va, write, NPU_FAULT_REASON_BUS, fault);
		if (write)
			memcpy(host, data, part);
		else
			memcpy(data, host, part);
		release(mmu, &window);
		va += part;
		data += part;
		size -= part;
	}
	return 0;
}

int mmu_map(struct mmu *mmu, const struct mmu_access *access, uint64_t va, uint64_t size,
	    bool write, struct mmu_window *window, struct mmu_fault *fault)
{
	struct context *c = context_of(mmu, access->context);
	uint64_t first = 0;
	bool contiguous = true;

	*window = (struct mmu_window){ .va = va, .size = size, .write = write, .access = *access };
	if (!size || va + size < va)
		return raise_fault(access, va, write, NPU_FAULT_REASON_UNMAPPED, fault);
	/* Every page is checked before any is touched. */
	for (uint64_t at = va; at < va + size; at += piece(at, va + size - at)) {
		const uint64_t expected = (first & ~NPU_PTE_ADDR_MASK) |
			((first & NPU_PTE_ADDR_MASK) + (at & ~(uint64_t)(NPU_PAGE_SIZE - 1)) -
			 (va & ~(uint64_t)(NPU_PAGE_SIZE - 1)));
		uint64_t leaf;
		uint32_t reason = translate(mmu, c, at, write, access->privileged, &leaf);

		if (reason)
			return raise_fault(access, at, write, reason, fault);
		if (at == va)
			first = leaf;
		else if ((leaf ^ expected) & (NPU_PTE_ADDR_MASK | NPU_PTE_DEVICE))
			contiguous = false;
	}
	if (contiguous) {
		window->data = resolve(mmu, first, va, size, write, window);
		if (window->data)
			return 0;
	}
	window->copied = true;
	window->data = malloc(size);
	if (!window->data)
		return -ENOMEM;
	if (copy(mmu, access, va, window->data, size, false, fault)) {
		free(window->data);
		return -EFAULT;
	}
	return 0;
}

void mmu_unmap(struct mmu *mmu, struct mmu_window *window)
{
	struct mmu_fault ignored;

	if (!window->copied) {
		release(mmu, window);
		return;
	}
	/* Only a client that leaves in between can make this fail. */
	if (window->write)
		copy(mmu, &window->access, window->va, window->data, window->size, true, &ignored);
	free(window->data);
}

int mmu_read(struct mmu *mmu, const struct mmu_access *access, uint64_t va, void *data, size_t size,
	     struct mmu_fault *fault)
{
	int ret;

	mmu_enter(mmu, access->context);
	ret = copy(mmu, access, va, data, size, false, fault);
	mmu_leave(mmu, access->context);
	return ret;
}

int mmu_write(struct mmu *mmu, const struct mmu_access *access, uint64_t va, const void *data,
	      size_t size, struct mmu_fault *fault)
{
	int ret;

	mmu_enter(mmu, access->context);
	ret = copy(mmu, access, va, (uint8_t *)(uintptr_t)data, size, true, fault);
	mmu_leave(mmu, access->context);
	return ret;
}

static int word(struct mmu *mmu, const struct mmu_access *access, uint64_t va, uint64_t *value,
		bool write, struct mmu_fault *fault)
{
	struct mmu_window window;
	int ret;

	mmu_enter(mmu, access->context);
	ret = mmu_map(mmu, access, va, sizeof(*value), write, &window, fault);
	if (!ret) {
		if (write)
			__atomic_store_n((uint64_t *)window.data, *value, __ATOMIC_RELEASE);
		else
			*value = __atomic_load_n((uint64_t *)window.data, __ATOMIC_ACQUIRE);
		mmu_unmap(mmu, &window);
	}
	mmu_leave(mmu, access->context);
	return ret;
}

int mmu_store64(struct mmu *mmu, const struct mmu_access *access, uint64_t va, uint64_t value,
		struct mmu_fault *fault)
{
	return word(mmu, access, va, &value, true, fault);
}

int mmu_load64(struct mmu *mmu, const struct mmu_access *access, uint64_t va, uint64_t *value,
	       struct mmu_fault *fault)
{
	return word(mmu, access, va, value, false, fault);
}
