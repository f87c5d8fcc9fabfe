// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* DEV_QUERY and fdinfo: what the driver says of the card and of its clients. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "drv.h"

static const struct query {
	uint32_t type;
	uint32_t size;
	const char *name;
} queries[] = {
	{ DRM_NPU_QUERY_DEVICE, sizeof(struct drm_npu_query_device), "device" },
	{ DRM_NPU_QUERY_MEMORY, 2 * sizeof(struct drm_npu_query_memory), "memory" },
	{ DRM_NPU_QUERY_FIRMWARE, sizeof(struct drm_npu_query_firmware), "firmware" },
	{ DRM_NPU_QUERY_TIME, sizeof(struct drm_npu_query_time), "time" },
	{ DRM_NPU_QUERY_TELEMETRY, sizeof(struct drm_npu_query_telemetry), "telemetry" },
};

/* Sets *size to what the driver has. */
static int query(int fd, uint32_t type, uint32_t *size, void *to)
{
	struct drm_npu_dev_query args = { .type = type, .size = *size, .pointer = (uintptr_t)to };
	int ret = drv_ioctl(fd, DRM_IOCTL_NPU_DEV_QUERY, &args);

	*size = args.size;
	return ret;
}

static void need(int fd, uint32_t type, uint32_t size, void *to)
{
	int ret = query(fd, type, &size, to);

	if (ret)
		tap_bail("DEV_QUERY of type %u: %s", type, strerror(-ret));
}

static bool all_are(const uint8_t *p, size_t size, uint8_t value)
{
	for (size_t i = 0; i < size; i++)
		if (p[i] != value)
			return false;
	return true;
}

static void sizes_are_negotiated(int fd)
{
	const void *read_only = mmap(NULL, DRV_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t answer[DRV_PAGE];

	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		const struct query *q = &queries[i];
		uint32_t size = 0;

		tap(!query(fd, q->type, &size, (void *)8) && size == q->size,
		    "%s: size 0 tells the size and touches no memory", q->name);
		memset(answer, 0xa5, sizeof(answer));
		size = 5;
		tap(!query(fd, q->type, &size, answer) && size == q->size &&
		    !all_are(answer, 5, 0xa5) && all_are(answer + 5, sizeof(answer) - 5, 0xa5),
		    "%s: a short answer stays within its bounds", q->name);
		memset(answer, 0xa5, sizeof(answer));
		size = sizeof(answer);
		tap(!query(fd, q->type, &size, answer) && size == q->size &&
		    all_are(answer + q->size, sizeof(answer) - q->size, 0xa5),
		    "%s: a long one is filled as far as it goes", q->name);
		size = UINT32_MAX;
		tap(!query(fd, q->type, &size, answer) && size == q->size &&
		    all_are(answer + q->size, sizeof(answer) - q->size, 0xa5),
		    "%s: also one of 4 GiB", q->name);
		size = 16;
		tap_ret(query(fd, q->type, &size, (void *)8), -EFAULT, NULL,
			"%s: no memory at the pointer", q->name);
		size = 16;
		tap_ret(query(fd, q->type, &size, (void *)read_only), -EFAULT, NULL,
			"%s: memory that cannot be written", q->name);
		size = 16;
		tap_ret(query(fd, q->type, &size, (void *)0xffff888000000000), -EFAULT, NULL,
			"%s: the kernel's memory", q->name);
	}
	munmap((void *)read_only, DRV_PAGE);
}

static void unknown_types_are_refused(int fd)
{
	static const uint32_t types[] = { 5, 6, 255, 0x7fffffff, 0xffffffff };
	uint8_t answer[256];

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		uint32_t size = 0;

		tap_ret(query(fd, types[i], &size, NULL), -EINVAL, NULL, "type %u: no size",
			types[i]);
		size = sizeof(answer);
		tap_ret(query(fd, types[i], &size, answer), -EINVAL, NULL, "type %u: no answer",
			types[i]);
	}
}

static void shorter_and_longer_arguments_work(int fd)
{
	struct { struct drm_npu_dev_query args; uint64_t more; } longer = {
		.args.type = DRM_NPU_QUERY_TIME,
	};
	uint32_t shorter[2] = { DRM_NPU_QUERY_TIME, 0 };
	const unsigned int nr = DRM_COMMAND_BASE + DRM_NPU_DEV_QUERY;

	tap(!drv_ioctl(fd, DRM_IOWR(nr, uint32_t[2]), shorter) &&
	    shorter[1] == sizeof(struct drm_npu_query_time), "an argument without its end");
	tap(!drv_ioctl(fd, DRM_IOWR(nr, longer), &longer) &&
		    longer.args.size == sizeof(struct drm_npu_query_time),
	    "an argument with more at its end");
	tap_ret(drv_ioctl(fd, DRM_IOWR(DRM_COMMAND_BASE + 0x0b, struct drm_npu_dev_query), &longer),
		-EINVAL, NULL, "an ioctl that is not there");
}

