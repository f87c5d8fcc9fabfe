// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Files of a model: the model itself, and the external data that its
 * constants may name. External data is only looked for beside the model or
 * below, never through symbolic links: a model from a stranger must not name
 * other files of this machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "onnx.h"

static int read_all(struct npuc_graph *graph, const char *path, int fd, uint8_t **data,
		    size_t *size)
{
	size_t room = 0;
	struct stat st;

	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0 && st.st_size <= INT32_MAX)
		room = (size_t)st.st_size + 1;
	if (!room)
		room = 65536;
	*data = NULL;
	*size = 0;
	for (;;) {
		uint8_t *grown = realloc(*data, room);
		ssize_t got;

		if (!grown)
			return ir_fail(graph, -ENOMEM, "no memory to read '%s'", path);
		*data = grown;
		got = read(fd, *data + *size, room - *size);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return ir_fail(graph, -errno, "reading '%s': %s", path, strerror(errno));
		if (!got)
			return 0;
		*size += (size_t)got;
		if (*size > INT32_MAX)
			return ir_fail(graph, -EFBIG,
				       "'%s' has more than 2 GiB; a model of that size needs external data",
				       path);
		if (*size == room)
			room *= 2;
	}
}

int npuc_import_onnx_file(struct npuc_graph *graph, const char *path,
			  const struct npuc_onnx_options *options)
{
	struct npuc_onnx_options own = { 0 };
	const char *slash = strrchr(path, '/');
	char *directory = NULL;
	uint8_t *data = NULL;
	size_t size = 0;
	int fd, ret;

	if (graph->error)
		return graph->error;
	if (options && options->size)
		memcpy(&own, options, options->size < sizeof(own) ? options->size : sizeof(own));
	own.size = sizeof(own);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ir_fail(graph, -errno, "opening '%s': %s", path, strerror(errno));
	if (!own.directory) {
		directory = !slash ? strdup(".") :
			    slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
		own.directory = directory;
	}
	ret = own.directory ? read_all(graph, path, fd, &data, &size) :
			      ir_fail(graph, -ENOMEM, "no memory");
	close(fd);
	if (!ret)
		ret = npuc_import_onnx(graph, data, size, &own);
	free(directory);
	free(data);
	return ret;
}

/* Opens `path` below `directory`, one component after another. */
static int open_below(const char *directory, const char *path)
{
	int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

	while (fd >= 0) {
		const size_t length = strcspn(path, "/");
		const bool last = !path[length];
		char part[256];
		int next;

		if (!length || length >= sizeof(part) || (length == 2 && !memcmp(path, "..", 2))) {
			close(fd);
			errno = EACCES;
			return -1;
		}
		memcpy(part, path, length);
		part[length] = 0;
		next = openat(fd, part, (last ? O_RDONLY | O_NONBLOCK : O_PATH | O_DIRECTORY) |
					O_NOFOLLOW | O_CLOEXEC);
		close(fd);
		if (last || next < 0)
			return next;
		fd = next;
		path += length + 1;
	}
	return -1;
}

static bool number(const char *text, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno;
}

static int read_at(int fd, uint64_t offset, uint8_t *data, uint64_t size)
{
	while (size) {
		const size_t part = size < 1u << 30 ? (size_t)size : 1u << 30;
		const ssize_t got = pread(fd, data, part, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -ENODATA;
		data += got;
		offset += (uint64_t)got;
		size -= (uint64_t)got;
	}
	return 0;
}

int onnx_external(struct onnx *onnx, const Onnx__TensorProto *tensor, void *data, uint64_t size)
{
	const char *name = tensor->name ? tensor->name : "", *location = NULL;
	uint64_t offset = 0, length = size;
	struct npuc_graph *graph = onnx->graph;
	struct stat st;
	int fd, ret = 0;

	for (size_t i = 0; i < tensor->n_external_data; i++) {
		const char *key = tensor->external_data[i]->key, *value = tensor->external_data[i]->value;

		if (!key || !value)
			continue;
		if (!strcmp(key, "location"))
			location = value;
		if ((!strcmp(key, "offset") && !number(value, &offset)) ||
		    (!strcmp(key, "length") && !number(value, &length)))
			return ir_fail(graph, -EINVAL, "constant '%.80s': external %s '%.40s' is no number",
				       name, key, value);
	}
	if (!location)
		return ir_fail(graph, -EINVAL, "constant '%.80s' is external, but names no file", name);
	if (length != size)
		return ir_fail(graph, -EINVAL,
			       "constant '%.80s' has %llu bytes in '%.80s'; its shape needs %llu", name,
			       (unsigned long long)length, location, (unsigned long long)size);
	if (!onnx->options.directory)
		return ir_fail(graph, -ENOTSUP,
			       "constant '%.80s' lies in the file '%.80s', but the model was not read from a file; give the compiler the model's path",
			       name, location);
	fd = open_below(onnx->options.directory, location);
	if (fd < 0)
		return ir_fail(graph, -errno,
			       "constant '%.80s': opening '%.80s' (which must lie beside the model or below, without symbolic links): %s",
			       name, location, strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || offset > (uint64_t)st.st_size ||
	    size > (uint64_t)st.st_size - offset)
		ret = ir_fail(graph, -EINVAL,
			      "constant '%.80s' lies at %llu with %llu bytes; '%.80s' is shorter than that, or no file",
			      name, (unsigned long long)offset, (unsigned long long)size, location);
	if (!ret) {
		ret = read_at(fd, offset, data, size);
		if (ret)
			ir_fail(graph, ret, "constant '%.80s': reading '%.80s': %s", name, location,
				strerror(-ret));
	}
	close(fd);
	return ret;
}
