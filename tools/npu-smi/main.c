// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* npu-smi: shows the cards of a machine and who uses them. */
#include <locale.h>

#include "program.h"
#include "smi.h"

int main(int argc, char **argv)
{
	static const struct smi_paths paths = {.sysfs = "/sys", .proc = "/proc"};

	program_start("npu-smi");
	setlocale(LC_CTYPE, "");
	return program_end(smi_run(argc, argv, &paths, sample_live, SAMPLE_DEADLINE_MS));
}
