// What tch 0.24 does not bind, as plain C functions. A tensor is tch's own representation: a pointer to an at::Tensor.
// Every function returns nullptr, or an error text which the caller frees: no exception may cross into Rust.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/GradMode.h>
#include <torch/headeronly/version.h>

#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include "guarded.h"

namespace {

std::vector<at::Tensor> list(at::Tensor* const* tensors, size_t count) {
  std::vector<at::Tensor> out;
  out.reserve(count);
  for (size_t i = 0; i < count; i++) out.push_back(*tensors[i]);
  return out;
}

bool same_layout(const at::Tensor& a, const at::Tensor& b) {
  for (int64_t d = 0; d < a.dim(); d++)
    if (a.size(d) != 1 && a.stride(d) != b.stride(d)) return false;
  return true;
}

// The fused kernels walk parameter, gradient and state as flat arrays, so all must be laid out alike in memory.
// Autograd promises this for the gradients it accumulates; a gradient that breaks the promise is copied.
std::vector<at::Tensor> grads_of(const std::vector<at::Tensor>& params) {
  std::vector<at::Tensor> out;
  out.reserve(params.size());
  for (const auto& p : params) {
    const at::Tensor& g = p.grad();
    TORCH_CHECK(g.defined(), "a parameter of shape ", p.sizes(), " has no gradient");
    if (!same_layout(p, g)) p.mutable_grad() = at::empty_like(p).copy_(g);
    out.push_back(p.grad());
  }
  return out;
}

void check_layout(const std::vector<at::Tensor>& params, const std::vector<at::Tensor>& state) {
  for (size_t i = 0; i < state.size(); i++)
    TORCH_CHECK(params[i].sizes() == state[i].sizes() && same_layout(params[i], state[i]),
                "optimizer state ", i, " is not laid out like its parameter of shape ", params[i].sizes());
}

at::Generator generator(int cuda_index) {
  if (cuda_index < 0) return at::detail::getDefaultCPUGenerator();
  return at::globalContext().defaultGenerator(at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(cuda_index)));
}

}  // namespace

extern "C" {

void sweep_free(char* message) { free(message); }

char* sweep_threads(int intra_op, int inter_op) {
  return guarded([&] {
    at::set_num_threads(intra_op);
    if (at::get_num_interop_threads() != inter_op) at::set_num_interop_threads(inter_op);
  });
}

const char* sweep_torch_version() { return TORCH_VERSION; }

char* sweep_cpu_capability(char** out) {
  return guarded([&] { *out = strdup(at::get_cpu_capability().c_str()); });
}

// With a null buffer only the size is stored.
char* sweep_rng_get(int cuda_index, uint8_t* buffer, size_t* size) {
  return guarded([&] {
    auto gen = generator(cuda_index);
    std::lock_guard<std::mutex> lock(gen.mutex());
    at::Tensor state = gen.get_state().contiguous();
    if (buffer) {
      TORCH_CHECK(*size == static_cast<size_t>(state.numel()), "generator state changed its size");
      memcpy(buffer, state.data_ptr<uint8_t>(), *size);
    }
    *size = state.numel();
  });
}

char* sweep_rng_set(int cuda_index, const uint8_t* bytes, size_t size) {
  return guarded([&] {
    at::Tensor state = at::empty({static_cast<int64_t>(size)}, at::kByte);
    memcpy(state.data_ptr<uint8_t>(), bytes, size);
    auto gen = generator(cuda_index);
    std::lock_guard<std::mutex> lock(gen.mutex());
    gen.set_state(state);
  });
}

// dtype: 0 off, 1 bfloat16, 2 float16.
char* sweep_autocast(bool cuda, int dtype) {
  return guarded([&] {
    auto device = cuda ? at::kCUDA : at::kCPU;
    if (dtype == 0) {
      at::autocast::set_autocast_enabled(device, false);
      if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
      return;
    }
    at::autocast::set_autocast_dtype(device, dtype == 1 ? at::kBFloat16 : at::kHalf);
    at::autocast::set_autocast_enabled(device, true);
    at::autocast::increment_nesting();
  });
}

char* sweep_zero_grads(at::Tensor* const* params, size_t count) {
  return guarded([&] {
    for (size_t i = 0; i < count; i++) params[i]->mutable_grad() = at::Tensor();
  });
}

char* sweep_fused_sgd(at::Tensor* const* params, at::Tensor* const* buffers, size_t count, double lr, double momentum,
                      double weight_decay, bool nesterov, bool first_step) {
  return guarded([&] {
    c10::NoGradGuard no_grad;
    auto self = list(params, count);
    auto grads = grads_of(self);
    std::vector<at::Tensor> momenta;
    if (momentum != 0.0) momenta = list(buffers, count);
    check_layout(self, momenta);
    at::_fused_sgd_(self, grads, momenta, weight_decay, momentum, lr, /*dampening=*/0.0, nesterov, /*maximize=*/false,
                    first_step);
  });
}

char* sweep_fused_adamw(at::Tensor* const* params, at::Tensor* const* exp_avgs, at::Tensor* const* exp_avg_sqs,
                        at::Tensor* const* steps, size_t count, double lr, double beta1, double beta2,
                        double weight_decay, double eps) {
  return guarded([&] {
    c10::NoGradGuard no_grad;
    auto self = list(params, count);
    auto grads = grads_of(self);
    auto first = list(exp_avgs, count), second = list(exp_avg_sqs, count);
    check_layout(self, first);
    check_layout(self, second);
    at::_fused_adamw_(self, grads, first, second, /*max_exp_avg_sqs=*/{}, list(steps, count), lr, beta1,
                      beta2, weight_decay, eps, /*amsgrad=*/false, /*maximize=*/false);
  });
}

// Free and total bytes of a CUDA device, and the most that this process's allocator has held of it.
char* sweep_device_memory(int cuda_index, uint64_t* free, uint64_t* total, uint64_t* peak) {
  return guarded([&] {
    auto* allocator = c10::getDeviceAllocator(at::kCUDA);
    auto device = static_cast<c10::DeviceIndex>(cuda_index);
    auto [left, all] = allocator->getMemoryInfo(device);
    *free = left;
    *total = all;
    auto aggregate = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    *peak = allocator->getDeviceStats(device).reserved_bytes[aggregate].peak;
  });
}

}  // extern "C"
