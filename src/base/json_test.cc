// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string>

#include "base/error.h"

namespace neso {
namespace {

using ::testing::StartsWith;

// Writes the events down: `{k:a [i1 d1.5 ] }`. Stops with an error at the string "stop".
class Recorder final : public JsonHandler {
 public:
  std::string text;
  std::string last_written;  // of the last number that is no integer

  Result<> null() override { return note("null"); }
  Result<> boolean(bool value) override { return note(value ? "true" : "false"); }
  Result<> integer(int64_t value) override { return note(fmt::format("i{}", value)); }
  Result<> large_unsigned(uint64_t value) override { return note(fmt::format("u{}", value)); }
  Result<> number(double value, std::string_view written) override {
    last_written = written;
    return note(fmt::format("d{}", value));
  }
  Result<> string(std::string_view value) override {
    if (value == "stop") return unsupported("stopped by the handler");
    return note(fmt::format("s{}", value));
  }
  Result<> begin_object() override { return note("{"); }
  Result<> key(std::string_view name) override { return note(fmt::format("k:{}", name)); }
  Result<> end_object() override { return note("}"); }
  Result<> begin_array() override { return note("["); }
  Result<> end_array() override { return note("]"); }

 private:
  Result<> note(std::string_view event) {
    if (!text.empty()) text += ' ';
    text += event;
    return {};
  }
};

std::string events(std::string_view json, const JsonOptions& options = {}) {
  Recorder recorder;
  const Result<> result = stream_json(json, recorder, options);
  return result ? recorder.text : "error: " + result.error().message;
}

std::string error_of(std::string_view json, const JsonOptions& options = {}) {
  const auto result = parse_json(json, options);
  if (result) return "accepted";
  EXPECT_EQ(result.error().code, ErrorCode::InvalidArgument);
  return result.error().message;
}

std::string repeated(std::string_view text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(JsonStream, DeliversEventsInOrder) {
  EXPECT_EQ(events(R"( {"a":[1,-2,3.0,"x",null,true,false,{}],"b":{"c":[]}} )"),
            "{ k:a [ i1 i-2 d3 sx null true false { } ] k:b { k:c [ ] } }");
  EXPECT_EQ(events("7"), "i7");
}

TEST(JsonStream, SortsNumbersByTheirRange) {
  EXPECT_EQ(events("[9223372036854775807, -9223372036854775808]"),
            "[ i9223372036854775807 i-9223372036854775808 ]");
  EXPECT_EQ(events("[9223372036854775808, 18446744073709551615]"),
            "[ u9223372036854775808 u18446744073709551615 ]");
  EXPECT_EQ(events("[18446744073709551616, -9223372036854775809]"),
            "[ d1.8446744073709552e+19 d-9.223372036854776e+18 ]");
  EXPECT_EQ(events("[1e2, 1.0, 0, -0.0, 5E-1, 1e+1]"), "[ d100 d1 i0 d-0 d0.5 d10 ]");
}

TEST(JsonStream, TheHandlersErrorStopsTheParse) {
  Recorder recorder;
  const Result<> result = stream_json(R"([1,"stop",2)", recorder);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(), (Error{ErrorCode::Unsupported, "stopped by the handler"}));
  EXPECT_EQ(recorder.text, "[ i1");
}

TEST(JsonStream, ReadsExactlyTheView) {
  const std::string_view text = "[1,23]45";
  EXPECT_EQ(events(text.substr(0, 6)), "[ i1 i23 ]");
  EXPECT_EQ(events(std::string_view("123").substr(0, 2)), "i12");
  // A heap block of exactly the text's size lets AddressSanitizer see a read behind it.
  const std::string_view number = "[1.5e3,\"a\"]";
  const std::unique_ptr<char[]> exact(new char[number.size()]);
  number.copy(exact.get(), number.size());
  EXPECT_EQ(events({exact.get(), number.size()}), "[ d1500 sa ]");
  EXPECT_THAT(events({exact.get(), 4}), StartsWith("error: "));
}

TEST(JsonStream, StringsMayHoldAnything) {
  EXPECT_EQ(events(R"("\"\\\/\b\f\n\r\t\u00e9\u20AC\ud83d\ude00")"),
            "s\"\\/\b\f\n\r\t\u00e9\u20ac\U0001F600");
  EXPECT_EQ(events(R"("a\u0000b")"), std::string("sa\0b", 4));
  EXPECT_EQ(events("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xed\x9f\xbf\xee\x80\x80\""),
            "s\u00e9\u20ac\U0001F600\ud7ff\ue000");
}

TEST(JsonErrors, SayReasonAndOffsetAsTritonDoes) {
  EXPECT_EQ(error_of(""), "The document is empty. at 0");
  EXPECT_EQ(error_of(" "), "The document is empty. at 1");
  EXPECT_EQ(error_of("{\"a\":1,\"b\":2"), "Missing a comma or '}' after an object member. at 12");
  EXPECT_EQ(error_of("{1:2}"), "Missing a name for object member. at 1");
  EXPECT_EQ(error_of("{\"a\":x}"), "Invalid value. at 5");
  EXPECT_EQ(error_of("{\"a\" 1}"), "Missing a colon after a name of object member. at 5");
  EXPECT_EQ(error_of("[1 2]"), "Missing a comma or ']' after an array element. at 3");
  EXPECT_EQ(error_of("\"abc"), "Missing a closing quotation mark in string. at 4");
  EXPECT_EQ(error_of("1."), "Miss fraction part in number. at 2");
  EXPECT_EQ(error_of("1e"), "Miss exponent in number. at 2");
}

TEST(JsonErrors, NothingMayFollowTheDocument) {
  constexpr std::string_view kTrailing =
      "The document root must not be followed by other values. at ";
  EXPECT_EQ(error_of("1 2"), fmt::format("{}2", kTrailing));
  EXPECT_EQ(error_of("{}}"), fmt::format("{}2", kTrailing));
  EXPECT_EQ(error_of(std::string("{}\0", 3)), fmt::format("{}2", kTrailing));
  EXPECT_EQ(error_of(std::string("[1]\0garbage", 11)), fmt::format("{}3", kTrailing));
}

TEST(JsonErrors, RefusesWhatOtherDialectsAllow) {
  for (const std::string_view text :
       {"[1,]", "{\"a\":1,}", "'a'", "{a:1}", "/**/1", "//\n1", "+1", "01", ".5", "0x10", "1_000",
        "True", "undefined", "-", "\"\\x41\"", "\"a\tb\"", "\"\\u12g4\""}) {
    EXPECT_NE(error_of(text), "accepted") << text;
  }
  EXPECT_NE(error_of(std::string("[\"a\0b\"]", 7)), "accepted");
  EXPECT_NE(error_of(std::string("\0", 1)), "accepted");
}

TEST(JsonErrors, RefusesAByteOrderMark) {
  const auto parsed = parse_json("\xEF\xBB\xBF{}");
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().message, "The document starts with a byte order mark. at 0");
}

TEST(JsonErrors, RefusesInvalidUtf8AtItsOffset) {
  for (const std::string_view bytes :
       {"\x80", "\xff", "\xc3", "\xc3(", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
        "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xe2\x82"}) {
    const std::string text = fmt::format("[\"ab\", \"{}\"]", bytes);
    EXPECT_EQ(error_of(text), "Invalid encoding in string. at 8") << testing::PrintToString(bytes);
    EXPECT_THAT(error_of(fmt::format("{{\"{}\":1}}", bytes)),
                StartsWith("Invalid encoding in string."));
  }
}

TEST(JsonErrors, RefusesLoneSurrogatesAtTheirOffset) {
  constexpr std::string_view kReason = "The surrogate pair in string is invalid. at ";
  EXPECT_EQ(error_of(R"("\ud83d")"), fmt::format("{}1", kReason));
  EXPECT_EQ(error_of(R"("\ud83dx")"), fmt::format("{}1", kReason));
  EXPECT_EQ(error_of(R"("\ud83d\u0041")"), fmt::format("{}1", kReason));
  EXPECT_EQ(error_of(R"(["\udc00"])"), fmt::format("{}2", kReason));
  EXPECT_EQ(error_of(R"({"a":1,"b\uDFFFc":2})"), fmt::format("{}9", kReason));
  EXPECT_EQ(error_of(R"("\udbff\udfff\uDABC\uDDEF\udcba")"), fmt::format("{}25", kReason));
  // An escaped backslash and a valid pair before it do not lead astray.
  EXPECT_EQ(error_of(R"(["\\udc00","\ud83d\ude00\u0041\\\udc01"])"), fmt::format("{}32", kReason));
}

TEST(JsonNumbers, RoundCorrectlyAndRoundTrip) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20'000; ++i) {
    double value = 0;
    const uint64_t bits = random();
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) continue;
    const auto parsed = parse_json(fmt::format("{:.17e}", value));
    ASSERT_TRUE(parsed) << value;
    ASSERT_EQ(parsed->as_double(), value);
  }
  // Half way between two doubles, decided by the last digit.
  EXPECT_EQ(parse_json("9007199254740993.0")->as_double(), 9007199254740992.0);
  EXPECT_EQ(parse_json("9007199254740993.00000000000000000000000000000000001")->as_double(),
            9007199254740994.0);
}

