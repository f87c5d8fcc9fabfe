#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright The npu authors
"""libnpu by ctypes, without a card: list cards, read a compiled graph, see an error.

    smoke.py LIBRARY GRAPH

Exit status 0: all as it should be.
"""

import ctypes
import errno
import sys
from ctypes import POINTER, byref, c_char, c_char_p, c_int32, c_size_t, c_uint32, c_uint64, c_void_p


class Error(ctypes.Structure):
    _fields_ = [("text", c_char * 512)]


class Entry(ctypes.Structure):
    _fields_ = [("index", c_uint32), ("access", c_int32), ("serial", c_uint64),
                ("node", c_char * 64), ("bdf", c_char * 16), ("uuid", c_char * 40),
                ("state", c_char * 24), ("firmware", c_char * 32), ("driver", c_char * 32),
                ("reserved", c_uint64 * 8)]


class Info(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("compiler", c_char_p),
                ("format_version", c_uint32), ("program_version", c_uint32),
                ("features_required", c_uint64), ("features_optional", c_uint64),
                ("abi_min", c_uint32), ("abi_max", c_uint32), ("macs", c_uint64),
                ("inputs", c_uint32), ("outputs", c_uint32), ("nodes", c_uint32),
                ("operations", c_uint32), ("code_size", c_uint64), ("weights_size", c_uint64),
                ("scratch_size", c_uint64), ("weights_offset", c_uint64),
                ("weights_digest", c_char * 32), ("reserved", c_uint64 * 3)]


def check(good, what):
    if not good:
        sys.exit(what)


def main():
    npu = ctypes.CDLL(sys.argv[1])
    npu.npu_version.restype = c_char_p
    npu.npu_graph_info.restype = POINTER(Info)
    npu.npu_graph_info.argtypes = [c_void_p]
    npu.npu_graph_node.restype = c_char_p
    npu.npu_graph_node.argtypes = [c_void_p, c_uint32]
    npu.npu_graph_unref.argtypes = [c_void_p]
    npu.npu_enumerate_free.argtypes = [c_void_p]
    error = Error()

    cards, count = POINTER(Entry)(), c_size_t()
    check(npu.npu_enumerate(byref(cards), byref(count), byref(error)) == 0, error.text)
    for i in range(count.value):
        check(cards[i].index == i and cards[i].bdf, "an entry of another layout")
    npu.npu_enumerate_free(cards)

    graph = c_void_p()
    check(npu.npu_graph_open(sys.argv[2].encode(), byref(graph), byref(error)) == 0, error.text)
    info = npu.npu_graph_info(graph).contents
    check(info.inputs == 1 and info.outputs == 1 and info.weights_size > 0, "another graph came back")
    check(info.operations > 0 and npu.npu_graph_node(graph, 0), "no operation, or no node")
    print("libnpu", npu.npu_version().decode(), "reads", info.name.decode(), "of", info.macs, "MACs")
    npu.npu_graph_unref(graph)

    ret = npu.npu_graph_open(__file__.encode(), byref(graph), byref(error))
    check(ret == -errno.ENOEXEC and b"not a compiled graph" in error.text, "a script was accepted")
    ret = npu.npu_open_name(b"none", byref(graph), byref(error))
    check(ret == -errno.EINVAL and b"names no card" in error.text, "'none' was opened")


main()
