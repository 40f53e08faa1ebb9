// SPDX-License-Identifier: Apache-2.0
// How fast a model is on this machine, for `neso doctor`.
#pragma once

#include "app/doctor_exam.h"
#include "app/doctor_report.h"
#include "base/result.h"
#include "config/model_config.h"
#include "model/loading/model_files.h"

namespace neso {

// Fills in the speed, memory and share of peak of the report's rows, all measured in turn, and adds
// the section "machine". Leaves a graph that is no encoder alone.
Result<> time_engines(const ModelFiles& files, const ModelConfig& config,
                      const ExamOptions& options, DoctorReport& report);

}  // namespace neso
