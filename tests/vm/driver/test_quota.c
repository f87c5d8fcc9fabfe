// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* One user cannot take all of a card; two do not see one another's limits. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drv.h"

#define CONTEXTS 64	/* the module's defaults */
#define QUEUES 128

/* What a user gets until the first error. */
struct taken {
	int contexts, contexts_error;
	int queues, queues_error;
};

static void take_all(struct taken *taken)
{
	uint32_t vm = 0, last, queue;
	int fd = drv_open(0), other = drv_open(0);

	*taken = (struct taken){ 0 };
	/* Two files of one user share the quota. */
	while (!(taken->contexts_error = drv_vm_create(taken->contexts % 2 ? other : fd, &last)))
		if (!taken->contexts++)
			vm = last;
	while (!(taken->queues_error = drv_queue_create(fd, vm, DRM_NPU_PRIORITY_LOW, &queue)))
		taken->queues++;
	close(fd);
	close(other);
}

/* Does the same as user @uid; the result comes through a pipe. */
static struct taken take_all_as(uid_t uid)
{
	struct taken taken = { .contexts = -1 };
	int ends[2];
	pid_t child;

	if (pipe(ends))
		tap_bail("no pipe");
	child = fork();
	if (!child) {
		struct taken mine;

		if (setresuid(uid, uid, uid))
			_exit(1);
		take_all(&mine);
		_exit(write(ends[1], &mine, sizeof(mine)) != sizeof(mine));
	}
	close(ends[1]);
	if (read(ends[0], &taken, sizeof(taken)) != sizeof(taken))
		printf("# the child said nothing\n");
	close(ends[0]);
	waitpid(child, NULL, 0);
	return taken;
}

int main(void)
{
	struct taken taken;
	struct stat node;
	uint32_t vm;
	int fd;

	/* Users here are numbers without groups. */
	if (stat("/dev/accel/accel0", &node) || chmod("/dev/accel/accel0", 0666))
		tap_bail("cannot open the node to everybody");
	taken = take_all_as(4711);
	tap_ret(taken.contexts, CONTEXTS, NULL, "a user gets so many address spaces");
	tap_ret(taken.contexts_error, -EDQUOT, NULL, "and EDQUOT for one more");
	tap_ret(taken.queues, QUEUES, NULL, "so many queues");
	tap_ret(taken.queues_error, -EDQUOT, NULL, "and EDQUOT for one more");
	taken = take_all_as(4711);
	tap_ret(taken.contexts, CONTEXTS, NULL, "what was closed counts no more");
	fd = drv_open(0);
	for (int i = 0; i < CONTEXTS + 1; i++)
		if (drv_vm_create(fd, &vm))
			tap_bail("root got no more than %d address spaces", i);
	tap(true, "CAP_SYS_RESOURCE gets more");
	taken = take_all_as(4711);
	tap_ret(taken.contexts, CONTEXTS, NULL, "and does not count for others");
	close(fd);
	chmod("/dev/accel/accel0", node.st_mode & 07777);
	return tap_end();
}
