// SPDX-License-Identifier: MIT
// Copyright The npu authors
// A C++ program with both libraries, without a card: compile by calls, read
// what came out, list cards. Exit status 0: all as it should be.
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include <npu.h>
#include <npuc.h>

struct unref {
	void operator()(npu_graph *graph) const { npu_graph_unref(graph); }
	void operator()(npuc_graph *graph) const { npuc_graph_destroy(graph); }
	void operator()(void *bytes) const { std::free(bytes); }
};

static int fail(const char *what)
{
	std::fprintf(stderr, "%s\n", what);
	return 1;
}

int main()
{
	npu_device_entry *list = nullptr;
	npu_graph *opened = nullptr;
	npuc_graph *made = nullptr;
	void *data = nullptr;
	npu_error error{};
	std::size_t count = 0, size = 0;

	if (npu_enumerate(&list, &count, &error))
		return fail(error.text);
	const std::vector<npu_device_entry> cards(list, list + count);
	npu_enumerate_free(list);
	for (const auto &card : cards)
		std::printf("card %u at %s\n", card.index, card.bdf);

	for (std::size_t i = 1; npuc_operator_at(i); i++)
		if (std::strcmp(npuc_operator_at(i - 1)->name, npuc_operator_at(i)->name) >= 0)
			return fail("the operators are in no alphabetical order");

	if (npuc_graph_create("smoke", &made))
		return fail("npuc_graph_create");
	const std::unique_ptr<npuc_graph, unref> building(made);
	const std::uint32_t extent[] = { 2, 3 };
	npuc_value *x = npuc_input(made, "x", NPU_TYPE_F32, 2, extent);
	if (npuc_output(made, "y", npuc_unary(made, NPU_UNARY_NEG, x)) ||
	    npuc_compile(made, &data, &size))
		return fail(npuc_graph_error(made));
	const std::unique_ptr<void, unref> bytes(data);

	if (npu_graph_from_memory(data, size, &opened, &error))
		return fail(error.text);
	const std::unique_ptr<npu_graph, unref> graph(opened);
	const struct npu_graph_info *info = npu_graph_info(opened);
	const npu_graph_port *port = npu_graph_input(opened, 0);
	if (std::strcmp(info->name, "smoke") || info->inputs != 1 || info->outputs != 1)
		return fail("another graph came back");
	if (!port || port->rank != 2 || port->extent[1] != 3 || std::strcmp(npu_type_name(port->type), "f32"))
		return fail("another input came back");
	if (npu_graph_from_memory(data, size / 2, &opened, &error) == 0 || !error.text[0])
		return fail("half a graph was accepted");
	if (npu_open_name("none", nullptr, &error) != -EINVAL)
		return fail("a device without a place for it was opened");
	std::printf("libnpu %s reads '%s' of %zu bytes, %u operation(s)\n", npu_version(), info->name,
		    size, info->operations);
	return 0;
}
