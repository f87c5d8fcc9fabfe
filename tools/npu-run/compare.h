/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* Is a result what was expected? */
#ifndef NPU_RUN_COMPARE_H
#define NPU_RUN_COMPARE_H

#include "tensor.h"

struct tolerance {
	double relative; /* of the expected value's magnitude */
	double absolute;
};

/*
 * An element matches if |got - want| <= absolute + relative * |want|; equal
 * infinities and two NaNs match as well, and nothing else that is not finite.
 * Integers match if they are equal, whatever the tolerance.
 */
struct comparison {
	uint64_t count;
	uint64_t mismatches;
	uint64_t not_finite; /* mismatches in which one side is NaN or infinite */
	uint64_t first; /* index of the first mismatch, if there is one */
	double first_got, first_want;
	double max_absolute; /* over the finite pairs */
	double max_relative; /* likewise, where want != 0 */
};

/* Both of the same shape. */
void compare(const struct tensor *got, const struct tensor *want, const struct tolerance *tolerance,
	     struct comparison *result);

struct accuracy {
	uint64_t right;
	uint64_t count;
};

/*
 * How often the largest element along `output`'s last dimension stands where
 * `labels` says. The first of equal elements counts; NaN is never the largest.
 * -EINVAL with a reason if the labels do not fit.
 */
int accuracy(const struct tensor *output, const struct tensor *labels, struct accuracy *result,
	     struct npu_error *error);

#endif /* NPU_RUN_COMPARE_H */
