// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "npu-fw.h"

struct options {
	const char *output;
	const char *key;
	const char *build_id;
	uint32_t version;
	uint32_t security_version;
	uint32_t family;
	uint32_t revision_min, revision_max;
	uint32_t abi_min, abi_max;
};

static bool number(const char *text, uint32_t max, uint32_t *value)
{
	char *end;
	unsigned long long parsed = strtoull(text, &end, 0);

	*value = (uint32_t)parsed;
	return end != text && !*end && text[0] != '-' && parsed <= max;
}

static bool revisions(const char *text, struct options *o)
{
	char rest;

	return sscanf(text, "%u-%u%c", &o->revision_min, &o->revision_max, &rest) == 2 &&
	       o->revision_min <= o->revision_max && o->revision_max <= 0xffff;
}

static bool abis(const char *text, struct options *o)
{
	unsigned int a, b, c, d;
	char rest;

	if (sscanf(text, "%u.%u-%u.%u%c", &a, &b, &c, &d, &rest) != 4 ||
	    (a | b | c | d) > 0xffff)
		return false;
	o->abi_min = a << 16 | b;
	o->abi_max = c << 16 | d;
	return o->abi_min <= o->abi_max;
}

static int pack(const char *elf, const struct options *o)
{
	struct signing_key key;
	struct image image;
	bool good = elf_read(elf, &image) && (!o->key || key_read_secret(o->key, &key));
	struct npu_fw_header *h = &image.header;

	if (good) {
		h->magic = NPU_FW_MAGIC;
		h->header_version = NPU_FW_HEADER_VERSION;
		h->header_size = NPU_FW_HEADER_SIZE;
		h->image_size = NPU_FW_HEADER_SIZE + h->payload_size;
		h->family = (uint16_t)o->family;
		h->revision_min = (uint16_t)o->revision_min;
		h->revision_max = (uint16_t)o->revision_max;
		h->fw_version = o->version;
		h->security_version = o->security_version;
		h->abi_min = o->abi_min;
		h->abi_max = o->abi_max;
		if (o->build_id)
			memcpy(h->build_id, o->build_id, strlen(o->build_id));
		image_sign(&image, o->key ? &key : NULL);
		good = image_write(o->output, &image);
	}
	image_free(&image);
	explicit_bzero(&key, sizeof(key));
	return good ? 0 : 1;
}

int cmd_pack(int argc, char **argv)
{
	static const struct option names[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "key", required_argument, NULL, 'k' },
		{ "version", required_argument, NULL, 'v' },
		{ "security-version", required_argument, NULL, 's' },
		{ "build-id", required_argument, NULL, 'b' },
		{ "family", required_argument, NULL, 'f' },
		{ "revisions", required_argument, NULL, 'r' },
		{ "abi", required_argument, NULL, 'a' },
		{ 0 },
	};
	struct options o = {
		.family = 0x4e50, .revision_max = 0xffff, .abi_min = 1 << 16, .abi_max = 1 << 16,
	};
	bool good = true;
	int c;

	while (good && (c = getopt_long(argc, argv, "o:k:", names, NULL)) != -1) {
		switch (c) {
		case 'o':
			o.output = optarg;
			break;
		case 'k':
			o.key = optarg;
			break;
		case 'v':
			good = version_parse(optarg, &o.version);
			break;
		case 's':
			good = number(optarg, UINT32_MAX, &o.security_version);
			break;
		case 'b':
			o.build_id = optarg;
			good = strlen(optarg) < 20;
			break;
		case 'f':
			good = number(optarg, 0xffff, &o.family);
			break;
		case 'r':
			good = revisions(optarg, &o);
			break;
		case 'a':
			good = abis(optarg, &o);
			break;
		default:
			return 2;
		}
		if (!good)
			return usage_error("pack: option value '%s' is out of range", optarg);
	}
	if (!o.output || optind != argc - 1)
		return usage_error("pack needs -o FILE and one ELF file");
	return pack(argv[optind], &o);
}

int cmd_sign(int argc, char **argv)
{
	const char *key_path = NULL, *output = NULL;
	struct signing_key key;
	struct image image;
	bool good;
	int c;

	while ((c = getopt(argc, argv, "o:k:")) != -1) {
		if (c == 'k')
			key_path = optarg;
		else if (c == 'o')
			output = optarg;
		else
			return 2;
	}
	if (!key_path || !output || optind != argc - 1)
		return usage_error("sign needs -k KEY, -o FILE and one IMAGE");
	good = image_read(argv[optind], &image) && key_read_secret(key_path, &key);
	if (good) {
		image_sign(&image, &key);
		good = image_write(output, &image);
	}
	image_free(&image);
	explicit_bzero(&key, sizeof(key));
	return good ? 0 : 1;
}
