// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* Page tables against what the card's MMU would make of them. */
#include "../npu_mmu.c"

#include <linux/prandom.h>

#include "npu_kunit.h"

#define KIB		1024ULL
#define MIB		(1024 * KIB)
#define GIB		(1024 * MIB)
#define TOP		BIT_ULL(NPU_VA_BITS)
#define LEAF		(NPU_PTE_VALID | NPU_PTE_LEAF)
#define WRITABLE	(NPU_PTE_WRITE | NPU_PTE_SNOOP)

struct npu_mmu_test {
	struct npu_fake *fake;
	struct npu_mmu mmu;
};

static struct npu_mmu *npu_mmu_of(struct kunit *test)
{
	struct npu_mmu_test *t = test->priv;

	return &t->mmu;
}

static struct npu_fake *npu_mmu_fake_of(struct kunit *test)
{
	struct npu_mmu_test *t = test->priv;

	return t->fake;
}

/* ---- The card's view ------------------------------------------------------ */

/* From entry to entry, as the card does; a link must have its table's address. */
u64 npu_kunit_walk(struct kunit *test, struct npu_mmu *mmu, u64 va)
{
	struct npu_mmu_table *table = mmu->root;

	for (;;) {
		unsigned int index = (va >> NPU_PT_SHIFT(table->level)) & (NPU_PT_ENTRIES - 1);
		u64 entry = le64_to_cpu(table->entries[index]);
		struct npu_mmu_table *child;

		if (!(entry & NPU_PTE_VALID))
			return 0;
		KUNIT_ASSERT_EQ(test, entry & NPU_PTE_MBZ_MASK, 0);
		if (entry & NPU_PTE_LEAF) {
			KUNIT_ASSERT_LE(test, table->level, 1);
			return entry + (va & ((1ULL << NPU_PT_SHIFT(table->level)) - 1) &
					~(NPU_PAGE_SIZE - 1ULL));
		}
		KUNIT_ASSERT_GT(test, table->level, 0);
		child = table->children[index];
		KUNIT_ASSERT_NOT_NULL(test, child);
		KUNIT_ASSERT_EQ(test, entry, child->dma | NPU_PTE_VALID);
		table = child;
	}
}

static unsigned int npu_mmu_valid(const struct npu_mmu_table *table)
{
	unsigned int n = 0;

	for (int i = 0; i < NPU_PT_ENTRIES; i++)
		n += le64_to_cpu(table->entries[i]) & NPU_PTE_VALID;
	return n;
}

/* What holds for every table at any time; returns how many there are below. */
static unsigned int npu_mmu_audit(struct kunit *test, const struct npu_mmu_table *table)
{
	unsigned int count = 1;

	KUNIT_EXPECT_EQ(test, table->used, npu_mmu_valid(table));
	if (!table->level)
		return count;
	for (int i = 0; i < NPU_PT_ENTRIES; i++) {
		u64 entry = le64_to_cpu(table->entries[i]);
		const struct npu_mmu_table *child = table->children[i];

		if (child) {
			bool linked = (entry & NPU_PTE_VALID) && !(entry & NPU_PTE_LEAF);

			KUNIT_EXPECT_EQ(test, child->level, table->level - 1);
			KUNIT_EXPECT_EQ(test, child->used != 0, linked);
			count += npu_mmu_audit(test, child);
		} else {
			KUNIT_EXPECT_EQ(test, entry, 0);
		}
	}
	return count;
}

static unsigned int npu_mmu_tables(struct kunit *test, struct npu_mmu *mmu)
{
	return npu_mmu_audit(test, mmu->root);
}

static void npu_mmu_put(struct kunit *test, struct npu_mmu *mmu, u64 va, u64 address, u64 size,
			u64 flags)
{
	KUNIT_ASSERT_EQ(test, npu_mmu_prepare(mmu, va, size), 0);
	npu_mmu_map(mmu, va, address, size, flags);
}

/* Pages [va, va + size) translate one after another from @address. */
static void npu_mmu_expect(struct kunit *test, struct npu_mmu *mmu, u64 va, u64 address, u64 size,
			   u64 flags)
{
	for (u64 at = 0; at < size; at += NPU_PAGE_SIZE)
		KUNIT_ASSERT_EQ_MSG(test, npu_kunit_walk(test, mmu, va + at),
				    (address + at) | flags | LEAF, "at 0x%llx", va + at);
}

static void npu_mmu_expect_none(struct kunit *test, struct npu_mmu *mmu, u64 va, u64 size)
{
	for (u64 at = 0; at < size; at += NPU_PAGE_SIZE)
		KUNIT_ASSERT_EQ_MSG(test, npu_kunit_walk(test, mmu, va + at), 0, "at 0x%llx",
				    va + at);
}

