/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
#ifndef TOOLS_NPU_FW_H
#define TOOLS_NPU_FW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <abi/npu_fw.h>

#include "program.h"

/* Each gets its own name as argv[0]; exit codes: 0 good, 1 refused or failed, 2 wrong usage. */
int cmd_keygen(int argc, char **argv);
int cmd_pack(int argc, char **argv);
int cmd_sign(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_inspect(int argc, char **argv);

/* key.c: keys in text files; false after a message. */
struct signing_key {
	uint8_t secret[64];
	uint8_t public[32];
};
bool key_read_secret(const char *path, struct signing_key *key);
bool key_read_public(const char *path, uint8_t public[32]);
void key_id(const uint8_t public[32], uint8_t id[8]);

/* image.c */
struct image {
	struct npu_fw_header header;
	uint8_t *payload;	/* header.payload_size bytes */
};
bool image_read(const char *path, struct image *image);	/* checks sizes and magic */
bool image_write(const char *path, const struct image *image);
void image_sign(struct image *image, const struct signing_key *key);
void image_free(struct image *image);

/* elf_image.c: the loadable segments of an RV32 executable. */
bool elf_read(const char *path, struct image *image);

/* "1.2.3" to 8.8.16. */
bool version_parse(const char *text, uint32_t *version);

#endif /* TOOLS_NPU_FW_H */
