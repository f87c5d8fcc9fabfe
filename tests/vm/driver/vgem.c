// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "vgem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <xf86drm.h>

#include "drv.h"

/* Of the kernel's vgem_drm.h, which is not installed everywhere. */
struct vgem_fence_attach {
	uint32_t handle;
	uint32_t flags; /* 1: write */
	uint32_t fence; /* out */
	uint32_t pad;
};

struct vgem_fence_signal {
	uint32_t fence;
	uint32_t flags;
};

#define VGEM_FENCE_ATTACH DRM_IOWR(DRM_COMMAND_BASE + 1, struct vgem_fence_attach)
#define VGEM_FENCE_SIGNAL DRM_IOW(DRM_COMMAND_BASE + 2, struct vgem_fence_signal)

int vgem_open(void)
{
	if (system("modprobe vgem"))
		tap_bail("this kernel has no vgem");
	for (int i = 0; i < 16; i++) {
		drmVersionPtr version;
		char path[32];
		bool found;
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		version = drmGetVersion(fd);
		found = version && !strcmp(version->name, "vgem");
		drmFreeVersion(version);
		if (found)
			return fd;
		close(fd);
	}
	tap_bail("vgem has no node");
}

uint32_t vgem_create(int vgem, uint64_t size)
{
	struct drm_mode_create_dumb args = {
		.width = DRV_PAGE,
		.height = size / DRV_PAGE,
		.bpp = 8,
	};

	if (drmIoctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &args) || args.size != size)
		tap_bail("no vgem buffer: %s", strerror(errno));
	return args.handle;
}

void *vgem_map(int vgem, uint32_t bo, uint64_t size)
{
	struct drm_mode_map_dumb args = {.handle = bo};

	if (drmIoctl(vgem, DRM_IOCTL_MODE_MAP_DUMB, &args))
		return MAP_FAILED;
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vgem, args.offset);
}

uint32_t vgem_fence_attach(int vgem, uint32_t bo)
{
	struct vgem_fence_attach args = {.handle = bo, .flags = 1};

	if (drmIoctl(vgem, VGEM_FENCE_ATTACH, &args))
		tap_bail("no vgem fence: %s", strerror(errno));
	return args.fence;
}

int vgem_fence_signal(int vgem, uint32_t fence)
{
	struct vgem_fence_signal args = {.fence = fence};

	return drv_ioctl(vgem, VGEM_FENCE_SIGNAL, &args);
}

void vgem_gate_init(struct vgem_gate *g)
{
	g->vgem = vgem_open();
	g->bo = vgem_create(g->vgem, DRV_PAGE);
	g->dma_buf = prime_export(g->vgem, g->bo);
	if (g->dma_buf < 0)
		tap_bail("no dma-buf of vgem: %s", strerror(-g->dma_buf));
}

int vgem_gate_close(struct vgem_gate *g)
{
	int file;

	g->fence = vgem_fence_attach(g->vgem, g->bo);
	file = dma_buf_export_fences(g->dma_buf, DMA_BUF_SYNC_READ);
	if (file < 0)
		tap_bail("no sync_file of vgem: %s", strerror(-file));
	return file;
}

void vgem_gate_open(struct vgem_gate *g)
{
	int ret = vgem_fence_signal(g->vgem, g->fence);

	if (ret)
		tap_bail("a gate was closed for too long: %s", strerror(-ret));
}

/* ---- dma-buf ------------------------------------------------------------------ */

int prime_export(int fd, uint32_t handle)
{
	int dma_buf;

	return drmPrimeHandleToFD(fd, handle, DRM_CLOEXEC | DRM_RDWR, &dma_buf) ? -errno : dma_buf;
}

int prime_import(int fd, int dma_buf, uint32_t *handle)
{
	return drmPrimeFDToHandle(fd, dma_buf, handle) ? -errno : 0;
}

int dma_buf_sync(int dma_buf, uint64_t flags)
{
	struct dma_buf_sync args = {.flags = flags};

	return drv_ioctl(dma_buf, DMA_BUF_IOCTL_SYNC, &args);
}

int dma_buf_export_fences(int dma_buf, uint32_t flags)
{
	struct dma_buf_export_sync_file args = {.flags = flags};
	int ret = drv_ioctl(dma_buf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &args);

	return ret ? ret : args.fd;
}

int dma_buf_import_fences(int dma_buf, uint32_t flags, int sync_file)
{
	struct dma_buf_import_sync_file args = {.flags = flags, .fd = sync_file};

	return drv_ioctl(dma_buf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &args);
}
