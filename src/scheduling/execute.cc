// SPDX-License-Identifier: Apache-2.0
#include "scheduling/execute.h"

#include <algorithm>
#include <exception>
#include <new>

#include "base/error.h"
#include "engine/pooling.h"
#include "scheduling/tensor_batch.h"

namespace neso {
namespace {

using Results = std::vector<Result<JobOutput>>;

Result<Results> execute_sequences(Engine& engine, const PoolingSpec& pooling,
                                  std::span<const Job> jobs, const Clock& clock,
                                  Execution& execution) {
  TokenBatch batch;
  size_t longest = 0;
  for (const Job& job : jobs) {
    const auto& work = std::get<SequenceWork>(job.work);
    batch.append(work.ids, work.type_ids, work.positions);
    longest = std::max(longest, work.ids.size());
  }
  execution.tokens = batch.tokens();
  execution.padded_tokens = longest * jobs.size();
  const size_t hidden = engine.info().hidden;
  const bool states = std::get<SequenceWork>(jobs.front().work).token_states;
  const size_t width = pooling.width(hidden);
  std::vector<float> out(states ? batch.tokens() * hidden : jobs.size() * width);

  execution.input_end_ns = clock.now_ns();
  if (states) {
    NESO_TRY_VOID(engine.encode_tokens(batch, out));
  } else {
    NESO_TRY_VOID(engine.encode(batch, pooling, out));
  }
  execution.output_start_ns = clock.now_ns();

  Results results;
  size_t start = 0;
  for (size_t i = 0; i < jobs.size(); ++i) {
    const size_t size = states ? batch.length(i) * hidden : width;
    const auto values = std::span<const float>(out).subspan(start, size);
    start += size;
    if (all_finite(values)) {
      results.emplace_back(JobOutput(std::vector<float>(values.begin(), values.end())));
    } else {
      results.emplace_back(
          internal_error("the model answered a value that is not finite (NaN or infinity)"));
    }
  }
  return results;
}

Result<Results> execute_tensors(Engine& engine, std::span<const Job> jobs, const Clock& clock,
                                Execution& execution) {
  const auto& first = std::get<TensorWork>(jobs.front().work);
  std::vector<std::span<const NamedTensor>> parts;
  std::vector<size_t> rows;
  for (const Job& job : jobs) {
    const auto& work = std::get<TensorWork>(job.work);
    parts.emplace_back(work.inputs);
    rows.push_back(work.rows);
  }
  std::vector<NamedTensor> joined;
  if (jobs.size() > 1) joined = join_rows(parts);

  execution.input_end_ns = clock.now_ns();
  NESO_TRY(auto outputs,
           engine.run(jobs.size() > 1 ? std::span<const NamedTensor>(joined) : parts.front(),
                      first.outputs));
  execution.output_start_ns = clock.now_ns();

  Results results;
  if (jobs.size() == 1) {
    results.emplace_back(JobOutput(std::move(outputs)));
    return results;
  }
  NESO_TRY(auto pieces, split_rows(outputs, rows));
  for (auto& piece : pieces) results.emplace_back(JobOutput(std::move(piece)));
  return results;
}

Result<Results> call(Engine& engine, const PoolingSpec& pooling, std::span<const Job> jobs,
                     const Clock& clock, Executed& executed) {
  try {
    if (std::holds_alternative<SequenceWork>(jobs.front().work)) {
      return execute_sequences(engine, pooling, jobs, clock, executed.execution);
    }
    return execute_tensors(engine, jobs, clock, executed.execution);
  } catch (const std::bad_alloc&) {
    executed.engine_threw = true;
    return out_of_memory();
  } catch (const std::exception& e) {
    executed.engine_threw = true;
    return internal_error("the engine failed: {}", e.what());
  } catch (...) {
    executed.engine_threw = true;
    return internal_error("the engine failed with an unknown exception");
  }
}

}  // namespace

Executed execute(Engine& engine, const PoolingSpec& pooling, std::span<const Job> jobs,
                 const Clock& clock) {
  Executed executed{.execution = {}, .results = Results{}};
  Execution& execution = executed.execution;
  for (const Job& job : jobs) execution.rows += job_rows(job.work);
  execution.start_ns = clock.now_ns();
  executed.results = call(engine, pooling, jobs, clock, executed);
  execution.end_ns = clock.now_ns();
  // A call that failed half way has no later stamps.
  if (execution.input_end_ns == 0) execution.input_end_ns = execution.end_ns;
  if (execution.output_start_ns == 0) execution.output_start_ns = execution.end_ns;
  return executed;
}

}  // namespace neso
