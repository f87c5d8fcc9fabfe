// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "context.h"

#include <errno.h>
#include <stdlib.h>

#include "ioctl.h"

int npu_context_create(struct npu_device *device, struct npu_context **context,
		       struct npu_error *error)
{
	struct npu_context *c;
	int ret;

	if (!device || !context)
		return npu_fail(error, -EINVAL, "npu_context_create: no device or no place");
	c = calloc(1, sizeof(*c));
	if (!c)
		return npu_fail(error, -ENOMEM, "cannot create a context: no memory");
	ret = npu_kernel_vm_create(device->fd, &c->vm);
	if (ret) {
		free(c);
		if (ret == -ENOSPC)
			return npu_fail(error, ret,
					"cannot create a context: the card has none left; end other "
					"users of the card (npu-smi shows them)");
		return npu_device_fail(device, error, ret, "cannot create a context");
	}
	atomic_init(&c->refs, 1);
	npu_va_init(&c->va, device->info.va_start, device->info.va_end);
	c->device = npu_device_ref(device);
	npu_log(device, NPU_LOG_DEBUG, "context %u: created", c->vm);
	*context = c;
	return 0;
}

struct npu_context *npu_context_ref(struct npu_context *context)
{
	npu_ref_get(&context->refs);
	return context;
}

void npu_context_unref(struct npu_context *context)
{
	if (!context || !npu_ref_put(&context->refs))
		return;
	npu_log(context->device, NPU_LOG_DEBUG, "context %u: destroyed", context->vm);
	npu_kernel_vm_destroy(context->device->fd, context->vm);
	npu_va_fini(&context->va);
	npu_device_unref(context->device);
	free(context);
}

uint32_t npu_context_number(const struct npu_context *context)
{
	return context->vm;
}

static const char *fault_reason(uint32_t info)
{
	static const char *const reasons[] = {
		"an unknown reason", "nothing is mapped there", "it may not be written",
		"the page table is broken", "the bus refused it", "an uncorrectable memory error",
	};
	uint32_t reason = info >> 8 & 0xff;

	return reasons[reason < sizeof(reasons) / sizeof(reasons[0]) ? reason : 0];
}

int npu_context_status(struct npu_context *context, struct npu_error *error)
{
	struct drm_npu_vm_get_state state = { 0 };
	int ret;

	if (!context)
		return npu_fail(error, -EINVAL, "npu_context_status: no context");
	state.vm = context->vm;
	ret = npu_kernel_vm_state(context->device->fd, &state);
	if (!ret && state.state & DRM_NPU_VM_DEAD)
		ret = -ENODEV;
	if (ret)
		return npu_device_fail(context->device, error, ret, "cannot use the context");
	if (state.state & DRM_NPU_VM_FAULTED)
		return npu_fail(error, -EFAULT,
				"%llu access(es) of the context faulted, the last one a %s of "
				"address 0x%llx: %s",
				(unsigned long long)state.fault_count, state.fault_info & 1 ? "write" : "read",
				(unsigned long long)state.fault_va, fault_reason(state.fault_info));
	return 0;
}