TEST(JsonNumbers, TooLargeIsAnErrorTooSmallIsZero) {
  for (const std::string_view text :
       {"1e400", "-1e400", "10e308", "1.8e308", "12345678901234567890e300", "0.1e310",
        "1e99999999999999999999"}) {
    EXPECT_EQ(error_of(text), "Number too big to be stored in double. at 0") << text;
  }
  EXPECT_EQ(error_of("[1, " + std::string(400, '9') + "]"),
            "Number too big to be stored in double. at 4");
  EXPECT_EQ(error_of("[1, 1.8e308]"), "Number too big to be stored in double. at 4");
  EXPECT_EQ(parse_json("1.7976931348623157e308")->as_double(), std::numeric_limits<double>::max());
  for (const std::string_view text :
       {"1e-400", "1e-99999999999999999999", "0.00001e-330", "0e300", "0.0e-999"}) {
    EXPECT_EQ(events(text), "d0") << text;
  }
  EXPECT_EQ(events("-1e-400"), "d-0");
  EXPECT_EQ(parse_json("0." + std::string(1000, '0') + "1e1001")->as_double(), 1.0);
  EXPECT_EQ(parse_json("4.9406564584124654e-324")->as_double(),
            std::numeric_limits<double>::denorm_min());
}

TEST(JsonNumbers, KeepsHowANumberIsWritten) {
  for (const std::string_view written : {"101.0", "1e2", "-0.50", "NaN", "18446744073709551616"}) {
    Recorder recorder;
    const std::string json = fmt::format("[1, {}, 2]", written);
    ASSERT_TRUE(stream_json(json, recorder, {.allow_nan_and_inf = true})) << json;
    EXPECT_EQ(recorder.last_written, written);
  }
}

