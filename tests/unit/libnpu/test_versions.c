// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * This library on older and newer drivers. Here the library's own ioctl.c and
 * libdrm run; in the place of the kernel stands ioctl() below, which treats
 * sizes as the DRM core does: what the caller's struct lacks is zero, what the
 * driver's lacks is not seen, and an ioctl that the driver does not have is
 * -EINVAL.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/ioctl.h>

#include <drm/npu_accel.h>

#include "device.h"

#define QUERIES 5
#define REGIONS 10
#define SERIAL 7

/* The driver of each test. */
static struct {
	int major, minor;
	uint32_t ioctls; /* that it has */
	uint32_t size[QUERIES]; /* of what it answers; 0: it does not know the question */
	uint32_t extra; /* bytes by which its ioctl structs are longer than ours; filled with 0xee */
	uint64_t capabilities;
	uint32_t regions;
	int interruptions; /* so many ioctls are interrupted first */
} driver;

static int setup(void **state)
{
	memset(&driver, 0, sizeof(driver));
	driver.major = 1;
	driver.ioctls = DRM_NPU_EXEC + 1;
	driver.size[DRM_NPU_QUERY_DEVICE] = sizeof(struct drm_npu_query_device);
	driver.size[DRM_NPU_QUERY_MEMORY] = 2 * sizeof(struct drm_npu_query_memory);
	driver.size[DRM_NPU_QUERY_FIRMWARE] = sizeof(struct drm_npu_query_firmware);
	driver.size[DRM_NPU_QUERY_TIME] = sizeof(struct drm_npu_query_time);
	driver.size[DRM_NPU_QUERY_TELEMETRY] = sizeof(struct drm_npu_query_telemetry);
	driver.capabilities = DRM_NPU_CAP_WAKE_PAGES | DRM_NPU_CAP_ECC;
	driver.regions = 2;
	return 0;
}

/* A newer driver's answer: as long as it says, with what we do not know behind it. */
static void fill(uint32_t type, uint8_t *answer)
{
	const struct drm_npu_query_device device = {
		.abi = 0x10000, .serial = SERIAL, .capabilities = driver.capabilities,
		.va_start = 0x10000, .va_end = 1ULL << 40, .tensor_engines = 2, .slots = 4,
		.queues_max = 64, .ring_packets_max = 4096,
	};
	const struct drm_npu_query_firmware firmware = { .version = 0x01020003, .build_id = "abc" };
	const struct drm_npu_query_time now = { 5, 4, 6 };
	const struct drm_npu_query_telemetry telemetry = { .temperature_mc = 40000, .queues = 3 };
	struct drm_npu_query_memory *memory = (void *)answer;

	switch (type) {
	case DRM_NPU_QUERY_DEVICE: memcpy(answer, &device, sizeof(device)); break;
	case DRM_NPU_QUERY_FIRMWARE: memcpy(answer, &firmware, sizeof(firmware)); break;
	case DRM_NPU_QUERY_TIME: memcpy(answer, &now, sizeof(now)); break;
	case DRM_NPU_QUERY_TELEMETRY: memcpy(answer, &telemetry, sizeof(telemetry)); break;
	case DRM_NPU_QUERY_MEMORY:
		/* The region of a number that nobody knows here comes first. */
		for (uint32_t i = 0; i < driver.regions; i++)
			memory[i] = (struct drm_npu_query_memory){
				.region = i + 2 < driver.regions ? 0x100 << i :
							i + 2 == driver.regions ? DRM_NPU_MEMORY_SYSTEM :
										  DRM_NPU_MEMORY_DEVICE,
				.page_size = 4096, .size = 1 << (20 + i), .cpu_visible = 4096,
			};
		break;
	}
}

static int query(struct drm_npu_dev_query *q)
{
	uint8_t answer[1024];
	uint32_t size;

	if (q->type >= QUERIES || !driver.size[q->type])
		return -EINVAL;
	size = driver.size[q->type];
	memset(answer, 0xee, sizeof(answer));
	fill(q->type, answer);
	memcpy((void *)(uintptr_t)q->pointer, answer, q->size < size ? q->size : size);
	q->size = size;
	return 0;
}

static int call(uint32_t nr, uint8_t *arg)
{
	switch (nr) {
	case DRM_NPU_DEV_QUERY: return query((void *)arg);
	case DRM_NPU_VM_CREATE: ((struct drm_npu_vm_create *)arg)->vm = 1; return 0;
	case DRM_NPU_BO_CREATE: ((struct drm_npu_bo_create *)arg)->handle = 1; return 0;
	case DRM_NPU_QUEUE_CREATE: ((struct drm_npu_queue_create *)arg)->queue = 1; return 0;
	default: return 0; /* destroy, bind, state: nothing to tell */
	}
}