static bool npu_mmu_is_large(struct npu_mmu *mmu, u64 va)
{
	struct npu_mmu_table *table = mmu->root;

	while (table && table->level > 1)
		table = table->children[npu_mmu_index(va, table->level)];
	return table && (le64_to_cpu(table->entries[npu_mmu_index(va, 1)]) & NPU_PTE_LEAF);
}

/* ---- Arithmetic ------------------------------------------------------------ */

static void npu_mmu_test_index(struct kunit *test)
{
	const u64 va = 5ULL << 39 | 6ULL << 30 | 7ULL << 21 | 8ULL << 12 | 9;

	KUNIT_EXPECT_EQ(test, npu_mmu_index(va, 3), 5);
	KUNIT_EXPECT_EQ(test, npu_mmu_index(va, 2), 6);
	KUNIT_EXPECT_EQ(test, npu_mmu_index(va, 1), 7);
	KUNIT_EXPECT_EQ(test, npu_mmu_index(va, 0), 8);
}

static void npu_mmu_test_index_last(struct kunit *test)
{
	for (unsigned int level = 0; level < NPU_PT_LEVELS; level++)
		KUNIT_EXPECT_EQ(test, npu_mmu_index(TOP - 1, level), NPU_PT_ENTRIES - 1);
}

static void npu_mmu_test_index_wraps(struct kunit *test)
{
	for (unsigned int level = 0; level < NPU_PT_LEVELS; level++) {
		u64 size = 1ULL << NPU_PT_SHIFT(level);

		KUNIT_EXPECT_EQ(test, npu_mmu_index(size * NPU_PT_ENTRIES, level), 0);
		KUNIT_EXPECT_EQ(test, npu_mmu_index(size * NPU_PT_ENTRIES - 1, level),
				NPU_PT_ENTRIES - 1);
		KUNIT_EXPECT_EQ(test, npu_mmu_index(size, level), 1);
		KUNIT_EXPECT_EQ(test, npu_mmu_index(size - 1, level), 0);
	}
}

static void npu_mmu_test_entry_end(struct kunit *test)
{
	for (unsigned int level = 0; level < NPU_PT_LEVELS; level++) {
		u64 size = 1ULL << NPU_PT_SHIFT(level);

		KUNIT_EXPECT_EQ(test, npu_mmu_entry_end(0, TOP, level), size);
		KUNIT_EXPECT_EQ(test, npu_mmu_entry_end(size - 1, TOP, level), size);
		KUNIT_EXPECT_EQ(test, npu_mmu_entry_end(size, TOP, level), 2 * size);
		KUNIT_EXPECT_EQ(test, npu_mmu_entry_end(0, size - 1, level), size - 1);
		KUNIT_EXPECT_EQ(test, npu_mmu_entry_end(TOP - size, TOP, level), TOP);
	}
}

/* ---- Tables ---------------------------------------------------------------- */

static void npu_mmu_test_root(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);

	KUNIT_EXPECT_EQ(test, npu_mmu_root(mmu), mmu->root->dma);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED(npu_mmu_root(mmu), NPU_PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, mmu->root->level, NPU_PT_LEVELS - 1);
	KUNIT_EXPECT_EQ(test, npu_mmu_tables(test, mmu), 1);
	npu_mmu_expect_none(test, mmu, 0, NPU_PAGE_SIZE);
}

static void npu_mmu_test_prepare_is_invisible(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);

	KUNIT_ASSERT_EQ(test, npu_mmu_prepare(mmu, GIB, 4 * MIB), 0);
	KUNIT_EXPECT_EQ(test, mmu->root->used, 0);
	KUNIT_EXPECT_EQ(test, npu_kunit_walk(test, mmu, GIB), 0);
	npu_mmu_tables(test, mmu);
}

static void npu_mmu_test_prepare_twice(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);
	unsigned int tables;

	KUNIT_ASSERT_EQ(test, npu_mmu_prepare(mmu, GIB, 4 * MIB), 0);
	tables = npu_mmu_tables(test, mmu);
	KUNIT_ASSERT_EQ(test, npu_mmu_prepare(mmu, GIB, 4 * MIB), 0);
	KUNIT_EXPECT_EQ(test, npu_mmu_tables(test, mmu), tables);
}

static void npu_mmu_test_prepare_nothing(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);

	KUNIT_EXPECT_EQ(test, npu_mmu_prepare(mmu, GIB, 0), 0);
	KUNIT_EXPECT_EQ(test, npu_mmu_tables(test, mmu), 1);
}

