#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes an ONNX model with its MatMuls in dynamic int8, as ONNX Runtime's own quantizer makes it by default.

Needs the Python packages of `tools/setup bench`. `./dev bench` compares the result with our engine. Example:

    tools/quantize_onnx.py model.onnx model_int8.onnx
"""

import argparse
import logging
import os
import pathlib

from onnxruntime.quantization import QuantType, quantize_dynamic


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    options = parser.parse_args()
    # It advises to fold constants first; dynamic quantization of an encoder gains nothing by that.
    logging.getLogger().setLevel(logging.ERROR)
    # Under another name until it is whole: a run that was stopped must not leave half a model.
    unfinished = options.out.with_suffix(".unfinished")
    quantize_dynamic(options.model, unfinished, weight_type=QuantType.QInt8)
    os.replace(unfinished, options.out)


if __name__ == "__main__":
    main()
