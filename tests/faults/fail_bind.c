// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Binding and unbinding the driver, with a failure at each point in turn: a
 * probe that fails leaves nothing behind, and the next one works.
 *
 *	fail_bind DEVICE		for example 0000:01:00.0
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "faults.h"
#include "tap.h"

static const char *device;

static int driver_write(const char *file)
{
	char path[64];
	int fd, ret = 0;

	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/npu/%s", file);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;
	if (write(fd, device, strlen(device)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static int is_bound(void)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/npu/%s", device);
	return !access(path, F_OK);
}

static int step_bind(void *data)
{
	return driver_write("bind");
}

static int step_unbind(void *data)
{
	return driver_write("unbind");
}

static void make_unbound(void *data)
{
	int ret = is_bound() ? driver_write("unbind") : 0;

	if (ret || is_bound())
		tap_bail("unbind: %s", strerror(-ret));
}

static void make_bound(void *data)
{
	int ret = is_bound() ? 0 : driver_write("bind");

	if (ret || !is_bound())
		tap_bail("bind: %s", strerror(-ret));
}

/* Whoever is told of success has a driver, whoever is told of failure has none. */
static void check_bound(void *data)
{
	if (!is_bound())
		tap_bail("bind succeeded, but the driver is not bound");
}

static void check_unbound(void *data)
{
	if (is_bound())
		tap_bail("the driver is bound against what was said");
}

static const struct faults_step steps[] = {
	/* Without memory, files are not found, regions are busy, there are no vectors. */
	{ "bind", NULL, make_unbound, step_bind, check_bound, check_unbound,
	  { ENOENT, EBUSY, ENODEV, ENOSPC } },
	{ "unbind", NULL, make_bound, step_unbind, check_unbound },
};

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: fail_bind DEVICE\n");
		return 2;
	}
	device = argv[1];
	faults_init();
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		faults_walk(&steps[i]);
	make_bound(NULL);
	tap(is_bound(), "and the driver works at the end");
	return tap_end();
}
