// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Opening a card, what it tells, contexts and buffers; on a model of the kernel. */
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
#include <sys/stat.h>

#include "device.h"
#include "fake_kernel.h"

static int setup(void **state)
{
	fake_reset();
	return 0;
}

static int setup_context(void **state)
{
	struct npu_context *context;
	struct npu_device *device;

	fake_reset();
	if (fake_open(&device, NULL) || npu_context_create(device, &context, NULL))
		return -1;
	npu_device_unref(device); /* the context keeps it */
	*state = context;
	return 0;
}

/* Whatever a test did, nothing is left in the kernel. */
static int teardown(void **state)
{
	return fake_objects() ? -1 : 0;
}

static int teardown_context(void **state)
{
	npu_context_unref(*state);
	return teardown(state);
}

static void says(const struct npu_error *error, const char *words)
{
	if (!strstr(error->text, words))
		fail_msg("'%s' does not say '%s'", error->text, words);
}

static void a_card_tells_what_it_is(void **state)
{
	const struct npu_device_info *info;
	struct npu_device *device;

	assert_int_equal(fake_open(&device, NULL), 0);
	info = npu_device_info(device);
	assert_int_equal(info->abi, 0x10000);
	assert_true(info->serial == 7);
	assert_int_equal(info->capabilities, NPU_DEVICE_ECC);
	assert_int_equal(info->memory_size, 1 << 20);
	assert_int_equal(info->page_size, 4096);
	assert_int_equal(info->va_start, 4096); /* address 0 is not used */
	assert_int_equal(info->driver_major, 1);
	assert_string_equal(info->bdf, "0000:01:00.0");
	assert_string_equal(info->node, "/dev/accel/accel0");
	assert_int_equal(npu_device_fd(device), 1000);
	assert_ptr_equal(npu_device_ref(device), device);
	npu_device_unref(device);
	npu_device_unref(device);
	npu_device_unref(NULL);
}

static void a_card_tells_how_it_is(void **state)
{
	struct npu_telemetry telemetry;
	struct npu_firmware_info firmware;
	struct npu_memory_info memory;
	struct npu_device *device;
	struct npu_time now;

	assert_int_equal(fake_open(&device, NULL), 0);
	assert_int_equal(npu_device_memory(device, &memory, NULL), 0);
	assert_int_equal(memory.device_size, 1 << 20);
	assert_int_equal(memory.device_used, 8192);
	assert_int_equal(memory.system_size, 1 << 30);
	assert_int_equal(npu_device_firmware(device, &firmware, NULL), 0);
	assert_int_equal(firmware.version, 0x01020003);
	assert_string_equal(firmware.build_id, "abc");
	assert_int_equal(npu_device_time(device, &now, NULL), 0);
	assert_int_equal(now.card_ns, 5);
	assert_int_equal(npu_device_telemetry(device, &telemetry, NULL), 0);
	assert_int_equal(telemetry.temperature_mc, -5000);
	assert_int_equal(telemetry.throttle, NPU_THROTTLE_POWER | NPU_THROTTLE_THERMAL);
	npu_device_unref(device);
}

static void missing_arguments_are_refused(void **state)
{
	struct npu_device *device;
	struct npu_error error;

	assert_int_equal(npu_open_name(NULL, &device, &error), -EINVAL);
	assert_int_equal(npu_open(0, NULL, &error), -EINVAL);
	assert_int_equal(npu_enumerate(NULL, NULL, &error), -EINVAL);
	assert_int_equal(npu_device_memory(NULL, NULL, &error), -EINVAL);
	assert_int_equal(npu_device_firmware(NULL, NULL, &error), -EINVAL);
	assert_int_equal(npu_device_time(NULL, NULL, &error), -EINVAL);
	assert_int_equal(npu_device_telemetry(NULL, NULL, NULL), -EINVAL);
	assert_int_equal(npu_context_create(NULL, NULL, &error), -EINVAL);
	assert_int_equal(npu_context_status(NULL, &error), -EINVAL);
	assert_int_equal(npu_buffer_create(NULL, 1, NPU_BUFFER_DEVICE, NULL, &error), -EINVAL);
	assert_int_equal(npu_buffer_map(NULL, NULL, &error), -EINVAL);
}

static void wrong_names_say_what_to_write(void **state)
{
	struct npu_device *device;
	struct npu_error error;

	assert_int_equal(npu_open_name("gpu0", &device, &error), -EINVAL);
	says(&error, "'gpu0' names no card");
	says(&error, "PCI address");
	assert_int_equal(npu_open_name("ff:1f.7", &device, &error), -ENXIO);
	says(&error, "no npu card");
}

