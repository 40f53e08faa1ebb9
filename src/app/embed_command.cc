// SPDX-License-Identifier: Apache-2.0
// `neso embed`: texts in, vectors out, in order and in bounded memory. While an engine works on one
// batch, the next one is read and tokenized.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "app/command.h"
#include "app/command_line.h"
#include "app/model_path.h"
#include "app/progress.h"
#include "app/termination.h"
#include "app/text_reader.h"
#include "app/vector_writer.h"
#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"
#include "checkpoint/config_file.h"
#include "config/option_table.h"
#include "model/loading/model_loader.h"
#include "model/model.h"

namespace neso {
namespace {

constexpr size_t kTextsPerBatch = 256;
constexpr size_t kBytesPerBatch = size_t{256} << 10;
constexpr size_t kBatchesInFlight = 3;

struct EmbedCommand {
  std::string model = "all-minilm-l6-v2";
  std::string engine;
  std::string precision = "auto";
  std::string format = "jsonl";
  std::string prompt;
  size_t dimensions = 0;
  std::filesystem::path onnx_library;
};

OptionTable option_table(EmbedCommand& command) {
  return {
      .synopsis = "neso embed [-m MODEL] [options] [FILE ...]",
      .description =
          fmt::format("Writes a vector for each line of the files to standard output, in order. "
                      "Without a FILE, and for -, it reads standard input. A file whose first line "
                      "is a JSON object with a string \"text\" is read as JSON lines.\n"
                      "A line that gives no vector (it is not UTF-8, no JSON among JSON lines, or "
                      "longer than {} MiB) is named on standard error and keeps its place: "
                      "{{\"error\":\"...\"}} in jsonl, a row of NaN in npy and f32.\n"
                      "Exit status: 0 when every line gave a vector, 1 when one did not or the run "
                      "failed, 2 when the command line is wrong.",
                      TextReader::kMaxLineBytes >> 20),
      .sections =
          {{"",
            {{"model", text_value(command.model),
              "Model folder, or the name of a model in the cache. Short: -m."},
             {"engine", text_value(command.engine),
              "Engine: cpu (ours) or onnx (ONNX Runtime). Unset: the one that fits."},
             {"precision", text_value(command.precision),
              "Precision of our engine: fp32, bf16, int8, or auto, the fastest that is faithful."},
             {"format", text_value(command.format),
              "Form of the output. jsonl: a line {\"embedding\":[...],\"tokens\":n} per "
              "text. npy: a NumPy array. f32: little-endian floats, end to end."},
             {"prompt", text_value(command.prompt),
              "Name of one of the model's prompts, to put before every text."},
             {"dimensions", integer_value(command.dimensions, 0, 1 << 20),
              "Keep the first N values of every vector and normalise again; for models that "
              "were trained for it (Matryoshka). 0: all."},
             {"onnxruntime-library", path_value(command.onnx_library),
              "ONNX Runtime's shared library, libonnxruntime.so.1; searched for when not "
              "given."}}}},
      .takes_arguments = true,
      .reads_environment = false};
}

// A batch on its way: which line each of its texts is, and the answers to come. A line without a
// text is no request.
struct PendingBatch {
  std::vector<TextLine> lines;
  std::future<Result<EmbedResponse>> response;
  uint64_t bytes_read = 0;
};

class EmbedRun {
 public:
  EmbedRun(const EmbedCommand& command, const std::vector<std::string>& files,
           std::shared_ptr<Model> model, std::unique_ptr<VectorWriter> writer)
      : command_(command),
        reader_(files),
        model_(std::move(model)),
        writer_(std::move(writer)),
        progress_(stderr, total_bytes(files), system_clock()) {}

  // True when every line gave a vector.
  Result<bool> run() {
    for (bool more = true; more || !pending_.empty();) {
      if (more && pending_.size() < kBatchesInFlight) {
        NESO_TRY(more, read_batch());
        continue;
      }
      NESO_TRY_VOID(write_batch());
    }
    NESO_TRY_VOID(writer_->finish());
    progress_.finish(texts_, tokens_);
    if (truncated_ > 0) {
      fmt::print(stderr,
                 "neso embed: {} of {} texts were longer than the model's {} tokens and were cut\n",
                 truncated_, texts_, longest_);
    }
    return failures_ == 0;
  }

 private:
  // 0 when some of it is no regular file.
  static uint64_t total_bytes(const std::vector<std::string>& files) {
    uint64_t total = 0;
    for (const std::string& file : files) {
      std::error_code error;
      const auto size = std::filesystem::file_size(file, error);
      if (error) return 0;
      total += size;
    }
    return total;
  }

  // False at the end of the input.
  Result<bool> read_batch() {
    PendingBatch batch;
    EmbedRequest request;
    request.dimensions = command_.dimensions;
    if (!command_.prompt.empty()) request.prompt_name = command_.prompt;
    bool more = true;
    for (size_t bytes = 0; batch.lines.size() < kTextsPerBatch && bytes < kBytesPerBatch;) {
      NESO_TRY(std::optional<TextLine> line, reader_.next());
      more = line.has_value();
      if (!more) break;
      if (line->text) {
        bytes += line->text->size();
        request.texts.push_back(std::move(*line->text));
        line->text = std::string();
      }
      batch.lines.push_back(std::move(*line));
    }
    if (batch.lines.empty()) return more;
    auto promise = std::make_shared<std::promise<Result<EmbedResponse>>>();
    batch.response = promise->get_future();
    batch.bytes_read = reader_.bytes_read();
    if (request.texts.empty()) {
      promise->set_value(EmbedResponse{});
    } else {
      model_->embed(std::move(request),
                    Completion<EmbedResponse>([promise](Result<EmbedResponse> response) {
                      promise->set_value(std::move(response));
                    }));
    }
    pending_.push_back(std::move(batch));
    return more;
  }

