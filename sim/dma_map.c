// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/*
 * Guest memory as the card sees it; see dma_map.h for the life of a mapping.
 *
 * A file is mapped whole and once, and a region is a piece of that: with a
 * virtual IOMMU the client maps tens of thousands of single pages, more than
 * a process may have mappings, and pages that are neighbours for the card
 * stay neighbours on the host.
 */
#include "dma_map.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "bus_guard.h"

#define PAGE_MASK 4095ull

/* The mapping of a file. */
struct dma_backing {
	struct dma_backing *next;
	dev_t device;
	ino_t inode;
	bool shareable;		/* device and inode name it */
	bool writable;
	uint8_t *host;
	uint64_t size;
	unsigned int regions;	/* that are pieces of it */
	atomic_bool lost;	/* truncated by its owner */
};

struct dma_region {
	uint64_t gpa;
	uint64_t size;
	struct dma_backing *backing;
	uint64_t offset;	/* in the backing */
	bool readable;
	bool writable;
};

struct dma_map {
	pthread_mutex_t lock;	/* guards everything below but wanted */
	pthread_cond_t released;	/* a reference was given back */
	bool enabled;
	struct dma_ref *refs;
	struct dma_backing *backings;
	unsigned int count, room;
	struct dma_region *regions;	/* sorted by gpa */
	atomic_uint wanted;	/* those who wait for references */
};

struct dma_map *dma_map_create(void)
{
	struct dma_map *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->enabled = true;
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
	free(m->regions);
	free(m);
}

/* Index of the last region that starts at or before gpa, or -1. */
static int find_below(const struct dma_map *m, uint64_t gpa)
{
	int low = 0, high = (int)m->count - 1, found = -1;

	while (low <= high) {
		int middle = (low + high) / 2;

		if (m->regions[middle].gpa <= gpa) {
			found = middle;
			low = middle + 1;
		} else {
			high = middle - 1;
		}
	}
	return found;
}

/* Index of the region that holds gpa with the right, or -1. */
static int find(const struct dma_map *m, uint64_t gpa, bool write)
{
	const int at = m->enabled ? find_below(m, gpa) : -1;
	const struct dma_region *region;

	if (at < 0)
		return -1;
	region = &m->regions[at];
	if (gpa - region->gpa >= region->size || !(write ? region->writable : region->readable) ||
	    atomic_load(&region->backing->lost))
		return -1;
	return at;
}

static int make_room(struct dma_map *m)
{
	const unsigned int room = m->room ? 2 * m->room : 64;
	struct dma_region *regions;

	if (m->count == DMA_REGIONS_MAX)
		return -ENOSPC;
	if (m->count < m->room)
		return 0;
	regions = realloc(m->regions, room * sizeof(*regions));
	if (!regions)
		return -ENOMEM;
	m->regions = regions;
	m->room = room;
	return 0;
}

static int insert(struct dma_map *m, const struct dma_region *region)
{
	const int below = find_below(m, region->gpa);
	const unsigned int at = (unsigned int)(below + 1);
	int ret;

	if (below >= 0 && region->gpa - m->regions[below].gpa < m->regions[below].size)
		return -EEXIST;
	if (at < m->count && m->regions[at].gpa - region->gpa < region->size)
		return -EEXIST;
	ret = make_room(m);
	if (ret)
		return ret;
	memmove(&m->regions[at + 1], &m->regions[at], (m->count - at) * sizeof(m->regions[0]));
	m->regions[at] = *region;
	m->count++;
	region->backing->regions++;
	return 0;
}

static void free_backing(struct dma_map *m, struct dma_backing *backing)
{
	struct dma_backing **link = &m->backings;

	while (*link != backing)
		link = &(*link)->next;
	*link = backing->next;
	bus_guard_remove(backing->host);
	munmap(backing->host, backing->size);
	free(backing);
}

