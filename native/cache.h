// Which cache slots a sequence holds. Pure bookkeeping: fork copies a list of ranges, join concatenates lists, no key
// or value moves. Slots are counted by reference and handed out in pages, so that the tokens of a sequence lie in few
// ranges. Used by the JavaScript thread only.
#pragma once
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "ops.h"

namespace pr1 {

constexpr int kPage = 16;

class SequenceTable {
 public:
  /// capacity in tokens, rounded down to whole pages.
  explicit SequenceTable(int capacity);

  int capacity() const { return static_cast<int>(page_refs_.size()) * kPage; }
  /// Tokens in pages that nobody holds.
  int free_tokens() const { return static_cast<int>(free_pages_.size()) * kPage; }

  int create();
  bool exists(int id) const { return sequences_.count(id) != 0; }
  int length(int id) const { return sequences_.at(id).length; }
  std::vector<int> fork(int id, int n);
  /// Appends what each child holds beyond the parent's tokens, in order, and frees the children.
  /// False when a child does not start with the parent's tokens.
  bool join(int parent, const std::vector<int>& children);
  void release(int id);

  /// Free pages that appending n tokens to each of these sequences takes.
  int pages_needed(int id, int n) const;
  /// Slots for n more tokens; the caller has checked that they fit.
  void append(int id, int n, std::vector<int>& slots);
  const std::vector<Run>& runs(int id) const { return sequences_.at(id).runs; }

 private:
  struct Sequence {
    std::vector<Run> runs;
    int length = 0;
    int tail = 0, tail_end = 0;  // slots of the page that this sequence may still append to
  };
  static void push(Sequence& s, int begin, int end);
  void retain(int begin, int end);
  void drop(int begin, int end);
  void drop_tail(Sequence& s);
  void unref_page(int page, int n);

  std::unordered_map<int, Sequence> sequences_;
  std::vector<int> slot_refs_;
  std::vector<int> page_refs_;  // slots in use, plus 1 while a sequence may append to the page
  std::vector<int> free_pages_;
  int next_id_ = 1;
};

}  // namespace pr1