  Result<> write_batch() {
    PendingBatch batch = std::move(pending_.front());
    pending_.pop_front();
    NESO_TRY(const EmbedResponse response, batch.response.get());
    size_t next = 0;
    for (const TextLine& line : batch.lines) {
      if (!line.text) {
        NESO_TRY_VOID(write_failure(line, line.text.error()));
        continue;
      }
      const Result<Embedding>& item = response.items[next++];
      if (!item) {
        NESO_TRY_VOID(write_failure(line, item.error()));
        continue;
      }
      NESO_TRY_VOID(writer_->write(*item));
      ++texts_;
      tokens_ += item->tokens;
      if (item->truncated) {
        ++truncated_;
        longest_ = item->tokens;
      }
    }
    progress_.update(texts_, tokens_, batch.bytes_read);
    return {};
  }

  Result<> write_failure(const TextLine& line, const Error& error) {
    ++failures_;
    fmt::print(stderr, "neso embed: line {}: {}\n", line.number, error.message);
    return writer_->write_failure(error.message);
  }

  const EmbedCommand& command_;
  TextReader reader_;
  std::shared_ptr<Model> model_;
  std::unique_ptr<VectorWriter> writer_;
  Progress progress_;
  std::deque<PendingBatch> pending_;
  uint64_t texts_ = 0;
  uint64_t tokens_ = 0;
  uint64_t truncated_ = 0;
  uint64_t failures_ = 0;
  size_t longest_ = 0;
};

// The config that asks for the engine, as a config.pbtxt would.
Result<ModelConfig> config_for(const EmbedCommand& command, const ModelSource& source) {
  std::string text;
  if (!command.engine.empty()) {
    text = fmt::format("parameters {{ key: \"engine\" value {{ string_value: \"{}\" }} }}",
                       command.engine);
  }
  return parse_model_config(text, "command line", source.name);
}

Result<> check_words(const EmbedCommand& command) {
  NESO_TRY_VOID(parse_precision_choice(command.precision));
  if (!command.engine.empty() && command.engine != "cpu" && command.engine != "onnx") {
    return invalid_argument("there is no engine '{}'; choose from cpu, onnx", command.engine);
  }
  NESO_TRY_VOID(make_vector_writer(command.format, 1, stdout));
  return {};
}

// Any model's vectors can be cut, but only of some is the beginning worth anything alone.
void warn_unless_matryoshka(const std::filesystem::path& folder, size_t dimensions) {
  const auto says_so = [&](const char* file, std::string_view key) {
    const auto config = ConfigFile::open(folder / file);
    return config && config->find(key) != nullptr;
  };
  if (says_so("config.json", "matryoshka_dimensions") ||
      says_so("config_sentence_transformers.json", "truncate_dim"))
    return;
  fmt::print(
      stderr,
      "neso embed: nothing in the model's files says that it was trained for shorter vectors "
      "(Matryoshka); the first {} values alone may compare badly\n",
      dimensions);
}

Result<bool> embed(const EmbedCommand& command, const std::vector<std::string>& files) {
  LogSettings quiet;
  quiet.info = false;
  quiet.warning = false;  // about what a config.pbtxt lacks; there is none here
  NESO_TRY_VOID(set_log_settings(quiet));
  NESO_TRY(const ModelSource source, find_model(command.model, process_environment()));
  NESO_TRY(const ModelConfig config, config_for(command, source));
  MetricRegistry metrics;
  LoadOptions options;
  NESO_TRY(options.engine.precision, parse_precision_choice(command.precision));
  options.engine.onnx_runtime_library = command.onnx_library;
  NESO_TRY(const std::shared_ptr<Model> model,
           load_model(source, config, options, metrics, system_clock()));
  const auto width = model->embedding_width();
  if (!width)
    return unsupported(
        "model '{}' does not take texts: it has no tokenizer.json or is no text encoder",
        command.model);
  if (command.dimensions > 0 && command.dimensions < *width)
    warn_unless_matryoshka(model_folder(source), command.dimensions);
  const size_t dimensions = command.dimensions > 0 ? std::min(command.dimensions, *width) : *width;
  NESO_TRY(auto writer, make_vector_writer(command.format, dimensions, stdout));
  EmbedRun run(command, files, model, std::move(writer));
  auto complete = run.run();
  model->stop();
  return complete;
}

}  // namespace

int run_embed(std::string_view program, CommandWords words) {
  write_errors_instead_of_signals();
  EmbedCommand command;
  const CommandLine line = read_command_line(option_table(command), program, words);
  if (line.exit_status) return *line.exit_status;
  if (auto words_ok = check_words(command); !words_ok) {
    fmt::print(stderr, "{}: {}\n", program, words_ok.error().message);
    return kExitUsage;
  }
  const auto complete = embed(command, line.arguments);
  if (!complete) {
    if (complete.error().code == ErrorCode::Cancelled)
      return kExitFailure;  // the reader of our output has left
    fmt::print(stderr, "{}: {}\n", program, complete.error().message);
    return kExitFailure;
  }
  return *complete ? 0 : kExitFailure;
}

}  // namespace neso
