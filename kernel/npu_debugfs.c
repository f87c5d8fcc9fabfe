// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * debugfs, in /sys/kernel/debug/accel/N:
 *
 *	queues		one line for each queue on the card
 *	vms		one line for each address space
 *	bos		one line for each handle of a buffer, of all open files
 *	copies		what moved and cleared buffers, the copy engine or the CPU
 *	firmware_log	the log that the firmware keeps
 */
#include <linux/seq_file.h>

#include <drm/drm_debugfs.h>
#include <drm/drm_print.h>

#include "npu_bo.h"
#include "npu_debugfs.h"
#include "npu_device.h"
#include "npu_log.h"
#include "npu_queue.h"
#include "npu_vm.h"

static struct npu_device *npu_debugfs_device(struct seq_file *m)
{
	struct drm_debugfs_entry *entry = m->private;

	return to_npu_device(entry->dev);
}

static int npu_debugfs_log_show(struct seq_file *m, void *data)
{
	struct drm_printer p = drm_seq_file_printer(m);

	npu_log_print(npu_debugfs_device(m), &p, "");
	return 0;
}

static int npu_debugfs_queues_show(struct seq_file *m, void *data)
{
	struct npu_device *ndev = npu_debugfs_device(m);
	struct npu_queue *queue;

	seq_puts(m, "queue context priority state error       tail    emitted  completed       jobs    busy_ns pid     process\n");
	for (unsigned long n = 0; (queue = npu_queue_next(ndev, &n)); n++) {
		u64 busy = npu_queue_busy_ns(queue);

		spin_lock_irq(&queue->lock);
		seq_printf(m, "%5u %7u %8u %5u %5d %10llu %10llu %10llu %10llu %10llu %-7d %s\n",
			   queue->number, queue->context, queue->priority, queue->state,
			   queue->error, queue->tail, queue->emitted, queue->completed,
			   queue->jobs_done, busy, queue->pid, queue->comm);
		spin_unlock_irq(&queue->lock);
		npu_queue_put(queue);
	}
	return 0;
}

static int npu_debugfs_vms_show(struct seq_file *m, void *data)
{
	struct npu_device *ndev = npu_debugfs_device(m);
	unsigned long context;
	struct npu_vm *vm;

	seq_puts(m, "context     faults last_fault_va\n");
	xa_lock(&ndev->contexts);
	xa_for_each(&ndev->contexts, context, vm) {
		spin_lock(&vm->fault_lock);
		seq_printf(m, "%7lu %10llu 0x%llx\n", context, vm->fault_count,
			   vm->faults[(vm->fault_count - 1) % NPU_VM_FAULTS].va);
		spin_unlock(&vm->fault_lock);
	}
	xa_unlock(&ndev->contexts);
	return 0;
}

static int npu_debugfs_copies_show(struct seq_file *m, void *data)
{
	npu_copy_show(npu_debugfs_device(m), m);
	return 0;
}

static int npu_debugfs_bos_show(struct seq_file *m, void *data)
{
	struct drm_device *drm = &npu_debugfs_device(m)->drm;
	struct drm_gem_object *obj;
	struct drm_file *file;
	int handle;

	seq_puts(m, "client handle         size placement region\n");
	guard(mutex)(&drm->filelist_mutex);
	list_for_each_entry(file, &drm->filelist, lhead) {
		spin_lock(&file->table_lock);
		idr_for_each_entry(&file->object_idr, obj, handle) {
			struct npu_bo *bo = npu_bo_of_gem(obj);

			seq_printf(m, "%6llu %6d %12zu %9u %6u\n", file->client_id, handle,
				   obj->size, bo->placement, READ_ONCE(bo->region));
		}
		spin_unlock(&file->table_lock);
	}
	return 0;
}

static const struct drm_debugfs_info npu_debugfs_files[] = {
	{ "queues", npu_debugfs_queues_show },
	{ "vms", npu_debugfs_vms_show },
	{ "bos", npu_debugfs_bos_show },
	{ "copies", npu_debugfs_copies_show },
	{ "firmware_log", npu_debugfs_log_show },
};

void npu_debugfs_init(struct npu_device *ndev)
{
	drm_debugfs_add_files(&ndev->drm, npu_debugfs_files, ARRAY_SIZE(npu_debugfs_files));
}
