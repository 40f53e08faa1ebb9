// SPDX-License-Identifier: Apache-2.0
#include "simd/amx_emulator.h"

#include <gtest/gtest.h>

#if defined(__x86_64__)

#include <bit>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#include "simd/cpu.h"

namespace neso {
namespace {

using Units = std::vector<uint32_t>;

struct Config {
  alignas(64) uint8_t bytes[64] = {1};

  Config& tile(size_t number, size_t rows, size_t row_bytes) {
    bytes[16 + 2 * number] = static_cast<uint8_t>(row_bytes);
    bytes[48 + number] = static_cast<uint8_t>(rows);
    return *this;
  }
};

uint32_t bytes_unit(int a, int b, int c, int d) {
  return (a & 0xFF) | (b & 0xFF) << 8 | (c & 0xFF) << 16 | static_cast<uint32_t>(d & 0xFF) << 24;
}
// Of floats that are exact in bf16.
uint32_t pair(float first, float second) {
  return std::bit_cast<uint32_t>(first) >> 16U | (std::bit_cast<uint32_t>(second) & 0xFFFF0000U);
}

class AmxEmulator : public testing::Test {
 protected:
  void SetUp() override {
    const auto isas = isas_with_emulated_amx();
    if (isas.back() != Isa::Avx512Amx) GTEST_SKIP() << "needs a CPU with AVX512_BF16";
  }
  const uint8_t* bytes(const Units& units) {
    return reinterpret_cast<const uint8_t*>(units.data());
  }
  void load(size_t tile, const Units& units, size_t row_units) {
    ASSERT_EQ(tiles_.load(tile, bytes(units), static_cast<ptrdiff_t>(4 * row_units)), nullptr);
  }
  Units stored(size_t tile, size_t rows, size_t row_units) {
    Units units(rows * row_units);
    EXPECT_EQ(tiles_.store(tile, reinterpret_cast<uint8_t*>(units.data()),
                           static_cast<ptrdiff_t>(4 * row_units)),
              nullptr);
    return units;
  }
  // Sums of one row and one column over `units` of k.
  Units dot(bool bf16, uint32_t sum, const Units& a, const Units& b) {
    const size_t k = a.size();
    EXPECT_EQ(tiles_.load_config(Config().tile(0, 1, 4).tile(1, 1, 4 * k).tile(2, k, 4).bytes),
              nullptr);
    load(0, {sum}, 1);
    load(1, a, k);
    load(2, b, 1);
    EXPECT_EQ(bf16 ? tiles_.add_products_of_bf16(0, 1, 2) : tiles_.add_products_of_bytes(0, 1, 2),
              nullptr);
    return stored(0, 1, 1);
  }
  float dot_bf16(float sum, const Units& a, const Units& b) {
    return std::bit_cast<float>(dot(true, std::bit_cast<uint32_t>(sum), a, b)[0]);
  }

