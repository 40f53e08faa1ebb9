// SPDX-License-Identifier: Apache-2.0
// Private to this folder: our tensors as ONNX Runtime's values and back.
#pragma once

#include <optional>

#include "base/result.h"
#include "engine/onnx/ort_runtime.h"
#include "tensor/tensor.h"

namespace neso {

// nullopt: a type no protocol of ours can carry (complex, 8-bit floats, 4-bit integers).
std::optional<DType> dtype_of(ONNXTensorElementDataType type);

// A value and, as the library does not copy numbers, the bytes it looks at.
struct OrtInput {
  Tensor backing;
  OrtHandle<OrtValue> value;
};

// The tensor's size fits its type and shape: the caller has checked.
Result<OrtInput> to_ort_value(const OnnxRuntime& runtime, const Tensor& tensor);

// Numbers are not copied: the tensor keeps the value alive, also beyond its session. Strings become
// the wire form.
Result<Tensor> from_ort_value(const OnnxRuntime& runtime, OrtHandle<OrtValue> value);

}  // namespace neso