TEST(JsonNumbers, ExtremeExponentsAndDigitsAreHandled) {
  // Each of these makes RapidJSON's own conversion read outside its tables.
  EXPECT_EQ(events(std::string(300, '1') + "." + std::string(600, '2')).substr(0, 3), "d1.");
  EXPECT_EQ(events("0." + std::string(2000, '0') + "1e-2147483639"), "d0");
  EXPECT_EQ(events("1." + std::string(5000, '0') + "e-2147483647"), "d0");
}

TEST(JsonNumbers, NonFiniteWordsOnlyOnDemand) {
  JsonOptions words;
  words.allow_nan_and_inf = true;
  EXPECT_EQ(events("[NaN,Inf,-Inf,Infinity,-Infinity,-NaN,1]", words),
            "[ dnan dinf d-inf dinf d-inf dnan i1 ]");
  for (const std::string_view text : {"NaN", "Inf", "-Infinity"})
    EXPECT_THAT(error_of(text), StartsWith("Invalid value."));
  for (const std::string_view text :
       {"nan", "inf", "+Inf", "Infinit", "Na", "INF", "NInf", "NaInf", "1Inf"}) {
    EXPECT_NE(error_of(text, words), "accepted") << text;
  }
  EXPECT_EQ(error_of("1e400", words), "Number too big to be stored in double. at 0");
}

TEST(JsonDepth, TheLimitIsInclusiveAndCountsBothKinds) {
  constexpr std::string_view kTooDeep = "JSON nesting depth exceeds maximum allowed limit (100)";
  EXPECT_EQ(error_of(repeated("[", 100) + repeated("]", 100)), "accepted");
  EXPECT_EQ(error_of(repeated("[", 101) + repeated("]", 101)), kTooDeep);
  EXPECT_EQ(error_of(repeated("{\"a\":[", 50) + repeated("]}", 50)), "accepted");
  EXPECT_EQ(error_of(repeated("{\"a\":[", 50) + "[]" + repeated("]}", 50)), kTooDeep);
  EXPECT_EQ(error_of("[" + repeated("[],{},", 1000) + "[]]"), "accepted")
      << "siblings do not add up";
}

TEST(JsonDepth, FollowsTheOption) {
  JsonOptions shallow;
  shallow.max_depth = 1;
  EXPECT_EQ(error_of("[1]", shallow), "accepted");
  EXPECT_EQ(error_of("[[1]]", shallow), "JSON nesting depth exceeds maximum allowed limit (1)");
}