/* Ranges and how many tables below the root they take. */
static const struct npu_mmu_range {
	const char *name;
	u64 va, size;
	unsigned int tables;
} npu_mmu_ranges[] = {
	{ "one page", 2 * MIB, 4 * KIB, 3 },
	{ "the last page of a 2 MiB table", 4 * MIB - 4 * KIB, 4 * KIB, 3 },
	{ "across 2 MiB", 4 * MIB - 4 * KIB, 8 * KIB, 4 },
	{ "across 1 GiB", GIB - 4 * KIB, 8 * KIB, 5 },
	{ "across 512 GiB", 512 * GIB - 4 * KIB, 8 * KIB, 6 },
	{ "the first page for users", NPU_MMU_USER_START, 4 * KIB, 3 },
	{ "the last page for users", NPU_MMU_USER_END - 4 * KIB, 4 * KIB, 3 },
	{ "across the users' end", NPU_MMU_USER_END - 4 * KIB, 8 * KIB, 6 },
	{ "the last page of all", TOP - 4 * KIB, 4 * KIB, 3 },
	{ "2 MiB, aligned", 8 * MIB, 2 * MIB, 3 },
	{ "2 MiB, not aligned", 8 * MIB + 4 * KIB, 2 * MIB, 4 },
	{ "a level-0 table and a page on each side", 8 * MIB - 4 * KIB, 2 * MIB + 8 * KIB, 5 },
};

KUNIT_ARRAY_PARAM_DESC(npu_mmu_range, npu_mmu_ranges, name);

static void npu_mmu_test_prepare_range(struct kunit *test)
{
	const struct npu_mmu_range *range = test->param_value;
	struct npu_mmu *mmu = npu_mmu_of(test);

	KUNIT_ASSERT_EQ(test, npu_mmu_prepare(mmu, range->va, range->size), 0);
	KUNIT_EXPECT_EQ(test, npu_mmu_tables(test, mmu), 1 + range->tables);
}

/* Everything that can be done with a range; its neighbours never notice. */
static void npu_mmu_test_map_range(struct kunit *test)
{
	const struct npu_mmu_range *range = test->param_value;
	struct npu_mmu *mmu = npu_mmu_of(test);
	const u64 address = 0x123456600000ULL + (range->va & (2 * MIB - 1));

	npu_mmu_put(test, mmu, range->va, address, range->size, WRITABLE);
	npu_mmu_expect(test, mmu, range->va, address, range->size, WRITABLE);
	npu_mmu_expect_none(test, mmu, range->va - 4 * KIB, 4 * KIB);
	if (range->va + range->size < TOP)
		npu_mmu_expect_none(test, mmu, range->va + range->size, 4 * KIB);
	npu_mmu_tables(test, mmu);
	npu_mmu_unmap(mmu, range->va, range->size);
	npu_mmu_expect_none(test, mmu, range->va, range->size);
	KUNIT_EXPECT_EQ(test, mmu->root->used, 0);
	KUNIT_EXPECT_EQ(test, npu_mmu_tables(test, mmu), 1 + range->tables);
	npu_mmu_prune(mmu, range->va, range->size);
	KUNIT_EXPECT_EQ(test, npu_mmu_tables(test, mmu), 1);
	npu_mmu_put(test, mmu, range->va, address, range->size, WRITABLE);
	npu_mmu_expect(test, mmu, range->va, address, range->size, WRITABLE);
}

static void npu_mmu_test_flags(struct kunit *test)
{
	static const u64 flags[] = {
		0, NPU_PTE_WRITE, NPU_PTE_DEVICE, NPU_PTE_SNOOP, NPU_PTE_DEVICE | NPU_PTE_WRITE,
		NPU_PTE_WRITE | NPU_PTE_PRIV | NPU_PTE_SNOOP,
	};
	struct npu_mmu *mmu = npu_mmu_of(test);

	for (int i = 0; i < ARRAY_SIZE(flags); i++) {
		u64 va = GIB + i * 4 * MIB;

		npu_mmu_put(test, mmu, va, 16 * MIB, 2 * MIB, flags[i]);
		npu_mmu_put(test, mmu, va + 2 * MIB, 4 * KIB, 4 * KIB, flags[i]);
		npu_mmu_expect(test, mmu, va, 16 * MIB, 2 * MIB, flags[i]);
		npu_mmu_expect(test, mmu, va + 2 * MIB, 4 * KIB, 4 * KIB, flags[i]);
	}
}

static void npu_mmu_test_high_address(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);
	const u64 address = NPU_PTE_ADDR_MASK & ~(4 * MIB - 1);

	npu_mmu_put(test, mmu, 2 * MIB, address, 4 * MIB, NPU_PTE_SNOOP);
	npu_mmu_expect(test, mmu, 2 * MIB, address, 4 * MIB, NPU_PTE_SNOOP);
}

static void npu_mmu_test_address_zero(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);

	npu_mmu_put(test, mmu, 2 * MIB, 0, 4 * KIB, NPU_PTE_DEVICE);
	npu_mmu_expect(test, mmu, 2 * MIB, 0, 4 * KIB, NPU_PTE_DEVICE);
}

/* ---- Large pages ----------------------------------------------------------- */

