// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Packets that mean harm. Whatever a process writes into its command buffers,
 * it reaches neither the ring that they came by, nor what is mapped read-only,
 * nor another client; at worst its queue ends.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <npu/npu_isa.h>

#include "drv.h"

#define RING_SIZE	32768u	/* behind it: a page with the control block and the fence */
#define RING_STRIDE	(128 * 1024ull)
#define FAULT_PERMISSION 2u
#define GUARD_VA	0x50000000ull	/* read-only */
#define GUARD_SIZE	(64 * 1024u)

/* A fault ends the queue; the next one gets the number that has become free, the same. */
static int run(struct drv_rig *r, uint32_t count)
{
	int ret = drv_exec(r->fd, r->queue, RIG_PACKETS_VA, count, 0, r->syncobj);

	if (!ret)
		ret = drv_wait(r->fd, r->syncobj, 10 * DRV_SECOND);
	if (!ret)
		return 0;
	drv_queue_destroy(r->fd, r->queue);
	if (drv_queue_create(r->fd, r->vm, DRM_NPU_PRIORITY_NORMAL, &r->queue))
		tap_bail("no queue: %s", strerror(errno));
	return ret;
}

/* The reason of the last fault, once there are more than `count`; 0: there are not. */
static uint32_t fault_reason(struct drv_rig *r, uint64_t count)
{
	struct drm_npu_vm_get_state state;

	for (int i = 0; i < 100; i++) {
		if (drv_vm_state(r->fd, r->vm, &state))
			tap_bail("no VM_GET_STATE");
		if (state.fault_count > count)
			return state.fault_info >> 8 & 0xff;
		usleep(10000);
	}
	return 0;
}

static uint64_t fault_count(struct drv_rig *r)
{
	struct drm_npu_vm_get_state state;

	if (drv_vm_state(r->fd, r->vm, &state))
		tap_bail("no VM_GET_STATE");
	return state.fault_count;
}

/* Each queue has its ring in the driver's part of the addresses, by its number on the card. */
static uint64_t find_ring(struct drv_rig *r)
{
	const uint64_t rings = 1ull << 47;

	for (uint64_t n = 0; n < 64; n++) {
		const uint64_t va = rings + n * RING_STRIDE, count = fault_count(r);

		drv_packet_copy(r->packets, RIG_DATA_VA, va, 64);
		if (run(r, 1) != -EIO)
			return 0;
		if (fault_reason(r, count) == FAULT_PERMISSION)
			return va;
	}
	return 0;
}

/* A program that fills `size` bytes of base 0, in the data buffer at 4096. */
#define PROGRAM		(RIG_DATA_VA + 4096)
#define BASES		(RIG_DATA_VA + 8192)

static void write_program(struct drv_rig *r)
{
	struct {
		struct npu_program header;
		struct npu_op op;
		struct npu_tensor tensor;
	} *p = (void *)(r->data + 4096);

	memset(p, 0, sizeof(*p));
	p->header = (struct npu_program){
		.magic = NPU_PROGRAM_MAGIC, .version = NPU_PROGRAM_VERSION, .header_size = 64,
		.size = sizeof(*p), .op_count = 1, .base_count = 1,
	};
	p->op = (struct npu_op){ .opcode = NPU_OP_FILL, .tensor_count = 1 };
	p->op.attr[0] = 0x99;
	p->tensor = (struct npu_tensor){
		.type = NPU_TYPE_I32, .rank = 1, .extent = { 16 }, .stride = { 1 },
	};
}

static void write_exec(struct drv_rig *r, uint64_t program, uint64_t bases, uint64_t profile,
		       uint64_t operand)
{
	const struct npu_base base = { operand, 64, NPU_BASE_READ | NPU_BASE_WRITE, 0 };
	const struct npu_packet_exec packet = {
		.header.opcode = NPU_PACKET_EXEC, .program = program, .bases = bases,
		.profile = profile, .profile_count = profile ? 1 : 0,
		.program_size = sizeof(struct npu_program) + sizeof(struct npu_op) +
				sizeof(struct npu_tensor),
		.base_count = 1,
	};

	write_program(r);
	memcpy(r->data + 8192, &base, sizeof(base));
	memcpy(r->packets, &packet, sizeof(packet));
}