/* Maps [offset, offset + size) of fd; *at is its place in the backing. */
static int create_backing(struct dma_map *m, int fd, const struct stat *st, uint64_t offset,
			  uint64_t size, struct dma_backing **result, uint64_t *at)
{
	struct dma_backing *backing = calloc(1, sizeof(*backing));
	int ret;

	if (!backing)
		return -ENOMEM;
	backing->device = st->st_dev;
	backing->inode = st->st_ino;
	backing->shareable = S_ISREG(st->st_mode);
	*at = 0;
	if (backing->shareable) {
		*at = offset;
		offset = 0;
		size = (uint64_t)st->st_size;
	}
	backing->size = size;
	backing->writable = true;
	backing->host = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
	if (backing->host == MAP_FAILED) {
		backing->writable = false;
		backing->host = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, (off_t)offset);
	}
	if (backing->host == MAP_FAILED) {
		ret = -errno;
		free(backing);
		return ret;
	}
	if (!bus_guard_add(backing->host, size, &backing->lost)) {
		munmap(backing->host, size);
		free(backing);
		return -ENOSPC;
	}
	backing->next = m->backings;
	m->backings = backing;
	*result = backing;
	return 0;
}

static int get_backing(struct dma_map *m, int fd, uint64_t offset, uint64_t size,
		       struct dma_backing **backing, uint64_t *at)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
		return -EINVAL;
	if (!S_ISREG(st.st_mode))
		return create_backing(m, fd, &st, offset, size, backing, at);
	/* Beyond the end of the file there is no memory, only SIGBUS. */
	if (offset + size > (uint64_t)st.st_size)
		return -EINVAL;
	for (struct dma_backing *b = m->backings; b; b = b->next) {
		if (b->shareable && b->device == st.st_dev && b->inode == st.st_ino &&
		    b->size >= offset + size && !atomic_load(&b->lost)) {
			*backing = b;
			*at = offset;
			return 0;
		}
	}
	return create_backing(m, fd, &st, offset, size, backing, at);
}

int dma_map_add(struct dma_map *m, uint64_t gpa, uint64_t size, int fd, uint64_t offset,
		bool readable, bool writable)
{
	struct dma_region region = { .gpa = gpa, .size = size, .readable = readable };
	int ret;

	if (!size || (gpa | size | offset) & PAGE_MASK || gpa + size - 1 < gpa ||
	    offset + size < offset || offset + size > INT64_MAX)
		return -EINVAL;
	pthread_mutex_lock(&m->lock);
	ret = get_backing(m, fd, offset, size, &region.backing, &region.offset);
	if (!ret) {
		region.writable = writable && region.backing->writable;
		ret = writable && !region.writable ? -EACCES : insert(m, &region);
		if (!region.backing->regions)
			free_backing(m, region.backing);
	}
	pthread_mutex_unlock(&m->lock);
	return ret;
}

static bool referenced(const struct dma_map *m, uint64_t gpa, uint64_t size)
{
	for (const struct dma_ref *ref = m->refs; ref; ref = ref->next) {
		if (ref->gpa - gpa < size || gpa - ref->gpa < ref->size)
			return true;
	}
	return false;
}

/* Called with the lock held; gives it up while it waits. */
static void wait_for_references(struct dma_map *m, uint64_t gpa, uint64_t size)
{
	atomic_fetch_add(&m->wanted, 1);
	while (referenced(m, gpa, size))
		pthread_cond_wait(&m->released, &m->lock);
	atomic_fetch_sub(&m->wanted, 1);
}

/* Likewise. */
static void remove_at(struct dma_map *m, unsigned int at)
{
	const struct dma_region region = m->regions[at];

	m->count--;
	memmove(&m->regions[at], &m->regions[at + 1], (m->count - at) * sizeof(m->regions[0]));
	wait_for_references(m, region.gpa, region.size);
	if (!--region.backing->regions)
		free_backing(m, region.backing);
}

/* Whether an address is in a region, but not its first byte. */
static bool cuts(const struct dma_map *m, uint64_t gpa)
{
	const int at = find_below(m, gpa);

	return at >= 0 && gpa != m->regions[at].gpa && gpa - m->regions[at].gpa < m->regions[at].size;
}

