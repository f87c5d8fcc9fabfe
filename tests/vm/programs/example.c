// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* The README's program, as a user runs it. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "tap.h"

static char folder[256]; /* build/ */

/* Runs the example; returns its exit status, and what it says. */
static int first(const char *arguments, char *said, int size)
{
	char command[1024];
	size_t n;
	FILE *f;

	snprintf(command, sizeof(command), "%s/bin/examples/first %s 2>&1", folder, arguments);
	f = popen(command, "r");
	if (!f)
		tap_bail("cannot run %s", command);
	n = fread(said, 1, (size_t)size - 1, f);
	said[n] = '\0';
	said[strcspn(said, "\n")] = '\0';
	return WEXITSTATUS(pclose(f));
}

int main(int argc, char **argv)
{
	static const char *const variants[] = { "fp32", "int8" };
	char arguments[512], said[600];
	const char *slash = strrchr(argv[0], '/');
	int ret;

	snprintf(folder, sizeof(folder), "%.*s/../..", slash ? (int)(slash - argv[0]) : 1,
		 slash ? argv[0] : ".");
	for (int i = 0; i < 2; i++) {
		snprintf(arguments, sizeof(arguments), "%s/models/digits-%s.npu <examples/digit.txt",
			 folder, variants[i]);
		ret = first(arguments, said, sizeof(said));
		tap(!ret && !strcmp(said, "this is a 2"), "%s: %s", variants[i], said);
	}
	ret = first("examples/digit.txt <examples/digit.txt", said, sizeof(said));
	tap(ret == 1 && strstr(said, "not a compiled graph"), "a text for a graph: %s", said);
	ret = first("", said, sizeof(said));
	tap(ret == 1, "no graph: %s", said);
	return tap_end();
}
