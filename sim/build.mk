# SPDX-License-Identifier: GPL-2.0-only
# Copyright The npu authors

include sim/core.mk
