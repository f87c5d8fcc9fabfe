/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/*
 * Firmware image (docs/card.md, "Firmware image"): a 256-byte header, then
 * the payload that the boot ROM copies to SRAM. All fields little endian.
 * The Ed25519 signature (RFC 8032) covers header bytes 0x00 .. 0xbf, which
 * contain the SHA-256 of the payload.
 */
#ifndef NPU_ABI_FW_H
#define NPU_ABI_FW_H

#include <linux/types.h>

#define NPU_FW_MAGIC		0x4655504e	/* "NPUF" */
#define NPU_FW_HEADER_VERSION	1
#define NPU_FW_HEADER_SIZE	256
#define NPU_FW_SIGNED_SIZE	0xc0
#define NPU_FW_IMAGE_MAX	(256 * 1024)

struct npu_fw_header {
	__u32 magic;
	__u16 header_version;
	__u16 header_size;	/* also the payload's offset */
	__u32 image_size;	/* header and payload; the file has no more */
	__u32 payload_size;	/* multiple of 4 */
	__u32 load_address;	/* in SRAM, multiple of 4 */
	__u32 entry;		/* inside the payload as loaded, even */
	__u16 family;		/* NPU_HW_FAMILY */
	__u16 revision_min;	/* NPU_HW_REVISION range that it supports */
	__u16 revision_max;
	__u16 mbz0;
	__u32 fw_version;	/* major 31:24, minor 23:16, patch 15:0 */
	__u32 security_version;
	__u32 abi_min;		/* range of NPU_REG_ABI values that it speaks */
	__u32 abi_max;
	__u8 mbz1[12];		/* up to 0x3c */
	__u32 flags;		/* mbz */
	__u8 key_id[8];		/* first bytes of the SHA-256 of the public key */
	__u8 build_id[20];	/* text, zero padded */
	__u8 mbz2[68];		/* up to 0xa0 */
	__u8 payload_sha256[32];
	__u8 signature[64];
};

#endif /* NPU_ABI_FW_H */
