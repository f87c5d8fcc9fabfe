// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Starts compat32, which stands beside this program; skips without IA32_EMULATION. */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	char self[PATH_MAX], path[PATH_MAX + 16];
	ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (size < 0) {
		perror("/proc/self/exe");
		return 1;
	}
	self[size] = 0;
	snprintf(path, sizeof(path), "%s/compat32", dirname(self));
	execl(path, path, (char *)NULL);
	if (errno == ENOEXEC) {
		puts("the kernel runs no programs of 32 bits");
		return 77;
	}
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return 1;
}
