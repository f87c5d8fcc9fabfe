// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* A library's header, its map and the library itself name the same functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ctype.h>
#include <dlfcn.h>
#include <elf.h>

#define NAMES_MAX 256

struct names {
	char *names[NAMES_MAX];
	int count;
};

static char *read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "r");
	char *text;
	long length;

	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	length = ftell(f);
	rewind(f);
	text = calloc(1, (size_t)length + 1);
	assert_int_equal(fread(text, 1, (size_t)length, f), length);
	fclose(f);
	if (size)
		*size = (size_t)length;
	return text;
}

static void blank_comments(char *text)
{
	for (char *c = strstr(text, "/*"); c; c = strstr(c, "/*")) {
		char *end = strstr(c, "*/");

		assert_non_null(end);
		memset(c, ' ', (size_t)(end + 2 - c));
	}
}

static void add_name(struct names *n, const char *name, size_t length)
{
	for (int i = 0; i < n->count; i++)
		if (strlen(n->names[i]) == length && !memcmp(n->names[i], name, length))
			return;
	assert_true(n->count < NAMES_MAX);
	n->names[n->count++] = strndup(name, length);
}

static bool has(const struct names *n, const char *name)
{
	for (int i = 0; i < n->count; i++)
		if (!strcmp(n->names[i], name))
			return true;
	return false;
}

static void free_names(struct names *n)
{
	for (int i = 0; i < n->count; i++)
		free(n->names[i]);
}

struct library {
	const char *header;
	const char *map;
	const char *file;
	const char *prefix; /* of each function */
	const char *version;
};

static struct library libraries[] = {
	{ "libnpu/npu.h", "libnpu/libnpu.map", LIBRARIES "libnpu.so.1", "npu_", "NPU_1.0" },
	{ "compiler/npuc.h", "compiler/libnpuc.map", LIBRARIES "libnpuc.so.1", "npuc_", "NPUC_1.0" },
};

/* Words that start with @prefix and are followed by @after. */
static void collect(struct names *n, const char *path, const char *prefix, char after)
{
	char *text = read_file(path, NULL);

	n->count = 0;
	blank_comments(text);
	for (char *c = strstr(text, prefix); c; c = strstr(c, prefix)) {
		bool starts = c == text || (!isalnum((unsigned char)c[-1]) && c[-1] != '_');
		char *end = c;

		while (isalnum((unsigned char)*end) || *end == '_')
			end++;
		if (starts && *end == after)
			add_name(n, c, (size_t)(end - c));
		c = end;
	}
	free(text);
	assert_true(n->count > 10);
}

static void assert_same(const struct names *a, const struct names *b)
{
	for (int i = 0; i < a->count; i++)
		if (!has(b, a->names[i]))
			fail_msg("%s is on one side only", a->names[i]);
	for (int i = 0; i < b->count; i++)
		if (!has(a, b->names[i]))
			fail_msg("%s is on one side only", b->names[i]);
}

static void header_and_map_name_the_same_functions(void **state)
{
	const struct library *l = *state;
	struct names header, map;

	collect(&header, l->header, l->prefix, '(');
	collect(&map, l->map, l->prefix, ';');
	assert_same(&header, &map);
	free_names(&header);
	free_names(&map);
}

/* The dynamic symbol table, by the section headers. */
static void exported(struct names *n, const char *path)
{
	size_t size;
	char *file = read_file(path, &size);
	const Elf64_Ehdr *e = (const void *)file;
	const Elf64_Shdr *s = (const void *)(file + e->e_shoff);

	n->count = 0;
	for (int i = 0; i < e->e_shnum; i++) {
		const Elf64_Sym *symbols = (const void *)(file + s[i].sh_offset);
		const char *names = file + s[s[i].sh_link].sh_offset;

		for (size_t k = 1; s[i].sh_type == SHT_DYNSYM && k < s[i].sh_size / sizeof(*symbols); k++)
			if (symbols[k].st_shndx != SHN_UNDEF && symbols[k].st_shndx != SHN_ABS)
				add_name(n, names + symbols[k].st_name,
					 strlen(names + symbols[k].st_name));
	}
	free(file);
}

static void the_library_exports_these_and_no_more(void **state)
{
	const struct library *l = *state;
	struct names header, library;

	collect(&header, l->header, l->prefix, '(');
	exported(&library, l->file);
	assert_same(&header, &library);
	free_names(&header);
	free_names(&library);
}

static void each_function_is_found_under_its_version(void **state)
{
	const struct library *l = *state;
	void *library = dlopen(l->file, RTLD_NOW);
	struct names header;

	if (!library)
		fail_msg("%s", dlerror());
	collect(&header, l->header, l->prefix, '(');
	for (int i = 0; i < header.count; i++)
		if (!dlvsym(library, header.names[i], l->version))
			fail_msg("%s", dlerror());
	free_names(&header);
	dlclose(library);
}

int main(void)
{
#define TEST(name, i) { #name, name, NULL, NULL, &libraries[i] }
	const struct CMUnitTest tests[] = {
		TEST(header_and_map_name_the_same_functions, 0),
		TEST(the_library_exports_these_and_no_more, 0),
		TEST(each_function_is_found_under_its_version, 0),
		TEST(header_and_map_name_the_same_functions, 1),
		TEST(the_library_exports_these_and_no_more, 1),
		TEST(each_function_is_found_under_its_version, 1),
	};

	return cmocka_run_group_tests_name("libraries' symbols", tests, NULL, NULL);
}
