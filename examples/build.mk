# SPDX-License-Identifier: MIT
# Copyright The npu authors

# What the README shows, built as the README says but for the paths.
$(O)/obj/examples/%.o: CPPFLAGS += -Iuapi -Ilibnpu
$(eval $(call program,examples/first,examples/first.c,$(O)/lib/libnpu.so))
# private: not for what it is made of.
$(O)/bin/examples/first: private LDFLAGS += -Wl,-rpath,'$$ORIGIN/../../lib'
ALL += $(O)/bin/examples/first
