// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * Page tables of one context.
 *
 * A tree of tables in coherent system memory, mirrored by struct
 * npu_mmu_table. A table is linked into its parent while it has a valid
 * entry, and only then the card can see it. npu_mmu_prepare() makes tables
 * without linking them, so that mapping cannot fail half-way. A range of 2 MiB
 * that is contiguous and aligned becomes one large page; its level-0 table
 * then stands by, empty, for the day when the range is split.
 *
 * The card caches valid entries only: making one valid needs no
 * invalidation, and a table may be freed once it was unlinked and a flush of
 * its range has completed. Mapping over what is mapped exchanges entries one
 * by one, so that the card finds the old translation or the new one. A table
 * that a large page has replaced keeps its entries until npu_mmu_tidy(): the
 * card may still be on its way through it.
 *
 * Fences wait for npu_mmu.lock (npu_bind_queue.c): nothing is allocated under it.
 */
#include <linux/dma-mapping.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "npu_device.h"
#include "npu_lost.h"
#include "npu_mmu.h"

struct npu_mmu_table {
	__le64 *entries;	/* what the card sees */
	dma_addr_t dma;
	u16 used;		/* valid entries */
	u8 level;
	struct npu_mmu_table *children[];	/* NPU_PT_ENTRIES; level 0: none */
};

static unsigned int npu_mmu_index(u64 va, unsigned int level)
{
	return (va >> NPU_PT_SHIFT(level)) % NPU_PT_ENTRIES;
}

/* The end of the part of [va, end) that one entry of @level covers. */
static u64 npu_mmu_entry_end(u64 va, u64 end, unsigned int level)
{
	return min(end, ALIGN(va + 1, 1ULL << NPU_PT_SHIFT(level)));
}

static struct npu_mmu_table *npu_mmu_table_create(struct npu_mmu *mmu, unsigned int level)
{
	struct npu_mmu_table *table;

	table = kvzalloc(struct_size(table, children, level ? NPU_PT_ENTRIES : 0),
			 GFP_KERNEL_ACCOUNT);
	if (!table)
		return NULL;
	table->level = level;
	/* Charged to the process: sparse mappings cost memory. */
	table->entries = dma_alloc_coherent(&mmu->ndev->pdev->dev, NPU_PAGE_SIZE, &table->dma,
					    GFP_KERNEL_ACCOUNT);
	if (!table->entries) {
		kvfree(table);
		return NULL;
	}
	return table;
}

static void npu_mmu_table_free(struct npu_mmu *mmu, struct npu_mmu_table *table)
{
	if (table->level)
		for (int i = 0; i < NPU_PT_ENTRIES; i++)
			if (table->children[i])
				npu_mmu_table_free(mmu, table->children[i]);
	dma_free_coherent(&mmu->ndev->pdev->dev, NPU_PAGE_SIZE, table->entries, table->dma);
	kvfree(table);
}

int npu_mmu_init(struct npu_mmu *mmu, struct npu_device *ndev)
{
	BUILD_BUG_ON(PAGE_SIZE % NPU_PAGE_SIZE);
	mmu->ndev = ndev;
	mutex_init(&mmu->lock);
	/* Lockdep is to know from the start that nobody allocates under it. */
	if (IS_ENABLED(CONFIG_LOCKDEP)) {
		fs_reclaim_acquire(GFP_KERNEL);
		might_lock(&mmu->lock);
		fs_reclaim_release(GFP_KERNEL);
	}
	mmu->root = npu_mmu_table_create(mmu, NPU_PT_LEVELS - 1);
	return mmu->root ? 0 : -ENOMEM;
}

void npu_mmu_fini(struct npu_mmu *mmu)
{
	struct npu_mmu_table *root;

	scoped_guard(mutex, &mmu->lock) {
		root = mmu->root;
		WRITE_ONCE(mmu->root, NULL);
	}
	if (root)
		npu_mmu_table_free(mmu, root);
}

u64 npu_mmu_root(struct npu_mmu *mmu)
{
	return mmu->root->dma;
}

/*
 * Uses *@spare, which is of its level, where the first table is missing. True:
 * none is; else *@va is where the next one is missing, and *@level which.
 */
