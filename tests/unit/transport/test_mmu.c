// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* Page tables of every kind, and what an invalidation promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <abi/npu_mmu.h>
#include <abi/npu_regs.h>

#include "ecc.h"
#include "mmu.h"

#define HOST_SIZE	(8u << 20)
#define HOST_BASE	0x40000000ull
#define DEVICE_SIZE	(16u << 20)
#define CONTEXT		5

struct fixture {
	struct dma_map *dma;
	struct ecc *ecc;
	struct mmu *mmu;
	int fd;
	uint8_t *host, *device;
	uint64_t host_used, device_used;
	uint64_t root;
};

static const struct mmu_access user = { .context = CONTEXT, .queue = 3 };
static const struct mmu_access kernel = { .context = CONTEXT, .queue = 3, .privileged = true };

static uint64_t host_page(struct fixture *x)
{
	const uint64_t at = x->host_used;

	x->host_used += 4096;
	assert_true(x->host_used <= HOST_SIZE);
	return HOST_BASE + at;
}

static uint64_t device_page(struct fixture *x)
{
	const uint64_t at = x->device_used;

	x->device_used += 4096;
	return at;
}

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	x->fd = memfd_create("host", 0);
	assert_int_equal(ftruncate(x->fd, HOST_SIZE), 0);
	x->host = mmap(NULL, HOST_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, x->fd, 0);
	x->device = mmap(NULL, DEVICE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	x->dma = dma_map_create();
	assert_int_equal(dma_map_add(x->dma, HOST_BASE, HOST_SIZE, x->fd, 0, true, true), 0);
	x->ecc = ecc_create(DEVICE_SIZE);
	x->mmu = mmu_create(x->dma, x->device, DEVICE_SIZE, x->ecc, 8);
	x->device_used = 8u << 20;
	x->root = host_page(x);
	assert_int_equal(mmu_enable(x->mmu, CONTEXT, x->root), 0);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	mmu_destroy(x->mmu);
	ecc_destroy(x->ecc);
	dma_map_destroy(x->dma);
	munmap(x->host, HOST_SIZE);
	munmap(x->device, DEVICE_SIZE);
	close(x->fd);
	free(x);
	return 0;
}

static uint64_t *table(struct fixture *x, uint64_t entry)
{
	const uint64_t address = entry & NPU_PTE_ADDR_MASK;

	return (uint64_t *)(entry & NPU_PTE_DEVICE ? x->device + address :
						     x->host + (address - HOST_BASE));
}

/* The entry for va at a level; missing tables are made, in device memory if asked. */
static uint64_t *entry_for(struct fixture *x, uint64_t va, int level, bool device)
{
	uint64_t at = x->root;

	for (int l = 3; l > level; l--) {
		uint64_t *entry = &table(x, at)[va >> NPU_PT_SHIFT(l) & 511];

		if (!*entry)
			*entry = device ? device_page(x) | NPU_PTE_VALID | NPU_PTE_DEVICE :
					  host_page(x) | NPU_PTE_VALID;
		at = *entry;
	}
	return &table(x, at)[va >> NPU_PT_SHIFT(level) & 511];
}

static void map_page(struct fixture *x, uint64_t va, uint64_t address, uint64_t flags)
{
	__atomic_store_n(entry_for(x, va, 0, false),
			 address | flags | NPU_PTE_VALID | NPU_PTE_LEAF, __ATOMIC_RELEASE);
}

static uint32_t fault_of(struct fixture *x, const struct mmu_access *access, uint64_t va, bool write)
{
	struct mmu_fault fault = { 0 };
	uint64_t word = 0;
	const int ret = write ? mmu_store64(x->mmu, access, va, 1, &fault) :
				mmu_load64(x->mmu, access, va, &word, &fault);

	assert_true(!ret == !fault.info);
	if (ret) {
		assert_int_equal(ret, -EFAULT);
		assert_int_equal(fault.context, access->context);
		assert_int_equal(fault.queue, access->queue);
		assert_int_equal(fault.va, va);
		assert_int_equal(fault.info & NPU_FAULT_WRITE, write);
	}
	return fault.info >> 8 & 0xff;
}