int dma_map_remove(struct dma_map *m, uint64_t gpa, uint64_t size)
{
	const uint64_t last = gpa + size - 1;
	int removed = 0;

	if (!size || last < gpa)
		return -EINVAL;
	pthread_mutex_lock(&m->lock);
	if (cuts(m, gpa) || (last != UINT64_MAX && cuts(m, last + 1))) {
		removed = -EINVAL;
	} else {
		int at;

		/* From the end: what is behind moves down when one is removed. */
		while ((at = find_below(m, last)) >= 0 && m->regions[at].gpa >= gpa) {
			remove_at(m, (unsigned int)at);
			removed++;
		}
	}
	pthread_mutex_unlock(&m->lock);
	return removed;
}

void dma_map_remove_all(struct dma_map *m)
{
	pthread_mutex_lock(&m->lock);
	while (m->count)
		remove_at(m, m->count - 1);
	pthread_mutex_unlock(&m->lock);
}

void dma_map_enable(struct dma_map *m, bool on)
{
	pthread_mutex_lock(&m->lock);
	m->enabled = on;
	if (!on)
		wait_for_references(m, 0, UINT64_MAX);
	pthread_mutex_unlock(&m->lock);
}

bool dma_map_wanted(struct dma_map *m)
{
	return atomic_load_explicit(&m->wanted, memory_order_relaxed);
}

static void reference(struct dma_map *m, struct dma_ref *ref, uint64_t gpa, uint64_t size,
		      struct dma_backing *backing)
{
	*ref = (struct dma_ref){ .next = m->refs, .link = &m->refs, .gpa = gpa, .size = size,
				 .backing = backing };
	if (ref->next)
		ref->next->link = &ref->next;
	m->refs = ref;
}

/* The longest piece from gpa on that is one piece on the host, at most len. */
static uint64_t reach(const struct dma_map *m, int at, uint64_t gpa, uint64_t len, bool write)
{
	const struct dma_region *region = &m->regions[at];
	uint64_t length = region->size - (gpa - region->gpa);

	while (length < len && ++at < (int)m->count) {
		const struct dma_region *next = region + 1;

		if (next->gpa != region->gpa + region->size || next->backing != region->backing ||
		    next->offset != region->offset + region->size ||
		    !(write ? next->writable : next->readable))
			break;
		length += next->size;
		region = next;
	}
	return length < len ? length : len;
}

/* References a piece of at least least and at most *len bytes; *len becomes its length. */
static uint8_t *get(struct dma_map *m, uint64_t gpa, uint64_t least, uint64_t *len, bool write,
		    struct dma_ref *ref)
{
	uint8_t *host = NULL;
	int at;

	pthread_mutex_lock(&m->lock);
	at = find(m, gpa, write);
	if (at >= 0) {
		*len = reach(m, at, gpa, *len, write);
		if (*len >= least) {
			const struct dma_region *region = &m->regions[at];

			host = region->backing->host + region->offset + (gpa - region->gpa);
			reference(m, ref, gpa, *len, region->backing);
		}
	}
	pthread_mutex_unlock(&m->lock);
	return host;
}

void *dma_map_get(struct dma_map *m, uint64_t gpa, uint64_t len, bool write, struct dma_ref *ref)
{
	return len ? get(m, gpa, len, &len, write, ref) : NULL;
}

bool dma_map_put(struct dma_map *m, struct dma_ref *ref)
{
	bool lost;

	pthread_mutex_lock(&m->lock);
	lost = atomic_load(&ref->backing->lost);
	*ref->link = ref->next;
	if (ref->next)
		ref->next->link = ref->link;
	if (atomic_load(&m->wanted))
		pthread_cond_broadcast(&m->released);
	pthread_mutex_unlock(&m->lock);
	return !lost;
}

static int copy(struct dma_map *m, uint64_t gpa, uint8_t *data, uint64_t len, bool write)
{
	while (len) {
		uint64_t part = len;
		struct dma_ref ref;
		uint8_t *host = get(m, gpa, 1, &part, write, &ref);

		if (!host)
			return -EFAULT;
		if (write)
			memcpy(host, data, part);
		else
			memcpy(data, host, part);
		if (!dma_map_put(m, &ref))
			return -EFAULT;
		gpa += part;
		data += part;
		len -= part;
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
