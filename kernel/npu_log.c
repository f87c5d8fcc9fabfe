// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* The log that the firmware keeps, for debugfs and coredumps. */
#include <linux/ctype.h>
#include <linux/dma-mapping.h>

#include <drm/drm_drv.h>
#include <drm/drm_print.h>

#include "npu_device.h"
#include "npu_log.h"

#define NPU_LOG_CHUNK PAGE_SIZE
/* The firmware keeps some KiB; a card that never ends its log does not hold us. */
#define NPU_LOG_CHUNKS_MAX 16

/* Text from the card: one line a line, nothing but printable characters. */
static void npu_log_print_text(struct drm_printer *p, const char *indent, const char *text,
			       u32 size, bool *line_start)
{
	for (u32 i = 0; i < size; i++) {
		char c = text[i];

		if (*line_start)
			drm_puts(p, indent);
		*line_start = c == '\n';
		drm_printf(p, "%c", c == '\n' || (isascii(c) && isprint(c)) ? c : '?');
	}
}

void npu_log_print(struct npu_device *ndev, struct drm_printer *p, const char *indent)
{
	struct npu_admin_buffer_args args = { .size = NPU_LOG_CHUNK };
	struct npu_admin_buffer_result result;
	bool line_start = true;
	dma_addr_t dma;
	char *text;
	int idx;

	/* The buffer must be gone before the device is. */
	if (!drm_dev_enter(&ndev->drm, &idx))
		return;
	text = dma_alloc_coherent(&ndev->pdev->dev, NPU_LOG_CHUNK, &dma, GFP_KERNEL);
	if (!text)
		goto exit;
	args.address = dma;
	for (int i = 0; i < NPU_LOG_CHUNKS_MAX; i++) {
		if (npu_admin_run(ndev, NPU_ADMIN_LOG_READ, &args, sizeof(args), &result,
				  sizeof(result)) || !result.written)
			break;
		npu_log_print_text(p, indent, text, min_t(u32, result.written, NPU_LOG_CHUNK),
				   &line_start);
		args.cursor = result.cursor + result.written;
	}
	if (!line_start)
		drm_puts(p, "\n");
	dma_free_coherent(&ndev->pdev->dev, NPU_LOG_CHUNK, text, dma);
exit:
	drm_dev_exit(idx);
}
