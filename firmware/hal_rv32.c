// SPDX-License-Identifier: BSD-3-Clause
// Copyright The npu authors
#include "hal.h"

#include <abi/npu_mgmt.h>

uint32_t hal_read(uint32_t offset)
{
	return *(volatile uint32_t *)(uintptr_t)(NPU_MG_REGS_BASE + offset);
}

void hal_write(uint32_t offset, uint32_t value)
{
	/* What the hardware reads by DMA must be in SRAM before a register starts it. */
	__asm__ volatile("fence" ::: "memory");
	*(volatile uint32_t *)(uintptr_t)(NPU_MG_REGS_BASE + offset) = value;
}

uint32_t hal_address(const void *object)
{
	return (uint32_t)(uintptr_t)object;
}

void hal_wait(void)
{
	__asm__ volatile("wfi" ::: "memory");
}
