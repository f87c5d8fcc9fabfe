// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Reads an ONNX model: versions, inputs, nodes in their order, outputs. */
#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "onnx.h"

/* A name of the model and what it stands for. */
struct onnx_name {
	const char *name;
	const Onnx__TensorProto *initialiser;	/* its value is made at the first use */
	struct npuc_value *value;	/* NULL: of an output that we do not compute */
	const char *giver;	/* operator of that output */
	unsigned int place;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct onnx_name *)a)->name, ((const struct onnx_name *)b)->name);
}

static struct onnx_name *find(struct onnx *onnx, const char *name)
{
	const struct onnx_name key = { .name = name };
	struct onnx_name **found = tfind(&key, &onnx->names, by_name);

	return found ? *found : NULL;
}

static struct onnx_name *define(struct onnx *onnx, const char *name, const char *what)
{
	struct onnx_name *n, **added;

	if (find(onnx, name)) {
		ir_fail(onnx->graph, -EINVAL, "%s '%.80s' has a name that is already used", what, name);
		return NULL;
	}
	n = ir_alloc(onnx->graph, 1, sizeof(*n));
	if (!n)
		return NULL;
	n->name = name;
	added = tsearch(n, &onnx->names, by_name);
	if (!added) {
		ir_fail(onnx->graph, -ENOMEM, "no memory for names");
		return NULL;
	}
	return n;
}

/* Why a name that nothing has defined so far is missing. */
static void explain_missing(struct onnx *onnx, const char *name)
{
	const Onnx__GraphProto *proto = onnx->proto;

	for (size_t i = 0; i < proto->n_node; i++) {
		for (size_t j = 0; j < proto->node[i]->n_output; j++) {
			if (strcmp(proto->node[i]->output[j], name))
				continue;
			ir_fail(onnx->graph, -EINVAL,
				"'%.80s' is read before node %zu gives it: nodes must be sorted and have no cycle",
				name, i);
			return;
		}
	}
	ir_fail(onnx->graph, -EINVAL, "'%.80s' is neither an input, nor a constant, nor any node's output",
		name);
}

struct npuc_value *onnx_lookup(struct onnx *onnx, const char *name)
{
	struct onnx_name *n = find(onnx, name);

	if (!n) {
		explain_missing(onnx, name);
		return NULL;
	}
	if (!n->value && n->initialiser)
		n->value = onnx_constant(onnx, n->initialiser);
	else if (!n->value)
		ir_fail(onnx->graph, -ENOTSUP,
			"'%.80s' is output %u of a %s, which the compiler does not compute", name,
			n->place, n->giver);
	return n->value;
}

/* ---- versions ---- */

static int check_version(struct onnx *onnx, const Onnx__ModelProto *model)
{
	struct npuc_graph *graph = onnx->graph;

	if (!model->has_ir_version || !model->graph)
		return ir_fail(graph, -EINVAL, "not an ONNX model: it has no %s",
			       model->graph ? "version" : "graph");
	if (model->ir_version < 3)
		return ir_fail(graph, -ENOTSUP,
			       "the model has IR version %lld; supported: 3 and later; export it again with a newer exporter",
			       (long long)model->ir_version);
	for (size_t i = 0; i < model->n_opset_import; i++) {
		const Onnx__OperatorSetIdProto *opset = model->opset_import[i];
		const char *domain = opset->domain ? opset->domain : "";

		if (!domain[0] || !strcmp(domain, "ai.onnx"))
			onnx->opset = opset->version;
	}
	if (!onnx->opset)
		return ir_fail(graph, -EINVAL, "the model imports no version of the ONNX operators");
	if (onnx->opset < ONNX_OPSET_MIN || onnx->opset > ONNX_OPSET_MAX)
		return ir_fail(graph, -ENOTSUP,
			       "the model uses opset %lld; supported: %d to %d; convert it with onnx.version_converter, or export it with another opset",
			       (long long)onnx->opset, ONNX_OPSET_MIN, ONNX_OPSET_MAX);
	if (model->graph->n_sparse_initializer)
		return ir_fail(graph, -ENOTSUP, "the model has sparse constants; supported: dense ones");
	return 0;
}

