// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "model.h"

#include <stdlib.h>
#include <string.h>

struct block {
	struct block *next;
	max_align_t data[];
};

void *model_alloc(struct model *m, size_t size)
{
	struct block *b = calloc(1, sizeof(*b) + size);

	if (!b)
		abort();
	b->next = m->blocks;
	m->blocks = b;
	return b->data;
}

char *model_string(struct model *m, const char *text)
{
	return strcpy(model_alloc(m, strlen(text) + 1), text);
}

/* Appends a pointer to an array of the model. */
static void push(struct model *m, void *array, size_t *count, void *item)
{
	void **grown = model_alloc(m, (*count + 1) * sizeof(void *)), **old;

	memcpy(&old, array, sizeof(old));
	if (*count)
		memcpy(grown, old, *count * sizeof(void *));
	grown[(*count)++] = item;
	memcpy(array, &grown, sizeof(grown));
}

struct model *model_new(int opset)
{
	struct model *m = calloc(1, sizeof(*m));
	Onnx__OperatorSetIdProto *import;

	if (!m)
		abort();
	onnx__model_proto__init(&m->proto);
	onnx__graph_proto__init(&m->graph);
	m->proto.has_ir_version = 1;
	m->proto.ir_version = 8;
	m->proto.graph = &m->graph;
	m->graph.name = model_string(m, "test");
	import = model_alloc(m, sizeof(*import));
	onnx__operator_set_id_proto__init(import);
	import->has_version = 1;
	import->version = opset;
	push(m, &m->proto.opset_import, &m->proto.n_opset_import, import);
	return m;
}

void model_free(struct model *m)
{
	while (m->blocks) {
		struct block *next = m->blocks->next;

		free(m->blocks);
		m->blocks = next;
	}
	free(m);
}

static size_t count_dims(const int64_t *dims)
{
	size_t count = 0;

	while (dims[count] != -99)
		count++;
	return count;
}

static Onnx__ValueInfoProto *value_info(struct model *m, const char *name, int type,
					const int64_t *dims)
{
	Onnx__ValueInfoProto *info = model_alloc(m, sizeof(*info));
	Onnx__TypeProto *proto = model_alloc(m, sizeof(*proto));
	Onnx__TypeProto__Tensor *tensor = model_alloc(m, sizeof(*tensor));
	Onnx__TensorShapeProto *shape = model_alloc(m, sizeof(*shape));

	onnx__value_info_proto__init(info);
	onnx__type_proto__init(proto);
	onnx__type_proto__tensor__init(tensor);
	onnx__tensor_shape_proto__init(shape);
	info->name = model_string(m, name);
	info->type = proto;
	proto->tensor_type = tensor;
	tensor->has_elem_type = 1;
	tensor->elem_type = type;
	tensor->shape = shape;
	for (size_t i = 0; i < count_dims(dims); i++) {
		Onnx__TensorShapeProto__Dimension *dim = model_alloc(m, sizeof(*dim));

		onnx__tensor_shape_proto__dimension__init(dim);
		if (dims[i] == -1) {
			dim->dim_param = model_string(m, i ? "length" : "batch");
		} else {
			dim->has_dim_value = 1;
			dim->dim_value = dims[i];
		}
		push(m, &shape->dim, &shape->n_dim, dim);
	}
	return info;
}

void model_input(struct model *m, const char *name, int type, const int64_t *dims)
{
	push(m, &m->graph.input, &m->graph.n_input, value_info(m, name, type, dims));
}

void model_output(struct model *m, const char *name, int type, const int64_t *dims)
{
	push(m, &m->graph.output, &m->graph.n_output, value_info(m, name, type, dims));
}

static size_t type_bytes(int type)
{
	switch (type) {
	case T_FLOAT:
	case T_INT32:
		return 4;
	case T_INT64:
	case T_DOUBLE:
		return 8;
	case T_INT16:
	case T_FLOAT16:
		return 2;
	}
	return 1;
}

