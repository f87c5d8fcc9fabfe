# SPDX-License-Identifier: MIT
# Copyright The npu authors
#
# The tests read compiled graphs with libnpu and run them on the card's
# arithmetic. Their models are made with the code that reads ONNX.

$(O)/obj/tests/unit/compiler/%.o: CPPFLAGS += -Icompiler -Ilibnpu -Isim -Iuapi \
	-I$(O)/gen/compiler -DBUILD='"$(O)"'
compiler_test_common := $(addprefix tests/unit/compiler/,model.c run.c)
$(eval $(call archive,libtest-compiler,$(compiler_test_common)))
$(call objs,$(compiler_test_common)): | $(O)/gen/compiler/onnx.pb-c.h
$(O)/lib/libtest-compiler.a: $(O)/obj/compiler/onnx.pb-c.o
compiler_test_libs := $(O)/lib/libtest-compiler.a $(O)/obj/compiler/onnx.pb-c.o $(O)/lib/libnpuc.so \
	$(O)/lib/libnpu.so $(O)/lib/libsim-engine.a $(openblas_libs) -lprotobuf-c -lm

# $(1): the program compiler-NAME of test_NAME.c
define compiler_test
$(eval $(call unit_test,compiler-$(1),tests/unit/compiler/test_$(1).c,$(compiler_test_libs)))
$(call objs,tests/unit/compiler/test_$(1).c): | $(O)/gen/compiler/onnx.pb-c.h
endef

$(foreach name,digits math window layout quant builder refusals hostile,$(eval $(call compiler_test,$(name))))

# The program npu-compile, with what the tools' tests run programs with.
$(O)/obj/tests/unit/compiler/test_tool.o: CPPFLAGS += -Itests/unit/tools
$(eval $(call unit_test,compiler-tool,tests/unit/compiler/test_tool.c tests/unit/tools/command.c,$(compiler_test_libs) -ljson-c))
$(O)/obj/tests/unit/compiler/test_tool.o: | $(O)/gen/compiler/onnx.pb-c.h
$(O)/tests/compiler-tool: $(O)/bin/npu-compile $(O)/bin/npu-run $(O)/models/digits-int8.npu