TEST(JsonDepth, AMillionBracketsNeitherOverflowNorTakeLong) {
  EXPECT_EQ(error_of(std::string(1'000'000, '[')),
            "JSON nesting depth exceeds maximum allowed limit (100)");
  JsonOptions deep;
  deep.max_depth = 2'000'000;
  Recorder recorder;
  EXPECT_FALSE(stream_json(std::string(1'000'000, '['), recorder, deep));
  EXPECT_EQ(recorder.text.size(), 1'999'999u);
}

TEST(JsonTree, HoldsEveryType) {
  const auto tree = parse_json(
      R"({"n":null,"t":true,"i":-5,"u":18446744073709551615,"d":2.0,"s":"x","a":[1,[]],"o":{}})");
  ASSERT_TRUE(tree);
  EXPECT_TRUE(tree->find("n")->is_null());
  EXPECT_EQ(tree->find("t")->as_bool(), true);
  EXPECT_EQ(tree->find("i")->as_int(), -5);
  EXPECT_EQ(tree->find("i")->as_double(), -5.0);
  EXPECT_EQ(tree->find("u")->as_int(), std::nullopt);
  EXPECT_EQ(tree->find("u")->as_unsigned(), UINT64_MAX);
  EXPECT_EQ(tree->find("i")->as_unsigned(), std::nullopt);
  EXPECT_EQ(tree->find("u")->as_double(), 18446744073709551615.0);
  EXPECT_EQ(tree->find("d")->as_int(), std::nullopt);
  EXPECT_EQ(tree->find("d")->as_double(), 2.0);
  EXPECT_EQ(tree->find("s")->as_string(), "x");
  ASSERT_EQ(tree->find("a")->array().size(), 2u);
  EXPECT_TRUE(tree->find("a")->array()[1].is_array());
  EXPECT_TRUE(tree->find("o")->is_object());
}

TEST(JsonTree, WrongTypesAnswerNothing) {
  const auto tree = parse_json("\"text\"");
  ASSERT_TRUE(tree);
  EXPECT_EQ(tree->as_bool(), std::nullopt);
  EXPECT_EQ(tree->as_int(), std::nullopt);
  EXPECT_EQ(tree->as_double(), std::nullopt);
  EXPECT_TRUE(tree->array().empty());
  EXPECT_TRUE(tree->members().empty());
  EXPECT_EQ(tree->find("x"), nullptr);
  EXPECT_EQ(parse_json("1")->as_string(), std::nullopt);
}

TEST(JsonTree, KeepsMemberOrderAndDuplicatesAndFindsTheFirst) {
  const auto tree = parse_json(R"({"b":1,"a":{"x":[2]},"b":3})");
  ASSERT_TRUE(tree);
  ASSERT_EQ(tree->members().size(), 3u);
  EXPECT_EQ(tree->members()[0].first, "b");
  EXPECT_EQ(tree->members()[1].first, "a");
  EXPECT_EQ(tree->members()[2].second.as_int(), 3);
  EXPECT_EQ(tree->find("b")->as_int(), 1);
  EXPECT_EQ(tree->find("a")->find("x")->array()[0].as_int(), 2);
}

TEST(JsonTree, EveryPrefixOfADocumentIsRefused) {
  const std::string document =
      R"({"model":"m","input":["a\n\u00e9",{"x":-1.5e-3,"y":[true,false,null]}],"n":18446744073709551615,"e":"\ud83d\ude00"})";
  ASSERT_EQ(error_of(document), "accepted");
  for (size_t size = 0; size < document.size(); ++size) {
    EXPECT_NE(error_of(std::string_view(document).substr(0, size)), "accepted") << size;
  }
}

TEST(JsonTree, ReadsTwoMegabytesOfNumbers) {
  const std::string text = "[" + repeated("0,", 1'000'000) + "1]";
  const auto tree = parse_json(text);
  ASSERT_TRUE(tree);
  ASSERT_EQ(tree->array().size(), 1'000'001u);
  EXPECT_EQ(tree->array().back().as_int(), 1);
}

TEST(JsonTree, RandomBytesNeverBreakTheParser) {
  std::mt19937 random(11);
  constexpr std::string_view kAlphabet = "{}[]\",:\\u0d8cDC19.eE+-tfnNI ailsyruf\n\xed\xa0\xe2";
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (size_t k = random() % 24; k > 0; --k) text += kAlphabet[random() % kAlphabet.size()];
    JsonOptions words;
    words.allow_nan_and_inf = i % 2 == 0;
    const auto tree = parse_json(text, words);
    if (!tree) {
      EXPECT_EQ(tree.error().code, ErrorCode::InvalidArgument) << text;
    }
  }
}

}  // namespace
}  // namespace neso
