// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Weights that models share, or that lie in the caller's buffer; on a model of the kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>

#include "rig.h"

/* Damages, or mends, the last byte of the weights. */
static void spoil(struct rig *r)
{
	r->file.data[r->file.size - 1] ^= 1;
}

static int load(struct rig *r, struct npu_context *context, struct npu_graph *graph, uint32_t flags,
		struct npu_model **model)
{
	return npu_model_create(context, graph, flags, model, &r->error);
}

/* y = x + w for the first element; w is 100. */
static float run(struct rig *r, struct npu_model *model)
{
	float x[4] = { 1 }, y[4] = { 0 };
	const struct npu_array in = { .data = x, .size = sizeof(x) };
	const struct npu_array out = { .data = y, .size = sizeof(y) };

	assert_int_equal(npu_run(model, &in, 1, &out, 1, &r->error), 0);
	return y[0];
}

/* How many buffer objects a load makes: one for the code, one for weights of its own. */
static unsigned int made_by(struct rig *r, struct npu_context *context, struct npu_graph *graph,
			    uint32_t flags, struct npu_model **model)
{
	unsigned int before = fake_objects();

	assert_int_equal(load(r, context, graph, flags, model), 0);
	return fake_objects() - before;
}

static void models_of_a_graph_share_weights(void **state)
{
	struct rig *r = *state;
	struct npu_context *other;
	struct npu_model *same, *far;
	unsigned int alone;

	npu_model_unref(r->model);
	alone = made_by(r, r->context, r->graph, 0, &r->model);
	assert_int_equal(made_by(r, r->context, r->graph, 0, &same), alone - 1);
	assert_int_equal(npu_context_create(r->device, &other, NULL), 0);
	assert_int_equal(made_by(r, other, r->graph, 0, &far), alone - 1);
	npu_context_unref(other);
	npu_model_unref(r->model); /* the others keep the weights */
	r->model = NULL;
	assert_true(run(r, same) == 101);
	npu_model_unref(same);
	assert_true(run(r, far) == 101);
	npu_model_unref(far);
	/* Nobody has them any more: they are read again. */
	assert_int_equal(made_by(r, r->context, r->graph, 0, &same), alone);
	npu_model_unref(same);
}

static void another_graph_with_the_same_weights_shares_them(void **state)
{
	const struct graph_shape shape = { .scratch = 8192 };
	struct rig *r = *state;
	struct graph_file file;
	struct npu_graph *graph;
	struct npu_model *model;

	graph_build(&file, &shape);
	assert_int_equal(npu_graph_from_memory(file.data, file.size, &graph, NULL), 0);
	assert_memory_equal(npu_graph_info(graph)->weights_digest,
			    npu_graph_info(r->graph)->weights_digest, 32);
	assert_int_equal(made_by(r, r->context, graph, 0, &model), 2); /* code and its mapping */
	assert_true(run(r, model) == 101);
	npu_model_unref(model);
	npu_graph_unref(graph);
	graph_free(&file);
}

static void another_device_has_its_own(void **state)
{
	struct rig *r = *state;
	struct npu_device *device;
	struct npu_context *context;
	struct npu_model *model;
	unsigned int alone;

	npu_model_unref(r->model);
	alone = made_by(r, r->context, r->graph, 0, &r->model);
	assert_int_equal(fake_open(&device, NULL), 0);
	assert_int_equal(npu_context_create(device, &context, NULL), 0);
	npu_device_unref(device);
	assert_int_equal(made_by(r, context, r->graph, 0, &model), alone);
	npu_context_unref(context);
	npu_model_unref(model);
}

