// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "compare.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

static bool close_enough(double got, double want, const struct tolerance *tolerance)
{
	if (isnan(got) || isnan(want))
		return isnan(got) && isnan(want);
	if (isinf(got) || isinf(want))
		return got == want;
	return fabs(got - want) <= tolerance->absolute + tolerance->relative * fabs(want);
}

static void note_mismatch(struct comparison *result, uint64_t index, double got, double want)
{
	if (!result->mismatches++) {
		result->first = index;
		result->first_got = got;
		result->first_want = want;
	}
	if (!isfinite(got) || !isfinite(want))
		result->not_finite++;
}

void compare(const struct tensor *got, const struct tensor *want, const struct tolerance *tolerance,
	     struct comparison *result)
{
	bool integer = tensor_type_is_integer(got->shape.type);

	memset(result, 0, sizeof(*result));
	result->count = got->count;
	for (uint64_t i = 0; i < got->count; i++) {
		double g = tensor_real(got, i), w = tensor_real(want, i);
		bool good = integer ? tensor_integer(got, i) == tensor_integer(want, i)
				    : close_enough(g, w, tolerance);

		if (isfinite(g) && isfinite(w)) {
			double difference = fabs(g - w);

			result->max_absolute = fmax(result->max_absolute, difference);
			if (w != 0)
				result->max_relative =
					fmax(result->max_relative, difference / fabs(w));
		}
		if (!good)
			note_mismatch(result, i, g, w);
	}
}

static uint64_t largest(const struct tensor *tensor, uint64_t start, uint64_t count)
{
	uint64_t best = 0;
	double top = -INFINITY;

	for (uint64_t i = 0; i < count; i++) {
		double value = tensor_real(tensor, start + i);

		if (value > top) {
			top = value;
			best = i;
		}
	}
	return best;
}

int accuracy(const struct tensor *output, const struct tensor *labels, struct accuracy *result,
	     struct npu_error *error)
{
	struct tensor_text a, b;
	uint64_t classes, rows;

	result->right = 0;
	if (!tensor_type_is_integer(labels->shape.type))
		return reason_set(error, -EINVAL, "labels are integers, the file has %s",
				  tensor_describe(&labels->shape, &a));
	classes = output->shape.rank ? output->shape.extent[output->shape.rank - 1] : 1;
	rows = output->count / classes;
	if (labels->count != rows)
		return reason_set(error, -EINVAL,
				  "the output %s has %" PRIu64 " rows to label, the file has %s",
				  tensor_describe(&output->shape, &a), rows,
				  tensor_describe(&labels->shape, &b));
	for (uint64_t i = 0; i < rows; i++) {
		int64_t label = tensor_integer(labels, i);

		if (label < 0 || (uint64_t)label >= classes)
			return reason_set(error, -EINVAL,
					  "label %" PRIu64 " is %" PRId64
					  "; the output has %" PRIu64 " classes",
					  i, label, classes);
		result->right += largest(output, i * classes, classes) == (uint64_t)label;
	}
	result->count = rows;
	return 0;
}
