// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Operators with a sliding window: convolutions and pools. */
#include <errno.h>
#include <string.h>

#include "onnx.h"

/* A list attribute of `count` numbers from `least` on; `otherwise` without it. */
static int window_list(struct onnx_node *node, const char *name, size_t count, int64_t least,
		       uint32_t otherwise, uint32_t *values)
{
	const int64_t *list;
	size_t length;

	for (size_t i = 0; i < count; i++)
		values[i] = otherwise;
	if (!onnx_ints(node, name, &list, &length))
		return 0;
	if (length != count)
		return ir_fail(node->graph, -EINVAL, "%s has %zu numbers; %zu are needed", name, length,
			       count);
	for (size_t i = 0; i < count; i++) {
		if (list[i] < least || list[i] > UINT32_MAX)
			return ir_fail(node->graph, list[i] < 0 && !least ? -ENOTSUP : -EINVAL,
				       "%s holds %lld; supported: %lld and more", name,
				       (long long)list[i], (long long)least);
		values[i] = (uint32_t)list[i];
	}
	return 0;
}

/*
 * Strides, dilations and pads for x; w->kernel is known. SAME pads so that
 * the output has ceil(input / stride), the odd one behind (UPPER) or before.
 */
static int window_attributes(struct onnx_node *node, const struct npuc_value *x,
			     struct npuc_window *w)
{
	const bool upper = onnx_is(node, "auto_pad", "SAME_UPPER", "NOTSET");
	const bool lower = onnx_is(node, "auto_pad", "SAME_LOWER", "NOTSET");
	const bool valid = onnx_is(node, "auto_pad", "VALID", "NOTSET");
	uint32_t pads[2 * NPU_SPATIAL_MAX];

	if (!upper && !lower && !valid && !onnx_is(node, "auto_pad", "NOTSET", "NOTSET"))
		return ir_fail(node->graph, -EINVAL,
			       "auto_pad must be NOTSET, VALID, SAME_UPPER or SAME_LOWER");
	if (window_list(node, "strides", w->spatial, 1, 1, w->stride) ||
	    window_list(node, "dilations", w->spatial, 1, 1, w->dilation) ||
	    window_list(node, "pads", 2 * w->spatial, 0, 0, pads))
		return node->graph->error;
	for (unsigned int i = 0; i < w->spatial; i++) {
		const uint64_t in = x->shape.extent[2 + i];
		const uint64_t out = (in + w->stride[i] - 1) / w->stride[i];
		const uint64_t reach = (uint64_t)(w->kernel[i] - 1) * w->dilation[i] + 1;
		const uint64_t need = (out - 1) * w->stride[i] + reach;
		const uint64_t total = need > in ? need - in : 0;

		w->pad_begin[i] = pads[i];
		w->pad_end[i] = pads[w->spatial + i];
		if ((upper || lower || valid) && (w->pad_begin[i] || w->pad_end[i]))
			return ir_fail(node->graph, -EINVAL, "both pads and auto_pad are given");
		if (!upper && !lower)
			continue;
		if (total > UINT32_MAX)
			return ir_fail(node->graph, -ENOTSUP, "auto_pad of %llu elements",
				       (unsigned long long)total);
		w->pad_begin[i] = (uint32_t)(upper ? total / 2 : total - total / 2);
		w->pad_end[i] = (uint32_t)(total - w->pad_begin[i]);
	}
	return 0;
}

static int spatial_of(struct onnx_node *node, const struct npuc_value *x, uint32_t *spatial)
{
	if (x->shape.rank < 3 || x->shape.rank > 2 + NPU_SPATIAL_MAX)
		return ir_fail(node->graph, -ENOTSUP,
			       "an input of rank %u; supported: 3 to %u (batch, channel, 1 to %u dimensions)",
			       x->shape.rank, 2 + NPU_SPATIAL_MAX, NPU_SPATIAL_MAX);
	*spatial = x->shape.rank - 2u;
	return 0;
}

struct npuc_value *onnx_import_conv(struct onnx_node *node)
{
	struct npuc_value *x = onnx_input(node, 0), *w = onnx_input(node, 1);
	struct npuc_value *bias = onnx_input(node, 2);
	const int64_t groups = onnx_int(node, "group", 1);
	struct npuc_window window = { 0 };

	if (!x || !w || node->graph->error || spatial_of(node, x, &window.spatial))
		return NULL;
	if (w->shape.rank != x->shape.rank) {
		ir_fail(node->graph, -EINVAL, "weights of rank %u for an input of rank %u",
			w->shape.rank, x->shape.rank);
		return NULL;
	}
	if (groups < 1 || groups > UINT16_MAX) {
		ir_fail(node->graph, -EINVAL, "group is %lld; supported: 1 to %u", (long long)groups,
			UINT16_MAX);
		return NULL;
	}
	if (window_list(node, "kernel_shape", window.spatial, 1, 0, window.kernel))
		return NULL;
	for (unsigned int i = 0; i < window.spatial; i++) {
		if (window.kernel[i] && window.kernel[i] != w->shape.extent[2 + i]) {
			ir_fail(node->graph, -EINVAL, "kernel_shape says %u where the weights have %u",
				window.kernel[i], w->shape.extent[2 + i]);
			return NULL;
		}
		window.kernel[i] = w->shape.extent[2 + i];
	}
	if (window_attributes(node, x, &window))
		return NULL;
	return npuc_conv(node->graph, x, w, bias, &window, (uint32_t)groups);
}

struct npuc_value *onnx_import_pool(struct onnx_node *node)
{
	struct npuc_value *x = onnx_input(node, 0);
	const bool same = onnx_is(node, "auto_pad", "SAME_UPPER", "NOTSET") ||
			  onnx_is(node, "auto_pad", "SAME_LOWER", "NOTSET");
	uint32_t kind = node->op->kind;
	struct npuc_window window = { 0 };

	if (!x || spatial_of(node, x, &window.spatial))
		return NULL;
	if (!onnx_has(node, "kernel_shape")) {
		ir_fail(node->graph, -EINVAL, "it has no kernel_shape");
		return NULL;
	}
	if (kind == NPU_POOL_AVERAGE && onnx_int(node, "count_include_pad", 0))
		kind = NPU_POOL_AVERAGE_PAD;
	if (window_list(node, "kernel_shape", window.spatial, 1, 0, window.kernel) ||
	    window_attributes(node, x, &window))
		return NULL;
	/* SAME has fixed the output's extent already. */
	return npuc_pool(node->graph, kind, x, &window, !same && onnx_int(node, "ceil_mode", 0));
}

struct npuc_value *onnx_import_global_pool(struct onnx_node *node)
{
	struct npuc_value *x = onnx_input(node, 0);
	struct npuc_window window = { 0 };

	if (!x || spatial_of(node, x, &window.spatial))
		return NULL;
	for (unsigned int i = 0; i < window.spatial; i++) {
		window.kernel[i] = x->shape.extent[2 + i];
		window.stride[i] = 1;
		window.dilation[i] = 1;
	}
	return npuc_pool(node->graph, node->op->kind, x, &window, 0);
}