/* What was not verified is never given to one who wants that, nor anybody else. */
static void weights_that_nobody_verified_are_not_shared(void **state)
{
	struct rig *r = *state;
	struct npu_model *careless, *careful, *lucky;
	unsigned int alone;

	npu_model_unref(r->model);
	r->model = NULL;
	spoil(r);
	alone = made_by(r, r->context, r->graph, NPU_MODEL_NO_VERIFY, &careless);
	assert_int_equal(load(r, r->context, r->graph, 0, &careful), -EBADMSG);
	assert_int_equal(made_by(r, r->context, r->graph, NPU_MODEL_NO_VERIFY, &lucky), alone);
	npu_model_unref(lucky);
	spoil(r);
	assert_int_equal(made_by(r, r->context, r->graph, 0, &careful), alone);
	/* Verified ones are good for those who did not ask. */
	assert_int_equal(made_by(r, r->context, r->graph, NPU_MODEL_NO_VERIFY, &lucky), alone - 1);
	npu_model_unref(careless);
	npu_model_unref(careful);
	assert_true(run(r, lucky) == 101);
	npu_model_unref(lucky);
}

static void weights_stay_where_they_are(void **state)
{
	struct rig *r = *state;
	const struct npu_graph_info *info = npu_graph_info(r->graph);
	struct npu_buffer *file, *far;
	struct npu_context *other;
	struct npu_model *model;
	uint8_t *data;

	assert_int_equal(npu_buffer_create(r->context, r->file.size, MEMORY, &file, NULL), 0);
	assert_int_equal(npu_buffer_map(file, (void **)&data, NULL), 0);
	memcpy(data, r->file.data, r->file.size);
	assert_int_equal(npu_model_create_in_place(r->context, r->graph, file, info->weights_offset, 0,
						   &model, &r->error), 0);
	assert_true(run(r, model) == 101);
	data[r->file.size - 1] ^= 1; /* the last of four */
	assert_true(run(r, model) == 101);
	((float *)(data + info->weights_offset))[0] = 1000; /* really in place */
	assert_true(run(r, model) == 1001);
	assert_int_equal(npu_model_export_weights(model, &r->error), -EINVAL);
	says(&r->error, "the caller's buffer");
	npu_model_unref(model);

	assert_int_equal(npu_model_create_in_place(r->context, r->graph, file, info->weights_offset, 0,
						   &model, &r->error), -EBADMSG);
	assert_int_equal(npu_model_create_in_place(r->context, r->graph, file, 32, 0, &model,
						   &r->error), -EINVAL);
	says(&r->error, "multiple of 64");
	assert_int_equal(npu_model_create_in_place(r->context, r->graph, file,
						   npu_buffer_size(file), 0, &model, NULL), -EINVAL);
	assert_int_equal(npu_model_create_in_place(r->context, r->graph, file, UINT64_MAX & ~63ULL, 0,
						   &model, NULL), -EINVAL);
	assert_int_equal(npu_model_create_in_place(r->context, r->graph, NULL, 0, 0, &model, NULL),
			 -EINVAL);
	assert_int_equal(npu_context_create(r->device, &other, NULL), 0);
	assert_int_equal(npu_buffer_create(other, 4096, NPU_BUFFER_SYSTEM, &far, NULL), 0);
	assert_int_equal(npu_model_create_in_place(r->context, r->graph, far, 0, 0, &model,
						   &r->error), -EINVAL);
	says(&r->error, "another context");
	assert_int_equal(npu_model_create_in_place(other, r->graph, far, 0, 0, &model, &r->error),
			 -EPERM); /* cannot be read, thus not verified */
	assert_int_equal(npu_model_create_in_place(other, r->graph, far, 0, NPU_MODEL_NO_VERIFY,
						   &model, &r->error), 0);
	npu_model_unref(model);
	npu_buffer_unref(far);
	npu_context_unref(other);
	npu_buffer_unref(file);
}

/* As a second process does it. */
static void weights_are_exported_and_used_elsewhere(void **state)
{
	struct rig *r = *state;
	int fd = npu_model_export_weights(r->model, &r->error);
	struct npu_device *device;
	struct npu_context *context;
	struct npu_buffer *weights;
	struct npu_model *model;

	assert_true(fd >= 0);
	assert_int_equal(fake_open(&device, NULL), 0);
	assert_int_equal(npu_context_create(device, &context, NULL), 0);
	npu_device_unref(device);
	assert_int_equal(npu_buffer_import(context, fd, NPU_BUFFER_MAPPABLE | NPU_BUFFER_CARD_READONLY,
					   &weights, &r->error), 0);
	close(fd);
	assert_int_equal(npu_model_create_in_place(context, r->graph, weights, 0, 0, &model,
						   &r->error), 0);
	npu_buffer_unref(weights);
	npu_context_unref(context);
	assert_int_equal(fake_accesses(), 0);
	npu_model_unref(r->model);
	r->model = NULL;
	assert_true(run(r, model) == 101);
	npu_model_unref(model);
	assert_int_equal(npu_model_export_weights(NULL, NULL), -EINVAL);
}