static void npu_mmu_test_large(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);

	npu_mmu_put(test, mmu, GIB, 64 * MIB, 2 * MIB, WRITABLE);
	KUNIT_EXPECT_TRUE(test, npu_mmu_is_large(mmu, GIB));
	/* root, level 2, level 1, and the level-0 table that stands by */
	KUNIT_EXPECT_EQ(test, npu_mmu_tables(test, mmu), 4);
	npu_mmu_expect(test, mmu, GIB, 64 * MIB, 2 * MIB, WRITABLE);
	npu_mmu_expect_none(test, mmu, GIB + 2 * MIB, 4 * KIB);
}

static void npu_mmu_test_large_several(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);

	npu_mmu_put(test, mmu, GIB - 4 * MIB, 64 * MIB, 8 * MIB, WRITABLE);
	for (u64 at = 0; at < 8 * MIB; at += 2 * MIB)
		KUNIT_EXPECT_TRUE(test, npu_mmu_is_large(mmu, GIB - 4 * MIB + at));
	npu_mmu_expect(test, mmu, GIB - 4 * MIB, 64 * MIB, 8 * MIB, WRITABLE);
}

static void npu_mmu_test_large_with_edges(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);
	const u64 va = GIB - 4 * KIB, address = 64 * MIB - 4 * KIB;

	npu_mmu_put(test, mmu, va, address, 4 * MIB + 8 * KIB, WRITABLE);
	KUNIT_EXPECT_FALSE(test, npu_mmu_is_large(mmu, va));
	KUNIT_EXPECT_TRUE(test, npu_mmu_is_large(mmu, GIB));
	KUNIT_EXPECT_TRUE(test, npu_mmu_is_large(mmu, GIB + 2 * MIB));
	KUNIT_EXPECT_FALSE(test, npu_mmu_is_large(mmu, GIB + 4 * MIB));
	npu_mmu_expect(test, mmu, va, address, 4 * MIB + 8 * KIB, WRITABLE);
}

static const struct npu_mmu_small {
	const char *name;
	u64 va, address, size;
} npu_mmu_smalls[] = {
	{ "the address is not aligned", GIB, 64 * MIB + 4 * KIB, 2 * MIB },
	{ "the virtual address is not aligned", GIB + 4 * KIB, 64 * MIB, 2 * MIB },
	{ "neither is aligned, alike", GIB + 4 * KIB, 64 * MIB + 4 * KIB, 2 * MIB },
	{ "a page is missing at the end", GIB, 64 * MIB, 2 * MIB - 4 * KIB },
	{ "a page is missing at the beginning", GIB + 4 * KIB, 64 * MIB + 4 * KIB,
	  2 * MIB - 4 * KIB },
};

KUNIT_ARRAY_PARAM_DESC(npu_mmu_small, npu_mmu_smalls, name);

static void npu_mmu_test_no_large(struct kunit *test)
{
	const struct npu_mmu_small *small = test->param_value;
	struct npu_mmu *mmu = npu_mmu_of(test);

	npu_mmu_put(test, mmu, small->va, small->address, small->size, WRITABLE);
	KUNIT_EXPECT_FALSE(test, npu_mmu_is_large(mmu, GIB));
	KUNIT_EXPECT_FALSE(test, npu_mmu_is_large(mmu, GIB + 2 * MIB));
	npu_mmu_expect(test, mmu, small->va, small->address, small->size, WRITABLE);
}

static void npu_mmu_test_large_beside_small(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);

	npu_mmu_put(test, mmu, GIB, 64 * MIB, 2 * MIB, WRITABLE);
	npu_mmu_put(test, mmu, GIB + 2 * MIB, 4 * KIB, 4 * KIB, 0);
	npu_mmu_unmap(mmu, GIB + 2 * MIB, 4 * KIB);
	npu_mmu_expect(test, mmu, GIB, 64 * MIB, 2 * MIB, WRITABLE);
	npu_mmu_unmap(mmu, GIB, 2 * MIB);
	KUNIT_EXPECT_EQ(test, mmu->root->used, 0);
}

/* ---- Unmap ----------------------------------------------------------------- */

static void npu_mmu_test_unmap_middle(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);

	npu_mmu_put(test, mmu, GIB, 4 * KIB, 64 * KIB, WRITABLE);
	npu_mmu_unmap(mmu, GIB + 16 * KIB, 8 * KIB);
	npu_mmu_expect(test, mmu, GIB, 4 * KIB, 16 * KIB, WRITABLE);
	npu_mmu_expect_none(test, mmu, GIB + 16 * KIB, 8 * KIB);
	npu_mmu_expect(test, mmu, GIB + 24 * KIB, 28 * KIB, 40 * KIB, WRITABLE);
	npu_mmu_tables(test, mmu);
}

