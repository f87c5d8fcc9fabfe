// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Finding, opening and asking real cards. */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

static void open_by_each_name(const struct npu_device_entry *e)
{
	const char *const names[] = { e->node, e->bdf, e->uuid, e->bdf + 5 };
	struct npu_device *device;
	struct npu_error error;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int ret = npu_open_name(names[i], &device, &error);

		if (!tap_ret(ret, 0, error.text, "card %u opens as %s", e->index, names[i]))
			continue;
		tap(!strcmp(npu_device_info(device)->bdf, e->bdf) &&
			    npu_device_info(device)->serial == e->serial,
		    "%s is the card that was listed", names[i]);
		npu_device_unref(device);
	}
}

static void ask(struct npu_device *device)
{
	const struct npu_device_info *info = npu_device_info(device);
	struct npu_telemetry first, second;
	struct npu_firmware_info firmware;
	struct npu_memory_info memory;
	struct npu_error error;
	struct npu_time t;

	tap(info->abi >> 16 >= 1, "ABI %u.%u", info->abi >> 16, info->abi & 0xffff);
	tap(info->page_size == 4096, "page size %u", info->page_size);
	tap(info->tensor_engines && info->copy_engines && info->slots && info->queues_max,
	    "the card has engines, slots and queues");
	tap(info->va_start < info->va_end, "addresses from 0x%llx to 0x%llx",
	    (unsigned long long)info->va_start, (unsigned long long)info->va_end);
	tap_ret(npu_device_memory(device, &memory, &error), 0, error.text, "memory");
	tap(memory.device_size == info->memory_size && memory.device_size >= 64 << 20 &&
		    memory.device_used <= memory.device_size,
	    "device memory: %llu of %llu bytes", (unsigned long long)memory.device_used,
	    (unsigned long long)memory.device_size);
	tap_ret(npu_device_firmware(device, &firmware, &error), 0, error.text, "firmware");
	tap(firmware.abi_min <= info->abi && info->abi <= firmware.abi_max && firmware.build_id[0],
	    "firmware %08x '%s' speaks the card's ABI", firmware.version, firmware.build_id);
	tap_ret(npu_device_time(device, &t, &error), 0, error.text, "time");
	tap(t.card_ns && t.before_ns <= t.after_ns, "the card's clock is read between two of ours");
	tap_ret(npu_device_telemetry(device, &first, &error), 0, error.text, "telemetry");
	tap(first.temperature_mc > 0 && first.temperature_mc < 120000 && first.power_mw &&
		    first.clock_hz && first.uptime_ns,
	    "%lld m°C, %llu mW, %llu Hz", (long long)first.temperature_mc,
	    (unsigned long long)first.power_mw, (unsigned long long)first.clock_hz);
	usleep(150000);
	tap_ret(npu_device_telemetry(device, &second, &error), 0, error.text, "telemetry again");
	tap(second.uptime_ns > first.uptime_ns, "the uptime grows");
}

static void refuse_wrong_names(size_t count)
{
	struct npu_device *device;
	struct npu_error error;

	tap_ret(npu_open((unsigned int)count, &device, &error), -ENXIO, NULL,
		"one card too many is refused");
	tap(strstr(error.text, "npu-smi list") != NULL, "the message: %s", error.text);
	tap_ret(npu_open_name("card", &device, &error), -EINVAL, NULL, "a word is refused");
	tap_ret(npu_open_name("/dev/null", &device, &error), -ENXIO, NULL, "/dev/null is refused");
}

/* As a user without any group; returns in the child only. */
static int unprivileged(void)
{
	struct npu_device_entry *list;
	struct npu_device *device;
	struct npu_error error;
	size_t count;

	if (setgroups(0, NULL) || setgid(65534) || setuid(65534))
		return 1;
	if (npu_enumerate(&list, &count, &error) || !count || list[0].access != -EACCES ||
	    !list[0].uuid[0])
		return 2;
	npu_enumerate_free(list);
	if (npu_open(0, &device, &error) != -EACCES)
		return 3;
	printf("# %s\n", error.text);
	fflush(stdout);
	if (!strstr(error.text, "/dev/accel/accel0") || !strstr(error.text, "mode 0") ||
	    !strstr(error.text, "uid 65534") ||
	    (!strstr(error.text, "usermod") && !strstr(error.text, "udev")))
		return 4;
	return 0;
}

static void list_without_permission(void)
{
	int status = -1;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0)
		_exit(unprivileged());
	waitpid(child, &status, 0);
	tap(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "without permission cards are listed, and the refusal names node, mode and remedy (%d)",
	    WEXITSTATUS(status));
}

int main(void)
{
	struct npu_device_entry *list = NULL;
	struct npu_device *device;
	struct npu_error error;
	size_t count = 0;

	tap_ret(npu_enumerate(&list, &count, &error), 0, error.text, "cards are listed");
	if (!tap(count > 0, "%zu cards", count))
		return tap_end();
	for (size_t i = 0; i < count; i++) {
		const struct npu_device_entry *e = &list[i];

		tap(e->index == i && !e->access && e->serial && !strcmp(e->state, "live") &&
			    e->firmware[0] && strlen(e->uuid) == 36,
		    "card %u: %s %s %s firmware %s driver '%s' %s", e->index, e->node, e->bdf, e->uuid,
		    e->firmware, e->driver, e->state);
		if (i)
			tap(strcmp(list[i - 1].bdf, e->bdf) < 0 &&
				    strcmp(list[i - 1].uuid, e->uuid) != 0,
			    "card %u is another one, behind the one before", e->index);
		open_by_each_name(e);
	}
	if (!tap_ret(npu_open(0, &device, &error), 0, error.text, "card 0 opens"))
		return tap_end();
	ask(device);
	npu_device_unref(device);
	refuse_wrong_names(count);
	list_without_permission();
	npu_enumerate_free(list);
	return tap_end();
}
