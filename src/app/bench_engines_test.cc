// SPDX-License-Identifier: Apache-2.0
#include "app/bench_engines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/cores.h"

namespace neso {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// What is wrong with the lists: found before anything of the model is read.
std::string complaint(const EngineLists& lists) {
  const auto engines = open_bench_engines(lists, "/nowhere", Checkpoint{});
  return engines ? "" : engines.error().message;
}

EngineLists ours() {
  EngineLists lists;
  lists.engines = "cpu";
  return lists;
}

TEST(BenchEngines, ListsAreWordsBetweenCommas) {
  EXPECT_THAT(list_words("isa", "a,,bc,").value(), ElementsAre("a", "bc"));
  EXPECT_EQ(list_words("isa", "a,b,a").error().message, "--isa names 'a' twice");
  EXPECT_EQ(list_words("isa", ",").error().message, "--isa names nothing");
}

TEST(BenchEngines, UnknownNamesAreRefusedWithTheChoice) {
  EngineLists lists = ours();
  lists.precisions = "fp32,fp8";
  EXPECT_THAT(complaint(lists), HasSubstr("fp8"));
  lists = ours();
  lists.isas = "generic,avx1024";
  EXPECT_THAT(complaint(lists), HasSubstr("no instruction set 'avx1024'; choose from generic"));
  lists = ours();
  lists.engines = "cpu,gpu";
  EXPECT_EQ(complaint(lists), "there is no engine 'gpu'; choose from cpu, onnx");
}

TEST(BenchEngines, ThreadsAreNumbersAndOncePerCount) {
  EngineLists lists = ours();
  lists.threads = "1,two";
  EXPECT_EQ(complaint(lists), "--threads takes numbers from 0 (one per core) to 1024, not 'two'");
  lists.threads = "1025";
  EXPECT_THAT(complaint(lists), HasSubstr("to 1024, not '1025'"));
  lists.threads = "3,3";
  EXPECT_EQ(complaint(lists), "--threads names '3' twice");
  lists.threads = "0," + std::to_string(usable_cores());
  EXPECT_THAT(complaint(lists), HasSubstr("0 is one per core"));
}

TEST(BenchEngines, TooManyCombinationsAreRefused) {
  EngineLists lists = ours();
  lists.precisions = "fp32,bf16,int8";
  lists.threads = "1,2,3,4,5,6,7,8,9,10,11";
  EXPECT_THAT(complaint(lists), HasSubstr("33 engines, and one run compares 32 at most"));
}

TEST(BenchEngines, NamesSayOnlyWhatDiffers) {
  std::vector<BenchEngine> engines;
  engines.push_back({"cpu", "fp32", Isa::Avx2, 2, nullptr});
  engines.push_back({"cpu", "bf16", Isa::Avx2, 2, nullptr});
  engines.push_back({"onnx", "exported", {}, 2, nullptr});
  EXPECT_THAT(short_names(engines), ElementsAre("cpu fp32", "cpu bf16", "onnx exported"));
  EXPECT_EQ(common_traits(engines), "avx2, 2 threads");
  engines.front().isa = Isa::Generic;
  engines.back().threads = 1;
  EXPECT_THAT(short_names(engines),
              ElementsAre("cpu fp32 generic, 2 threads", "cpu bf16 avx2, 2 threads",
                          "onnx exported, 1 thread"));
  EXPECT_EQ(common_traits(engines), "");
}

}  // namespace
}  // namespace neso
