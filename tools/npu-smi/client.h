/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * Who uses the cards, as /proc/PID/fdinfo/FD says (kernel documentation:
 * gpu/drm-usage-stats.rst). Process ids are those of the PID namespace that
 * /proc belongs to, so they are right in a container too; processes outside
 * it are not seen.
 */
#ifndef NPU_SMI_CLIENT_H
#define NPU_SMI_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "paths.h"
#include "quantity.h"

/* One open file of a card. */
struct client {
	pid_t pid; /* of the process that has it; the lowest of several */
	char process[64]; /* its name, not printable yet */
	char bdf[16];
	struct quantity id; /* drm-client-id: one for each open file */
	struct quantity engine_ns; /* time of all engines since it was opened */
	struct quantity engines; /* how many there are */
	struct quantity device_memory; /* resident, bytes */
	struct quantity system_memory;
	struct quantity busy_permille; /* share of all engines: clients_measure() */
};

struct clients {
	struct client *list;
	size_t count;
	bool hidden; /* processes that this user may not look at */
};

/* One fdinfo file's text; false if it is not a card's. */
bool client_parse(const char *text, struct client *client);

/* All clients but those of this process. -ENOMEM; -errno if there is no proc. */
int clients_scan(const struct smi_paths *paths, struct clients *clients);
void clients_fini(struct clients *clients);

/* Utilisation of each client between an earlier scan and this one. */
void clients_measure(struct clients *now, const struct clients *before, uint64_t elapsed_ns);

#endif /* NPU_SMI_CLIENT_H */