static void rings_are_out_of_reach(struct drv_rig *r)
{
	const uint64_t ring = find_ring(r), control = ring + RING_SIZE, fence = control + 512;
	struct npu_packet_timestamp timestamp = { .header.opcode = NPU_PACKET_TIMESTAMP };
	struct npu_packet_call call = { .header.opcode = NPU_PACKET_CALL, .count = 1 };
	uint64_t count;

	if (!tap(ring != 0, "the ring of the queue is there, and privileged"))
		return;
#define DENIED(name)									\
	do {										\
		int ret;								\
		count = fault_count(r);							\
		ret = run(r, 1);							\
		tap(ret == -EIO && fault_reason(r, count) == FAULT_PERMISSION, name);	\
	} while (0)

	drv_packet_copy(r->packets, ring, RIG_DATA_VA, 64);
	DENIED("COPY does not write the ring");
	drv_packet_copy(r->packets, RIG_DATA_VA, control, 128);
	DENIED("COPY does not read the control block");
	drv_packet_fill(r->packets, control, 128, ~0u);
	DENIED("FILL does not write the control block");
	drv_packet_fill(r->packets, fence, 8, ~0u);
	DENIED("FILL does not write the fence");
	drv_packet_signal(r->packets, fence, 1ull << 40);
	DENIED("FENCE_SIGNAL does not signal the driver's fence");
	drv_packet_wait(r->packets, fence, 0);
	DENIED("FENCE_WAIT does not look at it");
	timestamp.address = ring;
	memcpy(r->packets, &timestamp, sizeof(timestamp));
	DENIED("TIMESTAMP does not write the ring");
	write_exec(r, ring, BASES, 0, RIG_DATA_VA);
	DENIED("EXEC does not fetch a program from the ring");
	write_exec(r, PROGRAM, ring, 0, RIG_DATA_VA);
	DENIED("EXEC does not fetch bases from the ring");
	write_exec(r, PROGRAM, BASES, 0, ring);
	DENIED("EXEC does not write the ring");
#undef DENIED
	write_exec(r, PROGRAM, BASES, ring, RIG_DATA_VA);
	tap(!run(r, 1) && r->data[0] == 0x99, "EXEC does not write a profile there; the job is good");
	call.address = RIG_PACKETS_VA + 64;
	memcpy(r->packets, &call, sizeof(call));
	tap_ret(run(r, 1), -EIO, NULL, "CALL does not nest");
	call.address = ring;
	memcpy(r->packets, &call, sizeof(call));
	tap_ret(run(r, 1), -EIO, NULL, "nor does it run the ring again");
	tap(drv_rig_works(r), "and the queue works");
}

