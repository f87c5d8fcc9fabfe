# SPDX-License-Identifier: GPL-2.0-only
# Copyright The npu authors
#
# The card behind the PCIe link. libsim-engine is the arithmetic alone, for
# whoever wants to run a program without a card.

$(O)/obj/sim/%.o: CPPFLAGS += -Iuapi -Ikernel

SIM_ENGINE_SOURCES := $(addprefix sim/,program.c numerics.c ops_elementwise.c \
	ops_matrix.c ops_conv.c ops_window.c)
SIM_ENGINE_LIBS := $(shell pkg-config --libs openblas) -lm
$(O)/obj/sim/numerics.o: CPPFLAGS += $(shell pkg-config --cflags openblas)

$(eval $(call archive,libsim-engine,$(SIM_ENGINE_SOURCES)))