/* ---- operators ---- */

static void node_place(struct onnx *onnx, size_t index)
{
	const Onnx__NodeProto *proto = onnx->proto->node[index];
	const char *op = proto->op_type ? proto->op_type : "";
	char unnamed[64];

	snprintf(unnamed, sizeof(unnamed), "%.40s_%zu", op, index);
	if (proto->name && proto->name[0])
		ir_place(onnx->graph, proto->name, "node %zu '%.80s' (%.40s): ", index, proto->name,
			 op);
	else
		ir_place(onnx->graph, unnamed, "node %zu (%.40s): ", index, op);
}

static const struct onnx_operator *operator_of(const Onnx__NodeProto *proto)
{
	const char *domain = proto->domain ? proto->domain : "";

	if (domain[0] && strcmp(domain, "ai.onnx"))
		return NULL;
	return onnx_operator_find(proto->op_type ? proto->op_type : "");
}

/* Appends ", WORD" to a list; false if it is full. */
static bool add_word(char *list, size_t size, const char *word)
{
	const size_t length = strlen(list);

	return snprintf(list + length, size - length, "%s%.40s", length ? ", " : "", word) <
	       (int)(size - length);
}

/*
 * Names the first node whose operator is unknown, says how many more there
 * are, and what is supported: one run shows the whole distance.
 */
static int check_operators(struct onnx *onnx)
{
	const Onnx__GraphProto *proto = onnx->proto;
	char others[256] = "", rest[320] = "", supported[1024] = "";
	const Onnx__NodeProto *first = NULL;
	size_t at = 0, more = 0;

	for (size_t i = 0; i < proto->n_node; i++) {
		const char *op = proto->node[i]->op_type ? proto->node[i]->op_type : "";

		if (operator_of(proto->node[i]))
			continue;
		if (!first) {
			first = proto->node[i];
			at = i;
			continue;
		}
		more++;
		if (strcmp(op, first->op_type ? first->op_type : "") && !strstr(others, op) &&
		    !add_word(others, sizeof(others), op))
			strcpy(others + sizeof(others) - 4, "...");
	}
	if (!first)
		return 0;
	for (size_t i = 0; npuc_operator_at(i); i++)
		add_word(supported, sizeof(supported), npuc_operator_at(i)->name);
	if (more)
		snprintf(rest, sizeof(rest), ", nor %s %zu later node%s%s%s%s", more > 1 ? "are" : "is",
			 more, more > 1 ? "s" : "", others[0] ? " (" : "", others,
			 others[0] ? ")" : "");
	node_place(onnx, at);
	return ir_fail(onnx->graph, -ENOTSUP,
		       "operator %.80s%s%.80s is not supported%s; supported: %s",
		       first->domain ? first->domain : "",
		       first->domain && first->domain[0] ? "." : "",
		       first->op_type ? first->op_type : "", rest, supported);
}

static int import_node(struct onnx *onnx, size_t index)
{
	struct onnx_node node = { .onnx = onnx, .graph = onnx->graph, .index = index,
				  .proto = onnx->proto->node[index], .opset = onnx->opset };
	struct npuc_value *value;
	int ret;

	node_place(onnx, index);
	node.op = operator_of(node.proto);
	if (onnx->opset < node.op->about.opset_min)
		return ir_fail(onnx->graph, -EINVAL, "opset %lld has no such operator; it came with %u",
			       (long long)onnx->opset, node.op->about.opset_min);
	ret = onnx_check_node(&node);
	if (ret)
		return ret;
	value = node.op->import(&node);
	if (!value)
		return onnx->graph->error ? onnx->graph->error :
		       ir_fail(onnx->graph, -EINVAL, "a needed input is left out");
	for (size_t i = 0; i < node.proto->n_output; i++) {
		const char *name = node.proto->output[i];
		struct onnx_name *n;

		if (!name[0])
			continue;
		n = define(onnx, name, "output");
		if (!n)
			return onnx->graph->error;
		n->giver = node.op->about.name;
		n->place = (unsigned int)i;
		if (i)
			continue;
		n->value = value;
		if (!value->name)
			value->name = ir_strdup(onnx->graph, name);
	}
	return onnx->graph->error;
}

