# SPDX-License-Identifier: GPL-2.0-only
# Copyright The npu authors

firmware_tests := tests/unit/firmware
$(O)/obj/tests/unit/firmware/%.o: CPPFLAGS += -Ikernel -Iuapi -Ifirmware $(fw_defines)
$(eval $(call unit_test,firmware-admin,$(firmware_tests)/test_admin.c $(firmware_tests)/model.c,$(O)/lib/libfirmware.a))
$(eval $(call unit_test,firmware-queues,$(firmware_tests)/test_queues.c $(firmware_tests)/model.c,$(O)/lib/libfirmware.a))
$(eval $(call unit_test,firmware-service,$(firmware_tests)/test_service.c $(firmware_tests)/model.c,$(O)/lib/libfirmware.a))
$(eval $(call unit_test,firmware-scheduler,$(firmware_tests)/test_scheduler.c $(firmware_tests)/model.c,$(O)/lib/libfirmware.a))
