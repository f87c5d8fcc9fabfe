// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "reason.h"

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Both readings of the clients stand around the look at the cards. */
static int gather_all(struct report *report, const struct smi_paths *paths, unsigned int what,
		      sample_live_fn *live, unsigned int deadline_ms, struct npu_error *error)
{
	struct timespec interval = {0, SAMPLE_INTERVAL_MS * 1000000L};
	struct clients before = {0};
	uint64_t start = 0;
	int ret = 0;

	/* Without a proc file system there are no processes to show. */
	if (what & GATHER_CLIENTS) {
		start = now_ns();
		if (clients_scan(paths, &before) == -ENOMEM)
			ret = -ENOMEM;
	}
	if (!ret)
		ret = sample_cards(report->cards, report->count, what & GATHER_LIVE ? live : NULL,
				   deadline_ms);
	if (!ret && what & GATHER_CLIENTS) {
		/* Nobody was asked for live data, then time has not passed yet. */
		if (before.count && now_ns() - start < (uint64_t)interval.tv_nsec)
			nanosleep(&interval, NULL);
		if (clients_scan(paths, &report->clients) == -ENOMEM)
			ret = -ENOMEM;
		clients_measure(&report->clients, &before, now_ns() - start);
	}
	clients_fini(&before);
	return ret ? reason_set(error, ret, "cannot look at the cards: %s", strerror(-ret)) : 0;
}

/* hwmon comes first; a driver that lacks a sensor there may tell it live. */
static void merge(struct quantity *to, struct quantity from)
{
	if (!to->known)
		*to = from;
}

int report_gather(struct report *report, const struct smi_paths *paths, unsigned int what,
		  sample_live_fn *live, unsigned int deadline_ms, struct npu_error *error)
{
	int ret;

	memset(report, 0, sizeof(*report));
	ret = cards_scan(paths, &report->cards, &report->count);
	if (ret)
		return reason_set(error, ret, "cannot list PCI devices in %s: %s", paths->sysfs,
				  strerror(-ret));
	module_read(paths, &report->module);
	ret = gather_all(report, paths, what, live, deadline_ms, error);
	for (size_t i = 0; i < report->count; i++) {
		struct card_sample *s = &report->cards[i].sample;

		merge(&s->temperature_mc, s->live.temperature_mc);
		merge(&s->power_uw, s->live.power_uw);
		merge(&s->power_cap_uw, s->live.power_cap_uw);
		merge(&s->energy_uj, s->live.energy_uj);
		merge(&s->clock_hz, s->live.clock_hz);
	}
	return ret;
}

void report_fini(struct report *report)
{
	free(report->cards);
	clients_fini(&report->clients);
	free(report->notes);
	memset(report, 0, sizeof(*report));
}

int report_select(struct report *report, const char *name, struct npu_error *error)
{
	char known[256] = "";
	size_t used = 0;

	/* With no card at all, the name is not what is wrong. */
	if (!report->count)
		return 0;
	for (size_t i = 0; i < report->count; i++) {
		if (card_matches(&report->cards[i], name)) {
			report->cards[0] = report->cards[i];
			report->count = 1;
			return 0;
		}
		if (used < sizeof(known) - 64)
			used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s",
						 used ? ", " : "", report->cards[i].bdf);
	}
	return reason_set(error, -ENXIO,
			  "there is no card '%s'; a card is named by index, PCI address, UUID or "
			  "node%s%s",
			  name, used ? "; there are: " : "", known);
}

bool report_has_card(const struct report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		if (report->cards[i].served)
			return true;
	}
	return false;
}

