// SPDX-License-Identifier: Apache-2.0
#include "config/option_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace neso {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using Outcome = ParsedOptions::Outcome;

// The options of an imagined subcommand.
struct Settings {
  std::string model = "default";
  int port = 80;
  double share = 0.5;
  bool quiet = false;
  bool normalize = true;
  std::vector<std::string> inputs;
};

class OptionTableTest : public ::testing::Test {
 protected:
  ParsedOptions parse(const std::vector<const char*>& words) {
    const Environment environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      if (found == variables_.end()) return std::nullopt;
      return found->second;
    };
    return parse_options(table_, "prog", words, environment);
  }

  std::string complaint(const std::vector<const char*>& words) {
    const ParsedOptions parsed = parse(words);
    EXPECT_EQ(parsed.outcome, Outcome::UsageError);
    return parsed.text;
  }

  Settings settings_;
  std::map<std::string, std::string> variables_;
  OptionTable table_{
      .synopsis = "neso try [options] FILE...",
      .sections = {{"",
                    {{"model", text_value(settings_.model), "Which model."},
                     {"port", integer_value(settings_.port, 0, 65535), "Which port."},
                     {"port-name", ignored_text(), "Its name.", "ports have no names"},
                     {"share", float_value(settings_.share, 0, 1), "How much."}}},
                   {"Output",
                    {{"quiet", flag_value(settings_.quiet), "Say nothing."},
                     {"normalize", bool_value(settings_.normalize), "Make vectors of length 1."},
                     {"input", list_value(settings_.inputs), "A file."},
                     {"shout", ignored_bool("false"), "Loudly.", "nobody listens", "false"},
                     {.name = "in",
                      .value = list_value(settings_.inputs),
                      .help = "As --input.",
                      .alias_of = "input"}}}},
      .takes_arguments = true};
};

TEST_F(OptionTableTest, KeepsDefaultsOfWhatIsNotGiven) {
  EXPECT_EQ(parse({}).outcome, Outcome::Run);
  EXPECT_EQ(settings_.model, "default");
  EXPECT_EQ(settings_.port, 80);
  EXPECT_TRUE(settings_.normalize);
}

TEST_F(OptionTableTest, ReadsBothFormsOfAValue) {
  EXPECT_EQ(parse({"--model", "bert", "--port=8080", "--share=0.25", "--quiet"}).outcome,
            Outcome::Run);
  EXPECT_EQ(settings_.model, "bert");
  EXPECT_EQ(settings_.port, 8080);
  EXPECT_EQ(settings_.share, 0.25);
  EXPECT_TRUE(settings_.quiet);
}

TEST_F(OptionTableTest, TakesTheNextWordWhateverItLooksLike) {
  EXPECT_EQ(parse({"--model", "--quiet", "--input", "-"}).outcome, Outcome::Run);
  EXPECT_EQ(settings_.model, "--quiet");
  EXPECT_FALSE(settings_.quiet);
  EXPECT_THAT(settings_.inputs, ElementsAre("-"));
}

TEST_F(OptionTableTest, KeepsEqualSignsAndEmptyTextsInValues) {
  parse({"--model=a=b", "--input=", "--input=c"});
  EXPECT_EQ(settings_.model, "a=b");
  EXPECT_THAT(settings_.inputs, ElementsAre("", "c"));
}

TEST_F(OptionTableTest, TheLastValueOfASingleOptionCounts) {
  parse({"--port=1", "--port=2"});
  EXPECT_EQ(settings_.port, 2);
}

TEST_F(OptionTableTest, ReadsBooleansInEveryForm) {
  for (const char* word : {"--normalize=false", "--normalize=OFF", "--normalize=0"}) {
    settings_.normalize = true;
    EXPECT_EQ(parse({word}).outcome, Outcome::Run);
    EXPECT_FALSE(settings_.normalize) << word;
  }
  for (const char* word : {"--normalize=True", "--normalize=on", "--normalize=1"}) {
    settings_.normalize = false;
    EXPECT_EQ(parse({word}).outcome, Outcome::Run);
    EXPECT_TRUE(settings_.normalize) << word;
  }
  EXPECT_THAT(complaint({"--normalize=maybe"}),
              EndsWith("Bad option: \"--normalize\".\ninvalid value for bool option: maybe\n"));
}

