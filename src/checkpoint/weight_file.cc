// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/weight_file.h"

#include <algorithm>
#include <bit>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.h"
#include "tensor/half.h"

namespace neso {

namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little,
              "safetensors' and ONNX's elements are read as they are stored");

constexpr size_t kChunkElements = 64 * 1024;

Result<fs::file_time_type> write_time(const fs::path& path) {
  std::error_code error;
  const fs::file_time_type time = fs::last_write_time(path, error);
  if (error == std::errc::no_such_file_or_directory)
    return not_found("{} is not there", path.string());
  if (error) return internal_error("cannot read {}: {}", path.string(), error.message());
  return time;
}

template <typename Stored>
Result<> read_converted(const WeightFile& file, uint64_t offset, std::span<float> out,
                        float (*to_fp32)(Stored)) {
  std::vector<Stored> chunk(std::min(out.size(), kChunkElements));
  while (!out.empty()) {
    const std::span<Stored> part = std::span(chunk).first(std::min(out.size(), chunk.size()));
    NESO_TRY_VOID(file.read(offset, std::as_writable_bytes(part)));
    std::ranges::transform(part, out.begin(), to_fp32);
    out = out.subspan(part.size());
    offset += part.size_bytes();
  }
  return {};
}

}  // namespace

WeightFile::WeightFile(std::shared_ptr<const MappedFile> file, fs::file_time_type written)
    : file_(std::move(file)), written_(written) {}

Result<WeightFile> WeightFile::open(const fs::path& path) {
  NESO_TRY(const fs::file_time_type written, write_time(path));
  NESO_TRY(std::shared_ptr<const MappedFile> file, MappedFile::open(path));
  return WeightFile(std::move(file), written);
}

Result<> WeightFile::read(uint64_t offset, std::span<std::byte> out) const {
  Result<> read = file_->read_into(offset, out);
  if (!read) return internal_error("{}", read.error().message);
  return {};
}

Result<> WeightFile::read_fp32(const WeightInfo& info, uint64_t offset,
                               std::span<float> out) const {
  switch (info.dtype) {
    case DType::Fp32:
      return read(offset, std::as_writable_bytes(out));
    case DType::Fp16:
      return read_converted<uint16_t>(*this, offset, out, fp16_to_fp32);
    case DType::Bf16:
      return read_converted<uint16_t>(*this, offset, out, bf16_to_fp32);
    case DType::Fp64:
      return read_converted<double>(*this, offset, out,
                                    [](double value) { return static_cast<float>(value); });
    default:
      return unsupported("{} stores it as {}; supported are F32, F16, BF16 and F64",
                         path().string(), info.stored_as);
  }
}

Result<> WeightFile::check_unchanged() const {
  NESO_TRY(const fs::file_time_type written, write_time(path()));
  if (written != written_) {
    return internal_error("{} was written to while it was being read; load the model again",
                          path().string());
  }
  return {};
}

}  // namespace neso
