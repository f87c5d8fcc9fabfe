# SPDX-License-Identifier: MIT
# Copyright The npu authors

$(O)/obj/tools/%.o: CPPFLAGS += -Itools/common -Ilibnpu -Iuapi

tools_common := $(addprefix tools/common/,json.c program.c reason.c text.c)
$(eval $(call archive,libtools-common,$(tools_common)))
tools_archive := $(O)/lib/libtools-common.a

npu_fw_src := $(addprefix tools/npu-fw/,main.c key.c image.c elf_image.c pack.c inspect.c)
$(O)/obj/tools/npu-fw/%.o: CPPFLAGS += -Itools/common -Ikernel
$(eval $(call program,npu-fw,$(npu_fw_src),$(tools_archive) -lsodium -lelf -ljson-c))

npu_tools := $(addprefix $(O)/bin/,npu-fw)
ALL += $(npu_tools)
INSTALL_BIN += $(npu_tools)
INSTALL_MAN += tools/npu-fw/npu-fw.1
