// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/*
 * MMU of the card; see mmu.h.
 *
 * Each context has two direct-mapped TLBs, for 4 KiB and for 2 MiB pages.
 * They hold bus addresses, not host pointers: whether system memory behind an
 * address is still there is asked anew at each access (dma_map_get).
 */
#include "mmu.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <abi/npu_mmu.h>
#include <abi/npu_regs.h>

#include "ecc.h"

#define SMALL_ENTRIES	1024
#define LARGE_ENTRIES	64
#define COPY_MAX	(1ull << 30)	/* bytes of a scattered window */
#define PATIENCE	1024		/* pages translated or copied between two looks at who waits */

struct tlb_entry {
	uint64_t tag;		/* page number + 1; 0: empty */
	uint64_t pte;
};

struct tlb {
	struct tlb_entry small[SMALL_ENTRIES];
	struct tlb_entry large[LARGE_ENTRIES];
};

struct context {
	pthread_rwlock_t use;	/* read: inside an access; write: changing */
	atomic_uint waiting;	/* for the write side */
	pthread_mutex_t lock;	/* guards *tlb */
	bool enabled;		/* use */
	uint64_t root;		/* use */
	struct tlb *tlb;
};

struct mmu {
	struct dma_map *dma;
	uint8_t *memory;
	uint64_t memory_size;
	struct ecc *ecc;
	uint32_t count;
	struct context contexts[];
};

/* What stands behind an address. */
struct page {
	uint64_t address;	/* of the byte asked for */
	uint64_t left;		/* bytes from there to the page's end */
	bool device;
};

