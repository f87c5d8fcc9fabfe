/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* MSI-X: vector 0 for the admin queue and what goes wrong, the rest for queues. */
#ifndef NPU_IRQ_H
#define NPU_IRQ_H

struct npu_device;

int npu_irq_init(struct npu_device *ndev);
void npu_irq_enable(struct npu_device *ndev);
/*
 * As if every vector had fired: what an interrupt that got lost would have
 * said. From a thread.
 */
void npu_irq_look(struct npu_device *ndev);
/* No handler runs any more when it returns. The vectors stay allocated. */
void npu_irq_fini(struct npu_device *ndev);

#endif /* NPU_IRQ_H */