/* ---- inputs and outputs ---- */

static const Onnx__TypeProto__Tensor *tensor_type(struct onnx *onnx,
						  const Onnx__ValueInfoProto *info, const char *what)
{
	const char *name = info->name ? info->name : "";

	if (info->type && info->type->tensor_type)
		return info->type->tensor_type;
	ir_fail(onnx->graph, info->type ? -ENOTSUP : -EINVAL, "%s '%.80s' %s", what, name,
		info->type ? "is not a tensor; supported: tensors" : "has no type");
	return NULL;
}

static const struct npuc_shape *given_shape(const struct onnx *onnx, const char *name)
{
	for (size_t i = 0; i < onnx->options.shape_count; i++) {
		if (!strcmp(onnx->options.shapes[i].name, name))
			return &onnx->options.shapes[i];
	}
	return NULL;
}

/* Extent of a dimension that the model leaves open; 0 if nobody gave one. */
static uint32_t given_extent(const struct onnx *onnx, const Onnx__TensorShapeProto__Dimension *dim,
			     size_t index)
{
	for (size_t i = 0; dim->dim_param && i < onnx->options.dim_count; i++) {
		if (!strcmp(onnx->options.dims[i].name, dim->dim_param))
			return onnx->options.dims[i].extent;
	}
	return index ? 0 : onnx->options.batch;
}

static int dynamic_dimension(struct onnx *onnx, const char *name,
			     const Onnx__TensorShapeProto *shape, size_t index)
{
	const char *symbol = shape->dim[index]->dim_param;
	char example[128] = "", otherwise[128] = "";

	if (symbol && symbol[0])
		snprintf(otherwise, sizeof(otherwise), " or --dim '%.80s=1'", symbol);
	for (size_t i = 0; i < shape->n_dim; i++) {
		const int64_t value = shape->dim[i]->has_dim_value ? shape->dim[i]->dim_value : 1;
		const size_t length = strlen(example);

		snprintf(example + length, sizeof(example) - length, "%s%lld", i ? "," : "",
			 (long long)value);
	}
	return ir_fail(onnx->graph, -ENOTSUP,
		       "input '%.80s' has a dynamic shape: dimension %zu%s%.80s%s has no fixed extent; give it one with --shape '%.80s=%s'%s%s",
		       name, index, symbol && symbol[0] ? " ('" : "", symbol ? symbol : "",
		       symbol && symbol[0] ? "')" : "", name, example,
		       otherwise, index ? "" : " or --batch 1");
}

static int input_shape(struct onnx *onnx, const char *name, const Onnx__TypeProto__Tensor *type,
		       struct shape *shape)
{
	const struct npuc_shape *given = given_shape(onnx, name);
	const Onnx__TensorShapeProto *proto = type->shape;

	if (!proto && !given)
		return ir_fail(onnx->graph, -ENOTSUP,
			       "input '%.80s' has no shape; give it one with --shape '%.80s=1,...'",
			       name, name);
	if (given && proto && given->rank != proto->n_dim)
		return ir_fail(onnx->graph, -EINVAL,
			       "input '%.80s' has %zu dimensions, the shape given for it %u", name,
			       proto->n_dim, given->rank);
	if (!given && proto->n_dim > NPU_RANK_MAX)
		return ir_fail(onnx->graph, -ENOTSUP, "input '%.80s' has rank %zu; the card has at most %u",
			       name, proto->n_dim, NPU_RANK_MAX);
	shape->rank = (uint8_t)(given ? given->rank : proto->n_dim);
	for (size_t i = 0; i < shape->rank; i++) {
		const Onnx__TensorShapeProto__Dimension *dim = proto ? proto->dim[i] : NULL;
		int64_t extent;

		if (dim && dim->has_dim_value && dim->dim_value >= 0) {
			extent = dim->dim_value;
			if (given && given->extent[i] != extent)
				return ir_fail(onnx->graph, -EINVAL,
					       "input '%.80s': dimension %zu is %lld in the model, and cannot be made %u",
					       name, i, (long long)extent, given->extent[i]);
		} else if (dim && dim->has_dim_value && dim->dim_value != -1) {
			return ir_fail(onnx->graph, -EINVAL, "input '%.80s': dimension %zu is %lld", name,
				       i, (long long)dim->dim_value);
		} else {
			extent = given ? given->extent[i] : given_extent(onnx, dim, i);
			if (!extent)
				return dynamic_dimension(onnx, name, proto, i);
		}
		if (extent < 1 || extent > INT32_MAX)
			return ir_fail(onnx->graph, -EINVAL, "input '%.80s': dimension %zu is %lld", name,
				       i, (long long)extent);
		shape->extent[i] = (uint32_t)extent;
	}
	return 0;
}

