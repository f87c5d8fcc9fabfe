// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* Identity and boot: a card, or a firmware, that claims what cannot be. */
#include "../npu_boot.c"

#include "npu_kunit.h"

/* ---- The card's identity ----------------------------------------------------------- */

static const struct npu_boot_claim {
	const char *name;
	u32 reg, value;
	int error;
} npu_boot_claims[] = {
	{ "as it is", NPU_REG_ID, NPU_ID_MAGIC, 0 },
	{ "all ones for an ID", NPU_REG_ID, ~0u, -ENODEV },
	{ "no ID", NPU_REG_ID, 0, -ENODEV },
	{ "the ID with a bit flipped", NPU_REG_ID, NPU_ID_MAGIC ^ 1, -ENODEV },
	{ "a newer minor ABI", NPU_REG_ABI, NPU_ABI_MAJOR << 16 | 0xffff, 0 },
	{ "the next major ABI", NPU_REG_ABI, (NPU_ABI_MAJOR + 1) << 16, -EPROTONOSUPPORT },
	{ "the previous major ABI", NPU_REG_ABI, (NPU_ABI_MAJOR - 1) << 16, -EPROTONOSUPPORT },
	{ "all ones for an ABI", NPU_REG_ABI, ~0u, -EPROTONOSUPPORT },
	{ "no queues", NPU_REG_QUEUES, 0, -ENODEV },
	{ "the driver's queue alone", NPU_REG_QUEUES, 1, -ENODEV },
	{ "two queues", NPU_REG_QUEUES, 2, 0 },
	{ "as many queues as there may be", NPU_REG_QUEUES, NPU_QUEUES_MAX, 0 },
	{ "a queue too many", NPU_REG_QUEUES, NPU_QUEUES_MAX + 1, -ENODEV },
	{ "all ones for queues", NPU_REG_QUEUES, ~0u, -ENODEV },
	{ "no contexts", NPU_REG_CONTEXTS, 0, -ENODEV },
	{ "context 0 alone", NPU_REG_CONTEXTS, 1, -ENODEV },
	{ "the driver's context alone", NPU_REG_CONTEXTS, 2, -ENODEV },
	{ "two contexts", NPU_REG_CONTEXTS, 3, 0 },
	{ "a context too many", NPU_REG_CONTEXTS, NPU_CONTEXTS_MAX + 1, -ENODEV },
	{ "no slots", NPU_REG_UNITS, 0x00010200, -ENODEV },
	{ "no tensor engines", NPU_REG_UNITS, 0x00010008, -ENODEV },
	{ "no copy engine", NPU_REG_UNITS, 0x00000208, 0 },
	{ "no memory", NPU_REG_MEMORY_LO, 0, -ENODEV },
	{ "a page of memory", NPU_REG_MEMORY_LO, PAGE_SIZE, 0 },
	{ "a page and a bit", NPU_REG_MEMORY_LO, PAGE_SIZE + 1, -ENODEV },
	{ "a page more than the BAR", NPU_REG_MEMORY_LO, NPU_FAKE_MEMORY + PAGE_SIZE, -ENODEV },
	{ "memory with the top bit set", NPU_REG_MEMORY_HI, 1U << 31, -ENODEV },
	{ "4 GiB more than the BAR", NPU_REG_MEMORY_HI, 1, -ENODEV },
};

KUNIT_ARRAY_PARAM_DESC(npu_boot_claim, npu_boot_claims, name);

static void npu_boot_test_identify(struct kunit *test)
{
	const struct npu_boot_claim *claim = test->param_value;
	struct npu_fake *fake = test->priv;

	npu_fake_write_reg(fake, claim->reg, claim->value);
	KUNIT_EXPECT_EQ(test, npu_boot_identify(fake->ndev), claim->error);
}

static void npu_boot_test_identity(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct npu_device *ndev = fake->ndev;

	KUNIT_EXPECT_EQ(test, ndev->serial, 0x0123456789abcdefULL);
	KUNIT_EXPECT_EQ(test, ndev->slots, 8);
	KUNIT_EXPECT_EQ(test, ndev->tensor_engines, 2);
	KUNIT_EXPECT_EQ(test, ndev->copy_engines, 1);
	KUNIT_EXPECT_EQ(test, ndev->memory_size, NPU_FAKE_MEMORY);
	KUNIT_EXPECT_EQ(test, ndev->queues_max, NPU_FAKE_QUEUES);
	KUNIT_EXPECT_EQ(test, ndev->contexts_max, NPU_FAKE_CONTEXTS);
}

/* ---- Boot status --------------------------------------------------------------------- */

