// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bench *bench_create(uint32_t seed)
{
	struct bench *b = aligned_alloc(64, sizeof(*b));

	assert_non_null(b);
	memset(b, 0, sizeof(*b));
	b->seed = seed;
	return b;
}

uint32_t bench_random(struct bench *b, uint32_t bound)
{
	b->seed = b->seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(b->seed >> 8) * bound >> 24);
}

float bench_real(struct bench *b, float low, float high)
{
	return low + (high - low) * (float)bench_random(b, 1u << 20) / (float)(1u << 20);
}

void bench_begin(struct bench *b)
{
	b->used = 0;
	b->tensor_count = 0;
	b->program_size = 0;
}

unsigned int bench_type_size(uint8_t type)
{
	static const uint8_t sizes[NPU_TYPE_COUNT] = {
		[NPU_TYPE_F32] = 4, [NPU_TYPE_F16] = 2, [NPU_TYPE_BF16] = 2, [NPU_TYPE_I8] = 1,
		[NPU_TYPE_U8] = 1, [NPU_TYPE_I16] = 2, [NPU_TYPE_I32] = 4, [NPU_TYPE_I64] = 8,
		[NPU_TYPE_BOOL] = 1,
	};

	return sizes[type];
}

/* Strides in elements; every dimension gets room of its own, in random order. */
static uint64_t lay_out(struct bench *b, struct tensor *t, enum layout layout)
{
	unsigned int order[NPU_RANK_MAX] = { 0 };
	int64_t step = 1;
	uint64_t first = 0;

	for (unsigned int i = 0; i < t->rank; i++)
		order[i] = t->rank - 1 - i;
	for (unsigned int i = 0; layout != LAYOUT_DENSE && i < t->rank; i++) {
		const unsigned int other = bench_random(b, t->rank), swapped = order[i];

		order[i] = order[other];
		order[other] = swapped;
	}
	for (unsigned int i = 0; i < t->rank; i++) {
		const unsigned int d = order[i];

		if (layout == LAYOUT_BROADCAST && !bench_random(b, 3)) {
			t->stride[d] = 0;
			continue;
		}
		if (layout != LAYOUT_DENSE && !bench_random(b, 3))
			step += bench_random(b, 3);
		t->stride[d] = step;
		if (layout != LAYOUT_DENSE && !bench_random(b, 4)) {
			t->stride[d] = -step;
			first += (uint64_t)step * (t->extent[d] - 1);
		}
		step *= t->extent[d];
	}
	t->size = (uint64_t)step * bench_type_size(t->type);
	return first;
}

static void randomise(struct bench *b, struct tensor *t)
{
	for (uint64_t i = 0; i < t->size; i++)
		t->data[i] = (uint8_t)bench_random(b, 256);
	if (t->type == NPU_TYPE_F32) {
		for (uint64_t i = 0; i + 4 <= t->size; i += 4) {
			const float value = bench_real(b, -2.0f, 2.0f);

			memcpy(t->data + i, &value, 4);
		}
	}
	if (t->type == NPU_TYPE_I32) {
		for (uint64_t i = 0; i + 4 <= t->size; i += 4) {
			const int32_t value = (int32_t)bench_random(b, 20001) - 10000;

			memcpy(t->data + i, &value, 4);
		}
	}
}

struct tensor *bench_tensor(struct bench *b, uint8_t type, unsigned int rank, const uint32_t *extent,
			    enum layout layout)
{
	struct tensor *t = &b->tensors[b->tensor_count++];
	const uint64_t element = bench_type_size(type);
	/* Some elements before the first one, so that offsets are not 0. */
	const uint64_t margin = layout == LAYOUT_DENSE ? 0 : bench_random(b, 5) * element;
	uint64_t first;

	assert_true(b->tensor_count <= BASES);
	memset(t, 0, sizeof(*t));
	t->type = type;
	t->rank = rank;
	t->count = 1;
	for (unsigned int i = 0; i < rank; i++) {
		t->extent[i] = extent[i];
		t->count *= extent[i];
	}
	first = lay_out(b, t, layout);
	t->size += margin;
	t->offset = margin + first * element;
	t->data = b->arena + b->used;
	b->used += (t->size + 63) & ~63ull;
	assert_true(b->used <= ARENA_SIZE);
	randomise(b, t);
	return t;
}

struct tensor *bench_none(struct bench *b)
{
	struct tensor *t = &b->tensors[b->tensor_count++];

	memset(t, 0, sizeof(*t));
	return t;
}

static uint8_t *element(const struct tensor *t, const uint32_t *at)
{
	int64_t offset = (int64_t)t->offset;

	for (unsigned int i = 0; i < t->rank; i++)
		offset += (int64_t)at[i] * t->stride[i] * (int64_t)bench_type_size(t->type);
	assert_true(offset >= 0 && (uint64_t)offset + bench_type_size(t->type) <= t->size);
	return t->data + offset;
}

