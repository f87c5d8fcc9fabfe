# SPDX-License-Identifier: MIT
# Copyright The npu authors
#
# This file is read before tools/build.mk, so archives are named in full.

$(O)/obj/tests/unit/tools/%.o: CPPFLAGS += -Itools/common -Itools/npu-run -Itools/npu-smi \
	-Ilibnpu -Iuapi -Ikernel -DBUILD='"$(O)"'
tools_common_libs := $(O)/lib/libtools-common.a -ljson-c
$(eval $(call unit_test,tools-text,tests/unit/tools/test_text.c,$(tools_common_libs)))
$(eval $(call unit_test,tools-npu-fw,tests/unit/tools/test_npu_fw.c tests/unit/tools/command.c,-ljson-c))
$(O)/tests/tools-npu-fw: $(O)/bin/npu-fw $(O)/firmware/npu-fw.elf

npu_run_test_libs := $(O)/lib/libnpu-run.a $(O)/lib/libtools-common.a $(O)/lib/libnpu.so -ljson-c -lm
$(eval $(call unit_test,tools-tensor-files,tests/unit/tools/test_tensor_files.c,$(npu_run_test_libs)))
$(eval $(call unit_test,tools-results,tests/unit/tools/test_results.c,$(npu_run_test_libs)))

npu_smi_test_libs := $(O)/lib/libnpu-smi.a $(O)/lib/libtools-common.a $(O)/lib/libnpu.so \
	-ljson-c -lpci -lkmod -lm
$(eval $(call unit_test,tools-smi-screens,tests/unit/tools/test_smi_screens.c tests/unit/tools/machine.c,$(npu_smi_test_libs)))
$(eval $(call unit_test,tools-smi-parts,tests/unit/tools/test_smi_parts.c tests/unit/tools/machine.c,$(npu_smi_test_libs)))
$(eval $(call unit_test,tools-smi-dump,tests/unit/tools/test_smi_dump.c,$(npu_smi_test_libs)))
$(eval $(call unit_test,tools-npu-run,tests/unit/tools/test_npu_run.c tests/unit/tools/command.c,-ljson-c))
$(O)/tests/tools-npu-run: $(O)/bin/npu-run $(O)/models/digits-fp32.npu
