// SPDX-License-Identifier: Apache-2.0
// What waits in one lane, shared fairly between those who sent it: whoever has had least of the
// engine's work since he began to wait comes next, so that a client's place does not depend on how
// much another one has queued. Each client's own items keep their order within a group.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace neso {

// One thread at a time. What may allocate throws without having changed anything.
class FairQueue {
 public:
  struct Entry {
    uint64_t id = 0;  // ascending with arrival
    uint64_t client = 0;
    size_t cost = 1;
    std::string group = {};
  };
  void push(const Entry& entry);
  void remove(const Entry& entry);
  // As remove(), of an item that goes to an engine: its client is charged for it.
  void serve(const Entry& entry);

  bool empty() const { return clients_.empty(); }
  size_t cost() const { return cost_; }
  // What is served before a further item of `cost`, if nothing else comes: of every client as much
  // as the asking one gets until then.
  size_t cost_before(uint64_t client, size_t cost) const;

  // The item whose turn it is, among those that `wanted` accepts.
  template <typename Wanted>
  std::optional<uint64_t> first(const Wanted& wanted) const {
    const Client* best = nullptr;
    uint64_t best_id = 0;
    for (const auto& [key, client] : clients_) {
      if (best != nullptr && client.served > best->served) continue;
      for (const uint64_t id : client.order) {
        if (best != nullptr && client.served == best->served && id > best_id) break;
        if (!wanted(id)) continue;
        best = &client;
        best_id = id;
        break;
      }
    }
    if (best == nullptr) return std::nullopt;
    return best_id;
  }

  // The items of a group in the order in which they get their turns; changes nothing.
  class Walk {
   public:
    Walk(const FairQueue& queue, const std::string& group);
    // The next item; nullopt at the end.
    std::optional<uint64_t> next() const;
    // It was taken, for that cost: its client waits longer for the next turn.
    void take(size_t cost);
    // It was not, but others of its client may be.
    void pass();
    // Nor any other of its client.
    void pass_client();

   private:
    struct Turn {
      double served;
      std::set<uint64_t>::const_iterator item, end;
    };
    static bool later(const Turn& a, const Turn& b);
    void put_back(Turn turn);
    std::vector<Turn> turns_;  // a heap, the next one in front
  };

 private:
  struct Client {
    double served = 0;  // cost, from the queue's beginning on: only differences matter
    size_t cost = 0;    // waiting
    std::set<uint64_t> order = {};
    std::map<std::string, std::set<uint64_t>> groups = {};  // ids by group, none empty
  };
  using Clients = std::map<uint64_t, Client>;
  void forget(Clients::iterator client, const Entry& entry);

  Clients clients_;    // none empty: who has nothing here has no debts
  double served_ = 0;  // of the client that had the last turn; where a new one begins
  size_t cost_ = 0;
};

}  // namespace neso
