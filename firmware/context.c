// SPDX-License-Identifier: BSD-3-Clause
// Copyright The npu authors
#include "context.h"

#include <string.h>

#include <abi/npu_admin.h>
#include <abi/npu_mgmt.h>
#include <abi/npu_mmu.h>
#include <abi/npu_regs.h>

#include "hal.h"

static struct {
	bool exists;
	uint16_t queues;
} contexts[NPU_CONTEXTS_MAX];

void context_init(void)
{
	memset(contexts, 0, sizeof(contexts));
}

static bool in_range(uint32_t context)
{
	return context && context < NPU_CONTEXTS_MAX && context < hal_read(NPU_MG_CONTEXTS);
}

bool context_exists(uint32_t context)
{
	return in_range(context) && contexts[context].exists;
}

/* The hardware checks too and counts what it refuses. */
static bool command(uint32_t context, uint32_t what)
{
	const uint32_t errors = hal_read(NPU_MG_ERROR);

	hal_write(NPU_MG_CTX_SELECT, context);
	hal_write(NPU_MG_CTX_CMD, what);
	return hal_read(NPU_MG_ERROR) == errors;
}

uint8_t context_create(uint32_t context, uint64_t root)
{
	if (!in_range(context) || root & ~(NPU_PTE_ADDR_MASK | NPU_PTE_DEVICE))
		return NPU_ADMIN_STATUS_INVALID;
	if (contexts[context].exists)
		return NPU_ADMIN_STATUS_EXISTS;
	hal_write64(NPU_MG_CTX_ROOT_LO, root);
	if (!command(context, NPU_MG_CTX_ENABLE))
		return NPU_ADMIN_STATUS_INVALID;
	contexts[context].exists = true;
	return NPU_ADMIN_STATUS_OK;
}

uint8_t context_destroy(uint32_t context)
{
	if (!in_range(context))
		return NPU_ADMIN_STATUS_INVALID;
	if (!contexts[context].exists)
		return NPU_ADMIN_STATUS_NOT_FOUND;
	if (contexts[context].queues)
		return NPU_ADMIN_STATUS_BUSY;
	command(context, NPU_MG_CTX_DISABLE);
	contexts[context].exists = false;
	return NPU_ADMIN_STATUS_OK;
}

uint8_t context_invalidate(uint32_t context, uint64_t va, uint64_t size)
{
	const uint64_t end = 1ULL << NPU_VA_BITS;

	if (!in_range(context) || va % NPU_PAGE_SIZE || size % NPU_PAGE_SIZE || va >= end ||
	    size > end - va || (!size && va))
		return NPU_ADMIN_STATUS_INVALID;
	if (!contexts[context].exists)
		return NPU_ADMIN_STATUS_NOT_FOUND;
	hal_write64(NPU_MG_CTX_VA_LO, va);
	hal_write64(NPU_MG_CTX_SIZE_LO, size);
	return command(context, NPU_MG_CTX_INVALIDATE) ? NPU_ADMIN_STATUS_OK :
							 NPU_ADMIN_STATUS_INVALID;
}

void context_hold(uint32_t context)
{
	contexts[context].queues++;
}

void context_release(uint32_t context)
{
	contexts[context].queues--;
}
