/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright The npu authors */
/*
 * The part of the host's memory that the card can reach: what the vfio-user
 * client has mapped, by guest-physical address.
 *
 * The server thread adds and removes mappings while engine threads use them.
 * A user holds a reference for as long as it uses a pointer; removing a
 * mapping hides it at once and waits for the references into it, so no access
 * outlives the client's unmap. Users of long life look at dma_map_wanted()
 * and let go when somebody waits.
 */
#ifndef SIM_DMA_MAP_H
#define SIM_DMA_MAP_H

#include <stdbool.h>
#include <stdint.h>

#define DMA_REGIONS_MAX 65535

struct dma_map;
struct dma_backing;

/* Must not move while it is held. */
struct dma_ref {
	struct dma_ref *next, **link;
	uint64_t gpa, size;
	struct dma_backing *backing;
};

struct dma_map *dma_map_create(void);
void dma_map_destroy(struct dma_map *m);

/*
 * Maps size bytes of fd at offset to the address gpa; all three are multiples
 * of 4 KiB. The fd stays the caller's. -EEXIST if it overlaps another mapping,
 * -EINVAL, -ENOSPC, or what mmap() said.
 */
int dma_map_add(struct dma_map *m, uint64_t gpa, uint64_t size, int fd, uint64_t offset,
		bool readable, bool writable);
/*
 * Removes the mappings inside of the range, as many as there are: a virtual
 * IOMMU takes back whole domains at once. Their number; -EINVAL, with nothing
 * removed, if the range wraps or would cut a mapping in two.
 */
int dma_map_remove(struct dma_map *m, uint64_t gpa, uint64_t size);
void dma_map_remove_all(struct dma_map *m);

/*
 * Bus mastering: while it is off every access fails. Switching it off waits
 * for the references that are held. On after create.
 */
void dma_map_enable(struct dma_map *m, bool on);

/* Somebody waits for references: let go of them soon. Any thread. */
bool dma_map_wanted(struct dma_map *m);

/*
 * Host pointer to [gpa, gpa + len), valid until dma_map_put(); NULL if that
 * is not mapped with the right, or not in one piece on this host. Any thread.
 */
void *dma_map_get(struct dma_map *m, uint64_t gpa, uint64_t len, bool write, struct dma_ref *ref);
/* False if the memory was lost meanwhile (bus_guard.h). */
bool dma_map_put(struct dma_map *m, struct dma_ref *ref);

/* Copies that may cross mappings; -EFAULT and nothing promised if they leave
 * them. Any thread.
 */
int dma_map_read(struct dma_map *m, uint64_t gpa, void *dst, uint64_t len);
int dma_map_write(struct dma_map *m, uint64_t gpa, const void *src, uint64_t len);

#endif /* SIM_DMA_MAP_H */
