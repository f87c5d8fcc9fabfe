/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/*
 * One card. Who owns what, and which lock guards it:
 *
 *	struct npu_device	freed with the last reference to its DRM device,
 *				which open files hold: it outlives the card
 *	struct npu_file		one open node: handles of VMs and queues
 *	struct npu_vm		an address space; users: its handle, its queues
 *	struct npu_queue	a ring on the card; users: its handle, its jobs,
 *				and their fences
 *	struct npu_bo		a GEM object in TTM's hands
 *
 * Lock order (each may be taken while those before it are held):
 *
 *	reset_lock, npu_queue.stop_lock
 *	  dma_resv of a VM and of buffers
 *	    npu_queue.submit_lock	jobs enter the scheduler in order
 *	      npu_mmu.lock		page tables
 *	        npu_admin.lock, npu_vector.lock > npu_queue.lock	(interrupts)
 *
 * Everything that touches the card's registers is either between
 * drm_dev_enter() and drm_dev_exit(), or stopped by npu_pci_remove() before
 * the mappings go.
 */
#ifndef NPU_DEVICE_H
#define NPU_DEVICE_H

#include <linux/io.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <drm/drm_device.h>
#include <drm/drm_file.h>
#include <drm/drm_print.h>
#include <drm/drm_vma_manager.h>
#include <drm/ttm/ttm_device.h>

#include "abi/npu_regs.h"
#include "compat/npu_compat.h"
#include "npu_admin.h"
#include "npu_stream.h"
#include "npu_budget.h"
#include "npu_copy.h"

#ifdef __BIG_ENDIAN
#error "the card is little endian, and so is this driver"
#endif

#define NPU_DRIVER_MAJOR 1
#define NPU_DRIVER_MINOR 0

enum npu_state {
	NPU_STATE_STARTING,
	NPU_STATE_LIVE,
	NPU_STATE_ASLEEP,	/* without power, by system sleep */
	NPU_STATE_LOST,		/* did not answer, or is being reset */
	NPU_STATE_GONE,		/* the driver is being unbound */
};

/* An MSI-X vector and the queues that it serves. */
struct npu_vector {
	spinlock_t lock;	/* guards queues; taken in interrupts */
	struct list_head queues;	/* npu_queue.vector_link */
};

struct npu_firmware_info {
	u32 version;
	u32 security_version;
	u32 abi_min;
	u32 abi_max;
	char build_id[24];
};

struct npu_telemetry_cache {
	struct mutex lock;	/* guards all of this */
	struct npu_telemetry *buffer;	/* DMA memory, one page */
	dma_addr_t dma;
	struct npu_telemetry last;
	ktime_t when;		/* 0: never read */
};

struct npu_device {
	struct drm_device drm;
	struct pci_dev *pdev;
	atomic_t state;		/* enum npu_state */
	atomic_t generation;	/* one more with each reset */
	const char *lost_reason;	/* a constant; set before state LOST */

	void __iomem *regs;
	void __iomem *doorbells;
	resource_size_t doorbells_phys;
	void __iomem *memory;	/* the whole device memory, write-combined */
	resource_size_t memory_phys;

	/* Identity, read once by npu_boot_identify(). */
	u64 memory_size;
	u64 serial;
	u32 abi;
	u32 hardware;
	u32 caps;
	u32 slots;
	u32 tensor_engines;
	u32 copy_engines;
	/* For processes: numbers below. The numbers themselves are the driver's own. */
	u32 queues_max;
	u32 contexts_max;
	struct npu_firmware_info firmware;

	struct npu_admin admin;
	struct npu_copy copy;
	struct ttm_device ttm;
	struct rw_semaphore turns;	/* at device memory; npu_turn.c */
	spinlock_t pinned_lock;	/* guards pinned */
	struct list_head pinned;	/* npu_bo.pinned_link: stay where others use them */
	struct npu_telemetry_cache telemetry;
	struct npu_streams streams;

	unsigned int vector_count;	/* granted; 0 is the admin's */
	struct npu_vector vectors[NPU_MSIX_VECTORS];

	/* Numbers on the card. Entries are there while the object may use the card. */
	struct xarray queues;	/* number to struct npu_queue; xa_lock with irqs off */
	struct xarray contexts;	/* number to struct npu_vm */

	struct mutex quota_lock;	/* guards the life of quotas */
	struct xarray quotas;	/* user to struct npu_quota */
	struct npu_budget budget;	/* npu_budget.c has its lock */

	struct mutex fault_lock;	/* one reader of the fault registers */
	struct mutex time_lock;	/* one reader of the time registers */
	struct srcu_struct ioctl_srcu;	/* held by each ioctl: a reset waits for them */
	struct mutex reset_lock;	/* one reset, or sleep, at a time; guards the three below */
	bool reset_held;	/* by the PCI core */
	time64_t reset_window;	/* when counting began, s */
	unsigned int resets_in_window;

	struct drm_vma_offset_manager doorbell_offsets;	/* npu_doorbell.c */
	struct workqueue_struct *preempt_wq;	/* suspends user queues: signals fences */
	struct workqueue_struct *sched_wq;	/* schedulers and the watchdog */
	struct workqueue_struct *recovery_wq;	/* ordered: time-outs, stops, loss */
	struct work_struct lost_work;
	struct work_struct reset_work;
	struct work_struct stopped_work;
	u64 stuck_looked;	/* recovery_wq's: when all queues were looked at, jiffies */
	struct delayed_work watchdog;
	u32 heartbeat;		/* the watchdog's: value seen last */
	unsigned int heartbeat_misses;
};

struct npu_quota;

/* What is left to do for objects that outlive their device; npu_drv.c. */
extern struct workqueue_struct *npu_cleanup_wq;

#define to_npu_device(d) container_of_const(d, struct npu_device, drm)

static inline u32 npu_read(struct npu_device *ndev, u32 reg)
{
	return readl(ndev->regs + reg);
}

static inline void npu_write(struct npu_device *ndev, u32 reg, u32 value)
{
	writel(value, ndev->regs + reg);
}

/* A 64-bit register; reading LO latches HI. */
static inline u64 npu_read64(struct npu_device *ndev, u32 reg_lo)
{
	u32 lo = npu_read(ndev, reg_lo);

	return lo | (u64)npu_read(ndev, reg_lo + 4) << 32;
}

static inline void npu_write64(struct npu_device *ndev, u32 reg_lo, u64 value)
{
	npu_write(ndev, reg_lo, lower_32_bits(value));
	npu_write(ndev, reg_lo + 4, upper_32_bits(value));
}

static inline bool npu_is_live(struct npu_device *ndev)
{
	return atomic_read(&ndev->state) == NPU_STATE_LIVE;
}

/* One open node. */
struct npu_file {
	struct npu_device *ndev;
	struct npu_quota *quota;	/* of the user who opened it */
	struct xarray vms;	/* handle to struct npu_vm */
	struct xarray queues;	/* handle to struct npu_queue */
	u64 client_id;		/* drm_file.client_id */
	int generation;		/* of the device when it was opened */
	atomic64_t busy_ns;	/* engine time of queues that are gone */
};

int npu_file_open(struct drm_device *drm, struct drm_file *file);
void npu_file_postclose(struct drm_device *drm, struct drm_file *file);
void npu_file_show_fdinfo(struct drm_printer *p, struct drm_file *file);

#endif /* NPU_DEVICE_H */