static void npu_mmu_test_unmap_nothing(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);

	npu_mmu_unmap(mmu, NPU_MMU_USER_START, NPU_MMU_USER_END - NPU_MMU_USER_START);
	KUNIT_EXPECT_EQ(test, npu_mmu_tables(test, mmu), 1);
	npu_mmu_put(test, mmu, GIB, 4 * KIB, 4 * KIB, WRITABLE);
	npu_mmu_unmap(mmu, GIB + 4 * KIB, GIB);
	npu_mmu_expect(test, mmu, GIB, 4 * KIB, 4 * KIB, WRITABLE);
	npu_mmu_unmap(mmu, GIB, 0);
	npu_mmu_expect(test, mmu, GIB, 4 * KIB, 4 * KIB, WRITABLE);
}

static void npu_mmu_test_unmap_all(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);

	for (u64 va = GIB; va < TOP; va *= 4)
		npu_mmu_put(test, mmu, va, 64 * MIB, 2 * MIB + 4 * KIB, WRITABLE);
	npu_mmu_unmap(mmu, 0, TOP);
	KUNIT_EXPECT_EQ(test, mmu->root->used, 0);
	npu_mmu_prune(mmu, 0, TOP);
	KUNIT_EXPECT_EQ(test, npu_mmu_tables(test, mmu), 1);
}

static void npu_mmu_test_unlink_when_empty(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);

	npu_mmu_put(test, mmu, GIB, 4 * KIB, 8 * KIB, WRITABLE);
	npu_mmu_unmap(mmu, GIB, 4 * KIB);
	KUNIT_EXPECT_EQ(test, mmu->root->used, 1);
	npu_mmu_unmap(mmu, GIB + 4 * KIB, 4 * KIB);
	KUNIT_EXPECT_EQ(test, mmu->root->used, 0);
}

static void npu_mmu_test_map_again(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);

	npu_mmu_put(test, mmu, GIB, 64 * MIB, 2 * MIB, WRITABLE);
	npu_mmu_unmap(mmu, GIB, 2 * MIB);
	/* No prepare: the tables are there. */
	npu_mmu_map(mmu, GIB, 4 * KIB, 2 * MIB, 0);
	npu_mmu_expect(test, mmu, GIB, 4 * KIB, 2 * MIB, 0);
	npu_mmu_tables(test, mmu);
}

/* ---- Split ----------------------------------------------------------------- */

static const u64 npu_mmu_splits[] = { 4 * KIB, MIB, 2 * MIB - 4 * KIB };

static void npu_mmu_describe_split(const u64 *at, char *text)
{
	snprintf(text, KUNIT_PARAM_DESC_SIZE, "at 0x%llx", *at);
}

KUNIT_ARRAY_PARAM(npu_mmu_split, npu_mmu_splits, npu_mmu_describe_split);

static void npu_mmu_test_split(struct kunit *test)
{
	const u64 at = *(const u64 *)test->param_value;
	struct npu_mmu *mmu = npu_mmu_of(test);

	npu_mmu_put(test, mmu, GIB, 64 * MIB, 4 * MIB, WRITABLE);
	npu_mmu_split(mmu, GIB + at);
	KUNIT_EXPECT_FALSE(test, npu_mmu_is_large(mmu, GIB));
	KUNIT_EXPECT_TRUE(test, npu_mmu_is_large(mmu, GIB + 2 * MIB));
	npu_mmu_expect(test, mmu, GIB, 64 * MIB, 4 * MIB, WRITABLE);
	KUNIT_EXPECT_EQ(test, npu_mmu_tables(test, mmu), 5);
	npu_mmu_unmap(mmu, GIB + at, 2 * MIB - at);
	npu_mmu_expect(test, mmu, GIB, 64 * MIB, at, WRITABLE);
	npu_mmu_expect_none(test, mmu, GIB + at, 2 * MIB - at);
	npu_mmu_expect(test, mmu, GIB + 2 * MIB, 66 * MIB, 2 * MIB, WRITABLE);
}

static void npu_mmu_test_split_keeps_flags(struct kunit *test)
{
	static const u64 flags[] = {
		0, NPU_PTE_WRITE | NPU_PTE_DEVICE, NPU_PTE_SNOOP | NPU_PTE_PRIV,
		NPU_PTE_WRITE | NPU_PTE_DEVICE | NPU_PTE_PRIV | NPU_PTE_SNOOP,
	};
	struct npu_mmu *mmu = npu_mmu_of(test);

	for (int i = 0; i < ARRAY_SIZE(flags); i++) {
		u64 va = GIB + i * 2 * MIB;

		npu_mmu_put(test, mmu, va, 64 * MIB, 2 * MIB, flags[i]);
		npu_mmu_split(mmu, va + 4 * KIB);
		npu_mmu_expect(test, mmu, va, 64 * MIB, 2 * MIB, flags[i]);
	}
}

