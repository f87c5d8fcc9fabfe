// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Real models on a real card: right results, refused arrays, failing programs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digits.h"
#include "graph_builder.h"
#include "rig.h"

static void digits_are_right(struct rig *r, const char *program, const char *variant)
{
	struct npu_model *model;
	uint32_t good = 0;
	struct digits d;
	int ret;

	digits_load(&d, program, variant);
	ret = npu_model_create(r->context, d.graph, 0, &model, &r->error);
	if (!tap_ret(ret, 0, r->error.text, "digits-%s loads", variant))
		return;
	for (uint32_t i = 0; i < d.count; i++) {
		float scores[DIGITS_CLASSES];
		const struct npu_array in = {
			.data = d.images[i], .size = sizeof(d.images[i]), .type = NPU_TYPE_F32,
			.rank = 4, .extent = { 1, 1, 8, 8 },
		};
		const struct npu_array out = { .data = scores, .size = sizeof(scores) };

		ret = npu_run(model, &in, 1, &out, 1, &r->error);
		if (ret)
			break;
		good += digits_agree(&d, i, scores);
	}
	tap_ret(ret, 0, r->error.text, "digits-%s runs", variant);
	tap(good == d.count, "digits-%s: %u of %u results agree with the reference", variant, good,
	    d.count);
	npu_model_unref(model);
	digits_free(&d);
}

/* One job for each image, all in flight at once, on one buffer. */
static void digits_run_asynchronously(struct rig *r, const char *program)
{
	enum { STRIDE = 256, RESULTS = 512 << 10 };
	struct npu_binding bindings[2] = { { r->system, 0 }, { r->system, 0 } };
	struct npu_job *jobs[64];
	struct npu_model *model;
	uint32_t good = 0;
	struct digits d;
	int ret = 0;

	digits_load(&d, program, "fp32");
	if (npu_model_create(r->context, d.graph, 0, &model, &r->error))
		tap_bail("%s", r->error.text);
	for (uint32_t i = 0; i < 64; i++) {
		memcpy(r->system_data + i * STRIDE, d.images[i], sizeof(d.images[i]));
		bindings[0].offset = i * STRIDE;
		bindings[1].offset = RESULTS + i * STRIDE;
		if (npu_submit(r->queue, model, bindings, 2, NULL, &jobs[i], &r->error))
			tap_bail("%s", r->error.text);
	}
	npu_model_unref(model); /* the jobs keep it */
	for (uint32_t i = 0; i < 64; i++) {
		ret = ret ? ret : npu_job_wait(jobs[i], NPU_WAIT_FOREVER, &r->error);
		npu_job_unref(jobs[i]);
		good += digits_agree(&d, i, (void *)(r->system_data + RESULTS + i * STRIDE));
	}
	tap_ret(ret, 0, r->error.text, "64 jobs in flight");
	tap(good == 64, "%u of 64 results agree", good);
	digits_free(&d);
}

static void wrong_arrays_are_refused(struct rig *r, const char *program)
{
	float pixels[DIGITS_PIXELS] = { 0 }, scores[DIGITS_CLASSES];
	const struct npu_array out = { .data = scores, .size = sizeof(scores) };
	struct npu_array in = { .data = pixels, .size = sizeof(pixels) };
	struct npu_binding bindings[2] = { { r->system, 0 }, { r->system, RIG_SIZE - 64 } };
	struct npu_model *model;
	struct digits d;

	digits_load(&d, program, "fp32");
	if (npu_model_create(r->context, d.graph, 0, &model, &r->error))
		tap_bail("%s", r->error.text);
	in.size--;
	tap_ret(npu_run(model, &in, 1, &out, 1, &r->error), -EINVAL, NULL, "an array too short");
	tap(strstr(r->error.text, "f32[1,1,8,8] of 256 bytes, 255 bytes given") != NULL, "says: %s",
	    r->error.text);
	in.size++;
	in.type = NPU_TYPE_I32;
	in.rank = 4;
	in.extent[0] = in.extent[1] = 1;
	in.extent[2] = in.extent[3] = 8;
	tap_ret(npu_run(model, &in, 1, &out, 1, &r->error), -EINVAL, NULL, "integers");
	in.type = NPU_TYPE_F32;
	in.extent[2] = 4;
	in.extent[3] = 16;
	tap_ret(npu_run(model, &in, 1, &out, 1, &r->error), -EINVAL, NULL, "another shape");
	tap(strstr(r->error.text, "f32[1,1,4,16]") != NULL, "says: %s", r->error.text);
	tap_ret(npu_run(model, &in, 1, &out, 0, &r->error), -EINVAL, NULL, "no output");
	tap_ret(npu_submit(r->queue, model, bindings, 1, NULL, NULL, &r->error), -EINVAL, NULL,
		"one binding");
	bindings[1].offset = RIG_SIZE;
	tap_ret(npu_submit(r->queue, model, bindings, 2, NULL, NULL, &r->error), -EINVAL, NULL,
		"an output behind the end");
	bindings[1].offset = 0;
	tap_ret(npu_submit(r->queue, model, bindings, 2, NULL, NULL, &r->error), -EINVAL, NULL,
		"an output over the input");
	npu_model_unref(model);
	digits_free(&d);
}

