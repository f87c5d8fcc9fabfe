# SPDX-License-Identifier: MIT
# Copyright The npu authors
#
# What `make run` shows: the two digits models, and the program that runs them.

$(O)/obj/tests/demo/%.o: CPPFLAGS += -Iuapi -Ilibnpu
$(eval $(call program,digits,tests/demo/digits.c tests/demo/npy.c,$(O)/lib/libnpu.so -lm))

$(O)/models/%.npu: tests/models/%.onnx $(O)/bin/npu-compile
	@mkdir -p $(@D)
	$(O)/bin/npu-compile -o $@ $<

demo_products := $(O)/bin/digits $(O)/models/digits-fp32.npu $(O)/models/digits-int8.npu
.PHONY: demo
demo: $(demo_products)
tests: $(demo_products)
