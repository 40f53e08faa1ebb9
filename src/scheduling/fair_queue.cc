// SPDX-License-Identifier: Apache-2.0
#include "scheduling/fair_queue.h"

#include <algorithm>

#include "base/check.h"

namespace neso {

void FairQueue::push(const Entry& entry) {
  const auto client = clients_.try_emplace(entry.client, Client{.served = served_}).first;
  client->second.cost += entry.cost;
  cost_ += entry.cost;
  try {
    client->second.order.insert(entry.id);
    client->second.groups[entry.group].insert(entry.id);
  } catch (...) {
    forget(client, entry);
    throw;
  }
}

// Also of an item that push() could not finish.
void FairQueue::forget(Clients::iterator found, const Entry& entry) {
  Client& client = found->second;
  client.order.erase(entry.id);
  if (const auto group = client.groups.find(entry.group); group != client.groups.end()) {
    group->second.erase(entry.id);
    if (group->second.empty()) client.groups.erase(group);
  }
  client.cost -= entry.cost;
  cost_ -= entry.cost;
  if (client.order.empty()) clients_.erase(found);
}

void FairQueue::remove(const Entry& entry) {
  const auto client = clients_.find(entry.client);
  NESO_CHECK(client != clients_.end());
  forget(client, entry);
}

void FairQueue::serve(const Entry& entry) {
  const auto client = clients_.find(entry.client);
  NESO_CHECK(client != clients_.end());
  served_ = std::max(served_, client->second.served);
  client->second.served += static_cast<double>(entry.cost);
  forget(client, entry);
}

size_t FairQueue::cost_before(uint64_t asking, size_t cost) const {
  const auto own = clients_.find(asking);
  const size_t waits = own == clients_.end() ? 0 : own->second.cost;
  size_t before = waits;
  for (const auto& [key, client] : clients_) {
    // As much again may come while they take turns.
    if (key != asking) before += std::min(2 * client.cost, waits + cost);
  }
  return before;
}

bool FairQueue::Walk::later(const Turn& a, const Turn& b) {
  return a.served != b.served ? a.served > b.served : *a.item > *b.item;
}

FairQueue::Walk::Walk(const FairQueue& queue, const std::string& group) {
  for (const auto& [key, client] : queue.clients_) {
    const auto items = client.groups.find(group);
    if (items == client.groups.end()) continue;
    turns_.push_back({client.served, items->second.begin(), items->second.end()});
  }
  std::ranges::make_heap(turns_, later);
}

std::optional<uint64_t> FairQueue::Walk::next() const {
  if (turns_.empty()) return std::nullopt;
  return *turns_.front().item;
}

void FairQueue::Walk::put_back(Turn turn) {
  pass_client();
  if (turn.item == turn.end) return;
  turns_.push_back(turn);
  std::ranges::push_heap(turns_, later);
}

void FairQueue::Walk::take(size_t cost) {
  Turn turn = turns_.front();
  ++turn.item;
  turn.served += static_cast<double>(cost);
  put_back(turn);
}

void FairQueue::Walk::pass() {
  Turn turn = turns_.front();
  ++turn.item;
  put_back(turn);
}

void FairQueue::Walk::pass_client() {
  std::ranges::pop_heap(turns_, later);
  turns_.pop_back();
}

}  // namespace neso
