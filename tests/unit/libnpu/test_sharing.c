// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Buffers that cross contexts, devices and drivers; on a model of the kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>

#include "rig.h"

static struct npu_buffer *shared(struct rig *r, uint32_t more)
{
	struct npu_buffer *b;

	assert_int_equal(npu_buffer_create(r->context, 4096, MEMORY | NPU_BUFFER_SHARED | more, &b,
					   &r->error), 0);
	return b;
}

static int export(struct npu_buffer *b)
{
	int fd = npu_buffer_export(b, NULL);

	assert_true(fd >= 0);
	return fd;
}

static uint32_t *map(struct npu_buffer *b)
{
	void *data;

	assert_int_equal(npu_buffer_map(b, &data, NULL), 0);
	return data;
}

/* The card writes to @b in a queue of its context. */
static void fill(struct npu_context *context, struct npu_buffer *b, uint32_t pattern, int expected)
{
	struct npu_queue *queue;
	struct npu_job *job;

	assert_int_equal(npu_queue_create(context, NPU_QUEUE_NORMAL, &queue, NULL), 0);
	assert_int_equal(npu_submit_fill(queue, b, 0, 64, pattern, NULL, &job, NULL), 0);
	assert_int_equal(npu_job_wait(job, NPU_WAIT_FOREVER, NULL), expected);
	npu_job_unref(job);
	npu_queue_unref(queue);
}

static void memory_crosses_contexts(void **state)
{
	struct rig *r = *state;
	struct npu_buffer *b = shared(r, 0), *same, *again;
	struct npu_context *other;
	int fd = export(b);

	assert_int_equal(npu_context_create(r->device, &other, NULL), 0);
	assert_int_equal(npu_buffer_import(other, fd, NPU_BUFFER_MAPPABLE, &same, &r->error), 0);
	assert_int_equal(npu_buffer_import(r->context, fd, NPU_BUFFER_MAPPABLE, &again, NULL), 0);
	close(fd);
	assert_true(npu_buffer_size(same) == 4096);
	assert_true(npu_buffer_address(again) != npu_buffer_address(b));
	fill(other, same, 0x11223344, 0);
	assert_int_equal(map(b)[15], 0x11223344);
	npu_buffer_unref(b);
	/* The others are not harmed by the end of the first. */
	fill(other, same, 5, 0);
	fill(r->context, again, 6, 0);
	assert_int_equal(map(same)[0], 6);
	npu_buffer_unref(again);
	npu_context_unref(other); /* the buffer keeps it */
	assert_int_equal(map(same)[0], 6);
	npu_buffer_unref(same);
}

static void memory_crosses_devices(void **state)
{
	struct rig *r = *state;
	struct npu_buffer *b = shared(r, 0), *same;
	struct npu_context *other;
	struct npu_device *device;
	int fd = export(b);

	assert_int_equal(fake_open(&device, NULL), 0);
	assert_int_equal(npu_context_create(device, &other, NULL), 0);
	npu_device_unref(device);
	assert_int_equal(npu_buffer_import(other, fd, NPU_BUFFER_MAPPABLE, &same, &r->error), 0);
	close(fd);
	npu_buffer_unref(b);
	fill(other, same, 7, 0);
	assert_int_equal(map(same)[0], 7);
	npu_context_unref(other);
	npu_buffer_unref(same);
}

static void memory_of_other_drivers_is_used(void **state)
{
	struct rig *r = *state;
	struct npu_buffer *b, *again;
	int fd = fake_foreign_buffer(8192);

	assert_int_equal(npu_buffer_import(r->context, fd, NPU_BUFFER_MAPPABLE, &b, &r->error), 0);
	assert_int_equal(npu_buffer_import(r->context, fd, 0, &again, NULL), 0);
	close(fd);
	assert_true(npu_buffer_size(b) == 8192);
	fill(r->context, b, 9, 0);
	assert_int_equal(npu_buffer_begin_access(b, NPU_ACCESS_READ, NULL), 0);
	assert_int_equal(fake_accesses(), 1);
	assert_int_equal(map(b)[15], 9);
	assert_int_equal(npu_buffer_end_access(b, NPU_ACCESS_READ, NULL), 0);
	assert_int_equal(fake_accesses(), 0);
	fd = export(again); /* and goes on from here */
	npu_buffer_unref(b);
	npu_buffer_unref(again);
	assert_int_equal(npu_buffer_import(r->context, fd, 0, &b, NULL), 0);
	close(fd);
	npu_buffer_unref(b);
}

