// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/*
 * Decodes and checks programs, maps their operands, runs their operations.
 *
 * The whole program is checked before the first operation runs, so a program
 * that is refused has changed nothing. Only what depends on memory (MMU
 * faults, a kill) can stop it later. All size arithmetic is done in 128 bits:
 * extents and strides come from strangers.
 */
#include "engine_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_WORK	(1u << 16)	/* elements between two looks at who waits */

__extension__ typedef __int128 wide;

struct placed {			/* where a tensor lies in its base */
	uint64_t low;		/* first byte used */
	uint64_t size;		/* bytes up to the last one */
	uint64_t first;		/* byte of element 0, from low */
};

struct decoder {
	const uint8_t *program;
	size_t size;
	const struct engine_memory *memory;
	const uint64_t *params;
	uint32_t param_count;
	struct engine_error *error;
	uint32_t bases;		/* that the program says it uses */
	uint32_t used_params;
	void *scratch;
	size_t scratch_size;
};

/* An operation under way. */
struct run {
	struct decoder *decoder;
	struct operation operation;
	uint32_t index;
	struct placed places[NPU_OP_TENSORS_MAX];
	struct engine_range ranges[NPU_OP_TENSORS_MAX];
	bool mapped[NPU_OP_TENSORS_MAX];
};

static int check_fill(struct operation *o)
{
	return 0;
}

static const struct opcode {
	int (*check)(struct operation *o);
	int (*run)(struct operation *o);
	uint8_t tensors_min;
	uint8_t tensors_max;
	uint8_t attr_used;	/* bytes of attr that the opcode defines */
	bool activation;
} opcodes[NPU_OP_COUNT] = {
	[NPU_OP_COPY] = { check_copy, run_copy, 2, 2, 0, false },
	[NPU_OP_FILL] = { check_fill, run_fill, 1, 1, offsetof(struct npu_attr_fill, mbz), false },
	[NPU_OP_BINARY] = { check_binary, run_binary, 3, 3,
			    offsetof(struct npu_attr_elementwise, mbz0), true },
	[NPU_OP_UNARY] = { check_unary, run_unary, 2, 2,
			   offsetof(struct npu_attr_elementwise, mbz0), true },
	[NPU_OP_GEMM] = { check_gemm, run_gemm, 3, 5, offsetof(struct npu_attr_gemm, mbz), true },
	[NPU_OP_CONV] = { check_conv, run_conv, 3, 5, offsetof(struct npu_attr_conv, mbz), true },
	[NPU_OP_POOL] = { check_pool, run_pool, 2, 2, sizeof(struct npu_attr_pool), false },
	[NPU_OP_SOFTMAX] = { check_softmax, run_softmax, 2, 2,
			     offsetof(struct npu_attr_axis, mbz), false },
	[NPU_OP_REDUCE] = { check_reduce, run_reduce, 2, 2,
			    offsetof(struct npu_attr_reduce, mbz), false },
	[NPU_OP_QUANTISE] = { check_quantise, run_quantise, 3, 4, 0, false },
	[NPU_OP_DEQUANTISE] = { check_dequantise, run_dequantise, 3, 4, 0, false },
};

static int fail(struct engine_error *error, uint32_t code, uint32_t op, uint64_t where,
		const char *format, ...) __attribute__((format(printf, 5, 6)));

static int fail(struct engine_error *error, uint32_t code, uint32_t op, uint64_t where,
		const char *format, ...)
{
	va_list args;

	error->code = code;
	error->op = op;
	error->where = where;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return -EINVAL;
}

int operand_error(struct operation *o, const char *format, ...)
{
	va_list args;

	o->error->code = NPU_QUEUE_ERROR_OPERAND;
	va_start(args, format);
	vsnprintf(o->error->text, sizeof(o->error->text), format, args);
	va_end(args);
	return -EINVAL;
}

unsigned int type_size(uint8_t type)
{
	switch (type) {
	case NPU_TYPE_I8:
	case NPU_TYPE_U8:
	case NPU_TYPE_BOOL:
		return 1;
	case NPU_TYPE_F16:
	case NPU_TYPE_BF16:
	case NPU_TYPE_I16:
		return 2;
	case NPU_TYPE_F32:
	case NPU_TYPE_I32:
		return 4;
	case NPU_TYPE_I64:
		return 8;
	}
	return 0;
}

static bool all_zero(const void *data, size_t size)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < size; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

