// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* Every packet, good and malformed, through a queue of a booted card. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <sodium.h>

#include <npu/npu_isa.h>

#include "host.h"
#include "log.h"

union packet {
	struct npu_packet_header header;
	struct npu_packet_exec exec;
	struct npu_packet_copy copy;
	struct npu_packet_fill fill;
	struct npu_packet_fence_signal signal;
	struct npu_packet_fence_wait wait;
	struct npu_packet_timestamp timestamp;
	struct npu_packet_call call;
	uint8_t bytes[NPU_PACKET_SIZE];
};

#define WORDS_VA	HOST_DATA_VA			/* page 0: words to write */
#define PROGRAM_VA	(HOST_DATA_VA + 0x1000)		/* page 1 */
#define BASES_VA	(HOST_DATA_VA + 0x1800)
#define PARAMS_VA	(HOST_DATA_VA + 0x1900)
#define CODE_VA		(HOST_DATA_VA + 0x2000)		/* page 2: called packets */
#define DATA_VA		(HOST_DATA_VA + 0x3000)		/* pages 3 to 10 */

struct fixture {
	struct host *h;
	uint8_t *memory;	/* at HOST_DATA_VA */
	uint64_t head;		/* that the queue has */
};

static int setup(void **state)
{
	const struct card_config config = { .memory_size = DEVICE_MEMORY, .serial = 7 };
	struct fixture *x = calloc(1, sizeof(*x));
	uint64_t dma;

	x->h = host_create(&config);
	*state = x;
	if (host_boot_file(x->h, FIRMWARE_IMAGE) != NPU_BOOT_STATE_READY)
		return -1;
	host_enable_admin(x->h, 8);
	host_make_queue(x->h, 0);
	x->memory = host_alloc(x->h, 0x10000, &dma);
	host_map(x->h, HOST_DATA_VA, dma, 0x10000, NPU_PTE_WRITE | NPU_PTE_SNOOP);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	host_destroy(x->h);
	free(x);
	return 0;
}

/* A queue that has stopped can only be destroyed: makes it anew. */
static void new_queue(struct fixture *x)
{
	const struct npu_admin_queue_args which = { .queue = HOST_QUEUE };
	const struct npu_admin_queue_create_args args = {
		.queue = HOST_QUEUE, .context = 1, .ring_va = HOST_RING_VA,
		.control_va = HOST_CONTROL_VA, .vector = 2, .ring_shift = HOST_RING_SHIFT,
	};
	struct npu_admin_completion c;

	assert_int_equal(host_admin(x->h, NPU_ADMIN_QUEUE_DESTROY, &which, sizeof(which), &c), 0);
	assert_int_equal(c.status, 0);
	memset(x->h->control, 0, sizeof(*x->h->control));
	x->h->control->need_wake = 1;
	x->h->queue_tail = 0;
	assert_int_equal(host_admin(x->h, NPU_ADMIN_QUEUE_CREATE, &args, sizeof(args), &c), 0);
	assert_int_equal(c.status, 0);
}

static uint64_t *words(struct fixture *x)
{
	return (uint64_t *)x->memory;
}

/* A program that copies 16 words from DATA_VA to DATA_VA + 0x1000. */
static void make_program(struct fixture *x)
{
	struct npu_program *program = (struct npu_program *)(x->memory + (PROGRAM_VA - HOST_DATA_VA));
	struct npu_op *op = (struct npu_op *)(program + 1);
	struct npu_tensor *t = (struct npu_tensor *)(op + 1);
	struct npu_base *bases = (struct npu_base *)(x->memory + (BASES_VA - HOST_DATA_VA));

	*program = (struct npu_program){ .magic = NPU_PROGRAM_MAGIC, .version = 1, .header_size = 64,
					 .size = 256, .op_count = 1, .base_count = 2 };
	*op = (struct npu_op){ .opcode = NPU_OP_COPY, .tensor_count = 2 };
	for (int i = 0; i < 2; i++)
		t[i] = (struct npu_tensor){ .type = NPU_TYPE_F32, .rank = 1, .base = (__u16)i,
					    .extent = { 16 }, .stride = { 1 } };
	bases[0] = (struct npu_base){ DATA_VA + 0x1000, 64, NPU_BASE_WRITE, 0 };
	bases[1] = (struct npu_base){ DATA_VA, 64, NPU_BASE_READ, 0 };
}

