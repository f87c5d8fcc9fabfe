// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/* Memory of the host that comes and goes while the card uses it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "dma_map.h"

#define PAGE	4096ull

struct fixture {
	struct dma_map *m;
	int fd;
	uint8_t *host;
	uint64_t size;
};

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	x->m = dma_map_create();
	x->size = 64 * PAGE;
	x->fd = memfd_create("host", 0);
	assert_int_equal(ftruncate(x->fd, (off_t)x->size), 0);
	x->host = mmap(NULL, x->size, PROT_READ | PROT_WRITE, MAP_SHARED, x->fd, 0);
	for (uint64_t i = 0; i < x->size; i++)
		x->host[i] = (uint8_t)(i / PAGE + i);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	dma_map_destroy(x->m);
	munmap(x->host, x->size);
	close(x->fd);
	free(x);
	return 0;
}

static void nap(void)
{
	nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
}

static void finds_memory_at_every_border(void **state)
{
	struct fixture *x = *state;
	struct dma_ref ref;
	uint8_t data[PAGE];

	/* Two regions with a hole between them, out of order in the file. */
	assert_int_equal(dma_map_add(x->m, 0x10000, 2 * PAGE, x->fd, 4 * PAGE, true, true), 0);
	assert_int_equal(dma_map_add(x->m, 0x14000, PAGE, x->fd, 0, true, true), 0);
	assert_null(dma_map_get(x->m, 0xffff, 1, false, &ref));
	assert_null(dma_map_get(x->m, 0x12000, 1, false, &ref));
	assert_null(dma_map_get(x->m, 0x11fff, 2, false, &ref));
	assert_null(dma_map_get(x->m, 0x15000, 1, false, &ref));
	assert_null(dma_map_get(x->m, 0x10000, 0, false, &ref));
	assert_null(dma_map_get(x->m, 0x10000, ~0ull, false, &ref));
	assert_null(dma_map_get(x->m, ~0ull, 2, false, &ref));
	assert_int_equal(dma_map_read(x->m, 0x11fff, data, 1), 0);
	assert_int_equal(data[0], x->host[6 * PAGE - 1]);
	assert_int_equal(dma_map_read(x->m, 0x11fff, data, 2), -EFAULT);
	assert_int_equal(dma_map_read(x->m, 0x14000, data, PAGE), 0);
	assert_memory_equal(data, x->host, PAGE);
}

static void neighbours_are_one_piece_where_their_memory_is(void **state)
{
	struct fixture *x = *state;
	uint8_t data[3 * PAGE], *host;
	struct dma_ref ref;

	assert_int_equal(dma_map_add(x->m, 0x11000, PAGE, x->fd, 9 * PAGE, true, true), 0);
	assert_int_equal(dma_map_add(x->m, 0x10000, PAGE, x->fd, 8 * PAGE, true, true), 0);
	assert_int_equal(dma_map_add(x->m, 0x12000, PAGE, x->fd, 2 * PAGE, true, true), 0);
	host = dma_map_get(x->m, 0x10800, PAGE, false, &ref);
	assert_non_null(host);
	assert_memory_equal(host, x->host + 8 * PAGE + 0x800, PAGE);
	assert_true(dma_map_put(x->m, &ref));
	/* A neighbour in the card's view only can be copied, not pointed at. */
	assert_null(dma_map_get(x->m, 0x11800, PAGE, false, &ref));
	assert_int_equal(dma_map_read(x->m, 0x10000, data, sizeof(data)), 0);
	assert_memory_equal(data, x->host + 8 * PAGE, 2 * PAGE);
	assert_memory_equal(data + 2 * PAGE, x->host + 2 * PAGE, PAGE);
}

