/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The npu authors */
/*
 * Everything that the firmware needs of the hardware. hal_rv32.c is the
 * management core; the unit tests bring a model of the registers instead.
 */
#ifndef FIRMWARE_HAL_H
#define FIRMWARE_HAL_H

#include <stdint.h>

uint32_t hal_read(uint32_t offset);			/* npu_mgmt.h */
void hal_write(uint32_t offset, uint32_t value);
/* What DMA_LOCAL wants for an object in SRAM. */
uint32_t hal_address(const void *object);
/* Returns when an enabled interrupt is pending. */
void hal_wait(void);

static inline uint64_t hal_read64(uint32_t low)
{
	const uint32_t value = hal_read(low);

	return (uint64_t)hal_read(low + 4) << 32 | value;
}

static inline void hal_write64(uint32_t low, uint64_t value)
{
	hal_write(low, (uint32_t)value);
	hal_write(low + 4, (uint32_t)(value >> 32));
}

#endif /* FIRMWARE_HAL_H */