static void npu_boot_test_reasons(struct kunit *test)
{
	/* Each reason that there is has words of its own. */
	for (u32 a = 0; a < NPU_BOOT_REASON_COUNT; a++) {
		KUNIT_ASSERT_NOT_NULL(test, npu_boot_failures[a].text);
		KUNIT_EXPECT_LT(test, npu_boot_failures[a].error, 0);
		for (u32 b = 0; b < a; b++)
			KUNIT_EXPECT_STRNEQ(test, npu_boot_failures[a].text,
					    npu_boot_failures[b].text);
	}
}

/* Any 8 bits may stand in the register. */
static void npu_boot_test_reason_range(struct kunit *test)
{
	for (u32 reason = 0; reason <= 0xff; reason++) {
		u32 status = FIELD_PREP(NPU_BOOT_REASON_MASK, reason) | NPU_BOOT_STATE_REFUSED;
		const struct npu_boot_failure *failure = npu_boot_failure(status);
		const bool known = reason < NPU_BOOT_REASON_COUNT;

		KUNIT_EXPECT_PTR_EQ(test, failure, &npu_boot_failures[known ? reason : 0]);
		KUNIT_EXPECT_STREQ(test, npu_boot_reason(status), failure->text);
	}
	KUNIT_EXPECT_STREQ(test, npu_boot_failure(~0u)->text, "no reason given");
}

static void npu_boot_test_reason_of_state(struct kunit *test)
{
	const u32 trap = FIELD_PREP(NPU_BOOT_REASON_MASK, NPU_BOOT_REASON_TRAP);

	KUNIT_EXPECT_STREQ(test, npu_boot_reason(trap | NPU_BOOT_STATE_CRASHED),
			   "the firmware crashed");
	KUNIT_EXPECT_STREQ(test, npu_boot_reason(trap | NPU_BOOT_STATE_RESET),
			   "it was reset behind the driver's back");
	KUNIT_EXPECT_STREQ(test, npu_boot_reason(0), "it was reset behind the driver's back");
}

static void npu_boot_test_has_ended(struct kunit *test)
{
	KUNIT_EXPECT_FALSE(test, npu_boot_has_ended(NPU_BOOT_STATE_RESET));
	KUNIT_EXPECT_FALSE(test, npu_boot_has_ended(NPU_BOOT_STATE_LOADING));
	KUNIT_EXPECT_FALSE(test, npu_boot_has_ended(NPU_BOOT_STATE_STARTED));
	KUNIT_EXPECT_TRUE(test, npu_boot_has_ended(NPU_BOOT_STATE_READY));
	KUNIT_EXPECT_TRUE(test, npu_boot_has_ended(NPU_BOOT_STATE_REFUSED));
	KUNIT_EXPECT_TRUE(test, npu_boot_has_ended(NPU_BOOT_STATE_CRASHED));
	KUNIT_EXPECT_TRUE(test, npu_boot_has_ended(0x55));
	KUNIT_EXPECT_TRUE(test, npu_boot_has_ended(~0u));
}

static const struct npu_boot_end {
	const char *name;
	u32 status;
	int error;
} npu_boot_ends[] = {
	{ "ready", NPU_BOOT_STATE_READY, 0 },
	{ "gone", ~0u, -ENODEV },
	{ "refused: signature", NPU_BOOT_STATE_REFUSED | NPU_BOOT_REASON_SIGNATURE << 8,
	  -EKEYREJECTED },
	{ "refused: rollback", NPU_BOOT_STATE_REFUSED | NPU_BOOT_REASON_ROLLBACK << 8, -EPERM },
	{ "refused: digest", NPU_BOOT_STATE_REFUSED | NPU_BOOT_REASON_DIGEST << 8, -EBADMSG },
	{ "refused: no such reason", NPU_BOOT_STATE_REFUSED | 0xff00, -EIO },
	{ "crashed", NPU_BOOT_STATE_CRASHED | NPU_BOOT_REASON_TRAP << 8, -EIO },
	{ "no such state", 0x77, -EIO },
};

KUNIT_ARRAY_PARAM_DESC(npu_boot_end, npu_boot_ends, name);

