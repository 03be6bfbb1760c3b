// Every parameter of a model: in flat arrays of weights, and to train gradients and the two moments of AdamW. Matrices of a model
// that does not train are in blocks, or in the panels that the products read.
#pragma once
#include <string>
#include <vector>

#include "spec.h"

namespace pr1 {

struct Adapters;

/// A matrix that is held in panels only: rows of `matrix` from `first` on.
struct Panels {
  Matrix matrix;
  int first = 0;
  bool looked_up = false;  // by row, in float32
  float* table = nullptr;  // its float32 numbers, where it is looked up and panels would round them
};

struct Parameter {
  std::string name;
  std::vector<int> shape;
  size_t offset, count;  // in the flat arrays, where it is in them
  std::optional<Blocks> blocks;
  std::optional<Panels> panels;
  /// A vector counts as rows of one number.
  int rows() const { return shape[0]; }
  size_t width() const { return count / static_cast<size_t>(shape[0]); }
};

enum class Values { weight, gradient, moment1, moment2 };

/// First all parameters are added, in an order that fixes the order of sums over all of them; then `allocate`.
class Parameters {
 public:
  /// masters: matrices that are not in blocks are in the flat arrays; else in panels. With adapters these are frozen, and the
  /// parameters of the parts' adapters go there.
  Parameters(Ops& ops, bool masters, Adapters* adapters = nullptr) : ops_(ops), masters_(masters), adapters_(adapters) {}
  /// How moments are held; before allocate_training. Other types than float32 on devices that pack moments.
  void hold_moments(MomentType type) { moments_.type = type; }
  ~Parameters();
  Parameters(const Parameters&) = delete;
  Parameters& operator=(const Parameters&) = delete;

  /// Returns its index. What is added without `align` between stays contiguous, so that it can be one matrix.
  size_t add(const ParameterSpec& spec);
  /// The next one starts on 16 floats.
  void align();
  void allocate();
  /// Each array is allocated once: where memory runs out midway, a later call goes on from there.
  void allocate_training();

  /// Null: none, and everything here trains.
  Adapters* adapters() const { return adapters_; }
  const std::vector<Parameter>& list() const { return list_; }
  /// Floats of one flat array, gaps counted.
  size_t floats() const { return floats_; }
  /// Bytes of blocks, and of tables beside panels.
  double held_bytes() const;
  /// From this parameter on.
  float* weights(size_t parameter = 0) const { return weights_ + list_[parameter].offset; }
  /// Null before allocate_training.
  float* gradients(size_t parameter = 0) const { return gradients_ ? gradients_ + list_[parameter].offset : nullptr; }

  /// Bytes of both moments once they are allocated.
  double moment_bytes() const;
  /// One step of AdamW over everything here; update: counted from 1.
  void step(const AdamW& options, uint64_t update);

  /// Where the panels of a matrix are: those of a product, whose rows it is from `first` on.
  void hold(size_t parameter, const Matrix& matrix, int first);
  /// Its rows are looked up, as they were written. False: it has no panels yet.
  bool look_up(size_t parameter);
  /// out (n, width) = scale * rows `ids` of what `look_up` named.
  void rows(float* out, size_t parameter, const int* ids, float scale, int n) const;
  /// out (n, width) = rows `ids` of a matrix in blocks or panels, in float32.
  void read_rows(float* out, size_t parameter, const int* ids, int n) const;
  /// Before rows of numbers of this type are put into a parameter.
  void expect(size_t parameter, BlockType type);
  /// Rows first … first + n − 1 of a parameter that is not in blocks, from f32, f16 or bf16 numbers in the host's memory, into it
  /// too. Several threads may do so for rows that differ.
  void put(size_t parameter, int first, int n, const uint8_t* rows, BlockType type);

  /// Copies; reading what was never allocated gives zeros.
  void read(size_t parameter, Values kind, float* to, size_t offset, size_t count) const;
  /// What is held in blocks is read and written whole, and quantised.
  void write(size_t parameter, Values kind, const float* from, size_t offset, size_t count);
  /// False where a scale is not finite.
  bool write_blocks(size_t parameter, const uint8_t* rows) { return interleave(*list_[parameter].blocks, rows); }

 private:
  float* array(Values kind) const;
  size_t moment_codes() const;
  const Moment& moment(Values kind) const { return kind == Values::moment1 ? moments_.first : moments_.second; }
  class MomentCopy;
  void read_moments(Values kind, float* to, size_t at, size_t count) const;
  void write_moments(Values kind, const float* from, size_t at, size_t count);
  void write_panels(size_t parameter, const float* from);

  Ops& ops_;
  bool masters_;
  Adapters* adapters_;
  std::vector<Parameter> list_;
  size_t floats_ = 0;
  float *weights_ = nullptr, *gradients_ = nullptr, *moment1_ = nullptr, *moment2_ = nullptr;
  /// Where they are not float32; codes and exponents lie in moment1_ and moment2_.
  PackedMoments moments_{MomentType::f32, {false, nullptr, nullptr}, {true, nullptr, nullptr}};
};

}  // namespace pr1