/*
 * A program whose operand lies outside of its base passes the library (which
 * does not look into operations) and must be stopped by the card.
 */
static void the_card_checks_operands(struct rig *r)
{
	float x[4] = { 1, 2, 3, 4 }, y[4] = { 0 };
	const struct npu_array in = { .data = x, .size = sizeof(x) };
	const struct npu_array out = { .data = y, .size = sizeof(y) };
	struct npu_model *model;
	struct npu_graph *graph;
	struct npu_tensor *t;
	struct graph_file g;

	graph_build(&g, NULL);
	if (npu_graph_from_memory(g.data, g.size, &graph, &r->error) ||
	    npu_model_create(r->context, graph, 0, &model, &r->error))
		tap_bail("%s", r->error.text);
	tap_ret(npu_run(model, &in, 1, &out, 1, &r->error), 0, r->error.text, "y = x + w");
	tap(y[0] == 101 && y[3] == 107, "is %g to %g", y[0], y[3]);
	npu_model_unref(model);
	npu_graph_unref(graph);

	t = (struct npu_tensor *)(graph_op(&g) + 1);
	t[1].offset = 16; /* behind x */
	graph_digest(&g);
	if (npu_graph_from_memory(g.data, g.size, &graph, &r->error) ||
	    npu_model_create(r->context, graph, 0, &model, &r->error))
		tap_bail("%s", r->error.text);
	for (int i = 0; i < 2; i++) { /* the second on a fresh queue */
		tap_ret(npu_run(model, &in, 1, &out, 1, &r->error), -EIO, NULL,
			"an operand behind the end of x");
		tap(strstr(r->error.text, "'add1' (BINARY)") && strstr(r->error.text, "operand"),
		    "says: %s", r->error.text);
	}
	npu_model_unref(model);
	npu_graph_unref(graph);
	graph_free(&g);
}

/* Nobody may change a model, not even its own process by the card. */
static void the_card_cannot_write_a_model(struct rig *r)
{
	struct npu_packet_fill fill = { .header = { .opcode = NPU_PACKET_FILL }, .size = 4 };
	struct npu_context *context;
	struct npu_buffer *buffer;
	struct npu_model *model;
	struct npu_queue *queue;
	struct npu_graph *graph;
	struct graph_file g;
	struct npu_job *job;
	uint64_t before;
	void *data;
	int ret;

	graph_build(&g, NULL);
	/* In a fresh context the model lies directly behind the first buffer. */
	if (npu_context_create(r->device, &context, &r->error) ||
	    npu_queue_create(context, NPU_QUEUE_NORMAL, &queue, &r->error) ||
	    npu_buffer_create(context, 4096, NPU_BUFFER_SYSTEM | NPU_BUFFER_MAPPABLE, &buffer,
			      &r->error) ||
	    npu_buffer_map(buffer, &data, &r->error) ||
	    npu_graph_from_memory(g.data, g.size, &graph, &r->error) ||
	    npu_model_create(context, graph, 0, &model, &r->error))
		tap_bail("%s", r->error.text);
	before = npu_buffer_address(buffer) + npu_buffer_size(buffer);
	fill.destination = before;
	memcpy(data, &fill, sizeof(fill));
	ret = npu_submit_packets(queue, buffer, 0, 1, NULL, &job, &r->error);
	if (!ret) {
		ret = npu_job_wait(job, NPU_WAIT_FOREVER, &r->error);
		npu_job_unref(job);
	}
	tap_ret(ret, -EIO, r->error.text, "a write into a model fails");
	tap_ret(npu_context_status(context, &r->error), -EFAULT, NULL, "as a fault");
	tap(strstr(r->error.text, "may not be written") != NULL, "says: %s", r->error.text);
	npu_model_unref(model);
	npu_graph_unref(graph);
	npu_buffer_unref(buffer);
	npu_queue_unref(queue);
	npu_context_unref(context);
	graph_free(&g);
}

int main(int argc, char **argv)
{
	struct rig r;

	rig_init(&r);
	digits_are_right(&r, argv[0], "fp32");
	digits_are_right(&r, argv[0], "int8");
	digits_run_asynchronously(&r, argv[0]);
	wrong_arrays_are_refused(&r, argv[0]);
	the_card_checks_operands(&r);
	the_card_cannot_write_a_model(&r);
	rig_fini(&r);
	return tap_end();
}
