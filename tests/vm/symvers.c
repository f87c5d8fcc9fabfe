// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Prints what a part of the kernel exports, in the format of Module.symvers:
 *
 *	symvers vmlinux <vmlinux
 *	symvers drivers/gpu/drm/drm <drm.ko
 *
 * The export tables themselves are read. The other way, adding up what modules
 * import, misses every symbol that no stock module happens to use.
 *
 * An entry of the tables is three 32-bit distances, each from its own address:
 * to the symbol, to its name, to its namespace's name. They are filled in in
 * vmlinux; in a module they are still relocations. The checksums are written
 * as 0, so this is for kernels without CONFIG_MODVERSIONS.
 */

#include <errno.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY_BYTES 12
#define NAME_OFFSET 4
#define NAMESPACE_OFFSET 8

struct entry {
	const char *name;
	const char *namespace;
};

static const char *part;
static Elf *elf;

static void die(const char *what)
{
	fprintf(stderr, "symvers: %s: %s\n", part, what);
	exit(1);
}

static void open_input(void)
{
	size_t room = 1 << 20, bytes = 0, got;
	char *file = malloc(room), *larger;

	while (file && (got = fread(file + bytes, 1, room - bytes, stdin)) > 0) {
		bytes += got;
		if (bytes < room)
			continue;
		larger = realloc(file, room *= 2);
		if (!larger)
			die(strerror(ENOMEM));
		file = larger;
	}
	if (!file || ferror(stdin))
		die(strerror(errno));

	elf_version(EV_CURRENT);
	elf = elf_memory(file, bytes);
	if (!elf || gelf_getclass(elf) != ELFCLASS64)
		die("not a 64-bit ELF file");
}

static const char *string_at(Elf_Scn *section, uint64_t offset)
{
	Elf_Data *data = elf_rawdata(section, NULL);

	if (!data || offset >= data->d_size ||
	    !memchr((char *)data->d_buf + offset, 0, data->d_size - offset))
		die("an entry's name lies outside its section");
	return (char *)data->d_buf + offset;
}

static const char *string_at_address(uint64_t address)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while ((section = elf_nextscn(elf, section))) {
		if (!gelf_getshdr(section, &header) || !(header.sh_flags & SHF_ALLOC))
			continue;
		if (address >= header.sh_addr && address - header.sh_addr < header.sh_size)
			return string_at(section, address - header.sh_addr);
	}
	die("an entry's name lies in no section");
	return NULL;
}

static void set_string(struct entry *entries, size_t count, uint64_t offset, const char *string)
{
	if (offset / ENTRY_BYTES >= count)
		die("a relocation lies behind the table that it is for");
	if (offset % ENTRY_BYTES == NAME_OFFSET)
		entries[offset / ENTRY_BYTES].name = string;
	else if (offset % ENTRY_BYTES == NAMESPACE_OFFSET)
		entries[offset / ENTRY_BYTES].namespace = string;
}

static void read_linked(Elf_Scn *table, const GElf_Shdr *header, struct entry *entries,
			size_t count)
{
	Elf_Data *data = elf_rawdata(table, NULL);
	uint64_t offset;
	int32_t distance;

	if (!data || data->d_size != header->sh_size)
		die("the export table is cut off");
	for (offset = 0; offset < count * ENTRY_BYTES; offset += sizeof(distance)) {
		if (offset % ENTRY_BYTES == 0)
			continue;
		memcpy(&distance, (char *)data->d_buf + offset, sizeof(distance));
		set_string(entries, count, offset,
			   string_at_address(header->sh_addr + offset + distance));
	}
}

static const char *relocated_string(const GElf_Shdr *relocations, const GElf_Rela *rela)
{
	Elf_Scn *symtab = elf_getscn(elf, relocations->sh_link), *target;
	Elf_Data *symbols = symtab ? elf_getdata(symtab, NULL) : NULL;
	GElf_Sym symbol;

	if (GELF_R_TYPE(rela->r_info) != R_X86_64_PC32)
		die("an export table has a relocation that is not R_X86_64_PC32");
	if (!symbols || !gelf_getsym(symbols, GELF_R_SYM(rela->r_info), &symbol))
		die("a relocation has no symbol");
	target = elf_getscn(elf, symbol.st_shndx);
	if (!target)
		die("the symbol of a relocation is in no section");
	return string_at(target, symbol.st_value + rela->r_addend);
}

static void read_relocated(Elf_Scn *table, struct entry *entries, size_t count)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	GElf_Rela rela;
	Elf_Data *data;
	int i;

	while ((section = elf_nextscn(elf, section))) {
		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_RELA ||
		    header.sh_info != elf_ndxscn(table))
			continue;
		data = elf_getdata(section, NULL);
		for (i = 0; data && gelf_getrela(data, i, &rela); i++)
			if (rela.r_offset % ENTRY_BYTES != 0)
				set_string(entries, count, rela.r_offset,
					   relocated_string(&header, &rela));
	}
}

static void print_table(Elf_Scn *table, const GElf_Shdr *header, const char *export)
{
	size_t count = header->sh_size / ENTRY_BYTES, i;
	struct entry *entries = calloc(count + 1, sizeof(*entries));
	GElf_Ehdr file;

	if (!entries)
		die("out of memory");
	if (header->sh_size % ENTRY_BYTES)
		die("the export table's entries are not of 12 bytes");
	if (!gelf_getehdr(elf, &file))
		die(elf_errmsg(-1));
	if (file.e_type == ET_REL)
		read_relocated(table, entries, count);
	else
		read_linked(table, header, entries, count);

	for (i = 0; i < count; i++) {
		if (!entries[i].name || !entries[i].name[0] || !entries[i].namespace)
			die("an entry of the export table has no name");
		printf("0x00000000\t%s\t%s\t%s\t%s\n", entries[i].name, part, export,
		       entries[i].namespace);
	}
	free(entries);
}

int main(int argc, char **argv)
{
	Elf_Scn *section = NULL;
	const char *name;
	GElf_Shdr header;
	size_t sections, names;

	if (argc != 2) {
		fprintf(stderr, "Usage: symvers NAME <FILE\n");
		return 2;
	}
	part = argv[1];
	open_input();
	/* libelf takes a section table behind the file's end for none. */
	if (elf_getshdrnum(elf, &sections) || !sections || elf_getshdrstrndx(elf, &names))
		die("the file has no sections, or is cut off");
	while ((section = elf_nextscn(elf, section))) {
		if (!gelf_getshdr(section, &header))
			die(elf_errmsg(-1));
		name = elf_strptr(elf, names, header.sh_name);
		if (!name)
			continue;
		if (!strcmp(name, "__ksymtab"))
			print_table(section, &header, "EXPORT_SYMBOL");
		else if (!strcmp(name, "__ksymtab_gpl"))
			print_table(section, &header, "EXPORT_SYMBOL_GPL");
	}
	return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