static bool npu_mmu_fill(struct npu_mmu_table *table, u64 *va, u64 end,
			 struct npu_mmu_table **spare, unsigned int *level)
{
	while (table->level && *va < end) {
		u64 next = npu_mmu_entry_end(*va, end, table->level);
		struct npu_mmu_table **child = &table->children[npu_mmu_index(*va, table->level)];

		if (!*child && *spare && (*spare)->level == table->level - 1) {
			*child = *spare;
			*spare = NULL;
		}
		if (!*child) {
			*level = table->level - 1;
			return false;
		}
		if (!npu_mmu_fill(*child, va, next, spare, level))
			return false;
		*va = next;
	}
	return true;
}

int npu_mmu_prepare(struct npu_mmu *mmu, u64 va, u64 size)
{
	const u64 end = va + size;
	struct npu_mmu_table *spare = NULL;
	unsigned int level;
	int ret = 0;

	for (;;) {
		scoped_guard(mutex, &mmu->lock) {
			if (!mmu->root)
				ret = -ENODEV;
			else if (!npu_mmu_fill(mmu->root, &va, end, &spare, &level))
				ret = -EAGAIN;
			else
				ret = 0;
		}
		/* Somebody else may have put one there meanwhile. */
		if (spare)
			npu_mmu_table_free(mmu, spare);
		if (ret != -EAGAIN)
			return ret;
		spare = npu_mmu_table_create(mmu, level);
		if (!spare)
			return -ENOMEM;
	}
}

static void npu_mmu_set(struct npu_mmu_table *table, unsigned int index, u64 entry)
{
	bool was = le64_to_cpu(table->entries[index]) & NPU_PTE_VALID;

	table->used += !!(entry & NPU_PTE_VALID) - was;
	WRITE_ONCE(table->entries[index], cpu_to_le64(entry));
}

static bool npu_mmu_fits_large_page(unsigned int level, u64 va, u64 next, u64 address)
{
	return level == 1 && next - va == NPU_LARGE_PAGE_SIZE &&
	       IS_ALIGNED(va | address, NPU_LARGE_PAGE_SIZE);
}

static bool npu_mmu_is_large_page(const struct npu_mmu_table *table, unsigned int index)
{
	u64 entry = le64_to_cpu(table->entries[index]);

	return table->level && (entry & NPU_PTE_VALID) && (entry & NPU_PTE_LEAF);
}

/* The standby table gets the same translations, then takes the large page's place. */
static void npu_mmu_split_entry(struct npu_mmu_table *table, unsigned int index)
{
	const u64 entry = le64_to_cpu(table->entries[index]);
	struct npu_mmu_table *child = table->children[index];

	for (int i = 0; i < NPU_PT_ENTRIES; i++)
		npu_mmu_set(child, i, entry + (u64)i * NPU_PAGE_SIZE);
	/* The card follows the link: the child's entries come first. */
	dma_wmb();
	npu_mmu_set(table, index, child->dma | NPU_PTE_VALID);
}

static void npu_mmu_map_table(struct npu_mmu_table *table, u64 va, u64 end, u64 address, u64 flags)
{
	const u64 leaf = NPU_PTE_VALID | NPU_PTE_LEAF | flags;

	while (va < end) {
		u64 next = npu_mmu_entry_end(va, end, table->level);
		unsigned int index = npu_mmu_index(va, table->level);

		if (!table->level || npu_mmu_fits_large_page(table->level, va, next, address)) {
			npu_mmu_set(table, index, address | leaf);
		} else {
			struct npu_mmu_table *child = table->children[index];

			if (npu_mmu_is_large_page(table, index))
				npu_mmu_split_entry(table, index);
			npu_mmu_map_table(child, va, next, address, flags);
			/* The card follows the link: the child's entries come first. */
			dma_wmb();
			npu_mmu_set(table, index, child->dma | NPU_PTE_VALID);
		}
		address += next - va;
		va = next;
	}
}

void npu_mmu_map(struct npu_mmu *mmu, u64 va, u64 address, u64 size, u64 flags)
{
	guard(mutex)(&mmu->lock);
	if (mmu->root)
		npu_mmu_map_table(mmu->root, va, va + size, address, flags);
}

void npu_mmu_map_sgtable(struct npu_mmu *mmu, u64 va, const struct sg_table *sgt, u64 offset,
			 u64 size, u64 flags)
{
	struct scatterlist *sg;
	int i;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		u64 length = sg_dma_len(sg), part;

		if (offset >= length) {
			offset -= length;
			continue;
		}
		part = min(length - offset, size);
		npu_mmu_map(mmu, va, sg_dma_address(sg) + offset, part, flags | NPU_PTE_SNOOP);
		offset = 0;
		va += part;
		size -= part;
		if (!size)
			return;
	}
}

