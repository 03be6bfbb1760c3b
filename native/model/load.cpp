#include "load.h"

#include <unistd.h>

#include <algorithm>
#include <memory>

#include "../crc32.h"

namespace pr1 {
namespace {

/// Small enough to stay in a core's cache from the file to the panels.
constexpr size_t kPieceBytes = 1 << 19;

/// Rows first … first + rows − 1 of a tensor.
struct Piece {
  size_t tensor;
  int first, rows;
  uint32_t checksum;
};

bool read_fully(int file, uint8_t* to, size_t bytes, uint64_t offset) {
  while (bytes > 0) {
    const ssize_t got = pread(file, to, bytes, static_cast<off_t>(offset));
    if (got <= 0) return false;
    to += got;
    bytes -= static_cast<size_t>(got);
    offset += static_cast<uint64_t>(got);
  }
  return true;
}

size_t row_bytes(const Parameter& p, BlockType type) { return p.width() * static_cast<size_t>(format_of(type).bytes); }

/// Whole panels of 16 rows, wherever the parameter begins in its panels.
std::vector<Piece> cut(const Parameters& parameters, const std::vector<StoredTensor>& tensors) {
  std::vector<Piece> pieces;
  for (size_t i = 0; i < tensors.size(); i++) {
    const Parameter& p = parameters.list()[tensors[i].parameter];
    const int most = static_cast<int>(std::max<size_t>(kPieceBytes / row_bytes(p, tensors[i].type) / 16, 1)) * 16;
    const int begin = p.panels ? p.panels->first : 0;
    for (int first = 0; first < p.rows();) {
      const int rows = std::min(most - (begin + first) % 16, p.rows() - first);
      pieces.push_back({i, first, rows, 0});
      first += rows;
    }
  }
  return pieces;
}

}  // namespace

int load_tensors(Parameters& parameters, Ops& ops, const std::vector<StoredTensor>& tensors, const std::function<bool()>& between) {
  std::vector<Piece> pieces = cut(parameters, tensors);
  size_t most = 0;
  for (const Piece& piece : pieces) {
    const StoredTensor& tensor = tensors[piece.tensor];
    most = std::max(most, static_cast<size_t>(piece.rows) * row_bytes(parameters.list()[tensor.parameter], tensor.type));
  }
  for (const StoredTensor& tensor : tensors) parameters.expect(tensor.parameter, tensor.type);
  std::vector<std::vector<uint8_t>> buffers(static_cast<size_t>(ops.threads()));
  for (auto& buffer : buffers) buffer.resize(most);
  std::atomic<int> fault{-1};
  std::atomic<bool> stopped{false};
  auto body = [&](int task, int thread) {
    if (stopped.load(std::memory_order_relaxed)) return;
    if (!between()) stopped = true;
    Piece& piece = pieces[static_cast<size_t>(task)];
    const StoredTensor& tensor = tensors[piece.tensor];
    const Parameter& p = parameters.list()[tensor.parameter];
    const size_t row = row_bytes(p, tensor.type), bytes = row * static_cast<size_t>(piece.rows);
    uint8_t* data = buffers[static_cast<size_t>(thread)].data();
    const bool read = read_fully(tensor.file, data, bytes, tensor.offset + row * static_cast<size_t>(piece.first));
    if (!read || !all_finite(data, tensor.type, bytes / static_cast<size_t>(format_of(tensor.type).bytes))) {
      fault = static_cast<int>(piece.tensor);
      stopped = true;
      return;
    }
    if (tensor.checked) piece.checksum = crc32(0, data, bytes);
    parameters.put(tensor.parameter, piece.first, piece.rows, data, tensor.type);
  };
  ops.run_tasks(static_cast<int>(pieces.size()), [](void* f, int task, int thread) { (*static_cast<decltype(body)*>(f))(task, thread); },
                &body);
  if (stopped) return fault;
  size_t at = 0;
  for (size_t i = 0; i < tensors.size(); i++) {
    const StoredTensor& tensor = tensors[i];
    const size_t row = row_bytes(parameters.list()[tensor.parameter], tensor.type);
    uint32_t checksum = tensor.start;
    for (; at < pieces.size() && pieces[at].tensor == i; at++) {
      checksum = crc32_join(checksum, pieces[at].checksum, row * static_cast<uint64_t>(pieces[at].rows));
    }
    if (tensor.checked && checksum != tensor.checksum) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace pr1
