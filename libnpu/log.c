// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "device.h"

void npu_log_init(struct npu_log *log)
{
	pthread_rwlock_init(&log->lock, NULL);
	atomic_init(&log->levels, 0);
}

void npu_log_fini(struct npu_log *log)
{
	pthread_rwlock_destroy(&log->lock);
}

void npu_log(struct npu_device *device, uint32_t level, const char *format, ...)
{
	struct npu_log *log = &device->log;
	char line[NPU_ERROR_SIZE];
	va_list args;

	if (atomic_load_explicit(&log->levels, memory_order_relaxed) <= level)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	pthread_rwlock_rdlock(&log->lock);
	if (log->callback)
		log->callback(log->opaque, level, line);
	pthread_rwlock_unlock(&log->lock);
}

int npu_device_set_log(struct npu_device *device, uint32_t level,
		       void (*callback)(void *opaque, uint32_t level, const char *line),
		       void *opaque, struct npu_error *error)
{
	const struct npu_device_info *info;

	if (!device)
		return npu_fail(error, -EINVAL, "npu_device_set_log: no device");
	if (level > NPU_LOG_DEBUG)
		return npu_fail(error, -EINVAL,
				"cannot set the log: there is no level %u: NPU_LOG_ERROR to "
				"NPU_LOG_DEBUG",
				level);
	pthread_rwlock_wrlock(&device->log.lock);
	device->log.callback = callback;
	device->log.opaque = opaque;
	atomic_store_explicit(&device->log.levels, callback ? level + 1 : 0, memory_order_relaxed);
	pthread_rwlock_unlock(&device->log.lock);
	info = &device->info;
	npu_log(device, NPU_LOG_INFO, "libnpu %s, driver interface %u.%u, card %s %s, ABI %u.%u",
		NPU_VERSION, info->driver_major, info->driver_minor, info->bdf, info->uuid,
		info->abi >> 16, info->abi & 0xffff);
	if (device->unknown_capabilities)
		npu_log(device, NPU_LOG_INFO,
			"driver and card offer 0x%llx, which libnpu %s does not know",
			(unsigned long long)device->unknown_capabilities, NPU_VERSION);
	return 0;
}