TEST_F(OptionTableTest, UnderstandsUnambiguousPrefixesAndPrefersExactNames) {
  EXPECT_EQ(parse({"--mod=bert", "--port=7"}).outcome,
            Outcome::Run);  // --port-name starts with port, too
  EXPECT_EQ(settings_.model, "bert");
  EXPECT_EQ(settings_.port, 7);
  const std::string text = complaint({"--po=1"});
  EXPECT_THAT(
      text,
      StartsWith("prog: option '--po=1' is ambiguous; possibilities: '--port' '--port-name'\n"));
}

TEST_F(OptionTableTest, CollectsWordsAndStopsAtTwoDashes) {
  const ParsedOptions parsed = parse({"a", "--quiet", "-", "--", "--port=1"});
  EXPECT_EQ(parsed.outcome, Outcome::Run);
  EXPECT_THAT(parsed.arguments, ElementsAre("a", "-", "--port=1"));
  EXPECT_EQ(settings_.port, 80);
}

TEST_F(OptionTableTest, RefusesWordsWhereNoneBelong) {
  table_.takes_arguments = false;
  EXPECT_THAT(complaint({"stray"}), EndsWith("\nUnexpected argument: stray\n"));
}

TEST_F(OptionTableTest, SuggestsTheNearestOption) {
  const std::string text = complaint({"--protnam=8000"});
  EXPECT_THAT(
      text, StartsWith(
                "prog: unrecognized option '--protnam=8000'\nUsage: neso try [options] FILE...\n"));
  EXPECT_THAT(text, EndsWith("\nUnknown option --protnam: did you mean --port-name?\n"));
  EXPECT_THAT(complaint({"-quiet"}), StartsWith("prog: invalid option -- 'q'\n"));
  EXPECT_THAT(complaint({"-quiet"}), EndsWith("Unknown option -quiet: did you mean --quiet?\n"));
  EXPECT_THAT(complaint({"-port=1"}), EndsWith("Unknown option -port=1: did you mean --port?\n"));
  EXPECT_THAT(complaint({"--zzzzzzzz"}),
              EndsWith("Unknown option --zzzzzzzz: the options are listed above.\n"));
}

TEST_F(OptionTableTest, WithAHelpCommandComplaintsAreShort) {
  table_.help_command = "prog help";
  const std::string hint = "\nSee 'prog help' for the options.\n";
  EXPECT_EQ(complaint({"--protnam=8000"}),
            "prog: Unknown option --protnam: did you mean --port-name?" + hint);
  EXPECT_EQ(complaint({"--zzzzzzzz"}), "prog: Unknown option --zzzzzzzz." + hint);
  EXPECT_EQ(complaint({"--port=abc"}),
            "prog: Bad option: \"--port\". Invalid option value. Got abc" + hint);
  EXPECT_EQ(complaint({"--port"}), "prog: option '--port' requires an argument" + hint);
}

TEST_F(OptionTableTest, RefusesMissingAndSuperfluousValues) {
  EXPECT_THAT(complaint({"--port"}), StartsWith("prog: option '--port' requires an argument\n"));
  EXPECT_THAT(complaint({"--quiet=1"}),
              StartsWith("prog: option '--quiet' doesn't allow an argument\n"));
}

TEST_F(OptionTableTest, RefusesNumbersThatAreNoneOrDoNotFit) {
  for (const char* value : {"abc", "80x", "", "1.5", " 1", "0x10", "+-1"}) {
    const std::string word = std::string("--port=") + value;
    EXPECT_THAT(complaint({word.c_str()}),
                EndsWith("Bad option: \"--port\".\nInvalid option value. Got " +
                         std::string(value) + "\n"));
  }
  for (const char* value : {"70000", "-1", "99999999999999999999"}) {
    const std::string word = std::string("--port=") + value;
    EXPECT_THAT(complaint({word.c_str()}),
                EndsWith("Provided option value is out of bound. Got " + std::string(value) +
                         ", expected 0 to 65535\n"));
  }
  EXPECT_THAT(complaint({"--share=nan"}), EndsWith("Invalid option value. Got nan\n"));
  EXPECT_THAT(complaint({"--share=2"}), HasSubstr("out of bound. Got 2, expected 0 to 1"));
  EXPECT_EQ(settings_.port, 80);
}

