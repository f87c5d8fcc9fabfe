# SPDX-License-Identifier: MIT
# Copyright The npu authors

INSTALL_HEADERS += libnpu/npu.h
