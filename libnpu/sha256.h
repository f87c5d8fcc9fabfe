/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
#ifndef LIBNPU_SHA256_H
#define LIBNPU_SHA256_H

#include <stddef.h>
#include <stdint.h>

#include <sodium/crypto_hash_sha256.h>

/* FIPS 180-4, by libsodium, which needs no set-up for it. */
#define NPU_SHA256_SIZE crypto_hash_sha256_BYTES

static inline void npu_sha256(uint8_t digest[NPU_SHA256_SIZE], const void *data, size_t size)
{
	crypto_hash_sha256(digest, data, size);
}

#endif
