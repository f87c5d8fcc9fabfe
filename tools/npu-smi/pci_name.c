// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "pci_name.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <pci/pci.h>

#include "card.h"
#include "program.h"

/* A missing list of IDs is no reason for a message. */
static void quiet(char *message, ...)
{
}

static void __attribute__((noreturn)) give_up(char *message, ...)
{
	char text[256];
	va_list args;

	va_start(args, message);
	vsnprintf(text, sizeof(text), message, args);
	va_end(args);
	exit(fail("libpci: %s", text));
}

/*
 * pci_init() is not called: names need no access to devices, and it ends the
 * process where there is no PCI.
 */
void pci_name_all(struct card *cards, size_t count)
{
	struct pci_access *access = pci_alloc();

	access->error = give_up;
	access->warning = quiet;
	access->debug = quiet;
	for (size_t i = 0; i < count; i++) {
		struct card *card = &cards[i];

		if (!pci_lookup_name(access, card->name, sizeof(card->name),
				     PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE | PCI_LOOKUP_NO_NUMBERS |
					     PCI_LOOKUP_NO_HWDB,
				     card->vendor, card->device))
			snprintf(card->name, sizeof(card->name), "NPU %04x:%04x (rev %02x)",
				 card->vendor, card->device, card->revision);
	}
	pci_cleanup(access);
}