static void addresses_and_sizes_are_checked(struct drv_rig *r)
{
	static const struct {
		uint64_t destination, source, size;
		const char *name;
	} copies[] = {
		{ RIG_DATA_VA, 1ull << 48, 64, "from more than 48 bits" },
		{ RIG_DATA_VA, 1ull << 63, 64, "from half of all addresses" },
		{ RIG_DATA_VA, -64ull, 64, "from the last addresses" },
		{ -64ull, RIG_DATA_VA, 64, "to the last addresses" },
		{ RIG_DATA_VA, -64ull, 128, "from a range that wraps" },
		{ RIG_DATA_VA, RIG_DATA_VA, 64, "onto itself" },
		{ RIG_DATA_VA, RIG_DATA_VA + 63, 64, "onto a part of itself" },
		{ RIG_DATA_VA, RIG_DATA_VA + 4096, 0, "of nothing" },
		{ RIG_DATA_VA, 1ull << 41, (1ull << 40) + 1, "of more than 2^40 bytes" },
		{ RIG_DATA_VA, 1ull << 41, 1ull << 40, "of 2^40 bytes" },
		{ RIG_DATA_VA, RIG_DATA_VA + RIG_DATA_SIZE - 64, 65, "a byte beyond a buffer" },
	};

	for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]); i++) {
		drv_packet_copy(r->packets, copies[i].destination, copies[i].source, copies[i].size);
		tap_ret(run(r, 1), -EIO, NULL, "a copy %s is refused", copies[i].name);
	}
	drv_packet_fill(r->packets, RIG_DATA_VA + 2, 8, 1);
	tap_ret(run(r, 1), -EIO, NULL, "a fill that is not aligned is refused");
	drv_packet_fill(r->packets, GUARD_VA, 4, 1);
	tap_ret(run(r, 1), -EIO, NULL, "a fill of what is read-only is refused");
	drv_packet_signal(r->packets, RIG_DATA_VA + 4, 1);
	tap_ret(run(r, 1), -EIO, NULL, "a fence that is not aligned is refused");
	drv_packet_fill(r->packets, RIG_DATA_VA, 4, 1);
	r->packets[40] = 1;
	tap_ret(run(r, 1), -EIO, NULL, "a packet with something behind its end is refused");
	drv_packet_fill(r->packets, RIG_DATA_VA, 4, 1);
	r->packets[1] = 2;
	tap_ret(run(r, 1), -EIO, NULL, "a packet with unknown flags is refused");
	drv_packet_fill(r->packets, RIG_DATA_VA, 4, 1);
	r->packets[2] = 1;
	tap_ret(run(r, 1), -EIO, NULL, "a packet with a header that is not zero is refused");
	tap_ret(drv_exec(r->fd, r->queue, RIG_PACKETS_VA + DRV_PAGE - 64, 2, 0, r->syncobj) ?:
		drv_wait(r->fd, r->syncobj, 10 * DRV_SECOND), -EIO, NULL,
		"packets that run into nothing are refused");
	drv_queue_destroy(r->fd, r->queue);
	if (drv_queue_create(r->fd, r->vm, DRM_NPU_PRIORITY_NORMAL, &r->queue))
		tap_bail("no queue");
	tap(drv_rig_works(r), "and the queue works");
}

/* xorshift64*, so that each run is the same. */
static uint64_t random_state = 0x4e50553100000001ull;

static uint64_t chance(uint64_t below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dull % below;
}

static uint64_t some_address(void)
{
	static const uint64_t places[] = {
		RIG_PACKETS_VA, GUARD_VA, GUARD_VA, GUARD_VA,
		1ull << 47, (1ull << 47) + RING_SIZE, 0, 0x3fffff000, 1ull << 48, -4096ull,
	};
	/* Mostly where it may. */
	const uint64_t place = chance(4) ? RIG_DATA_VA :
			       places[chance(sizeof(places) / sizeof(places[0]))];

	return place + chance(4) * DRV_PAGE + (chance(4) ? chance(64) * 64 : chance(4096));
}

static void random_packet(struct drv_rig *r, uint8_t *p)
{
	switch (chance(12)) {
	case 0:
		write_exec(r, chance(4) ? PROGRAM : some_address(), chance(4) ? BASES : some_address(),
			   chance(4) ? 0 : some_address(), some_address());
		memmove(p, r->packets, 64);
		break;
	case 1:
	case 2:
		drv_packet_copy(p, some_address(), some_address(), chance(2 * DRV_PAGE));
		break;
	case 3:
	case 4:
		drv_packet_fill(p, some_address() & ~3ull, chance(2 * DRV_PAGE) & ~3ull, chance(1ull << 32));
		break;
	case 5:
		drv_packet_signal(p, some_address() & ~7ull, chance(1ull << 32));
		break;
	case 6:
		memset(p, 0, 64);
		p[0] = NPU_PACKET_BARRIER;
		break;
	case 7:
		for (int i = 0; i < 64; i++)
			p[i] = chance(256);
		break;
	default:
		drv_packet_copy(p, RIG_DATA_VA + chance(64) * 64, RIG_DATA_VA + 65536, 1 + chance(4096));
	}
	/* One in eight has something wrong. */
	if (!chance(8))
		p[chance(64)] ^= 1 << chance(8);
	/* What waits for ever takes seconds each: driver_stuck does that. */
	if (p[0] == NPU_PACKET_FENCE_WAIT)
		p[0] = NPU_PACKET_NOP;
}

static atomic_bool stop;

