# SPDX-License-Identifier: MIT
# Copyright The npu authors

# Programs for the guest with the debug kernel; tests/faults/check runs them.
fault_tests := $(addprefix $(O)/tests/faults/,fail_nth fail_bind)
fault_common := $(call objs,tests/faults/faults.c tests/vm/programs/tap.c)
$(O)/obj/tests/faults/%.o: CPPFLAGS += -Iuapi -Itests/vm/programs $(shell pkg-config --cflags libdrm 2>/dev/null)
$(fault_tests): $(O)/tests/faults/%: $(O)/obj/tests/faults/%.o $(fault_common)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^
-include $(patsubst $(O)/tests/faults/%,$(O)/obj/tests/faults/%.d,$(fault_tests)) $(fault_common:.o=.d)
tests: $(fault_tests)
