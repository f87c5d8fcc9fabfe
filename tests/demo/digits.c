// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * digits: reads handwritten digits on a card. Draws a few with the card's
 * answers, then tells for each model how many of all it reads right, whether
 * its numbers are those of the reference, and how long one takes.
 *
 *	digits FOLDER MODEL.npu REFERENCE.npy TOLERANCE ...
 *
 * FOLDER holds digits-images.npy, digits-labels.npy and the references; three
 * arguments for each model. TOLERANCE is relative, 0: equal to the last bit.
 * Exit status: 0 good, 1 an error, 3 too many wrong or not as the reference.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <npu.h>

#include "npy.h"

#define CLASSES 10
#define SIDE 8	/* pixels */
#define DRAWN 8
#define DRAWN_IN_ROW 4
#define ACCURACY_MIN 97.0	/* per cent */
/* Where the reference is 0, a relative tolerance has no meaning. */
#define ABSOLUTE_TOLERANCE 1e-5

struct set {
	struct npy images, labels;
};

struct result {
	float *outputs;	/* CLASSES for each image */
	double *latency;	/* seconds, of each image */
	size_t right;
	size_t agreeing;	/* images whose outputs are as the reference's */
};

static int answer(const float *outputs)
{
	int best = 0;

	for (int i = 1; i < CLASSES; i++)
		if (outputs[i] > outputs[best])
			best = i;
	return best;
}

