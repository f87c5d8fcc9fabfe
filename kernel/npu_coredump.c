// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * Coredumps: /sys/class/devcoredump/devcdN/data, YAML text of a few KiB that
 * needs no tool:
 *
 *	npu-coredump: 1			version of this format
 *	reason, module, card, firmware, time
 *	process, queue, state		whose it was, how it stood
 *	control, use, error		the control block, as the card left it
 *	packets				the ring round its head, 16 words each
 *	fault				the address space's last fault
 *	firmware-log			the end of the firmware's log
 */
#include <linux/devcoredump.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <drm/drm_print.h>

#include "npu_coredump.h"
#include "npu_device.h"
#include "npu_log.h"
#include "npu_queue.h"
#include "npu_ring.h"
#include "npu_vm.h"

#define NPU_COREDUMP_SIZE	SZ_64K
/* Before and behind the head. */
#define NPU_COREDUMP_BEFORE	8
#define NPU_COREDUMP_PACKETS	32

struct npu_coredump {
	struct work_struct work;
	struct npu_queue *queue;	/* a reference: it holds the device */
	const char *reason;
	ktime_t time;
	u64 tail, emitted, completed;
	struct npu_queue_control control;
	struct npu_vm_fault fault;
	u64 fault_count;
	u64 first;		/* ring index of the packet below */
	u32 packets[NPU_COREDUMP_PACKETS][NPU_PACKET_SIZE / sizeof(u32)];
};

static void npu_coredump_print_packets(struct drm_printer *p, const struct npu_coredump *dump)
{
	drm_puts(p, "packets:\n");
	for (int i = 0; i < NPU_COREDUMP_PACKETS; i++) {
		if (dump->first + i >= dump->tail)
			return;
		drm_printf(p, "  %llu: [", dump->first + i);
		for (int word = 0; word < ARRAY_SIZE(dump->packets[i]); word++)
			drm_printf(p, "%s0x%08x", word ? ", " : "", dump->packets[i][word]);
		drm_puts(p, "]\n");
	}
}

static void npu_coredump_print(struct drm_printer *p, const struct npu_coredump *dump)
{
	const struct npu_queue_control *c = &dump->control;
	struct npu_queue *queue = dump->queue;
	struct npu_device *ndev = queue->ndev;

	drm_puts(p, "npu-coredump: 1\n");
	drm_printf(p, "reason: %s\n", dump->reason);
	drm_puts(p, "module: " NPU_VERSION "\n");
	drm_printf(p, "card: {address: \"%s\", serial: %016llx, hardware: 0x%08x, abi: 0x%08x}\n",
		   pci_name(ndev->pdev), ndev->serial, ndev->hardware, ndev->abi);
	drm_printf(p, "firmware: {version: 0x%08x, build: \"%s\"}\n", ndev->firmware.version,
		   ndev->firmware.build_id);
	drm_printf(p, "time: %lld\n", ktime_to_ns(dump->time));
	drm_printf(p, "process: {pid: %d, name: \"%*pE\"}\n", queue->pid,
		   (int)strnlen(queue->comm, sizeof(queue->comm)), queue->comm);
	drm_printf(p, "queue: {number: %u, handle: %u, priority: %u}\n", queue->number,
		   queue->handle, queue->priority);
	drm_printf(p, "state: {tail: %llu, emitted: %llu, completed: %llu}\n", dump->tail,
		   dump->emitted, dump->completed);
	drm_printf(p, "control: {head: %llu, state: %u, need-wake: %u, event: %llu}\n", c->head,
		   c->state, c->need_wake, c->event);
	drm_printf(p, "use: {busy-ns: %llu, energy-nj: %llu}\n", c->busy_ns, c->energy_nj);
	drm_printf(p, "error: {reason: %u, index: %llu, tag: %u, op: %u, va: 0x%llx}\n", c->error,
		   c->error_index, c->error_tag, c->error_op, c->error_va);
	npu_coredump_print_packets(p, dump);
	drm_printf(p, "fault: {count: %llu, info: 0x%08x, queue: %u, va: 0x%llx}\n",
		   dump->fault_count, dump->fault.info, dump->fault.queue, dump->fault.va);
	drm_puts(p, "firmware-log: |\n");
	npu_log_print(ndev, p, "  ");
}

/* dev_coredumpv() looks for a dump of the device, then adds one: not two of them at once. */
static DEFINE_MUTEX(npu_coredump_lock);

static void npu_coredump_work(struct work_struct *work)
{
	struct npu_coredump *dump = container_of(work, struct npu_coredump, work);
	struct npu_device *ndev = dump->queue->ndev;
	char *text = vmalloc(NPU_COREDUMP_SIZE);

	if (text) {
		struct drm_print_iterator iterator = { .data = text, .remain = NPU_COREDUMP_SIZE };
		struct drm_printer p = drm_coredump_printer(&iterator);

		npu_coredump_print(&p, dump);
		guard(mutex)(&npu_coredump_lock);
		/* The text is devcoredump's from here on. */
		dev_coredumpv(&ndev->pdev->dev, text, NPU_COREDUMP_SIZE - iterator.remain,
			      GFP_KERNEL);
	}
	npu_queue_put(dump->queue);
	kfree(dump);
}

static void npu_coredump_copy_ring(struct npu_coredump *dump, struct npu_queue *queue)
{
	lockdep_assert_held(&queue->lock);
	if (!queue->memory)
		return;
	memcpy(&dump->control, queue->control, sizeof(dump->control));
	/* Its ring is the process's memory: not ours to read. */
	if (queue->user)
		return;
	/* The head is the card's word: only where to look first. */
	dump->first = dump->control.head > NPU_COREDUMP_BEFORE ?
		      dump->control.head - NPU_COREDUMP_BEFORE : 0;
	for (int i = 0; i < NPU_COREDUMP_PACKETS; i++)
		memcpy(dump->packets[i], npu_ring_packet(queue, dump->first + i),
		       NPU_PACKET_SIZE);
}

void npu_coredump_take(struct npu_queue *queue, const char *reason)
{
	struct npu_coredump *dump;

	if (!IS_ENABLED(CONFIG_DEV_COREDUMP))
		return;
	dump = kzalloc(sizeof(*dump), GFP_NOWAIT);
	if (!dump)
		return;
	INIT_WORK(&dump->work, npu_coredump_work);
	npu_queue_get(queue);
	dump->queue = queue;
	dump->reason = reason;
	dump->time = ktime_get_real();
	scoped_guard(spinlock_irqsave, &queue->lock) {
		dump->tail = queue->tail;
		dump->emitted = queue->emitted;
		dump->completed = queue->completed;
		npu_coredump_copy_ring(dump, queue);
	}
	npu_vm_read_fault(queue->ndev, queue->context, &dump->fault, &dump->fault_count);
	queue_work(npu_cleanup_wq, &dump->work);
}
