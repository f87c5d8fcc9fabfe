// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* sysfs and hwmon: what everybody may read of a card, and nobody may write. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drv.h"

#define DEVICE	"/sys/class/accel/accel0/device/"
#define NOBODY	65534

static char hwmon[256];	/* the sensors' directory, with a slash */

/* The first line of a file without its end; -errno. */
static int read_line(const char *directory, const char *name, char *line, size_t size)
{
	char path[512];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "%s%s", directory, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	got = read(fd, line, size - 1);
	if (got < 0)
		got = -errno;
	close(fd);
	if (got < 0)
		return got;
	line[got] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return 0;
}

static long long sensor(const char *name)
{
	char line[64];
	int ret = read_line(hwmon, name, line, sizeof(line));

	return ret ? ret : atoll(line);
}

static void find_hwmon(void)
{
	glob_t found;

	if (glob(DEVICE "hwmon/hwmon*", 0, NULL, &found) || found.gl_pathc != 1)
		tap_bail("there is not one hwmon device");
	snprintf(hwmon, sizeof(hwmon), "%s/", found.gl_pathv[0]);
	globfree(&found);
}

static void attributes_describe_the_card(int fd)
{
	struct drm_npu_query_device device;
	struct drm_npu_query_firmware firmware;
	struct drm_npu_dev_query query = {
		.type = DRM_NPU_QUERY_DEVICE, .size = sizeof(device), .pointer = (uintptr_t)&device,
	};
	char line[128], expected[128];

	if (drv_ioctl(fd, DRM_IOCTL_NPU_DEV_QUERY, &query))
		tap_bail("no DEV_QUERY");
	query = (struct drm_npu_dev_query){ DRM_NPU_QUERY_FIRMWARE, sizeof(firmware),
					    (uintptr_t)&firmware };
	if (drv_ioctl(fd, DRM_IOCTL_NPU_DEV_QUERY, &query))
		tap_bail("no DEV_QUERY");
	snprintf(expected, sizeof(expected), "%016llx", (unsigned long long)device.serial);
	tap(!read_line(DEVICE, "serial", line, sizeof(line)) && !strcmp(line, expected),
	    "serial is that of DEV_QUERY");
	snprintf(expected, sizeof(expected), "4e505531-0000-8000-%04llx-%012llx",
		 0x8000 | (unsigned long long)(device.serial >> 48 & 0x3fff),
		 (unsigned long long)(device.serial & 0xffffffffffffull));
	tap(!read_line(DEVICE, "uuid", line, sizeof(line)) && !strcmp(line, expected),
	    "uuid is made of the serial number");
	snprintf(expected, sizeof(expected), "%u.%u.%u", firmware.version >> 24,
		 firmware.version >> 16 & 0xff, firmware.version & 0xffff);
	tap(!read_line(DEVICE, "fw_version", line, sizeof(line)) && !strcmp(line, expected),
	    "fw_version is that of DEV_QUERY");
	tap(!read_line(DEVICE, "state", line, sizeof(line)) && !strcmp(line, "live") &&
	    !read_line(DEVICE, "lost_reason", line, sizeof(line)) && !*line,
	    "the card is live, and lost for no reason");
	tap(!read_line(DEVICE, "reset_count", line, sizeof(line)) && atoi(line) > 0,
	    "it has been reset, by the driver");
}

static void sensors_are_plausible(int fd)
{
	struct drm_npu_query_telemetry t;
	struct drm_npu_dev_query query = {
		.type = DRM_NPU_QUERY_TELEMETRY, .size = sizeof(t), .pointer = (uintptr_t)&t,
	};
	char line[64];

	tap(!read_line(hwmon, "name", line, sizeof(line)) && !strcmp(line, "npu"), "the sensors' name");
	tap(sensor("temp1_input") > 1000 && sensor("temp1_input") < 120000,
	    "temp1_input is in millidegrees (%lld)", sensor("temp1_input"));
	tap(sensor("power1_average") > 100000 && sensor("power1_average") < 1000000000,
	    "power1_average is in microwatts (%lld)", sensor("power1_average"));
	tap(sensor("power1_cap") >= sensor("power1_average"), "power1_cap is not below it (%lld)",
	    sensor("power1_cap"));
	tap(sensor("freq1_input") > 10000000 && sensor("freq1_input") < 10000000000,
	    "freq1_input is in Hz (%lld)", sensor("freq1_input"));
	tap(!read_line(hwmon, "temp1_label", line, sizeof(line)) && *line &&
	    !read_line(hwmon, "power1_label", line, sizeof(line)) && *line &&
	    !read_line(hwmon, "energy1_label", line, sizeof(line)) && *line, "sensors have labels");
	if (drv_ioctl(fd, DRM_IOCTL_NPU_DEV_QUERY, &query))
		tap_bail("no DEV_QUERY");
	tap(sensor("energy1_input") >= (long long)t.energy_uj &&
	    sensor("power1_cap") == (long long)t.power_cap_mw * 1000,
	    "they are what DEV_QUERY tells");
}

