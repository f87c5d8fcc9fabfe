/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright The npu authors */
/*
 * Messages of the vfio-user protocol, version 0.x, as QEMU's
 * docs/interop/vfio-user.rst describes them. Numbers of regions and
 * interrupts are those of VFIO for PCI. Little endian.
 */
#ifndef SIM_VFIO_PROTO_H
#define SIM_VFIO_PROTO_H

#include <stdint.h>

#define VFIO_USER_VERSION		1
#define VFIO_USER_DMA_MAP		2
#define VFIO_USER_DMA_UNMAP		3
#define VFIO_USER_DEVICE_GET_INFO	4
#define VFIO_USER_DEVICE_GET_REGION_INFO 5
#define VFIO_USER_DEVICE_GET_IRQ_INFO	7
#define VFIO_USER_DEVICE_SET_IRQS	8
#define VFIO_USER_REGION_READ		9
#define VFIO_USER_REGION_WRITE		10
#define VFIO_USER_DEVICE_RESET		13
#define VFIO_USER_REGION_WRITE_MULTI	15

#define VFIO_USER_TYPE_MASK		0x0f
#define VFIO_USER_TYPE_COMMAND		0x00
#define VFIO_USER_TYPE_REPLY		0x01
#define VFIO_USER_NO_REPLY		0x10
#define VFIO_USER_ERROR			0x20

struct vfio_user_header {
	uint16_t id;
	uint16_t command;
	uint32_t size;		/* header included */
	uint32_t flags;
	uint32_t error;		/* errno, positive, with VFIO_USER_ERROR */
};

struct vfio_user_version {
	uint16_t major;
	uint16_t minor;
	/* then JSON, zero terminated */
};

#define VFIO_USER_DMA_READ		0x1
#define VFIO_USER_DMA_WRITE		0x2
#define VFIO_USER_DMA_MMAP		0x4	/* the server is to map the descriptor */

struct vfio_user_dma_map {
	uint32_t argsz;
	uint32_t flags;
	uint64_t offset;
	uint64_t address;
	uint64_t size;
};

#define VFIO_USER_UNMAP_ALL		0x2

struct vfio_user_dma_unmap {
	uint32_t argsz;
	uint32_t flags;
	uint64_t address;
	uint64_t size;
};

#define VFIO_USER_DEVICE_RESETTABLE	0x1
#define VFIO_USER_DEVICE_PCI		0x2

struct vfio_user_device_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t regions;
	uint32_t irqs;
};

#define VFIO_USER_REGION_READABLE	0x1
#define VFIO_USER_REGION_WRITABLE	0x2
#define VFIO_USER_REGION_MMAP		0x4
#define VFIO_USER_REGION_CAPS		0x8

struct vfio_user_region_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t cap_offset;
	uint64_t size;
	uint64_t offset;
};

#define VFIO_USER_CAP_SPARSE_MMAP	1

struct vfio_user_sparse_mmap {		/* with one area */
	uint16_t id;
	uint16_t version;
	uint32_t next;
	uint32_t areas;
	uint32_t reserved;
	uint64_t offset;
	uint64_t size;
};

#define VFIO_USER_IRQ_EVENTFD		0x1

struct vfio_user_irq_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t count;
};

#define VFIO_USER_IRQ_DATA_NONE		0x01
#define VFIO_USER_IRQ_DATA_BOOL		0x02
#define VFIO_USER_IRQ_DATA_EVENTFD	0x04
#define VFIO_USER_IRQ_DATA_MASK		0x07
#define VFIO_USER_IRQ_MASK		0x08
#define VFIO_USER_IRQ_UNMASK		0x10
#define VFIO_USER_IRQ_TRIGGER		0x20
#define VFIO_USER_IRQ_ACTION_MASK	0x38

struct vfio_user_irq_set {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t start;
	uint32_t count;
};

struct vfio_user_region_access {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
	/* then the data */
};

struct vfio_user_write_multi {
	uint64_t count;
	/* then entries */
};

struct vfio_user_write_entry {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
	uint8_t data[8];
};

#define VFIO_PCI_BAR_REGIONS		6
#define VFIO_PCI_CONFIG_REGION		7
#define VFIO_PCI_REGIONS		9
#define VFIO_PCI_INTX_IRQ		0
#define VFIO_PCI_MSIX_IRQ		2
#define VFIO_PCI_IRQS			5

_Static_assert(sizeof(struct vfio_user_header) == 16, "header");
_Static_assert(sizeof(struct vfio_user_dma_map) == 32, "dma_map");
_Static_assert(sizeof(struct vfio_user_dma_unmap) == 24, "dma_unmap");
_Static_assert(sizeof(struct vfio_user_region_info) == 32, "region_info");
_Static_assert(sizeof(struct vfio_user_sparse_mmap) == 32, "sparse_mmap");
_Static_assert(sizeof(struct vfio_user_irq_set) == 20, "irq_set");
_Static_assert(sizeof(struct vfio_user_region_access) == 16, "region_access");
_Static_assert(sizeof(struct vfio_user_write_entry) == 24, "write_entry");

#endif /* SIM_VFIO_PROTO_H */