/* Resolves extents and finds the bytes that the tensor touches. */
static int place(const struct decoder *d, const struct npu_tensor *t, uint32_t op, uint64_t where,
		 bool output, struct view *v, struct placed *p)
{
	const unsigned int element = type_size(t->type);
	wide low = 0, high = 0;
	uint32_t flags;

	memset(v, 0, sizeof(*v));
	if (t->type == NPU_TYPE_NONE) {
		if (!all_zero(t, sizeof(*t)))
			return fail(d->error, NPU_QUEUE_ERROR_PROGRAM, op, where,
				    "a tensor that is left out is not zero");
		return 0;
	}
	if (t->type >= NPU_TYPE_COUNT || !element)
		return fail(d->error, NPU_QUEUE_ERROR_OPERAND, op, where,
			    "type %u is not one that this engine has", t->type);
	if (t->rank > NPU_RANK_MAX || t->mbz0 || t->mbz1 || t->dynamic >> t->rank)
		return fail(d->error, NPU_QUEUE_ERROR_PROGRAM, op, where, "malformed tensor");
	if (t->base >= d->bases)
		return fail(d->error, NPU_QUEUE_ERROR_OPERAND, op, where,
			    "base %u of %u", t->base, d->bases);
	if (t->offset % element)
		return fail(d->error, NPU_QUEUE_ERROR_OPERAND, op, where,
			    "offset %llu is not aligned to the element", (unsigned long long)t->offset);
	flags = d->memory->base_flags(d->memory->context, t->base);
	if (!(flags & (output ? NPU_BASE_WRITE : NPU_BASE_READ)))
		return fail(d->error, NPU_QUEUE_ERROR_OPERAND, op, where, "base %u is not %s", t->base,
			    output ? "writable" : "readable");

	v->type = t->type;
	v->rank = t->rank;
	v->count = 1;
	for (unsigned int i = 0; i < NPU_RANK_MAX; i++) {
		uint64_t extent = t->extent[i];
		wide reach;

		if (i >= t->rank) {
			if (t->extent[i] || t->stride[i])
				return fail(d->error, NPU_QUEUE_ERROR_PROGRAM, op, where,
					    "extents behind the rank are not zero");
			continue;
		}
		if (t->dynamic & 1u << i) {
			if (extent >= d->used_params)
				return fail(d->error, NPU_QUEUE_ERROR_OPERAND, op, where,
					    "parameter %llu of %u", (unsigned long long)extent,
					    d->used_params);
			extent = d->params[extent];
		}
		if (!extent || extent > INT32_MAX || v->count > INT32_MAX / extent)
			return fail(d->error, NPU_QUEUE_ERROR_OPERAND, op, where,
				    "extent %llu is out of range", (unsigned long long)extent);
		v->extent[i] = (uint32_t)extent;
		v->stride[i] = t->stride[i];
		v->count *= extent;
		reach = (wide)(extent - 1) * t->stride[i] * element;
		if (reach < 0)
			low += reach;
		else
			high += reach;
		if (output && !t->stride[i] && extent > 1)
			return fail(d->error, NPU_QUEUE_ERROR_OPERAND, op, where,
				    "an output cannot be broadcast");
	}
	low += t->offset;
	high += (wide)t->offset + element;
	if (low < 0 || high > (wide)d->memory->base_size(d->memory->context, t->base))
		return fail(d->error, NPU_QUEUE_ERROR_OPERAND, op, where,
			    "operand leaves base %u of %llu bytes", t->base,
			    (unsigned long long)d->memory->base_size(d->memory->context, t->base));
	p->low = (uint64_t)low;
	p->size = (uint64_t)(high - low);
	p->first = t->offset - p->low;
	return 0;
}

/* The operation at *offset, its framing checked; *offset moves behind it. */
static int frame(const struct decoder *d, uint32_t index, size_t *offset, const struct npu_op **op)
{
	const struct npu_op *o = (const void *)(d->program + *offset);
	size_t size;

	if (d->size - *offset < sizeof(*o))
		return fail(d->error, NPU_QUEUE_ERROR_PROGRAM, index, *offset, "program is cut off");
	if (o->opcode >= NPU_OP_COUNT || !opcodes[o->opcode].run)
		return fail(d->error, NPU_QUEUE_ERROR_PROGRAM, index, *offset, "unknown opcode %u",
			    o->opcode);
	if (o->tensor_count < opcodes[o->opcode].tensors_min ||
	    o->tensor_count > opcodes[o->opcode].tensors_max)
		return fail(d->error, NPU_QUEUE_ERROR_PROGRAM, index, *offset,
			    "opcode %u with %u tensors", o->opcode, o->tensor_count);
	if (o->mbz || !activation_valid(o) ||
	    (o->activation && !opcodes[o->opcode].activation) ||
	    !all_zero(o->attr + opcodes[o->opcode].attr_used,
		      sizeof(o->attr) - opcodes[o->opcode].attr_used))
		return fail(d->error, NPU_QUEUE_ERROR_PROGRAM, index, *offset, "malformed operation");
	size = sizeof(*o) + o->tensor_count * sizeof(struct npu_tensor);
	if (d->size - *offset < size)
		return fail(d->error, NPU_QUEUE_ERROR_PROGRAM, index, *offset, "program is cut off");
	*op = o;
	*offset += size;
	return 0;
}