static void the_card_is_described(int fd)
{
	struct drm_npu_query_device device;
	struct drm_npu_query_memory memory[2];
	struct drm_npu_query_firmware firmware;

	need(fd, DRM_NPU_QUERY_DEVICE, sizeof(device), &device);
	tap(device.serial && device.va_start && !(device.va_start % DRV_PAGE) &&
	    device.va_start < device.va_end && device.va_end <= 1ull << 48 &&
	    device.tensor_engines && device.copy_engines && device.slots &&
	    device.queues_max >= device.slots && device.ring_packets_max && !device.mbz,
	    "the device has engines, slots and addresses");
	need(fd, DRM_NPU_QUERY_MEMORY, sizeof(memory), memory);
	tap(memory[0].region == DRM_NPU_MEMORY_SYSTEM && memory[1].region == DRM_NPU_MEMORY_DEVICE,
	    "both regions are listed");
	for (int i = 0; i < 2; i++)
		tap(memory[i].page_size == DRV_PAGE && memory[i].size &&
			    !(memory[i].size % DRV_PAGE) && memory[i].used <= memory[i].size &&
			    memory[i].cpu_visible <= memory[i].size,
		    "region %u adds up", memory[i].region);
	need(fd, DRM_NPU_QUERY_FIRMWARE, sizeof(firmware), &firmware);
	tap(firmware.version && firmware.abi_min <= firmware.abi_max &&
	    device.abi >= firmware.abi_min && device.abi <= firmware.abi_max &&
	    memchr(firmware.build_id, 0, sizeof(firmware.build_id)),
	    "the firmware fits the card's ABI");
}

static void memory_used_follows_buffers(int fd)
{
	static const uint32_t regions[] = { DRM_NPU_MEMORY_SYSTEM, DRM_NPU_MEMORY_DEVICE };

	for (int i = 0; i < 2; i++) {
		uint64_t before = drv_memory_used(fd, regions[i]);
		uint32_t bo;

		if (drv_bo_create(fd, 3 * DRV_MIB, regions[i], 0, 0, &bo))
			tap_bail("no buffer");
		tap(drv_memory_used(fd, regions[i]) == before + 3 * DRV_MIB,
		    "region %u: a buffer counts as used", regions[i]);
		drv_bo_close(fd, bo);
		for (int n = 0; n < 200 && drv_memory_used(fd, regions[i]) != before; n++)
			usleep(10000);
		tap(drv_memory_used(fd, regions[i]) == before,
		    "region %u: and no more once it is closed", regions[i]);
	}
}

static void the_clock_runs_with_ours(int fd)
{
	struct drm_npu_query_time last = { 0 }, first = { 0 }, time;
	bool in_between = true, monotonic = true;
	int64_t least, most, card;

	for (int i = 0; i < 1000; i++) {
		uint64_t before = drv_now(), after;

		need(fd, DRM_NPU_QUERY_TIME, sizeof(time), &time);
		after = drv_now();
		in_between &= before <= time.before_ns && time.before_ns <= time.after_ns &&
			      time.after_ns <= after;
		monotonic &= time.card_ns >= last.card_ns;
		last = time;
		if (!i)
			first = time;
	}
	tap(in_between, "the two readings of CLOCK_MONOTONIC lie within the ioctl");
	tap(monotonic, "the card's clock never goes back");
	usleep(200000);
	need(fd, DRM_NPU_QUERY_TIME, sizeof(last), &last);
	/* Two crystals: 1 %. */
	least = last.before_ns - first.after_ns;
	most = last.after_ns - first.before_ns;
	card = last.card_ns - first.card_ns;
	if (!tap(card >= least - least / 100 && card <= most + most / 100,
		 "and runs as fast as ours"))
		printf("# card %" PRId64 " ns, ours %" PRId64 " to %" PRId64 "\n", card, least,
		       most);
}

