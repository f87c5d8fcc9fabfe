// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "tensor_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "npy.h"
#include "tensor_proto.h"

/* What is not a regular file has no size that could be checked first. */
#define STREAM_MAX (1ull << 30)

static int read_rest(int fd, uint8_t **data, size_t *size, size_t room, size_t limit)
{
	*size = 0;
	*data = NULL;
	for (;;) {
		ssize_t got;

		if (*size == room || !*data) {
			uint8_t *larger;

			room = *data ? room * 2 : room;
			larger = realloc(*data, room);
			if (!larger)
				return -ENOMEM;
			*data = larger;
		}
		got = read(fd, *data + *size, room - *size);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			return 0;
		*size += (size_t)got;
		if (*size > limit)
			return -EFBIG;
	}
}

static int read_file(const char *path, uint8_t **data, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int ret;

	*data = NULL;
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		ret = -errno;
	else if (S_ISREG(st.st_mode))
		/* One byte more than the file has, so that its end is seen at once. */
		ret = read_rest(fd, data, size, (size_t)st.st_size + 1, SIZE_MAX);
	else
		ret = read_rest(fd, data, size, 65536, STREAM_MAX);
	close(fd);
	return ret;
}

int tensor_load(const char *path, struct tensor *tensor, struct npu_error *error)
{
	struct npu_error why;
	uint8_t *data;
	size_t size;
	int ret = read_file(path, &data, &size);

	memset(tensor, 0, sizeof(*tensor));
	if (ret) {
		free(data);
		return reason_set(error, ret, "%s: %s", path, strerror(-ret));
	}
	if (npy_recognise(data, size))
		ret = npy_parse(data, size, tensor, &why);
	else
		ret = tensor_proto_parse(data, size, tensor, &why);
	free(data);
	return ret ? reason_set(error, ret, "%s: %s", path, why.text) : 0;
}

int tensor_save(const char *path, const struct tensor *tensor, const char *name,
		struct npu_error *error)
{
	size_t length = strlen(path);
	struct npu_error why;
	FILE *file = fopen(path, "wb");
	int ret;

	if (!file)
		return reason_set(error, -errno, "%s: %s", path, strerror(errno));
	if (length > 3 && !strcmp(path + length - 3, ".pb"))
		ret = tensor_proto_write(file, tensor, name, &why);
	else
		ret = npy_write(file, tensor, &why);
	if (fclose(file) && !ret)
		ret = reason_set(&why, -errno, "%s", strerror(errno));
	return ret ? reason_set(error, ret, "%s: %s", path, why.text) : 0;
}
