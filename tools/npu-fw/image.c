// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Firmware images in files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "npu-fw.h"

bool image_read(const char *path, struct image *image)
{
	static uint8_t data[NPU_FW_IMAGE_MAX + 1];
	size_t size;
	FILE *file = fopen(path, "rb");

	memset(image, 0, sizeof(*image));
	if (!file) {
		fail("%s: %s", path, strerror(errno));
		return false;
	}
	errno = 0;
	size = fread(data, 1, sizeof(data), file);
	if (ferror(file)) {
		fail("%s: %s", path, strerror(errno ? errno : EIO));
		fclose(file);
		return false;
	}
	fclose(file);
	if (size > NPU_FW_IMAGE_MAX) {
		fail("%s: larger than %u bytes, no card takes that", path, NPU_FW_IMAGE_MAX);
		return false;
	}
	if (size >= 4)
		memcpy(&image->header.magic, data, 4);
	if (image->header.magic != NPU_FW_MAGIC) {
		fail("%s: not a firmware image (does not start with NPUF)", path);
		return false;
	}
	if (size < sizeof(image->header)) {
		fail("%s: truncated: %zu bytes, the header alone has %zu", path, size,
		     sizeof(image->header));
		return false;
	}
	memcpy(&image->header, data, sizeof(image->header));
	if (image->header.header_version != NPU_FW_HEADER_VERSION ||
	    image->header.header_size != NPU_FW_HEADER_SIZE) {
		fail("%s: header version %u of %u bytes; this tool knows version %u of %u", path,
		     image->header.header_version, image->header.header_size, NPU_FW_HEADER_VERSION,
		     NPU_FW_HEADER_SIZE);
		return false;
	}
	if (image->header.image_size != size ||
	    image->header.payload_size != size - sizeof(image->header)) {
		fail("%s: the file has %zu bytes, its header says %u", path, size,
		     image->header.image_size);
		return false;
	}
	image->payload = malloc(image->header.payload_size + 1);
	if (!image->payload) {
		fail("out of memory");
		return false;
	}
	memcpy(image->payload, data + sizeof(image->header), image->header.payload_size);
	return true;
}

bool image_write(const char *path, const struct image *image)
{
	FILE *file = fopen(path, "wb");
	bool good;

	good = file && fwrite(&image->header, sizeof(image->header), 1, file) == 1 &&
	       fwrite(image->payload, 1, image->header.payload_size, file) ==
	       image->header.payload_size;
	if (file && fclose(file))
		good = false;
	if (!good)
		fail("%s: %s", path, strerror(errno));
	return good;
}

void image_sign(struct image *image, const struct signing_key *key)
{
	struct npu_fw_header *h = &image->header;

	crypto_hash_sha256(h->payload_sha256, image->payload, h->payload_size);
	memset(h->key_id, 0, sizeof(h->key_id));
	memset(h->signature, 0, sizeof(h->signature));
	if (!key)
		return;
	key_id(key->public, h->key_id);
	crypto_sign_detached(h->signature, NULL, (const uint8_t *)h, NPU_FW_SIGNED_SIZE, key->secret);
}

void image_free(struct image *image)
{
	free(image->payload);
	image->payload = NULL;
}
