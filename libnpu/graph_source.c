// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "graph_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* read(2) returns less than asked from 2 GiB on; so it is asked for less. */
#define READ_MAX (1U << 30)

int npu_graph_source_open(struct npu_graph_source *source, const char *path,
			  struct npu_error *error)
{
	struct stat st;
	int ret;

	*source = (struct npu_graph_source){ .fd = -1 };
	source->name = strdup(path);
	if (!source->name)
		return npu_fail(error, -ENOMEM, "cannot open %s: no memory", path);
	/* Not blocking: a FIFO without a writer must be refused, not waited for. */
	source->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (source->fd < 0 || fstat(source->fd, &st)) {
		ret = -errno;
		npu_fail(error, ret, "cannot open %s: %s", path, npu_reason(ret));
		goto err_close;
	}
	if (!S_ISREG(st.st_mode)) {
		ret = S_ISDIR(st.st_mode) ? -EISDIR : -ENOEXEC;
		npu_fail(error, ret, "cannot open %s: it is %s, not a file", path,
			 S_ISDIR(st.st_mode) ? "a directory" : "a device, pipe or socket");
		goto err_close;
	}
	source->size = (uint64_t)st.st_size;
	return 0;
err_close:
	npu_graph_source_close(source);
	return ret;
}

int npu_graph_source_memory(struct npu_graph_source *source, const void *data, uint64_t size,
			    struct npu_error *error)
{
	*source = (struct npu_graph_source){ .fd = -1, .memory = data, .size = size };
	source->name = strdup("graph in memory");
	if (!source->name)
		return npu_fail(error, -ENOMEM, "cannot read a graph in memory: no memory");
	return 0;
}

void npu_graph_source_close(struct npu_graph_source *source)
{
	if (source->fd >= 0)
		close(source->fd);
	free(source->name);
}

int npu_graph_source_read(const struct npu_graph_source *source, uint64_t offset, void *data,
			  uint64_t size, struct npu_error *error)
{
	uint8_t *to = data;

	if (size > source->size || offset > source->size - size)
		return npu_fail(error, -EBADMSG, "%s: ends before byte %llu", source->name,
				(unsigned long long)offset + size);
	if (source->memory) {
		memcpy(data, source->memory + offset, size);
		return 0;
	}
	while (size) {
		ssize_t n = pread(source->fd, to, size < READ_MAX ? size : READ_MAX, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return npu_fail(error, -errno, "%s: cannot read: %s", source->name,
					npu_reason(-errno));
		if (n == 0)
			return npu_fail(error, -EBADMSG, "%s: became shorter while it was read",
					source->name);
		to += n;
		offset += (uint64_t)n;
		size -= (uint64_t)n;
	}
	return 0;
}
