/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* Arrays of the one kind that the demo's files have: little-endian, C order. */
#ifndef DEMO_NPY_H
#define DEMO_NPY_H

#include <stddef.h>

struct npy {
	char *file;	/* the whole of it */
	void *data;	/* its elements */
	size_t rows;	/* first extent */
	size_t row_size;	/* elements of one row */
};

/*
 * npy_read() - read FOLDER/NAME, whose elements must be of @type ("<f4",
 * "<i8") and @element_size bytes each.
 *
 * Returns 0, or -1 after it said on stderr what is wrong.
 */
int npy_read(struct npy *npy, const char *folder, const char *name, const char *type,
	     size_t element_size);
void npy_free(struct npy *npy);

#endif
