// SPDX-License-Identifier: Apache-2.0
#include "sequence/sequence_slots.h"

#include <algorithm>

#include "base/check.h"

namespace neso {
namespace {

// Stamps of a far future do not wrap round.
int64_t later(int64_t stamp, int64_t by) {
  int64_t sum = 0;
  return __builtin_add_overflow(stamp, by, &sum) ? std::numeric_limits<int64_t>::max() : sum;
}

}  // namespace

SequenceSlots::Agenda& SequenceSlots::agenda_of(const Sequence& sequence) {
  if (!sequence.active) return backlog_;
  return sequence.waiting.empty() ? idle_ : ready_;
}

std::pair<int64_t, uint64_t> SequenceSlots::agenda_key(Sequences::iterator entry) const {
  const auto& [number, sequence] = *entry;
  if (!sequence.active) return {0, number};
  if (sequence.waiting.empty()) return {sequence.heard_ns, number};
  return {static_cast<int64_t>(sequence.waiting.front().id), number};
}

void SequenceSlots::take_from_agenda(Sequences::iterator entry) {
  Sequence& sequence = entry->second;
  if (sequence.place.empty()) sequence.place = agenda_of(sequence).extract(agenda_key(entry));
}

// Or forgets the sequence, when nothing will come of it any more.
void SequenceSlots::add_to_agenda(Sequences::iterator entry) {
  Sequence& sequence = entry->second;
  if (sequence.running) return;
  if (sequence.waiting.empty() && (!sequence.open || closed_)) return forget(entry);
  sequence.place.value() = agenda_key(entry);
  agenda_of(sequence).insert(std::move(sequence.place));
}

// Its slot is free from now on.
void SequenceSlots::forget(Sequences::iterator entry) {
  take_from_agenda(entry);
  if (entry->second.active) --active_;
  if (entry->second.open) open_.erase(entry->second.id);
  sequences_.erase(entry);
}

SequenceSlots::Sequences::iterator SequenceSlots::begin(Request request) {
  const uint64_t number = next_++;
  const auto entry = sequences_.emplace(number, Sequence{.id = request.step.id}).first;
  Sequence& sequence = entry->second;
  try {
    sequence.memory = std::make_shared<SequenceMemory>();
    sequence.place = Agenda{{0, number}}.extract({0, number});
    open_.emplace(sequence.id, number);
    sequence.waiting.push_back(std::move(request));
  } catch (...) {
    open_.erase(sequence.id);
    sequences_.erase(entry);
    throw;
  }
  sequence.active = active_ < limits_.slots && backlog_.empty();
  if (sequence.active) ++active_;
  return entry;
}

SequenceSlots::Pushed SequenceSlots::push(Request request, int64_t now_ns) {
  end_idle(now_ns);  // also when take() was not called in time
  request.arrived_ns = now_ns;
  const bool start = request.step.start;
  const bool end = request.step.end;
  const auto deadline_ns = request.deadline_ns;
  const auto known = open_.find(request.step.id);
  if (known == open_.end() && !start) return Pushed::NotStarted;
  const bool restarted = known != open_.end() && start;
  Sequences::iterator entry;
  if (known == open_.end()) {
    entry = begin(std::move(request));
  } else {
    entry = sequences_.find(known->second);
    // The agenda's key is that of the first one, so it is taken out before it may change.
    const bool first = entry->second.waiting.empty();
    if (first) take_from_agenda(entry);
    try {
      entry->second.waiting.push_back(std::move(request));
    } catch (...) {
      if (first) add_to_agenda(entry);
      throw;
    }
  }
  Sequence& sequence = entry->second;
  if (!sequence.running) take_from_agenda(entry);
  sequence.heard_ns = now_ns;
  if (!sequence.active && deadline_ns) {
    sequence.deadline_ns = std::min(sequence.deadline_ns.value_or(*deadline_ns), *deadline_ns);
    backlog_deadline_ns_ = std::min(backlog_deadline_ns_.value_or(*deadline_ns), *deadline_ns);
  }
  if (end) {
    sequence.open = false;
    open_.erase(sequence.id);
  }
  add_to_agenda(entry);
  return restarted ? Pushed::Restarted : Pushed::Accepted;
}

std::vector<uint64_t> SequenceSlots::expire_backlog(int64_t now_ns) {
  std::vector<uint64_t> expired;
  if (!backlog_deadline_ns_ || *backlog_deadline_ns_ > now_ns) return expired;
  std::optional<int64_t> next;
  std::vector<Sequences::iterator> late;
  for (const auto& [unused, number] : backlog_) {
    const auto entry = sequences_.find(number);
    const auto deadline_ns = entry->second.deadline_ns;
    if (deadline_ns && *deadline_ns <= now_ns) {
      for (const Request& request : entry->second.waiting) expired.push_back(request.id);
      late.push_back(entry);
    } else if (deadline_ns) {
      next = std::min(next.value_or(*deadline_ns), *deadline_ns);
    }
  }
  for (const auto entry : late) forget(entry);
  backlog_deadline_ns_ = next;
  return expired;
}

void SequenceSlots::end_idle(int64_t now_ns) {
  while (!idle_.empty() && later(idle_.begin()->first, limits_.max_idle_ns) <= now_ns)
    forget(sequences_.find(idle_.begin()->second));
}

void SequenceSlots::fill_slots() {
  while (active_ < limits_.slots && !backlog_.empty()) {
    const auto entry = sequences_.find(backlog_.begin()->second);
    take_from_agenda(entry);
    entry->second.active = true;
    ++active_;
    add_to_agenda(entry);
  }
}

// How many of the ready ones run together now.
size_t SequenceSlots::worth_running(int64_t now_ns) const {
  const size_t count = ready_.size();
  if (count == 0 || closed_ || limits_.max_delay_ns == 0) return count;
  const Request& oldest = sequences_.at(ready_.begin()->second).waiting.front();
  if (later(oldest.arrived_ns, limits_.max_delay_ns) <= now_ns) return count;
  const auto beyond = std::ranges::upper_bound(limits_.enough, count);
  if (beyond == limits_.enough.begin()) return 0;
  return limits_.all_beyond_enough ? count : *std::prev(beyond);
}

SequenceSlots::Taken SequenceSlots::take(int64_t now_ns) {
  Taken taken;
  taken.turns.reserve(std::min(sequences_.size(), limits_.slots));
  taken.expired = expire_backlog(now_ns);
  end_idle(now_ns);
  fill_slots();
  while (const size_t count = worth_running(now_ns)) {
    for (size_t i = 0; i < count; ++i) {
      const auto entry = sequences_.find(ready_.begin()->second);
      Sequence& sequence = entry->second;
      take_from_agenda(entry);
      taken.turns.push_back({sequence.waiting.front().id, entry->first, sequence.memory});
      sequence.waiting.pop_front();
      sequence.running = true;
    }
  }
  return taken;
}

void SequenceSlots::finished(uint64_t number, int64_t now_ns) {
  const auto entry = sequences_.find(number);
  NESO_CHECK(entry != sequences_.end() && entry->second.running);
  entry->second.running = false;
  entry->second.heard_ns = now_ns;
  add_to_agenda(entry);
}

std::vector<uint64_t> SequenceSlots::cancel(uint64_t number) {
  const auto entry = sequences_.find(number);
  NESO_CHECK(entry != sequences_.end());
  Sequence& sequence = entry->second;
  std::vector<uint64_t> waiting;
  waiting.reserve(sequence.waiting.size());
  for (const Request& request : sequence.waiting) waiting.push_back(request.id);
  take_from_agenda(entry);
  sequence.waiting.clear();
  if (std::exchange(sequence.open, false)) open_.erase(sequence.id);
  add_to_agenda(entry);
  return waiting;
}

std::optional<int64_t> SequenceSlots::next_wakeup() const {
  std::optional<int64_t> next = backlog_deadline_ns_;
  const auto also = [&next](int64_t stamp) { next = std::min(next.value_or(stamp), stamp); };
  if (!idle_.empty()) also(later(idle_.begin()->first, limits_.max_idle_ns));
  if (!ready_.empty()) {
    const Request& oldest = sequences_.at(ready_.begin()->second).waiting.front();
    also(later(oldest.arrived_ns, limits_.max_delay_ns));
  }
  return next;
}

void SequenceSlots::close() {
  closed_ = true;
  while (!idle_.empty()) forget(sequences_.find(idle_.begin()->second));
}

}  // namespace neso
