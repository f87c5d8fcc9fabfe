// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Syncobjs of the card's node: their ioctls' arguments, and the way there and
 * back as a file. After the ideas of IGT's syncobj_basic.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <xf86drm.h>

#include "drv.h"
#include "vgem.h"

static int create(int fd, uint32_t flags, uint32_t *handle)
{
	struct drm_syncobj_create args = {.flags = flags};
	int ret = drv_ioctl(fd, DRM_IOCTL_SYNCOBJ_CREATE, &args);

	*handle = args.handle;
	return ret;
}

static int destroy(int fd, uint32_t handle, uint32_t pad)
{
	struct drm_syncobj_destroy args = {.handle = handle, .pad = pad};

	return drv_ioctl(fd, DRM_IOCTL_SYNCOBJ_DESTROY, &args);
}

static int to_fd(int fd, uint32_t handle, uint32_t flags, uint32_t pad, int *file)
{
	struct drm_syncobj_handle args = {.handle = handle, .flags = flags, .pad = pad, .fd = -1};
	int ret = drv_ioctl(fd, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &args);

	*file = args.fd;
	return ret;
}

static int from_fd(int fd, int file, uint32_t flags, uint32_t pad, uint32_t *handle)
{
	struct drm_syncobj_handle args = {
		.handle = *handle, .flags = flags, .pad = pad, .fd = file};
	int ret = drv_ioctl(fd, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &args);

	*handle = args.handle;
	return ret;
}

static bool is_signalled(int fd, uint32_t handle)
{
	return !drmSyncobjWait(fd, &handle, 1, 0, 0, NULL);
}

int main(void)
{
	const uint32_t file_flag = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE;
	int fd = drv_open(0), other = drv_open(0), second = drv_open(1), file, sync_file;
	uint32_t handle, signalled, foreign, again = 0, none = 0;
	struct vgem_gate gate;
	uint64_t timeline = 0;

	vgem_gate_init(&gate);
	drmGetCap(fd, DRM_CAP_SYNCOBJ, &timeline);
	tap(timeline == 1, "the node says that it has syncobjs");
	drmGetCap(fd, DRM_CAP_SYNCOBJ_TIMELINE, &timeline);
	tap(timeline == 1, "and timelines");

	tap_ret(destroy(fd, 0, 0), -EINVAL, NULL, "destroying handle 0");
	tap_ret(destroy(fd, 0x7fffffff, 0), -EINVAL, NULL, "destroying what is not there");
	tap_ret(create(fd, 0xdeadbeef, &handle), -EINVAL, NULL, "creating with unknown flags");
	tap_ret(to_fd(fd, 0, 0, 0, &file), -EINVAL, NULL, "a file of handle 0");
	tap_ret(from_fd(fd, -1, 0, 0, &none), -EINVAL, NULL, "a handle of no file");

	tap(!create(fd, 0, &handle) && handle, "a syncobj is made");
	tap(!create(fd, DRM_SYNCOBJ_CREATE_SIGNALED, &signalled) && is_signalled(fd, signalled),
	    "and one that is signalled");
	tap(!is_signalled(fd, handle), "the first is not");
	tap_ret(destroy(fd, handle, 1), -EINVAL, NULL, "destroying with a pad");
	tap_ret(to_fd(fd, handle, 0x80, 0, &file), -EINVAL, NULL, "a file with unknown flags");
	tap_ret(to_fd(fd, handle, 0, 1, &file), -EINVAL, NULL, "a file with a pad");
	tap_ret(to_fd(fd, handle, file_flag, 0, &file), -EINVAL, NULL,
		"a sync_file of a syncobj without a fence");

	tap(!to_fd(fd, handle, 0, 0, &file) && file >= 0, "a syncobj becomes a file");
	tap(fcntl(file, F_GETFD) == FD_CLOEXEC, "which a new program does not inherit");
	tap_ret(from_fd(fd, file, 0x80, 0, &again), -EINVAL, NULL, "a handle with unknown flags");
	tap_ret(from_fd(fd, file, 0, 1, &again), -EINVAL, NULL, "a handle with a pad");
	tap_ret(from_fd(fd, fd, 0, 0, &again), -EINVAL, NULL, "a handle of another kind of file");
	tap_ret(from_fd(fd, file, DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE, 0, &handle),
		-EINVAL, NULL, "a syncobj's file is no sync_file");

	tap(!from_fd(fd, file, 0, 0, &again) && again && again != handle,
	    "back in the same file it gets another handle");
	tap(!drmSyncobjSignal(fd, &again, 1) && is_signalled(fd, handle), "of the same syncobj");
	drmSyncobjReset(fd, &handle, 1);
	foreign = 0;
	tap(!from_fd(other, file, 0, 0, &foreign) && !is_signalled(other, foreign) &&
		    !drmSyncobjSignal(fd, &handle, 1) && is_signalled(other, foreign),
	    "another file of the card shares it");
	drmSyncobjReset(fd, &handle, 1);
	foreign = 0;
	tap(!from_fd(second, file, 0, 0, &foreign) && !is_signalled(second, foreign) &&
		    !drmSyncobjSignal(second, &foreign, 1) && is_signalled(fd, handle),
	    "and another card");
	tap(!destroy(fd, handle, 0) && !destroy(fd, again, 0) && is_signalled(second, foreign),
	    "it outlives its first handles");
	tap_ret(destroy(fd, handle, 0), -EINVAL, NULL, "which are destroyed once");
	again = 0;
	tap(!from_fd(fd, file, 0, 0, &again) && is_signalled(fd, again), "its file keeps it, too");
	close(file);

	/* sync_files: a fence, not the syncobj. */
	file = vgem_gate_close(&gate);
	tap(!from_fd(fd, file, DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE, 0, &again) &&
		    !is_signalled(fd, again),
	    "a sync_file's fence replaces a syncobj's");
	close(file);
	tap(!to_fd(fd, again, file_flag, 0, &sync_file), "and becomes a sync_file again");
	drmSyncobjReset(fd, &again, 1);
	tap(!from_fd(fd, sync_file, DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE, 0, &again) &&
		    !is_signalled(fd, again),
	    "which outlives a reset of the syncobj");
	vgem_gate_open(&gate);
	tap(is_signalled(fd, again), "all see the fence signal");
	none = 0x7fffffff;
	tap_ret(from_fd(fd, sync_file, DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE, 0, &none),
		-ENOENT, NULL, "a sync_file for a syncobj that is not there");
	close(sync_file);
	close(second);
	close(other);
	close(fd);
	return tap_end();
}
