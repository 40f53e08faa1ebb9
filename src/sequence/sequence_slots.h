// SPDX-License-Identifier: Apache-2.0
// Which request of which sequence runs next: pure policy, without threads or a clock of its own. A
// sequence's requests run one at a time and in order. It has a slot from its first request to its
// last one, or until it was idle for too long; those that find no slot wait in the backlog, in
// order of arrival.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "request/requests.h"
#include "tensor/tensor.h"

namespace neso {

struct SequenceLimits {
  size_t slots = 1;
  int64_t max_idle_ns = std::numeric_limits<int64_t>::max();
  // As SequenceBatching: ready requests may wait for others until they are enough.
  int64_t max_delay_ns = 0;
  std::vector<size_t> enough = {};
  bool all_beyond_enough = false;
};

// What the server keeps for a sequence between its requests. Whoever runs its request has it alone.
struct SequenceMemory {
  std::vector<NamedTensor> states;  // by the names of the graph's inputs; empty: as at the start
};

// One thread at a time.
class SequenceSlots {
 public:
  explicit SequenceSlots(SequenceLimits limits) : limits_(std::move(limits)) {}

  struct Request {
    uint64_t id = 0;  // ascending with arrival
    SequenceStep step = {};
    std::optional<int64_t> deadline_ns = {};  // for leaving the backlog
    int64_t arrived_ns = 0;                   // push() fills it in
  };
  enum class Pushed {
    Accepted,
    Restarted,   // accepted; the sequence of that id had not ended
    NotStarted,  // refused: there is no sequence of that id
  };
  // Without memory it throws and nothing changes; the same holds for take() and cancel().
  Pushed push(Request request, int64_t now_ns);

  // A request whose turn it is, until finished() is called with its sequence.
  struct Turn {
    uint64_t request = 0;
    uint64_t sequence = 0;
    std::shared_ptr<SequenceMemory> memory;
  };
  struct Taken {
    std::vector<Turn> turns;        // oldest first
    std::vector<uint64_t> expired;  // requests of sequences that waited too long in the backlog
  };
  Taken take(int64_t now_ns);
  // The turn is over.
  void finished(uint64_t sequence, int64_t now_ns);
  // Ends a sequence early. Answers its requests that wait; one that has its turn keeps it.
  std::vector<uint64_t> cancel(uint64_t sequence);
  // When take() would answer or free something that it does not now; nullopt: not by waiting.
  std::optional<int64_t> next_wakeup() const;

  // Nothing is pushed any more: sequences end with what they have, and nobody waits for others.
  void close();
  bool empty() const { return sequences_.empty(); }

 private:
  // What sequences are up to: request ids, stamps or nothing, and the sequence's number.
  using Agenda = std::set<std::pair<int64_t, uint64_t>>;
  struct Sequence {
    CorrelationId id;
    std::deque<Request> waiting = {};
    bool active = false;   // has a slot
    bool running = false;  // has its turn
    bool open = true;      // more requests may come
    int64_t heard_ns = 0;  // when its last request arrived or was done
    std::optional<int64_t> deadline_ns = {};
    std::shared_ptr<SequenceMemory> memory = {};
    Agenda::node_type place = {};  // its entry of an agenda, while it is in none
  };
  using Sequences = std::map<uint64_t, Sequence>;  // by number, so by arrival

  Sequences::iterator begin(Request request);
  void add_to_agenda(Sequences::iterator entry);
  void take_from_agenda(Sequences::iterator entry);
  Agenda& agenda_of(const Sequence& sequence);
  std::pair<int64_t, uint64_t> agenda_key(Sequences::iterator entry) const;
  void forget(Sequences::iterator entry);
  std::vector<uint64_t> expire_backlog(int64_t now_ns);
  void end_idle(int64_t now_ns);
  void fill_slots();
  size_t worth_running(int64_t now_ns) const;

  const SequenceLimits limits_;
  Sequences sequences_;
  std::map<CorrelationId, uint64_t> open_;
  // Each sequence that has not its turn is in one of them. Entries move without an allocation.
  Agenda backlog_;  // without a slot, by number
  Agenda ready_;    // with a slot, by the first request that waits
  Agenda idle_;     // with a slot and nothing to do, by heard_ns
  size_t active_ = 0;
  std::optional<int64_t> backlog_deadline_ns_;  // not after the first one
  uint64_t next_ = 1;
  bool closed_ = false;
};

}  // namespace neso