static int check_header(struct decoder *d, const struct npu_program *header)
{
	if (d->size < sizeof(*header) || header->magic != NPU_PROGRAM_MAGIC)
		return fail(d->error, NPU_QUEUE_ERROR_PROGRAM, 0, 0, "not a program");
	if (header->version != NPU_PROGRAM_VERSION)
		return fail(d->error, NPU_QUEUE_ERROR_PROGRAM, 0, 4,
			    "program version %u, the card runs %u", header->version,
			    NPU_PROGRAM_VERSION);
	if (header->header_size != sizeof(*header) || header->size != d->size ||
	    !header->op_count || header->op_count > NPU_OPS_MAX || header->features ||
	    !all_zero(header->mbz, sizeof(header->mbz)))
		return fail(d->error, NPU_QUEUE_ERROR_PROGRAM, 0, 6, "malformed program header");
	if (header->base_count > d->memory->base_count || header->param_count > d->param_count)
		return fail(d->error, NPU_QUEUE_ERROR_PROGRAM, 0, 16,
			    "program needs %u bases and %u parameters, got %u and %u",
			    header->base_count, header->param_count, d->memory->base_count,
			    d->param_count);
	d->bases = header->base_count;
	d->used_params = header->param_count;
	return 0;
}

static const struct npu_tensor *tensors_of(const struct npu_op *op)
{
	return (const void *)(op + 1);
}

/* Places all tensors of an operation. */
static int prepare(struct run *run, struct decoder *d, const struct npu_op *op, uint32_t index,
		   size_t where)
{
	int ret = 0;

	*run = (struct run){
		.decoder = d, .index = index,
		.operation = { .op = op, .attr = op->attr, .tensor_count = op->tensor_count,
			       .error = d->error, .run = run },
	};
	d->error->op = index;
	d->error->where = where;
	for (unsigned int i = 0; i < op->tensor_count && !ret; i++) {
		const struct npu_tensor *t = &tensors_of(op)[i];

		if (t->type == NPU_TYPE_NONE && i < opcodes[op->opcode].tensors_min)
			return fail(d->error, NPU_QUEUE_ERROR_OPERAND, index, where,
				    "tensor %u of opcode %u cannot be left out", i, op->opcode);
		ret = place(d, t, index, where, i == 0, &run->operation.tensors[i], &run->places[i]);
	}
	return ret;
}

/* Unmaps what is mapped; the first error counts. */
static int unmap_all(struct run *run)
{
	const struct engine_memory *memory = run->decoder->memory;
	int ret = 0;

	for (unsigned int i = NPU_OP_TENSORS_MAX; i-- > 0;) {
		struct engine_error error = *run->decoder->error;
		int this;

		if (!run->mapped[i])
			continue;
		run->mapped[i] = false;
		run->operation.tensors[i].data = NULL;
		this = memory->unmap(memory->context, &run->ranges[i], &error);
		if (this && !ret) {
			ret = this;
			*run->decoder->error = error;
		}
	}
	return ret;
}

static int cancelled(struct run *run)
{
	fail(run->decoder->error, NPU_QUEUE_ERROR_KILLED, run->index, run->decoder->error->where,
	     "cancelled");
	return -ECANCELED;
}

static int try_map_all(struct run *run)
{
	const struct engine_memory *memory = run->decoder->memory;
	const struct npu_tensor *tensors = tensors_of(run->operation.op);

	for (unsigned int i = 0; i < run->operation.tensor_count; i++) {
		const struct placed *p = &run->places[i];
		int ret;

		if (tensors[i].type == NPU_TYPE_NONE)
			continue;
		ret = memory->map(memory->context, tensors[i].base, p->low, p->size, i == 0,
				  &run->ranges[i], run->decoder->error);
		if (ret)
			return ret;
		run->mapped[i] = true;
		run->operation.tensors[i].data = (uint8_t *)run->ranges[i].data + p->first;
	}
	return 0;
}

static int map_all(struct run *run)
{
	const struct engine_memory *memory = run->decoder->memory;
	int ret;

	while ((ret = try_map_all(run)) == -EAGAIN) {
		ret = unmap_all(run);
		if (ret)
			return ret;
		if (!memory->pause(memory->context))
			return cancelled(run);
	}
	return ret;
}

int op_tick(struct operation *o, uint64_t work)
{
	const struct engine_memory *memory = o->run->decoder->memory;
	int ret;

	o->work += work;
	if (o->work < TICK_WORK)
		return 0;
	o->work = 0;
	if (!memory->wanted(memory->context))
		return 0;
	ret = unmap_all(o->run);
	if (ret)
		return ret;
	if (!memory->pause(memory->context))
		return cancelled(o->run);
	return map_all(o->run);
}

