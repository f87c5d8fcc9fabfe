// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/*
 * CONV: one to three spatial dimensions, as a matrix product over unfolded
 * windows: Y[m][p] = W[m][k] * columns[k][p], k over channels and window,
 * p over output positions. Fewer dimensions are treated as three with ones.
 */
#include "engine_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct geometry {
	uint32_t in[3], out[3], kernel[3];
	uint32_t stride[3], dilation[3], pad[3];
	int64_t x_stride[3], y_stride[3], w_stride[3];
	uint32_t batch, groups, channels, outputs;	/* the last two for each group */
	uint32_t positions;	/* product of out */
	uint32_t window;	/* channels * product of kernel */
};

static int check_types(struct operation *o)
{
	const struct view *y = &o->tensors[0], *x = &o->tensors[1], *w = &o->tensors[2];
	const struct view *bias = &o->tensors[3], *multiplier = &o->tensors[4];
	const struct npu_attr_conv *attr = o->attr;
	const uint32_t outputs = w->extent[0];

	if ((bias->type && (bias->rank != 1 || bias->extent[0] != outputs)) ||
	    (multiplier->type && multiplier->count != 1 &&
	     (multiplier->rank != 1 || multiplier->extent[0] != outputs)))
		return operand_error(o, "CONV's bias and multiplier must be one for each output channel");
	if (x->type == NPU_TYPE_F32) {
		if (w->type != NPU_TYPE_F32 || y->type != NPU_TYPE_F32 || multiplier->type ||
		    (bias->type && bias->type != NPU_TYPE_F32) || attr->x_zero || attr->w_zero ||
		    attr->y_zero)
			return operand_error(o, "CONV in fp32 needs fp32 everywhere");
		return 0;
	}
	if (!type_is_int8(x->type) || !type_is_int8(w->type) ||
	    (bias->type && bias->type != NPU_TYPE_I32) ||
	    (multiplier->type && multiplier->type != NPU_TYPE_F32))
		return operand_error(o, "CONV takes fp32, or int8 with an int32 bias");
	if (!(type_is_int8(y->type) || y->type == NPU_TYPE_I32 || y->type == NPU_TYPE_F32) ||
	    (y->type != NPU_TYPE_I32 && !multiplier->type))
		return operand_error(o, "CONV in int8 needs a multiplier to leave int32");
	if (abs(attr->x_zero) > 255 || abs(attr->w_zero) > 255 || abs(attr->y_zero) > 255)
		return operand_error(o, "CONV zero point out of range");
	return 0;
}

static int check_geometry(struct operation *o, struct geometry *g)
{
	const struct view *y = &o->tensors[0], *x = &o->tensors[1], *w = &o->tensors[2];
	const struct npu_attr_conv *attr = o->attr;
	const unsigned int spatial = y->rank - 2;

	memset(g, 0, sizeof(*g));
	if (y->rank < 3 || y->rank > 5 || x->rank != y->rank || w->rank != y->rank)
		return operand_error(o, "CONV needs operands of one rank, 3 to 5");
	g->groups = attr->groups;
	g->batch = x->extent[0];
	if (!g->groups || x->extent[1] % g->groups || w->extent[0] % g->groups ||
	    w->extent[1] != x->extent[1] / g->groups || y->extent[0] != x->extent[0] ||
	    y->extent[1] != w->extent[0])
		return operand_error(o, "CONV channels do not match: x %u, w %u x %u, y %u, groups %u",
				     x->extent[1], w->extent[0], w->extent[1], y->extent[1], g->groups);
	g->channels = w->extent[1];
	g->outputs = w->extent[0] / g->groups;
	g->positions = 1;
	g->window = g->channels;
	for (unsigned int i = 0; i < 3; i++) {
		const unsigned int dim = 2 + i;
		uint64_t reach, padded;

		if (i >= spatial) {
			if (attr->stride[i] || attr->dilation[i] || attr->pad_begin[i] ||
			    attr->pad_end[i])
				return operand_error(o, "CONV attributes behind the rank");
			g->in[i] = g->out[i] = g->kernel[i] = g->stride[i] = g->dilation[i] = 1;
			continue;
		}
		if (!attr->stride[i] || !attr->dilation[i])
			return operand_error(o, "CONV stride or dilation 0");
		g->in[i] = x->extent[dim];
		g->out[i] = y->extent[dim];
		g->kernel[i] = w->extent[dim];
		g->stride[i] = attr->stride[i];
		g->dilation[i] = attr->dilation[i];
		g->pad[i] = attr->pad_begin[i];
		g->x_stride[i] = x->stride[dim];
		g->y_stride[i] = y->stride[dim];
		g->w_stride[i] = w->stride[dim];
		reach = (uint64_t)(g->kernel[i] - 1) * g->dilation[i] + 1;
		padded = (uint64_t)g->in[i] + attr->pad_begin[i] + attr->pad_end[i];
		if (reach > padded || (padded - reach) / g->stride[i] + 1 != g->out[i])
			return operand_error(o, "CONV output extent %u does not follow from its input",
					     g->out[i]);
		g->positions *= g->out[i];
		g->window *= g->kernel[i];
	}
	return 0;
}

