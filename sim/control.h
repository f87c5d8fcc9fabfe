/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright The npu authors */
/*
 * Control socket: a person or a test asks the card process for its status and
 * raises faults. Lines of text in, lines out; the last line of an answer is
 * "ok" or "error: WHY".
 */
#ifndef SIM_CONTROL_H
#define SIM_CONTROL_H

struct card;

/* Serves what has arrived on a connection; -1 when it is to be closed. */
int control_serve(struct card *card, int fd);

#endif /* SIM_CONTROL_H */