static void rights_are_kept(void **state)
{
	struct fixture *x = *state;
	uint64_t word = 1;

	assert_int_equal(dma_map_add(x->m, 0x10000, PAGE, x->fd, 0, true, false), 0);
	assert_int_equal(dma_map_add(x->m, 0x11000, PAGE, x->fd, PAGE, false, true), 0);
	assert_int_equal(dma_map_add(x->m, 0x12000, PAGE, x->fd, 0, false, false), 0);
	assert_int_equal(dma_map_write(x->m, 0x10000, &word, 8), -EFAULT);
	assert_int_equal(dma_map_read(x->m, 0x10000, &word, 8), 0);
	assert_int_equal(dma_map_read(x->m, 0x11000, &word, 8), -EFAULT);
	assert_int_equal(dma_map_write(x->m, 0x11000, &word, 8), 0);
	assert_int_equal(dma_map_read(x->m, 0x12000, &word, 8), -EFAULT);
	assert_int_equal(dma_map_write(x->m, 0x12000, &word, 8), -EFAULT);
}

/* A descriptor that cannot be written gives no memory to write. */
static void a_read_only_descriptor_stays_read_only(void **state)
{
	char name[] = P_tmpdir "/npu-dma-XXXXXX";
	struct fixture *x = *state;
	int fd = mkstemp(name), reader;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, PAGE), 0);
	close(fd);
	reader = open(name, 0);
	unlink(name);
	assert_int_equal(dma_map_add(x->m, 0x10000, PAGE, reader, 0, true, true), -EACCES);
	assert_int_equal(dma_map_add(x->m, 0x10000, PAGE, reader, 0, true, false), 0);
	close(reader);
}

static void more_regions_than_a_process_may_have_mappings(void **state)
{
	struct fixture *x = *state;
	uint8_t byte;

	/* As a virtual IOMMU makes them: page by page, neighbours swapped. */
	for (uint64_t i = 0; i < DMA_REGIONS_MAX; i++)
		assert_int_equal(dma_map_add(x->m, (i ^ 1) * PAGE, PAGE, x->fd, i % 64 * PAGE, true, true), 0);
	assert_int_equal(dma_map_add(x->m, 1ull << 40, PAGE, x->fd, 0, true, true), -ENOSPC);
	for (uint64_t i = 0; i < DMA_REGIONS_MAX; i += 1001) {
		assert_int_equal(dma_map_read(x->m, (i ^ 1) * PAGE, &byte, 1), 0);
		assert_int_equal(byte, x->host[i % 64 * PAGE]);
	}
	dma_map_remove_all(x->m);
	assert_int_equal(dma_map_read(x->m, 0, &byte, 1), -EFAULT);
}

struct user {
	struct fixture *x;
	atomic_bool holding, release, removed;
};

static void *hold(void *argument)
{
	struct user *u = argument;
	struct dma_ref ref;
	uint8_t *host = dma_map_get(u->x->m, 0x10000, PAGE, true, &ref);

	atomic_store(&u->holding, host);
	while (!atomic_load(&u->release))
		nap();
	/* Still there, since we hold it. */
	if (host)
		memset(host, 7, PAGE);
	if (atomic_load(&u->removed) || !dma_map_put(u->x->m, &ref))
		return (void *)1;
	return NULL;
}

static void *remove_region(void *argument)
{
	struct user *u = argument;

	dma_map_remove(u->x->m, 0x10000, PAGE);
	atomic_store(&u->removed, true);
	return NULL;
}

static void *switch_off(void *argument)
{
	struct user *u = argument;

	dma_map_enable(u->x->m, false);
	atomic_store(&u->removed, true);
	return NULL;
}

