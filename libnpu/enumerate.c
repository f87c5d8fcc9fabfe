// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Cards as sysfs shows them. libdrm's drmGetDevices2() knows /dev/dri only,
 * so /sys/class/accel is read here; that needs no permission on the nodes.
 */
#include "enumerate.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"

#define DRIVER "npu"

struct pci_address {
	unsigned int domain;
	unsigned int bus;
	unsigned int device;
	unsigned int function;
};

/* "0000:01:00.0", or without a domain "01:00.0", and nothing behind it. */
static bool parse_address(const char *text, struct pci_address *a)
{
	int end = 0;

	if (sscanf(text, "%8x:%2x:%2x.%1x%n", &a->domain, &a->bus, &a->device, &a->function, &end) == 4 &&
	    !text[end])
		return true;
	a->domain = 0;
	end = 0;
	return sscanf(text, "%2x:%2x.%1x%n", &a->bus, &a->device, &a->function, &end) == 3 &&
	       !text[end];
}

static int compare_addresses(const struct pci_address *a, const struct pci_address *b)
{
	if (a->domain != b->domain)
		return a->domain < b->domain ? -1 : 1;
	if (a->bus != b->bus)
		return a->bus < b->bus ? -1 : 1;
	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	return a->function < b->function ? -1 : a->function > b->function;
}

static int compare_entries(const void *pa, const void *pb)
{
	const struct npu_device_entry *a = pa, *b = pb;
	struct pci_address address_a = { 0 }, address_b = { 0 };
	int ret = 0;

	if (parse_address(a->bdf, &address_a) && parse_address(b->bdf, &address_b))
		ret = compare_addresses(&address_a, &address_b);
	return ret ? ret : strcmp(a->bdf, b->bdf);
}

/* An attribute's first line; empty if it cannot be read. Never longer than @text. */
static void read_attribute(int dir, const char *name, char *text, size_t size)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t length = -1;

	text[0] = '\0';
	if (fd < 0)
		return;
	length = read(fd, text, size - 1);
	close(fd);
	text[length > 0 ? length : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	for (char *c = text; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
}

/* The last component of the link @name in @dir. */
static int read_link_name(int dir, const char *name, char *text, size_t size)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(dir, name, target, sizeof(target) - 1);
	const char *last;

	if (length < 0)
		return -errno;
	target[length] = '\0';
	last = strrchr(target, '/');
	last = last ? last + 1 : target;
	if (strlen(last) >= size)
		return -ENAMETOOLONG;
	strcpy(text, last);
	return 0;
}

/* The UUID of a serial number: docs/card.md, "PCI function". */
static void derive_uuid(uint64_t serial, char uuid[40])
{
	uint64_t low = (serial & UINT64_C(0x3fffffffffffffff)) | UINT64_C(0x8000000000000000);

	snprintf(uuid, 40, "4e505531-0000-8000-%04x-%012" PRIx64, (unsigned int)(low >> 48),
		 low & UINT64_C(0xffffffffffff));
}

/* @card: the PCI device's directory. */
static void describe(int card, const char *dev, const char *name, struct npu_device_entry *entry)
{
	char serial[24];
	char *end;

	/* A name that does not fit is none of the driver's; it finds no node below. */
	if ((size_t)snprintf(entry->node, sizeof(entry->node), "%s/accel/%s", dev, name) >=
	    sizeof(entry->node))
		entry->node[0] = '\0';
	entry->access = faccessat(AT_FDCWD, entry->node, R_OK | W_OK, AT_EACCESS) ? -errno : 0;
	read_attribute(card, "serial", serial, sizeof(serial));
	read_attribute(card, "uuid", entry->uuid, sizeof(entry->uuid));
	read_attribute(card, "state", entry->state, sizeof(entry->state));
	read_attribute(card, "fw_version", entry->firmware, sizeof(entry->firmware));
	read_attribute(card, "driver/module/version", entry->driver, sizeof(entry->driver));
	entry->serial = strtoull(serial, &end, 16);
	if (*end)
		entry->serial = 0;
	if (!entry->uuid[0] && serial[0] && !*end)
		derive_uuid(entry->serial, entry->uuid);
}

