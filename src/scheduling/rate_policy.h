// SPDX-License-Identifier: Apache-2.0
// Which of the instances that want to run may do so: pure policy, without threads. An instance
// takes all its resources at once or none, so that no two can wait for each other.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/rate_limits.h"

namespace neso {

// One thread at a time. Once an instance is added, nothing about it allocates.
class RatePolicy {
 public:
  class Instance;

  // A resource that no limit names has as many as the instance that needs most of it.
  explicit RatePolicy(std::vector<ResourceLimit> limits);

  // Fails, and nothing changes, when the instance could never run, or calls a resource global that
  // another one calls its device's.
  Result<Instance*> add(const InstanceResources& resources, int device);
  // Of one that neither waits nor holds anything.
  void remove(Instance& instance);

  // It wants to run; from grant() on it may hold its resources.
  void wait(Instance& instance);
  void release(Instance& instance);
  static bool holds(const Instance& instance);

  // Gives resources to those that wait, in their order, as long as there are enough; answers how
  // many got theirs. To be called after wait(), release() and add().
  //
  // Of those that compete for a resource the turns are shared as 1/priority. An instance that is
  // ahead and finds too little keeps back what it needs: those behind it get what is left, so that
  // who needs much does not wait for ever.
  size_t grant();

 private:
  struct Key {
    std::string name;
    std::optional<int> device = {};  // empty: global
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Resource {
    std::optional<uint64_t> fixed = {};  // by a limit
    std::multiset<uint64_t> needs = {};  // of all instances; never empty
    uint64_t held = 0;
    uint64_t kept_back = 0;  // during grant()
    uint64_t count() const { return fixed ? *fixed : *needs.rbegin(); }
  };
  using Resources = std::map<Key, Resource>;

  Result<> check(const Key& key, uint64_t count) const;
  std::optional<uint64_t> limit_of(const Key& key) const;
  void give(Instance& instance);
  static bool fits(const Instance& instance);
  static bool compete(const Instance& a, const Instance& b);

  const std::vector<ResourceLimit> limits_;
  Resources resources_;
  std::list<Instance> instances_;
  std::vector<Instance*> waiting_;  // with room for all instances
  uint64_t arrivals_ = 0;
};

class RatePolicy::Instance {
  friend class RatePolicy;
  struct Need {
    Resources::iterator resource;
    uint64_t count = 0;
  };
  enum class State { Idle, Waiting, Holding };

  std::vector<Need> needs_;  // by key
  double weight_ = 1;        // 1/priority
  double credit_ = 0;        // turns that others had while it waited, less its own
  uint64_t arrived_ = 0;     // when it began to wait
  State state_ = State::Idle;
};

}  // namespace neso
