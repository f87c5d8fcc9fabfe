/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* A card: what the PCI core says of it, and what a look at it gave. */
#ifndef NPU_SMI_CARD_H
#define NPU_SMI_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <npu.h>

#include "paths.h"
#include "quantity.h"

/* The card's PCI identity: kernel/abi/npu_regs.h, which tools do not include. */
#define CARD_PCI_VENDOR 0x1234
#define CARD_PCI_DEVICE 0x4e50
#define CARD_DRIVER "npu"

/* What only a process that may open the card can know (libnpu). */
struct card_live {
	struct quantity memory_total; /* device memory, bytes */
	struct quantity memory_used;
	struct quantity clock_max_hz;
	struct quantity tensor_permille; /* busy share of all tensor engines */
	struct quantity copy_permille;
	struct quantity queues;
	struct quantity ecc_corrected;
	struct quantity ecc_uncorrected;
	struct quantity throttle; /* NPU_THROTTLE_* */
	struct quantity uptime_ns;
	/* For a driver without these in hwmon: */
	struct quantity temperature_mc;
	struct quantity power_uw;
	struct quantity power_cap_uw;
	struct quantity energy_uj;
	struct quantity clock_hz;
};

/*
 * What a look at the card gave (sample.h). Filled piece by piece by a process
 * of its own; texts are as the driver says them, so not printable yet.
 */
struct card_sample {
	bool done; /* false: the card did not answer in time, the rest is what came */
	bool live_tried;
	int live_status; /* 0, or why `live` is unknown: a negative errno */
	struct npu_error live_error;
	char state[64];
	char lost_reason[256];
	char uuid[64];
	char serial[32];
	char firmware[64];
	struct quantity reset_count;
	struct quantity temperature_mc;
	struct quantity power_uw;
	struct quantity power_cap_uw;
	struct quantity energy_uj;
	struct quantity clock_hz;
	struct card_live live;
};

struct card {
	char bdf[16];
	char path[512]; /* its directory in sysfs */
	char name[128]; /* of the PCI ID list, or made of the ID */
	uint16_t vendor, device;
	uint8_t revision;
	char driver[32]; /* bound to it; empty: none */
	bool served; /* by our driver; only then index and node */
	uint32_t index; /* as in libnpu: position among the served ones */
	char node[64];
	struct quantity numa_node;
	struct card_sample sample;
};

/*
 * All cards, in the order of their PCI addresses; *cards is to be freed.
 * Reads only what the PCI core keeps, so it never waits for a card.
 */
int cards_scan(const struct smi_paths *paths, struct card **cards, size_t *count);

/* One word: "OK", "LOST", "NO ANSWER", "NO DRIVER", or the driver's own in capitals. */
const char *card_health(const struct card *card, char word[24]);

/* Lost, or not answering: something an operator must see to. */
bool card_is_dead(const struct card *card);

/* Is it the card that a user calls `name`: index, PCI address, UUID or node? */
bool card_matches(const struct card *card, const char *name);

#endif /* NPU_SMI_CARD_H */