/* columns[k][p] of one image and group; pads are 0 after the zero point is off. */
static void unfold(const struct view *x, int64_t origin, int32_t zero, const struct geometry *g,
		   float *columns)
{
	for (uint32_t c = 0; c < g->channels; c++)
	for (uint32_t kd = 0; kd < g->kernel[0]; kd++)
	for (uint32_t kh = 0; kh < g->kernel[1]; kh++)
	for (uint32_t kw = 0; kw < g->kernel[2]; kw++)
	for (uint32_t d = 0; d < g->out[0]; d++)
	for (uint32_t h = 0; h < g->out[1]; h++)
	for (uint32_t w = 0; w < g->out[2]; w++) {
		const int64_t id = (int64_t)d * g->stride[0] + (int64_t)kd * g->dilation[0] - g->pad[0];
		const int64_t ih = (int64_t)h * g->stride[1] + (int64_t)kh * g->dilation[1] - g->pad[1];
		const int64_t iw = (int64_t)w * g->stride[2] + (int64_t)kw * g->dilation[2] - g->pad[2];
		const int64_t at = origin + c * x->stride[1] + id * g->x_stride[0] +
				   ih * g->x_stride[1] + iw * g->x_stride[2];

		if (id < 0 || ih < 0 || iw < 0 || id >= g->in[0] || ih >= g->in[1] || iw >= g->in[2])
			*columns++ = 0.0f;
		else if (x->type == NPU_TYPE_F32)
			*columns++ = ((const float *)x->data)[at];
		else
			*columns++ = (float)(load_int(x, at) - zero);
	}
}

static void pack_weights(const struct view *w, uint32_t first, int32_t zero,
			 const struct geometry *g, float *packed)
{
	for (uint32_t m = 0; m < g->outputs; m++)
	for (uint32_t c = 0; c < g->channels; c++)
	for (uint32_t kd = 0; kd < g->kernel[0]; kd++)
	for (uint32_t kh = 0; kh < g->kernel[1]; kh++)
	for (uint32_t kw = 0; kw < g->kernel[2]; kw++) {
		const int64_t at = (int64_t)(first + m) * w->stride[0] + c * w->stride[1] +
				   kd * g->w_stride[0] + kh * g->w_stride[1] + kw * g->w_stride[2];

		*packed++ = w->type == NPU_TYPE_F32 ? ((const float *)w->data)[at] :
						      (float)(load_int(w, at) - zero);
	}
}

static void store(struct operation *o, const struct geometry *g, uint32_t image, uint32_t first,
		  const float *real, const int32_t *acc)
{
	const struct view *y = &o->tensors[0], *bias = &o->tensors[3], *scale = &o->tensors[4];
	const struct npu_attr_conv *attr = o->attr;

	for (uint32_t m = 0; m < g->outputs; m++) {
		const uint32_t channel = first + m;
		const float multiplier = !scale->type ? 1.0f :
			((const float *)scale->data)[scale->count > 1 ? channel * scale->stride[0] : 0];
		size_t p = (size_t)m * g->positions;

		for (uint32_t d = 0; d < g->out[0]; d++)
		for (uint32_t h = 0; h < g->out[1]; h++)
		for (uint32_t w = 0; w < g->out[2]; w++, p++) {
			const int64_t to = image * y->stride[0] + channel * y->stride[1] +
					   d * g->y_stride[0] + h * g->y_stride[1] + w * g->y_stride[2];
			uint32_t sum;

			if (real) {
				const float b = bias->type ?
					((const float *)bias->data)[channel * bias->stride[0]] : 0.0f;

				((float *)y->data)[to] = activate(o->op, real[p] + b);
				continue;
			}
			sum = (uint32_t)acc[p];
			if (bias->type)
				sum += (uint32_t)load_int(bias, channel * bias->stride[0]);
			if (y->type == NPU_TYPE_I32)
				((int32_t *)y->data)[to] = (int32_t)sum;
			else if (y->type == NPU_TYPE_F32)
				((float *)y->data)[to] =
					activate(o->op, (float)(int32_t)sum * multiplier);
			else
				store_int8(y, to, requantise(o->op, y->type, (int32_t)sum,
							     multiplier, attr->y_zero));
		}
	}
}

int op_conv(struct operation *o)
{
	const struct view *x = &o->tensors[1], *w = &o->tensors[2];
	const struct npu_attr_conv *attr = o->attr;
	const bool real = x->type == NPU_TYPE_F32;
	float *columns = NULL, *weights = NULL, *c = NULL;
	int32_t *acc = NULL;
	struct geometry g;
	int ret;

	ret = check_geometry(o, &g);
	if (!ret)
		ret = check_types(o);
	if (ret)
		return ret;
	o->macs = o->tensors[0].count * g.window;
	ret = -ENOMEM;
	columns = malloc(sizeof(float) * g.window * g.positions);
	weights = malloc(sizeof(float) * g.outputs * g.window);
	if (real)
		c = malloc(sizeof(float) * g.outputs * g.positions);
	else
		acc = malloc(sizeof(*acc) * g.outputs * g.positions);
	if (!columns || !weights || (!c && !acc))
		goto out;
	for (uint32_t group = 0; group < g.groups; group++) {
		pack_weights(w, group * g.outputs, attr->w_zero, &g, weights);
		for (uint32_t image = 0; image < g.batch; image++) {
			unfold(x, image * x->stride[0] + group * g.channels * x->stride[1],
			       attr->x_zero, &g, columns);
			if (real) {
				gemm_float(g.outputs, g.positions, g.window, weights, g.window, false,
					   columns, g.positions, false, c);
			} else {
				memset(acc, 0, sizeof(*acc) * g.outputs * g.positions);
				ret = gemm_exact(g.outputs, g.positions, g.window, weights, columns,
						 int8_magnitude(w->type, attr->w_zero),
						 int8_magnitude(x->type, attr->x_zero), acc,
						 g.positions);
				if (ret)
					goto out;
			}
			store(o, &g, image, group * g.outputs, c, acc);
		}
	}
	ret = 0;
out:
	free(columns);
	free(weights);
	free(c);
	free(acc);
	return ret;
}