static int driver_ioctl(unsigned long request, void *user)
{
	uint32_t nr = _IOC_NR(request) - DRM_COMMAND_BASE;
	size_t size = _IOC_SIZE(request), known = size + driver.extra;
	uint8_t arg[512] = { 0 };
	int ret;

	if (nr >= driver.ioctls)
		return -EINVAL;
	memcpy(arg, user, size);
	ret = call(nr, arg);
	/* What only the driver knows it writes as well; it must not arrive. */
	memset(arg + size, 0xee, known - size);
	memcpy(user, arg, size);
	return ret;
}

static int core_ioctl(unsigned long request, void *user)
{
	struct drm_version *version = user;

	if (request != DRM_IOCTL_VERSION)
		return 0; /* GEM_CLOSE */
	version->version_major = driver.major;
	version->version_minor = driver.minor;
	if (version->name)
		memcpy(version->name, "npu", 3);
	if (version->date)
		memcpy(version->date, "0", 1);
	if (version->desc)
		memcpy(version->desc, "-", 1);
	version->name_len = 3;
	version->date_len = version->desc_len = 1;
	return 0;
}

/* Instead of the C library's, for libdrm too. */
__attribute__((visibility("default"))) int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *user;
	int ret;

	va_start(args, request);
	user = va_arg(args, void *);
	va_end(args);
	if (driver.interruptions) {
		driver.interruptions--;
		errno = driver.interruptions % 2 ? EINTR : EAGAIN;
		return -1;
	}
	if (_IOC_NR(request) >= DRM_COMMAND_BASE && _IOC_NR(request) < DRM_COMMAND_END)
		ret = driver_ioctl(request, user);
	else
		ret = core_ioctl(request, user);
	if (!ret)
		return 0;
	errno = -ret;
	return -1;
}

static int open_card(struct npu_device **device, struct npu_error *error)
{
	const struct npu_device_entry entry = {
		.serial = SERIAL, .node = "/dev/null", .bdf = "0000:01:00.0",
	};

	return npu_device_open_entry(&entry, device, error);
}

static void says(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("'%s' does not say '%s'", text, words);
}

/* Opens the card and makes one of each. */
static void live(void)
{
	struct npu_telemetry telemetry;
	struct npu_firmware_info firmware;
	struct npu_memory_info memory;
	struct npu_context *context;
	struct npu_device *device;
	struct npu_buffer *buffer;
	struct npu_queue *queue;
	struct npu_error error;
	struct npu_time now;

	if (open_card(&device, &error))
		fail_msg("%s", error.text);
	assert_int_equal(npu_device_info(device)->abi, 0x10000);
	assert_int_equal(npu_device_info(device)->tensor_engines, 2);
	assert_int_equal(npu_device_memory(device, &memory, NULL), 0);
	assert_int_equal(memory.device_size, npu_device_info(device)->memory_size);
	assert_int_equal(npu_device_firmware(device, &firmware, NULL), 0);
	assert_string_equal(firmware.build_id, "abc");
	assert_int_equal(npu_device_time(device, &now, NULL), 0);
	assert_int_equal(now.after_ns, 6);
	assert_int_equal(npu_device_telemetry(device, &telemetry, NULL), 0);
	assert_int_equal(telemetry.temperature_mc, 40000);
	assert_int_equal(npu_context_create(device, &context, NULL), 0);
	assert_int_equal(npu_context_status(context, NULL), 0);
	assert_int_equal(npu_buffer_create(context, 4096, NPU_BUFFER_SYSTEM, &buffer, NULL), 0);
	assert_true(npu_buffer_size(buffer) == 4096);
	assert_int_equal(npu_queue_create(context, NPU_QUEUE_NORMAL, &queue, NULL), 0);
	assert_int_equal(npu_queue_status(queue, NULL), 0);
	npu_queue_unref(queue);
	npu_buffer_unref(buffer);
	npu_context_unref(context);
	npu_device_unref(device);
}

static void the_driver_of_this_library(void **state)
{
	live();
}

/* Longer structs, more regions and kinds of them, more ioctls, another minor version. */
static void a_newer_driver(void **state)
{
	driver.minor = 9;
	driver.ioctls = 0x40;
	driver.extra = 64;
	for (int i = 0; i < QUERIES; i++)
		driver.size[i] += 64;
	driver.regions = 3;
	driver.size[DRM_NPU_QUERY_MEMORY] = 3 * sizeof(struct drm_npu_query_memory);
	live();
}

