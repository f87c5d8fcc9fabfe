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

# V=1 shows the commands, without it their products.
ifneq ($(V),1)
.SILENT:
say = echo '  $(1)	$(2)'
else
say = true
endif
# As many at once as there are processors, for the targets that people type.
jobs = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))

ALL :=
UNIT_TESTS :=
THREAD_TESTS :=
VM_TESTS :=
INSTALL_BIN :=
INSTALL_MAN :=
INSTALL_LIB :=
INSTALL_HEADERS :=
INSTALL_PC :=
INSTALL_MAN3 :=
INSTALL_FIRMWARE :=

.PHONY: all
all:

objs = $(patsubst %.c,$(O)/obj/%.o,$(1))

# $(call program,NAME,SOURCES,LIBS): an executable $(O)/bin/NAME.
define program
$(O)/bin/$(1): $(call objs,$(2)) $(filter %.a %.so,$(3))
	@mkdir -p $$(@D)
	@$$(call say,LD,$$@)
	$$(CC) $$(ALL_CFLAGS) $$(LDFLAGS) -Wl,-rpath,'$$$$ORIGIN/../lib' -o $$@ $(call objs,$(2)) $(3)
-include $(patsubst %.o,%.d,$(call objs,$(2)))
endef

# $(call archive,NAME,SOURCES): an internal archive $(O)/lib/NAME.a.
define archive
$(O)/lib/$(1).a: $(call objs,$(2))
	@mkdir -p $$(@D)
	@$$(call say,AR,$$@)
	rm -f $$@ && $$(AR) rcs $$@ $(call objs,$(2))
-include $(patsubst %.o,%.d,$(call objs,$(2)))
endef

# $(call unit_test,NAME,SOURCES,LIBS): a cmocka program $(O)/tests/NAME.
define unit_test
UNIT_TESTS += $(O)/tests/$(1)
$(O)/tests/$(1): $(call objs,$(2)) $(filter %.a %.so,$(3))
	@mkdir -p $$(@D)
	@$$(call say,LD,$$@)
	$$(CC) $$(ALL_CFLAGS) $$(LDFLAGS) -Wl,-rpath,'$$$$ORIGIN/../lib' -o $$@ $(call objs,$(2)) $(3) -lcmocka
-include $(patsubst %.o,%.d,$(call objs,$(2)))
endef

# $(call vm_test,NAME,SOURCES,LIBS): a plain program $(O)/tests/vm/NAME that
# tests/vm runs inside the guest; exit status 0 passed, 1 failed, 77 skipped.
define vm_test
VM_TESTS += $(O)/tests/vm/$(1)
$(O)/tests/vm/$(1): $(call objs,$(2)) $(filter %.a %.so,$(3))
	@mkdir -p $$(@D)
	@$$(call say,LD,$$@)
	$$(CC) $$(ALL_CFLAGS) $$(LDFLAGS) -Wl,-rpath,'$$$$ORIGIN/../../lib' -o $$@ $(call objs,$(2)) $(3)
-include $(patsubst %.o,%.d,$(call objs,$(2)))
endef

# $(call manual,LIBRARY,HEADER): section 3 of the manual, $(O)/man3/LIBRARY/*.3.
define manual
$(O)/man3/$(1)/.made: $(2) docs/man3.awk packaging/version
	@$$(call say,MAN,$$(@D))
	rm -rf $$(@D) && mkdir -p $$(@D)
	awk -v library=$(1) -v header=$(notdir $(2)) -v version=$(VERSION) -v folder=$$(@D) \
		-f docs/man3.awk $(2)
	touch $$@
ALL += $(O)/man3/$(1)/.made
INSTALL_MAN3 += $(O)/man3/$(1)
endef

include $(sort $(wildcard */build.mk tests/*/build.mk tests/*/*/build.mk))

$(O)/obj/%.o: %.c
	@mkdir -p $(@D)
	@$(call say,CC,$@)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

all: $(ALL)

# The programs that the tests run, without running them.
.PHONY: tests
tests: all $(UNIT_TESTS) $(VM_TESTS)

