// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "command.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[64];

int command_setup(void **state)
{
	snprintf(directory, sizeof(directory), P_tmpdir "/npu-tools-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	setenv("T", directory, 1);
	setenv("B", BUILD, 1);
	return 0;
}

int command_teardown(void **state)
{
	return system("rm -rf \"$T\"");
}

const char *command_file(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void read_back(int fd, char *text, size_t size)
{
	ssize_t got = pread(fd, text, size - 1, 0);

	text[got > 0 ? got : 0] = '\0';
	close(fd);
}

static void child(const struct command *command, const char *line, int out, int err)
{
	int ends[2];

	if (command->stdout_pipe_closed && !pipe(ends)) {
		close(ends[0]);
		dup2(ends[1], 1);
		signal(SIGPIPE, SIG_IGN);
	} else if (!command->stdout_file) {
		dup2(out, 1);
	} else if (*command->stdout_file) {
		dup2(open(command->stdout_file, O_WRONLY), 1);
	} else {
		close(1);
	}
	dup2(err, 2);
	execl("/bin/sh", "sh", "-c", line, NULL);
	_exit(127);
}

void command_run(struct command *command, const char *line)
{
	int out = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int err = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int status;
	pid_t pid;

	assert_true(out >= 0 && err >= 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		child(command, line, out, err);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	command->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	read_back(out, command->out, sizeof(command->out));
	read_back(err, command->err, sizeof(command->err));
}

void command_expect(struct command *command, int status, const char *line)
{
	command_run(command, line);
	if (command->status != status)
		fail_msg("%s: status %d, not %d; said: %s", line, command->status, status,
			 command->err);
}

void command_says(const struct command *command, const char *text)
{
	if (!strstr(command->err, text))
		fail_msg("said \"%s\", not \"%s\"", command->err, text);
}
