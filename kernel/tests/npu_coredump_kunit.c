// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* Coredumps: what is in them, and that nothing of the card's or a process's escapes its field. */
#include "../npu_coredump.c"

#include "npu_kunit.h"

struct npu_coredump_test {
	struct npu_fake *fake;
	struct npu_queue *queue;
	struct npu_coredump *dump;
	char *text;
};

/* The text of a dump that has room for @size bytes. */
static const char *npu_coredump_text(struct kunit *test, size_t size)
{
	struct npu_coredump_test *t = test->priv;
	struct drm_print_iterator iterator = { .data = t->text, .remain = size };
	struct drm_printer p = drm_coredump_printer(&iterator);

	memset(t->text, 0, NPU_COREDUMP_SIZE + 1);
	npu_coredump_print(&p, t->dump);
	return t->text;
}

static bool npu_coredump_has(const char *text, const char *what)
{
	return strstr(text, what);
}

static void npu_coredump_test_sections(struct kunit *test)
{
	static const char * const keys[] = {
		"npu-coredump: 1\n", "\nreason: testing\n", "\nmodule: ", "\ncard: {", "\nfirmware: {",
		"\ntime: ", "\nprocess: {", "\nqueue: {", "\nstate: {", "\ncontrol: {", "\nuse: {",
		"\nerror: {", "\npackets:\n", "\nfault: {", "\nfirmware-log: |\n",
	};
	const char *text = npu_coredump_text(test, NPU_COREDUMP_SIZE);

	KUNIT_EXPECT_TRUE(test, str_has_prefix(text, keys[0]));
	for (int i = 0; i < ARRAY_SIZE(keys); i++)
		KUNIT_EXPECT_TRUE_MSG(test, npu_coredump_has(text, keys[i]), "no '%s'", keys[i]);
	KUNIT_EXPECT_TRUE(test, npu_coredump_has(text, "serial: 0123456789abcdef"));
}

static void npu_coredump_test_values(struct kunit *test)
{
	struct npu_coredump_test *t = test->priv;
	const char *text;

	t->dump->tail = U64_MAX;
	t->dump->control = (struct npu_queue_control){
		.head = U64_MAX, .state = 3, .error = U32_MAX, .error_index = U64_MAX,
		.error_tag = 7, .error_op = 8, .error_va = U64_MAX, .busy_ns = 5, .energy_nj = 6,
	};
	t->dump->fault_count = 2;
	t->dump->fault = (struct npu_vm_fault){ .info = 0x80000201, .queue = 9, .va = 0xabc000 };
	text = npu_coredump_text(test, NPU_COREDUMP_SIZE);
	KUNIT_EXPECT_TRUE(test, npu_coredump_has(text, "tail: 18446744073709551615"));
	KUNIT_EXPECT_TRUE(test,
			  npu_coredump_has(text, "control: {head: 18446744073709551615, state: 3"));
	KUNIT_EXPECT_TRUE(test, npu_coredump_has(text, "reason: 4294967295"));
	KUNIT_EXPECT_TRUE(test, npu_coredump_has(text, "tag: 7, op: 8, va: 0xffffffffffffffff"));
	KUNIT_EXPECT_TRUE(test, npu_coredump_has(text, "fault: {count: 2, info: 0x80000201"));
	KUNIT_EXPECT_TRUE(test, npu_coredump_has(text, "queue: 9, va: 0xabc000}"));
}

/* A process calls itself what it likes; one line stays one line. */
static void npu_coredump_test_process_name(struct kunit *test)
{
	static const char name[TASK_COMM_LEN] = "a\"}\nq: {\x1b[31m\\";
	struct npu_coredump_test *t = test->priv;
	const char *text, *line, *end;

	memcpy(t->queue->comm, name, sizeof(name));
	text = npu_coredump_text(test, NPU_COREDUMP_SIZE);
	line = strstr(text, "\nprocess: {");
	KUNIT_ASSERT_NOT_NULL(test, line);
	end = strchr(line + 1, '\n');
	KUNIT_ASSERT_NOT_NULL(test, end);
	KUNIT_EXPECT_TRUE(test, str_has_prefix(end + 1, "queue: {"));
	for (const char *c = line + 1; c < end; c++)
		KUNIT_EXPECT_TRUE(test, *c >= ' ' && *c < 0x7f);
}