/* A good packet of each opcode. */
static union packet make(struct fixture *x, uint8_t opcode)
{
	union packet p;
	union packet nop = { .header.opcode = NPU_PACKET_NOP };

	memset(&p, 0, sizeof(p));
	p.header.opcode = opcode;
	switch (opcode) {
	case NPU_PACKET_EXEC:
		make_program(x);
		p.exec.program = PROGRAM_VA;
		p.exec.bases = BASES_VA;
		p.exec.program_size = 256;
		p.exec.base_count = 2;
		break;
	case NPU_PACKET_COPY:
		p.copy.source = DATA_VA;
		p.copy.destination = DATA_VA + 0x1000;
		p.copy.size = 100;
		break;
	case NPU_PACKET_FILL:
		p.fill.destination = DATA_VA;
		p.fill.size = 64;
		p.fill.pattern = 7;
		break;
	case NPU_PACKET_FENCE_SIGNAL:
		p.signal.address = WORDS_VA;
		p.signal.value = 3;
		break;
	case NPU_PACKET_FENCE_WAIT:
		p.wait.address = WORDS_VA + 8;
		p.wait.mask = ~0ull;
		break;
	case NPU_PACKET_TIMESTAMP:
		p.timestamp.address = WORDS_VA + 16;
		break;
	case NPU_PACKET_CALL:
		p.call.address = CODE_VA;
		p.call.count = 1;
		memcpy(x->memory + (CODE_VA - HOST_DATA_VA), &nop, sizeof(nop));
		break;
	}
	p.header.tag = 0x1000u + opcode;
	return p;
}

static void run(struct fixture *x, const union packet *p)
{
	host_submit(x->h, p);
	assert_true(host_wait(x->h));
}

static void refused(struct fixture *x, const union packet *p, uint32_t error, const char *what)
{
	run(x, p);
	if (x->h->control->state != NPU_QUEUE_STATE_STOPPED || x->h->control->error != error)
		fail_msg("opcode %u, %s: state %u error %u, expected error %u", p->header.opcode, what,
			 x->h->control->state, x->h->control->error, error);
	assert_int_equal(x->h->control->head, x->h->queue_tail - 1);
	assert_int_equal(x->h->control->error_index, x->h->queue_tail - 1);
	assert_int_equal(x->h->control->error_tag, p->header.tag);
	new_queue(x);
}

static void each_packet_does_its_work(void **state)
{
	struct fixture *x = *state;
	const uint64_t before = (uint64_t)card_reg_read32(x->h->card, NPU_REG_TIME_LO) |
				(uint64_t)card_reg_read32(x->h->card, NPU_REG_TIME_HI) << 32;

	for (uint8_t opcode = 0; opcode <= NPU_PACKET_CALL; opcode++) {
		const union packet p = make(x, opcode);

		run(x, &p);
		assert_int_equal(x->h->control->error, 0);
		assert_int_equal(x->h->control->head, x->h->queue_tail);
	}
	assert_int_equal(words(x)[0], 3);
	assert_true(words(x)[2] > before && words(x)[2] < before + 60000000000ull);
}

/* Bytes that have no name, one by one. */
static void unnamed_bytes_are_refused(void **state)
{
	static const struct {
		uint8_t opcode, from;
	} named[] = {
		{ NPU_PACKET_NOP, 8 }, { NPU_PACKET_EXEC, 56 }, { NPU_PACKET_COPY, 32 },
		{ NPU_PACKET_FILL, 28 }, { NPU_PACKET_FENCE_SIGNAL, 24 }, { NPU_PACKET_FENCE_WAIT, 36 },
		{ NPU_PACKET_TIMESTAMP, 16 }, { NPU_PACKET_BARRIER, 8 }, { NPU_PACKET_CALL, 20 },
	};
	struct fixture *x = *state;

	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		for (unsigned int at = named[i].from; at < NPU_PACKET_SIZE; at++) {
			union packet p = make(x, named[i].opcode);

			p.bytes[at] = 0x10;
			refused(x, &p, NPU_QUEUE_ERROR_PACKET, "unnamed byte");
		}
		for (unsigned int bit = 0; bit < 24; bit++) {
			union packet p = make(x, named[i].opcode);

			/* Flags and mbz of the header; bit 0 is BARRIER. */
			if (!bit)
				continue;
			p.bytes[1 + bit / 8] |= (uint8_t)(1u << bit % 8);
			refused(x, &p, NPU_QUEUE_ERROR_PACKET, "header");
		}
	}
	for (unsigned int opcode = NPU_PACKET_CALL + 1; opcode < 256; opcode++) {
		const union packet p = { .header = { .opcode = (__u8)opcode, .tag = 5 } };

		refused(x, &p, NPU_QUEUE_ERROR_PACKET, "unknown opcode");
	}
}

