// SPDX-License-Identifier: Apache-2.0
// An input whose elements came in the typed fields of its `contents`, as a tensor. Fields that hold
// the elements as the tensor does are not copied.
#pragma once

#include <grpc_service.pb.h>

#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "tensor/tensor.h"

namespace neso::grpc_api {

// `message` owns `input` and lives as long as the tensor. Without a datatype, which is one that is
// no word of KServe's, any elements are refused. Whether they are as many as the shape says is
// checked later, for every kind of data alike.
Result<Tensor> typed_tensor(const inference::ModelInferRequest::InferInputTensor& input,
                            std::optional<DType> dtype,
                            const std::shared_ptr<const inference::ModelInferRequest>& message);

}  // namespace neso::grpc_api
