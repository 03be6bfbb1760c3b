// Cache slots for tests in C++ alone: what src/engine/sequences.ts hands out, but nothing is given back.
#pragma once
#include <algorithm>
#include <map>
#include <vector>

#include "../../native/model/batch.h"

class Slots {
 public:
  int create() { return next_id_++; }
  int length(int id) { return static_cast<int>(held_[id].slots.size()); }
  const std::vector<pr1::Run>& runs(int id) { return held_[id].runs; }

  std::vector<int> fork(int id, int n) {
    std::vector<int> children;
    for (int i = 0; i < n; i++) {
      children.push_back(create());
      held_[children.back()] = {held_[id].slots, held_[id].runs};
    }
    return children;
  }

  /// Slots for n more tokens, also appended to `to`; a page belongs to the sequence that began it.
  void append(int id, int n, std::vector<int>& to) {
    Held& s = held_[id];
    for (; n > 0; n--) {
      if (s.tail % pr1::kPage == 0) s.tail = pr1::kPage * next_page_++;
      to.push_back(s.tail);
      push(s, s.tail++);
    }
  }

  /// False when a child does not start with the parent's tokens.
  bool join(int parent, const std::vector<int>& children) {
    Held& p = held_[parent];
    const std::vector<int> prefix = p.slots;
    for (int child : children) {
      const std::vector<int>& own = held_[child].slots;
      if (own.size() < prefix.size() || !std::equal(prefix.begin(), prefix.end(), own.begin())) return false;
    }
    for (int child : children) {
      for (size_t i = prefix.size(); i < held_[child].slots.size(); i++) push(p, held_[child].slots[i]);
      held_.erase(child);
    }
    return true;
  }

  /// Slots of all pages that were begun.
  int used() const { return next_page_ * pr1::kPage; }

 private:
  struct Held {
    std::vector<int> slots;
    std::vector<pr1::Run> runs;
    int tail = 0;  // the next slot; a multiple of the page: none
  };
  static void push(Held& s, int slot) {
    s.slots.push_back(slot);
    if (!s.runs.empty() && s.runs.back().end == slot) s.runs.back().end++;
    else s.runs.push_back({slot, slot + 1});
  }

  std::map<int, Held> held_;
  int next_id_ = 1, next_page_ = 0;
};
