# SPDX-License-Identifier: MIT
# Copyright The npu authors
#
# Tests of the driver by its ioctls alone: each test_NAME.c is a program that
# runs in the guest as driver_NAME.

driver_tests := $(sort $(patsubst tests/vm/driver/test_%.c,%,$(wildcard tests/vm/driver/test_*.c)))
driver_rig := tests/vm/driver/drv.c tests/vm/driver/userq.c tests/vm/driver/vgem.c tests/vm/programs/tap.c

$(O)/obj/tests/vm/driver/%.o: ALL_CPPFLAGS += -Iuapi $(shell pkg-config --cflags libdrm 2>/dev/null)

define driver_test
$(call vm_test,driver_$(1),tests/vm/driver/test_$(1).c $(driver_rig),$(shell pkg-config --libs libdrm 2>/dev/null) -pthread)
endef
$(foreach test,$(driver_tests),$(eval $(call driver_test,$(test))))

# What tests/vm/cases run in VMs of their own. No tests of themselves: they are
# not in VM_TESTS.
define driver_helper
$(O)/tests/vm/$(1): $(call objs,tests/vm/driver/$(1).c $(driver_rig))
	@mkdir -p $$(@D)
	@$$(call say,LD,$$@)
	$$(CC) $$(ALL_CFLAGS) $$(LDFLAGS) -o $$@ $$^ $(shell pkg-config --libs libdrm) -pthread
-include $(patsubst %.o,%.d,$(call objs,tests/vm/driver/$(1).c))
tests: $(O)/tests/vm/$(1)
endef
$(foreach helper,holder ladder pressure soak victim,$(eval $(call driver_helper,$(helper))))
