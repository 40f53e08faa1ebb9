// SPDX-License-Identifier: Apache-2.0
#include "base/json_writer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "base/json.h"
#include "base/json_escape.h"

namespace neso {
namespace {

std::string printed(double value) {
  return JsonWriter().number(value).text();
}
std::string printed(float value) {
  return JsonWriter().number(value).text();
}

TEST(JsonWriter, PlacesCommasAndColons) {
  JsonWriter writer;
  writer.begin_object()
      .key("a")
      .begin_array()
      .integer(-1)
      .unsigned_integer(UINT64_MAX)
      .begin_object()
      .end_object();
  writer.begin_array().end_array().null().boolean(true).boolean(false).end_array();
  writer.key("b")
      .string("x")
      .key("c")
      .raw("{\"r\":1}")
      .key("d")
      .numbers({})
      .key("e")
      .number(1.0)
      .end_object();
  EXPECT_EQ(writer.text(),
            "{\"a\":[-1,18446744073709551615,{},[],null,true,false],\"b\":\"x\",\"c\":{\"r\":1},"
            "\"d\":[],\"e\":1.0}");
}

TEST(JsonWriter, EscapesAsTritonDoes) {
  EXPECT_EQ(json_quoted(std::string_view("\"\\/\b\t\n\f\r\0\x1f\x7f", 11)),
            "\"\\\"\\\\/\\b\\t\\n\\f\\r\\u0000\\u001F\x7f\"");
  EXPECT_EQ(json_quoted("\xc3\xa9\xff"), "\"\xc3\xa9\xff\"");
  EXPECT_EQ(json_quoted(""), "\"\"");
  EXPECT_EQ(JsonWriter().begin_object().key("k\"").string("v\n").end_object().text(),
            "{\"k\\\"\":\"v\\n\"}");
}

TEST(JsonWriter, EscapedTextReadsBack) {
  std::string all;
  for (int c = 0; c < 128; ++c) all += static_cast<char>(c);
  EXPECT_EQ(parse_json(json_quoted(all))->as_string(), all);
}

TEST(JsonNumberText, IntegralValuesKeepTheirPoint) {
  EXPECT_EQ(printed(0.0), "0.0");
  EXPECT_EQ(printed(-0.0), "-0.0");
  EXPECT_EQ(printed(1.0), "1.0");
  EXPECT_EQ(printed(-120.0), "-120.0");
  EXPECT_EQ(printed(16777216.0F), "16777216.0");
  EXPECT_EQ(printed(123456789012345678.0), "123456789012345680.0");
}

TEST(JsonNumberText, IsPlainFrom1eMinus6To1e21) {
  EXPECT_EQ(printed(0.1), "0.1");
  EXPECT_EQ(printed(12.5), "12.5");
  EXPECT_EQ(printed(1e-6), "0.000001");
  EXPECT_EQ(printed(1.5e-6), "0.0000015");
  EXPECT_EQ(printed(9.5e-7), "9.5e-7");
  EXPECT_EQ(printed(1.5e-7), "1.5e-7");
  EXPECT_EQ(printed(1e20), "100000000000000000000.0");
  EXPECT_EQ(printed(9.99e20), "999000000000000000000.0");
  EXPECT_EQ(printed(1e21), "1e21");
  EXPECT_EQ(printed(-1.25e22), "-1.25e22");
  EXPECT_EQ(printed(1e-10), "1e-10");
}

TEST(JsonNumberText, FloatsUseTheirOwnFewestDigits) {
  EXPECT_EQ(printed(0.1F), "0.1");
  EXPECT_EQ(printed(static_cast<double>(0.1F)), "0.10000000149011612");
  EXPECT_EQ(printed(1e-7F), "1e-7");
  EXPECT_EQ(printed(-0.0F), "-0.0");
}

TEST(JsonNumberText, ExtremesFitTheBuffer) {
  EXPECT_EQ(printed(-std::numeric_limits<double>::max()), "-1.7976931348623157e308");
  EXPECT_EQ(printed(-2.2250738585072014e-308), "-2.2250738585072014e-308");
  EXPECT_EQ(printed(-std::numeric_limits<double>::denorm_min()), "-5e-324");
  EXPECT_EQ(printed(-123456789012345678901.0), "-123456789012345680000.0");
  EXPECT_EQ(printed(-0.0000012345678901234567), "-0.0000012345678901234567");
}

TEST(JsonNumberText, NonFiniteValuesAreBareWords) {
  std::vector<float> values = {std::nanf(""), std::numeric_limits<float>::infinity(),
                               -std::numeric_limits<float>::infinity()};
  EXPECT_EQ(JsonWriter().numbers(values).text(), "[NaN,Infinity,-Infinity]");
  EXPECT_EQ(printed(-std::nan("")), "NaN");
  EXPECT_EQ(printed(-std::numeric_limits<double>::infinity()), "-Infinity");
}

// The bit patterns of random floats, and every one of the exponents.
std::vector<float> floats_of_all_sizes(size_t count) {
  std::mt19937 random(3);
  std::vector<float> values(count);
  for (float& value : values) {
    const auto bits = static_cast<uint32_t>(random());
    std::memcpy(&value, &bits, sizeof value);
  }
  return values;
}

TEST(JsonNumberText, AHundredThousandFloatsReadBackExactly) {
  const std::vector<float> values = floats_of_all_sizes(100'000);
  JsonWriter writer;
  writer.numbers(values);
  JsonOptions words;
  words.allow_nan_and_inf = true;
  const auto tree = parse_json(writer.text(), words);
  ASSERT_TRUE(tree) << tree.error().message;
  ASSERT_EQ(tree->array().size(), values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const auto read = static_cast<float>(*tree->array()[i].as_double());
    if (std::isnan(values[i])) {
      ASSERT_TRUE(std::isnan(read));
    } else {
      ASSERT_EQ(read, values[i]) << printed(values[i]);
    }
  }
}

TEST(JsonNumberText, RandomDoublesReadBackExactly) {
  std::mt19937_64 random(5);
  for (int i = 0; i < 20'000; ++i) {
    double value = 0;
    const uint64_t bits = random();
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) continue;
    ASSERT_EQ(parse_json(printed(value))->as_double(), value) << printed(value);
  }
}

TEST(JsonNumberText, TheFastPathPrintsWhatTheSlowOneDoes) {
  const std::vector<float> values = floats_of_all_sizes(1000);
  JsonWriter slow;
  slow.begin_array();
  for (const float value : values) slow.number(value);
  slow.end_array();
  EXPECT_EQ(JsonWriter().numbers(values).text(), slow.text());
}

TEST(JsonWriter, SeveralThreadsPrintWhatOneDoes) {
  const auto helpers = *ThreadPool::create(3, "helpers");
  for (const size_t count : {0, 1, 16 * 1024, 16 * 1024 + 1, 100'000}) {
    std::vector<float> values(count);
    for (size_t i = 0; i < count; ++i) values[i] = 1.0F / static_cast<float>(i + 3);
    EXPECT_EQ(JsonWriter().numbers(values, helpers.get()).text(),
              JsonWriter().numbers(values).text())
        << count;
  }
}

}  // namespace
}  // namespace neso
