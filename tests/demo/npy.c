// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "npy.h"

/* Magic, version 1.0, length of the text that follows (numpy.lib.format). */
#define PREFIX_SIZE 10
#define FILE_MAX (16u << 20)

static char *read_file(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	char *bytes = malloc(FILE_MAX);

	*size = 0;
	if (file && bytes)
		*size = fread(bytes, 1, FILE_MAX, file);
	if (!file || !bytes || ferror(file) || *size == FILE_MAX) {
		fprintf(stderr, "digits: %s: %s\n", path,
			*size == FILE_MAX ? "too large" : strerror(errno));
		free(bytes);
		bytes = NULL;
	}
	if (file)
		fclose(file);
	return bytes;
}

/* "(360, 1, 8, 8)" of the header; sets rows and row_size. */
static int parse_shape(struct npy *npy, const char *text)
{
	unsigned long extent;
	char *end;

	npy->rows = 0;
	npy->row_size = 1;
	for (;; text = end + strspn(end, ", ")) {
		extent = strtoul(text, &end, 10);
		if (end == text)
			return npy->rows && *text == ')' ? 0 : -1;
		if (!extent || extent > FILE_MAX || npy->row_size > FILE_MAX)
			return -1;
		if (npy->rows)
			npy->row_size *= extent;
		else
			npy->rows = extent;
	}
}

static int parse(struct npy *npy, size_t size, const char *type, size_t element_size)
{
	char header[512], wanted[32];
	const char *shape;
	size_t length;

	if (size < PREFIX_SIZE || memcmp(npy->file, "\x93NUMPY\x01\x00", 8) != 0)
		return -1;
	length = (unsigned char)npy->file[8] | (size_t)(unsigned char)npy->file[9] << 8;
	if (length >= sizeof(header) || PREFIX_SIZE + length > size)
		return -1;
	memcpy(header, npy->file + PREFIX_SIZE, length);
	header[length] = 0;
	snprintf(wanted, sizeof(wanted), "'descr': '%s'", type);
	shape = strstr(header, "'shape': (");
	if (!strstr(header, wanted) || !strstr(header, "'fortran_order': False") || !shape ||
	    parse_shape(npy, shape + strlen("'shape': (")))
		return -1;
	npy->data = npy->file + PREFIX_SIZE + length;
	return (size - PREFIX_SIZE - length) / element_size / npy->row_size == npy->rows ? 0 : -1;
}

int npy_read(struct npy *npy, const char *folder, const char *name, const char *type,
	     size_t element_size)
{
	char path[4096];
	size_t size;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	npy->file = read_file(path, &size);
	if (!npy->file)
		return -1;
	if (parse(npy, size, type, element_size)) {
		fprintf(stderr, "digits: %s: not an array of %s\n", path, type);
		npy_free(npy);
		return -1;
	}
	return 0;
}

void npy_free(struct npy *npy)
{
	free(npy->file);
	npy->file = NULL;
}