/* Why no driver serves a device that is there. */
static void why_not_served(const struct module_state *module, const struct card *card,
			   char text[NOTE_MAX])
{
	if (*card->driver && strcmp(card->driver, CARD_DRIVER))
		snprintf(text, NOTE_MAX,
			 "card %s is bound to driver %s (given to a virtual machine?); unbind it "
			 "there to use it here",
			 card->bdf, card->driver);
	else if (module->loaded)
		snprintf(text, NOTE_MAX,
			 "card %s is not served: driver " CARD_DRIVER " is loaded, but could not "
			 "start it (see the kernel log, dmesg) or was unbound from it. To try "
			 "again, as root: echo %s > /sys/bus/pci/drivers/" CARD_DRIVER "/bind",
			 card->bdf, card->bdf);
	else if (module->installed)
		snprintf(text, NOTE_MAX,
			 "card %s has no driver: " CARD_DRIVER " %s is installed but not loaded; "
			 "run 'modprobe " CARD_DRIVER "' as root",
			 card->bdf, module->installed_version);
	else
		snprintf(text, NOTE_MAX,
			 "card %s has no driver: " CARD_DRIVER " is not installed for kernel %s; "
			 "install it (by DKMS) for this kernel",
			 card->bdf, module->kernel);
}

void report_why_no_card(const struct report *report, char text[NOTE_MAX])
{
	if (report->count)
		why_not_served(&report->module, &report->cards[0], text);
	else
		snprintf(text, NOTE_MAX,
			 "no card: there is no PCI device %04x:%04x; is it plugged in and "
			 "powered, or passed through to this virtual machine?",
			 CARD_PCI_VENDOR, CARD_PCI_DEVICE);
}

static int add_note(struct report *report, const char *text)
{
	char(*larger)[NOTE_MAX];

	larger = realloc(report->notes, (report->note_count + 1) * sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	report->notes = larger;
	snprintf(larger[report->note_count++], NOTE_MAX, "%s", text);
	return 0;
}

/* True and a text if there is something to say of the card. */
static bool diagnose_card(const struct report *report, const struct card *card, char text[NOTE_MAX])
{
	const struct card_sample *s = &card->sample;

	if (!card->served) {
		why_not_served(&report->module, card, text);
	} else if (!s->done) {
		snprintf(text, NOTE_MAX,
			 "card %u (%s) did not answer in time; see the kernel log (dmesg)",
			 card->index, card->bdf);
	} else if (card_is_dead(card)) {
		snprintf(text, NOTE_MAX,
			 "card %u (%s) is lost: %s. To start it again, as root: echo %s > "
			 "/sys/bus/pci/drivers/" CARD_DRIVER "/unbind, then the same into bind",
			 card->index, card->bdf,
			 *s->lost_reason ? s->lost_reason : "it does not answer any more",
			 card->bdf);
	} else if (s->live_tried && s->live_status) {
		snprintf(text, NOTE_MAX,
			 "card %u (%s): memory, utilisation, queues and ECC are not known: %s",
			 card->index, card->bdf, s->live_error.text);
	} else {
		return false;
	}
	return true;
}

/* Two versions that are apart: both, and what to do. */
static bool diagnose_versions(const struct module_state *module, char text[NOTE_MAX])
{
	if (!module->loaded || !*module->loaded_version)
		return false;
	if (*module->installed_version &&
	    strcmp(module->loaded_version, module->installed_version)) {
		snprintf(text, NOTE_MAX,
			 "driver " CARD_DRIVER " %s is loaded, %s is installed: to use the "
			 "installed one, as root: modprobe -r " CARD_DRIVER
			 " && modprobe " CARD_DRIVER,
			 module->loaded_version, module->installed_version);
		return true;
	}
	if (strcmp(module->loaded_version, NPU_VERSION)) {
		snprintf(text, NOTE_MAX,
			 "driver " CARD_DRIVER " is %s, npu-smi is " NPU_VERSION
			 ": they work together, but what only one of them knows is not shown; "
			 "install both from one release",
			 module->loaded_version);
		return true;
	}
	return false;
}

int report_diagnose(struct report *report, struct npu_error *error)
{
	char text[NOTE_MAX];
	int ret = 0;

	for (size_t i = 0; !ret && i < report->count; i++) {
		if (diagnose_card(report, &report->cards[i], text))
			ret = add_note(report, text);
	}
	if (!ret && !report->count) {
		report_why_no_card(report, text);
		ret = add_note(report, text);
	}
	if (!ret && diagnose_versions(&report->module, text))
		ret = add_note(report, text);
	return ret ? reason_set(error, ret, "out of memory") : 0;
}
