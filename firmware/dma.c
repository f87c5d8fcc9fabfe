// SPDX-License-Identifier: BSD-3-Clause
// Copyright The npu authors
#include "dma.h"

#include <abi/npu_mgmt.h>

#include "hal.h"

static bool transfer(const void *local, uint64_t host, uint32_t size, uint32_t command)
{
	hal_write64(NPU_MG_DMA_HOST_LO, host);
	hal_write(NPU_MG_DMA_LOCAL, hal_address(local));
	hal_write(NPU_MG_DMA_LENGTH, size);
	hal_write(NPU_MG_DMA_CMD, command);
	return !hal_read(NPU_MG_DMA_STATUS);
}

bool dma_from_host(void *local, uint64_t host, uint32_t size)
{
	return transfer(local, host, size, NPU_MG_DMA_FROM_HOST);
}

bool dma_to_host(uint64_t host, const void *local, uint32_t size)
{
	return transfer(local, host, size, NPU_MG_DMA_TO_HOST);
}
