// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/cpu_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "engine/cpu/cpu_weights.h"
#include "engine/cpu/encoder_pass.h"
#include "engine/cpu/test_bert.h"
#include "engine/pooling.h"
#include "simd/amx_emulator.h"
#include "simd/cpu.h"

namespace neso {
namespace {

using Floats = std::vector<float>;
using testing::AllOf;
using testing::HasSubstr;

Architecture small_bert() {
  Architecture a;
  a.family = "bert";
  a.hidden = 60;
  a.layers = 2;
  a.heads = 3;
  a.intermediate = 77;
  a.vocabulary = 101;
  a.max_positions = 512;
  a.type_vocabulary = 2;
  return a;
}

// Enough work for every way of spreading a batch.
Architecture wide_bert() {
  Architecture a = small_bert();
  a.hidden = 144;
  a.heads = 4;
  a.intermediate = 400;
  return a;
}

// Gated, rotary, with a base of its own for more than 100 tokens.
Architecture small_nomic() {
  Architecture a = small_bert();
  a.family = "nomic_bert";
  a.heads = 2;
  a.activation = Activation::Silu;
  a.gated = true;
  a.position_kind = PositionKind::Rotary;
  a.rotary = {1000, 2, 100};
  return a;
}

// With heads that panels hold whole.
Architecture wide_nomic() {
  Architecture a = small_nomic();
  a.hidden = 128;
  a.heads = 8;
  a.intermediate = 200;
  return a;
}

std::shared_ptr<const CpuWeights> weights_for(const Architecture& architecture, Isa isa,
                                              Precision precision = Precision::Fp32) {
  auto weights = load_cpu_weights(random_encoder(architecture, 7), precision, isa);
  EXPECT_TRUE(weights.has_value());
  return *std::move(weights);
}

std::unique_ptr<Engine> engine_for(std::shared_ptr<const CpuWeights> weights, size_t threads) {
  auto engine = make_cpu_engine(std::move(weights), CpuOptions{threads});
  EXPECT_TRUE(engine.has_value());
  return *std::move(engine);
}

// A sequence that is a function of its number and length.
void append_sequence(TokenBatch& batch, uint32_t number, size_t length) {
  std::vector<int32_t> ids;
  std::vector<int32_t> types;
  for (size_t i = 0; i < length; ++i) {
    const uint32_t bits = mix_bits(number * 1000 + static_cast<uint32_t>(i));
    ids.push_back(static_cast<int32_t>(bits % 101));
    types.push_back(static_cast<int32_t>(bits >> 31));
  }
  batch.append(ids, types);
}

const PoolingSpec kPooling{{PoolingMode::Cls, PoolingMode::Mean}};

Floats encode(Engine& engine, const TokenBatch& batch, const PoolingSpec& pooling = kPooling) {
  Floats out(batch.size() * pooling.width(engine.info().hidden), NAN);
  EXPECT_TRUE(engine.encode(batch, pooling, out).has_value());
  return out;
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

class CpuEngineOn : public testing::TestWithParam<std::tuple<Isa, Precision>> {
 protected:
  std::shared_ptr<const CpuWeights> weights(const Architecture& architecture) const {
    return weights_for(architecture, std::get<0>(GetParam()), std::get<1>(GetParam()));
  }
};

// Encodes sequences alone and in `rounds` random batches, on one to three threads.
void expect_bits_of_the_sequence_alone(const std::shared_ptr<const CpuWeights>& weights,
                                       int rounds) {
  constexpr size_t kLengths[] = {1,  2,  5,  6,  7,  8,  11, 12, 13,  15,  16,  17,  23,
                                 24, 25, 47, 48, 49, 63, 64, 65, 127, 128, 129, 200, 300};
  const Architecture& architecture = weights->architecture;
  std::vector<std::unique_ptr<Engine>> engines;
  for (const size_t threads : {1, 2, 3}) engines.push_back(engine_for(weights, threads));
  const size_t width = kPooling.width(architecture.hidden);

  std::map<size_t, Floats> alone;  // by length, which is also the sequence's number
  for (const size_t length : kLengths) {
    TokenBatch batch;
    append_sequence(batch, static_cast<uint32_t>(length), length);
    alone[length] = encode(*engines[0], batch);
  }
  std::mt19937 generator(11);
  for (int round = 0; round < rounds; ++round) {
    TokenBatch batch;
    std::vector<size_t> lengths(1 + generator() % (round % 4 == 0 ? 40 : 6));
    for (size_t& length : lengths) {
      length =
          kLengths[generator() % (round % 3 == 0 ? std::size(kLengths) : std::size(kLengths) / 2)];
      append_sequence(batch, static_cast<uint32_t>(length), length);
    }
    Engine& engine = *engines[generator() % engines.size()];
    const Floats out = encode(engine, batch);
    for (size_t i = 0; i < lengths.size(); ++i) {
      ASSERT_TRUE(same_bits(std::span(out).subspan(i * width, width), alone[lengths[i]]))
          << architecture.family << ", hidden " << architecture.hidden << ", round " << round
          << ", sequence " << i << " of " << lengths.size() << " with " << lengths[i] << " tokens";
    }
  }
}

TEST_P(CpuEngineOn, BitsDependOnTheSequenceAlone) {
  // Over the four, a thousand batches in each precision where it matters most.
  const int rounds = std::get<0>(GetParam()) == supported_isas().back() ? 250 : 30;
  for (const Architecture& architecture :
       {small_bert(), wide_bert(), small_nomic(), wide_nomic()}) {
    expect_bits_of_the_sequence_alone(weights(architecture), rounds);
  }
}

// Where there is no AMX it takes a signal for a few instructions: a few batches must do.
TEST(CpuEngineOnEmulatedAmx, BitsDependOnTheSequenceAlone) {
  if (isas_with_emulated_amx().back() != Isa::Avx512Amx)
    GTEST_SKIP() << "needs a CPU with AVX512_BF16";
  for (const Precision precision : {Precision::Bf16, Precision::Int8}) {
    expect_bits_of_the_sequence_alone(weights_for(small_nomic(), Isa::Avx512Amx, precision), 8);
  }
}

TEST_P(CpuEngineOn, StaleMemoryIsNeverRead) {
  for (const Architecture& architecture : {small_bert(), small_nomic()}) {
    const auto weights = this->weights(architecture);
    TokenBatch batch;
    for (const uint32_t length : {17U, 3U, 150U, 1U}) append_sequence(batch, length, length);
    Chunk chunk;
    chunk.sequences = {0, 1, 2, 3};
    chunk.offsets = {0, 17, 20, 170, 171};
    const auto run = [&](float stale) {
      Workspace workspace;
      EXPECT_TRUE(workspace.reserve(*weights, {200, 160}).has_value());
      std::ranges::fill(workspace.memory(), stale);
      const PassInput input(architecture, batch);
      EncoderPass pass(*weights, input, chunk, workspace, workspace, PassMember{});
      pass.run();
      Floats states;
      for (size_t r = 0; r < chunk.rows(); ++r) {
        states.insert(states.end(), pass.states() + r * padded(60),
                      pass.states() + r * padded(60) + 60);
      }
      return states;
    };
    const Floats clean = run(0);
    EXPECT_TRUE(all_finite(clean));
    EXPECT_TRUE(same_bits(clean, run(NAN)));
    EXPECT_TRUE(same_bits(clean, run(std::numeric_limits<float>::infinity())));
  }
}

TEST_P(CpuEngineOn, TokenStatesPoolToTheVectors) {
  for (const size_t threads : {1, 2}) {
    const auto engine = engine_for(weights(small_bert()), threads);
    TokenBatch batch;
    for (const uint32_t length : {5U, 140U, 2U}) append_sequence(batch, length, length);
    Floats states(batch.tokens() * 60, NAN);
    ASSERT_TRUE(engine->encode_tokens(batch, states).has_value());
    const Floats vectors = encode(*engine, batch);
    for (size_t i = 0; i < batch.size(); ++i) {
      Floats pooled(120);
      pool_sequence(std::span(states).subspan(static_cast<size_t>(batch.cu_seqlens[i]) * 60,
                                              batch.length(i) * 60),
                    60, kPooling, pooled);
      EXPECT_TRUE(same_bits(pooled, std::span(vectors).subspan(i * 120, 120)));
    }
  }
}

// Leaving out what a pooling does not look at changes no bit of what it does.
TEST_P(CpuEngineOn, VectorsOfOneTokenAreItsStates) {
  for (const Architecture& architecture : {small_bert(), wide_nomic()}) {
    const auto weights = this->weights(architecture);
    const size_t hidden = architecture.hidden;
    TokenBatch batch;
    for (const uint32_t length : {5U, 140U, 1U, 2U, 33U, 200U, 7U, 64U})
      append_sequence(batch, length, length);
    Floats states(batch.tokens() * hidden, NAN);
    ASSERT_TRUE(engine_for(weights, 1)->encode_tokens(batch, states).has_value());
    for (const PoolingMode mode : {PoolingMode::Cls, PoolingMode::LastToken}) {
      for (const size_t threads : {1, 3}) {
        const Floats vectors = encode(*engine_for(weights, threads), batch, {{mode}});
        for (size_t i = 0; i < batch.size(); ++i) {
          const auto token = static_cast<size_t>(
              mode == PoolingMode::Cls ? batch.cu_seqlens[i] : batch.cu_seqlens[i + 1] - 1);
          EXPECT_TRUE(same_bits(std::span(vectors).subspan(i * hidden, hidden),
                                std::span(states).subspan(token * hidden, hidden)));
        }
      }
    }
  }
}

// A sanity check on random weights, which forgive less than trained ones: tests/golden has the
// bounds that count.
TEST_P(CpuEngineOn, VectorsPointWhereThoseOfFp32Do) {
  const auto precision = std::get<1>(GetParam());
  const double bound = precision == Precision::Fp32   ? 0.999999
                       : precision == Precision::Bf16 ? 0.9995
                                                      : 0.995;
  TokenBatch batch;
  for (uint32_t length = 1; length < 200; length += 9) append_sequence(batch, length, length);
  for (const Architecture& architecture : {wide_bert(), wide_nomic()}) {
    const auto exact = engine_for(weights_for(architecture, Isa::Generic), 1);
    const auto engine = engine_for(weights(architecture), 2);
    const Floats truth = encode(*exact, batch);
    const Floats out = encode(*engine, batch);
    const size_t width = kPooling.width(architecture.hidden);
    for (size_t i = 0; i < batch.size(); ++i) {
      double dot = 0, a = 0, b = 0;
      for (size_t c = i * width; c < (i + 1) * width; ++c) {
        dot += static_cast<double>(truth[c]) * static_cast<double>(out[c]);
        a += static_cast<double>(truth[c]) * static_cast<double>(truth[c]);
        b += static_cast<double>(out[c]) * static_cast<double>(out[c]);
      }
      EXPECT_GT(dot / std::sqrt(a * b), bound)
          << architecture.family << ", " << batch.length(i) << " tokens";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, CpuEngineOn,
                         testing::Combine(testing::ValuesIn(supported_isas()),
                                          testing::Values(Precision::Fp32, Precision::Bf16,
                                                          Precision::Int8)),
                         [](const auto& info) {
                           return std::string(to_string(std::get<0>(info.param))) + "_" +
                                  std::string(to_string(std::get<1>(info.param)));
                         });

TEST(CpuEngine, PositionsAndTypesDefaultToAscendingAndZero) {
  const auto engine = engine_for(weights_for(small_bert(), Isa::Generic), 1);
  const std::vector<int32_t> ids = {4, 5, 6};
  TokenBatch bare;
  bare.append(ids);
  TokenBatch explicit_defaults;
  explicit_defaults.append(ids, std::vector<int32_t>{0, 0, 0}, std::vector<int32_t>{0, 1, 2});
  TokenBatch other_positions;
  other_positions.append(ids, {}, std::vector<int32_t>{7, 8, 9});
  TokenBatch other_types;
  other_types.append(ids, std::vector<int32_t>{0, 1, 1});
  EXPECT_TRUE(same_bits(encode(*engine, bare), encode(*engine, explicit_defaults)));
  EXPECT_FALSE(same_bits(encode(*engine, bare), encode(*engine, other_positions)));
  EXPECT_FALSE(same_bits(encode(*engine, bare), encode(*engine, other_types)));
}

TEST(CpuEngine, EmptyBatchIsNoWork) {
  const auto engine = engine_for(weights_for(small_bert(), Isa::Generic), 2);
  EXPECT_TRUE(engine->encode(TokenBatch(), kPooling, {}).has_value());
}

TEST(CpuEngine, InfoSaysWhatTheModelIs) {
  const auto engine = engine_for(weights_for(small_bert(), Isa::Generic), 1);
  const EngineInfo& info = engine->info();
  EXPECT_EQ(info.name, "cpu");
  EXPECT_EQ(info.device, "CPU");
  EXPECT_TRUE(info.can_encode);
  EXPECT_FALSE(info.can_run);
  EXPECT_EQ(info.hidden, 60U);
  EXPECT_EQ(info.vocabulary, 101U);
  EXPECT_EQ(info.max_positions, 512U);
  EXPECT_EQ(info.type_vocabulary, 2U);
}

TEST(CpuEngine, RunsNoRawTensors) {
  const auto engine = engine_for(weights_for(small_bert(), Isa::Generic), 1);
  const auto result = engine->run({}, {});
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, ErrorCode::Unsupported);
}

TEST(CpuWeightsLoad, RefusesWeightsThatAreNotFiniteAndNamesTheTensor) {
  const float bad[] = {NAN, std::numeric_limits<float>::infinity()};
  for (const char* name :
       {"embeddings.word_embeddings.weight", "encoder.layer.1.attention.self.key.weight",
        "encoder.layer.0.output.dense.bias", "encoder.layer.1.output.LayerNorm.weight"}) {
    for (const float value : bad) {
      Checkpoint checkpoint = random_bert(small_bert(), 7);
      auto spoilt = std::make_shared<RandomWeights>(small_bert(), 7);
      spoilt->spoil(name, 3, value);
      checkpoint.weights = spoilt;
      const auto weights = load_cpu_weights(checkpoint, Precision::Fp32, Isa::Generic);
      ASSERT_FALSE(weights.has_value()) << name;
      EXPECT_THAT(weights.error().message, AllOf(HasSubstr(name), HasSubstr("element 3")));
    }
  }
}

TEST(CpuWeightsLoad, ErrorsOfTheStoreComeThrough) {
  class CutShort final : public WeightStore {
   public:
    std::vector<std::string> names() const override { return whole_.names(); }
    const WeightInfo* find(std::string_view name) const override { return whole_.find(name); }
    Result<> read_fp32(std::string_view, std::span<float>) const override {
      return internal_error("file cut short");
    }

   private:
    RandomWeights whole_{small_bert(), 7};
  };
  Checkpoint checkpoint = random_bert(small_bert(), 7);
  checkpoint.weights = std::make_shared<CutShort>();
  const auto weights = load_cpu_weights(checkpoint, Precision::Fp32, Isa::Generic);
  ASSERT_FALSE(weights.has_value());
  EXPECT_EQ(weights.error().message, "file cut short");
}

TEST(CpuWeightsLoad, EnginesShareOneCopy) {
  const auto loaded = load_cpu_weights(random_bert(small_bert(), 7), Precision::Fp32, Isa::Generic);
  ASSERT_TRUE(loaded.has_value());
  const auto first = engine_for(*loaded, 1);
  const auto second = engine_for(*loaded, 2);
  EXPECT_EQ(loaded->use_count(), 3);
}

}  // namespace
}  // namespace neso
