//! Plain arrays to libtorch tensors and back.

use sweep_model::Tensor as Array;
use tch::{Device, Kind, TchError, Tensor};

/// The array on `device`, contiguous.
pub fn to_torch(array: &Array, device: Device) -> Result<Tensor, TchError> {
    let shape: Vec<i64> = array.shape.iter().map(|&d| d as i64).collect();
    Tensor::f_from_slice(&array.data)?.f_view(shape.as_slice())?.f_to_device(device)
}

/// A copy of the tensor as a plain fp32 array, in logical order.
pub fn to_model_tensor(tensor: &Tensor) -> Result<Array, TchError> {
    let flat = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
    let shape: Vec<usize> = flat.size().iter().map(|&d| d as usize).collect();
    let mut data = vec![0f32; flat.numel()];
    flat.f_copy_data(&mut data, flat.numel())?;
    Ok(Array { shape, data })
}

/// The same values with C innermost in memory, if the tensor is `[N, C, H, W]`; tch has no memory formats, but a
/// contiguous NHWC tensor seen as NCHW is one.
pub fn channels_last(tensor: &Tensor) -> Result<Tensor, TchError> {
    if tensor.dim() != 4 {
        return Ok(tensor.shallow_clone());
    }
    tensor.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2])
}
