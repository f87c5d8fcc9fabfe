// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "device.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enumerate.h"
#include "ioctl.h"

/* The interface that ioctl.c speaks; minor versions only add. */
#define DRIVER_MAJOR 1

#define KNOWN_CAPABILITIES (DRM_NPU_CAP_WAKE_PAGES | DRM_NPU_CAP_ECC)

#define UDEV_RULE "60-npu.rules"

int npu_device_fail(struct npu_device *device, struct npu_error *error, int ret,
		    const char *what, ...)
{
	char text[NPU_ERROR_SIZE];
	va_list args;

	va_start(args, what);
	vsnprintf(text, sizeof(text), what, args);
	va_end(args);
	if (ret == -ENODEV && !atomic_exchange(&device->lost, true))
		npu_log(device, NPU_LOG_ERROR, "the card at %s was lost or reset", device->info.bdf);
	if (ret == -ENODEV)
		return npu_fail(error, ret,
				"%s: the card at %s was lost or reset since it was opened; "
				"give back all its objects and open it again",
				text, device->info.bdf);
	return npu_fail(error, ret, "%s: %s", text, npu_reason(ret));
}

struct names {
	char owner[64];
	char group[64];
	char user[64];
};

static void name_user(uid_t uid, char *name, size_t size)
{
	struct passwd entry, *found = NULL;
	char buffer[4096];

	if (getpwuid_r(uid, &entry, buffer, sizeof(buffer), &found) || !found)
		snprintf(name, size, "%u", (unsigned int)uid);
	else
		snprintf(name, size, "%s", entry.pw_name);
}

static void name_group(gid_t gid, char *name, size_t size)
{
	struct group entry, *found = NULL;
	char buffer[4096];

	if (getgrgid_r(gid, &entry, buffer, sizeof(buffer), &found) || !found)
		snprintf(name, size, "%u", (unsigned int)gid);
	else
		snprintf(name, size, "%s", entry.gr_name);
}