static void telemetry_is_plausible_and_fresh(int fd)
{
	struct drm_npu_query_telemetry before, after;
	struct drv_rig r;

	need(fd, DRM_NPU_QUERY_TELEMETRY, sizeof(before), &before);
	tap(before.age_ns < 500000000 && before.temperature_mc > -50000 &&
	    before.temperature_mc < 150000 && before.power_mw && before.power_mw < 1000000 &&
	    before.power_cap_mw && before.clock_hz && before.clock_hz <= before.clock_max_hz &&
	    before.clock_max_hz < 10000000000 && before.uptime_ns && !before.ecc_uncorrected &&
	    before.throttle <= 3, "the values are those of a card");
	drv_rig_init(&r, 0);
	for (int i = 0; i < 20; i++)
		if (!drv_rig_works(&r))
			tap_bail("a fill does not work");
	usleep(250000);
	need(fd, DRM_NPU_QUERY_TELEMETRY, sizeof(after), &after);
	tap(after.uptime_ns >= before.uptime_ns + 150000000, "they are read again after 100 ms");
	tap(after.energy_uj > before.energy_uj, "energy grows");
	tap(after.copy_busy_ns > before.copy_busy_ns, "fills keep the copy engines busy");
	tap(after.queues == before.queues + 1, "the new queue counts");
	drv_rig_fini(&r);
}

/* ---- fdinfo ------------------------------------------------------------------ */

/* The value of a key in bytes or ns; -1: not there. */
static int64_t fdinfo(int fd, const char *key)
{
	char path[64], line[256], unit[8];
	int64_t value = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "r");
	if (!file)
		tap_bail("%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		size_t length = strlen(key);
		int64_t number;
		int n;

		if (strncmp(line, key, length) || line[length] != ':')
			continue;
		n = sscanf(line + length + 1, "%" SCNd64 " %7s", &number, unit);
		if (n < 1)
			continue;
		value = number;
		if (n == 2 && !strcmp(unit, "KiB"))
			value *= 1024;
		else if (n == 2 && !strcmp(unit, "MiB"))
			value *= DRV_MIB;
	}
	fclose(file);
	return value;
}

static void fdinfo_adds_up_buffers(void)
{
	int mine = drv_open(0), other = drv_open(0);
	uint32_t device, system, either;

	tap(!fdinfo(mine, "drm-total-device") && !fdinfo(mine, "drm-total-system"),
	    "a new client has no memory");
	if (drv_bo_create(mine, 5 * DRV_MIB, DRM_NPU_MEMORY_DEVICE, 0, 0, &device) ||
	    drv_bo_create(mine, 3 * DRV_PAGE, DRM_NPU_MEMORY_SYSTEM, 0, 0, &system) ||
	    drv_bo_create(mine, 2 * DRV_MIB, DRM_NPU_MEMORY_DEVICE | DRM_NPU_MEMORY_SYSTEM, 0, 0,
			  &either))
		tap_bail("no buffers");
	tap(fdinfo(mine, "drm-total-device") == 7 * (int64_t)DRV_MIB &&
	    fdinfo(mine, "drm-resident-device") == 7 * (int64_t)DRV_MIB,
	    "buffers in device memory are summed up");
	tap(fdinfo(mine, "drm-total-system") == 3 * DRV_PAGE &&
	    fdinfo(mine, "drm-resident-system") == 3 * DRV_PAGE, "those in system memory as well");
	tap(!fdinfo(other, "drm-total-device") && !fdinfo(other, "drm-total-system"),
	    "another client's are not");
	drv_bo_close(mine, device);
	drv_bo_close(mine, system);
	tap(fdinfo(mine, "drm-total-device") == 2 * (int64_t)DRV_MIB &&
	    !fdinfo(mine, "drm-total-system"), "closed ones neither");
	close(mine);
	close(other);
}

static void fdinfo_counts_engine_time(void)
{
	struct drv_rig worker, idle;
	int64_t before, after;

	drv_rig_init(&worker, 0);
	drv_rig_init(&idle, 0);
	tap(fdinfo(worker.fd, "drm-engine-capacity-npu") > 0, "the engines are counted");
	before = fdinfo(worker.fd, "drm-engine-npu");
	for (int i = 0; i < 20; i++)
		if (!drv_rig_works(&worker))
			tap_bail("a fill does not work");
	after = fdinfo(worker.fd, "drm-engine-npu");
	tap(before == 0 && after > 0, "engine time grows with work");
	tap(!fdinfo(idle.fd, "drm-engine-npu"), "not that of another client");
	drv_queue_destroy(worker.fd, worker.queue);
	tap(fdinfo(worker.fd, "drm-engine-npu") >= after, "the time of a destroyed queue stays");
	drv_rig_fini(&worker);
	drv_rig_fini(&idle);
}

int main(void)
{
	int fd = drv_open(0);

	sizes_are_negotiated(fd);
	unknown_types_are_refused(fd);
	shorter_and_longer_arguments_work(fd);
	the_card_is_described(fd);
	memory_used_follows_buffers(fd);
	the_clock_runs_with_ours(fd);
	telemetry_is_plausible_and_fresh(fd);
	close(fd);
	fdinfo_adds_up_buffers();
	fdinfo_counts_engine_time();
	return tap_end();
}
