// Memory for large CPU tensors. See src/pool.rs for what it is for.
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "guarded.h"

namespace {

// Smaller requests are malloc's: they are many, and leave no large holes.
constexpr size_t LEAST = 512 << 10;
constexpr size_t STEP = 64 << 10;

struct Block {
  void* at;
  size_t size;
};

class Pool final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t n) override {
    void* at = n < LEAST ? c10::alloc_cpu(n) : take(n);
    return {at, at, &give, c10::Device(c10::DeviceType::CPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &give; }

  void copy_data(void* to, const void* from, size_t count) const override { default_copy_data(to, from, count); }

  // Gives back what waits, and forgets how much was once in use.
  void trim() {
    std::lock_guard<std::mutex> lock(mutex_);
    shrink_to(0);
    most_ = in_use_;
  }

  void amounts(uint64_t* in_use, uint64_t* waiting) {
    std::lock_guard<std::mutex> lock(mutex_);
    *in_use = in_use_;
    *waiting = waiting_bytes_;
  }

 private:
  void* take(size_t n) {
    TORCH_CHECK(n <= SIZE_MAX / 2, "can't allocate memory: you tried to allocate ", n, " bytes");
    size_t size = (n + STEP - 1) / STEP * STEP;
    std::lock_guard<std::mutex> lock(mutex_);
    Block block = waiting_for(size);
    if (!block.at) {
      // What waits makes room, so that the whole never exceeds the most that was in use at once.
      size_t most = std::max(most_, in_use_ + size);
      shrink_to(most - in_use_ - size);
      block = {map(size), size};
      if (!block.at) {
        shrink_to(0);
        block.at = map(size);
      }
      TORCH_CHECK(block.at, "can't allocate memory: you tried to allocate ", n, " bytes");
    }
    in_use_ += block.size;
    most_ = std::max(most_, in_use_);
    used_.emplace(block.at, block.size);
    return block.at;
  }

  // The smallest that is at most an eighth too large; of equal ones the newest, which the processor may still remember.
  Block waiting_for(size_t size) {
    auto best = waiting_.end();
    for (auto it = waiting_.begin(); it != waiting_.end(); ++it)
      if (it->size >= size && it->size <= size + size / 8 && (best == waiting_.end() || it->size <= best->size)) best = it;
    if (best == waiting_.end()) return {nullptr, 0};
    Block block = *best;
    waiting_.erase(best);
    waiting_bytes_ -= block.size;
    return block;
  }

  static void* map(size_t size) {
    void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return nullptr;
    madvise(at, size, MADV_HUGEPAGE);
    return at;
  }

  // Gives back the blocks that have waited longest.
  void shrink_to(size_t bytes) {
    auto it = waiting_.begin();
    for (; it != waiting_.end() && waiting_bytes_ > bytes; ++it) {
      munmap(it->at, it->size);
      waiting_bytes_ -= it->size;
    }
    waiting_.erase(waiting_.begin(), it);
  }

  bool put(void* at) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto it = used_.find(at);
    if (it == used_.end()) return false;
    waiting_.push_back({at, it->second});
    in_use_ -= it->second;
    waiting_bytes_ += it->second;
    used_.erase(it);
    return true;
  }

  static void give(void* at);

  std::mutex mutex_;
  std::unordered_map<void*, size_t> used_;
  std::vector<Block> waiting_;  // in the order in which they were freed
  size_t in_use_ = 0, waiting_bytes_ = 0, most_ = 0;
};

// Never destroyed: tensors of other statics may outlive anything.
Pool& pool() {
  static Pool* pool = new Pool;
  return *pool;
}

void Pool::give(void* at) {
  bool may_be_ours = at && reinterpret_cast<uintptr_t>(at) % 4096 == 0;
  if (!may_be_ours || !pool().put(at)) c10::free_cpu(at);
}

}  // namespace

extern "C" {

char* sweep_pool_install() {
  return guarded([&] { c10::SetCPUAllocator(&pool(), /*priority=*/1); });
}

void sweep_pool_trim() {
  pool().trim();
  malloc_trim(0);
}

void sweep_pool_amounts(uint64_t* in_use, uint64_t* waiting) { pool().amounts(in_use, waiting); }

}  // extern "C"