#define BAD(opcode_, field, value, error) do {				\
	union packet p = make(x, opcode_);				\
									\
	p.field = (value);						\
	refused(x, &p, error, #field " = " #value);			\
} while (0)

static void fields_out_of_range_are_refused(void **state)
{
	struct fixture *x = *state;

	BAD(NPU_PACKET_EXEC, exec.program, PROGRAM_VA + 32, NPU_QUEUE_ERROR_PACKET);
	BAD(NPU_PACKET_EXEC, exec.bases, BASES_VA + 4, NPU_QUEUE_ERROR_PACKET);
	BAD(NPU_PACKET_EXEC, exec.params, PARAMS_VA + 1, NPU_QUEUE_ERROR_PACKET);
	BAD(NPU_PACKET_EXEC, exec.profile, WORDS_VA + 2, NPU_QUEUE_ERROR_PACKET);
	BAD(NPU_PACKET_EXEC, exec.base_count, NPU_BASES_MAX + 1, NPU_QUEUE_ERROR_PACKET);
	BAD(NPU_PACKET_EXEC, exec.base_count, 0xffffffff, NPU_QUEUE_ERROR_PACKET);
	BAD(NPU_PACKET_EXEC, exec.param_count, NPU_PARAMS_MAX + 1, NPU_QUEUE_ERROR_PACKET);
	BAD(NPU_PACKET_EXEC, exec.program_size, 0, NPU_QUEUE_ERROR_PROGRAM);
	BAD(NPU_PACKET_EXEC, exec.program_size, 63, NPU_QUEUE_ERROR_PROGRAM);
	BAD(NPU_PACKET_EXEC, exec.program_size, 0xffffffff, NPU_QUEUE_ERROR_PROGRAM);
	BAD(NPU_PACKET_EXEC, exec.program_size, 192, NPU_QUEUE_ERROR_PROGRAM);
	BAD(NPU_PACKET_EXEC, exec.base_count, 1, NPU_QUEUE_ERROR_PROGRAM);
	BAD(NPU_PACKET_EXEC, exec.program, 0x7000000000, NPU_QUEUE_ERROR_FAULT);
	BAD(NPU_PACKET_EXEC, exec.bases, 0x7000000000, NPU_QUEUE_ERROR_FAULT);
	BAD(NPU_PACKET_EXEC, exec.param_count, 1, NPU_QUEUE_ERROR_FAULT);
	BAD(NPU_PACKET_COPY, copy.size, 0, NPU_QUEUE_ERROR_PACKET);
	BAD(NPU_PACKET_COPY, copy.size, (1ull << 40) + 1, NPU_QUEUE_ERROR_PACKET);
	BAD(NPU_PACKET_COPY, copy.size, ~0ull, NPU_QUEUE_ERROR_PACKET);
	BAD(NPU_PACKET_COPY, copy.size, 0x1001, NPU_QUEUE_ERROR_PACKET);	/* overlaps */
	BAD(NPU_PACKET_COPY, copy.destination, DATA_VA, NPU_QUEUE_ERROR_PACKET);
	BAD(NPU_PACKET_COPY, copy.destination, DATA_VA - 99, NPU_QUEUE_ERROR_PACKET);
	BAD(NPU_PACKET_COPY, copy.source, ~0ull, NPU_QUEUE_ERROR_PACKET);
	BAD(NPU_PACKET_COPY, copy.source, 0x7000000000, NPU_QUEUE_ERROR_FAULT);
	BAD(NPU_PACKET_FILL, fill.destination, DATA_VA + 2, NPU_QUEUE_ERROR_PACKET);
	BAD(NPU_PACKET_FILL, fill.size, 0, NPU_QUEUE_ERROR_PACKET);
	BAD(NPU_PACKET_FILL, fill.size, 6, NPU_QUEUE_ERROR_PACKET);
	BAD(NPU_PACKET_FILL, fill.size, (1ull << 40) + 4, NPU_QUEUE_ERROR_PACKET);
	BAD(NPU_PACKET_FILL, fill.destination, ~3ull, NPU_QUEUE_ERROR_PACKET);
	BAD(NPU_PACKET_FILL, fill.size, 0x10000, NPU_QUEUE_ERROR_FAULT);
	BAD(NPU_PACKET_FENCE_SIGNAL, signal.address, WORDS_VA + 4, NPU_QUEUE_ERROR_PACKET);
	BAD(NPU_PACKET_FENCE_SIGNAL, signal.address, 1ull << 48, NPU_QUEUE_ERROR_FAULT);
	BAD(NPU_PACKET_FENCE_WAIT, wait.address, WORDS_VA + 1, NPU_QUEUE_ERROR_PACKET);
	BAD(NPU_PACKET_FENCE_WAIT, wait.compare, NPU_COMPARE_COUNT, NPU_QUEUE_ERROR_PACKET);
	BAD(NPU_PACKET_FENCE_WAIT, wait.address, 0x7000000000, NPU_QUEUE_ERROR_FAULT);
	BAD(NPU_PACKET_TIMESTAMP, timestamp.address, WORDS_VA + 4, NPU_QUEUE_ERROR_PACKET);
	BAD(NPU_PACKET_CALL, call.address, CODE_VA + 32, NPU_QUEUE_ERROR_PACKET);
	BAD(NPU_PACKET_CALL, call.count, 0, NPU_QUEUE_ERROR_PACKET);
	BAD(NPU_PACKET_CALL, call.count, NPU_CALL_MAX + 1, NPU_QUEUE_ERROR_PACKET);
}

