/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright The npu authors */
/*
 * Error correction of the device memory, line by line. Errors come from tests
 * alone: a corrected one is counted and gone when its line is accessed next,
 * an uncorrectable one fails each access until its whole line is overwritten.
 * Any thread.
 */
#ifndef SIM_ECC_H
#define SIM_ECC_H

#include <stdbool.h>
#include <stdint.h>

#define ECC_LINE 64

struct ecc;

struct ecc *ecc_create(uint64_t memory_size);
void ecc_destroy(struct ecc *e);
/* -EINVAL beyond the memory, -ENOSPC when there are too many. */
int ecc_inject(struct ecc *e, uint64_t offset, bool correctable);
/* An access of the card; false if it meets an uncorrectable error. */
bool ecc_access(struct ecc *e, uint64_t offset, uint64_t size, bool write);
/* Power was lost: no errors, no counts. */
void ecc_clear(struct ecc *e);
uint32_t ecc_corrected(struct ecc *e);
uint32_t ecc_uncorrected(struct ecc *e);

#endif /* SIM_ECC_H */
