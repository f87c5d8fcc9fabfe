/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* A number that may be unknown: it is shown as N/A or null, never as 0. */
#ifndef NPU_SMI_QUANTITY_H
#define NPU_SMI_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>

struct quantity {
	bool known;
	int64_t value;
};

static inline struct quantity quantity_of(int64_t value)
{
	return (struct quantity){true, value};
}

static inline struct quantity quantity_of_count(uint64_t value)
{
	return quantity_of(value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

#endif /* NPU_SMI_QUANTITY_H */
