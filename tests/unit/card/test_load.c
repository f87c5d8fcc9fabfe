// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/*
 * The card under load: operations of any length must hold up neither kills,
 * invalidations nor resets, tenants share the engines, and memory that is
 * rewritten while the card reads it hurts its owner only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <sodium.h>

#include <npu/npu_isa.h>

#include "card_internal.h"
#include "dma_map.h"
#include "host.h"
#include "log.h"

#define PROGRAM_VA	0x30000000ull
#define SCRATCH_VA	0x40000000ull
#define SCRATCH_SIZE	(1u << 20)
#define RING_PACKETS	16

/* A context with one queue of its own. */
struct tenant {
	uint32_t number;	/* of both */
	uint64_t root;
	uint8_t *ring;
	struct npu_queue_control *control;
	uint64_t *words;	/* at HOST_DATA_VA */
	uint8_t *program;	/* at PROGRAM_VA, two pages */
	float *scratch;		/* at SCRATCH_VA */
	uint64_t tail;
};

static int setup(void **state)
{
	const struct card_config config = { .memory_size = DEVICE_MEMORY, .serial = 7 };
	struct host *h = host_create(&config);

	*state = h;
	if (host_boot_file(h, FIRMWARE_IMAGE) != NPU_BOOT_STATE_READY)
		return -1;
	host_enable_admin(h, 64);
	return 0;
}

