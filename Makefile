# SPDX-License-Identifier: MIT
# Copyright The npu authors
#
# One make for the whole tree: each folder brings a build.mk with its own
# targets, nothing recurses, every product lands under $(O).

O ?= build
prefix ?= /usr/local
bindir ?= $(prefix)/bin
libdir ?= $(prefix)/lib
includedir ?= $(prefix)/include
mandir ?= $(prefix)/share/man
firmwaredir ?= /lib/firmware/npu
dkmsdir ?= /usr/src/npu-$(VERSION)
udevdir ?= /lib/udev/rules.d
INSTALL ?= install

VERSION := $(shell cat packaging/version)

CC ?= cc
CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	    -Wpointer-arith -Wwrite-strings -Wno-unused-parameter \
	    -Wno-missing-field-initializers
ifeq ($(WERROR),1)
WARNINGS += -Werror
endif
# SAN=1 builds everything with the address and undefined-behaviour sanitizers;
# give it an O of its own.
ifeq ($(SAN),1)
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all \
	    -fno-omit-frame-pointer
endif
# SAN=thread builds everything with ThreadSanitizer.
ifeq ($(SAN),thread)
SANITIZE := -fsanitize=thread -fno-omit-frame-pointer
endif
ALL_CFLAGS = -std=gnu11 -fPIC -fvisibility=hidden -pthread $(WARNINGS) \
	     $(CFLAGS) $(SANITIZE)
ALL_CPPFLAGS = -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
	       -DNPU_VERSION='"$(VERSION)"' $(CPPFLAGS)

ALL :=
UNIT_TESTS :=
VM_TESTS :=
INSTALL_BIN :=
INSTALL_MAN :=
INSTALL_LIB :=
INSTALL_HEADERS :=
INSTALL_FIRMWARE :=

.PHONY: all
all:

objs = $(patsubst %.c,$(O)/obj/%.o,$(1))

# $(call program,NAME,SOURCES,LIBS): an executable $(O)/bin/NAME.
define program
$(O)/bin/$(1): $(call objs,$(2)) $(filter %.a %.so,$(3))
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_CFLAGS) $$(LDFLAGS) -Wl,-rpath,'$$$$ORIGIN/../lib' -o $$@ $(call objs,$(2)) $(3)
-include $(patsubst %.o,%.d,$(call objs,$(2)))
endef

# $(call archive,NAME,SOURCES): an internal archive $(O)/lib/NAME.a.
define archive
$(O)/lib/$(1).a: $(call objs,$(2))
	@mkdir -p $$(@D)
	rm -f $$@ && $$(AR) rcs $$@ $(call objs,$(2))
-include $(patsubst %.o,%.d,$(call objs,$(2)))
endef

# $(call unit_test,NAME,SOURCES,LIBS): a cmocka program $(O)/tests/NAME.
define unit_test
UNIT_TESTS += $(O)/tests/$(1)
$(O)/tests/$(1): $(call objs,$(2)) $(filter %.a %.so,$(3))
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_CFLAGS) $$(LDFLAGS) -Wl,-rpath,'$$$$ORIGIN/../lib' -o $$@ $(call objs,$(2)) $(3) -lcmocka
-include $(patsubst %.o,%.d,$(call objs,$(2)))
endef

# $(call vm_test,NAME,SOURCES,LIBS): a plain program $(O)/tests/vm/NAME that
# tests/vm runs inside the guest; exit status 0 passed, 1 failed, 77 skipped.
define vm_test
VM_TESTS += $(O)/tests/vm/$(1)
$(O)/tests/vm/$(1): $(call objs,$(2)) $(filter %.a %.so,$(3))
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_CFLAGS) $$(LDFLAGS) -Wl,-rpath,'$$$$ORIGIN/../../lib' -o $$@ $(call objs,$(2)) $(3)
-include $(patsubst %.o,%.d,$(call objs,$(2)))
endef

include $(sort $(wildcard */build.mk tests/*/build.mk tests/*/*/build.mk))

$(O)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

all: $(ALL)

# The programs that the tests run, without running them.
.PHONY: tests
tests: all $(UNIT_TESTS) $(VM_TESTS)

.PHONY: clean
clean:
	rm -rf $(O)

.PHONY: print-unit-tests
print-unit-tests:
	@echo $(UNIT_TESTS)

.PHONY: print-vm-tests
print-vm-tests:
	@echo $(VM_TESTS)
