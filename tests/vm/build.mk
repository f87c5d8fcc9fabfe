# SPDX-License-Identifier: MIT
# Copyright The npu authors

# For tests/vm/run, on the host.
$(O)/tests/vm/tsc-khz: $(O)/obj/tests/vm/tsc.o
	@mkdir -p $(@D)
	@$(call say,LD,$@)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $<
-include $(O)/obj/tests/vm/tsc.d
# The guests are of this architecture alone.
ifeq ($(shell uname -m),x86_64)
ALL += $(O)/tests/vm/tsc-khz
endif