  AmxTiles tiles_;
};

TEST_F(AmxEmulator, ProductsOfBytesAreUnsignedBySigned) {
  // 255 * -128 * 4 + 1 * 1 + 2 * -2 + 3 * 3 + 200 * 100
  EXPECT_EQ(dot(false, 5, {bytes_unit(255, 255, 255, 255), bytes_unit(1, 2, 3, 200)},
                {bytes_unit(-128, -128, -128, -128), bytes_unit(1, -2, 3, 100)})[0],
            static_cast<uint32_t>(5 - 130560 + 1 - 4 + 9 + 20000));
  // Sums wrap around; they do not saturate.
  EXPECT_EQ(dot(false, 0x7FFFFFFF, {bytes_unit(1, 0, 0, 0)}, {bytes_unit(1, 0, 0, 0)})[0],
            0x80000000U);
}

TEST_F(AmxEmulator, EveryRowMeetsEveryColumn) {
  ASSERT_EQ(tiles_.load_config(Config().tile(3, 3, 8).tile(4, 3, 4).tile(7, 1, 8).bytes), nullptr);
  ASSERT_EQ(tiles_.zero(3), nullptr);
  load(4, {bytes_unit(1, 0, 0, 0), bytes_unit(0, 2, 0, 0), bytes_unit(0, 0, 0, 3)}, 1);
  load(7, {bytes_unit(1, 2, 3, 4), bytes_unit(-5, -6, -7, -8)}, 2);
  ASSERT_EQ(tiles_.add_products_of_bytes(3, 4, 7), nullptr);
  const auto n = [](int value) { return static_cast<uint32_t>(value); };
  EXPECT_EQ(stored(3, 3, 2), (Units{1, n(-5), 4, n(-12), 12, n(-24)}));
}

TEST_F(AmxEmulator, FirstAndSecondValuesOfPairsAreAddedUpApart) {
  // One after the other 2^24 would swallow each 1.
  EXPECT_EQ(dot_bf16(0, {pair(4096, 1), pair(0, 1)}, {pair(4096, 1), pair(0, 1)}), 16777218.0F);
  // What there was comes last: (2^24 - 2^24) would leave 1 otherwise.
  EXPECT_EQ(dot_bf16(-16777216.0F, {pair(4096, 1)}, {pair(4096, 1)}), 0.0F);
  EXPECT_EQ(dot_bf16(0.5F, {pair(2, -3)}, {pair(4, 5)}), 0.5F + 8 - 15);
}

TEST_F(AmxEmulator, DenormalsOfBf16ProductsAreZero) {
  const float denormal = 0x1p-130F;
  const float smallest = 0x1p-126F;
  EXPECT_EQ(dot_bf16(0, {pair(denormal, 0)}, {pair(0x1p100F, 0)}), 0.0F);
  EXPECT_EQ(dot_bf16(0, {pair(smallest, 0)}, {pair(0.5F, 0)}), 0.0F);
  EXPECT_EQ(dot_bf16(denormal, {pair(0, 0)}, {pair(0, 0)}), 0.0F);
  EXPECT_EQ(dot_bf16(0, {pair(smallest, 0)}, {pair(1, 0)}), smallest);
}

TEST_F(AmxEmulator, LoadsFillWithZerosAndStoresKeepToTheShape) {
  ASSERT_EQ(tiles_.load_config(Config().tile(0, 2, 8).tile(1, 2, 8).tile(2, 2, 8).bytes), nullptr);
  load(0, {1, 2, 9, 3, 4, 9}, 3);
  Units out(6, 7);
  ASSERT_EQ(tiles_.store(0, reinterpret_cast<uint8_t*>(out.data()), 12), nullptr);
  EXPECT_EQ(out, (Units{1, 2, 7, 3, 4, 7}));
  // A distance of zero: one row for all.
  ASSERT_EQ(tiles_.load(0, bytes(out), 0), nullptr);
  EXPECT_EQ(stored(0, 2, 2), (Units{1, 2, 1, 2}));
}

TEST_F(AmxEmulator, RefusesWhatTheCpuRefuses) {
  Config reserved = Config().tile(0, 1, 4);
  reserved.bytes[5] = 1;
  Config palette = Config().tile(0, 1, 4);
  palette.bytes[0] = 2;
  for (const Config& config :
       {reserved, palette, Config().tile(0, 17, 4), Config().tile(0, 1, 68), Config().tile(0, 0, 4),
        Config().tile(0, 1, 0), Config().tile(8, 1, 4)}) {
    EXPECT_NE(tiles_.load_config(config.bytes), nullptr);
  }
  const Units units(64);
  EXPECT_NE(tiles_.load(0, bytes(units), 64), nullptr) << "not configured";
  ASSERT_EQ(
      tiles_.load_config(Config().tile(0, 2, 16).tile(1, 2, 8).tile(2, 2, 16).tile(3, 2, 6).bytes),
      nullptr);
  EXPECT_EQ(tiles_.add_products_of_bytes(0, 1, 2), nullptr);
  EXPECT_NE(tiles_.add_products_of_bytes(0, 1, 1), nullptr) << "one tile twice";
  EXPECT_NE(tiles_.add_products_of_bytes(1, 0, 2), nullptr) << "shapes";
  EXPECT_NE(tiles_.add_products_of_bf16(0, 1, 4), nullptr) << "a tile without shape";
  EXPECT_NE(tiles_.load(3, bytes(units), 64), nullptr) << "half a unit";
  tiles_.release();
  EXPECT_NE(tiles_.zero(0), nullptr);
}

// As compilers emit them, in several forms of addresses.
TEST_F(AmxEmulator, RunsInstructionsOfTheProgram) {
  alignas(64) static Config config = Config().tile(0, 2, 8).tile(5, 2, 8).tile(6, 2, 8);
  Units a = {bytes_unit(1, 2, 3, 4), bytes_unit(5, 6, 7, 8), bytes_unit(9, 10, 11, 12),
             bytes_unit(13, 14, 15, 16)};
  Units b = {bytes_unit(1, 1, 1, 1), bytes_unit(-1, -1, -1, -1), bytes_unit(2, 2, 2, 2),
             bytes_unit(0, 0, 0, 1)};
  Units out(4);
  alignas(64) uint8_t config_read[64];
  const size_t distance = 8;
  const auto* a_before = a.data() - 40;  // 160 bytes: a displacement of 32 bits
  __asm__ volatile(
      "ldtilecfg %[config]\n\t"
      "sttilecfg %[config_read]\n\t"
      "tilezero %%tmm0\n\t"
      "tileloadd 160(%[a],%[distance],1), %%tmm5\n\t"
      "mov %[b], %%r13\n\t"
      "mov %[distance], %%r14\n\t"
      "shr $1, %%r14\n\t"
      "tileloaddt1 (%%r13,%%r14,2), %%tmm6\n\t"
      "tdpbusd %%tmm6, %%tmm5, %%tmm0\n\t"
      "lea 16(%[out]), %%r12\n\t"
      "tilestored %%tmm0, -16(%%r12,%[distance],1)\n\t"
      "tilerelease"
      : [config_read] "=m"(config_read)
      : [config] "m"(config), [a] "r"(a_before), [b] "r"(b.data()), [out] "r"(out.data()),
        [distance] "r"(distance)
      : "memory", "r12", "r13", "r14", "cc");
  EXPECT_EQ(std::memcmp(config_read, config.bytes, 64), 0);
  const auto n = [](int value) { return static_cast<uint32_t>(value); };
  EXPECT_EQ(out, (Units{10 + 2 * 26, n(-10 + 8), 42 + 2 * 58, n(-42 + 16)}));
}

void through_a_tile(const uint32_t& in, uint32_t& out, const std::function<void()>& between) {
  static const Config config = Config().tile(0, 1, 4);
  const size_t distance = 4;
  __asm__ volatile("ldtilecfg %0\n\ttileloadd (%1,%2,1), %%tmm0"
                   :
                   : "m"(config), "r"(&in), "r"(distance)
                   : "memory");
  between();
  __asm__ volatile("tilestored %%tmm0, (%0,%1,1)\n\ttilerelease"
                   :
                   : "r"(&out), "r"(distance)
                   : "memory");
}

TEST_F(AmxEmulator, TilesAreEachThreadsOwn) {
  uint32_t mine = 0;
  uint32_t others = 0;
  through_a_tile(1, mine, [&] { std::thread([&] { through_a_tile(2, others, [] {}); }).join(); });
  EXPECT_EQ(mine, 1U);
  EXPECT_EQ(others, 2U);
}

}  // namespace
}  // namespace neso

#endif  // defined(__x86_64__)
