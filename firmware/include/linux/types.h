/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The npu authors */
/* What the contracts of kernel/abi need, where there is no Linux. */
#ifndef FIRMWARE_LINUX_TYPES_H
#define FIRMWARE_LINUX_TYPES_H

#ifndef __ASSEMBLER__
#include <stdint.h>

typedef uint8_t __u8;
typedef uint16_t __u16;
typedef uint32_t __u32;
typedef uint64_t __u64;
typedef int8_t __s8;
typedef int16_t __s16;
typedef int32_t __s32;
typedef int64_t __s64;
#endif

#endif /* FIRMWARE_LINUX_TYPES_H */
