// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* Arrays in a process's memory: strides, counts, tails, holes. */
#include "../npu_user.h"

#include "npu_kunit.h"

#define COUNT_MAX 64

/* Two words: what the kernel knows. */
struct npu_user_element {
	u64 a, b;
};

static struct drm_npu_array npu_user_describe(const void __user *at, u32 count, u32 stride)
{
	return (struct drm_npu_array){
		.pointer = (u64)at, .count = count, .stride = stride,
	};
}

/* User memory that begins with @words. */
static u64 __user *npu_user_words(struct kunit *test, const u64 *words, size_t count)
{
	u64 __user *at = npu_kunit_user(test, 4 * PAGE_SIZE);

	KUNIT_ASSERT_EQ(test, copy_to_user(at, words, count * sizeof(*words)), 0);
	return at;
}

static void *npu_user_get(const void __user *at, u32 count, u32 stride)
{
	const struct drm_npu_array array = npu_user_describe(at, count, stride);

	return npu_user_array(&array, sizeof(struct npu_user_element), COUNT_MAX);
}

static void npu_user_expect_error(struct kunit *test, void *result, int error)
{
	KUNIT_EXPECT_TRUE(test, IS_ERR(result));
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(result), error);
	if (!IS_ERR(result))
		kvfree(result);
}

static void npu_user_test_exact(struct kunit *test)
{
	static const u64 words[] = { 1, 2, 3, 4, 5, 6 };
	struct npu_user_element *got = npu_user_get(npu_user_words(test, words, 6), 3, 16);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, got);
	KUNIT_EXPECT_MEMEQ(test, got, words, sizeof(words));
	kvfree(got);
}

static void npu_user_test_empty(struct kunit *test)
{
	KUNIT_EXPECT_NULL(test, npu_user_get(NULL, 0, 0));
	KUNIT_EXPECT_NULL(test, npu_user_get((void __user *)1, 0, 3));
	KUNIT_EXPECT_NULL(test, npu_user_get((void __user *)U64_MAX, 0, U32_MAX));
}

/* An older caller's elements are filled up with zeros. */
static void npu_user_test_shorter(struct kunit *test)
{
	static const u64 words[] = { 1, 2, 3 };
	struct npu_user_element *got = npu_user_get(npu_user_words(test, words, 3), 3, 8);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, got);
	for (int i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, got[i].a, i + 1);
		KUNIT_EXPECT_EQ(test, got[i].b, 0);
	}
	kvfree(got);
}

/* A newer caller's elements, as long as what we do not know is zero. */
static void npu_user_test_longer(struct kunit *test)
{
	static const u64 words[] = { 1, 2, 0, 3, 4, 0 };
	struct npu_user_element *got = npu_user_get(npu_user_words(test, words, 6), 2, 24);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, got);
	KUNIT_EXPECT_EQ(test, got[0].a, 1);
	KUNIT_EXPECT_EQ(test, got[0].b, 2);
	KUNIT_EXPECT_EQ(test, got[1].a, 3);
	KUNIT_EXPECT_EQ(test, got[1].b, 4);
	kvfree(got);
}

static void npu_user_test_longer_not_zero(struct kunit *test)
{
	static const u64 first[] = { 1, 2, 1, 3, 4, 0 };
	static const u64 last[] = { 1, 2, 0, 3, 4, 1ULL << 63 };
	void *got;

	npu_user_expect_error(test, npu_user_get(npu_user_words(test, first, 6), 2, 24), -E2BIG);
	npu_user_expect_error(test, npu_user_get(npu_user_words(test, last, 6), 2, 24), -E2BIG);
	/* What belongs to no element does not matter. */
	got = npu_user_get(npu_user_words(test, last, 6), 1, 24);
	KUNIT_EXPECT_NOT_ERR_OR_NULL(test, got);
	kvfree(got);
}

static const struct npu_user_bad {
	const char *name;
	u32 count, stride;
} npu_user_bads[] = {
	{ "no stride", 1, 0 },
	{ "a stride of 1", 1, 1 },
	{ "a stride below a word", 1, 7 },
	{ "a stride beyond a page", 1, PAGE_SIZE + 1 },
	{ "the largest stride", 1, U32_MAX },
	{ "a negative stride", 1, -16 },
	{ "one too many", COUNT_MAX + 1, 16 },
	{ "the largest count", U32_MAX, 16 },
	{ "count * stride = 2^32", 1U << 28, 16 },
	{ "count * size = 2^36", 1U << 31, 8 },
	{ "both too large", U32_MAX, U32_MAX },
};

