/* Copyright The npu authors. SPDX-License-Identifier: MIT */
#include <npu.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	float pixels[64] = { 0 }, scores[10], *best = scores;
	struct npu_array image = { pixels, sizeof(pixels) }, result = { scores, sizeof(scores) };
	struct npu_device *device;
	struct npu_context *context;
	struct npu_graph *graph;
	struct npu_model *model;
	struct npu_error error;

	for (int i = 0; i < 64 && scanf("%f", &pixels[i]) == 1; i++)
		pixels[i] /= 16;
	if (npu_graph_open(argv[1], &graph, &error) || npu_open(0, &device, &error) ||
	    npu_context_create(device, &context, &error) ||
	    npu_model_create(context, graph, 0, &model, &error) ||
	    npu_run(model, &image, 1, &result, 1, &error))
		return fprintf(stderr, "%s\n", error.text), 1;
	for (int i = 1; i < 10; i++)
		best = scores[i] > *best ? &scores[i] : best;
	printf("this is a %d\n", (int)(best - scores));
}