static void npu_boot_test_image(struct kunit *test)
{
	const struct npu_boot_end *end = test->param_value;
	struct npu_fake *fake = test->priv;

	npu_fake_write_reg(fake, NPU_REG_BOOT_STATUS, end->status);
	KUNIT_EXPECT_EQ(test, npu_boot_image(fake->ndev, 0x123456789000, 4096), end->error);
	KUNIT_EXPECT_EQ(test, npu_fake_read_reg(fake, NPU_REG_BOOT_IMAGE_LO), 0x56789000);
	KUNIT_EXPECT_EQ(test, npu_fake_read_reg(fake, NPU_REG_BOOT_IMAGE_HI), 0x1234);
	KUNIT_EXPECT_EQ(test, npu_fake_read_reg(fake, NPU_REG_BOOT_IMAGE_SIZE), 4096);
	KUNIT_EXPECT_EQ(test, npu_fake_read_reg(fake, NPU_REG_BOOT_CTRL), NPU_BOOT_CTRL_START);
}

static void npu_boot_test_reset(struct kunit *test)
{
	struct npu_fake *fake = test->priv;

	npu_fake_write_reg(fake, NPU_REG_BOOT_STATUS, NPU_BOOT_STATE_RESET);
	KUNIT_EXPECT_EQ(test, npu_boot_reset(fake->ndev), 0);
	KUNIT_EXPECT_EQ(test, npu_fake_read_reg(fake, NPU_REG_BOOT_CTRL), NPU_BOOT_CTRL_RESET);
}

/* A card that never comes out of reset holds nobody for long. */
static void npu_boot_test_reset_never(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	ktime_t start = ktime_get();

	npu_fake_write_reg(fake, NPU_REG_BOOT_STATUS, ~0u);
	KUNIT_EXPECT_EQ(test, npu_boot_reset(fake->ndev), -ETIMEDOUT);
	KUNIT_EXPECT_LT(test, ktime_ms_delta(ktime_get(), start), 10000);
}

/* ---- The firmware's identity ----------------------------------------------------------- */

static struct npu_admin_identify_result *npu_boot_firmware(struct npu_fake *fake)
{
	struct npu_admin_identify_result *r = (void *)fake->result[NPU_ADMIN_IDENTIFY];

	*r = (struct npu_admin_identify_result){
		.fw_version = 0x01020003, .security_version = 4,
		.abi_min = NPU_ABI_MAJOR << 16, .abi_max = NPU_ABI_MAJOR << 16 | 5,
		.max_queues = NPU_FAKE_QUEUES + 1,
		.max_contexts = NPU_FAKE_CONTEXTS + 1,
		.build_id = "v1",
	};
	return r;
}

static void npu_boot_test_firmware(struct kunit *test)
{
	struct npu_fake *fake = test->priv;

	npu_boot_firmware(fake);
	KUNIT_EXPECT_EQ(test, npu_boot_identify_firmware(fake->ndev), 0);
	KUNIT_EXPECT_EQ(test, fake->ndev->firmware.version, 0x01020003);
	KUNIT_EXPECT_EQ(test, fake->ndev->firmware.security_version, 4);
	KUNIT_EXPECT_STREQ(test, fake->ndev->firmware.build_id, "v1");
}

static void npu_boot_test_firmware_abi(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct npu_admin_identify_result *r = npu_boot_firmware(fake);

	r->abi_min = fake->ndev->abi + 1;
	KUNIT_EXPECT_EQ(test, npu_boot_identify_firmware(fake->ndev), -EPROTONOSUPPORT);
	r = npu_boot_firmware(fake);
	r->abi_max = fake->ndev->abi - 1;
	KUNIT_EXPECT_EQ(test, npu_boot_identify_firmware(fake->ndev), -EPROTONOSUPPORT);
	/* A range that is none. */
	r->abi_min = ~0u;
	r->abi_max = 0;
	KUNIT_EXPECT_EQ(test, npu_boot_identify_firmware(fake->ndev), -EPROTONOSUPPORT);
}

/* The firmware can lower what the card has, never raise it. */
static void npu_boot_test_firmware_limits(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct npu_admin_identify_result *r = npu_boot_firmware(fake);

	r->max_queues = ~0u;
	r->max_contexts = ~0u;
	KUNIT_EXPECT_EQ(test, npu_boot_identify_firmware(fake->ndev), 0);
	KUNIT_EXPECT_EQ(test, fake->ndev->queues_max, NPU_FAKE_QUEUES);
	KUNIT_EXPECT_EQ(test, fake->ndev->contexts_max, NPU_FAKE_CONTEXTS);
	r->max_queues = 4;
	r->max_contexts = 3;
	KUNIT_EXPECT_EQ(test, npu_boot_identify_firmware(fake->ndev), 0);
	KUNIT_EXPECT_EQ(test, fake->ndev->queues_max, 3);
	KUNIT_EXPECT_EQ(test, fake->ndev->contexts_max, 2);
}

