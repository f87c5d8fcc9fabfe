// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gelf.h>

#include "npu-fw.h"

/* Puts one segment into the payload, whose first byte stands at base. */
static bool add_segment(const char *path, const uint8_t *file, size_t size, const GElf_Phdr *p,
			uint64_t base, uint8_t *payload)
{
	if (p->p_offset > size || p->p_filesz > size - p->p_offset) {
		fail("%s: a segment lies outside the file", path);
		return false;
	}
	memcpy(payload + (p->p_paddr - base), file + p->p_offset, p->p_filesz);
	return true;
}

static bool load(const char *path, Elf *elf, struct image *image)
{
	uint64_t low = UINT64_MAX, high = 0;
	size_t count, size;
	const char *file = elf_rawfile(elf, &size);
	GElf_Ehdr header;
	GElf_Phdr p;

	if (!file || !gelf_getehdr(elf, &header) || gelf_getclass(elf) != ELFCLASS32 ||
	    header.e_machine != EM_RISCV || header.e_type != ET_EXEC ||
	    elf_getphdrnum(elf, &count)) {
		fail("%s: not an RV32 executable", path);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		if (!gelf_getphdr(elf, (int)i, &p) || p.p_type != PT_LOAD || !p.p_filesz)
			continue;
		low = p.p_paddr < low ? p.p_paddr : low;
		high = p.p_paddr + p.p_filesz > high ? p.p_paddr + p.p_filesz : high;
	}
	high = (high + 3) & ~3ULL;
	if (low >= high || low % 4 || high - low > NPU_FW_IMAGE_MAX - NPU_FW_HEADER_SIZE) {
		fail("%s: %llu bytes to load; an image holds at most %u", path,
		     low < high ? (unsigned long long)(high - low) : 0,
		     NPU_FW_IMAGE_MAX - NPU_FW_HEADER_SIZE);
		return false;
	}
	if (header.e_entry < low || header.e_entry >= high || header.e_entry % 2) {
		fail("%s: its entry point 0x%llx lies outside what is loaded, or is odd", path,
		     (unsigned long long)header.e_entry);
		return false;
	}
	image->payload = calloc(1, high - low);
	if (!image->payload) {
		fail("out of memory");
		return false;
	}
	image->header.load_address = (uint32_t)low;
	image->header.payload_size = (uint32_t)(high - low);
	image->header.entry = (uint32_t)header.e_entry;
	for (size_t i = 0; i < count; i++) {
		if (gelf_getphdr(elf, (int)i, &p) && p.p_type == PT_LOAD && p.p_filesz &&
		    !add_segment(path, (const uint8_t *)file, size, &p, low, image->payload))
			return false;
	}
	return true;
}

bool elf_read(const char *path, struct image *image)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool good = false;
	Elf *elf;

	memset(image, 0, sizeof(*image));
	if (fd < 0) {
		fail("%s: %s", path, strerror(errno));
		return false;
	}
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (elf)
		good = load(path, elf, image);
	else
		fail("%s: %s", path, elf_errmsg(-1));
	elf_end(elf);
	close(fd);
	return good;
}
