# SPDX-License-Identifier: GPL-2.0-only
# Copyright The npu authors

sim_archives := $(O)/lib/libsim-card.a $(O)/lib/libsim-engine.a
$(O)/obj/tests/unit/card/%.o: CPPFLAGS += -Ikernel -Iuapi -Isim -DFIRMWARE_IMAGE='"$(O)/firmware/npu-fw.bin"'
$(eval $(call unit_test,card,tests/unit/card/test_card.c tests/unit/card/host.c,$(sim_archives) $(sim_libs)))
$(O)/tests/card: $(O)/firmware/npu-fw.bin
$(eval $(call unit_test,card-load,tests/unit/card/test_load.c tests/unit/card/host.c,$(sim_archives) $(sim_libs)))
$(O)/tests/card-load: $(O)/firmware/npu-fw.bin
$(eval $(call unit_test,card-boot,tests/unit/card/test_boot.c tests/unit/card/image.c tests/unit/card/host.c,$(sim_archives) $(sim_libs)))
$(O)/tests/card-boot: $(O)/firmware/npu-fw.bin
$(eval $(call unit_test,card-faults,tests/unit/card/test_faults.c tests/unit/card/host.c,$(sim_archives) $(sim_libs)))
$(O)/tests/card-faults: $(O)/firmware/npu-fw.bin
$(O)/obj/tests/unit/card/test_npu_sim.o: CPPFLAGS += -DBUILD='"$(O)"'
$(eval $(call unit_test,card-npu-sim,tests/unit/card/test_npu_sim.c tests/unit/tools/command.c,))
$(O)/tests/card-npu-sim: $(O)/firmware/npu-fw.bin $(O)/bin/npu-sim
$(eval $(call unit_test,card-packets,tests/unit/card/test_packets.c tests/unit/card/host.c,$(sim_archives) $(sim_libs)))
$(O)/tests/card-packets: $(O)/firmware/npu-fw.bin