static void walks_tables_in_system_and_device_memory(void **state)
{
	static const uint64_t addresses[] = { 0, 0x1000, 0x1ff000, 0x200000, 0x3fffffff000, 0x7ffffffff000,
					      0xfffffffff000, 0x123456789000 };
	struct fixture *x = *state;

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		const uint64_t va = addresses[i], in_host = host_page(x), in_device = device_page(x);
		uint64_t *entry = entry_for(x, va, 0, i & 1), value;
		struct mmu_fault fault;

		*entry = in_host | NPU_PTE_VALID | NPU_PTE_LEAF | NPU_PTE_WRITE | NPU_PTE_SNOOP;
		assert_int_equal(mmu_store64(x->mmu, &user, va + 8, i + 1, &fault), 0);
		assert_int_equal(table(x, in_host)[1], i + 1);
		*entry = in_device | NPU_PTE_VALID | NPU_PTE_LEAF | NPU_PTE_WRITE | NPU_PTE_DEVICE;
		mmu_invalidate(x->mmu, CONTEXT, va, 4096);
		assert_int_equal(mmu_store64(x->mmu, &user, va + 4088, i + 2, &fault), 0);
		assert_int_equal(mmu_load64(x->mmu, &user, va + 4088, &value, &fault), 0);
		assert_int_equal(value, i + 2);
		assert_int_equal(*(uint64_t *)(x->device + in_device + 4088), i + 2);
	}
}

static void large_pages_reach_two_mebibytes(void **state)
{
	const uint64_t va = 0x40000000, device = 4u << 20;
	struct fixture *x = *state;
	struct mmu_window window;
	struct mmu_fault fault;
	uint64_t value;

	*entry_for(x, va, 1, false) = device | NPU_PTE_VALID | NPU_PTE_LEAF | NPU_PTE_WRITE | NPU_PTE_DEVICE;
	*entry_for(x, va + 0x200000, 1, false) =
		(device + 0x200000) | NPU_PTE_VALID | NPU_PTE_LEAF | NPU_PTE_WRITE | NPU_PTE_DEVICE;
	assert_int_equal(mmu_store64(x->mmu, &user, va + 0x1ffff8, 9, &fault), 0);
	assert_int_equal(*(uint64_t *)(x->device + device + 0x1ffff8), 9);
	assert_int_equal(mmu_load64(x->mmu, &user, va + 0x1ffff8, &value, &fault), 0);
	assert_int_equal(value, 9);
	assert_int_equal(fault_of(x, &user, va + 0x400000, false), NPU_FAULT_REASON_UNMAPPED);
	mmu_enter(x->mmu, CONTEXT);
	assert_int_equal(mmu_map(x->mmu, &user, va + 5, 0x3ffff0, true, &window, &fault), 0);
	assert_ptr_equal(window.data, x->device + device + 5);
	assert_int_equal(mmu_unmap(x->mmu, &window, &fault), 0);
	mmu_leave(x->mmu, CONTEXT);
}

static void each_right_is_enforced(void **state)
{
	static const struct {
		uint64_t flags;
		uint32_t user_read, user_write, kernel_read, kernel_write;
	} cases[] = {
		{ 0, 0, 2, 0, 2 },
		{ NPU_PTE_WRITE, 0, 0, 0, 0 },
		{ NPU_PTE_PRIV, 2, 2, 0, 2 },
		{ NPU_PTE_PRIV | NPU_PTE_WRITE, 2, 2, 0, 0 },
		{ NPU_PTE_SNOOP | NPU_PTE_WRITE, 0, 0, 0, 0 },
	};
	struct fixture *x = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint64_t va = 0x100000 + i * 4096;

		map_page(x, va, host_page(x), cases[i].flags);
		/* Twice: from the tables, and from the TLB. */
		for (int round = 0; round < 2; round++) {
			assert_int_equal(fault_of(x, &user, va, false), cases[i].user_read);
			assert_int_equal(fault_of(x, &user, va, true), cases[i].user_write);
			assert_int_equal(fault_of(x, &kernel, va, false), cases[i].kernel_read);
			assert_int_equal(fault_of(x, &kernel, va, true), cases[i].kernel_write);
		}
	}
}