static int label(const struct set *set, size_t image)
{
	return (int)((const int64_t *)set->labels.data)[image];
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* One line of pixels of several images, two characters wide to be square. */
static void draw_line(const struct set *set, size_t first, int line)
{
	static const char *const shades[] = { "  ", "░░", "▒▒", "▓▓", "██" };

	for (size_t i = first; i < first + DRAWN_IN_ROW; i++) {
		const float *pixels = (const float *)set->images.data + i * SIDE * SIDE + line * SIDE;

		printf("  ");
		for (int x = 0; x < SIDE; x++) {
			float ink = fminf(fmaxf(pixels[x], 0), 1);

			fputs(shades[(int)(ink * 4 + 0.5f)], stdout);
		}
	}
	putchar('\n');
}

static void draw(const struct set *set, const float *outputs)
{
	for (size_t first = 0; first < DRAWN; first += DRAWN_IN_ROW) {
		for (int line = 0; line < SIDE; line++)
			draw_line(set, first, line);
		for (size_t i = first; i < first + DRAWN_IN_ROW; i++) {
			int said = answer(outputs + i * CLASSES);

			printf("  the card reads %d%s", said, said == label(set, i) ? "" : "!");
		}
		puts("\n");
	}
}

static int run_all(struct npu_model *model, const struct set *set, struct result *result,
		   struct npu_error *error)
{
	size_t image_size = SIDE * SIDE * sizeof(float);

	for (size_t i = 0; i < set->images.rows; i++) {
		struct npu_array in = { (char *)set->images.data + i * image_size, image_size,
					NPU_TYPE_F32 };
		struct npu_array out = { result->outputs + i * CLASSES, CLASSES * sizeof(float),
					 NPU_TYPE_F32 };
		double start = seconds();
		int ret;

		in.rank = 4;
		memcpy(in.extent, (uint32_t[]){ 1, 1, SIDE, SIDE }, 4 * sizeof(uint32_t));
		out.rank = 2;
		memcpy(out.extent, (uint32_t[]){ 1, CLASSES }, 2 * sizeof(uint32_t));
		ret = npu_run(model, &in, 1, &out, 1, error);
		if (ret)
			return ret;
		result->latency[i] = seconds() - start;
	}
	return 0;
}

static bool agrees(const float *outputs, const float *reference, double tolerance)
{
	for (int i = 0; i < CLASSES; i++) {
		double allowed = ABSOLUTE_TOLERANCE + tolerance * fabs((double)reference[i]);

		if (tolerance == 0)
			allowed = 0;
		/* Written so that NaN does not agree. */
		if (!(fabs((double)outputs[i] - (double)reference[i]) <= allowed))
			return false;
	}
	return true;
}

static int compare_times(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static bool judge(struct result *result, const struct set *set, const struct npy *reference,
		  double tolerance)
{
	size_t count = set->images.rows;
	double accuracy;

	for (size_t i = 0; i < count; i++) {
		const float *outputs = result->outputs + i * CLASSES;

		result->right += answer(outputs) == label(set, i);
		result->agreeing += agrees(outputs, (const float *)reference->data + i * CLASSES,
					   tolerance);
	}
	accuracy = 100.0 * (double)result->right / (double)count;
	qsort(result->latency, count, sizeof(*result->latency), compare_times);
	printf("  accuracy:  %.1f %% (%zu of %zu digits)\n", accuracy, result->right, count);
	if (tolerance == 0)
		printf("  reference: %zu of %zu outputs equal to the last bit\n", result->agreeing, count);
	else
		printf("  reference: %zu of %zu outputs within %g relative\n", result->agreeing, count,
		       tolerance);
	printf("  latency:   %.0f us median, %.0f us for 99 %% (one call of npu_run)\n",
	       result->latency[count / 2] * 1e6, result->latency[count * 99 / 100] * 1e6);
	return accuracy >= ACCURACY_MIN && result->agreeing == count;
}

/* Returns an exit status; draws where this is the first model. */
static int run_model(struct npu_context *context, const struct set *set, const char *folder,
		     char *const arguments[3], bool first)
{
	size_t count = set->images.rows;
	struct result result = {
		.outputs = calloc(count * CLASSES, sizeof(float)),
		.latency = calloc(count, sizeof(double)),
	};
	struct npu_graph *graph = NULL;
	struct npu_model *model = NULL;
	struct npy reference = { 0 };
	struct npu_error error = { "out of memory" };
	int status = 1;

	if (npy_read(&reference, folder, arguments[1], "<f4", sizeof(float)))
		goto out;
	if (!result.outputs || !result.latency || npu_graph_open(arguments[0], &graph, &error) ||
	    npu_model_create(context, graph, 0, &model, &error) ||
	    run_all(model, set, &result, &error)) {
		fprintf(stderr, "digits: %s: %s\n", arguments[0], error.text);
		goto out;
	}
	if (reference.rows != count || reference.row_size != CLASSES) {
		fprintf(stderr, "digits: %s: not %zu times %d\n", arguments[1], count, CLASSES);
		goto out;
	}
	if (first)
		draw(set, result.outputs);
	printf("%s (%llu multiply-accumulates, %llu bytes of weights)\n",
	       npu_graph_info(graph)->name, (unsigned long long)npu_graph_info(graph)->macs,
	       (unsigned long long)npu_graph_info(graph)->weights_size);
	status = judge(&result, set, &reference, strtod(arguments[2], NULL)) ? 0 : 3;
out:
	npu_model_unref(model);
	npu_graph_unref(graph);
	npy_free(&reference);
	free(result.outputs);
	free(result.latency);
	return status;
}

static int load_set(struct set *set, const char *folder)
{
	if (npy_read(&set->images, folder, "digits-images.npy", "<f4", sizeof(float)) ||
	    npy_read(&set->labels, folder, "digits-labels.npy", "<i8", sizeof(int64_t)))
		return -1;
	if (set->images.rows == set->labels.rows && set->images.row_size == SIDE * SIDE &&
	    set->labels.row_size == 1 && set->images.rows >= DRAWN)
		return 0;
	fprintf(stderr, "digits: %s: not %d x %d images and a label for each\n", folder, SIDE, SIDE);
	return -1;
}

int main(int argc, char **argv)
{
	struct set set = { 0 };
	struct npu_device *device = NULL;
	struct npu_context *context = NULL;
	struct npu_error error;
	int status = 1;

	if (argc < 5 || (argc - 2) % 3) {
		fputs("usage: digits FOLDER MODEL.npu REFERENCE.npy TOLERANCE ...\n", stderr);
		return 2;
	}
	if (load_set(&set, argv[1]))
		goto out;
	if (npu_open(0, &device, &error) || npu_context_create(device, &context, &error)) {
		fprintf(stderr, "digits: %s\n", error.text);
		goto out;
	}
	status = 0;
	for (int i = 2; i < argc; i += 3) {
		int ret = run_model(context, &set, argv[1], argv + i, i == 2);

		status = ret ? ret : status;
	}
	if (fflush(stdout) || ferror(stdout))
		status = 1;
out:
	npu_context_unref(context);
	npu_device_unref(device);
	npy_free(&set.images);
	npy_free(&set.labels);
	return status;
}
