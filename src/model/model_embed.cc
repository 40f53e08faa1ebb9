// SPDX-License-Identifier: Apache-2.0
// Model::embed: texts to vectors, each text failing alone.
#include <utility>

#include "base/error.h"
#include "engine/pooling.h"
#include "model/model.h"
#include "model/prepare_texts.h"

namespace neso {

struct Model::PendingEmbed {
  std::vector<Result<Embedding>> items;  // of each text: its error, or its token counts so far
  std::vector<size_t> item_of_job;
  VectorFinish finish;
  std::shared_ptr<RequestScope> scope;
  Completion<EmbedResponse> done;
};

void Model::embed(EmbedRequest request, Completion<EmbedResponse> done) {
  const EncoderModel* model = encoder();
  if (model == nullptr || !model->text) {
    done(unsupported("model '{}' takes no texts: {}", parts_.name,
                     model == nullptr ? "it is no text encoder" : "it has no tokenizer.json"));
    return;
  }
  if (request.dimensions > model->pooled_width) {
    done(invalid_argument("{} dimensions are asked for, but the vectors of model '{}' have {}",
                          request.dimensions, parts_.name, model->pooled_width));
    return;
  }
  const auto prompt = model->text->prompt(request.prompt_name);
  if (!prompt) {
    done(prompt.error());
    return;
  }
  const auto pending = std::make_shared<PendingEmbed>();
  pending->finish = model->finish;
  if (request.dimensions != 0) pending->finish.dimensions = request.dimensions;
  pending->finish.normalize = request.normalize.value_or(model->finish.normalize);
  pending->scope = std::make_shared<RequestScope>(parts_.recorder);
  pending->done = std::move(done);

  const RequestLife life{.gone = request.gone,
                         .deadline_ns = request.caller.deadline_ns,
                         .memory = request.memory,
                         .clock = &parts_.recorder->clock(),
                         .helpers = request.helpers};
  auto jobs = prepare(*model->text, *prompt, request, life, *pending);
  if (!jobs) {
    pending->done(std::move(jobs).error());
    return;
  }
  auto completions =
      join_completions(jobs->size(), [this, pending](std::vector<Result<JobOutput>> results) {
        finish(*pending, std::move(results));
      });
  for (size_t i = 0; i < jobs->size(); ++i) (*jobs)[i].done = std::move(completions[i]);
  if (!jobs->empty()) parts_.scheduler->submit(std::move(jobs).value());
}

// One job a text that is good; the others have their errors in pending.items.
Result<std::vector<Job>> Model::prepare(const TextInput& source, const std::string& prompt,
                                        const EmbedRequest& request, const RequestLife& life,
                                        PendingEmbed& pending) const {
  std::vector<Job> jobs;
  uint64_t bytes = 0;
  size_t truncated = 0;
  const std::vector<std::string_view> texts(request.texts.begin(), request.texts.end());
  NESO_TRY(auto all, prepare_texts(source, prompt, texts, request.truncate, life));
  for (Result<PreparedText>& prepared : all) {
    if (!prepared) {
      pending.items.emplace_back(std::move(prepared).error());
      continue;
    }
    truncated += prepared->truncated ? 1 : 0;
    pending.item_of_job.push_back(pending.items.size());
    pending.items.emplace_back(Embedding{.values = {},
                                         .tokens = prepared->sequence.ids.size(),
                                         .original_tokens = prepared->original_tokens,
                                         .truncated = prepared->truncated});
    jobs.push_back(Job{.work = std::move(prepared->sequence),
                       .scope = pending.scope,
                       .deadline_ns = life.deadline_ns,
                       .gone = request.gone,
                       .client = request.caller.client});
    bytes += job_memory(jobs.back().work, parts_.engine.hidden);
  }
  NESO_TRY_VOID(life.hold(bytes));
  if (truncated > 0) parts_.recorder->add_truncated_texts(truncated);
  return jobs;
}

void Model::finish(PendingEmbed& pending, std::vector<Result<JobOutput>> results) const {
  size_t good = 0;
  for (size_t job = 0; job < results.size(); ++job) {
    Result<Embedding>& item = pending.items[pending.item_of_job[job]];
    if (results[job]) {
      auto& pooled = std::get<std::vector<float>>(*results[job]);
      const auto vector = finish_vector(pooled, pending.finish);
      pooled.resize(vector.size());
      item->values = std::move(pooled);
      ++good;
      continue;
    }
    const Error& error = results[job].error();
    if (error.code == ErrorCode::Overloaded || error.code == ErrorCode::NotReady ||
        error.code == ErrorCode::TooLarge) {
      pending.done(error);  // the queue took none of the texts
      return;
    }
    item = error;
  }
  if (good > 0) {
    pending.scope->succeed(good);
  } else if (!results.empty()) {
    pending.scope->fail(failure_reason(results.front().error().code));
  }
  pending.done(EmbedResponse{
      .model = parts_.name, .version = parts_.version, .items = std::move(pending.items)});
}

}  // namespace neso