static void base_tables_are_checked(void **state)
{
	struct fixture *x = *state;
	struct npu_base *bases = (struct npu_base *)(x->memory + (BASES_VA - HOST_DATA_VA));

	for (int which = 0; which < 6; which++) {
		const union packet p = make(x, NPU_PACKET_EXEC);
		uint32_t error = NPU_QUEUE_ERROR_PACKET;

		switch (which) {
		case 0:
			bases[1].flags = 4;
			break;
		case 1:
			bases[1].mbz = 1;
			break;
		case 2:
			bases[1].va += 4;
			break;
		case 3:
			bases[1].size = ~0ull;
			break;
		case 4:
			bases[1].flags = NPU_BASE_WRITE;
			error = NPU_QUEUE_ERROR_OPERAND;
			break;
		case 5:
			bases[1].size = 63;
			error = NPU_QUEUE_ERROR_OPERAND;
			break;
		}
		refused(x, &p, error, "base table");
	}
}

static void an_error_in_a_program_says_where(void **state)
{
	struct fixture *x = *state;
	union packet p = make(x, NPU_PACKET_EXEC);
	struct npu_program *program = (struct npu_program *)(x->memory + (PROGRAM_VA - HOST_DATA_VA));
	struct npu_op *first = (struct npu_op *)(program + 1), *second = first + 3;

	/* A second operation that is unknown. */
	memcpy(second, first, 192);
	second->opcode = 99;
	program->op_count = 2;
	program->size = p.exec.program_size = 64 + 2 * 192;
	run(x, &p);
	assert_int_equal(x->h->control->error, NPU_QUEUE_ERROR_PROGRAM);
	assert_int_equal(x->h->control->error_op, 1);
	assert_int_equal(x->h->control->error_va, 64 + 192);
}

static void a_profile_is_written_for_each_operation(void **state)
{
	struct fixture *x = *state;
	union packet p = make(x, NPU_PACKET_EXEC);
	const struct npu_profile_op *profile = (struct npu_profile_op *)x->memory;

	p.exec.profile = WORDS_VA;
	p.exec.profile_count = 1;
	memset(x->memory, 0xee, 4096);
	run(x, &p);
	assert_int_equal(x->h->control->error, 0);
	assert_true(profile->end_ns >= profile->start_ns && profile->start_ns > 0);
	assert_int_equal(profile->bytes, 128);
	assert_int_equal(profile->energy_pj, 128 * 20);
	/* And not one more. */
	assert_int_equal(x->memory[sizeof(*profile)], 0xee);
	/* A profile that has no place does not spoil the result. */
	p.exec.profile = 0x7000000000;
	run(x, &p);
	assert_int_equal(x->h->control->error, 0);
}

