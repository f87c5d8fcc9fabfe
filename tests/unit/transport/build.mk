# SPDX-License-Identifier: GPL-2.0-only
# Copyright The npu authors

transport_tests := tests/unit/transport
transport_libs = $(O)/lib/libsim-card.a $(O)/lib/libsim-engine.a $(sim_libs)
$(O)/obj/tests/unit/transport/%.o: CPPFLAGS += -Ikernel -Iuapi -Isim -DFIRMWARE_IMAGE='"$(O)/firmware/npu-fw.bin"'
$(eval $(call unit_test,card-vfio-user,$(transport_tests)/test_vfio_user.c $(transport_tests)/client.c,$(transport_libs)))
$(eval $(call unit_test,card-vfio-user-hostile,$(transport_tests)/test_hostile_client.c $(transport_tests)/client.c,$(transport_libs)))
$(eval $(call unit_test,card-pci,$(transport_tests)/test_pci.c,$(transport_libs)))
$(eval $(call unit_test,card-dma-map,$(transport_tests)/test_dma_map.c,$(transport_libs)))
$(eval $(call unit_test,card-mmu,$(transport_tests)/test_mmu.c,$(transport_libs)))
$(O)/tests/card-vfio-user: $(O)/firmware/npu-fw.bin
