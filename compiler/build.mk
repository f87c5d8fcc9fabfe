# SPDX-License-Identifier: MIT
# Copyright The npu authors

npuc_src := $(addprefix compiler/,ir.c builder.c fold.c fuse.c quant.c lower.c plan.c weights.c \
	      container.c report.c compile.c onnx_model.c onnx_file.c onnx_tensor.c onnx_node.c \
	      onnx_operators.c onnx_math.c onnx_window.c onnx_layout.c onnx_quant.c)
npuc_gen := $(O)/gen/compiler/onnx.pb-c
npuc_libs := -lprotobuf-c -lsodium -lm

$(npuc_gen).c $(npuc_gen).h &: compiler/onnx.proto
	@mkdir -p $(@D)
	protoc --proto_path=compiler --c_out=$(O)/gen/compiler onnx.proto

$(O)/obj/compiler/%.o: CPPFLAGS += -Iuapi -I$(O)/gen/compiler
$(call objs,$(npuc_src)): | $(npuc_gen).h
# Generated code answers to its generator's rules, not to ours.
$(O)/obj/compiler/onnx.pb-c.o: $(npuc_gen).c
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -w -I$(O)/gen/compiler -c -o $@ $<

npuc_objs := $(call objs,$(npuc_src)) $(O)/obj/compiler/onnx.pb-c.o
$(O)/lib/libnpuc.so.1: $(npuc_objs) compiler/libnpuc.map
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -shared -Wl,-soname,libnpuc.so.1 \
		-Wl,--version-script=compiler/libnpuc.map -Wl,--no-undefined-version -Wl,-z,defs -o $@ $(npuc_objs) $(npuc_libs)
$(O)/lib/libnpuc.so: $(O)/lib/libnpuc.so.1
	ln -sf libnpuc.so.1 $@
-include $(patsubst %.o,%.d,$(call objs,$(npuc_src)))

ALL += $(O)/lib/libnpuc.so
INSTALL_LIB += $(O)/lib/libnpuc.so.1 $(O)/lib/libnpuc.so
INSTALL_HEADERS += compiler/npuc.h
INSTALL_PC += compiler/libnpuc.pc.in
$(eval $(call manual,libnpuc,compiler/npuc.h))

# The program npu-compile. This file is read before tools/build.mk, so the
# archive is named in full.
npu_compile_src := $(addprefix tools/npu-compile/,main.c options.c file.c report.c operators.c dump.c)
$(O)/obj/tools/npu-compile/%.o: CPPFLAGS += -Icompiler -Itools/common -Iuapi
$(eval $(call program,npu-compile,$(npu_compile_src),$(O)/lib/libtools-common.a $(O)/lib/libnpuc.so -ljson-c))
ALL += $(O)/bin/npu-compile
INSTALL_BIN += $(O)/bin/npu-compile
INSTALL_MAN += tools/npu-compile/npu-compile.1

# The digits models, compiled: what `make run` and the tests run.
digits_models := $(O)/models/digits-fp32.npu $(O)/models/digits-int8.npu
$(O)/models/%.npu: tests/models/%.onnx $(O)/bin/npu-compile
	@mkdir -p $(@D)
	$(O)/bin/npu-compile -o $@ $<
ALL += $(digits_models)
