// SPDX-License-Identifier: Apache-2.0
#include "net/io_thread.h"

#include <pthread.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <new>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace neso::net {

namespace {
thread_local IoThread* current_thread = nullptr;
}  // namespace

Respond AnswerQueue::respond_to(std::weak_ptr<Connection> connection, uint64_t number) {
  const auto answer = std::make_shared<Answers>();
  answer->emplace_back(std::move(connection), number);
  return Respond([self = shared_from_this(), answer](Result<HttpResponse> response) {
    answer->front().response = std::move(response);
    self->push(*answer);
  });
}

void AnswerQueue::push(Answers& answer) noexcept {
  // Answered inside the handler: no lock, no wake-up. Only on its own thread may a connection be
  // locked, since the last owner destroys it. (A later thread at the address of a dead owner finds
  // the connection expired.)
  if (IoThread::current() == owner_) {
    const std::shared_ptr<Connection> alive = answer.front().connection.lock();
    if (!alive) return;
    if (owner_->dispatching() == alive.get()) {
      return alive->answer(answer.front().number, std::move(answer.front().response));
    }
  }
  MutexLock lock(mutex_);
  if (closed_) return;
  waiting_.splice(waiting_.end(), answer);
  if (waiting_.size() == 1) wake();
}

// Twice, because a moment without memory must not leave a client without its answer for ever; a
// lasting one ends the process (explain_termination).
void AnswerQueue::wake() noexcept {
  const auto post = [this] { owner_->post([self = shared_from_this()] { self->deliver(); }); };
  try {
    post();
  } catch (const std::bad_alloc&) {
    post();
  }
}

void AnswerQueue::deliver() {
  Answers answers;
  {
    MutexLock lock(mutex_);
    answers.swap(waiting_);
  }
  for (Answer& answer : answers) {
    if (const std::shared_ptr<Connection> connection = answer.connection.lock()) {
      connection->answer(answer.number, std::move(answer.response));
    }
  }
}

void AnswerQueue::close() {
  Answers dropped;
  MutexLock lock(mutex_);
  closed_ = true;
  dropped.swap(waiting_);
}

IoThread::IoThread()
    : answers_(std::make_shared<AnswerQueue>(*this)),
      context_(std::make_unique<boost::asio::io_context>(1)) {}  // 1: one thread runs it

IoThread::~IoThread() {
  stop();
}

Result<> IoThread::start(const std::string& name) {
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    return internal_error(
        "cannot start an I/O thread: {}; check the limit of processes (ulimit -u)", error.what());
  }
  pthread_setname_np(thread_.native_handle(), name.substr(0, 15).c_str());
  return {};
}

void IoThread::stop() {
  answers_->close();
  context_->stop();
  if (thread_.joinable()) thread_.join();
}

void IoThread::post(std::function<void()> task) {
  boost::asio::post(*context_, std::move(task));
}

IoThread* IoThread::current() {
  return current_thread;
}

void IoThread::drain_connections() {
  // Draining closes some, which removes them: walk a copy.
  const std::vector<Connection*> connections(connections_.begin(), connections_.end());
  for (Connection* connection : connections) connection->drain();
}

void IoThread::run() {
  current_thread = this;
  const auto guard = boost::asio::make_work_guard(*context_);
  while (!context_->stopped()) {
    try {
      context_->run();
    } catch (const std::exception& error) {
      log_error("an I/O thread's handler threw: {}", error.what());
    }
  }
}

}  // namespace neso::net
