// SPDX-License-Identifier: Apache-2.0
#include "app/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <string>

namespace neso {
namespace {
constexpr int64_t kRedrawNs = 100'000'000;
constexpr size_t kBarCells = 30;
}  // namespace

Progress::Progress(std::FILE* out, uint64_t total_bytes, const Clock& clock)
    : out_(out),
      active_(isatty(fileno(out)) == 1),
      total_bytes_(total_bytes),
      clock_(clock),
      start_ns_(clock.now_ns()) {}

void Progress::update(uint64_t texts, uint64_t tokens, uint64_t bytes) {
  if (!active_ || clock_.now_ns() - drawn_ns_ < kRedrawNs) return;
  drawn_ns_ = clock_.now_ns();
  draw(texts, tokens,
       total_bytes_ > 0 ? static_cast<double>(bytes) / static_cast<double>(total_bytes_) : -1);
}

void Progress::finish(uint64_t texts, uint64_t tokens) {
  if (!active_) return;
  draw(texts, tokens, total_bytes_ > 0 ? 1 : -1);
  fmt::print(out_, "\n");
}

void Progress::draw(uint64_t texts, uint64_t tokens, double share) {
  const double seconds = std::max(static_cast<double>(clock_.now_ns() - start_ns_) * 1e-9, 1e-3);
  std::string bar;
  if (share >= 0) {
    const auto cells = static_cast<size_t>(std::clamp(share, 0.0, 1.0) * kBarCells);
    bar = fmt::format("[{}{}] {:3.0f} %  ", std::string(cells, '#'),
                      std::string(kBarCells - cells, ' '), share * 100);
  }
  // \x1b[K clears what a longer line has left behind.
  fmt::print(out_, "\r{}{} texts, {:.0f} texts/s, {:.0f} tokens/s\x1b[K", bar, texts,
             static_cast<double>(texts) / seconds, static_cast<double>(tokens) / seconds);
  std::fflush(out_);
}

}  // namespace neso
