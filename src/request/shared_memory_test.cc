// SPDX-License-Identifier: Apache-2.0
// Regions of shared memory: Triton's sentences, and a client that pulls its memory away.
#include "request/shared_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "request/test_shared_memory.h"

namespace neso {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kLargest = std::numeric_limits<uint64_t>::max();

std::vector<std::byte> bytes_of(std::string_view text) {
  std::vector<std::byte> bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

class SharedMemory : public ::testing::Test {
 protected:
  std::string refusal(SharedRegionStatus region) {
    const auto done = registry_.register_region(std::move(region));
    return done ? "registered" : done.error().message;
  }
  void register_all(const std::string& name = "r") {
    ASSERT_EQ(refusal({name, memory_.key(), 0, page_ * 2}), "registered");
  }
  std::string slice_refusal(std::string_view name, uint64_t offset, uint64_t size) {
    const auto slice = registry_.slice(name, offset, size);
    return slice ? "inside" : slice.error().message;
  }

  const uint64_t page_ = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  ClientMemory memory_{page_ * 2};
  SharedMemoryRegistry registry_{true};
};

TEST_F(SharedMemory, RegionsAreListedByNameUntilTheyAreUnregistered) {
  ASSERT_EQ(refusal({"b", memory_.key(), page_, 100}), "registered");
  ASSERT_EQ(refusal({"a", memory_.key(), 0, 64}), "registered");
  const auto all = registry_.status("").value();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].name, "a");
  EXPECT_EQ(all[1].key, memory_.key());
  EXPECT_EQ(all[1].offset, page_);
  EXPECT_EQ(all[1].byte_size, 100U);
  EXPECT_EQ(registry_.status("b").value().size(), 1U);
  EXPECT_TRUE(registry_.unregister("b"));
  EXPECT_TRUE(registry_.unregister("b")) << "an unknown name is no error";
  EXPECT_EQ(registry_.status("b").error(),
            (Error{ErrorCode::NotFound, "Unable to find system shared memory region: 'b'"}));
  EXPECT_TRUE(registry_.unregister(""));
  EXPECT_TRUE(registry_.status("").value().empty());
}

TEST_F(SharedMemory, WhatCannotBeRegisteredIsRefusedInTritonsWords) {
  register_all("taken");
  EXPECT_EQ(registry_.register_region({"taken", memory_.key(), 0, 1}).error(),
            (Error{ErrorCode::AlreadyExists, "shared memory region 'taken' already in manager"}));
  const std::string invalid = "failed to register shared memory region 'r': ";
  EXPECT_EQ(refusal({"r", memory_.key(), 0, page_ * 2 + 1}), invalid + "invalid args");
  EXPECT_EQ(refusal({"r", memory_.key(), page_ * 4, 1}), invalid + "invalid args");
  EXPECT_EQ(refusal({"r", memory_.key(), page_, kLargest}), invalid + "invalid args");
  const std::string unmapped = invalid + "unable to process address spaceInvalid argument";
  EXPECT_EQ(refusal({"r", memory_.key(), 64, 64}), unmapped);
  EXPECT_EQ(refusal({"r", memory_.key(), 0, 0}), unmapped);
  EXPECT_EQ(refusal({"r", "/neso_absent", 0, 1}),
            "Unable to open shared memory region: '/neso_absent'");
  EXPECT_EQ(refusal({"r", "a/b", 0, 1}), "Unable to open shared memory region: 'a/b'");
  EXPECT_EQ(refusal({"r", "//", 0, 1}),
            "cannot register shared memory region 'r' - invalid shm key '//'");
  EXPECT_THAT(refusal({"r", "/triton_python_backend_shm_region_1", 0, 1}),
              HasSubstr("contains the reserved prefix"));
  EXPECT_THAT(refusal({"r", memory_.key() + std::string(1, '\0') + "x", 0, 1}),
              HasSubstr("Unable to open"));
}

