// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Clients that share a card see nothing of one another. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "drv.h"

#define AT	0x80000000ull
#define SIZE	DRV_MIB
#define DEVICE	DRM_NPU_MEMORY_DEVICE
#define SYSTEM	DRM_NPU_MEMORY_SYSTEM

static const struct { uint32_t placement; const char *name; } places[] = {
	{ SYSTEM, "system memory" }, { DEVICE, "device memory" },
};

/* A buffer mapped at AT, filled by the card unless `value` is 0. */
static uint32_t buffer(struct drv_rig *r, uint64_t size, uint32_t placement, uint32_t value)
{
	uint32_t bo;

	if (drv_bo_create(r->fd, size, placement, 0, 0, &bo) ||
	    drv_vm_map(r->fd, r->vm, AT, size, bo, 0, 0))
		tap_bail("no buffer: %s", strerror(errno));
	if (!value)
		return bo;
	drv_packet_fill(r->packets, AT, size, value);
	if (drv_rig_run(r, 1))
		tap_bail("cannot fill a buffer");
	return bo;
}

/* The card reads `value` everywhere in [AT, AT + size). */
static bool reads(struct drv_rig *r, uint64_t size, uint32_t value)
{
	for (uint64_t at = 0; at < size; at += RIG_DATA_SIZE) {
		uint64_t part = size - at < RIG_DATA_SIZE ? size - at : RIG_DATA_SIZE;

		memset(r->data, 0xee, part);
		drv_packet_copy(r->packets, RIG_DATA_VA, AT + at, part);
		if (drv_rig_run(r, 1) || memcmp(r->data, &value, sizeof(value)) ||
		    memcmp(r->data, r->data + sizeof(value), part - sizeof(value)))
			return false;
	}
	return true;
}

/* Reading AT faults and gives nothing; the rig gets a new queue. */
static bool faults(struct drv_rig *r)
{
	uint32_t word = 0xeeeeeeee;
	int ret;

	memcpy(r->data, &word, sizeof(word));
	drv_packet_copy(r->packets, RIG_DATA_VA, AT, sizeof(word));
	ret = drv_rig_run(r, 1);
	drv_queue_destroy(r->fd, r->queue);
	if (drv_queue_create(r->fd, r->vm, DRM_NPU_PRIORITY_NORMAL, &r->queue))
		tap_bail("no queue after a fault");
	return ret == -EIO && !memcmp(r->data, &word, sizeof(word));
}

static void one_address_is_two_places(uint32_t placement, const char *where)
{
	struct drv_rig a, b;
	bool good = true;

	drv_rig_init(&a, 0);
	drv_rig_init(&b, 0);
	buffer(&a, SIZE, placement, 0xaaaa0000);
	buffer(&b, SIZE, placement, 0xbbbb0000);
	tap(reads(&a, SIZE, 0xaaaa0000) && reads(&b, SIZE, 0xbbbb0000),
	    "%s: two clients use one address for their own", where);
	/* Both at once, so that they share engines and take turns on slots. */
	for (uint32_t i = 1; i <= 30 && good; i++) {
		drv_packet_fill(a.packets, AT, SIZE, 0xaaaa0000 + i);
		drv_packet_copy(a.packets + 64, RIG_DATA_VA, AT, SIZE);
		drv_packet_fill(b.packets, AT, SIZE, 0xbbbb0000 + i);
		drv_packet_copy(b.packets + 64, RIG_DATA_VA, AT, SIZE);
		a.packets[65] = b.packets[65] = NPU_PACKET_F_BARRIER;
		good = !drv_exec(a.fd, a.queue, RIG_PACKETS_VA, 2, 0, a.syncobj) &&
		       !drv_exec(b.fd, b.queue, RIG_PACKETS_VA, 2, 0, b.syncobj) &&
		       !drv_wait(a.fd, a.syncobj, 10 * DRV_SECOND) &&
		       !drv_wait(b.fd, b.syncobj, 10 * DRV_SECOND);
		for (uint32_t at = 0; at < SIZE / 4 && good; at++)
			good = ((uint32_t *)a.data)[at] == 0xaaaa0000 + i &&
			       ((uint32_t *)b.data)[at] == 0xbbbb0000 + i;
	}
	tap(good, "%s: also when their jobs run at the same time", where);
	drv_vm_unmap(b.fd, b.vm, AT, SIZE);
	tap(faults(&b) && reads(&a, SIZE, 0xaaaa001e),
	    "%s: what one unmaps it does not find at the other", where);
	drv_rig_fini(&a);
	drv_rig_fini(&b);
}

