# SPDX-License-Identifier: MIT
# Copyright The npu authors

vm_programs := tests/vm/programs
vm_rig := $(addprefix $(vm_programs)/,tap.c rig.c)
vm_libnpu := $(O)/lib/libnpu.so
vm_builder := tests/unit/libnpu/graph_builder.c
$(O)/obj/$(vm_programs)/%.o: CPPFLAGS += -Iuapi -Ilibnpu -Itests/unit/libnpu
$(eval $(call vm_test,libnpu_device,$(vm_programs)/libnpu_device.c $(vm_rig),$(vm_libnpu)))
$(eval $(call vm_test,libnpu_buffer,$(vm_programs)/libnpu_buffer.c $(vm_rig),$(vm_libnpu)))
$(eval $(call vm_test,libnpu_job,$(vm_programs)/libnpu_job.c $(vm_rig),$(vm_libnpu)))
$(eval $(call vm_test,libnpu_fences,$(vm_programs)/libnpu_fences.c $(vm_rig),$(vm_libnpu)))
$(eval $(call vm_test,libnpu_profile,$(vm_programs)/libnpu_profile.c $(vm_programs)/digits.c $(vm_rig),$(vm_libnpu) -lm))
$(eval $(call vm_test,libnpu_sharing,$(vm_programs)/libnpu_sharing.c $(vm_programs)/digits.c $(vm_rig),$(vm_libnpu) -lm))
$(eval $(call vm_test,libnpu_events,$(vm_programs)/libnpu_events.c $(vm_rig),$(vm_libnpu)))
$(eval $(call vm_test,libnpu_duty,$(vm_programs)/libnpu_duty.c $(vm_programs)/digits.c $(vm_rig),$(vm_libnpu) -lm))
$(eval $(call vm_test,libnpu_model,$(vm_programs)/libnpu_model.c $(vm_programs)/digits.c $(vm_builder) $(vm_rig),$(vm_libnpu) -lsodium -lm))
$(eval $(call vm_test,libnpu_threads,$(vm_programs)/libnpu_threads.c $(vm_programs)/digits.c $(vm_rig),$(vm_libnpu) -lm))
$(eval $(call vm_test,example,$(vm_programs)/example.c $(vm_programs)/tap.c,))
$(eval $(call vm_test,libnpu_loss,$(vm_programs)/libnpu_loss.c $(vm_rig),$(vm_libnpu)))
