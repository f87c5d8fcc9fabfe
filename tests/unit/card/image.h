/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright The npu authors */
/* Firmware images for tests: the real one, changed and signed again. */
#ifndef TESTS_IMAGE_H
#define TESTS_IMAGE_H

#include <stdint.h>

#include <abi/npu_fw.h>

#define IMAGE_MAX	300000

struct image_file {
	union {
		uint8_t data[IMAGE_MAX];
		struct npu_fw_header header;
	};
	uint32_t size;
};

void image_read(struct image_file *image, const char *path);
/* Hashes the payload and signs with a secret key file; NULL: with a random key. */
void image_sign(struct image_file *image, const char *key_file);
/* The same with a seed of 32 bytes. */
void image_sign_seed(struct image_file *image, const uint8_t *seed);

#define DEVELOPMENT_KEY_FILE "firmware/keys/development.key"

#endif /* TESTS_IMAGE_H */
