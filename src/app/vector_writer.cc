// SPDX-License-Identifier: Apache-2.0
#include "app/vector_writer.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <vector>

#include "base/error.h"
#include "base/json_writer.h"

namespace neso {
namespace {

Result<> write_bytes(std::FILE* out, const void* data, size_t size) {
  if (std::fwrite(data, 1, size, out) == size) return {};
  if (errno == EPIPE) return cancelled("the reader of the output is gone");
  return internal_error("writing the output failed: {}", std::strerror(errno));
}

Result<> flush(std::FILE* out) {
  if (std::fflush(out) == 0) return {};
  if (errno == EPIPE) return cancelled("the reader of the output is gone");
  return internal_error("writing the output failed: {}", std::strerror(errno));
}

class JsonLinesWriter final : public VectorWriter {
 public:
  explicit JsonLinesWriter(std::FILE* out) : out_(out) {}

  Result<> write(const Embedding& embedding) override {
    JsonWriter writer;
    writer.begin_object();
    writer.key("embedding").numbers(embedding.values);
    writer.key("tokens").unsigned_integer(embedding.tokens);
    if (embedding.truncated) {
      writer.key("truncated").boolean(true);
      writer.key("original_tokens").unsigned_integer(embedding.original_tokens);
    }
    writer.end_object();
    return write_line(std::move(writer).text());
  }

  Result<> write_failure(std::string_view reason) override {
    JsonWriter writer;
    writer.begin_object().key("error").string(reason).end_object();
    return write_line(std::move(writer).text());
  }

  Result<> finish() override { return flush(out_); }

 private:
  Result<> write_line(std::string line) {
    line += '\n';
    return write_bytes(out_, line.data(), line.size());
  }
  std::FILE* out_;
};

class FloatWriter final : public VectorWriter {
 public:
  FloatWriter(size_t dimensions, std::FILE* out)
      : not_a_number_(dimensions, std::numeric_limits<float>::quiet_NaN()), out_(out) {}

  Result<> write(const Embedding& embedding) override {
    return write_bytes(out_, embedding.values.data(), embedding.values.size() * sizeof(float));
  }
  Result<> write_failure(std::string_view) override {
    return write_bytes(out_, not_a_number_.data(), not_a_number_.size() * sizeof(float));
  }
  Result<> finish() override { return flush(out_); }

 private:
  std::vector<float> not_a_number_;
  std::FILE* out_;
};

// NumPy's format 1.0: the shape stands in the header, before the rows are counted. A file is
// corrected at the end; for a pipe the rows wait in a temporary file.
class NpyWriter final : public VectorWriter {
 public:
  NpyWriter(size_t dimensions, std::FILE* out, std::FILE* spool)
      : dimensions_(dimensions),
        out_(out),
        spool_(spool),
        rows_(dimensions, spool != nullptr ? spool : out) {
    if (spool_ == nullptr) start_ = std::ftell(out_);
  }
  ~NpyWriter() override {
    if (spool_ != nullptr) std::fclose(spool_);
  }

  Result<> write(const Embedding& embedding) override {
    NESO_TRY_VOID(begin());
    ++count_;
    return rows_.write(embedding);
  }
  Result<> write_failure(std::string_view reason) override {
    NESO_TRY_VOID(begin());
    ++count_;
    return rows_.write_failure(reason);
  }
  Result<> finish() override {
    NESO_TRY_VOID(begin());
    if (spool_ != nullptr) return copy_spool();
    if (std::fseek(out_, start_, SEEK_SET) != 0)
      return internal_error("seeking in the output failed: {}", std::strerror(errno));
    const std::string text = header();
    NESO_TRY_VOID(write_bytes(out_, text.data(), text.size()));
    std::fseek(out_, 0, SEEK_END);
    return flush(out_);
  }

 private:
  // Always 128 bytes, whatever the count.
  std::string header() const {
    std::string dictionary = fmt::format(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", count_, dimensions_);
    dictionary.resize(128 - 10 - 1, ' ');
    const std::string magic("\x93NUMPY\x01\x00\x76\x00",
                            10);  // version 1.0, 118 bytes of dictionary
    return magic + dictionary + '\n';
  }
  Result<> begin() {
    if (begun_ || spool_ != nullptr) return {};
    begun_ = true;
    const std::string text = header();
    return write_bytes(out_, text.data(), text.size());
  }
  Result<> copy_spool() {
    const std::string text = header();
    NESO_TRY_VOID(write_bytes(out_, text.data(), text.size()));
    if (std::fseek(spool_, 0, SEEK_SET) != 0) {
      return internal_error("reading the temporary file failed: {}", std::strerror(errno));
    }
    std::vector<char> buffer(size_t{1} << 16);
    while (const size_t size = std::fread(buffer.data(), 1, buffer.size(), spool_)) {
      NESO_TRY_VOID(write_bytes(out_, buffer.data(), size));
    }
    return flush(out_);
  }

  size_t dimensions_;
  std::FILE* out_;
  std::FILE* spool_;
  FloatWriter rows_;
  long start_ = 0;
  bool begun_ = false;
  uint64_t count_ = 0;
};

}  // namespace

Result<std::unique_ptr<VectorWriter>> make_vector_writer(std::string_view format, size_t dimensions,
                                                         std::FILE* out) {
  if (format == "jsonl")
    return std::unique_ptr<VectorWriter>(std::make_unique<JsonLinesWriter>(out));
  if (format == "f32")
    return std::unique_ptr<VectorWriter>(std::make_unique<FloatWriter>(dimensions, out));
  if (format == "npy") {
    std::FILE* spool = nullptr;
    if (std::ftell(out) < 0) {
      spool = std::tmpfile();
      if (spool == nullptr)
        return internal_error("cannot make a temporary file for the npy output: {}",
                              std::strerror(errno));
    }
    return std::unique_ptr<VectorWriter>(std::make_unique<NpyWriter>(dimensions, out, spool));
  }
  return invalid_argument("there is no format '{}'; choose from jsonl, npy, f32", format);
}

}  // namespace neso
