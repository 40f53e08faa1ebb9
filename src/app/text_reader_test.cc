// SPDX-License-Identifier: Apache-2.0
#include "app/text_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace neso {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TextReaderTest : public ::testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& content) {
    const auto path = std::filesystem::path(::testing::TempDir()) / ("text_reader_" + name);
    std::ofstream(path, std::ios::binary) << content;
    return path.string();
  }

  // Texts, and for bad lines "<number>: <reason>".
  static std::vector<std::string> all(std::vector<std::string> paths) {
    TextReader reader(std::move(paths));
    std::vector<std::string> texts;
    for (;;) {
      auto line = reader.next();
      EXPECT_TRUE(line.has_value());
      if (!line || !*line) return texts;
      const TextLine& read = **line;
      texts.push_back(read.text ? *read.text
                                : std::to_string(read.number) + ": " + read.text.error().message);
    }
  }
};

TEST_F(TextReaderTest, ReadsLinesWithAndWithoutALastNewline) {
  EXPECT_THAT(all({file("a", "one\n\nthree\r\n"), file("b", "four")}),
              ElementsAre("one", "", "three", "four"));
}

TEST_F(TextReaderTest, ReadsJsonLinesWhenTheFirstOneIsOne) {
  const auto texts =
      all({file("json", "{\"id\":1,\"text\":\"a\\nb\"}\n{\"text\":5}\n{\"text\":\"c\"}\nplain\n")});
  ASSERT_EQ(texts.size(), 4U);
  EXPECT_EQ(texts[0], "a\nb");
  EXPECT_THAT(texts[1], HasSubstr("2: the JSON has no string member 'text'"));
  EXPECT_EQ(texts[2], "c");
  EXPECT_THAT(texts[3], HasSubstr("4: "));
}

TEST_F(TextReaderTest, TakesBracesOfOtherTextsAsText) {
  EXPECT_THAT(all({file("code", "{ return 1; }\n{\"text\":\"x\"}\n")}),
              ElementsAre("{ return 1; }", "{\"text\":\"x\"}"));
}

TEST_F(TextReaderTest, KeepsNulBytes) {
  EXPECT_THAT(all({file("nul", std::string("a\0b\n", 4))}), ElementsAre(std::string("a\0b", 3)));
}

TEST_F(TextReaderTest, SkipsALineThatIsTooLongAndGoesOn) {
  const auto texts =
      all({file("long", std::string(TextReader::kMaxLineBytes + 5, 'x') + "\nnext\n")});
  ASSERT_EQ(texts.size(), 2U);
  EXPECT_THAT(texts[0], HasSubstr("1: the line is longer than 16 MiB"));
  EXPECT_EQ(texts[1], "next");
}

TEST_F(TextReaderTest, NamesAFileThatIsNotThere) {
  TextReader reader({"/no/such/file"});
  const auto line = reader.next();
  ASSERT_FALSE(line.has_value());
  EXPECT_THAT(line.error().message, HasSubstr("'/no/such/file'"));
}

}  // namespace
}  // namespace neso
