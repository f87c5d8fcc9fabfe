// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "machine.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char root[64], sysfs[80], proc[80], modules[80];

struct smi_paths machine = {sysfs, proc, modules};

static void make_directories(char *path)
{
	for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		if (mkdir(path, 0755))
			assert_int_equal(errno, EEXIST);
		*slash = '/';
	}
}

static void full_path(char path[PATH_MAX], const char *format, va_list args)
{
	int length = snprintf(path, PATH_MAX, "%s/", root);

	vsnprintf(path + length, PATH_MAX - (size_t)length, format, args);
	make_directories(path);
}

void machine_file(const char *text, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;
	FILE *file;
	int closed;

	va_start(args, format);
	full_path(path, format, args);
	va_end(args);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	closed = fclose(file);
	assert_int_equal(closed, 0);
}

void machine_link(const char *target, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;

	va_start(args, format);
	full_path(path, format, args);
	va_end(args);
	unlink(path);
	assert_int_equal(symlink(target, path), 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void machine_remove(const char *path)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	assert_int_equal(nftw(full, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

int machine_setup(void **state)
{
	snprintf(root, sizeof(root), P_tmpdir "/npu-machine-XXXXXX");
	if (!mkdtemp(root) || chmod(root, 0755))
		return -1;
	snprintf(sysfs, sizeof(sysfs), "%s/sys", root);
	snprintf(proc, sizeof(proc), "%s/proc", root);
	snprintf(modules, sizeof(modules), "%s/modules", root);
	machine_device("0000:00:00.0", "0x8086", "0x29c0");
	machine_file("", "modules/modules.dep");
	machine_file("x\n", "proc/self/comm");
	machine_process(1, "init", 0, "pos:\t0\nflags:\t02\n");
	return 0;
}

int machine_teardown(void **state)
{
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void machine_device(const char *bdf, const char *vendor, const char *device)
{
	machine_file(vendor, "sys/bus/pci/devices/%s/vendor", bdf);
	machine_file(device, "sys/bus/pci/devices/%s/device", bdf);
	machine_file("0x01\n", "sys/bus/pci/devices/%s/revision", bdf);
	machine_file("-1\n", "sys/bus/pci/devices/%s/numa_node", bdf);
}

void machine_card(const char *bdf, int accel)
{
	static const struct {
		const char *name;
		const char *text;
	} files[] = {
		{"state", "live\n"},
		{"uuid", "4e505531-0000-8000-8000-000000000001\n"},
		{"serial", "0000000000000001\n"},
		{"fw_version", "0.1.0\n"},
		{"reset_count", "2\n"},
		{"hwmon/hwmon3/name", "npu\n"},
		{"hwmon/hwmon3/temp1_input", "45250\n"},
		{"hwmon/hwmon3/power1_average", "8412000\n"},
		{"hwmon/hwmon3/power1_cap", "75000000\n"},
		{"hwmon/hwmon3/energy1_input", "123456789\n"},
		{"hwmon/hwmon3/freq1_input", "1000000000\n"},
	};

	machine_device(bdf, "0x1234\n", "0x4e50\n");
	if (accel < 0)
		return;
	machine_link("../../../../bus/pci/drivers/npu", "sys/bus/pci/devices/%s/driver", bdf);
	machine_file("261:0\n", "sys/bus/pci/devices/%s/accel/accel%d/dev", bdf, accel);
	machine_file(NPU_VERSION "\n", "sys/module/npu/version");
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		machine_file(files[i].text, "sys/bus/pci/devices/%s/%s", bdf, files[i].name);
}

void machine_process(int pid, const char *name, int fd, const char *fdinfo)
{
	machine_file(name, "proc/%d/comm", pid);
	machine_link("/dev/null", "proc/%d/fd/%d", pid, fd);
	machine_file(fdinfo, "proc/%d/fdinfo/%d", pid, fd);
}