static void npu_mmu_test_split_nothing(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);

	npu_mmu_split(mmu, GIB + 4 * KIB);
	KUNIT_EXPECT_EQ(test, npu_mmu_tables(test, mmu), 1);
	npu_mmu_put(test, mmu, GIB, 64 * MIB, 2 * MIB, WRITABLE);
	/* The borders of a large page are borders already. */
	npu_mmu_split(mmu, GIB);
	npu_mmu_split(mmu, GIB + 2 * MIB);
	KUNIT_EXPECT_TRUE(test, npu_mmu_is_large(mmu, GIB));
	/* A neighbour's address, where only tables are shared. */
	npu_mmu_split(mmu, GIB + 2 * MIB + 4 * KIB);
	KUNIT_EXPECT_TRUE(test, npu_mmu_is_large(mmu, GIB));
	npu_mmu_expect(test, mmu, GIB, 64 * MIB, 2 * MIB, WRITABLE);
}

static void npu_mmu_test_split_small(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);

	npu_mmu_put(test, mmu, GIB, 4 * KIB, 64 * KIB, WRITABLE);
	npu_mmu_split(mmu, GIB + 4 * KIB);
	npu_mmu_expect(test, mmu, GIB, 4 * KIB, 64 * KIB, WRITABLE);
	KUNIT_EXPECT_EQ(test, npu_mmu_tables(test, mmu), 4);
}

static void npu_mmu_test_split_twice(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);

	npu_mmu_put(test, mmu, GIB, 64 * MIB, 2 * MIB, WRITABLE);
	npu_mmu_split(mmu, GIB + 16 * KIB);
	npu_mmu_split(mmu, GIB + 24 * KIB);
	npu_mmu_unmap(mmu, GIB + 16 * KIB, 8 * KIB);
	npu_mmu_expect(test, mmu, GIB, 64 * MIB, 16 * KIB, WRITABLE);
	npu_mmu_expect_none(test, mmu, GIB + 16 * KIB, 8 * KIB);
	npu_mmu_expect(test, mmu, GIB + 24 * KIB, 64 * MIB + 24 * KIB, 2 * MIB - 24 * KIB,
		       WRITABLE);
	npu_mmu_tables(test, mmu);
}

/* ---- Prune ----------------------------------------------------------------- */

static void npu_mmu_test_prune_keeps_used(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);

	npu_mmu_put(test, mmu, GIB, 4 * KIB, 8 * KIB, WRITABLE);
	npu_mmu_unmap(mmu, GIB, 4 * KIB);
	npu_mmu_prune(mmu, GIB, 4 * KIB);
	npu_mmu_expect(test, mmu, GIB + 4 * KIB, 8 * KIB, 4 * KIB, WRITABLE);
	KUNIT_EXPECT_EQ(test, npu_mmu_tables(test, mmu), 4);
}

static void npu_mmu_test_prune_keeps_standby(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);

	npu_mmu_put(test, mmu, GIB, 64 * MIB, 2 * MIB, WRITABLE);
	npu_mmu_prune(mmu, 0, TOP);
	/* Splitting cannot fail: its table is there. */
	KUNIT_EXPECT_EQ(test, npu_mmu_tables(test, mmu), 4);
	npu_mmu_split(mmu, GIB + 4 * KIB);
	npu_mmu_expect(test, mmu, GIB, 64 * MIB, 2 * MIB, WRITABLE);
}

static void npu_mmu_test_prune_prepared(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);

	KUNIT_ASSERT_EQ(test, npu_mmu_prepare(mmu, GIB, 64 * MIB), 0);
	npu_mmu_prune(mmu, GIB, 64 * MIB);
	KUNIT_EXPECT_EQ(test, npu_mmu_tables(test, mmu), 1);
}

static void npu_mmu_test_prune_part(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);

	npu_mmu_put(test, mmu, GIB, 4 * KIB, 4 * KIB, WRITABLE);
	npu_mmu_put(test, mmu, GIB + 2 * MIB, 4 * KIB, 4 * KIB, WRITABLE);
	npu_mmu_unmap(mmu, GIB, 4 * KIB);
	npu_mmu_prune(mmu, GIB, 4 * KIB);
	KUNIT_EXPECT_EQ(test, npu_mmu_tables(test, mmu), 4);
	npu_mmu_expect(test, mmu, GIB + 2 * MIB, 4 * KIB, 4 * KIB, WRITABLE);
}

/* ---- Taken down ------------------------------------------------------------ */

static void npu_mmu_test_after_fini(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);

	npu_mmu_put(test, mmu, GIB, 64 * MIB, 4 * MIB, WRITABLE);
	npu_mmu_fini(mmu);
	KUNIT_EXPECT_NULL(test, mmu->root);
	npu_mmu_map(mmu, GIB, 64 * MIB, 4 * MIB, WRITABLE);
	npu_mmu_split(mmu, GIB + 4 * KIB);
	npu_mmu_unmap(mmu, GIB, 4 * MIB);
	npu_mmu_prune(mmu, GIB, 4 * MIB);
	KUNIT_EXPECT_EQ(test, npu_mmu_prepare(mmu, GIB, 4 * KIB), -ENODEV);
	npu_mmu_fini(mmu);
	KUNIT_EXPECT_NULL(test, mmu->root);
}

