// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* The fake card of the suites (npu_kunit.h): a probe without a PCI function. */
#include "../npu_pci.c"

#include <linux/bitfield.h>
#include <linux/delay.h>
#include <linux/devcoredump.h>
#include <linux/kthread.h>
#include <linux/mman.h>
#include <linux/vmalloc.h>

#include <drm/drm_syncobj.h>
#include <drm/npu_accel.h>

#include "../npu_bind.h"
#include "../npu_bo.h"
#include "npu_kunit.h"

/* ---- The PCI function: configuration space that keeps what is written ---- */

struct npu_fake_pci {
	struct pci_dev pdev;
	struct pci_bus bus;
	u32 config[64];
};

static int npu_fake_config_read(struct pci_bus *bus, unsigned int devfn, int where, int size,
				u32 *value)
{
	const struct npu_fake_pci *pci = container_of(bus, struct npu_fake_pci, bus);

	*value = 0;
	memcpy(value, (const u8 *)pci->config + where % sizeof(pci->config), size);
	return PCIBIOS_SUCCESSFUL;
}

static int npu_fake_config_write(struct pci_bus *bus, unsigned int devfn, int where, int size,
				 u32 value)
{
	struct npu_fake_pci *pci = container_of(bus, struct npu_fake_pci, bus);

	memcpy((u8 *)pci->config + where % sizeof(pci->config), &value, size);
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops npu_fake_pci_ops = {
	.read = npu_fake_config_read,
	.write = npu_fake_config_write,
};

static void npu_fake_release(struct device *dev)
{
	kfree(container_of(dev, struct npu_fake_pci, pdev.dev));
}

static int npu_fake_add_function(struct npu_fake *fake)
{
	struct npu_fake_pci *pci = kzalloc(sizeof(*pci), GFP_KERNEL);
	struct pci_dev *pdev;

	if (!pci)
		return -ENOMEM;
	pdev = &pci->pdev;
	pci->bus.ops = &npu_fake_pci_ops;
	pdev->bus = &pci->bus;
	pdev->vendor = NPU_PCI_VENDOR_ID;
	pdev->device = NPU_PCI_DEVICE_ID;
	pdev->error_state = pci_channel_io_normal;
	pdev->dma_mask = DMA_BIT_MASK(52);
	device_initialize(&pdev->dev);
	pdev->dev.release = npu_fake_release;
	pdev->dev.dma_mask = &pdev->dma_mask;
	pdev->dev.coherent_dma_mask = DMA_BIT_MASK(52);
	pdev->dev.dma_parms = &pdev->dma_parms;
	dma_set_max_seg_size(&pdev->dev, UINT_MAX);
	pdev->resource[NPU_BAR_MEMORY].start = SZ_16M;
	pdev->resource[NPU_BAR_MEMORY].end = SZ_16M + NPU_FAKE_MEMORY - 1;
	pdev->resource[NPU_BAR_MEMORY].flags = IORESOURCE_MEM;
	dev_set_name(&pdev->dev, "npu-fake");
	fake->pdev = pdev;
	fake->dev = &pdev->dev;
	return device_add(&pdev->dev);
}

/* ---- The firmware -------------------------------------------------------- */

void npu_fake_write_reg(struct npu_fake *fake, u32 reg, u32 value)
{
	WRITE_ONCE(*(u32 *)(fake->regs + reg), value);
}

u32 npu_fake_read_reg(struct npu_fake *fake, u32 reg)
{
	return READ_ONCE(*(u32 *)(fake->regs + reg));
}

void npu_fake_complete(struct npu_fake *fake, u16 tag, u8 status, const void *payload, size_t size)
{
	struct npu_admin_completion *entry =
		&fake->ndev->admin.cq[fake->completed % NPU_ADMIN_ENTRIES];
	u8 phase = 1 ^ ((fake->completed / NPU_ADMIN_ENTRIES) & 1);

	entry->tag = tag;
	entry->status = status;
	memset(entry->payload, 0, sizeof(entry->payload));
	memcpy(entry->payload, payload, size);
	fake->completed++;
	dma_wmb();	/* the phase is written last */
	WRITE_ONCE(entry->phase, phase);
}

static void npu_fake_serve(struct npu_fake *fake)
{
	struct npu_admin_command command =
		fake->ndev->admin.sq[fake->served % NPU_ADMIN_ENTRIES];
	u8 opcode = command.opcode % NPU_FAKE_COMMANDS;

	fake->served++;
	fake->last[opcode] = command;
	atomic_inc(&fake->seen[opcode]);
	if (READ_ONCE(fake->silent))
		return;
	if (fake->effect)
		fake->effect(fake, &command);
	npu_fake_complete(fake, command.tag, fake->status[opcode], fake->result[opcode],
			  sizeof(fake->result[opcode]));
	npu_admin_reap(fake->ndev);
}

static int npu_fake_firmware(void *data)
{
	struct npu_fake *fake = data;

	while (!kthread_should_stop()) {
		while (fake->served != npu_fake_read_reg(fake, NPU_REG_ADMIN_TAIL))
			npu_fake_serve(fake);
		usleep_range(20, 50);
	}
	return 0;
}

/* ---- The device ---------------------------------------------------------- */

/* The BARs of the card: made for each suite, not for each case. */
static u8 *npu_fake_regs, *npu_fake_doorbells, *npu_fake_memory;

static int npu_fake_power_on(struct npu_fake *fake)
{
	if (!npu_fake_regs)
		npu_fake_regs = vmalloc(NPU_BAR_REGS_SIZE);
	if (!npu_fake_doorbells)
		npu_fake_doorbells = vmalloc(NPU_BAR_DOORBELL_SIZE);
	/* Device memory holds anything when the power comes. */
	if (!npu_fake_memory)
		npu_fake_memory = vmalloc(NPU_FAKE_MEMORY);
	if (!npu_fake_regs || !npu_fake_doorbells || !npu_fake_memory)
		return -ENOMEM;
	memset(npu_fake_regs, 0, NPU_BAR_REGS_SIZE);
	for (int i = 0; i < NPU_FAKE_QUEUES; i++) {
		memset(npu_fake_doorbells + NPU_DOORBELL_PAGE(i), 0, NPU_DOORBELL_PAGE_SIZE);
		memset(npu_fake_doorbells + NPU_WAKE_PAGE(i), 0, NPU_DOORBELL_PAGE_SIZE);
	}
	fake->regs = npu_fake_regs;
	fake->doorbells = npu_fake_doorbells;
	fake->memory = npu_fake_memory;
	return 0;
}

void npu_fake_suite_exit(struct kunit_suite *suite)
{
	vfree(npu_fake_memory);
	vfree(npu_fake_doorbells);
	vfree(npu_fake_regs);
	npu_fake_memory = NULL;
	npu_fake_doorbells = NULL;
	npu_fake_regs = NULL;
}

static void npu_fake_set_identity(struct npu_fake *fake)
{
	npu_fake_write_reg(fake, NPU_REG_ID, NPU_ID_MAGIC);
	npu_fake_write_reg(fake, NPU_REG_ABI, NPU_ABI_MAJOR << 16 | NPU_ABI_MINOR);
	npu_fake_write_reg(fake, NPU_REG_CAPS, NPU_CAPS_ECC | NPU_CAPS_WAKE_PAGES);
	npu_fake_write_reg(fake, NPU_REG_UNITS,
			   FIELD_PREP(NPU_UNITS_SLOTS_MASK, 8) |
			   FIELD_PREP(NPU_UNITS_TENSOR_MASK, 2) |
			   FIELD_PREP(NPU_UNITS_COPY_MASK, 1));
	/* The last ones are the driver's own. */
	npu_fake_write_reg(fake, NPU_REG_QUEUES, NPU_FAKE_QUEUES + 1);
	npu_fake_write_reg(fake, NPU_REG_CONTEXTS, NPU_FAKE_CONTEXTS + 1);
	npu_fake_write_reg(fake, NPU_REG_MEMORY_LO, NPU_FAKE_MEMORY);
	npu_fake_write_reg(fake, NPU_REG_SERIAL_LO, 0x89abcdef);
	npu_fake_write_reg(fake, NPU_REG_SERIAL_HI, 0x01234567);
	npu_fake_write_reg(fake, NPU_REG_HW, NPU_HW_FAMILY << 16 | 1);
	npu_fake_write_reg(fake, NPU_REG_BOOT_STATUS, NPU_BOOT_STATE_READY);
}

static void npu_fake_note_release(struct drm_device *drm, void *data)
{
	*(bool *)data = true;
}

/* As npu_pci_probe() up to npu_start(): there is no copy engine, the CPU does its work. */
static int npu_fake_probe(struct npu_fake *fake)
{
	struct npu_device *ndev;
	int ret;

	ndev = devm_drm_dev_alloc(fake->dev, &npu_drm_driver, struct npu_device, drm);
	if (IS_ERR(ndev))
		return PTR_ERR(ndev);
	fake->ndev = ndev;
	ndev->pdev = fake->pdev;
	pci_set_drvdata(fake->pdev, ndev);
	ret = drmm_add_action_or_reset(&ndev->drm, npu_fake_note_release, &fake->released);
	if (ret)
		return ret;
	ndev->regs = (void __iomem *)fake->regs;
	ndev->doorbells = (void __iomem *)fake->doorbells;
	ndev->memory = (void __iomem *)fake->memory;
	ndev->memory_phys = pci_resource_start(fake->pdev, NPU_BAR_MEMORY);
	ndev->vector_count = 2;
	for (int i = 0; i < NPU_MSIX_VECTORS; i++) {
		spin_lock_init(&ndev->vectors[i].lock);
		INIT_LIST_HEAD(&ndev->vectors[i].queues);
	}
	ret = npu_boot_identify(ndev);
	if (!ret)
		ret = npu_pci_init_objects(ndev);
	if (!ret)
		ret = npu_admin_init(ndev);
	if (!ret)
		ret = npu_copy_init(ndev);
	if (!ret)
		ret = npu_telemetry_init(ndev);
	if (!ret)
		ret = npu_ttm_init(ndev);
	if (ret)
		return ret;
	npu_admin_enable(ndev);
	atomic_set(&ndev->state, NPU_STATE_LIVE);
	return 0;
}

/* What drm_open() makes, as far as the driver and GEM use it. */
static int npu_fake_open(struct npu_fake *fake)
{
	struct drm_file *file = kunit_kzalloc(fake->test, sizeof(*file), GFP_KERNEL);
	int ret;

	if (!file)
		return -ENOMEM;
	file->minor = fake->ndev->drm.accel;
	file->client_id = 1;
	file->object_idr = (struct idr)IDR_INIT_BASE(file->object_idr, 1);
	spin_lock_init(&file->table_lock);
	xa_init_flags(&file->syncobj_xa, XA_FLAGS_ALLOC1);
	mutex_init(&file->prime.lock);
	file->prime.dmabufs = RB_ROOT;
	file->prime.handles = RB_ROOT;
	ret = npu_file_open(&fake->ndev->drm, file);
	if (ret)
		return ret;
	fake->file = file;
	fake->nfile = file->driver_priv;
	return 0;
}

int npu_fake_init(struct kunit *test)
{
	struct npu_fake *fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);
	int ret;

	if (!fake)
		return -ENOMEM;
	test->priv = fake;
	fake->test = test;
	ret = npu_fake_power_on(fake);
	if (ret)
		return ret;
	npu_fake_set_identity(fake);
	ret = npu_fake_add_function(fake);
	if (!ret)
		ret = npu_fake_probe(fake);
	return ret ?: npu_fake_open(fake);
}