static void called_packets_may_not_call(void **state)
{
	struct fixture *x = *state;
	union packet p = make(x, NPU_PACKET_CALL), inner = make(x, NPU_PACKET_CALL);

	inner.header.tag = 0x77;
	memcpy(x->memory + (CODE_VA - HOST_DATA_VA), &inner, sizeof(inner));
	run(x, &p);
	assert_int_equal(x->h->control->error, NPU_QUEUE_ERROR_PACKET);
	assert_int_equal(x->h->control->error_tag, 0x77);
	assert_int_equal(x->h->control->error_index, 0);
}

static void a_call_counts_as_one_packet(void **state)
{
	struct fixture *x = *state;
	union packet p = make(x, NPU_PACKET_CALL);
	union packet signal = make(x, NPU_PACKET_FENCE_SIGNAL);

	for (unsigned int i = 0; i < 60; i++) {
		signal.signal.address = WORDS_VA + 8 * i;
		signal.signal.value = 100 + i;
		memcpy(x->memory + (CODE_VA - HOST_DATA_VA) + 64 * i, &signal, sizeof(signal));
	}
	p.call.count = 60;
	run(x, &p);
	assert_int_equal(x->h->control->head, 1);
	for (unsigned int i = 0; i < 60; i++)
		assert_int_equal(words(x)[i], 100 + i);
	/* A fault inside leaves head at the CALL. */
	p.call.count = 1000;
	run(x, &p);
	assert_int_equal(x->h->control->error, NPU_QUEUE_ERROR_FAULT);
	assert_int_equal(x->h->control->error_va, HOST_DATA_VA + 0x10000);
	assert_int_equal(x->h->control->error_index, 1);
	assert_int_equal(x->h->control->head, 1);
}

static void fences_compare_as_they_say(void **state)
{
	static const struct {
		uint64_t memory, value, mask;
		uint32_t compare;
		bool holds;
	} cases[] = {
		{ 5, 5, ~0ull, NPU_COMPARE_GE, true }, { 6, 5, ~0ull, NPU_COMPARE_GE, true },
		{ 4, 5, ~0ull, NPU_COMPARE_GE, false },
		{ 0x8000000000000000ull, 1, ~0ull, NPU_COMPARE_GE, true },	/* unsigned */
		{ 0x105, 5, 0xff, NPU_COMPARE_EQ, true }, { 0x106, 5, 0xff, NPU_COMPARE_EQ, false },
		{ 0x105, 5, 0xff, NPU_COMPARE_NE, false }, { 0x106, 5, 0xff, NPU_COMPARE_NE, true },
		{ 0xf0, 0, 0x0f, NPU_COMPARE_GE, true }, { 0xf0, 1, 0x0f, NPU_COMPARE_GE, false },
	};
	struct fixture *x = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		union packet p = make(x, NPU_PACKET_FENCE_WAIT);

		p.wait.value = cases[i].value;
		p.wait.mask = cases[i].mask;
		p.wait.compare = cases[i].compare;
		__atomic_store_n(&words(x)[1], cases[i].memory, __ATOMIC_SEQ_CST);
		host_submit(x->h, &p);
		if (!cases[i].holds) {
			usleep(20000);
			assert_int_equal(x->h->control->head, x->h->queue_tail - 1);
			__atomic_store_n(&words(x)[1], cases[i].compare == NPU_COMPARE_NE ? 0 : cases[i].value,
					 __ATOMIC_SEQ_CST);
		}
		assert_true(host_wait(x->h));
		assert_int_equal(x->h->control->error, 0);
	}
}

static void packets_keep_their_order(void **state)
{
	struct fixture *x = *state;
	union packet fill = make(x, NPU_PACKET_FILL), copy = make(x, NPU_PACKET_COPY);
	union packet signal = make(x, NPU_PACKET_FENCE_SIGNAL);

	fill.fill.size = 0x1000;
	copy.copy.size = 0x1000;
	copy.header.flags = NPU_PACKET_F_BARRIER;
	for (uint32_t i = 1; i <= 300; i++) {
		fill.fill.pattern = i;
		signal.signal.value = i;
		host_submit(x->h, &fill);
		host_submit(x->h, &copy);
		host_submit(x->h, &signal);
		while (__atomic_load_n(&words(x)[0], __ATOMIC_ACQUIRE) != i)
			assert_int_not_equal(__atomic_load_n(&x->h->control->state, __ATOMIC_ACQUIRE),
					     NPU_QUEUE_STATE_STOPPED);
		/* The fence is after the copy, the copy after the fill. */
		for (uint32_t at = 0x4000; at < 0x5000; at += 4)
			assert_int_equal(*(volatile uint32_t *)(x->memory + at), i);
	}
}

