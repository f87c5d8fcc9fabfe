// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "digits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

/* The data of a little-endian f32 array in .npy format 1.0, of which it is known that it is one. */
static void *read_npy(const char *path, size_t row, uint32_t *rows)
{
	FILE *f = fopen(path, "rb");
	unsigned char head[10];
	long size;
	void *data;

	if (!f || fread(head, 1, 10, f) != 10 || memcmp(head, "\x93NUMPY\1", 7))
		tap_bail("%s is no .npy file", path);
	fseek(f, 0, SEEK_END);
	size = ftell(f) - 10 - (head[8] | head[9] << 8);
	fseek(f, -size, SEEK_END);
	data = malloc((size_t)size);
	if (!data || fread(data, 1, (size_t)size, f) != (size_t)size)
		tap_bail("%s cannot be read", path);
	fclose(f);
	*rows = (uint32_t)((size_t)size / row);
	return data;
}

void digits_load(struct digits *d, const char *program, const char *variant)
{
	const char *slash = strrchr(program, '/');
	char path[512];
	struct npu_error error;
	uint32_t references;

	snprintf(path, sizeof(path), "%.*s/../../models/digits-%s.npu",
		 slash ? (int)(slash - program) : 1, slash ? program : ".", variant);
	d->tolerance = strcmp(variant, "int8") ? 1e-4f : 0;
	if (npu_graph_open(path, &d->graph, &error))
		tap_bail("%s", error.text);
	d->images = read_npy("tests/models/digits-images.npy", sizeof(d->images[0]), &d->count);
	snprintf(path, sizeof(path), "tests/models/digits-%s-reference.npy", variant);
	d->references = read_npy(path, sizeof(d->references[0]), &references);
	if (!d->count || references != d->count)
		tap_bail("%u images, %u references", d->count, references);
}

void digits_free(struct digits *d)
{
	npu_graph_unref(d->graph);
	free(d->images);
	free(d->references);
}

bool digits_agree(const struct digits *d, uint32_t image, const float scores[DIGITS_CLASSES])
{
	float largest = 0;

	for (int i = 0; i < DIGITS_CLASSES; i++)
		largest = fmaxf(largest, fabsf(d->references[image][i]));
	for (int i = 0; i < DIGITS_CLASSES; i++)
		if (!(fabsf(scores[i] - d->references[image][i]) <= d->tolerance * largest))
			return false;
	return true;
}
