/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The npu authors */
/* Copies between SRAM and system memory; at most 64 KiB. */
#ifndef FIRMWARE_DMA_H
#define FIRMWARE_DMA_H

#include <stdbool.h>
#include <stdint.h>

/* False: the host's memory did not answer. */
bool dma_from_host(void *local, uint64_t host, uint32_t size);
bool dma_to_host(uint64_t host, const void *local, uint32_t size);

#endif /* FIRMWARE_DMA_H */