static void energy_follows_work(void)
{
	struct drv_rig r;
	long long start, end;

	drv_rig_init(&r, 0);
	start = sensor("energy1_input");
	for (int i = 0; i < 50; i++)
		if (!drv_rig_works(&r))
			tap_bail("a job failed");
	usleep(150000);
	end = sensor("energy1_input");
	tap(end > start, "energy1_input grows");
	drv_rig_fini(&r);
}

/* Bits: 1 something cannot be read, 2 something can be written, 4 the node opens. */
static int try_all(const char *const *attributes, const char *const *sensors)
{
	char path[512], line[128];
	int result = 0;

	for (int i = 0; attributes[i]; i++) {
		result |= read_line(DEVICE, attributes[i], line, sizeof(line)) ? 1 : 0;
		snprintf(path, sizeof(path), DEVICE "%s", attributes[i]);
		result |= access(path, W_OK) ? 0 : 2;
	}
	for (int i = 0; sensors[i]; i++) {
		result |= read_line(hwmon, sensors[i], line, sizeof(line)) ? 1 : 0;
		snprintf(path, sizeof(path), "%s%s", hwmon, sensors[i]);
		result |= access(path, W_OK) ? 0 : 2;
	}
	if (open("/dev/accel/accel0", O_RDWR) >= 0 || errno != EACCES)
		result |= 4;
	if (!access("/sys/kernel/debug/accel/.", R_OK))
		result |= 8;
	return result;
}

static void buffers_are_listed(int fd)
{
	const uint64_t size = 123 * DRV_PAGE;
	char text[65536], line[64];
	FILE *file = NULL;
	glob_t found;
	uint32_t bo;
	size_t got;

	if (drv_bo_create(fd, size, DRM_NPU_MEMORY_SYSTEM, 0, 0, &bo))
		tap_bail("no buffer");
	/* Directories have the card's number or its place on the bus: the first is card 0 either way. */
	if (!glob("/sys/kernel/debug/accel/*/bos", 0, NULL, &found)) {
		file = fopen(found.gl_pathv[0], "r");
		globfree(&found);
	}
	if (!file)
		tap_bail("no list of buffers in debugfs");
	got = fread(text, 1, sizeof(text) - 1, file);
	text[got] = '\0';
	fclose(file);
	snprintf(line, sizeof(line), " %6u %12llu %9u ", bo, (unsigned long long)size,
		 (unsigned int)DRM_NPU_MEMORY_SYSTEM);
	tap(strstr(text, line) != NULL, "debugfs lists buffers");
	drv_bo_close(fd, bo);
}

static void everybody_may_read_and_nobody_write(void)
{
	static const char *const attributes[] = { "serial", "uuid", "fw_version", "reset_count",
						  "state", "lost_reason", NULL };
	static const char *const sensors[] = { "temp1_input", "power1_average", "power1_cap",
					       "energy1_input", "freq1_input", "name", NULL };
	char path[512];
	int status, writable = 0;
	struct stat st;
	pid_t child;

	for (int i = 0; attributes[i]; i++) {
		snprintf(path, sizeof(path), DEVICE "%s", attributes[i]);
		writable += stat(path, &st) || st.st_mode & 0222;
	}
	for (int i = 0; sensors[i]; i++) {
		snprintf(path, sizeof(path), "%s%s", hwmon, sensors[i]);
		writable += stat(path, &st) || st.st_mode & 0222;
	}
	tap_ret(writable, 0, NULL, "not even root may write attributes and sensors");
	child = fork();
	if (!child) {
		if (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
			_exit(64);
		_exit(try_all(attributes, sensors));
	}
	waitpid(child, &status, 0);
	status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
	tap(!(status & 1), "nobody in particular may read all of them");
	tap(!(status & 2), "and write none");
	tap(!(status & 4), "but not open the node, which is its group's");
	tap(!(status & 8) && status < 64, "and not look into debugfs");
}

int main(void)
{
	int fd = drv_open(0);

	find_hwmon();
	attributes_describe_the_card(fd);
	sensors_are_plausible(fd);
	energy_follows_work();
	buffers_are_listed(fd);
	everybody_may_read_and_nobody_write();
	close(fd);
	return tap_end();
}
