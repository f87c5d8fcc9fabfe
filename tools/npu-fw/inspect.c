// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* inspect, verify: what an image says of itself, and whether it is true. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "json.h"
#include "npu-fw.h"
#include "text.h"

static const char *hex(const uint8_t *data, size_t size)
{
	static char text[129];

	return sodium_bin2hex(text, sizeof(text), data, size);
}

static void version_text(uint32_t version, char text[16])
{
	snprintf(text, 16, "%u.%u.%u", version >> 24, version >> 16 & 0xff, version & 0xffff);
}

static bool is_signed(const struct npu_fw_header *h)
{
	return !sodium_is_zero(h->signature, sizeof(h->signature));
}

static bool digest_matches(const struct image *image)
{
	uint8_t digest[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(digest, image->payload, image->header.payload_size);
	return !memcmp(digest, image->header.payload_sha256, sizeof(digest));
}

/* Zero padded in the header, and anything at all in a stranger's. */
static void build_id(const struct npu_fw_header *h, char text[sizeof(h->build_id) + 1])
{
	memcpy(text, h->build_id, sizeof(h->build_id));
	text[sizeof(h->build_id)] = '\0';
}

static void print_text(const struct image *image)
{
	const struct npu_fw_header *h = &image->header;
	char version[16], id[sizeof(h->build_id) + 1], printable[4 * sizeof(h->build_id) + 1];

	version_text(h->fw_version, version);
	printf("version           %s\n", version);
	build_id(h, id);
	printf("build id          %s\n", text_printable(printable, sizeof(printable), id));
	printf("security version  %u\n", h->security_version);
	printf("family            0x%04x, revisions %u to %u\n", h->family, h->revision_min,
	       h->revision_max);
	printf("card ABI          %u.%u to %u.%u\n", h->abi_min >> 16, h->abi_min & 0xffff,
	       h->abi_max >> 16, h->abi_max & 0xffff);
	printf("size              %u bytes, payload %u\n", h->image_size, h->payload_size);
	printf("loads at          0x%08x, entry 0x%08x\n", h->load_address, h->entry);
	printf("payload SHA-256   %s %s\n", hex(h->payload_sha256, 32),
	       digest_matches(image) ? "(matches)" : "(DOES NOT MATCH)");
	printf("key id            %s\n", is_signed(h) ? hex(h->key_id, 8) : "unsigned");
}

static void print_json(const struct image *image)
{
	const struct npu_fw_header *h = &image->header;
	struct json_object *o = json_object_new_object();
	char version[16], id[sizeof(h->build_id) + 1];

	version_text(h->fw_version, version);
	build_id(h, id);
	json_add_text(o, "schema", "npu-fw/1");
	json_add_text(o, "version", version);
	json_add_text(o, "build_id", id);
	json_add_count(o, "security_version", h->security_version);
	json_add_count(o, "family", h->family);
	json_add_count(o, "revision_min", h->revision_min);
	json_add_count(o, "revision_max", h->revision_max);
	json_add_count(o, "abi_min", h->abi_min);
	json_add_count(o, "abi_max", h->abi_max);
	json_add_count(o, "image_size", h->image_size);
	json_add_count(o, "load_address", h->load_address);
	json_add_count(o, "entry", h->entry);
	json_add_text(o, "payload_sha256", hex(h->payload_sha256, 32));
	json_add_bool(o, "digest_matches", digest_matches(image));
	json_add_bool(o, "signed", is_signed(h));
	json_add_text(o, "key_id", hex(h->key_id, 8));
	json_print(o);
}

int cmd_inspect(int argc, char **argv)
{
	static const struct option names[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	struct image image;
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (c != 'j')
			return 2;
		json = true;
	}
	if (optind != argc - 1)
		return usage_error("inspect needs one IMAGE");
	if (!image_read(argv[optind], &image))
		return 1;
	if (json)
		print_json(&image);
	else
		print_text(&image);
	image_free(&image);
	return 0;
}

static int verify(const char *path, const struct image *image, const uint8_t public[32])
{
	const struct npu_fw_header *h = &image->header;
	uint8_t id[8];

	key_id(public, id);
	if (!is_signed(h))
		return fail("%s: unsigned", path);
	if (memcmp(id, h->key_id, sizeof(id)))
		return fail("%s: signed by another key (%s)", path, hex(h->key_id, 8));
	if (crypto_sign_verify_detached(h->signature, (const uint8_t *)h, NPU_FW_SIGNED_SIZE, public))
		return fail("%s: the signature is wrong", path);
	if (!digest_matches(image))
		return fail("%s: the payload differs from its digest", path);
	printf("%s: good\n", path);
	return 0;
}

int cmd_verify(int argc, char **argv)
{
	const char *key = NULL;
	uint8_t public[32];
	struct image image;
	int c, status;

	while ((c = getopt(argc, argv, "k:")) != -1) {
		if (c != 'k')
			return 2;
		key = optarg;
	}
	if (!key || optind != argc - 1)
		return usage_error("verify needs -k PUB and one IMAGE");
	if (!key_read_public(key, public) || !image_read(argv[optind], &image))
		return 1;
	status = verify(argv[optind], &image, public);
	image_free(&image);
	return status;
}
