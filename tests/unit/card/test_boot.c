// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* The boot ROM: which images it starts, which it refuses, and what it remembers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <sodium.h>

#include <abi/npu_mgmt.h>

#include "dma_map.h"
#include "host.h"
#include "image.h"
#include "irq.h"
#include "log.h"

static struct image_file good;

static int setup(void **state)
{
	const struct card_config config = { .memory_size = DEVICE_MEMORY, .serial = 7 };

	*state = host_create(&config);
	return 0;
}

static int teardown(void **state)
{
	host_destroy(*state);
	return 0;
}

static uint32_t boot(struct host *h, const struct image_file *image)
{
	h->used = 0;
	return host_boot(h, image->data, image->size);
}

static void expect_refused(struct host *h, const struct image_file *image, uint32_t reason)
{
	const uint32_t status = boot(h, image);

	if (status != (NPU_BOOT_STATE_REFUSED | reason << 8))
		fail_msg("boot status 0x%x, expected reason %u", status, reason);
}

static void refuses_each_single_bit_flip_of_the_header(void **state)
{
	static struct image_file bad;
	struct host *h = *state;
	unsigned int reasons[NPU_BOOT_REASON_COUNT] = { 0 };

	bad = good;
	for (unsigned int bit = 0; bit < 8 * NPU_FW_HEADER_SIZE; bit++) {
		uint32_t status;

		bad.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		status = boot(h, &bad);
		if ((status & NPU_BOOT_STATE_MASK) != NPU_BOOT_STATE_REFUSED)
			fail_msg("bit %u flipped: boot status 0x%x", bit, status);
		assert_in_range(status >> 8, 1, NPU_BOOT_REASON_COUNT - 1);
		reasons[status >> 8]++;
		bad.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	/* The magic's 32 bits and the signature's 512 at least have their own reasons. */
	assert_int_equal(reasons[NPU_BOOT_REASON_MAGIC], 32);
	assert_true(reasons[NPU_BOOT_REASON_SIGNATURE] >= 512);
	assert_int_equal(reasons[NPU_BOOT_REASON_KEY], 64);
	assert_int_equal(boot(h, &good), NPU_BOOT_STATE_READY);
}

static void refuses_flipped_bits_of_the_payload(void **state)
{
	static struct image_file bad;
	struct host *h = *state;

	bad = good;
	for (uint32_t at = 256; at < good.size; at += 337) {
		bad.data[at] ^= 1;
		expect_refused(h, &bad, NPU_BOOT_REASON_DIGEST);
		bad.data[at] ^= 1;
	}
	bad.data[good.size - 1] ^= 0x80;
	expect_refused(h, &bad, NPU_BOOT_REASON_DIGEST);
}

static void refuses_truncated_images(void **state)
{
	static struct image_file bad;
	struct host *h = *state;

	bad = good;
	for (bad.size = 1; bad.size < good.size; bad.size += bad.size < 300 ? 1 : 731)
		expect_refused(h, &bad, NPU_BOOT_REASON_TRUNCATED);
	bad.size = good.size - 1;
	expect_refused(h, &bad, NPU_BOOT_REASON_TRUNCATED);
	bad.size = 0;
	expect_refused(h, &bad, NPU_BOOT_REASON_DMA);
	bad.size = NPU_FW_IMAGE_MAX + 1;
	expect_refused(h, &bad, NPU_BOOT_REASON_DMA);
	/* Bytes behind the image are nobody's. */
	bad.size = good.size + 100;
	assert_int_equal(boot(h, &bad), NPU_BOOT_STATE_READY);
}

static void refuses_an_image_outside_of_memory(void **state)
{
	static const uint64_t addresses[] = { 0, HOST_BASE - 4096, HOST_BASE + HOST_MEMORY,
					      HOST_BASE + HOST_MEMORY - 4096, ~0ull - 4095, 1ull << 63 };
	struct host *h = *state;

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		card_reg_write32(h->card, NPU_REG_BOOT_IMAGE_LO, (uint32_t)addresses[i]);
		card_reg_write32(h->card, NPU_REG_BOOT_IMAGE_HI, addresses[i] >> 32);
		card_reg_write32(h->card, NPU_REG_BOOT_IMAGE_SIZE, 8192);
		card_reg_write32(h->card, NPU_REG_BOOT_CTRL, NPU_BOOT_CTRL_START);
		assert_int_equal(card_reg_read32(h->card, NPU_REG_BOOT_STATUS),
				 NPU_BOOT_STATE_REFUSED | NPU_BOOT_REASON_DMA << 8);
	}
}