static int import_input(struct onnx *onnx, const Onnx__ValueInfoProto *info)
{
	const char *name = info->name ? info->name : "";
	const Onnx__TypeProto__Tensor *type;
	struct shape shape = { 0 };
	struct onnx_name *n;
	int ret;

	n = find(onnx, name);
	/* Up to IR version 3 every constant is an input too. */
	if (n && n->initialiser)
		return 0;
	type = tensor_type(onnx, info, "input");
	if (!type)
		return onnx->graph->error;
	shape.type = onnx_type_of(type->elem_type);
	if (shape.type == NPU_TYPE_NONE)
		return ir_fail(onnx->graph, -ENOTSUP,
			       "input '%.80s' has type %s; supported: float, float16, bfloat16, int8, uint8, int16, int32, int64, bool",
			       name, onnx_type_name(type->elem_type));
	ret = input_shape(onnx, name, type, &shape);
	if (ret)
		return ret;
	n = define(onnx, name, "input");
	if (!n)
		return onnx->graph->error;
	n->value = npuc_input(onnx->graph, name, shape.type, shape.rank, shape.extent);
	return onnx->graph->error;
}

static int import_output(struct onnx *onnx, const Onnx__ValueInfoProto *info)
{
	const char *name = info->name ? info->name : "";
	const Onnx__TypeProto__Tensor *type = tensor_type(onnx, info, "output");
	const struct npuc_value *v;
	char text[SHAPE_TEXT];

	v = type ? onnx_lookup(onnx, name) : NULL;
	if (!v)
		return onnx->graph->error;
	if (onnx_type_of(type->elem_type) != v->shape.type)
		return ir_fail(onnx->graph, -EINVAL, "output '%.80s' is declared as %s, but computed as %s",
			       name, onnx_type_name(type->elem_type), type_name(v->shape.type));
	for (size_t i = 0; type->shape && i < type->shape->n_dim; i++) {
		const Onnx__TensorShapeProto__Dimension *dim = type->shape->dim[i];

		if (type->shape->n_dim != v->shape.rank)
			return ir_fail(onnx->graph, -EINVAL,
				       "output '%.80s' is declared with %zu dimensions, but computed as %s",
				       name, type->shape->n_dim, shape_text(&v->shape, text));
		if (dim->has_dim_value && dim->dim_value >= 0 &&
		    dim->dim_value != v->shape.extent[i])
			return ir_fail(onnx->graph, -EINVAL,
				       "output '%.80s' is declared with dimension %zu as %lld, but computed as %s",
				       name, i, (long long)dim->dim_value, shape_text(&v->shape, text));
	}
	return npuc_output(onnx->graph, name, (struct npuc_value *)v);
}

static int check_given(struct onnx *onnx)
{
	for (size_t i = 0; i < onnx->options.shape_count; i++) {
		const char *name = onnx->options.shapes[i].name;
		bool found = false;

		for (unsigned int j = 0; j < onnx->graph->input_count; j++)
			found |= !strcmp(onnx->graph->inputs[j]->name, name);
		if (!found)
			return ir_fail(onnx->graph, -EINVAL,
				       "a shape was given for '%.80s', which is no input of the model", name);
	}
	return 0;
}