TEST_F(OptionTableTest, PrintsHelpAsSoonAsItIsAskedFor) {
  const ParsedOptions parsed = parse({"--quiet", "--help", "--nonsense"});
  EXPECT_EQ(parsed.outcome, Outcome::Help);
  EXPECT_THAT(parsed.text,
              StartsWith("Usage: neso try [options] FILE...\n  --help\n\tPrint usage.\n"));
  EXPECT_THAT(parsed.text, HasSubstr("\nOutput:\n  --quiet\n\tSay nothing.\n"));
  EXPECT_THAT(parsed.text, HasSubstr("  --port <integer>\n\tWhich port. Default is 80.\n"));
  EXPECT_THAT(parsed.text, HasSubstr("Its name. Accepted without effect: ports have no names.\n"));
}

TEST_F(OptionTableTest, HelpStartsWithTheDescription) {
  table_.description = "Tries things.\n" + std::string(70, 'x') + " and more words.";
  EXPECT_THAT(help_text(table_),
              StartsWith("Usage: neso try [options] FILE...\n\nTries things.\n" +
                         std::string(70, 'x') + " and\nmore words.\n\n  --help\n"));
}

TEST_F(OptionTableTest, EnvironmentComesAfterFlagsAndBeforeDefaults) {
  variables_ = {{"NESO_PORT", "1"}, {"NESO_MODEL", "from env"}, {"NESO_QUIET", "true"}};
  EXPECT_EQ(parse({"--port=2"}).outcome, Outcome::Run);
  EXPECT_EQ(settings_.port, 2);
  EXPECT_EQ(settings_.model, "from env");
  EXPECT_TRUE(settings_.quiet);
  EXPECT_EQ(settings_.share, 0.5);
}

TEST_F(OptionTableTest, GivenAliasHidesTheVariableOfItsOption) {
  variables_ = {{"NESO_INPUT", "env"}, {"NESO_IN", "no such variable"}};
  parse({"--in=a"});
  EXPECT_THAT(settings_.inputs, ElementsAre("a"));
}

TEST_F(OptionTableTest, EmptyVariablesCountAsUnsetAndBadOnesAreNamed) {
  variables_ = {{"NESO_PORT", ""}};
  EXPECT_EQ(parse({}).outcome, Outcome::Run);
  variables_ = {{"NESO_PORT", "abc"}};
  EXPECT_THAT(complaint({}),
              EndsWith("Bad option: \"NESO_PORT\".\nInvalid option value. Got abc\n"));
  table_.reads_environment = false;
  EXPECT_EQ(parse({}).outcome, Outcome::Run);
}

TEST_F(OptionTableTest, NotesOptionsWithoutEffectUnlessTheyAskForWhatHappensAnyway) {
  EXPECT_THAT(parse({"--port-name=x", "--shout=true"}).notes,
              ElementsAre("--port-name has no effect: ports have no names",
                          "--shout has no effect: nobody listens"));
  EXPECT_THAT(parse({"--shout=off", "--quiet"}).notes, IsEmpty());
  EXPECT_THAT(complaint({"--shout=loud"}), HasSubstr("invalid value for bool option: loud"));
}

TEST_F(OptionTableTest, MarkdownHasARowPerOption) {
  const std::string text = options_markdown(table_);
  EXPECT_THAT(text, HasSubstr("## Output\n"));
  EXPECT_THAT(text, HasSubstr("| `--port <integer>` | `80` | `NESO_PORT` | Which port. |\n"));
  EXPECT_THAT(text, HasSubstr("| `--in <string>` |  |  | As --input. |\n"));
  EXPECT_THAT(text, HasSubstr("*Accepted without effect: ports have no names.*"));
}

}  // namespace
}  // namespace neso