static void a_graph_without_weights_has_none_to_place_or_export(void **state)
{
	const struct graph_shape shape = { .no_weights = 1 };
	static const uint8_t zeros[32];
	struct rig *r = *state;
	struct graph_file file;
	struct npu_graph *graph;
	struct npu_model *model;

	graph_build(&file, &shape);
	assert_int_equal(npu_graph_from_memory(file.data, file.size, &graph, NULL), 0);
	assert_memory_equal(npu_graph_info(graph)->weights_digest, zeros, 32);
	assert_int_equal(npu_model_create_in_place(r->context, graph, r->buffer, 0, 0, &model,
						   &r->error), -EINVAL);
	says(&r->error, "has no weights");
	assert_int_equal(load(r, r->context, graph, 0, &model), 0);
	assert_int_equal(npu_model_export_weights(model, &r->error), -EINVAL);
	says(&r->error, "has none");
	npu_model_unref(model);
	npu_graph_unref(graph);
	graph_free(&file);
}

struct loader {
	struct rig *rig;
	pthread_barrier_t *barrier;
	int good, bad, wrong;
};

static void *load_often(void *opaque)
{
	struct loader *l = opaque;
	struct npu_context *context;
	struct npu_model *model;
	int ret;

	if (npu_context_create(l->rig->device, &context, NULL))
		return NULL;
	for (int i = 0; i < 60; i++) {
		pthread_barrier_wait(l->barrier);
		ret = npu_model_create(context, l->rig->graph, i % 3 ? 0 : NPU_MODEL_NO_VERIFY, &model,
				       NULL);
		l->good += !ret;
		l->bad += ret == -EBADMSG;
		l->wrong += ret && ret != -EBADMSG;
		pthread_barrier_wait(l->barrier);
		if (!ret)
			npu_model_unref(model);
	}
	npu_context_unref(context);
	return NULL;
}

/* All load at once, good weights and bad ones: who waits for another's load gets a right answer. */
static void threads_load_at_once(void **state)
{
	enum { THREADS = 6 };
	struct rig *r = *state;
	struct loader loaders[THREADS];
	pthread_barrier_t barrier;
	pthread_t threads[THREADS];

	npu_model_unref(r->model);
	r->model = NULL;
	for (int bad = 0; bad < 2; bad++) {
		pthread_barrier_init(&barrier, NULL, THREADS);
		if (bad)
			spoil(r);
		for (int i = 0; i < THREADS; i++) {
			loaders[i] = (struct loader){ r, &barrier, 0, 0, 0 };
			assert_int_equal(pthread_create(&threads[i], NULL, load_often, &loaders[i]), 0);
		}
		for (int i = 0; i < THREADS; i++) {
			pthread_join(threads[i], NULL);
			assert_int_equal(loaders[i].good, bad ? 20 : 60);
			assert_int_equal(loaders[i].bad, bad ? 40 : 0);
			assert_int_equal(loaders[i].wrong, 0);
		}
		if (bad)
			spoil(r);
		pthread_barrier_destroy(&barrier);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(models_of_a_graph_share_weights),
		TEST(another_graph_with_the_same_weights_shares_them),
		TEST(another_device_has_its_own),
		TEST(weights_that_nobody_verified_are_not_shared),
		TEST(weights_stay_where_they_are),
		TEST(weights_are_exported_and_used_elsewhere),
		TEST(a_graph_without_weights_has_none_to_place_or_export),
		TEST(threads_load_at_once),
	};

	return cmocka_run_group_tests_name("libnpu weights", tests, NULL, NULL);
}
