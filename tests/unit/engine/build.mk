# SPDX-License-Identifier: GPL-2.0-only
# Copyright The npu authors

engine_tests := tests/unit/engine
engine_libs = $(O)/lib/libsim-engine.a $(sim_libs)
$(O)/obj/tests/unit/engine/%.o: CPPFLAGS += -Ikernel -Iuapi -Isim $(openblas_cflags)
$(eval $(call unit_test,engine-elementwise,$(engine_tests)/test_elementwise.c $(engine_tests)/bench.c,$(engine_libs)))
$(eval $(call unit_test,engine-matrix,$(engine_tests)/test_matrix.c $(engine_tests)/bench.c,$(engine_libs)))
$(eval $(call unit_test,engine-window,$(engine_tests)/test_window.c $(engine_tests)/bench.c,$(engine_libs)))
$(eval $(call unit_test,engine-program,$(engine_tests)/test_program.c $(engine_tests)/bench.c,$(engine_libs)))
