# SPDX-License-Identifier: BSD-3-Clause
# Copyright The npu authors
#
# The image for the card's management core, and the same sources for the
# machine that the unit tests run on.

RV ?= riscv64-unknown-elf-
RV_CC := $(RV)gcc
RV_OBJCOPY := $(RV)objcopy
FIRMWARE_KEY ?= firmware/keys/development.key

# 8.8.16 from packaging/version.
fw_numbers := $(subst ., ,$(VERSION))
fw_version := $(shell echo $$(( $(word 1,$(fw_numbers)) << 24 | $(word 2,$(fw_numbers)) << 16 | $(word 3,$(fw_numbers)) )))
fw_security_version := 1
fw_build_id := npu-$(VERSION)
fw_defines := -DFIRMWARE_VERSION=$(fw_version)U -DFIRMWARE_SECURITY_VERSION=$(fw_security_version) \
	      -DFIRMWARE_BUILD_ID='"$(fw_build_id)"'

fw_common := firmware/admin.c firmware/context.c firmware/dma.c firmware/governor.c firmware/log.c \
	     firmware/main.c firmware/queue.c firmware/scheduler.c firmware/telemetry.c
fw_objs := $(patsubst %,$(O)/rv/%.o,$(fw_common) firmware/hal_rv32.c firmware/start.S)

# picolibc brings memcpy and memset; nothing else of it is used.
RV_CFLAGS := -march=rv32imac -mabi=ilp32 -mcmodel=medany -Os -g -std=gnu11 -ffreestanding \
	     -ffunction-sections -fdata-sections -fno-common --specs=picolibc.specs \
	     -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes $(if $(filter 1,$(WERROR)),-Werror)
RV_CPPFLAGS := -Ifirmware/include -Ikernel -Iuapi $(fw_defines)
RV_LDFLAGS := -nostartfiles -Wl,--gc-sections -Tfirmware/firmware.ld -Wl,--no-warn-rwx-segments

$(O)/rv/%.o: %
	@mkdir -p $(@D)
	$(RV_CC) $(RV_CPPFLAGS) $(RV_CFLAGS) -MMD -MP -c -o $@ $<
-include $(fw_objs:.o=.d)

$(O)/firmware/npu-fw.elf: $(fw_objs) firmware/firmware.ld
	@mkdir -p $(@D)
	$(RV_CC) $(RV_CFLAGS) $(RV_LDFLAGS) -o $@ $(fw_objs)

$(O)/firmware/npu-fw.bin: $(O)/firmware/npu-fw.elf $(O)/bin/npu-fw $(FIRMWARE_KEY)
	$(O)/bin/npu-fw pack --key $(FIRMWARE_KEY) --version $(VERSION) \
		--security-version $(fw_security_version) --build-id $(fw_build_id) -o $@ $<

$(O)/obj/firmware/%.o: CPPFLAGS += -Ikernel -Iuapi $(fw_defines)
$(eval $(call archive,libfirmware,$(fw_common)))

ALL += $(O)/firmware/npu-fw.bin
INSTALL_FIRMWARE += $(O)/firmware/npu-fw.bin