/* ---- Random sequences against a model --------------------------------------- */

#define WINDOW_PAGES	2048	/* 8 MiB across a border of 1 GiB */
#define WINDOW		(GIB - 4 * MIB)
#define STEPS		200

static void npu_mmu_random_step(struct kunit *test, struct npu_mmu *mmu, struct rnd_state *rnd,
				u64 *model)
{
	u32 first = prandom_u32_state(rnd) % WINDOW_PAGES;
	u32 count = 1 + prandom_u32_state(rnd) % min(WINDOW_PAGES - first, 1200u);
	u64 va, size, address;

	/* Every other time what large pages want. */
	if (prandom_u32_state(rnd) & 1) {
		first = round_down(first, 512);
		count = min(round_up(count, 512), WINDOW_PAGES - first);
	}
	va = WINDOW + first * 4 * KIB;
	size = count * 4 * KIB;
	npu_mmu_split(mmu, va);
	npu_mmu_split(mmu, va + size);
	npu_mmu_unmap(mmu, va, size);
	memset64(model + first, 0, count);
	if (prandom_u32_state(rnd) % 3) {
		address = (u64)(prandom_u32_state(rnd) & 0xffff) * 2 * MIB +
			  (prandom_u32_state(rnd) & 1 ? 0 : 4 * KIB);
		npu_mmu_put(test, mmu, va, address, size, WRITABLE);
		for (u32 i = 0; i < count; i++)
			model[first + i] = (address + i * 4 * KIB) | WRITABLE | LEAF;
	} else {
		npu_mmu_prune(mmu, va, size);
	}
}

static const u32 npu_mmu_seeds[] = { 1, 2, 3, 4 };

static void npu_mmu_describe_seed(const u32 *seed, char *text)
{
	snprintf(text, KUNIT_PARAM_DESC_SIZE, "seed %u", *seed);
}

KUNIT_ARRAY_PARAM(npu_mmu_seed, npu_mmu_seeds, npu_mmu_describe_seed);

static void npu_mmu_test_random(struct kunit *test)
{
	u64 *model = kunit_kcalloc(test, WINDOW_PAGES, sizeof(*model), GFP_KERNEL);
	struct npu_mmu *mmu = npu_mmu_of(test);
	struct rnd_state rnd;

	KUNIT_ASSERT_NOT_NULL(test, model);
	prandom_seed_state(&rnd, *(const u32 *)test->param_value);
	for (int step = 0; step < STEPS; step++) {
		npu_mmu_random_step(test, mmu, &rnd, model);
		if (step % 20)
			continue;
		npu_mmu_tables(test, mmu);
		for (u32 i = 0; i < WINDOW_PAGES; i++)
			KUNIT_ASSERT_EQ_MSG(test, npu_kunit_walk(test, mmu, WINDOW + i * 4 * KIB),
					    model[i], "step %d, page %u", step, i);
	}
	npu_mmu_unmap(mmu, WINDOW, WINDOW_PAGES * 4 * KIB);
	npu_mmu_prune(mmu, WINDOW, WINDOW_PAGES * 4 * KIB);
	KUNIT_EXPECT_EQ(test, npu_mmu_tables(test, mmu), 1);
}

/* ---- Flush ------------------------------------------------------------------ */

static void npu_mmu_test_flush(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);
	struct npu_fake *fake = npu_mmu_fake_of(test);
	struct npu_admin_tlb_args args;

	mmu->context = 7;
	npu_mmu_flush(mmu, GIB, 64 * KIB);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake->seen[NPU_ADMIN_TLB_INVALIDATE]), 1);
	memcpy(&args, fake->last[NPU_ADMIN_TLB_INVALIDATE].payload, sizeof(args));
	KUNIT_EXPECT_EQ(test, args.context, 7);
	KUNIT_EXPECT_EQ(test, args.va, GIB);
	KUNIT_EXPECT_EQ(test, args.size, 64 * KIB);
	KUNIT_EXPECT_EQ(test, args.mbz, 0);
	KUNIT_EXPECT_TRUE(test, npu_is_live(fake->ndev));
}

static void npu_mmu_test_flush_after_fini(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);
	struct npu_fake *fake = npu_mmu_fake_of(test);

	npu_mmu_fini(mmu);
	npu_mmu_flush(mmu, GIB, 64 * KIB);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake->seen[NPU_ADMIN_TLB_INVALIDATE]), 0);
}

/* After a reset the card knows nothing of the context: that is no failure. */
static void npu_mmu_test_flush_unknown(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);
	struct npu_fake *fake = npu_mmu_fake_of(test);

	fake->status[NPU_ADMIN_TLB_INVALIDATE] = NPU_ADMIN_STATUS_NOT_FOUND;
	npu_mmu_flush(mmu, GIB, 64 * KIB);
	KUNIT_EXPECT_TRUE(test, npu_is_live(fake->ndev));
}