static void malformed_entries_fault(void **state)
{
	const uint64_t va = 0x123456789000;
	struct fixture *x = *state;
	const uint64_t page = host_page(x);

	/* Each bit that must be zero, at each level. */
	for (int level = 0; level < 4; level++) {
		uint64_t *entry, good;

		map_page(x, va, page, NPU_PTE_WRITE);
		entry = level == 3 ? &table(x, x->root)[va >> 39 & 511] : entry_for(x, va, level, false);
		good = *entry;
		assert_int_equal(fault_of(x, &user, va, false), 0);
		for (int bit = 0; bit < 64; bit++) {
			if (!(NPU_PTE_MBZ_MASK >> bit & 1))
				continue;
			*entry = good | 1ull << bit;
			mmu_invalidate(x->mmu, CONTEXT, 0, 0);
			assert_int_equal(fault_of(x, &user, va, false), NPU_FAULT_REASON_TABLE);
		}
		/* A leaf where none may be, none where one must be, no entry at all. */
		*entry = good ^ NPU_PTE_LEAF;
		mmu_invalidate(x->mmu, CONTEXT, 0, 0);
		assert_int_equal(fault_of(x, &user, va, false),
				 NPU_FAULT_REASON_TABLE);
		*entry = good & ~NPU_PTE_VALID;
		assert_int_equal(fault_of(x, &user, va, false), NPU_FAULT_REASON_UNMAPPED);
		*entry = good;
		mmu_invalidate(x->mmu, CONTEXT, 0, 0);
	}
}

static void a_large_page_must_be_aligned(void **state)
{
	const uint64_t va = 0x40000000;
	struct fixture *x = *state;

	*entry_for(x, va, 1, false) = 0x201000 | NPU_PTE_VALID | NPU_PTE_LEAF | NPU_PTE_DEVICE;
	assert_int_equal(fault_of(x, &user, va, false), NPU_FAULT_REASON_TABLE);
}

static void tables_and_pages_that_are_nowhere_fault(void **state)
{
	const uint64_t va = 0x5000;
	struct fixture *x = *state;

	*entry_for(x, va, 1, false) = 0xdead0000000 | NPU_PTE_VALID;
	assert_int_equal(fault_of(x, &user, va, false), NPU_FAULT_REASON_TABLE);
	*entry_for(x, va, 1, false) = DEVICE_SIZE | NPU_PTE_VALID | NPU_PTE_DEVICE;
	assert_int_equal(fault_of(x, &user, va, false), NPU_FAULT_REASON_TABLE);
	*entry_for(x, va, 1, false) = NPU_PTE_ADDR_MASK | NPU_PTE_VALID | NPU_PTE_DEVICE;
	assert_int_equal(fault_of(x, &user, va, false), NPU_FAULT_REASON_TABLE);
	*entry_for(x, va, 1, false) = 0;
	map_page(x, va, 0xdead0000000, NPU_PTE_WRITE);
	assert_int_equal(fault_of(x, &user, va, false), NPU_FAULT_REASON_BUS);
	assert_int_equal(fault_of(x, &user, va, true), NPU_FAULT_REASON_BUS);
	map_page(x, va, DEVICE_SIZE, NPU_PTE_DEVICE);
	mmu_invalidate(x->mmu, CONTEXT, va, 4096);
	assert_int_equal(fault_of(x, &user, va, false), NPU_FAULT_REASON_BUS);
}