static void waits_for_the_last_user(struct fixture *x, void *(*remover)(void *))
{
	struct user u = { .x = x };
	pthread_t holder, other;
	void *result;
	uint8_t byte;

	assert_int_equal(dma_map_add(x->m, 0x10000, PAGE, x->fd, 0, true, true), 0);
	assert_int_equal(dma_map_add(x->m, 0x11000, PAGE, x->fd, PAGE, true, true), 0);
	pthread_create(&holder, NULL, hold, &u);
	while (!atomic_load(&u.holding))
		nap();
	pthread_create(&other, NULL, remover, &u);
	/* From now on nobody else gets in, and users are asked to let go. */
	while (!dma_map_wanted(x->m))
		nap();
	assert_int_equal(dma_map_read(x->m, 0x10000, &byte, 1), -EFAULT);
	for (int i = 0; i < 20; i++)
		nap();
	assert_false(atomic_load(&u.removed));
	if (remover == remove_region)
		assert_int_equal(dma_map_read(x->m, 0x11000, &byte, 1), 0);
	atomic_store(&u.release, true);
	pthread_join(holder, &result);
	pthread_join(other, NULL);
	assert_null(result);
	assert_false(dma_map_wanted(x->m));
}

static void removing_waits_for_the_last_user(void **state)
{
	waits_for_the_last_user(*state, remove_region);
}

static void switching_off_waits_for_the_last_user(void **state)
{
	waits_for_the_last_user(*state, switch_off);
}

static void another_region_is_removed_without_waiting(void **state)
{
	struct fixture *x = *state;
	struct dma_ref ref;

	assert_int_equal(dma_map_add(x->m, 0x10000, PAGE, x->fd, 0, true, true), 0);
	assert_int_equal(dma_map_add(x->m, 0x11000, PAGE, x->fd, PAGE, true, true), 0);
	assert_non_null(dma_map_get(x->m, 0x10000, PAGE, true, &ref));
	assert_int_equal(dma_map_remove(x->m, 0x11000, PAGE), 1);
	assert_true(dma_map_put(x->m, &ref));
}

static void a_range_takes_back_all_that_is_inside(void **state)
{
	struct fixture *x = *state;
	uint8_t byte;

	for (uint64_t i = 0; i < 10; i++)
		assert_int_equal(dma_map_add(x->m, 0x10000 + i * 2 * PAGE, PAGE, x->fd, i * PAGE, true, true), 0);
	assert_int_equal(dma_map_add(x->m, 0x80000, 4 * PAGE, x->fd, 0, true, true), 0);
	/* Nothing there, nothing to it. */
	assert_int_equal(dma_map_remove(x->m, 0x11000, PAGE), 0);
	assert_int_equal(dma_map_remove(x->m, 0x1000000, PAGE), 0);
	/* No mapping is cut in two, nor any other removed meanwhile. */
	assert_int_equal(dma_map_remove(x->m, 0x80000, PAGE), -EINVAL);
	assert_int_equal(dma_map_remove(x->m, 0x81000, 3 * PAGE), -EINVAL);
	assert_int_equal(dma_map_remove(x->m, 0x10000, 0x72000), -EINVAL);
	assert_int_equal(dma_map_read(x->m, 0x10000, &byte, 1), 0);
	assert_int_equal(dma_map_remove(x->m, 0x10000, 0), -EINVAL);
	assert_int_equal(dma_map_remove(x->m, 0x10000, ~0ull), -EINVAL);
	assert_int_equal(dma_map_remove(x->m, 0x12000, 4 * PAGE), 2);
	assert_int_equal(dma_map_read(x->m, 0x10000, &byte, 1), 0);
	assert_int_equal(dma_map_read(x->m, 0x12000, &byte, 1), -EFAULT);
	assert_int_equal(dma_map_read(x->m, 0x16000, &byte, 1), 0);
	/* A whole domain. */
	assert_int_equal(dma_map_remove(x->m, 0, ~0ull), 9);
	assert_int_equal(dma_map_add(x->m, ~0xfffull, PAGE, x->fd, 0, true, true), 0);
	assert_int_equal(dma_map_remove(x->m, 1ull << 63, 1ull << 63), 1);
}