static void vms_of_one_file_are_apart(void)
{
	struct drv_rig r, own;
	int packets, data;
	uint32_t bo;

	drv_rig_init(&r, 0);
	buffer(&r, SIZE, DEVICE, 0xaaaa0000);
	/* The same rig in a second VM of the same file. */
	own = r;
	if (drv_vm_create(r.fd, &own.vm) ||
	    drv_queue_create(r.fd, own.vm, DRM_NPU_PRIORITY_NORMAL, &own.queue))
		tap_bail("no VM or queue");
	tap_ret(drv_rig_run(&own, 1), -EIO, NULL,
		"a VM finds no packets that only another one maps");
	drv_queue_destroy(r.fd, own.queue);
	packets = drv_vm_map(r.fd, own.vm, RIG_PACKETS_VA, DRV_PAGE, r.packets_bo, 0, 0);
	data = drv_vm_map(r.fd, own.vm, RIG_DATA_VA, RIG_DATA_SIZE, r.data_bo, 0, 0);
	tap(packets == -EPERM && data == -EPERM,
	    "nor can it map buffers that belong to the other");
	if (drv_bo_create(r.fd, DRV_PAGE, SYSTEM, DRM_NPU_BO_CPU_VISIBLE, 0, &bo) ||
	    drv_vm_map(r.fd, own.vm, RIG_PACKETS_VA, DRV_PAGE, bo, 0, 0) ||
	    drv_queue_create(r.fd, own.vm, DRM_NPU_PRIORITY_NORMAL, &own.queue))
		tap_bail("no packets");
	own.packets = drv_bo_map(r.fd, bo);
	drv_packet_copy(own.packets, RIG_PACKETS_VA + 2048, AT, 64);
	tap_ret(drv_rig_run(&own, 1), -EIO, NULL, "its own packets do not reach the other's data");
	tap(reads(&r, SIZE, 0xaaaa0000), "which the other still reads");
	drv_rig_fini(&r);
}

static void an_unmapped_page_is_out_of_reach_at_once(uint32_t placement, const char *where)
{
	struct drv_rig a, b;
	bool good = true;

	drv_rig_init(&a, 0);
	drv_rig_init(&b, 0);
	for (uint32_t i = 0; i < 8 && good; i++) {
		uint32_t bo = buffer(&a, SIZE, placement, 0xaaaa0000 + i), secret;

		/* Now the card has the translation; then the memory is another's. */
		good = reads(&a, SIZE, 0xaaaa0000 + i) && !drv_vm_unmap(a.fd, a.vm, AT, SIZE);
		drv_bo_close(a.fd, bo);
		secret = buffer(&b, SIZE, placement, 0x5ec4e700);
		good &= faults(&a) && reads(&b, SIZE, 0x5ec4e700);
		drv_vm_unmap(b.fd, b.vm, AT, SIZE);
		drv_bo_close(b.fd, secret);
	}
	tap(good, "%s: what was unmapped is out of reach, whoever has it now", where);
	drv_rig_fini(&a);
	drv_rig_fini(&b);
}

/* A context's number is used again: its translations must not be. */
static void a_new_vm_starts_empty(void)
{
	bool good = true;

	for (int i = 0; i < 8 && good; i++) {
		struct drv_rig r;

		drv_rig_init(&r, 0);
		good = faults(&r);
		buffer(&r, SIZE, DEVICE, 0xaaaa0000);
		good &= reads(&r, SIZE, 0xaaaa0000);
		drv_rig_fini(&r);
	}
	tap(good, "a new VM has none of the mappings of the last one");
}