static void a_node_without_permission_names_mode_group_and_remedy(void **state)
{
	struct npu_device_entry entry = { .bdf = "0000:01:00.0" };
	struct npu_device *device;
	struct npu_error error;
	int fd;

	strcpy(entry.node, P_tmpdir "/npu-test-XXXXXX");
	fd = mkstemp(entry.node);
	assert_true(fd >= 0);
	close(fd);
	fake_open_result(-EACCES);

	chmod(entry.node, 0660);
	if (geteuid() == 0) /* a group that root is not a member of */
		assert_int_equal(chown(entry.node, 0, 54321), 0);
	assert_int_equal(npu_device_open_entry(&entry, &device, &error), -EACCES);
	says(&error, entry.node);
	says(&error, "mode 0660");
	says(&error, "you are");
	if (geteuid() == 0) {
		says(&error, "root:54321");
		says(&error, "usermod -aG 54321 root");
	}

	chmod(entry.node, 0600);
	assert_int_equal(npu_device_open_entry(&entry, &device, &error), -EACCES);
	says(&error, "mode 0600");
	says(&error, "udev rule");

	/* Nobody should join group root. */
	chmod(entry.node, 0660);
	if (geteuid() == 0) {
		assert_int_equal(chown(entry.node, 0, 0), 0);
		assert_int_equal(npu_device_open_entry(&entry, &device, &error), -EACCES);
		says(&error, "udev rule");
	}
	unlink(entry.node);
}

static void each_way_of_not_opening_has_its_words(void **state)
{
	struct npu_device *device;
	struct npu_error error;

	fake_open_result(-ENOENT);
	assert_int_equal(fake_open(&device, &error), -ENOENT);
	says(&error, "container");
	fake_open_result(-EBUSY);
	assert_int_equal(fake_open(&device, &error), -EBUSY);
	says(&error, "not ready");
	fake_open_result(-ENODEV);
	assert_int_equal(fake_open(&device, &error), -ENODEV);
	says(&error, "/dev/accel/accel0");
	fake_open_result(0);
	fake_lose_card_at_open();
	assert_int_equal(fake_open(&device, &error), -ENODEV);
	says(&error, "lost_reason");
	fake_reset();
	fake_driver("ivpu", 1, 0);
	assert_int_equal(fake_open(&device, &error), -ENXIO);
	says(&error, "'ivpu'");
}

static void a_driver_of_another_major_version_names_both(void **state)
{
	struct npu_device *device;
	struct npu_error error;

	fake_driver("npu", 2, 5);
	assert_int_equal(fake_open(&device, &error), -EPROTONOSUPPORT);
	says(&error, "2.5");
	says(&error, NPU_VERSION);
	says(&error, "newer libnpu");
	fake_driver("npu", 0, 9);
	assert_int_equal(fake_open(&device, &error), -EPROTONOSUPPORT);
	says(&error, "newer driver");
	fake_driver("npu", 1, 77);
	assert_int_equal(fake_open(&device, &error), 0);
	npu_device_unref(device);
}

static void a_node_that_changed_hands_is_refused(void **state)
{
	const struct npu_device_entry entry = { .serial = 8, .node = "/dev/accel/accel0" };
	struct npu_device *device;
	struct npu_error error;

	assert_int_equal(npu_device_open_entry(&entry, &device, &error), -ENXIO);
	says(&error, "another card");
}

static void a_lost_card_says_so_everywhere(void **state)
{
	struct npu_context *context = *state;
	struct npu_memory_info memory;
	struct npu_buffer *buffer;
	struct npu_error error;

	fake_lose_card();
	assert_int_equal(npu_buffer_create(context, 1, NPU_BUFFER_DEVICE, &buffer, &error), -ENODEV);
	says(&error, "0000:01:00.0 was lost or reset");
	says(&error, "open it again");
	assert_int_equal(npu_context_status(context, &error), -ENODEV);
	assert_int_equal(npu_device_memory(NULL, &memory, NULL), -EINVAL);
}

static void a_buffer_is_whole_pages_and_zero(void **state)
{
	struct npu_context *context = *state;
	struct npu_buffer *buffer;
	void *data, *again;

	assert_int_equal(npu_buffer_create(context, 5000, NPU_BUFFER_SYSTEM | NPU_BUFFER_MAPPABLE,
					   &buffer, NULL),
			 0);
	assert_int_equal(npu_buffer_size(buffer), 8192);
	assert_int_equal(npu_buffer_address(buffer) % 4096, 0);
	assert_int_equal(npu_buffer_map(buffer, &data, NULL), 0);
	assert_int_equal(npu_buffer_map(buffer, &again, NULL), 0);
	assert_ptr_equal(data, again);
	for (int i = 0; i < 8192; i++)
		assert_int_equal(((uint8_t *)data)[i], 0);
	assert_ptr_equal(npu_buffer_ref(buffer), buffer);
	npu_buffer_unref(buffer);
	npu_buffer_unref(buffer);
	npu_buffer_unref(NULL);
}

static void large_buffers_are_aligned_for_large_pages(void **state)
{
	struct npu_context *context = *state;
	struct npu_buffer *small, *large;

	assert_int_equal(npu_buffer_create(context, 1, NPU_BUFFER_SYSTEM, &small, NULL), 0);
	assert_int_equal(npu_buffer_create(context, 4 << 20, NPU_BUFFER_SYSTEM, &large, NULL), 0);
	assert_int_equal(npu_buffer_address(large) % (2 << 20), 0);
	npu_buffer_unref(small);
	npu_buffer_unref(large);
}

