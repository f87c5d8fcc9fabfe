/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
#ifndef LIBNPU_CONTEXT_H
#define LIBNPU_CONTEXT_H

#include "device.h"
#include "va.h"

struct npu_context {
	atomic_uint refs;
	struct npu_device *device;
	uint32_t vm;
	struct npu_va va;
};

#endif