static void npu_boot_test_firmware_without(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct npu_admin_identify_result *r = npu_boot_firmware(fake);

	/* The last ones are the driver's, and context 0 is nobody's. */
	r->max_contexts = 2;
	KUNIT_EXPECT_EQ(test, npu_boot_identify_firmware(fake->ndev), -EIO);
	r->max_contexts = 0;
	KUNIT_EXPECT_EQ(test, npu_boot_identify_firmware(fake->ndev), -EIO);
	r = npu_boot_firmware(fake);
	r->max_queues = 1;
	KUNIT_EXPECT_EQ(test, npu_boot_identify_firmware(fake->ndev), -EIO);
	r->max_queues = 0;
	KUNIT_EXPECT_EQ(test, npu_boot_identify_firmware(fake->ndev), -EIO);
}

static void npu_boot_test_firmware_refuses(struct kunit *test)
{
	struct npu_fake *fake = test->priv;

	fake->status[NPU_ADMIN_IDENTIFY] = NPU_ADMIN_STATUS_UNKNOWN;
	KUNIT_EXPECT_EQ(test, npu_boot_identify_firmware(fake->ndev), -EIO);
}

static const struct npu_boot_id {
	const char *name, *id, *shown;
	size_t size;
} npu_boot_ids[] = {
	{ "empty", "", "", 0 },
	{ "full, without an end", "abcdefghijklmnopqrst", "abcdefghijklmnopqrst", 20 },
	{ "control characters", "a\nb\tc\rd\x7f", "a?b?c?d?", 9 },
	{ "an escape sequence", "\x1b[31mred", "?[31mred", 8 },
	{ "bytes beyond ASCII", "\xff\x80\xc3\xa9", "????", 4 },
	{ "what follows the end", "ab\0cd", "ab", 5 },
	{ "a format", "%s%n%p", "%s%n%p", 6 },
};

KUNIT_ARRAY_PARAM_DESC(npu_boot_id, npu_boot_ids, name);

static void npu_boot_test_build_id(struct kunit *test)
{
	const struct npu_boot_id *id = test->param_value;
	struct npu_fake *fake = test->priv;
	struct npu_admin_identify_result *r = npu_boot_firmware(fake);

	memset(r->build_id, 0, sizeof(r->build_id));
	memcpy(r->build_id, id->id, id->size);
	KUNIT_ASSERT_EQ(test, npu_boot_identify_firmware(fake->ndev), 0);
	KUNIT_EXPECT_STREQ(test, fake->ndev->firmware.build_id, id->shown);
}

/* A reset can bring another firmware: nothing of the longer name is left. */
static void npu_boot_test_build_id_again(struct kunit *test)
{
	struct npu_fake *fake = test->priv;
	struct npu_admin_identify_result *r = npu_boot_firmware(fake);

	memcpy(r->build_id, "longer-name", 11);
	KUNIT_ASSERT_EQ(test, npu_boot_identify_firmware(fake->ndev), 0);
	npu_boot_firmware(fake);
	KUNIT_ASSERT_EQ(test, npu_boot_identify_firmware(fake->ndev), 0);
	KUNIT_EXPECT_STREQ(test, fake->ndev->firmware.build_id, "v1");
}

static struct kunit_case npu_boot_cases[] = {
	KUNIT_CASE_PARAM(npu_boot_test_identify, npu_boot_claim_gen_params),
	KUNIT_CASE(npu_boot_test_identity),
	KUNIT_CASE(npu_boot_test_reasons),
	KUNIT_CASE(npu_boot_test_reason_range),
	KUNIT_CASE(npu_boot_test_reason_of_state),
	KUNIT_CASE(npu_boot_test_has_ended),
	KUNIT_CASE_PARAM(npu_boot_test_image, npu_boot_end_gen_params),
	KUNIT_CASE(npu_boot_test_reset),
	KUNIT_CASE_SLOW(npu_boot_test_reset_never),
	KUNIT_CASE(npu_boot_test_firmware),
	KUNIT_CASE(npu_boot_test_firmware_abi),
	KUNIT_CASE(npu_boot_test_firmware_limits),
	KUNIT_CASE(npu_boot_test_firmware_without),
	KUNIT_CASE(npu_boot_test_firmware_refuses),
	KUNIT_CASE_PARAM(npu_boot_test_build_id, npu_boot_id_gen_params),
	KUNIT_CASE(npu_boot_test_build_id_again),
	{}
};

static struct kunit_suite npu_boot_suite = {
	.name = "npu_boot",
	.init = npu_fake_init_live,
	.exit = npu_fake_exit,
	.suite_exit = npu_fake_suite_exit,
	.test_cases = npu_boot_cases,
};

kunit_test_suite(npu_boot_suite);
