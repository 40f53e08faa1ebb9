// SPDX-License-Identifier: Apache-2.0
#include "app/vector_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>

namespace neso {
namespace {

using ::testing::HasSubstr;

std::string content(std::FILE* file) {
  std::string text(static_cast<size_t>(std::ftell(file)), '\0');
  std::rewind(file);
  EXPECT_EQ(std::fread(text.data(), 1, text.size(), file), text.size());
  return text;
}

Embedding vector(std::initializer_list<float> values) {
  return {.values = values, .tokens = 3, .original_tokens = 3};
}

TEST(VectorWriter, JsonLinesReportTruncationAndFailures) {
  std::FILE* file = std::tmpfile();
  auto writer = make_vector_writer("jsonl", 2, file);
  ASSERT_TRUE(writer.has_value());
  ASSERT_TRUE((*writer)->write(vector({0.5F, -1.0F})));
  Embedding cut = vector({0.1F, 2.0F});
  cut.truncated = true;
  cut.original_tokens = 9;
  ASSERT_TRUE((*writer)->write(cut));
  ASSERT_TRUE((*writer)->write_failure("bad \"line\""));
  ASSERT_TRUE((*writer)->finish());
  EXPECT_EQ(content(file),
            "{\"embedding\":[0.5,-1.0],\"tokens\":3}\n"
            "{\"embedding\":[0.1,2.0],\"tokens\":3,\"truncated\":true,\"original_tokens\":9}\n"
            "{\"error\":\"bad \\\"line\\\"\"}\n");
  std::fclose(file);
}

TEST(VectorWriter, NpyHasTheCountInItsHeaderAndRowsAligned) {
  std::FILE* file = std::tmpfile();
  auto writer = make_vector_writer("npy", 2, file);
  ASSERT_TRUE(writer.has_value());
  ASSERT_TRUE((*writer)->write(vector({1.0F, 2.0F})));
  ASSERT_TRUE((*writer)->write_failure("gone"));
  ASSERT_TRUE((*writer)->write(vector({3.0F, 4.0F})));
  ASSERT_TRUE((*writer)->finish());
  const std::string text = content(file);
  ASSERT_EQ(text.size(), 128U + 3 * 2 * sizeof(float));
  EXPECT_EQ(text.substr(0, 6), "\x93NUMPY");
  EXPECT_THAT(text.substr(10, 118), HasSubstr("'shape': (3, 2)"));
  EXPECT_EQ(text[127], '\n');
  float rows[6];
  std::memcpy(rows, text.data() + 128, sizeof rows);
  EXPECT_EQ(rows[1], 2.0F);
  EXPECT_TRUE(std::isnan(rows[2]) && std::isnan(rows[3]));
  EXPECT_EQ(rows[5], 4.0F);
  std::fclose(file);
}

TEST(VectorWriter, NpyIntoAPipeIsTheSame) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  std::FILE* out = fdopen(ends[1], "wb");
  auto writer = make_vector_writer("npy", 2, out);
  ASSERT_TRUE(writer.has_value());
  ASSERT_TRUE((*writer)->write(vector({1.0F, 2.0F})));
  ASSERT_TRUE((*writer)->finish());
  std::fclose(out);
  std::string text(4096, '\0');
  text.resize(static_cast<size_t>(read(ends[0], text.data(), text.size())));
  close(ends[0]);
  EXPECT_EQ(text.size(), 128U + 2 * sizeof(float));
  EXPECT_THAT(text.substr(10, 118), HasSubstr("'shape': (1, 2)"));
}

TEST(VectorWriter, RefusesAnUnknownFormatWithTheList) {
  const auto writer = make_vector_writer("csv", 2, stdout);
  ASSERT_FALSE(writer.has_value());
  EXPECT_THAT(writer.error().message, HasSubstr("jsonl, npy, f32"));
}

}  // namespace
}  // namespace neso
