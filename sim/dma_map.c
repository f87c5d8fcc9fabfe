// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* Guest memory as the card sees it; see dma_map.h for the life of a mapping. */
#include "dma_map.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define DMA_REGIONS_MAX 1024

struct dma_region {
	uint64_t gpa;
	uint64_t size;
	uint8_t *host;
	bool readable;
	bool writable;
	unsigned int refs;	/* dma_map.lock */
};

struct dma_map {
	pthread_mutex_t lock;	/* guards everything below */
	pthread_cond_t released;	/* a region's refs became 0 */
	unsigned int count;
	struct dma_region *regions[DMA_REGIONS_MAX];	/* sorted by gpa */
};

struct dma_map *dma_map_create(void)
{
	struct dma_map *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->released, NULL);
	return m;
}

void dma_map_destroy(struct dma_map *m)
{
	if (!m)
		return;
	dma_map_remove_all(m);
	pthread_cond_destroy(&m->released);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

/* Index of the last region that starts at or before gpa, or -1. */
static int find_below(const struct dma_map *m, uint64_t gpa)
{
	int low = 0, high = (int)m->count - 1, found = -1;

	while (low <= high) {
		int middle = (low + high) / 2;

		if (m->regions[middle]->gpa <= gpa) {
			found = middle;
			low = middle + 1;
		} else {
			high = middle - 1;
		}
	}
	return found;
}

static int insert(struct dma_map *m, struct dma_region *region)
{
	int below = find_below(m, region->gpa);
	unsigned int at = below + 1;

	if (m->count == DMA_REGIONS_MAX)
		return -ENOSPC;
	if (below >= 0 && region->gpa - m->regions[below]->gpa < m->regions[below]->size)
		return -EEXIST;
	if (at < m->count && m->regions[at]->gpa - region->gpa < region->size)
		return -EEXIST;
	memmove(&m->regions[at + 1], &m->regions[at], (m->count - at) * sizeof(m->regions[0]));
	m->regions[at] = region;
	m->count++;
	return 0;
}

int dma_map_add(struct dma_map *m, uint64_t gpa, uint64_t size, int fd, uint64_t offset,
		bool readable, bool writable)
{
	int protection = (readable ? PROT_READ : 0) | (writable ? PROT_WRITE : 0);
	struct dma_region *region;
	void *host;
	int ret;

	if (!size || gpa + size - 1 < gpa || offset + size < offset || offset > INT64_MAX)
		return -EINVAL;
	host = mmap(NULL, size, protection, MAP_SHARED, fd, (off_t)offset);
	if (host == MAP_FAILED)
		return -errno;
	region = calloc(1, sizeof(*region));
	if (!region) {
		munmap(host, size);
		return -ENOMEM;
	}
	*region = (struct dma_region){ gpa, size, host, readable, writable, 0 };

	pthread_mutex_lock(&m->lock);
	ret = insert(m, region);
	pthread_mutex_unlock(&m->lock);
	if (ret) {
		munmap(host, size);
		free(region);
	}
	return ret;
}

/* Called with the lock held; gives it up while it waits. */
static void remove_at(struct dma_map *m, unsigned int at)
{
	struct dma_region *region = m->regions[at];

	m->count--;
	memmove(&m->regions[at], &m->regions[at + 1], (m->count - at) * sizeof(m->regions[0]));
	while (region->refs)
		pthread_cond_wait(&m->released, &m->lock);
	munmap(region->host, region->size);
	free(region);
}

int dma_map_remove(struct dma_map *m, uint64_t gpa, uint64_t size)
{
	int ret = -ENOENT;
	int at;

	pthread_mutex_lock(&m->lock);
	at = find_below(m, gpa);
	if (at >= 0 && m->regions[at]->gpa == gpa && m->regions[at]->size == size) {
		remove_at(m, at);
		ret = 0;
	}
	pthread_mutex_unlock(&m->lock);
	return ret;
}

void dma_map_remove_all(struct dma_map *m)
{
	pthread_mutex_lock(&m->lock);
	while (m->count)
		remove_at(m, m->count - 1);
	pthread_mutex_unlock(&m->lock);
}

/* The region that holds gpa with the right, referenced; *left bytes from gpa on. */
static struct dma_region *get_region(struct dma_map *m, uint64_t gpa, bool write, uint64_t *left)
{
	struct dma_region *region = NULL;
	int at;

	pthread_mutex_lock(&m->lock);
	at = find_below(m, gpa);
	if (at >= 0 && gpa - m->regions[at]->gpa < m->regions[at]->size &&
	    (write ? m->regions[at]->writable : m->regions[at]->readable)) {
		region = m->regions[at];
		region->refs++;
		*left = region->size - (gpa - region->gpa);
	}
	pthread_mutex_unlock(&m->lock);
	return region;
}

static void put_region(struct dma_map *m, struct dma_region *region)
{
	pthread_mutex_lock(&m->lock);
	if (!--region->refs)
		pthread_cond_broadcast(&m->released);
	pthread_mutex_unlock(&m->lock);
}

void *dma_map_get(struct dma_map *m, uint64_t gpa, uint64_t len, bool write, struct dma_ref *ref)
{
	struct dma_region *region;
	uint64_t left;

	region = get_region(m, gpa, write, &left);
	if (!region)
		return NULL;
	if (len > left) {
		put_region(m, region);
		return NULL;
	}
	ref->region = region;
	return region->host + (gpa - region->gpa);
}

void dma_map_put(struct dma_map *m, struct dma_ref *ref)
{
	put_region(m, ref->region);
	ref->region = NULL;
}

static int copy(struct dma_map *m, uint64_t gpa, uint8_t *data, uint64_t len, bool write)
{
	while (len) {
		struct dma_region *region;
		uint64_t left;
		uint8_t *host;

		region = get_region(m, gpa, write, &left);
		if (!region)
			return -EFAULT;
		if (left > len)
			left = len;
		host = region->host + (gpa - region->gpa);
		if (write)
			memcpy(host, data, left);
		else
			memcpy(data, host, left);
		put_region(m, region);
		gpa += left;
		data += left;
		len -= left;
	}
	return 0;
}

int dma_map_read(struct dma_map *m, uint64_t gpa, void *dst, uint64_t len)
{
	return copy(m, gpa, dst, len, false);
}

int dma_map_write(struct dma_map *m, uint64_t gpa, const void *src, uint64_t len)
{
	return copy(m, gpa, (uint8_t *)(uintptr_t)src, len, true);
}
