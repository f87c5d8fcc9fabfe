// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* The allocator of a context's addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>

#include "va.h"

#define KIB 1024ULL
#define START (64 * KIB)
#define END (START + 64 * KIB)

static int setup(void **state)
{
	struct npu_va *va = calloc(1, sizeof(*va));

	npu_va_init(va, START, END);
	*state = va;
	return 0;
}

static int teardown(void **state)
{
	npu_va_fini(*state);
	free(*state);
	return 0;
}

static void whole_space_can_be_taken_as_one_range(void **state)
{
	struct npu_va *va = *state;
	struct npu_va_range range, other;

	assert_int_equal(npu_va_get(va, &range, END - START, 4 * KIB), 0);
	assert_int_equal(range.start, START);
	assert_int_equal(range.end, END);
	assert_int_equal(npu_va_get(va, &other, 1, 1), -ENOSPC);
	npu_va_put(va, &range);
	assert_int_equal(npu_va_get(va, &other, END - START, 4 * KIB), 0);
}

static void more_than_the_space_is_refused(void **state)
{
	struct npu_va *va = *state;
	struct npu_va_range range;

	assert_int_equal(npu_va_get(va, &range, END - START + 1, 1), -ENOSPC);
	assert_int_equal(npu_va_get(va, &range, UINT64_MAX, 1), -ENOSPC);
	assert_int_equal(npu_va_get(va, &range, UINT64_MAX, 1ULL << 63), -ENOSPC);
	assert_int_equal(npu_va_get(va, &range, 1, 1ULL << 63), -ENOSPC);
}

static void rounding_up_at_the_top_of_64_bits_does_not_wrap(void **state)
{
	struct npu_va_range first, second;
	struct npu_va va;

	npu_va_init(&va, UINT64_MAX - 8191, UINT64_MAX);
	assert_int_equal(npu_va_get(&va, &first, 4096, 4096), 0);
	assert_int_equal(npu_va_get(&va, &second, 4096, 1ULL << 32), -ENOSPC);
	npu_va_fini(&va);
}

static void alignment_is_kept(void **state)
{
	struct npu_va *va = *state;
	struct npu_va_range small, large;

	assert_int_equal(npu_va_get(va, &small, 4 * KIB, 4 * KIB), 0);
	assert_int_equal(npu_va_get(va, &large, 16 * KIB, 16 * KIB), 0);
	assert_int_equal(large.start % (16 * KIB), 0);
	assert_true(large.start >= small.end);
}

static void a_gap_is_found_again_after_wrapping(void **state)
{
	struct npu_va *va = *state;
	struct npu_va_range ranges[16], again;

	for (int i = 0; i < 16; i++)
		assert_int_equal(npu_va_get(va, &ranges[i], 4 * KIB, 4 * KIB), 0);
	npu_va_put(va, &ranges[3]);
	assert_int_equal(npu_va_get(va, &again, 8 * KIB, 4 * KIB), -ENOSPC);
	npu_va_put(va, &ranges[4]);
	assert_int_equal(npu_va_get(va, &again, 8 * KIB, 4 * KIB), 0);
	assert_int_equal(again.start, ranges[3].start);
}

/* Random work against a map of the pages. */
static void ranges_never_overlap(void **state)
{
	enum { PAGES = 16, RANGES = 12 };
	struct npu_va *va = *state;
	struct npu_va_range ranges[RANGES];
	uint8_t owner[PAGES] = { 0 };
	uint8_t taken[RANGES] = { 0 };
	unsigned int seed = 1, got = 0;

	for (int step = 0; step < 20000; step++) {
		int i = (int)((seed = seed * 1103515245 + 12345) >> 16) % RANGES;
		uint64_t pages = 1 + (seed >> 8) % 4;

		if (taken[i]) {
			for (uint64_t p = ranges[i].start; p < ranges[i].end; p += 4 * KIB)
				owner[(p - START) / (4 * KIB)] = 0;
			npu_va_put(va, &ranges[i]);
			taken[i] = 0;
			continue;
		}
		if (npu_va_get(va, &ranges[i], pages * 4 * KIB, 4 * KIB))
			continue;
		got++;
		taken[i] = 1;
		assert_true(ranges[i].start >= START && ranges[i].end <= END);
		for (uint64_t p = ranges[i].start; p < ranges[i].end; p += 4 * KIB) {
			assert_int_equal(owner[(p - START) / (4 * KIB)], 0);
			owner[(p - START) / (4 * KIB)] = 1;
		}
	}
	assert_true(got > 5000);
	for (int i = 0; i < RANGES; i++)
		if (taken[i])
			npu_va_put(va, &ranges[i]);
	assert_int_equal(npu_va_get(va, &ranges[0], END - START, 4 * KIB), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(whole_space_can_be_taken_as_one_range),
		TEST(more_than_the_space_is_refused),
		TEST(rounding_up_at_the_top_of_64_bits_does_not_wrap),
		TEST(alignment_is_kept),
		TEST(a_gap_is_found_again_after_wrapping),
		TEST(ranges_never_overlap),
	};

	return cmocka_run_group_tests_name("libnpu addresses", tests, NULL, NULL);
}