static void a_truncated_file_is_a_bus_fault(void **state)
{
	struct fixture *x = *state;
	struct dma_ref ref;
	uint8_t data[2 * PAGE], *host;

	assert_int_equal(dma_map_add(x->m, 0x10000, 4 * PAGE, x->fd, 0, true, true), 0);
	host = dma_map_get(x->m, 0x10000, 4 * PAGE, true, &ref);
	assert_non_null(host);
	assert_int_equal(ftruncate(x->fd, 0), 0);
	/* What is held can be touched, reads zero, and is known to be lost. */
	assert_int_equal(host[PAGE], 0);
	host[2 * PAGE] = 1;
	assert_false(dma_map_put(x->m, &ref));
	assert_int_equal(dma_map_read(x->m, 0x10000, data, sizeof(data)), -EFAULT);
	assert_int_equal(dma_map_write(x->m, 0x10000, data, 1), -EFAULT);
	assert_null(dma_map_get(x->m, 0x10000, 1, false, &ref));
	/* The file can come back, as a new mapping. */
	assert_int_equal(ftruncate(x->fd, (off_t)x->size), 0);
	assert_int_equal(dma_map_add(x->m, 0x20000, PAGE, x->fd, 0, true, true), 0);
	assert_int_equal(dma_map_write(x->m, 0x20000, "x", 1), 0);
	assert_int_equal(x->host[0], 'x');
}

static void a_copy_notices_that_its_file_was_truncated(void **state)
{
	struct fixture *x = *state;
	uint8_t data[PAGE];

	assert_int_equal(dma_map_add(x->m, 0x10000, 4 * PAGE, x->fd, 0, true, true), 0);
	assert_int_equal(ftruncate(x->fd, 0), 0);
	assert_int_equal(dma_map_read(x->m, 0x10000, data, sizeof(data)), -EFAULT);
}

struct churn {
	struct fixture *x;
	atomic_bool quit;
	atomic_uint hits;
};

static void *use(void *argument)
{
	struct churn *c = argument;
	uint32_t n = 1;

	while (!atomic_load(&c->quit)) {
		const uint64_t gpa = 0x10000 + (n = n * 1664525u + 1013904223u) / 7 % (8 * PAGE);
		struct dma_ref ref;
		uint8_t *host = dma_map_get(c->x->m, gpa & ~7ull, 8, true, &ref);

		if (!host)
			continue;
		atomic_fetch_add(&c->hits, 1);
		__atomic_fetch_add((uint64_t *)host, 1, __ATOMIC_RELAXED);
		dma_map_put(c->x->m, &ref);
	}
	return NULL;
}

static void regions_come_and_go_under_load(void **state)
{
	struct churn c = { .x = *state };
	pthread_t users[3];

	for (int i = 0; i < 3; i++)
		pthread_create(&users[i], NULL, use, &c);
	for (int i = 0; i < 3000 || (atomic_load(&c.hits) < 1000 && i < 1000000); i++) {
		const uint64_t gpa = 0x10000 + (uint64_t)(i % 8) * PAGE;

		dma_map_add(c.x->m, gpa, PAGE, c.x->fd, (uint64_t)(i % 64) * PAGE, true, true);
		if (i % 3 == 0)
			dma_map_remove(c.x->m, 0x10000 + (uint64_t)(i * 5 % 8) * PAGE, PAGE);
		if (i % 100 == 0)
			dma_map_remove_all(c.x->m);
		if (i % 50 == 0)
			dma_map_enable(c.x->m, i % 100);
	}
	atomic_store(&c.quit, true);
	for (int i = 0; i < 3; i++)
		pthread_join(users[i], NULL);
	assert_true(atomic_load(&c.hits) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(finds_memory_at_every_border),
		T(neighbours_are_one_piece_where_their_memory_is),
		T(rights_are_kept),
		T(a_read_only_descriptor_stays_read_only),
		T(more_regions_than_a_process_may_have_mappings),
		T(removing_waits_for_the_last_user),
		T(switching_off_waits_for_the_last_user),
		T(another_region_is_removed_without_waiting),
		T(a_range_takes_back_all_that_is_inside),
		T(a_truncated_file_is_a_bus_fault),
		T(a_copy_notices_that_its_file_was_truncated),
		T(regions_come_and_go_under_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