static void a_memfd_is_a_buffer(void **state)
{
	struct rig *r = *state;
	struct npu_buffer *b;

	assert_int_equal(npu_buffer_import_memfd(r->context, 0, 4096, 8192, NPU_BUFFER_MAPPABLE, &b,
						 &r->error), 0);
	assert_true(npu_buffer_size(b) == 8192);
	fill(r->context, b, 3, 0);
	assert_int_equal(map(b)[15], 3);
	npu_buffer_unref(b);
	assert_int_equal(npu_buffer_import_memfd(r->context, 0, 1, 4096, 0, &b, &r->error), -EINVAL);
	says(&r->error, "F_SEAL_SHRINK");
	assert_int_equal(npu_buffer_import_memfd(r->context, -1, 0, 4096, 0, &b, NULL), -EINVAL);
	assert_int_equal(npu_buffer_import_memfd(NULL, 0, 0, 4096, 0, &b, NULL), -EINVAL);
	fake_fail_request(1, -ENOENT);
	assert_int_equal(npu_buffer_import_memfd(r->context, 0, 0, 4096, 0, &b, &r->error), -ENOENT);
	says(&r->error, "CONFIG_UDMABUF");
	fake_fail_request(1, -EACCES);
	assert_int_equal(npu_buffer_import_memfd(r->context, 0, 0, 4096, 0, &b, &r->error), -EACCES);
	says(&r->error, "no permission");
	fake_fail_request(1, -EPERM);
	assert_int_equal(npu_buffer_import_memfd(r->context, 0, 0, 4096, 0, &b, NULL), -EACCES);
	fake_fail_request(2, -EINVAL); /* the driver cannot reach it */
	assert_int_equal(npu_buffer_import_memfd(r->context, 0, 0, 4096, 0, &b, &r->error), -EINVAL);
	says(&r->error, "cannot reach");
}

static void own_memory_needs_no_care(void **state)
{
	struct rig *r = *state;

	assert_int_equal(npu_buffer_begin_access(r->buffer, NPU_ACCESS_WRITE, NULL), 0);
	assert_int_equal(fake_accesses(), 0);
	assert_int_equal(npu_buffer_end_access(r->buffer, NPU_ACCESS_WRITE, NULL), 0);
}

static void the_card_cannot_write_what_is_read_only(void **state)
{
	struct rig *r = *state;
	struct npu_buffer *b = shared(r, NPU_BUFFER_CARD_READONLY), *same;
	int fd = export(b);

	fill(r->context, b, 1, -EIO);
	assert_int_equal(map(b)[0], 0);
	assert_int_equal(npu_buffer_import(r->context, fd, NPU_BUFFER_CARD_READONLY, &same, NULL), 0);
	close(fd);
	fill(r->context, same, 1, -EIO);
	npu_buffer_unref(same);
	npu_buffer_unref(b);
}

static void wrong_exports_and_imports_are_refused(void **state)
{
	struct rig *r = *state;
	struct npu_buffer *b = NULL;
	struct npu_job *job;
	int fd;

	assert_int_equal(npu_buffer_export(r->buffer, &r->error), -EPERM);
	says(&r->error, "without NPU_BUFFER_SHARED");
	assert_int_equal(npu_buffer_import(r->context, -1, 0, &b, &r->error), -EINVAL);
	says(&r->error, "no dma-buf");
	assert_int_equal(submit(r, &job), 0);
	fd = npu_job_fd(job, NULL);
	assert_int_equal(npu_buffer_import(r->context, fd, 0, &b, NULL), -EINVAL); /* a sync_file */
	close(fd);
	npu_job_unref(job);
	fd = fake_foreign_buffer(4096);
	assert_int_equal(npu_buffer_import(r->context, fd, NPU_BUFFER_DEVICE, &b, &r->error), -EINVAL);
	says(&r->error, "flags 0x1");
	assert_int_equal(npu_buffer_import(r->context, fd, 0, &b, NULL), 0);
	assert_int_equal(npu_buffer_map(b, (void **)&r->data, &r->error), -EPERM);
	assert_int_equal(npu_buffer_begin_access(b, 0, &r->error), -EINVAL);
	assert_int_equal(npu_buffer_end_access(b, 4, &r->error), -EINVAL);
	says(&r->error, "access 0x4");
	npu_buffer_unref(b);
	close(fd);
	assert_int_equal(npu_buffer_import(NULL, 0, 0, &b, NULL), -EINVAL);
	assert_int_equal(npu_buffer_import(r->context, 0, 0, NULL, NULL), -EINVAL);
	assert_int_equal(npu_buffer_export(NULL, NULL), -EINVAL);
	assert_int_equal(npu_buffer_begin_access(NULL, NPU_ACCESS_READ, NULL), -EINVAL);
}