/* Fields that are wrong although the signature is good. */
static void refuses_each_bad_field_of_a_signed_image(void **state)
{
#define FIELD(name) offsetof(struct npu_fw_header, name), sizeof(good.header.name)
	static const struct {
		size_t offset, size;
		uint32_t value, reason;
	} cases[] = {
		{ FIELD(header_version), 0, NPU_BOOT_REASON_HEADER },
		{ FIELD(header_version), 2, NPU_BOOT_REASON_HEADER },
		{ FIELD(header_size), 512, NPU_BOOT_REASON_HEADER },
		{ FIELD(image_size), 256, NPU_BOOT_REASON_HEADER },
		{ FIELD(image_size), 0xffffffff, NPU_BOOT_REASON_TRUNCATED },
		{ FIELD(payload_size), 0, NPU_BOOT_REASON_HEADER },
		{ FIELD(payload_size), 0xffffff00, NPU_BOOT_REASON_HEADER },
		{ FIELD(load_address), NPU_MG_SRAM_BASE - 4, NPU_BOOT_REASON_HEADER },
		{ FIELD(load_address), NPU_MG_SRAM_BASE + 2, NPU_BOOT_REASON_HEADER },
		{ FIELD(load_address), NPU_MG_SRAM_BASE + NPU_MG_SRAM_SIZE - 4, NPU_BOOT_REASON_HEADER },
		{ FIELD(load_address), 0xfffffffc, NPU_BOOT_REASON_HEADER },
		{ FIELD(load_address), 0, NPU_BOOT_REASON_HEADER },
		{ FIELD(entry), NPU_MG_SRAM_BASE - 2, NPU_BOOT_REASON_HEADER },
		{ FIELD(entry), NPU_MG_SRAM_BASE + 1, NPU_BOOT_REASON_HEADER },
		{ FIELD(entry), NPU_MG_SRAM_BASE + NPU_MG_SRAM_SIZE, NPU_BOOT_REASON_HEADER },
		{ FIELD(mbz0), 1, NPU_BOOT_REASON_HEADER },
		{ FIELD(mbz1[11]), 1, NPU_BOOT_REASON_HEADER },
		{ FIELD(flags), 1, NPU_BOOT_REASON_HEADER },
		{ FIELD(mbz2[0]), 1, NPU_BOOT_REASON_HEADER },
		{ FIELD(mbz2[67]), 1, NPU_BOOT_REASON_HEADER },
		{ FIELD(family), 0, NPU_BOOT_REASON_FAMILY },
		{ FIELD(family), NPU_HW_FAMILY + 1, NPU_BOOT_REASON_FAMILY },
		{ FIELD(revision_min), 2, NPU_BOOT_REASON_REVISION },
		{ FIELD(revision_max), 0, NPU_BOOT_REASON_REVISION },
		{ FIELD(abi_min), 2u << 16, NPU_BOOT_REASON_ABI },
		{ FIELD(abi_max), 0xffff, NPU_BOOT_REASON_ABI },
	};
	static struct image_file bad;
	struct host *h = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bad = good;
		memcpy(bad.data + cases[i].offset, &cases[i].value, cases[i].size);
		image_sign(&bad, DEVELOPMENT_KEY_FILE);
		expect_refused(h, &bad, cases[i].reason);
	}
	bad = good;
	memset(bad.header.signature, 0, 64);
	expect_refused(h, &bad, NPU_BOOT_REASON_UNSIGNED);
	bad = good;
	image_sign(&bad, NULL);
	expect_refused(h, &bad, NPU_BOOT_REASON_KEY);
	/* Another key's signature under our key's name. */
	memcpy(bad.header.key_id, good.header.key_id, 8);
	expect_refused(h, &bad, NPU_BOOT_REASON_SIGNATURE);
	/* A refusal leaves nothing behind. */
	assert_int_equal(boot(h, &good), NPU_BOOT_STATE_READY);
}

struct rewriter {
	uint8_t *byte;
	atomic_bool quit;
};

static __attribute__((no_sanitize_thread)) void *rewrite(void *argument)
{
	struct rewriter *r = argument;

	while (!atomic_load(&r->quit)) {
		__atomic_fetch_xor(r->byte, 0xff, __ATOMIC_RELAXED);
		for (volatile int i = 0; i < 200; i++)
			;
	}
	return NULL;
}