/* A name without an end is not read beyond its field. */
static void npu_coredump_test_process_name_full(struct kunit *test)
{
	struct npu_coredump_test *t = test->priv;
	const char *text;

	memset(t->queue->comm, 'x', sizeof(t->queue->comm));
	text = npu_coredump_text(test, NPU_COREDUMP_SIZE);
	KUNIT_EXPECT_TRUE(test, npu_coredump_has(text, "\"xxxxxxxxxxxxxxxx\"}"));
	t->queue->comm[0] = 0;
}

static const size_t npu_coredump_sizes[] = { 0, 1, 15, 16, 17, 100, 1000, NPU_COREDUMP_SIZE };

static void npu_coredump_describe_size(const size_t *size, char *text)
{
	snprintf(text, KUNIT_PARAM_DESC_SIZE, "%zu bytes", *size);
}

KUNIT_ARRAY_PARAM(npu_coredump_size, npu_coredump_sizes, npu_coredump_describe_size);

/* However little room there is, what is behind it stays as it is. */
static void npu_coredump_test_bounds(struct kunit *test)
{
	const size_t size = *(const size_t *)test->param_value;
	struct npu_coredump_test *t = test->priv;
	struct drm_print_iterator iterator = { .data = t->text, .remain = size };
	struct drm_printer p = drm_coredump_printer(&iterator);

	memset(t->text, 0xa5, NPU_COREDUMP_SIZE + 1);
	npu_coredump_print(&p, t->dump);
	KUNIT_EXPECT_GE(test, iterator.remain, 0);
	for (size_t i = size; i <= NPU_COREDUMP_SIZE; i++)
		KUNIT_ASSERT_EQ(test, (u8)t->text[i], 0xa5);
}

/* The largest dump that there can be fits. */
static void npu_coredump_test_largest(struct kunit *test)
{
	struct npu_coredump_test *t = test->priv;
	struct drm_print_iterator iterator = { .data = t->text, .remain = NPU_COREDUMP_SIZE };
	struct drm_printer p = drm_coredump_printer(&iterator);

	memset(&t->dump->control, 0xff, sizeof(t->dump->control));
	memset(&t->dump->fault, 0xff, sizeof(t->dump->fault));
	memset(t->dump->packets, 0xff, sizeof(t->dump->packets));
	t->dump->first = U64_MAX - NPU_COREDUMP_PACKETS;
	t->dump->tail = U64_MAX;
	npu_coredump_print(&p, t->dump);
	/* Behind it is the firmware's log, of some KiB. */
	KUNIT_EXPECT_GT(test, iterator.remain, SZ_32K);
}

/* Which packets are copied, for what the card says of its head. */
static const struct npu_coredump_head {
	const char *name;
	u64 head, tail, first;
	unsigned int lines;
} npu_coredump_heads[] = {
	{ "an empty ring", 0, 0, 0, 0 },
	{ "one packet", 0, 1, 0, 1 },
	{ "a full window", 8, 1000, 0, 32 },
	{ "in the middle", 100, 110, 92, 18 },
	{ "done", 100, 100, 92, 8 },
	{ "a head beyond the tail", 1000, 100, 992, 0 },
	{ "all ones", U64_MAX, 100, U64_MAX - 8, 0 },
	{ "backwards", 0, 1000, 0, 32 },
};

KUNIT_ARRAY_PARAM_DESC(npu_coredump_head, npu_coredump_heads, name);

static void npu_coredump_test_ring(struct kunit *test)
{
	const struct npu_coredump_head *head = test->param_value;
	struct npu_coredump_test *t = test->priv;
	const char *at;
	unsigned int lines = 0;

	t->queue->control->head = head->head;
	scoped_guard(spinlock_irq, &t->queue->lock)
		npu_coredump_copy_ring(t->dump, t->queue);
	t->dump->tail = head->tail;
	KUNIT_EXPECT_EQ(test, t->dump->first, head->first);
	KUNIT_EXPECT_EQ(test, t->dump->control.head, head->head);
	at = strstr(npu_coredump_text(test, NPU_COREDUMP_SIZE), "packets:\n");
	KUNIT_ASSERT_NOT_NULL(test, at);
	for (at = strchr(at, '\n') + 1; str_has_prefix(at, "  "); at = strchr(at, '\n') + 1)
		lines++;
	KUNIT_EXPECT_EQ(test, lines, head->lines);
}

