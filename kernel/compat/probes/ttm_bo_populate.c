// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* Populates and swaps in by the buffer, not by its pages (6.13). */
#include <drm/ttm/ttm_bo.h>

int probe(struct ttm_buffer_object *bo, struct ttm_operation_ctx *ctx);
int probe(struct ttm_buffer_object *bo, struct ttm_operation_ctx *ctx)
{
	return ttm_bo_populate(bo, ctx);
}
