// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Keys are text files: lines that start with '#', and one line
 * "npu-ed25519-public HEX" (the 32-byte key of RFC 8032) or
 * "npu-ed25519-secret HEX" (the 32-byte seed).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "npu-fw.h"

#define SECRET "npu-ed25519-secret "
#define PUBLIC "npu-ed25519-public "

static bool read_key(const char *path, const char *prefix, uint8_t key[32])
{
	char line[160];
	size_t length = 0;
	FILE *file = fopen(path, "r");

	if (!file) {
		fail("%s: %s", path, strerror(errno));
		return false;
	}
	while (length != 32 && fgets(line, sizeof(line), file)) {
		const char *hex = line + strlen(prefix);

		if (!strncmp(line, prefix, strlen(prefix)) &&
		    sodium_hex2bin(key, 32, hex, strcspn(hex, "\r\n"), NULL, &length, NULL))
			length = 0;
	}
	fclose(file);
	sodium_memzero(line, sizeof(line));
	if (length != 32)
		fail("%s: no line '%s' with 64 hex digits; keys are made by npu-fw keygen", path, prefix);
	return length == 32;
}

bool key_read_secret(const char *path, struct signing_key *key)
{
	uint8_t seed[32];
	bool good = read_key(path, SECRET, seed);

	if (good)
		crypto_sign_seed_keypair(key->public, key->secret, seed);
	sodium_memzero(seed, sizeof(seed));
	return good;
}

bool key_read_public(const char *path, uint8_t public[32])
{
	return read_key(path, PUBLIC, public);
}

void key_id(const uint8_t public[32], uint8_t id[8])
{
	uint8_t digest[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(digest, public, 32);
	memcpy(id, digest, 8);
}

/* Never overwrites: a key that is lost cannot be made again. */
static bool write_key(const char *name, const char *suffix, const char *prefix,
		      const uint8_t key[32], mode_t mode)
{
	char path[4096], hex[65];
	FILE *file;
	int fd;

	snprintf(path, sizeof(path), "%s%s", name, suffix);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!file || fprintf(file, "%s%s\n", prefix, sodium_bin2hex(hex, sizeof(hex), key, 32)) < 0 ||
	    fclose(file)) {
		fail("%s: %s", path, strerror(errno));
		return false;
	}
	sodium_memzero(hex, sizeof(hex));
	return true;
}

int cmd_keygen(int argc, char **argv)
{
	uint8_t seed[32];
	struct signing_key key;
	bool good;

	if (argc != 2 || argv[1][0] == '-')
		return usage_error("keygen needs one NAME");
	randombytes_buf(seed, sizeof(seed));
	crypto_sign_seed_keypair(key.public, key.secret, seed);
	good = write_key(argv[1], ".key", SECRET, seed, 0600) &&
	       write_key(argv[1], ".pub", PUBLIC, key.public, 0644);
	sodium_memzero(seed, sizeof(seed));
	sodium_memzero(&key, sizeof(key));
	return good ? 0 : 1;
}
