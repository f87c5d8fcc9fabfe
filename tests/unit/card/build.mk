# SPDX-License-Identifier: GPL-2.0-only
# Copyright The npu authors

sim_archives := $(O)/lib/libsim-card.a $(O)/lib/libsim-engine.a
$(O)/obj/tests/unit/card/%.o: CPPFLAGS += -Ikernel -Iuapi -Isim -DFIRMWARE_IMAGE='"$(O)/firmware/npu-fw.bin"'
$(eval $(call unit_test,card,tests/unit/card/test_card.c tests/unit/card/host.c tests/unit/card/sanitizer.c,$(sim_archives) $(sim_libs)))
$(O)/tests/card: $(O)/firmware/npu-fw.bin
$(eval $(call unit_test,card-load,tests/unit/card/test_load.c tests/unit/card/host.c tests/unit/card/sanitizer.c,$(sim_archives) $(sim_libs)))
$(O)/tests/card-load: $(O)/firmware/npu-fw.bin
$(eval $(call unit_test,card-boot,tests/unit/card/test_boot.c tests/unit/card/image.c tests/unit/card/host.c tests/unit/card/sanitizer.c,$(sim_archives) $(sim_libs)))
$(O)/tests/card-boot: $(O)/firmware/npu-fw.bin