static void wrong_buffers_are_refused(void **state)
{
	struct npu_context *context = *state;
	struct npu_buffer *buffer;
	struct npu_error error;
	void *data;

	assert_int_equal(npu_buffer_create(context, 0, NPU_BUFFER_DEVICE, &buffer, &error), -EINVAL);
	says(&error, "0 bytes");
	assert_int_equal(npu_buffer_create(context, 1, NPU_BUFFER_MAPPABLE, &buffer, &error), -EINVAL);
	says(&error, "say where");
	assert_int_equal(npu_buffer_create(context, 1, NPU_BUFFER_DEVICE | 0x80000000, &buffer, &error),
			 -EINVAL);
	says(&error, "0x80000000");
	assert_int_equal(npu_buffer_create(context, UINT64_MAX, NPU_BUFFER_SYSTEM, &buffer, &error),
			 -ENOMEM);
	assert_int_equal(npu_buffer_create(context, 2 << 20, NPU_BUFFER_DEVICE, &buffer, &error),
			 -ENOSPC);
	says(&error, "the card has 1048576");
	assert_int_equal(npu_buffer_create(context, 1 << 20, NPU_BUFFER_DEVICE, &buffer, &error),
			 -ENOSPC);
	says(&error, "8192 of 1048576 bytes are in use");
	assert_int_equal(npu_buffer_create(context, 1, NPU_BUFFER_DEVICE, &buffer, &error), 0);
	assert_int_equal(npu_buffer_map(buffer, &data, &error), -EPERM);
	says(&error, "NPU_BUFFER_MAPPABLE");
	npu_buffer_unref(buffer);
}

static void addresses_run_out_with_an_error(void **state)
{
	struct npu_context *context = *state;
	struct npu_buffer *buffers[64];
	struct npu_error error;
	int n = 0, ret;

	while (!(ret = npu_buffer_create(context, 64 << 20, NPU_BUFFER_SYSTEM, &buffers[n], &error)))
		n++;
	assert_int_equal(ret, -ENOMEM);
	says(&error, "no range of addresses");
	assert_int_equal(n, 15); /* of 1 GiB, which starts behind page 0 */
	while (n)
		npu_buffer_unref(buffers[--n]);
}

static void buffers_outlive_the_callers_context(void **state)
{
	struct npu_context *context;
	struct npu_device *device;
	struct npu_buffer *buffer;

	assert_int_equal(fake_open(&device, NULL), 0);
	assert_int_equal(npu_context_create(device, &context, NULL), 0);
	assert_ptr_equal(npu_context_ref(context), context);
	npu_context_unref(context);
	npu_device_unref(device);
	assert_int_equal(npu_buffer_create(context, 1, NPU_BUFFER_SYSTEM, &buffer, NULL), 0);
	npu_context_unref(context);
	assert_int_equal(npu_buffer_size(buffer), 4096);
	npu_buffer_unref(buffer);
}

/* Each request of a sequence fails once: an error comes back and nothing is left behind. */
static void no_failed_request_leaks(void **state)
{
	for (unsigned int n = 1; n < 100; n++) {
		struct npu_context *context = NULL;
		struct npu_device *device = NULL;
		struct npu_buffer *buffer = NULL;
		struct npu_error error;
		void *data;
		int ret;

		fake_reset();
		fake_fail_request(n, -EIO);
		ret = fake_open(&device, &error);
		if (!ret)
			ret = npu_context_create(device, &context, &error);
		if (!ret)
			ret = npu_buffer_create(context, 1, NPU_BUFFER_SYSTEM | NPU_BUFFER_MAPPABLE,
						&buffer, &error);
		if (!ret)
			ret = npu_buffer_map(buffer, &data, &error);
		fake_fail_request(0, 0);
		npu_buffer_unref(buffer);
		npu_context_unref(context);
		npu_device_unref(device);
		assert_int_equal(fake_objects(), 0);
		if (!ret) {
			assert_true(n > 7);
			return;
		}
		assert_int_equal(ret, -EIO);
		says(&error, "Input/output error");
	}
	fail();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define CONTEXT_TEST(name) cmocka_unit_test_setup_teardown(name, setup_context, teardown_context)
	const struct CMUnitTest tests[] = {
		TEST(a_card_tells_what_it_is),
		TEST(a_card_tells_how_it_is),
		TEST(missing_arguments_are_refused),
		TEST(wrong_names_say_what_to_write),
		TEST(a_node_without_permission_names_mode_group_and_remedy),
		TEST(each_way_of_not_opening_has_its_words),
		TEST(a_driver_of_another_major_version_names_both),
		TEST(a_node_that_changed_hands_is_refused),
		CONTEXT_TEST(a_lost_card_says_so_everywhere),
		CONTEXT_TEST(a_buffer_is_whole_pages_and_zero),
		CONTEXT_TEST(large_buffers_are_aligned_for_large_pages),
		CONTEXT_TEST(wrong_buffers_are_refused),
		CONTEXT_TEST(addresses_run_out_with_an_error),
		TEST(buffers_outlive_the_callers_context),
		TEST(no_failed_request_leaks),
	};

	return cmocka_run_group_tests_name("libnpu devices", tests, NULL, NULL);
}