void *op_scratch(struct operation *o, size_t size)
{
	struct decoder *d = o->run->decoder;

	if (size > d->scratch_size) {
		free(d->scratch);
		d->scratch_size = 0;
		d->scratch = aligned_alloc(64, (size + 63) & ~(size_t)63);
		if (!d->scratch) {
			fail(d->error, NPU_QUEUE_ERROR_OPERAND, o->run->index, d->error->where,
			     "the engine has no %zu bytes of scratch memory", size);
			return NULL;
		}
		d->scratch_size = size;
	}
	return d->scratch;
}

/* Maps the operands, runs the operation, unmaps. */
static int run_op(struct decoder *d, const struct npu_op *op, uint32_t index, size_t where,
		  struct engine_work *work)
{
	const struct engine_memory *memory = d->memory;
	struct run run;
	uint64_t bytes = 0;
	int ret, unmapped;

	ret = prepare(&run, d, op, index, where);
	if (!ret)
		ret = opcodes[op->opcode].check(&run.operation);
	if (ret)
		return ret;
	if (!memory->op_begin(memory->context, index))
		return cancelled(&run);
	ret = map_all(&run);
	if (!ret)
		ret = opcodes[op->opcode].run(&run.operation);
	unmapped = unmap_all(&run);
	if (!ret)
		ret = unmapped;
	for (unsigned int i = 0; i < op->tensor_count; i++)
		bytes += run.operation.tensors[i].count * type_size(run.operation.tensors[i].type);
	memory->op_end(memory->context, index, run.operation.macs, bytes);
	work->macs += run.operation.macs;
	work->bytes += bytes;
	return ret;
}

static int check_op(struct decoder *d, const struct npu_op *op, uint32_t index, size_t where)
{
	struct run run;
	int ret = prepare(&run, d, op, index, where);

	return ret ? ret : opcodes[op->opcode].check(&run.operation);
}

int engine_run(const void *program, size_t size, const struct engine_memory *memory,
	       const uint64_t *params, uint32_t param_count, struct engine_work *work,
	       struct engine_error *error)
{
	struct decoder d = { .program = program, .size = size, .memory = memory, .params = params,
			     .param_count = param_count, .error = error };
	const struct npu_program *header = program;
	const struct npu_op *op = NULL;
	size_t offset = sizeof(*header);
	int ret;

	memset(error, 0, sizeof(*error));
	memset(work, 0, sizeof(*work));
	ret = check_header(&d, header);
	for (uint32_t i = 0; !ret && i < header->op_count; i++) {
		const size_t where = offset;

		ret = frame(&d, i, &offset, &op);
		if (!ret)
			ret = check_op(&d, op, i, where);
	}
	if (!ret && offset != size)
		ret = fail(error, NPU_QUEUE_ERROR_PROGRAM, header->op_count, offset,
			   "bytes behind the last operation");

	offset = sizeof(*header);
	for (uint32_t i = 0; !ret && i < header->op_count; i++) {
		const size_t where = offset;

		ret = frame(&d, i, &offset, &op);
		if (!ret)
			ret = run_op(&d, op, i, where, work);
	}
	free(d.scratch);
	return ret;
}

struct native {
	const struct engine_base *bases;
};

static uint64_t native_size(void *context, uint32_t base)
{
	return ((struct native *)context)->bases[base].size;
}

static uint32_t native_flags(void *context, uint32_t base)
{
	return ((struct native *)context)->bases[base].flags;
}

static int native_map(void *context, uint32_t base, uint64_t offset, uint64_t size, bool write,
		      struct engine_range *range, struct engine_error *error)
{
	range->data = (uint8_t *)((struct native *)context)->bases[base].data + offset;
	return 0;
}

static int native_unmap(void *context, struct engine_range *range, struct engine_error *error)
{
	return 0;
}

static bool native_begin(void *context, uint32_t op)
{
	return true;
}

static void native_end(void *context, uint32_t op, uint64_t macs, uint64_t bytes)
{
}

static bool native_wanted(void *context)
{
	return false;
}

static bool native_pause(void *context)
{
	return true;
}

int engine_run_native(const void *program, size_t size, const struct engine_base *bases,
		      uint32_t base_count, const uint64_t *params, uint32_t param_count,
		      struct engine_error *error)
{
	struct native native = { bases };
	const struct engine_memory memory = {
		.context = &native, .base_count = base_count,
		.base_size = native_size, .base_flags = native_flags,
		.map = native_map, .unmap = native_unmap,
		.op_begin = native_begin, .op_end = native_end,
		.wanted = native_wanted, .pause = native_pause,
	};
	struct engine_work work;

	return engine_run(program, size, &memory, params, param_count, &work, error);
}
