// SPDX-License-Identifier: Apache-2.0
// What readers of request bodies share: values of any kind come as one, and a refusal of what the
// document says is told from one of its syntax.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "api/triton/tensor_json.h"
#include "base/json.h"
#include "base/result.h"

namespace neso::triton {

class BodyReader : public JsonHandler {
 public:
  Result<> null() final { return noted(scalar(nullptr)); }
  Result<> boolean(bool value) final { return noted(scalar(value)); }
  Result<> integer(int64_t value) final { return noted(scalar(value)); }
  Result<> large_unsigned(uint64_t value) final { return noted(scalar(value)); }
  Result<> number(double value, std::string_view written) final {
    return noted(scalar(JsonReal{value, written}));
  }
  Result<> string(std::string_view value) final { return noted(scalar(value)); }
  Result<> key(std::string_view name) final {
    key_ = name;
    return {};
  }

  // The document was refused by what it says, not by its syntax.
  bool refused() const { return refused_; }

 protected:
  // A value that is neither object nor array.
  virtual Result<> scalar(const JsonScalar& value) = 0;

  Result<> noted(Result<> result) {
    refused_ = !result.has_value();
    return result;
  }
  std::string key_;  // of the value that comes next

 private:
  bool refused_ = false;
};

}  // namespace neso::triton
