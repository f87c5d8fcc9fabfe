// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/*
 * Decodes and checks programs, maps their operands, runs their operations.
 *
 * The whole program is checked before the first operation runs, so a program
 * that is refused has changed nothing. Only what depends on memory (MMU
 * faults) can stop it later. All size arithmetic is done in 128 bits: extents
 * and strides come from strangers.
 */
#include "engine_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
};

static const struct opcode {
	int (*run)(struct operation *o);
	uint8_t tensors_min;
	uint8_t tensors_max;
	bool activation;
} opcodes[NPU_OP_COUNT] = {
	[NPU_OP_COPY] = { op_copy, 2, 2, false },
	[NPU_OP_FILL] = { op_fill, 1, 1, false },
	[NPU_OP_BINARY] = { op_binary, 3, 3, true },
	[NPU_OP_UNARY] = { op_unary, 2, 2, true },
	[NPU_OP_GEMM] = { op_gemm, 3, 5, true },
	[NPU_OP_CONV] = { op_conv, 3, 5, true },
	[NPU_OP_POOL] = { op_pool, 2, 2, false },
	[NPU_OP_SOFTMAX] = { op_softmax, 2, 2, false },
	[NPU_OP_REDUCE] = { op_reduce, 2, 2, false },
	[NPU_OP_QUANTISE] = { op_quantise, 3, 4, false },
	[NPU_OP_DEQUANTISE] = { op_dequantise, 3, 4, false },
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
	if (t->base >= d->memory->base_count)
		return fail(d->error, NPU_QUEUE_ERROR_OPERAND, op, where,
			    "base %u of a table of %u", t->base, d->memory->base_count);
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
			if (extent >= d->param_count)
				return fail(d->error, NPU_QUEUE_ERROR_OPERAND, op, where,
					    "parameter %llu of %u", (unsigned long long)extent,
					    d->param_count);
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
	    (o->activation && !opcodes[o->opcode].activation))
		return fail(d->error, NPU_QUEUE_ERROR_PROGRAM, index, *offset, "malformed operation");
	size = sizeof(*o) + o->tensor_count * sizeof(struct npu_tensor);
	if (d->size - *offset < size)
		return fail(d->error, NPU_QUEUE_ERROR_PROGRAM, index, *offset, "program is cut off");
	*op = o;
	*offset += size;
	return 0;
}

static int check_header(const struct decoder *d, const struct npu_program *header)
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
	return 0;
}

static const struct npu_tensor *tensors_of(const struct npu_op *op)
{
	return (const void *)(op + 1);
}

/* Maps the operands, runs the operation, unmaps. */
static int run_op(const struct decoder *d, const struct npu_op *op, uint32_t index, size_t where,
		  struct engine_work *work)
{
	struct operation o = { .op = op, .attr = op->attr, .tensor_count = op->tensor_count,
			       .error = d->error };
	struct engine_range ranges[NPU_OP_TENSORS_MAX];
	uint64_t bytes = 0;
	unsigned int mapped = 0;
	int ret = 0;

	d->error->op = index;
	d->error->where = where;
	if (!d->memory->op_begin(d->memory->context, index)) {
		fail(d->error, NPU_QUEUE_ERROR_KILLED, index, where, "cancelled");
		return -ECANCELED;
	}
	for (; mapped < op->tensor_count; mapped++) {
		const struct npu_tensor *t = &tensors_of(op)[mapped];
		struct placed p = { 0 };

		ranges[mapped].data = NULL;
		ret = place(d, t, index, where, mapped == 0, &o.tensors[mapped], &p);
		if (ret)
			break;
		if (t->type == NPU_TYPE_NONE)
			continue;
		ret = d->memory->map(d->memory->context, t->base, p.low, p.size, mapped == 0,
				     &ranges[mapped], d->error);
		if (ret)
			break;
		o.tensors[mapped].data = (uint8_t *)ranges[mapped].data + p.first;
		bytes += o.tensors[mapped].count * type_size(t->type);
	}
	if (!ret)
		ret = opcodes[op->opcode].run(&o);
	while (mapped--) {
		if (ranges[mapped].data)
			d->memory->unmap(d->memory->context, &ranges[mapped]);
	}
	d->memory->op_end(d->memory->context, index, o.macs, bytes);
	work->macs += o.macs;
	work->bytes += bytes;
	return ret;
}

int engine_run(const void *program, size_t size, const struct engine_memory *memory,
	       const uint64_t *params, uint32_t param_count, struct engine_work *work,
	       struct engine_error *error)
{
	struct decoder d = { program, size, memory, params, param_count, error };
	const struct npu_program *header = program;
	const struct npu_op *op;
	size_t offset = sizeof(*header);
	int ret;

	memset(error, 0, sizeof(*error));
	memset(work, 0, sizeof(*work));
	ret = check_header(&d, header);
	for (uint32_t i = 0; !ret && i < header->op_count; i++) {
		const size_t where = offset;

		ret = frame(&d, i, &offset, &op);
		for (unsigned int t = 0; !ret && t < op->tensor_count; t++) {
			struct view v;
			struct placed p;

			ret = place(&d, &tensors_of(op)[t], i, where, t == 0, &v, &p);
		}
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

static void native_unmap(void *context, struct engine_range *range)
{
}

static bool native_begin(void *context, uint32_t op)
{
	return true;
}

static void native_end(void *context, uint32_t op, uint64_t macs, uint64_t bytes)
{
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
	};
	struct engine_work work;

	return engine_run(program, size, &memory, params, param_count, &work, error);
}