static int teardown(void **state)
{
	host_destroy(*state);
	return 0;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void *pages(struct host *h, const struct tenant *t, uint64_t va, uint64_t size)
{
	uint64_t dma;
	void *data = host_alloc(h, size, &dma);

	h->root = t->root;
	host_map(h, va, dma, size, NPU_PTE_WRITE | NPU_PTE_SNOOP);
	return data;
}

static struct tenant make_tenant(struct host *h, uint32_t number, uint8_t priority)
{
	const struct npu_admin_queue_create_args args = {
		.queue = number, .context = number, .ring_va = HOST_RING_VA,
		.control_va = HOST_CONTROL_VA, .ring_shift = 4, .priority = priority,
	};
	struct npu_admin_context_args context = { .context = number };
	struct npu_admin_completion c;
	struct tenant t = { .number = number };

	host_alloc(h, 4096, &t.root);
	context.root = t.root;
	t.ring = pages(h, &t, HOST_RING_VA, 4096);
	t.control = pages(h, &t, HOST_CONTROL_VA, 4096);
	t.words = pages(h, &t, HOST_DATA_VA, 4096);
	t.program = pages(h, &t, PROGRAM_VA, 8192);
	t.scratch = pages(h, &t, SCRATCH_VA, SCRATCH_SIZE);
	t.control->need_wake = 1;
	assert_int_equal(host_admin(h, NPU_ADMIN_CONTEXT_CREATE, &context, sizeof(context), &c), 0);
	assert_int_equal(c.status, 0);
	assert_int_equal(host_admin(h, NPU_ADMIN_QUEUE_CREATE, &args, sizeof(args), &c), 0);
	assert_int_equal(c.status, 0);
	return t;
}

static void ring_bell(struct host *h, uint32_t queue, uint64_t tail)
{
	__atomic_store_n((uint64_t *)(h->doorbells + NPU_DOORBELL_PAGE(queue)), tail, __ATOMIC_SEQ_CST);
	card_wake_write(h->card, queue);
}

static void submit(struct host *h, struct tenant *t, const void *packet)
{
	memcpy(t->ring + t->tail % RING_PACKETS * 64, packet, 64);
	ring_bell(h, t->number, ++t->tail);
}

static uint32_t state_of(const struct tenant *t)
{
	return __atomic_load_n(&t->control->state, __ATOMIC_ACQUIRE);
}

/* Until the queue has done everything or stopped; false if it takes longer. */
static bool wait_for(const struct tenant *t, double limit)
{
	const double end = seconds() + limit;

	while (__atomic_load_n(&t->control->head, __ATOMIC_ACQUIRE) != t->tail &&
	       state_of(t) != NPU_QUEUE_STATE_STOPPED) {
		if (seconds() > end)
			return false;
		usleep(100);
	}
	return true;
}

static int admin(struct host *h, uint8_t opcode, uint32_t queue, struct npu_admin_queue_result *result)
{
	const struct npu_admin_queue_args args = { .queue = queue };
	struct npu_admin_completion c;

	assert_int_equal(host_admin(h, opcode, &args, sizeof(args), &c), 0);
	memcpy(result, c.payload, sizeof(*result));
	return c.status;
}

/* A GEMM of n x n from two broadcast words: n * n * depth multiplications. */
static void submit_product(struct host *h, struct tenant *t, uint32_t n, uint32_t depth)
{
	struct npu_program *program = (struct npu_program *)t->program;
	struct npu_op *op = (struct npu_op *)(program + 1);
	struct npu_tensor *tensors = (struct npu_tensor *)(op + 1);
	struct npu_base *bases = (struct npu_base *)(t->program + 4096);
	const struct npu_attr_gemm attr = { .alpha = 0x3f800000 };
	struct npu_packet_exec exec;

	*program = (struct npu_program){
		.magic = NPU_PROGRAM_MAGIC, .version = NPU_PROGRAM_VERSION, .header_size = 64,
		.size = 64 + 64 + 3 * 64, .op_count = 1, .base_count = 1,
	};
	*op = (struct npu_op){ .opcode = NPU_OP_GEMM, .tensor_count = 3 };
	memcpy(op->attr, &attr, sizeof(attr));
	tensors[0] = (struct npu_tensor){ .type = NPU_TYPE_F32, .rank = 2, .offset = 64,
					  .extent = { n, n }, .stride = { (int32_t)n, 1 } };
	tensors[1] = (struct npu_tensor){ .type = NPU_TYPE_F32, .rank = 2, .extent = { n, depth } };
	tensors[2] = (struct npu_tensor){ .type = NPU_TYPE_F32, .rank = 2, .extent = { depth, n } };
	bases[0] = (struct npu_base){ SCRATCH_VA, SCRATCH_SIZE, NPU_BASE_READ | NPU_BASE_WRITE, 0 };
	t->scratch[0] = 1.0f;
	exec = (struct npu_packet_exec){
		.header.opcode = NPU_PACKET_EXEC, .program = PROGRAM_VA, .bases = PROGRAM_VA + 4096,
		.program_size = program->size, .base_count = 1,
	};
	submit(h, t, &exec);
}

/* A quick one: each element of the result is 2^18. */
static void submit_gemm(struct host *h, struct tenant *t, uint32_t n)
{
	submit_product(h, t, n, 1 << 18);
}

/* Starts 2^40 multiplications, and waits until they have begun. */
static void submit_endless(struct host *h, struct tenant *t)
{
	struct npu_admin_queue_result first, now;

	admin(h, NPU_ADMIN_QUEUE_QUERY, t->number, &first);
	submit_product(h, t, 500, 1 << 22);
	do {
		usleep(10000);
		admin(h, NPU_ADMIN_QUEUE_QUERY, t->number, &now);
	} while (now.progress == first.progress && now.state == NPU_QUEUE_STATE_ACTIVE);
	assert_int_equal(now.state, NPU_QUEUE_STATE_ACTIVE);
	assert_int_equal(t->control->head, 0);
}

static void an_operation_gives_the_right_result(void **state)
{
	struct host *h = *state;
	struct tenant t = make_tenant(h, 1, NPU_QUEUE_PRIORITY_NORMAL);

	submit_gemm(h, &t, 8);
	assert_true(wait_for(&t, 10));
	assert_int_equal(t.control->error, 0);
	for (int i = 0; i < 64; i++)
		assert_float_equal(t.scratch[16 + i], 262144, 0);
	assert_true(t.control->busy_ns > 0);
	/* 1 pJ for each of 2^24 multiplications, and some bytes. */
	assert_true(t.control->energy_nj >= 16777);
}

static void a_long_operation_can_be_killed(void **state)
{
	struct host *h = *state;
	struct tenant t = make_tenant(h, 1, NPU_QUEUE_PRIORITY_NORMAL);
	struct npu_admin_queue_result result;
	double start;

	submit_endless(h, &t);
	start = seconds();
	assert_int_equal(admin(h, NPU_ADMIN_QUEUE_KILL, 1, &result), NPU_ADMIN_STATUS_OK);
	assert_true(seconds() - start < 1.0);
	assert_int_equal(result.error, NPU_QUEUE_ERROR_KILLED);
	assert_int_equal(t.control->error, NPU_QUEUE_ERROR_KILLED);
	assert_int_equal(t.control->head, 0);
	assert_int_equal(t.control->error_index, 0);
}

static void a_suspension_waits_for_the_packet_but_not_for_ever(void **state)
{
	struct host *h = *state;
	struct tenant t = make_tenant(h, 1, NPU_QUEUE_PRIORITY_NORMAL);
	struct npu_admin_queue_result result;
	double start;

	submit_endless(h, &t);
	start = seconds();
	assert_int_equal(admin(h, NPU_ADMIN_QUEUE_SUSPEND, 1, &result), NPU_ADMIN_STATUS_TIMEOUT);
	assert_true(seconds() - start < 1.5);
	assert_int_equal(admin(h, NPU_ADMIN_QUEUE_DESTROY, 1, &result), NPU_ADMIN_STATUS_OK);
}

static void a_long_operation_makes_progress_that_can_be_seen(void **state)
{
	struct host *h = *state;
	struct tenant t = make_tenant(h, 1, NPU_QUEUE_PRIORITY_NORMAL);
	struct npu_admin_queue_result result;
	uint64_t last = 0;

	submit_endless(h, &t);
	for (int i = 0; i < 3; i++) {
		usleep(200000);
		admin(h, NPU_ADMIN_QUEUE_QUERY, 1, &result);
		assert_true(result.progress > last);
		last = result.progress;
	}
}

static void a_long_operation_holds_up_no_invalidation(void **state)
{
	const struct npu_admin_tlb_args args = { .context = 1 };
	struct host *h = *state;
	struct tenant t = make_tenant(h, 1, NPU_QUEUE_PRIORITY_NORMAL);
	struct npu_admin_completion c;

	submit_endless(h, &t);
	for (int i = 0; i < 20; i++) {
		const double start = seconds();

		assert_int_equal(host_admin(h, NPU_ADMIN_TLB_INVALIDATE, &args, sizeof(args), &c), 0);
		assert_int_equal(c.status, NPU_ADMIN_STATUS_OK);
		assert_true(seconds() - start < 1.0);
	}
	/* Nor did it end the operation. */
	assert_int_equal(state_of(&t), NPU_QUEUE_STATE_ACTIVE);
	assert_int_equal(card_reg_read32(h->card, NPU_REG_BOOT_STATUS), NPU_BOOT_STATE_READY);
}

static void a_long_operation_faults_where_its_memory_was_taken(void **state)
{
	const struct npu_admin_tlb_args args = { .context = 1, .va = SCRATCH_VA, .size = SCRATCH_SIZE };
	struct host *h = *state;
	struct tenant t = make_tenant(h, 1, NPU_QUEUE_PRIORITY_NORMAL);
	struct npu_admin_completion c;

	submit_endless(h, &t);
	host_map(h, SCRATCH_VA, 0, SCRATCH_SIZE, 0);
	assert_int_equal(host_admin(h, NPU_ADMIN_TLB_INVALIDATE, &args, sizeof(args), &c), 0);
	/* From here on the memory is somebody else's. */
	memset(t.scratch, 0x55, SCRATCH_SIZE);
	assert_true(wait_for(&t, 5));
	assert_int_equal(t.control->error, NPU_QUEUE_ERROR_FAULT);
	assert_in_range(t.control->error_va, SCRATCH_VA, SCRATCH_VA + SCRATCH_SIZE);
	for (uint32_t i = 0; i < SCRATCH_SIZE; i++)
		assert_int_equal(((uint8_t *)t.scratch)[i], 0x55);
}

static void a_long_operation_holds_up_no_reset(void **state)
{
	struct host *h = *state;

	for (int i = 0; i < 3; i++) {
		struct tenant t = make_tenant(h, 1, NPU_QUEUE_PRIORITY_NORMAL);
		double start;

		submit_endless(h, &t);
		start = seconds();
		card_reset(h->card);
		assert_true(seconds() - start < 1.0);
		h->used = 0;
		assert_int_equal(host_boot_file(h, FIRMWARE_IMAGE), NPU_BOOT_STATE_READY);
		host_enable_admin(h, 64);
	}
}

/* The host takes its memory away while an engine is in it. */
static void a_long_operation_holds_up_no_loss_of_memory(void **state)
{
	struct host *h = *state;
	struct tenant t = make_tenant(h, 1, NPU_QUEUE_PRIORITY_NORMAL);
	struct npu_admin_queue_result result;
	double start;

	submit_endless(h, &t);
	start = seconds();
	dma_map_enable(h->dma, false);
	assert_true(seconds() - start < 1.0);
	usleep(50000);
	dma_map_enable(h->dma, true);
	admin(h, NPU_ADMIN_QUEUE_QUERY, 1, &result);
	assert_int_equal(result.state, NPU_QUEUE_STATE_STOPPED);
	assert_int_equal(result.error, NPU_QUEUE_ERROR_FAULT);
	start = seconds();
	dma_map_remove_all(h->dma);
	assert_true(seconds() - start < 1.0);
}

static void tenants_share_the_tensor_engine(void **state)
{
	struct host *h = *state;
	struct tenant a = make_tenant(h, 1, NPU_QUEUE_PRIORITY_NORMAL);
	struct tenant b = make_tenant(h, 2, NPU_QUEUE_PRIORITY_NORMAL);

	submit_endless(h, &a);
	for (int i = 0; i < 10; i++) {
		submit_gemm(h, &b, 8);
		assert_true(wait_for(&b, 2));
		assert_float_equal(b.scratch[16], 262144, 0);
		b.scratch[16] = 0;
	}
	assert_int_equal(b.control->error, 0);
	assert_int_equal(a.control->head, 0);
	assert_int_equal(state_of(&a), NPU_QUEUE_STATE_ACTIVE);
}

static void two_long_operations_get_the_same_time(void **state)
{
	struct host *h = *state;
	struct tenant a = make_tenant(h, 1, NPU_QUEUE_PRIORITY_NORMAL);
	struct tenant b = make_tenant(h, 2, NPU_QUEUE_PRIORITY_NORMAL);
	struct npu_admin_queue_result before[2], after[2];
	double share[2];

	submit_endless(h, &a);
	submit_endless(h, &b);
	admin(h, NPU_ADMIN_QUEUE_QUERY, 1, &before[0]);
	admin(h, NPU_ADMIN_QUEUE_QUERY, 2, &before[1]);
	usleep(1500000);
	admin(h, NPU_ADMIN_QUEUE_QUERY, 1, &after[0]);
	admin(h, NPU_ADMIN_QUEUE_QUERY, 2, &after[1]);
	for (int i = 0; i < 2; i++)
		share[i] = (double)(after[i].progress - before[i].progress);
	assert_true(share[0] > 0 && share[1] > 0);
	assert_true(share[0] / share[1] > 0.7 && share[0] / share[1] < 1.4);
}

static void realtime_goes_first_in_the_engine(void **state)
{
	struct host *h = *state;
	struct tenant a = make_tenant(h, 1, NPU_QUEUE_PRIORITY_HIGH);
	struct tenant b = make_tenant(h, 2, NPU_QUEUE_PRIORITY_REALTIME);
	struct npu_admin_queue_result before, after;

	submit_endless(h, &a);
	submit_endless(h, &b);
	admin(h, NPU_ADMIN_QUEUE_QUERY, 1, &before);
	usleep(300000);
	admin(h, NPU_ADMIN_QUEUE_QUERY, 1, &after);
	assert_int_equal(after.progress, before.progress);
	assert_int_equal(admin(h, NPU_ADMIN_QUEUE_KILL, 2, &after), NPU_ADMIN_STATUS_OK);
	usleep(300000);
	admin(h, NPU_ADMIN_QUEUE_QUERY, 1, &after);
	assert_true(after.progress > before.progress);
}

/* Asks until the queue was served for so long since @before: at most 10 s. */
static void wait_served(struct host *h, uint32_t queue, uint64_t ns,
			const struct npu_admin_queue_result *before,
			struct npu_admin_queue_result *after)
{
	for (int tries = 0; tries < 1000; tries++) {
		admin(h, NPU_ADMIN_QUEUE_QUERY, queue, after);
		if (after->served_ns - before->served_ns > ns &&
		    after->busy_ns - before->busy_ns > ns)
			return;
		usleep(10000);
	}
	fail_msg("queue %u was served %llu ns, busy %llu", queue,
		 (unsigned long long)(after->served_ns - before->served_ns),
		 (unsigned long long)(after->busy_ns - before->busy_ns));
}

static void waiting_for_an_engine_is_no_service(void **state)
{
	struct host *h = *state;
	struct tenant a = make_tenant(h, 1, NPU_QUEUE_PRIORITY_HIGH);
	struct tenant b = make_tenant(h, 2, NPU_QUEUE_PRIORITY_REALTIME);
	struct npu_admin_queue_result before[2] = { 0 }, after[2];

	submit_endless(h, &a);
	submit_endless(h, &b);
	/* From when the engine has been taken away from the first. */
	wait_served(h, 2, 20000000, &before[1], &after[1]);
	admin(h, NPU_ADMIN_QUEUE_QUERY, 1, &before[0]);
	before[1] = after[1];
	/* The other one has it, and that shows before its packet ends. */
	wait_served(h, 2, 400000000, &before[1], &after[1]);
	admin(h, NPU_ADMIN_QUEUE_QUERY, 1, &after[0]);
	/* Two registers are read one after the other: it may also be some ns less. */
	assert_true((int64_t)(after[0].served_ns - before[0].served_ns) < 50000000);
	assert_true(after[0].busy_ns - before[0].busy_ns < 50000000);
	assert_int_equal(b.control->head, 0);
}

static void a_waiting_job_can_be_killed(void **state)
{
	struct host *h = *state;
	struct tenant a = make_tenant(h, 1, NPU_QUEUE_PRIORITY_REALTIME);
	struct tenant b = make_tenant(h, 2, NPU_QUEUE_PRIORITY_LOW);
	struct npu_admin_queue_result result;

	submit_endless(h, &a);
	submit_gemm(h, &b, 8);
	usleep(50000);
	assert_int_equal(b.control->head, 0);
	assert_int_equal(admin(h, NPU_ADMIN_QUEUE_KILL, 2, &result), NPU_ADMIN_STATUS_OK);
	assert_int_equal(b.control->error, NPU_QUEUE_ERROR_KILLED);
	assert_int_equal(state_of(&a), NPU_QUEUE_STATE_ACTIVE);
}

static uint32_t scramble(uint32_t *seed)
{
	return *seed = *seed * 1664525u + 1013904223u;
}

struct vandal {
	struct tenant *t;
	atomic_bool quit;
};

/* A tenant that rewrites everything that is its own while the card reads it;
 * a race by intention.
 */
static __attribute__((no_sanitize_thread)) void *rewrite(void *argument)
{
	struct vandal *v = argument;
	uint32_t seed = 5;

	while (!atomic_load(&v->quit)) {
		struct {
			uint8_t *at;
			uint32_t size;
		} const targets[] = {
			{ v->t->ring, 1024 }, { (uint8_t *)v->t->control, 128 }, { v->t->program, 384 },
			{ v->t->program + 4096, 64 }, { (uint8_t *)v->t->scratch, 64 },
		};
		const uint32_t which = scramble(&seed) >> 8 & 7;
		volatile uint32_t *word;

		if (which >= 5)
			continue;
		word = (uint32_t *)(targets[which].at + ((scramble(&seed) >> 8) % targets[which].size & ~3u));
		*word = scramble(&seed) >> 8 & 1 ? scramble(&seed) : *word ^ 1u << (seed >> 27);
	}
	return NULL;
}

static void a_tenant_that_rewrites_its_queue_hurts_itself_only(void **state)
{
	struct host *h = *state;
	struct tenant victim = make_tenant(h, 1, NPU_QUEUE_PRIORITY_NORMAL);
	struct tenant bad = make_tenant(h, 2, NPU_QUEUE_PRIORITY_NORMAL);
	struct vandal v = { .t = &bad };
	struct npu_admin_queue_result result;
	unsigned int stops = 0;
	pthread_t thread;

	pthread_create(&thread, NULL, rewrite, &v);
	for (int round = 0; round < 150; round++) {
		const struct npu_admin_queue_create_args args = {
			.queue = 2, .context = 2, .ring_va = HOST_RING_VA,
			.control_va = HOST_CONTROL_VA, .ring_shift = 4, .priority = 1,
		};
		struct npu_admin_completion c;

		bad.tail = 0;
		for (int i = 0; i < 8; i++)
			submit_gemm(h, &bad, 4);
		submit_gemm(h, &victim, 4);
		assert_true(wait_for(&victim, 5));
		assert_int_equal(victim.control->error, 0);
		for (int i = 0; i < 16; i++) {
			assert_float_equal(victim.scratch[16 + i], 262144, 0);
			victim.scratch[16 + i] = 0;
		}
		admin(h, NPU_ADMIN_QUEUE_QUERY, 2, &result);
		stops += result.state == NPU_QUEUE_STATE_STOPPED;
		assert_int_equal(admin(h, NPU_ADMIN_QUEUE_DESTROY, 2, &result), NPU_ADMIN_STATUS_OK);
		assert_int_equal(host_admin(h, NPU_ADMIN_QUEUE_CREATE, &args, sizeof(args), &c), 0);
		assert_int_equal(c.status, 0);
	}
	atomic_store(&v.quit, true);
	pthread_join(thread, NULL);
	/* Otherwise it was not bad enough. */
	assert_true(stops > 20);
}

static void random_doorbells_hurt_nobody(void **state)
{
	struct host *h = *state;
	struct tenant t = make_tenant(h, 1, NPU_QUEUE_PRIORITY_NORMAL);
	uint32_t seed = 9;

	/* Some of them belong to queues, whose rings hold nothing. */
	for (uint32_t i = 10; i < 14; i++)
		make_tenant(h, i, NPU_QUEUE_PRIORITY_HIGH);
	for (int round = 0; round < 2000; round++) {
		const uint32_t queue = 2 + (scramble(&seed) >> 8) % (NPU_QUEUES_MAX - 2);

		ring_bell(h, queue, scramble(&seed) >> 8 & 1 ? scramble(&seed) : (uint64_t)scramble(&seed) << 32);
		if (round % 100)
			continue;
		submit_gemm(h, &t, 4);
		assert_true(wait_for(&t, 5));
		assert_int_equal(t.control->error, 0);
	}
}

struct restless {
	struct host *h;
	atomic_bool quit;
};

static void *write_bells(void *argument)
{
	struct restless *r = argument;
	uint32_t seed = 77;

	/* What a process does through its mapping, whatever the kernel does. */
	while (!atomic_load(&r->quit)) {
		const uint32_t queue = (scramble(&seed) >> 8) % 4;

		__atomic_store_n((uint64_t *)(r->h->doorbells + NPU_DOORBELL_PAGE(queue)),
				 scramble(&seed) >> 29, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void resets_at_any_time_leave_a_card_that_boots(void **state)
{
	struct restless r = { .h = *state };
	struct host *h = *state;
	uint32_t seed = 3;
	pthread_t thread;

	pthread_create(&thread, NULL, write_bells, &r);
	for (int i = 0; i < 25; i++) {
		struct tenant a = make_tenant(h, 1, NPU_QUEUE_PRIORITY_NORMAL);
		struct tenant b = make_tenant(h, 2, NPU_QUEUE_PRIORITY_HIGH);

		for (int n = 0; n < 8; n++) {
			submit_gemm(h, &a, 2 + scramble(&seed) % 50);
			submit_gemm(h, &b, 2 + scramble(&seed) % 50);
		}
		usleep((scramble(&seed) >> 8) % 20000);
		card_reset(h->card);
		h->used = 0;
		assert_int_equal(host_boot_file(h, FIRMWARE_IMAGE), NPU_BOOT_STATE_READY);
		host_enable_admin(h, 64);
	}
	atomic_store(&r.quit, true);
	pthread_join(thread, NULL);
}

static double own_processor_time(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

static void run_program(struct host *h, struct tenant *t)
{
	submit_product(h, t, 500, 1 << 12);
	assert_true(wait_for(t, 60));
	assert_int_equal(t->control->error, 0);
}

static void a_lower_clock_takes_longer(void **state)
{
	struct host *h = *state;
	struct tenant t = make_tenant(h, 1, NPU_QUEUE_PRIORITY_NORMAL);
	double start, work, wall;

	/* Into its slot; then without the firmware, whose governor would raise the clock. */
	run_program(h, &t);
	assert_int_equal(card_fault_inject(h->card, "fw-hang", true), 0);
	usleep(50000);
	start = own_processor_time();
	run_program(h, &t);
	work = own_processor_time() - start;
	power_set_clock(h->card->power, POWER_CLOCK_MAX_MHZ / 4);
	start = seconds();
	run_program(h, &t);
	wall = seconds() - start;
	/* Processor time for the one, since other programs may slow us down too. */
	assert_true(wall > 2.5 * work);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOWNESS	10
#else
#define SLOWNESS	1
#endif

/* Queues in their slots, empty or waiting for a fence that the CPU signals. */
static void queues_without_work_cost_nearly_nothing(void **state)
{
	const uint8_t nop[NPU_PACKET_SIZE] = { NPU_PACKET_NOP };
	const struct npu_packet_fence_wait wait = {
		.header.opcode = NPU_PACKET_FENCE_WAIT, .address = HOST_DATA_VA, .value = 1, .mask = ~0ull,
	};
	struct host *h = *state;
	struct tenant tenants[6];
	double before, used;

	for (uint32_t i = 0; i < 6; i++) {
		tenants[i] = make_tenant(h, 1 + i, NPU_QUEUE_PRIORITY_NORMAL);
		submit(h, &tenants[i], nop);
		assert_true(wait_for(&tenants[i], 5));
	}
	usleep(500000);
	before = own_processor_time();
	sleep(2);
	used = (own_processor_time() - before) / 2;
	print_message("idle queues: %.2f %% of a core\n", used * 100);
	assert_true(used < 0.01 * SLOWNESS);
	/* Each says that a doorbell alone will not be seen. */
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(tenants[i].control->need_wake, 1);

	submit(h, &tenants[0], &wait);
	usleep(100000);
	before = own_processor_time();
	sleep(2);
	used = (own_processor_time() - before) / 2;
	print_message("a waiting queue: %.2f %% of a core\n", used * 100);
	assert_true(used < 0.06 * SLOWNESS);
	__atomic_store_n(&tenants[0].words[0], 1, __ATOMIC_SEQ_CST);
	assert_true(wait_for(&tenants[0], 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(an_operation_gives_the_right_result),
		T(a_long_operation_can_be_killed),
		T(a_suspension_waits_for_the_packet_but_not_for_ever),
		T(a_long_operation_makes_progress_that_can_be_seen),
		T(a_long_operation_holds_up_no_invalidation),
		T(a_long_operation_faults_where_its_memory_was_taken),
		T(a_long_operation_holds_up_no_reset),
		T(a_long_operation_holds_up_no_loss_of_memory),
		T(tenants_share_the_tensor_engine),
		T(two_long_operations_get_the_same_time),
		T(realtime_goes_first_in_the_engine),
		T(waiting_for_an_engine_is_no_service),
		T(a_waiting_job_can_be_killed),
		T(a_tenant_that_rewrites_its_queue_hurts_itself_only),
		T(random_doorbells_hurt_nobody),
		T(resets_at_any_time_leave_a_card_that_boots),
		T(a_lower_clock_takes_longer),
		T(queues_without_work_cost_nearly_nothing),
	};

	log_init(LOG_LEVEL_DEBUG, getenv("NPU_SIM_LOG") ? NULL : "/dev/null");
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
