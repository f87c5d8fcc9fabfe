#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright The npu authors
"""Trains the digits model and exports it, with reference results.

	digits.py [DIRECTORY]		default: this file's directory

Reads nothing but scikit-learn's copy of the UCI digits; writes digits-*.onnx
and digits-*.npy (README.md says what each holds). Needs numpy, sklearn, onnx
and onnxruntime, as Debian 13 packages them.

The network, on images of 8x8 in [0, 1]:
	conv 3x3x16, relu, conv 3x3x32, relu, maxpool 2, conv 3x3x32, relu,
	maxpool 2, flatten, gemm 64, relu, gemm 10
"""
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits

SEED = 20240917
HELD_OUT = 360
EPOCHS = 60
BATCH = 32
OPSET = 13
F32 = np.float32

CONVS = {"conv1": (16, 1), "conv2": (32, 16), "conv3": (32, 32)}
GEMMS = {"fc1": (64, 128), "fc2": (10, 64)}
LAYERS = ["conv1", "conv2", "pool1", "conv3", "pool2", "fc1", "fc2"]


# ---- training, in fp32 numpy -------------------------------------------------

def unfold(x):
    """[n,c,h,w] to [n,h,w,c*9]: the 3x3 windows with a border of 1."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    n, c, h, w = x.shape
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(n, h, w, c * 9)


def conv_forward(x, weight, bias):
    columns = unfold(x)
    y = columns @ weight.reshape(len(weight), -1).T + bias
    return y.transpose(0, 3, 1, 2), columns


def conv_backward(dy, columns, weight, shape):
    outputs = len(weight)
    dy = dy.transpose(0, 2, 3, 1)
    flat = dy.reshape(-1, outputs)
    d_weight = (flat.T @ columns.reshape(len(flat), -1)).reshape(weight.shape)
    d_columns = (dy @ weight.reshape(outputs, -1)).reshape(dy.shape[:3] + weight.shape[1:])
    n, c, h, w = shape
    dx = np.zeros((n, c, h + 2, w + 2), F32)
    for i in range(3):
        for j in range(3):
            dx[:, :, i:i + h, j:j + w] += d_columns[..., i, j].transpose(0, 3, 1, 2)
    return dx[:, :, 1:-1, 1:-1], d_weight, flat.sum(0)


def pool_forward(x):
    n, c, h, w = x.shape
    blocks = x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5)
    blocks = blocks.reshape(n, c, h // 2, w // 2, 4)
    return blocks.max(-1), blocks.argmax(-1)


def pool_backward(dy, where):
    n, c, h, w = dy.shape
    blocks = np.where(np.arange(4) == where[..., None], dy[..., None], F32(0))
    return blocks.reshape(n, c, h, w, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, 2 * h, 2 * w)


def initial_parameters(rng):
    parameters = {}
    for name, (outputs, inputs) in CONVS.items():
        shape = (outputs, inputs, 3, 3)
        parameters[name] = rng.normal(0, np.sqrt(2 / (inputs * 9)), shape).astype(F32)
    for name, shape in GEMMS.items():
        parameters[name] = rng.normal(0, np.sqrt(2 / shape[1]), shape).astype(F32)
    for name in list(parameters):
        parameters[name + ".bias"] = np.zeros(len(parameters[name]), F32)
    return parameters


def forward(parameters, x):
    """Logits, and what backward() needs: one entry for each layer."""
    tape = []
    for layer in LAYERS:
        if layer.startswith("pool"):
            y, where = pool_forward(x)
            tape.append((where,))
            x = y
            continue
        weight, bias = parameters[layer], parameters[layer + ".bias"]
        if layer.startswith("conv"):
            y, columns = conv_forward(x, weight, bias)
            tape.append((columns, x.shape, y > 0))
        else:
            before = x.shape
            x = x.reshape(len(x), -1)
            y = x @ weight.T + bias
            tape.append((x, before, y > 0))
        x = y if layer == "fc2" else np.maximum(y, F32(0))
    return x, tape


def backward(parameters, tape, dy):
    gradients = {}
    for layer, saved in zip(reversed(LAYERS), reversed(tape)):
        if layer.startswith("pool"):
            dy = pool_backward(dy, saved[0])
            continue
        if layer != "fc2":
            dy = dy * saved[2]
        weight = parameters[layer]
        if layer.startswith("conv"):
            dy, gradients[layer], gradients[layer + ".bias"] = conv_backward(
                dy, saved[0], weight, saved[1])
        else:
            gradients[layer] = dy.T @ saved[0]
            gradients[layer + ".bias"] = dy.sum(0)
            dy = (dy @ weight).reshape(saved[1])
    return gradients


def shifted(rng, x):
    """Each image moved by up to one pixel, against overfitting 1437 images."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    at = rng.integers(0, 3, (len(x), 2))
    return np.stack([p[:, i:i + 8, j:j + 8] for p, (i, j) in zip(padded, at)])


