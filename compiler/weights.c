// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* The weights: constants one behind another, equal ones stored once. */
#include "program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct constant {
	uint64_t hash, offset, size;
	struct constant *next;
};

/* FNV-1a, eight bytes at a time; only speed depends on it. */
static uint64_t hash_of(const uint8_t *data, uint64_t size)
{
	uint64_t hash = 0xcbf29ce484222325 ^ size, word;

	for (; size >= sizeof(word); data += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, data, sizeof(word));
		hash = (hash ^ word) * 0x100000001b3;
		hash ^= hash >> 29;
	}
	while (size--)
		hash = (hash ^ *data++) * 0x100000001b3;
	return hash ^ hash >> 32;
}

static int resize(struct program *p)
{
	const size_t size = p->table_size ? p->table_size * 2 : 256;
	struct constant **table = calloc(size, sizeof(*table));

	if (!table)
		return -ENOMEM;
	for (size_t i = 0; i < p->table_size; i++) {
		while (p->table[i]) {
			struct constant *c = p->table[i];

			p->table[i] = c->next;
			c->next = table[c->hash % size];
			table[c->hash % size] = c;
		}
	}
	free(p->table);
	p->table = table;
	p->table_size = size;
	return 0;
}

static int reserve(struct program *p, uint64_t size)
{
	uint64_t room = p->weight_room ? p->weight_room : 65536;
	uint8_t *data;

	while (room < size)
		room *= 2;
	if (room == p->weight_room)
		return 0;
	data = realloc(p->weight_data, room);
	if (!data)
		return -ENOMEM;
	p->weight_data = data;
	p->weight_room = room;
	return 0;
}

int weights_add(struct npuc_graph *graph, struct program *p, const void *data, uint64_t size,
		uint64_t *offset)
{
	const uint64_t hash = hash_of(data, size);
	const uint64_t at = (p->weight_size + PROGRAM_ALIGN - 1) & ~(uint64_t)(PROGRAM_ALIGN - 1);
	struct constant *c;

	for (c = p->table_size ? p->table[hash % p->table_size] : NULL; c; c = c->next) {
		if (c->hash == hash && c->size == size &&
		    !memcmp(p->weight_data + c->offset, data, size)) {
			*offset = c->offset;
			return 0;
		}
	}
	if ((p->table_count >= p->table_size && resize(p)) || reserve(p, at + size) ||
	    !(c = calloc(1, sizeof(*c))))
		return ir_fail(graph, -ENOMEM, "no memory for %llu bytes of weights",
			       (unsigned long long)(at + size));
	memset(p->weight_data + p->weight_size, 0, at - p->weight_size);
	memcpy(p->weight_data + at, data, size);
	p->weight_size = at + size;
	*c = (struct constant){ hash, at, size, p->table[hash % p->table_size] };
	p->table[hash % p->table_size] = c;
	p->table_count++;
	*offset = at;
	return 0;
}

void weights_fini(struct program *p)
{
	for (size_t i = 0; i < p->table_size; i++) {
		while (p->table[i]) {
			struct constant *next = p->table[i]->next;

			free(p->table[i]);
			p->table[i] = next;
		}
	}
	free(p->table);
	free(p->weight_data);
}
