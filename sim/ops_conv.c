// SPDX-License-Identifier: GPL-2.0-only
// Copyright The npu authors
/*
 * CONV: one to three spatial dimensions, as a matrix product over unfolded
 * windows: Y[m][p] = W[m][k] * columns[k][p], k over channels and window,
 * p over output positions, for each image and group. Fewer dimensions are
 * treated as three with ones. Only a tile of the columns exists at a time.
 */
#include "engine_internal.h"

#include <string.h>

struct geometry {			/* [0] depth, [1] height, [2] width */
	uint32_t in[3], out[3], kernel[3];
	uint32_t stride[3], dilation[3], pad[3];
	int64_t x_stride[3], y_stride[3], w_stride[3];
	uint32_t batch, groups, channels, outputs;	/* the last two for each group */
	uint32_t positions;	/* product of out */
	uint32_t window;	/* channels * product of kernel */
};

struct conv {
	struct operation *o;
	struct geometry g;
	bool weights_dense;	/* rows of W are contiguous floats */
	bool pointwise;		/* columns[k][p] stands in x as it is */
	uint32_t image, group;
};

static int geometry(struct operation *o, struct geometry *g)
{
	const struct view *y = &o->tensors[0], *x = &o->tensors[1], *w = &o->tensors[2];
	const struct npu_attr_conv *attr = o->attr;
	unsigned int spatial;

	memset(g, 0, sizeof(*g));
	if (y->rank < 3 || y->rank > 5 || x->rank != y->rank || w->rank != y->rank)
		return operand_error(o, "CONV needs operands of one rank, 3 to 5");
	spatial = y->rank - 2;
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
	/* The spatial dimensions stand at the end, behind ones. */
	for (unsigned int i = 0; i < 3 - spatial; i++) {
		g->in[i] = g->out[i] = g->kernel[i] = g->stride[i] = g->dilation[i] = 1;
		if (attr->stride[2 - i] || attr->dilation[2 - i] || attr->pad_begin[2 - i] ||
		    attr->pad_end[2 - i])
			return operand_error(o, "CONV attributes behind the rank");
	}
	for (unsigned int s = 0; s < spatial; s++) {
		const unsigned int i = 3 - spatial + s, dim = 2 + s;
		uint64_t reach, padded;

		if (!attr->stride[s] || !attr->dilation[s])
			return operand_error(o, "CONV stride or dilation 0");
		g->in[i] = x->extent[dim];
		g->out[i] = y->extent[dim];
		g->kernel[i] = w->extent[dim];
		g->stride[i] = attr->stride[s];
		g->dilation[i] = attr->dilation[s];
		g->pad[i] = attr->pad_begin[s];
		g->x_stride[i] = x->stride[dim];
		g->y_stride[i] = y->stride[dim];
		g->w_stride[i] = w->stride[dim];
		reach = (uint64_t)(g->kernel[i] - 1) * g->dilation[i] + 1;
		padded = (uint64_t)g->in[i] + attr->pad_begin[s] + attr->pad_end[s];
		if (reach > padded || (padded - reach) / g->stride[i] + 1 != g->out[i])
			return operand_error(o, "CONV output extent %u does not follow from its input",
					     g->out[i]);
		/* Neither overflows: both are parts of a tensor's elements. */
		g->positions *= g->out[i];
		g->window *= g->kernel[i];
	}
	return 0;
}

int check_conv(struct operation *o)
{
	const struct view *y = &o->tensors[0], *w = &o->tensors[2];
	const struct view *bias = &o->tensors[3], *multiplier = &o->tensors[4];
	const struct npu_attr_conv *attr = o->attr;
	struct geometry g;
	int ret;

	ret = geometry(o, &g);
	if (!ret)
		ret = check_product_types(o, attr->x_zero, attr->w_zero, attr->y_zero);
	if (ret)
		return ret;
	if ((bias->type && (bias->rank != 1 || bias->extent[0] != w->extent[0])) ||
	    (multiplier->type && multiplier->count != 1 &&
	     (multiplier->rank != 1 || multiplier->extent[0] != w->extent[0])))
		return operand_error(o, "CONV's bias and multiplier must be one for each output channel");
	o->macs = y->count * g.window;
	return 0;
}

/* A place in the window: of k, in the order channel, depth, height, width. */
struct tap {
	uint32_t channel;
	uint32_t at[3];
};

static struct tap tap_of(const struct geometry *g, uint32_t k)
{
	struct tap tap;