/* Packets that stand at the ring's end and its beginning come in their order. */
static void npu_coredump_test_ring_wraps(struct kunit *test)
{
	struct npu_coredump_test *t = test->priv;
	const u64 head = 5 * NPU_RING_PACKETS;

	for (u32 i = 0; i < NPU_RING_PACKETS; i++)
		memset(t->queue->memory + i * NPU_PACKET_SIZE, i, NPU_PACKET_SIZE);
	t->queue->control->head = head;
	scoped_guard(spinlock_irq, &t->queue->lock)
		npu_coredump_copy_ring(t->dump, t->queue);
	for (u32 i = 0; i < NPU_COREDUMP_PACKETS; i++) {
		u8 index = head - NPU_COREDUMP_BEFORE + i;

		KUNIT_EXPECT_EQ(test, t->dump->packets[i][0], index * 0x01010101U);
	}
}

static void npu_coredump_test_stopped_queue(struct kunit *test)
{
	struct npu_coredump_test *t = test->priv;
	void *memory = t->queue->memory;

	t->queue->memory = NULL;
	scoped_guard(spinlock_irq, &t->queue->lock)
		npu_coredump_copy_ring(t->dump, t->queue);
	t->queue->memory = memory;
	KUNIT_EXPECT_EQ(test, t->dump->first, 0);
	KUNIT_EXPECT_EQ(test, t->dump->control.head, 0);
}

/* The whole way, as the recovery goes it. */
static void npu_coredump_test_take(struct kunit *test)
{
	struct npu_coredump_test *t = test->priv;
	unsigned int before = kref_read(&t->queue->kref);

	npu_coredump_take(t->queue, "testing");
	flush_workqueue(npu_cleanup_wq);
	KUNIT_EXPECT_EQ(test, kref_read(&t->queue->kref), before);
}

static int npu_coredump_suite_init(struct kunit *test)
{
	struct npu_coredump_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	int ret = npu_fake_init_live(test);

	if (ret || !t)
		return ret ?: -ENOMEM;
	t->fake = test->priv;
	test->priv = t;
	t->queue = npu_fake_queue_of(t->fake, npu_fake_queue(t->fake, npu_fake_vm(t->fake)));
	t->dump = kunit_kzalloc(test, sizeof(*t->dump), GFP_KERNEL);
	t->text = kunit_kzalloc(test, NPU_COREDUMP_SIZE + 1, GFP_KERNEL);
	if (!t->dump || !t->text)
		return -ENOMEM;
	t->dump->queue = t->queue;
	t->dump->reason = "testing";
	return 0;
}

static void npu_coredump_suite_exit(struct kunit *test)
{
	struct npu_coredump_test *t = test->priv;

	test->priv = t->fake;
	npu_fake_exit(test);
}

static struct kunit_case npu_coredump_cases[] = {
	KUNIT_CASE(npu_coredump_test_sections),
	KUNIT_CASE(npu_coredump_test_values),
	KUNIT_CASE(npu_coredump_test_process_name),
	KUNIT_CASE(npu_coredump_test_process_name_full),
	KUNIT_CASE_PARAM(npu_coredump_test_bounds, npu_coredump_size_gen_params),
	KUNIT_CASE(npu_coredump_test_largest),
	KUNIT_CASE_PARAM(npu_coredump_test_ring, npu_coredump_head_gen_params),
	KUNIT_CASE(npu_coredump_test_ring_wraps),
	KUNIT_CASE(npu_coredump_test_stopped_queue),
	KUNIT_CASE(npu_coredump_test_take),
	{}
};

static struct kunit_suite npu_coredump_suite = {
	.name = "npu_coredump",
	.init = npu_coredump_suite_init,
	.exit = npu_coredump_suite_exit,
	.suite_exit = npu_fake_suite_exit,
	.test_cases = npu_coredump_cases,
};

kunit_test_suite(npu_coredump_suite);
