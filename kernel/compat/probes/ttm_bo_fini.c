// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* The GEM free callback calls ttm_bo_fini(), not ttm_bo_put() (7.0). */
#include <drm/ttm/ttm_bo.h>

void probe(struct ttm_buffer_object *bo);
void probe(struct ttm_buffer_object *bo)
{
	ttm_bo_fini(bo);
}