int npu_fake_init_live(struct kunit *test)
{
	int ret = npu_fake_init(test);
	struct npu_fake *fake = test->priv;

	if (ret)
		return ret;
	fake->firmware = kthread_run(npu_fake_firmware, fake, "npu-fake-firmware");
	return PTR_ERR_OR_ZERO(fake->firmware);
}

void npu_fake_remove(struct npu_fake *fake)
{
	struct npu_device *ndev = fake->ndev;

	if (fake->gone)
		return;
	fake->gone = true;
	drm_dev_unplug(&ndev->drm);
	atomic_set(&ndev->state, NPU_STATE_GONE);
	npu_reset_stop(ndev);
	npu_lost_stop(ndev);
	npu_admin_disable(ndev);
	npu_queue_stop_all(ndev);
	npu_vm_detach_all(ndev);
	npu_ttm_detach(ndev);
}

static void npu_fake_close(struct npu_fake *fake)
{
	struct drm_file *file = fake->file;
	struct drm_gem_object *obj;
	struct drm_syncobj *syncobj;
	unsigned long handle;
	int id;

	idr_for_each_entry(&file->object_idr, obj, id)
		drm_gem_handle_delete(file, id);
	idr_destroy(&file->object_idr);
	npu_file_postclose(&fake->ndev->drm, file);
	xa_for_each(&file->syncobj_xa, handle, syncobj)
		drm_syncobj_put(syncobj);
	xa_destroy(&file->syncobj_xa);
	mutex_destroy(&file->prime.lock);
}

