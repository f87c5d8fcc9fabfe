// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
#include "bus_guard.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>

#define GUARDED_MAX 256

/*
 * Read by the signal handler without a lock. An entry that covers the
 * faulting address cannot change meanwhile: whoever faulted holds the mapping.
 * start is stored last and cleared first.
 */
static struct {
	_Atomic(uintptr_t) start;	/* 0: free */
	_Atomic(size_t) size;
	_Atomic(atomic_bool *) lost;
} guarded[GUARDED_MAX];

static pthread_mutex_t guard_lock = PTHREAD_MUTEX_INITIALIZER;	/* between writers */

static void on_sigbus(int number, siginfo_t *info, void *context)
{
	const uintptr_t address = (uintptr_t)info->si_addr;
	const int error = errno;

	for (unsigned int i = 0; i < GUARDED_MAX; i++) {
		const uintptr_t start = atomic_load(&guarded[i].start);
		const size_t size = atomic_load(&guarded[i].size);

		if (!start || address < start || address - start >= size)
			continue;
		if (mmap((void *)start, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
			break;
		atomic_store(atomic_load(&guarded[i].lost), true);
		errno = error;
		return;
	}
	/* Not ours: the access is repeated and ends the process. */
	signal(SIGBUS, SIG_DFL);
}

static void install(void)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
}

bool bus_guard_add(void *start, size_t size, atomic_bool *lost)
{
	bool found = false;

	/* Each time: a test harness has a handler of its own before each test. */
	install();
	pthread_mutex_lock(&guard_lock);
	for (unsigned int i = 0; i < GUARDED_MAX && !found; i++) {
		if (atomic_load(&guarded[i].start))
			continue;
		found = true;
		atomic_store(&guarded[i].size, size);
		atomic_store(&guarded[i].lost, lost);
		atomic_store(&guarded[i].start, (uintptr_t)start);
	}
	pthread_mutex_unlock(&guard_lock);
	return found;
}

void bus_guard_remove(void *start)
{
	pthread_mutex_lock(&guard_lock);
	for (unsigned int i = 0; i < GUARDED_MAX; i++) {
		if (atomic_load(&guarded[i].start) == (uintptr_t)start)
			atomic_store(&guarded[i].start, 0);
	}
	pthread_mutex_unlock(&guard_lock);
}
