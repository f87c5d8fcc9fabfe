/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright The npu authors */
/*
 * A client that truncates a file which the card has mapped makes every access
 * to the lost pages end in SIGBUS. The guard puts zeroed memory in the place
 * of a guarded mapping when that happens and says so in *lost, so that the
 * card goes on and reports a bus fault. A SIGBUS anywhere else ends the
 * process as before.
 */
#ifndef SIM_BUS_GUARD_H
#define SIM_BUS_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* False when there are too many guarded mappings. *lost must outlive the guard. */
bool bus_guard_add(void *start, size_t size, atomic_bool *lost);
/* Nobody accesses the mapping any more. */
void bus_guard_remove(void *start);

#endif /* SIM_BUS_GUARD_H */
