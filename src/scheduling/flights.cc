// SPDX-License-Identifier: Apache-2.0
#include "scheduling/flights.h"

#include <utility>

#include "base/contain.h"

namespace neso {

std::optional<uint64_t> Flights::find(const std::string& key, const Terms& terms) const {
  const auto number = by_key_.find(key);
  if (number == by_key_.end()) return std::nullopt;
  const Flight& flight = flights_.at(number->second);
  const auto& until = flight.terms.deadline_ns;
  // A flight that gives up earlier would end the others' wait as well.
  const bool lasts = !until || (terms.deadline_ns && *terms.deadline_ns <= *until);
  const bool soon = flight.terms.level <= terms.level && flight.terms.lane <= terms.lane;
  if (!flight.running && !(lasts && soon)) return std::nullopt;
  return number->second;
}

bool Flights::has(const std::string& key, const Terms& terms) const {
  MutexLock lock(mutex_);
  return find(key, terms).has_value();
}

bool Flights::join(const std::string& key, const Terms& terms, Completion<JobOutput>& done) {
  MutexLock lock(mutex_);
  const auto number = find(key, terms);
  if (!number) return false;
  flights_.at(*number).joined.emplace_back() = std::move(done);
  ++joins_;
  return true;
}

void Flights::open(std::string key, const Terms& terms, Job& job) {
  MutexLock lock(mutex_);
  if (by_key_.contains(key)) return;
  const uint64_t number = next_++;
  Completion<JobOutput>::Callback land = [self = shared_from_this(),
                                          number](Result<JobOutput> result) {
    self->landed(number, std::move(result));
  };
  Flight& flight = flights_[number];
  try {
    flight.key = &by_key_.emplace(std::move(key), number).first->first;
  } catch (...) {
    flights_.erase(number);
    throw;
  }
  flight.terms = terms;
  flight.done = std::exchange(job.done, Completion<JobOutput>(std::move(land)));
  job.flight = number;
}

bool Flights::joined(uint64_t number) const {
  MutexLock lock(mutex_);
  const auto flight = flights_.find(number);
  return flight != flights_.end() && !flight->second.joined.empty();
}

void Flights::runs(uint64_t number) {
  MutexLock lock(mutex_);
  if (const auto flight = flights_.find(number); flight != flights_.end())
    flight->second.running = true;
}

void Flights::close(uint64_t number) {
  MutexLock lock(mutex_);
  if (const auto flight = flights_.find(number); flight != flights_.end()) close(flight->second);
}

void Flights::close(Flight& flight) {
  if (flight.key != nullptr) by_key_.erase(by_key_.find(*flight.key));
  flight.key = nullptr;
}

uint64_t Flights::joins() const {
  MutexLock lock(mutex_);
  return joins_;
}

void Flights::landed(uint64_t number, Result<JobOutput> result) {
  Flight flight;
  {
    MutexLock lock(mutex_);
    const auto found = flights_.find(number);
    close(found->second);
    flight = std::move(found->second);
    flights_.erase(found);
  }
  for (Completion<JobOutput>& done : flight.joined)
    contain("answering a request", [&] { done(result); });
  flight.done(std::move(result));
}

}  // namespace neso
