// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/*
 * Boot ROM: takes one copy of the firmware image and checks that copy, in the
 * order of docs/card.md, "Boot", so that a host that changes the image
 * afterwards changes nothing.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include <abi/npu_fw.h>

#include "card_internal.h"
#include "dma_map.h"
#include "log.h"

#define CARD_ABI (NPU_ABI_MAJOR << 16 | NPU_ABI_MINOR)

static bool zero(const void *data, size_t size)
{
	return sodium_is_zero(data, size);
}

static bool header_valid(const struct npu_fw_header *h)
{
	const uint64_t end = (uint64_t)h->load_address + h->payload_size;

	return h->header_version == NPU_FW_HEADER_VERSION && h->header_size == NPU_FW_HEADER_SIZE &&
	       h->payload_size && !(h->payload_size % 4) &&
	       h->image_size == (uint64_t)NPU_FW_HEADER_SIZE + h->payload_size && !h->mbz0 &&
	       zero(h->mbz1, sizeof(h->mbz1)) && !h->flags && zero(h->mbz2, sizeof(h->mbz2)) &&
	       !(h->load_address % 4) && h->load_address >= NPU_MG_SRAM_BASE &&
	       end <= (uint64_t)NPU_MG_SRAM_BASE + NPU_MG_SRAM_SIZE &&
	       h->entry >= h->load_address && h->entry < end && !(h->entry % 2);
}

static uint32_t check(const struct card *card, const uint8_t *image, uint32_t size)
{
	uint8_t digest[crypto_hash_sha256_BYTES];
	struct npu_fw_header h;

	if (size < sizeof(h.magic))
		return NPU_BOOT_REASON_TRUNCATED;
	memcpy(&h.magic, image, sizeof(h.magic));
	if (h.magic != NPU_FW_MAGIC)
		return NPU_BOOT_REASON_MAGIC;
	if (size < sizeof(h))
		return NPU_BOOT_REASON_TRUNCATED;
	memcpy(&h, image, sizeof(h));
	if (h.image_size > size)
		return NPU_BOOT_REASON_TRUNCATED;
	if (!header_valid(&h))
		return NPU_BOOT_REASON_HEADER;
	if (h.family != NPU_HW_FAMILY)
		return NPU_BOOT_REASON_FAMILY;
	if (HARDWARE_REVISION < h.revision_min || HARDWARE_REVISION > h.revision_max)
		return NPU_BOOT_REASON_REVISION;
	if (zero(h.signature, sizeof(h.signature)))
		return NPU_BOOT_REASON_UNSIGNED;
	crypto_hash_sha256(digest, card->public_key, sizeof(card->public_key));
	if (memcmp(digest, h.key_id, sizeof(h.key_id)))
		return NPU_BOOT_REASON_KEY;
	if (crypto_sign_verify_detached(h.signature, image, NPU_FW_SIGNED_SIZE, card->public_key))
		return NPU_BOOT_REASON_SIGNATURE;
	crypto_hash_sha256(digest, image + NPU_FW_HEADER_SIZE, h.payload_size);
	if (memcmp(digest, h.payload_sha256, sizeof(digest)))
		return NPU_BOOT_REASON_DIGEST;
	if (h.security_version < card->security_version)
		return NPU_BOOT_REASON_ROLLBACK;
	if (h.abi_min > CARD_ABI || h.abi_max < CARD_ABI)
		return NPU_BOOT_REASON_ABI;
	return NPU_BOOT_REASON_NONE;
}

uint32_t boot_rom_load(struct card *card, uint64_t address, uint32_t size, struct boot_image *image)
{
	uint32_t reason = NPU_BOOT_REASON_DMA;
	uint8_t *copy = NULL;
	struct npu_fw_header h;

	memset(image, 0, sizeof(*image));
	if (size && size <= NPU_FW_IMAGE_MAX)
		copy = malloc(size);
	if (copy && !dma_map_read(card->dma, address, copy, size))
		reason = check(card, copy, size);
	if (reason) {
		log_info("boot ROM refuses the image of %u bytes: reason %u", size, reason);
		free(copy);
		return reason;
	}
	memcpy(&h, copy, sizeof(h));
	memmove(copy, copy + NPU_FW_HEADER_SIZE, h.payload_size);
	*image = (struct boot_image){ copy, h.payload_size, h.load_address, h.entry,
				      h.security_version };
	return NPU_BOOT_REASON_NONE;
}
