/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The npu authors */
/* Contexts: address spaces of the card's MMU. Return NPU_ADMIN_STATUS_*. */
#ifndef FIRMWARE_CONTEXT_H
#define FIRMWARE_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

void context_init(void);
uint8_t context_create(uint32_t context, uint64_t root);
uint8_t context_destroy(uint32_t context);
uint8_t context_invalidate(uint32_t context, uint64_t va, uint64_t size);
bool context_exists(uint32_t context);
/* A queue holds its context: destroy is BUSY until the last has let go. */
void context_hold(uint32_t context);
void context_release(uint32_t context);

#endif /* FIRMWARE_CONTEXT_H */
