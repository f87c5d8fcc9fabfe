/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright The npu authors */
/* Reset and trap entry of the management core. */
#include <abi/npu_mgmt.h>

	.section .text.start, "ax"
	.globl _start
_start:
	.option push
	.option norelax
	la	gp, __global_pointer$
	.option pop
	la	sp, __stack_top
	.option arch, +zicsr
	la	t0, trap
	csrw	mtvec, t0
	/* The boot ROM has zeroed SRAM outside the image, so .bss is zero. */
	call	firmware_main
	li	a0, 0xff
	j	halt

	.align	2
trap:
	csrr	a0, mcause
halt:
	li	t0, NPU_MG_REGS_BASE + NPU_MG_HALT
	sw	a0, 0(t0)
1:	wfi
	j	1b
