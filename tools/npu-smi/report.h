/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* Everything that a command prints from, gathered once. */
#ifndef NPU_SMI_REPORT_H
#define NPU_SMI_REPORT_H

#include "card.h"
#include "client.h"
#include "module.h"
#include "paths.h"
#include "sample.h"

#define NOTE_MAX 1024

struct report {
	struct card *cards;
	size_t count;
	struct clients clients;
	struct module_state module;
	char (*notes)[NOTE_MAX]; /* sentences: what is missing or wrong, why, what to do */
	size_t note_count;
};

enum {
	GATHER_LIVE = 0x1, /* what needs permission on the nodes */
	GATHER_CLIENTS = 0x2,
};

/*
 * Looks at all cards, waiting at most `deadline_ms` for each. `live` is asked
 * if GATHER_LIVE is set. 0, or a negative errno with the reason.
 * report_fini() is good in any case.
 */
int report_gather(struct report *report, const struct smi_paths *paths, unsigned int what,
		  sample_live_fn *live, unsigned int deadline_ms, struct npu_error *error);
void report_fini(struct report *report);

/* Keeps the one card that the user names; -ENXIO with what there is. */
int report_select(struct report *report, const char *name, struct npu_error *error);

/* Fills the notes; after report_select(), so that they are on what is shown. */
int report_diagnose(struct report *report, struct npu_error *error);

/* Served by the driver? */
bool report_has_card(const struct report *report);

/*
 * Why there is no card that could be used: no device, or no driver and why.
 * One sentence, with the remedy.
 */
void report_why_no_card(const struct report *report, char text[NOTE_MAX]);

#endif /* NPU_SMI_REPORT_H */
