/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The npu authors */
/* The image's identity; npu-fw writes the same numbers into its header. */
#ifndef FIRMWARE_VERSION_H
#define FIRMWARE_VERSION_H

#include <abi/npu_regs.h>

/* From the build: FIRMWARE_VERSION (8.8.16), FIRMWARE_SECURITY_VERSION, FIRMWARE_BUILD_ID. */
#define FIRMWARE_ABI	(NPU_ABI_MAJOR << 16 | NPU_ABI_MINOR)

#endif /* FIRMWARE_VERSION_H */
