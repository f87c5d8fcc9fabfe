// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* npu-run: runs, checks and measures a compiled graph. */
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include <npu.h>

#include "execute.h"
#include "options.h"
#include "plan.h"
#include "program.h"
#include "report.h"
#include "tensor_file.h"

#define EXIT_DIFFERENT 3
#define EXIT_NO_DEVICE 4

static int judge(const struct options *options, const struct plan *plan, struct verdict *verdict,
		 struct npu_error *error)
{
	const struct accuracy *a = &verdict->accuracy;

	verdict->good = true;
	for (uint32_t i = 0; i < plan->output_count; i++) {
		const struct plan_port *output = &plan->outputs[i];

		if (!output->expect_file)
			continue;
		compare(&output->tensor, &output->expect, &options->tolerance,
			&verdict->comparisons[i]);
		verdict->good = verdict->good && !verdict->comparisons[i].mismatches;
	}
	if (plan->labelled) {
		int ret =
			accuracy(&plan->labelled->tensor, &plan->labels, &verdict->accuracy, error);

		if (ret)
			return ret;
		verdict->good = verdict->good && 100.0 * (double)a->right >=
							 options->min_accuracy * (double)a->count;
	}
	return 0;
}

static int save_outputs(const struct plan *plan, struct npu_error *error)
{
	int ret = 0;

	for (uint32_t i = 0; !ret && i < plan->output_count; i++) {
		const struct plan_port *output = &plan->outputs[i];

		if (output->file)
			ret = tensor_save(output->file, &output->tensor, output->port->name, error);
	}
	return ret;
}

static int open_device(const struct options *options, struct npu_device **device)
{
	struct npu_error error;
	int ret = options->device ? npu_open_name(options->device, device, &error)
				  : npu_open(0, device, &error);

	if (!ret)
		return EXIT_GOOD;
	if (ret == -EINVAL)
		return usage_error("--device: %s", error.text);
	fail("%s", error.text);
	return ret == -ENXIO || ret == -EACCES || ret == -EPERM || ret == -ENODEV || ret == -EBUSY
		       ? EXIT_NO_DEVICE
		       : EXIT_FAILED;
}

static int run_on(struct npu_device *device, struct npu_graph *graph, struct plan *plan,
		  const struct options *options)
{
	struct verdict verdict = {0};
	struct latency latency;
	struct npu_error error;
	int ret;

	verdict.comparisons = calloc(plan->output_count + 1, sizeof(*verdict.comparisons));
	if (!verdict.comparisons)
		return fail("out of memory");
	ret = execute(device, graph, plan, options->warmup, options->repeat, &latency, &error);
	if (!ret)
		ret = save_outputs(plan, &error);
	if (!ret)
		ret = judge(options, plan, &verdict, &error);
	if (ret)
		fail("%s", error.text);
	else
		report_run(options, graph, npu_device_info(device), plan, &latency, &verdict);
	free(verdict.comparisons);
	if (ret)
		return EXIT_FAILED;
	return verdict.good ? EXIT_GOOD : EXIT_DIFFERENT;
}

static int run(struct npu_graph *graph, const struct options *options)
{
	struct npu_device *device;
	struct npu_error error;
	struct plan plan;
	int status;

	if (plan_init(&plan, graph, options, &error)) {
		status = fail("%s", error.text);
	} else {
		status = open_device(options, &device);
		if (!status) {
			status = run_on(device, graph, &plan, options);
			npu_device_unref(device);
		}
	}
	plan_fini(&plan);
	return status;
}

static int act(const struct options *options)
{
	struct npu_error error;
	struct npu_graph *graph = NULL;
	int status = EXIT_GOOD, ret;

	ret = npu_graph_open(options->model, &graph, &error);
	if (!ret && options->action == ACTION_CHECK)
		ret = npu_graph_verify(graph, &error);
	if (ret)
		status = fail("%s", error.text);
	if (options->action == ACTION_CHECK)
		report_check(options, ret ? &error : NULL);
	else if (!ret && options->action == ACTION_INFO)
		report_info(options, graph);
	else if (!ret)
		status = run(graph, options);
	npu_graph_unref(graph);
	return status;
}

int main(int argc, char **argv)
{
	struct options options;
	int status;

	program_start("npu-run");
	setlocale(LC_CTYPE, "");
	status = options_parse(&options, argc, argv);
	if (status < 0)
		status = act(&options);
	options_fini(&options);
	return program_end(status);
}