/* What stands behind those that there is room for is unknown, thus 0. */
static void a_driver_with_more_regions_than_fit(void **state)
{
	struct npu_memory_info memory;
	struct npu_device *device;

	driver.regions = REGIONS;
	driver.size[DRM_NPU_QUERY_MEMORY] = REGIONS * sizeof(struct drm_npu_query_memory);
	assert_int_equal(open_card(&device, NULL), 0);
	assert_int_equal(npu_device_memory(device, &memory, NULL), 0);
	assert_int_equal(memory.device_size, 0);
	npu_device_unref(device);
}

static void keep(void *opaque, uint32_t level, const char *line)
{
	strncat(opaque, line, 1023 - strlen(opaque));
}

static void unknown_capabilities_are_not_passed_on(void **state)
{
	char lines[1024] = "";
	struct npu_device *device;

	driver.capabilities |= 0xff00000000000000;
	assert_int_equal(open_card(&device, NULL), 0);
	assert_true(npu_device_info(device)->capabilities == NPU_DEVICE_ECC);
	assert_int_equal(npu_device_set_log(device, NPU_LOG_INFO, keep, lines, NULL), 0);
	says(lines, "offer 0xff00000000000000, which libnpu " NPU_VERSION " does not know");
	npu_device_unref(device);
	driver.capabilities = 0;
	assert_int_equal(open_card(&device, NULL), 0);
	assert_true(npu_device_info(device)->capabilities == 0);
	npu_device_unref(device);
}

/* What it does not tell is 0, as documented. */
static void an_older_driver_with_shorter_answers(void **state)
{
	struct npu_telemetry telemetry;
	struct npu_device *device;

	driver.size[DRM_NPU_QUERY_DEVICE] = offsetof(struct drm_npu_query_device, slots);
	driver.size[DRM_NPU_QUERY_TELEMETRY] = offsetof(struct drm_npu_query_telemetry, throttle);
	assert_int_equal(open_card(&device, NULL), 0);
	assert_int_equal(npu_device_info(device)->tensor_engines, 2);
	assert_int_equal(npu_device_info(device)->slots, 0);
	assert_int_equal(npu_device_telemetry(device, &telemetry, NULL), 0);
	assert_int_equal(telemetry.temperature_mc, 40000);
	assert_int_equal(telemetry.queues, 0);
	npu_device_unref(device);
}

static void an_older_driver_without_some_questions(void **state)
{
	struct npu_telemetry telemetry;
	struct npu_device *device;
	struct npu_error error;
	struct npu_time now;

	driver.size[DRM_NPU_QUERY_TIME] = 0;
	driver.size[DRM_NPU_QUERY_TELEMETRY] = 0;
	assert_int_equal(open_card(&device, NULL), 0);
	assert_int_equal(npu_device_time(device, &now, &error), -ENOTSUP);
	says(error.text, "the driver (interface 1.0) does not tell it: install a newer driver");
	assert_int_equal(npu_device_telemetry(device, &telemetry, &error), -ENOTSUP);
	npu_device_unref(device);
}

/* The rest of the library works without the ioctls that came last. */
static void an_older_driver_without_some_ioctls(void **state)
{
	struct npu_context *context;
	struct npu_device *device;
	struct npu_queue *queue;
	struct npu_error error;

	driver.ioctls = DRM_NPU_QUEUE_CREATE;
	assert_int_equal(open_card(&device, NULL), 0);
	assert_int_equal(npu_context_create(device, &context, NULL), 0);
	assert_int_equal(npu_context_status(context, NULL), 0);
	assert_int_equal(npu_queue_create(context, NPU_QUEUE_NORMAL, &queue, &error), -EINVAL);
	says(error.text, "cannot create a queue");
	npu_context_unref(context);
	npu_device_unref(device);
}

static void another_major_version_is_refused(void **state)
{
	struct npu_device *device;
	struct npu_error error;

	driver.major = 2;
	assert_int_equal(open_card(&device, &error), -EPROTONOSUPPORT);
	says(error.text, "install a newer libnpu");
	driver.major = 0;
	assert_int_equal(open_card(&device, &error), -EPROTONOSUPPORT);
	says(error.text, "install a newer driver");
}

static void interruptions_are_not_seen(void **state)
{
	struct npu_device *device;

	driver.interruptions = 7;
	assert_int_equal(open_card(&device, NULL), 0);
	assert_int_equal(driver.interruptions, 0);
	npu_device_unref(device);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		TEST(the_driver_of_this_library),
		TEST(a_newer_driver),
		TEST(a_driver_with_more_regions_than_fit),
		TEST(unknown_capabilities_are_not_passed_on),
		TEST(an_older_driver_with_shorter_answers),
		TEST(an_older_driver_without_some_questions),
		TEST(an_older_driver_without_some_ioctls),
		TEST(another_major_version_is_refused),
		TEST(interruptions_are_not_seen),
	};

	return cmocka_run_group_tests_name("libnpu versions", tests, NULL, NULL);
}