KUNIT_ARRAY_PARAM_DESC(npu_user_bad, npu_user_bads, name);

static void npu_user_test_bad(struct kunit *test)
{
	const struct npu_user_bad *bad = test->param_value;

	npu_user_expect_error(test, npu_user_get(npu_kunit_user(test, PAGE_SIZE), bad->count,
						 bad->stride), -EINVAL);
}

static void npu_user_test_limits(struct kunit *test)
{
	char __user *at = npu_kunit_user(test, COUNT_MAX * PAGE_SIZE);
	void *got = npu_user_get(at, COUNT_MAX, PAGE_SIZE);

	KUNIT_EXPECT_NOT_ERR_OR_NULL(test, got);
	kvfree(got);
	got = npu_user_get(at, COUNT_MAX, sizeof(u64));
	KUNIT_EXPECT_NOT_ERR_OR_NULL(test, got);
	kvfree(got);
}

static const struct npu_user_place {
	const char *name;
	u64 pointer;
} npu_user_places[] = {
	{ "null", 0 },
	{ "the first page", 8 },
	{ "the kernel's half", 1ULL << 63 },
	{ "not canonical", 1ULL << 47 },
	{ "the last bytes", U64_MAX - 7 },
	{ "wraps", U64_MAX - 15 },
};

KUNIT_ARRAY_PARAM_DESC(npu_user_place, npu_user_places, name);

static void npu_user_test_nowhere(struct kunit *test)
{
	const struct npu_user_place *place = test->param_value;

	/* The process has memory, elsewhere. */
	npu_kunit_user(test, PAGE_SIZE);
	npu_user_expect_error(test, npu_user_get((void __user *)place->pointer, 2, 16), -EFAULT);
}

static void npu_user_test_kernel_pointer(struct kunit *test)
{
	struct npu_user_element *mine = kunit_kzalloc(test, sizeof(*mine), GFP_KERNEL);

	npu_kunit_user(test, PAGE_SIZE);
	npu_user_expect_error(test, npu_user_get((void __user *)mine, 1, 16), -EFAULT);
}

/* The last element lies across the end of what is mapped. */
static void npu_user_test_hole(struct kunit *test)
{
	char __user *at = npu_kunit_user(test, 2 * PAGE_SIZE);
	void *got;

	KUNIT_ASSERT_EQ(test, vm_munmap((unsigned long)at + PAGE_SIZE, PAGE_SIZE), 0);
	got = npu_user_get(at + PAGE_SIZE - 32, 2, 16);
	KUNIT_EXPECT_NOT_ERR_OR_NULL(test, got);
	kvfree(got);
	npu_user_expect_error(test, npu_user_get(at + PAGE_SIZE - 24, 2, 16), -EFAULT);
	npu_user_expect_error(test, npu_user_get(at + PAGE_SIZE - 32, 3, 16), -EFAULT);
	/* A longer element whose tail is not there. */
	npu_user_expect_error(test, npu_user_get(at + PAGE_SIZE - 16, 1, 24), -EFAULT);
}

static void npu_user_test_unaligned(struct kunit *test)
{
	static const u64 words[] = { 1, 2 };
	char __user *at = npu_kunit_user(test, PAGE_SIZE);
	struct npu_user_element *got;

	KUNIT_ASSERT_EQ(test, copy_to_user(at + 3, words, sizeof(words)), 0);
	got = npu_user_get(at + 3, 1, 16);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, got);
	KUNIT_EXPECT_MEMEQ(test, got, words, sizeof(words));
	kvfree(got);
}

static struct kunit_case npu_user_cases[] = {
	KUNIT_CASE(npu_user_test_exact),
	KUNIT_CASE(npu_user_test_empty),
	KUNIT_CASE(npu_user_test_shorter),
	KUNIT_CASE(npu_user_test_longer),
	KUNIT_CASE(npu_user_test_longer_not_zero),
	KUNIT_CASE_PARAM(npu_user_test_bad, npu_user_bad_gen_params),
	KUNIT_CASE(npu_user_test_limits),
	KUNIT_CASE_PARAM(npu_user_test_nowhere, npu_user_place_gen_params),
	KUNIT_CASE(npu_user_test_kernel_pointer),
	KUNIT_CASE(npu_user_test_hole),
	KUNIT_CASE(npu_user_test_unaligned),
	{}
};

static struct kunit_suite npu_user_suite = {
	.name = "npu_user",
	.test_cases = npu_user_cases,
};

kunit_test_suite(npu_user_suite);