	for (unsigned int i = 3; i-- > 0;) {
		tap.at[i] = k % g->kernel[i];
		k /= g->kernel[i];
	}
	tap.channel = k;
	return tap;
}

static void next_tap(const struct geometry *g, struct tap *tap)
{
	for (unsigned int i = 3; i-- > 0;) {
		if (++tap->at[i] < g->kernel[i])
			return;
		tap->at[i] = 0;
	}
	tap->channel++;
}

static void fetch_weights(void *context, uint32_t row, uint32_t rows, uint32_t column,
			  uint32_t columns, struct tile *tile)
{
	const struct conv *c = context;
	const struct geometry *g = &c->g;
	const struct view *w = &c->o->tensors[2];
	const struct npu_attr_conv *attr = c->o->attr;
	const int64_t origin = (int64_t)(c->group * g->outputs + row) * w->stride[0];
	float *to = tile->scratch;

	tile->transposed = false;
	if (c->weights_dense) {
		tile->data = (const float *)w->data + origin + column;
		tile->ld = rows == 1 ? columns : (unsigned int)w->stride[0];
		return;
	}
	tile->data = tile->scratch;
	tile->ld = columns;
	for (uint32_t m = 0; m < rows; m++) {
		struct tap tap = tap_of(g, column);

		for (uint32_t k = 0; k < columns; k++) {
			const int64_t at = origin + m * w->stride[0] + tap.channel * w->stride[1] +
					   tap.at[0] * g->w_stride[0] + tap.at[1] * g->w_stride[1] +
					   tap.at[2] * g->w_stride[2];

			load_row(w, at, 0, attr->w_zero, to++, 1);
			next_tap(g, &tap);
		}
	}
}

/* Output positions [w, w + count) of one line, for one tap; x is at input line
 * `line`. Pads are 0 once the zero point is off.
 */
static void unfold_line(const struct geometry *g, const struct view *x, int64_t line, int32_t zero,
			uint32_t tap, uint32_t w, uint32_t count, float *to)
{
	const int64_t step = g->stride[2];
	int64_t at = (int64_t)w * step + (int64_t)tap * g->dilation[2] - g->pad[2];
	uint32_t before = 0, inside = 0;

	if (at < 0)
		before = (uint64_t)((-at + step - 1) / step) < count ?
			 (uint32_t)((-at + step - 1) / step) : count;
	at += before * step;
	if (at < g->in[2]) {
		const uint64_t fit = (uint64_t)((g->in[2] - at + step - 1) / step);

		inside = fit < count - before ? (uint32_t)fit : count - before;
	}
	memset(to, 0, before * sizeof(*to));
	if (inside)
		load_row(x, line + at * g->x_stride[2], step * g->x_stride[2], zero, to + before, inside);
	memset(to + before + inside, 0, (count - before - inside) * sizeof(*to));
}

/* Positions [p, p + count) for one tap. */
static void unfold(const struct conv *c, const struct tap *tap, uint32_t p, uint32_t count, float *to)
{
	const struct geometry *g = &c->g;
	const struct view *x = &c->o->tensors[1];
	const struct npu_attr_conv *attr = c->o->attr;
	const int64_t origin = c->image * x->stride[0] +
			       (int64_t)(c->group * g->channels + tap->channel) * x->stride[1];

	while (count) {
		const uint32_t w = p % g->out[2];
		const uint32_t h = p / g->out[2] % g->out[1], d = p / g->out[2] / g->out[1];
		const uint32_t part = g->out[2] - w < count ? g->out[2] - w : count;
		const int64_t id = (int64_t)d * g->stride[0] + (int64_t)tap->at[0] * g->dilation[0] -
				   g->pad[0];
		const int64_t ih = (int64_t)h * g->stride[1] + (int64_t)tap->at[1] * g->dilation[1] -
				   g->pad[1];

		if (id < 0 || ih < 0 || id >= g->in[0] || ih >= g->in[1])
			memset(to, 0, part * sizeof(*to));
		else
			unfold_line(g, x, origin + id * g->x_stride[0] + ih * g->x_stride[1],
				    attr->x_zero, tap->at[2], w, part, to);
		p += part;
		to += part;
		count -= part;
	}
}

