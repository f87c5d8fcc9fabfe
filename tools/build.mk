# SPDX-License-Identifier: MIT
# Copyright The npu authors

npu_fw_src := $(addprefix tools/npu-fw/,main.c key.c image.c elf_image.c pack.c inspect.c)
$(O)/obj/tools/npu-fw/%.o: CPPFLAGS += -Ikernel
$(eval $(call program,npu-fw,$(npu_fw_src),-lsodium -lelf -ljson-c))
ALL += $(O)/bin/npu-fw
INSTALL_BIN += $(O)/bin/npu-fw
INSTALL_MAN += tools/npu-fw/npu-fw.1
