// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* Text that the firmware wrote: its log in debugfs and in coredumps. */
#include "../npu_log.c"

#include "npu_kunit.h"

#define ROOM SZ_64K

/* What the fake's log holds; it answers LOG_READ with all of it, then nothing. */
static struct npu_log_fake {
	const char *text;
	u32 size;
	u32 claims;	/* what `written` says */
	bool endless;
} npu_log_fake;

static void npu_log_write(struct npu_fake *fake, const struct npu_admin_command *command)
{
	struct npu_admin_buffer_result *r = (void *)fake->result[NPU_ADMIN_LOG_READ];
	struct npu_admin_buffer_args args;

	if (command->opcode != NPU_ADMIN_LOG_READ)
		return;
	memcpy(&args, command->payload, sizeof(args));
	r->cursor = args.cursor;
	r->written = 0;
	if (args.cursor && !npu_log_fake.endless)
		return;
	/* The address is a DMA address: memory of this machine, mapped one to one. */
	memcpy(phys_to_virt(args.address), npu_log_fake.text, npu_log_fake.size);
	r->written = npu_log_fake.claims;
}

static char *npu_log_read(struct kunit *test, const char *indent, const char *text, u32 size,
			  u32 claims)
{
	struct npu_fake *fake = test->priv;
	char *out = kunit_kzalloc(test, ROOM + 1, GFP_KERNEL);
	struct drm_print_iterator iterator = { .data = out, .remain = ROOM };
	struct drm_printer p = drm_coredump_printer(&iterator);

	KUNIT_ASSERT_NOT_NULL(test, out);
	npu_log_fake.text = text;
	npu_log_fake.size = size;
	npu_log_fake.claims = claims;
	fake->effect = npu_log_write;
	npu_log_print(fake->ndev, &p, indent);
	return out;
}

static void npu_log_test_log(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, npu_log_read(test, "", "one\ntwo\n", 8, 8), "one\ntwo\n");
	KUNIT_EXPECT_STREQ(test, npu_log_read(test, "  ", "one\ntwo\n", 8, 8),
			   "  one\n  two\n");
}

static void npu_log_test_empty(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, npu_log_read(test, "  ", "", 0, 0), "");
}

/* The last line gets its end. */
static void npu_log_test_cut(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, npu_log_read(test, "  ", "one\ntw", 6, 6), "  one\n  tw\n");
}

static void npu_log_test_hostile_text(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, npu_log_read(test, "", "a\x1b[2J\r\0\xff%s\n", 11, 11),
			   "a?[2J???%s\n");
}

/* More than there was room for: no byte beyond the buffer is read. */
static void npu_log_test_claims_too_much(struct kunit *test)
{
	static const u32 claims[] = { NPU_LOG_CHUNK + 1, 0x80000000, U32_MAX };

	for (int i = 0; i < ARRAY_SIZE(claims); i++) {
		const char *out = npu_log_read(test, "", "one\n", 4, claims[i]);

		KUNIT_EXPECT_TRUE(test, str_has_prefix(out, "one\n"));
		KUNIT_EXPECT_LE(test, strlen(out), NPU_LOG_CHUNK + 1);
	}
}

/* A log that never ends. */
static void npu_log_test_endless(struct kunit *test)
{
	struct npu_fake *fake = test->priv;

	npu_log_fake.endless = true;
	npu_log_read(test, "", "one\n", 4, 4);
	npu_log_fake.endless = false;
	KUNIT_EXPECT_EQ(test, atomic_read(&fake->seen[NPU_ADMIN_LOG_READ]), NPU_LOG_CHUNKS_MAX);
}

static void npu_log_test_refused(struct kunit *test)
{
	struct npu_fake *fake = test->priv;

	fake->status[NPU_ADMIN_LOG_READ] = NPU_ADMIN_STATUS_DMA;
	KUNIT_EXPECT_STREQ(test, npu_log_read(test, "", "one\n", 4, 4), "");
}

static struct kunit_case npu_log_cases[] = {
	KUNIT_CASE(npu_log_test_log),
	KUNIT_CASE(npu_log_test_empty),
	KUNIT_CASE(npu_log_test_cut),
	KUNIT_CASE(npu_log_test_hostile_text),
	KUNIT_CASE(npu_log_test_claims_too_much),
	KUNIT_CASE(npu_log_test_endless),
	KUNIT_CASE(npu_log_test_refused),
	{}
};

static struct kunit_suite npu_log_suite = {
	.name = "npu_log",
	.init = npu_fake_init_live,
	.exit = npu_fake_exit,
	.suite_exit = npu_fake_suite_exit,
	.test_cases = npu_log_cases,
};

kunit_test_suite(npu_log_suite);