def train(rng, images, labels):
    parameters = initial_parameters(rng)
    mean = {k: np.zeros_like(v) for k, v in parameters.items()}
    square = {k: np.zeros_like(v) for k, v in parameters.items()}
    step = 0
    for epoch in range(EPOCHS):
        rate = 2e-3 * 0.5 * (1 + np.cos(np.pi * epoch / EPOCHS))
        order = rng.permutation(len(images))
        for start in range(0, len(order), BATCH):
            chosen = order[start:start + BATCH]
            logits, tape = forward(parameters, shifted(rng, images[chosen]))
            p = np.exp(logits - logits.max(1, keepdims=True))
            p /= p.sum(1, keepdims=True)
            p[np.arange(len(chosen)), labels[chosen]] -= 1
            step += 1
            for k, g in backward(parameters, tape, (p / len(chosen)).astype(F32)).items():
                mean[k] += F32(0.1) * (g - mean[k])
                square[k] += F32(0.001) * (g * g - square[k])
                m = mean[k] / F32(1 - 0.9 ** step)
                s = square[k] / F32(1 - 0.999 ** step)
                parameters[k] -= F32(rate) * (m / (np.sqrt(s) + F32(1e-8)) + F32(1e-4) * parameters[k])
    return parameters


# ---- export ------------------------------------------------------------------

def model(nodes, constants, name):
    graph = helper.make_graph(
        nodes, name,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 10])],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()])
    result = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)],
                               producer_name="digits.py")
    result.ir_version = 8
    onnx.checker.check_model(result, full_check=True)
    return result


def export_fp32(parameters):
    nodes, x = [], "image"
    for layer in LAYERS:
        if layer.startswith("pool"):
            nodes.append(helper.make_node("MaxPool", [x], [layer], layer,
                                          kernel_shape=[2, 2], strides=[2, 2]))
        elif layer.startswith("conv"):
            nodes += [helper.make_node("Conv", [x, layer + ".weight", layer + ".bias"],
                                       [layer + ".sum"], layer, kernel_shape=[3, 3],
                                       pads=[1, 1, 1, 1]),
                      helper.make_node("Relu", [layer + ".sum"], [layer], layer + ".relu")]
        elif layer == "fc1":
            nodes += [helper.make_node("Flatten", [x], ["flat"], "flatten", axis=1),
                      helper.make_node("Gemm", ["flat", "fc1.weight", "fc1.bias"], ["fc1.sum"],
                                       "fc1", transB=1),
                      helper.make_node("Relu", ["fc1.sum"], ["fc1"], "fc1.relu")]
        else:
            nodes.append(helper.make_node("Gemm", [x, "fc2.weight", "fc2.bias"], ["logits"],
                                          "fc2", transB=1))
        x = layer
    constants = {k if k.endswith(".bias") else k + ".weight": v for k, v in parameters.items()}
    return model(nodes, constants, "digits-fp32")


# ---- int8 --------------------------------------------------------------------

def activation_ranges(parameters, images):
    """(low, high) of each layer's output over the calibration images."""
    ranges, x = {"image": (0.0, 1.0)}, images
    for layer in LAYERS:
        if layer.startswith("pool"):
            x = pool_forward(x)[0]
            continue
        weight, bias = parameters[layer], parameters[layer + ".bias"]
        if layer.startswith("conv"):
            x = conv_forward(x, weight, bias)[0]
        else:
            x = x.reshape(len(x), -1) @ weight.T + bias
        if layer != "fc2":
            x = np.maximum(x, F32(0))
        ranges[layer] = (min(0.0, float(x.min())), max(0.0, float(x.max())))
    return ranges


def quantise(parameters, images):
    """Scales, zero points, int8 weights and int32 biases by name.

    Activations are uint8, one scale for each tensor. Weights are int8 within
    [-63, 63], one scale for each output channel: onnxruntime's AVX2 kernels add
    pairs of products in 16 bits, which saturate with all 8 bits.
    """
    q = {}
    for name, (low, high) in activation_ranges(parameters, images).items():
        scale = F32((high - low) / 255)
        q[name + ".scale"] = scale
        q[name + ".zero"] = np.uint8(np.rint(-low / scale))
    source = "image"
    for layer in [layer for layer in LAYERS if not layer.startswith("pool")]:
        weight = parameters[layer]
        peak = np.abs(weight.reshape(len(weight), -1)).max(1)
        scale = (peak / F32(63)).astype(F32)
        columns = scale.reshape((-1,) + (1,) * (weight.ndim - 1))
        q[layer + ".weight"] = np.rint(weight / columns).astype(np.int8)
        q[layer + ".weight.scale"] = scale
        q[layer + ".weight.zero"] = np.zeros(len(weight), np.int8)
        q[layer + ".bias.scale"] = (q[source + ".scale"] * scale).astype(F32)
        q[layer + ".bias"] = np.rint(
            parameters[layer + ".bias"] / q[layer + ".bias.scale"]).astype(np.int32)
        q[layer + ".bias.zero"] = np.zeros(len(weight), np.int32)
        source = layer
    return q


