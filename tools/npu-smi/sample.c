// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "sample.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sysfs.h"

static void read_hwmon(const struct card *card, struct card_sample *s)
{
	char hwmon[600], sensors[700], entry[32];

	snprintf(hwmon, sizeof(hwmon), "%s/hwmon", card->path);
	if (sysfs_entry(hwmon, "hwmon", entry, sizeof(entry)))
		return;
	snprintf(sensors, sizeof(sensors), "%s/%s", hwmon, entry);
	s->temperature_mc = sysfs_number(sensors, "temp1_input");
	s->power_uw = sysfs_number(sensors, "power1_average");
	s->power_cap_uw = sysfs_number(sensors, "power1_cap");
	s->energy_uj = sysfs_number(sensors, "energy1_input");
	s->clock_hz = sysfs_number(sensors, "freq1_input");
}

/* In the card's own process. What cannot wait for the card comes first. */
static void look(const struct card *card, struct card_sample *s, sample_live_fn *live)
{
	struct card_live found = {0};
	int status;

	sysfs_text(card->path, "state", s->state, sizeof(s->state));
	sysfs_text(card->path, "lost_reason", s->lost_reason, sizeof(s->lost_reason));
	sysfs_text(card->path, "uuid", s->uuid, sizeof(s->uuid));
	sysfs_text(card->path, "serial", s->serial, sizeof(s->serial));
	sysfs_text(card->path, "fw_version", s->firmware, sizeof(s->firmware));
	s->reset_count = sysfs_number(card->path, "reset_count");
	read_hwmon(card, s);
	if (live && strncmp(s->state, "lost", 4)) {
		s->live_tried = true;
		status = live(card, &found, &s->live_error);
		s->live_status = status;
		if (!status)
			s->live = found;
	}
	s->done = true;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

struct looker {
	pid_t pid; /* 0: none */
	int end; /* readable (end of file) once the process is gone */
};

static int start(struct looker *looker, const struct card *card, struct card_sample *sample,
		 sample_live_fn *live)
{
	int ends[2];
	pid_t parent = getpid();

	if (pipe(ends))
		return -errno;
	looker->pid = fork();
	if (looker->pid < 0) {
		int ret = -errno;

		looker->pid = 0;
		close(ends[0]);
		close(ends[1]);
		return ret;
	}
	if (!looker->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			look(card, sample, live);
		_exit(0);
	}
	close(ends[1]);
	looker->end = ends[0];
	return 0;
}

/* Until all are gone or the deadline is reached. */
static void wait_for(struct looker *lookers, size_t count, unsigned int deadline_ms)
{
	uint64_t end = now_ms() + deadline_ms;

	for (size_t i = 0; i < count; i++) {
		struct pollfd poll_end = {lookers[i].end, POLLIN, 0};

		if (!lookers[i].pid)
			continue;
		for (;;) {
			uint64_t now = now_ms();
			int ready = poll(&poll_end, 1, now < end ? (int)(end - now) : 0);

			if (ready > 0 || (!ready && now >= end))
				break;
		}
		/* One that hangs in the kernel dies once that lets go of it: no wait. */
		if (!poll_end.revents)
			kill(lookers[i].pid, SIGKILL);
		else
			waitpid(lookers[i].pid, NULL, 0);
		close(lookers[i].end);
	}
}

/* The process may have died in the middle of a text. */
static void take(struct card_sample *to, const struct card_sample *from)
{
	memcpy(to, from, sizeof(*to));
	to->state[sizeof(to->state) - 1] = '\0';
	to->lost_reason[sizeof(to->lost_reason) - 1] = '\0';
	to->uuid[sizeof(to->uuid) - 1] = '\0';
	to->serial[sizeof(to->serial) - 1] = '\0';
	to->firmware[sizeof(to->firmware) - 1] = '\0';
	to->live_error.text[sizeof(to->live_error.text) - 1] = '\0';
}

int sample_cards(struct card *cards, size_t count, sample_live_fn *live, unsigned int deadline_ms)
{
	size_t size = count * sizeof(struct card_sample);
	struct card_sample *samples;
	struct looker *lookers;
	int ret = 0;

	if (!count)
		return 0;
	lookers = calloc(count, sizeof(*lookers));
	if (!lookers)
		return -ENOMEM;
	samples = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (samples == MAP_FAILED) {
		free(lookers);
		return -ENOMEM;
	}
	for (size_t i = 0; !ret && i < count; i++) {
		if (cards[i].served)
			ret = start(&lookers[i], &cards[i], &samples[i], live);
	}
	wait_for(lookers, count, ret ? 0 : deadline_ms);
	for (size_t i = 0; i < count; i++)
		take(&cards[i].sample, &samples[i]);
	munmap(samples, size);
	free(lookers);
	return ret;
}

struct quantity sample_permille(uint64_t busy_before, uint64_t busy_after, uint64_t time_before,
				uint64_t time_after, uint32_t engines)
{
	struct quantity unknown = {0};
	double share;

	/* A counter that runs backwards tells nothing. */
	if (time_after <= time_before || busy_after < busy_before || !engines)
		return unknown;
	share = (double)(busy_after - busy_before) / (double)(time_after - time_before) / engines;
	return quantity_of(share < 1 ? (int64_t)(share * 1000 + 0.5) : 1000);
}
