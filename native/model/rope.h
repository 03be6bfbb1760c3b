// Angles of one kind of rotation for every position in use, on the device.
#pragma once
#include "buffer.h"
#include "spec.h"

namespace pr1 {

class RopeTable {
 public:
  RopeTable(Ops& ops, const RopeSpec& spec, int dim, int max_positions);
  /// Angles up to position `last` are there.
  void ensure(int last);
  /// (positions, dim / 2) each; 1 and 0 where nothing rotates.
  const float* cos() const { return cos_.data(); }
  const float* sin() const { return sin_.data(); }

 private:
  float frequency(int pair) const;
  float llama3(float f, float factor) const;
  float yarn_kept(int pair) const;

  Ops& ops_;
  RopeSpec spec_;
  int dim_, max_positions_, ready_ = 0;
  Buffer cos_, sin_;
};

}  // namespace pr1
