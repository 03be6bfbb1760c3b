// Device memory: pieces of large blocks, so that buffers which grow and shrink do not fragment the card and every
// allocation is accounted for. Best fit, freed neighbours merge, empty blocks go back. Plain host code; the memory itself
// comes from two functions.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <new>
#include <string>

namespace pr1::cuda {

/// Out of device memory; the message says what was asked for, what is held and how to need less.
class OutOfDeviceMemory : public std::bad_alloc {
 public:
  explicit OutOfDeviceMemory(std::string message) : message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};

class Arena {
 public:
  using Take = std::function<void*(size_t)>;  // null where memory is short
  using Give = std::function<void(void*)>;

  static constexpr size_t kAlign = 256;

  Arena(Take take, Give give, std::function<size_t()> free_bytes, size_t block_bytes = size_t{64} << 20)
      : take_(std::move(take)), give_(std::move(give)), free_bytes_(std::move(free_bytes)), block_bytes_(block_bytes) {}
  ~Arena() {
    for (auto& [start, block] : blocks_) give_(reinterpret_cast<void*>(start));
  }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  void* allocate(size_t bytes) {
    bytes = round(std::max<size_t>(bytes, 1));
    auto best = pieces_.end();
    for (auto it = pieces_.begin(); it != pieces_.end(); ++it) {
      if (!it->second.used && it->second.bytes >= bytes && (best == pieces_.end() || it->second.bytes < best->second.bytes)) best = it;
    }
    if (best == pieces_.end()) best = add_block(bytes);
    Piece& piece = best->second;
    if (piece.bytes > bytes) {
      pieces_[best->first + bytes] = Piece{piece.block, piece.bytes - bytes, false};
      piece.bytes = bytes;
    }
    piece.used = true;
    used_ += bytes;
    most_ = std::max(most_, used_);
    return reinterpret_cast<void*>(best->first);
  }

  void release(void* p) {
    if (!p) return;
    auto it = pieces_.find(reinterpret_cast<uintptr_t>(p));
    if (it == pieces_.end() || !it->second.used) throw std::bad_alloc();
    it->second.used = false;
    used_ -= it->second.bytes;
    auto next = std::next(it);
    if (next != pieces_.end() && !next->second.used && next->second.block == it->second.block) {
      it->second.bytes += next->second.bytes;
      pieces_.erase(next);
    }
    if (it != pieces_.begin()) {
      auto before = std::prev(it);
      if (!before->second.used && before->second.block == it->second.block) {
        before->second.bytes += it->second.bytes;
        pieces_.erase(it);
        it = before;
      }
    }
    // A block with nothing in it goes back.
    const uintptr_t block = it->second.block;
    if (it->first == block && it->second.bytes == blocks_.at(block)) {
      give_(reinterpret_cast<void*>(block));
      held_ -= it->second.bytes;
      blocks_.erase(block);
      pieces_.erase(it);
    }
  }

  size_t used() const { return used_; }    // bytes that callers hold
  size_t most() const { return most_; }    // the most they ever held
  size_t held() const { return held_; }    // bytes taken from the device
  size_t blocks() const { return blocks_.size(); }

 private:
  struct Piece {
    uintptr_t block;
    size_t bytes;
    bool used;
  };
  static size_t round(size_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

  std::map<uintptr_t, Piece>::iterator add_block(size_t bytes) {
    size_t size = std::max(bytes, block_bytes_);
    void* p = take_(size);
    if (!p && size > bytes) p = take_(size = bytes);
    if (!p) {
      auto mib = [](size_t n) { return std::to_string(n >> 20) + " MiB"; };
      throw OutOfDeviceMemory("Out of device memory: " + mib(bytes) + " more were asked for, " + mib(used_) +
                              " are in use (" + mib(held_) + " held) and " + mib(free_bytes_()) + " are free on the device.");
    }
    const uintptr_t start = reinterpret_cast<uintptr_t>(p);
    blocks_[start] = size;
    held_ += size;
    return pieces_.emplace(start, Piece{start, size, false}).first;
  }

  Take take_;
  Give give_;
  std::function<size_t()> free_bytes_;
  size_t block_bytes_;
  std::map<uintptr_t, Piece> pieces_;     // by address, used and free
  std::map<uintptr_t, size_t> blocks_;  // address → bytes
  size_t used_ = 0, most_ = 0, held_ = 0;
};

}  // namespace pr1::cuda