def export_int8(q):
    nodes = []

    def dequantise(name, constant=False):
        prefix = name if constant else name.removesuffix(".q")
        nodes.append(helper.make_node("DequantizeLinear", [name, prefix + ".scale", prefix + ".zero"],
                                      [prefix + ".real"], prefix + ".dequantise",
                                      **({"axis": 0} if constant else {})))
        return prefix + ".real"

    def requantise(name):
        nodes.append(helper.make_node("QuantizeLinear", [name + ".sum", name + ".scale", name + ".zero"],
                                      [name + ".q"], name + ".quantise"))
        return name + ".q"

    nodes.append(helper.make_node("QuantizeLinear", ["image", "image.scale", "image.zero"],
                                  ["image.q"], "image.quantise"))
    x, scale = "image.q", "image"
    for layer in LAYERS:
        if layer.startswith("pool"):
            # Max pooling keeps scale and zero point.
            nodes.append(helper.make_node("MaxPool", [x], [layer + ".q"], layer,
                                          kernel_shape=[2, 2], strides=[2, 2]))
            x = layer + ".q"
            continue
        if layer == "fc1":
            nodes.append(helper.make_node("Flatten", [x], ["flat.q"], "flatten", axis=1))
            x = "flat.q"
        nodes.append(helper.make_node("DequantizeLinear", [x, scale + ".scale", scale + ".zero"],
                                      [layer + ".in"], layer + ".dequantise"))
        operands = [layer + ".in", dequantise(layer + ".weight", True), dequantise(layer + ".bias", True)]
        last = layer == "fc2"
        out = layer + (".sum" if last else ".before")
        if layer.startswith("conv"):
            nodes.append(helper.make_node("Conv", operands, [out], layer, kernel_shape=[3, 3],
                                          pads=[1, 1, 1, 1]))
        else:
            nodes.append(helper.make_node("Gemm", operands, [out], layer, transB=1))
        if not last:
            nodes.append(helper.make_node("Relu", [out], [layer + ".sum"], layer + ".relu"))
        x, scale = requantise(layer), layer
    nodes.append(helper.make_node("DequantizeLinear", [x, "fc2.scale", "fc2.zero"], ["logits"],
                                  "logits.dequantise"))
    return model(nodes, q, "digits-int8")


def run_formulas(q, images):
    """The int8 network by README.md's formulas, without any framework."""
    def rescale(acc, source, layer):
        multiplier = (q[source + ".scale"] * q[layer + ".weight.scale"]) / q[layer + ".scale"]
        assert multiplier.dtype == F32
        y = np.rint(acc.astype(F32) * multiplier).astype(np.int64) + int(q[layer + ".zero"])
        return np.clip(y, 0 if layer == "fc2" else int(q[layer + ".zero"]), 255)

    x = np.clip(np.rint(images / q["image.scale"]).astype(np.int64) + int(q["image.zero"]), 0, 255)
    source = "image"
    for layer in LAYERS:
        if layer.startswith("pool"):
            x = pool_forward(x)[0]
            continue
        weight = q[layer + ".weight"].astype(np.int64)
        x = x - int(q[source + ".zero"])
        if layer.startswith("conv"):
            acc = unfold(x) @ weight.reshape(len(weight), -1).T + q[layer + ".bias"]
            x = rescale(acc, source, layer).transpose(0, 3, 1, 2)
        else:
            x = rescale(x.reshape(len(x), -1) @ weight.T + q[layer + ".bias"], source, layer)
        source = layer
    return (x - int(q["fc2.zero"])).astype(F32) * q["fc2.scale"]


# ---- reference results -------------------------------------------------------

def run(exported, images):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(exported.SerializeToString(), options,
                                           providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"image": image[None]})[0] for image in images])


def main():
    target = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    rng = np.random.default_rng(SEED)
    data = load_digits()
    images = (data.images / 16).astype(F32)[:, None]
    labels = data.target.astype(np.int64)
    order = rng.permutation(len(images))
    test, rest = order[:HELD_OUT], order[HELD_OUT:]
    parameters = train(rng, images[rest], labels[rest])
    q = quantise(parameters, images[rest])
    np.save(target / "digits-images.npy", images[test])
    np.save(target / "digits-labels.npy", labels[test])
    results = {}
    for name, exported in ("fp32", export_fp32(parameters)), ("int8", export_int8(q)):
        onnx.save(exported, target / f"digits-{name}.onnx")
        results[name] = run(exported, images[test])
        np.save(target / f"digits-{name}-reference.npy", results[name])
        right = (results[name].argmax(1) == labels[test]).sum()
        print(f"{name}: {right} of {HELD_OUT} right ({100 * right / HELD_OUT:.2f} %)")
    differ = (run_formulas(q, images[test]) != results["int8"]).sum()
    print(f"int8: {differ} of {results['int8'].size} logits differ from the formulas")
    agree = (results["fp32"].argmax(1) == results["int8"].argmax(1)).sum()
    print(f"fp32 and int8 agree on {agree} of {HELD_OUT} images")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
