// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
#include "image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#define PREFIX "npu-ed25519-secret "

void image_read(struct image_file *image, const char *path)
{
	FILE *file = fopen(path, "rb");

	if (!file) {
		perror(path);
		abort();
	}
	image->size = (uint32_t)fread(image->data, 1, sizeof(image->data), file);
	fclose(file);
}

void image_sign_seed(struct image_file *image, const uint8_t *seed)
{
	uint8_t public[32], secret[64], digest[32];
	struct npu_fw_header *h = &image->header;

	crypto_sign_seed_keypair(public, secret, seed);
	crypto_hash_sha256(digest, public, 32);
	memcpy(h->key_id, digest, 8);
	if (h->payload_size <= image->size - 256)
		crypto_hash_sha256(h->payload_sha256, image->data + 256, h->payload_size);
	crypto_sign_detached(h->signature, NULL, image->data, NPU_FW_SIGNED_SIZE, secret);
}

void image_sign(struct image_file *image, const char *key_file)
{
	uint8_t seed[32];
	char line[200];
	FILE *file;

	randombytes_buf(seed, sizeof(seed));
	file = key_file ? fopen(key_file, "r") : NULL;
	if (key_file && !file) {
		perror(key_file);
		abort();
	}
	while (file && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, PREFIX, strlen(PREFIX)))
			sodium_hex2bin(seed, 32, line + strlen(PREFIX), 64, NULL, NULL, NULL);
	}
	if (file)
		fclose(file);
	image_sign_seed(image, seed);
}
