// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* The tracepoints' definitions. */
#define CREATE_TRACE_POINTS
#include "npu_trace.h"
