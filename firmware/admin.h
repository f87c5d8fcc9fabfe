/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The npu authors */
/* Admin queue: commands of the driver and their completions (npu_admin.h). */
#ifndef FIRMWARE_ADMIN_H
#define FIRMWARE_ADMIN_H

#include <stdint.h>

void admin_init(void);
/* Serves what the driver has submitted. */
void admin_serve(void);
/* Of the driver's rings: an answer belongs into those that its command came from. */
uint32_t admin_epoch(void);
/* Writes a completion; size bytes of payload, the rest zero. */
void admin_complete(uint16_t tag, uint8_t status, const void *payload, uint32_t size);

#endif /* FIRMWARE_ADMIN_H */
