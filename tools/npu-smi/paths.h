/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
#ifndef NPU_SMI_PATHS_H
#define NPU_SMI_PATHS_H

/* Where the kernel's file systems are: "/sys", "/proc", or a test's own. */
struct smi_paths {
	const char *sysfs;
	const char *proc;
	const char *modules; /* of the running kernel; NULL: where libkmod finds them */
};

#endif /* NPU_SMI_PATHS_H */