static void sizes_of_a_copy(void **state)
{
	static const struct {
		uint32_t from, to, size;
	} cases[] = {
		{ 0, 0x4000, 1 }, { 1, 0x4000, 1 }, { 4095, 0x4001, 2 }, { 4095, 0x4fff, 4098 },
		{ 7, 0x4003, 8191 }, { 0, 0x3000, 0x3000 }, { 0x3000, 0, 0x3000 },
	};
	struct fixture *x = *state;
	uint8_t *data = x->memory + (DATA_VA - HOST_DATA_VA);
	static uint8_t before[0x8000];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		union packet p = make(x, NPU_PACKET_COPY);

		for (uint32_t n = 0; n < sizeof(before); n++)
			data[n] = (uint8_t)(n * 7 + n / 251 + i);
		memcpy(before, data, sizeof(before));
		p.copy.source = DATA_VA + cases[i].from;
		p.copy.destination = DATA_VA + cases[i].to;
		p.copy.size = cases[i].size;
		run(x, &p);
		assert_int_equal(x->h->control->error, 0);
		memmove(before + cases[i].to, before + cases[i].from, cases[i].size);
		assert_memory_equal(data, before, sizeof(before));
	}
}

/* The ring wraps: indices go on, slots come again. */
static void the_ring_can_be_filled_to_the_last_slot(void **state)
{
	struct fixture *x = *state;
	const uint32_t packets = 1 << HOST_RING_SHIFT;
	union packet signal = make(x, NPU_PACKET_FENCE_SIGNAL);

	for (uint32_t lap = 0; lap < 5; lap++) {
		/* All of them before the doorbell. */
		for (uint32_t i = 0; i < packets; i++) {
			signal.signal.value = x->h->queue_tail + i + 1;
			memcpy((uint8_t *)x->h->ring + (x->h->queue_tail + i) % packets * 64, &signal, 64);
		}
		x->h->queue_tail += packets - 1;
		host_submit(x->h, &signal);
		assert_true(host_wait(x->h));
		assert_int_equal(words(x)[0], x->h->queue_tail);
	}
	/* One more is too many. */
	x->h->queue_tail += packets;
	host_submit(x->h, &signal);
	assert_true(host_wait(x->h));
	assert_int_equal(x->h->control->error, NPU_QUEUE_ERROR_TAIL);
}

static void a_tail_that_goes_back_stops_the_queue(void **state)
{
	struct fixture *x = *state;
	const union packet nop = make(x, NPU_PACKET_NOP);

	run(x, &nop);
	run(x, &nop);
	__atomic_store_n((uint64_t *)(x->h->doorbells + NPU_DOORBELL_PAGE(HOST_QUEUE)), 1, __ATOMIC_SEQ_CST);
	card_wake_write(x->h->card, HOST_QUEUE);
	for (int i = 0; i < 3000 && x->h->control->state != NPU_QUEUE_STATE_STOPPED; i++)
		usleep(1000);
	assert_int_equal(x->h->control->error, NPU_QUEUE_ERROR_TAIL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(each_packet_does_its_work),
		T(unnamed_bytes_are_refused),
		T(fields_out_of_range_are_refused),
		T(base_tables_are_checked),
		T(an_error_in_a_program_says_where),
		T(a_profile_is_written_for_each_operation),
		T(called_packets_may_not_call),
		T(a_call_counts_as_one_packet),
		T(fences_compare_as_they_say),
		T(packets_keep_their_order),
		T(sizes_of_a_copy),
		T(the_ring_can_be_filled_to_the_last_slot),
		T(a_tail_that_goes_back_stops_the_queue),
	};

	log_init(LOG_LEVEL_DEBUG, getenv("NPU_SIM_LOG") ? NULL : "/dev/null");
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
