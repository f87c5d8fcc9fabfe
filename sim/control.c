// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
#include "control.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "card.h"

static void fault(struct card *card, char *words, FILE *out)
{
	const char *name = strtok_r(NULL, " ", &words);
	const char *state = strtok_r(NULL, " ", &words);

	if (!name || !state || (strcmp(state, "on") && strcmp(state, "off")))
		fprintf(out, "error: usage: fault NAME on|off\n");
	else if (card_fault_inject(card, name, !strcmp(state, "on")))
		fprintf(out, "error: no fault '%s'; there are all-ones, fw-hang, no-irq, irq-storm, "
			"engine-hang, bad-admin, fence-backwards, engine-dead\n", name);
	else
		fprintf(out, "ok\n");
}

static void ecc(struct card *card, char *words, FILE *out)
{
	const char *offset = strtok_r(NULL, " ", &words);
	const char *kind = strtok_r(NULL, " ", &words);
	unsigned long long at = 0;
	char *end = NULL;
	int ret;

	errno = 0;
	if (offset)
		at = strtoull(offset, &end, 0);
	if (!kind || errno || end == offset || *end || (strcmp(kind, "corrected") && strcmp(kind, "uncorrected"))) {
		fprintf(out, "error: usage: ecc OFFSET corrected|uncorrected\n");
		return;
	}
	ret = card_inject_ecc(card, at, !strcmp(kind, "corrected"));
	if (ret)
		fprintf(out, "error: offset %s: %s\n", offset,
			ret == -EINVAL ? "beyond the device memory" : "too many errors already");
	else
		fprintf(out, "ok\n");
}

static void command(struct card *card, char *line, FILE *out)
{
	char *words;
	const char *verb = strtok_r(line, " ", &words);

	if (!verb) {
		return;
	} else if (!strcmp(verb, "status")) {
		card_status(card, out);
		fprintf(out, "ok\n");
	} else if (!strcmp(verb, "fault")) {
		fault(card, words, out);
	} else if (!strcmp(verb, "ecc")) {
		ecc(card, words, out);
	} else if (!strcmp(verb, "help")) {
		fprintf(out, "status             boot state, sensors, slots\n"
			"fault NAME on|off  raise or lift an injected fault\n"
			"ecc OFFSET corrected|uncorrected\n"
			"                   a memory error at this offset of the device memory\n"
			"ok\n");
	} else {
		fprintf(out, "error: unknown command '%s'; try help\n", verb);
	}
}

int control_serve(struct card *card, int fd)
{
	char text[1024];
	char *rest = text, *line;
	ssize_t got = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	size_t size = 0;
	char *answer = NULL;
	FILE *out;

	if (got <= 0)
		return -1;
	text[got] = '\0';
	out = open_memstream(&answer, &size);
	if (!out)
		return -1;
	while ((line = strsep(&rest, "\n")))
		command(card, line, out);
	fclose(out);
	got = send(fd, answer, size, MSG_NOSIGNAL | MSG_DONTWAIT);
	free(answer);
	return got < 0 ? -1 : 0;
}