struct mmu *mmu_create(struct dma_map *dma, uint8_t *memory, uint64_t memory_size, struct ecc *ecc,
		       uint32_t contexts)
{
	struct mmu *mmu = calloc(1, sizeof(*mmu) + contexts * sizeof(mmu->contexts[0]));

	if (!mmu)
		return NULL;
	mmu->dma = dma;
	mmu->memory = memory;
	mmu->memory_size = memory_size;
	mmu->ecc = ecc;
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

static void begin_change(struct context *c)
{
	atomic_fetch_add(&c->waiting, 1);
	pthread_rwlock_wrlock(&c->use);
	atomic_fetch_sub(&c->waiting, 1);
}

static void end_change(struct context *c)
{
	pthread_rwlock_unlock(&c->use);
}

int mmu_enable(struct mmu *mmu, uint32_t number, uint64_t root)
{
	struct context *c = context_of(mmu, number);
	int ret = 0;

	if (!c || root & ~(NPU_PTE_ADDR_MASK | NPU_PTE_DEVICE))
		return -EINVAL;
	begin_change(c);
	if (!c->tlb)
		c->tlb = calloc(1, sizeof(*c->tlb));
	if (c->enabled || !c->tlb) {
		ret = -EINVAL;
	} else {
		c->enabled = true;
		c->root = root;
	}
	end_change(c);
	return ret;
}

int mmu_disable(struct mmu *mmu, uint32_t number)
{
	struct context *c = context_of(mmu, number);
	int ret = -EINVAL;

	if (!c)
		return ret;
	begin_change(c);
	if (c->enabled) {
		c->enabled = false;
		memset(c->tlb, 0, sizeof(*c->tlb));
		ret = 0;
	}
	end_change(c);
	return ret;
}

void mmu_disable_all(struct mmu *mmu)
{
	for (uint32_t i = 1; i < mmu->count; i++)
		mmu_disable(mmu, i);
}

/* Drops the entries of pages that touch [va, va + size). */
static void drop(struct tlb_entry *entries, unsigned int count, unsigned int shift, uint64_t va,
		 uint64_t size)
{
	const uint64_t first = va >> shift;
	const uint64_t pages = ((va + size - 1) >> shift) - first + 1;

	for (unsigned int i = 0; i < count; i++) {
		if (!size || entries[i].tag - 1 - first < pages)
			entries[i].tag = 0;
	}
}

int mmu_invalidate(struct mmu *mmu, uint32_t number, uint64_t va, uint64_t size)
{
	struct context *c = context_of(mmu, number);

	if (!c || va >> NPU_VA_BITS || size > (1ull << NPU_VA_BITS) - va)
		return -EINVAL;
	begin_change(c);
	if (c->tlb) {
		drop(c->tlb->small, SMALL_ENTRIES, NPU_PAGE_SHIFT, va, size);
		drop(c->tlb->large, LARGE_ENTRIES, NPU_LARGE_PAGE_SHIFT, va, size);
	}
	end_change(c);
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

bool mmu_wanted(struct mmu *mmu, uint32_t number)
{
	const struct context *c = context_of(mmu, number);

	return (c && atomic_load_explicit(&c->waiting, memory_order_relaxed)) ||
	       dma_map_wanted(mmu->dma);
}

/* Reads a table entry, once; 0 or a fault reason. */
static uint32_t read_entry(struct mmu *mmu, uint64_t table, unsigned int index, uint64_t *entry)
{
	const uint64_t address = (table & NPU_PTE_ADDR_MASK) + index * sizeof(*entry);
	struct dma_ref ref;
	uint64_t *host;

	if (table & NPU_PTE_DEVICE) {
		if (address > mmu->memory_size - sizeof(*entry))
			return NPU_FAULT_REASON_TABLE;
		if (!ecc_access(mmu->ecc, address, sizeof(*entry), false))
			return NPU_FAULT_REASON_ECC;
		*entry = __atomic_load_n((uint64_t *)(mmu->memory + address), __ATOMIC_ACQUIRE);
		return 0;
	}
	host = dma_map_get(mmu->dma, address, sizeof(*entry), false, &ref);
	if (!host)
		return NPU_FAULT_REASON_TABLE;
	*entry = __atomic_load_n(host, __ATOMIC_ACQUIRE);
	return dma_map_put(mmu->dma, &ref) ? 0 : NPU_FAULT_REASON_TABLE;
}

/* 0 with the leaf for va and its level, or a fault reason. */
static uint32_t walk(struct mmu *mmu, uint64_t root, uint64_t va, uint64_t *leaf, int *level)
{
	uint64_t entry = root;

	for (*level = NPU_PT_LEVELS - 1; *level >= 0; --*level) {
		const unsigned int index = va >> NPU_PT_SHIFT(*level) & (NPU_PT_ENTRIES - 1);
		const uint32_t reason = read_entry(mmu, entry, index, &entry);

		if (reason)
			return reason;
		if (!(entry & NPU_PTE_VALID))
			return NPU_FAULT_REASON_UNMAPPED;
		if (entry & NPU_PTE_MBZ_MASK)
			return NPU_FAULT_REASON_TABLE;
		if (!(entry & NPU_PTE_LEAF))
			continue;
		if (*level > 1 ||
		    (*level == 1 && entry & (NPU_LARGE_PAGE_SIZE - 1) & NPU_PTE_ADDR_MASK))
			return NPU_FAULT_REASON_TABLE;
		*leaf = entry;
		return 0;
	}
	return NPU_FAULT_REASON_TABLE;
}

static struct tlb_entry *small_entry(struct context *c, uint64_t va)
{
	return &c->tlb->small[(va >> NPU_PAGE_SHIFT) % SMALL_ENTRIES];
}

static struct tlb_entry *large_entry(struct context *c, uint64_t va)
{
	return &c->tlb->large[(va >> NPU_LARGE_PAGE_SHIFT) % LARGE_ENTRIES];
}

/* The cached leaf for va and its level; false if there is none. */
static bool look_up(struct context *c, uint64_t va, uint64_t *leaf, int *level)
{
	const struct tlb_entry *small = small_entry(c, va), *large = large_entry(c, va);
	bool found = true;

	pthread_mutex_lock(&c->lock);
	if (small->tag == (va >> NPU_PAGE_SHIFT) + 1) {
		*leaf = small->pte;
		*level = 0;
	} else if (large->tag == (va >> NPU_LARGE_PAGE_SHIFT) + 1) {
		*leaf = large->pte;
		*level = 1;
	} else {
		found = false;
	}
	pthread_mutex_unlock(&c->lock);
	return found;
}

static void remember(struct context *c, uint64_t va, uint64_t leaf, int level)
{
	struct tlb_entry *entry = level ? large_entry(c, va) : small_entry(c, va);

	pthread_mutex_lock(&c->lock);
	entry->tag = (va >> NPU_PT_SHIFT(level)) + 1;
	entry->pte = leaf;
	pthread_mutex_unlock(&c->lock);
}

static uint32_t translate(struct mmu *mmu, struct context *c, uint64_t va, bool write,
			  bool privileged, struct page *page)
{
	uint64_t leaf, size;
	int level;

	if (!c || !c->enabled || va >> NPU_VA_BITS)
		return NPU_FAULT_REASON_UNMAPPED;
	if (!look_up(c, va, &leaf, &level)) {
		const uint32_t reason = walk(mmu, c->root, va, &leaf, &level);

		if (reason)
			return reason;
		remember(c, va, leaf, level);
	}
	if ((write && !(leaf & NPU_PTE_WRITE)) || (!privileged && leaf & NPU_PTE_PRIV))
		return NPU_FAULT_REASON_PERMISSION;
	size = 1ull << NPU_PT_SHIFT(level);
	page->address = (leaf & NPU_PTE_ADDR_MASK) + (va & (size - 1));
	page->left = size - (va & (size - 1));
	page->device = leaf & NPU_PTE_DEVICE;
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

/* Host pointer to bytes that are contiguous behind the page tables; NULL with
 * a reason if they do not answer. *referenced tells whether *ref is to be put.
 */
static uint8_t *resolve(struct mmu *mmu, const struct page *page, uint64_t size, bool write,
			bool *referenced, struct dma_ref *ref, uint32_t *reason)
{
	uint8_t *host;

	*referenced = false;
	*reason = NPU_FAULT_REASON_BUS;
	if (page->device) {
		if (page->address > mmu->memory_size || size > mmu->memory_size - page->address)
			return NULL;
		*reason = NPU_FAULT_REASON_ECC;
		return ecc_access(mmu->ecc, page->address, size, write) ? mmu->memory + page->address :
									  NULL;
	}
	host = dma_map_get(mmu->dma, page->address, size, write, ref);
	*referenced = host;
	return host;
}

static bool impatient(struct mmu *mmu, const struct mmu_access *access)
{
	return mmu_wanted(mmu, access->context) ||
	       (access->cancel && atomic_load_explicit(access->cancel, memory_order_relaxed));
}

/* What to do with each piece of a range that lies in one page. */
typedef void piece_fn(uint8_t *host, uint64_t offset, uint64_t size, void *argument);

/* Calls fn for each 4 KiB or less of the range, in order. */
static int for_each_piece(struct mmu *mmu, const struct mmu_access *access, uint64_t va,
			  uint64_t size, bool write, piece_fn *fn, void *argument,
			  struct mmu_fault *fault)
{
	struct context *c = context_of(mmu, access->context);

	for (uint64_t done = 0; done < size;) {
		const uint64_t at = va + done;
		uint64_t part = NPU_PAGE_SIZE - at % NPU_PAGE_SIZE;
		struct dma_ref ref;
		struct page page;
		bool referenced;
		uint32_t reason;
		uint8_t *host;

		if (part > size - done)
			part = size - done;
		reason = translate(mmu, c, at, write, access->privileged, &page);
		if (reason)
			return raise_fault(access, at, write, reason, fault);
		host = resolve(mmu, &page, part, write, &referenced, &ref, &reason);
		if (host && fn)
			fn(host, done, part, argument);
		if (!host || (referenced && !dma_map_put(mmu->dma, &ref)))
			return raise_fault(access, at, write, reason, fault);
		done += part;
	}
	return 0;
}

static void read_piece(uint8_t *host, uint64_t offset, uint64_t size, void *argument)
{
	memcpy((uint8_t *)argument + offset, host, size);
}

static void write_piece(uint8_t *host, uint64_t offset, uint64_t size, void *argument)
{
	memcpy(host, (const uint8_t *)argument + offset, size);
}

/* Writes what differs from the snapshot behind the data, and only that: bytes
 * in between may be somebody else's.
 */
static void write_changes(uint8_t *host, uint64_t offset, uint64_t size, void *argument)
{
	const struct mmu_window *window = argument;
	const uint8_t *now = window->copy + offset, *before = window->copy + window->size + offset;

	if (!memcmp(now, before, size))
		return;
	for (uint64_t i = 0; i < size; i++) {
		if (now[i] != before[i])
			host[i] = now[i];
	}
}

/* A copy stands in for memory that is in pieces; with a snapshot if it is to be written. */
static int map_copy(struct mmu *mmu, const struct mmu_access *access, struct mmu_window *window,
		    struct mmu_fault *fault)
{
	const uint64_t step = (uint64_t)PATIENCE * NPU_PAGE_SIZE;
	int ret = 0;

	if (window->size > COPY_MAX)
		return -ENOMEM;
	window->copy = malloc(window->write ? 2 * window->size : window->size);
	if (!window->copy)
		return -ENOMEM;
	for (uint64_t done = 0; done < window->size && !ret; done += step) {
		const uint64_t part = window->size - done < step ? window->size - done : step;

		ret = for_each_piece(mmu, access, window->va + done, part, false, read_piece,
				     window->copy + done, fault);
		/* Whoever cannot be written is to be known before anything is. */
		if (!ret && window->write)
			ret = for_each_piece(mmu, access, window->va + done, part, true, NULL, NULL,
					     fault);
		if (!ret && window->write)
			memcpy(window->copy + window->size + done, window->copy + done, part);
		if (!ret && part == step && impatient(mmu, access))
			ret = -EAGAIN;
	}
	if (ret) {
		free(window->copy);
		window->copy = NULL;
	}
	window->data = window->copy;
	return ret;
}

int mmu_map(struct mmu *mmu, const struct mmu_access *access, uint64_t va, uint64_t size,
	    bool write, struct mmu_window *window, struct mmu_fault *fault)
{
	struct context *c = context_of(mmu, access->context);
	struct page first = { 0 }, page;
	bool contiguous = true;
	unsigned int pages = 0;
	uint32_t reason;

	*window = (struct mmu_window){ .va = va, .size = size, .write = write, .access = *access };
	if (!size || va + size < va)
		return raise_fault(access, va, write, NPU_FAULT_REASON_UNMAPPED, fault);
	/* Every page is checked before any is touched. */
	for (uint64_t done = 0; done < size; done += page.left) {
		reason = translate(mmu, c, va + done, write, access->privileged, &page);
		if (reason)
			return raise_fault(access, va + done, write, reason, fault);
		if (!done)
			first = page;
		else if (page.device != first.device || page.address != first.address + done)
			contiguous = false;
		if (++pages % PATIENCE == 0 && impatient(mmu, access))
			return -EAGAIN;
	}
	if (contiguous) {
		window->data = resolve(mmu, &first, size, write, &window->referenced, &window->ref,
				       &reason);
		if (!window->data && reason == NPU_FAULT_REASON_ECC)
			return raise_fault(access, va, write, reason, fault);
	}
	return window->data ? 0 : map_copy(mmu, access, window, fault);
}

int mmu_unmap(struct mmu *mmu, struct mmu_window *window, struct mmu_fault *fault)
{
	int ret = 0;

	if (window->referenced && !dma_map_put(mmu->dma, &window->ref))
		ret = raise_fault(&window->access, window->va, window->write, NPU_FAULT_REASON_BUS,
				  fault);
	if (window->copy && window->write)
		ret = for_each_piece(mmu, &window->access, window->va, window->size, true,
				     write_changes, window, fault);
	free(window->copy);
	return ret;
}

int mmu_read(struct mmu *mmu, const struct mmu_access *access, uint64_t va, void *data, size_t size,
	     struct mmu_fault *fault)
{
	int ret;

	mmu_enter(mmu, access->context);
	ret = for_each_piece(mmu, access, va, size, false, read_piece, data, fault);
	mmu_leave(mmu, access->context);
	return ret;
}

int mmu_write(struct mmu *mmu, const struct mmu_access *access, uint64_t va, const void *data,
	      size_t size, struct mmu_fault *fault)
{
	int ret;

	mmu_enter(mmu, access->context);
	ret = for_each_piece(mmu, access, va, size, true, write_piece, (void *)(uintptr_t)data, fault);
	mmu_leave(mmu, access->context);
	return ret;
}

struct word {
	uint64_t value;
	bool write;
};

static void word_piece(uint8_t *host, uint64_t offset, uint64_t size, void *argument)
{
	struct word *word = argument;

	if (word->write)
		__atomic_store_n((uint64_t *)host, word->value, __ATOMIC_RELEASE);
	else
		word->value = __atomic_load_n((uint64_t *)host, __ATOMIC_ACQUIRE);
}

static int access_word(struct mmu *mmu, const struct mmu_access *access, uint64_t va,
		       struct word *word, struct mmu_fault *fault)
{
	int ret;

	mmu_enter(mmu, access->context);
	ret = for_each_piece(mmu, access, va, sizeof(word->value), word->write, word_piece, word, fault);
	mmu_leave(mmu, access->context);
	return ret;
}

int mmu_store64(struct mmu *mmu, const struct mmu_access *access, uint64_t va, uint64_t value,
		struct mmu_fault *fault)
{
	struct word word = { value, true };

	return access_word(mmu, access, va, &word, fault);
}

int mmu_load64(struct mmu *mmu, const struct mmu_access *access, uint64_t va, uint64_t *value,
	       struct mmu_fault *fault)
{
	struct word word = { 0, false };
	int ret = access_word(mmu, access, va, &word, fault);

	*value = word.value;
	return ret;
}
