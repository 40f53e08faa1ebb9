// SPDX-License-Identifier: Apache-2.0
// One event loop on one thread, with the connections that live there. Nothing on it needs a lock or
// a strand; other threads reach it through post() and through its AnswerQueue.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <unordered_set>

#include "base/result.h"
#include "base/thread_annotations.h"
#include "net/connection.h"
#include "net/http_message.h"

namespace boost::asio {
class io_context;
}

namespace neso::net {

class IoThread;

// Where answers for one I/O thread's connections arrive. It outlives the thread, because whoever
// owes an answer holds it: what comes after close() is dropped. Many answers wake the thread once.
class AnswerQueue : public std::enable_shared_from_this<AnswerQueue> {
 public:
  explicit AnswerQueue(IoThread& thread) : owner_(&thread) {}
  // For the request of that number. Any thread may use it, and all memory that it needs is taken
  // here: answering does not fail.
  Respond respond_to(std::weak_ptr<Connection> connection, uint64_t number);
  void close() EXCLUDES(mutex_);

 private:
  struct Answer {
    Answer(std::weak_ptr<Connection> to, uint64_t of)
        : connection(std::move(to)), number(of), response(HttpResponse{}) {}
    const std::weak_ptr<Connection> connection;
    const uint64_t number;
    Result<HttpResponse> response;
  };
  using Answers = std::list<Answer>;
  // One filled answer, which is taken out of the list.
  void push(Answers& answer) noexcept EXCLUDES(mutex_);
  void wake() noexcept;
  void deliver() EXCLUDES(mutex_);

  IoThread* const owner_;  // only to be followed while not closed, or on that very thread
  Mutex mutex_;
  bool closed_ GUARDED_BY(mutex_) = false;
  Answers waiting_ GUARDED_BY(mutex_);
};

class IoThread {
 public:
  IoThread();
  ~IoThread();  // stop()
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  // Starts the thread; fails with a sentence when the system refuses.
  Result<> start(const std::string& name);
  // Ends the loop at once and joins; connections die with this object. Not from an I/O thread.
  void stop();
  // Runs `task` on the thread, soon. Any thread.
  void post(std::function<void()> task);
  // The loop that runs on the calling thread, if any.
  static IoThread* current();

  boost::asio::io_context& context() { return *context_; }
  const std::shared_ptr<AnswerQueue>& answers() const { return answers_; }
  // How many connections were given to this thread and are open. Any thread.
  std::atomic<size_t>& load() { return load_; }

  // The rest is for the thread itself.
  std::span<char> scratch() { return scratch_; }  // for one read, used up before the next
  void add(Connection* connection) { connections_.insert(connection); }
  void remove(Connection* connection) { connections_.erase(connection); }
  void drain_connections();
  // The connection whose handler is running: its answers need no queue.
  Connection*& dispatching() { return dispatching_; }

 private:
  void run();
  std::atomic<size_t> load_{0};
  std::unordered_set<Connection*> connections_;
  Connection* dispatching_ = nullptr;
  std::array<char, 64 * 1024> scratch_;
  const std::shared_ptr<AnswerQueue> answers_;
  // Destroyed first: connections die with it, and leave what is above.
  std::unique_ptr<boost::asio::io_context> context_;
  std::thread thread_;
};

// Marks the connection whose handler runs, also when the handler throws.
class Dispatching {
 public:
  Dispatching(IoThread& thread, Connection* connection) : thread_(thread) {
    thread_.dispatching() = connection;
  }
  ~Dispatching() { thread_.dispatching() = nullptr; }

 private:
  IoThread& thread_;
};

}  // namespace neso::net