static int import_graph(struct onnx *onnx)
{
	const Onnx__GraphProto *proto = onnx->proto;
	struct npuc_graph *graph = onnx->graph;
	int ret = 0;

	if (proto->name && proto->name[0] && !graph->name[0])
		graph->name = ir_strdup(graph, proto->name);
	if (!proto->n_output)
		return ir_fail(graph, -EINVAL, "the model has no output");
	ret = check_operators(onnx);
	for (size_t i = 0; !ret && i < proto->n_initializer; i++) {
		const char *name = proto->initializer[i]->name;
		struct onnx_name *n = define(onnx, name ? name : "", "constant");

		if (!n)
			return graph->error;
		n->initialiser = proto->initializer[i];
	}
	for (size_t i = 0; !ret && i < proto->n_input; i++)
		ret = import_input(onnx, proto->input[i]);
	if (!ret)
		ret = check_given(onnx);
	for (size_t i = 0; !ret && i < proto->n_node; i++)
		ret = import_node(onnx, i);
	if (!ret)
		ir_place(graph, NULL, "%s", "");
	for (size_t i = 0; !ret && i < proto->n_output; i++)
		ret = import_output(onnx, proto->output[i]);
	return ret;
}

/* What else the file may be: people mix formats up. */
static const char *other_format(const uint8_t *data, size_t size)
{
	static const struct {
		size_t offset;
		const char *magic, *what;
	} formats[] = {
		{ 0, "\x7f" "ELF", "an ELF file, perhaps a compiled graph" },
		{ 0, "PK\x03\x04", "a zip archive, perhaps a PyTorch model" },
		{ 4, "TFL3", "a TensorFlow Lite model" },
		{ 0, "\x89HDF", "an HDF5 file, perhaps a Keras model" },
		{ 0, "GGUF", "a GGUF model" },
		{ 0, "version https://git-lfs", "a Git LFS pointer; fetch the file itself" },
		{ 0, "{", "perhaps JSON" },
		{ 0, "<", "perhaps HTML or XML" },
	};

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const size_t length = strlen(formats[i].magic);

		if (size >= formats[i].offset + length &&
		    !memcmp(data + formats[i].offset, formats[i].magic, length))
			return formats[i].what;
	}
	return "it cannot be read as one, perhaps it is cut off";
}

/* The parser does not say why it gave up: this knows whether memory was short. */
static void *parser_alloc(void *short_of_memory, size_t size)
{
	void *data = malloc(size);

	if (!data)
		*(bool *)short_of_memory = true;
	return data;
}

static void parser_free(void *short_of_memory, void *data)
{
	free(data);
}

static void free_model(void *model)
{
	onnx__model_proto__free_unpacked(model, NULL);
}

int npuc_import_onnx(struct npuc_graph *graph, const void *data, size_t size,
		     const struct npuc_onnx_options *options)
{
	bool short_of_memory = false;
	ProtobufCAllocator allocator = { parser_alloc, parser_free, &short_of_memory };
	struct onnx onnx = { .graph = graph };
	Onnx__ModelProto *model;
	int ret;

	if (graph->error)
		return graph->error;
	if (options && options->size)
		memcpy(&onnx.options, options, options->size < sizeof(onnx.options) ?
						       options->size : sizeof(onnx.options));
	if (graph->first || graph->input_count || graph->output_count || graph->model)
		return ir_fail(graph, -EINVAL, "a model can only be read into an empty graph");
	if (!size)
		return ir_fail(graph, -EINVAL, "not an ONNX model: the file is empty");
	if (size > INT32_MAX)
		return ir_fail(graph, -EFBIG,
			       "the model has %zu bytes; more than 2 GiB need external data", size);
	model = onnx__model_proto__unpack(&allocator, size, data);
	if (!model && short_of_memory)
		return ir_fail(graph, -ENOMEM, "no memory to read the model of %zu bytes", size);
	if (!model)
		return ir_fail(graph, -EINVAL, "not an ONNX model: %s", other_format(data, size));
	graph->model = model;
	graph->model_free = free_model;
	ret = check_version(&onnx, model);
	if (!ret) {
		onnx.proto = model->graph;
		ret = import_graph(&onnx);
	}
	while (onnx.names)
		tdelete(*(struct onnx_name **)onnx.names, &onnx.names, by_name);
	return ret;
}
