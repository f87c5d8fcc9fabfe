/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/* The digits models and their held-out images (tests/models). */
#ifndef TESTS_VM_DIGITS_H
#define TESTS_VM_DIGITS_H

#include <stdbool.h>

#include <npu.h>

#define DIGITS_PIXELS 64
#define DIGITS_CLASSES 10

struct digits {
	struct npu_graph *graph;
	float (*images)[DIGITS_PIXELS];
	float (*references)[DIGITS_CLASSES];
	uint32_t count;
	float tolerance; /* of a score, relative to the image's largest */
};

/*
 * @program: the test's argv[0], from which the models are found. The current
 * folder is the repository's. A failure ends the program.
 */
void digits_load(struct digits *d, const char *program, const char *variant);
void digits_free(struct digits *d);

/* Are these the reference's scores: in fp32 to 1e-4 of the largest, in int8 exactly? */
bool digits_agree(const struct digits *d, uint32_t image, const float scores[DIGITS_CLASSES]);

#endif
