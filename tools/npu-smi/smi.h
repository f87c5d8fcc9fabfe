/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* The program without its main(): what a command line does. */
#ifndef NPU_SMI_SMI_H
#define NPU_SMI_SMI_H

#include "paths.h"
#include "sample.h"

#define EXIT_NO_DEVICE 4
#define EXIT_DEAD_CARD 5

/* Runs a command line against the kernel's file systems at `paths`; the exit status. */
int smi_run(int argc, char **argv, const struct smi_paths *paths, sample_live_fn *live,
	    unsigned int deadline_ms);

#endif /* NPU_SMI_SMI_H */