TEST_F(SharedMemory, ARangeMustLieInsideItsRegion) {
  ASSERT_EQ(refusal({"r", memory_.key(), page_, 100}), "registered");
  EXPECT_EQ(slice_refusal("r", 0, 100), "inside");
  EXPECT_EQ(slice_refusal("r", 99, 1), "inside");
  const std::string size = "Invalid offset + byte size for shared memory region: 'r'";
  EXPECT_EQ(slice_refusal("r", 0, 101), size);
  EXPECT_EQ(slice_refusal("r", 99, 2), size);
  EXPECT_EQ(slice_refusal("r", 1, kLargest), size);
  EXPECT_EQ(slice_refusal("r", 0, 0), size) << "no byte_size was given";
  EXPECT_EQ(slice_refusal("r", 100, 1), "Invalid offset for shared memory region: 'r'");
  EXPECT_EQ(slice_refusal("r", kLargest, 1), "Invalid offset for shared memory region: 'r'");
  EXPECT_EQ(registry_.slice("other", 0, 1).error(),
            (Error{ErrorCode::NotFound, "Unable to find shared memory region: 'other'"}));
}

TEST_F(SharedMemory, OffsetsCountFromTheRegionsBegin) {
  memory_.write(page_ + 3, bytes_of("abc"));
  ASSERT_EQ(refusal({"r", memory_.key(), page_, 100}), "registered");
  const SharedSlice slice = registry_.slice("r", 3, 3).value();
  EXPECT_EQ(slice.read().value(), bytes_of("abc"));
  ASSERT_TRUE(slice.region->write(1, bytes_of("xy")));
  EXPECT_EQ(memory_.read<std::byte>(page_ + 1, 5), bytes_of("xyabc"));
}

TEST_F(SharedMemory, ARegionStaysReadableForWhoHoldsItAfterItsNameIsGone) {
  register_all();
  memory_.write(0, bytes_of("abc"));
  const SharedSlice slice = registry_.slice("r", 0, 3).value();
  ASSERT_TRUE(registry_.unregister("r"));
  register_all();  // the name is free at once
  EXPECT_EQ(slice.read().value(), bytes_of("abc"));
}

TEST_F(SharedMemory, AnObjectThatWasCutAfterItsRegistrationIsAnErrorAndNoSignal) {
  register_all();
  const SharedSlice slice = registry_.slice("r", page_, 64).value();
  memory_.resize(page_ + 10);
  const auto read = slice.read();
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::InvalidArgument);
  EXPECT_THAT(read.error().message, HasSubstr(std::to_string(page_ + 10) + " bytes now"));
  EXPECT_FALSE(slice.region->write(page_, bytes_of("0123456789a")));
  EXPECT_EQ(memory_.size(), page_ + 10) << "a write does not make it longer again";
  memory_.resize(0);
  EXPECT_FALSE(slice.read());
  EXPECT_FALSE(slice.region->write(0, bytes_of("a")));
  memory_.resize(page_ * 2);
  EXPECT_TRUE(slice.read()) << "whole again";
}

TEST_F(SharedMemory, ClientsRegisterNothingWhereTheyMayNot) {
  SharedMemoryRegistry closed(false);
  const Error refused{ErrorCode::Unsupported,
                      "Client shared memory is disabled. Start the server with "
                      "'--allow-client-shm=true' to enable."};
  EXPECT_EQ(closed.register_region({"r", memory_.key(), 0, 1}).error(), refused);
  EXPECT_EQ(closed.unregister("").error(), refused);
  EXPECT_EQ(closed.register_cuda_region("r", 64).error(), refused);
  EXPECT_EQ(closed.unregister_cuda("").error(), refused);
  EXPECT_TRUE(closed.status(""));
}

TEST_F(SharedMemory, NothingIsEverRegisteredOfAGpu) {
  register_all("system");
  EXPECT_EQ(registry_.register_cuda_region("r", 64).error().message,
            "failed to register shared memory region: invalid args");
  EXPECT_EQ(registry_.register_cuda_region("r", 63).error().message,
            "'raw_handle' must be a valid base64 encoded cudaIpcMemHandle_t");
  EXPECT_EQ(registry_.register_cuda_region("system", 64).error().code, ErrorCode::AlreadyExists);
  EXPECT_TRUE(registry_.check_cuda_status(""));
  EXPECT_EQ(registry_.check_cuda_status("r").error().message,
            "Unable to find cuda shared memory region: 'r'");
  EXPECT_EQ(
      registry_.check_cuda_status("system").error().message,
      "The region named 'system' is registered as system shared memory, not CUDA shared memory");
  EXPECT_TRUE(registry_.unregister_cuda("system"));
  EXPECT_EQ(registry_.status("").value().size(), 1U);
}

}  // namespace
}  // namespace neso