static void addresses_beyond_48_bits_fault(void **state)
{
	struct fixture *x = *state;
	struct mmu_window window;
	struct mmu_fault fault;

	map_page(x, 0, host_page(x), NPU_PTE_WRITE);
	map_page(x, 0xfffffffff000, host_page(x), NPU_PTE_WRITE);
	assert_int_equal(fault_of(x, &user, 1ull << 48, false), NPU_FAULT_REASON_UNMAPPED);
	assert_int_equal(fault_of(x, &user, ~7ull, false), NPU_FAULT_REASON_UNMAPPED);
	mmu_enter(x->mmu, CONTEXT);
	assert_int_equal(mmu_map(x->mmu, &user, 0xfffffffff000, 0x2000, false, &window, &fault), -EFAULT);
	assert_int_equal(fault.va, 1ull << 48);
	assert_int_equal(mmu_map(x->mmu, &user, 0x1000, ~0ull, false, &window, &fault), -EFAULT);
	assert_int_equal(mmu_map(x->mmu, &user, 0, 0, false, &window, &fault), -EFAULT);
	mmu_leave(x->mmu, CONTEXT);
}

static void contexts_that_do_not_exist_fault(void **state)
{
	struct fixture *x = *state;
	static const uint32_t none[] = { 0, 1, 8, 0xffffffff };

	map_page(x, 0x1000, host_page(x), NPU_PTE_WRITE);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		const struct mmu_access access = { .context = none[i] };

		assert_int_equal(fault_of(x, &access, 0x1000, false), NPU_FAULT_REASON_UNMAPPED);
		assert_int_equal(mmu_disable(x->mmu, none[i]), -EINVAL);
	}
	assert_int_equal(mmu_enable(x->mmu, 0, x->root), -EINVAL);
	assert_int_equal(mmu_enable(x->mmu, 8, x->root), -EINVAL);
	assert_int_equal(mmu_enable(x->mmu, CONTEXT, x->root), -EINVAL);
	assert_int_equal(mmu_enable(x->mmu, 1, x->root | 1), -EINVAL);
	assert_int_equal(mmu_enable(x->mmu, 1, 1ull << 52), -EINVAL);
	assert_int_equal(mmu_disable(x->mmu, CONTEXT), 0);
	assert_int_equal(fault_of(x, &user, 0x1000, false), NPU_FAULT_REASON_UNMAPPED);
}

static void one_context_sees_nothing_of_another(void **state)
{
	struct fixture *x = *state;
	const struct mmu_access other = { .context = 1, .privileged = true };
	const uint64_t second = host_page(x), first = x->root;

	map_page(x, 0x1000, host_page(x), NPU_PTE_WRITE);
	assert_int_equal(fault_of(x, &user, 0x1000, true), 0);
	assert_int_equal(mmu_enable(x->mmu, 1, second), 0);
	assert_int_equal(fault_of(x, &other, 0x1000, false), NPU_FAULT_REASON_UNMAPPED);
	x->root = second;
	map_page(x, 0x1000, host_page(x), 0);
	assert_int_equal(fault_of(x, &other, 0x1000, false), 0);
	assert_int_equal(fault_of(x, &other, 0x1000, true), NPU_FAULT_REASON_PERMISSION);
	assert_int_equal(fault_of(x, &user, 0x1000, true), 0);
	/* And a context that comes again has none of the old translations. */
	assert_int_equal(mmu_disable(x->mmu, 1), 0);
	assert_int_equal(mmu_enable(x->mmu, 1, host_page(x)), 0);
	assert_int_equal(fault_of(x, &other, 0x1000, false), NPU_FAULT_REASON_UNMAPPED);
	x->root = first;
}

static void a_new_mapping_needs_no_invalidation(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(fault_of(x, &user, 0x1000, false), NPU_FAULT_REASON_UNMAPPED);
	map_page(x, 0x1000, host_page(x), 0);
	assert_int_equal(fault_of(x, &user, 0x1000, false), 0);
}

