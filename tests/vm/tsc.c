// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Prints how many thousand times a second the time stamp counter counts, for
 * the kernel parameter tsc_early_khz. A guest without KVM finds that out with
 * emulated timers, and on a busy host gets it wrong: its clock then runs
 * several times too fast, and so does every time-out.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <x86intrin.h>

struct moment {
	uint64_t ticks;
	int64_t ns;
};

/* Both clocks at once: of several readings the one that took least. */
static struct moment now(void)
{
	struct moment best = { 0 };
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 50; i++) {
		const uint64_t before = __rdtsc();
		struct timespec time;
		uint64_t took;

		clock_gettime(CLOCK_MONOTONIC_RAW, &time);
		took = __rdtsc() - before;
		if (took < least) {
			least = took;
			best.ticks = before + took / 2;
			best.ns = time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
		}
	}
	return best;
}

int main(void)
{
	const struct timespec pause = { .tv_nsec = 50000000 };
	struct moment start = now(), end;

	nanosleep(&pause, NULL);
	end = now();
	printf("%llu\n", (unsigned long long)((end.ticks - start.ticks) * 1e6 / (end.ns - start.ns)));
	return 0;
}