/* A table that is not linked any more stands by for the next time. */
static void npu_mmu_empty(struct npu_mmu_table *table)
{
	for (int i = 0; table->used && i < NPU_PT_ENTRIES; i++)
		npu_mmu_set(table, i, 0);
}

static void npu_mmu_unmap_table(struct npu_mmu_table *table, u64 va, u64 end)
{
	while (va < end) {
		u64 next = npu_mmu_entry_end(va, end, table->level);
		unsigned int index = npu_mmu_index(va, table->level);
		u64 entry = le64_to_cpu(table->entries[index]);

		if ((entry & NPU_PTE_VALID) && (entry & NPU_PTE_LEAF)) {
			npu_mmu_set(table, index, 0);
			/* It may have replaced small pages just now. */
			if (table->level)
				npu_mmu_empty(table->children[index]);
		} else if (entry & NPU_PTE_VALID) {
			npu_mmu_unmap_table(table->children[index], va, next);
			if (!table->children[index]->used)
				npu_mmu_set(table, index, 0);
		}
		va = next;
	}
}

void npu_mmu_unmap(struct npu_mmu *mmu, u64 va, u64 size)
{
	guard(mutex)(&mmu->lock);
	if (mmu->root)
		npu_mmu_unmap_table(mmu->root, va, va + size);
}

void npu_mmu_split(struct npu_mmu *mmu, u64 va)
{
	struct npu_mmu_table *table;

	guard(mutex)(&mmu->lock);
	table = mmu->root;
	while (table && table->level > 1)
		table = table->children[npu_mmu_index(va, table->level)];
	if (table && !IS_ALIGNED(va, NPU_LARGE_PAGE_SIZE) &&
	    npu_mmu_is_large_page(table, npu_mmu_index(va, 1)))
		npu_mmu_split_entry(table, npu_mmu_index(va, 1));
}

static void npu_mmu_tidy_table(struct npu_mmu_table *table, u64 va, u64 end)
{
	while (va < end) {
		u64 next = npu_mmu_entry_end(va, end, table->level);
		unsigned int index = npu_mmu_index(va, table->level);

		if (npu_mmu_is_large_page(table, index))
			npu_mmu_empty(table->children[index]);
		else if (table->level > 1 && table->children[index])
			npu_mmu_tidy_table(table->children[index], va, next);
		va = next;
	}
}

void npu_mmu_tidy(struct npu_mmu *mmu, u64 va, u64 size)
{
	guard(mutex)(&mmu->lock);
	if (mmu->root)
		npu_mmu_tidy_table(mmu->root, va, va + size);
}

void npu_mmu_flush(struct npu_mmu *mmu, u64 va, u64 size)
{
	const struct npu_admin_tlb_args args = {
		.context = mmu->context, .va = va, .size = size,
	};
	int ret;

	/* Taken down: the context is not on the card. */
	if (!READ_ONCE(mmu->root))
		return;
	/* Before the invalidation, the entries that it is about. */
	wmb();
	ret = npu_admin_run(mmu->ndev, NPU_ADMIN_TLB_INVALIDATE, &args, sizeof(args), NULL, 0);
	/* -ENOENT: after a reset the card knows nothing of the context. */
	if (ret && ret != -ENODEV && ret != -ENOENT)
		npu_lost(mmu->ndev, "the firmware refused to invalidate translations");
}

static void npu_mmu_prune_table(struct npu_mmu *mmu, struct npu_mmu_table *table, u64 va, u64 end)
{
	if (!table->level)
		return;
	while (va < end) {
		u64 next = npu_mmu_entry_end(va, end, table->level);
		unsigned int index = npu_mmu_index(va, table->level);
		struct npu_mmu_table **child = &table->children[index];

		/* A valid entry is a link to what is used, or a large page. */
		if (*child && !(le64_to_cpu(table->entries[index]) & NPU_PTE_VALID)) {
			npu_mmu_table_free(mmu, *child);
			*child = NULL;
		} else if (*child) {
			npu_mmu_prune_table(mmu, *child, va, next);
		}
		va = next;
	}
}

void npu_mmu_prune(struct npu_mmu *mmu, u64 va, u64 size)
{
	guard(mutex)(&mmu->lock);
	if (mmu->root)
		npu_mmu_prune_table(mmu, mmu->root, va, va + size);
}
