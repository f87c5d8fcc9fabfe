# SPDX-License-Identifier: MIT
# Copyright The npu authors

# libnpu.a, of which only the tests know, leaves the kernel out (ioctl.c), so
# that they can put a model of it there.
libnpu_core_src := $(addprefix libnpu/,buffer.c context.c device.c enumerate.c error.c graph.c \
	graph_check.c graph_elf.c graph_source.c job.c log.c model.c object.c profile.c queue.c \
	run.c stream.c submit.c timeline.c type.c va.c weights.c)
libnpu_src := $(libnpu_core_src) libnpu/ioctl.c
libnpu_libs := -ldrm -lsodium

$(O)/obj/libnpu/%.o: CPPFLAGS += -Iuapi -Ilibnpu $(shell pkg-config --cflags libdrm 2>/dev/null)
$(eval $(call archive,libnpu,$(libnpu_core_src)))

# The name in the file is libnpu.so.1; the linker looks for libnpu.so.
$(O)/lib/libnpu.so.1: $(call objs,$(libnpu_src)) libnpu/libnpu.map
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -shared -Wl,-soname,libnpu.so.1 \
		-Wl,--version-script=libnpu/libnpu.map -Wl,--no-undefined-version \
		-o $@ $(call objs,$(libnpu_src)) $(libnpu_libs)
$(O)/lib/libnpu.so: $(O)/lib/libnpu.so.1
	ln -sf libnpu.so.1 $@
-include $(patsubst %.o,%.d,$(call objs,libnpu/ioctl.c))

ALL += $(O)/lib/libnpu.so
INSTALL_LIB += $(O)/lib/libnpu.so.1 $(O)/lib/libnpu.so
INSTALL_HEADERS += libnpu/npu.h
INSTALL_PC += libnpu/libnpu.pc.in
$(eval $(call manual,libnpu,libnpu/npu.h))
