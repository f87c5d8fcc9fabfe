// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "client.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sample.h"
#include "sysfs.h"

/* "123", "123 ns", "4 KiB": in ns, bytes or just a number. */
static struct quantity parse_value(const char *text)
{
	static const struct {
		const char *unit;
		int64_t factor;
	} units[] = {
		{"", 1}, {"ns", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
	};
	struct quantity unknown = {0};
	long long value;
	int64_t scaled;
	char *end;

	if (*text < '0' || *text > '9')
		return unknown;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno)
		return unknown;
	if (*end == ' ')
		end++;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!strcmp(end, units[i].unit) &&
		    !__builtin_mul_overflow(value, units[i].factor, &scaled))
			return quantity_of(scaled);
	}
	return unknown;
}

/* Keys in the order of preference: an older kernel says less exactly. */
static void take_line(const char *key, const char *value, struct client *client)
{
	struct quantity number = parse_value(value);
	const struct {
		const char *key;
		struct quantity *to;
		bool weak; /* only if nothing better is there */
	} keys[] = {
		{"drm-client-id", &client->id, false},
		{"drm-engine-npu", &client->engine_ns, false},
		{"drm-engine-capacity-npu", &client->engines, false},
		{"drm-resident-device", &client->device_memory, false},
		{"drm-resident-system", &client->system_memory, false},
		{"drm-total-device", &client->device_memory, true},
		{"drm-total-system", &client->system_memory, true},
		{"drm-memory-device", &client->device_memory, true},
		{"drm-memory-system", &client->system_memory, true},
	};

	if (!strcmp(key, "drm-pdev") && strlen(value) < sizeof(client->bdf))
		strcpy(client->bdf, value);
	for (size_t i = 0; number.known && i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!strcmp(key, keys[i].key) && !(keys[i].weak && keys[i].to->known))
			*keys[i].to = number;
	}
}

bool client_parse(const char *text, struct client *client)
{
	bool ours = false;
	char line[256];

	memset(client, 0, sizeof(*client));
	while (*text) {
		size_t length = strcspn(text, "\n");
		char *value;

		snprintf(line, sizeof(line), "%.*s", (int)(length < 255 ? length : 255), text);
		text += length + (text[length] == '\n');
		value = strchr(line, ':');
		/* What is not "key: value", or too long to be one, says nothing. */
		if (!value || length > 255)
			continue;
		*value++ = '\0';
		value += strspn(value, " \t");
		if (!strcmp(line, "drm-driver"))
			ours = !strcmp(value, "npu");
		else
			take_line(line, value, client);
	}
	return ours && client->bdf[0];
}

static int add(struct clients *clients, const struct client *client)
{
	struct client *larger;

	larger = realloc(clients->list, (clients->count + 1) * sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	clients->list = larger;
	larger[clients->count++] = *client;
	return 0;
}

/* The same open file by another descriptor, or shared with another process. */
static struct client *same(const struct clients *clients, const struct client *client)
{
	for (size_t i = 0; client->id.known && i < clients->count; i++) {
		struct client *other = &clients->list[i];

		if (other->id.known && other->id.value == client->id.value &&
		    !strcmp(other->bdf, client->bdf))
			return other;
	}
	return NULL;
}

static bool read_fdinfo(const char *process, const char *fd, struct client *client)
{
	char path[PATH_MAX], text[8192];
	struct stat st;
	ssize_t got;
	int file;

	/* Cards are character devices, most descriptors are not: saves reading. */
	snprintf(path, sizeof(path), "%s/fd/%s", process, fd);
	if (stat(path, &st) || !S_ISCHR(st.st_mode))
		return false;
	snprintf(path, sizeof(path), "%s/fdinfo/%s", process, fd);
	file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (file < 0)
		return false;
	got = read(file, text, sizeof(text) - 1);
	close(file);
	if (got <= 0)
		return false;
	text[got] = '\0';
	return client_parse(text, client);
}

static int scan_process(const char *proc, const char *pid, struct clients *clients)
{
	char process[256], path[300];
	struct client client, *known;
	struct dirent *entry;
	int ret = 0;
	DIR *dir;

	snprintf(process, sizeof(process), "%s/%s", proc, pid);
	snprintf(path, sizeof(path), "%s/fd", process);
	dir = opendir(path);
	if (!dir) {
		/* It may also have ended meanwhile. */
		if (errno == EACCES || errno == EPERM)
			clients->hidden = true;
		return 0;
	}
	while (!ret && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || !read_fdinfo(process, entry->d_name, &client))
			continue;
		client.pid = (pid_t)strtol(pid, NULL, 10);
		sysfs_text(process, "comm", client.process, sizeof(client.process));
		known = same(clients, &client);
		if (!known)
			ret = add(clients, &client);
		else if (client.pid < known->pid)
			*known = client;
	}
	closedir(dir);
	return ret;
}

static int by_card_and_process(const void *a, const void *b)
{
	const struct client *x = a, *y = b;
	int order = strcmp(x->bdf, y->bdf);

	if (order)
		return order;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->id.value > y->id.value) - (x->id.value < y->id.value);
}

int clients_scan(const struct smi_paths *paths, struct clients *clients)
{
	struct dirent *entry;
	char own[16];
	int ret = 0;
	DIR *dir;

	memset(clients, 0, sizeof(*clients));
	snprintf(own, sizeof(own), "%d", (int)getpid());
	dir = opendir(paths->proc);
	if (!dir)
		return -errno;
	while (!ret && (entry = readdir(dir))) {
		const char *name = entry->d_name;

		if (strlen(name) < 12 && !name[strspn(name, "0123456789")] && strcmp(name, own))
			ret = scan_process(paths->proc, name, clients);
	}
	closedir(dir);
	if (clients->count)
		qsort(clients->list, clients->count, sizeof(*clients->list), by_card_and_process);
	return ret;
}

void clients_fini(struct clients *clients)
{
	free(clients->list);
	memset(clients, 0, sizeof(*clients));
}

void clients_measure(struct clients *now, const struct clients *before, uint64_t elapsed_ns)
{
	for (size_t i = 0; i < now->count; i++) {
		struct client *client = &now->list[i];
		const struct client *earlier = same(before, client);
		int64_t engines = client->engines.known ? client->engines.value : 1;

		if (!earlier || !earlier->engine_ns.known || !client->engine_ns.known ||
		    engines < 1 || engines > 1024)
			continue;
		client->busy_permille = sample_permille((uint64_t)earlier->engine_ns.value,
							(uint64_t)client->engine_ns.value, 0,
							elapsed_ns, (uint32_t)engines);
	}
}
