// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* MODULE_IMPORT_NS() takes a token, not a string (before 6.13). */
#include <linux/module.h>

MODULE_IMPORT_NS(DMA_BUF);
