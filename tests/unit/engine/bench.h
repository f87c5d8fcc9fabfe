/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright The npu authors */
/*
 * What the engine's tests share: random tensors in one arena with layouts of
 * every kind, a program built of them, and element access that knows nothing
 * of the engine's own index arithmetic.
 */
#ifndef TESTS_ENGINE_BENCH_H
#define TESTS_ENGINE_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine.h"

#define ARENA_SIZE	(32u << 20)
#define BASES		6	/* base i is tensor i's own piece of the arena */

struct tensor {
	uint8_t type;
	unsigned int rank;
	uint32_t extent[NPU_RANK_MAX];
	int64_t stride[NPU_RANK_MAX];
	uint64_t offset;	/* bytes, of element 0 in its base */
	uint64_t count;
	uint8_t *data;		/* the base */
	uint64_t size;		/* of the base, bytes */
};

struct bench {
	uint32_t seed;
	_Alignas(64) uint8_t arena[ARENA_SIZE];
	uint64_t used;
	struct tensor tensors[BASES];
	unsigned int tensor_count;
	_Alignas(64) uint8_t program[65536];
	uint32_t program_size;
	struct engine_error error;
};

struct bench *bench_create(uint32_t seed);
uint32_t bench_random(struct bench *b, uint32_t bound);	/* 0 .. bound-1 */
float bench_real(struct bench *b, float low, float high);
/* Forgets tensors and program. */
void bench_begin(struct bench *b);

enum layout {
	LAYOUT_DENSE,
	LAYOUT_ANY,		/* permuted, padded, reversed */
	LAYOUT_BROADCAST,	/* and some dimensions of stride 0 */
};

/* A new tensor; its bytes are random, its elements fit its type. */
struct tensor *bench_tensor(struct bench *b, uint8_t type, unsigned int rank, const uint32_t *extent,
			    enum layout layout);
struct tensor *bench_none(struct bench *b);
unsigned int bench_type_size(uint8_t type);

double bench_get(const struct tensor *t, const uint32_t *at);
int64_t bench_get_integer(const struct tensor *t, const uint32_t *at);
void bench_set(struct tensor *t, const uint32_t *at, double value);
/* Next index in row-major order; false after the last. */
bool bench_next(const struct tensor *t, uint32_t *at);

/* One operation on all tensors made since bench_begin(), the first is Y. */
void bench_program(struct bench *b, uint16_t opcode, const void *attr, size_t attr_size,
		   uint8_t activation, uint32_t act_a, uint32_t act_b);
int bench_run(struct bench *b);

uint32_t float_bits(float f);
float bits_float(uint32_t bits);
double reference_activate(uint8_t activation, float a, float b, double x);
/* saturate(rint_even(r) + zero); r is rounded to fp32 first, as the card has it. */
int64_t reference_quantise(uint8_t type, double r, int64_t zero);
/* Fails the test when they differ by more than tolerance times scale. */
void expect_close(double got, double wanted, double scale, double tolerance, const char *what);

#endif /* TESTS_ENGINE_BENCH_H */
