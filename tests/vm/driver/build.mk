# SPDX-License-Identifier: MIT
# Copyright The npu authors
#
# Tests of the driver by its ioctls alone: each test_NAME.c is a program that
# runs in the guest as driver_NAME.

driver_tests := $(sort $(patsubst tests/vm/driver/test_%.c,%,$(wildcard tests/vm/driver/test_*.c)))
driver_rig := tests/vm/driver/drv.c tests/vm/driver/userq.c tests/vm/driver/vgem.c tests/vm/programs/tap.c

$(O)/obj/tests/vm/driver/%.o: ALL_CPPFLAGS += -Iuapi $(shell pkg-config --cflags libdrm 2>/dev/null)

# Structs, their fields and flags, from the header itself.
$(O)/gen/abi_fields.h: uapi/drm/npu_accel.h tests/abi/fields.awk
	@mkdir -p $(@D)
	@$(call say,AWK,$@)
	awk -f tests/abi/fields.awk $< >$@.new && mv $@.new $@
$(O)/obj/tests/vm/driver/test_abi.o: $(O)/gen/abi_fields.h
$(O)/obj/tests/vm/driver/test_abi.o: ALL_CPPFLAGS += -I$(O)/gen

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

# What driver_compat starts: for 32 bits and without libdrm. The kernel's
# headers of the 64-bit system serve both.
compat32 := tests/vm/driver/compat32.c tests/vm/programs/tap.c
$(O)/tests/vm/compat32: $(compat32) $(wildcard uapi/drm/*.h uapi/npu/*.h) tests/vm/programs/tap.h
	@mkdir -p $(@D)
	@$(call say,CC,$@)
	$(CC) -m32 -static -std=gnu11 $(WARNINGS) -O2 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 \
		-Iuapi $(shell pkg-config --cflags libdrm 2>/dev/null) \
		-idirafter /usr/include/$(shell $(CC) -print-multiarch) -o $@ $(compat32)
$(O)/tests/vm/driver_compat: $(O)/tests/vm/compat32
