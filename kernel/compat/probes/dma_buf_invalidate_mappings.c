// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* Importers' move_notify is called invalidate_mappings (7.1). */
#include <linux/dma-buf.h>

void probe(struct dma_buf *buf, struct dma_buf_attach_ops *ops);
void probe(struct dma_buf *buf, struct dma_buf_attach_ops *ops)
{
	ops->invalidate_mappings = NULL;
	dma_buf_invalidate_mappings(buf);
}
