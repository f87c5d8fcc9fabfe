// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* The supported operators as the table that docs/operators.md holds. */
#include <stdio.h>

#include "npu-compile.h"
#include "program.h"

int list_operators(void)
{
	const struct npuc_operator *op;

	puts("| operator | opsets | types | limits |\n|---|---|---|---|");
	for (size_t i = 0; (op = npuc_operator_at(i)); i++)
		printf("| %s | %u to %u | %s | %s |\n", op->name, op->opset_min, op->opset_max, op->types,
		       op->limits);
	return EXIT_GOOD;
}