static void no_failed_request_leaks(void **state)
{
	struct rig *r = *state;
	struct npu_buffer *b, *same;
	unsigned int before = fake_objects();
	int own = 0, ret = -1;
	unsigned int n;

	for (n = 1; ret && n < 50; n++) {
		int fd = fake_foreign_buffer(4096);

		b = same = NULL;
		fake_fail_request(n, -ENOMEM);
		ret = npu_buffer_create(r->context, 4096, MEMORY | NPU_BUFFER_SHARED, &b, NULL);
		if (!ret) {
			own = npu_buffer_export(b, NULL);
			ret = own < 0 ? own : npu_buffer_import(r->context, own, 0, &same, NULL);
			if (own >= 0)
				close(own);
			npu_buffer_unref(same);
			same = NULL;
		}
		if (!ret)
			ret = npu_buffer_import(r->context, fd, NPU_BUFFER_MAPPABLE, &same, NULL);
		if (!ret)
			ret = npu_buffer_map(same, (void **)&r->data, NULL);
		fake_fail_request(0, 0);
		npu_buffer_unref(b);
		npu_buffer_unref(same);
		close(fd);
		assert_int_equal(fake_objects(), before);
		assert_true(!ret || ret == -ENOMEM);
	}
	assert_int_equal(ret, 0);
	assert_in_range(n, 8, 20);
}

struct importer {
	struct npu_context *context;
	int fd;
	int errors;
};

static void *import_often(void *opaque)
{
	struct importer *i = opaque;
	struct npu_buffer *b;

	for (int n = 0; n < 100; n++) {
		if (npu_buffer_import(i->context, i->fd, NPU_BUFFER_MAPPABLE, &b, NULL)) {
			i->errors++;
			continue;
		}
		__atomic_fetch_add(map(b), 1, __ATOMIC_RELAXED);
		npu_buffer_unref(b);
	}
	return NULL;
}

/* One handle in the kernel, however many threads import it and let go of it. */
static void threads_import_and_let_go(void **state)
{
	enum { THREADS = 6 };
	struct rig *r = *state;
	struct npu_buffer *b = shared(r, 0), *check;
	struct importer importers[THREADS];
	pthread_t threads[THREADS];
	int fd = export(b);

	npu_buffer_unref(b); /* the descriptor keeps the memory, no handle is left */
	for (int i = 0; i < THREADS; i++) {
		importers[i] = (struct importer){ r->context, fd, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, import_often, &importers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(importers[i].errors, 0);
	}
	assert_int_equal(npu_buffer_import(r->context, fd, NPU_BUFFER_MAPPABLE, &check, NULL), 0);
	assert_int_equal(map(check)[0], 100 * THREADS);
	npu_buffer_unref(check);
	close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(memory_crosses_contexts),
		TEST(memory_crosses_devices),
		TEST(memory_of_other_drivers_is_used),
		TEST(a_memfd_is_a_buffer),
		TEST(own_memory_needs_no_care),
		TEST(the_card_cannot_write_what_is_read_only),
		TEST(wrong_exports_and_imports_are_refused),
		TEST(no_failed_request_leaks),
		TEST(threads_import_and_let_go),
	};

	return cmocka_run_group_tests_name("libnpu sharing", tests, NULL, NULL);
}
