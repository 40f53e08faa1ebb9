// SPDX-License-Identifier: Apache-2.0
#include "scheduling/rate_policy.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "config/option_value.h"

namespace neso {

RatePolicy::RatePolicy(std::vector<ResourceLimit> limits) : limits_(std::move(limits)) {}

// What the options say of it; a resource that they know, but not for that device, is not there.
std::optional<uint64_t> RatePolicy::limit_of(const Key& key) const {
  std::optional<uint64_t> found;
  for (const ResourceLimit& limit : limits_) {
    if (limit.name != lower_case(key.name)) continue;
    const bool applies = !key.device || !limit.device || *limit.device == *key.device;
    found = std::max<uint64_t>(found.value_or(0), applies ? limit.count : 0);
  }
  return found;
}

Result<> RatePolicy::check(const Key& key, uint64_t count) const {
  for (auto same = resources_.lower_bound({key.name});
       same != resources_.end() && same->first.name == key.name; ++same) {
    if (same->first.device.has_value() == key.device.has_value()) continue;
    return invalid_argument(
        "Resource \"{}\" is present as both global and device-specific resource in the model "
        "configuration; say the same in instance_group.rate_limiter of every model",
        key.name);
  }
  const auto limit = limit_of(key);
  if (!limit || count <= *limit) return {};
  return invalid_argument(
      "Resource count for \"{}\" is limited to {} which will prevent scheduling of one or more "
      "model instances, the minimum required count is {}; raise it with "
      "--rate-limit-resource={}:{}, or lower it in instance_group.rate_limiter",
      key.name, *limit, count, key.name, count);
}

Result<RatePolicy::Instance*> RatePolicy::add(const InstanceResources& resources, int device) {
  std::map<Key, uint64_t> needs;
  for (const ResourceNeed& need : resources.needs) {
    if (need.count == 0) continue;
    const Key key{need.name, need.global ? std::nullopt : std::optional(device)};
    NESO_TRY_VOID(check(key, need.count));
    if (const Key other{need.name, need.global ? std::optional(device) : std::nullopt};
        needs.contains(other)) {
      return invalid_argument(
          "Resource \"{}\" is present as both global and device-specific resource in the model "
          "configuration; name it once in each instance_group.rate_limiter",
          need.name);
    }
    needs[key] = need.count;
  }
  waiting_.reserve(instances_.size() + 1);
  Instance& made = instances_.emplace_back();
  try {
    made.weight_ = 1.0 / std::max<uint32_t>(1, resources.priority);
    made.needs_.reserve(needs.size());
    for (const auto& [key, count] : needs) {
      const auto limit = limit_of(key);
      std::multiset<uint64_t> need = {count};
      const auto resource = resources_.try_emplace(key, Resource{.fixed = limit}).first;
      resource->second.needs.merge(need);
      made.needs_.push_back({resource, count});
    }
  } catch (...) {
    remove(made);
    throw;
  }
  return &made;
}

void RatePolicy::remove(Instance& instance) {
  NESO_CHECK(instance.state_ == Instance::State::Idle);
  for (const auto& [resource, count] : instance.needs_) {
    auto& needs = resource->second.needs;
    needs.erase(needs.find(count));
    if (needs.empty()) resources_.erase(resource);
  }
  instances_.remove_if([&](const Instance& other) { return &other == &instance; });
}

void RatePolicy::wait(Instance& instance) {
  NESO_CHECK(instance.state_ == Instance::State::Idle);
  instance.state_ = Instance::State::Waiting;
  instance.arrived_ = arrivals_++;
  waiting_.push_back(&instance);
}

void RatePolicy::release(Instance& instance) {
  NESO_CHECK(instance.state_ == Instance::State::Holding);
  instance.state_ = Instance::State::Idle;
  for (const auto& [resource, count] : instance.needs_) resource->second.held -= count;
}

bool RatePolicy::holds(const Instance& instance) {
  return instance.state_ == Instance::State::Holding;
}

bool RatePolicy::fits(const Instance& instance) {
  return std::ranges::all_of(instance.needs_, [](const Instance::Need& need) {
    const Resource& resource = need.resource->second;
    return resource.held + resource.kept_back + need.count <= resource.count();
  });
}

bool RatePolicy::compete(const Instance& a, const Instance& b) {
  return std::ranges::any_of(a.needs_, [&](const Instance::Need& mine) {
    return std::ranges::any_of(
        b.needs_, [&](const Instance::Need& its) { return mine.resource == its.resource; });
  });
}

// Everyone whom its turn keeps waiting gains, in the measure of their weights, and it pays for all:
// then its share of the turns is its share of the weights, whoever else comes and goes.
void RatePolicy::give(Instance& instance) {
  double paid = 0;
  for (Instance* rival : waiting_) {
    if (!compete(*rival, instance)) continue;
    rival->credit_ += rival->weight_;
    paid += rival->weight_;
  }
  instance.credit_ -= paid;
  instance.state_ = Instance::State::Holding;
  for (const auto& [resource, count] : instance.needs_) resource->second.held += count;
  std::erase(waiting_, &instance);
}

size_t RatePolicy::grant() {
  const auto ahead = [](const Instance* a, const Instance* b) {
    const double first = a->credit_ + a->weight_;
    const double second = b->credit_ + b->weight_;
    return first != second ? first > second : a->arrived_ < b->arrived_;
  };
  size_t granted = 0;
  for (bool again = true; again;) {
    again = false;
    for (auto& [key, resource] : resources_) resource.kept_back = 0;
    std::ranges::sort(waiting_, ahead);
    for (Instance* instance : waiting_) {
      if (fits(*instance)) {
        give(*instance);  // which changes the order
        ++granted;
        again = true;
        break;
      }
      for (const auto& [resource, count] : instance->needs_) resource->second.kept_back += count;
    }
  }
  return granted;
}

}  // namespace neso