/* An invalidation drops what it covers; what it does not cover may stay. */
static void an_invalidation_covers_its_range(void **state)
{
	static const struct {
		uint64_t va, size;
	} ranges[] = {
		{ 0x40000000, 0x1000 }, { 0x40000000, 0x4000 }, { 0x40001000, 0x2000 }, { 0, 0 },
		{ 0, 1ull << 48 }, { 0x3fe00000, 0x400000 },
	};
	struct fixture *x = *state;
	const uint64_t page = host_page(x);

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		for (uint64_t p = 0; p < 4; p++) {
			const uint64_t va = 0x40000000 + p * 4096;
			const bool covered = !ranges[i].size || va - ranges[i].va < ranges[i].size;

			map_page(x, va, page, 0);
			assert_int_equal(fault_of(x, &user, va, false), 0);
			*entry_for(x, va, 0, false) = 0;
			assert_int_equal(mmu_invalidate(x->mmu, CONTEXT, ranges[i].va, ranges[i].size), 0);
			if (covered)
				assert_int_equal(fault_of(x, &user, va, false), NPU_FAULT_REASON_UNMAPPED);
			mmu_invalidate(x->mmu, CONTEXT, 0, 0);
		}
	}
	assert_int_equal(mmu_invalidate(x->mmu, CONTEXT, 1ull << 48, 4096), -EINVAL);
	assert_int_equal(mmu_invalidate(x->mmu, CONTEXT, 4096, 1ull << 48), -EINVAL);
	assert_int_equal(mmu_invalidate(x->mmu, 0, 0, 0), -EINVAL);
}

static void an_invalidation_covers_large_pages(void **state)
{
	const uint64_t va = 0x40000000, leaf = NPU_PTE_VALID | NPU_PTE_LEAF | NPU_PTE_DEVICE;
	struct fixture *x = *state;

	/* Any 4 KiB of it is enough. */
	for (uint64_t at = 0; at < 0x200000; at += 0x7f000) {
		*entry_for(x, va, 1, false) = leaf;
		assert_int_equal(fault_of(x, &user, va + 0x1000, false), 0);
		*entry_for(x, va, 1, false) = 0;
		assert_int_equal(mmu_invalidate(x->mmu, CONTEXT, va + at, 0x1000), 0);
		assert_int_equal(fault_of(x, &user, va + 0x1000, false), NPU_FAULT_REASON_UNMAPPED);
	}
}

static void the_tlb_holds_what_the_table_said(void **state)
{
	struct fixture *x = *state;
	const uint64_t page = host_page(x);

	map_page(x, 0x1000, page, NPU_PTE_WRITE);
	assert_int_equal(fault_of(x, &user, 0x1000, true), 0);
	*entry_for(x, 0x1000, 0, false) = 0;
	/* A driver that forgets to invalidate must be able to find out. */
	assert_int_equal(fault_of(x, &user, 0x1000, true), 0);
	mmu_invalidate(x->mmu, CONTEXT, 0x1000, 0x1000);
	assert_int_equal(fault_of(x, &user, 0x1000, true), NPU_FAULT_REASON_UNMAPPED);
}

/* Scattered pages: read as one, and of a write only what has changed is written. */
static void a_scattered_window_is_a_copy(void **state)
{
	struct fixture *x = *state;
	const uint64_t va = 0x10000;
	struct mmu_window window;
	struct mmu_fault fault;
	uint64_t pages[4];
	uint8_t *data;

	for (int i = 0; i < 4; i++)
		pages[i] = host_page(x);
	for (int i = 0; i < 4; i++) {
		map_page(x, va + (uint64_t)i * 4096, pages[3 - i], NPU_PTE_WRITE);
		memset(table(x, pages[3 - i]), 'a' + i, 4096);
	}
	mmu_enter(x->mmu, CONTEXT);
	assert_int_equal(mmu_map(x->mmu, &user, va + 100, 3 * 4096, true, &window, &fault), 0);
	data = window.data;
	assert_int_equal(data[0], 'a');
	assert_int_equal(data[4096], 'b');
	assert_int_equal(data[3 * 4096 - 1], 'd');
	data[4096] = 'X';
	/* Meanwhile somebody else writes next to it. */
	((uint8_t *)table(x, pages[2]))[101] = 'Y';
	assert_int_equal(mmu_unmap(x->mmu, &window, &fault), 0);
	mmu_leave(x->mmu, CONTEXT);
	assert_int_equal(((uint8_t *)table(x, pages[2]))[100], 'X');
	assert_int_equal(((uint8_t *)table(x, pages[2]))[101], 'Y');
	assert_int_equal(((uint8_t *)table(x, pages[2]))[102], 'b');
}

