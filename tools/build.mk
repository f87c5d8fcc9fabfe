# SPDX-License-Identifier: MIT
# Copyright The npu authors

$(O)/obj/tools/%.o: CPPFLAGS += -Itools/common -Ilibnpu -Iuapi

tools_common := $(addprefix tools/common/,json.c program.c reason.c text.c)
$(eval $(call archive,libtools-common,$(tools_common)))
tools_archive := $(O)/lib/libtools-common.a

npu_fw_src := $(addprefix tools/npu-fw/,main.c key.c image.c elf_image.c pack.c inspect.c)
$(O)/obj/tools/npu-fw/%.o: CPPFLAGS += -Itools/common -Ikernel
$(eval $(call program,npu-fw,$(npu_fw_src),$(tools_archive) -lsodium -lelf -ljson-c))

# Everything but main(), for the tests.
npu_run_src := $(addprefix tools/npu-run/,compare.c execute.c latency.c npy.c options.c plan.c \
	report.c report_text.c tensor.c tensor_file.c tensor_proto.c)
$(eval $(call archive,libnpu-run,$(npu_run_src)))
npu_run_libs := $(O)/lib/libnpu-run.a $(tools_archive) $(O)/lib/libnpu.so -ljson-c -lm
$(eval $(call program,npu-run,tools/npu-run/main.c,$(npu_run_libs)))

# Likewise. live.c alone asks the card.
npu_smi_src := $(addprefix tools/npu-smi/,card.c client.c dump.c dump_print.c field.c grid.c list.c live.c module.c \
	pci_name.c query.c report.c sample.c smi.c sysfs.c table.c)
$(eval $(call archive,libnpu-smi,$(npu_smi_src)))
npu_smi_libs := $(O)/lib/libnpu-smi.a $(tools_archive) $(O)/lib/libnpu.so -ljson-c -lpci -lkmod -lm
$(eval $(call program,npu-smi,tools/npu-smi/main.c,$(npu_smi_libs)))

npu_tools := $(addprefix $(O)/bin/,npu-fw npu-run npu-smi)
ALL += $(npu_tools)
INSTALL_BIN += $(npu_tools)
INSTALL_MAN += tools/npu-fw/npu-fw.1 tools/npu-run/npu-run.1 tools/npu-smi/npu-smi.1
