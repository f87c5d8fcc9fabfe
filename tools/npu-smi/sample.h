/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * A look at every card, with a deadline. A dead card may keep a reader waiting
 * in the kernel, where nothing interrupts it; so each card is looked at by a
 * process of its own, which leaves what it finds in shared memory, one thing
 * after another, and is left behind if it does not end.
 */
#ifndef NPU_SMI_SAMPLE_H
#define NPU_SMI_SAMPLE_H

#include "card.h"
#include "paths.h"

#define SAMPLE_DEADLINE_MS 2000

/* How far apart the two readings are that utilisation is computed from. */
#define SAMPLE_INTERVAL_MS 200

/*
 * Fills `live` of an open card; 0, or a negative errno with the reason. It may
 * take SAMPLE_INTERVAL_MS, and may never return.
 */
typedef int sample_live_fn(const struct card *card, struct card_live *live,
			   struct npu_error *error);

/*
 * Fills the samples of all cards that are served; `live` NULL: only what needs
 * no permission. -ENOMEM, -EAGAIN (no process can be made).
 */
int sample_cards(struct card *cards, size_t count, sample_live_fn *live, unsigned int deadline_ms);

/* The real one, by libnpu. */
sample_live_fn sample_live;

/* Busy share of `engines` engines between two counter readings, per mille. */
struct quantity sample_permille(uint64_t busy_before, uint64_t busy_after, uint64_t time_before,
				uint64_t time_after, uint32_t engines);

#endif /* NPU_SMI_SAMPLE_H */
