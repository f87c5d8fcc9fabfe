# SPDX-License-Identifier: MIT
# Copyright The npu authors

vm_programs := tests/vm/programs
vm_rig := $(addprefix $(vm_programs)/,tap.c rig.c)
vm_libnpu := $(O)/lib/libnpu.so
$(O)/obj/$(vm_programs)/%.o: CPPFLAGS += -Iuapi -Ilibnpu -Itests/unit/libnpu
$(eval $(call vm_test,libnpu_device,$(vm_programs)/libnpu_device.c $(vm_rig),$(vm_libnpu)))
$(eval $(call vm_test,libnpu_buffer,$(vm_programs)/libnpu_buffer.c $(vm_rig),$(vm_libnpu)))
$(eval $(call vm_test,libnpu_job,$(vm_programs)/libnpu_job.c $(vm_rig),$(vm_libnpu)))