/* Is the user a member of group @gid (not 0) on file, whatever groups this process has? */
static bool listed_in_group(const char *user, gid_t gid)
{
	gid_t groups[256];
	int count = 256;

	if (getgrouplist(user, 0, groups, &count) < 0)
		return false;
	for (int i = 0; i < count; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

static int fail_permission(const char *node, struct npu_error *error)
{
	struct names names;
	char remedy[256];
	struct stat st;

	if (stat(node, &st))
		return npu_fail(error, -EACCES, "cannot open %s: permission denied", node);
	name_user(st.st_uid, names.owner, sizeof(names.owner));
	name_group(st.st_gid, names.group, sizeof(names.group));
	name_user(geteuid(), names.user, sizeof(names.user));
	if ((st.st_mode & 0060) != 0060 || !st.st_gid)
		snprintf(remedy, sizeof(remedy),
			 "the udev rule that gives it to a group (" UDEV_RULE ") has not been "
			 "applied: install it and run 'udevadm trigger' as root");
	else if (listed_in_group(names.user, st.st_gid))
		snprintf(remedy, sizeof(remedy),
			 "you joined group %s after you had logged in: log in again",
			 names.group);
	else
		snprintf(remedy, sizeof(remedy),
			 "join its group: 'usermod -aG %s %s' as root, then log in again",
			 names.group, names.user);
	return npu_fail(error, -EACCES,
			"cannot open %s: permission denied: the node is %s:%s, mode %04o, and you "
			"are %s (uid %u); %s",
			node, names.owner, names.group, (unsigned int)st.st_mode & 07777,
			names.user, (unsigned int)geteuid(), remedy);
}

static int fail_open(const char *node, int ret, struct npu_error *error)
{
	switch (ret) {
	case -EACCES:
	case -EPERM:
		return fail_permission(node, error);
	case -ENOENT:
		return npu_fail(error, ret,
				"cannot open %s: the card is there but its node is not: is udev "
				"running, or was the node passed to this container?",
				node);
	case -EBUSY:
	case -EAGAIN:
		return npu_fail(error, -EBUSY,
				"cannot open %s: the card is not ready (booting or being reset): "
				"try again, or see the kernel log",
				node);
	default:
		return npu_fail(error, ret, "cannot open %s: %s", node, npu_reason(ret));
	}
}

static int check_driver(const char *node, int fd, struct npu_device_info *info,
			struct npu_error *error)
{
	struct npu_kernel_driver driver;
	int ret = npu_kernel_driver(fd, &driver);

	if (ret)
		return npu_fail(error, ret, "cannot ask the driver of %s for its version: %s", node,
				npu_reason(ret));
	if (strcmp(driver.name, "npu"))
		return npu_fail(error, -ENXIO, "%s belongs to driver '%s', not to npu", node,
				driver.name);
	if (driver.major != DRIVER_MAJOR)
		return npu_fail(error, -EPROTONOSUPPORT,
				"the npu driver speaks interface %d.%d, libnpu %s needs %d.x: "
				"install %s",
				driver.major, driver.minor, NPU_VERSION, DRIVER_MAJOR,
				driver.major > DRIVER_MAJOR ? "a newer libnpu" : "a newer driver");
	info->driver_major = (uint32_t)driver.major;
	info->driver_minor = (uint32_t)driver.minor;
	return 0;
}

static int query_memory(int fd, struct npu_memory_info *memory, uint32_t *page_size)
{
	struct drm_npu_query_memory regions[8] = { 0 };
	int ret = npu_kernel_query(fd, DRM_NPU_QUERY_MEMORY, regions, sizeof(regions));

	if (ret < 0)
		return ret;
	memset(memory, 0, sizeof(*memory));
	*page_size = 0;
	/* What an older kernel did not fill is zero: no region has that number. */
	for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++) {
		const struct drm_npu_query_memory *r = &regions[i];

		if (r->region == DRM_NPU_MEMORY_DEVICE) {
			memory->device_size = r->size;
			memory->device_used = r->used;
			memory->device_visible = r->cpu_visible;
		} else if (r->region == DRM_NPU_MEMORY_SYSTEM) {
			memory->system_size = r->size;
			memory->system_used = r->used;
		}
		if (r->region && r->page_size > *page_size)
			*page_size = r->page_size;
	}
	return 0;
}

static int query_identity(struct npu_device *device)
{
	struct npu_device_info *info = &device->info;
	int fd = device->fd;
	struct drm_npu_query_device d = { 0 };
	struct npu_memory_info memory;
	int ret;

	ret = npu_kernel_query(fd, DRM_NPU_QUERY_DEVICE, &d, sizeof(d));
	if (ret < 0)
		return ret;
	ret = query_memory(fd, &memory, &info->page_size);
	if (ret)
		return ret;
	info->abi = d.abi;
	info->hardware = d.hardware;
	info->serial = d.serial;
	if (d.capabilities & DRM_NPU_CAP_ECC)
		info->capabilities |= NPU_DEVICE_ECC;
	device->unknown_capabilities = d.capabilities & ~(uint64_t)KNOWN_CAPABILITIES;
	info->memory_size = memory.device_size;
	/* 0 means "none" in packets: no buffer may lie there. */
	info->va_start = d.va_start ? d.va_start : info->page_size;
	info->va_end = d.va_end;
	info->tensor_engines = d.tensor_engines;
	info->copy_engines = d.copy_engines;
	info->slots = d.slots;
	info->queues_max = d.queues_max;
	/* Later arithmetic stands on these. */
	if (!info->page_size || info->page_size & (info->page_size - 1) ||
	    info->va_start >= info->va_end)
		return -EPROTO;
	return 0;
}

static void destroy(struct npu_device *device)
{
	pthread_cond_destroy(&device->weights_loaded);
	pthread_mutex_destroy(&device->weights_lock);
	pthread_mutex_destroy(&device->objects_lock);
	npu_log_fini(&device->log);
	free(device);
}

int npu_device_open_entry(const struct npu_device_entry *entry, struct npu_device **device,
			  struct npu_error *error)
{
	struct npu_device *d = calloc(1, sizeof(*d));
	int ret;

	if (!d)
		return npu_fail(error, -ENOMEM, "cannot open %s: no memory", entry->node);
	atomic_init(&d->refs, 1);
	atomic_init(&d->lost, false);
	npu_log_init(&d->log);
	pthread_mutex_init(&d->objects_lock, NULL);
	pthread_mutex_init(&d->weights_lock, NULL);
	pthread_cond_init(&d->weights_loaded, NULL);
	memcpy(d->info.node, entry->node, sizeof(d->info.node));
	memcpy(d->info.bdf, entry->bdf, sizeof(d->info.bdf));
	memcpy(d->info.uuid, entry->uuid, sizeof(d->info.uuid));
	d->fd = npu_kernel_open(entry->node);
	if (d->fd < 0) {
		ret = fail_open(entry->node, d->fd, error);
		goto err_free;
	}
	ret = check_driver(entry->node, d->fd, &d->info, error);
	if (ret)
		goto err_close;
	ret = query_identity(d);
	if (ret == -ENODEV) {
		npu_fail(error, ret,
			 "the card at %s is lost: /sys/bus/pci/devices/%s/lost_reason says why; unbind "
			 "and bind the driver, or power the card off and on, to start it again",
			 entry->bdf, entry->bdf);
		goto err_close;
	}
	if (ret) {
		npu_device_fail(d, error, ret, "cannot identify the card at %s", entry->bdf);
		goto err_close;
	}
	/* The node may have changed hands since the list was made. */
	if (entry->serial && entry->serial != d->info.serial) {
		ret = npu_fail(error, -ENXIO, "%s became another card while it was opened: try again",
			       entry->node);
		goto err_close;
	}
	*device = d;
	return 0;
err_close:
	npu_kernel_close(d->fd);
err_free:
	destroy(d);
	return ret;
}

static int fail_absent(const char *name, size_t count, int ret, struct npu_error *error)
{
	if (ret == -EINVAL)
		return npu_fail(error, ret,
				"'%s' names no card: write an index (0), a PCI address "
				"(0000:01:00.0), a UUID or a node (/dev/accel/accel0)",
				name);
	if (count)
		return npu_fail(error, ret, "no npu card '%s': there are %zu, see 'npu-smi list'",
				name, count);
	if (!npu_driver_loaded("/sys"))
		return npu_fail(error, ret,
				"no npu card: the driver is not loaded: 'modprobe npu' as root");
	return npu_fail(error, ret,
			"no npu card: the driver is loaded but serves none; 'dmesg | grep npu' "
			"says whether it found one");
}

int npu_open_name(const char *name, struct npu_device **device, struct npu_error *error)
{
	const struct npu_device_entry *entry;
	struct npu_device_entry *list;
	size_t count;
	int ret;

	if (!name || !device)
		return npu_fail(error, -EINVAL, "npu_open_name: no name or no place for the device");
	ret = npu_enumerate(&list, &count, error);
	if (ret)
		return ret;
	entry = npu_enumerate_find(list, count, name, &ret);
	if (entry)
		ret = npu_device_open_entry(entry, device, error);
	else
		fail_absent(name, count, ret, error);
	npu_enumerate_free(list);
	return ret;
}

int npu_open(unsigned int index, struct npu_device **device, struct npu_error *error)
{
	char name[16];

	snprintf(name, sizeof(name), "%u", index);
	return npu_open_name(name, device, error);
}

struct npu_device *npu_device_ref(struct npu_device *device)
{
	npu_ref_get(&device->refs);
	return device;
}

void npu_device_unref(struct npu_device *device)
{
	if (!device || !npu_ref_put(&device->refs))
		return;
	npu_kernel_close(device->fd);
	destroy(device);
}

const struct npu_device_info *npu_device_info(const struct npu_device *device)
{
	return &device->info;
}

int npu_device_fd(const struct npu_device *device)
{
	return device->fd;
}

/* 0, or the error of a question about @what. The question itself is never wrong. */
static int check_answer(struct npu_device *device, int ret, const char *what,
			struct npu_error *error)
{
	if (ret >= 0)
		return 0;
	if (ret == -EINVAL)
		return npu_fail(error, -ENOTSUP,
				"cannot read %s: the driver (interface %u.%u) does not tell it: install "
				"a newer driver",
				what, device->info.driver_major, device->info.driver_minor);
	return npu_device_fail(device, error, ret, "cannot read %s", what);
}

int npu_device_memory(struct npu_device *device, struct npu_memory_info *info,
		      struct npu_error *error)
{
	uint32_t page_size;
	int ret;

	if (!device || !info)
		return npu_fail(error, -EINVAL, "npu_device_memory: no device or no place");
	ret = query_memory(device->fd, info, &page_size);
	return check_answer(device, ret, "the card's memory usage", error);
}

int npu_device_firmware(struct npu_device *device, struct npu_firmware_info *info,
			struct npu_error *error)
{
	struct drm_npu_query_firmware f = { 0 };
	int ret;

	if (!device || !info)
		return npu_fail(error, -EINVAL, "npu_device_firmware: no device or no place");
	ret = npu_kernel_query(device->fd, DRM_NPU_QUERY_FIRMWARE, &f, sizeof(f));
	ret = check_answer(device, ret, "the firmware's version", error);
	if (ret)
		return ret;
	memset(info, 0, sizeof(*info));
	info->version = f.version;
	info->security_version = f.security_version;
	info->abi_min = f.abi_min;
	info->abi_max = f.abi_max;
	memcpy(info->build_id, f.build_id, sizeof(f.build_id));
	info->build_id[sizeof(f.build_id) - 1] = '\0';
	return 0;
}

int npu_device_time(struct npu_device *device, struct npu_time *time, struct npu_error *error)
{
	struct drm_npu_query_time t = { 0 };
	int ret;

	if (!device || !time)
		return npu_fail(error, -EINVAL, "npu_device_time: no device or no place");
	ret = npu_kernel_query(device->fd, DRM_NPU_QUERY_TIME, &t, sizeof(t));
	ret = check_answer(device, ret, "the card's clock", error);
	if (ret)
		return ret;
	time->card_ns = t.card_ns;
	time->before_ns = t.before_ns;
	time->after_ns = t.after_ns;
	return 0;
}

int npu_device_telemetry(struct npu_device *device, struct npu_telemetry *telemetry,
			 struct npu_error *error)
{
	struct drm_npu_query_telemetry t = { 0 };
	int ret;

	if (!device || !telemetry)
		return npu_fail(error, -EINVAL, "npu_device_telemetry: no device or no place");
	ret = npu_kernel_query(device->fd, DRM_NPU_QUERY_TELEMETRY, &t, sizeof(t));
	ret = check_answer(device, ret, "the card's telemetry", error);
	if (ret)
		return ret;
	memset(telemetry, 0, sizeof(*telemetry));
	telemetry->age_ns = t.age_ns;
	telemetry->temperature_mc = t.temperature_mc;
	telemetry->power_mw = t.power_mw;
	telemetry->power_cap_mw = t.power_cap_mw;
	telemetry->energy_uj = t.energy_uj;
	telemetry->clock_hz = t.clock_hz;
	telemetry->clock_max_hz = t.clock_max_hz;
	telemetry->tensor_busy_ns = t.tensor_busy_ns;
	telemetry->copy_busy_ns = t.copy_busy_ns;
	telemetry->uptime_ns = t.uptime_ns;
	telemetry->ecc_corrected = t.ecc_corrected;
	telemetry->ecc_uncorrected = t.ecc_uncorrected;
	telemetry->throttle = t.throttle & (NPU_THROTTLE_POWER | NPU_THROTTLE_THERMAL);
	telemetry->queues = t.queues;
	return 0;
}