static void a_window_is_refused_whole(void **state)
{
	struct fixture *x = *state;
	struct mmu_window window;
	struct mmu_fault fault;

	map_page(x, 0x10000, host_page(x), NPU_PTE_WRITE);
	map_page(x, 0x12000, host_page(x), NPU_PTE_WRITE);
	map_page(x, 0x13000, host_page(x), 0);
	mmu_enter(x->mmu, CONTEXT);
	assert_int_equal(mmu_map(x->mmu, &user, 0x10000, 0x3000, true, &window, &fault), -EFAULT);
	assert_int_equal(fault.va, 0x11000);
	assert_int_equal(mmu_map(x->mmu, &user, 0x12000, 0x2000, true, &window, &fault), -EFAULT);
	assert_int_equal(fault.va, 0x13000);
	assert_int_equal(fault.info, NPU_FAULT_WRITE | NPU_FAULT_REASON_PERMISSION << 8);
	mmu_leave(x->mmu, CONTEXT);
}

/* Memory that the host gave for reading only is not writable behind any entry. */
static void a_write_to_read_only_memory_of_the_host_faults(void **state)
{
	struct fixture *x = *state;
	struct mmu_window window;
	struct mmu_fault fault;

	assert_int_equal(dma_map_add(x->dma, 0x80000000, 0x2000, x->fd, 0, true, false), 0);
	map_page(x, 0x10000, 0x80000000, NPU_PTE_WRITE);
	assert_int_equal(fault_of(x, &user, 0x10000, false), 0);
	assert_int_equal(fault_of(x, &user, 0x10000, true), NPU_FAULT_REASON_BUS);
	mmu_enter(x->mmu, CONTEXT);
	assert_int_equal(mmu_map(x->mmu, &user, 0x10000, 64, true, &window, &fault), -EFAULT);
	assert_int_equal(fault.info, NPU_FAULT_WRITE | NPU_FAULT_REASON_BUS << 8);
	mmu_leave(x->mmu, CONTEXT);
}