/*
 * 1 and @entry filled if accel device @name is one of ours, 0 if it is not or
 * went away while it was looked at, or an error.
 */
static int look_at(int class, const char *dev, const char *name, struct npu_device_entry *entry)
{
	char driver[32];
	int accel, card, ret = 0;

	accel = openat(class, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (accel < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	card = openat(accel, "device", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (card < 0) {
		ret = errno == ENOENT ? 0 : -errno;
		goto out_accel;
	}
	memset(entry, 0, sizeof(*entry));
	if (read_link_name(card, "driver", driver, sizeof(driver)) || strcmp(driver, DRIVER))
		goto out_card;
	ret = read_link_name(accel, "device", entry->bdf, sizeof(entry->bdf));
	if (ret)
		goto out_card;
	describe(card, dev, name, entry);
	ret = 1;
out_card:
	close(card);
out_accel:
	close(accel);
	return ret;
}

static int append(struct npu_device_entry **list, size_t *count, size_t *room,
		  const struct npu_device_entry *entry)
{
	if (*count == *room) {
		size_t wanted = *room ? *room * 2 : 8;
		struct npu_device_entry *bigger = realloc(*list, wanted * sizeof(**list));

		if (!bigger)
			return -ENOMEM;
		*list = bigger;
		*room = wanted;
	}
	(*list)[(*count)++] = *entry;
	return 0;
}

int npu_enumerate_at(const char *sysfs, const char *dev, struct npu_device_entry **list,
		     size_t *count, struct npu_error *error)
{
	struct npu_device_entry *found = NULL, entry;
	size_t n = 0, room = 0;
	char path[PATH_MAX];
	struct dirent *d;
	DIR *class;
	int ret = 0;

	snprintf(path, sizeof(path), "%s/class/accel", sysfs);
	class = opendir(path);
	/* Without any accel driver the class does not exist: no card, no error. */
	if (!class && errno != ENOENT) {
		ret = -errno;
		return npu_fail(error, ret, "cannot list accelerators: %s: %s", path,
				npu_reason(ret));
	}
	while (class && (errno = 0, d = readdir(class))) {
		if (strncmp(d->d_name, "accel", 5))
			continue;
		ret = look_at(dirfd(class), dev, d->d_name, &entry);
		if (ret > 0)
			ret = append(&found, &n, &room, &entry);
		if (ret)
			break;
	}
	if (class)
		closedir(class);
	if (ret) {
		free(found);
		return npu_fail(error, ret, "cannot list accelerators: %s: %s", path,
				npu_reason(ret));
	}
	if (n)
		qsort(found, n, sizeof(*found), compare_entries);
	for (size_t i = 0; i < n; i++)
		found[i].index = (uint32_t)i;
	*list = found;
	*count = n;
	return 0;
}

int npu_enumerate(struct npu_device_entry **list, size_t *count, struct npu_error *error)
{
	if (!list || !count)
		return npu_fail(error, -EINVAL, "npu_enumerate: no place for the list");
	return npu_enumerate_at("/sys", "/dev", list, count, error);
}

void npu_enumerate_free(struct npu_device_entry *list)
{
	free(list);
}

static bool is_uuid(const char *text)
{
	size_t i;

	for (i = 0; text[i]; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return false;
	}
	return i == 36;
}

const struct npu_device_entry *npu_enumerate_find(const struct npu_device_entry *list, size_t count,
						  const char *name, int *ret)
{
	struct pci_address wanted, has;
	bool address = parse_address(name, &wanted);
	bool index = name[0] && !name[strspn(name, "0123456789")];
	unsigned long long number = index ? strtoull(name, NULL, 10) : 0;

	*ret = -ENXIO;
	if (!index && !address && name[0] != '/' && !is_uuid(name)) {
		*ret = -EINVAL;
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		if (index ? number == list[i].index :
		    address ? parse_address(list[i].bdf, &has) && !compare_addresses(&wanted, &has) :
		    name[0] == '/' ? !strcmp(name, list[i].node) :
		    !strcasecmp(name, list[i].uuid)) {
			*ret = 0;
			return &list[i];
		}
	}
	return NULL;
}

bool npu_driver_loaded(const char *sysfs)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/module/" DRIVER, sysfs);
	return !access(path, F_OK);
}