int64_t bench_get_integer(const struct tensor *t, const uint32_t *at)
{
	const uint8_t *from = element(t, at);
	int16_t i16;
	int32_t i32;
	int64_t i64;

	switch (t->type) {
	case NPU_TYPE_I8:
		return (int8_t)*from;
	case NPU_TYPE_U8:
	case NPU_TYPE_BOOL:
		return *from;
	case NPU_TYPE_F16:
	case NPU_TYPE_BF16:
	case NPU_TYPE_I16:
		memcpy(&i16, from, 2);
		return i16;
	case NPU_TYPE_F32:
	case NPU_TYPE_I32:
		memcpy(&i32, from, 4);
		return i32;
	}
	memcpy(&i64, from, 8);
	return i64;
}

double bench_get(const struct tensor *t, const uint32_t *at)
{
	float value;

	if (t->type != NPU_TYPE_F32)
		return (double)bench_get_integer(t, at);
	memcpy(&value, element(t, at), 4);
	return value;
}

void bench_set(struct tensor *t, const uint32_t *at, double value)
{
	const float f = (float)value;
	const int32_t i = (int32_t)value;

	if (t->type == NPU_TYPE_F32)
		memcpy(element(t, at), &f, 4);
	else
		memcpy(element(t, at), &i, bench_type_size(t->type));
}

bool bench_next(const struct tensor *t, uint32_t *at)
{
	for (unsigned int i = t->rank; i-- > 0;) {
		if (++at[i] < t->extent[i])
			return true;
		at[i] = 0;
	}
	return false;
}

void bench_program(struct bench *b, uint16_t opcode, const void *attr, size_t attr_size,
		   uint8_t activation, uint32_t act_a, uint32_t act_b)
{
	struct npu_program *header = (struct npu_program *)b->program;
	struct npu_op *op = (struct npu_op *)(header + 1);
	struct npu_tensor *tensors = (struct npu_tensor *)(op + 1);

	memset(b->program, 0, sizeof(b->program));
	b->program_size = (uint32_t)(sizeof(*header) + sizeof(*op) + b->tensor_count * sizeof(*tensors));
	*header = (struct npu_program){
		.magic = NPU_PROGRAM_MAGIC, .version = NPU_PROGRAM_VERSION, .header_size = 64,
		.size = b->program_size, .op_count = 1, .base_count = b->tensor_count,
	};
	*op = (struct npu_op){ .opcode = opcode, .tensor_count = (uint8_t)b->tensor_count,
			       .activation = activation, .act_a = act_a, .act_b = act_b };
	if (attr_size)
		memcpy(op->attr, attr, attr_size);
	for (unsigned int i = 0; i < b->tensor_count; i++) {
		const struct tensor *t = &b->tensors[i];

		if (t->type == NPU_TYPE_NONE)
			continue;
		tensors[i].type = t->type;
		tensors[i].rank = (uint8_t)t->rank;
		tensors[i].base = (uint16_t)i;
		tensors[i].offset = t->offset;
		for (unsigned int d = 0; d < t->rank; d++) {
			tensors[i].extent[d] = t->extent[d];
			tensors[i].stride[d] = (int32_t)t->stride[d];
		}
	}
}

int bench_run(struct bench *b)
{
	struct engine_base bases[BASES];

	for (unsigned int i = 0; i < b->tensor_count; i++)
		bases[i] = (struct engine_base){
			b->tensors[i].data, b->tensors[i].size,
			i ? NPU_BASE_READ : NPU_BASE_READ | NPU_BASE_WRITE,
		};
	return engine_run_native(b->program, b->program_size, bases, b->tensor_count, NULL, 0, &b->error);
}

uint32_t float_bits(float f)
{
	uint32_t bits;

	memcpy(&bits, &f, 4);
	return bits;
}

float bits_float(uint32_t bits)
{
	float f;

	memcpy(&f, &bits, 4);
	return f;
}

double reference_activate(uint8_t activation, float a, float b, double x)
{
	switch (activation) {
	case NPU_ACT_RELU:
		return x < 0 ? 0 : x;
	case NPU_ACT_CLIP:
		x = x < (double)a ? (double)a : x;
		return x > (double)b ? (double)b : x;
	case NPU_ACT_SIGMOID:
		return 1 / (1 + exp(-x));
	case NPU_ACT_TANH:
		return tanh(x);
	case NPU_ACT_LEAKY_RELU:
		return x < 0 ? x * (double)a : x;
	}
	return x;
}

int64_t reference_quantise(uint8_t type, double r, int64_t zero)
{
	const int64_t low = type == NPU_TYPE_U8 ? 0 : -128, high = type == NPU_TYPE_U8 ? 255 : 127;
	double whole, rounded = (double)(float)r;

	if (isnan(rounded))
		return zero < low ? low : zero > high ? high : zero;
	/* Half to even without the library's rounding mode. */
	whole = floor(rounded);
	if (rounded - whole > 0.5 || (rounded - whole == 0.5 && fmod(whole, 2) != 0))
		whole += 1;
	whole += (double)zero;
	return whole < (double)low ? low : whole > (double)high ? high : (int64_t)whole;
}

void expect_close(double got, double wanted, double scale, double tolerance, const char *what)
{
	if (isnan(got) && isnan(wanted))
		return;
	if (got == wanted || fabs(got - wanted) <= tolerance * (scale > 1e-30 ? scale : 1e-30))
		return;
	fail_msg("%s: %.9g, expected %.9g (scale %g)", what, got, wanted, scale);
}
