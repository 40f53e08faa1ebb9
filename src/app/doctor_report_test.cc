// SPDX-License-Identifier: Apache-2.0
#include "app/doctor_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"

namespace neso {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

DoctorReport healthy() {
  DoctorReport report;
  report.model = "m";
  report.sections = {{"texts",
                      {{"max_tokens", uint64_t{256}, "sentence_bert_config.json"},
                       {"normalize", true},
                       {"pooling", std::string("mean")}}}};
  report.probes = 64;
  report.long_tokens = 128;
  report.short_tokens = 8;
  PrecisionRow exact{.engine = "cpu", .precision = "fp32"};
  exact.tokens_per_s = 8000;
  exact.weights_bytes = uint64_t{3} << 20;
  PrecisionRow reduced{.engine = "cpu", .precision = "int8"};
  reduced.to_fp32 = Agreement{.mean = 0.9987, .least = 0.9937};
  reduced.neighbours_kept = 0.964;
  reduced.references = ReferenceAgreement{
      .cosines = {.mean = 0.999, .least = 0.997}, .vectors = 11, .bound = 0.98, .file = "f"};
  reduced.roof_share = 0.66;
  report.rows = {exact, reduced};
  report.default_precision = "fp32";
  report.default_reason = "of a reason";
  return report;
}

TEST(DoctorReport, ThePrintedFormEndsWithTheVerdict) {
  const std::string text = report_text(healthy());
  EXPECT_THAT(text, HasSubstr("  max tokens         256  (sentence_bert_config.json)\n"));
  EXPECT_THAT(text, HasSubstr("  normalize          yes\n"));
  EXPECT_THAT(text, HasSubstr("over 64 probe texts"));
  EXPECT_THAT(text, HasSubstr("0.998700  0.993700   9.64   0.997000"));
  EXPECT_THAT(text, HasSubstr("66 %\n"));
  EXPECT_THAT(text, HasSubstr("\n  served in fp32 unless told otherwise: of a reason\n"));
  EXPECT_THAT(text, Not(HasSubstr("warnings")));
  EXPECT_THAT(text, EndsWith("\nwell: 'm' can be served (fp32, int8)\n"));
}

TEST(DoctorReport, ProblemsAreTheVerdictAndWarningsAreCounted) {
  DoctorReport report = healthy();
  report.warnings = {"something is odd"};
  EXPECT_THAT(report_text(report), HasSubstr("\nwarnings\n  something is odd\n"));
  EXPECT_EQ(verdict(report), "well: 'm' can be served (fp32, int8); 1 warning above");
  report.problems = {"int8: it is wrong", "bf16: it is, too"};
  EXPECT_FALSE(report.well());
  EXPECT_THAT(report_text(report), EndsWith("\nnot well: int8: it is wrong; bf16: it is, too\n"));
}

TEST(DoctorReport, JsonHasTheSameAsNumbersAndLeavesOutWhatIsNotKnown) {
  const auto json = parse_json(report_json(healthy()));
  ASSERT_TRUE(json) << json.error().message;
  EXPECT_EQ(json->find("texts")->find("max_tokens")->as_int(), 256);
  EXPECT_EQ(json->find("texts")->find("normalize")->as_bool(), true);
  EXPECT_EQ(json->find("default_precision")->as_string(), "fp32");
  EXPECT_EQ(json->find("default_reason")->as_string(), "of a reason");
  EXPECT_EQ(json->find("well")->as_bool(), true);
  const auto& rows = json->find("precisions")->array();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].find("cosine_least"), nullptr);
  EXPECT_EQ(rows[0].find("weights_bytes")->as_int(), 3 << 20);
  EXPECT_EQ(rows[1].find("cosine_least")->as_double(), 0.9937);
  EXPECT_EQ(rows[1].find("reference_cosine_least")->as_double(), 0.997);
  EXPECT_EQ(rows[1].find("reference_bound")->as_double(), 0.98);
}

}  // namespace
}  // namespace neso
