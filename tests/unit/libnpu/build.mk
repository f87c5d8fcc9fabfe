# SPDX-License-Identifier: MIT
# Copyright The npu authors

libnpu_test := tests/unit/libnpu
libnpu_fake := $(addprefix $(libnpu_test)/,fake_kernel.c fake_memory.c fake_sync.c)
libnpu_rig := $(libnpu_test)/rig.c $(libnpu_test)/graph_builder.c $(libnpu_fake)
libnpu_test_libs := $(O)/lib/libnpu.a -lsodium
$(O)/obj/$(libnpu_test)/%.o: CPPFLAGS += -Iuapi -Ilibnpu $(shell pkg-config --cflags libdrm 2>/dev/null)
$(eval $(call unit_test,libnpu-va,$(libnpu_test)/test_va.c,$(libnpu_test_libs)))
$(eval $(call unit_test,libnpu-graph,$(libnpu_test)/test_graph.c $(libnpu_test)/graph_builder.c,$(libnpu_test_libs)))
$(eval $(call unit_test,libnpu-enumerate,$(libnpu_test)/test_enumerate.c,$(libnpu_test_libs)))
$(eval $(call unit_test,libnpu-device,$(libnpu_test)/test_device.c $(libnpu_fake),$(libnpu_test_libs)))
$(eval $(call unit_test,libnpu-submit,$(libnpu_test)/test_submit.c $(libnpu_rig),$(libnpu_test_libs)))
$(eval $(call unit_test,libnpu-fences,$(libnpu_test)/test_fences.c $(libnpu_rig),$(libnpu_test_libs)))
$(eval $(call unit_test,libnpu-sharing,$(libnpu_test)/test_sharing.c $(libnpu_rig),$(libnpu_test_libs)))
$(eval $(call unit_test,libnpu-weights,$(libnpu_test)/test_weights.c $(libnpu_rig),$(libnpu_test_libs)))
$(eval $(call unit_test,libnpu-log,$(libnpu_test)/test_log.c $(libnpu_rig),$(libnpu_test_libs)))
$(eval $(call unit_test,libnpu-stream,$(libnpu_test)/test_stream.c $(libnpu_rig),$(libnpu_test_libs)))
$(eval $(call unit_test,libnpu-profile,$(libnpu_test)/test_profile.c $(libnpu_rig),$(libnpu_test_libs)))
$(eval $(call unit_test,libnpu-threads,$(libnpu_test)/test_threads.c $(libnpu_rig),$(libnpu_test_libs)))
# With the library's own ioctl.c, and libdrm, on an ioctl() of the test's.
$(eval $(call unit_test,libnpu-versions,$(libnpu_test)/test_versions.c libnpu/ioctl.c,$(libnpu_test_libs) -ldrm))

$(O)/obj/$(libnpu_test)/test_symbols.o: CPPFLAGS += -DLIBRARIES='"$(O)/lib/"'
$(eval $(call unit_test,libnpu-symbols,$(libnpu_test)/test_symbols.c,-ldl))
$(O)/tests/libnpu-symbols: $(O)/lib/libnpu.so.1 $(O)/lib/libnpuc.so.1

# What has threads, for ThreadSanitizer.
THREAD_TESTS += $(addprefix $(O)/tests/libnpu-,device submit fences profile sharing weights log stream threads)