static void memory_lost_under_a_window_is_reported(void **state)
{
	struct fixture *x = *state;
	struct mmu_window window;
	struct mmu_fault fault = { 0 };
	int fd = memfd_create("short", 0);

	assert_int_equal(ftruncate(fd, 0x2000), 0);
	assert_int_equal(dma_map_add(x->dma, 0x80000000, 0x2000, fd, 0, true, true), 0);
	map_page(x, 0x10000, 0x80000000, NPU_PTE_WRITE);
	mmu_enter(x->mmu, CONTEXT);
	assert_int_equal(mmu_map(x->mmu, &user, 0x10000, 4096, true, &window, &fault), 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	memset(window.data, 1, 4096);
	assert_int_equal(mmu_unmap(x->mmu, &window, &fault), -EFAULT);
	assert_int_equal(fault.info, NPU_FAULT_WRITE | NPU_FAULT_REASON_BUS << 8);
	mmu_leave(x->mmu, CONTEXT);
	close(fd);
}

/* 2^36 pages of the same page: a kill must not wait for the end of that. */
static void a_long_mapping_gives_up_when_somebody_waits(void **state)
{
	struct fixture *x = *state;
	const uint64_t page = host_page(x), l0 = host_page(x), l1 = host_page(x), l2 = host_page(x);
	atomic_bool cancel = true;
	const struct mmu_access access = { .context = CONTEXT, .cancel = &cancel };
	struct mmu_window window;
	struct mmu_fault fault;

	for (int i = 0; i < 512; i++) {
		table(x, l0)[i] = page | NPU_PTE_VALID | NPU_PTE_LEAF | NPU_PTE_WRITE;
		table(x, l1)[i] = l0 | NPU_PTE_VALID;
		table(x, l2)[i] = l1 | NPU_PTE_VALID;
		table(x, x->root)[i] = l2 | NPU_PTE_VALID;
	}
	mmu_enter(x->mmu, CONTEXT);
	assert_int_equal(mmu_map(x->mmu, &access, 0, 1ull << 47, true, &window, &fault), -EAGAIN);
	/* More than the card copies is refused. */
	assert_int_equal(mmu_map(x->mmu, &user, 0, (1ull << 30) + 4096, false, &window, &fault), -ENOMEM);
	mmu_leave(x->mmu, CONTEXT);
}

static void memory_errors_are_corrected_or_fault(void **state)
{
	struct fixture *x = *state;
	const uint64_t page = device_page(x), va = 0x10000;
	struct mmu_window window;
	struct mmu_fault fault;
	uint8_t line[ECC_LINE] = { 0 };
	uint64_t *entry = entry_for(x, va, 0, true);

	*entry = page | NPU_PTE_VALID | NPU_PTE_LEAF | NPU_PTE_WRITE | NPU_PTE_DEVICE;
	assert_int_equal(ecc_inject(x->ecc, DEVICE_SIZE, true), -EINVAL);
	assert_int_equal(ecc_inject(x->ecc, page + 100, true), 0);
	/* Its neighbours know nothing of it. */
	assert_int_equal(fault_of(x, &user, va + 56, false), 0);
	assert_int_equal(fault_of(x, &user, va + 128, false), 0);
	assert_int_equal(ecc_corrected(x->ecc), 0);
	assert_int_equal(fault_of(x, &user, va + 64, false), 0);
	assert_int_equal(fault_of(x, &user, va + 64, false), 0);
	assert_int_equal(ecc_corrected(x->ecc), 1);

	assert_int_equal(ecc_inject(x->ecc, page + 64, false), 0);
	assert_int_equal(fault_of(x, &user, va + 72, false), NPU_FAULT_REASON_ECC);
	assert_int_equal(fault_of(x, &user, va + 72, true), NPU_FAULT_REASON_ECC);
	assert_int_equal(fault_of(x, &user, va + 56, false), 0);
	mmu_enter(x->mmu, CONTEXT);
	assert_int_equal(mmu_map(x->mmu, &user, va, 4096, false, &window, &fault), -EFAULT);
	assert_int_equal(fault.info, NPU_FAULT_REASON_ECC << 8);
	mmu_leave(x->mmu, CONTEXT);
	assert_int_equal(ecc_uncorrected(x->ecc), 3);
	/* Overwriting the whole line makes it good again. */
	assert_int_equal(mmu_write(x->mmu, &user, va + 64, line, sizeof(line), &fault), 0);
	assert_int_equal(fault_of(x, &user, va + 72, false), 0);

	/* A table's entry counts as well. */
	assert_int_equal(ecc_inject(x->ecc, (uint64_t)((uint8_t *)entry - x->device), false), 0);
	mmu_invalidate(x->mmu, CONTEXT, 0, 0);
	assert_int_equal(fault_of(x, &user, va, false), NPU_FAULT_REASON_ECC);
	ecc_clear(x->ecc);
	assert_int_equal(fault_of(x, &user, va, false), 0);
	for (int i = 0; i < 64; i++)
		assert_int_equal(ecc_inject(x->ecc, (uint64_t)i * 64, false), 0);
	assert_int_equal(ecc_inject(x->ecc, 0, false), -ENOSPC);
}

struct inside {
	struct fixture *x;
	atomic_bool entered, leave, left, done;
};

static void *stay_inside(void *argument)
{
	struct inside *i = argument;

	mmu_enter(i->x->mmu, CONTEXT);
	atomic_store(&i->entered, true);
	while (!atomic_load(&i->leave))
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	atomic_store(&i->left, true);
	mmu_leave(i->x->mmu, CONTEXT);
	return NULL;
}

static void *invalidate(void *argument)
{
	struct inside *i = argument;

	mmu_invalidate(i->x->mmu, CONTEXT, 0, 0);
	atomic_store(&i->done, atomic_load(&i->left));
	return NULL;
}

static void an_invalidation_waits_for_who_is_inside(void **state)
{
	struct inside i = { .x = *state };
	pthread_t one, two;

	pthread_create(&one, NULL, stay_inside, &i);
	while (!atomic_load(&i.entered))
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	assert_false(mmu_wanted(i.x->mmu, CONTEXT));
	pthread_create(&two, NULL, invalidate, &i);
	while (!mmu_wanted(i.x->mmu, CONTEXT))
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	assert_false(atomic_load(&i.done));
	/* Others are not held up. */
	assert_false(mmu_wanted(i.x->mmu, 1));
	assert_int_equal(mmu_invalidate(i.x->mmu, 1, 0, 0), 0);
	atomic_store(&i.leave, true);
	pthread_join(one, NULL);
	pthread_join(two, NULL);
	assert_true(atomic_load(&i.done));
	assert_false(mmu_wanted(i.x->mmu, CONTEXT));
}

/*
 * Page-table lag: a page is unmapped, invalidated and given to somebody else,
 * while accesses to it keep coming. None may arrive after the invalidation.
 */
struct lag {
	struct fixture *x;
	atomic_bool quit;
	atomic_uint hits;
};

static void *write_always(void *argument)
{
	struct lag *l = argument;

	while (!atomic_load(&l->quit)) {
		struct mmu_fault fault;

		if (!mmu_store64(l->x->mmu, &user, 0x1000, 0xbad, &fault))
			atomic_fetch_add(&l->hits, 1);
	}
	return NULL;
}

static void nothing_arrives_after_an_invalidation(void **state)
{
	struct lag l = { .x = *state };
	struct fixture *x = *state;
	const uint64_t page = host_page(x);
	pthread_t writers[2];
	uint64_t *entry = entry_for(x, 0x1000, 0, false), *word = table(x, page);

	for (int i = 0; i < 2; i++)
		pthread_create(&writers[i], NULL, write_always, &l);
	for (int i = 0; i < 2000; i++) {
		const uint32_t before = atomic_load(&l.hits);

		__atomic_store_n(entry, page | NPU_PTE_VALID | NPU_PTE_LEAF | NPU_PTE_WRITE, __ATOMIC_RELEASE);
		while (atomic_load(&l.hits) == before)
			;
		__atomic_store_n(entry, 0, __ATOMIC_RELEASE);
		mmu_invalidate(x->mmu, CONTEXT, 0x1000, 0x1000);
		__atomic_store_n(word, i, __ATOMIC_RELEASE);
		for (int n = 0; n < 50; n++)
			assert_int_equal(__atomic_load_n(word, __ATOMIC_ACQUIRE), i);
	}
	atomic_store(&l.quit, true);
	for (int i = 0; i < 2; i++)
		pthread_join(writers[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(walks_tables_in_system_and_device_memory),
		T(large_pages_reach_two_mebibytes),
		T(each_right_is_enforced),
		T(malformed_entries_fault),
		T(a_large_page_must_be_aligned),
		T(tables_and_pages_that_are_nowhere_fault),
		T(addresses_beyond_48_bits_fault),
		T(contexts_that_do_not_exist_fault),
		T(one_context_sees_nothing_of_another),
		T(a_new_mapping_needs_no_invalidation),
		T(an_invalidation_covers_its_range),
		T(an_invalidation_covers_large_pages),
		T(the_tlb_holds_what_the_table_said),
		T(a_scattered_window_is_a_copy),
		T(a_window_is_refused_whole),
		T(a_write_to_read_only_memory_of_the_host_faults),
		T(memory_lost_under_a_window_is_reported),
		T(a_long_mapping_gives_up_when_somebody_waits),
		T(memory_errors_are_corrected_or_fault),
		T(an_invalidation_waits_for_who_is_inside),
		T(nothing_arrives_after_an_invalidation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