static const u8 npu_mmu_refusals[] = { NPU_ADMIN_STATUS_INVALID, NPU_ADMIN_STATUS_BUSY, 0xff };

static void npu_mmu_describe_refusal(const u8 *status, char *text)
{
	snprintf(text, KUNIT_PARAM_DESC_SIZE, "status %u", *status);
}

KUNIT_ARRAY_PARAM(npu_mmu_refusal, npu_mmu_refusals, npu_mmu_describe_refusal);

/* Memory that the card may still reach must not be given back. */
static void npu_mmu_test_flush_refused(struct kunit *test)
{
	struct npu_mmu *mmu = npu_mmu_of(test);
	struct npu_fake *fake = npu_mmu_fake_of(test);

	/* The reset that follows finds no card. */
	npu_fake_write_reg(fake, NPU_REG_ID, ~0u);
	fake->status[NPU_ADMIN_TLB_INVALIDATE] = *(const u8 *)test->param_value;
	npu_mmu_flush(mmu, GIB, 64 * KIB);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake->ndev->state), NPU_STATE_LOST);
}

static int npu_mmu_suite_init(struct kunit *test)
{
	struct npu_mmu_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	int ret;

	if (!t)
		return -ENOMEM;
	ret = npu_fake_init_live(test);
	t->fake = test->priv;
	test->priv = t;
	return ret ?: npu_mmu_init(&t->mmu, t->fake->ndev);
}

static void npu_mmu_suite_exit(struct kunit *test)
{
	struct npu_mmu_test *t = test->priv;

	if (t->mmu.ndev)
		npu_mmu_fini(&t->mmu);
	test->priv = t->fake;
	npu_fake_exit(test);
}

static struct kunit_case npu_mmu_cases[] = {
	KUNIT_CASE(npu_mmu_test_index),
	KUNIT_CASE(npu_mmu_test_index_last),
	KUNIT_CASE(npu_mmu_test_index_wraps),
	KUNIT_CASE(npu_mmu_test_entry_end),
	KUNIT_CASE(npu_mmu_test_root),
	KUNIT_CASE(npu_mmu_test_prepare_is_invisible),
	KUNIT_CASE(npu_mmu_test_prepare_twice),
	KUNIT_CASE(npu_mmu_test_prepare_nothing),
	KUNIT_CASE_PARAM(npu_mmu_test_prepare_range, npu_mmu_range_gen_params),
	KUNIT_CASE_PARAM(npu_mmu_test_map_range, npu_mmu_range_gen_params),
	KUNIT_CASE(npu_mmu_test_flags),
	KUNIT_CASE(npu_mmu_test_high_address),
	KUNIT_CASE(npu_mmu_test_address_zero),
	KUNIT_CASE(npu_mmu_test_large),
	KUNIT_CASE(npu_mmu_test_large_several),
	KUNIT_CASE(npu_mmu_test_large_with_edges),
	KUNIT_CASE_PARAM(npu_mmu_test_no_large, npu_mmu_small_gen_params),
	KUNIT_CASE(npu_mmu_test_large_beside_small),
	KUNIT_CASE(npu_mmu_test_unmap_middle),
	KUNIT_CASE(npu_mmu_test_unmap_nothing),
	KUNIT_CASE(npu_mmu_test_unmap_all),
	KUNIT_CASE(npu_mmu_test_unlink_when_empty),
	KUNIT_CASE(npu_mmu_test_map_again),
	KUNIT_CASE_PARAM(npu_mmu_test_split, npu_mmu_split_gen_params),
	KUNIT_CASE(npu_mmu_test_split_keeps_flags),
	KUNIT_CASE(npu_mmu_test_split_nothing),
	KUNIT_CASE(npu_mmu_test_split_small),
	KUNIT_CASE(npu_mmu_test_split_twice),
	KUNIT_CASE(npu_mmu_test_prune_keeps_used),
	KUNIT_CASE(npu_mmu_test_prune_keeps_standby),
	KUNIT_CASE(npu_mmu_test_prune_prepared),
	KUNIT_CASE(npu_mmu_test_prune_part),
	KUNIT_CASE(npu_mmu_test_after_fini),
	KUNIT_CASE_PARAM(npu_mmu_test_random, npu_mmu_seed_gen_params),
	KUNIT_CASE(npu_mmu_test_flush),
	KUNIT_CASE(npu_mmu_test_flush_after_fini),
	KUNIT_CASE(npu_mmu_test_flush_unknown),
	KUNIT_CASE_PARAM(npu_mmu_test_flush_refused, npu_mmu_refusal_gen_params),
	{}
};

static struct kunit_suite npu_mmu_suite = {
	.name = "npu_mmu",
	.init = npu_mmu_suite_init,
	.exit = npu_mmu_suite_exit,
	.suite_exit = npu_fake_suite_exit,
	.test_cases = npu_mmu_cases,
};

kunit_test_suite(npu_mmu_suite);