# packaging/deps installs what is missing when it may, and names it otherwise.
.PHONY: deps-build deps-run deps-check
deps-build:
	@packaging/deps build
deps-run:
	@packaging/deps build run
deps-check:
	@packaging/deps build run check

# The sub-make sees the packages that were just installed.
.PHONY: run
run: deps-run
	@$(MAKE) --no-print-directory $(jobs) all demo
	@tests/vm/demo

.PHONY: check
check: deps-check
	@$(MAKE) --no-print-directory $(jobs) WERROR=1 tests
	@O=$(O) tests/check

# One stage alone: make check-lint, check-abi, check-unit, check-kernel, check-kunit, check-vm.
check-%: deps-check
	@$(MAKE) --no-print-directory $(jobs) WERROR=1 tests
	@O=$(O) tests/check $*

# Every kernel that the mirror has, from 6.12 on.
.PHONY: matrix
matrix: check-matrix

# Many tenants on one card, for an hour.
.PHONY: soak
soak: deps-check
	@$(MAKE) --no-print-directory $(jobs) WERROR=1 tests
	@O=$(O) SECONDS_OF_SOAK=$${SECONDS_OF_SOAK:-3600} tests/vm/cases/soak

# With the long campaign on the debug kernel, which no other target runs.
.PHONY: check-debug
check-debug: deps-check
	@$(MAKE) --no-print-directory $(jobs) WERROR=1 tests
	@O=$(O) tests/check debug faults

# The unit tests under the address and undefined-behaviour sanitizers; those
# with threads under ThreadSanitizer.
.PHONY: sanitize sanitize-thread
sanitize: deps-check
	@$(MAKE) --no-print-directory $(jobs) SAN=1 O=$(O)-asan WERROR=1 tests
	@O=$(O)-asan tests/check unit
	@$(MAKE) --no-print-directory sanitize-thread

sanitize-thread: deps-check
	@$(MAKE) --no-print-directory $(jobs) SAN=thread O=$(O)-tsan WERROR=1 threaded-tests
	@O=$(O)-tsan tests/unit/check $(THREAD_TESTS:$(O)/%=$(O)-tsan/%)

.PHONY: threaded-tests
threaded-tests: $(THREAD_TESTS)

# Lines and branches of the driver that its tests reach.
.PHONY: coverage
coverage: deps-check
	@$(MAKE) --no-print-directory $(jobs) WERROR=1 tests
	@O=$(O) tests/coverage/run

# Each guard of the driver taken out: does its test fail?
.PHONY: mutation
mutation: deps-check
	@O=$(O) tests/mutation/run