/* What is started is what was checked, whatever the host does meanwhile. */
static void an_image_rewritten_meanwhile_is_good_or_refused(void **state)
{
	struct host *h = *state;
	/* An instruction at the entry: if it were executed, the core would trap. */
	struct rewriter r = { .byte = h->memory + 256 + (good.header.entry - good.header.load_address) };
	unsigned int started = 0, refused = 0;
	pthread_t thread;

	pthread_create(&thread, NULL, rewrite, &r);
	for (int i = 0; i < 20000 && (i < 300 || !started || !refused); i++) {
		uint32_t status;

		h->used = 0;
		status = host_boot(h, good.data, good.size);
		if (status == NPU_BOOT_STATE_READY)
			started++;
		else
			assert_int_equal(status, NPU_BOOT_STATE_REFUSED | NPU_BOOT_REASON_DIGEST << 8);
		refused += status != NPU_BOOT_STATE_READY;
		card_reset(h->card);
	}
	atomic_store(&r.quit, true);
	pthread_join(thread, NULL);
	assert_true(started && refused);
}

/* A firmware that is silent for less than two seconds, again and again. */
static void many_short_lives_are_no_silence(void **state)
{
	struct host *h = *state;

	assert_int_equal(card_fault_inject(h->card, "fw-hang", true), 0);
	for (int i = 0; i < 12; i++) {
		h->used = 0;
		memcpy(host_alloc(h, good.size, NULL), good.data, good.size);
		card_reg_write32(h->card, NPU_REG_BOOT_IMAGE_LO, (uint32_t)HOST_BASE);
		card_reg_write32(h->card, NPU_REG_BOOT_IMAGE_SIZE, good.size);
		card_reg_write32(h->card, NPU_REG_BOOT_CTRL, NPU_BOOT_CTRL_START);
		usleep(300000);
		assert_int_equal(card_reg_read32(h->card, NPU_REG_BOOT_STATUS), NPU_BOOT_STATE_STARTED);
		card_reset(h->card);
	}
}

static void start_is_ignored_while_it_runs(void **state)
{
	struct host *h = *state;
	uint32_t beats;

	assert_int_equal(boot(h, &good), NPU_BOOT_STATE_READY);
	host_enable_admin(h, 8);
	beats = card_reg_read32(h->card, NPU_REG_HEARTBEAT);
	card_reg_write32(h->card, NPU_REG_BOOT_IMAGE_SIZE, 1);
	card_reg_write32(h->card, NPU_REG_BOOT_CTRL, NPU_BOOT_CTRL_START);
	assert_int_equal(card_reg_read32(h->card, NPU_REG_BOOT_STATUS), NPU_BOOT_STATE_READY);
	usleep(200000);
	assert_true(card_reg_read32(h->card, NPU_REG_HEARTBEAT) > beats);
}

static void a_trap_crashes_the_core(void **state)
{
	static struct image_file bad;
	struct host *h = *state;

	bad = good;
	memset(bad.data + 256, 0xff, 64);	/* no RV32 instruction */
	image_sign(&bad, DEVELOPMENT_KEY_FILE);
	assert_int_equal(boot(h, &bad), NPU_BOOT_STATE_CRASHED | NPU_BOOT_REASON_TRAP << 8);
	/* Only a reset helps, and it does. */
	card_reg_write32(h->card, NPU_REG_BOOT_CTRL, NPU_BOOT_CTRL_START);
	assert_int_equal(card_reg_read32(h->card, NPU_REG_BOOT_STATUS) & NPU_BOOT_STATE_MASK,
			 NPU_BOOT_STATE_CRASHED);
	card_reg_write32(h->card, NPU_REG_BOOT_CTRL, NPU_BOOT_CTRL_RESET);
	assert_int_equal(boot(h, &good), NPU_BOOT_STATE_READY);
}

/* A card in a state directory of its own. */
static struct host *create_with(const char *state_dir, const char *key_file)
{
	const struct card_config config = { .memory_size = DEVICE_MEMORY, .serial = 7,
					    .state_dir = state_dir, .key_file = key_file };

	return host_create(&config);
}

static void the_security_version_survives_power_loss(void **unused)
{
	char dir[] = P_tmpdir "/npu-state-XXXXXX", file[64];
	static struct image_file image;
	struct host *h;

	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/security-version", dir);
	h = create_with(dir, NULL);
	assert_int_equal(card_reg_read32(h->card, NPU_REG_SECURITY_VERSION), 0);
	image = good;
	image.header.security_version = 5;
	/* An image that never becomes READY raises nothing. */
	memset(image.data + 256, 0xff, 64);
	image_sign(&image, DEVELOPMENT_KEY_FILE);
	assert_int_equal(boot(h, &image) & NPU_BOOT_STATE_MASK, NPU_BOOT_STATE_CRASHED);
	assert_int_equal(card_reg_read32(h->card, NPU_REG_SECURITY_VERSION), 0);
	card_reset(h->card);
	memcpy(image.data + 256, good.data + 256, 64);
	image_sign(&image, DEVELOPMENT_KEY_FILE);
	assert_int_equal(boot(h, &image), NPU_BOOT_STATE_READY);
	assert_int_equal(card_reg_read32(h->card, NPU_REG_SECURITY_VERSION), 5);
	host_destroy(h);

	h = create_with(dir, NULL);
	assert_int_equal(card_reg_read32(h->card, NPU_REG_SECURITY_VERSION), 5);
	expect_refused(h, &good, NPU_BOOT_REASON_ROLLBACK);
	image.header.security_version = 4;
	image_sign(&image, DEVELOPMENT_KEY_FILE);
	expect_refused(h, &image, NPU_BOOT_REASON_ROLLBACK);
	image.header.security_version = 5;
	image_sign(&image, DEVELOPMENT_KEY_FILE);
	assert_int_equal(boot(h, &image), NPU_BOOT_STATE_READY);
	host_destroy(h);
	unlink(file);
	rmdir(dir);
}