static void fetch_columns(void *context, uint32_t row, uint32_t rows, uint32_t column,
			  uint32_t columns, struct tile *tile)
{
	const struct conv *c = context;
	const struct view *x = &c->o->tensors[1];
	struct tap tap = tap_of(&c->g, row);

	tile->transposed = false;
	if (c->pointwise) {
		tile->data = (const float *)x->data + c->image * x->stride[0] +
			     (int64_t)(c->group * c->g.channels + row) * x->stride[1] + column;
		tile->ld = rows == 1 ? columns : (unsigned int)x->stride[1];
		return;
	}
	tile->data = tile->scratch;
	tile->ld = columns;
	for (uint32_t k = 0; k < rows; k++) {
		unfold(c, &tap, column, columns, tile->scratch + (size_t)k * columns);
		next_tap(&c->g, &tap);
	}
}

static void store(void *context, uint32_t row, uint32_t column, uint32_t columns, float *real,
		  const int32_t *acc)
{
	const struct conv *c = context;
	const struct geometry *g = &c->g;
	const struct view *y = &c->o->tensors[0], *bias = &c->o->tensors[3];
	const struct view *multiplier = &c->o->tensors[4];
	const struct npu_attr_conv *attr = c->o->attr;
	const uint32_t channel = c->group * g->outputs + row;
	const int64_t origin = c->image * y->stride[0] + channel * y->stride[1];
	const float *scale = multiplier->data;
	uint32_t sum[ROW_MAX];

	if (multiplier->count > 1)
		scale += channel * multiplier->stride[0];
	if (acc) {
		const uint32_t b = !bias->type ? 0 :
			(uint32_t)((const int32_t *)bias->data)[channel * bias->stride[0]];

		for (uint32_t i = 0; i < columns; i++)
			sum[i] = (uint32_t)acc[i] + b;
	} else {
		const float b = bias->type ? ((const float *)bias->data)[channel * bias->stride[0]] : 0.0f;

		for (uint32_t i = 0; bias->type && i < columns; i++)
			real[i] += b;
		activate(c->o->op, real, columns);
	}
	for (uint32_t done = 0; done < columns;) {
		const uint32_t p = column + done;
		const uint32_t w = p % g->out[2];
		const uint32_t h = p / g->out[2] % g->out[1], d = p / g->out[2] / g->out[1];
		const uint32_t left = columns - done;
		const uint32_t part = g->out[2] - w < left ? g->out[2] - w : left;
		const int64_t to = origin + d * g->y_stride[0] + h * g->y_stride[1] + w * g->y_stride[2];

		if (acc)
			store_accumulators(c->o, to, g->y_stride[2], sum + done, scale, 0, attr->y_zero,
					   part);
		else
			store_row(y, to, g->y_stride[2], 0, real + done, part);
		done += part;
	}
}

/* Whether the rows of W lie in memory as the product wants them. */
static bool dense_weights(const struct view *w, const struct geometry *g)
{
	int64_t expected = 1;

	for (unsigned int i = w->rank; i-- > 1;) {
		if (w->extent[i] > 1 && w->stride[i] != expected)
			return false;
		expected *= w->extent[i];
	}
	return w->type == NPU_TYPE_F32 && (g->outputs == 1 || w->stride[0] >= g->window);
}

/* Whether a window is one element, and the positions follow one another. */
static bool is_pointwise(const struct view *x, const struct geometry *g)
{
	int64_t expected = 1;

	for (unsigned int i = 3; i-- > 0;) {
		if (g->kernel[i] != 1 || g->stride[i] != 1 || g->pad[i] || g->in[i] != g->out[i])
			return false;
		if (g->in[i] > 1 && g->x_stride[i] != expected)
			return false;
		expected *= g->in[i];
	}
	return x->type == NPU_TYPE_F32 && (g->channels == 1 || x->stride[1] >= g->positions);
}

int run_conv(struct operation *o)
{
	const struct view *x = &o->tensors[1], *w = &o->tensors[2];
	const struct npu_attr_conv *attr = o->attr;
	struct conv c = { .o = o };
	struct product p = { .exact = x->type != NPU_TYPE_F32, .context = &c, .a = fetch_weights,
			     .b = fetch_columns, .store = store };
	int ret;

	ret = geometry(o, &c.g);
	if (ret)
		return ret;
	p.m = c.g.outputs;
	p.n = c.g.positions;
	p.k = c.g.window;
	c.weights_dense = dense_weights(w, &c.g);
	c.pointwise = is_pointwise(x, &c.g);
	if (p.exact) {
		p.a_max = int8_magnitude(w->type, attr->w_zero);
		p.b_max = int8_magnitude(x->type, attr->x_zero);
	}
	for (c.image = 0; c.image < c.g.batch && !ret; c.image++) {
		for (c.group = 0; c.group < c.g.groups && !ret; c.group++)
			ret = product_run(o, &p);
	}
	return ret;
}
