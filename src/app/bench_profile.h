// SPDX-License-Identifier: Apache-2.0
// Where the time of our engines went in one case of `neso bench --profile`.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/cpu/profile.h"

namespace neso {

// The share of an operation in all that was measured, 0 to 1.
using OperationShare = std::pair<std::string_view, double>;

class ProfileSlice {
 public:
  // From now on; null: of an engine that has no profile.
  explicit ProfileSlice(const Profile* profile);
  // Operations that took any time since then, the longest first.
  std::vector<OperationShare> shares() const;

 private:
  using Times = std::array<int64_t, kOperationNames.size()>;
  Times times() const;
  const Profile* profile_;
  Times before_;
};

}  // namespace neso