void npu_fake_exit(struct kunit *test)
{
	struct npu_fake *fake = test->priv;

	if (!fake)
		return;
	if (fake->file)
		npu_fake_close(fake);
	if (!IS_ERR_OR_NULL(fake->firmware)) {
		if (fake->ndev)
			npu_fake_remove(fake);
		kthread_stop(fake->firmware);
	}
	if (fake->ndev)
		npu_fake_remove(fake);
	/* Queues go in steps: their entity, their last fence, themselves. */
	flush_workqueue(npu_cleanup_wq);
	for (int i = 0; i < 8 && fake->ndev && kref_read(&fake->ndev->drm.ref) > 1; i++) {
		rcu_barrier();
		flush_workqueue(npu_cleanup_wq);
	}
	if (fake->dev) {
		/* A dump holds the device for minutes. */
		dev_coredump_put(fake->dev);
		device_unregister(fake->dev);
		KUNIT_EXPECT_TRUE_MSG(test, fake->released, "somebody still holds the device");
	}
}

/* ---- Objects ------------------------------------------------------------- */

u32 npu_fake_bo(struct npu_fake *fake, u64 size, u32 placement)
{
	struct drm_npu_bo_create args = { .size = size, .placement = placement };

	KUNIT_ASSERT_EQ(fake->test, npu_bo_create_ioctl(&fake->ndev->drm, &args, fake->file), 0);
	return args.handle;
}