static void freed_memory_is_zero_for_the_next(uint32_t placement, const char *where,
					      unsigned int rounds)
{
	static const uint64_t sizes[] = {
		DRV_PAGE, 13 * DRV_PAGE, DRV_MIB, 2 * DRV_MIB, 3 * DRV_MIB + DRV_PAGE,
	};
	const unsigned int count = sizeof(sizes) / sizeof(sizes[0]);
	struct drv_rig owner, next;
	bool zero = true;

	drv_rig_init(&owner, 0);
	drv_rig_init(&next, 0);
	for (unsigned int i = 0; i < rounds && zero; i++) {
		uint64_t size = sizes[(i + i / count) % count];
		uint32_t bo = buffer(&owner, sizes[i % count], placement, 0xc0ffee01);

		/* Most owners close the buffer, some their file. */
		if (i % 8) {
			drv_vm_unmap(owner.fd, owner.vm, AT, sizes[i % count]);
			drv_bo_close(owner.fd, bo);
		} else {
			drv_rig_fini(&owner);
			drv_rig_init(&owner, 0);
		}
		bo = buffer(&next, size, placement, 0);
		zero = reads(&next, size, 0);
		drv_vm_unmap(next.fd, next.vm, AT, size);
		drv_bo_close(next.fd, bo);
	}
	tap(zero, "%s: %u buffers show nothing of those that went before", where, rounds);
	drv_rig_fini(&owner);
	drv_rig_fini(&next);
}

/* Jobs that write are cut off before their memory is somebody else's. */
static void a_dying_client_writes_no_more(uint32_t placement, const char *where)
{
	const uint64_t size = 4 * DRV_MIB;
	bool zero = true;

	for (int i = 0; i < 4 && zero; i++) {
		struct drv_rig victim, writer;
		uint32_t bo;

		drv_rig_init(&victim, 0);
		drv_rig_init(&writer, 0);
		bo = buffer(&writer, size, placement, 0xc0ffee02);
		for (int n = 0; n < 64; n++)
			drv_packet_fill(writer.packets + 64 * n, AT, size, 0xc0ffee03);
		for (int n = 0; n < 10; n++)
			if (drv_exec(writer.fd, writer.queue, RIG_PACKETS_VA, 64, 0,
				     writer.syncobj))
				tap_bail("EXEC failed");
		drv_bo_close(writer.fd, bo);
		if (i & 1)
			drv_vm_unmap(writer.fd, writer.vm, AT, size);
		else
			drv_rig_fini(&writer);
		buffer(&victim, size, placement, 0);
		zero = reads(&victim, size, 0) && reads(&victim, size, 0);
		drv_rig_fini(&victim);
		if (i & 1)
			drv_rig_fini(&writer);
	}
	tap(zero, "%s: jobs of a dying client do not write to who comes next", where);
}

static void a_fault_is_ones_own(void)
{
	struct drm_npu_vm_get_state state;
	struct drv_rig bad, good;
	bool works = true;

	drv_rig_init(&bad, 0);
	drv_rig_init(&good, 0);
	for (int i = 0; i < 5; i++)
		works &= faults(&bad) && drv_rig_works(&good);
	tap(works, "a client that faults does not disturb another");
	tap(!drv_vm_state(good.fd, good.vm, &state) && !state.state && !state.fault_count &&
	    !state.fault_va, "and its faults are not told to it");
	drv_rig_fini(&bad);
	drv_rig_fini(&good);
}

int main(void)
{
	for (int i = 0; i < 2; i++) {
		one_address_is_two_places(places[i].placement, places[i].name);
		an_unmapped_page_is_out_of_reach_at_once(places[i].placement, places[i].name);
		freed_memory_is_zero_for_the_next(places[i].placement, places[i].name,
						  i ? 200 : 50);
		a_dying_client_writes_no_more(places[i].placement, places[i].name);
	}
	vms_of_one_file_are_apart();
	a_new_vm_starts_empty();
	a_fault_is_ones_own();
	return tap_end();
}
