// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Finding cards in a sysfs that the test makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "enumerate.h"

struct tree {
	char root[64];
	char sysfs[96];
	char dev[96];
};

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void run(const char *format, ...)
{
	char command[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	assert_int_equal(system(command), 0);
}

static int setup(void **state)
{
	struct tree *t = calloc(1, sizeof(*t));

	strcpy(t->root, P_tmpdir "/npu-test-XXXXXX");
	assert_non_null(mkdtemp(t->root));
	snprintf(t->sysfs, sizeof(t->sysfs), "%s/sys", t->root);
	snprintf(t->dev, sizeof(t->dev), "%s/dev", t->root);
	run("mkdir -p %s/devices %s/class/accel %s/accel", t->sysfs, t->sysfs, t->dev);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct tree *t = *state;

	run("rm -rf %s", t->root);
	free(t);
	return 0;
}

/* A card as the kernel shows it; attributes are added by the test. */
static void add_card(const struct tree *t, const char *bdf, const char *accel, const char *driver)
{
	run("cd %s && mkdir -p devices/%s/accel/%s drivers/%s module/%s && "
	    "ln -s ../../drivers/%s devices/%s/driver && "
	    "ln -sfn ../../module/%s drivers/%s/module && echo 0.1.0 > module/%s/version && "
	    "ln -s ../../../%s devices/%s/accel/%s/device && "
	    "ln -s ../../devices/%s/accel/%s class/accel/%s",
	    t->sysfs, bdf, accel, driver, driver, driver, bdf, driver, driver, driver, bdf, bdf,
	    accel, bdf, accel, accel);
}

static void set(const struct tree *t, const char *bdf, const char *attribute, const char *value)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/devices/%s/%s", t->sysfs, bdf, attribute);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(value, f);
	fclose(f);
}

static struct npu_device_entry *list(const struct tree *t, size_t expected)
{
	struct npu_device_entry *entries = NULL;
	struct npu_error error;
	size_t count;

	assert_int_equal(npu_enumerate_at(t->sysfs, t->dev, &entries, &count, &error), 0);
	assert_int_equal(count, expected);
	return entries;
}

static void no_accel_class_means_no_card(void **state)
{
	struct tree *t = *state;

	assert_null(list(t, 0));
	run("rmdir %s/class/accel", t->sysfs);
	assert_null(list(t, 0));
}

static void a_card_is_described_without_its_node(void **state)
{
	struct tree *t = *state;
	struct npu_device_entry *e;

	add_card(t, "0000:03:00.0", "accel0", "npu");
	set(t, "0000:03:00.0", "serial", "0123456789abcdef\n");
	set(t, "0000:03:00.0", "uuid", "4e505531-0000-8000-8123-456789abcdef\n");
	set(t, "0000:03:00.0", "state", "ready\n");
	set(t, "0000:03:00.0", "fw_version", "1.2.3\n");
	e = list(t, 1);
	assert_int_equal(e->index, 0);
	assert_int_equal(e->access, -ENOENT);
	assert_true(e->serial == 0x0123456789abcdef);
	assert_string_equal(e->bdf, "0000:03:00.0");
	assert_string_equal(e->uuid, "4e505531-0000-8000-8123-456789abcdef");
	assert_string_equal(e->state, "ready");
	assert_string_equal(e->firmware, "1.2.3");
	assert_string_equal(e->driver, "0.1.0");
	assert_non_null(strstr(e->node, "/dev/accel/accel0"));
	npu_enumerate_free(e);
}

static void permission_on_the_node_is_told(void **state)
{
	struct tree *t = *state;
	struct npu_device_entry *e;

	add_card(t, "0000:03:00.0", "accel0", "npu");
	run("touch %s/accel/accel0", t->dev);
	e = list(t, 1);
	assert_int_equal(e->access, 0);
	npu_enumerate_free(e);
	if (geteuid() == 0)
		return; /* root may open anything */
	run("chmod 0 %s/accel/accel0", t->dev);
	e = list(t, 1);
	assert_int_equal(e->access, -EACCES);
	npu_enumerate_free(e);
}

static void the_uuid_follows_from_the_serial(void **state)
{
	struct tree *t = *state;
	struct npu_device_entry *e;

	add_card(t, "0000:03:00.0", "accel0", "npu");
	set(t, "0000:03:00.0", "serial", "f123456789abcdef\n");
	e = list(t, 1);
	assert_string_equal(e->uuid, "4e505531-0000-8000-b123-456789abcdef");
	npu_enumerate_free(e);
}

static void other_drivers_cards_are_left_out(void **state)
{
	struct tree *t = *state;
	struct npu_device_entry *e;

	add_card(t, "0000:00:0b.0", "accel0", "intel_vpu");
	add_card(t, "0000:03:00.0", "accel1", "npu");
	run("mkdir %s/class/accel/power", t->sysfs);
	e = list(t, 1);
	assert_int_equal(e->index, 0);
	assert_non_null(strstr(e->node, "accel1"));
	npu_enumerate_free(e);
}