/* Another client, all the time: its results are right to the bit. */
static void *work(void *opaque)
{
	struct drv_rig *r = opaque;
	uintptr_t rounds = 0;

	while (!atomic_load(&stop)) {
		if (!drv_rig_works(r))
			return NULL;
		rounds++;
	}
	return (void *)rounds;
}

static bool guard_is_whole(const uint8_t *guard)
{
	for (uint32_t i = 0; i < GUARD_SIZE; i++)
		if (guard[i] != (uint8_t)(i * 7))
			return false;
	return true;
}

static void random_packets_harm_nobody(struct drv_rig *r, struct drv_rig *other, const uint8_t *guard)
{
	int good = 0, refused = 0, wrong = 0;
	pthread_t thread;
	void *rounds;

	atomic_store(&stop, false);
	if (pthread_create(&thread, NULL, work, other))
		tap_bail("no thread");
	for (int i = 0; i < 400; i++) {
		const uint32_t count = 1 + chance(4);
		int ret;

		/* The first last: building the others uses its place. */
		for (uint32_t n = count; n-- > 0;)
			random_packet(r, r->packets + 64 * n);
		ret = run(r, count);
		good += !ret;
		refused += ret == -EIO;
		wrong += ret && ret != -EIO;
	}
	atomic_store(&stop, true);
	pthread_join(thread, &rounds);
	tap(!wrong && good > 50 && refused > 50, "random packets end well (%d) or with EIO (%d)", good,
	    refused);
	tap(rounds != NULL, "another client's results stay right (%u times)",
	    (unsigned int)(uintptr_t)rounds);
	tap(guard_is_whole(guard), "what is mapped read-only has not changed");
}

/* Turns bytes over in packets that are being fetched. */
static void *scribble(void *opaque)
{
	struct drv_rig *r = opaque;
	unsigned int i = 0;

	while (!atomic_load(&stop)) {
		r->packets[i * 67 % DRV_PAGE] ^= 0x10;
		i++;
	}
	return NULL;
}

static void packets_may_change_while_they_run(struct drv_rig *r, struct drv_rig *other,
					      const uint8_t *guard)
{
	int64_t end = drv_now() + 2 * DRV_SECOND;
	int ended = 0, wrong = 0;
	pthread_t thread;

	atomic_store(&stop, false);
	if (pthread_create(&thread, NULL, scribble, r))
		tap_bail("no thread");
	while (drv_now() < end) {
		int ret;

		for (int i = 0; i < 64; i++)
			drv_packet_fill(r->packets + 64 * i, RIG_DATA_VA + 64 * i, 64, i);
		ret = run(r, 64);
		ended += !ret || ret == -EIO;
		/* A FILL can become a FENCE_WAIT, or the like. */
		wrong += ret && ret != -EIO && ret != -ETIME;
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	tap(!wrong && ended, "packets that change while they run harm only their own queue (%d jobs)",
	    ended);
	tap(guard_is_whole(guard) && drv_rig_works(other), "and nobody else");
}

int main(void)
{
	struct drv_rig r, other;
	uint8_t *guard;
	uint32_t bo;

	drv_rig_init(&r, 0);
	drv_rig_init(&other, 0);
	if (drv_bo_create(r.fd, GUARD_SIZE, DRM_NPU_MEMORY_SYSTEM, DRM_NPU_BO_CPU_VISIBLE, 0, &bo) ||
	    drv_vm_map(r.fd, r.vm, GUARD_VA, GUARD_SIZE, bo, 0, DRM_NPU_VM_MAP_READONLY))
		tap_bail("no buffer");
	guard = drv_bo_map(r.fd, bo);
	if (guard == MAP_FAILED)
		tap_bail("mmap: %s", strerror(errno));
	for (uint32_t i = 0; i < GUARD_SIZE; i++)
		guard[i] = i * 7;
	rings_are_out_of_reach(&r);
	addresses_and_sizes_are_checked(&r);
	random_packets_harm_nobody(&r, &other, guard);
	packets_may_change_while_they_run(&r, &other, guard);
	tap(drv_rig_works(&r), "after all that the client works");
	drv_rig_fini(&r);
	drv_rig_fini(&other);
	return tap_end();
}
