// SPDX-License-Identifier: Apache-2.0
// The service under a memory budget, and with requests that nobody waits for any more.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "checkpoint/test_folder.h"
#include "model/model.h"
#include "request/test_shared_memory.h"
#include "serving/service.h"

namespace neso {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// Each look at it takes a while.
class BusyClock final : public Clock {
 public:
  int64_t now_ns() const override { return now_ns_.fetch_add(step_ns_.load()); }
  int64_t wall_us() const override { return 0; }
  void start(int64_t step_ns) { step_ns_.store(step_ns); }

 private:
  mutable std::atomic<int64_t> now_ns_{0};
  std::atomic<int64_t> step_ns_{0};
};

class ServiceMemory : public ::testing::Test {
 protected:
  void add_minilm() {
    fs::create_directories(folder_.path() / "minilm");
    fs::create_directory_symlink(NESO_TEST_MODEL, folder_.path() / "minilm/1");
  }
  void add_small_graph() {
    fs::create_directories(folder_.path() / "small/1");
    fs::copy_file(NESO_TEST_ONNX "/encoder.onnx", folder_.path() / "small/1/model.onnx");
  }
  void open(uint64_t budget_bytes) {
    memory_ = std::make_unique<MemoryBudget>(budget_bytes);
    RepositoryOptions options{.folders = {folder_.path()}};
    options.engine.onnx_runtime_library = NESO_TEST_ONNX_RUNTIME;
    options.engine.precision = Precision::Fp32;
    options.memory = memory_.get();
    repository_ = Repository::open(options, metrics_, clock_).value();
    service_ = Service::create(*repository_, {.workers = 1, .memory = memory_.get()}).value();
  }

  template <typename Request, typename Response>
  Result<Response> ask(void (Service::*operation)(Request, Completion<Response>), Request request) {
    std::promise<Result<Response>> promise;
    (service_.get()->*operation)(std::move(request), Completion<Response>([&](Result<Response> r) {
                                   promise.set_value(std::move(r));
                                 }));
    return promise.get_future().get();
  }
  Result<EmbedResponse> embed(EmbedRequest request) {
    return ask(&Service::embed, std::move(request));
  }
  Result<InferResponse> infer(std::string model, NamedTensor input,
                              std::optional<int64_t> deadline_ns = {}) {
    InferRequest request;
    request.model = std::move(model);
    request.inputs = {std::move(input)};
    request.caller.deadline_ns = deadline_ns;
    return ask(&Service::infer, std::move(request));
  }
  static NamedTensor texts(std::vector<std::string> texts) {
    return {"text", Tensor::from_strings({static_cast<int64_t>(texts.size()), 1}, texts)};
  }

  TemporaryFolder folder_;
  BusyClock clock_;
  MetricRegistry metrics_;
  std::unique_ptr<MemoryBudget> memory_;
  std::unique_ptr<Repository> repository_;
  std::unique_ptr<Service> service_;
};

TEST_F(ServiceMemory, F11_AModelThatDoesNotFitIsRefusedAndTheOthersServe) {
  add_minilm();
  add_small_graph();
  open(uint64_t{60} << 20);
  const auto rows = repository_->status_rows();
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_THAT(rows[0].status, HasSubstr("UNAVAILABLE: Unavailable: it needs about "));
  EXPECT_THAT(rows[0].status, HasSubstr("MiB for its weights"));
  EXPECT_THAT(rows[0].status, HasSubstr("of the budget of 60 MiB only "));
  EXPECT_EQ(rows[1].status, "READY");
  const std::vector<int64_t> ids = {3, 4};
  EXPECT_TRUE(infer("small", {"input_ids", Tensor::from<int64_t>(DType::Int64, {1, 2}, ids)}));
  EXPECT_LT(memory_->held_by_models(), uint64_t{1} << 20);
}

TEST_F(ServiceMemory, F11_ALoadedModelHoldsItsWeightsAndGivesThemBack) {
  add_minilm();
  open(uint64_t{1} << 30);
  ASSERT_TRUE(repository_->all_ready());
  EXPECT_GT(memory_->held_by_models(), uint64_t{86} << 20) << "22.7 million weights of 4 bytes";
  EXPECT_LT(memory_->held_by_models(), uint64_t{200} << 20);
  service_.reset();
  repository_.reset();
  EXPECT_EQ(memory_->held_by_models(), 0U);
}

TEST_F(ServiceMemory, ARequestThatHasNoRoomIsRefusedAndTheNextIsServed) {
  add_minilm();
  open(uint64_t{1} << 30);
  const EmbedRequest request{.model = "minilm", .texts = {std::string(20'000, 'x'), "a cat"}};
  {
    MemoryShare others(memory_.get(), MemoryUse::Request);
    others.set(memory_->free() - 10'000);
    const auto later = embed(request);
    ASSERT_FALSE(later);
    EXPECT_EQ(later.error().code, ErrorCode::Overloaded);
    others.set(others.bytes() - 100'000);  // for the texts, but not for tokenizing them
    EXPECT_EQ(embed(request).error().code, ErrorCode::Overloaded);
    EXPECT_EQ(infer("minilm", texts({request.texts[0]})).error().code, ErrorCode::Overloaded);
  }
  {
    MemoryShare models(memory_.get(), MemoryUse::Model);
    models.set(memory_->free() - 10'000);
    const auto never = embed(request);
    ASSERT_FALSE(never);
    EXPECT_EQ(never.error().code, ErrorCode::TooLarge);
    EXPECT_THAT(never.error().message, HasSubstr("--memory-budget-mb"));
  }
  EXPECT_TRUE(embed(request));
  service_.reset();  // whoever still held a request has let go
  EXPECT_EQ(memory_->held_by_requests(), 0U);
}

TEST_F(ServiceMemory, TextsOfARequestThatNobodyWaitsForAreNotTokenized) {
  add_minilm();
  open(MemoryBudget::kUnlimited);
  EmbedRequest abandoned{.model = "minilm", .texts = {"a cat"}};
  abandoned.gone = std::make_shared<std::atomic<bool>>(true);
  EXPECT_EQ(embed(abandoned).error().code, ErrorCode::Cancelled);
  const auto model = service_->statistics("minilm", {});
  EXPECT_EQ(model->front().execution_count, 0U);
}

TEST_F(ServiceMemory, ADeadlineThatPassesWhileTextsAreTokenizedEndsTheRequest) {
  add_minilm();
  open(MemoryBudget::kUnlimited);
  clock_.start(1000);
  const auto answer =
      infer("minilm", texts(std::vector<std::string>(100, "a cat")), clock_.now_ns() + 10'000);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::DeadlineExceeded);
  EXPECT_EQ(repository_->models()[0]->statistics().fail.count, 0U) << "it was never queued";
}

TEST_F(ServiceMemory, F11_SharedMemoryThatARequestNamesIsCountedBeforeItIsRead) {
  add_small_graph();
  open(uint64_t{64} << 20);
  constexpr uint64_t kSize = uint64_t{8} << 30;  // of which nothing is ever touched
  ClientMemory memory(kSize);
  ASSERT_TRUE(service_->shared_memory().register_region({"r", memory.key(), 0, kSize}));
  InferRequest request;
  request.model = "small";
  request.inputs = {{"input_ids", Tensor(DType::Int64, {1, 2}, {}, nullptr)}};
  request.shared_inputs = {{0, service_->shared_memory().slice("r", 0, kSize).value()}};
  const auto refused = ask(&Service::infer, std::move(request));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::TooLarge);
  EXPECT_EQ(memory_->held_by_requests(), 0U);
}

}  // namespace
}  // namespace neso