static void the_order_is_that_of_addresses(void **state)
{
	static const char *const bdfs[] = { "10000:01:00.0", "0000:0a:00.0", "0000:02:00.1",
					    "0000:02:00.0", "0001:00:00.0" };
	static const char *const sorted[] = { "0000:02:00.0", "0000:02:00.1", "0000:0a:00.0",
					      "0001:00:00.0", "10000:01:00.0" };
	struct tree *t = *state;
	struct npu_device_entry *e;
	char accel[16];

	for (int i = 0; i < 5; i++) {
		snprintf(accel, sizeof(accel), "accel%d", i);
		add_card(t, bdfs[i], accel, "npu");
	}
	e = list(t, 5);
	for (uint32_t i = 0; i < 5; i++) {
		assert_string_equal(e[i].bdf, sorted[i]);
		assert_int_equal(e[i].index, i);
	}
	npu_enumerate_free(e);
}

static void more_than_a_few_cards_fit(void **state)
{
	struct tree *t = *state;
	char bdf[16], accel[16];

	for (int i = 0; i < 20; i++) {
		snprintf(bdf, sizeof(bdf), "0000:%02x:00.0", i);
		snprintf(accel, sizeof(accel), "accel%d", i);
		add_card(t, bdf, accel, "npu");
	}
	npu_enumerate_free(list(t, 20));
}

static void strange_attributes_do_no_harm(void **state)
{
	struct tree *t = *state;
	struct npu_device_entry *e;
	char text[5000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	add_card(t, "0000:03:00.0", "accel0", "npu");
	set(t, "0000:03:00.0", "serial", "not a number\n");
	set(t, "0000:03:00.0", "state", "ready\033[31m\n");
	set(t, "0000:03:00.0", "fw_version", text);
	set(t, "0000:03:00.0", "uuid", "");
	e = list(t, 1);
	assert_true(e->serial == 0);
	assert_string_equal(e->uuid, "");
	assert_string_equal(e->state, "ready?[31m");
	assert_int_equal(strlen(e->firmware), sizeof(e->firmware) - 1);
	npu_enumerate_free(e);
}

static void a_card_without_driver_is_left_out(void **state)
{
	struct tree *t = *state;

	add_card(t, "0000:03:00.0", "accel0", "npu");
	run("rm %s/devices/0000:03:00.0/driver", t->sysfs);
	assert_null(list(t, 0));
	run("rm %s/class/accel/accel0 && ln -s nowhere %s/class/accel/accel0", t->sysfs, t->sysfs);
	assert_null(list(t, 0));
}

static void cards_are_found_by_each_kind_of_name(void **state)
{
	static const struct npu_device_entry entries[2] = {
		{ .index = 0, .node = "/dev/accel/accel0", .bdf = "0000:01:00.0",
		  .uuid = "4e505531-0000-8000-8000-000000000001" },
		{ .index = 1, .node = "/dev/accel/accel3", .bdf = "0001:02:00.0",
		  .uuid = "4e505531-0000-8000-8000-00000000000a" },
	};
	static const struct {
		const char *name;
		int found; /* -1: none */
		int ret;
	} cases[] = {
		{ "0", 0, 0 }, { "1", 1, 0 }, { "01", 1, 0 }, { "2", -1, -ENXIO },
		{ "18446744073709551616", -1, -ENXIO },
		{ "0000:01:00.0", 0, 0 }, { "01:00.0", 0, 0 }, { "1:0.0", 0, 0 },
		{ "0001:02:00.0", 1, 0 }, { "02:00.0", -1, -ENXIO },
		{ "01:00.0x", -1, -EINVAL }, { "01:00", -1, -EINVAL }, { "", -1, -EINVAL },
		{ "/dev/accel/accel3", 1, 0 }, { "/dev/null", -1, -ENXIO },
		{ "4E505531-0000-8000-8000-00000000000A", 1, 0 },
		{ "4e505531-0000-8000-8000-00000000000b", -1, -ENXIO },
		{ "4e505531-0000-8000-8000-00000000000", -1, -EINVAL },
		{ "4e505531-0000-8000-8000-00000000000aa", -1, -EINVAL },
		{ "npu0", -1, -EINVAL }, { "-1", -1, -EINVAL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int ret = 1;
		const struct npu_device_entry *e =
			npu_enumerate_find(entries, 2, cases[i].name, &ret);

		if (ret != cases[i].ret || e != (cases[i].found < 0 ? NULL : &entries[cases[i].found]))
			fail_msg("'%s': %d", cases[i].name, ret);
	}
}

static void the_module_is_looked_for(void **state)
{
	struct tree *t = *state;

	assert_false(npu_driver_loaded(t->sysfs));
	run("mkdir -p %s/module/npu", t->sysfs);
	assert_true(npu_driver_loaded(t->sysfs));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(no_accel_class_means_no_card),
		TEST(a_card_is_described_without_its_node),
		TEST(permission_on_the_node_is_told),
		TEST(the_uuid_follows_from_the_serial),
		TEST(other_drivers_cards_are_left_out),
		TEST(the_order_is_that_of_addresses),
		TEST(more_than_a_few_cards_fit),
		TEST(strange_attributes_do_no_harm),
		TEST(a_card_without_driver_is_left_out),
		TEST(cards_are_found_by_each_kind_of_name),
		TEST(the_module_is_looked_for),
	};

	return cmocka_run_group_tests_name("libnpu enumeration", tests, NULL, NULL);
}
