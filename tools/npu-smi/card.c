// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "card.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pci_name.h"
#include "sysfs.h"

/* A PCI address as one number, in the order of libnpu's index. */
static bool parse_address(const char *text, uint64_t *address)
{
	unsigned int domain = 0, bus, device, function;
	int end = 0;

	if (sscanf(text, "%8x:%2x:%2x.%1x%n", &domain, &bus, &device, &function, &end) != 4 ||
	    text[end]) {
		domain = 0;
		end = 0;
		if (sscanf(text, "%2x:%2x.%1x%n", &bus, &device, &function, &end) != 3 || text[end])
			return false;
	}
	*address = (uint64_t)domain << 16 | bus << 8 | device << 3 | function;
	return true;
}

static int by_address(const void *a, const void *b)
{
	uint64_t x = 0, y = 0;

	parse_address(((const struct card *)a)->bdf, &x);
	parse_address(((const struct card *)b)->bdf, &y);
	return (x > y) - (x < y);
}

/* False if the device is not a card. */
static bool read_card(const char *devices, const char *bdf, struct card *card)
{
	char accel[600], entry[32];
	struct quantity vendor, device;
	uint64_t address;

	memset(card, 0, sizeof(*card));
	if (strlen(bdf) >= sizeof(card->bdf) || !parse_address(bdf, &address) ||
	    (size_t)snprintf(card->path, sizeof(card->path), "%s/%s", devices, bdf) >=
		    sizeof(card->path))
		return false;
	strcpy(card->bdf, bdf);
	vendor = sysfs_number(card->path, "vendor");
	device = sysfs_number(card->path, "device");
	sysfs_link(card->path, "driver", card->driver, sizeof(card->driver));
	if (!vendor.known || !device.known)
		return false;
	if ((vendor.value != CARD_PCI_VENDOR || device.value != CARD_PCI_DEVICE) &&
	    strcmp(card->driver, CARD_DRIVER))
		return false;
	card->vendor = (uint16_t)vendor.value;
	card->device = (uint16_t)device.value;
	card->revision = (uint8_t)sysfs_number(card->path, "revision").value;
	card->numa_node = sysfs_number(card->path, "numa_node");
	/* The kernel's way to say that there is none. */
	if (card->numa_node.value < 0)
		card->numa_node.known = false;
	snprintf(accel, sizeof(accel), "%s/accel", card->path);
	if (!strcmp(card->driver, CARD_DRIVER) &&
	    !sysfs_entry(accel, "accel", entry, sizeof(entry))) {
		card->served = true;
		snprintf(card->node, sizeof(card->node), "/dev/accel/%s", entry);
	}
	return true;
}

int cards_scan(const struct smi_paths *paths, struct card **cards, size_t *count)
{
	char devices[256];
	struct dirent *entry;
	uint32_t index = 0;
	DIR *dir;

	*cards = NULL;
	*count = 0;
	snprintf(devices, sizeof(devices), "%s/bus/pci/devices", paths->sysfs);
	dir = opendir(devices);
	/* A machine without PCI has no cards. */
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(dir))) {
		struct card card, *larger;

		if (!read_card(devices, entry->d_name, &card))
			continue;
		larger = realloc(*cards, (*count + 1) * sizeof(card));
		if (!larger) {
			closedir(dir);
			return -ENOMEM;
		}
		*cards = larger;
		larger[(*count)++] = card;
	}
	closedir(dir);
	if (*count)
		qsort(*cards, *count, sizeof(**cards), by_address);
	for (size_t i = 0; i < *count; i++) {
		if ((*cards)[i].served)
			(*cards)[i].index = index++;
	}
	if (*count)
		pci_name_all(*cards, *count);
	return 0;
}

static bool is_lost(const struct card *card)
{
	return !strncmp(card->sample.state, "lost", 4) || card->sample.live_status == -ENODEV;
}

bool card_is_dead(const struct card *card)
{
	return card->served && (is_lost(card) || !card->sample.done);
}

const char *card_health(const struct card *card, char word[24])
{
	static const char *const good[] = {"live", "ready", "ok", "running"};
	const char *state = card->sample.state;
	size_t i;

	if (!card->served)
		return "NO DRIVER";
	if (is_lost(card))
		return "LOST";
	if (!card->sample.done)
		return "NO ANSWER";
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!strcmp(state, good[i]))
			return "OK";
	}
	if (!*state)
		return "N/A";
	for (i = 0; i < 23 && state[i]; i++)
		word[i] = (char)toupper((unsigned char)state[i]);
	word[i] = '\0';
	return word;
}

bool card_matches(const struct card *card, const char *name)
{
	uint64_t wanted, has;
	char *end;

	if (*name && !name[strspn(name, "0123456789")])
		return card->served && strtoul(name, &end, 10) == card->index;
	if (parse_address(name, &wanted))
		return parse_address(card->bdf, &has) && wanted == has;
	return card->served && (!strcmp(name, card->node) ||
				(*card->sample.uuid && !strcasecmp(name, card->sample.uuid)));
}
