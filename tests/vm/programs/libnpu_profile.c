// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* The card measures jobs and operations: times, bytes and energy that fit together. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "digits.h"
#include "rig.h"

static const struct npu_submit_options measured = { .flags = NPU_SUBMIT_PROFILE };

static bool consistent(const struct npu_job_profile *profile,
		       const struct npu_operation_profile *operations)
{
	uint64_t bytes = 0, energy = 0;

	for (uint32_t i = 0; i < profile->operations; i++) {
		const struct npu_operation_profile *o = &operations[i];

		if (o->start_ns < profile->start_ns || o->end_ns < o->start_ns ||
		    o->end_ns > profile->end_ns || !o->bytes || !o->energy_pj)
			return false;
		bytes += o->bytes;
		energy += o->energy_pj;
	}
	return bytes == profile->bytes && energy == profile->energy_pj;
}

static void a_model_is_measured(struct rig *r, const char *program, const char *variant)
{
	const struct npu_binding bindings[2] = { { r->system, 0 }, { r->system, 4096 } };
	struct npu_operation_profile *operations;
	const struct npu_graph_info *info;
	struct npu_job_profile profile;
	struct npu_time before, after;
	struct npu_model *model;
	struct npu_job *job;
	struct digits d;
	bool named = true;
	int ret;

	digits_load(&d, program, variant);
	info = npu_graph_info(d.graph);
	operations = calloc(info->operations, sizeof(*operations));
	if (npu_model_create(r->context, d.graph, 0, &model, &r->error) ||
	    npu_device_time(r->device, &before, &r->error))
		tap_bail("%s", r->error.text);
	memcpy(r->system_data, d.images[0], sizeof(d.images[0]));
	ret = npu_submit(r->queue, model, bindings, 2, &measured, &job, &r->error);
	if (!ret)
		ret = npu_job_wait(job, NPU_WAIT_FOREVER, &r->error);
	if (!tap_ret(ret, 0, r->error.text, "digits-%s runs and is measured", variant))
		exit(tap_end());
	npu_device_time(r->device, &after, NULL);
	tap_ret(npu_job_profile(job, &profile, &r->error), 0, r->error.text, "it has a profile");
	tap_ret(npu_job_operations(job, operations, info->operations, &r->error), 0, r->error.text,
		"and one for each operation");
	tap(before.card_ns < profile.start_ns && profile.start_ns < profile.end_ns &&
		    profile.end_ns < after.card_ns,
	    "it took %llu ns, between two looks at the card's clock",
	    (unsigned long long)(profile.end_ns - profile.start_ns));
	tap(profile.operations == info->operations && consistent(&profile, operations),
	    "%u operations add up to %llu bytes and %llu pJ", profile.operations,
	    (unsigned long long)profile.bytes, (unsigned long long)profile.energy_pj);
	for (uint32_t i = 0; i < profile.operations; i++)
		named = named && strcmp(npu_op_name(operations[i].opcode), "?") &&
			npu_graph_node(d.graph, operations[i].node);
	tap(named, "each has a name and a node");
	tap(profile.bytes >= info->weights_size, "at least the %llu bytes of weights were read",
	    (unsigned long long)info->weights_size);
	tap(digits_agree(&d, 0, (void *)(r->system_data + 4096)), "the result is right all the same");
	npu_job_unref(job);
	npu_model_unref(model);
	digits_free(&d);
	free(operations);
}

static void a_copy_is_measured(struct rig *r)
{
	struct npu_job_profile small, large;
	struct npu_job *job;

	if (npu_submit_copy(r->queue, r->memory, 0, r->system, 0, 4096, &measured, &job, &r->error) ||
	    npu_job_wait(job, NPU_WAIT_FOREVER, &r->error) ||
	    npu_job_profile(job, &small, &r->error))
		tap_bail("%s", r->error.text);
	npu_job_unref(job);
	if (npu_submit_copy(r->queue, r->memory, 0, r->system, 0, RIG_SIZE, &measured, &job,
			    &r->error) ||
	    npu_job_wait(job, NPU_WAIT_FOREVER, &r->error) ||
	    npu_job_profile(job, &large, &r->error))
		tap_bail("%s", r->error.text);
	npu_job_unref(job);
	tap(small.bytes == 8192 && large.bytes == 2 * RIG_SIZE && small.start_ns < small.end_ns &&
		    small.end_ns <= large.start_ns && large.start_ns < large.end_ns,
	    "copies: 4 KiB in %llu ns, 1 MiB in %llu ns",
	    (unsigned long long)(small.end_ns - small.start_ns),
	    (unsigned long long)(large.end_ns - large.start_ns));
}

/* A job that waits is not charged for it. */
static void waiting_does_not_count(struct rig *r)
{
	struct npu_submit_options options = measured;
	struct npu_job_profile profile;
	struct npu_job *gate, *job;
	struct npu_queue *queue;
	struct npu_time now;

	if (npu_queue_create(r->context, NPU_QUEUE_NORMAL, &queue, &r->error))
		tap_bail("%s", r->error.text);
	gate = rig_gate(r, queue, 0, 512);
	options.after = &gate;
	options.after_count = 1;
	if (npu_submit_fill(r->queue, r->system, 1024, 4096, 7, &options, &job, &r->error))
		tap_bail("%s", r->error.text);
	npu_job_wait(job, 30000000, NULL);
	if (npu_device_time(r->device, &now, &r->error))
		tap_bail("%s", r->error.text);
	tap_ret(npu_job_profile(job, &profile, &r->error), -EINPROGRESS, NULL,
		"no profile before it is done");
	rig_open_gate(r, 512);
	npu_job_wait(job, NPU_WAIT_FOREVER, NULL);
	tap(!npu_job_profile(job, &profile, &r->error) && profile.start_ns > now.card_ns,
	    "a job starts when what it waited for is done");
	npu_job_unref(job);
	rig_finish(r, gate);
	npu_queue_unref(queue);
}

int main(int argc, char **argv)
{
	struct rig r;

	rig_init(&r);
	a_model_is_measured(&r, argv[0], "fp32");
	a_model_is_measured(&r, argv[0], "int8");
	a_copy_is_measured(&r);
	waiting_does_not_count(&r);
	rig_fini(&r);
	return tap_end();
}
