# SPDX-License-Identifier: GPL-2.0-only
# Copyright The npu authors

sim_engine := sim/program.c sim/numerics.c sim/product.c sim/ops_elementwise.c sim/ops_matrix.c \
	      sim/ops_conv.c sim/ops_window.c
sim_card := sim/boot_key.c sim/boot_rom.c sim/bus_guard.c sim/card.c sim/clock.c sim/command_processor.c \
	    sim/copy_engine.c sim/dma_map.c sim/ecc.c sim/irq.c sim/log.c sim/management_core.c \
	    sim/mgmt_regs.c sim/mmu.c sim/pci_function.c sim/power.c sim/regs.c sim/state.c \
	    sim/tensor_engine.c sim/vfio_user.c sim/work_engine.c

openblas_cflags := $(shell pkg-config --cflags openblas 2>/dev/null)
openblas_libs := $(shell pkg-config --libs openblas 2>/dev/null || echo -lopenblas)
sim_libs := $(openblas_libs) -lunicorn -lsodium -lm

$(O)/obj/sim/%.o: CPPFLAGS += -Ikernel -Iuapi -I$(O)/gen/sim $(openblas_cflags)
# docs/numerics.md: each step is rounded, whatever the processor could fuse.
$(O)/obj/sim/%.o: CFLAGS += -ffp-contract=off
$(patsubst %.c,$(O)/obj/%.o,$(sim_engine)): CFLAGS += -O3

$(O)/gen/sim/development_key.h: firmware/keys/development.pub
	@mkdir -p $(@D)
	sed -n 's/^npu-ed25519-public .*/#define DEVELOPMENT_KEY "&"/p' $< > $@
$(O)/obj/sim/boot_key.o: $(O)/gen/sim/development_key.h

$(eval $(call archive,libsim-engine,$(sim_engine)))
$(eval $(call archive,libsim-card,$(sim_card)))
$(eval $(call program,npu-sim,sim/main.c sim/control.c sim/listener.c,$(O)/lib/libsim-card.a $(O)/lib/libsim-engine.a $(sim_libs)))
ALL += $(O)/bin/npu-sim
INSTALL_BIN += $(O)/bin/npu-sim
INSTALL_MAN += sim/npu-sim.1
