/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The npu authors */
#ifndef FIRMWARE_MAIN_H
#define FIRMWARE_MAIN_H

void firmware_init(void);
/* Serves everything that is pending and sets the timer. */
void firmware_step(void);
void firmware_main(void);	/* does not return */

#endif /* FIRMWARE_MAIN_H */