.PHONY: install install-module uninstall
install: all install-module
	$(INSTALL) -d $(DESTDIR)$(bindir) $(DESTDIR)$(libdir)/pkgconfig $(DESTDIR)$(includedir)/npu \
		$(DESTDIR)$(includedir)/drm $(DESTDIR)$(mandir)/man1 $(DESTDIR)$(mandir)/man3 \
		$(DESTDIR)$(firmwaredir) $(DESTDIR)$(udevdir)
	$(INSTALL) -m 755 $(INSTALL_BIN) $(DESTDIR)$(bindir)
	for f in $(INSTALL_LIB); do cp -P $$f $(DESTDIR)$(libdir)/; done
	for f in $(INSTALL_PC); do \
		sed 's|@prefix@|$(prefix)|; s|@libdir@|$(libdir)|; s|@includedir@|$(includedir)|; s|@VERSION@|$(VERSION)|g' \
			$$f > $(DESTDIR)$(libdir)/pkgconfig/$$(basename $$f .in) || exit 1; \
	done
	$(INSTALL) -m 644 $(INSTALL_HEADERS) $(DESTDIR)$(includedir)
	$(INSTALL) -m 644 uapi/npu/*.h $(DESTDIR)$(includedir)/npu
	$(INSTALL) -m 644 uapi/drm/npu_accel.h $(DESTDIR)$(includedir)/drm
	$(INSTALL) -m 644 $(INSTALL_MAN) $(DESTDIR)$(mandir)/man1
	$(INSTALL) -m 644 $(addsuffix /*.3,$(INSTALL_MAN3)) $(DESTDIR)$(mandir)/man3
	$(INSTALL) -m 644 $(INSTALL_FIRMWARE) $(DESTDIR)$(firmwaredir)
	$(INSTALL) -m 644 packaging/60-npu.rules $(DESTDIR)$(udevdir)
ifeq ($(DESTDIR),)
	ldconfig
	@echo 'The module: dkms install npu/$(VERSION) && modprobe npu'
	@echo 'Who may use the cards: usermod -aG render USER'
endif

# The module's sources, for DKMS to build: dkms install npu/$(VERSION).
install-module:
	rm -rf $(DESTDIR)$(dkmsdir)
	for f in $$(find kernel uapi -type f \( -name '*.[ch]' -o -name Kbuild -o -path 'kernel/compat/*' \) \
			! -name '*.mod.c' ! -path 'kernel/tests/*'); do \
		$(INSTALL) -D -m 644 $$f $(DESTDIR)$(dkmsdir)/$$f || exit 1; \
	done
	sed 's|@VERSION@|$(VERSION)|g' dkms.conf > $(DESTDIR)$(dkmsdir)/dkms.conf

uninstall: $(addsuffix /.made,$(INSTALL_MAN3))
	for f in $(addsuffix /*.3,$(INSTALL_MAN3)); do \
		rm -f $(DESTDIR)$(mandir)/man3/$$(basename $$f); \
	done
	rm -f $(addprefix $(DESTDIR)$(bindir)/,$(notdir $(INSTALL_BIN))) \
		$(addprefix $(DESTDIR)$(libdir)/,$(notdir $(INSTALL_LIB))) \
		$(addprefix $(DESTDIR)$(libdir)/pkgconfig/,$(notdir $(INSTALL_PC:.in=))) \
		$(addprefix $(DESTDIR)$(includedir)/,$(notdir $(INSTALL_HEADERS))) \
		$(DESTDIR)$(includedir)/drm/npu_accel.h \
		$(addprefix $(DESTDIR)$(mandir)/man1/,$(notdir $(INSTALL_MAN))) \
		$(addprefix $(DESTDIR)$(firmwaredir)/,$(notdir $(INSTALL_FIRMWARE))) \
		$(DESTDIR)$(udevdir)/60-npu.rules
	rm -rf $(DESTDIR)$(includedir)/npu $(DESTDIR)$(dkmsdir)
	rmdir --ignore-fail-on-non-empty $(DESTDIR)$(firmwaredir)
ifeq ($(DESTDIR),)
	ldconfig
endif

.PHONY: help
help:
	@echo 'make            everything but the kernel module, into build/'
	@echo 'make run        boot a VM with the card, load the driver, run real inference'
	@echo 'make check      all tests (check-lint, -abi, -unit, -kernel, -vm: one stage)'
	@echo 'make matrix     the module on every kernel that the mirror has, from 6.12 on: built and booted'
	@echo 'make soak       64 processes with 256 contexts on one card, for an hour (SECONDS_OF_SOAK=)'
	@echo 'make check-debug  the debug stage, then faults injected into the driver everywhere: an hour'
	@echo 'make sanitize   the unit tests under the address, undefined-behaviour and thread sanitizers'
	@echo 'make coverage   lines and branches of the driver that its tests reach: half an hour'
	@echo 'make mutation   each guard of the driver taken out: does its test fail? an hour'
	@echo 'make install    DESTDIR=, prefix=$(prefix); the module as DKMS source'
	@echo 'make uninstall  take it away again'
	@echo 'make clean      remove build/; the VM cache stays (tests/vm/run --help)'
	@echo 'Options: V=1 shows the commands; WERROR=1 warnings are errors; SAN=1 address and undefined-behaviour'
	@echo '         sanitizers, SAN=thread ThreadSanitizer (give each an O= of its own)'

.PHONY: clean
clean:
	rm -rf $(O)

.PHONY: print-unit-tests
print-unit-tests:
	@echo $(UNIT_TESTS)

.PHONY: print-vm-tests
print-vm-tests:
	@echo $(VM_TESTS)
