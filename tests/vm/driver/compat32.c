// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * A process of 32 bits on a kernel of 64: the same structs, a job that runs.
 * Built with -m32, without libraries; driver_compat starts it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#include <drm/npu_accel.h>
#include <npu/npu_packet.h>

#include "../programs/tap.h"

_Static_assert(sizeof(void *) == 4, "this is for 32 bits");

#define PAGE		4096u
#define PACKETS_VA	0x10000000ull
#define DATA_VA		0x20000000ull

static int fd;

static int call(unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) ? -errno : 0;
}

/* The pointer of a 32-bit process, as the interface wants it. */
static uint64_t address_of(const void *p)
{
	return (uintptr_t)p;
}

static void device_is_known(void)
{
	struct drm_npu_query_device device = {};
	struct drm_npu_dev_query args = {
		.type = DRM_NPU_QUERY_DEVICE, .size = sizeof(device),
		.pointer = address_of(&device),
	};

	tap_ret(call(DRM_IOCTL_NPU_DEV_QUERY, &args), 0, NULL, "DEV_QUERY");
	tap(args.size == sizeof(device), "the struct has %u bytes for both", args.size);
	tap(device.va_end > UINT32_MAX && device.serial, "64-bit members are whole (serial %016"
	    PRIx64 ")", (uint64_t)device.serial);
	/* Bits above the process's addresses are not cut off. */
	args.pointer |= 1ull << 32;
	tap_ret(call(DRM_IOCTL_NPU_DEV_QUERY, &args), -EFAULT, NULL, "a pointer beyond 4 GiB");
}

static void *buffer(uint32_t *handle)
{
	struct drm_npu_bo_create create = {
		.size = PAGE, .placement = DRM_NPU_MEMORY_SYSTEM, .flags = DRM_NPU_BO_CPU_VISIBLE,
	};
	struct drm_npu_bo_info info = {};
	void *map;

	if (call(DRM_IOCTL_NPU_BO_CREATE, &create))
		tap_bail("BO_CREATE: %s", strerror(errno));
	*handle = info.handle = create.handle;
	if (call(DRM_IOCTL_NPU_BO_INFO, &info))
		tap_bail("BO_INFO: %s", strerror(errno));
	map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, info.mmap_offset);
	if (map == MAP_FAILED)
		tap_bail("mmap at 0x%" PRIx64 ": %s", (uint64_t)info.mmap_offset, strerror(errno));
	return map;
}

static int wait_for(uint32_t syncobj)
{
	struct drm_syncobj_wait wait = {
		.handles = address_of(&syncobj), .count_handles = 1,
	};
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	wait.timeout_nsec = (now.tv_sec + 10ll) * 1000000000ll;
	return call(DRM_IOCTL_SYNCOBJ_WAIT, &wait);
}

static void job_runs(void)
{
	uint32_t packets_bo, data_bo;
	struct npu_packet_fill *packet = buffer(&packets_bo);
	uint32_t *data = buffer(&data_bo);
	struct drm_npu_vm_create vm = {};
	struct drm_npu_queue_create queue = { .priority = DRM_NPU_PRIORITY_NORMAL };
	struct drm_syncobj_create syncobj = {};
	const struct drm_npu_command command = { .va = PACKETS_VA, .count = 1 };
	struct drm_npu_vm_bind bind = {};
	struct drm_npu_exec exec = {};
	int ret;

	tap_ret(call(DRM_IOCTL_NPU_VM_CREATE, &vm), 0, NULL, "VM_CREATE");
	queue.vm = bind.vm = vm.vm;
	const struct drm_npu_vm_op ops[] = {
		{ .op = DRM_NPU_VM_OP_MAP, .va = PACKETS_VA, .size = PAGE, .bo = packets_bo },
		{ .op = DRM_NPU_VM_OP_MAP, .va = DATA_VA, .size = PAGE, .bo = data_bo },
	};
	bind.ops = (struct drm_npu_array){ address_of(ops), 2, sizeof(ops[0]) };
	tap_ret(call(DRM_IOCTL_NPU_VM_BIND, &bind), 0, NULL, "VM_BIND of two operations");
	tap_ret(call(DRM_IOCTL_NPU_QUEUE_CREATE, &queue), 0, NULL, "QUEUE_CREATE");
	tap_ret(call(DRM_IOCTL_SYNCOBJ_CREATE, &syncobj), 0, NULL, "a syncobj");
	const struct drm_npu_sync sync = {
		.flags = DRM_NPU_SYNC_SIGNAL, .handle = syncobj.handle,
	};
	*packet = (struct npu_packet_fill){
		.header.opcode = NPU_PACKET_FILL, .destination = DATA_VA, .size = PAGE,
		.pattern = 0x12345678,
	};
	exec.queue = queue.queue;
	exec.commands = (struct drm_npu_array){ address_of(&command), 1, sizeof(command) };
	exec.syncs = (struct drm_npu_array){ address_of(&sync), 1, sizeof(sync) };
	ret = call(DRM_IOCTL_NPU_EXEC, &exec);
	tap_ret(ret, 0, NULL, "EXEC");
	if (ret)
		return;
	tap_ret(wait_for(syncobj.handle), 0, NULL, "the job ends");
	tap(data[0] == 0x12345678 && data[PAGE / 4 - 1] == 0x12345678, "and has filled the buffer");
	struct drm_npu_queue_get_state state = { .queue = queue.queue };
	tap_ret(call(DRM_IOCTL_NPU_QUEUE_GET_STATE, &state), 0, NULL, "QUEUE_GET_STATE");
	tap(state.jobs == 1 && !state.state, "one job, no error");
}

/* The way of 32-bit ioctls checks what the other one does. */
static void tails_are_checked(void)
{
	struct {
		struct drm_npu_vm_create args;
		uint32_t tail;
	} longer = {};
	const unsigned long request = _IOC(_IOC_READ | _IOC_WRITE, DRM_IOCTL_BASE,
					   DRM_COMMAND_BASE + DRM_NPU_VM_CREATE, sizeof(longer));

	tap_ret(call(request, &longer), 0, NULL, "a longer struct with zeros");
	longer.args = (struct drm_npu_vm_create){};
	longer.tail = 1;
	tap_ret(call(request, &longer), -E2BIG, NULL, "a longer struct that is not zero");
}

int main(void)
{
	fd = open("/dev/accel/accel0", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		tap_bail("/dev/accel/accel0: %s", strerror(errno));
	device_is_known();
	job_runs();
	tails_are_checked();
	return tap_end();
}
