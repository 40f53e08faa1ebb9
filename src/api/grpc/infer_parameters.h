// SPDX-License-Identifier: Apache-2.0
// The parameters of an infer request, of its inputs and of its outputs: which there are, and which
// kind of value each takes. The sentences are Triton's.
#pragma once

#include <grpc_service.pb.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "request/requests.h"

namespace neso::grpc_api {

using ParameterMap = google::protobuf::Map<std::string, inference::InferParameter>;

// Of the request: sequences, priority, timeout, and what models would get to see.
Result<> check_request_parameters(const ParameterMap& parameters);
// What they say of a sequence, once they are checked.
SequenceStep sequence_step(const ParameterMap& parameters);
// The value of one that was checked, 0 without it or when it is negative.
uint64_t request_number(const ParameterMap& parameters, const char* name);

// Where in a region of shared memory a tensor lies.
struct SharedMemoryPlace {
  std::string region;
  int64_t offset = 0;
  int64_t byte_size = 0;
};
// nullopt: the tensor travels in the message.
Result<std::optional<SharedMemoryPlace>> shared_memory_place(const std::string& tensor,
                                                             const ParameterMap& parameters);

// How many classes of an output are wanted; nullopt: its values.
Result<std::optional<int64_t>> classification(const ParameterMap& parameters);

}  // namespace neso::grpc_api