u32 npu_fake_vm(struct npu_fake *fake)
{
	struct drm_npu_vm_create args = {};

	KUNIT_ASSERT_EQ(fake->test, npu_vm_create_ioctl(&fake->ndev->drm, &args, fake->file), 0);
	return args.vm;
}

u32 npu_fake_queue(struct npu_fake *fake, u32 vm)
{
	struct drm_npu_queue_create args = { .vm = vm, .priority = DRM_NPU_PRIORITY_NORMAL };

	KUNIT_ASSERT_EQ(fake->test, npu_queue_create_ioctl(&fake->ndev->drm, &args, fake->file), 0);
	return args.queue;
}

int npu_fake_bind(struct npu_fake *fake, u32 vm, const struct drm_npu_vm_op *op)
{
	void __user *at = npu_kunit_user(fake->test, sizeof(*op));
	struct drm_npu_vm_bind args = {
		.vm = vm,
		.ops = { .pointer = (u64)at, .count = 1, .stride = sizeof(*op) },
	};

	KUNIT_ASSERT_EQ(fake->test, copy_to_user(at, op, sizeof(*op)), 0);
	return npu_vm_bind_ioctl(&fake->ndev->drm, &args, fake->file);
}

struct npu_vm *npu_fake_vm_of(struct npu_fake *fake, u32 handle)
{
	struct npu_vm *vm = xa_load(&fake->nfile->vms, handle);

	KUNIT_ASSERT_NOT_NULL(fake->test, vm);
	return vm;
}

struct npu_queue *npu_fake_queue_of(struct npu_fake *fake, u32 handle)
{
	struct npu_queue *queue = xa_load(&fake->nfile->queues, handle);

	KUNIT_ASSERT_NOT_NULL(fake->test, queue);
	return queue;
}

void __user *npu_kunit_user(struct kunit *test, size_t size)
{
	unsigned long at = kunit_vm_mmap(test, NULL, 0, PAGE_ALIGN(size), PROT_READ | PROT_WRITE,
					 MAP_ANONYMOUS | MAP_PRIVATE, 0);

	KUNIT_ASSERT_NE(test, at, 0);
	KUNIT_ASSERT_LT(test, at, TASK_SIZE);
	return (void __user *)at;
}