static struct card *try_card(const char *state_dir, const char *key_file)
{
	const struct card_config config = { .memory_size = 1 << 20, .serial = 7, .state_dir = state_dir,
					    .key_file = key_file };
	struct dma_map *dma = dma_map_create();
	struct irq_set *irqs = irq_set_create(1);
	struct card *card = card_create(&config, dma, irqs);

	card_destroy(card);
	irq_set_destroy(irqs);
	dma_map_destroy(dma);
	return card;
}

static void unknown_fuses_start_no_card(void **unused)
{
	static const char *const contents[] = { "", "x\n", "-1\n", "4294967296\n", "5 6\n", "5" };
	char dir[] = P_tmpdir "/npu-state-XXXXXX", file[64];

	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/security-version", dir);
	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
		FILE *f = fopen(file, "w");

		fputs(contents[i], f);
		fclose(f);
		assert_null(try_card(dir, NULL));
	}
	unlink(file);
	assert_non_null(try_card(dir, NULL));
	/* Neither a file nor a place that is not there is a directory. */
	assert_null(try_card("/dev/null", NULL));
	assert_null(try_card("/nonexistent/state", NULL));
	rmdir(dir);
}

static void two_cards_do_not_share_fuses(void **unused)
{
	char dir[] = P_tmpdir "/npu-state-XXXXXX";
	struct host *h;

	assert_non_null(mkdtemp(dir));
	h = create_with(dir, NULL);
	assert_null(try_card(dir, NULL));
	host_destroy(h);
	assert_non_null(try_card(dir, NULL));
	rmdir(dir);
}

static void trusts_the_key_that_it_was_given(void **unused)
{
	static struct image_file image;
	char name[] = P_tmpdir "/npu-key-XXXXXX", hex[65];
	uint8_t seed[32], public[32], secret[64];
	struct host *h;
	FILE *file;

	randombytes_buf(seed, sizeof(seed));
	crypto_sign_seed_keypair(public, secret, seed);
	sodium_bin2hex(hex, sizeof(hex), public, 32);
	file = fdopen(mkstemp(name), "w");
	fprintf(file, "# a comment\nnpu-ed25519-public %s\n", hex);
	fclose(file);
	h = create_with(NULL, name);
	expect_refused(h, &good, NPU_BOOT_REASON_KEY);
	image = good;
	image_sign_seed(&image, seed);
	assert_int_equal(boot(h, &image), NPU_BOOT_STATE_READY);
	host_destroy(h);

	/* No key, half a key, and a secret one are none. */
	file = fopen(name, "w");
	fprintf(file, "npu-ed25519-public %.60s\n", hex);
	fclose(file);
	assert_null(try_card(NULL, name));
	file = fopen(name, "w");
	fprintf(file, "npu-ed25519-secret %s\n", hex);
	fclose(file);
	assert_null(try_card(NULL, name));
	unlink(name);
	assert_null(try_card(NULL, name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(refuses_each_single_bit_flip_of_the_header),
		T(refuses_flipped_bits_of_the_payload),
		T(refuses_truncated_images),
		T(refuses_an_image_outside_of_memory),
		T(refuses_each_bad_field_of_a_signed_image),
		T(an_image_rewritten_meanwhile_is_good_or_refused),
		T(many_short_lives_are_no_silence),
		T(start_is_ignored_while_it_runs),
		T(a_trap_crashes_the_core),
		cmocka_unit_test(the_security_version_survives_power_loss),
		cmocka_unit_test(unknown_fuses_start_no_card),
		cmocka_unit_test(two_cards_do_not_share_fuses),
		cmocka_unit_test(trusts_the_key_that_it_was_given),
	};

	log_init(LOG_LEVEL_DEBUG, getenv("NPU_SIM_LOG") ? NULL : "/dev/null");
	if (sodium_init() < 0)
		return 1;
	image_read(&good, FIRMWARE_IMAGE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
