/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * vgem, the kernel's driver of buffers without a device: somebody else's
 * buffers, and fences that signal when a test says so, or fail after 10 s.
 */
#ifndef TESTS_VM_VGEM_H
#define TESTS_VM_VGEM_H

#include <stdint.h>

/* Loads the module; the program ends if this kernel has none. */
int vgem_open(void);
uint32_t vgem_create(int vgem, uint64_t size);
void *vgem_map(int vgem, uint32_t bo, uint64_t size); /* MAP_FAILED and errno */

/* A fence in a buffer's reservation; the number is for vgem_fence_signal(). */
uint32_t vgem_fence_attach(int vgem, uint32_t bo);
int vgem_fence_signal(int vgem, uint32_t fence);

/*
 * A fence that is unsignalled until vgem_gate_open(). One at a time; the
 * program ends if that comes after the 10 s.
 */
struct vgem_gate {
	int vgem;
	uint32_t bo;
	int dma_buf;
	uint32_t fence; /* vgem's number */
};

void vgem_gate_init(struct vgem_gate *g);
int vgem_gate_close(struct vgem_gate *g); /* a sync_file, the caller's */
void vgem_gate_open(struct vgem_gate *g);

/* ---- dma-buf ------------------------------------------------------------------ */

/* Each returns an fd or 0, or -errno. */
int prime_export(int fd, uint32_t handle);
int prime_import(int fd, int dma_buf, uint32_t *handle);
int dma_buf_sync(int dma_buf, uint64_t flags); /* DMA_BUF_SYNC_* */
int dma_buf_export_fences(int dma_buf, uint32_t flags); /* a sync_file */
int dma_buf_import_fences(int dma_buf, uint32_t flags, int sync_file);

#endif /* TESTS_VM_VGEM_H */
