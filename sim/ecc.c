// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
#include "ecc.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define ERRORS_MAX 64

struct ecc {
	uint64_t memory_size;
	atomic_uint count;	/* of errors; looked at without the lock */
	pthread_mutex_t lock;	/* guards what follows */
	struct {
		uint64_t line;	/* offset of its first byte */
		bool correctable;
	} errors[ERRORS_MAX];
	uint32_t corrected, uncorrected;
};

struct ecc *ecc_create(uint64_t memory_size)
{
	struct ecc *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->memory_size = memory_size;
	pthread_mutex_init(&e->lock, NULL);
	return e;
}

void ecc_destroy(struct ecc *e)
{
	if (!e)
		return;
	pthread_mutex_destroy(&e->lock);
	free(e);
}

int ecc_inject(struct ecc *e, uint64_t offset, bool correctable)
{
	unsigned int count;
	int ret = -ENOSPC;

	if (offset >= e->memory_size)
		return -EINVAL;
	pthread_mutex_lock(&e->lock);
	count = atomic_load(&e->count);
	if (count < ERRORS_MAX) {
		e->errors[count].line = offset & ~(uint64_t)(ECC_LINE - 1);
		e->errors[count].correctable = correctable;
		atomic_store(&e->count, count + 1);
		ret = 0;
	}
	pthread_mutex_unlock(&e->lock);
	return ret;
}

static void forget(struct ecc *e, unsigned int i)
{
	const unsigned int last = atomic_load(&e->count) - 1;

	e->errors[i] = e->errors[last];
	atomic_store(&e->count, last);
}

bool ecc_access(struct ecc *e, uint64_t offset, uint64_t size, bool write)
{
	bool good = true;

	if (!atomic_load_explicit(&e->count, memory_order_acquire))
		return true;
	pthread_mutex_lock(&e->lock);
	for (unsigned int i = atomic_load(&e->count); i-- > 0;) {
		const uint64_t line = e->errors[i].line;

		if (line + ECC_LINE <= offset || line >= offset + size)
			continue;
		if (write && line >= offset && line + ECC_LINE <= offset + size) {
			forget(e, i);
		} else if (e->errors[i].correctable) {
			e->corrected++;
			forget(e, i);
		} else {
			e->uncorrected++;
			good = false;
		}
	}
	pthread_mutex_unlock(&e->lock);
	return good;
}

void ecc_clear(struct ecc *e)
{
	pthread_mutex_lock(&e->lock);
	atomic_store(&e->count, 0);
	e->corrected = e->uncorrected = 0;
	pthread_mutex_unlock(&e->lock);
}

uint32_t ecc_corrected(struct ecc *e)
{
	uint32_t value;

	pthread_mutex_lock(&e->lock);
	value = e->corrected;
	pthread_mutex_unlock(&e->lock);
	return value;
}

uint32_t ecc_uncorrected(struct ecc *e)
{
	uint32_t value;

	pthread_mutex_lock(&e->lock);
	value = e->uncorrected;
	pthread_mutex_unlock(&e->lock);
	return value;
}