Onnx__TensorProto *model_tensor(struct model *m, const char *name, int type, const int64_t *dims,
				const void *data)
{
	Onnx__TensorProto *t = model_alloc(m, sizeof(*t));
	size_t bytes = type_bytes(type);

	onnx__tensor_proto__init(t);
	t->name = model_string(m, name);
	t->has_data_type = 1;
	t->data_type = type;
	t->n_dims = count_dims(dims);
	t->dims = model_alloc(m, (t->n_dims + 1) * sizeof(int64_t));
	for (size_t i = 0; i < t->n_dims; i++) {
		t->dims[i] = dims[i];
		bytes *= (size_t)dims[i];
	}
	t->has_raw_data = 1;
	t->raw_data.len = bytes;
	t->raw_data.data = model_alloc(m, bytes);
	if (bytes)
		memcpy(t->raw_data.data, data, bytes);
	return t;
}

Onnx__TensorProto *model_constant(struct model *m, const char *name, int type,
				  const int64_t *dims, const void *data)
{
	Onnx__TensorProto *t = model_tensor(m, name, type, dims, data);

	push(m, &m->graph.initializer, &m->graph.n_initializer, t);
	return t;
}

static void push_names(struct model *m, char ***array, size_t *count, const char *names)
{
	char *rest = model_string(m, names), *name;

	while ((name = strsep(&rest, " "))) {
		if (*name)
			push(m, array, count, strcmp(name, "-") ? name : model_string(m, ""));
	}
}

Onnx__NodeProto *model_node(struct model *m, const char *op, const char *inputs,
			    const char *outputs)
{
	Onnx__NodeProto *n = model_alloc(m, sizeof(*n));

	onnx__node_proto__init(n);
	n->op_type = model_string(m, op);
	push_names(m, &n->input, &n->n_input, inputs);
	push_names(m, &n->output, &n->n_output, outputs);
	n->name = n->n_output ? model_string(m, n->output[0]) : NULL;
	push(m, &m->graph.node, &m->graph.n_node, n);
	return n;
}

static Onnx__AttributeProto *attribute(struct model *m, Onnx__NodeProto *n, const char *name,
				       int type)
{
	Onnx__AttributeProto *a = model_alloc(m, sizeof(*a));

	onnx__attribute_proto__init(a);
	a->name = model_string(m, name);
	a->has_type = 1;
	a->type = type;
	push(m, &n->attribute, &n->n_attribute, a);
	return a;
}

void attr_int(struct model *m, Onnx__NodeProto *n, const char *name, int64_t value)
{
	Onnx__AttributeProto *a = attribute(m, n, name, 2);

	a->has_i = 1;
	a->i = value;
}

void attr_float(struct model *m, Onnx__NodeProto *n, const char *name, float value)
{
	Onnx__AttributeProto *a = attribute(m, n, name, 1);

	a->has_f = 1;
	a->f = value;
}

void attr_string(struct model *m, Onnx__NodeProto *n, const char *name, const char *value)
{
	Onnx__AttributeProto *a = attribute(m, n, name, 3);

	a->has_s = 1;
	a->s.data = (uint8_t *)model_string(m, value);
	a->s.len = strlen(value);
}

void attr_tensor(struct model *m, Onnx__NodeProto *n, const char *name, Onnx__TensorProto *value)
{
	attribute(m, n, name, 4)->t = value;
}

void attr_ints(struct model *m, Onnx__NodeProto *n, const char *name, const int64_t *values)
{
	Onnx__AttributeProto *a = attribute(m, n, name, 7);

	a->n_ints = count_dims(values);
	a->ints = model_alloc(m, (a->n_ints + 1) * sizeof(int64_t));
	memcpy(a->ints, values, a->n_ints * sizeof(int64_t));
}

void attr_floats(struct model *m, Onnx__NodeProto *n, const char *name, size_t count,
		 const float *values)
{
	Onnx__AttributeProto *a = attribute(m, n, name, 6);

	a->n_floats = count;
	a->floats = model_alloc(m, (count + 1) * sizeof(float));
	memcpy(a->floats, values, count * sizeof(float));
}

void *model_pack(const struct model *m, size_t *size)
{
	uint8_t *bytes;

	*size = onnx__model_proto__get_packed_size(&m->proto);
	bytes = malloc(*size + 1);
	if (!bytes)
		abort();
	onnx__model_proto__pack(&m->proto, bytes);
	return bytes;
}
