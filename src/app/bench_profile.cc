// SPDX-License-Identifier: Apache-2.0
#include "app/bench_profile.h"

#include <algorithm>

namespace neso {

ProfileSlice::ProfileSlice(const Profile* profile) : profile_(profile), before_(times()) {}

ProfileSlice::Times ProfileSlice::times() const {
  Times result{};
  for (size_t i = 0; i < result.size() && profile_ != nullptr; ++i)
    result[i] = profile_->ns(static_cast<Operation>(i));
  return result;
}

std::vector<OperationShare> ProfileSlice::shares() const {
  const Times now = times();
  double total = 0;
  for (size_t i = 0; i < now.size(); ++i) total += static_cast<double>(now[i] - before_[i]);
  std::vector<OperationShare> shares;
  for (size_t i = 0; i < now.size(); ++i) {
    if (now[i] > before_[i])
      shares.emplace_back(kOperationNames[i], static_cast<double>(now[i] - before_[i]) / total);
  }
  std::ranges::stable_sort(shares, std::ranges::greater{}, &OperationShare::second);
  return shares;
}

}  // namespace neso
